"""The menu builder's page: what its buttons do, what it says, and that nothing is lost silently."""

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from menus.models import Menu, MenuItem, MenuSection
from menus.selectors import menu_layout
from menus.values import order_version
from orders.models import OrderItem
from tests.factories import (
    MenuFactory,
    MenuItemFactory,
    MenuSectionFactory,
    OrderFactory,
    RecipeFactory,
    RestaurantFactory,
    staff_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return RestaurantFactory.create(name="Here")


@pytest.fixture
def manager(here, client):
    user = staff_of(here, "MANAGER")
    client.force_login(user)
    return user


@pytest.fixture
def dinner(here, manager):
    return MenuFactory.create(restaurant=here, name="Dinner")


def address(menu, query=""):
    return f"/admin/menus/menu/{menu.pk}/builder/{query}"


def press(client, menu, do, **fields):
    """Press a button of the page as it is now, and return where it leads, or what is said."""
    seen = order_version(menu_layout(menu))
    return led(client.post(address(menu), {"do": do, "seen": seen, **fields}), menu)


def led(answer, menu):
    if answer.status_code == 302:
        return answer["Location"].removeprefix(address(menu))
    return answer.status_code, answer.context["error"]


def item(name, **more):
    return {f"item-{key}": value for key, value in ({"name": name} | more).items()}


def shown(menu):
    return {
        section.name: [entry.name for entry in section.items.order_by("position", "pk")]
        for section in menu.sections.order_by("position", "pk")
    }


def log():
    return list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))


def test_a_menu_is_made_filled_and_published(here, manager, client):
    page = client.post("/admin/menus/menu/add/", {"name": "Dinner", "restaurant": here.pk})
    menu = Menu.objects.get()
    assert (page["Location"], menu.user, menu.restaurant) == (address(menu), manager, here)
    assert "This menu is empty. Begin with a section" in client.get(address(menu)).content.decode()
    soup = RecipeFactory.create(restaurant=here, name="Soup", menu_title="Garden soup")
    starters = press(client, menu, "section_add", **{"section-name": "Starters"})
    section = MenuSection.objects.get()
    assert starters == f"?add={section.pk}#item-item-name"
    for fields in (item("", recipe=soup.pk, price="8,50 €"), item("Bread", price="MP"), item("Olives", price="4")):
        assert press(client, menu, f"item_add {section.pk}", **fields) == starters
    rows = list(MenuItem.objects.order_by("position").values_list("name", "price", "recipe", "position"))
    assert rows == [("Garden soup", "8,50 €", soup.pk, 0), ("Bread", "MP", None, 1), ("Olives", "4", None, 2)]
    page = client.get(address(menu))
    assert page.context["seen"] == order_version(menu_layout(menu))
    assert [str(each.amount) for each in page.context["sections"][0].items] == ["8.50", "None", "4.00"]
    assert press(client, menu, "publish") == ""
    assert Menu.objects.get().published_at is not None
    assert log()[1:] == [
        *(
            "Added the section Starters.",
            "Added Garden soup.",
            "Added Bread.",
            "Added Olives.",
            "The menu was published.",
        ),
    ]


def test_the_buttons_move_hide_and_delete(dinner, client):
    starters, mains = (MenuSectionFactory.create(menu=dinner, name=name) for name in ("Starters", "Mains"))
    soup, salad = (MenuItemFactory.create(section=starters, name=name) for name in ("Soup", "Salad"))
    bass = MenuItemFactory.create(section=mains, name="Bass")
    for do, place, expected in (
        (f"item_down {soup.pk}", f"#down-{soup.pk}", {"Starters": ["Salad", "Soup"], "Mains": ["Bass"]}),
        (f"item_down {soup.pk}", f"#down-{soup.pk}", {"Starters": ["Salad"], "Mains": ["Soup", "Bass"]}),
        (f"item_up {soup.pk}", f"#up-{soup.pk}", {"Starters": ["Salad", "Soup"], "Mains": ["Bass"]}),
        (f"item_up {salad.pk}", f"#up-{salad.pk}", {"Starters": ["Salad", "Soup"], "Mains": ["Bass"]}),
        (f"item_down {bass.pk}", f"#down-{bass.pk}", {"Starters": ["Salad", "Soup"], "Mains": ["Bass"]}),
        (f"section_down {mains.pk}", f"#section-down-{mains.pk}", {"Starters": ["Salad", "Soup"], "Mains": ["Bass"]}),
        (f"section_up {mains.pk}", f"#section-up-{mains.pk}", {"Mains": ["Bass"], "Starters": ["Salad", "Soup"]}),
        (f"item_delete {salad.pk}", f"#section-{starters.pk}", {"Mains": ["Bass"], "Starters": ["Soup"]}),
    ):
        assert press(client, dinner, do) == place
        assert list(shown(dinner).items()) == list(expected.items()), do
    assert press(client, dinner, f"item_hide {soup.pk}") == f"#switch-{soup.pk}"
    assert press(client, dinner, f"section_hide {mains.pk}") == f"#section-{mains.pk}"
    assert (MenuItem.objects.get(pk=soup.pk).active, MenuSection.objects.get(pk=mains.pk).active) == (False, False)
    press(client, dinner, f"item_show {soup.pk}")
    press(client, dinner, f"section_show {mains.pk}")
    told = (409, "Mains has 1 item: move it or delete it first.")
    assert press(client, dinner, f"section_delete {mains.pk}") == told
    assert press(client, dinner, f"section_delete {mains.pk}", with_items="on") == ""
    assert shown(dinner) == {"Starters": ["Soup"]}
    assert log() == [
        *("Deleted Salad.", "Hid Soup.", "Hid the section Mains.", "Showed Soup.", "Showed the section Mains."),
        "Deleted the section Mains.",
    ]


