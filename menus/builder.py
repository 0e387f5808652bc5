"""The menu builder: one page on which a menu's sections and items are written, ordered, hidden and published.

Everything is a form of HTML and works without a script; `builder.js` adds dragging, which sends the same form as the
buttons do. What cannot be done is said on the page, with what was typed still in its fields.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from config.api.problems import DomainError
from config.pages import staff_page
from menus.forms import ItemForm, SectionForm
from menus.models import Menu, MenuItem, MenuSection
from menus.prices import amount_of
from menus.selectors import menu_layout, menus_with_items
from menus.services import (
    item_add,
    item_change,
    item_delete,
    menu_archive,
    menu_duplicate,
    menu_order,
    menu_restore,
    menus_publish,
    menus_withdraw,
    section_add,
    section_change,
    section_delete,
)
from menus.values import order_version

# The field that is typed into first; the browser goes there by itself.
NAME = "item-item-name"
Layout = Sequence[tuple[int, Sequence[int]]]


@dataclass
class Open:
    """The one form that is open on the page: of a section, of an item, or for a new item (`add`)."""

    kind: str = ""
    pk: int = 0
    form: Any = None
    # What is there now, where somebody else was faster.
    now: tuple[str, ...] = ()


class Unreadable(ValidationError):
    """What was sent is none of this page's forms."""


def builder_view(page: Any, request: HttpRequest, menu: Menu) -> HttpResponse:
    """Show the menu, or do what one of the page's buttons says."""
    if request.method == "POST":
        if not page.has_change_permission(request, menu):
            raise Http404
        return Builder(page, request, menu).done()
    return _shown(request, menu, _asked_for(request, menu))


def _asked_for(request: HttpRequest, menu: Menu) -> Open:
    """Return the form that the address asks for: `?add=5`, `?item=7`, `?section=5`."""
    for kind in ("add", "item", "section"):
        text = request.GET.get(kind, "")
        if re.fullmatch("[0-9]{1,9}", text):
            return _opened(menu, kind, int(text))
    return Open()


def _opened(menu: Menu, kind: str, pk: int, data: Any = None) -> Open:
    if kind == "item" and (item := MenuItem.objects.filter(pk=pk, section__menu=menu).first()):
        return Open(kind, pk, ItemForm(menu, item, data))
    if section := menu.sections.filter(pk=pk).first():
        return Open(kind, pk, ItemForm(menu, None, data) if kind == "add" else SectionForm(section, data))
    return Open()


def _shown(
    request: HttpRequest, menu: Menu, opened: Open, *, error: str = "", status: int = 200, new: Any = None
) -> HttpResponse:
    full = menus_with_items(Menu.objects.select_related("restaurant").filter(pk=menu.pk)).get()
    layout = [(section.pk, [item.pk for item in section.items.all()]) for section in full.sections.all()]
    answer = staff_page(
        request,
        "menus/builder.html",
        title=full.name,
        trail=[("Menus", reverse("admin:menus_menu_changelist"))],
        menu=full,
        sections=[_section_shown(full, section) for section in full.sections.all()],
        seen=order_version(layout),
        opened=opened,
        new_section=new or SectionForm(),
        error=error,
    )
    answer.status_code = status
    return answer


@dataclass(frozen=True)
class ItemShown:
    """An item with what of its price is understood."""

    item: MenuItem
    amount: Decimal | None
    recipe: str


@dataclass(frozen=True)
class SectionShown:
    """A section with its items."""

    section: MenuSection
    items: list[ItemShown]


def _section_shown(menu: Menu, section: MenuSection) -> SectionShown:
    return SectionShown(
        section, [ItemShown(item, amount_of(item.price), _recipe_of(menu, item)) for item in section.items.all()]
    )


def _recipe_of(menu: Menu, item: MenuItem) -> str:
    if item.recipe is None:
        return ""
    ours = item.recipe.restaurant_id == menu.restaurant_id
    return item.recipe.name if ours else f"recipe {item.recipe_id} of another restaurant"


