"""Who sees which rows in the admin: one base class for every page, and the parts its pages share.

Who may do what is written in each app's `rights.py` (`config/rights.py`); `request.user` answers `is_staff`,
`is_superuser` and `restaurants_as(role)`, and nothing else is known of it here, so that every app may build on this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminExpandableTextareaWidget, UnfoldAdminTextInputWidget

from config.fields import LineField
from config.rights import places

COUNTED_ROWS = 10_000
# More choices than these nobody reads, and no page can carry all there may be.
OFFERED_ROWS = 200


Method = TypeVar("Method", bound=Callable[..., Any])
Row = TypeVar("Row", bound=models.Model)


def column(
    description: str, *, ordering: Any = None, colours: dict[str, str] | None = None
) -> Callable[[Method], Method]:
    """Make a method of a page a column: with COLOURS its value, or (value, name), is shown as a coloured label."""

    def decorate(method: Method) -> Method:
        decorated: Method = display(method, description=description, ordering=ordering, label=colours)
        return decorated

    return decorate


ASKED_BY_FILTERS = ("", "exact", "id__exact", "isnull", "gte", "lt")
# One line in one line; notes in as many as they need.
SMALL_WIDGETS = {
    LineField: {"widget": UnfoldAdminTextInputWidget},
    ArrayField: {"widget": UnfoldAdminTextInputWidget},
    models.TextField: {"widget": UnfoldAdminExpandableTextareaWidget},
}


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts COUNTED_ROWS rows and one more at most: a page of millions costs as much as one of thousands."""

    template_name = "staff/pagination.html"

    @cached_property
    def _found(self) -> int:
        if not isinstance(self.object_list, models.QuerySet):
            return len(self.object_list)
        return self.object_list.order_by().values("pk")[: COUNTED_ROWS + 1].count()

    @cached_property
    def count(self) -> int:
        """Return the number of rows that can be paged to."""
        return min(self._found, COUNTED_ROWS)

    @property
    def more(self) -> bool:
        """Whether there are rows beyond those that were counted; a search narrows them down."""
        return self._found > COUNTED_ROWS


