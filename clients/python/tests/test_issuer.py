"""An issuer that misbehaves: what it is believed, and how often it is asked."""

import asyncio
import struct
import threading
import time
import uuid

import pytest
from issuer import Issuer, Signer, session_entry, watermark

from watchword_verifier import ConnectError, Refused, Revocations, Unavailable, Verifier, following
from watchword_verifier.claims import Marks
from watchword_verifier.clock import Clock
from watchword_verifier.discovery import origin_of
from watchword_verifier.fetch import Fetch, FetchError
from watchword_verifier.following import Following
from watchword_verifier.keys import Keys
from watchword_verifier.revoked import Revoked
from watchword_verifier.token import Expectation


class Moved(Clock):
    """A clock that a test moves."""

    def __init__(self):
        self.by = 0
        super().__init__()

    def wall_ms(self):
        return super().wall_ms() + self.by

    def steady_ms(self):
        return super().steady_ms() + self.by


def connect(issuer, **more):
    return Verifier.from_issuer(issuer.url, retry_for=0, **more)


def with_clock(issuer):
    clock, revoked = Moved(), Revoked()
    fetch = Fetch(origin_of(issuer.url))
    keys = Keys(fetch, f"{issuer.url}/jwks", clock, 3_600)
    return Verifier(keys, Expectation("rfc9068", issuer.url, issuer.url), clock, revoked, None, None), clock


@pytest.mark.parametrize(
    "url", ["https://id.example", "https://id.example:8443/tenant", "http://127.0.0.1:1", "http://[::1]:8080"]
)
def test_an_issuer_may_have_such_a_url(url):
    assert origin_of(url).scheme == url.partition(":")[0]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "id.example",
        "/x",
        "ftp://id.example",
        "http://id.example",
        "http://127.0.0.1.example",
        "https://a@id.example",
        "https://id.example/",
        "https://id.example?x",
        "https://id.example#x",
        "https://",
        "https://id.example/a b",
        "https://i:x",
    ],
)
def test_an_issuer_may_not_have_such_a_url(url):
    with pytest.raises(ConnectError):
        origin_of(url)


@pytest.mark.parametrize(
    "more",
    [
        {"issuer": "http://127.0.0.1:1"},
        {"jwks_uri": "https://evil.example/jwks"},
        {"jwks_uri": "/jwks"},
        {"jwks_uri": None},
        {"watchword_revocations_endpoint": "http://127.0.0.1.evil.example/revocations"},
        {"watchword_session_endpoint": 7},
    ],
)
def test_an_issuer_that_sends_elsewhere_is_refused(issuer, more):
    issuer.answers["/.well-known/oauth-authorization-server"] = lambda query: issuer.json(issuer.metadata(**more))
    with pytest.raises(ConnectError):
        connect(issuer)
    assert issuer.asked["/jwks"] == 0


@pytest.mark.parametrize("path", ["/.well-known/oauth-authorization-server", "/jwks"])
def test_a_redirect_is_not_followed_and_what_is_too_long_is_not_read(issuer, path):
    whole = issuer.answers[path]({})[2]
    with Issuer() as other:
        for answer in (
            (302, {"Location": f"{other.url}{path}"}, b""),
            (200, {}, whole + b" " * 262_145),
            (200, {"Content-Length": str(len(whole) + 9), "Connection": "close"}, whole),
            (200, {}, b'{"keys":[],"keys":[]}'),
            (500, {}, whole),
        ):
            issuer.answers[path] = lambda query: answer  # noqa: B023
            with pytest.raises(ConnectError):
                connect(issuer)
        assert not other.asked


def test_made_up_key_names_cost_the_issuer_one_fetch_in_five_seconds(issuer):
    verifier, clock = with_clock(issuer)
    made_up = Signer(kid="made up").token(issuer.claims())
    for _ in range(50):
        with pytest.raises(Refused, match="kid"):
            verifier.verify(made_up)
    assert issuer.asked["/jwks"] == 1
    clock.by += 5_001
    codes = []

    def ask():
        try:
            verifier.verify(made_up)
        except Refused as refused:
            codes.append(refused.code)

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == ["unknown_key"] * 10
    assert issuer.asked["/jwks"] == 2, "one for all who wait"


