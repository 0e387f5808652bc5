"""What everybody sees of a restaurant's menus."""

from datetime import UTC, datetime

import pytest

from menus.models import MenuItem, MenuSection
from tests.api import refused
from tests.factories import MenuFactory, RestaurantFactory

pytestmark = pytest.mark.django_db

PUBLISHED = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def restaurant():
    return RestaurantFactory.create(slug="casa-lucia")


@pytest.fixture
def dinner(restaurant):
    """A menu of two sections, with what must not be seen beside it."""
    menu = MenuFactory.create(restaurant=restaurant, name="Dinner", title="Cena", published_at=PUBLISHED)
    mains = MenuSection.objects.create(menu=menu, name="Mains", position=2)
    starters = MenuSection.objects.create(menu=menu, name="Starters", position=1)
    MenuSection.objects.create(menu=menu, name="Hidden", position=0, active=False)
    MenuItem.objects.create(section=mains, name="Sea bass", price="market price")
    MenuItem.objects.create(section=starters, name="Olives", price="4,50 €", position=2)
    MenuItem.objects.create(section=starters, name="Almonds", description="Salted.", price="3", position=1)
    MenuItem.objects.create(section=starters, name="Sold out", price="5", active=False)
    return menu


def items(menu):
    return {item.name: item.pk for item in MenuItem.objects.filter(section__menu=menu)}


def shown(menu):
    """The menu `dinner` as it must look."""
    ids = items(menu)
    starters, mains = (MenuSection.objects.get(menu=menu, name=name).pk for name in ("Starters", "Mains"))
    almonds = {"id": ids["Almonds"], "name": "Almonds", "description": "Salted.", "price": "3", "amount": "3.00"}
    olives = {"id": ids["Olives"], "name": "Olives", "description": None, "price": "4,50 €", "amount": "4.50"}
    bass = {"id": ids["Sea bass"], "name": "Sea bass", "description": None, "price": "market price", "amount": None}
    return {
        "id": menu.pk,
        "name": "Dinner",
        "title": "Cena",
        "subtitle": None,
        "published_at": "2026-05-01T12:00:00.000Z",
        "sections": [
            {"id": starters, "name": "Starters", "items": [almonds, olives]},
            {"id": mains, "name": "Mains", "items": [bass]},
        ],
    }


def test_the_published_ones_with_what_is_active_in_order(api, dinner, restaurant, django_assert_max_num_queries):
    MenuFactory.create(restaurant=restaurant, name="Draft")
    MenuFactory.create(restaurant=restaurant, name="Tomorrow", published_at=datetime(2999, 1, 1, tzinfo=UTC))
    MenuFactory.create(restaurant=restaurant, name="Winter", published_at=PUBLISHED, is_archived=True)
    MenuFactory.create(name="Elsewhere", published_at=PUBLISHED)

    with django_assert_max_num_queries(4):
        response = api.get("restaurants/casa-lucia/menus")

    assert response.status_code == 200
    assert response.json() == {"next": None, "previous": None, "results": [shown(dinner)]}


def test_the_newest_first_in_as_many_queries(api, dinner, restaurant, django_assert_max_num_queries):
    for day in range(2, 7):
        MenuFactory.create(restaurant=restaurant, name=f"May {day}", published_at=PUBLISHED.replace(day=day))

    with django_assert_max_num_queries(4):
        response = api.get("restaurants/casa-lucia/menus")

    names = [menu["name"] for menu in response.json()["results"]]
    assert names == ["May 6", "May 5", "May 4", "May 3", "May 2", "Dinner"]


def test_one(api, dinner, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):
        response = api.get(f"restaurants/casa-lucia/menus/{dinner.pk}")

    assert (response.status_code, response.json()) == (200, shown(dinner))


def test_no_menus(api, restaurant):
    assert api.get("restaurants/casa-lucia/menus").json() == {"next": None, "previous": None, "results": []}


@pytest.mark.parametrize(
    "address",
    [
        *("nobody/menus", "closed/menus", "closed/menus/{id}", "casa-lucia/menus/0", "casa-lucia/menus/99999999999"),
        *("other/menus/{id}", "casa-lucia/menus/x", "a%00b/menus", "a%00b/menus/{id}"),
    ],
)
def test_what_is_not_there(address, api, dinner):
    closed = RestaurantFactory.create(slug="closed", is_active=False)
    RestaurantFactory.create(slug="other")
    menu = MenuFactory.create(restaurant=closed, published_at=PUBLISHED) if "closed" in address else dinner

    assert refused(api.get("restaurants/" + address.format(id=menu.pk))) == (404, "not_found")


def test_what_has_not_changed_is_not_sent_again(api, dinner):
    for address in ("restaurants/casa-lucia/menus", f"restaurants/casa-lucia/menus/{dinner.pk}"):
        first = api.get(address)

        again = api.get(address, headers={"if-none-match": first["ETag"]})

        assert (again.status_code, again.content) == (304, b"")
        assert first["Cache-Control"] == "public, max-age=60"
