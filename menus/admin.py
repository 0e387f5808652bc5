"""Recipes and menus in the admin: the lists, and the forms of what is not on the menu builder's page."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from config.api.problems import DomainError
from config.rights import NOWHERE, places, within
from config.scoping import ScopedAdmin, ScopedRelatedFilter, TableInline, column
from menus import pantry
from menus.builder import builder_view
from menus.cards import card_view
from menus.forms import OFFERED, PART, LineForm, LineFormSet, MenuForm, RecipeForm, SeenForm
from menus.models import Menu, Recipe, RecipeIngredient
from menus.printing import print_view
from menus.rights import MENUS, RECIPES
from menus.selectors import menus_offering, plain, recipe_lines, recipes_made_of
from menus.services import (
    menu_change,
    menu_create,
    menus_publish,
    menus_withdraw,
    recipe_change,
    recipe_create,
    recipe_delete,
    recipe_delete_check,
    recipe_ingredients_set,
)
from menus.values import MenuValues, RecipeValues
from restaurants.models import Restaurant


class KitchenAdmin(ScopedAdmin):
    """What recipes and menus have in common: a restaurant that is chosen once, and forms that know what was seen."""

    form = SeenForm
    first_fields: tuple[str, ...]
    view_names: dict[str, Any]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what the form only shows; of a new row, nothing."""
        return tuple(self.readonly_fields) if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return all there is of a row; of a new one, what is known of it at first."""
        return self.fieldsets if obj else [(None, {"fields": self.first_fields})]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the restaurants in which this user may make a row."""
        if db_field.name == "restaurant":
            here = within(Restaurant.objects.order_by("name", "pk"), places(request.user, self.allowed, "add"), "pk")
            kwargs |= {"queryset": here, "initial": here.first() if here.count() == 1 else None}
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer no way to change the restaurant itself from here."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "restaurant":
            field.widget = field.widget.widget
        return field

    def get_urls(self) -> list[URLPattern]:
        """Return the admin's addresses, and those of pages of our own for one row."""
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(f"<int:pk>/{page}/", self.admin_site.admin_view(self._page(view)), name=f"{name}_{page}")
            for page, view in self.view_names.items()
        ]
        return [*own, *super().get_urls()]

    def _page(self, view: Any) -> Any:
        def guarded(request: HttpRequest, pk: int) -> HttpResponse:
            """Show it to whoever may see the row; to others it is not there."""
            if not self.has_view_permission(request):
                raise PermissionDenied
            row = self.get_object(request, str(pk))
            if row is None:
                missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, str(pk))
                return missing
            answer: HttpResponse = view(self, request, row)
            return answer

        return guarded


class RecipeIngredientInline(TableInline):
    """What goes into a recipe."""

    model = RecipeIngredient
    fk_name = "recipe"
    form = LineForm
    formset = LineFormSet
    verbose_name = "ingredient"
    verbose_name_plural = "ingredients"
    fields = ("quantity", "measure", "what", "order")
    ordering_field = "order"
    editable = addable = can_delete = True

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        """Return how many empty lines are shown; without a script there is no other way to add one."""
        return 1 if obj else 5

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecipeIngredient]:
        """Return the lines with what they name."""
        lines: QuerySet[RecipeIngredient] = super().get_queryset(request)
        return lines.select_related("unit", "ingredient", "sub_recipe", "recipe")