def test_what_is_dragged_is_sent_whole(dinner, client):
    starters, mains = (MenuSectionFactory.create(menu=dinner, position=n) for n in (0, 1))
    soup, bass = MenuItemFactory.create(section=starters), MenuItemFactory.create(section=mains)
    layout = [[mains.pk, [soup.pk, bass.pk]], [starters.pk, []]]
    sent = {"layout": json.dumps(layout)}
    seen = client.get(address(dinner)).context["seen"]
    assert press(client, dinner, f"order {soup.pk}", **sent) == f"#item-{soup.pk}"
    assert [[pk, items] for pk, items in menu_layout(dinner)] == layout
    late = client.post(address(dinner), {"do": "order", "seen": seen, **sent})
    assert led(late, dinner) == (409, "Somebody changed the menu 'Dinner' meanwhile: nothing was saved.")
    for wrong in ("", "x", "1", "[1]", '[["1", [2]]]', "[[1, 2]]", '[[1, [{"a": 1}]]]', "[[true, []]]"):
        told = (422, "The order could not be read: try again.")
        assert press(client, dinner, "order", layout=wrong) == told
    for do in ("", "x", "done", "item_up x", "order " + "9" * 10):
        assert press(client, dinner, do) == (422, "This page was of an older version: try again.")


def test_what_two_people_write_at_once_is_not_lost(dinner, client):
    section = MenuSectionFactory.create(menu=dinner, name="Starters")
    soup = MenuItemFactory.create(section=section, name="Soup", price="8")
    form = client.get(address(dinner, f"?item={soup.pk}")).context["opened"].form
    seen = {"item-seen": form["seen"].value(), "item-section": section.pk}
    assert press(client, dinner, f"item_save {soup.pk}", **item("Soup", price="9"), **seen) == f"#item-{soup.pk}"
    late = client.post(address(dinner), {"do": f"item_save {soup.pk}", **item("Broth", price="8"), **seen})
    assert led(late, dinner) == (409, "Somebody changed the menu item 'Soup' meanwhile: nothing was saved.")
    html = late.content.decode()
    assert 'value="Broth"' in html
    assert "It is now: <bdi>Soup</bdi>, <bdi>9</bdi>" in html
    # Having read that, the same button saves.
    again = {"item-seen": late.context["opened"].form.data["item-seen"], "item-section": section.pk}
    assert press(client, dinner, f"item_save {soup.pk}", **item("Broth", price="8"), **again) == f"#item-{soup.pk}"
    assert list(MenuItem.objects.values_list("name", "price")) == [("Broth", "8")]
    form = client.get(address(dinner, f"?section={section.pk}")).context["opened"].form
    sent = {"section-name": "Small plates", "section-seen": form["seen"].value()}
    assert press(client, dinner, f"section_save {section.pk}", **sent) == f"#section-{section.pk}"
    told = (409, "Somebody changed the menu section 'Small plates' meanwhile: nothing was saved.")
    assert press(client, dinner, f"section_save {section.pk}", **{**sent, "section-name": "Bites"}) == told
    MenuItem.objects.all().delete()
    told = (409, "The menu item is not there any more.")
    assert press(client, dinner, f"item_save {soup.pk}", **item("Stew"), **seen) == told
    assert press(client, dinner, f"item_hide {soup.pk}") == told
    gone = address(dinner)
    dinner.delete()
    answer = client.post(gone, {"do": "publish"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_what_is_wrong_is_told_beside_what_was_typed(here, dinner, client):
    section = MenuSectionFactory.create(menu=dinner, name="Starters")
    other = MenuItemFactory.create(section__menu=MenuFactory.create(name="Theirs"))
    recipe = RecipeFactory.create(name="Secret")
    page = client.post(address(dinner), {"do": f"item_add {section.pk}", **item("", price="8")})
    assert led(page, dinner) == (422, "Nothing was saved: see below.")
    assert page.context["opened"].form.errors == {"name": ["Type what guests read, or choose a recipe."]}
    page = client.post(address(dinner), {"do": f"item_add {section.pk}", **item("x", recipe=recipe.pk)})
    told = "Select a valid choice. That choice is not one of the available choices."
    assert page.context["opened"].form.errors == {"recipe": [told]}
    page = client.post(address(dinner), {"do": "section_add", "section-name": " "})
    assert page.context["new_section"].errors == {"name": ["Type a name, such as Starters."]}
    ordered = MenuItemFactory.create(section=section, name="Soup", recipe=recipe)
    OrderItem.objects.create(order=OrderFactory.create(restaurant=here), menu_item=ordered, price=5)
    told = "Soup is on orders, so it cannot be deleted: hide it instead."
    assert press(client, dinner, f"item_delete {ordered.pk}") == (409, told)
    for do in ("item_hide", "item_delete", "item_save", "item_up"):
        press(client, dinner, f"{do} {other.pk}", **item("x"))
    for query in (f"?item={other.pk}", f"?add={other.section_id}", "?item=x", f"?section={'9' * 30}"):
        assert client.get(address(dinner, query)).context["opened"].kind == ""
    assert MenuItem.objects.filter(pk=other.pk, name=other.name, active=True).exists()
    html = client.get(address(dinner, f"?item={ordered.pk}")).content.decode()
    assert "Secret" not in html
    assert html.count(f"recipe {recipe.pk} of another restaurant") == 1


def test_archive_restore_withdraw_and_duplicate(dinner, client):
    section = MenuSectionFactory.create(menu=dinner)
    MenuItemFactory.create(section=section, name="Soup")
    for do, badge in (
        ("publish", "Published"),
        ("withdraw", "Not published"),
        ("publish", "Published"),
        ("archive", "Archived"),
        ("restore", "Not published"),
    ):
        assert press(client, dinner, do) == ""
        assert f">{badge}" in client.get(address(dinner)).content.decode()
    where = press(client, dinner, "duplicate")
    copy = Menu.objects.get(name="Dinner (copy)")
    assert (where, shown(copy)) == (address(copy), shown(dinner))
    assert log()[-1] == f"Copied from the menu {dinner.pk}."


def test_only_who_manages_the_restaurant_writes(here, dinner, client):
    for user, statuses in (
        (staff_of(here, "STAFF"), (403, 403)),
        (staff_of(RestaurantFactory.create(), "OWNER"), (302, 302)),
    ):
        browser = Client()
        browser.force_login(user)
        found = browser.get(address(dinner)).status_code, browser.post(address(dinner), {"do": "publish"}).status_code
        assert found == statuses
    assert Menu.objects.get(pk=dinner.pk).published_at is None


def test_settings_are_changed_by_whoever_has_seen_them(here, dinner, client):
    page = f"/admin/menus/menu/{dinner.pk}/change/"
    form = client.get(page).context["adminform"].form
    sent = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    assert client.post(page, sent | {"title": "Dinner for two", "columns_count": "2"}).status_code == 302
    dinner.refresh_from_db()
    assert (dinner.title, dinner.columns_count, dinner.font) == ("Dinner for two", 2, None)
    late = client.post(page, sent | {"title": "Supper"}).context["adminform"].form
    assert late.errors["__all__"][0].startswith("Somebody changed the menu 'Dinner' meanwhile: nothing was saved.")
    form = client.get(page).context["adminform"].form
    wrong = {
        "columns_count": "9",
        "accent_color": "red; }",
        "font": "x;}",
        "page_size": "B5",
        "seen": form["seen"].value(),
    }
    assert client.post(page, sent | wrong).context["adminform"].form.errors == {
        "page_size": ["Menus are printed on A3, A4, A5, Letter, Legal."],
        "accent_color": ["A colour is written #8c3b2e, or as its English name."],
        "font": ["A font is named by letters, as in Lora."],
        "columns_count": ["A menu has 1 to 4 columns."],
    }
