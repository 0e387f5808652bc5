"""Every address of the API and everybody who may ask: 401 where a customer is needed and it is not one.

The addresses are those of the URL conf, so none can be forgotten: a new one is customers' unless it is named here.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.models import User
from accounts.sessions import ACCESS as STAFF
from accounts.sessions import session_begin as staff_session_begin
from config.tokens import TokenKind
from customers.models import Customer, CustomerSession
from customers.sessions import Tokens, session_begin
from customers.tokens import ACCESS
from tests.api import Api, problem, refused
from tests.factories import CustomerFactory, OrderFactory, ReservationFactory, UserFactory
from tests.portal.world import World, world

pytestmark = pytest.mark.django_db

# What needs no customer, with its methods.
PUBLIC = {
    "auth/confirm-email": {"post"},
    "auth/forgot-password": {"post"},
    "auth/login": {"post"},
    "auth/reactivate": {"post"},
    "auth/refresh": {"post"},
    "auth/register": {"post"},
    "auth/resend-verification": {"post"},
    "auth/reset-password": {"post"},
    "auth/verify-email": {"post"},
    "guest/reservations/{token}": {"get", "patch"},
    "guest/reservations/{token}/calendar.ics": {"get"},
    "guest/reservations/{token}/cancel": {"post"},
    "restaurants": {"get"},
    "restaurants/{slug}": {"get"},
    "restaurants/{slug}/availability": {"get"},
    "restaurants/{slug}/menus": {"get"},
    "restaurants/{slug}/menus/{pk}": {"get"},
    "restaurants/{slug}/opening-hours": {"get"},
    "restaurants/{slug}/reservations": {"post"},
}
# Pages about the API itself, which are no endpoints.
DOCUMENTS = {"schema", "docs", "redoc", "problems"}
METHODS = ("get", "post", "put", "patch", "delete")


def endpoints(patterns: list[Any] | None = None, before: str = "") -> Iterator[tuple[str, str]]:
    """Give each address of the API, `{name}` in its places, with each method that it has."""
    for pattern in get_resolver("portal.urls").url_patterns if patterns is None else patterns:
        path = before + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from endpoints(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path not in DOCUMENTS:
            view = pattern.callback.view_class  # type: ignore[attr-defined]
            yield from ((path, method) for method in METHODS if hasattr(view, method))


CUSTOMERS = sorted({(path, method) for path, method in endpoints() if method not in PUBLIC.get(path, ())})


def test_what_is_public_is_there_and_the_rest_belongs_to_customers():
    assert {(path, method) for path, methods in PUBLIC.items() for method in methods} <= set(endpoints())
    assert [path for path, _ in CUSTOMERS if not path.startswith(("me", "auth/logout"))] == []
    assert len(CUSTOMERS) > 15


@pytest.fixture
def here() -> World:
    return world(1)


@pytest.fixture
def tokens(here) -> Tokens:
    return session_begin(customer=here.customer, user_agent="tests", ip="")


def bearer(token: str) -> Api:
    return Api(headers={"authorization": f"Bearer {token}"})


def signed(kind: TokenKind, tokens: Tokens, **claims: Any) -> str:
    """Return an access token made by another kind, or with other claims."""
    now = timezone.now()
    own = {"customer": tokens.session.customer_id, "session": str(tokens.session.pk)}
    return kind.encode(own | claims, issued=now, expires=now + timedelta(minutes=15))


def other(**changes: Any) -> TokenKind:
    """Return the kind of access tokens, but for some of it."""
    return replace(ACCESS, **changes)


def by_hand(tokens: Tokens, key: Any, algorithm: str = "HS256", **header: Any) -> str:
    """Return an access token with its own claims and header, signed with another key or algorithm."""
    claims = jwt.decode(tokens.access, options={"verify_signature": False})
    kept = {name: value for name, value in jwt.get_unverified_header(tokens.access).items() if name != "alg"}
    header = {name: value for name, value in (kept | header).items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm, headers=header)


def tampered(tokens: Tokens) -> str:
    """Return the token with another customer in it, and the signature it had."""
    head, _, signature = tokens.access.split(".")
    claims = jwt.decode(tokens.access, options={"verify_signature": False}) | {"customer": 1}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


def without_signature(tokens: Tokens) -> str:
    return by_hand(tokens, None, "none")


def expired(tokens: Tokens) -> str:
    now = timezone.now()
    own = {"customer": tokens.session.customer_id, "session": str(tokens.session.pk)}
    return ACCESS.encode(own, issued=now - timedelta(hours=1), expires=now - timedelta(seconds=1))


def staff_token(tokens: Tokens) -> str:
    """Return what a library of tokens for Django's users makes for the user of the same id."""
    claims = {
        "token_type": "access",
        "user_id": str(tokens.session.customer_id),
        "sub": str(tokens.session.customer_id),
    }
    return jwt.encode(claims | {"exp": timezone.now() + timedelta(minutes=5)}, settings.SECRET_KEY, "HS256")


