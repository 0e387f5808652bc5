"""Reservations of tables, how restaurants take bookings, and what stands beside a booking."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from config.fields import EnumField, LegacyDateTimeField, LineField
from restaurants.hours import intervals


class Reservation(models.Model):
    """A table for a party: on `reservation_date` (midnight UTC of the day), at the restaurant's local time."""

    class Status(models.TextChoices):
        """What became of it."""

        CONFIRMED = "CONFIRMED"
        CANCELLED = "CANCELLED"
        COMPLETED = "COMPLETED"
        NO_SHOW = "NO_SHOW"

    customer_name = models.CharField(max_length=255)
    customer_phone = models.CharField(max_length=50, null=True, blank=True)
    customer_email = models.CharField(max_length=255, null=True, blank=True)
    restaurant = models.ForeignKey("restaurants.Restaurant", on_delete=models.PROTECT, related_name="reservations")
    party_size = models.IntegerField()
    reservation_date = LegacyDateTimeField()
    reservation_time = models.CharField(max_length=10)
    status = EnumField("ReservationStatus", choices=Status.choices, default=Status.CONFIRMED)
    notes = models.TextField(null=True, blank=True)
    special_requests = models.TextField(null=True, blank=True)
    duration_minutes = models.IntegerField(default=90)
    source = models.CharField(max_length=20, default="website")
    table_ids = ArrayField(models.IntegerField(), default=list, blank=True)
    confirmation_sent = models.BooleanField(default=False)
    reminder_sent = models.BooleanField(default=False)
    actual_arrival_time = LegacyDateTimeField(null=True, blank=True)
    actual_departure_time = LegacyDateTimeField(null=True, blank=True)
    guest_notes = models.TextField(null=True, blank=True)
    created_at = LegacyDateTimeField(auto_now_add=True)
    updated_at = LegacyDateTimeField(auto_now=True)
    # Whoever wrote the row in the old application: the customer, or staff on the phone. Never null before clean-up.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="reservations"
    )
    # SQL makes the constraint: the column may still reference `users` in a database that brought it along.
    customer = models.ForeignKey(
        "customers.Customer",
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="reservations",
    )

    class Meta:
        db_table = "reservations"

    def __str__(self) -> str:
        return f"reservation {self.pk}"


def default_time_zone() -> str:
    """Return the time zone of restaurants that say nothing of theirs."""
    return str(settings.RESTAURANT_TIME_ZONE)


