"""Recipes in the admin: written down with their ingredients on one page, and read scaled on another."""

from decimal import Decimal

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.test import Client

from menus.errors import ChangedMeanwhile
from menus.models import Ingredient, Menu, Recipe, RecipeIngredient, UnitOfMeasure
from menus.selectors import recipe_lines
from menus.services import Line, recipe_create, recipe_delete
from tests.factories import MenuFactory, MenuItemFactory, RecipeFactory, RestaurantFactory, staff_of

pytestmark = pytest.mark.django_db
ADD = "/admin/menus/recipe/add/"


@pytest.fixture
def here():
    return RestaurantFactory.create(name="Here")


@pytest.fixture
def cook(here, client):
    user = staff_of(here, "MANAGER")
    client.force_login(user)
    return user


def form_of(page):
    """Return what a browser would send of the form on a page, its empty lines left empty."""
    form, (lines,) = page.context["adminform"].form, [each.formset for each in page.context["inline_admin_formsets"]]
    sent = {name: form[name].value() for name in form.fields}
    for part in (lines.management_form, *lines.forms):
        sent |= {part.add_prefix(name): part[name].value() for name in part.fields}
    return {name: value for name, value in sent.items() if value is not None}


def typed(number, quantity, measure, what):
    return {
        f"ingredients-{number}-{name}": value
        for name, value in (("quantity", quantity), ("measure", measure), ("what", what))
    }


def lines_of(recipe):
    return [
        (str(row.ingredient or row.sub_recipe), str(row.quantity), row.unit.name, row.order)
        for row in recipe_lines(recipe)
    ]


def errors(page):
    form, (lines,) = page.context["adminform"].form, [each.formset for each in page.context["inline_admin_formsets"]]
    return [*form.errors.items(), *lines.non_form_errors(), *(found for found in lines.errors if found)]


def change(recipe):
    return f"/admin/menus/recipe/{recipe.pk}/change/"


