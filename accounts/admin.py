"""The staff's page in the admin: who works where, and as what."""

from pathlib import Path
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group
from django.db import connections, router
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.forms import AdminPasswordChangeForm

from accounts.models import RestaurantStaff, User
from accounts.rights import USERS
from config.scoping import ScopedAdmin, TableInline, column
from config.sql import Queries

ROLE_COLOURS = {"SUPERADMIN": "danger", "ADMIN": "warning", "USER": "info"}
# The links to restaurants go with their user; whatever else refers to a user is history.
GOES_WITH_USER = "restaurant_staff"
HISTORY = Queries(Path(__file__).parent / "sql" / "history.sql")

# Rights are roles; groups of permissions would say something that nothing reads.
admin.site.unregister(Group)


class UserForm(forms.ModelForm):  # type: ignore[type-arg]
    """A staff member's own columns. A password is never among them: it has a page of its own."""

    class Meta:
        model = User
        fields = ("email", "name", "phone", "role")

    def clean_email(self) -> str:
        """Return the email; refuse one that another user has in any case."""
        email: str = self.cleaned_data["email"]
        if User.objects.filter(email__iexact=email).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("Another user already has this email.")
        return email

    def clean_role(self) -> str:
        """Return the role; refuse to take it from the last SUPERADMIN."""
        role: str = self.cleaned_data["role"]
        if self.instance.is_superuser and role != User.Role.SUPERADMIN and not other_superadmins(self.instance):
            raise forms.ValidationError("This is the only SUPERADMIN: make somebody else one first.")
        return role


def other_superadmins(user: User) -> bool:
    """Return whether anybody but USER is a SUPERADMIN who can log in."""
    others = User.objects.filter(role=User.Role.SUPERADMIN).exclude(pk=user.pk)
    # separation: begin
    others = others.filter(is_customer=False)
    # separation: end
    return others.exists()


def history_of(user: User) -> list[str]:
    """Return which tables have rows that refer to USER, read from the catalog."""
    with connections[router.db_for_read(User)].cursor() as cursor:
        cursor.execute(HISTORY.referring_columns, {"goes_with_user": GOES_WITH_USER})
        found = []
        for table, column, name in cursor.fetchall():
            quoted = connections[router.db_for_read(User)].ops.quote_name(column)
            cursor.execute(f"SELECT EXISTS (SELECT FROM {table} WHERE {quoted} = %s)", [user.pk])  # noqa: S608
            if cursor.fetchone()[0]:
                found.append(f"rows of {name} ({column})")
    return found


class RestaurantStaffInline(TableInline):
    """Where somebody works, and as what; somebody who leaves is set inactive, not deleted."""

    model = RestaurantStaff
    editable = True
    verbose_name_plural = "restaurants and roles"
    fields = ("restaurant", "role", "is_active")
    # A choice of restaurants in each row would ask for each row.
    readonly_fields = ("restaurant",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RestaurantStaff]:
        """Return the links with their restaurants."""
        links: QuerySet[RestaurantStaff] = super().get_queryset(request)
        return links.select_related("restaurant").order_by("id")


class NewRestaurantInline(TableInline):
    """Where somebody is going to work."""

    model = RestaurantStaff
    addable = True
    verbose_name = "restaurant"
    verbose_name_plural = "another restaurant"
    fields = ("restaurant", "role")
    autocomplete_fields = ("restaurant",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RestaurantStaff]:
        """Return nothing: these are the links to come."""
        links: QuerySet[RestaurantStaff] = super().get_queryset(request)
        return links.none()


@admin.register(User)
class UserAdmin(BaseUserAdmin, ScopedAdmin):  # type: ignore[type-arg, misc]
    """Staff users."""

    allowed = USERS
    empty_hint = "Change the search or the filters, or make a first SUPERADMIN: python manage.py createsuperuser"

    form = add_form = UserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "phone", "role_label", "works_at")
    list_filter = ("role",)
    search_fields = ("=id", "email", "name", "phone")
    search_help_text = "Number, name, any part of the email, phone"
    ordering = ("id",)
    sortable_by = ("email",)
    filter_horizontal = ()
    inlines = (RestaurantStaffInline, NewRestaurantInline)
    readonly_fields = ("id", "password_link", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("id", "email", "name", "phone", "role", "password_link")}),
        (None, {"fields": ("created_at", "updated_at")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": ("email", "name", "phone", "role"),
                "description": "Give the password on the next page; until then nobody can log in as this user.",
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return the staff, with where they work."""
        links = Prefetch("restaurant_staff", RestaurantStaff.objects.select_related("restaurant").order_by("id"))
        staff: QuerySet[User] = ScopedAdmin.get_queryset(self, request)
        # separation: begin
        staff = staff.filter(is_customer=False)
        # separation: end
        return staff.prefetch_related(links)

    def scoped(self, queryset: QuerySet[Any], places: frozenset[int]) -> QuerySet[Any]:
        """Return nothing: only a SUPERADMIN sees staff."""
        return queryset.none()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Return whether an address may ask for LOOKUP."""
        return ScopedAdmin.lookup_allowed(self, lookup, value, request)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save a user; a new one without a password that could be used."""
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return what a deletion would take along; a user with any history, also in unknown tables, is protected."""
        rows, counts, missing, protected = super().get_deleted_objects(objs, request)
        for user in objs:
            protected.extend(history_of(user))
            if user.is_superuser and not other_superadmins(user):
                protected.append("the platform: this is the only SUPERADMIN")
        # Django would ask for the right to delete the history itself, which nobody has: say what is in the way instead.
        return rows, counts, set() if protected else missing, protected

    @column("role", colours=ROLE_COLOURS)
    def role_label(self, user: User) -> tuple[str, str]:
        """Return the role and its name."""
        return user.role, user.get_role_display()

    @column("works at")
    def works_at(self, user: User) -> str:
        """Return the restaurants and roles of a user, active ones only."""
        return ", ".join(f"{link.restaurant} ({link.role})" for link in user.restaurant_staff.all() if link.is_active)

    @column("password")
    def password_link(self, user: User) -> str:
        """Return a link to where a password is set; of the hash nothing is ever shown."""
        url = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">Set a new password</a>', url)
