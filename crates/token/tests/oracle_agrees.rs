//! Every verdict of `token::verify` against two others: an oracle written from the RFCs, which has to agree in every case and
//! every reason, and `jsonwebtoken`, whose acceptance of what is refused here is explained rule by rule.
//!
//! The cases are the same on every run. `PROPTEST_RNG_SEED=7 PROPTEST_CASES=100000` tries others.

mod bent;
mod oracle;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use bent::{Case, any_case};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use oracle::{Fault, Source, Trusted, compare};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::Value;
use support::{AUDIENCE, ISSUER, KEYS, SECRET, key_set};
use token::{Algorithm, KeySet};

/// All that is known about the keys, to each of the three in its own form.
struct Known {
    keys: KeySet,
    trusted: Vec<Trusted>,
    theirs: BTreeMap<String, (DecodingKey, Algorithm)>,
}

impl Known {
    fn new() -> Self {
        let trusted = KEYS.iter().map(|key| match key.jwk() {
            Some(jwk) => Trusted::public(&jwk.to_value().to_string()).expect("a public key"),
            None => Trusted::secret(key.kid(), SECRET),
        });
        let theirs = KEYS.iter().map(|key| {
            let decoding = match key.jwk() {
                Some(jwk) => {
                    DecodingKey::from_jwk(&serde_json::from_value(jwk.to_value()).expect("a JWK")).expect("a key")
                }
                None => DecodingKey::from_secret(SECRET),
            };
            (key.kid().to_owned(), (decoding, key.algorithm()))
        });
        Self { keys: key_set(), trusted: trusted.collect(), theirs: theirs.collect() }
    }

    /// The payload, if `jsonwebtoken` accepts the token with all the checks that it has. It has only the wall clock for
    /// times, so they are not asked of it.
    fn theirs(&self, token: &str) -> Option<Value> {
        let header = decode_header(token).ok()?;
        let (key, algorithm) = self.theirs.get(&header.kid?)?;
        let mut validation = Validation::new(algorithm.name().parse().expect("they have it too"));
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_exp = false;
        decode::<Value>(token, key, &validation).ok().map(|read| read.claims)
    }
}

/// What `jsonwebtoken` leaves to its caller, as far as a token that has nothing else wrong with it may pass.
const LEFT_TO_THE_CALLER: [(Fault, &str); 19] = [
    (Fault::TooLong, "it has no limit"),
    (Fault::HeaderTooLong, "it has no limit"),
    (Fault::HeaderMember, "it ignores members that it does not know, as RFC 7515 §4 has it"),
    (Fault::HeaderDuplicate, "of members that it does not know, it takes the last"),
    (Fault::HeaderType, "it reads `null` as absent"),
    (Fault::PayloadDuplicate, "it takes the last of two, as RFC 7519 §4 allows"),
    (Fault::PayloadTooLarge, "it has no limit"),
    (Fault::ClaimType, "it knows the types of `exp`, `iss`, `aud`, `sub` only, and allows a list of issuers"),
    (Fault::NotAnInteger, "it allows fractions, as RFC 7519 §2 does"),
    (Fault::OutOfRange, "it reads numbers as floating point"),
    (Fault::Missing, "it can demand `exp`, `iss`, `aud`, `sub`, and nothing else"),
    (Fault::Empty, "it takes an empty `sub`"),
    (Fault::SidForm, "it does not know `sid`"),
    (Fault::FlaskMissing, "it does not know flask-jwt-extended"),
    (Fault::FlaskKind, "it does not know flask-jwt-extended"),
    (Fault::Type, "it leaves `typ` to its caller"),
    (Fault::IssuedInTheFuture, "times are not asked of it"),
    (Fault::Expired, "times are not asked of it"),
    (Fault::NotYetValid, "times are not asked of it"),
];

