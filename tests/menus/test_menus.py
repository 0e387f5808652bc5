"""The menu builder's services: sections and items in order, copies, the archive; nothing lost silently."""

import pytest
from django.core.exceptions import ValidationError

from menus.errors import ChangedMeanwhile, OtherRestaurant, StillUsed
from menus.models import Menu, MenuItem
from menus.selectors import menu_layout
from menus.services import (
    item_add,
    item_change,
    item_delete,
    menu_archive,
    menu_change,
    menu_create,
    menu_duplicate,
    menu_order,
    menu_restore,
    menus_publish,
    section_add,
    section_change,
    section_delete,
)
from menus.values import item_version, menu_version, order_version, section_version
from orders.models import OrderItem
from tests.factories import MenuFactory, MenuItemFactory, OrderFactory, RecipeFactory, RestaurantFactory, staff_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def dinner():
    restaurant = RestaurantFactory.create(name="Here")
    return menu_create(restaurant=restaurant, actor_id=staff_of(restaurant, "MANAGER").pk, values={"name": "Dinner"})


def shown(menu):
    return {
        section.name: [(item.name, item.price, item.active) for item in section.items.order_by("position")]
        for section in menu.sections.order_by("position")
    }


def touched(menu):
    """Return whether the menu was written since this was last asked."""
    fresh = Menu.objects.get(pk=menu.pk)
    old = fresh.updated_at.year == 2020
    Menu.objects.filter(pk=menu.pk).update(updated_at="2020-01-01T00:00:00Z")
    return not old


def test_sections_and_items_stand_where_they_are_put(dinner):
    starters, mains = (section_add(menu=dinner, values={"name": name}) for name in ("Starters", "Mains"))
    assert touched(dinner)
    soup = item_add(section=starters, values={"name": "Soup", "price": "8"})
    bass = item_add(section=starters, values={"name": "Bass", "price": ""})
    assert touched(dinner)
    assert shown(dinner) == {"Starters": [("Soup", "8", True), ("Bass", None, True)], "Mains": []}
    seen = order_version(menu_layout(dinner))
    again = menu_order(menu=dinner, sections=[(starters.pk, [soup.pk, bass.pk]), (mains.pk, [])], seen=seen)
    assert (again, touched(dinner)) == (seen, False)
    now = menu_order(menu=dinner, sections=[(mains.pk, [bass.pk]), (starters.pk, [soup.pk])], seen=seen)
    assert touched(dinner)
    assert list(shown(dinner).items()) == [("Mains", [("Bass", None, True)]), ("Starters", [("Soup", "8", True)])]
    assert now == order_version(menu_layout(dinner))
    told = "Somebody changed the menu 'Dinner' meanwhile: nothing was saved."
    other = MenuItemFactory.create()
    for sections, version in (
        ([(mains.pk, [bass.pk]), (starters.pk, [soup.pk])], seen),
        ([(mains.pk, [bass.pk]), (starters.pk, [])], now),
        ([(mains.pk, [bass.pk, soup.pk, soup.pk]), (starters.pk, [])], now),
        ([(mains.pk, [bass.pk, other.pk]), (starters.pk, [soup.pk])], now),
        ([(starters.pk, [soup.pk, bass.pk])], None),
    ):
        with pytest.raises(ChangedMeanwhile, match=told):
            menu_order(menu=dinner, sections=sections, seen=version)
    assert order_version(menu_layout(dinner)) == now


def test_only_what_was_seen_is_changed(dinner):
    section = section_add(menu=dinner, values={"name": "Starters"})
    mains = section_add(menu=dinner, values={"name": "Mains"})
    item = item_add(section=section, values={"name": "Soup", "price": "8"})
    seen = item_version(item)
    item_change(item=item, values={"price": "8,50 €"}, seen=seen)
    with pytest.raises(ChangedMeanwhile, match="Somebody changed the menu item 'Soup' meanwhile: nothing was saved"):
        item_change(item=item, values={"price": "9"}, seen=seen)
    touched(dinner)
    # Another application changes the description; what is written here is the price alone.
    MenuItem.objects.filter(pk=item.pk).update(description="With leeks")
    item_change(item=item, values={"price": "9", "active": False})
    assert touched(dinner)
    item_change(item=item, values={"price": "9"}, section=section)
    assert not touched(dinner)
    moved = item_change(item=item, values={}, section=mains)
    assert (moved.section_id, moved.position, moved.description, moved.price) == (mains.pk, 0, "With leeks", "9")
    section_change(section=section, values={"active": False}, seen=section_version(section))
    with pytest.raises(ChangedMeanwhile):
        section_change(section=section, values={"name": "x"}, seen=section_version(section))
    menu_change(menu=dinner, values={"title": "Dinner for two"}, seen=menu_version(dinner))
    with pytest.raises(ChangedMeanwhile):
        menu_change(menu=dinner, values={"title": "x"}, seen=menu_version(dinner))
    with pytest.raises(ValidationError) as error:
        item_change(item=item, values={"name": ""})
    assert error.value.message_dict == {"name": ["This field cannot be blank."]}
    with pytest.raises(TypeError, match=r"\['section_id'\] are no ItemValues"):
        item_change(item=item, values={"section_id": 1})  # type: ignore[typeddict-unknown-key]


