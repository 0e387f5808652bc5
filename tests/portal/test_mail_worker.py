"""The worker: what a round says, when it refuses, and how it ends."""

import multiprocessing
import os
import signal
import time
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone
from post_office.models import STATUS, Email

from portal import worker
from portal.worker import Worker

pytestmark = pytest.mark.django_db


def mail(**columns):
    """Queue a mail as it stands in the table."""
    fields = {"from_email": "mail@restaurants.example", "to": ["anna@example.org"], "subject": "Hi", "message": "Hello"}
    (email,) = Email.objects.bulk_create([Email(**{**fields, "status": STATUS.queued, "priority": 1, **columns})])
    return email


def once(*arguments):
    """Run the command; return its exit code, and what it said without the times, on both streams."""
    out, err = StringIO(), StringIO()
    code = 0
    try:
        call_command("mail_worker", "--once", *arguments, stdout=out, stderr=err)
    except SystemExit as end:
        code = int(str(end.code))
    return code, [line[20:] for line in out.getvalue().splitlines()], err.getvalue()


def test_nothing_is_due(smtp):
    assert once() == (0, ["nothing was due"], "")


def test_what_is_due_is_sent_in_rounds_until_nothing_is(smtp, monkeypatch):
    monkeypatch.setattr(worker, "AT_ONCE", 2)
    for _ in range(3):
        mail()
    assert once() == (0, ["2 sent", "1 sent"], "")
    assert len(smtp.received) == 3


def test_a_line_says_all_that_was_done(smtp):
    smtp.answers |= {"bert@example.org": "450 later", "carl@example.org": "550 never"}
    mail(), mail(to=["bert@example.org"]), mail(to=["carl@example.org"])
    mail(status=STATUS.sent, last_updated=None)
    Email.objects.filter(status=STATUS.sent).update(last_updated=timezone.now() - timedelta(days=31))
    assert once() == (0, ["1 sent, 1 to be tried again, 1 given up, 1 mails deleted"], "")


def test_a_server_that_is_away_is_said_and_fails(smtp):
    mail()
    smtp.stop()
    said = "the mail server is away: ConnectionRefusedError: [Errno 111] Connection refused"
    assert once() == (1, [said], "")


def test_a_database_that_is_away_is_said_and_fails(smtp, monkeypatch):
    def away(**_):
        raise OperationalError("no such host\nfor anna@example.org")

    monkeypatch.setattr(worker, "deliver", away)
    monkeypatch.setattr(connection, "close", lambda: None)
    assert once() == (1, ["the database said: no such host for an***@ex***.org"], "")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            *("HAS_MAIL_SERVER", False),
            "Refused (mail): EMAIL_URL does not say by which server mail is sent.\n"
            "Next: set EMAIL_URL: see .env.example\n",
        ),
        (
            *("EMAIL_BACKEND", "anymail.backends.postmark.EmailBackend"),
            "Refused (mail): EMAIL_URL says too little: You must set ANYMAIL = {'POSTMARK_SERVER_TOKEN': ...} or "
            "ANYMAIL_POSTMARK_SERVER_TOKEN or POSTMARK_SERVER_TOKEN in your Django settings\n"
            "Next: set EMAIL_URL: see .env.example\n",
        ),
        (
            *("PORTAL_URL", ""),
            "Refused (mail): PORTAL_URL does not say where links in mails lead.\n"
            "Next: set PORTAL_URL: see .env.example\n",
        ),
    ],
)
def test_without_its_settings_it_refuses(smtp, settings, name, value, said):
    setattr(settings, name, value)
    mail()
    assert once() == (3, [], said)
    assert smtp.received == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
@pytest.mark.django_db(transaction=True)
def test_it_works_until_it_is_ended(smtp, number, code):
    mail()

    def live():
        left_alone.append(connection.connection)
        connection.connection = None
        call_command("mail_worker", stdout=StringIO())

    left_alone: list[object] = []
    process = multiprocessing.get_context("fork").Process(target=live)
    process.start()
    while not Email.objects.filter(status=STATUS.sent).exists():
        time.sleep(0.02)
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join(30)
    assert process.exitcode == code


def test_it_waits_longer_and_longer_for_a_server_that_is_away(smtp, monkeypatch):
    smtp.stop()
    mail()
    waits: list[float] = []
    works = Worker(lambda text: None)

    def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 7:
            works.stop()
        if len(waits) == 6:
            smtp.start()

    monkeypatch.setattr(works, "_sleep", sleep)
    works.run()
    assert waits == [6, 12, 24, 48, 60, 60, 3]


def test_whoever_knows_the_package_gets_the_same_worker(smtp):
    mail()
    out = StringIO()
    call_command("send_queued_mail", stdout=out)
    assert out.getvalue()[20:] == "1 sent\n"
    assert len(smtp.received) == 1