@admin.register(Recipe)
class RecipeAdmin(KitchenAdmin):
    """The recipes of a restaurant; those whose restaurant is not known are a SUPERADMIN's."""

    allowed = RECIPES
    empty_hint = "Change the search or the filters, or write one down: Add recipe."
    form = RecipeForm
    view_names = {"card": card_view}

    list_display = ("name", "restaurant", "category", "prep_time_minutes", "cook_time_minutes")
    list_filter = (("restaurant", ScopedRelatedFilter),)
    list_select_related = ("restaurant", "category")
    sortable_by = ("name",)
    search_fields = ("name", "menu_title")
    ordering = ("-id",)
    inlines = (RecipeIngredientInline,)
    fieldsets = (
        (None, {"fields": ("links", "name", "restaurant", "category_name", "description", "instructions", "seen")}),
        ("Yield and time", {"fields": ("yield_quantity", "yield_measure", "prep_time_minutes", "cook_time_minutes")}),
        ("On menus", {"fields": ("menu_title", "menu_description", "tags", "photo_url", "photo")}),
        ("Record", {"fields": ("id", "used_in", "created_at", "updated_at")}),
    )
    first_fields = (
        *("name", "restaurant", "category_name", "description", "instructions", "yield_quantity", "yield_measure"),
        *("prep_time_minutes", "cook_time_minutes", "menu_title", "menu_description", "tags", "photo_url"),
    )
    readonly_fields = ("links", "id", "restaurant", "photo", "used_in", "created_at", "updated_at")
    change_form_after_template = "menus/names.html"

    @column("kitchen card")
    def links(self, recipe: Recipe) -> SafeString:
        """Return the way to the recipe as the kitchen reads it."""
        return _link(reverse("admin:menus_recipe_card", args=[recipe.pk]), "Read, scale and print it")

    @column("photo")
    def photo(self, recipe: Recipe) -> SafeString | str:
        """Return the picture, if its address is one."""
        if not (recipe.photo_url or "").startswith(("https://", "http://")):
            return "none"
        picture = '<img src="{}" alt="{}" loading="lazy" referrerpolicy="no-referrer" width="320">'
        return format_html(picture, recipe.photo_url, recipe.menu_title or recipe.name)

    @column("used in")
    def used_in(self, recipe: Recipe) -> SafeString | str:
        """Return the menus that offer it and the recipes made of it, of the same restaurant."""
        here = {"restaurant": recipe.restaurant_id, "restaurant__isnull": False}
        menus = [
            (reverse("admin:menus_menu_builder", args=[each.pk]), each)
            for each in menus_offering(recipe).filter(**here)
        ]
        wholes = [
            (reverse("admin:menus_recipe_change", args=[each.pk]), each)
            for each in recipes_made_of(recipe).filter(**here)
        ]
        return _links([*menus, *wholes]) or "nothing yet"

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, obj: Any = None, **kwargs: Any) -> Any:
        """Show the form with the names that its fields offer."""
        context["names"] = _names(request, obj)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def save_model(self, request: HttpRequest, obj: Recipe, form: Any, change: bool) -> None:
        """Write down what was typed, without what goes into the recipe."""
        values = _recipe_values(request, obj, form, change)
        if change:
            recipe_change(recipe=obj, values=values)
        else:
            _is_now(obj, recipe_create(restaurant=_of(obj), actor_id=_actor(request), values=values))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Write down what goes into the recipe."""
        for formset in formsets:
            if formset.has_changed():
                recipe_ingredients_set(recipe=form.instance, actor_id=_actor(request), lines=formset.lines)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Ask before a recipe is deleted, and delete it; lead back with the reason if something is made of it."""
        try:
            return super().delete_view(request, object_id, extra_context)  # type: ignore[no-any-return]
        except DomainError as refused:
            messages.error(request, refused.detail)
            return redirect("admin:menus_recipe_change", object_id)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return what goes with a recipe: what goes into it; raises StillUsed."""
        for recipe in objs:
            recipe_delete_check(recipe=recipe)
        lines = [_line(line) for recipe in objs for line in recipe_lines(recipe)]
        return [*map(str, objs), lines], {"recipes": len(objs), "ingredients": len(lines)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Recipe) -> None:
        """Delete a recipe; raises StillUsed, ChangedMeanwhile."""
        recipe_delete(recipe=obj)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Return what the history says."""
        message = super().construct_change_message(request, form, [], add)
        if not add and any(formset.has_changed() for formset in formsets):
            message.append({"changed": {"fields": ["ingredients"]}})
        return message


def _recipe_values(request: HttpRequest, recipe: Recipe, form: Any, change: bool) -> RecipeValues:
    """Return what was typed that is different, with the rows that names stand for."""
    data = form.cleaned_data
    typed = set(form.changed_data if change else data)
    values: Any = {name: data[name] for name in typed & RecipeValues.__annotations__.keys()}
    place, actor = recipe.restaurant_id or 0, _actor(request)
    if "category_name" in typed:
        name = data["category_name"]
        values["category"] = pantry.category_named(restaurant_id=place, actor_id=actor, name=name) if name else None
    if "yield_measure" in typed:
        name = data["yield_measure"]
        units = pantry.units_named(restaurant_id=place, actor_id=actor, names=[name] if name else [])
        values["yield_unit"] = units.get(name)
    return values  # type: ignore[no-any-return]


def _names(request: HttpRequest, recipe: Recipe | None) -> dict[str, list[str]]:
    """Return the names that the form's fields offer: of this recipe's restaurant, or of the only one there can be."""
    place, actor = recipe.restaurant_id if recipe else None, _actor(request)
    if recipe is None:
        mine = places(request.user, RECIPES, "add") or NOWHERE
        place = next(iter(mine)) if len(mine) == 1 else None
    units = [unit.abbreviation or unit.name for unit in pantry.units(place or 0, actor)[:OFFERED]]
    others = Recipe.objects.filter(restaurant__isnull=False, restaurant=place).exclude(pk=recipe.pk if recipe else 0)
    return {
        "categories": list(pantry.categories(place or 0).values_list("name", flat=True)[:OFFERED]),
        "units": list(dict.fromkeys([*units, *pantry.COMMON_UNITS])),
        "ingredients": [
            *pantry.ingredients(place or 0, actor).values_list("name", flat=True)[:OFFERED],
            *(f"{PART}{name}" for name in others.order_by("name").values_list("name", flat=True)[:OFFERED]),
        ],
    }


