"""The vectors of the revocation feed, which verifiers in every language are held against."""

import json
import pathlib

import pytest
from watchword import ROOT

from watchword_verifier.claims import Marks
from watchword_verifier.frames import (
    Client,
    DeadKey,
    End,
    Epoch,
    Everybody,
    Frames,
    Session,
    Unknown,
    Watermark,
    last_watermark,
)
from watchword_verifier.freshness import Freshness
from watchword_verifier.revoked import Revoked

OWN = pathlib.Path(__file__).parent / "vectors"
SHARED = ROOT / "crates/verifier/tests/vectors/feed"
FRAMES = json.loads((OWN / "frames.json").read_text())
HISTORIES = json.loads((OWN / "histories.json").read_text())


@pytest.mark.parametrize("name", ["frames.json", "histories.json"])
def test_the_vectors_that_the_package_carries_are_those_of_the_protocol(name):
    if not (ROOT / "Cargo.toml").exists():
        pytest.skip("the package stands alone: there is nothing to compare its vectors with")
    assert (OWN / name).read_bytes() == (SHARED / name).read_bytes()


def written(frame):
    """A frame that was heard when the clock stood at zero, as the vectors write it."""
    match frame:
        case Session(sid, until):
            return {"session": {"remaining": until // 1_000, "sid": sid.hex()}}
        case Epoch(user, epoch, until):
            return {"epoch": {"remaining": until // 1_000, "user": user.hex(), "epoch": epoch}}
        case DeadKey(kid, until):
            return {"key": {"remaining": until // 1_000, "kid": kid}}
        case Everybody(moment, until):
            return {"everybody": {"remaining": until // 1_000, "moment": moment}}
        case Client(client_id, moment, until):
            return {"client": {"remaining": until // 1_000, "moment": moment, "client_id": client_id}}
        case Watermark(age, now, position):
            return {"watermark": {"age": age, "now": now, "position": position}}
        case End():
            return "end"
        case Unknown():
            return "unknown"
    raise AssertionError(frame)


@pytest.mark.parametrize("vector", FRAMES, ids=lambda vector: vector["name"])
def test_frames_are_read_as_the_vectors_say_however_they_are_cut_into_parts(vector):
    data = bytes.fromhex(vector["hex"])
    for size in (1, 2, 7, len(data)):
        frames, read = Frames(), []
        for at in range(0, len(data), max(size, 1)):
            frames.push(data[at : at + size])
            read += [written(frame) for frame in frames.take(0)]
        assert read == vector["frames"]
        assert frames.is_between() == vector["whole"]
    expected = vector["frames"][-1] if vector["whole"] and vector["frames"] else None
    last = last_watermark(data)
    assert (last is not None) == (isinstance(expected, dict) and "watermark" in expected)


def verdict(revoked, freshness, step, history):
    """What a verifier says of a credential whose signature is in order."""
    token, view = step["check"], freshness.at(step["at"])
    if view is None:
        return "not_ready"
    sid, user = bytes.fromhex(token["sid"]), bytes.fromhex(token["sub"])
    marks = Marks(sid, user, token["uep"], token["rat"], token.get("kid"), token.get("client_id"))
    if view.now_ms >= (token["exp"] + history["leeway"]) * 1_000:
        return "expired"
    if revoked.is_revoked(marks):
        return "revoked"
    return "accepted" if view.age_of(token["rat"]) <= history["bound"] else "stale"


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history["name"])
def test_every_history_of_the_vectors_ends_in_the_verdicts_that_they_say(history):
    revoked, freshness, asked, checks = Revoked(100, history["leeway"]), Freshness(), {}, 0
    for step in history["steps"]:
        if "ask" in step:
            asked[step["ask"]] = step["at"]
        elif "answer" in step:
            data = bytes.fromhex(step["hex"])
            watermark = last_watermark(data)
            if watermark is None:
                continue
            frames = list(Frames(data).take(watermark.now_ms))
            heed(revoked, frames, watermark.now_ms)
            if not any(isinstance(frame, Unknown) for frame in frames):
                freshness.learn(asked[step["answer"]], watermark.age_ms, watermark.now_ms)
        elif "stream" in step:
            now = freshness.at(step["at"]).now_ms
            heed(revoked, Frames(bytes.fromhex(step["stream"])).take(now), now)
        else:
            assert verdict(revoked, freshness, step, history) == step["verdict"], step
            checks += 1
    assert checks > 0


def heed(revoked, frames, now):
    for frame in frames:
        if not isinstance(frame, Watermark | End | Unknown):
            revoked.insert(frame, now)
