"""Every address of the staff's API, and everybody who may ask: who gets in where, what is another restaurant's, and
what is no token of staff's. The addresses are those of the URL conf, so none can be forgotten.
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
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.models import StaffSession, User
from accounts.sessions import ACCESS, Tokens, session_begin
from config.tokens import TokenKind, portal_secrets
from customers.sessions import session_begin as customer_session_begin
from menus.models import UnitOfMeasure
from tests.api import Api, problem, refused
from tests.backoffice.staff_api import PRINCIPALS, Place, as_staff, people, place
from tests.factories import CustomerFactory, UserFactory

pytestmark = pytest.mark.django_db
PUBLIC = [("auth/login", "post"), ("auth/refresh", "post")]
DOCUMENTS = {"schema", "docs", "redoc"}
METHODS = ("get", "post", "put", "patch", "delete")
# What has to be said beside the address.
ASKED = {"restaurants/{slug}/guests": "?phone=5500"}

# By what each address answers to nobody (who works nowhere), staff, a manager, the owner, an admin and a superadmin
# about what is theirs; and to staff and the owner about what is another restaurant's. Whoever writes sends an empty
# body and no If-Match.
ONESELF = "401 200 200 200 200 200", "200 200"
STAFFS = "401 200 200 200 200 200", "404 404"
STAFFS_TO_WRITE = "401 400 400 400 400 400", "404 404"
STAFFS_WITH_VERSION = "401 428 428 428 428 428", "404 404"
MANAGERS = "401 403 200 200 200 200", "403 404"
MANAGERS_TO_WRITE = "401 403 400 400 400 400", "403 404"
MANAGERS_WITH_VERSION = "401 403 428 428 428 428", "403 404"
EXPECTED: dict[tuple[str, str], tuple[str, str]] = {
    ("auth/logout", "post"): ("401 204 204 204 204 204", "204 204"),
    ("auth/logout-all", "post"): ("401 204 204 204 204 204", "204 204"),
    ("me", "get"): ONESELF,
    ("me/sessions", "get"): ONESELF,
    ("me/sessions/{session_id}", "delete"): ("401 404 404 404 404 404", "404 404"),
    ("restaurants", "get"): ONESELF,
    ("restaurants/{slug}", "get"): STAFFS,
    ("restaurants/{slug}", "patch"): ("401 403 403 428 428 428", "404 404"),
    ("restaurants/{slug}/day", "get"): STAFFS,
    ("restaurants/{slug}/booking-policy", "get"): STAFFS,
    ("restaurants/{slug}/booking-policy", "patch"): ("401 403 403 428 428 428", "404 404"),
    ("restaurants/{slug}/guests", "get"): STAFFS,
    ("restaurants/{slug}/dishes", "get"): STAFFS,
    ("customers", "get"): ("401 403 200 200 200 200", "403 200"),
    ("customers/{customer_id}", "get"): MANAGERS,
    ("customers/{customer_id}/restaurants/{slug}", "patch"): MANAGERS_WITH_VERSION,
    ("recipes", "get"): ("401 403 200 200 200 200", "403 200"),
    ("recipes", "post"): ("401 400 400 400 400 400", "400 400"),
    ("recipes/{recipe_id}", "get"): MANAGERS,
    ("recipes/{recipe_id}", "patch"): MANAGERS_WITH_VERSION,
    ("recipes/{recipe_id}", "delete"): MANAGERS_WITH_VERSION,
    ("recipes/{recipe_id}/ingredients", "put"): MANAGERS_TO_WRITE,
    ("menus", "get"): ("401 403 200 200 200 200", "403 200"),
    ("menus", "post"): ("401 400 400 400 400 400", "400 400"),
    ("menus/{menu_id}", "get"): MANAGERS,
    ("menus/{menu_id}", "patch"): MANAGERS_WITH_VERSION,
    ("menus/{menu_id}/duplicate", "post"): ("401 403 201 201 201 201", "403 404"),
    ("menus/{menu_id}/publish", "post"): MANAGERS,
    ("menus/{menu_id}/withdraw", "post"): MANAGERS,
    ("menus/{menu_id}/archive", "post"): MANAGERS,
    ("menus/{menu_id}/restore", "post"): MANAGERS,
    ("menus/{menu_id}/order", "put"): MANAGERS_TO_WRITE,
    ("menus/{menu_id}/sections", "post"): MANAGERS_TO_WRITE,
    ("menus/{menu_id}/sections/{section_id}", "patch"): MANAGERS_WITH_VERSION,
    ("menus/{menu_id}/sections/{section_id}", "delete"): MANAGERS_WITH_VERSION,
    ("menus/{menu_id}/sections/{section_id}/items", "post"): MANAGERS_TO_WRITE,
    ("menus/{menu_id}/items/{item_id}", "patch"): MANAGERS_WITH_VERSION,
    ("menus/{menu_id}/items/{item_id}", "delete"): MANAGERS_WITH_VERSION,
    ("reservations", "get"): ONESELF,
    ("reservations", "post"): ("401 400 400 400 400 400", "400 400"),
    ("reservations/{reservation_id}", "get"): STAFFS,
    ("reservations/{reservation_id}", "patch"): STAFFS_WITH_VERSION,
    # The world's bookings are years ahead: who comes today is told to move them first.
    ("reservations/{reservation_id}/seat", "post"): ("401 409 409 409 409 409", "404 404"),
    ("reservations/{reservation_id}/complete", "post"): ("401 409 409 409 409 409", "404 404"),
    ("reservations/{reservation_id}/no-show", "post"): ("401 409 409 409 409 409", "404 404"),
    ("reservations/{reservation_id}/reopen", "post"): ("401 409 409 409 409 409", "404 404"),
    ("reservations/{reservation_id}/cancel", "post"): STAFFS,
    ("orders", "get"): ONESELF,
    ("orders", "post"): ("401 400 400 400 400 400", "400 400"),
    ("orders/{order_id}", "get"): STAFFS,
    ("orders/{order_id}", "patch"): STAFFS_WITH_VERSION,
    ("orders/{order_id}/status", "post"): STAFFS_TO_WRITE,
    ("orders/{order_id}/reopen", "post"): STAFFS,
    ("orders/{order_id}/items", "post"): STAFFS_TO_WRITE,
    ("orders/{order_id}/items/{item_id}", "patch"): STAFFS_WITH_VERSION,
    ("orders/{order_id}/items/{item_id}/status", "post"): STAFFS_TO_WRITE,
    ("integrity", "get"): ("401 403 403 403 403 200", "403 403"),  # separation: line
}


def endpoints(patterns: list[Any] | None = None, before: str = "") -> Iterator[tuple[str, str]]:
    """Give each address of the API, `{name}` in its places, with each method that it has."""
    for pattern in get_resolver("backoffice.urls").url_patterns if patterns is None else patterns:
        path = before + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from endpoints(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path not in DOCUMENTS:
            view = pattern.callback.view_class  # type: ignore[attr-defined]
            yield from ((path, method) for method in METHODS if hasattr(view, method))


def ask(client: Api, where: Place, path: str, method: str) -> Any:
    """Return the answer of an address about a place; what it changes is no matter of the next."""
    with transaction.atomic():
        body: tuple[Any, ...] = () if method == "get" else ({},)
        answer = getattr(client, method)(where.address(path) + ASKED.get(path, ""), *body)
        transaction.set_rollback(True)
    return answer


def test_every_address_is_in_the_table() -> None:
    assert sorted(endpoints()) == sorted([*EXPECTED, *PUBLIC])


def test_each_address_has_one_status_for_each_person(db: None) -> None:
    here, there = place("here"), place("there")
    clients = {name: as_staff(user) for name, user in people(here.restaurant, there.restaurant).items()}
    found = {
        (path, method): tuple(
            " ".join(str(ask(clients[name], where, path, method).status_code) for name in names)
            for where, names in ((here, PRINCIPALS), (there, ("staff", "owner")))
        )
        for path, method in EXPECTED
    }
    assert found == EXPECTED


def test_nobody_reads_a_word_of_another_restaurant(db: None) -> None:
    here, there = place("here"), place("zzsecret")
    shared = here.customer
    shared.restaurants.create(restaurant=there.restaurant, visit_count=777, notes="zzsecret rude")
    here.recipe.ingredients.create(sub_recipe=there.recipe, quantity=1, unit=unit_of(here))
    lists = {path for path, method in EXPECTED if method == "get"}
    for name, user in people(here.restaurant, there.restaurant).items():
        client = as_staff(user)
        answers = [ask(client, here, path, "get") for path in lists if name != "nobody"]
        shown = [answer.content.decode().lower() for answer in answers]
        assert any("zzsecret" in text for text in shown) == (name == "superadmin"), name
        assert any('"visit_count":777,' in text for text in shown) == (name == "superadmin"), name


def unit_of(where: Place) -> Any:
    """Return a unit of measure."""
    return UnitOfMeasure.objects.create(name="gram", user_id=where.menu.user_id)


MOST = 4
# Each with what belongs to one row of it: three queries for a menu, three at most for the bookings of a day.
WHOLE = {"menus/{menu_id}": 6, "restaurants/{slug}/day": 5, "integrity": 7}


def test_reading_takes_four_queries_a_list_however_much_there_is(db: None) -> None:
    with transaction.atomic():
        few = queries_with(1)
        transaction.set_rollback(True)
    many = queries_with(12)
    assert {path: count for path, count in many.items() if count > WHOLE.get(path, MOST)} == {}
    assert many == few


def queries_with(rows: int) -> dict[str, int]:
    here = place(f"here{rows}", rows)
    client = as_staff(people(here.restaurant, place(f"there{rows}").restaurant)["owner"])
    counted = {}
    for path, method in EXPECTED:
        if method == "get" and path != "integrity":
            with CaptureQueriesContext(connection) as queries:
                answer = client.get(here.address(path) + ASKED.get(path, ""))
            assert answer.status_code == 200, (path, answer.content)
            counted[path] = len(queries)
    return counted


# --- What is no token of staff's ---


def signed(kind: TokenKind, tokens: Tokens, **claims: Any) -> str:
    """Return an access token made by another kind, or with other claims."""
    now = timezone.now()
    own = {"user": tokens.session.user_id, "session": str(tokens.session.pk)}
    return kind.encode(own | claims, issued=now, expires=now + timedelta(minutes=15))


def by_hand(tokens: Tokens, key: Any, algorithm: str = "HS256", **header: Any) -> str:
    """Return an access token with its own claims and header, signed with another key or algorithm."""
    claims = jwt.decode(tokens.access, options={"verify_signature": False})
    kept = {name: value for name, value in jwt.get_unverified_header(tokens.access).items() if name != "alg"}
    return jwt.encode(claims, key, algorithm=algorithm, headers=kept | header)


def tampered(tokens: Tokens) -> str:
    """Return the token with another user in it, and the signature it had."""
    head, _, signature = tokens.access.split(".")
    claims = jwt.decode(tokens.access, options={"verify_signature": False}) | {"user": 1}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


def expired(tokens: Tokens) -> str:
    now = timezone.now()
    own = {"user": tokens.session.user_id, "session": str(tokens.session.pk)}
    return ACCESS.encode(own, issued=now - timedelta(hours=1), expires=now - timedelta(seconds=1))


def of_a_customer(tokens: Tokens) -> str:
    """Return what a customer of the same id is given."""
    customer = CustomerFactory.create(id=tokens.session.user_id)
    return customer_session_begin(customer=customer, user_agent="", ip="").access


def of_a_library(tokens: Tokens) -> str:
    """Return what a library of tokens for Django's users makes for this very user."""
    claims = {"token_type": "access", "user_id": tokens.session.user_id, "sub": str(tokens.session.user_id)}
    return jwt.encode(claims | {"exp": timezone.now() + timedelta(minutes=5)}, settings.SECRET_KEY, "HS256")


