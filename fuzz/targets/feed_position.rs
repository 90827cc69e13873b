#![no_main]

#[path = "../src/feed.rs"]
#[allow(dead_code, reason = "another target uses the rest of it")]
mod feed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    feed::position(bytes);
});
