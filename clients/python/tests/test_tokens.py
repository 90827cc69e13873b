"""What is refused of a token, and by which name."""

import base64
import json
import uuid

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from issuer import Signer, encoded, hs256

from watchword_verifier import Refused, strict_json
from watchword_verifier.jwk import KeysRefused, is_roca, key_set
from watchword_verifier.token import Expectation, verify

NOW = 1_700_000_000_000
EXPECT = Expectation("rfc9068", "https://id.example", "https://api.example")
SIGNERS = {alg: Signer(alg, f"key of {alg}") for alg in ("EdDSA", "ES256", "RS256")}
KEYS = key_set(json.dumps({"keys": [signer.jwk for signer in SIGNERS.values()]}).encode())
ED = SIGNERS["EdDSA"]


def claims(**more):
    members = {
        "iss": "https://id.example",
        "sub": str(uuid.UUID(int=7)),
        "aud": "https://api.example",
        "exp": NOW // 1_000 + 600,
        "iat": NOW // 1_000,
        "jti": "j",
        "sid": str(uuid.UUID(int=9)),
        "client_id": "first-party",
        "uep": 0,
        "rat": NOW,
        **more,
    }
    return {name: value for name, value in members.items() if value is not ...}


def code(token, now=NOW, expect=EXPECT):
    try:
        verify(token, KEYS, expect, now)
    except Refused as refused:
        return refused.code
    return "accepted"


@pytest.mark.parametrize("alg", SIGNERS)
def test_each_algorithm_verifies_with_its_own_key_only(alg):
    signer = SIGNERS[alg]
    token = signer.token(claims())
    assert code(token) == "accepted"
    head, payload, signature = token.split(".")
    flipped = bytearray(base64.urlsafe_b64decode(signature + "=="))
    flipped[3] ^= 1
    assert code(f"{head}.{payload}.{encoded(bytes(flipped))}") == "signature"
    assert code(f"{head}.{encoded(claims(roles=['admin']))}.{signature}") == "signature"
    assert code(Signer(alg, signer.kid).token(claims())) == "signature", "another key of the same name"
    for other in SIGNERS.values():
        if other is not signer:
            assert code(signer.token(claims(), signer.header(kid=other.kid))) == "algorithm_mismatch"
            assert code(signer.token(claims(), signer.header(alg=other.alg))) == "algorithm_mismatch"


def test_no_token_without_a_signature_counts():
    for alg in ("none", "None", "NONE", "nOnE", ""):
        header = encoded(ED.header(alg=alg))
        assert code(f"{header}.{encoded(claims())}.") == "segments"
        assert code(f"{header}.{encoded(claims())}.AA") == "algorithm"


def test_a_public_key_is_no_shared_secret():
    for signer in SIGNERS.values():
        header = signer.header(alg="HS256")
        for secret in (json.dumps(signer.jwk).encode(), signer.jwk.get("n", signer.jwk.get("x")).encode(), b"\0"):
            assert code(hs256(secret, header, claims())) == "algorithm_mismatch"