class BuilderList(ChangeList):  # type: ignore[misc]
    """A list that leads to the menu builder."""

    def url_for_result(self, result: Menu) -> str:
        """Return the address of a menu's page."""
        return reverse("admin:menus_menu_builder", args=[result.pk])


@admin.register(Menu)
class MenuAdmin(KitchenAdmin):
    """The menus of a restaurant; those whose restaurant is not known are a SUPERADMIN's."""

    allowed = MENUS
    empty_hint = "Change the search or the filters, or make one: Add menu."
    form = MenuForm
    view_names = {"builder": builder_view, "print": print_view}

    list_display = ("name", "title", "restaurant", "is_archived", "published_at", "updated_at")
    list_filter = ("is_archived", ("published_at", admin.EmptyFieldListFilter), ("restaurant", ScopedRelatedFilter))
    actions = ("publish", "withdraw")
    list_select_related = ("restaurant",)
    sortable_by = ("name",)
    search_fields = ("name", "title")
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("links", "name", "restaurant", "title", "subtitle", "seen")}),
        (
            "Print",
            {
                "fields": (
                    *("page_size", "page_margin", "columns_count", "font", "title_font", "base_font_size"),
                    *("title_font_size", "section_font_size", "item_spacing", "background_color", "text_color"),
                    *("accent_color", "title_color", "show_dollar_sign", "show_decimals", "show_section_dividers"),
                )
            },
        ),
        ("Record", {"fields": ("id", "is_archived", "published_at", "created_at", "updated_at")}),
    )
    first_fields = ("name", "restaurant", "title", "subtitle")
    readonly_fields = ("links", "id", "restaurant", "is_archived", "published_at", "created_at", "updated_at")

    @column("sections and items")
    def links(self, menu: Menu) -> SafeString:
        """Return the way to what is on the menu."""
        return _link(reverse("admin:menus_menu_builder", args=[menu.pk]), "Open the menu builder")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BuilderList]:
        """Return the list, whose rows lead to the builder."""
        return BuilderList

    def save_model(self, request: HttpRequest, obj: Menu, form: Any, change: bool) -> None:
        """Write down what was typed."""
        typed = set(form.changed_data if change else form.cleaned_data) & MenuValues.__annotations__.keys()
        values: Any = {name: form.cleaned_data[name] for name in typed}
        if change:
            menu_change(menu=obj, values=values)
        else:
            _is_now(obj, menu_create(restaurant=_of(obj), actor_id=_actor(request), values=values))

    def response_add(self, request: HttpRequest, obj: Menu, post_url_continue: str | None = None) -> HttpResponse:
        """Lead to the builder: a new menu is empty."""
        messages.success(request, f"{obj.name} is there. Guests see it once you publish it.")
        return redirect("admin:menus_menu_builder", obj.pk)

    @admin.action(description="Publish: show it to everybody", permissions=["change"])
    def publish(self, request: HttpRequest, menus: QuerySet[Menu]) -> None:
        """Show these menus at the restaurants' public address."""
        self._said(request, menus_publish(menus=menus), "published")

    @admin.action(description="Withdraw: show it to nobody", permissions=["change"])
    def withdraw(self, request: HttpRequest, menus: QuerySet[Menu]) -> None:
        """Take these menus off the restaurants' public address."""
        self._said(request, menus_withdraw(menus=menus), "withdrawn")

    def _said(self, request: HttpRequest, menus: list[Menu], done: str) -> None:
        """Write it into the history of each, and tell."""
        for menu in menus:
            self.log_change(request, menu, f"The menu was {done}.")
        messages.success(request, f"{len(menus)} {done}; the others were so, are archived, or have no restaurant.")


def _line(line: RecipeIngredient) -> str:
    return f"{plain(line.quantity)} {line.unit} {line.ingredient or line.sub_recipe}"


def _actor(request: HttpRequest) -> int:
    return int(request.user.pk or 0)


def _of(row: Recipe | Menu) -> Restaurant:
    assert row.restaurant  # noqa: S101 (the form asks for it)
    return row.restaurant


def _is_now(row: Model, made: Model) -> None:
    """Let ROW, which a form holds, be the one that was made."""
    row.pk = made.pk
    row.refresh_from_db()


def _link(address: str, text: Any) -> SafeString:
    return format_html('<a class="text-primary-700 dark:text-primary-400 underline" href="{}">{}</a>', address, text)


def _links(links: Iterable[tuple[str, Any]]) -> SafeString:
    return format_html_join(", ", "{}", ((_link(address, text),) for address, text in links))
