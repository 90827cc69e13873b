//! What keeps every server from starting on a database although that can be used.

use store::{Kept, Move};

use super::finding::Finding;

/// Judges whether servers are admitted to it.
pub fn judge(kept: &Kept) -> Vec<Finding> {
    vec![whole(kept), place(kept)]
}

/// Whether it is known to have lost something.
fn whole(kept: &Kept) -> Finding {
    if kept.history_lost {
        return Finding::problem(
            "acknowledged writes",
            "some are missing, as after a failover to a standby that lagged behind: no server starts",
            "bring back the server that has them; or stop every node, run watchword danger-accept-lost-writes, and start them",
        );
    }
    Finding::ok("acknowledged writes", "none is known to be missing")
}

/// Whether the installation is here.
fn place(kept: &Kept) -> Finding {
    match &kept.moving {
        None => Finding::ok("installation", "at home in this database"),
        Some(Move::Left(place)) => Finding::problem(
            "installation",
            format!("it was moved to {place}: no server starts here"),
            "start the server with that database",
        ),
        Some(Move::Leaving(place)) => Finding::problem(
            "installation",
            format!("it is being moved to {place}: nothing can be changed here"),
            "let watchword migrate finish, run it again if it was broken off, or give up with watchword reopen",
        ),
        Some(Move::Arriving(place)) => Finding::problem(
            "installation",
            format!("it is being moved here from {place}: no server starts before it has arrived"),
            "let watchword migrate finish, or run it again if it was broken off",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    #[test]
    fn a_database_that_lost_something_or_was_left_is_found() {
        let bad = |kept: Kept| {
            let found = judge(&kept);
            assert!(found.iter().all(|finding| finding.advice.is_some() == (finding.result != Outcome::Ok)));
            let bad = found.into_iter().filter(|finding| finding.result == Outcome::Problem);
            bad.map(|finding| finding.check).collect::<Vec<_>>()
        };
        assert_eq!(bad(Kept::default()), Vec::<&str>::new());
        assert_eq!(bad(Kept { history_lost: true, ..Kept::default() }), ["acknowledged writes"]);
        for moving in [Move::Left, Move::Leaving, Move::Arriving] {
            let kept = Kept { moving: Some(moving("elsewhere".into())), ..Kept::default() };
            assert_eq!(bad(kept), ["installation"]);
        }
    }
}
