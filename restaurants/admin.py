"""The restaurants' page in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from config.scoping import ScopedAdmin, column
from restaurants.forms import RestaurantForm
from restaurants.hours import DAYS, opening_hours
from restaurants.models import Restaurant
from restaurants.rights import RESTAURANTS

ONLY_SUPERADMINS_CHANGE = ("slug", "is_active")


@admin.register(Restaurant)
class RestaurantAdmin(ScopedAdmin):
    """Staff see the restaurants they work for; owners keep the address and the texts right."""

    allowed = RESTAURANTS
    form = RestaurantForm
    restaurant_path = "id"
    empty_hint = "Add the first restaurant, or move an existing platform's database here: python manage.py migrate"

    list_display = ("name", "city", "cuisine", "phone", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name", "slug", "city")
    readonly_fields = ("id", "week", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("id", "name", "slug", "is_active", "cuisine", "description", "opening_hours", "week")}),
        ("Contact", {"fields": ("phone", "email", "website", "address", "zip_code", "city", "state", "country")}),
        ("Pictures", {"fields": ("logo_url", "cover_image_url")}),
        (None, {"fields": ("created_at", "updated_at")}),
    )

    @column("opening hours as read")
    def week(self, restaurant: Restaurant) -> str:
        """Return the week as it is offered to guests, and what of it cannot be read."""
        hours = opening_hours(restaurant.opening_hours)
        days = [
            f"{day.title()} {', '.join(map(str, open_))}" for day, open_ in zip(DAYS, hours.week, strict=True) if open_
        ]
        open_at = "; ".join(days) or "Closed all week: no table can be booked online"
        return " ".join([f"{open_at}.", *hours.problems])

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the form's parts: whoever may not change the hours sees only how they are read."""
        if self.may(request, "change" if obj else "add", obj):
            return self.fieldsets
        return tuple(
            (title, {"fields": [name for name in part["fields"] if name != "opening_hours"]})
            for title, part in self.fieldsets
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return the columns this user may only look at."""
        fixed = () if request.user.is_superuser else ONLY_SUPERADMINS_CHANGE
        return (*self.readonly_fields, *fixed)