def test_a_new_key_is_found_by_the_first_token_that_names_it(issuer):
    verifier, clock = with_clock(issuer)
    old = issuer.signer.token(issuer.claims())
    issuer.signer = Signer(kid="k2")
    clock.by += 5_001
    assert asyncio.run(verifier.verify_async(issuer.signer.token(issuer.claims()))).jti == "j1"
    with pytest.raises(Refused, match="kid"):
        verifier.verify(old)


def test_while_the_issuer_is_away_old_keys_serve_for_an_hour_and_then_nobody_is_admitted(issuer):
    verifier, clock = with_clock(issuer)
    issuer.answers["/jwks"] = lambda query: (503, {}, b"")
    token = issuer.signer.token(issuer.claims(exp=2**40))
    clock.by += 3_590_000
    assert verifier.verify(token).jti == "j1"
    clock.by += 20_000
    with pytest.raises(Unavailable):
        verifier.verify(token)
    with pytest.raises(Unavailable):
        verifier.verify(Signer(kid="new").token(issuer.claims()))


def test_a_token_that_is_remembered_expires_and_does_not_survive_its_key(issuer):
    verifier, clock = with_clock(issuer)
    token = issuer.signer.token(issuer.claims())
    assert verifier.verify(token) is verifier.verify(token)
    clock.by += 605_000
    with pytest.raises(Refused, match="expired"):
        verifier.verify(token)
    verifier._revoked.expire(clock.wall_ms())
    clock.by -= 605_000
    with pytest.raises(Refused, match="expired"):
        verifier.verify(token)


def test_no_more_tokens_are_remembered_than_fit(issuer, monkeypatch):
    monkeypatch.setattr("watchword_verifier.verifier._KEPT", 3)
    verifier, _ = with_clock(issuer)
    for at in range(9):
        verifier.verify(issuer.signer.token(issuer.claims(jti=str(at))))
    assert len(verifier._known) == 3


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b""),
        (200, {}, session_entry(str(uuid.UUID(int=1)))),
        (200, {}, watermark()[:-1]),
        (200, {}, watermark() + b"\x11\x00\x00"),
        (200, {}, b"\x77\x00\x00" + watermark()),
        (401, {}, b""),
        (302, {"Location": "/jwks"}, b""),
    ],
)
def test_nothing_begins_before_the_first_whole_answer(issuer, answer):
    issuer.answers["/revocations"] = lambda query: answer
    with pytest.raises(ConnectError):
        connect(issuer, follow="wwv_x")


def test_questions_go_on_from_the_last_position_and_carry_name_and_credential(issuer):
    with connect(issuer, follow="wwv_x", name="orders", bound=0.1):
        issuer.wait_until(lambda: issuer.asked["/revocations"] >= 3)
    asked = [query for path, query in issuer.queries if path == "/revocations"]
    assert "position" not in asked[0] and asked[2]["position"] == "1.db.1:0"
    assert asked[0]["name"].startswith("orders.") and len({query["name"] for query in asked}) == 1


def test_news_of_a_stream_is_heeded_and_acknowledged(issuer):
    sid = str(uuid.uuid4())
    token = issuer.signer.token(issuer.claims(sid=sid))
    news = session_entry(sid) + watermark("1.db.2:0")
    issuer.answers["/revocations/stream"] = lambda query: (200, {"Connection": "close"}, news)
    with connect(issuer, follow="wwv_x", bound=60) as verifier:
        issuer.wait_until(lambda: any(path == "/revocations" and q.get("position") == "1.db.2:0" for path, q in issuer.queries))
        with pytest.raises(Refused, match="revoked"):
            verifier.verify(token)


def test_a_stream_proves_nothing(issuer):
    answers = iter([(200, {}, watermark())])
    issuer.answers["/revocations"] = lambda query: next(answers, (503, {}, b""))
    news = session_entry(str(uuid.uuid4())) + watermark("1.db.2:0")
    issuer.answers["/revocations/stream"] = lambda query: (200, {"Connection": "close"}, news)
    with connect(issuer, follow="wwv_x", bound=60) as verifier:
        proofs = verifier._following._freshness._proofs
        issuer.wait_until(lambda: issuer.asked["/revocations/stream"] >= 3)
        assert verifier._following._freshness._proofs is proofs
        assert len(verifier._revoked) == 1


