//! What is remembered of one token.

use std::ops::Range;
use std::sync::Arc;

use token::{Claims, Expectation};
use triomphe::ThinArc;

use crate::Marks;

/// What was learned from a token. All that is asked on every check stands here itself rather than in the claims: among a
/// million tokens, following a pointer takes longer than everything else.
pub(crate) struct Entry {
    /// When the token counts, in unix milliseconds.
    pub(crate) life: Range<i64>,
    /// Under which set of keys it was verified.
    pub(crate) generation: u64,
    sid: [u8; 16],
    user: Option<[u8; 16]>,
    uep: u64,
    rat: i64,
    kid: Box<str>,
    client_id: Box<str>,
    pub(crate) claims: Arc<Claims>,
}

/// An entry and, right behind it, every byte of its token.
pub(super) type Kept = ThinArc<Entry, u8>;

impl Entry {
    pub(crate) fn new(claims: Claims, kid: &str, expect: &Expectation, generation: u64) -> Self {
        Self {
            life: expect.life(&claims),
            generation,
            sid: claims.sid,
            user: claims.user(),
            uep: claims.uep,
            rat: claims.rat,
            kid: kid.into(),
            client_id: claims.client_id.as_str().into(),
            claims: Arc::new(claims),
        }
    }

    /// By what it can be revoked.
    pub(crate) fn marks(&self) -> Marks<'_> {
        Marks {
            sid: self.sid,
            user: self.user,
            uep: self.uep,
            rat: self.rat,
            kid: Some(&self.kid),
            client_id: Some(&self.client_id),
        }
    }
}
