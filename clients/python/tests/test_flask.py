"""A Flask program, with its own decorator and with flask-jwt-extended."""

import asyncio
import json
import secrets
import time

import flask
import pytest
from flask_jwt_extended import JWTManager, create_access_token, jwt_required
from watchword import running

from watchword_verifier import Revocations, Verifier
from watchword_verifier.flask import current, require_auth


@pytest.fixture(scope="module")
def verifier(watchword):
    with Verifier.from_issuer(watchword.url, follow=watchword.credential, name="flask", bound=60) as verifier:
        yield verifier


@pytest.fixture
def client(verifier):
    app = flask.Flask("orders")

    @app.get("/books/<int:book>")
    @require_auth(verifier, role="admin")
    def books(book):
        return {"book": book, "hello": current().preferred_username}

    @app.get("/clerks")
    @require_auth(lambda: verifier, role="clerk")
    def clerks():
        return "No books yet"

    @app.get("/open")
    def everybody():
        return current().sub

    return app.test_client()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        asyncio.run(asyncio.sleep(0.002))


def test_who_shows_a_token_that_stands_is_let_in_until_the_logout(watchword, client):
    token = watchword.login()["access_token"]
    answer = client.get("/books/7", headers=bearer(token))
    assert (answer.status_code, answer.json) == (200, {"book": 7, "hello": "kavya"})
    watchword.logout(token)
    wait_for(lambda: client.get("/books/7", headers=bearer(token)).status_code == 401)
    answer = client.get("/books/7", headers=bearer(token))
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer error="invalid_token", error_description="the token has been revoked"'
    )
    assert answer.mimetype == "application/problem+json" and answer.headers["Cache-Control"] == "no-store"
    detail = "the token has been revoked"
    assert json.loads(answer.data) == {"title": "Unauthorized", "status": 401, "code": "revoked", "detail": detail}


def test_others_are_told_what_is_wrong(watchword, client):
    answer = client.get("/books/7")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="login"')
    assert client.get("/books/7", headers={"Authorization": "Basic eDp5"}).status_code == 401
    for bad in ("Bearer", "Bearer ", "Bearer a b", "bearer  a"):
        answer = client.get("/books/7", headers={"Authorization": bad})
        assert (answer.status_code, json.loads(answer.data)["code"]) == (400, "invalid_request"), bad
    two = [("Authorization", "Bearer a"), ("Authorization", "Bearer a")]
    assert client.get("/books/7", headers=two).status_code == 400
    answer = client.get("/clerks", headers=bearer(watchword.login()["access_token"]))
    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="insufficient_scope"')


def test_a_view_that_lets_anybody_in_knows_nobody(client):
    client.application.testing = True
    with pytest.raises(RuntimeError, match="require_auth"):
        client.get("/open")


def test_flask_jwt_extended_honours_a_logout():
    secret = secrets.token_urlsafe(48)
    settings = {"tokens_algorithm": "HS256", "tokens_profile": "flask-jwt-extended", "tokens_secret": secret}
    with running(**settings) as server:
        revocations = Revocations.from_issuer(server.url, follow=server.credential, bound=1.0)
        app = flask.Flask("dashboard")
        app.config["JWT_SECRET_KEY"] = secret
        jwt = JWTManager(app)
        jwt.token_in_blocklist_loader(revocations.blocklist)

        @app.get("/dashboard")
        @jwt_required()
        def dashboard():
            return {"message": "Welcome"}

        client = app.test_client()

        def status(token):
            return client.get("/dashboard", headers=bearer(token)).status_code

        one, other = server.login(), server.login()
        # A stall of this machine may leave it too little known for a moment.
        wait_for(lambda: (status(one["access_token"]), status(other["access_token"])) == (200, 200))
        server.logout(one["access_token"])
        wait_for(lambda: status(one["access_token"]) == 401)
        wait_for(lambda: status(other["access_token"]) == 200)
        with app.app_context():
            assert status(create_access_token("kavya")) == 401, "without our claims it cannot be withdrawn"
        revocations.stop()
        wait_for(lambda: status(other["access_token"]) == 401)
        assert revocations.age() > 0.5
