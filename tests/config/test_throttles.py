"""What is counted, and for how long one has to wait; the table holds no address."""

from datetime import timedelta

import pytest
from django.db.models import F

from config.throttles import TooManyRequests, attempt_begin, attempts_forget, throttle
from customers.models import RequestThrottle

pytestmark = pytest.mark.django_db


def later(seconds):
    """Let so many seconds have passed."""
    gone = timedelta(seconds=seconds)
    RequestThrottle.objects.update(expires_at=F("expires_at") - gone, blocked_until=F("blocked_until") - gone)


def waits(function, *args, **options):
    """Return for how long one has to wait, 0 if not at all."""
    try:
        function(*args, **options)
    except TooManyRequests as error:
        return int(error.headers["Retry-After"])
    return 0


def ask(key="ada@example.org"):
    return waits(throttle, "reset", key, limit=2, seconds=60)


def test_so_many_are_let_through_until_the_time_is_over():
    assert [ask(), ask()] == [0, 0]
    assert 1 <= ask() <= 60
    assert ask("bob@example.org") == 0
    assert waits(throttle, "register", "ada@example.org", limit=2, seconds=60) == 0
    later(61)
    assert [ask(), ask(), ask() > 0] == [0, 0, True]


def test_what_is_counted_cannot_be_read_in_the_table(settings):
    ask()
    first = RequestThrottle.objects.get()
    assert len(first.key) == 64
    assert "example.org" not in str(list(RequestThrottle.objects.values()))
    settings.PORTAL_SIGNING_KEY = "another key " * 6
    ask()
    assert RequestThrottle.objects.exclude(key=first.key).count() == 1


def test_rows_that_are_over_go_as_others_come():
    for name in "abcde":
        ask(name)
    later(61)
    ask("f")
    ask("f")
    assert RequestThrottle.objects.count() == 2


def test_after_five_failures_each_makes_the_wait_twice_as_long():
    def fail():
        return waits(attempt_begin, "login", "ada@example.org")

    assert [fail() for _ in range(6)] == [0, 0, 0, 0, 0, 1]
    seen = []
    for _ in range(12):
        later(3600)
        assert fail() == 0
        seen.append(fail())
    assert seen == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    later(25 * 3600)
    assert [fail() for _ in range(6)] == [0, 0, 0, 0, 0, 1]
    attempts_forget("login", "ada@example.org")
    assert fail() == 0