/// What has been seen, so that a generator that makes only one kind of token is noticed.
#[derive(Default)]
struct Seen {
    accepted: BTreeMap<String, u32>,
    refused: BTreeMap<String, u32>,
    accepted_though_bent: u32,
    faults: BTreeMap<Fault, u32>,
    accepted_by_the_other_library_alone: BTreeSet<Fault>,
    count: u32,
}

impl Seen {
    fn note(&mut self, case: &Case, faults: Option<&oracle::Faults>) {
        let kind = format!("{} {}", case.algorithm, if case.is_flask { "flask" } else { "rfc9068" });
        self.count += 1;
        match faults {
            None => {
                *self.accepted.entry(kind).or_default() += 1;
                self.accepted_though_bent += u32::from(!case.bends.is_empty());
            }
            Some(faults) => {
                *self.refused.entry(kind).or_default() += 1;
                for fault in faults {
                    *self.faults.entry(*fault).or_default() += 1;
                }
            }
        }
    }

    fn is_enough(&self) {
        let accepted: u32 = self.accepted.values().sum();
        assert!(accepted * 4 > self.count, "a quarter is accepted: {accepted} of {}", self.count);
        assert!((self.count - accepted) * 4 > self.count, "a quarter is refused");
        assert!(self.accepted_though_bent * 10 > self.count, "a tenth is accepted though bent");
        let is_common =
            |kinds: &BTreeMap<String, u32>| kinds.len() == 8 && kinds.values().all(|seen| seen * 50 > self.count);
        assert!(is_common(&self.accepted) && is_common(&self.refused), "both verdicts on every algorithm and profile");
        for fault in Fault::ALL {
            assert!(self.faults.contains_key(&fault), "no token had this wrong with it: {fault:?}");
        }
    }
}

#[test]
fn every_verdict_and_every_reason_is_the_oracles() {
    let known = Known::new();
    let mut seen = Seen::default();
    let defaults = Config::default();
    let rng_seed = if defaults.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { defaults.rng_seed };
    let cases = defaults.cases.max(CASES);
    let mut runner = TestRunner::new(Config { cases, rng_seed, failure_persistence: None, ..defaults });
    let seen_in_run = std::cell::RefCell::new(&mut seen);
    let result = runner.run(&any_case(), |case| {
        let token = case.token();
        let verdict = compare(&token, &known.keys, &known.trusted, &case.demand());
        let theirs = known.theirs(&token);
        match (&verdict, theirs) {
            (Ok(claims), Some(theirs)) => assert_eq!(theirs["jti"].as_str(), Some(claims.jti.as_str())),
            (Ok(_), None) => panic!("jsonwebtoken refuses what is accepted here: {token}"),
            (Err(faults), Some(_)) => {
                for fault in faults {
                    let is_known = LEFT_TO_THE_CALLER.iter().any(|(known, _)| known == fault);
                    assert!(is_known, "jsonwebtoken accepts in spite of {fault:?}: {token}");
                    seen_in_run.borrow_mut().accepted_by_the_other_library_alone.insert(*fault);
                }
            }
            (Err(_), None) => {}
        }
        seen_in_run.borrow_mut().note(&case, verdict.as_ref().err());
        Ok(())
    });
    result.unwrap_or_else(|failed| panic!("{failed}"));
    seen.is_enough();
    let explained: BTreeSet<Fault> = LEFT_TO_THE_CALLER.into_iter().map(|(fault, _)| fault).collect();
    assert_eq!(seen.accepted_by_the_other_library_alone, explained, "what is explained does happen");
}

#[test]
fn every_rule_that_is_stricter_than_the_standards_has_its_reason() {
    let stricter = Fault::ALL.into_iter().filter(|fault| matches!(fault.source(), Source::Stricter(_)));
    assert_eq!(stricter.count(), 15, "a new rule is listed in oracle/fault.rs, with its reason");
    for fault in Fault::ALL {
        let (Source::Standard(text) | Source::Stricter(text)) = fault.source();
        assert!(text.len() > 10, "{fault:?}");
    }
}

/// Enough to see every fault.
const CASES: u32 = 6_000;
