"""Logging in and out over HTTP, by tokens and by cookies; a refusal never tells whether there is such an account."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, make_password
from django.db.models import F
from django.utils import timezone

from config.hashers import LegacyBCryptHasher
from customers.models import Customer, CustomerSession, RequestThrottle
from customers.sessions import session_begin
from tests.api import Api, problem, refused
from tests.factories import PASSWORD, PASSWORD_HASH, CustomerFactory

pytestmark = pytest.mark.django_db
WRONG = {
    "type": "/api/v1/problems#credentials_wrong",
    "title": "Address or password wrong",
    "status": 401,
    "detail": "",
    "code": "credentials_wrong",
    "errors": [],
}


# separation: begin
@pytest.fixture(autouse=True)
def alone(settings):
    settings.SEPARATION_PLUGINS = {}


# separation: end
@pytest.fixture(autouse=True)
def algorithm(request, monkeypatch):
    """By which new passwords are stored."""
    name = getattr(request, "param", "bcrypt")
    monkeypatch.setattr("customers.passwords.password_algorithm", lambda: name)
    return name


EITHER_WAY = pytest.mark.parametrize("algorithm", ["bcrypt", "argon2"], indirect=True)


@pytest.fixture
def customer():
    return CustomerFactory.create(email="Ada@example.org")


@pytest.fixture
def browser():
    return Api(enforce_csrf_checks=True)


def log_in(client, email="ada@example.org", password=PASSWORD, **more):
    return client.post("auth/login", {"email": email, "password": password, **more}, headers=more.pop("headers", None))


def bearer(token):
    return {"headers": {"authorization": f"Bearer {token}"}}


def shown(moment):
    return moment.isoformat().replace("+00:00", "Z")


def only_session():
    return CustomerSession.objects.get()


def test_a_log_in_gives_tokens(api, customer):
    response = api.post(
        "auth/login",
        {"email": " ADA@example.org\t", "password": PASSWORD},
        headers={"user-agent": "Firefox"},
        REMOTE_ADDR="203.0.113.7",
    )
    body = response.json()
    assert response.status_code == 200
    assert (body.pop("access_token").count("."), body.pop("refresh_token").count(".")) == (2, 2)
    session = only_session()
    assert body == {
        "session_id": str(session.pk),
        "token_type": "Bearer",
        "expires_in": 900,
        "refresh_expires_at": shown(session.expires_at),
        "csrf_token": None,
    }
    assert (session.customer, session.user_agent, session.ip) == (customer, "Firefox", "203.0.113.7")
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies
    assert not RequestThrottle.objects.filter(blocked_until__isnull=False).exists()


@EITHER_WAY
@pytest.mark.parametrize(
    "stored",
    [
        PASSWORD_HASH,
        PASSWORD_HASH.replace("$2b$", "$2a$"),
        PASSWORD_HASH.replace("$2b$", "$2y$"),
        make_password(PASSWORD, hasher="argon2"),
    ],
)
def test_whatever_hash_it_is_the_password_opens(api, customer, stored):
    Customer.objects.filter(pk=customer.pk).update(password=stored)
    assert log_in(api).status_code == 200
    assert problem(log_in(api, password=f"{PASSWORD} ")) == WRONG


def test_only_72_bytes_count_as_they_always_did(api, customer):
    long = "x" * 80
    stored = LegacyBCryptHasher().encode(long, "$2b$04$abcdefghijklmnopqrstuu")
    Customer.objects.filter(pk=customer.pk).update(password=stored)
    assert log_in(api, password="x" * 72 + "whatever").status_code == 200
    assert problem(log_in(api, password="x" * 71)) == WRONG


@EITHER_WAY
@pytest.mark.parametrize(
    "columns",
    [
        {"email": "bob@example.org"},
        {"is_active": False},
        {"anonymized_at": timezone.now()},
        {"password": ""},
        {"password": "!"},
        {"password": "!$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"},
        {"password": "MIGRATED_TO_CUSTOMERS_TABLE"},
        {"password": "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"},
        {"password": "sha1$salt$5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"},
        {"password": "bcrypt$$2b$04$damaged"},
        {"password": "argon2$argon2id$damaged"},
        {"password": "argon2$argon2id$v=19$m=8,t=1,p=1$c2FsdA$"},
        {"password": "argon2$"},
        {"id": 0},
    ],
)
def test_whoever_may_not_in_gets_one_and_the_same_answer(api, customer, columns):
    if "id" in columns:  # a row that an earlier attempt left
        Customer.objects.filter(pk=customer.pk).delete()
        columns = {"id": -customer.pk}
        Customer.objects.create(email="ada@example.org", password=PASSWORD_HASH, **columns)
    Customer.objects.filter(pk=customer.pk).update(**columns)
    response = log_in(api)
    assert problem(response) == WRONG
    assert response["WWW-Authenticate"] == "Bearer"
    assert not CustomerSession.objects.exists()


@EITHER_WAY
def test_what_is_wrong_takes_the_same_work_whoever_it_is_tried_for(api, customer, algorithm, monkeypatch):
    monkeypatch.setattr(LegacyBCryptHasher, "rounds", 6)
    argon2 = make_password("other", hasher="argon2")
    work: Counter[str] = Counter()
    bcrypt, verify, encode = LegacyBCryptHasher.verify, Argon2PasswordHasher.verify, Argon2PasswordHasher.encode

    def bcrypt_counted(self, password, encoded):
        work["bcrypt"] += 2**cost if (cost := self.cost_of(encoded)) else 0
        return bcrypt(self, password, encoded)

    def counted(method):
        def count(self, *arguments):
            work["argon2"] += 1
            return method(self, *arguments)

        return count

    monkeypatch.setattr(LegacyBCryptHasher, "verify", bcrypt_counted)
    monkeypatch.setattr(Argon2PasswordHasher, "verify", counted(verify))
    monkeypatch.setattr(Argon2PasswordHasher, "encode", counted(encode))
    expected = {"bcrypt": 2**6} | ({"argon2": 1} if algorithm == "argon2" else {})
    for stored, active in [
        (PASSWORD_HASH, True),
        (LegacyBCryptHasher().encode("other", "$2b$06$abcdefghijklmnopqrstuu"), True),
        *([(argon2, True)] if algorithm == "argon2" else []),
        (PASSWORD_HASH, False),
        ("!", True),
        ("", True),
        ("bcrypt$$2b$04$damaged", True),
        ("argon2$damaged", True),
    ]:
        Customer.objects.filter(pk=customer.pk).update(password=stored, is_active=active)
        work.clear()
        assert problem(log_in(api, password="wrong" if active else PASSWORD)) == WRONG
        assert work == expected, stored
        RequestThrottle.objects.all().delete()
    work.clear()
    assert problem(log_in(api, email="nobody@example.org")) == WRONG
    assert work == expected


def test_what_is_wrong_takes_the_same_queries(api, customer, django_assert_num_queries):
    for email in ("ada@example.org", "nobody@example.org"):
        with django_assert_num_queries(
            4  # the caller's count, from where they are known, the address's count, the customer
            + 1  # separation: line
        ):
            log_in(api, email=email, password="wrong")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["email", "password"]),
        ({"email": "", "password": ""}, ["email", "password"]),
        ({"email": "a\0b", "password": "a\0b"}, ["email", "password"]),
        ({"email": "a" * 321, "password": "x" * 1025}, ["email", "password"]),
        ({"email": ["a"], "password": {"a": 1}}, ["email", "password"]),
        (r'{"email": "\ud800", "password": "\ud800"}', ["email", "password"]),
        ({"email": "a", "password": "a", "cookies": "maybe"}, ["cookies"]),
    ],
)
def test_what_is_no_log_in_is_a_400(api, body, fields):
    content = body if isinstance(body, str) else json.dumps(body)
    response = api.post("auth/login", content, content_type="application/json")
    assert refused(response) == (400, "invalid")
    assert [error["field"] for error in json.loads(response.content)["errors"]] == fields


def test_failures_make_whoever_has_not_been_here_wait_and_nobody_else(api, customer):
    assert log_in(api, REMOTE_ADDR="x").status_code == 200
    for _ in range(5):
        assert refused(log_in(Api(REMOTE_ADDR="198.51.100.1"), password="wrong")) == (401, "credentials_wrong")
    stopped = log_in(Api(REMOTE_ADDR="198.51.100.2"))
    assert stopped["Retry-After"] == "1"
    waiting = problem(stopped)
    assert (waiting["code"], waiting["detail"]) == ("throttled", "Try again in 1 seconds.")
    assert log_in(Api(REMOTE_ADDR="127.0.0.1")).status_code == 200
    unknown = [log_in(Api(REMOTE_ADDR="198.51.100.1"), email="nobody@example.org") for _ in range(6)]
    assert [each.status_code for each in unknown] == [401] * 5 + [429]
    assert problem(unknown[-1]) == waiting


def test_success_forgets_the_failures(api, customer):
    for _ in range(3):
        for _ in range(4):
            assert log_in(api, password="wrong").status_code == 401
        assert log_in(api).status_code == 200


def test_one_caller_has_only_so_many_log_ins(api, customer, monkeypatch):
    monkeypatch.setattr("config.sessions.LOGINS_PER_CALLER", 2)
    assert [log_in(api, email=f"{n}@example.org").status_code for n in range(3)] == [401, 401, 429]
    assert log_in(Api(REMOTE_ADDR="2001:db8::1"), email="a@example.org").status_code == 401
    assert log_in(Api(REMOTE_ADDR="2001:db8::2"), email="b@example.org").status_code == 401
    assert log_in(Api(REMOTE_ADDR="2001:db8::3"), email="c@example.org").status_code == 429


def test_tokens_are_refreshed(api, customer):
    first = log_in(api).json()
    response = api.post("auth/refresh", {"refresh_token": first["refresh_token"]})
    body = response.json()
    assert (response.status_code, body["session_id"], body["csrf_token"]) == (200, first["session_id"], None)
    assert api.get("me/sessions", **bearer(body["access_token"])).status_code == 200
    assert api.get("me/sessions", **bearer(first["access_token"])).status_code == 200


@pytest.mark.parametrize("body", [{}, {"refresh_token": "made up"}, {"refresh_token": "é"}])
def test_what_is_no_refresh_token_is_a_401(api, body):
    response = api.post("auth/refresh", body)
    assert refused(response) == (401, "session_ended")
    assert response["WWW-Authenticate"] == "Bearer"


def test_log_ins_are_listed_and_ended(api, as_customer, customer):
    as_customer(CustomerFactory.create())
    here = as_customer(customer)
    # Two log-ins may well be of the same millisecond.
    CustomerSession.objects.filter(customer=customer).update(created_at=F("created_at") - timedelta(minutes=1))
    there = as_customer(customer)
    listed = here.get("me/sessions").json()
    assert listed.keys() == {"next", "previous", "results"}
    assert [each.pop("current") for each in listed["results"]] == [False, True]
    sessions = {str(each.pk): each for each in CustomerSession.objects.filter(customer=customer)}

    assert listed["results"] == [
        {
            "id": each["id"],
            "device": "tests",
            "ip": "127.0.0.1",
            "created_at": shown(sessions[each["id"]].created_at),
            "last_used_at": shown(sessions[each["id"]].last_used_at),
            "expires_at": shown(sessions[each["id"]].expires_at),
        }
        for each in listed["results"]
    ]
    assert here.delete(f"me/sessions/{listed['results'][0]['id']}").status_code == 204
    assert refused(there.get("me/sessions")) == (401, "authentication_failed")
    assert len(here.get("me/sessions").json()["results"]) == 1


def test_nobody_elses_log_in_is_ended(as_customer, customer):
    mine, theirs = as_customer(customer), as_customer(CustomerFactory.create())
    other = CustomerSession.objects.exclude(customer=customer).get()
    gone = problem(mine.delete(f"me/sessions/{other.pk}"))
    assert gone["code"] == "not_found"
    assert gone == problem(mine.delete("me/sessions/00000000-0000-0000-0000-000000000000"))
    assert theirs.get("me/sessions").status_code == 200


def test_logging_out_ends_this_log_in_or_all(as_customer, customer):
    one, two, three = (as_customer(customer) for _ in range(3))
    assert one.post("auth/logout").status_code == 204
    assert [each.get("me/sessions").status_code for each in (one, two, three)] == [401, 200, 200]
    assert two.post("auth/logout-all").status_code == 204
    assert [each.get("me/sessions").status_code for each in (two, three)] == [401, 401]
    assert set(CustomerSession.objects.values_list("revoked_reason", flat=True)) == {"logged out"}


def test_a_browser_may_have_its_tokens_in_cookies(browser, customer):
    response = log_in(browser, cookies=True)
    body = response.json()
    assert (body["access_token"], body["refresh_token"]) == (None, None)
    shown = {
        name: (cookie["path"], cookie["httponly"], cookie["secure"], cookie["samesite"])
        for name, cookie in response.cookies.items()
        if name != "csrftoken"
    }
    assert shown == {
        "customer_access": ("/api/v1/", True, True, "Strict"),
        "customer_refresh": ("/api/v1/auth/refresh", True, True, "Strict"),
    }
    assert browser.get("me/sessions").status_code == 200
    csrf = {"headers": {"x-csrftoken": body["csrf_token"]}}
    refreshed = browser.post("auth/refresh", {}, **csrf)
    assert (refreshed.status_code, refreshed.json()["access_token"]) == (200, None)
    gone = browser.post("auth/logout", **csrf)
    assert gone.status_code == 204
    assert {name: cookie["max-age"] for name, cookie in gone.cookies.items()} == {
        "customer_access": 0,
        "customer_refresh": 0,
    }
    assert browser.get("me/sessions").status_code == 401


def test_what_a_browser_writes_with_cookies_needs_the_csrf_token(browser, customer):
    log_in(browser, cookies=True)
    session = only_session()
    for refusal in (
        browser.post("auth/logout"),
        browser.delete(f"me/sessions/{session.pk}"),
        browser.post("auth/refresh", {}),
        browser.post("auth/logout", headers={"x-csrftoken": "x" * 32}),
    ):
        assert refused(refusal) == (403, "csrf_failed")
    assert only_session().revoked_at is None


def test_only_pages_of_origins_that_are_named_write_with_cookies(browser, customer, settings):
    csrf = {
        "x-csrftoken": log_in(browser, cookies=True).json()["csrf_token"],
        "origin": "https://app.restaurants.example",
    }
    assert refused(browser.post("auth/logout", headers=csrf)) == (403, "csrf_failed")
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.restaurants.example"]
    assert browser.post("auth/logout", headers=csrf).status_code == 204


def test_a_bearer_wins_over_cookies_and_needs_no_csrf_token(browser, customer):
    other = CustomerFactory.create()
    log_in(browser, cookies=True)
    theirs = bearer(session_begin(customer=other, user_agent="", ip="").access)
    assert browser.get("me/sessions", headers={"authorization": "Bearer x"}).status_code == 401
    assert browser.post("auth/logout", **theirs).status_code == 204
    assert browser.get("me/sessions").status_code == 200
    assert browser.get("me/sessions", headers={"authorization": "Basic eDp5"}).status_code == 200


def test_reading_notes_the_use_of_a_log_in_at_most_once_a_minute(as_customer, customer, django_assert_num_queries):
    client = as_customer(customer)
    with django_assert_num_queries(
        2  # who asks, and the list
        + 1  # separation: line
    ):
        client.get("me/sessions")
    CustomerSession.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    client.get("me/sessions")
    assert only_session().last_used_at > timezone.now() - timedelta(minutes=1)
