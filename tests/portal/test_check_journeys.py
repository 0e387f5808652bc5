"""`check_journeys` walks a day of everybody through a deployment, says how it went, and leaves nothing."""

import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction

from config.delivery import deliver
from customers.models import Customer
from portal.journeys import run, steps
from portal.journeys.browser import Answer, Browser
from portal.journeys.steps import STEPS, Failed, Journey, Step
from portal.journeys.traces import LOCK, traces_remove
from reservations.models import Reservation
from restaurants.models import Restaurant
from tests.factories import RestaurantFactory, staff_of
from tests.portal.deployment import Rows, all_rows, serving

ALWAYS = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "00:00-24:00")
UNFOLLOWED: set[str] = set()
UNFOLLOWED |= {"separation_undo"}  # followed in phase `dual` only  # separation: line
Check = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture(scope="module")
def deployment(django_db_setup: None) -> Iterator[str]:
    """The address of a deployment, which answers in the transaction of the test that asks."""
    with serving(shared=True) as url:
        yield url


@pytest.fixture(autouse=True)
def casa_lucia(db: None) -> Iterator[None]:
    """A restaurant; whatever a test does, every row stays what it was."""
    staff_of(RestaurantFactory.create(slug="casa-lucia", opening_hours=ALWAYS), "OWNER")
    before = kept()
    yield
    assert kept() == before


def kept() -> Rows:
    return {table: rows for table, rows in all_rows().items() if table not in UNFOLLOWED}


