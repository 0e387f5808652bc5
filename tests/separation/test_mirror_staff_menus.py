"""What staff write of recipes and menus while both schemas live, the old application reads, and the other way."""

from decimal import Decimal

import pytest

from accounts.models import RestaurantStaff
from menus.errors import ChangedMeanwhile
from menus.models import Menu, Recipe
from menus.selectors import menu_layout
from menus.services import (
    Line,
    item_add,
    menu_create,
    menu_duplicate,
    menu_order,
    menus_publish,
    recipe_create,
    recipe_delete,
    recipe_ingredients_set,
    section_add,
)
from menus.values import order_version, recipe_version
from separation.verification import verify
from tests.separation.engine import query, take_back
from tests.separation.new_application import staff_role
from tests.separation.old_application import application_role, old_application

pytestmark = pytest.mark.engine

PRINTED = """SELECT s.name, s.position, i.name, i.price, i.position, i.active, i.recipe_id
FROM menu_sections s LEFT JOIN menu_items i ON i.section_id = s.id WHERE s.menu_id = %s
ORDER BY s.position, i.position"""
COOKED = """SELECT i.name, l.sub_recipe_id IS NOT NULL, l.quantity, u.abbreviation, l."order"
FROM recipe_ingredients l LEFT JOIN ingredients i ON i.id = l.ingredient_id JOIN units_of_measure u ON u.id = l.unit_id
WHERE l.recipe_id = %s ORDER BY l."order\""""
KITCHEN = "menu_sections, menu_items, recipe_ingredients, ingredients, units_of_measure"
HOMELESS = "SELECT count(*) FROM separation_findings WHERE kind = 'no_restaurant' AND table_name = %s AND row_id = %s"


def test_a_recipe_and_a_menu_of_staff_in_both_schemas(legacy_database):
    database = legacy_database("plain", moved=True)
    cook = RestaurantStaff.objects.filter(restaurant=1, is_active=True, role="OWNER").earliest("id")
    place = cook.restaurant
    stock = Recipe.objects.filter(restaurant=place).earliest("id")
    lines = [Line(Decimal(250), "g", "Leeks"), Line(Decimal("0.5"), "l", sub_recipe_id=stock.pk)]
    values = {"name": "Soup", "instructions": "Stir.", "tags": ["vegan"]}
    with staff_role(database.connection):
        soup = recipe_create(restaurant=place, actor_id=cook.user_id, values=values, lines=lines)  # type: ignore[arg-type]
        menu = menu_create(restaurant=place, actor_id=cook.user_id, values={"name": "Lunch"})
        section = section_add(menu=menu, values={"name": "Starters"})
        item = item_add(section=section, values={"recipe": soup, "price": "8,50 €"})
        menus_publish(menus=Menu.objects.filter(pk=menu.pk))
        copy = menu_duplicate(menu=menu, actor_id=cook.user_id)
        slip = recipe_create(restaurant=place, actor_id=cook.user_id, values={"name": "Slip", "instructions": "Stir."})
        recipe_delete(recipe=slip)
    for table, row in (("recipes", soup.pk), ("menus", menu.pk), ("menus", copy.pk)):
        assert query(database.connection, HOMELESS, [table, row]) == [(0,)]

    with application_role(database.name) as role, old_application(database.name, role) as old:
        with database.connection.cursor() as cursor:
            cursor.execute(f'GRANT SELECT, INSERT, UPDATE ON {KITCHEN} TO "{role}"')
        # The old application reads all of it,
        assert old.execute(PRINTED, [menu.pk]).fetchall() == [("Starters", 0, "Soup", "8,50 €", 0, True, soup.pk)]
        cooked = [("Leeks", False, Decimal("250.00"), "g", 0), (None, True, Decimal("0.50"), "l", 1)]
        assert old.execute(COOKED, [soup.pk]).fetchall() == cooked
        # and what it writes is seen here, by whoever would have overwritten it, too.
        seen, layout = order_version(menu_layout(menu)), menu_layout(menu)
        known = recipe_version(soup)
        old.execute(
            "INSERT INTO menu_items (name, price, position, section_id) VALUES ('Bread', 'free', 1, %s)", [section.pk]
        )
        old.execute(
            "UPDATE recipe_ingredients SET quantity = 300 WHERE recipe_id = %s AND ingredient_id > 0", [soup.pk]
        )
    with pytest.raises(ChangedMeanwhile):
        menu_order(menu=menu, sections=layout, seen=seen)
    with pytest.raises(ChangedMeanwhile):
        recipe_ingredients_set(recipe=soup, actor_id=cook.user_id, lines=[], seen=known)
    (_, (_, bread)) = menu_layout(menu)[0]
    menu_order(menu=menu, sections=[(section.pk, [bread, item.pk])])
    assert [result.id for result in verify(database.connection).failures] == []
    take_back(database.connection)
    expected = [
        ("Starters", 0, "Bread", "free", 0, True, None),
        ("Starters", 0, "Soup", "8,50 €", 1, True, soup.pk),
    ]
    assert query(database.connection, PRINTED, [menu.pk]) == expected
