"""A menu on paper: its own columns, fonts, colours and sizes, as far as a printer can follow them."""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import strip_tags

from menus.forms import COLOUR, FONT, PAPER
from menus.models import Menu, MenuItem
from menus.prices import is_in_other_money, printed
from menus.selectors import menus_with_items

_POINTS = 72 / 25.4
_LINES = ("solid", "dashed", "dotted", "double")


@dataclass(frozen=True)
class PrintedItem:
    """A line as guests read it."""

    name: str
    price: str
    description: str


@dataclass(frozen=True)
class PrintedSection:
    """A section as guests read it."""

    name: str
    items: list[PrintedItem]


def print_view(page: Any, request: HttpRequest, menu: Menu) -> HttpResponse:
    """Show the menu as it is printed, without what is hidden: a page of its own, outside of the admin's frame."""
    full = menus_with_items(Menu.objects.filter(pk=menu.pk)).get()
    sections = _sections(full)
    paper = (menu.page_size or "").upper()
    paper = paper if paper in PAPER else "A4"
    margin = _within(menu.page_margin, 0, 150)
    context = {
        "menu": menu,
        "title": _text(menu, menu.title or menu.name),
        "subtitle": _text(menu, menu.subtitle),
        "sections": sections,
        "paper": paper.capitalize() if len(paper) > 2 else paper,
        "margin": "14mm" if margin is None else f"{margin}px",
        "style": "; ".join(f"--{name}: {value}" for name, value in _style(menu, paper, sections)),
        "logo": menu.logo_path if (menu.logo_path or "").startswith(("https://", "http://")) else "",
        "back": reverse("admin:menus_menu_builder", args=[menu.pk]),
    }
    return render(request, "menus/print.html", context)


def _sections(menu: Menu) -> list[PrintedSection]:
    """Return what guests read; a menu that says of one price that it is no dollars has no dollar sign before others."""
    rows = [
        (section, [i for i in section.items.all() if i.active]) for section in menu.sections.all() if section.active
    ]
    abroad = any(is_in_other_money(item.price) for _, items in rows for item in items)
    return [
        PrintedSection(_text(menu, section.name), [_item(menu, item, abroad) for item in items])
        for section, items in rows
        if items
    ]


def _item(menu: Menu, item: MenuItem, abroad: bool) -> PrintedItem:
    price = printed(item.price, dollar_sign=menu.show_dollar_sign, bare=abroad, decimals=menu.show_decimals)
    return PrintedItem(_text(menu, item.name), price, _text(menu, item.description))


def _text(menu: Menu, text: str | None) -> str:
    """Return a text without its tags, where the menu has rich ones."""
    return html.unescape(strip_tags(text or "")) if menu.rich_text_enabled else text or ""


def columns_of(menu: Menu) -> int:
    """Return in how many columns a menu is set: as it says, else as the name of its layout says, else one."""
    named = 2 if re.search("two|double|2", menu.layout or "", re.IGNORECASE) else 1
    return _within(menu.columns_count, 1, 4) or named


def _style(menu: Menu, paper: str, sections: list[PrintedSection]) -> Iterable[tuple[str, str]]:
    """Give what of the menu's look can be followed, as CSS; whatever else stands in its columns does no harm."""
    yield "columns", str(columns_of(menu))
    yield "size", f"{_within(menu.base_font_size, 6, 32) or _size_that_fits(menu, paper, sections)}pt"
    for name, size in (("title-size", menu.title_font_size), ("section-size", menu.section_font_size)):
        if found := _within(size, 6, 96):
            yield name, f"{found}pt"
    for name, length in (("gap", menu.item_spacing), ("logo", menu.logo_size)):
        if (found := _within(length, 0, 400)) is not None:
            yield name, f"{found}px"
    for name, colour in (
        *(("paper", menu.background_color), ("ink", menu.text_color)),
        *(("accent", menu.accent_color), ("title", menu.title_color), ("rule-colour", menu.section_divider_color)),
    ):
        if colour and COLOUR.fullmatch(colour):
            yield name, colour
    for name, font in (("font", menu.font), ("title-font", menu.title_font)):
        if font and FONT.fullmatch(font):
            yield name, f"'{font.replace(chr(39), '')}'"
    line = menu.section_divider_style if menu.section_divider_style in _LINES else "solid"
    width = _within(menu.section_divider_size, 1, 10) or 1
    yield "rule", f"{width}px {line}" if menu.show_section_dividers else "0 none"
    if menu.logo_position in ("left", "right"):
        yield "logo-side", str(menu.logo_position)


def _size_that_fits(menu: Menu, paper: str, sections: list[PrintedSection]) -> int:
    """Return the largest of 8 to 12 points in which everything should fit on one page."""
    lines = 6 + sum(
        2.5 + sum(1.6 + (0.4 if not item.description else 1.3) for item in section.items) for section in sections
    )
    height = (PAPER[paper] - 28) * _POINTS * columns_of(menu)
    return max(8, min(12, int(height / (lines * 1.4))))


def _within(number: int | None, least: int, most: int) -> int | None:
    return number if number is not None and least <= number <= most else None