def test_a_recipe_is_written_down_and_changed_on_one_page(here, cook, client):
    stock = RecipeFactory.create(restaurant=here, name="Stock", user=cook)
    page = client.get(ADD)
    sent = form_of(page) | typed(0, "250", "g", "Leeks") | typed(2, "0.5", "l", "Recipe: stock")
    told = {"name": "Soup", "instructions": "Stir.", "category_name": "Starters", "yield_measure": "portions"}
    answer = client.post(ADD, sent | told | {"yield_quantity": "4", "tags": "vegan, new"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/menus/recipe/")
    soup = Recipe.objects.get(name="Soup")
    assert (soup.user, soup.restaurant, str(soup.category), str(soup.yield_unit)) == (
        cook,
        here,
        "Starters",
        "portions",
    )
    assert (soup.tags, soup.description, soup.photo_url) == (["vegan", "new"], None, None)
    assert lines_of(soup) == [("Leeks", "250.00", "gram", 0), ("Stock", "0.50", "litre", 1)]

    page = client.get(change(soup))
    html = page.content.decode()
    assert page.context["names"] == {
        "categories": ["Starters"],
        "units": ["g", "l", "portions", "kg", "ml", "tsp", "tbsp", "pc"],
        "ingredients": ["Leeks", "recipe: Stock"],
    }
    assert '<option value="recipe: Stock">' in html
    before = Recipe.objects.get(pk=soup.pk)
    assert client.post(change(soup), form_of(page)).status_code == 302
    assert Recipe.objects.get(pk=soup.pk).updated_at == before.updated_at

    sent = form_of(page) | typed(2, "1", "pinch", "Salt") | {"ingredients-1-order": "0", "ingredients-0-order": "1"}
    assert client.post(change(soup), sent | {"name": "Broth", "category_name": ""}).status_code == 302
    soup.refresh_from_db()
    assert (soup.name, soup.category) == ("Broth", None)
    assert lines_of(soup) == [
        ("Stock", "0.50", "litre", 0),
        ("Leeks", "250.00", "gram", 1),
        ("Salt", "1.00", "pinch", 2),
    ]
    said = [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")]
    assert said == ["Added.", "No fields changed.", "Changed Name and Category. Changed ingredients."]
    assert stock.used_in.count() == 1


def test_what_is_wrong_is_told_and_nothing_is_lost(here, cook, client):
    soup, stock = (RecipeFactory.create(restaurant=here, name=name) for name in ("Soup", "Stock"))
    sent = form_of(client.get(change(stock))) | typed(0, "1", "l", "recipe: Soup")
    client.post(change(stock), sent)
    page = client.get(change(soup))
    for line, told in (
        (typed(0, "1", "l", "recipe: Stock"), ["'Soup' would be a part of itself: Soup → Stock → Soup."]),
        (
            typed(0, "1", "l", "recipe: Nothing"),
            [{"what": ["There is no recipe 'Nothing' here: write it down first."]}],
        ),
        (typed(0, "0", "l", "Salt"), ["Line 1: say how much, from 0.01 to 99999999.99, and in which unit."]),
        (typed(0, "1", "", "Salt"), [{"measure": ["This field is required."]}]),
        ({"yield_quantity": "-1"}, [("yield_quantity", ["This is 0 or more."])]),
        ({"photo_url": "javascript:x"}, [("photo_url", ["The address of a picture begins with https://"])]),
    ):
        assert errors(client.post(change(soup), form_of(page) | line)) == told
    # A colleague changes it meanwhile.
    client.post(change(soup), form_of(page) | {"name": "Broth"})
    late = client.post(change(soup), form_of(page) | {"name": "Stew"} | typed(0, "1", "g", "Salt"))
    late_told = (
        "Somebody changed the recipe 'Broth' meanwhile: nothing was saved. What you typed is still below; to see what "
        "is there now, open this page in another tab."
    )
    assert errors(late) == [("__all__", [late_told])]
    assert 'value="Stew"' in late.content.decode()
    assert (Recipe.objects.get(pk=soup.pk).name, lines_of(soup), Ingredient.objects.count()) == ("Broth", [], 0)


def test_another_restaurants_recipe_stays_where_it_was_put_and_is_not_named(here, cook, client):
    theirs = RecipeFactory.create(name="Secret")
    soup = RecipeFactory.create(restaurant=here)
    client.post(change(soup), form_of(client.get(change(soup))) | typed(0, "1", "l", "Salt"))
    RecipeIngredient.objects.filter(recipe=soup).update(ingredient=None, sub_recipe=theirs)
    page = client.get(change(soup))
    assert "Secret" not in page.content.decode()
    assert f'value="recipe {theirs.pk} of another restaurant"' in page.content.decode()
    client.post(change(soup), form_of(page) | {"ingredients-0-quantity": "2"})
    (line,) = recipe_lines(soup)
    assert (line.sub_recipe, str(line.quantity)) == (theirs, "2.00")
    card = client.get(f"/admin/menus/recipe/{soup.pk}/card/").content.decode()
    assert "Secret" not in card
    assert f"recipe {theirs.pk} of another restaurant" in card


def test_the_picture_and_what_uses_it_are_shown(here, cook, client):
    soup = RecipeFactory.create(restaurant=here, name="Soup", photo_url='https://photos.example/1.jpg"><script>')
    menu = MenuFactory.create(restaurant=here, name="Dinner & more")
    MenuItemFactory.create(section__menu=menu, recipe=soup)
    MenuItemFactory.create(section__menu__name="Theirs", recipe=soup)
    html = client.get(change(soup)).content.decode()
    assert '<img src="https://photos.example/1.jpg&quot;&gt;&lt;script&gt;" alt="Soup"' in html
    assert f'href="/admin/menus/menu/{menu.pk}/builder/">Dinner &amp; more</a>' in html
    assert "Theirs" not in html
    soup.photo_url = "javascript:x"
    soup.save()
    assert "<img src" not in client.get(change(soup)).content.decode().partition("fieldset")[2]


def test_the_kitchens_card_is_scaled(here, cook, client):
    litre = UnitOfMeasure.objects.create(name="litre", abbreviation="l", user=cook)
    stock = RecipeFactory.create(restaurant=here, name="Stock", yield_unit=litre)
    soup = recipe_create(
        restaurant=here,
        actor_id=cook.pk,
        values={"name": "Soup", "instructions": "Stir.", "yield_quantity": Decimal(4)},
        lines=[Line(Decimal(250), "g", "Leeks"), Line(Decimal("0.5"), "l", sub_recipe_id=stock.pk)],
    )
    as_written, wrong = ["250 g Leeks", "0.5 l Stock"], "Type a number from 0.01 to 100,000"
    for asked, shown, told in (
        ("", as_written, False),
        ("portions=6", ["375 g Leeks", "0.75 l Stock"], False),
        ("portions=0,5", ["31.25 g Leeks", "0.06 l Stock"], False),
        *((f"portions={text}", as_written, True) for text in ("x", "0", "-1", "1e9", "NaN", "%00")),
    ):
        page = client.get(f"/admin/menus/recipe/{soup.pk}/card/?{asked}")
        lines = page.context["lines"]
        assert [f"{line.quantity} {line.unit} {line.what}" for line in lines] == shown, asked
        way = f"/admin/menus/recipe/{stock.pk}/card/?portions={lines[1].quantity}"
        assert [line.address for line in lines] == ["", way]
        assert (wrong in page.content.decode()) == told, asked


def test_a_recipe_without_a_yield_says_so(here, cook, client):
    page = client.get(f"/admin/menus/recipe/{RecipeFactory.create(restaurant=here).pk}/card/?portions=3")
    assert "so it cannot be scaled: say it under" in page.content.decode()
    assert "Nothing goes into it yet" in page.content.decode()


def test_a_recipe_is_deleted_once_nothing_needs_it(here, cook, client):
    soup = recipe_create(
        restaurant=here,
        actor_id=cook.pk,
        values={"name": "Soup", "instructions": "Stir."},
        lines=[Line(Decimal(250), "g", "Leeks")],
    )
    menu = MenuFactory.create(restaurant=here, name="Dinner")
    item, theirs = (MenuItemFactory.create(**at, recipe=soup) for at in ({"section__menu": menu}, {}))
    stew = RecipeFactory.create(restaurant=here, name="Stew")
    gram = UnitOfMeasure.objects.get()
    RecipeIngredient.objects.create(recipe=stew, sub_recipe=soup, quantity=1, unit=gram)
    address = f"/admin/menus/recipe/{soup.pk}/delete/"
    for sent in ({}, {"post": "yes"}):
        answer = client.post(address, sent, follow=True) if sent else client.get(address, follow=True)
        assert answer.redirect_chain == [(change(soup), 302)]
        assert [str(told) for told in answer.context["messages"]] == [
            "'Soup' is needed for menu 'Dinner', a menu of another restaurant, recipe 'Stew': take it out there first."
        ]
    assert (Recipe.objects.count(), LogEntry.objects.count()) == (2, 0)
    stew.ingredients.all().delete()
    theirs.delete()
    Menu.objects.update(is_archived=True)
    assert "250 gram Leeks" in client.get(address).content.decode()
    client.post(address, {"post": "yes"})
    item.refresh_from_db()
    assert (item.recipe, list(Recipe.objects.all()), RecipeIngredient.objects.count()) == (None, [stew], 0)
    assert [(entry.object_repr, entry.action_flag) for entry in LogEntry.objects.all()] == [("Soup", DELETION)]
    with pytest.raises(ChangedMeanwhile, match="not there any more"):
        recipe_delete(recipe=soup)


def test_a_recipe_is_made_only_where_one_manages(here, cook, client):
    there = RestaurantFactory.create()
    page = client.get(ADD)
    assert [choice[0] for choice in page.context["adminform"].form.fields["restaurant"].choices if choice[0]] == [
        here.pk
    ]
    sent = form_of(page) | {"name": "x", "instructions": "x", "restaurant": there.pk}
    told = "Select a valid choice. That choice is not one of the available choices."
    assert errors(client.post(ADD, sent)) == [("restaurant", [told])]
    waiter = Client()
    waiter.force_login(staff_of(here, "STAFF"))
    assert waiter.post(ADD, sent).status_code == 403
    assert not Recipe.objects.exists()
