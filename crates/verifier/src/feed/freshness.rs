//! How much a verifier knows, and whether that is enough: the rule of the feed, without IO and without a clock of its own.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::Watermark;

/// A reading of both clocks. The steady one is nobody's to set but may stand still while the machine sleeps; the wall clock
/// goes on, but may be set. Between two readings as much time has passed as whichever says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since some moment, by the steady clock.
    pub steady_ms: i64,
    /// Milliseconds of unix time, by the wall clock.
    pub wall_ms: i64,
}

impl Moment {
    /// Milliseconds that have passed since an earlier moment: never fewer than really did, if either clock went on.
    fn since(self, earlier: Self) -> i64 {
        let steady = self.steady_ms.saturating_sub(earlier.steady_ms);
        steady.max(self.wall_ms.saturating_sub(earlier.wall_ms))
    }
}

/// What has been proven so far. Readers never wait.
#[derive(Default)]
pub struct Freshness(ArcSwapOption<Proofs>);

/// What the answers so far have proven.
#[derive(Clone, Copy)]
struct Proofs {
    /// Everything committed this long before this moment is known.
    known: (Moment, i64),
    /// The issuer's clock showed at most this, at this moment.
    issuer: (Moment, i64),
}

/// How things stand at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The latest that the issuer's clock may show, in unix milliseconds. Judge by it whatever the issuer dated.
    pub now_ms: i64,
    /// Everything is known that was committed this many milliseconds ago or earlier.
    pub age_ms: i64,
}

impl Freshness {
    /// Takes note of an answer whose every frame was known and has been applied. `asked` is when the question was sent.
    ///
    /// ```
    /// use verifier::feed::{Freshness, Moment, Position, Watermark};
    /// let position = Position::parse("p").unwrap();
    /// let freshness = Freshness::default();
    /// let at = |ms| Moment { steady_ms: ms, wall_ms: ms };
    /// assert!(freshness.at(at(0)).is_none(), "nothing has been proven yet");
    ///
    /// freshness.learn(at(1_000), &Watermark { age_ms: 20, now_ms: 500_000, position });
    /// let view = freshness.at(at(1_300)).unwrap();
    /// assert_eq!((view.age_ms, view.now_ms), (320, 500_300));
    /// ```
    pub fn learn(&self, asked: Moment, watermark: &Watermark) {
        let age = i64::from(watermark.age_ms);
        self.0.rcu(|proofs| {
            let new = Proofs { known: (asked, age), issuer: (asked, watermark.now_ms) };
            Some(Arc::new(match proofs.as_deref() {
                None => new,
                Some(old) => Proofs {
                    // Two questions may have been under way at once, and the answer of an older node may say less.
                    known: if new.is_later(old) { new.known } else { old.known },
                    issuer: if asked.steady_ms >= old.issuer.0.steady_ms { new.issuer } else { old.issuer },
                },
            }))
        });
    }

    /// How things stand. `None` until the first proof: then nothing may be accepted.
    ///
    /// Read the clocks before the entries are looked at.
    pub fn at(&self, now: Moment) -> Option<View> {
        let proofs = self.0.load();
        let Proofs { known, issuer } = **proofs.as_ref()?;
        Some(View {
            now_ms: issuer.1.saturating_add(now.since(issuer.0)),
            age_ms: now.since(known.0).saturating_add(known.1),
        })
    }
}

impl Proofs {
    /// Whether more is known than by the other.
    fn is_later(&self, other: &Self) -> bool {
        let moment = |(asked, age): (Moment, i64)| asked.steady_ms.saturating_sub(age);
        moment(self.known) > moment(other.known)
    }
}

impl View {
    /// How old the knowledge is by which a credential is judged that was read at `rat`, in milliseconds: it proves by
    /// itself that it had not been withdrawn then.
    ///
    /// ```
    /// use verifier::feed::View;
    /// let view = View { now_ms: 100_000, age_ms: 8_000 };
    /// assert_eq!(view.age_of(98_000), 2_000);
    /// assert_eq!(view.age_of(1_000), 8_000);
    /// assert_eq!(view.age_of(100_001), 8_000, "a clock was set: it proves nothing");
    /// ```
    pub fn age_of(self, rat: i64) -> i64 {
        match self.now_ms.saturating_sub(rat) {
            age @ 0.. => age.min(self.age_ms),
            _ => self.age_ms,
        }
    }
}
