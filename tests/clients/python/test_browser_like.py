"""A program that behaves like a browser: it reads the form, posts it, and keeps the cookie."""

import html.parser

import pytest
import requests
from watchword import PASSWORD, running

PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def watchword():
    with running() as server:
        yield server


@pytest.fixture
def browser():
    with requests.Session() as session:
        session.headers.update(PAGE)
        yield session


class Form(html.parser.HTMLParser):
    """The hidden fields of the first form on a page that posts to `action`."""

    def __init__(self, page, action):
        super().__init__()
        self.action, self.inside, self.fields = action, False, {}
        self.feed(page.text)
        assert self.fields, f"no form to {action} on {page.url}"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.inside = attributes.get("action") == self.action and not self.fields
        if tag == "input" and self.inside and attributes.get("type") == "hidden":
            self.fields[attributes["name"]] = attributes["value"]

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "form"


def submit(browser, page, action, **typed):
    base = page.url.split("/", 3)[:3]
    form = Form(page, action).fields | typed
    return browser.post("/".join(base) + action, data=form, timeout=60)


def log_in(browser, watchword, password=PASSWORD, path="/login"):
    page = browser.get(f"{watchword.url}{path}", timeout=60)
    return submit(browser, page, "/login", username="kavya", password=password)


def test_the_form_opens_a_session_and_leads_to_the_dashboard(browser, watchword):
    page = log_in(browser, watchword)
    assert (page.status_code, page.url) == (200, f"{watchword.url}/dashboard")
    assert "Welcome kavya" in page.text
    set_cookie = page.history[0].headers["Set-Cookie"]
    flags = {flag.strip() for flag in set_cookie.split(";")[1:]}
    assert set_cookie.startswith("session=") and {"HttpOnly", "SameSite=Lax", "Path=/"} <= flags


def test_a_page_that_needs_a_login_leads_back_to_itself(browser, watchword):
    page = browser.get(f"{watchword.url}/account/sessions", timeout=60)
    assert page.url == f"{watchword.url}/login?next=%2Faccount%2Fsessions"
    page = submit(browser, page, "/login", username="kavya", password=PASSWORD)
    assert page.url == f"{watchword.url}/account/sessions"


def test_a_wrong_password_gets_the_form_again_and_no_cookie(browser, watchword):
    page = log_in(browser, watchword, password="not the right words at all")
    assert page.status_code == 401 and "The username or password is not right." in page.text
    assert "session" not in browser.cookies


def test_a_form_without_its_csrf_token_is_refused(browser, watchword):
    browser.get(f"{watchword.url}/login", timeout=60)
    typed = {"username": "kavya", "password": PASSWORD}
    for more in ({}, {"csrf": ""}, {"csrf": "AAAAAAAAAAAAAAAAAAAAAA"}):
        answer = browser.post(f"{watchword.url}/login", data=typed | more, timeout=60)
        assert answer.status_code == 403 and "session" not in browser.cookies


def test_a_logout_ends_the_session_and_a_copied_cookie_is_worthless(browser, watchword):
    page = log_in(browser, watchword)
    copied = dict(browser.cookies)
    assert "Logged out" in submit(browser, page, "/logout").text
    assert "session" not in browser.cookies
    answer = requests.get(f"{watchword.url}/dashboard", cookies=copied, timeout=60)
    assert answer.status_code == 401


def test_a_login_gives_a_new_cookie_and_the_old_one_stops(browser, watchword):
    log_in(browser, watchword)
    first = browser.cookies["session"]
    page = browser.get(f"{watchword.url}/dashboard", timeout=60)
    token = Form(page, "/logout").fields["csrf"]
    typed = {"csrf": token, "username": "kavya", "password": PASSWORD}
    browser.post(f"{watchword.url}/login", data=typed, timeout=60)
    assert browser.cookies["session"] != first
    answer = requests.get(f"{watchword.url}/dashboard", cookies={"session": first}, timeout=60)
    assert answer.status_code == 401


def test_the_cookie_and_the_token_of_one_login_end_together(watchword):
    answer = requests.post(
        f"{watchword.url}/login", json={"username": "kavya", "password": PASSWORD, "cookie": True}, timeout=60
    )
    token, cookie = answer.json()["access_token"], dict(answer.cookies)
    bearer = {"Authorization": f"Bearer {token}"}
    for credential in ({"headers": bearer}, {"cookies": cookie}):
        greeting = requests.get(f"{watchword.url}/dashboard", timeout=60, **credential)
        assert greeting.json() == {"message": "Welcome kavya"}
    assert requests.post(f"{watchword.url}/logout", headers=bearer, timeout=60).json()["ended"] is True
    for credential in ({"headers": bearer}, {"cookies": cookie}):
        assert requests.get(f"{watchword.url}/dashboard", timeout=60, **credential).status_code == 401