def zone_named(name: str) -> ZoneInfo | None:
    """Return the time zone NAME, or None if it is none."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return None


def validate_time_zone(name: str) -> None:
    """Raise ValidationError unless NAME is a time zone such as Europe/Berlin."""
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is no time zone, such as Europe/Berlin.", code="time_zone")


def validate_durations(value: Any) -> None:
    """Raise ValidationError unless VALUE is as `BookingPolicy.durations` says."""
    example = 'a list such as [{"up_to": 2, "minutes": 90}, {"up_to": 6, "minutes": 120}], by rising up_to'
    steps: list[Any] = value if isinstance(value, list) else [None]
    sizes = [0]
    for step in steps:
        if not _is_step(step) or step["up_to"] <= sizes[-1]:
            raise ValidationError(f"It is {example}, and 15 to 720 minutes.", code="durations")
        sizes.append(step["up_to"])


def _is_step(step: Any) -> bool:
    if not isinstance(step, dict) or step.keys() != {"up_to", "minutes"}:
        return False
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in step.values())
    return whole and 15 <= step["minutes"] <= 720


def validate_hours(text: str) -> None:
    """Raise ValidationError unless TEXT is opening hours of one day."""
    try:
        intervals(text)
    except ValueError as error:
        raise ValidationError(str(error), code="hours") from error


def _from(least: int, most: int | None = None) -> list[Any]:
    return [MinValueValidator(least), *([MaxValueValidator(most)] if most is not None else [])]


class BookingPolicy(models.Model):
    """How a restaurant takes bookings; one without a row has the defaults of these fields (`policy_of`)."""

    restaurant = models.OneToOneField(
        "restaurants.Restaurant", on_delete=models.CASCADE, db_constraint=False, related_name="booking_policy"
    )
    is_online = models.BooleanField(
        default=True, help_text="Whether tables are booked online. What is booked can be cancelled either way."
    )
    time_zone = LineField(
        default=default_time_zone,
        validators=[validate_time_zone],
        help_text="Where the restaurant is, as in Europe/Berlin: its opening hours and bookings are in this time.",
    )
    slot_interval_minutes = models.SmallIntegerField(
        default=30,
        choices=[(15, "every 15 minutes"), (30, "every 30 minutes"), (60, "every hour")],
        help_text="How often a booking may begin, counted from opening.",
    )
    duration_minutes = models.SmallIntegerField(
        default=90,
        validators=_from(15, 720),
        help_text="How long a party stays, 15 to 720 minutes, unless the next field knows better. "
        "A booking ends by closing time.",
    )
    durations = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_durations],
        help_text='How long by party size: [{"up_to": 2, "minutes": 90}, {"up_to": 6, "minutes": 120}]; '
        "larger parties stay as long as the field above says.",
    )
    covers_per_slot = models.IntegerField(
        null=True,
        blank=True,
        validators=_from(1),
        help_text="How many people may sit at the same time, whoever booked them. Empty: no limit.",
    )
    covers_per_day = models.IntegerField(
        null=True, blank=True, validators=_from(1), help_text="How many people in one day. Empty: no limit."
    )
    overbooking_percent = models.SmallIntegerField(
        default=0,
        validators=_from(0, 100),
        help_text="How many per cent beyond both limits are sold, for those who do not come.",
    )
    minimum_notice_minutes = models.IntegerField(
        default=60, validators=_from(0, 525600), help_text="How long before it begins a booking has to be made."
    )
    horizon_days = models.SmallIntegerField(
        default=90, validators=_from(1, 730), help_text="How many days ahead bookings are taken."
    )
    min_party_size = models.SmallIntegerField(default=1, validators=_from(1))
    max_party_size = models.SmallIntegerField(
        default=12, validators=_from(1), help_text="Larger parties are asked to call."
    )
    cancel_cutoff_minutes = models.IntegerField(
        default=120, validators=_from(0), help_text="How long before it begins a booking can be cancelled online."
    )
    change_cutoff_minutes = models.IntegerField(
        default=120, validators=_from(0), help_text="How long before it begins a booking can be changed online."
    )
    reminder_hours = models.SmallIntegerField(
        default=24,
        null=True,
        blank=True,
        validators=_from(1, 336),
        help_text="How many hours before it begins guests are reminded by mail. Empty: never.",
    )
    created_at = LegacyDateTimeField(auto_now_add=True)
    updated_at = LegacyDateTimeField(auto_now=True)

    class Meta:
        db_table = "booking_policies"
        verbose_name_plural = "booking policies"

    def __str__(self) -> str:
        return f"booking policy of restaurant {self.restaurant_id}"

    def clean(self) -> None:
        """Raise ValidationError for sizes of parties that exclude each other."""
        sizes = (self.min_party_size, self.max_party_size)
        if None not in sizes and sizes[0] > sizes[1]:
            raise ValidationError({"max_party_size": "It is at least as large as the smallest party."})

    @property
    def zone(self) -> ZoneInfo:
        """The restaurant's time zone; where SQL wrote what is none past the form's check, that of the setting."""
        return zone_named(self.time_zone) or ZoneInfo(default_time_zone())

    def duration_of(self, party_size: int) -> timedelta:
        """Return how long a party of this size stays."""
        fitting = (minutes for up_to, minutes in self.steps if party_size <= up_to)
        return timedelta(minutes=next(fitting, self.duration_minutes))

    @property
    def steps(self) -> list[tuple[int, int]]:
        """Up to how many people stay how many minutes; what SQL wrote past the form's check is left out."""
        told = self.durations if isinstance(self.durations, list) else []
        return [(step["up_to"], step["minutes"]) for step in told if _is_step(step)]

    @property
    def slot_limit(self) -> int | None:
        """How many people are taken at the same time, overbooking among it; None is no limit."""
        return self._oversold(self.covers_per_slot)

    @property
    def day_limit(self) -> int | None:
        """How many people are taken in one day, overbooking among it; None is no limit."""
        return self._oversold(self.covers_per_day)

    def _oversold(self, covers: int | None) -> int | None:
        return None if covers is None else covers * (100 + self.overbooking_percent) // 100


