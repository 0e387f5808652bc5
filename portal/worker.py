"""What goes on beside the requests: mail is sent, reminders are queued, and what is over is deleted."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import get_connection
from django.db import DatabaseError, InterfaceError, connection

from accounts.sessions import sessions_forget as staff_sessions_forget
from config.delivery import Delivered, deliver, mails_forget
from config.masking import scrub
from config.plugins import plugged  # separation: line
from customers.sessions import sessions_forget
from reservations.idempotency import idempotency_keys_forget
from reservations.reminders import reminders_queue
from reservations.services import booking_slots_forget

POLL = 3.0
AT_ONCE = 200
# How long a worker waits for a mail server, or a database, that is away.
LONGEST_POLL = 60.0
REMIND_EVERY = 60.0
TIDY_EVERY = 3600.0
MAILS_KEPT = timedelta(days=30)

# Each deletes what is over, and returns how many rows that were; by the name they go by in the worker's lines.
TIDYING: dict[str, Callable[[], int]] = {
    "mails": lambda: mails_forget(kept=MAILS_KEPT),
    "idempotency keys": idempotency_keys_forget,
    "slots": booking_slots_forget,
    "log-ins": lambda: sessions_forget() + staff_sessions_forget(),
}


class NotSending(Exception):
    """Mail must not, or cannot, be sent from here; `next_step` is what to type, or to set."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.next_step = next_step


@dataclass
class Round:
    """What one round came to."""

    mail: Delivered = field(default_factory=Delivered)
    reminders: int = 0
    deleted: dict[str, int] = field(default_factory=dict)
    database: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether the mail server and the database were there, where they were needed."""
        return not (self.mail.unreachable or self.database)

    def __str__(self) -> str:
        """Say what was done in one line; nothing if nothing was."""
        figures = {
            "sent": self.mail.sent,
            "to be tried again": self.mail.again,
            "given up": self.mail.failed,
            "reminders queued": self.reminders,
            **{f"{name} deleted": count for name, count in self.deleted.items()},
        }
        said = [f"{count} {name}" for name, count in figures.items() if count]
        if self.mail.unreachable:
            said.append(f"the mail server is away: {self.mail.unreachable}")
        if self.database:
            said.append(f"the database said: {self.database}")
        return ", ".join(said)


class Worker:
    """Any number of them may run, on any number of hosts: PostgreSQL hands each mail and each reminder to one."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._stopped = False
        self._reminded_at = self._tidied_at = float("-inf")

    @property
    def is_stopped(self) -> bool:
        """Whether it was asked to end."""
        return self._stopped

    def stop(self) -> None:
        """Ask the worker to end after the mail it is at."""
        self._stopped = True

    def run(self) -> None:
        """Work until `stop` is called; raises NotSending where that is so."""
        wait = POLL
        while not self._stopped:
            done = self.round()
            if text := str(done):
                self._say(text)
            wait = POLL if done.is_ok else min(wait * 2, LONGEST_POLL)
            if done.mail.total == 0 or not done.is_ok:
                self._sleep(wait)

    def round(self) -> Round:
        """Do what is due now, once; raises NotSending where mail must not be sent."""
        done = Round()
        try:
            require_sending()
            if self._is_time(REMIND_EVERY, "_reminded_at"):
                done.reminders = reminders_queue()
            done.mail = deliver(at_most=AT_ONCE, stopped=lambda: self._stopped)
            if self._is_time(TIDY_EVERY, "_tidied_at"):
                done.deleted = {name: count for name, tidy in TIDYING.items() if (count := tidy())}
        except (DatabaseError, InterfaceError) as error:
            done.database = scrub(" ".join(str(error).split()))
            connection.close()
        return done

    def _is_time(self, every: float, name: str) -> bool:
        now = time.monotonic()
        due = bool(now - getattr(self, name) >= every)
        if due:
            setattr(self, name, now)
        return due

    def _sleep(self, seconds: float) -> None:
        """Wait, and look now and then whether somebody asked to stop."""
        until = time.monotonic() + seconds
        while not self._stopped and time.monotonic() < until:
            time.sleep(0.1)


def require_sending() -> None:
    """Raise NotSending unless mail may be sent from this database, with these settings."""
    # separation: begin
    for held in plugged("mail_held"):
        if reason := held():
            raise NotSending(*reason)
    # separation: end
    if not settings.HAS_MAIL_SERVER:
        raise NotSending("EMAIL_URL does not say by which server mail is sent.", "set EMAIL_URL: see .env.example")
    try:
        get_connection()
    except ImproperlyConfigured as error:
        raise NotSending(f"EMAIL_URL says too little: {error}", "set EMAIL_URL: see .env.example") from error
    if not settings.PORTAL_URL:
        raise NotSending("PORTAL_URL does not say where links in mails lead.", "set PORTAL_URL: see .env.example")
