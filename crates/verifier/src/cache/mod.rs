//! Tokens that were verified a moment ago, so that the same token is not verified again on every request.

mod bucket;
mod entry;

use std::hash::{BuildHasher, Hasher};
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arc_swap::Guard;
use foldhash::quality::RandomState;

use bucket::{Bucket, PLACES, State};
pub(crate) use entry::Entry;
use entry::Kept;

/// A bounded cache, read without a lock. A hit needs every byte of the token to be equal; only what was verified is ever
/// inserted.
///
/// Its table never grows. A token is in one of the few buckets from where its hash points; when the cache is full, a hand
/// that goes round the table lets go of what nobody has asked for since it last passed.
pub(crate) struct Verified {
    buckets: Box<[Bucket]>,
    capacity: usize,
    state: RandomState,
    writer: Mutex<Writer>,
}

/// What only writers need, apart from what readers read.
#[repr(align(128))]
struct Writer {
    /// The next place that may have to be given up.
    hand: usize,
    weight: usize,
    len: usize,
}

/// Where a token belongs: the hash of its end, which is the end of a signature, so that among tokens that were verified it
/// is as good as random, and costs the same for every length.
#[derive(Clone, Copy)]
pub(crate) struct Address(u64);

/// An entry, which stays what it is while somebody looks at it.
pub(crate) struct Found(Guard<Option<Kept>>);

impl Verified {
    /// Room for so many tokens of ordinary size; a token of more than 1 KiB takes the room of several.
    pub(crate) fn new(capacity: usize) -> Self {
        // Half of it stays empty, or a quarter at least, so that hardly any token finds its buckets full.
        let places = capacity.min(LARGEST) * 2;
        let buckets = places.div_ceil(PLACES).next_power_of_two().max(NEAR);
        Self {
            buckets: std::iter::repeat_with(Bucket::new).take(buckets).collect(),
            capacity,
            state: RandomState::default(),
            writer: Mutex::new(Writer { hand: 0, weight: 0, len: 0 }),
        }
    }

    pub(crate) fn address(&self, token: &str) -> Address {
        let token = token.as_bytes();
        let mut hasher = self.state.build_hasher();
        hasher.write(token.last_chunk::<TAIL>().map_or(token, <[u8; TAIL]>::as_slice));
        Address(hasher.finish())
    }

    #[inline]
    pub(crate) fn lookup(&self, address: Address, token: &str) -> Option<Found> {
        self.near(address).find_map(|bucket| bucket.find(address.tag(), token.as_bytes())).map(|(_, kept)| Found(kept))
    }

    /// Keeps an entry instead of the one that there may be.
    pub(crate) fn insert(&self, address: Address, token: &str, entry: Entry) {
        let weight = weight(token.len());
        let mut writer = self.writer();
        self.take_out(&mut writer, address, token);
        if weight > self.capacity {
            return;
        }
        while writer.weight + weight > self.capacity {
            self.make_room(&mut writer);
        }
        let free = self.near(address).find_map(|bucket| Some((bucket, bucket.first(State::Free)?)));
        let (bucket, place) = free.unwrap_or_else(|| {
            let bucket = &self.buckets[self.home(address)];
            let place = bucket.first(State::Unused).unwrap_or(0);
            writer.take(bucket, place);
            (bucket, place)
        });
        bucket.put(place, address.tag(), Kept::from_header_and_slice(entry, token.as_bytes()));
        writer.weight += weight;
        writer.len += 1;
    }

    pub(crate) fn remove(&self, address: Address, token: &str) {
        self.take_out(&mut self.writer(), address, token);
    }

    pub(crate) fn len(&self) -> usize {
        self.writer().len
    }

    fn take_out(&self, writer: &mut Writer, address: Address, token: &str) {
        for bucket in self.near(address) {
            if let Some((place, _)) = bucket.find(address.tag(), token.as_bytes()) {
                return writer.take(bucket, place);
            }
        }
    }

    /// Lets go of the next entry that nobody has asked for, or of one that somebody has when it takes too long to find.
    fn make_room(&self, writer: &mut Writer) {
        let mut patience = PATIENCE;
        loop {
            let (bucket, place) = (&self.buckets[writer.hand / PLACES], writer.hand % PLACES);
            writer.hand = (writer.hand + 1) % (self.buckets.len() * PLACES);
            match bucket.state(place) {
                State::Free => {}
                State::Used if patience > 0 => {
                    bucket.forgive(place);
                    patience -= 1;
                }
                State::Used | State::Unused => return writer.take(bucket, place),
            }
        }
    }

    /// The buckets that a token may be in, and the likeliest first.
    #[inline]
    fn near(&self, address: Address) -> impl Iterator<Item = &Bucket> {
        let home = self.home(address);
        (0..NEAR).map(move |n| &self.buckets[(home + n) & (self.buckets.len() - 1)])
    }

    fn home(&self, address: Address) -> usize {
        address.0 as usize & (self.buckets.len() - 1)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn take(&mut self, bucket: &Bucket, place: usize) {
        if let Some(kept) = bucket.take(place) {
            self.weight -= weight(kept.slice.len());
            self.len -= 1;
        }
    }
}

impl Address {
    /// What tells most entries of a bucket apart; never zero, which is a free place.
    fn tag(self) -> u8 {
        (self.0 >> 57) as u8 | 0x80
    }
}

impl Deref for Found {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.0.as_ref().expect("only an entry is ever found").header.header
    }
}

/// What an entry weighs: one for each KiB begun, so that long tokens cannot multiply the memory.
fn weight(length: usize) -> usize {
    length / 1024 + 1
}

/// So many bytes of a token make its address.
const TAIL: usize = 32;

/// In so many buckets a token may be.
const NEAR: usize = 4;

/// So many entries in use the hand passes over before it takes one all the same: nobody waits for a whole round.
const PATIENCE: u32 = 32;

/// The largest capacity for which the table is made; a larger one is filled less evenly.
const LARGEST: usize = 1 << 26;

#[cfg(test)]
mod tests;
