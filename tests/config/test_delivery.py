"""Delivery over a real SMTP server: whole mails, valid links, patience with servers, and each mail once."""

import multiprocessing
import os
import signal
from datetime import timedelta
from email.utils import parsedate_to_datetime
from queue import Queue

import pytest
from django.db import connection, transaction
from django.utils import timezone
from post_office.models import STATUS, Email, Log

from config.delivery import TRIES, deliver, gauges, mails_cancel, mails_forget, mails_retry, pause_after
from config.links import link_read
from config.mail import mail_queue

pytestmark = pytest.mark.django_db


def queue(to="anna@example.org", number=7, **more):
    mail_queue(to=to, template="test-hello", context={"name": "Anna", "number": number}, **more)
    return Email.objects.latest("id")


def came_of(email):
    """Return the state of a mail, how often it was tried, and what was said about it."""
    email.refresh_from_db()
    said = list(Log.objects.filter(email=email).order_by("id").values_list("exception_type", "message"))
    return email.get_status_display(), email.number_of_retries, said


def counts(**more):
    done = deliver(at_most=200, **more)
    return done.sent, done.again, done.failed


def soon(email):
    """Let the pause of a mail, or the lease of a worker, be over."""
    Email.objects.filter(pk=email.pk).update(scheduled_time=timezone.now() - timedelta(seconds=1))


def test_a_mail_arrives_whole_with_links_that_work(hello, smtp, settings):
    settings.DEFAULT_FROM_EMAIL, settings.PORTAL_URL = "mail@restaurants.example", "https://restaurants.example"
    email = queue(sender="مطعم «Bella»", reply_to="hello@bella.example")
    assert counts() == (1, 0, 0)
    ((recipients, mail),) = smtp.received
    assert recipients == ["anna@example.org"]
    headers = {name: str(mail[name]) for name in ("From", "To", "Subject", "Reply-To", "Auto-Submitted", "Message-ID")}
    assert headers == {
        "From": "مطعم «Bella» <mail@restaurants.example>",
        "To": "anna@example.org",
        "Subject": "Hello Anna",
        "Reply-To": "hello@bella.example",
        "Auto-Submitted": "auto-generated",
        "Message-ID": email.message_id,
    }
    text, html = (part.get_content() for part in mail.iter_parts())
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    (address,) = [word for word in text.split() if word.startswith("https://")]
    assert html.count(address) == 2
    assert "link.invalid" not in text + html
    base, _, token = address.rpartition("/")
    assert base == "https://restaurants.example/test"
    assert link_read("test-link", token) == {"number": "7", "to": "anna@example.org"}
    assert came_of(email) == ("sent", 1, [])
    assert (email.message, email.html_message, email.context) == ("", "", None)
    assert counts() == (0, 0, 0)


def test_files_are_made_at_delivery_of_what_is_so_then(hello, notes, smtp):
    email = queue(files=[("test-note", 7), ("test-note", 8)])
    assert email.context["files"] == [["test-note", "7"], ["test-note", "8"]]
    assert list(email.attachments.all()) == []
    notes["8"] = "Grüße an"
    assert counts() == (1, 0, 0)
    ((_, mail),) = smtp.received
    (note,) = mail.iter_attachments()
    assert (note["Content-Type"], note["Content-Disposition"], note.get_content()) == (
        'text/x-note; a="b"; charset="utf-8"',
        'attachment; filename="note.txt"',
        "Grüße an anna@example.org",
    )
    assert came_of(email) == ("sent", 1, [])


def test_what_is_rolled_back_never_goes_out(hello, smtp):
    with transaction.atomic():
        queue()
        transaction.set_rollback(True)
    assert counts() == (0, 0, 0)
    assert smtp.received == []


def test_a_mail_that_makes_no_sense_any_more_is_given_up_and_says_so(hello, smtp):
    hello["7"] = None
    email = queue()
    assert counts() == (0, 0, 1)
    assert came_of(email) == ("failed", 1, [("Pointless", "What the mail was about is over: nothing was sent.")])
    assert (smtp.received, email.message, email.context) == ([], "", None)


def test_mail_to_an_address_that_nobody_can_have_is_handed_to_no_server(hello, smtp):
    email = queue(to="journey-1@check.invalid")
    assert counts() == (0, 0, 1)
    assert smtp.received == []
    assert came_of(email) == ("failed", 1, [("Pointless", "Nobody can have that address: nothing was sent.")])


