"""Recipes: what goes into them by the names people type, never a recipe within itself, nothing lost silently."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from menus.errors import ChangedMeanwhile, OtherRestaurant, RecipeCycle
from menus.models import Category, Ingredient, Recipe, RecipeIngredient, UnitOfMeasure
from menus.pantry import category_named, ingredients, units
from menus.selectors import recipe_factor, recipe_lines, recipe_scaled
from menus.services import Line, recipe_change, recipe_create, recipe_ingredients_set
from menus.values import recipe_version
from tests.factories import RecipeFactory, RestaurantFactory, RestaurantStaffFactory, staff_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return RestaurantFactory.create(name="Here")


@pytest.fixture
def cook(here):
    return staff_of(here, "MANAGER")


def line(what, quantity="1", unit="g", **more):
    return Line(Decimal(quantity), unit, what, **more)


def part(recipe, **more):
    return Line(Decimal("0.5"), "l", sub_recipe_id=recipe.pk, **more)


def lines_of(recipe):
    return [
        (str(row.ingredient or row.sub_recipe), str(row.quantity), row.unit.abbreviation, row.order)
        for row in recipe_lines(recipe)
    ]


def test_a_recipe_is_written_down_with_what_the_restaurant_does_not_have_yet(here, cook):
    stock = RecipeFactory.create(restaurant=here, name="Stock")
    soup = recipe_create(
        restaurant=here,
        actor_id=cook.pk,
        values={"name": "Soup", "instructions": "Stir.", "yield_quantity": Decimal(4), "description": ""},
        lines=[line("Leeks", "250"), part(stock), line(" sea  salt", "1", "pinch")],
    )
    assert (soup.user_id, soup.restaurant_id, soup.description) == (cook.pk, here.pk, None)
    assert lines_of(soup) == [("Leeks", "250.00", "g", 0), ("Stock", "0.50", "l", 1), ("sea salt", "1.00", None, 2)]
    made = UnitOfMeasure.objects.order_by("pk").values_list("name", "abbreviation", "type", "user")
    assert sorted(made) == [
        *(("gram", "g", "WEIGHT", cook.pk), ("litre", "l", "VOLUME", cook.pk), ("pinch", None, None, cook.pk)),
    ]
    assert sorted(Ingredient.objects.values_list("name", "user")) == [("Leeks", cook.pk), ("sea salt", cook.pk)]


def test_the_same_lines_again_write_nothing_and_others_only_what_differs(here, cook):
    soup = recipe_create(
        restaurant=here,
        actor_id=cook.pk,
        values={"name": "Soup", "instructions": "Stir."},
        lines=[line("Leeks"), line("Salt"), line("Cream", "2", "ml")],
    )
    leeks, salt, cream = recipe_lines(soup)
    before = Recipe.objects.get(pk=soup.pk).updated_at
    same = [line("Leeks", id=leeks.pk), line("Salt", id=salt.pk), line("Cream", "2", "millilitre", id=cream.pk)]
    colleague = staff_of(here, "MANAGER")
    recipe_ingredients_set(recipe=soup, actor_id=colleague.pk, lines=same)
    assert Recipe.objects.get(pk=soup.pk).updated_at == before
    other = [line("cream", "3", "ML", id=cream.pk), line("Leeks", id=leeks.pk)]
    recipe_ingredients_set(recipe=soup, actor_id=colleague.pk, lines=other)
    assert list(recipe_lines(soup).values_list("pk", flat=True)) == [cream.pk, leeks.pk]
    assert lines_of(soup) == [("Cream", "3.00", "ml", 0), ("Leeks", "1.00", "g", 1)]
    assert Recipe.objects.get(pk=soup.pk).updated_at > before
    assert Ingredient.objects.count() == 3


def test_a_recipe_is_never_a_part_of_itself(here, cook):
    soup, stock, base = (RecipeFactory.create(restaurant=here, name=name) for name in ("Soup", "Stock", "Base"))
    recipe_ingredients_set(recipe=soup, actor_id=cook.pk, lines=[part(stock), line("Salt")])
    recipe_ingredients_set(recipe=stock, actor_id=cook.pk, lines=[part(base), part(base)])
    for recipe, within, told in (
        (soup, soup, "'Soup' would be a part of itself: Soup → Soup."),
        (base, soup, "'Base' would be a part of itself: Base → Soup → Stock → Base."),
    ):
        with pytest.raises(RecipeCycle, match=told):
            recipe_ingredients_set(recipe=recipe, actor_id=cook.pk, lines=[line("Salt"), part(within)])
    assert lines_of(base) == []
    # What another application made round does not hang, nor keeps others from being written.
    RecipeIngredient.objects.create(recipe=base, sub_recipe=stock, quantity=1, unit=UnitOfMeasure.objects.all()[0])
    recipe_ingredients_set(recipe=soup, actor_id=cook.pk, lines=[part(base)])
    assert lines_of(soup) == [("Base", "0.50", "l", 0)]


def test_parts_and_categories_are_of_the_same_restaurant(here, cook):
    there = RestaurantFactory.create()
    soup, theirs = RecipeFactory.create(restaurant=here), RecipeFactory.create(restaurant=there)
    with pytest.raises(OtherRestaurant, match="A recipe can only be made of recipes of its own restaurant"):
        recipe_ingredients_set(recipe=soup, actor_id=cook.pk, lines=[part(theirs)])
    mains = category_named(restaurant_id=there.pk, actor_id=cook.pk, name="Mains")
    with pytest.raises(OtherRestaurant, match="A recipe can only be in a category of its own restaurant"):
        recipe_change(recipe=soup, values={"category": mains})
    ours = category_named(restaurant_id=here.pk, actor_id=cook.pk, name="mains")
    assert category_named(restaurant_id=here.pk, actor_id=cook.pk, name=" Mains ") == ours
    assert recipe_change(recipe=soup, values={"category": ours}).category == ours
    assert Category.objects.count() == 2


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (line(" "), "Line 1: name an ingredient, or choose a recipe."),
        (line("Salt", sub_recipe_id=1), "Line 1: name an ingredient, or choose a recipe."),
        (line("Salt", "0"), "Line 1: say how much, from 0.01 to 99999999.99, and in which unit."),
        (line("Salt", "0.001"), "Line 1: say how much, from 0.01 to 99999999.99, and in which unit."),
        (line("Salt", "NaN"), "Line 1: say how much, from 0.01 to 99999999.99, and in which unit."),
        (line("Salt", unit=" "), "Line 1: say how much, from 0.01 to 99999999.99, and in which unit."),
        (line("x" * 256), "Line 1: an ingredient has at most 255 characters, a unit 100."),
    ],
)
def test_what_is_no_line_is_told(here, cook, wrong, told):
    with pytest.raises(ValidationError) as error:
        recipe_ingredients_set(recipe=RecipeFactory.create(restaurant=here), actor_id=cook.pk, lines=[wrong])
    assert error.value.messages == [told]


def test_who_has_not_seen_what_is_there_overwrites_nothing(here, cook):
    soup = RecipeFactory.create(restaurant=here, name="Soup")
    seen = recipe_version(soup)
    recipe_ingredients_set(recipe=soup, actor_id=cook.pk, lines=[line("Salt")], seen=seen)
    told = "Somebody changed the recipe 'Soup' meanwhile: nothing was saved."
    with pytest.raises(ChangedMeanwhile, match=told):
        recipe_ingredients_set(recipe=soup, actor_id=cook.pk, lines=[line("Pepper")], seen=seen)
    with pytest.raises(ChangedMeanwhile, match=told):
        recipe_change(recipe=soup, values={"name": "Broth"}, seen=seen)
    with pytest.raises(ChangedMeanwhile, match=told):
        recipe_ingredients_set(recipe=soup, actor_id=cook.pk, lines=[line("Salt", id=0)])
    assert lines_of(soup) == [("Salt", "1.00", "g", 0)]
    fresh = Recipe.objects.get(pk=soup.pk)
    recipe_change(recipe=soup, values={"name": "Broth"}, seen=recipe_version(fresh))
    Recipe.objects.get(pk=soup.pk).delete()
    with pytest.raises(ChangedMeanwhile, match="The recipe 'Soup' is not there any more"):
        recipe_change(recipe=soup, values={"name": "Stew"})


def test_who_sees_which_ingredients_and_units(here, cook):
    there = RestaurantFactory.create()
    both = staff_of(here, "OWNER")
    RestaurantStaffFactory.create(user=both, restaurant=there)
    stranger = staff_of(there, "OWNER")
    for user, name in ((cook, "cook's"), (both, "owner's"), (both, "owner's, used here"), (stranger, "theirs")):
        unit = UnitOfMeasure.objects.create(user=user, name=name)
        ingredient = Ingredient.objects.create(user=user, name=name)
        if "used" in name:
            recipe = RecipeFactory.create(restaurant=here)
            RecipeIngredient.objects.create(recipe=recipe, ingredient=ingredient, quantity=1, unit=unit)
    new = staff_of(here, "MANAGER")
    for user, names in ((new, ["cook's", "owner's, used here"]), (both, ["cook's", "owner's", "owner's, used here"])):
        for rows in (ingredients(here.pk, user.pk), units(here.pk, user.pk)):
            assert sorted(row.name for row in rows) == names


def test_a_recipe_scaled_to_so_many_portions(here, cook):
    soup = recipe_create(
        restaurant=here,
        actor_id=cook.pk,
        values={"name": "Soup", "instructions": "Stir.", "yield_quantity": Decimal(4)},
        lines=[line("Leeks", "250.50"), line("Salt", "0.33"), line("Saffron", "0.01")],
    )
    factor = recipe_factor(soup, Decimal(6))
    assert factor == Decimal("1.5")
    assert [str(each.quantity) for each in recipe_scaled(soup, factor)] == ["376", "0.50", "0.02"]
    assert [str(each.quantity) for each in recipe_scaled(soup, Decimal("0.1"))] == ["25.05", "0.03", "0.01"]
    assert recipe_factor(Recipe(yield_quantity=None), Decimal(6)) is None
