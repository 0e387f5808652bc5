"""What the API takes and shows of a reservation."""

import re
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from config.api.values import instant
from config.mail import is_address, one_line
from reservations.availability import DayAvailability
from reservations.models import Reservation
from reservations.services import Changes, Contact
from reservations.terms import moments_of
from reservations.words import address_of
from restaurants.hours import clock, minutes_of
from restaurants.models import Restaurant

_CLOCK = re.compile(r"^([01]\d|2[0-3]):[0-5]\d\Z")
# What a party can be at all; what a restaurant takes is for its policy to say.
MOST_PEOPLE = 1000


class DayField(serializers.DateField):
    """A day that calendars, time zones and PostgreSQL all can hold, with a day more or less."""

    def to_internal_value(self, value: Any) -> date:
        """Return the day; raises ValidationError."""
        day = super().to_internal_value(value)
        if not 1 < day.year < 9999:
            raise serializers.ValidationError("No table is booked in that year.", code="invalid")
        return day


ClockField = partial(
    serializers.RegexField, _CLOCK, help_text="By the restaurant's clocks.", error_messages={"invalid": "It is HH:MM."}
)
PartyField = partial(serializers.IntegerField, min_value=1, max_value=MOST_PEOPLE)
WishesField = partial(serializers.CharField, max_length=1000, allow_blank=True, help_text="For the restaurant to read.")


class PersonSerializer(serializers.Serializer[Any]):
    """Who comes, and where to call them."""

    name = serializers.CharField(max_length=255, required=False)
    phone = serializers.CharField(max_length=50, allow_blank=True, required=False)

    def validate_name(self, name: str) -> str:
        """Return NAME on one line."""
        return one_line(name) or self.fields["name"].fail("blank")

    def validate_phone(self, phone: str) -> str:
        """Return PHONE on one line."""
        return one_line(phone)


class GuestSerializer(PersonSerializer):
    """Who comes, and where to reach them: the mail with the link that manages the booking goes to `email`."""

    name = serializers.CharField(max_length=255)
    email = serializers.EmailField(max_length=254)

    def validate_email(self, email: str) -> str:
        """Return EMAIL if mail can go there."""
        return email if is_address(email) else self.fields["email"].fail("invalid")


class TableSerializer(serializers.Serializer[Any]):
    """Which table is wanted."""

    date = DayField()
    time = ClockField()
    party_size = PartyField()
    special_requests = WishesField(default="")


class CreateSerializer(TableSerializer):
    """A booking by a customer, in the name and with the address of the account unless `contact` says otherwise."""

    restaurant = serializers.CharField(max_length=255, help_text="Its slug.")
    contact = PersonSerializer(required=False)


class GuestCreateSerializer(TableSerializer):
    """A booking without an account."""

    contact = GuestSerializer()


class ChangeSerializer(serializers.Serializer[Any]):
    """What is to be changed; what is not sent stays as it is."""

    date = DayField(required=False)
    time = ClockField(required=False)
    party_size = PartyField(required=False)
    special_requests = WishesField(required=False)
    contact = PersonSerializer(required=False)

    def changes(self, reservation: Reservation) -> Changes:
        """Return what the service is to change of RESERVATION; the address stays, since links to it rest on that."""
        data = self.validated_data
        person = data.get("contact")
        return Changes(
            day=data.get("date"),
            time=data.get("time"),
            party_size=data.get("party_size"),
            special_requests=data.get("special_requests"),
            contact=contact_of(person, shown_contact(reservation)) if person else None,
        )


class AvailabilityQuerySerializer(serializers.Serializer[Any]):
    """For which day and party."""

    date = DayField()
    party_size = PartyField()


def contact_of(person: dict[str, str], otherwise: Contact) -> Contact:
    """Return PERSON, with what it leaves out as it is OTHERWISE."""
    phone = person.get("phone", otherwise.phone) or None
    return Contact(name=person.get("name", otherwise.name), email=otherwise.email, phone=phone)


def shown_contact(reservation: Reservation) -> Contact:
    """Return whose booking it is, as it stands in the row."""
    return Contact(reservation.customer_name, reservation.customer_email, reservation.customer_phone)


# --- What is shown. The serializers below say it to the documentation; the functions make it, as fast as that goes. ---


class RestaurantShown(serializers.Serializer[Any]):
    """Where the table is."""

    id = serializers.IntegerField()
    slug = serializers.CharField()
    name = serializers.CharField()
    phone = serializers.CharField(allow_null=True)
    address = serializers.CharField()
    time_zone = serializers.CharField(help_text="As in Europe/Berlin.")


class ContactShown(serializers.Serializer[Any]):
    """Who comes."""

    name = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)


class LinksShown(serializers.Serializer[Any]):
    """Where to go on; null where there is nothing, or only the mail says where."""

    self = serializers.CharField(allow_null=True)
    cancel = serializers.CharField(allow_null=True)
    calendar = serializers.CharField(allow_null=True)


