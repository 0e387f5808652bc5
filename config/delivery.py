"""Sends what `config/mail.py` queued, by whatever EMAIL_URL names.

A worker takes a mail by a short transaction that counts the try and keeps others away for LEASE, sends it with no
transaction open, and writes down what came of it. So two workers never send one mail, and a worker that dies between
the server's answer and its own record leaves a mail that is sent once more when the lease ends: with the same
Message-ID, by which receivers can tell.
"""

import logging
import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from anymail.exceptions import AnymailInvalidAddress, AnymailRecipientsRefused, AnymailUnsupportedFeature
from django.core.mail import EmailMessage, get_connection
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Q, QuerySet
from django.db.models.functions import Now
from post_office.models import STATUS, Email, Log
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from config.attachments import attachment_for
from config.links import link_for
from config.masking import scrub

_log = logging.getLogger(__name__)

# Longer than a server can take over one mail: EMAIL_TIMEOUT holds for each of a handful of answers.
LEASE = timedelta(minutes=5)
# With the pauses between them, almost two days.
TRIES = 12
_LONGEST_PAUSE = timedelta(hours=6)
# What is reserved for names that cannot exist (RFC 2606): a server would only send such a mail back.
NOBODYS = ".invalid"
_WAITING = Q(status__in=(STATUS.queued, STATUS.requeued))
_DUE = _WAITING & (Q(scheduled_time=None) | Q(scheduled_time__lte=Now()))
# What a mail says is of no use any more once it is sent, or will never be.
_EMPTIED: dict[str, Any] = {"message": "", "html_message": "", "context": None}
_FINAL = (AnymailRecipientsRefused, AnymailInvalidAddress, AnymailUnsupportedFeature, ValueError)


@dataclass
class Delivered:
    """What a round came to: mails sent, to be tried again, and given up; and why no server was there, if none was."""

    sent: int = 0
    again: int = 0
    failed: int = 0
    unreachable: str = ""

    @property
    def total(self) -> int:
        """How many mails there were."""
        return self.sent + self.again + self.failed


class _Pointless(Exception):
    """The mail is not sent any more."""


def deliver(*, at_most: int, stopped: Callable[[], bool] = lambda: False) -> Delivered:
    """Send what is due, AT_MOST so many or until STOPPED says so; return what came of it.

    No mail counts as tried while no connection to the server can be opened: it loses nothing by being away.
    """
    done = Delivered(failed=_give_up())
    if not Email.objects.filter(_DUE).exists():
        return done
    with _closing(get_connection()) as server:
        while done.total < at_most and not stopped():
            try:
                server.open()
            except Exception as error:  # a server, a network, a provider: anything may be wrong
                done.unreachable = reason_of(error)
                break
            email = _take()
            if email is None:
                break
            _send(email, server, done)
    return done


def pause_after(tries: int) -> timedelta:
    """Return how long a mail waits after its TRIES-th failure: a minute, then four times as long each, at most 6 h."""
    return min(timedelta(minutes=4 ** (tries - 1)), _LONGEST_PAUSE)


def mails_cancel(*, why: str) -> int:
    """Give up every mail that is still to be sent; say WHY on each; return how many."""
    return _give_up_all(_WAITING, "Cancelled", why)


def mails_retry(mails: QuerySet[Email]) -> int:
    """Queue those of MAILS again that were given up and can still be sent; return how many."""
    return int(
        mails.filter(status=STATUS.failed)
        .exclude(message="")
        .update(status=STATUS.queued, number_of_retries=0, scheduled_time=None, last_updated=Now())
    )


def mails_forget(*, kept: timedelta) -> int:
    """Delete the mails that were sent or given up longer than KEPT ago, a thousand at a time; return how many."""
    deleted = 0
    over = Email.objects.filter(status__in=(STATUS.sent, STATUS.failed), last_updated__lt=Now() - kept)
    while ids := list(over.values_list("pk", flat=True)[:1000]):
        deleted += Email.objects.filter(pk__in=ids).delete()[1].get("post_office.Email", 0)
    return deleted


def gauges() -> list[Metric]:
    """Return the figures of the queue, for /metrics."""
    age = ExpressionWrapper(Now() - F("created"), output_field=DurationField())
    waiting = Email.objects.filter(_WAITING).aggregate(count=Count("pk"), age=Max(age))
    given_up = Email.objects.filter(status=STATUS.failed, last_updated__gte=Now() - timedelta(days=1)).count()
    seconds = waiting["age"].total_seconds() if waiting["age"] else 0
    return [
        GaugeMetricFamily("mail_waiting", "Mails that are still to be sent.", value=waiting["count"]),
        GaugeMetricFamily("mail_waiting_age_seconds", "Age of the oldest of them.", value=seconds),
        GaugeMetricFamily("mail_given_up", "Mails that were given up in the last 24 hours.", value=given_up),
    ]


