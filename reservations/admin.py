"""The reservations' page in the admin; and on a restaurant's, how it takes bookings."""

import datetime
from typing import Any, cast

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from config.scoping import FormInline, ScopedAdmin, ScopedRelatedFilter, TableInline, column
from reservations.desk import book_view, desk_urls
from reservations.forms import PolicyForm
from reservations.models import BookingLog, BookingPolicy, OpeningException, Reservation
from reservations.preview import preview_view
from reservations.rights import RESERVATIONS
from reservations.services import Actor, reservation_note
from restaurants.admin import RestaurantAdmin

STATUS_COLOURS = {"CONFIRMED": "info", "COMPLETED": "success", "NO_SHOW": "warning", "CANCELLED": "danger"}
NOTES = ("notes", "special_requests", "guest_notes")


class BookingLogInline(TableInline):
    """What was done to a booking, by whom; of those made in the booking application, since they were first changed."""

    model = BookingLog
    verbose_name_plural = "log"
    fields = readonly_fields = ("created_at", "action", "who", "what")

    @column("by")
    def who(self, entry: BookingLog) -> str:
        """Return who did it, with their number if they have one."""
        return f"{entry.actor_kind} {entry.actor_id or ''}".strip()

    @column("what changed")
    def what(self, entry: BookingLog) -> str:
        """Return each value that changed, before and after."""
        names = dict.fromkeys([*entry.before, *entry.after])
        return "; ".join(f"{name}: {_change(name, entry)}" for name in names)


def _change(name: str, entry: BookingLog) -> str:
    now = entry.after.get(name)
    return f"{entry.before[name]} → {now}" if name in entry.before else f"{now}"


class BookingPolicyInline(FormInline):
    """How the restaurant takes bookings; without a row, as the form says when it is added."""

    model = BookingPolicy
    form = PolicyForm
    verbose_name_plural = "booking policy"
    editable = addable = True
    max_num = 1
    fieldsets = (
        (None, {"fields": ("is_online", "time_zone", "slot_interval_minutes", "duration_minutes", "durations")}),
        ("Limits", {"fields": ("covers_per_slot", "covers_per_day", "overbooking_percent")}),
        ("Who and when", {"fields": ("min_party_size", "max_party_size", "minimum_notice_minutes", "horizon_days")}),
        ("Afterwards", {"fields": ("change_cutoff_minutes", "cancel_cutoff_minutes", "reminder_hours")}),
    )


class OpeningExceptionInline(TableInline):
    """Days on which the restaurant has other opening hours, or none."""

    model = OpeningException
    verbose_name_plural = "days with other opening hours"
    editable = addable = can_delete = True
    fields = ("date", "hours", "note")


RestaurantAdmin.change_form_after_template = "reservations/preview_button.html"
RestaurantAdmin.inlines = (*RestaurantAdmin.inlines, BookingPolicyInline, OpeningExceptionInline)


@admin.register(Reservation)
class ReservationAdmin(ScopedAdmin):
    """Reservations, with their notes to edit: what counts as a visit stays with the booking rules."""

    allowed = RESERVATIONS
    linked_lookups = ("customer",)
    inlines = (BookingLogInline,)
    empty_hint = "Change the search or the filters, or book a table."

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

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Return the page that books a table: by the booking rules, and no form over columns."""
        return book_view(request)

    def get_urls(self) -> list[URLPattern]:
        """Return the pages, and those of the desk."""
        preview = self.admin_site.admin_view(preview_view)
        return [
            *desk_urls(self.admin_site.admin_view),
            path("preview/<int:number>/", preview, name="reservations_reservation_preview"),
            *super().get_urls(),
        ]

    def save_model(self, request: HttpRequest, obj: Reservation, form: Any, change: bool) -> None:
        """Write the notes that were changed, as the desk does: with who did it in the log."""
        notes: dict[str, Any] = {name: form.cleaned_data[name] or "" for name in form.changed_data if name in NOTES}
        reservation_note(reservation=obj, actor=Actor("staff", cast("int", request.user.pk)), **notes)

    @column("date", ordering="reservation_date")
    def day(self, reservation: Reservation) -> str:
        """Return the day, which is stored as its midnight in UTC."""
        when: object = reservation.reservation_date
        return when.date().isoformat() if isinstance(when, datetime.datetime) else str(when)

    @column("status", colours=STATUS_COLOURS)
    def state(self, reservation: Reservation) -> tuple[str, str]:
        """Return the status and its name."""
        return reservation.status, reservation.get_status_display()
