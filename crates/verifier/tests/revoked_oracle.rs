//! The revoked set beside a plain map: whatever is told, however time jumps, the set refuses what the map refuses, and for no longer
//! than a second more.

use std::collections::BTreeMap;

use proptest::prelude::*;
use verifier::{Marks, Revocation, Revoked};

const NOW: i64 = 1_800_000_000_000;
const CAPACITY: usize = 100_000;

#[derive(Clone, Debug)]
enum Step {
    /// Revoke so many sessions and users, from this one on, for about so long.
    Revoke { first: u16, count: u16, epoch: u64, keep: i64 },
    /// Let so much time pass, or step back, and drop what has expired.
    Jump(i64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let revoke = (0..2_000_u16, 1..600_u16, 0..9_u64, 0..30_000_i64);
    prop_oneof![
        3 => revoke.prop_map(|(first, count, epoch, keep)| Step::Revoke { first, count, epoch, keep }),
        2 => (-2_000..20_000_i64).prop_map(Step::Jump),
        1 => (50_000..90_000_i64).prop_map(Step::Jump),
    ]
}

/// What the set must know, and until when.
#[derive(Default)]
struct Oracle {
    sessions: BTreeMap<u16, i64>,
    users: BTreeMap<u16, (u64, i64)>,
}

impl Oracle {
    fn drop_until(&mut self, now: i64) {
        self.sessions.retain(|_, keep_until| *keep_until > now);
        self.users.retain(|_, (_, keep_until)| *keep_until > now);
    }

    fn refuses(&self, session: u16, user: u16, uep: u64) -> bool {
        self.sessions.contains_key(&session) || self.users.get(&user).is_some_and(|(epoch, _)| uep < *epoch)
    }

    fn len(&self) -> usize {
        self.sessions.len() + self.users.len()
    }

