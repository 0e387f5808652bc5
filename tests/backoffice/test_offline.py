"""Pages fetch nothing from outside: everything they load is the project's own or comes with a package."""

import re
from collections.abc import Callable

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from tests.backoffice.conftest import World

pytestmark = pytest.mark.django_db

LOADED = re.compile(r'<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)="([^"]*)"')


def test_what_pages_load_is_here(world: World, as_: Callable[[str], Client]) -> None:
    client = as_("superadmin")
    rows = world.ours.by_label
    pages = [
        *("/admin/", "/admin/customers/customer/", "/admin/accounts/user/add/"),
        "/admin/separation/finding/",  # separation: line
        f"/admin/customers/customer/{rows['customers.customer']}/change/",
        f"/admin/accounts/user/{rows['accounts.user']}/change/",
    ]
    loaded = {address for page in pages for address in LOADED.findall(client.get(page).content.decode())}
    loaded |= set(LOADED.findall(Client().get("/admin/login/").content.decode()))
    static = {address for address in loaded if address.startswith("/static/")}
    assert len(static) > 10
    assert loaded - static == {"/admin/jsi18n/"}
    missing = [
        address for address in static if finders.find(address.removeprefix("/static/").partition("?")[0]) is None
    ]
    assert missing == []


def test_stylesheets_load_nothing_from_outside(world: World, as_: Callable[[str], Client]) -> None:
    page = as_("superadmin").get("/admin/").content.decode()
    sheets = [address for address in LOADED.findall(page) if address.endswith(".css")]
    assert sheets
    for sheet in sheets:
        path = finders.find(sheet.removeprefix("/static/"))
        assert isinstance(path, str)
        with open(path, encoding="utf-8") as file:
            assert re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//[^)]*", file.read()) == []
