"""Menus are published and withdrawn by whoever manages the restaurant; only then does everybody see them."""

from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from menus.models import Menu
from tests.factories import MenuFactory, RestaurantFactory, staff_of

pytestmark = pytest.mark.django_db
LIST = "/admin/menus/menu/"


@pytest.fixture
def here():
    return RestaurantFactory.create(slug="here")


def act(user, action, *menus):
    browser = Client()
    browser.force_login(user)
    chosen = {"action": action, "_selected_action": [menu.pk for menu in menus], "index": 0}
    page = browser.post(LIST, chosen, follow=True)
    return [str(each) for each in page.context["messages"]]


def seen(api):
    return [menu["name"] for menu in api.get("restaurants/here/menus").json()["results"]]


def test_published_seen_withdrawn_gone(api, here):
    manager = staff_of(here, "MANAGER")
    dinner = MenuFactory.create(name="Dinner", restaurant=here)
    before = Menu.objects.get(pk=dinner.pk)
    assert seen(api) == []
    assert act(manager, "publish", dinner) == ["1 published; the others were so, are archived, or have no restaurant."]
    assert seen(api) == ["Dinner"]
    assert act(manager, "withdraw", dinner) == ["1 withdrawn; the others were so, are archived, or have no restaurant."]
    assert seen(api) == []
    after = Menu.objects.get(pk=dinner.pk)
    assert (after.updated_at, after.published_at) == (before.updated_at, None)
    history = LogEntry.objects.order_by("id").values_list("object_id", "change_message")
    assert list(history) == [(str(dinner.pk), "The menu was published."), (str(dinner.pk), "The menu was withdrawn.")]


def test_what_nobody_could_find_is_not_published_and_what_is_keeps_its_date(here):
    root = staff_of(here, "STAFF", role="SUPERADMIN")
    first = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    archived = MenuFactory.create(restaurant=here, is_archived=True)
    homeless = MenuFactory.create(restaurant=None)
    published = MenuFactory.create(restaurant=here, published_at=first)
    said = act(root, "publish", archived, homeless, published)
    assert said == ["0 published; the others were so, are archived, or have no restaurant."]
    assert list(Menu.objects.order_by("pk").values_list("published_at", flat=True)) == [None, None, first]


@pytest.mark.parametrize(("works_as", "restaurant"), [("STAFF", "here"), ("OWNER", "there")])
def test_nobody_else_publishes(api, here, works_as, restaurant):
    there = RestaurantFactory.create(slug="there")
    dinner = MenuFactory.create(restaurant=here)
    browser = Client()
    browser.force_login(staff_of(here if restaurant == "here" else there, works_as))
    browser.post(LIST, {"action": "publish", "_selected_action": [dinner.pk], "index": 0})
    assert Menu.objects.get(pk=dinner.pk).published_at is None
