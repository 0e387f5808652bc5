"""What the staff's API takes and shows of a reservation, and of a restaurant's day."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts.api.serializers import LinkShown
from config.api.bodies import Exact
from config.api.values import instant
from reservations.api.serializers import ClockField, ContactShown, DayField, PartyField, PersonSerializer, WishesField
from reservations.models import Reservation
from reservations.selectors import DaySheet, SheetRow
from reservations.services import PHONE, WALK_IN, Changes, Contact
from reservations.stages import Stage, stage_of
from reservations.terms import policy_of, starts_at
from restaurants.api.serializers import RestaurantRefSerializer, restaurant_ref

_LONGEST_STAY = 24 * 60
_CHANGES = ("date", "time", "party_size", "special_requests", "contact", "duration_minutes")
NOTES = ("notes", "guest_notes", "table_ids")


@extend_schema_serializer(component_name="StaffContact")
class ContactBody(PersonSerializer):
    """Who comes, and where to reach them."""

    email = serializers.EmailField(max_length=254, allow_blank=True, required=False)


class Tables(Exact):
    """At which tables; a table is a number."""

    table_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1), max_length=50, required=False
    )


class Knowingly(Exact):
    """Whether staff go beyond what the restaurant takes."""

    override = serializers.BooleanField(
        default=False, help_text="Go beyond what the restaurant takes: say what `beyond_policy` said, then ask for it."
    )


@extend_schema_serializer(component_name="StaffBooking")
class BookingBody(Tables, Knowingly):
    """A booking that staff take down, for a customer whom the restaurant knows, or for a guest."""

    restaurant = serializers.CharField(max_length=255, help_text="Its slug.")
    date = DayField()
    time = ClockField()
    party_size = PartyField()
    customer_id = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False, allow_null=True)
    contact = ContactBody(required=False, help_text="Needed for a guest; for a customer it is the account's otherwise.")
    special_requests = WishesField(default="")
    notes = serializers.CharField(max_length=1000, allow_blank=True, default="")
    duration_minutes = serializers.IntegerField(min_value=15, max_value=_LONGEST_STAY, required=False, allow_null=True)
    source = serializers.ChoiceField(choices=[PHONE, WALK_IN], default=PHONE)  # type: ignore[assignment]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return ATTRS; raise unless they say whose booking it is."""
        if not attrs.get("customer_id") and not attrs.get("contact", {}).get("name"):
            raise serializers.ValidationError({"contact": {"name": "Say who comes, or which customer it is."}})
        return attrs


@extend_schema_serializer(component_name="StaffBookingChange")
class ChangeBody(Tables, Knowingly):
    """What is to be changed of a booking; what is not sent stays as it is."""

    date = DayField(required=False)
    time = ClockField(required=False)
    party_size = PartyField(required=False)
    special_requests = WishesField(required=False)
    contact = ContactBody(required=False)
    duration_minutes = serializers.IntegerField(min_value=15, max_value=_LONGEST_STAY, required=False)
    notes = serializers.CharField(max_length=1000, allow_blank=True, required=False)
    guest_notes = serializers.CharField(max_length=1000, allow_blank=True, required=False)


@extend_schema_serializer(component_name="StaffSeating")
class SeatBody(Tables, Knowingly):
    """Where the party sits."""


@extend_schema_serializer(component_name="StaffReopening")
class ReopenBody(Knowingly):
    """Whether to go beyond what the restaurant takes."""


@extend_schema_serializer(component_name="StaffCancelling")
class CancelBody(Exact):
    """Why it is cancelled."""

    reason = serializers.CharField(max_length=500, allow_blank=True, default="", help_text="Kept in the log.")
    words = serializers.CharField(
        max_length=500, allow_blank=True, default="", help_text="To the guest, in the mail that tells them."
    )


class DayQuery(serializers.Serializer[Any]):
    """Which day."""

    date = DayField(required=False, help_text="By default, today by the restaurant's clocks.")


class PhoneQuery(serializers.Serializer[Any]):
    """Whose phone number."""

    phone = serializers.CharField(max_length=50, help_text="Four digits of it or more.")


@extend_schema_serializer(component_name="KnownGuest")
class GuestShown(serializers.Serializer[Any]):
    """A customer of the restaurant who may be on the phone."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    phone = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="StaffReservation")
class ReservationShown(serializers.Serializer[Reservation]):
    """A reservation as staff see it; `date`, `time` and `starts_at` are by the restaurant's clocks."""

    id = serializers.IntegerField()
    restaurant = RestaurantRefSerializer()
    date = serializers.DateField(allow_null=True, help_text="Null where it cannot be read, as `starts_at`.")
    time = serializers.CharField(help_text="HH:MM, or whatever was written in its place.")
    starts_at = serializers.DateTimeField(allow_null=True)
    duration_minutes = serializers.IntegerField()
    party_size = serializers.IntegerField()
    status = serializers.ChoiceField(Reservation.Status.choices)
    stage = serializers.ChoiceField(Stage.choices, help_text="How far the evening with it has got.")
    customer_id = serializers.IntegerField(allow_null=True)
    contact = ContactShown()
    special_requests = serializers.CharField(allow_blank=True)
    notes = serializers.CharField(allow_blank=True)
    guest_notes = serializers.CharField(allow_blank=True)
    table_ids = serializers.ListField(child=serializers.IntegerField())
    source = serializers.CharField()  # type: ignore[assignment]
    arrived_at = serializers.DateTimeField(allow_null=True)
    left_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)
    links = LinkShown()


