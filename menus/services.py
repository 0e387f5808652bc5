"""What staff do to recipes and menus; each function is one transaction.

Another application writes the same rows without asking. So the rows concerned are locked, what is there is compared
with what the caller has seen (`seen`, a version of `menus.values`), and only columns that differ are written. Locks are
taken in one order: the restaurant, the recipe or the menu, its rows. Each is waited for five seconds at most.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model, ProtectedError, QuerySet
from django.utils import timezone

from config.locks import limit_waiting
from menus.errors import ChangedMeanwhile, OtherRestaurant, RecipeCycle, StillUsed
from menus.models import Menu, MenuItem, MenuSection, Recipe, RecipeIngredient
from menus.pantry import ingredients_named, units_named
from menus.selectors import menu_layout, menus_offering, recipe_lines, recipes_made_of
from menus.values import (
    ItemValues,
    MenuValues,
    RecipeValues,
    SectionValues,
    item_version,
    menu_version,
    order_version,
    recipe_version,
    section_version,
)
from restaurants.models import Restaurant

Row = TypeVar("Row", bound=Model)
# So many menus, and recipes, that need a row are named.
_NAMED = 5


# --- Recipes ---


@dataclass(frozen=True)
class Line:
    """A line of a recipe: so much of an ingredient, by its name, or of another recipe; the id of the one it was."""

    quantity: Decimal
    unit: str
    ingredient: str = ""
    sub_recipe_id: int | None = None
    id: int | None = None


def recipe_create(*, restaurant: Restaurant, actor_id: int, values: RecipeValues, lines: Sequence[Line] = ()) -> Recipe:
    """Write down a recipe of RESTAURANT, and return it; raises what `recipe_ingredients_set` raises."""
    with transaction.atomic():
        recipe = Recipe(restaurant=restaurant, user_id=actor_id)
        _set(recipe, _checked_recipe(recipe, values))
        recipe.save()
        if lines:
            recipe = recipe_ingredients_set(recipe=recipe, actor_id=actor_id, lines=lines)
    return recipe


def recipe_change(*, recipe: Recipe, values: RecipeValues, seen: str | None = None) -> Recipe:
    """Change columns of a recipe, and return it; raises ChangedMeanwhile unless it is as SEEN."""
    with transaction.atomic():
        row = recipe_hold(recipe=recipe, seen=seen)
        _save(row, _set(row, _checked_recipe(row, values)))
    return row


def _checked_recipe(recipe: Recipe, values: RecipeValues) -> dict[str, Any]:
    category = values.get("category")
    if category and category.pk != recipe.category_id and category.restaurant_id != recipe.restaurant_id:
        raise OtherRestaurant("A recipe can only be in a category of its own restaurant.")
    return _checked(recipe, values, RecipeValues)


def recipe_hold(*, recipe: Recipe, seen: str | None = None) -> Recipe:
    """Lock the recipes of its restaurant till the end of the transaction, and return this one as it is now.

    Raises ChangedMeanwhile if it is gone, or not as SEEN.
    """
    limit_waiting()
    # One lock for all of them: a chain of recipes is only known to be none once nobody else can lengthen it.
    list(Restaurant.objects.select_for_update(no_key=True).filter(pk=recipe.restaurant_id or 0).values_list("pk"))
    row = Recipe.objects.select_for_update(no_key=True, of=("self",)).filter(pk=recipe.pk).first()
    if row is None or (seen is not None and seen != recipe_version(row)):
        raise _changed(recipe, row is None)
    return row


def recipe_ingredients_set(*, recipe: Recipe, actor_id: int, lines: Sequence[Line], seen: str | None = None) -> Recipe:
    """Make LINES all that goes into a recipe, in this order; lines that keep their id and are the same stay unwritten.

    Ingredients and units that the restaurant does not have yet are made, as the actor's. Raises ChangedMeanwhile unless
    the recipe is as SEEN and all ids are its own; OtherRestaurant for another restaurant's recipe; RecipeCycle;
    ValidationError for what is no line.
    """
    with transaction.atomic():
        row = recipe_hold(recipe=recipe, seen=seen)
        before = {line.pk: line for line in recipe_lines(row)}
        if {line.id for line in lines if line.id is not None} - before.keys():
            raise _changed(recipe, False)
        recipe_lines_check(recipe=row, lines=lines)
        if _write_lines(row, actor_id, lines, before):
            _touch(row)
    return row


def recipe_delete(*, recipe: Recipe) -> None:
    """Delete a recipe with what goes into it; dishes of archived menus stay, and are of no recipe any more.

    Raises StillUsed where a recipe is made of it, or a menu that is not archived offers it; ChangedMeanwhile if it is
    gone.
    """
    with transaction.atomic():
        row = recipe_hold(recipe=recipe)
        recipe_delete_check(recipe=row)
        try:
            with transaction.atomic():
                row.delete()
        except (ProtectedError, IntegrityError) as error:
            raise StillUsed(f"Another recipe is made of {row.name!r} by now.") from error


def recipe_delete_check(*, recipe: Recipe) -> None:
    """Raise StillUsed, with what it is needed for, if a recipe cannot be deleted."""
    menus = menus_offering(recipe).filter(is_archived=False)
    needed = [_whose(row, recipe) for rows in (menus, recipes_made_of(recipe)) for row in rows[:_NAMED]]
    if needed:
        raise StillUsed(f"{recipe.name!r} is needed for {', '.join(needed)}: take it out there first.")


def _whose(row: Menu | Recipe, recipe: Recipe) -> str:
    """Return what ROW is; its name only if it is of the recipe's restaurant."""
    what = row._meta.verbose_name
    return f"{what} {row.name!r}" if row.restaurant_id == recipe.restaurant_id else f"a {what} of another restaurant"