def test_the_time_that_an_answer_takes_counts_against_it(issuer):
    clock = Moved()

    def late(query):
        clock.by = 3_000
        return 200, {}, watermark(age=500)

    issuer.answers["/revocations"] = late
    fetch = Fetch(origin_of(issuer.url))
    late_one = Following(fetch, f"{issuer.url}/revocations", "wwv_x", None, 60, clock, Revoked())
    late_one.begin()
    assert late_one.view().age_ms >= 3_500
    late_one.stop()


def told(position, now):
    body = struct.pack(">IQ", 0, now) + position.encode()
    return struct.pack(">BH", 0x10, len(body)) + body


def test_a_withdrawn_key_counts_for_nothing_although_its_entry_has_ended(issuer):
    start = 1_700_000_000_000
    dead_key = struct.pack(">BHI", 0x03, 6, 900) + b"k1"
    said = [dead_key + told("1.db.1:0", start)]
    issuer.answers["/revocations"] = lambda query: (200, {}, said[0])
    with connect(issuer, follow="wwv_x", bound=0.06) as verifier:
        marks = Marks(b"s" * 16, None, 0, start, "k1", None)
        assert verifier._revoked.is_revoked(marks)
        for minutes in (20, 59):
            position = f"1.db.{minutes}:0"
            said[0] = told(position, start + minutes * 60_000)
            issuer.wait_until(lambda: any(query.get("position") == position for _, query in issuer.queries))  # noqa: B023
            assert verifier._revoked.is_revoked(marks)


def test_after_a_silence_that_may_have_hidden_something_keys_are_fetched_and_whoever_waits_is_told(issuer):
    clock, fetch = Moved(), Fetch(origin_of(issuer.url))
    keys = Keys(fetch, f"{issuer.url}/jwks", clock, 3_600)
    follower = Following(fetch, f"{issuer.url}/revocations", "wwv_x", None, 0.06, clock, Revoked(), keys)
    follower.begin()
    marks = Marks(b"s" * 16, None, 0, follower.view().now_ms, None, None)
    assert keys.ensure_usable() and not follower.wait_withdrawn(marks, 0)
    published, issuer.answers["/jwks"] = issuer.answers["/jwks"], lambda query: (503, {}, b"")
    clock.by = 1_000_000
    assert follower.wait_withdrawn(marks, 60)
    assert not keys.ensure_usable()
    issuer.answers["/jwks"] = published
    clock.by += 5_000
    assert keys.ensure_usable()
    follower.stop()


def test_behind_a_relay_that_is_itself_cut_off_keys_are_doubted_once_it_hears_again(issuer):
    clock, fetch = Moved(), Fetch(origin_of(issuer.url))
    keys = Keys(fetch, f"{issuer.url}/jwks", clock, 3_600)
    age = [0]
    issuer.answers["/revocations"] = lambda query: (200, {}, watermark(age=age[0]))
    follower = Following(fetch, f"{issuer.url}/revocations", "wwv_x", None, 0.06, clock, Revoked(), keys)
    follower.begin()
    age[0], doubted = 1_000_000, []
    keys.distrust = lambda: doubted.append(age[0])

    def several_more():
        before = issuer.asked["/revocations"]
        issuer.wait_until(lambda: issuer.asked["/revocations"] > before + 4)

    # What was answered before is none of this silence.
    several_more()
    clock.by = 1_000_000
    several_more()
    assert doubted == []
    age[0] = 0
    issuer.wait_until(lambda: doubted)
    follower.stop()
    assert set(doubted) == {0}


def test_the_usual_bound_is_not_sent(issuer):
    for bound, sent in ((5, None), (7, "7000")):
        del issuer.queries[:]
        with connect(issuer, follow="wwv_x", bound=bound):
            assert {query.get("bound") for path, query in issuer.queries if path == "/revocations"} == {sent}


def test_time_passes_as_either_clock_says():
    clock = Moved()
    begun = clock.passed_ms()
    steady, wall = clock.steady_ms, clock.wall_ms
    clock.wall_ms = lambda: wall() + 60_000
    assert clock.passed_ms() >= begun + 60_000, "the machine slept"
    clock.wall_ms = lambda: wall() - 60_000
    clock.steady_ms = lambda: steady() + 1_000
    assert clock.passed_ms() >= begun + 61_000, "somebody set the clock back"