def test_what_is_gone_is_told_or_no_matter(dinner):
    section = section_add(menu=dinner, values={"name": "Starters"})
    item = item_add(section=section, values={"name": "Soup"})
    with pytest.raises(StillUsed, match="Starters has 1 item: move it or delete it first"):
        section_delete(section=section)
    section_delete(section=section, with_items=True)
    section_delete(section=section)
    item_delete(item=item)
    for change in (
        lambda: item_change(item=item, values={"name": "x"}),
        lambda: item_add(section=section, values={"name": "x"}),
        lambda: section_change(section=section, values={"name": "x"}),
    ):
        with pytest.raises(ChangedMeanwhile, match="is not there any more"):
            change()
    dinner.delete()
    with pytest.raises(ChangedMeanwhile, match="This menu is not there any more"):
        menu_change(menu=Menu(pk=item.pk + 1000), values={})


def test_what_was_ordered_is_not_deleted(dinner):
    section = section_add(menu=dinner, values={"name": "Starters"})
    item = item_add(section=section, values={"name": "Soup"})
    OrderItem.objects.create(order=OrderFactory.create(restaurant=dinner.restaurant), menu_item=item, price=5)
    with pytest.raises(StillUsed, match="Soup is on orders, so it cannot be deleted: hide it instead"):
        item_delete(item=item)
    with pytest.raises(StillUsed, match="Something in Starters is on orders, so it cannot be deleted: hide it instead"):
        section_delete(section=section, with_items=True)
    assert shown(dinner) == {"Starters": [("Soup", None, True)]}


def test_an_item_of_a_recipe_says_what_the_recipe_says(dinner):
    section = section_add(menu=dinner, values={"name": "Starters"})
    recipe = RecipeFactory.create(restaurant=dinner.restaurant, menu_title="Garden soup", description="Kitchen's words")
    item = item_add(section=section, values={"recipe": recipe, "price": "8", "name": ""})
    assert (item.name, item.description, item.price, item.recipe) == ("Garden soup", "Kitchen's words", "8", recipe)
    named = item_add(section=section, values={"recipe": recipe, "name": "Soup", "description": "Green"})
    assert (named.name, named.description) == ("Soup", "Green")
    theirs = RecipeFactory.create()
    for refused in (
        lambda: item_add(section=section, values={"recipe": theirs}),
        lambda: item_change(item=item, values={"recipe": theirs}),
    ):
        with pytest.raises(OtherRestaurant, match="A menu can only offer recipes of its own restaurant"):
            refused()
    # What another application put there stays, whatever else is changed.
    MenuItem.objects.filter(pk=item.pk).update(recipe=theirs)
    assert item_change(item=item, values={"name": "x", "recipe": theirs}).recipe == theirs


def test_a_copy_is_a_menu_of_its_own_that_nobody_sees(dinner):
    section = section_add(menu=dinner, values={"name": "Starters"})
    for name, price in (("Soup", "8"), ("Salad", "MP")):
        item_change(
            item=item_add(section=section, values={"name": name, "price": price}), values={"active": price == "8"}
        )
    menu_change(menu=dinner, values={"columns_count": 2, "show_decimals": False})
    menus_publish(menus=Menu.objects.filter(pk=dinner.pk))
    colleague = staff_of(dinner.restaurant, "MANAGER")
    copy = menu_duplicate(menu=dinner, actor_id=colleague.pk)
    copy.refresh_from_db()
    columns = (copy.name, copy.user_id, copy.restaurant_id, copy.published_at, copy.columns_count, copy.show_decimals)
    assert columns == ("Dinner (copy)", colleague.pk, dinner.restaurant_id, None, 2, False)
    assert shown(copy) == shown(dinner) == {"Starters": [("Soup", "8", True), ("Salad", "MP", False)]}
    section_delete(section=copy.sections.get(), with_items=True)
    assert len(shown(dinner)["Starters"]) == 2
    assert menu_duplicate(menu=dinner, actor_id=colleague.pk, name="Lunch").name == "Lunch"
    assert len(menu_duplicate(menu=MenuFactory.create(name="x" * 255), actor_id=colleague.pk).name) == 255


def test_the_archive_shows_a_menu_to_nobody_also_afterwards(dinner):
    menus_publish(menus=Menu.objects.filter(pk=dinner.pk))
    for _ in range(2):
        archived = menu_archive(menu=dinner)
        assert (archived.is_archived, archived.published_at) == (True, None)
    for _ in range(2):
        restored = menu_restore(menu=dinner)
        assert (restored.is_archived, restored.published_at) == (False, None)
