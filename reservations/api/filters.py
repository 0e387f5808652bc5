"""By what customers narrow their list of reservations."""

from datetime import UTC, date, datetime, time
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import CharFilter, ChoiceFilter, DateFilter, FilterSet

from reservations.models import Reservation
from reservations.selectors import coming, past

_Reservations = QuerySet[Reservation]


def _from(reservations: _Reservations, name: str, day: date) -> _Reservations:
    return reservations.filter(reservation_date__gte=datetime.combine(day, time.min, UTC))


def _to(reservations: _Reservations, name: str, day: date) -> _Reservations:
    return reservations.filter(reservation_date__lte=datetime.combine(day, time.max, UTC))


def _when(reservations: _Reservations, name: str, when: str) -> _Reservations:
    return (coming if when == "upcoming" else past)(reservations, timezone.now())


class ReservationFilter(FilterSet):  # type: ignore[misc]
    """What `GET me/reservations` takes."""

    status = ChoiceFilter(choices=Reservation.Status.choices)
    restaurant = CharFilter(field_name="restaurant__slug", max_length=255, label="The restaurant's slug.")
    when = ChoiceFilter(
        choices=[("upcoming", "upcoming"), ("past", "past")],
        method=_when,
        label="By the restaurant's clocks; upcoming ones come with the next first, all others with the last first.",
    )

    @classmethod
    def get_filters(cls) -> Any:
        """Return the filters; two have names that Python keeps for itself."""
        days = {
            "from": DateFilter(method=_from, label="The first day."),
            "to": DateFilter(method=_to, label="The last day."),
        }
        return super().get_filters() | days
