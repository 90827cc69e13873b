//! What a relay's memory is: bounded, and so much for an entry.

use verifier::Revocation;
use verifier::feed::{Onward, View};

#[test]
fn an_entry_of_a_relay_takes_less_than_200_bytes() {
    let mut onward = None;
    let used = allocation_counter::measure(|| {
        let full = Onward::new(COUNT, 5, "r", || Some(View { now_ms: 0, age_ms: 0 }));
        for number in 0..COUNT as u128 * 2 {
            // Beyond the cap nothing is added.
            full.hear(vec![Revocation::Session { sid: number.to_be_bytes(), keep_until: 900_000 }], 0);
        }
        onward = Some(full);
    });
    let bytes = used.bytes_current as usize / COUNT;
    println!("{bytes} bytes for each of {COUNT} entries");
    assert!(bytes < 200, "{bytes}");
    assert_eq!(onward.map(|full| full.feed().log().len()), Some(COUNT + 1));
}

const COUNT: usize = 100_000;