def recipe_lines_check(*, recipe: Recipe, lines: Sequence[Line]) -> None:
    """Raise what is wrong with LINES as those of RECIPE, which is held: see `recipe_ingredients_set`."""
    for number, line in enumerate(lines, 1):
        if bool(line.ingredient.strip()) == bool(line.sub_recipe_id):
            raise ValidationError(f"Line {number}: name an ingredient, or choose a recipe.")
        if not (line.unit.strip() and _is_quantity(line.quantity)):
            raise ValidationError(f"Line {number}: say how much, from 0.01 to 99999999.99, and in which unit.")
        if len(line.ingredient) > 255 or len(line.unit) > 100:
            raise ValidationError(f"Line {number}: an ingredient has at most 255 characters, a unit 100.")
    parts = {line.sub_recipe_id for line in lines if line.sub_recipe_id}
    lines_there = RecipeIngredient.objects.filter(recipe=recipe.pk or 0, sub_recipe__in=parts)
    known = set(lines_there.values_list("sub_recipe_id", flat=True))
    ours = set(Recipe.objects.filter(pk__in=parts, restaurant=recipe.restaurant_id).values_list("pk", flat=True))
    if parts - known - ours:
        raise OtherRestaurant("A recipe can only be made of recipes of its own restaurant.")
    if recipe.pk and (chain := _chain(recipe.pk, parts)):
        raise RecipeCycle(f"{recipe.name!r} would be a part of itself: {' → '.join(chain)}.")


def _is_quantity(quantity: Decimal) -> bool:
    return quantity.is_finite() and 0 < quantity < 10**8 and quantity == round(quantity, 2)


def _chain(top: int, parts: Iterable[int]) -> list[str]:
    """Return the names that lead from the recipe TOP by way of PARTS back to it; nothing if it is not reached."""
    above = dict.fromkeys(parts, top)
    level = set(above)
    while level and top not in above:
        edges = RecipeIngredient.objects.filter(recipe__in=level, sub_recipe__isnull=False)
        level = set()
        for whole, part in edges.order_by("pk").values_list("recipe_id", "sub_recipe_id"):
            if part is not None and part not in above:
                above[part] = whole
                level.add(part)
    if top not in above:
        return []
    path = [top, above[top]]
    while path[-1] != top:
        path.append(above[path[-1]])
    names = dict(Recipe.objects.filter(pk__in=path).values_list("pk", "name"))
    return [names.get(each, "?") for each in reversed(path)]


def _write_lines(recipe: Recipe, actor_id: int, lines: Sequence[Line], before: Mapping[int, RecipeIngredient]) -> bool:
    """Write what is different of LINES, and return whether anything was."""
    place = recipe.restaurant_id or 0
    pairs = [(line, before.get(line.id or 0)) for line in lines]
    typed = {line.ingredient for line, was in pairs if line.ingredient and not _same_ingredient(line, was)}
    measures = {line.unit for line, was in pairs if not _same_unit(line, was)}
    ingredients = ingredients_named(restaurant_id=place, actor_id=actor_id, names=typed)
    units = units_named(restaurant_id=place, actor_id=actor_id, names=measures)
    gone, _ = recipe.ingredients.exclude(pk__in=[was.pk for _, was in pairs if was]).delete()
    changed = gone > 0
    for order, (line, was) in enumerate(pairs):
        columns: dict[str, Any] = {"order": order, "quantity": line.quantity, "sub_recipe_id": line.sub_recipe_id}
        if not _same_ingredient(line, was):
            columns["ingredient_id"] = ingredients[line.ingredient].pk if line.ingredient else None
        if not _same_unit(line, was):
            columns["unit_id"] = units[line.unit].pk
        row = was or RecipeIngredient(recipe=recipe)
        changed |= _save(row, _set(row, columns))
    return changed


