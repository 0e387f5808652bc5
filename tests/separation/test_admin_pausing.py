"""A superadmin pauses a run in the admin and lets it go on; nobody else can, and no link does it."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection
from django.test import Client

from accounts.models import User
from separation.lock import _KEY
from separation.models import Run
from tests.factories import RunFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    """A run that is under way."""
    return RunFactory.create(state=Run.RUNNING, finished_at=None)


@pytest.fixture
def worker() -> Iterator[None]:
    """A session that shares in it."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as other:
        other.execute("SELECT pg_advisory_lock_shared(%s)", [_KEY])
        yield


def log_in(client: Client, role: str) -> User:
    user = UserFactory.create(role=role)
    client.force_login(user)
    return user


def answer(client: Client, run: Run, request: str) -> tuple[int, list[str]]:
    """Press the button; return the status and what the page then says."""
    pressed = client.post(f"/admin/separation/run/{run.pk}/ask/", {"request": request})
    if pressed.status_code != 302:
        return pressed.status_code, []
    shown = client.get(pressed["Location"])
    return shown.status_code, [str(message) for message in shown.context["messages"]]


def test_pause_and_go_on(client: Client, run: Run, worker: None) -> None:
    root = log_in(client, User.Role.SUPERADMIN)

    assert answer(client, run, "pause") == (200, [f"Run {run.pk} pauses once its workers have finished their chunks."])
    run.refresh_from_db()
    assert (run.request, run.requested_by) == ("pause", f"user {root.pk} in the admin")
    page = client.get(f"/admin/separation/run/{run.pk}/change/").content.decode()
    assert f"Pause asked for, by user {root.pk} in the admin at " in page
    assert "Go on" in page

    assert answer(client, run, "") == (200, [f"Run {run.pk} goes on."])
    run.refresh_from_db()
    assert run.request == ""


def test_without_workers_there_is_nobody_to_ask(client: Client, run: Run) -> None:
    log_in(client, User.Role.SUPERADMIN)

    assert answer(client, run, "pause") == (200, ["No execute is under way, so there is nobody to ask."])


def test_what_is_no_request_is_refused(client: Client, run: Run, worker: None) -> None:
    log_in(client, User.Role.SUPERADMIN)

    assert answer(client, run, "abort") == (400, [])


def test_an_admin_is_refused(client: Client, run: Run, worker: None) -> None:
    log_in(client, User.Role.ADMIN)

    assert answer(client, run, "pause") == (403, [])


def test_a_link_does_nothing(client: Client, run: Run, worker: None) -> None:
    log_in(client, User.Role.SUPERADMIN)

    assert client.get(f"/admin/separation/run/{run.pk}/ask/?request=pause").status_code == 405


def test_a_run_that_is_over_has_no_button(client: Client) -> None:
    log_in(client, User.Role.SUPERADMIN)
    over = RunFactory.create()

    page = client.get(f"/admin/separation/run/{over.pk}/change/").content.decode()

    assert f"/admin/separation/run/{over.pk}/ask/" not in page
