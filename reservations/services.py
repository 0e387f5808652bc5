"""Booking, changing and cancelling: one transaction each, the last table is sold once.

Locks are taken in one order: the person, the reservation, then the quarters of an hour that the party would sit in,
and its day where the policy limits one. What is free is counted once they are held. Another application writes without
them: what it books counts, and is never refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, IntegerField, When
from django.utils import timezone

from accounts.models import RestaurantStaff
from config.sql import Queries
from customers.models import Customer
from reservations import errors, mails
from reservations.availability import CELL, Slot, Timetable
from reservations.models import BookingLog, BookingPolicy, Reservation
from reservations.terms import midnight, span, starts_at, terms_from, terms_of
from restaurants.hours import clock, minutes_of
from restaurants.models import Restaurant

_SQL = Queries(settings.BASE_DIR / "reservations" / "sql" / "booking.sql")
_LOCK_TIMEOUT = "5s"
# What a booking over the API has as its source: by a customer, and by a guest without an account.
PORTAL, PORTAL_GUEST = "portal", "portal_guest"
_ACTION = BookingLog.Action
# What of a booking is logged; the first four say who the guest is.
PERSONAL = ("customer_name", "customer_phone", "customer_email", "special_requests")
_LOGGED = (*PERSONAL, "day", "time", "party_size", "status", "duration_minutes")


@dataclass(frozen=True)
class Contact:
    """How the guest is called and reached."""

    name: str
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True)
class Actor:
    """Who does it: a customer, a guest who has the link, staff, or the system; with an id where there is one."""

    kind: str
    id: int | None = None


@dataclass(frozen=True)
class Changes:
    """What is to be changed of a booking; None leaves it as it is."""

    day: date | None = None
    time: str | None = None
    party_size: int | None = None
    special_requests: str | None = None
    contact: Contact | None = None


def reservation_create(
    *,
    restaurant: Restaurant,
    party_size: int,
    day: date,
    time: str,
    contact: Contact,
    source: str,
    customer: Customer | None = None,
    special_requests: str = "",
    now: datetime | None = None,
) -> Reservation:
    """Book a table, and return the booking; DAY and TIME are the restaurant's, as a slot of `availability` has them.

    Raises a BookingRefused; AccountClosed if the customer is none any more. Waits at most 5 seconds for each lock.
    """
    with transaction.atomic():
        _begin(customer.pk if customer else None)
        table = Timetable.of(restaurant, day)
        slot = table.slot_at(day, clock(minutes_of(time)), party_size, now or timezone.now())
        _take(table, slot, party_size)
        reservation = Reservation.objects.create(
            restaurant=restaurant,
            customer=customer,
            user_id=None if customer else _answerable(restaurant),
            customer_name=contact.name,
            customer_email=contact.email,
            customer_phone=contact.phone,
            party_size=party_size,
            reservation_date=midnight(slot.day),
            reservation_time=slot.time,
            duration_minutes=_minutes(slot),
            special_requests=special_requests or None,
            source=source,
        )
        actor = Actor("customer", customer.pk) if customer else Actor("guest")
        _promise(reservation, table.policy, actor)
        _log(reservation, actor, _ACTION.CREATED, {})
        mails.mail_confirmed(reservation)
    return reservation


def reservation_change(
    *, reservation: Reservation, actor: Actor, changes: Changes, now: datetime | None = None
) -> Reservation:
    """Change a booking, and return it; what the guest has keeps its place until the new one is certain.

    Raises NotChangeable, PastCutoff, or what `reservation_create` raises. Without a change it writes nothing.
    """
    now = now or timezone.now()
    with transaction.atomic():
        row = reservation_hold(reservation=reservation)
        _require_changeable(row, now, terms_of(row).change_cutoff_minutes, "changed")
        before = _state(row)
        if changed := [*_moved(row, changes, now), *_told(row, changes)]:
            row.save(update_fields=[*changed, "updated_at"])
            _raise_sequence(row)
            _log(row, actor, _ACTION.CHANGED, before)
            mails.mail_changed(row)
    return row


def reservation_cancel(
    *, reservation: Reservation, actor: Actor, reason: str = "", now: datetime | None = None
) -> Reservation:
    """Cancel a booking, and return it; its row stays. Raises NotChangeable and PastCutoff."""
    with transaction.atomic():
        row = reservation_hold(reservation=reservation)
        _require_changeable(row, now or timezone.now(), terms_of(row).cancel_cutoff_minutes, "cancelled")
        before = _state(row)
        row.status = Reservation.Status.CANCELLED
        row.save(update_fields=["status", "updated_at"])
        _raise_sequence(row)
        _log(row, actor, _ACTION.CANCELLED, before, reason=reason)
        mails.mail_cancelled(row)
    return row


def reservation_hold(*, reservation: Reservation) -> Reservation:
    """Lock a booking, and whose it is before it, until the caller's transaction ends; return it as it is now.

    Raises NotChangeable if it is gone, AccountClosed if whose it is has no account any more.
    """
    owner = Reservation.objects.filter(pk=reservation.pk).values_list("customer_id", flat=True).first()
    _begin(owner)
    rows = Reservation.objects.select_for_update(no_key=True, of=("self",)).select_related("restaurant")
    row = rows.filter(pk=reservation.pk).first()
    if row is None:
        raise errors.NotChangeable("This booking is not there any more.")
    return row


def booking_persons_forget(*, reservations: Iterable[int]) -> None:
    """Empty what the log says of the person behind these bookings; in the transaction that empties the bookings."""
    with transaction.atomic():
        _execute(_SQL.allow_forgetting)
        _execute(_SQL.forget_persons, reservations=list(reservations), personal=[*PERSONAL, "reason"])
        _execute("SELECT set_config('reservations.forgets', '', true)")


def booking_slots_forget(*, now: datetime | None = None) -> int:
    """Delete the locks of days that are over everywhere, and return how many."""
    before = ((now or timezone.now()) - timedelta(days=3)).date()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SQL.forget_slots, {"before": before})
        return int(cursor.rowcount)


def _begin(customer_id: int | None) -> None:
    """Limit how long this transaction waits, and lock the person, who must still have an account."""
    _execute("SELECT set_config('lock_timeout', %(wait)s, true)", wait=_LOCK_TIMEOUT)
    if customer_id is None:
        return
    active = Customer.objects.select_for_update(no_key=True).filter(pk=customer_id).values_list("is_active", flat=True)
    if list(active) != [True]:
        raise errors.AccountClosed("This account is closed.")


def _require_changeable(row: Reservation, now: datetime, cutoff_minutes: int, done: str) -> None:
    if row.status != Reservation.Status.CONFIRMED:
        raise errors.NotChangeable(f"This booking is {row.get_status_display().lower()}.")
    begins = starts_at(row)
    if begins is None:
        raise errors.NotChangeable("This booking has no time of day; call the restaurant.")
    if begins <= now or row.actual_arrival_time is not None:
        raise errors.NotChangeable("This booking has begun.")
    if begins < now + timedelta(minutes=cutoff_minutes):
        raise errors.PastCutoff(f"Online it can be {done} until {span(cutoff_minutes)} before it begins.")


def _moved(row: Reservation, changes: Changes, now: datetime) -> list[str]:
    """Give the booking its new day, time and party, if there is room; return the columns that changed."""
    day, time = changes.day or row.reservation_date.date(), clock(minutes_of(changes.time or row.reservation_time))
    size = row.party_size if changes.party_size is None else changes.party_size
    same_time = (day, time) == (row.reservation_date.date(), clock(minutes_of(row.reservation_time)))
    if same_time and size == row.party_size:
        return []
    table = Timetable.of(row.restaurant, day)
    if same_time:
        table.require_size(size)
        slot = _slot_kept(table, row, size)
    else:
        slot = table.slot_at(day, time, size, now)
    if not (same_time and size < row.party_size and _minutes(slot) <= row.duration_minutes):
        _take(table, slot, size, without=row.pk)
    row.reservation_date, row.reservation_time = midnight(slot.day), slot.time
    row.party_size, row.duration_minutes = size, _minutes(slot)
    # Whoever was reminded of another time is reminded again.
    row.reminder_sent = row.reminder_sent and same_time
    return ["reservation_date", "reservation_time", "party_size", "duration_minutes", "reminder_sent"]


def _slot_kept(table: Timetable, row: Reservation, size: int) -> Slot:
    """Return the slot that a booking has, for a party of another size, be it on no grid of today's policy."""
    begins = starts_at(row)
    assert begins is not None  # noqa: S101 (who may change it has asked)
    minutes = minutes_of(row.reservation_time)
    day = row.reservation_date.date()
    ends_at = begins + table.policy.duration_of(size)
    return Slot(table.service_day(day, minutes), day, clock(minutes), begins, ends_at)


