"""Reads of reservations, as their customers see them."""

from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db.models import CharField, F, Func, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce, Collate, Concat, Greatest, Length, LPad

from config.compiled import Compiled
from customers.models import Customer
from reservations.models import Reservation


def reservations_shown() -> QuerySet[Reservation]:
    """Return all reservations with what showing one needs: the restaurant, its policy, the terms."""
    return Reservation.objects.select_related("restaurant__booking_policy", "terms")


def reservations_of(customer: Customer) -> QuerySet[Any]:
    """Return the reservations of CUSTOMER, whoever booked them; `date` is their day and time, fit for ordering."""
    return reservations_shown().filter(customer=customer).annotate(date=_day_and_time())


def latest_reservations(customer: Customer, most: int) -> list[Reservation]:
    """Return the last of `reservations_of` by day and time, MOST of them: what a list begins with."""
    return _latest(most)(pk=customer.pk)


@cache
def _latest(most: int) -> Compiled[Reservation]:
    return Compiled(lambda pk: reservations_of(Customer(pk=pk)).order_by("-date", "-pk")[:most], pk=-1)


def coming(reservations: QuerySet[Any], now: datetime) -> QuerySet[Any]:
    """Return those of `reservations_of` that have not begun by their restaurants' clocks."""
    return reservations.filter(date__gte=_shown_by_clocks(now))


def past(reservations: QuerySet[Any], now: datetime) -> QuerySet[Any]:
    """Return those of `reservations_of` that have begun by their restaurants' clocks."""
    return reservations.filter(date__lt=_shown_by_clocks(now))


def _day_and_time() -> Collate:
    """Return `2026-06-01 09:30` of a row; what cannot be read (`infinity`, `7 pm`) still has its place in the order."""
    day = Coalesce(
        Func(F("reservation_date"), Value("YYYY-MM-DD"), function="to_char", output_field=TextField()),
        Cast("reservation_date", TextField()),
    )
    padded = LPad("reservation_time", Greatest(Length("reservation_time"), Value(5)), Value("0"))
    return Collate(Concat(day, Value(" "), padded, output_field=TextField()), "C")


def _shown_by_clocks(now: datetime) -> Func:
    """Return what the clocks of a row's restaurant show."""
    zone = Coalesce("restaurant__booking_policy__time_zone", Value(settings.RESTAURANT_TIME_ZONE))
    local = Func(zone, Value(now), function="timezone", output_field=CharField())
    return Func(local, Value("YYYY-MM-DD HH24:MI"), function="to_char", output_field=TextField())
