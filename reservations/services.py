"""Booking, changing, cancelling, and what staff mark in a shift: one transaction each, the last table is sold once.

Locks are taken in one order: the person, the reservation, then the quarters of an hour that the party would sit in,
and its day where the policy limits one. What is free is counted once they are held. Another application writes without
them: what it books counts, and is never refused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, IntegerField, When
from django.utils import timezone

from accounts.models import RestaurantStaff
from config.columns import set_changed
from config.locks import limit_waiting
from config.sql import Queries
from customers.models import Customer, CustomerRestaurant
from reservations import errors, mails
from reservations.availability import CELL, Slot, Timetable
from reservations.limits import NOTHING, Excess, excesses, require_within, staff_slot
from reservations.models import BookingLog, BookingPolicy, Reservation
from reservations.stages import STEPS, Stage, Step, columns_of, stage_of, target_of
from reservations.terms import midnight, span, starts_at, terms_from, terms_of
from reservations.words import when
from restaurants.hours import clock, minutes_of
from restaurants.models import Restaurant

_SQL = Queries(settings.BASE_DIR / "reservations" / "sql" / "booking.sql")
# What a booking over the API has as its source: by a customer, and by a guest without an account.
PORTAL, PORTAL_GUEST = "portal", "portal_guest"
# What the old application calls a booking that staff take down.
PHONE, WALK_IN = "phone", "walk_in"
_ACTION = BookingLog.Action
# How long before it is due a party may be marked as come or gone.
_EARLIEST = timedelta(hours=12)
# What of a booking is logged; the first say who the guest is.
PERSONAL = ("customer_name", "customer_phone", "customer_email", "special_requests", "notes", "guest_notes")
_LOGGED = (*PERSONAL, "day", "time", "party_size", "status", "duration_minutes", "tables", "arrived", "left")
# Of what staff change, the guest gets a mail.
_TOLD = frozenset(["reservation_date", "reservation_time", "party_size", "customer_email"])
# The kind of `Actor` for which no online limit holds, and whom no closed account stops.
STAFF = "staff"


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
    # Staff's alone: how long the party stays, where that is not what the policy says of its size.
    duration_minutes: int | None = None


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
        actor = Actor("customer", customer.pk) if customer else Actor("guest")
        user_id = None if customer else _answerable(restaurant)
        row = Reservation(customer=customer, user_id=user_id, special_requests=special_requests or None, source=source)
        reservation = _booked(row, table, slot, party_size, contact, actor)
        mails.mail_confirmed(reservation)
    return reservation


def staff_book(
    *,
    restaurant: Restaurant,
    actor: Actor,
    party_size: int,
    day: date,
    time: str,
    contact: Contact,
    customer: Customer | None = None,
    special_requests: str = "",
    notes: str = "",
    table_ids: Sequence[int] = (),
    duration_minutes: int | None = None,
    source: str = PHONE,
    override: bool = False,
    now: datetime | None = None,
) -> Reservation:
    """Book a table for CUSTOMER, or for a guest, at any time of the clock; return the booking, its mail is queued.

    What goes beyond the policy raises BeyondPolicy, and is booked and logged with OVERRIDE. Raises UnknownCustomer,
    AccountClosed, and OutsideHours for a time that the clocks skip.
    """
    now = now or timezone.now()
    with transaction.atomic():
        _begin(customer.pk if customer else None)
        _require_known(restaurant, customer)
        table = Timetable.of(restaurant, day)
        slot = staff_slot(table, day, minutes_of(time), party_size, duration_minutes)
        beyond = _take_knowingly(table, slot, party_size, now, override)
        row = Reservation(
            customer=customer,
            user_id=_booker(restaurant, actor, customer),
            special_requests=special_requests or None,
            notes=notes or None,
            table_ids=list(table_ids),
            source=source,
        )
        reservation = _booked(row, table, slot, party_size, contact, actor, beyond)
        if slot.starts_at > now:
            mails.mail_confirmed(reservation)
    return reservation


def reservation_change(
    *,
    reservation: Reservation,
    actor: Actor,
    changes: Changes,
    override: bool = False,
    now: datetime | None = None,
) -> Reservation:
    """Change a booking, and return it; what the guest has keeps its place until the new one is certain.

    Raises NotChangeable, PastCutoff, or what `reservation_create` raises; for staff, whom no cut-off binds, what
    `staff_book` raises without OVERRIDE. Without a change it writes nothing.
    """
    now = now or timezone.now()
    with transaction.atomic():
        row = reservation_hold(reservation=reservation, actor=actor)
        before, beyond = _state(row), NOTHING
        if actor.kind == STAFF:
            _require_movable(row, changes)
            moved, beyond = _moved_by_staff(row, changes, now, override)
        else:
            _require_changeable(row, now, terms_of(row).change_cutoff_minutes, "changed")
            moved = _moved(row, changes, now)
        if changed := [*moved, *_told(row, changes)]:
            row.save(update_fields=[*changed, "updated_at"])
            _raise_sequence(row)
            _log(row, actor, _ACTION.CHANGED, before, beyond=beyond)
            if _is_ahead(row, now) and (actor.kind != STAFF or not _TOLD.isdisjoint(changed)):
                mails.mail_changed(row)
    return row


def reservation_cancel(
    *,
    reservation: Reservation,
    actor: Actor,
    reason: str = "",
    words: str = "",
    now: datetime | None = None,
) -> Reservation:
    """Cancel a booking, and return it; its row stays. REASON is logged, WORDS are staff's to the guest, in the mail.

    Raises NotChangeable and PastCutoff; for staff there is no cut-off, and what is cancelled stays so without an error.
    """
    now = now or timezone.now()
    with transaction.atomic():
        row = reservation_hold(reservation=reservation, actor=actor)
        if actor.kind != STAFF:
            _require_changeable(row, now, terms_of(row).cancel_cutoff_minutes, "cancelled")
        elif stage_of(row) == Stage.CANCELLED:
            return row
        elif stage_of(row) != Stage.EXPECTED:
            raise errors.NotChangeable(f"{_named(row)} is {stage_of(row).label.lower()}: undo that first.")
        before = _state(row)
        row.status = Reservation.Status.CANCELLED
        row.save(update_fields=["status", "updated_at"])
        _raise_sequence(row)
        _log(row, actor, _ACTION.CANCELLED, before, reason=reason)
        mails.mail_cancelled(row, words)
    return row


def reservation_seat(
    *,
    reservation: Reservation,
    actor: Actor,
    table_ids: Sequence[int] | None = None,
    override: bool = False,
    seen: Stage | None = None,
    now: datetime | None = None,
) -> Reservation:
    """Mark that the party has come and sits, at TABLE_IDS if they are given; return the booking.

    Each of these marks does nothing where it stands already. SEEN is the stage that whoever marks it was shown: where
    somebody else has marked another since, NotChangeable says which. A no-show who comes takes a table again, which
    raises BeyondPolicy where there is none, unless OVERRIDE.
    """
    return _marked(reservation, actor, Step.SEAT, seen, now, table_ids=table_ids, override=override)


def reservation_complete(
    *, reservation: Reservation, actor: Actor, seen: Stage | None = None, now: datetime | None = None
) -> Reservation:
    """Mark that the party has left; return the booking. Raises NotChangeable; see `reservation_seat`."""
    return _marked(reservation, actor, Step.COMPLETE, seen, now)


def reservation_no_show(
    *, reservation: Reservation, actor: Actor, seen: Stage | None = None, now: datetime | None = None
) -> Reservation:
    """Mark that nobody came, which frees the table; return the booking. Raises NotChangeable before it begins."""
    return _marked(reservation, actor, Step.NO_SHOW, seen, now)


def reservation_reopen(
    *,
    reservation: Reservation,
    actor: Actor,
    override: bool = False,
    seen: Stage | None = None,
    now: datetime | None = None,
) -> Reservation:
    """Take the last of these marks back, one step; return the booking. Raises NotChangeable, BeyondPolicy."""
    return _marked(reservation, actor, Step.REOPEN, seen, now, override=override)


def reservation_note(
    *,
    reservation: Reservation,
    actor: Actor,
    notes: str | None = None,
    guest_notes: str | None = None,
    special_requests: str | None = None,
    table_ids: Sequence[int] | None = None,
) -> Reservation:
    """Write what staff note beside a booking, at whatever stage, and return it; None leaves a text as it is.

    No mail goes out. Raises NotChangeable if the booking is gone.
    """
    given = {"notes": notes, "guest_notes": guest_notes, "special_requests": special_requests}
    wanted: dict[str, Any] = {name: text or None for name, text in given.items() if text is not None}
    if table_ids is not None:
        wanted["table_ids"] = list(table_ids)
    with transaction.atomic():
        row = reservation_hold(reservation=reservation, actor=actor)
        _write(row, actor, wanted)
    return row


def reservation_hold(*, reservation: Reservation, actor: Actor | None = None) -> Reservation:
    """Lock a booking, and whose it is before it, until the caller's transaction ends; return it as it is now.

    Raises NotChangeable if it is gone, AccountClosed if whose it is has no account any more, but to staff.
    """
    owner = Reservation.objects.filter(pk=reservation.pk).values_list("customer_id", flat=True).first()
    _begin(owner, must_be_open=actor is None or actor.kind != STAFF)
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


def _booked(
    row: Reservation,
    table: Timetable,
    slot: Slot,
    party_size: int,
    contact: Contact,
    actor: Actor,
    beyond: tuple[Excess, ...] = NOTHING,
) -> Reservation:
    """Insert a new booking of a slot that is taken, with what is promised with it and its log; return it."""
    row.restaurant = table.restaurant
    row.customer_name, row.customer_email, row.customer_phone = contact.name, contact.email, contact.phone
    row.reservation_date, row.reservation_time = midnight(slot.day), slot.time
    row.party_size, row.duration_minutes = party_size, _minutes(slot)
    row.save(force_insert=True)
    _promise(row, table.policy, actor)
    _log(row, actor, _ACTION.CREATED, {}, beyond=beyond)
    return row


def _marked(
    reservation: Reservation,
    actor: Actor,
    step: Step,
    seen: Stage | None,
    now: datetime | None,
    *,
    table_ids: Sequence[int] | None = None,
    override: bool = False,
) -> Reservation:
    """Do STEP to a booking that is at the stage SEEN, or at any that the step leads from; return it."""
    now = now or timezone.now()
    with transaction.atomic():
        row = reservation_hold(reservation=reservation, actor=actor)
        stage = stage_of(row)
        target = target_of(step, row, seen or stage)
        # Marked twice, as by a second tap, is marked.
        if stage == target or (target is None and step != Step.REOPEN and stage in _LEADS_TO[step]):
            return row
        if target is None or seen not in (None, stage):
            raise errors.NotChangeable(f"{_named(row)} is {stage.label.lower()} by now. Look again.")
        _require_begun(row, step, now)
        beyond = _take_again(row, override) if stage == Stage.NO_SHOW else NOTHING
        wanted = columns_of(target, row, now)
        if table_ids is not None:
            wanted["table_ids"] = list(table_ids)
        _write(row, actor, wanted, beyond)
    return row


_LEADS_TO = {step: {to for (name, _), to in STEPS.items() if name == step} for step in Step}


def _write(row: Reservation, actor: Actor, wanted: dict[str, Any], beyond: tuple[Excess, ...] = NOTHING) -> None:
    """Write the columns of a held booking that are not as WANTED, and log them; nothing if all are."""
    before = _state(row)
    if changed := set_changed(row, wanted):
        row.save(update_fields=[*changed, "updated_at"])
        _log(row, actor, _ACTION.CHANGED, before, beyond=beyond)


def _require_begun(row: Reservation, step: Step, now: datetime) -> None:
    """Raise NotChangeable for a mark on a booking that is days ahead, or a no-show before the party is due."""
    begins = starts_at(row)
    if begins is None or step == Step.REOPEN:
        return
    if step == Step.NO_SHOW and begins > now:
        raise errors.NotChangeable(f"{_named(row)} is not due yet. Cancel it if they said that they do not come.")
    if begins > now + _EARLIEST:
        raise errors.NotChangeable(f"{_named(row)} is for {when(row)}. Move it first if they come today.")


def _require_movable(row: Reservation, changes: Changes) -> None:
    """Raise NotChangeable for a booking that is over, or that moves to another time while the party sits."""
    stage = stage_of(row)
    if stage not in (Stage.EXPECTED, Stage.SEATED):
        raise errors.NotChangeable(f"{_named(row)} is {stage.label.lower()}: undo that first.")
    if stage == Stage.SEATED and (changes.day or changes.time) and not _is_same_time(row, *_wanted_time(row, changes)):
        raise errors.NotChangeable(f"{_named(row)} sits already: its time stays, its party can be changed.")


def _require_known(restaurant: Restaurant, customer: Customer | None) -> None:
    known = CustomerRestaurant.objects.filter(restaurant=restaurant, customer=customer)
    if customer is not None and not known.exists():
        raise errors.UnknownCustomer(f"{restaurant.name} does not know customer {customer.pk}; book it as a guest's.")


def _booker(restaurant: Restaurant, actor: Actor, customer: Customer | None) -> int | None:
    """Return the user behind a booking of staff: themselves, as in the old application.

    A person has one id: what stands with that of somebody who is a customer too would be their own booking.
    """
    if customer is None and Customer.objects.filter(pk__in=[actor.id]).exists():
        return _answerable(restaurant)
    return actor.id


def _named(row: Reservation) -> str:
    return f"Booking {row.pk} ({row.customer_name}, {row.reservation_time})"


def _begin(customer_id: int | None, *, must_be_open: bool = True) -> None:
    """Limit how long this transaction waits, and lock the person, who must still have an account if that is asked."""
    limit_waiting()
    if customer_id is None:
        return
    active = Customer.objects.select_for_update(no_key=True).filter(pk=customer_id).values_list("is_active", flat=True)
    if list(active) != [True] and must_be_open:
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


def _wanted_time(row: Reservation, changes: Changes) -> tuple[date, str]:
    """Return the day and time that a booking is to have; raises NotChangeable where it has none that can be read."""
    try:
        return changes.day or row.reservation_date.date(), clock(minutes_of(changes.time or row.reservation_time))
    except (ValueError, AttributeError) as error:
        raise errors.NotChangeable(f"{_named(row)} has no day and time that can be read: give it both.") from error


def _is_same_time(row: Reservation, day: date, time: str) -> bool:
    try:
        return (day, time) == (row.reservation_date.date(), clock(minutes_of(row.reservation_time)))
    except (ValueError, AttributeError):  # another application wrote what nobody can read
        return False


def _is_ahead(row: Reservation, now: datetime) -> bool:
    begins = starts_at(row)
    return stage_of(row) == Stage.EXPECTED and begins is not None and begins > now


def _moved_by_staff(
    row: Reservation, changes: Changes, now: datetime, override: bool
) -> tuple[list[str], tuple[Excess, ...]]:
    """Give the booking its new day, time, party and length; return the columns that changed, and what is beyond."""
    if (changes.day, changes.time, changes.party_size, changes.duration_minutes) == (None,) * 4:
        return [], NOTHING
    day, time = _wanted_time(row, changes)
    size = row.party_size if changes.party_size is None else changes.party_size
    same_time = _is_same_time(row, day, time)
    stays = changes.duration_minutes or (row.duration_minutes if same_time and size == row.party_size else None)
    table = Timetable.of(row.restaurant, day)
    slot = staff_slot(table, day, minutes_of(time), size, stays)
    grows = not same_time or size > row.party_size or _minutes(slot) > row.duration_minutes
    beyond = _take_knowingly(table, slot, size, None if same_time else now, override, row) if grows else NOTHING
    return _placed(row, slot, size, same_time), beyond


def _placed(row: Reservation, slot: Slot, size: int, same_time: bool) -> list[str]:
    """Give the booking this place; return the columns that changed."""
    wanted = {
        "reservation_date": midnight(slot.day),
        "reservation_time": row.reservation_time if same_time else slot.time,
        "party_size": size,
        "duration_minutes": _minutes(slot),
        # Whoever was reminded of another time is reminded again.
        "reminder_sent": row.reminder_sent and same_time,
    }
    return set_changed(row, wanted)


def _take_again(row: Reservation, override: bool) -> tuple[Excess, ...]:
    """Take the table of a no-show, which may be somebody else's by now; what else it is beyond was known before."""
    if starts_at(row) is None:
        return NOTHING
    day, time = row.reservation_date.date(), row.reservation_time
    table = Timetable.of(row.restaurant, day)
    slot = staff_slot(table, day, minutes_of(time), row.party_size, row.duration_minutes)
    return _take_knowingly(table, slot, row.party_size, None, override, row)