def staff_of_the_same_id(tokens: Tokens) -> str:
    """Return what a superadmin of the same id is given at the staff's API."""
    User.objects.filter(pk=tokens.session.customer_id).delete()
    staff = UserFactory.create(id=tokens.session.customer_id, role="SUPERADMIN")
    return staff_session_begin(user=staff, user_agent="", ip="").access


# Each makes the token that somebody sends who is no customer.
TOKENS: dict[str, Callable[[Tokens], str]] = {
    "nothing": lambda _: "",
    "no token": lambda _: "x",
    "three parts": lambda _: "a.b.c",
    "not ASCII": lambda _: "é",
    "two tokens": lambda tokens: f"{tokens.access} {tokens.access}",
    "a refresh token": lambda tokens: tokens.refresh,
    "expired": expired,
    "tampered": tampered,
    "signature cut": lambda tokens: tokens.access[:-4],
    "alg none": without_signature,
    "another algorithm": lambda tokens: by_hand(tokens, ACCESS._keys()[0] * 2, "HS512"),
    "another audience": lambda tokens: signed(other(audience="staff-api"), tokens),
    "several audiences": lambda tokens: signed(other(audience=[ACCESS.audience, "x"]), tokens),
    "another issuer": lambda tokens: signed(other(issuer="staff"), tokens),
    "another kind": lambda tokens: signed(other(name="customer-refresh+jwt"), tokens),
    "another kind by its header": lambda tokens: by_hand(tokens, ACCESS._keys()[0], typ="JWT"),
    "an unknown key": lambda tokens: signed(other(secrets=lambda: ["unknown " * 8]), tokens),
    "an unknown key id": lambda tokens: by_hand(tokens, ACCESS._keys()[0], kid="x"),
    "no key id": lambda tokens: by_hand(tokens, ACCESS._keys()[0], kid=None),
    "our key id, another key": lambda tokens: by_hand(tokens, settings.SECRET_KEY),
    "the secret itself": lambda tokens: by_hand(tokens, settings.PORTAL_SIGNING_KEY),
    "signed as staff's are": lambda tokens: signed(STAFF, tokens, user=tokens.session.customer_id),
    "staff's own": staff_of_the_same_id,
    "a token of staff": staff_token,
    "no such session": lambda tokens: signed(ACCESS, tokens, session="00000000-0000-0000-0000-000000000000"),
    "no id of a session": lambda tokens: signed(ACCESS, tokens, session="1 OR 1=1"),
    "somebody else's session": lambda tokens: signed(ACCESS, tokens, customer=CustomerFactory.create().pk),
    "an id as text": lambda tokens: signed(ACCESS, tokens, customer=str(tokens.session.customer_id)),
    "a boolean as id": lambda tokens: signed(ACCESS, tokens, customer=True),
}
# What ends a log-in, or keeps its customer out.
ENDED: dict[str, Callable[[Tokens], object]] = {
    "revoked": lambda tokens: CustomerSession.objects.update(revoked_at=timezone.now()),
    "over": lambda tokens: CustomerSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1)),
    "deactivated": lambda tokens: Customer.objects.update(is_active=False),
    "anonymised": lambda tokens: Customer.objects.update(anonymized_at=timezone.now()),
}


def everywhere(here: World, client: Callable[[], Api]) -> dict[tuple[str, str], Any]:
    """Return what each address that is customers' answers."""
    answers = {}
    for path, method in CUSTOMERS:
        with transaction.atomic():  # what one of them changes is no matter of the next
            ask = getattr(client(), method)
            body: tuple[Any, ...] = () if method == "get" else ({},)
            answers[path, method] = ask(here.address(f"/api/v1/{path}"), *body)
            transaction.set_rollback(True)
    return answers


