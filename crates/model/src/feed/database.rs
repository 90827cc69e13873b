//! The database: transactions that have their number from their beginning and are seen from their commit on.

use super::{LEEWAY, LIFE, MOST};
use crate::Bug;

/// Of a transaction that ends the session of the same number. The numbers are those of the order in which they begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Transaction {
    #[default]
    Waiting,
    Begun,
    /// The entry is in the log. It was given its `seq`, and the moment until which it is kept.
    Written {
        seq: u8,
        at: i8,
        keep_until: i8,
    },
    Committed {
        seq: u8,
        at: i8,
        keep_until: i8,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Database {
    pub(crate) transactions: [Transaction; MOST],
    written: u8,
}

/// A set of transactions, or of the entries that they have written. As a snapshot it says what is seen: on PostgreSQL that is
/// everything below a number but for those missing, which comes to the same where every transaction is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Numbers(u8);

impl Numbers {
    pub(crate) fn has(self, number: usize) -> bool {
        self.0 & (1 << number) != 0
    }

    pub(crate) fn with(self, number: usize) -> Self {
        Self(self.0 | (1 << number))
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Everything up to the highest of them.
    pub(crate) fn without_gaps(self) -> Self {
        (0..MOST).filter(|number| self.0 >> number != 0).fold(Self::default(), Self::with)
    }
}

impl Database {
    /// What may happen to a transaction next.
    pub(crate) fn moved_on(&self, number: usize, now: i8, patience: i8, bug: Option<Bug>) -> Option<Self> {
        let mut next = self.clone();
        next.transactions[number] = match self.transactions[number] {
            Transaction::Waiting if number > 0 && self.transactions[number - 1] == Transaction::Waiting => return None,
            Transaction::Waiting => Transaction::Begun,
            Transaction::Begun => {
                next.written += 1;
                let slack = if bug == Some(Bug::DroppedEarly) { 0 } else { LEEWAY + patience };
                Transaction::Written { seq: next.written, at: now, keep_until: now + LIFE + slack }
            }
            Transaction::Written { seq, at, keep_until } if now <= at + patience => {
                Transaction::Committed { seq, at: now, keep_until }
            }
            Transaction::Written { .. } | Transaction::Committed { .. } => return None,
        };
        Some(next)
    }

    /// When a session was ended.
    pub(crate) fn committed(&self, number: usize) -> Option<i8> {
        match self.transactions[number] {
            Transaction::Committed { at, .. } => Some(at),
            _ => None,
        }
    }

    /// Until when an entry is kept; everybody drops it at that moment.
    pub(crate) fn keep_until(&self, number: usize) -> i8 {
        match self.transactions[number] {
            Transaction::Written { keep_until, .. } | Transaction::Committed { keep_until, .. } => keep_until,
            _ => 0,
        }
    }

    pub(crate) fn seq(&self, number: usize) -> u8 {
        match self.transactions[number] {
            Transaction::Written { seq, .. } | Transaction::Committed { seq, .. } => seq,
            _ => 0,
        }
    }

    pub(crate) fn snapshot(&self) -> Numbers {
        (0..MOST).filter(|number| self.committed(*number).is_some()).fold(Numbers::default(), Numbers::with)
    }

    pub(crate) fn is_open(&self, number: usize) -> bool {
        matches!(self.transactions[number], Transaction::Begun | Transaction::Written { .. })
    }

    /// The oldest transaction that is open.
    pub(crate) fn xmin(&self) -> usize {
        (0..MOST).find(|number| self.is_open(*number)).unwrap_or(MOST)
    }
}
