//! A blocked bloom filter: for most of what is not there, one word of memory says so.
//!
//! It is refilled in place, because a pointer to exchange would cost each reader more than the filter itself. Whoever
//! reads meanwhile notices, and asks the table.

use std::sync::OnceLock;

use super::fingerprint::Fingerprint;
use super::sync::{AtomicU64, Ordering};

pub(super) struct Filter {
    /// The number of words in use, beneath a count of the refills. No words: it is being refilled, and knows nothing.
    state: AtomicU64,
    /// As large as all before together, so that growing takes no second copy. Kept when the filter shrinks.
    segments: [OnceLock<Box<[AtomicU64]>>; SEGMENTS],
}

impl Filter {
    pub(super) fn new() -> Self {
        let filter = Self { state: AtomicU64::new(0), segments: [const { OnceLock::new() }; SEGMENTS] };
        filter.refill(0, []);
        filter
    }

    /// False only if the fingerprint is not there: for each that was added before the call began, it is true.
    pub(super) fn may_hold(&self, fingerprint: Fingerprint) -> bool {
        let state = self.state.load(Ordering::Acquire);
        let words = (state & WORDS) as usize;
        if words == 0 {
            return true;
        }
        let bits = fingerprint.bits();
        // Whoever reads a word that a refill has written, sees the state that the refill had set before: hence Acquire here
        // and Release in `refill`. So if the state is still the same, the word belongs to it, and is complete.
        let word = self.word(fingerprint.place(words)).load(Ordering::Acquire);
        word & bits == bits || self.state.load(Ordering::Relaxed) != state
    }

    /// Adds one. Only for the writer.
    pub(super) fn add(&self, fingerprint: Fingerprint) {
        let words = self.state.load(Ordering::Relaxed) & WORDS;
        self.set(fingerprint, words as usize);
    }

    /// Forgets all but these, and makes room for so many. Only for the writer.
    pub(super) fn refill(&self, capacity: usize, fingerprints: impl IntoIterator<Item = Fingerprint>) {
        let words = capacity.div_ceil(PER_WORD).next_power_of_two().clamp(FIRST, FIRST << (SEGMENTS - 1));
        let refills = (self.state.load(Ordering::Relaxed) & !WORDS).wrapping_add(WORDS + 1);
        self.state.store(refills, Ordering::Relaxed);
        for segment in 0..=segment_of(words - 1) {
            let of_zeros = || (0..FIRST.max(start_of(segment))).map(|_| AtomicU64::new(0)).collect();
            for word in self.segments[segment].get_or_init(of_zeros) {
                word.store(0, Ordering::Release);
            }
        }
        for fingerprint in fingerprints {
            self.set(fingerprint, words);
        }
        self.state.store(refills | words as u64, Ordering::Release);
    }

    fn set(&self, fingerprint: Fingerprint, words: usize) {
        let word = self.word(fingerprint.place(words));
        // There is one writer, so that nothing is lost between the two.
        word.store(word.load(Ordering::Relaxed) | fingerprint.bits(), Ordering::Release);
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        let segment = segment_of(index);
        let words = self.segments[segment].get().expect("words in use are there");
        &words[index - start_of(segment)]
    }
}

fn segment_of(index: usize) -> usize {
    (usize::BITS - (index / FIRST).leading_zeros()) as usize
}

fn start_of(segment: usize) -> usize {
    if segment == 0 { 0 } else { FIRST << (segment - 1) }
}

/// The part of the state that is the number of words.
const WORDS: u64 = u32::MAX as u64;
/// The words of the first segment.
const FIRST: usize = 8;
/// Enough for some hundred million entries in all shards; beyond, the filter only lets more through.
const SEGMENTS: usize = 16;
/// How many entries share a word at most, on average: the filter then lets one in thirty through that is not there.
const PER_WORD: usize = 8;