@pytest.fixture
def check(deployment: str, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Run the command there, and return the exit code and what it said, without the times."""
    name = connection.settings_dict["NAME"]

    def walk(*arguments: str, typed: str = f"CHECK {name}", url: str = deployment) -> tuple[int, list[str], list[str]]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))
        out, err = io.StringIO(), io.StringIO()
        code: Any = 0
        try:
            call_command("check_journeys", "--url", url, *arguments, stdout=out, stderr=err, no_color=True)
        except SystemExit as ended:
            code = ended.code
        said = [text.getvalue().replace(deployment, "URL").replace(name, "DATABASE") for text in (out, err)]
        return code, *(
            [re.sub(r"(?<= )[\d.]+ s\b", "… s", re.sub(r" +[\d.]+ s  ", "  ", line)) for line in text.splitlines()]
            for text in said
        )

    return walk


def failing(name: str, error: BaseException) -> tuple[Step, ...]:
    """Return the steps, of which the one of this name does what it does, and then fails."""

    def fail(journey: Journey, taken: Step) -> str:
        taken.take(journey)
        raise error

    return tuple(
        Step(step.who, step.name, lambda journey, step=step: fail(journey, step), step.gate)  # type: ignore[misc]
        if f"{step.who}: {step.name}" == name
        else step
        for step in STEPS
    )


ASKED = [
    "This makes a customer, a guest and a staff user in database 'DATABASE', has them book, and removes all of it.",
    "Type exactly: CHECK DATABASE",
]


def test_a_day_of_everybody(check):
    code, out, err = check()

    assert (code, err) == (0, ASKED), out
    assert [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d|\d+$|(?<=to )\d\d:\d\d", "…", line) for line in out] == [
        "pass  everybody find a free table: casa-lucia, …",
        "pass  staff     log in to the admin",
        "pass  staff     see recipes: none yet",
        "pass  staff     see menus: none yet",
        "pass  staff     see reservations: none yet",
        "pass  staff     see orders: none yet",
        "pass  customer  register",
        "pass  customer  prove the address by the mail's link",
        "pass  customer  log in",
        "pass  customer  see the dashboard",
        "pass  customer  book a table: reservation …",
        "pass  customer  is seen by staff",
        "pass  customer  see the reservation",
        "pass  customer  change it: to …",
        "pass  customer  get its calendar file",
        "pass  customer  cancel it",
        "pass  customer  log out",
        "pass  guest     book a table: reservation …",
        "pass  guest     manage it by the mail's link",
        "pass  staff     log out",
        "pass  everybody everything the check made is gone",
        "All 21 steps pass at URL, on database 'DATABASE', in … s.",
    ]


def test_json(check, monkeypatch):
    monkeypatch.setattr(run, "STEPS", STEPS[:2])
    code, out, _ = check("--json", "--restaurant", "casa-lucia")
    found = json.loads("\n".join(out))
    assert (code, found["ok"], found["url"], found["database"]) == (0, True, "URL", "DATABASE")
    assert set(found) == {"database", "url", "ok", "verdict", "steps"}
    assert [step["step"] for step in found["steps"]] == [
        "find a free table",
        "log in to the admin",
        "everything the check made is gone",
    ]
    assert set(found["steps"][0]) == {"who", "step", "status", "seconds", "detail"}


def test_mail_to_a_real_mailbox_is_waited_for(check, settings, monkeypatch, mailoutbox):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    monkeypatch.setattr("time.sleep", lambda seconds: deliver(at_most=50))

    code, out, _ = check("--email", "ops@example.org")

    assert code == 0, out
    to = [re.sub("[0-9a-f]{16}", "…", address) for mail in mailoutbox for address in mail.to]
    assert to == ["ops+journey-…@example.org"] * 7


def test_mail_that_nobody_sends_is_a_failure(check, monkeypatch):
    monkeypatch.setattr(steps, "PATIENCE", 0.0)
    monkeypatch.setattr(run, "STEPS", [step for step in STEPS if step.name == "register"])
    code, out, _ = check("--email", "ops@example.org")
    said = "fail  customer  register: its mail waits for … s; is python manage.py mail_worker up?"
    assert (code, out[0]) == (1, said)


def test_who_fails_a_step_walks_no_further_and_the_others_go_on(check, monkeypatch):
    monkeypatch.setattr(run, "STEPS", failing("customer: book a table", Failed("as told, by ada@example.org")))

    code, out, _ = check()

    assert code == 1
    assert [line for line in out if not line.startswith("pass")] == [
        "fail  customer  book a table: as told, by ad***@ex***.org",
        "not run  customer  is seen by staff",
        "not run  customer  see the reservation",
        "not run  customer  change it",
        "not run  customer  get its calendar file",
        "not run  customer  cancel it",
        "not run  customer  log out",
        "1 of 21 steps fail at URL, on database 'DATABASE': book a table.",
    ]
    assert sum("guest " in line for line in out if line.startswith("pass")) == 2


def test_after_a_gate_nobody_goes_on(check, monkeypatch):
    monkeypatch.setattr(Browser, "submit", lambda browser, path, form, to="": browser.ask("GET", path))

    code, out, _ = check()

    assert (code, sum(line.startswith("not run") for line in out)) == (1, len(STEPS) - 2)
    assert out[1] == (
        "fail  staff     log in to the admin: the admin lets nobody in whom this database has (it answers 200): "
        "does DATABASE_URL lead to that deployment's database?"
    )


def test_whichever_step_it_ends_at_and_however_nothing_is_left(deployment, monkeypatch):
    """One day is walked: after each step a check ends there, which is then undone for the next."""
    before, journey = kept(), Journey(deployment)
    errors = itertools.cycle([Failed("as told"), OperationalError("gone"), KeyError("slots"), KeyboardInterrupt()])
    ends, expected = [], []
    for step, error in zip(STEPS, errors, strict=False):
        step.take(journey)
        monkeypatch.setattr(run, "STEPS", (replace(step, take=partial(raising, error)),))
        report = run.Report("", "")
        with transaction.atomic():
            with suppress(KeyboardInterrupt):
                run.walk(report, journey, lambda outcome: None)
            ends.append((step.name, [outcome.status for outcome in report.outcomes], kept() == before))
            transaction.set_rollback(True)
        expected.append((step.name, ["pass"] if isinstance(error, KeyboardInterrupt) else ["fail", "pass"], True))
    assert ends == expected
    traces_remove()


def raising(error: BaseException, _: Journey) -> str:
    raise error


def test_ctrl_c_says_that_nothing_is_left(check, monkeypatch):
    monkeypatch.setattr(run, "STEPS", failing("customer: log in", KeyboardInterrupt()))
    code, out, err = check()
    assert (code, err) == (130, [*ASKED, "Interrupted; what the check made is removed."])
    assert out[-1] == "pass  everybody everything the check made is gone"


def test_what_a_killed_check_left_is_removed_by_the_next(check, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(run, "STEPS", failing("guest: book a table", KeyboardInterrupt()))
        killed.setattr(run, "traces_remove", lambda: None)
        assert check()[0] == 130
    assert (Customer.objects.count(), Reservation.objects.count()) == (1, 2)
    monkeypatch.setattr(run, "STEPS", ())

    code, out, err = check()

    left = "An earlier check left 1 users, 1 customers, 2 reservations, 6 mails; they are removed."
    assert (code, err) == (0, [*ASKED, left])
    assert len(out) == 2


def test_what_cannot_be_removed_is_a_failure(check, monkeypatch):
    monkeypatch.setattr(run, "STEPS", STEPS[:2])
    with monkeypatch.context() as broken:
        broken.setattr(run, "traces_remove", lambda: None)
        code, out, _ = check()
    assert (code, out[-2]) == (1, "fail  everybody everything the check made is gone: still there: 1 users")
    check()


def test_without_the_phrase_nothing_is_changed(check):
    code, out, err = check(typed="yes")
    assert (code, out, err) == (4, [], [*ASKED, "The phrase was not given exactly, so nothing was changed."])


def test_two_checks_at_once_are_refused(check):
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        code, out, err = check()
    assert (code, out) == (3, [])
    assert err == ["Refused (one check at a time): Another check works on this database.", "Next: wait for its end"]


@pytest.mark.parametrize("url", ["ftp://restaurants.example", "restaurants.example", "https://"])
def test_what_is_no_address_is_a_usage_fault(check, url):
    with pytest.raises(CommandError, match=r"is no address of a deployment, such as https://"):
        check(url=url)


def test_a_deployment_that_is_not_there(check):
    code, out, err = check(url="http://127.0.0.1:9")
    assert (code, out) == (1, [])
    assert err == ["Error: http://127.0.0.1:9 gives no answer: [Errno 111] Connection refused"]


def test_another_site_is_not_taken_for_a_deployment(check, monkeypatch):
    monkeypatch.setattr(Browser, "ask", lambda *arguments, **options: Answer(200, {}, "<html>Welcome"))
    code, out, _ = check()
    assert (code, out[0]) == (
        1,
        "fail  everybody find a free table: the answer is none of this API (TypeError: 'NoneType' object is not "
        "subscriptable)",
    )


def test_no_restaurant_that_takes_bookings(check):
    Restaurant.objects.update(is_active=False)
    code, out, _ = check()
    Restaurant.objects.update(is_active=True)
    assert (code, out[0]) == (
        1,
        "fail  everybody find a free table: no active restaurant has a free table that can be booked online; name "
        "one with --restaurant SLUG",
    )