def test_a_mail_that_comes_too_late_is_given_up(hello, smtp):
    email = queue(expires_at=timezone.now() - timedelta(seconds=1))
    in_time = queue(expires_at=timezone.now() + timedelta(hours=1))
    assert counts() == (1, 0, 1)
    assert came_of(email) == ("failed", None, [("Expired", "It could not be sent in time.")])
    assert came_of(in_time) == ("sent", 1, [])
    ((_, mail),) = smtp.received
    assert parsedate_to_datetime(mail["Expires"]) == in_time.expires_at.replace(microsecond=0)


def test_while_the_server_is_away_no_mail_is_tried_and_none_is_lost(hello, smtp):
    first, second = queue(), queue("bert@example.org")
    smtp.stop()
    for _ in range(TRIES + 1):
        done = deliver(at_most=200)
        assert (done.total, done.unreachable) == (0, "ConnectionRefusedError: [Errno 111] Connection refused")
    assert came_of(first) == ("queued", None, [])
    smtp.start()
    assert counts() == (2, 0, 0)
    assert [recipients for recipients, _ in smtp.received] == [["anna@example.org"], ["bert@example.org"]]
    assert came_of(second) == ("sent", 1, [])


def test_a_server_that_goes_away_in_between_costs_one_try_at_most(hello, smtp, monkeypatch):
    queue(), queue(), queue()
    smtp.answers["DATA"] = "421 shutting down"
    smtp.on_mail = smtp.stop
    done = deliver(at_most=1)
    smtp.stop()
    rest = deliver(at_most=200)
    assert (done.again, rest.total, rest.unreachable != "") == (1, 0, True)
    assert sorted(Email.objects.values_list("number_of_retries", flat=True), key=str) == [1, None, None]


@pytest.mark.parametrize(
    ("where", "answer", "again"),
    [
        ("anna@example.org", "450 try later, anna@example.org is busy", True),
        ("anna@example.org", "550 no such user anna@example.org", False),
        ("DATA", "451 greylisted, come back", True),
        ("DATA", "554 looks like spam", False),
    ],
)
def test_what_the_server_refuses_for_now_is_tried_again_and_for_good_is_not(hello, smtp, where, answer, again, caplog):
    email, other = queue(), queue("bert@example.org") if where != "DATA" else None
    smtp.answers[where] = answer
    before = timezone.now()
    done = deliver(at_most=200)
    assert (done.again, done.failed, done.sent) == (int(again), int(not again), int(other is not None))
    state, tries, ((_, said),) = came_of(email)
    assert (state, tries, said) == (
        "requeued" if again else "failed",
        1,
        answer.replace("anna@example.org", "an***@ex***.org"),
    )
    assert [record.getMessage() for record in caplog.records] == [f"Mail {email.pk} was not sent (try 1): {said}"]
    assert email.message != ""
    if again:
        assert timedelta(seconds=59) < email.scheduled_time - before < timedelta(seconds=80)
        assert counts() == (0, 0, 0)
        del smtp.answers[where]
        soon(email)
        assert counts() == (1, 0, 0)
        assert came_of(email)[:2] == ("sent", 2)


def test_pauses_grow_and_end():
    minutes = [pause_after(tries).total_seconds() / 60 for tries in range(1, TRIES)]
    assert minutes == [1, 4, 16, 64, 256, 360, 360, 360, 360, 360, 360]
    assert timedelta(hours=40) < timedelta(minutes=sum(minutes)) < timedelta(hours=48)


def test_the_last_try_is_the_last(hello, smtp):
    email = queue()
    smtp.answers["DATA"] = "451 no"
    Email.objects.filter(pk=email.pk).update(number_of_retries=TRIES - 1)
    assert counts() == (0, 0, 1)
    assert came_of(email)[:2] == ("failed", TRIES)
    assert mails_retry(Email.objects.all()) == 1
    assert came_of(email)[:2] == ("queued", 0)


def test_a_mail_that_cannot_be_made_is_given_up_and_keeps_nobody_waiting(hello, smtp):
    broken, fine = queue(), queue("bert@example.org")
    Email.objects.filter(pk=broken.pk).update(from_email="two\nlines@example.org")
    assert counts() == (1, 0, 1)
    assert came_of(broken)[0] == "failed"
    assert came_of(fine)[0] == "sent"


