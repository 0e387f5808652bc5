"""A connection that the server has ended meanwhile is not used for the next request."""

import select
import sys

import pytest
from django.core.signals import request_started
from django.db import connection, connections
from django.db.backends.signals import connection_created

import config.wsgi  # noqa: F401 (what serves requests)
import manage
from config.connections import be_missed, close_lost, is_lost

pytestmark = pytest.mark.django_db
# Over a socket of this machine they read as 0, but who set them is known.
TOLD = "SELECT string_agg(name, ' ' ORDER BY name) FROM pg_settings WHERE name LIKE 'tcp%' AND source = 'session'"
KEEPALIVES = "tcp_keepalives_count tcp_keepalives_idle tcp_keepalives_interval tcp_user_timeout"


@pytest.fixture
def kept(monkeypatch):
    """A connection of its own, as one that was kept for the next request."""
    other = connection.copy()
    other.ensure_connection()
    monkeypatch.setattr(connections, "all", lambda initialized_only: [other])
    yield other
    other.close()


def hung_up(driver):
    """Wait until the end of a connection has come from the server."""
    socket = select.poll()
    socket.register(driver.fileno(), select.POLLIN)
    return bool(socket.poll(60_000))


def test_one_that_is_as_good_as_new_is_kept(kept):
    driver = kept.connection

    close_lost()

    assert kept.connection is driver
    assert not is_lost(driver)


def test_one_that_the_server_ended_is_replaced(kept):
    driver = kept.connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [driver.info.backend_pid])
    assert hung_up(driver)

    close_lost()

    assert kept.connection is None
    with kept.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_one_that_is_closed_on_this_side_is_lost(kept):
    kept.connection.close()

    assert is_lost(kept.connection)


def test_one_in_a_transaction_is_left_to_whoever_began_it(kept):
    kept.in_atomic_block = True
    kept.connection.close()

    close_lost()

    assert kept.connection is not None
    kept.in_atomic_block = False


def test_the_server_is_told_to_miss_this_host_should_it_vanish(kept):
    with kept.cursor() as cursor:
        cursor.execute(TOLD)
        assert cursor.fetchone() == (KEEPALIVES,)


def test_so_it_is_by_every_command(monkeypatch):
    connection_created.disconnect(be_missed)
    monkeypatch.setattr(sys, "argv", ["manage.py", "version"])

    manage.main()

    assert be_missed in [receiver() for _, receiver, *_ in connection_created.receivers]


def test_each_request_that_is_served_begins_with_it():
    assert close_lost in [receiver() for _, receiver, *_ in request_started.receivers]