def _same_ingredient(line: Line, was: RecipeIngredient | None) -> bool:
    return bool(was and was.ingredient and was.ingredient.name == line.ingredient)


def _same_unit(line: Line, was: RecipeIngredient | None) -> bool:
    return was is not None and line.unit in (was.unit.name, was.unit.abbreviation)


# --- Menus ---


def menu_create(*, restaurant: Restaurant, actor_id: int, values: MenuValues) -> Menu:
    """Make an empty menu of RESTAURANT that nobody sees yet, and return it."""
    menu = Menu(restaurant=restaurant, user_id=actor_id)
    _set(menu, _checked(menu, values, MenuValues))
    menu.save()
    return menu


def menu_change(*, menu: Menu, values: MenuValues, seen: str | None = None) -> Menu:
    """Change what a menu is called and how it is printed, and return it; raises ChangedMeanwhile unless as SEEN."""
    with transaction.atomic():
        row = menu_hold(menu=menu, seen=seen)
        _save(row, _set(row, _checked(row, values, MenuValues)))
    return row


def menu_hold(*, menu: Menu, seen: str | None = None) -> Menu:
    """Lock a menu till the end of the transaction, and return it as it is now.

    Raises ChangedMeanwhile if it is gone, or not as SEEN (`menu_version`).
    """
    limit_waiting()
    row = Menu.objects.select_for_update(no_key=True, of=("self",)).filter(pk=menu.pk).first()
    if row is None:
        raise ChangedMeanwhile("This menu is not there any more.")
    if seen is not None and seen != menu_version(row):
        raise _changed(menu, False)
    return row


def menu_duplicate(*, menu: Menu, actor_id: int, name: str | None = None) -> Menu:
    """Copy a menu with its sections and items, hidden ones too; the copy is the actor's, and nobody sees it yet."""
    with _held(menu.pk) as row:
        copy = Menu.objects.get(pk=row.pk)
        copy.pk, copy.user_id, copy.published_at, copy.is_archived = None, actor_id, None, False
        copy.name = name or f"{row.name[:248]} (copy)"
        copy.clean_fields(exclude=[field.name for field in Menu._meta.fields if field.name != "name"])
        copy.save(force_insert=True)
        _copy_sections(row, copy)
    return copy


def _copy_sections(menu: Menu, copy: Menu) -> None:
    sections = list(menu.sections.order_by("position", "pk"))
    items = list(MenuItem.objects.filter(section__menu=menu).order_by("position", "pk"))
    copies = MenuSection.objects.bulk_create(
        MenuSection(menu=copy, name=each.name, position=each.position, active=each.active) for each in sections
    )
    into = {section.pk: new.pk for section, new in zip(sections, copies, strict=True)}
    for item in items:
        item.pk, item.section_id = None, into[item.section_id]
    MenuItem.objects.bulk_create(items)


def menu_archive(*, menu: Menu) -> Menu:
    """Put a menu away, and show it to nobody any more; return it. A menu that is archived stays so."""
    with _held(menu.pk) as row:
        _save(row, _set(row, {"is_archived": True, "published_at": None}))
    return row


def menu_restore(*, menu: Menu) -> Menu:
    """Take a menu out of the archive, and return it; nobody sees it until it is published."""
    with _held(menu.pk) as row:
        _save(row, _set(row, {"is_archived": False}))
    return row


def menus_publish(*, menus: QuerySet[Menu]) -> list[Menu]:
    """Show these menus to everybody from now on, but those that nobody could find; return what was not shown yet.

    Nobody finds an archived menu, or one of no known restaurant. Only `published_at` is written: to the other
    application that reads the table nothing about the menu has changed.
    """
    return _switch(menus.filter(published_at=None, is_archived=False, restaurant__isnull=False), published=True)


def menus_withdraw(*, menus: QuerySet[Menu]) -> list[Menu]:
    """Show these menus to nobody any more; return those that were shown."""
    return _switch(menus.exclude(published_at=None), published=False)