def _take_knowingly(
    table: Timetable, slot: Slot, party_size: int, now: datetime | None, override: bool, row: Reservation | None = None
) -> tuple[Excess, ...]:
    """Lock what the party would take, and return what it goes beyond; raises BeyondPolicy for that unless OVERRIDE.

    NOW is None where the time is the one that the booking has: nothing new is said of it.
    """
    _lock(table, slot)
    room = table.room(slot.service_day, row.pk if row else None)
    beyond = excesses(table, slot, party_size, now, room)
    if not override:
        require_within(beyond)
    return beyond


def _moved(row: Reservation, changes: Changes, now: datetime) -> list[str]:
    """Give the booking its new day, time and party, if there is room; return the columns that changed."""
    day, time = _wanted_time(row, changes)
    size = row.party_size if changes.party_size is None else changes.party_size
    same_time = _is_same_time(row, day, time)
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
    return _placed(row, slot, size, same_time)


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
    changed = [name for name, value in wanted.items() if (getattr(row, name) or None) != (value or None)]
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
    row: Reservation,
    actor: Actor,
    action: BookingLog.Action,
    before: dict[str, Any],
    *,
    reason: str = "",
    beyond: tuple[Excess, ...] = NOTHING,
) -> None:
    after = _state(row)
    said = {"reason": reason, "beyond": [each.code for each in beyond]}
    changed = {name for name in after if after[name] != before.get(name)}
    BookingLog.objects.create(
        reservation=row,
        action=action,
        actor_kind=actor.kind,
        actor_id=actor.id,
        before={name: value for name, value in before.items() if name in changed},
        after={name: value for name, value in after.items() if name in changed}
        | {name: value for name, value in said.items() if value},
    )


def _state(row: Reservation) -> dict[str, Any]:
    """Return what is logged of a booking."""
    shown = {
        "day": str(row.reservation_date)[:10],
        "time": row.reservation_time,
        "tables": row.table_ids or None,
        "arrived": _minute(row.actual_arrival_time),
        "left": _minute(row.actual_departure_time),
    }
    return {name: shown[name] if name in shown else getattr(row, name) for name in _LOGGED}


def _minute(instant: object) -> str | None:
    """Return an instant to the minute, in UTC; what Python cannot hold as it is."""
    if isinstance(instant, datetime):
        return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
    return None if instant is None else str(instant)


def _minutes(slot: Slot) -> int:
    return int((slot.ends_at - slot.starts_at).total_seconds()) // 60


def _execute(sql: str, **given: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