class OpeningException(models.Model):
    """A day on which a restaurant has other opening hours than its week says, or is closed."""

    restaurant = models.ForeignKey(
        "restaurants.Restaurant", on_delete=models.CASCADE, db_constraint=False, related_name="opening_exceptions"
    )
    date = models.DateField()
    hours = LineField(
        default="",
        blank=True,
        validators=[validate_hours],
        help_text="As in 12:00-15:00, 18:00-23:00. Empty: closed.",
    )
    note = LineField(default="", blank=True, help_text="Shown to guests, as in: Closed for a wedding.")
    created_at = LegacyDateTimeField(auto_now_add=True)
    updated_at = LegacyDateTimeField(auto_now=True)

    class Meta:
        db_table = "booking_exceptions"
        ordering = ["-date", "id"]
        constraints = [
            models.UniqueConstraint(fields=["restaurant", "date"], name="booking_exceptions_restaurant_id_date_key")
        ]

    def __str__(self) -> str:
        return f"{self.date}: {self.hours or 'closed'}"


class BookingSlot(models.Model):
    """What a booking locks: a quarter of an hour of a UTC day, or, with `minute` -1, a day of the restaurant's."""

    pk = models.CompositePrimaryKey("restaurant_id", "day", "minute")
    restaurant_id = models.IntegerField()
    day = models.DateField()
    minute = models.SmallIntegerField()

    class Meta:
        db_table = "booking_slots"

    def __str__(self) -> str:
        return f"{self.day} {self.minute} at restaurant {self.restaurant_id}"


class BookingTerms(models.Model):
    """What was promised with a booking, as the policy was then; see `reservations.terms` for one without a row.

    `sequence` is raised by each change, as calendars want it (iCalendar's SEQUENCE). The time zone is no promise but a
    fact, which may be put right: it is the policy's of today.
    """

    reservation = models.OneToOneField(
        Reservation, primary_key=True, on_delete=models.CASCADE, db_constraint=False, related_name="terms"
    )
    cancel_cutoff_minutes = models.IntegerField(default=0)
    change_cutoff_minutes = models.IntegerField(default=0)
    reminder_hours = models.SmallIntegerField(null=True)
    sequence = models.IntegerField(default=0)
    created_by = models.CharField(max_length=10, default="system")
    created_at = LegacyDateTimeField(auto_now_add=True)
    updated_at = LegacyDateTimeField(auto_now=True)

    class Meta:
        db_table = "booking_terms"
        verbose_name_plural = "booking terms"

    def __str__(self) -> str:
        return f"terms of reservation {self.reservation_id}"


class BookingLog(models.Model):
    """Who did what to a booking, and when; only ever added to. It outlives the booking."""

    class Action(models.TextChoices):
        """What was done."""

        CREATED = "created"
        CHANGED = "changed"
        CANCELLED = "cancelled"

    reservation = models.ForeignKey(
        Reservation, on_delete=models.DO_NOTHING, db_constraint=False, related_name="booking_log"
    )
    action = models.CharField(max_length=10, choices=Action.choices)
    actor_kind = models.CharField(max_length=10, default="system")
    actor_id = models.IntegerField(null=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    created_at = LegacyDateTimeField(auto_now_add=True)

    id = models.BigAutoField(primary_key=True)

    class Meta:
        db_table = "booking_logs"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"reservation {self.reservation_id} {self.action}"


class IdempotencyKey(models.Model):
    """The answer to a request that may be repeated, by a hash of the key it came with; kept for a day."""

    id = models.BigAutoField(primary_key=True)
    scope = models.TextField()
    key_hash = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    status = models.SmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = LegacyDateTimeField(auto_now_add=True)

    class Meta:
        db_table = "booking_requests"
        constraints = [
            models.UniqueConstraint(fields=["scope", "key_hash"], name="booking_requests_scope_key_hash_key")
        ]

    def __str__(self) -> str:
        return f"request {self.pk}"