def _switch(menus: QuerySet[Menu], *, published: bool) -> list[Menu]:
    with transaction.atomic():
        chosen = list(menus.select_for_update(no_key=True, of=("self",)).order_by("pk"))
        moment = timezone.now() if published else None
        Menu.objects.filter(pk__in=[menu.pk for menu in chosen]).update(published_at=moment)
    return chosen


# --- Sections and items ---


def section_add(*, menu: Menu, values: SectionValues) -> MenuSection:
    """Add a section at the end of a menu, and return it."""
    with _held(menu.pk) as held:
        section = MenuSection(menu=held, position=_after(held.sections.values_list("position", flat=True)))
        _set(section, _checked(section, values, SectionValues))
        section.save()
        _touch(held)
    return section


def section_change(*, section: MenuSection, values: SectionValues, seen: str | None = None) -> MenuSection:
    """Change a section, and return it; raises ChangedMeanwhile if it is gone or not as SEEN."""
    with _held(section.menu_id) as menu:
        row = MenuSection.objects.select_for_update(no_key=True).filter(pk=section.pk, menu=menu).first()
        if row is None or (seen is not None and seen != section_version(row)):
            raise _changed(section, row is None)
        if _save(row, _set(row, _checked(row, values, SectionValues))):
            _touch(menu)
    return row


def section_delete(*, section: MenuSection, with_items: bool = False) -> None:
    """Delete a section; one that has items only WITH_ITEMS. One that is gone is no error.

    Raises StillUsed if it has items, or if somebody ordered one of them.
    """
    with _held(section.menu_id) as menu:
        row = MenuSection.objects.filter(pk=section.pk, menu=menu).first()
        if row and not with_items and (count := row.items.count()):
            them = "1 item: move it or delete it" if count == 1 else f"{count} items: move them or delete them"
            raise StillUsed(f"{row.name} has {them} first.")
        _delete(MenuSection.objects.filter(pk=section.pk, menu=menu), f"Something in {section.name}")
        _touch(menu)


def item_add(*, section: MenuSection, values: ItemValues) -> MenuItem:
    """Add an item at the end of a section, and return it; of a recipe it takes what it is not told.

    Raises OtherRestaurant for a recipe of another restaurant than the menu's; ChangedMeanwhile if the section is gone.
    """
    with _held(section.menu_id) as menu:
        held = MenuSection.objects.filter(pk=section.pk, menu=menu).first()
        if held is None:
            raise _changed(section, True)
        item = MenuItem(section=held, position=_after(held.items.values_list("position", flat=True)))
        _set(item, _checked_item(item, _from_recipe(values), menu))
        item.save()
        _touch(menu)
    return item


def _from_recipe(values: ItemValues) -> ItemValues:
    recipe = values.get("recipe")
    if recipe is None:
        return values
    name = values.get("name") or recipe.menu_title or recipe.name
    description = values.get("description") or recipe.menu_description or recipe.description
    return {**values, "name": name, "description": description}


def item_change(
    *, item: MenuItem, values: ItemValues, section: MenuSection | None = None, seen: str | None = None
) -> MenuItem:
    """Change an item, put it at the end of another SECTION of its menu if one is given, and return it.

    Raises ChangedMeanwhile if it or the section is gone, or it is not as SEEN; OtherRestaurant as `item_add` does.
    """
    with _held(item.section.menu_id) as menu:
        row = _item_held(item, menu)
        if seen is not None and seen != item_version(row):
            raise _changed(item, False)
        columns = _checked_item(row, values, menu)
        if section and section.pk != row.section_id:
            into = menu.sections.filter(pk=section.pk).first()
            if into is None:
                raise _changed(section, True)
            columns |= {"section_id": into.pk, "position": _after(into.items.values_list("position", flat=True))}
        if _save(row, _set(row, columns)):
            _touch(menu)
    return row


def item_delete(*, item: MenuItem) -> None:
    """Delete an item; one that is gone is no error. Raises StillUsed if somebody ordered it: hide it instead."""
    with _held(item.section.menu_id) as menu:
        _delete(MenuItem.objects.filter(pk=item.pk, section__menu=menu), item.name)
        _touch(menu)


def menu_order(*, menu: Menu, sections: Sequence[tuple[int, Sequence[int]]], seen: str | None = None) -> str:
    """Put the sections of a menu, each with its items, in this order, and return its version (`order_version`).

    Raises ChangedMeanwhile unless SECTIONS name each section and each item of the menu once, and it is as SEEN.
    """
    with _held(menu.pk) as held:
        before = menu_layout(held)
        if (seen is not None and seen != order_version(before)) or _ids(sections) != _ids(before):
            raise _changed(menu, False)
        moved = [_put_sections(sections), _put_items(sections)]
        if any(moved):
            _touch(held)
    return order_version(sections)