TOKENS: dict[str, Callable[[Tokens], str]] = {
    "nothing": lambda _: "",
    "no token": lambda _: "x",
    "three parts": lambda _: "a.b.c",
    "a refresh token": lambda tokens: tokens.refresh,
    "expired": expired,
    "tampered": tampered,
    "alg none": lambda tokens: by_hand(tokens, None, "none"),
    "another algorithm": lambda tokens: by_hand(tokens, ACCESS._keys()[0] * 2, "HS512"),
    "another audience": lambda tokens: signed(replace(ACCESS, audience="portal-api"), tokens),
    "another issuer": lambda tokens: signed(replace(ACCESS, issuer="portal"), tokens),
    "another kind": lambda tokens: signed(replace(ACCESS, name="staff-refresh+jwt"), tokens),
    "customers' key": lambda tokens: signed(replace(ACCESS, secrets=portal_secrets), tokens),
    "no key id of ours": lambda tokens: by_hand(tokens, ACCESS._keys()[0], kid="x"),
    "the secret itself": lambda tokens: by_hand(tokens, settings.SECRET_KEY),
    "a customer's token": of_a_customer,
    "a library's token": of_a_library,
    "no such session": lambda tokens: signed(ACCESS, tokens, session="00000000-0000-0000-0000-000000000000"),
    "somebody else's session": lambda tokens: signed(ACCESS, tokens, user=UserFactory.create(role="ADMIN").pk),
    "an id as text": lambda tokens: signed(ACCESS, tokens, user=str(tokens.session.user_id)),
    "a customer's claim": lambda tokens: signed(ACCESS, tokens, user=None, customer=tokens.session.user_id),
}