class ScopedAdmin(ModelAdmin):  # type: ignore[misc]
    """A page on which a SUPERADMIN sees every row, and restaurant staff those of the restaurants they work for.

    `allowed` is the app's `rights.py` on these rows; an action it does not name is nobody's. `restaurant_path` leads
    from a row to its restaurant's id. An address can ask only for what the list's own filters ask. A change writes the
    changed columns alone, because the old application writes the same rows.
    """

    allowed: ClassVar[Mapping[str, str]] = {}
    restaurant_path: ClassVar[str] = "restaurant_id"
    # Told on an empty list: what to do now.
    empty_hint: ClassVar[str] = "Change the search or the filters."
    # Lookups that links of other pages use, beside the list's own filters.
    linked_lookups: ClassVar[tuple[str, ...]] = ()

    formfield_overrides = SMALL_WIDGETS
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    actions: ClassVar[tuple[str, ...] | None] = None

    def may(self, request: HttpRequest, action: str, obj: Any = None) -> bool:
        """Return whether this user may do ACTION: somewhere, or on OBJ."""
        where = self.places(request, action)
        return where is None or (bool(where) and (obj is None or self.in_scope(obj, where)))

    def places(self, request: HttpRequest, action: str) -> frozenset[int] | None:
        """Return the restaurants in which this user may do ACTION; None means everywhere."""
        return places(request.user, self.allowed, action)

    def in_scope(self, obj: Any, places: frozenset[int]) -> bool:
        """Return whether OBJ belongs to one of PLACES."""
        return getattr(obj, self.restaurant_path) in places

    def scoped(self, queryset: models.QuerySet[Any], places: frozenset[int]) -> models.QuerySet[Any]:
        """Return the rows of QUERYSET that belong to one of PLACES."""
        return queryset.filter(**{f"{self.restaurant_path}__in": places})

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """Return every row this user may see."""
        queryset = super().get_queryset(request)
        where = self.places(request, "view")
        return queryset if where is None else self.scoped(queryset, where)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list, without a "show all" beside its number: there is nothing more to show."""
        changes = super().get_changelist_instance(request)
        changes.full_result_count = changes.result_count
        return changes

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the index lists this page."""
        return self.may(request, "view")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether this user may see OBJ, or any row."""
        return self.may(request, "view", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether this user may make a row."""
        return self.may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether this user may change OBJ, or any row."""
        return self.may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether this user may delete OBJ, or any row."""
        return self.may(request, "delete", obj)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Return whether an address may ask for LOOKUP: only by the list's filters, or values leak letter by letter."""
        filters = map(_asks_for, self.get_list_filter(request))
        name, _, question = lookup.partition("__")
        known = name in {*filters, *self.linked_lookups} and question in ASKED_BY_FILTERS
        return known and "\x00" not in str(value)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row, or None if this user cannot see it or no row can have that number."""
        return None if "\x00" in object_id else super().get_object(request, object_id, from_field)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save OBJ: a new row whole, an old one in the columns that were changed."""
        save_changes(obj, form.changed_data if change else None)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save the rows of an inline in the same way."""
        formset.save(commit=False)
        for obj, changed in formset.changed_objects:
            save_changes(obj, changed)
        for obj in formset.new_objects:
            obj.save()
        for obj in formset.deleted_objects:
            obj.delete()


def _asks_for(list_filter: Any) -> str:
    """Return the column, or the parameter, that a filter of a list asks for."""
    if isinstance(list_filter, type):
        return str(getattr(list_filter, "parameter_name", ""))
    return str(list_filter if isinstance(list_filter, str) else list_filter[0])


def save_changes(obj: models.Model, changed: Iterable[str] | None) -> None:
    """Save the columns CHANGED of OBJ and its time of change; nothing if nothing changed, everything if None."""
    if changed is None:
        obj.save()
    elif names := {name for name in changed if name in {field.name for field in obj._meta.fields}}:
        stamps = {field.name for field in obj._meta.fields if getattr(field, "auto_now", False)}
        obj.save(update_fields=names | stamps)


class InlineRights:
    """Rows shown on another row's page, for whoever sees that one.

    Whoever may change that one may change, add and delete rows: what `editable`, `addable` and `can_delete` allow.
    """

    editable = False
    addable = False
    extra = 0
    can_delete = False
    admin_site: admin.AdminSite
    parent_model: type[models.Model]

    def _parent_may_change(self, request: HttpRequest, obj: Any) -> bool:
        return self.admin_site.get_model_admin(self.parent_model).has_change_permission(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True: the page itself has been checked."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether rows may be added."""
        return self.addable and self._parent_may_change(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the rows may be changed."""
        return self.editable and self._parent_may_change(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether rows may be deleted."""
        return self.can_delete and self._parent_may_change(request, obj)


class TableInline(InlineRights, TabularInline):  # type: ignore[misc]
    """The rows as a table."""

    formfield_overrides = SMALL_WIDGETS
    hide_title = True

    def formfield_for_dbfield(self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """Return the field with a name of its own: only the column's heading is on the page."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.widget.attrs.setdefault("aria-label", str(field.label or db_field.verbose_name).capitalize())
        return field


class FormInline(InlineRights, StackedInline):  # type: ignore[misc]
    """Each row as a form."""

    formfield_overrides = SMALL_WIDGETS


def first_rows(rows: models.QuerySet[Row], chosen: str | None) -> list[Row]:
    """Return ROWS by name, as many as a page can offer: the first OFFERED_ROWS, and the one CHOSEN beyond those."""
    first = list(rows.order_by("name", "pk")[:OFFERED_ROWS])
    if chosen and chosen.isdecimal() and len(first) == OFFERED_ROWS and int(chosen) not in {row.pk for row in first}:
        first += rows.filter(pk=chosen)
    return first


def offered(rows: models.QuerySet[Any], chosen: str | None) -> list[tuple[int, str]]:
    """Return the same as choices."""
    return [(row.pk, str(row)) for row in first_rows(rows, chosen)]


class ScopedRelatedFilter(admin.RelatedFieldListFilter):
    """A filter by another table's rows that lists those this user may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        """Return the choices; of very many the first, by name, and what is chosen."""
        related = model_admin.admin_site.get_model_admin(field.remote_field.model)
        return offered(related.get_queryset(request), next(iter(self.lookup_val or ()), None))

    @property
    def include_empty_choice(self) -> bool:
        """Whether rows without a value can be filtered for: no."""
        return False
