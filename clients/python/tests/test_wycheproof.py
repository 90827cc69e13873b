"""The JOSE vectors of Project Wycheproof: nothing invalid is accepted."""

import json

import pytest
from watchword import ROOT

from watchword_verifier import Refused
from watchword_verifier.jwk import KeysRefused, key_set
from watchword_verifier.token import _decoded, _header

VECTORS = ROOT / "crates/token/tests/vectors/wycheproof"


def accepts(jwk, token):
    """Whether a signature over whatever payload is the key's."""
    try:
        keys = key_set(json.dumps({"keys": [{"kid": "k", **jwk}]}).encode())
        if not isinstance(token, str) or token.count(".") != 2:
            return False
        head, payload, signature = token.split(".")
        header = _header(head)
        (key,) = keys.values()
        is_named = header.get("kid", key.kid) == key.kid and header["alg"] == key.alg
        _decoded(payload)
        return is_named and key.check(f"{head}.{payload}".encode(), _decoded(signature))
    except (KeysRefused, Refused):
        return False


@pytest.mark.parametrize(
    ("name", "of_our_algorithms"),
    [("json_web_signature_test.json", 10), ("json_web_crypto_test.json", 2), ("json_web_key_test.json", 1)],
)
def test_no_invalid_signature_is_accepted_and_every_valid_one_of_our_algorithms(name, of_our_algorithms):
    if not (ROOT / "Cargo.toml").exists():
        pytest.skip("the package stands alone: the vectors are in the repository")
    accepted = 0
    for group in json.loads((VECTORS / name).read_text())["testGroups"]:
        keys = group.get("public", group.get("private"))
        for test in group["tests"]:
            is_accepted = any(accepts(jwk, test.get("jws")) for jwk in keys.get("keys", [keys]))
            assert not is_accepted or test["result"] == "valid", (test["tcId"], test["comment"])
            accepted += is_accepted
    assert accepted == of_our_algorithms
