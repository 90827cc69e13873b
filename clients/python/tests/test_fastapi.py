"""A FastAPI program."""

import asyncio
import json
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from watchword_verifier import Claims, Verifier
from watchword_verifier.fastapi import install, require_auth


@pytest.fixture(scope="module")
def verifier(watchword):
    with Verifier.from_issuer(watchword.url, follow=watchword.credential, name="fastapi", bound=60) as verifier:
        yield verifier


def program(verifier):
    app = FastAPI()

    @app.get("/books")
    async def books(who: Annotated[Claims, Depends(require_auth(verifier, role="admin"))]):
        return {"hello": who.preferred_username}

    @app.get("/clerks", dependencies=[Depends(require_auth(verifier, role="clerk"))])
    def clerks():
        return "No books yet"

    return app


class Client:
    """Asks a program in its own event loop."""

    def __init__(self, app):
        self._app = app

    def get(self, path, headers=None):
        async def ask():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://orders") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_who_shows_a_token_that_stands_is_let_in_until_the_logout(watchword, verifier):
    app = program(verifier)
    install(app)
    token = watchword.login()["access_token"]
    client = Client(app)
    answer = client.get("/books", headers=bearer(token))
    claims = verifier.verify(token)
    assert (answer.status_code, answer.json()) == (200, {"hello": "kavya"})
    answer = client.get("/clerks", headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_role")
    watchword.logout(token)
    assert verifier.wait_withdrawn(claims, 60)
    answer = client.get("/books", headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (401, "revoked")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    assert client.get("/books").headers["WWW-Authenticate"] == 'Bearer realm="login"'
    two = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    assert client.get("/books", headers=two).status_code == 400


def test_the_header_is_no_parameter_of_the_program(verifier):
    schema = json.dumps(program(verifier).openapi()["paths"])
    assert "parameters" not in schema


def test_status_and_challenge_are_right_without_the_handler_too(verifier):
    answer = Client(program(verifier)).get("/books")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="login"')
