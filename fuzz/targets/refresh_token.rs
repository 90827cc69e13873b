#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    watchword_fuzz::refresh_token(bytes);
});