def reason_of(error: Exception) -> str:
    """Return what ERROR says, fit for the log and the admin: without addresses and secrets."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
        text = f"{code} {_text(said)}"
    elif isinstance(error, smtplib.SMTPResponseException):
        text = f"{error.smtp_code} {_text(error.smtp_error)}"
    else:
        text = f"{type(error).__name__}: {error}"
    return scrub(" ".join(text.split()))[:500]


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


@contextmanager
def _closing(server: Any) -> Iterator[Any]:
    try:
        yield server
    finally:
        _close(server)


def _close(server: Any) -> None:
    """Close the connection to SERVER, which may be gone already: that says nothing about any mail."""
    with suppress(Exception):
        server.close()


def _take() -> Email | None:
    """Return the next mail that is due, and keep every other worker from it for as long as the lease holds."""
    with transaction.atomic():
        due = Email.objects.select_for_update(skip_locked=True).filter(_DUE).order_by("-priority", "pk")
        email: Email | None = due.first()
        if email is not None:
            email.number_of_retries = (email.number_of_retries or 0) + 1
            Email.objects.filter(pk=email.pk).update(
                status=STATUS.requeued,
                number_of_retries=email.number_of_retries,
                scheduled_time=Now() + LEASE,
                last_updated=Now(),
            )
    return email


def _send(email: Email, server: Any, done: Delivered) -> None:
    """Send one mail that was taken, and write down what came of it."""
    try:
        server.send_messages([_message(email)])
    except _Pointless as error:
        done.failed += 1
        _failed(email, "Pointless", f"{error}: nothing was sent.", **_EMPTIED)
    except (OperationalError, InterfaceError):
        raise  # ours, not the server's: the lease ends, and the mail is tried again
    except Exception as error:  # whatever a server, a network or a provider may answer
        _close(server)
        final = _is_final(error) or email.number_of_retries >= TRIES
        done.failed += final
        done.again += not final
        _log.warning("Mail %s was not sent (try %s): %s", email.pk, email.number_of_retries, reason_of(error))
        changes = (
            {} if final else {"status": STATUS.requeued, "scheduled_time": Now() + pause_after(email.number_of_retries)}
        )
        _failed(email, type(error).__name__, reason_of(error), **changes)
    else:
        done.sent += 1
        Email.objects.filter(pk=email.pk).update(status=STATUS.sent, last_updated=Now(), **_EMPTIED)


def _message(email: Email) -> EmailMessage:
    """Return the mail as it goes out, its links signed, its files made; raises _Pointless if it should not any more."""
    (to,) = email.to
    if to.lower().endswith(NOBODYS):
        raise _Pointless("Nobody can have that address")
    context = email.context or {}
    for placeholder, (purpose, argument) in (context.get("links") or {}).items():
        address = link_for(purpose, argument, to)
        if address is None:
            raise _Pointless("What the mail was about is over")
        email.message = email.message.replace(placeholder, address)
        email.html_message = email.html_message.replace(placeholder, address)
    message: EmailMessage = email.prepare_email_message()
    if email.expires_at:
        message.extra_headers["Expires"] = format_datetime(email.expires_at)  # the queue's own has no year
    for kind, argument in context.get("files", ()):
        if attachment := attachment_for(kind, argument, to):
            message.attach(*attachment)
    return message


def _is_final(error: Exception) -> bool:
    """Tell whether the same mail would be refused again: of what concerns the server alone, nothing is final."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPDataError):
        return 500 <= error.smtp_code < 600
    return isinstance(error, _FINAL)


def _failed(email: Email, kind: str, why: str, **changes: Any) -> None:
    """Write down why a mail was not sent, unless another worker has taken it since."""
    mine = Email.objects.filter(pk=email.pk, number_of_retries=email.number_of_retries)
    with transaction.atomic():
        if mine.update(**{"status": STATUS.failed, "last_updated": Now(), **changes}):
            Log.objects.create(email=email, status=STATUS.failed, exception_type=kind, message=why)


def _give_up() -> int:
    """Give up the mails that came too late, and those at which every worker died."""
    late = _give_up_all(_DUE & Q(expires_at__lte=Now()), "Expired", "It could not be sent in time.")
    return late + _give_up_all(
        _DUE & Q(number_of_retries__gte=TRIES), "Interrupted", f"Workers ended {TRIES} times while they sent it."
    )


def _give_up_all(which: Q, kind: str, why: str) -> int:
    with transaction.atomic():
        ids = list(Email.objects.select_for_update(skip_locked=True).filter(which).values_list("pk", flat=True))
        if ids:
            Email.objects.filter(pk__in=ids).update(status=STATUS.failed, last_updated=Now(), **_EMPTIED)
            Log.objects.bulk_create(
                Log(email_id=pk, status=STATUS.failed, exception_type=kind, message=why) for pk in ids
            )
    return len(ids)
