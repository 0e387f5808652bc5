"""What machines ask: alive, ready, figures; and what they are told when it is not so."""

from ipaddress import ip_network

import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from config import probes


@pytest.fixture
def client():
    """A machine that calls by address, without the name of the site."""
    return Client(headers={"host": "10.0.0.7:8000"})


def test_alive_needs_no_database_and_no_host_name(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_while_the_database_answers_and_is_migrated(client, db):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.fixture
def no_database(django_db_blocker, monkeypatch):
    """A database that does not exist, behind the default connection."""
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "NAME", "test_nowhere")
    with django_db_blocker.unblock():
        yield
        connection.close()


def test_unready_without_a_database(client, no_database):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        503,
        {"status": "unready", "reason": "the database does not answer"},
    )


def test_unready_while_migrations_are_missing(client, db):
    MigrationRecorder(connection).record_unapplied("customers", "0001_initial")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (
        503,
        "1 migrations are not applied, the first is customers.0001_initial",
    )


def test_unready_for_a_reason_that_is_plugged_in(client, db, monkeypatch):
    monkeypatch.setattr(settings, "READINESS", ["tests.config.test_probes.objection"])
    assert client.get("/readyz").json() == {"status": "unready", "reason": "it rains"}


def objection() -> str:
    return "it rains"


@pytest.mark.parametrize(
    ("networks", "token", "asked", "status"),
    [
        ([], "", {}, 403),
        (["10.0.0.0/8"], "", {"REMOTE_ADDR": "10.1.2.3"}, 200),
        (["10.0.0.0/8"], "", {"REMOTE_ADDR": "11.1.2.3"}, 403),
        (["10.0.0.0/8"], "", {"REMOTE_ADDR": ""}, 403),
        # Through a proxy everybody comes from the proxy.
        (["10.0.0.0/8"], "", {"REMOTE_ADDR": "10.1.2.3", "HTTP_X_FORWARDED_FOR": "10.1.2.3"}, 403),
        ([], "t" * 32, {"HTTP_AUTHORIZATION": "Bearer " + "t" * 32, "HTTP_X_FORWARDED_FOR": "1.2.3.4"}, 200),
        ([], "t" * 32, {"HTTP_AUTHORIZATION": "Bearer " + "t" * 31}, 403),
        ([], "", {"HTTP_AUTHORIZATION": "Bearer "}, 403),
    ],
)
def test_figures_are_for_whom_the_settings_name(client, db, monkeypatch, networks, token, asked, status):
    monkeypatch.setattr(settings, "METRICS_NETWORKS", [ip_network(network) for network in networks])
    monkeypatch.setattr(settings, "METRICS_TOKEN", token)
    assert client.get("/metrics", **asked).status_code == status


def test_the_figures_say_that_the_database_is_gone(client, no_database, monkeypatch):
    monkeypatch.setattr(probes, "_FRESH", 0)
    answer = client.get("/metrics")
    lines = answer.content.decode().splitlines()
    assert answer.status_code == 200
    assert "database_up 0.0" in lines
    assert not [line for line in lines if line.startswith("separation_")]  # separation: line
    assert [line for line in lines if line.startswith("django_http_requests_before_middlewares_total")]


def test_nothing_else_is_answered_without_a_host_name(client, db):
    assert client.get("/admin/").status_code == 400
