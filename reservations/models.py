"""Reservations of tables."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from config.fields import EnumField, LegacyDateTimeField


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
