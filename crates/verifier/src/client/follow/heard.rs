//! Heeding what was heard, and what follows from that and from silence: others are told, keys are doubted.

#[cfg(feature = "serve")]
use std::collections::hash_map::RandomState;
#[cfg(feature = "serve")]
use std::hash::{BuildHasher, Hasher};
#[cfg(feature = "serve")]
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[cfg(feature = "serve")]
use super::Follower;
use super::Following;
#[cfg(feature = "serve")]
use crate::feed::{Feed, Freshness, Onward};
use crate::feed::{Frame, Frames, View};
#[cfg(feature = "serve")]
use crate::{Checker, Clock};
use crate::{Marks, Revocation};

/// What has come in.
pub(super) struct Applied {
    /// Whether all of it was understood.
    pub(super) is_whole: bool,
    /// Whether something was withdrawn.
    pub(super) is_news: bool,
    /// Whether something is known by it that was not: not what a full set has no room for, which is as unknown when it is told
    /// again.
    pub(super) is_new: bool,
}

impl Default for Applied {
    fn default() -> Self {
        Self { is_whole: true, is_news: false, is_new: false }
    }
}

impl Following {
    /// Whether all that was withdrawn after this moment of the issuer's clock was heard, or still will be.
    pub(in crate::client) fn has_heard_all_since(&self, rat: i64) -> bool {
        rat >= self.unbroken_since.load(Ordering::Acquire)
    }

    /// What is served on to others, if anything.
    #[cfg(feature = "serve")]
    pub(in crate::client) fn feed(&self) -> Option<&Arc<Feed>> {
        self.onward.as_ref().map(Onward::feed)
    }

    /// Whether no key can have been withdrawn and that been forgotten, with nothing heard of it here.
    #[cfg(feature = "serve")]
    pub(in crate::client) fn hears_of_every_key(&self) -> bool {
        self.view().is_some_and(is_short)
    }

    /// Heeds what has come in. It goes on from a watermark only as long as everything before it was understood, so that what
    /// was not comes again.
    pub(super) fn apply(&self, frames: &mut Frames, now: i64, applied: &mut Applied) {
        #[cfg(feature = "serve")]
        let mut onward = Vec::new();
        while let Some(frame) = frames.next(now) {
            match frame {
                Frame::Entry(mut revocation) => {
                    let was_known = self.is_known(&revocation);
                    self.outlive_keys(&mut revocation, was_known, now);
                    self.checker.revoked().insert(&revocation, now);
                    applied.is_new |= !was_known && self.is_known(&revocation);
                    applied.is_news = true;
                    #[cfg(feature = "serve")]
                    if self.onward.is_some() {
                        onward.push(revocation);
                    }
                }
                Frame::Watermark(watermark) if applied.is_whole => {
                    // Before anybody asks from there, and learns that there is nothing else.
                    #[cfg(feature = "serve")]
                    self.pass_on(&mut onward, now);
                    self.go_on_from(&watermark);
                }
                Frame::Watermark(_) | Frame::End => {}
                Frame::Unknown => applied.is_whole = false,
            }
        }
        #[cfg(feature = "serve")]
        self.pass_on(&mut onward, now);
        if applied.is_news {
            self.withdrawn.send_replace(());
        }
    }

    /// Tells those who wait for a withdrawal if one may have been missed, because it was forgotten before it could be heard. Whether
    /// that may be.
    pub(super) fn note_silence(&self, view: Option<View>) -> bool {
        let Some(view) = view.filter(|view| !is_short(*view)) else { return false };
        self.unbroken_since.fetch_max(view.now_ms, Ordering::AcqRel);
        self.withdrawn.send_replace(());
        true
    }

    /// Whether what an entry refuses is refused already.
    fn is_known(&self, revocation: &Revocation) -> bool {
        let nobody = Marks { sid: [0; 16], user: None, uep: u64::MAX, rat: i64::MAX, kid: None, client_id: None };
        let marks = match revocation {
            Revocation::Session { sid, .. } => Marks { sid: *sid, ..nobody },
            Revocation::Epoch { user, epoch, .. } => {
                Marks { user: Some(*user), uep: epoch.saturating_sub(1), ..nobody }
            }
            Revocation::Key { kid, .. } => Marks { kid: Some(kid), ..nobody },
            Revocation::Everybody { read_until, .. } => Marks { rat: *read_until, ..nobody },
            Revocation::Client { client_id, read_until, .. } => {
                Marks { rat: *read_until, client_id: Some(client_id), ..nobody }
            }
        };
        self.checker.revoked().is_revoked(&marks)
    }

    /// Keeps an entry about a key for as long as keys are used that were fetched before it was heard, even by way of others.
    fn outlive_keys(&self, revocation: &mut Revocation, was_known: bool, now: i64) {
        if let Revocation::Key { keep_until, .. } = revocation {
            if !was_known {
                self.keys.note_withdrawal();
            }
            *keep_until = (*keep_until).max(now.saturating_add(self.keys.longest_use_ms()));
        }
    }

    /// Serves on what was heard.
    #[cfg(feature = "serve")]
    fn pass_on(&self, heard: &mut Vec<Revocation>, now: i64) {
        if let Some(onward) = &self.onward {
            onward.hear(std::mem::take(heard), now);
        }
    }
}

#[cfg(feature = "serve")]
impl Follower {
    /// What is served on, if anything.
    pub(super) fn onward(&self, freshness: &Arc<Freshness>, clock: &Clock, checker: &Checker) -> Option<Onward> {
        let (freshness, clock) = (Arc::clone(freshness), clock.clone());
        let leeway_seconds = checker.expectation().leeway_seconds();
        let random = || RandomState::new().build_hasher().finish();
        let source = format!("r{:016x}{:016x}", random(), random());
        let known = move || freshness.at(clock.passed_ms());
        self.relayed.map(|capacity| Onward::new(capacity, leeway_seconds, &source, known))
    }
}

/// Whether so little is missing that it will still be told.
pub(super) fn is_short(silence: View) -> bool {
    silence.age_ms < SHORTEST_LIFE_MISSED
}

/// A silence of so many milliseconds may have hidden an entry: an issuer tells of it for the longest life of an access token at least.
const SHORTEST_LIFE_MISSED: i64 = 900_001;