def _told(row: Reservation, changes: Changes) -> list[str]:
    """Give the booking what the guest says beside it; return the columns that changed."""
    wanted: dict[str, Any] = {}
    if changes.special_requests is not None:
        wanted["special_requests"] = changes.special_requests or None
    if changes.contact is not None:
        wanted |= {f"customer_{field.name}": getattr(changes.contact, field.name) for field in fields(Contact)}
    changed = [name for name, value in wanted.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, wanted[name])
    return changed


def _take(table: Timetable, slot: Slot, party_size: int, without: int | None = None) -> None:
    """Lock what the party would take, then make sure that it is free; raises SlotFull or DayFull."""
    _lock(table, slot)
    table.room(slot.service_day, without).require(slot, party_size)


def _lock(table: Timetable, slot: Slot) -> None:
    keys: list[tuple[date, int]] = []
    if table.policy.day_limit is not None:
        keys.append((slot.service_day, -1))
    if table.policy.slot_limit is not None:
        starts = (datetime.fromtimestamp(cell * CELL.total_seconds(), UTC) for cell in slot.cells)
        keys += [(each.date(), each.hour * 60 + each.minute) for each in starts]
    if keys:
        days, minutes = zip(*keys, strict=True)
        given = {"restaurant": table.restaurant.pk, "days": list(days), "minutes": list(minutes)}
        _execute(_SQL.make_slots, **given)
        _execute(_SQL.lock_slots, **given)


