"""A Flask program with flask-jwt-extended accepts our tokens unchanged, given the same secret."""

import datetime
import secrets
import uuid

import jwt
import pytest
import requests
from dashboard_app import dashboard_app
from watchword import running

SECRET = secrets.token_urlsafe(48)


@pytest.fixture(scope="module")
def watchword():
    settings = {"tokens_algorithm": "HS256", "tokens_profile": "flask-jwt-extended", "tokens_secret": SECRET}
    with running(**settings) as server:
        yield server


@pytest.fixture
def flask():
    return dashboard_app(SECRET).test_client()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_a_token_from_our_login_opens_the_dashboard(watchword, flask):
    answer = flask.get("/dashboard", headers=bearer(watchword.login()["access_token"]))
    assert (answer.status_code, answer.json) == (200, {"message": "Welcome kavya"})


def test_without_a_token_the_dashboard_is_closed(flask):
    assert flask.get("/dashboard").status_code == 401


def test_the_identity_is_the_user_id_and_the_roles_can_be_read(watchword, flask):
    token = watchword.login()["access_token"]
    me = flask.get("/me", headers=bearer(token)).json
    ours = requests.get(f"{watchword.url}/api/v1/session", headers=bearer(token), timeout=60).json()
    assert me == {"identity": ours["user"]["user_id"], "roles": ["admin"]}
    assert str(uuid.UUID(me["identity"])) == me["identity"]


def test_a_user_without_roles_has_none_in_flask_either(watchword, flask):
    assert flask.get("/me", headers=bearer(watchword.login("arjun")["access_token"])).json["roles"] == []


def test_a_tampered_token_is_refused(watchword, flask):
    head, payload, signature = watchword.login("arjun")["access_token"].split(".")
    claims = jwt.decode(f"{head}.{payload}.{signature}", options={"verify_signature": False})
    forged = jwt.encode({**claims, "roles": ["admin"]}, "x" * 64, "HS256").split(".")[1]
    flipped = signature[:9] + ("A" if signature[9] != "A" else "B") + signature[10:]
    for token in (f"{head}.{forged}.{signature}", f"{head}.{payload}.{flipped}", f"{head}.{payload}."):
        assert flask.get("/dashboard", headers=bearer(token)).status_code == 422


def test_an_expired_token_is_refused(watchword, flask, monkeypatch):
    tokens = watchword.login()

    class Later(datetime.datetime):
        """The clock just after the token has expired."""

        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + datetime.timedelta(seconds=tokens["expires_in"] + 1)

    monkeypatch.setattr("jwt.api_jwt.datetime", Later)
    answer = flask.get("/dashboard", headers=bearer(tokens["access_token"]))
    assert (answer.status_code, answer.json) == (401, {"msg": "Token has expired"})


def test_a_program_with_another_secret_refuses_our_token(watchword):
    other = dashboard_app(secrets.token_urlsafe(48)).test_client()
    assert other.get("/dashboard", headers=bearer(watchword.login()["access_token"])).status_code == 422


def test_a_refresh_token_is_no_access_token_for_flask(watchword, flask):
    assert flask.get("/dashboard", headers=bearer(watchword.login()["refresh_token"])).status_code == 422


def test_a_refreshed_token_is_accepted_but_is_not_fresh(watchword, flask):
    first = watchword.login()
    assert flask.get("/change-password", headers=bearer(first["access_token"])).status_code == 200
    answer = requests.post(f"{watchword.url}/refresh", headers=bearer(first["refresh_token"]), timeout=60)
    renewed = answer.json()["access_token"]
    assert flask.get("/dashboard", headers=bearer(renewed)).status_code == 200
    assert flask.get("/change-password", headers=bearer(renewed)).status_code == 401


def test_a_token_that_flask_made_itself_does_not_open_our_dashboard(watchword):
    made = jwt.encode({"sub": "kavya", "type": "access", "fresh": True, "jti": "1", "exp": 2**33}, SECRET, "HS256")
    assert requests.get(f"{watchword.url}/dashboard", headers=bearer(made), timeout=60).status_code == 401