    fn learn(&mut self, n: u16, epoch: u64, keep_until: i64) {
        let session = self.sessions.entry(n).or_insert(keep_until);
        *session = keep_until.max(*session);
        let user = self.users.entry(n).or_insert((epoch, keep_until));
        *user = (epoch.max(user.0), keep_until.max(user.1));
    }
}

fn id(n: u16) -> [u8; 16] {
    let mut id = [7; 16];
    id[3..5].copy_from_slice(&n.to_le_bytes());
    id
}

fn compare(revoked: &Revoked, exact: &Oracle, late: &Oracle) -> Result<(), TestCaseError> {
    prop_assert!((exact.len()..=late.len()).contains(&revoked.len()));
    for n in 0..2_700 {
        for (session, user, uep) in [(n, 60_000, 0), (60_000, n, 0), (60_000, n, 4), (60_000, n, 8), (60_000, n, 9)] {
            let marks = Marks { sid: id(session), user: Some(id(user)), uep, rat: NOW, kid: None, client_id: None };
            let is_revoked = revoked.is_revoked(&marks);
            prop_assert!(is_revoked || !exact.refuses(session, user, uep), "missed {:?}", marks);
            prop_assert!(!is_revoked || late.refuses(session, user, uep), "made up {:?}", marks);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_set_refuses_what_a_map_refuses_and_forgets_within_a_second(
        steps in prop::collection::vec(any_step(), 1..25),
    ) {
        let revoked = Revoked::new(CAPACITY, 0);
        let (mut exact, mut late) = (Oracle::default(), Oracle::default());
        let (mut now, mut horizon) = (NOW, i64::MIN);
        for step in steps {
            match step {
                Step::Revoke { first, count, epoch, keep } => for n in first..first + count {
                    let keep_until = now + keep + i64::from(n);
                    revoked.insert(&Revocation::Session { sid: id(n), keep_until }, now);
                    revoked.insert(&Revocation::Epoch { user: id(n), epoch, keep_until }, now);
                    exact.learn(n, epoch, keep_until);
                    late.learn(n, epoch, keep_until);
                },
                Step::Jump(by) => {
                    now += by;
                    horizon = now.max(horizon);
                    revoked.expire(now);
                    prop_assert_eq!(revoked.horizon(), horizon);
                    exact.drop_until(now);
                    late.drop_until(now - 999);
                }
            }
            compare(&revoked, &exact, &late)?;
        }
        prop_assert_eq!(revoked.floor(), None);
    }
}

#[test]
fn an_entry_takes_less_than_20_bytes_and_gives_them_back() {
    for entries in [10_000_u64, 60_000] {
        let mut revoked = None;
        let filled = allocation_counter::measure(|| {
            let set = Revoked::new(CAPACITY, 0);
            for n in 0..entries {
                let sid = (u128::from(n) << 70).to_le_bytes();
                set.insert(&Revocation::Session { sid, keep_until: NOW + 1 }, NOW);
            }
            revoked = Some(set);
        });
        let each = filled.bytes_current as f64 / entries as f64;
        assert!(each < 20.0, "{each} bytes for each of {entries}");
        // Tables grow by an eighth at a time, not by a few entries.
        assert!(filled.count_total < 10_000, "{} allocations", filled.count_total);
        let revoked = revoked.unwrap();
        let emptied = allocation_counter::measure(|| revoked.expire(NOW + 1_000));
        let left = (filled.bytes_current + emptied.bytes_current) as f64 / entries as f64;
        assert!(revoked.is_empty());
        // The filter and what an empty set has.
        assert!(left <= 5.0, "{left} bytes for each of {entries}");
    }
}

#[test]
fn a_check_allocates_nothing() {
    let revoked = Revoked::new(CAPACITY, 0);
    for n in 0..1_000 {
        revoked.insert(&Revocation::Session { sid: id(n), keep_until: NOW }, NOW);
    }
    revoked.insert(&Revocation::Key { kid: "dead".into(), keep_until: NOW }, NOW);
    let check = |n| {
        revoked.is_revoked(&Marks { sid: id(n), user: Some(id(n)), uep: 0, rat: NOW, kid: Some("k"), client_id: None })
    };
    // What a thread needs for its first look at a table.
    check(0);
    let checks = allocation_counter::measure(|| assert_eq!((0..2_000).filter(|n| check(*n)).count(), 1_000));
    assert_eq!(checks.count_total, 0);
}

#[test]
fn to_drop_little_builds_nothing_anew() {
    let revoked = Revoked::new(CAPACITY, 0);
    let nothing = allocation_counter::measure(|| revoked.expire(NOW));
    for n in 0..10_000 {
        let keep_until = if n % 10 == 0 { NOW } else { NOW + 60_000 };
        revoked.insert(&Revocation::Session { sid: id(n), keep_until }, NOW - 1);
    }
    let little = allocation_counter::measure(|| revoked.expire(NOW));
    assert_eq!((nothing.count_total, little.count_total), (0, 0));
    assert_eq!(revoked.len(), 9_000);
}

#[test]
fn what_is_to_be_kept_for_longer_than_can_be_noted_is_kept_for_ever() {
    let revoked = Revoked::new(CAPACITY, 0);
    revoked.insert(&Revocation::Session { sid: id(1), keep_until: i64::MAX }, NOW);
    revoked.insert(&Revocation::Session { sid: id(2), keep_until: i64::MIN }, NOW);
    assert_eq!(revoked.len(), 2);
    revoked.expire(i64::MAX - 1);
    assert_eq!(revoked.len(), 1);
    assert!(revoked.is_revoked(&Marks { sid: id(1), user: None, uep: 0, rat: NOW, kid: None, client_id: None }));
}

#[test]
fn a_dead_key_goes_at_its_time_and_leaves_the_others() {
    let revoked = Revoked::new(CAPACITY, 0);
    for (kid, keep_until) in [("short", NOW + 1), ("long", NOW + 2), ("short", NOW)] {
        revoked.insert(&Revocation::Key { kid: kid.into(), keep_until }, NOW);
    }
    let is_dead =
        |kid| revoked.is_revoked(&Marks { sid: id(1), user: None, uep: 0, rat: NOW, kid: Some(kid), client_id: None });
    revoked.expire(NOW);
    assert!(is_dead("short") && is_dead("long"));
    revoked.expire(NOW + 1);
    assert!(!is_dead("short") && is_dead("long"));
}