def test_whoever_sends_what_is_no_token_of_staff_is_nobody_everywhere(db: None) -> None:
    here = place("here")
    tokens = session_begin(user=UserFactory.create(role=User.Role.SUPERADMIN), user_agent="", ip="")
    for kind, make in TOKENS.items():
        client = Api(headers={"authorization": f"Bearer {make(tokens)}"})
        answers = [ask(client, here, path, method) for path, method in EXPECTED]
        assert {refused(answer) for answer in answers} == {(401, "authentication_failed")}, kind
    assert ask(Api(headers={"authorization": f"Bearer {tokens.access}"}), here, "me", "get").status_code == 200


def test_whoever_shows_nothing_or_a_cookie_of_the_admin_is_nobody(db: None) -> None:
    here, admin = place("here"), Api()
    admin.force_login(UserFactory.create(role=User.Role.SUPERADMIN))
    assert admin.get("/admin/").status_code == 200
    for client in (Api(), admin):
        answers = [ask(client, here, path, method) for path, method in EXPECTED]
        assert {refused(answer) for answer in answers} == {(401, "not_authenticated")}
        assert {answer["WWW-Authenticate"] for answer in answers} == {"Bearer"}
    assert not StaffSession.objects.exists()


def test_what_is_another_restaurants_is_answered_as_what_does_not_exist(db: None) -> None:
    here, there = place("here"), place("there")
    client = as_staff(people(here.restaurant, there.restaurant)["owner"])
    for path, method in [each for each in EXPECTED if "_id}" in each[0] and "session_id" not in each[0]]:
        nothing = "staff/" + re.sub(r"\{\w+\}", str(2**31 - 1), path)
        answers = [problem(getattr(client, method)(address, {})) for address in (there.address(path), nothing)]
        assert answers[0] == answers[1], path
