//! What an access token says, borrowed from its payload.

use std::borrow::Cow;
use std::fmt;

use crate::Claims;
use crate::claims::parse_id;

/// [`Claims`] without a copy: every text is a part of the payload, unless it is escaped there.
#[derive(Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is that of `Claims`")]
pub struct ClaimsRef<'a> {
    pub iss: Cow<'a, str>,
    pub sub: Cow<'a, str>,
    pub aud: Strings<'a>,
    pub exp: i64,
    pub iat: i64,
    pub jti: Cow<'a, str>,
    pub nbf: Option<i64>,
    pub sid: [u8; 16],
    pub client_id: Cow<'a, str>,
    pub scope: Cow<'a, str>,
    pub roles: Strings<'a>,
    pub auth_time: Option<i64>,
    pub amr: Strings<'a>,
    pub preferred_username: Option<Cow<'a, str>>,
    pub fresh: bool,
    pub uep: u64,
    pub rat: i64,
}

impl ClaimsRef<'_> {
    /// The user that it speaks for, as [`Claims::user`].
    pub fn user(&self) -> Option<[u8; 16]> {
        parse_id(&self.sub)
    }

    /// The same claims with memory of their own.
    pub fn into_owned(self) -> Claims {
        Claims {
            iss: self.iss.into_owned(),
            sub: self.sub.into_owned(),
            aud: self.aud.to_vec(),
            exp: self.exp,
            iat: self.iat,
            jti: self.jti.into_owned(),
            nbf: self.nbf,
            sid: self.sid,
            client_id: self.client_id.into_owned(),
            scope: self.scope.into_owned(),
            roles: self.roles.to_vec(),
            auth_time: self.auth_time,
            amr: self.amr.to_vec(),
            preferred_username: self.preferred_username.map(Cow::into_owned),
            fresh: self.fresh,
            uep: self.uep,
            rat: self.rat,
        }
    }
}

/// Strings in a row, borrowed. Two are equal if their strings are, in the same order.
pub struct Strings<'a>(Kept<'a>);

enum Kept<'a> {
    /// What stands between the brackets of a JSON array of strings: compact, and without escapes.
    Written(&'a str),
    One(Cow<'a, str>),
    Many(Vec<Cow<'a, str>>),
}

impl<'a> Strings<'a> {
    pub(crate) const NONE: Self = Self(Kept::Written(""));

    /// What stands between the brackets of a JSON array of strings; whoever calls has seen to it that it is compact, and
    /// without escapes.
    pub(crate) const fn written(array: &'a str) -> Self {
        Self(Kept::Written(array))
    }

    pub(crate) const fn one(text: Cow<'a, str>) -> Self {
        Self(Kept::One(text))
    }

    pub(crate) const fn many(texts: Vec<Cow<'a, str>>) -> Self {
        Self(Kept::Many(texts))
    }

    /// Each of them, in order.
    ///
    /// ```
    /// # use token::{Algorithm, Claims, Expectation, KeySet, Profile, Room, SigningKey};
    /// # let key = SigningKey::generate(Algorithm::EdDSA)?;
    /// # let mut keys = KeySet::new();
    /// # keys.insert(key.verifying_key())?;
    /// # let claims = Claims { sub: "ada".into(), jti: "1".into(), aud: vec!["b".into()], exp: 9, ..Claims::default() };
    /// let jwt = token::sign(&key, Profile::Rfc9068, &Claims { roles: vec!["user".into(), "admin".into()], ..claims });
    /// # let (mut room, expect) = (Room::new(), Expectation::new(Profile::Rfc9068, "", "b"));
    /// let verified = token::verify_in(&mut room, &jwt, &keys, &expect, 0)?;
    /// assert_eq!(verified.claims().roles.iter().collect::<Vec<_>>(), ["user", "admin"]);
    /// assert!(verified.claims().roles.contains("admin"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (mut array, listed): (&str, &[Cow<'a, str>]) = match &self.0 {
            Kept::Written(array) => (array, &[]),
            Kept::One(one) => ("", std::slice::from_ref(one)),
            Kept::Many(many) => ("", many),
        };
        // `"a","b"`: each comes with its quotation marks, and perhaps a comma before it.
        let written = std::iter::from_fn(move || {
            let (text, rest) = array.trim_start_matches(',').strip_prefix('"')?.split_once('"')?;
            array = rest;
            Some(text)
        });
        written.chain(listed.iter().map(Cow::as_ref))
    }

    /// Whether this is one of them, byte for byte.
    pub fn contains(&self, text: &str) -> bool {
        match &self.0 {
            Kept::One(one) => one == text,
            _ => self.iter().any(|one| one == text),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Kept::Written(array) => array.is_empty(),
            Kept::One(_) => false,
            Kept::Many(many) => many.is_empty(),
        }
    }

    /// A copy of each.
    pub fn to_vec(&self) -> Vec<String> {
        let mut texts = Vec::with_capacity(self.count());
        texts.extend(self.iter().map(str::to_owned));
        texts
    }

    /// How many there are: claims may be kept by the million, so they get no more memory than they need.
    fn count(&self) -> usize {
        match &self.0 {
            Kept::Written(array) => array.bytes().filter(|byte| *byte == b'"').count() / 2,
            Kept::One(_) => 1,
            Kept::Many(many) => many.len(),
        }
    }
}

impl PartialEq for Strings<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Strings<'_> {}

impl fmt::Debug for Strings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