@pytest.mark.parametrize("more", ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "cty", "nonce", "ALG"])
def test_a_header_can_ask_for_nothing(more):
    assert code(ED.token(claims(), ED.header(**{more: ED.jwk if more == "jwk" else "x"}))) == "header"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b'{"alg":"EdDSA","alg":"EdDSA","kid":"key of EdDSA","typ":"at+jwt"}', "header"),
        (b'{"alg":"EdDSA","\\u0061lg":"EdDSA","kid":"key of EdDSA","typ":"at+jwt"}', "header"),
        (b'{"alg":"EdDSA","kid":null,"typ":"at+jwt"}', "header"),
        (b'{"alg":["EdDSA"],"kid":"key of EdDSA","typ":"at+jwt"}', "header"),
        (b'{"kid":"key of EdDSA","typ":"at+jwt"}', "header"),
        (b'["EdDSA"]', "header"),
        (b'\xef\xbb\xbf{"alg":"EdDSA"}', "header"),
        (b'{"alg":"EdDSA","typ":"at+jwt"}', "unknown_key"),
        (b'{"alg":"EdDSA","kid":"","typ":"at+jwt"}', "unknown_key"),
        (b'{"alg":"EdDSA","kid":"KEY OF EdDSA","typ":"at+jwt"}', "unknown_key"),
        (b'{"alg":"eddsa","kid":"key of EdDSA","typ":"at+jwt"}', "algorithm"),
        (b'{"alg":"ES384","kid":"key of EdDSA","typ":"at+jwt"}', "algorithm"),
        (b'{"alg":"EdDSA","kid":"key of EdDSA","typ":"JWT"}', "type"),
        (b'{"alg":"EdDSA","kid":"key of EdDSA"}', "type"),
        (b'{"alg":"EdDSA","kid":"key of EdDSA","typ":"application/application/at+jwt"}', "type"),
        (b'{"alg":"EdDSA","kid":"key of EdDSA","typ":"APPLICATION/AT+jwt"}', "accepted"),
        (b'{"alg":"EdDSA","kid":"key of EdDSA","typ":"at+jwt"}' + b" " * 1_000, "header"),
    ],
)
def test_a_header_is_read_strictly(header, expected):
    assert code(ED.token(claims(), header)) == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"iss": "https://id.example/"}, "issuer"),
        ({"iss": ...}, "missing_claim"),
        ({"aud": "https://other.example"}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": ["x", "https://api.example"]}, "accepted"),
        ({"aud": ["https://api.example", 1]}, "claims"),
        ({"aud": {"a": "https://api.example"}}, "claims"),
        ({"aud": ...}, "missing_claim"),
        ({"exp": ...}, "missing_claim"),
        ({"exp": None}, "claims"),
        ({"exp": "1800000000"}, "claims"),
        ({"exp": 1.8e9}, "claims"),
        ({"exp": True}, "claims"),
        ({"exp": 2**63}, "claims"),
        ({"exp": -1}, "expired"),
        ({"iat": NOW // 1_000 + 6}, "not_yet_valid"),
        ({"nbf": NOW // 1_000 + 6}, "not_yet_valid"),
        ({"rat": NOW + 5_001}, "not_yet_valid"),
        ({"rat": NOW + 5_000}, "accepted"),
        ({"rat": ...}, "missing_claim"),
        ({"uep": ...}, "missing_claim"),
        ({"uep": -1}, "claims"),
        ({"uep": 2**64 - 1}, "accepted"),
        ({"sid": ...}, "missing_claim"),
        ({"sid": str(uuid.UUID(int=2**127 + 10)).upper()}, "claims"),
        ({"sid": "9" * 32}, "claims"),
        ({"sub": ""}, "claims"),
        ({"sub": "a-client"}, "accepted"),
        ({"jti": ""}, "claims"),
        ({"jti": ...}, "missing_claim"),
        ({"client_id": ...}, "missing_claim"),
        ({"roles": "admin"}, "claims"),
        ({"roles": ["admin", None]}, "claims"),
        ({"fresh": 1}, "claims"),
        ({"scope": None}, "claims"),
        ({"mine": {"a": [1, 2.5, None]}}, "accepted"),
        ({"mine": [[[[[[[[1]]]]]]]]}, "payload"),
        ({"mine": [0] * 1_100}, "payload"),
    ],
)
def test_claims_are_read_strictly(more, expected):
    assert code(ED.token(claims(**more))) == expected


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{} {}",
        b'{"a":1,"a":1}',
        b'{"x":{"a":1,"\\u0061":2}}',
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":01}',
        b'{"a":"\\ud800"}',
        b'{"\\udc00":1}',
        b'{"a":"\xff"}',
        b"{'a':1}",
        b'{"a":' + b"[" * 5_000,
    ],
)
def test_a_payload_is_one_object_with_nothing_twice(payload):
    assert code(ED.token(payload)) == "payload"


def test_encodings_are_canonical_and_segments_are_three():
    head, payload, signature = ED.token(claims()).split(".")
    for bad in (f"{head}=", f"{head}\n", f" {head}", "+/" + head, head + "é"):
        assert code(f"{bad}.{payload}.{signature}") == "encoding"
    for last in set("ABCDEFGHIJKLMNOPQRSTUVWXYZ") - {signature[-1]}:
        # 64 bytes leave four bits that say nothing; none but zeros are canonical.
        assert code(f"{head}.{payload}.{signature[:-1]}{last}") in ("encoding", "signature")
    for bad in ("", "a", "a.b", "..", f"{head}.{payload}", f".{payload}.{signature}", f"{head}.{payload}.{signature}.x"):
        assert code(bad) == "segments"
    assert code("a" * 8_193) == "too_long"


def test_a_token_ends_at_the_very_millisecond():
    token = ED.token(claims())
    assert code(token, NOW + 604_999) == "accepted"
    assert code(token, NOW + 605_000) == "expired"


def test_an_elliptic_signature_in_der_is_refused():
    signer = SIGNERS["ES256"]
    head, payload, _ = signer.token(claims()).split(".")
    der = signer._key.sign(f"{head}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
    assert code(f"{head}.{payload}.{encoded(der)}") == "signature"


def test_the_profile_of_flask_demands_its_own_claims():
    expect = EXPECT._replace(profile="flask-jwt-extended")
    header = ED.header(typ="JWT")
    whole = {"type": "access", "fresh": True, "nbf": NOW // 1_000}
    assert code(ED.token(claims(**whole), header), expect=expect) == "accepted"
    assert code(ED.token(claims(**whole)), expect=expect) == "type"
    assert code(ED.token(claims(**{**whole, "type": "refresh"}), header), expect=expect) == "type"
    for name in whole:
        assert code(ED.token(claims(**{**whole, name: ...}), header), expect=expect) == "missing_claim"


def test_keys_for_something_else_are_skipped_and_unfit_ones_refuse_the_document():
    def read(*jwks):
        return set(key_set(json.dumps({"keys": [ED.jwk, *jwks]}).encode()))

    es, rs = SIGNERS["ES256"].jwk, SIGNERS["RS256"].jwk
    skipped = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "s", "alg": "HS256"},
        {**es, "use": "enc"},
        {**es, "key_ops": ["sign"]},
        {**es, "alg": "HS256"},
        {**es, "alg": "ES384"},
        {**rs, "alg": "PS256"},
        {**rs, "alg": "RS1"},
        {"kty": "OKP", "crv": "X25519", "x": ED.jwk["x"], "kid": "x"},
        {"kty": "AKP", "kid": "later"},
        {name: value for name, value in es.items() if name != "kid"},
    ]
    assert read(*skipped) == {ED.kid}
    assert read({**es, "key_ops": ["verify"]}) == {ED.kid, es["kid"]}
    no_alg = {name: value for name, value in rs.items() if name != "alg"}
    assert read(no_alg) == {ED.kid, rs["kid"]}
    unfit = [
        {**es, "d": "AA"},
        {**es, "y": es["x"]},
        {**es, "x": es["x"][:-4]},
        {**es, "x": 1},
        {**es, "kid": ED.kid},
        {**ED.jwk, "kid": "short", "x": "AAAA"},
        {**rs, "n": rs["n"][:-8]},
        {**rs, "e": "AQ"},
        {**rs, "n": encoded((pow(65_537, 130)).to_bytes(261, "big"))},
        {"kty": 1},
        "key",
    ]
    for jwk in unfit:
        with pytest.raises(KeysRefused):
            read(jwk)
    for document in (b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[],"keys":[]}', b'{"keys":[]}', b" " * 262_145):
        with pytest.raises(KeysRefused):
            key_set(document)


def test_the_fingerprint_of_roca_is_known():
    assert is_roca(65_537**130) and not is_roca(65_537**130 + 2)


def test_numbers_are_read_as_64_bits_have_them():
    read = strict_json.parse_object(b'{"a":-0,"b":18446744073709551615,"c":18446744073709551616}', strict_json.CLAIMS)
    assert [type(value) for value in read.values()] == [float, int, float]
