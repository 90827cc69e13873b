"""PyJWT verifies our tokens with nothing but the published keys, for every algorithm that has public keys."""

import time

import jwt
import pytest
from watchword import running

ALGORITHMS = ["EdDSA", "ES256", "RS256"]


@pytest.fixture(scope="module", params=ALGORITHMS)
def algorithm(request):
    return request.param


@pytest.fixture(scope="module")
def watchword(algorithm):
    with running(tokens_algorithm=algorithm) as server:
        yield server


@pytest.fixture
def token(watchword):
    return watchword.login()["access_token"]


def published_key(server, token):
    return jwt.PyJWKClient(f"{server.url}/.well-known/jwks.json").get_signing_key_from_jwt(token)


def verified(server, token, algorithm, **expected):
    expected = {"issuer": server.url, "audience": server.url, **expected}
    required = ["iss", "sub", "aud", "exp", "iat", "jti", "sid", "client_id"]
    key = published_key(server, token)
    return jwt.decode(token, key, algorithms=[algorithm], options={"require": required}, **expected)


def test_a_token_verifies_with_the_published_key(watchword, token, algorithm):
    head = jwt.get_unverified_header(token)
    claims = verified(watchword, token, algorithm)
    assert head == {"typ": "at+jwt", "alg": algorithm, "kid": published_key(watchword, token).key_id}
    assert claims["iss"] == claims["aud"] == watchword.url
    assert claims["preferred_username"] == "kavya" and claims["roles"] == ["admin"]
    assert 0 < claims["exp"] - time.time() <= 600


def test_a_token_for_another_audience_or_issuer_is_refused(watchword, token, algorithm):
    with pytest.raises(jwt.InvalidAudienceError):
        verified(watchword, token, algorithm, audience="https://other.example")
    with pytest.raises(jwt.InvalidIssuerError):
        verified(watchword, token, algorithm, issuer="https://other.example")


def test_a_key_of_another_installation_does_not_verify_the_token(watchword, token, algorithm):
    with running(tokens_algorithm=algorithm) as other:
        foreign = published_key(other, other.login()["access_token"])
        with pytest.raises(jwt.PyJWKClientError):
            published_key(other, token)
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(token, foreign, algorithms=[algorithm], audience=watchword.url)


def test_the_published_keys_are_public_ones_only(watchword, token):
    keys = jwt.PyJWKClient(f"{watchword.url}/.well-known/jwks.json").fetch_data()["keys"]
    private = {"d", "p", "q", "dp", "dq", "qi", "k"}
    assert keys and all(key["use"] == "sig" and not private & key.keys() for key in keys)