@extend_schema_serializer(component_name="StageFigures")
class FiguresShown(serializers.Serializer[Any]):
    """How many there are at each stage."""

    expected = serializers.IntegerField()
    seated = serializers.IntegerField()
    left = serializers.IntegerField()
    no_show = serializers.IntegerField()
    cancelled = serializers.IntegerField()


@extend_schema_serializer(component_name="SheetSlot")
class SlotShown(serializers.Serializer[Any]):
    """One step of a day's clock: most people who sit at once in it, who come, and how many may sit."""

    time = serializers.CharField()
    starts_at = serializers.DateTimeField()
    covers = serializers.IntegerField()
    arriving = serializers.IntegerField()
    capacity = serializers.IntegerField(allow_null=True, help_text="Null where there is no limit.")


@extend_schema_serializer(component_name="SheetReservation")
class SheetReservationShown(ReservationShown):
    """A reservation of a day."""

    ends_at = serializers.DateTimeField(allow_null=True)
    clashes = serializers.BooleanField(help_text="Another party is booked at one of its tables while it sits.")


@extend_schema_serializer(component_name="DaySheet")
class DayShown(serializers.Serializer[Any]):
    """A service day of a restaurant, parties after midnight among it."""

    restaurant = RestaurantRefSerializer()
    date = serializers.DateField()
    time_zone = serializers.CharField()
    hours = serializers.CharField(allow_blank=True, help_text="Empty where it is closed.")
    note = serializers.CharField(allow_blank=True)
    parties = FiguresShown()
    covers = FiguresShown()
    slots = SlotShown(many=True)
    reservations = SheetReservationShown(many=True)


def reservation_path(reservation: Reservation) -> str:
    """Return where a reservation is."""
    return f"/api/v1/staff/reservations/{reservation.pk}"


def reservation_shown(reservation: Reservation) -> dict[str, Any]:
    """Return one of `reservations_shown` as ReservationShown describes it."""
    return _shown(reservation, reservation.restaurant, starts_at(reservation), policy_of(reservation.restaurant).zone)


def day_shown(sheet: DaySheet) -> dict[str, Any]:
    """Return SHEET as DayShown describes it."""
    zone = sheet.table.policy.zone
    return {
        "restaurant": restaurant_ref(sheet.restaurant),
        "date": sheet.day.isoformat(),
        "time_zone": sheet.table.policy.zone.key,
        "hours": sheet.hours,
        "note": sheet.note,
        "parties": _figures(sheet.parties),
        "covers": _figures(sheet.covers),
        "slots": [
            {
                "time": slot.time,
                "starts_at": _local(slot.starts_at, zone),
                "covers": slot.covers,
                "arriving": slot.arriving,
                "capacity": slot.capacity,
            }
            for slot in sheet.slots
        ],
        "reservations": [_row(sheet, row, zone) for row in sheet.rows],
    }


def changes_of(wanted: Mapping[str, Any], row: Reservation) -> Changes | None:
    """Return what the service is to change of ROW; None if nothing but notes is WANTED."""
    given = {name: wanted[name] for name in _CHANGES if name in wanted}
    if not given:
        return None
    if "date" in given:
        given["day"] = given.pop("date")
    if "contact" in given:
        given["contact"] = contact_of(
            given["contact"], Contact(row.customer_name, row.customer_email, row.customer_phone)
        )
    return Changes(**given)


def contact_of(person: Mapping[str, Any], otherwise: Contact) -> Contact:
    """Return PERSON, with what it leaves out as it is OTHERWISE."""
    return Contact(
        name=person.get("name") or otherwise.name,
        email=person.get("email", otherwise.email) or None,
        phone=person.get("phone", otherwise.phone) or None,
    )


def _row(sheet: DaySheet, row: SheetRow, zone: Any) -> dict[str, Any]:
    shown = _shown(row.reservation, sheet.restaurant, row.starts_at, zone)
    return shown | {"time": row.time, "ends_at": _local(row.ends_at, zone), "clashes": row.clashes}


def _shown(row: Reservation, restaurant: Any, begins: datetime | None, zone: Any) -> dict[str, Any]:
    day: object = row.reservation_date
    return {
        "id": row.pk,
        "restaurant": restaurant_ref(restaurant),
        "date": day.date().isoformat() if isinstance(day, datetime) else None,
        "time": f"{begins.astimezone(zone):%H:%M}" if begins else row.reservation_time,
        "starts_at": _local(begins, zone),
        "duration_minutes": row.duration_minutes,
        "party_size": row.party_size,
        "status": row.status,
        "stage": stage_of(row).value,
        "customer_id": row.customer_id,
        "contact": {"name": row.customer_name, "email": row.customer_email, "phone": row.customer_phone},
        "special_requests": row.special_requests or "",
        "notes": row.notes or "",
        "guest_notes": row.guest_notes or "",
        "table_ids": list(row.table_ids or ()),
        "source": row.source,
        "arrived_at": instant(row.actual_arrival_time),
        "left_at": instant(row.actual_departure_time),
        "created_at": instant(row.created_at),
        "updated_at": instant(row.updated_at),
        "links": {"self": reservation_path(row)},
    }


def _figures(counted: Mapping[Stage, int]) -> dict[str, int]:
    return {stage.value: counted[stage] for stage in Stage}


def _local(moment: datetime | None, zone: Any) -> str | None:
    return moment.astimezone(zone).isoformat(timespec="seconds") if moment else None
