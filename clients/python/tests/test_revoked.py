"""The revoked set: bounded, and nothing forgotten before its time."""

from watchword_verifier.claims import Marks
from watchword_verifier.frames import Client, DeadKey, Epoch, Everybody, Session
from watchword_verifier.revoked import NAME_CAPACITY, Revoked


def marks(sid=b"s" * 16, user=b"u" * 16, uep=0, rat=0, kid=None, client_id=None):
    return Marks(sid, user, uep, rat, kid, client_id)


def test_at_the_cap_a_floor_is_raised_and_nothing_is_evicted():
    revoked = Revoked(2, 0)
    for at in range(5):
        revoked.insert(Session(bytes([at]) * 16, 9_000), 1_000 + at)
    assert len(revoked) == 2 and revoked.floor == 1_004
    for at in range(5):
        assert revoked.is_revoked(marks(bytes([at]) * 16, rat=1_004))
    assert revoked.is_revoked(marks(rat=1_004)), "more than was asked for"
    assert not revoked.is_revoked(marks(rat=1_005))
    assert revoked.is_revoked(marks(bytes([0]) * 16, rat=9_999)), "what was kept is kept"


def test_what_is_told_is_new_once_and_not_where_it_has_no_room():
    revoked = Revoked(2, 0)
    a, b = Session(b"a" * 16, 9_000), Epoch(b"u" * 16, 3, 9_000)
    assert [revoked.insert(entry, now) for now in (1, 2) for entry in (a, b)] == [True, True, False, False]
    assert revoked.insert(b._replace(epoch=4), 3) and not revoked.insert(a._replace(keep_until=9_999), 3)
    full = [Session(b"c" * 16, 9_000), Epoch(b"v" * 16, 3, 9_000)]
    assert not any(revoked.insert(entry, now) for now in (4, 5) for entry in full)
    everybody = Everybody(50, 9_000)
    assert [revoked.insert(everybody, 6), revoked.insert(everybody, 7)] == [True, False]
    for at in range(NAME_CAPACITY):
        assert revoked.insert(Client(str(at), 70, 9_000), 8)
    for entry in (Client("one too many", 80, 9_000), DeadKey("k", 9_000)):
        assert [revoked.insert(entry, 9), revoked.insert(entry, 10)] == [True, False]


def test_the_floor_holds_for_as_long_as_the_entry_would_have():
    revoked = Revoked(0, 5)
    revoked.insert(Session(b"a" * 16, 9_000), 1_000)
    assert revoked.floor == 6_000
    revoked.expire(8_999)
    assert revoked.floor == 6_000
    revoked.expire(9_000)
    assert revoked.floor is None


def test_a_full_set_still_raises_what_it_has():
    revoked = Revoked(1, 0)
    revoked.insert(Epoch(b"u" * 16, 3, 5_000), 0)
    revoked.insert(Epoch(b"u" * 16, 7, 4_000), 0)
    assert revoked.floor is None
    assert revoked.is_revoked(marks(uep=6, rat=1)) and not revoked.is_revoked(marks(uep=7, rat=1))
    revoked.expire(4_999)
    assert revoked.is_revoked(marks(uep=6, rat=1)), "the longer time counts"


def test_nothing_is_dropped_early_and_all_within_a_second():
    revoked = Revoked(100, 0)
    revoked.insert(Session(b"s" * 16, 1_500), 0)
    revoked.insert(Session(b"s" * 16, 7_500), 0)
    revoked.expire(7_499)
    assert revoked.is_revoked(marks())
    revoked.expire(8_500)
    assert not revoked.is_revoked(marks()) and len(revoked) == 0
    revoked.expire(8_000)
    assert revoked.horizon == 8_500, "a clock that steps back takes nothing back"


def test_a_dead_key_too_many_refuses_everything():
    revoked = Revoked(10, 0)
    for at in range(NAME_CAPACITY):
        revoked.insert(DeadKey(str(at), 9_000), 0)
    assert not revoked.is_revoked(marks(rat=2**62))
    revoked.insert(DeadKey("one more", 9_000), 0)
    assert revoked.is_revoked(marks(rat=2**62))


def test_a_client_too_many_refuses_what_was_read_up_to_its_moment():
    revoked = Revoked(10, 0)
    for at in range(NAME_CAPACITY + 1):
        revoked.insert(Client(str(at), 500, 9_000), 0)
    assert revoked.is_revoked(marks(rat=500)) and not revoked.is_revoked(marks(rat=501))