def assert_nobody(answers: dict[tuple[str, str], Any], code: str) -> None:
    for response in answers.values():
        assert response["WWW-Authenticate"] == "Bearer"
    assert {refused(response) for response in answers.values()} == {(401, code)}


@pytest.mark.parametrize("kind", TOKENS)
def test_whoever_sends_what_is_no_token_of_a_customer_is_nobody(here, tokens, kind):
    token = TOKENS[kind](tokens)
    assert_nobody(everywhere(here, lambda: bearer(token)), "authentication_failed")


@pytest.mark.parametrize("kind", ENDED)
def test_a_token_is_worth_nothing_once_its_log_in_is_over(here, tokens, kind):
    ENDED[kind](tokens)
    assert_nobody(everywhere(here, lambda: bearer(tokens.access)), "authentication_failed")


@pytest.mark.parametrize("scheme", ["", "Basic {}", "Token {}", "{}"])
def test_whoever_shows_nothing_is_nobody(here, tokens, scheme):
    headers = {"authorization": scheme.format(tokens.access)} if scheme else {}
    assert_nobody(everywhere(here, lambda: Api(headers=headers)), "not_authenticated")


def test_staff_who_are_logged_in_to_the_admin_are_nobody_here(here):
    User.objects.filter(pk=here.customer.pk).delete()
    staff = UserFactory.create(id=here.customer.pk, role="SUPERADMIN")
    client = Api()
    client.force_login(staff)
    assert client.get("/admin/").status_code == 200
    assert_nobody(everywhere(here, lambda: client), "not_authenticated")


@pytest.mark.parametrize("kind", ["a refresh token", "tampered", "alg none", "a token of staff", "expired"])
def test_a_cookie_that_is_no_access_token_is_nobody_either(here, tokens, kind):
    def client() -> Api:
        browser = Api()
        browser.cookies["customer_access"] = TOKENS[kind](tokens)
        return browser

    assert_nobody(everywhere(here, client), "authentication_failed")


def test_a_customer_is_let_in_everywhere(here):
    def client() -> Api:  # a log-in for each, since some of them end it
        return bearer(session_begin(customer=here.customer, user_agent="tests", ip="").access)

    statuses = {key: response.status_code for key, response in everywhere(here, client).items()}
    assert {key: status for key, status in statuses.items() if status in (401, 403, 404, 405) or status >= 500} == {}


def test_what_is_public_looks_at_no_token(here, tokens):
    for path, methods in PUBLIC.items():
        if "get" in methods:
            address = here.address(f"/api/v1/{path}")
            assert bearer("x").get(address).status_code == Api().get(address).status_code, path


@pytest.mark.parametrize("address", ["/admin/", "/admin/customers/customer/", "/admin/accounts/user/"])
def test_a_customer_is_nobody_in_the_admin(here, tokens, address):
    UserFactory.create(role="SUPERADMIN")
    for client in (Client(headers={"authorization": f"Bearer {tokens.access}"}), Client()):
        client.cookies["customer_access"] = client.cookies["sessionid"] = tokens.access
        response = client.get(address)
        assert (response.status_code, response["Location"]) == (302, f"/admin/login/?next={address}")


def others(here: World) -> dict[str, Any]:
    """Return what somebody else has, by the place of its id in an address."""
    stranger = CustomerFactory.create()
    return {
        "order_id": OrderFactory.create(restaurant=here.restaurant, customer=stranger).pk,
        "reservation_id": ReservationFactory.create(restaurant=here.restaurant, customer=stranger).pk,
        "session_id": session_begin(customer=stranger, user_agent="", ip="").session.pk,
    }


NOTHING = {"order_id": 2**31 - 1, "reservation_id": 2**31 - 1, "session_id": "00000000-0000-0000-0000-000000000000"}


def test_what_is_somebody_elses_is_not_there(here, tokens):
    client, theirs = bearer(tokens.access), others(here)
    owned = [(path, method) for path, method in CUSTOMERS if "{" in path]
    assert len(owned) >= 2
    for path, method in owned:
        ask = getattr(client, method)
        answers = [problem(ask(path.format(**ids), {}, headers={"If-Match": "*"})) for ids in (theirs, NOTHING)]
        assert answers[0] == answers[1], path
        assert (answers[0]["status"], answers[0]["code"]) == (404, "not_found"), path
