//! How much a verifier knows, and whether that is enough: the rule of the feed, without IO and without a clock of its own.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

/// What has been proven so far. Readers never wait.
///
/// Its moments are milliseconds of one clock that nobody sets and that goes on while the machine sleeps.
#[derive(Default)]
pub struct Freshness(ArcSwapOption<Proofs>);

/// What the answers so far have proven.
#[derive(Clone, Copy)]
struct Proofs {
    /// Everything committed before this moment is known.
    known: i64,
    /// When the question was sent to which the issuer's clock showed at most what follows.
    asked: i64,
    issuer: i64,
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
    /// Takes note of how things stood on the other side when it answered, once everything in the answer has been applied.
    /// `asked` is when the question was sent.
    ///
    /// ```
    /// use verifier::feed::{Freshness, View};
    /// let freshness = Freshness::default();
    /// assert!(freshness.at(0).is_none(), "nothing has been proven yet");
    ///
    /// freshness.learn(1_000, View { age_ms: 20, now_ms: 500_000 });
    /// let view = freshness.at(1_300).unwrap();
    /// assert_eq!((view.age_ms, view.now_ms), (320, 500_300));
    /// ```
    pub fn learn(&self, asked: i64, then: View) {
        let new = Proofs { known: asked.saturating_sub(then.age_ms), asked, issuer: then.now_ms };
        self.0.rcu(|proofs| {
            // Two questions may have been under way at once, and the answer of an older node may say less.
            let known = proofs.as_deref().map_or(new.known, |old| old.known.max(new.known));
            let latest = proofs.as_deref().filter(|old| old.asked > new.asked).unwrap_or(&new);
            Some(Arc::new(Proofs { known, ..*latest }))
        });
    }

    /// How things stand. `None` until the first proof: then nothing may be accepted.
    ///
    /// Read the clock before the entries are looked at.
    pub fn at(&self, now: i64) -> Option<View> {
        let proofs = self.0.load();
        let proofs = proofs.as_deref()?;
        let now_ms = proofs.issuer.saturating_add(now.saturating_sub(proofs.asked));
        Some(View { now_ms, age_ms: now.saturating_sub(proofs.known) })
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
    /// let cut_off = View { now_ms: 10_000_000, age_ms: 900_001 };
    /// assert_eq!(cut_off.age_of(9_999_000), 900_001, "who holds a withdrawn key could write any time");
    /// ```
    pub fn age_of(self, rat: i64) -> i64 {
        match self.now_ms.saturating_sub(rat) {
            age @ 0.. if self.age_ms <= RAT_PROVES_FOR => age.min(self.age_ms),
            _ => self.age_ms,
        }
    }
}

/// For how many milliseconds without a word from the issuer the time in a token proves anything: it is as good as the key that
/// signed it, and that may have been withdrawn meanwhile. As long as an access token lives at most.
const RAT_PROVES_FOR: i64 = 900_000;
