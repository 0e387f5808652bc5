"""The reservations' page in the admin."""

import datetime

from django.contrib import admin

from config.scoping import STAFF, ScopedAdmin, ScopedRelatedFilter, column
from reservations.models import Reservation

STATUS_COLOURS = {"CONFIRMED": "info", "COMPLETED": "success", "NO_SHOW": "warning", "CANCELLED": "danger"}
NOTES = ("notes", "special_requests", "guest_notes")


@admin.register(Reservation)
class ReservationAdmin(ScopedAdmin):
    """Reservations, with their notes to edit: what counts as a visit stays with the booking rules."""

    allowed = {"view": STAFF, "change": STAFF}
    linked_lookups = ("customer",)
    empty_hint = "Change the search or the filters; reservations are made in the booking application."

    list_display = ("id", "customer_name", "day", "reservation_time", "party_size", "state", "restaurant")
    list_display_links = ("id", "customer_name")
    list_filter = ("status", "reservation_date", ("restaurant", ScopedRelatedFilter))
    list_select_related = ("restaurant",)
    sortable_by = ("id", "day")
    search_fields = ("=id", "customer_name", "customer_email", "customer_phone")
    search_help_text = "Number, name, email or phone"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("id", "restaurant", "day", "reservation_time", "party_size", "status", "duration_minutes")}),
        ("Guest", {"fields": ("customer_name", "customer_phone", "customer_email", "customer_id")}),
        ("Notes", {"fields": NOTES}),
        (
            "More",
            {
                "fields": (
                    *("source", "table_ids", "confirmation_sent", "reminder_sent"),
                    *("actual_arrival_time", "actual_departure_time", "user_id", "created_at", "updated_at"),
                )
            },
        ),
    )
    readonly_fields = tuple(name for _, part in fieldsets for name in part["fields"] if name not in NOTES)

    @column("date", ordering="reservation_date")
    def day(self, reservation: Reservation) -> str:
        """Return the day, which is stored as its midnight in UTC."""
        when: object = reservation.reservation_date
        return when.date().isoformat() if isinstance(when, datetime.datetime) else str(when)

    @column("status", colours=STATUS_COLOURS)
    def state(self, reservation: Reservation) -> tuple[str, str]:
        """Return the status and its name."""
        return reservation.status, reservation.get_status_display()
