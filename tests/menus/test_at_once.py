"""Two people at the same recipe, or the same menu, at the same instant: the second waits for the first, and is told."""

import threading
from decimal import Decimal
from time import sleep

import pytest
from django.db import connection, connections, transaction

from accounts.models import User
from menus.models import Ingredient, Menu, Recipe, RecipeIngredient, UnitOfMeasure
from menus.selectors import menu_layout
from menus.services import Line, item_add, menu_order, recipe_ingredients_set, section_add
from menus.values import order_version
from restaurants.models import Restaurant
from tests.factories import MenuFactory, RecipeFactory, RestaurantFactory, staff_of

pytestmark = pytest.mark.django_db


def apart(do):
    """Do something on a connection of its own, which commits, and return what came of it."""
    found = []

    def live():
        try:
            found.append(do())
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
        finally:
            connections.close_all()

    thread = threading.Thread(target=live)
    thread.start()
    return thread, found


def done(do):
    thread, found = apart(do)
    thread.join()
    return found[0]


@pytest.fixture
def here(db):
    """A restaurant that every connection sees, with its cook; removed with everything of theirs."""
    restaurant = done(RestaurantFactory.create)
    cook = done(lambda: staff_of(restaurant, "MANAGER"))

    def forget():
        RecipeIngredient.objects.filter(recipe__restaurant=restaurant).delete()
        Recipe.objects.filter(restaurant=restaurant).delete()
        Menu.objects.filter(restaurant=restaurant).delete()
        Ingredient.objects.filter(user=cook).delete()
        UnitOfMeasure.objects.filter(user=cook).delete()
        Restaurant.objects.filter(pk=restaurant.pk).delete()
        User.objects.filter(pk=cook.pk).delete()

    yield restaurant, cook
    done(forget)


def second_of(first, second):
    """Return what comes of SECOND, which begins after FIRST did its work, and before that is committed."""
    waiting: list[int] = []

    def late():
        with connection.cursor() as cursor:
            waiting.append(cursor.execute("SELECT pg_backend_pid()").fetchone()[0])
        return second()

    def early():
        with transaction.atomic():
            first()
            thread, found = apart(late)
            sql = "SELECT 1 FROM pg_locks WHERE pid = ANY(%s) AND NOT granted"
            with connection.cursor() as cursor:
                while thread.is_alive() and not cursor.execute(sql, [waiting]).fetchone():
                    sleep(0.005)
        thread.join()
        return found[0]

    return done(early)


def test_two_recipes_do_not_become_parts_of_each_other(here):
    restaurant, cook = here
    soup, stock = (
        done(lambda name=name: RecipeFactory.create(restaurant=restaurant, user=cook, name=name)) for name in "AB"
    )

    def within(whole, part):
        line = Line(Decimal(1), "l", sub_recipe_id=part.pk)
        return lambda: recipe_ingredients_set(recipe=whole, actor_id=cook.pk, lines=[line])

    told = "RecipeCycle: 'B' would be a part of itself: B → A → B."
    assert second_of(within(soup, stock), within(stock, soup)) == told


def test_an_order_made_of_what_is_not_there_any_more_is_refused(here):
    restaurant, cook = here
    menu = done(lambda: MenuFactory.create(restaurant=restaurant, user=cook, name="Dinner"))
    section = done(lambda: section_add(menu=menu, values={"name": "Starters"}))
    layout = done(lambda: menu_layout(menu))

    def add():
        item_add(section=section, values={"name": "Soup"})

    def order():
        return menu_order(menu=menu, sections=layout, seen=order_version(layout))

    told = "ChangedMeanwhile: Somebody changed the menu 'Dinner' meanwhile: nothing was saved."
    assert second_of(add, order) == told
