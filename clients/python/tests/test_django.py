"""A Django program, its verifier made from the settings."""

import json

import django
import pytest
from django.conf import settings
from django.http import JsonResponse
from django.test import AsyncClient, Client
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View

from watchword_verifier import django as ours
from watchword_verifier.django import require_auth


@require_auth(role="admin")
def books(request, book):
    return JsonResponse({"book": book, "hello": request.watchword.preferred_username})


@require_auth(role="clerk")
def clerks(request):
    return JsonResponse({})


@require_auth()
async def later(request):
    return JsonResponse({"hello": request.watchword.preferred_username})


@method_decorator(require_auth(), name="dispatch")
class Page(View):
    def get(self, request):
        return JsonResponse({"hello": request.watchword.preferred_username})


urlpatterns = [
    path("books/<int:book>", books),
    path("clerks", clerks),
    path("later", later),
    path("page", Page.as_view()),
]


@pytest.fixture(scope="module", autouse=True)
def program(watchword):
    settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="for tests",
        WATCHWORD={"issuer": watchword.url, "follow": watchword.credential, "name": "django", "bound": 60},
    )
    django.setup()
    yield
    ours.verifier().stop()


def bearer(token):
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


def test_who_shows_a_token_that_stands_is_let_in_until_the_logout(watchword):
    token, client = watchword.login()["access_token"], Client()
    assert client.get("/books/7", **bearer(token)).json() == {"book": 7, "hello": "kavya"}
    assert client.get("/page", **bearer(token)).json() == {"hello": "kavya"}
    claims = ours.verifier().verify(token)
    watchword.logout(token)
    assert ours.verifier().wait_withdrawn(claims, 60)
    answer = client.get("/books/7", **bearer(token))
    assert (answer.status_code, json.loads(answer.content)["code"]) == (401, "revoked")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


def test_others_are_told_what_is_wrong(watchword):
    client = Client()
    answer = client.get("/page")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="login"')
    assert client.get("/page", HTTP_AUTHORIZATION="Bearer a b").status_code == 400
    assert client.get("/clerks", **bearer(watchword.login()["access_token"])).status_code == 403


def test_a_view_that_is_a_coroutine_is_guarded_too(watchword):
    import asyncio

    async def story():
        client = AsyncClient()
        token = watchword.login()["access_token"]
        answer = await client.get("/later", headers={"Authorization": f"Bearer {token}"})
        refused = await client.get("/later", headers={"Authorization": "Bearer x.y.z"})
        return answer.status_code, json.loads(answer.content), refused.status_code

    assert asyncio.run(story()) == (200, {"hello": "kavya"}, 401)
