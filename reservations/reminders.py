"""Reminders: a mail as many hours before a booking as its terms say, once, and none for who booked later than that."""

import logging
from datetime import UTC, datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import DurationField, ExpressionWrapper, F, QuerySet, Value
from django.utils import timezone

from config.fields import LegacyDateTimeField
from config.plugins import plugged  # separation: line
from customers.preferences import NO_REMINDERS
from reservations.mails import mail_reminder
from reservations.models import Reservation
from reservations.terms import starts_at

_log = logging.getLogger(__name__)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_NEVER = datetime.max.replace(tzinfo=UTC)


def reminders_queue() -> int:
    """Queue a mail for every booking made here whose moment has come, and mark it, in one transaction each.

    Any number of workers may do this at once. Returns how many were queued.
    """
    now = timezone.now()
    due = [row for row in _near(now).order_by("pk").iterator(1000) if _is_due(row, now)]
    # separation: begin
    # In a database that took another's place, moments before that are the other's.
    for asked in plugged("reminders_since") if due else ():
        since = asked()
        due = [row for row in due if since is None or since <= _moment(row)]
    # separation: end
    return sum(_remind_safely(row.pk, now) for row in due)


def _remind_safely(identifier: int, now: datetime) -> bool:
    """Remind of one booking; what is wrong with it keeps nobody else from being reminded."""
    try:
        return _remind(identifier, now)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # the next round tries again, for as long as it is due
        _log.exception("Nobody could be reminded of reservation %s.", identifier)
        return False


def _remind(identifier: int, now: datetime) -> bool:
    """Remind of one booking, unless that is no longer due, or somebody else is at it."""
    with transaction.atomic():
        row = _near(now).select_for_update(skip_locked=True, of=("self",), no_key=True).filter(pk=identifier).first()
        if row is None or not _is_due(row, now):
            return False
        mail_reminder(row)
        # Not `updated_at`: nothing that anybody agreed to has changed.
        Reservation.objects.filter(pk=row.pk).update(reminder_sent=True)
        return True


def _near(now: datetime) -> QuerySet[Reservation]:
    """Return the bookings of which it may be time to remind, with what it takes to tell.

    Dates are midnight UTC of the restaurant's day, which lies within a day and a half of when a booking begins.
    """
    ahead = ExpressionWrapper(F("terms__reminder_hours") * Value(_HOUR), output_field=DurationField())
    latest = ExpressionWrapper(
        Value(now + 2 * _DAY, output_field=LegacyDateTimeField()) + ahead, output_field=LegacyDateTimeField()
    )
    bookings = Reservation.objects.select_related("restaurant__booking_policy", "terms")
    return bookings.exclude(customer__profile__preferences__contains=NO_REMINDERS).filter(
        status=Reservation.Status.CONFIRMED,
        reminder_sent=False,
        customer_email__gt="",
        terms__reminder_hours__isnull=False,
        reservation_date__gte=now - 2 * _DAY,
        reservation_date__lte=latest,
    )


def _is_due(row: Reservation, now: datetime) -> bool:
    """Tell whether it is time: not before, not once it has begun, and not for who booked, or changed it, since."""
    begins, moment = starts_at(row), _moment(row)
    return begins is not None and row.terms.updated_at <= moment <= now < begins


def _moment(row: Reservation) -> datetime:
    """Return when it is time to remind of a booking; never, if its time cannot be read."""
    begins = starts_at(row)
    hours = row.terms.reminder_hours
    return _NEVER if begins is None or hours is None else begins - hours * _HOUR