def test_pauses_grow_and_differ_and_heed_who_asks_for_longer():
    pause = following._Pause()
    taken = [pause.after(None, 1.0) for _ in range(40)]
    assert all(min(0.05 * 2**at, 1.0) / 2 <= one <= min(0.05 * 2**at, 1.0) for at, one in enumerate(taken))
    assert len(set(taken)) == 40
    assert pause.after(FetchError("url", "answered 503", 503, 3), 1.0) == 3


def test_where_streams_are_held_back_questions_wait_instead(issuer, monkeypatch):
    monkeypatch.setattr(following, "_QUIET", 0.05)
    issuer.answers["/revocations/stream"] = lambda query: (200, {"Content-Length": "9999"}, b"")
    with connect(issuer, follow="wwv_x", bound=0.3):
        issuer.wait_until(lambda: any(query.get("wait") == "100" for path, query in issuer.queries if path == "/revocations"))
    assert issuer.asked["/revocations/stream"] == 3


def _waiting(issuer, milliseconds):
    """When questions were asked that wait so long."""
    asked, answer = [], issuer.answers["/revocations"]

    def noted(query):
        if query["wait"] == milliseconds:
            asked.append(time.monotonic())
        return answer(query)

    issuer.answers["/revocations"] = noted
    return asked


def test_two_relays_of_one_name_that_tell_everything_again_and_again_are_given_a_rest(issuer):
    known = session_entry(str(uuid.uuid4()))
    issuer.answers["/revocations"] = lambda query: (200, {}, known + watermark())
    asked = _waiting(issuer, "100")
    with connect(issuer, follow="wwv_x", bound=0.3):
        issuer.wait_until(lambda: len(asked) >= 6)
    assert asked[5] - asked[0] >= 0.8 * 5 * 0.1, asked


def test_what_a_full_set_has_no_room_for_is_no_news_each_time_it_is_told(issuer):
    known = session_entry(str(uuid.uuid4())) + session_entry(str(uuid.uuid4()))
    issuer.answers["/revocations"] = lambda query: (200, {}, known + watermark())
    asked = _waiting(issuer, "100")
    with connect(issuer, follow="wwv_x", bound=0.3, capacity=1):
        issuer.wait_until(lambda: len(asked) >= 6)
    assert asked[5] - asked[0] >= 0.8 * 5 * 0.1, asked


def test_where_streams_are_held_back_whoever_was_told_something_new_asks_again_at_once(issuer):
    issuer.answers["/revocations"] = lambda query: (200, {}, session_entry(str(uuid.uuid4())) + watermark())
    asked = _waiting(issuer, "25000")
    with connect(issuer, follow="wwv_x", bound=3_600):
        # Without news there would be two in a minute.
        issuer.wait_until(lambda: len(asked) >= 6)


def test_an_answer_without_end_is_given_up(issuer, monkeypatch):
    monkeypatch.setattr(following, "MAX_BYTES", 1_000)
    issuer.answers["/revocations"] = lambda query: (200, {}, b"\x11\x00\x00" * 400 + watermark())
    with pytest.raises(ConnectError, match="more than"):
        connect(issuer, follow="wwv_x")


def test_a_process_names_itself_in_the_characters_that_a_name_has():
    for name in ("orders", "o" * 64, None):
        own = following._name_of_process(name)
        assert following._NAME.fullmatch(own) and own != following._name_of_process(name)
    for name in ("", "a b", "o" * 65, "é"):
        with pytest.raises(ConnectError):
            Following(Fetch(origin_of("https://id.example")), "https://id.example/r", "wwv_x", name, 5, Clock(), Revoked())


def test_a_blocklist_needs_the_claims_by_which_tokens_are_withdrawn(issuer):
    revocations = Revocations.from_issuer(issuer.url, follow="wwv_x", retry_for=0)
    try:
        claims = issuer.claims()
        assert not revocations.blocklist({"kid": "k1"}, claims)
        for name in ("sid", "sub", "uep", "rat", "exp"):
            assert revocations.blocklist({}, {**claims, name: None}), name
        assert revocations.blocklist({}, {**claims, "exp": claims["iat"] - 10}), "expired by the issuer's clock"
        assert revocations.blocklist({"kid": 7}, claims)
    finally:
        revocations.stop()