def _answerable(restaurant: Restaurant) -> int:
    """Return the user behind a guest's booking: the restaurant's owner, else a manager, else whoever works there.

    Raises BookingOffline where nobody does.
    """
    ranks = {name: rank for rank, name in enumerate(RestaurantStaff.Role.values)}
    staff = RestaurantStaff.objects.filter(restaurant=restaurant, is_active=True)
    # A person has one id: what stands with that of a customer would be the customer's own booking.
    staff = staff.exclude(user__in=Customer.objects.values("pk"))
    rank = Case(*(When(role=name, then=rank) for name, rank in ranks.items()), output_field=IntegerField())
    users = staff.order_by(-rank, "user_id").values_list("user_id", flat=True)
    user = users.first()
    if user is None:
        raise errors.BookingOffline(f"{restaurant.name} takes bookings of customers with an account only.")
    return user


def _promise(row: Reservation, policy: BookingPolicy, actor: Actor) -> None:
    """Write down what the policy promises now."""
    terms = terms_from(policy, row)
    terms.created_by = actor.kind
    terms.save(force_insert=True)


def _raise_sequence(row: Reservation) -> None:
    """Count a change of the booking, whose terms are written down now if another application made it."""
    terms = terms_of(row)
    terms.sequence += 1
    if terms._state.adding:
        terms.save(force_insert=True)
    else:
        terms.save(update_fields=["sequence", "updated_at"])


def _log(
    row: Reservation, actor: Actor, action: BookingLog.Action, before: dict[str, Any], *, reason: str = ""
) -> None:
    after = _state(row)
    changed = {name for name in after if after[name] != before.get(name)}
    BookingLog.objects.create(
        reservation=row,
        action=action,
        actor_kind=actor.kind,
        actor_id=actor.id,
        before={name: value for name, value in before.items() if name in changed},
        after={name: value for name, value in after.items() if name in changed}
        | ({"reason": reason} if reason else {}),
    )


def _state(row: Reservation) -> dict[str, Any]:
    """Return what is logged of a booking."""
    shown = {"day": row.reservation_date.date().isoformat(), "time": row.reservation_time}
    return {name: shown[name] if name in shown else getattr(row, name) for name in _LOGGED}


def _minutes(slot: Slot) -> int:
    return int((slot.ends_at - slot.starts_at).total_seconds()) // 60


def _execute(sql: str, **given: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
