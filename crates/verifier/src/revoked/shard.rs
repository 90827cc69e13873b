//! A part of the sessions or users: a table of them, and before it a filter that spares most questions the table.

use std::sync::Arc;

use super::filter::Filter;
use super::fingerprint::Fingerprint;
use super::sync::Swap;
use super::table::Table;

/// What readers see.
pub(super) struct Shard {
    filter: Filter,
    table: Swap<Table>,
}

/// What only the writer needs.
pub(super) struct Ledger {
    /// Until when the entry in each slot matters, in unix seconds; [`NOTHING`] where there is none.
    until: Box<[u32]>,
    live: usize,
    /// The live ones and the graves.
    used: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) fingerprint: Fingerprint,
    pub(super) epoch: u64,
    /// Unix milliseconds.
    pub(super) keep_until: i64,
}

impl Shard {
    pub(super) fn new(has_epochs: bool) -> (Self, Ledger) {
        let table = Table::new(LEAST_CAPACITY, has_epochs);
        let ledger = Ledger { until: nothing(&table), live: 0, used: 0 };
        (Self { filter: Filter::new(), table: Swap::from_pointee(table) }, ledger)
    }

    /// The lowest epoch that counts, if there is an entry. Each is found whose insertion had returned before the call began.
    pub(super) fn lookup(&self, fingerprint: Fingerprint) -> Option<u64> {
        if self.filter.may_hold(fingerprint) { self.search(fingerprint) } else { None }
    }

    #[inline(never)]
    fn search(&self, fingerprint: Fingerprint) -> Option<u64> {
        let table = self.table.load();
        table.find(fingerprint).ok().map(|slot| table.epoch(slot))
    }

    /// Adds an entry or raises what is there. False if it would have to be added and there is no room.
    pub(super) fn insert(&self, ledger: &mut Ledger, entry: Entry, has_room: bool) -> bool {
        if ledger.used == self.table.load().capacity() {
            self.rebuild(ledger);
        }
        let table = self.table.load();
        let until = second_after(entry.keep_until);
        match table.find(entry.fingerprint) {
            Ok(slot) => {
                table.raise(slot, entry.epoch);
                ledger.until[slot] = ledger.until[slot].max(until);
            }
            Err(_) if !has_room => return false,
            Err(slot) => {
                table.put(slot, entry.fingerprint, entry.epoch);
                self.filter.add(entry.fingerprint);
                ledger.until[slot] = until;
                ledger.live += 1;
                ledger.used += 1;
            }
        }
        true
    }

    /// Drops what no longer matters.
    pub(super) fn expire(&self, ledger: &mut Ledger, now_ms: i64) {
        let table = self.table.load();
        let past = second_before(now_ms);
        for (slot, until) in ledger.until.iter_mut().enumerate() {
            if *until != NOTHING && *until <= past {
                table.bury(slot);
                *until = NOTHING;
                ledger.live -= 1;
            }
        }
        if ledger.used - ledger.live > ledger.used / 4 {
            self.rebuild(ledger);
        }
    }

    /// Moves what is live to a table that fits, and gives the other back when its last reader has gone.
    fn rebuild(&self, ledger: &mut Ledger) {
        let old = self.table.load();
        let new = old.another(ledger.live + (ledger.live / 8).max(LEAST_CAPACITY));
        let mut until = nothing(&new);
        for slot in 0..old.slots() {
            if let Some(fingerprint) = old.fingerprint(slot) {
                let (Ok(to) | Err(to)) = new.find(fingerprint);
                new.put(to, fingerprint, old.epoch(slot));
                until[to] = ledger.until[slot];
            }
        }
        let new = Arc::new(new);
        self.table.store(Arc::clone(&new));
        *ledger = Ledger { until, live: ledger.live, used: ledger.live };
        self.filter.refill(new.capacity(), (0..new.slots()).filter_map(|slot| new.fingerprint(slot)));
    }
}

impl Ledger {
    /// How many entries there are.
    pub(super) fn live(&self) -> usize {
        self.live
    }
}

fn nothing(table: &Table) -> Box<[u32]> {
    vec![NOTHING; table.slots()].into()
}

/// The second that begins then or next, so that nothing is kept too short. Beyond the year 2106, the last one.
fn second_after(unix_ms: i64) -> u32 {
    let seconds = unix_ms.saturating_add(999).div_euclid(1000);
    u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)
}

/// The second that has begun. Never the last, which stands for any time after it.
fn second_before(unix_ms: i64) -> u32 {
    u32::try_from(unix_ms.div_euclid(1000).max(0)).unwrap_or(u32::MAX).min(u32::MAX - 1)
}

const NOTHING: u32 = 0;
const LEAST_CAPACITY: usize = 7;
