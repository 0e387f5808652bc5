"""Tokens and counts under real connections at the same instant: one chain, and not one more than may be."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from config.sessions import token_hash
from config.throttles import TooManyRequests, attempt_begin, throttle
from customers.models import Customer, CustomerProfile, CustomerSession, RequestThrottle
from customers.sessions import LOG_INS, Tokens, session_begin, session_refresh
from customers.tokens import REFRESH
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db
CLIENTS = 8


def at_once(do: Callable[[], Any], clients: int = CLIENTS) -> list[Any]:
    """Do something on as many connections of their own, which begin together and commit; return what each gave."""
    barrier = threading.Barrier(clients, timeout=30)

    def live(_: int) -> Any:
        barrier.wait()
        try:
            return do()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(live, range(clients)))


def refused(do: Callable[[], None]) -> bool:
    try:
        do()
    except TooManyRequests:
        return True
    return False


@pytest.fixture
def tokens() -> Iterator[Tokens]:
    """A log-in that every connection sees, removed afterwards with its customer and all that was counted."""

    def make() -> Tokens:
        return session_begin(customer=CustomerFactory.create(), user_agent="", ip="")

    def forget() -> None:
        CustomerProfile.objects.filter(customer=made.session.customer_id).delete()
        Customer.objects.filter(pk=made.session.customer_id).delete()
        RequestThrottle.objects.all().delete()

    (made,) = at_once(make, 1)
    yield made
    at_once(forget, 1)


def test_many_refreshes_of_one_token_make_one_chain(tokens):
    gave = at_once(lambda: session_refresh(token=tokens.refresh, user_agent="", ip=""))
    assert len({LOG_INS.read(REFRESH, each.refresh).token_id for each in gave}) == 1
    session = CustomerSession.objects.get()
    assert session.token_hash == token_hash(LOG_INS.read(REFRESH, gave[0].refresh).token_id)
    assert session.previous_token_hash == token_hash(LOG_INS.read(REFRESH, tokens.refresh).token_id)
    assert session.revoked_at is None


def test_many_requests_count_together(tokens):
    answers = at_once(lambda: refused(lambda: throttle("reset", "ada", limit=3, seconds=60)))
    assert sorted(answers) == [False] * 3 + [True] * (CLIENTS - 3)


def test_many_guesses_are_no_way_around_the_wait(tokens):
    answers = at_once(lambda: refused(lambda: attempt_begin("login", "ada")))
    assert sorted(answers) == [False] * 5 + [True] * (CLIENTS - 5)