def test_only_what_can_still_be_sent_is_queued_again(hello, smtp):
    hello["7"] = None
    pointless, cancelled, sent = queue(), queue(number=8), queue(number=9)
    Email.objects.filter(pk=cancelled.pk).update(scheduled_time=timezone.now() + timedelta(days=1))
    deliver(at_most=200)
    assert mails_cancel(why="Because.") == 1
    assert came_of(cancelled) == ("failed", None, [("Cancelled", "Because.")])
    assert mails_retry(Email.objects.all()) == 0
    assert [came_of(email)[0] for email in (pointless, cancelled, sent)] == ["failed", "failed", "sent"]


def test_what_is_over_is_deleted_after_a_while_and_nothing_else(hello, smtp):
    old, recent, waiting = queue(), queue(), queue()
    month = timedelta(days=31)
    Email.objects.filter(pk=old.pk).update(status=STATUS.failed, last_updated=timezone.now() - month)
    Log.objects.create(email=old, status=STATUS.failed, message="no")
    Email.objects.filter(pk=recent.pk).update(status=STATUS.sent)
    Email.objects.filter(pk=waiting.pk).update(last_updated=timezone.now() - month)
    assert mails_forget(kept=timedelta(days=30)) == 1
    assert list(Email.objects.order_by("id")) == [recent, waiting]
    assert Log.objects.count() == 0


def test_a_worker_that_is_asked_to_stop_ends_after_the_mail_it_is_at(hello, smtp):
    queue(), queue()
    assert counts(stopped=lambda: bool(smtp.received)) == (1, 0, 0)
    assert list(Email.objects.order_by("id").values_list("number_of_retries", flat=True)) == [1, None]


def test_figures_of_the_queue(hello, smtp):
    def figures():
        return {metric.name: metric.samples[0].value for metric in gauges()}

    assert figures() == {"mail_waiting": 0, "mail_waiting_age_seconds": 0, "mail_given_up": 0}
    late, waiting = queue(expires_at=timezone.now() - timedelta(seconds=1)), queue(number=8)
    smtp.answers["DATA"] = "451 later"
    deliver(at_most=200)
    Email.objects.filter(pk=waiting.pk).update(created=timezone.now() - timedelta(hours=1))
    found = figures()
    assert 3600 <= found.pop("mail_waiting_age_seconds") < 3700
    assert found == {"mail_waiting": 1, "mail_given_up": 1}
    Email.objects.filter(pk=late.pk).update(last_updated=timezone.now() - timedelta(hours=25))
    assert figures()["mail_given_up"] == 0


def in_a_process(work):
    """Start a process that does WORK on a connection of its own."""

    def live():
        left_alone.append(connection.connection)
        connection.connection = None
        work()

    left_alone: list[object] = []
    process = multiprocessing.get_context("fork").Process(target=live)
    process.start()
    return process


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_each_mail_once(hello, smtp):
    for number in range(60):
        queue(f"guest{number}@example.org", number)
    workers = [in_a_process(lambda: deliver(at_most=200)) for _ in range(3)]
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert sorted(recipients for recipients, _ in smtp.received) == sorted([f"guest{n}@example.org"] for n in range(60))
    assert set(Email.objects.values_list("status", "number_of_retries")) == {(STATUS.sent, 1)}


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_after_the_server_took_the_mail_costs_one_duplicate_with_one_id(hello, smtp):
    email = queue()
    started = Queue[int]()
    smtp.on_mail = lambda: os.kill(started.get(timeout=60), signal.SIGKILL)
    worker = in_a_process(lambda: deliver(at_most=200))
    started.put(worker.pid)
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL
    smtp.on_mail = lambda: None
    assert (counts(), came_of(email)) == ((0, 0, 0), ("requeued", 1, []))
    soon(email)
    assert (counts(), came_of(email)) == ((1, 0, 0), ("sent", 2, []))
    assert [str(mail["Message-ID"]) for _, mail in smtp.received] == [email.message_id] * 2
    assert counts() == (0, 0, 0)


def test_a_mail_at_which_every_worker_dies_is_given_up(hello, smtp):
    email = queue()
    Email.objects.filter(pk=email.pk).update(status=STATUS.requeued, number_of_retries=TRIES)
    soon(email)
    assert counts() == (0, 0, 1)
    assert came_of(email) == ("failed", TRIES, [("Interrupted", f"Workers ended {TRIES} times while they sent it.")])