class Builder:
    """Does what a button of the page says: `do` is its name, and a number where there is one."""

    def __init__(self, page: Any, request: HttpRequest, menu: Menu) -> None:
        self.page, self.request, self.menu = page, request, menu
        self.opened = Open()
        self.new: SectionForm | None = None

    def done(self) -> HttpResponse:
        """Do it, and lead back to the place on the page; or show the page with what is wrong."""
        name, _, number = self.request.POST.get("do", "").partition(" ")
        do: Callable[[int], str] | None = getattr(self, f"do_{name}", None) if name.isidentifier() else None
        try:
            if do is None or not re.fullmatch("[0-9]{0,9}", number):
                raise Unreadable("This page was of an older version: try again.")
            return HttpResponseRedirect(do(int(number or 0)))
        except DomainError as error:
            return self._refused(error.detail or error.title, error.status)
        except ValidationError as error:
            return self._refused(" ".join(error.messages), 422)
        except OperationalError:
            return self._refused("Somebody else is at this menu just now: nothing was changed. Try again.", 503)

    def _refused(self, error: str, status: int) -> HttpResponse:
        if not Menu.objects.filter(pk=self.menu.pk).exists():
            messages.error(self.request, "This menu is not there any more.")
            return HttpResponseRedirect(reverse("admin:menus_menu_changelist"))
        self._renew()
        return _shown(self.request, self.menu, self.opened, error=error, status=status, new=self.new)

    def _renew(self) -> None:
        """Let the open form know what is there now, and show it: the same button then saves what was typed."""
        form, there = self.opened.form, _opened(self.menu, self.opened.kind, self.opened.pk).form
        seen = there.initial.get("seen") if there else None
        if seen is None or not form.is_bound or form.data.get(form.add_prefix("seen")) == seen:
            return
        form.data = form.data.copy()
        form.data[form.add_prefix("seen")] = seen
        self.opened.now = tuple(filter(None, map(there.initial.get, ("name", "price", "description"))))

    def _back(self, place: str = "", query: str = "") -> str:
        address = reverse("admin:menus_menu_builder", args=[self.menu.pk])
        return address + (f"?{query}" if query else "") + (f"#{place}" if place else "")

    def _log(self, message: str) -> None:
        self.page.log_change(self.request, self.menu, message)

    def _section(self, pk: int) -> MenuSection:
        # One that is gone is for the service to tell.
        return self.menu.sections.filter(pk=pk).first() or MenuSection(pk=pk, menu=self.menu)

    def _item(self, pk: int) -> MenuItem:
        found = MenuItem.objects.select_related("section").filter(pk=pk, section__menu=self.menu).first()
        return found or MenuItem(pk=pk, section=MenuSection(menu=self.menu))

    def _checked(self, form: Any) -> dict[str, Any]:
        if not form.is_valid():
            raise ValidationError("Nothing was saved: see below.")
        data: dict[str, Any] = form.cleaned_data
        return data

    # Sections

    def do_section_add(self, _: int) -> str:
        """Add a section, and lead to the form of its first item."""
        self.new = SectionForm(data=self.request.POST)
        section = section_add(menu=self.menu, values={"name": self._checked(self.new)["name"]})
        self._log(f"Added the section {section.name}.")
        return self._back(NAME, f"add={section.pk}")

    def do_section_save(self, pk: int) -> str:
        """Rename a section."""
        self.opened = _opened(self.menu, "section", pk, self.request.POST)
        data = self._checked(self.opened.form or SectionForm(data=self.request.POST))
        section = section_change(section=self._section(pk), values={"name": data["name"]}, seen=data["seen"])
        self._log(f"Changed the section {section.name}.")
        return self._back(f"section-{pk}")

    def do_section_show(self, pk: int) -> str:
        """Show a section to guests."""
        return self._switch_section(pk, True)

    def do_section_hide(self, pk: int) -> str:
        """Hide a section from guests."""
        return self._switch_section(pk, False)

    def _switch_section(self, pk: int, active: bool) -> str:
        section = section_change(section=self._section(pk), values={"active": active})
        self._log(f"{'Showed' if active else 'Hid'} the section {section.name}.")
        return self._back(f"section-{pk}")

    def do_section_delete(self, pk: int) -> str:
        """Delete a section, with its items if that is ticked."""
        section = self._section(pk)
        self.opened = _opened(self.menu, "section", pk)
        section_delete(section=section, with_items="with_items" in self.request.POST)
        self._log(f"Deleted the section {section.name}.")
        return self._back()

    # Items

    def do_item_add(self, pk: int) -> str:
        """Add an item to the section PK, and lead to the form of the next."""
        self.opened = _opened(self.menu, "add", pk, self.request.POST)
        data = self._checked(self.opened.form or ItemForm(self.menu, None, self.request.POST))
        values: Any = {name: data[name] for name in ("name", "price", "description", "recipe")}
        item = item_add(section=self._section(pk), values=values)
        self._log(f"Added {item.name}.")
        return self._back(NAME, f"add={pk}")

    def do_item_save(self, pk: int) -> str:
        """Change an item."""
        self.opened = _opened(self.menu, "item", pk, self.request.POST)
        data = self._checked(self.opened.form or ItemForm(self.menu, None, self.request.POST))
        values: Any = {name: data[name] for name in ("name", "price", "description", "recipe")}
        item = item_change(item=self._item(pk), values=values, section=data.get("section"), seen=data["seen"])
        self._log(f"Changed {item.name}.")
        return self._back(f"item-{pk}")

    def do_item_show(self, pk: int) -> str:
        """Show an item to guests."""
        return self._switch_item(pk, True)

    def do_item_hide(self, pk: int) -> str:
        """Hide an item from guests: it cannot be ordered either."""
        return self._switch_item(pk, False)

    def _switch_item(self, pk: int, active: bool) -> str:
        item = item_change(item=self._item(pk), values={"active": active})
        self._log(f"{'Showed' if active else 'Hid'} {item.name}.")
        return self._back(f"switch-{pk}")

    def do_item_delete(self, pk: int) -> str:
        """Delete an item."""
        item = self._item(pk)
        self.opened = _opened(self.menu, "item", pk)
        item_delete(item=item)
        self._log(f"Deleted {item.name}.")
        return self._back(f"section-{item.section_id}")

    # Order

    def do_section_up(self, pk: int) -> str:
        """Put a section before the one above."""
        return self._order(_section_moved(menu_layout(self.menu), pk, -1), f"section-up-{pk}")

    def do_section_down(self, pk: int) -> str:
        """Put a section behind the one below."""
        return self._order(_section_moved(menu_layout(self.menu), pk, 1), f"section-down-{pk}")

    def do_item_up(self, pk: int) -> str:
        """Put an item before the one above, from the top of a section to the end of the one above."""
        return self._order(_item_moved(menu_layout(self.menu), pk, -1), f"up-{pk}")

    def do_item_down(self, pk: int) -> str:
        """Put an item behind the one below, from the end of a section to the top of the one below."""
        return self._order(_item_moved(menu_layout(self.menu), pk, 1), f"down-{pk}")

    def do_order(self, pk: int) -> str:
        """Put everything in the order that was dragged."""
        return self._order(_layout_sent(self.request.POST.get("layout", "")), f"item-{pk}")

    def _order(self, layout: Layout, place: str) -> str:
        menu_order(menu=self.menu, sections=layout, seen=self.request.POST.get("seen", ""))
        return self._back(place)

    # The menu

    def do_publish(self, _: int) -> str:
        """Show the menu to everybody."""
        for menu in menus_publish(menus=Menu.objects.filter(pk=self.menu.pk)):
            self._log("The menu was published.")
            messages.success(self.request, f"Guests see {menu.name} now, or within a minute.")
        return self._back()

    def do_withdraw(self, _: int) -> str:
        """Show the menu to nobody."""
        for menu in menus_withdraw(menus=Menu.objects.filter(pk=self.menu.pk)):
            self._log("The menu was withdrawn.")
            messages.success(self.request, f"Guests do not see {menu.name} any more, within a minute.")
        return self._back()

    def do_archive(self, _: int) -> str:
        """Put the menu away."""
        menu_archive(menu=self.menu)
        self._log("The menu was archived.")
        messages.success(self.request, "The menu is in the archive; nobody sees it. Restore takes it out again.")
        return self._back()

    def do_restore(self, _: int) -> str:
        """Take the menu out of the archive."""
        menu_restore(menu=self.menu)
        self._log("The menu was restored.")
        messages.success(self.request, "The menu is out of the archive. Guests see it once you publish it.")
        return self._back()

    def do_duplicate(self, _: int) -> str:
        """Copy the menu, and lead to the copy."""
        copy = menu_duplicate(menu=self.menu, actor_id=int(self.request.user.pk or 0))
        self.page.log_addition(self.request, copy, f"Copied from the menu {self.menu.pk}.")
        messages.success(self.request, f"This is the copy: {copy.name}. Its settings have its name.")
        return reverse("admin:menus_menu_builder", args=[copy.pk])