class ReservationSerializer(serializers.Serializer[Reservation]):
    """A reservation as whoever made it sees it; `date`, `time` and `starts_at` are by the restaurant's clocks."""

    id = serializers.IntegerField()
    restaurant = RestaurantShown()
    date = serializers.DateField(allow_null=True, help_text="Null where it cannot be read, as `starts_at`.")
    time = serializers.CharField(help_text="HH:MM, or whatever was written in its place.")
    starts_at = serializers.DateTimeField(allow_null=True)
    duration_minutes = serializers.IntegerField()
    party_size = serializers.IntegerField()
    status = serializers.ChoiceField(Reservation.Status.choices)
    special_requests = serializers.CharField()
    contact = ContactShown()
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="How it was booked: `portal`, `portal_guest`, `website`, `phone`, …"
    )
    can_change = serializers.BooleanField()
    change_until = serializers.DateTimeField(allow_null=True)
    can_cancel = serializers.BooleanField()
    cancel_until = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)
    links = LinksShown()


class SlotShown(serializers.Serializer[Any]):
    """A time at which the party may begin; `date` is the next day's for one past midnight."""

    date = serializers.DateField()
    time = serializers.CharField()
    starts_at = serializers.DateTimeField()
    available = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True, help_text="The code that booking it would be refused with.")


class AvailabilitySerializer(serializers.Serializer[Any]):
    """The times of a day, by the restaurant's clocks; none, and why, where it is closed."""

    restaurant = serializers.CharField()
    date = serializers.DateField()
    time_zone = serializers.CharField()
    party_size = serializers.IntegerField()
    slots = SlotShown(many=True)
    closed_reason = serializers.CharField(allow_null=True, help_text="The code of why there are no slots.")
    detail = serializers.CharField(help_text="The same in words, or what the restaurant says of that day.")
    next_available_date = serializers.DateField(
        allow_null=True,
        help_text="Where no time of that day can be booked: the next day with one, if there is one within a month.",
    )


def own_path(reservation: Reservation) -> str:
    """Return where a customer finds their own RESERVATION."""
    return f"/api/v1/me/reservations/{reservation.pk}"


def reservation_shown(reservation: Reservation, path: str | None) -> dict[str, Any]:
    """Return RESERVATION as whoever made it sees it, to be found at PATH; nothing of it is for staff alone."""
    now = timezone.now()
    zone, begins, change, cancel = moments_of(reservation)
    changeable = begins is not None and begins > now and reservation.actual_arrival_time is None
    day = reservation.reservation_date
    local = partial(_local, zone=zone)
    return {
        "id": reservation.pk,
        "restaurant": _restaurant(reservation.restaurant, zone.key),
        "date": day.date().isoformat() if isinstance(day, datetime) else None,
        "time": _time(reservation.reservation_time),
        "starts_at": local(begins),
        "duration_minutes": reservation.duration_minutes,
        "party_size": reservation.party_size,
        "status": reservation.status,
        "special_requests": reservation.special_requests or "",
        "contact": {
            "name": reservation.customer_name,
            "email": reservation.customer_email,
            "phone": reservation.customer_phone,
        },
        "source": reservation.source,
        "can_change": changeable and change is not None and now <= change,
        "change_until": local(change),
        "can_cancel": changeable and cancel is not None and now <= cancel,
        "cancel_until": local(cancel),
        "created_at": instant(reservation.created_at),
        "updated_at": instant(reservation.updated_at),
        "links": {
            "self": path,
            "cancel": path and f"{path}/cancel",
            "calendar": path and begins and f"{path}/calendar.ics",
        },
    }


def availability_shown(restaurant: Restaurant, party_size: int, found: DayAvailability, zone: Any) -> dict[str, Any]:
    """Return what of a day can be booked."""
    return {
        "restaurant": restaurant.slug,
        "date": found.day.isoformat(),
        "time_zone": found.time_zone,
        "party_size": party_size,
        "slots": [
            {
                "date": slot.day.isoformat(),
                "time": slot.time,
                "starts_at": _local(slot.starts_at, zone),
                "available": slot.available,
                "reason": slot.reason or None,
            }
            for slot in found.slots
        ],
        "closed_reason": found.reason or None,
        "detail": found.detail or found.note,
        "next_available_date": found.next_day.isoformat() if found.next_day else None,
    }


def _restaurant(restaurant: Restaurant, time_zone: str) -> dict[str, Any]:
    return {
        "id": restaurant.pk,
        "slug": restaurant.slug,
        "name": restaurant.name,
        "phone": restaurant.phone,
        "address": address_of(restaurant),
        "time_zone": time_zone,
    }


@lru_cache(maxsize=1024)
def _time(written: str) -> str:
    try:
        return clock(minutes_of(written))
    except ValueError:
        return written


def _local(instant: datetime | None, zone: Any) -> str | None:
    return instant.astimezone(zone).isoformat(timespec="seconds") if instant else None
