"""By what customers narrow their list of reservations."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import CharFilter, ChoiceFilter, FilterSet, NumberFilter

from config.api.filters import day_filters
from reservations.models import Reservation
from reservations.selectors import coming, past

_Reservations = QuerySet[Reservation]


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
        """Return the filters, those by days among them."""
        return super().get_filters() | day_filters("reservation_date")


class StaffReservationFilter(FilterSet):  # type: ignore[misc]
    """What `GET staff/reservations` takes."""

    status = ChoiceFilter(choices=Reservation.Status.choices)
    restaurant = CharFilter(field_name="restaurant__slug", max_length=255, label="The restaurant's slug.")
    customer = NumberFilter(field_name="customer_id", min_value=1, max_value=2**31 - 1, label="The customer's id.")

    @classmethod
    def get_filters(cls) -> Any:
        """Return the filters, those by days among them."""
        return super().get_filters() | day_filters("reservation_date")