def _section_moved(layout: Layout, pk: int, by: int) -> Layout:
    """Return LAYOUT with a section one place further; as it was, at an end or if it is not there."""
    moved = list(layout)
    place = next((n for n, (section, _) in enumerate(moved) if section == pk), -1)
    if place >= 0 and 0 <= place + by < len(moved):
        moved[place], moved[place + by] = moved[place + by], moved[place]
    return moved


def _item_moved(layout: Layout, pk: int, by: int) -> Layout:
    """Return LAYOUT with an item one place further, or in the next section at an end."""
    moved = [(section, list(items)) for section, items in layout]
    at = next((n for n, (_, items) in enumerate(moved) if pk in items), None)
    if at is None:
        return moved
    items = moved[at][1]
    place = items.index(pk)
    items.remove(pk)
    if 0 <= place + by <= len(items):
        items.insert(place + by, pk)
    elif 0 <= at + by < len(moved):
        moved[at + by][1].insert(0 if by > 0 else len(moved[at + by][1]), pk)
    else:
        items.insert(place, pk)
    return moved


def _layout_sent(text: str) -> Layout:
    """Read `[[section, [item, …]], …]`; raises Unreadable for anything else."""
    try:
        sent = [(section, list(items)) for section, items in json.loads(text)]
    except (ValueError, TypeError) as error:
        raise Unreadable("The order could not be read: try again.") from error
    if not all(type(number) is int for section, items in sent for number in [section, *items]):
        raise Unreadable("The order could not be read: try again.")
    return sent