def _ids(sections: Sequence[tuple[int, Sequence[int]]]) -> tuple[list[int], list[int]]:
    return sorted(pk for pk, _ in sections), sorted(item for _, items in sections for item in items)


def _put_sections(sections: Sequence[tuple[int, Sequence[int]]]) -> int:
    rows = MenuSection.objects.in_bulk([pk for pk, _ in sections])
    moved = [rows[pk] for place, (pk, _) in enumerate(sections) if _set(rows[pk], {"position": place})]
    return MenuSection.objects.bulk_update(moved, ["position"])


def _put_items(sections: Sequence[tuple[int, Sequence[int]]]) -> int:
    rows = MenuItem.objects.in_bulk([item for _, items in sections for item in items])
    places = [(item, section, place) for section, items in sections for place, item in enumerate(items)]
    moved = [rows[pk] for pk, section, n in places if _set(rows[pk], {"section_id": section, "position": n})]
    return MenuItem.objects.bulk_update(moved, ["section", "position"])


# --- What they share ---


@contextmanager
def _held(menu_id: int) -> Iterator[Menu]:
    """Give the menu, locked; raises ChangedMeanwhile if it is gone."""
    with transaction.atomic():
        yield menu_hold(menu=Menu(pk=menu_id))


def _item_held(item: MenuItem, menu: Menu) -> MenuItem:
    rows = MenuItem.objects.select_for_update(no_key=True, of=("self",))
    row = rows.filter(pk=item.pk, section__menu=menu).first()
    if row is None:
        raise _changed(item, True)
    return row


def _changed(row: Model, gone: bool) -> ChangedMeanwhile:
    what = f"{row._meta.verbose_name} {str(row)!r}" if str(row) else row._meta.verbose_name
    return ChangedMeanwhile(
        f"The {what} is not there any more." if gone else f"Somebody changed the {what} meanwhile: nothing was saved."
    )


def _checked(row: Model, values: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """Return VALUES as columns of ROW; raises TypeError for those that KIND has not, ValidationError for wrong ones."""
    if unknown := values.keys() - kind.__annotations__.keys():
        raise TypeError(f"{sorted(unknown)} are no {kind.__name__}.")
    columns = {}
    for name, value in values.items():
        field = row._meta.get_field(name)
        value = value.pk if isinstance(value, Model) else value
        columns[field.attname] = None if value == "" and field.null else value  # type: ignore[union-attr]
    probe = type(row)(**columns)
    probe.clean_fields(exclude=[field.name for field in row._meta.fields if field.name not in values])
    return columns


def _checked_item(item: MenuItem, values: ItemValues, menu: Menu) -> dict[str, Any]:
    recipe = values.get("recipe")
    if recipe and recipe.pk != item.recipe_id and recipe.restaurant_id != menu.restaurant_id:
        raise OtherRestaurant("A menu can only offer recipes of its own restaurant.")
    return _checked(item, values, ItemValues)


def _set(row: Model, columns: Mapping[str, Any]) -> list[str]:
    """Set COLUMNS of ROW, and return which of them differ; nothing and an empty text are the same."""
    changed = []
    for name, value in columns.items():
        before = getattr(row, name)
        if before == value or (before in ("", None) and value in ("", None)):
            continue
        setattr(row, name, value)
        changed.append(name)
    return changed


def _save(row: Model, changed: Sequence[str]) -> bool:
    """Save the columns CHANGED, or a new row whole, with the time of change; return whether anything was saved."""
    is_new = row._state.adding
    if is_new:
        row.save()
    elif changed:
        row.save(update_fields=[*changed, *_stamps(row)])
    return is_new or bool(changed)


def _stamps(row: Model) -> list[str]:
    return [field.name for field in row._meta.fields if getattr(field, "auto_now", False)]


def _touch(row: Model) -> None:
    """Say that something that belongs to ROW changed."""
    row.save(update_fields=_stamps(row))


def _after(positions: Iterable[int]) -> int:
    return max(positions, default=-1) + 1


def _delete(rows: QuerySet[Any], name: str) -> None:
    try:
        with transaction.atomic():
            rows.delete()
    except (ProtectedError, IntegrityError) as error:
        raise StillUsed(f"{name} is on orders, so it cannot be deleted: hide it instead.") from error
