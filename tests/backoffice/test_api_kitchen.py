"""Recipes, menus, customers and the restaurant itself over the staff's API: written by who has seen them."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from accounts.models import User
from customers.models import CustomerChange
from menus.models import Menu, MenuItem, Recipe
from reservations.models import BookingPolicy
from restaurants.models import Restaurant
from tests.api import Api, problem, refused
from tests.backoffice.staff_api import WEEK, Place, as_staff, place
from tests.factories import CustomerFactory, staff_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def here() -> Place:
    return place("here")


@pytest.fixture
def api(here: Place) -> Api:
    return as_staff(staff_of(here.restaurant, "OWNER"))


def seen(answer: Any) -> dict[str, str]:
    return {"If-Match": answer["ETag"]}


def shown(answer: Any, status: int = 200) -> Any:
    """Return the body of ANSWER without the time it was written."""
    body = answer.json()
    assert answer.status_code == status, body
    assert body.pop("updated_at").endswith("Z")
    return body


def test_a_recipe_is_written_changed_and_scaled(api: Api, here: Place) -> None:
    body = {
        "restaurant": "here",
        "name": "Broth",
        "instructions": "Boil.",
        "category": "Soups",
        "yield_quantity": "4",
        "yield_unit": "portions",
        "tags": ["vegan"],
        "ingredients": [{"quantity": "1.5", "unit": "l", "ingredient": "water"}],
    }
    made = api.post("staff/recipes", body)
    recipe = Recipe.objects.latest("pk")
    (line,) = recipe.ingredients.all()
    path = f"/api/v1/staff/recipes/{recipe.pk}"
    whole = {
        "id": recipe.pk,
        "restaurant": {"id": here.restaurant.pk, "slug": "here", "name": "Here"},
        "name": "Broth",
        "description": "",
        "category": "Soups",
        "yield_quantity": "4.00",
        "yield_unit": "portions",
        "prep_time_minutes": None,
        "cook_time_minutes": None,
        "tags": ["vegan"],
        "menu_title": "",
        "menu_description": "",
        "photo_url": "",
        "links": {"self": path},
        "instructions": "Boil.",
        "ingredients": [
            {
                "id": line.pk,
                "quantity": "1.50",
                "unit": "l",
                "ingredient": "water",
                "sub_recipe_id": None,
                "sub_recipe": "",
            }
        ],
    }
    assert shown(made, 201) == whole
    assert api.get(f"{path}?amount=10").json()["ingredients"][0]["quantity"] == "3.75"
    lines = [
        {"id": line.pk, "quantity": "2", "unit": "l", "ingredient": "water"},
        {"quantity": "1", "unit": "pc", "sub_recipe_id": here.recipe.pk},
    ]
    put = api.put(f"{path}/ingredients", {"ingredients": lines}, headers=seen(made))
    assert [(each["quantity"], each["sub_recipe"]) for each in put.json()["ingredients"]] == [
        ("2.00", ""),
        ("1.00", "here recipe 0"),
    ]
    patched = api.patch(path, {"name": "Stock", "yield_unit": "", "category": ""}, headers=seen(put))
    assert (patched.json()["name"], patched.json()["yield_unit"], patched.json()["category"]) == ("Stock", "", "")
    assert refused(api.patch(path, {"name": "x"}, headers=seen(put))) == (412, "precondition_failed")
    back = {"ingredients": [{"quantity": "1", "unit": "pc", "sub_recipe_id": recipe.pk}]}
    other = api.get(f"staff/recipes/{here.recipe.pk}")
    cycle = api.put(f"staff/recipes/{here.recipe.pk}/ingredients", back, headers=seen(other))
    assert refused(cycle) == (422, "recipe_cycle")
    assert [each["name"] for each in api.get("staff/recipes?search=sto").json()["results"]] == ["Stock"]
    assert refused(api.delete(path, headers=seen(put))) == (412, "precondition_failed")
    needed = api.delete(f"staff/recipes/{here.recipe.pk}", headers=seen(other))
    assert refused(needed) == (409, "still_used")
    assert api.delete(path, headers=seen(patched)).status_code == 204
    assert refused(api.get(path)) == (404, "not_found")
    said = ["Deleted.", "Changed name, category, yield_unit.", "Changed what goes in.", "Written down."]
    assert [entry.change_message for entry in LogEntry.objects.filter(object_id=recipe.pk)] == said


def test_a_menu_is_built_ordered_shown_and_put_away(api: Api, here: Place) -> None:
    made = api.post("staff/menus", {"restaurant": "here", "name": "Lunch", "show_decimals": False})
    menu = Menu.objects.latest("pk")
    path = f"/api/v1/staff/menus/{menu.pk}"
    body = shown(made, 201)
    layout = body.pop("layout")
    assert (layout["show_decimals"], layout["show_dollar_sign"], len(layout)) == (False, True, 26)
    assert body == {
        "id": menu.pk,
        "restaurant": {"id": here.restaurant.pk, "slug": "here", "name": "Here"},
        "name": "Lunch",
        "title": "",
        "subtitle": "",
        "is_archived": False,
        "published_at": None,
        "links": {"self": path},
        "sections": [],
    }
    now = made
    for name in ("Starters", "Mains"):
        now = api.post(f"{path}/sections", {"name": name}, headers=seen(now))
    starters, mains = (each["id"] for each in now.json()["sections"])
    for item in ({"name": "Soup", "price": "5,00 €"}, {"recipe_id": here.recipe.pk, "price": "MP"}):
        now = api.post(f"{path}/sections/{starters}/items", item, headers=seen(now))
    soup, dish = now.json()["sections"][0]["items"]
    assert (now.status_code, soup, dish) == (
        201,
        {
            "id": soup["id"],
            "name": "Soup",
            "description": "",
            "price": "5,00 €",
            "amount": "5.00",
            "active": True,
            "recipe_id": None,
        },
        {
            "id": dish["id"],
            "name": "here recipe 0",
            "description": "",
            "price": "MP",
            "amount": None,
            "active": True,
            "recipe_id": here.recipe.pk,
        },
    )
    places = {"sections": [{"id": mains, "items": [dish["id"]]}, {"id": starters, "items": [soup["id"]]}]}
    stale, now = now, api.put(f"{path}/order", places, headers=seen(now))
    assert [(each["id"], [item["id"] for item in each["items"]]) for each in now.json()["sections"]] == [
        (mains, [dish["id"]]),
        (starters, [soup["id"]]),
    ]
    assert refused(api.put(f"{path}/order", places, headers=seen(stale))) == (412, "precondition_failed")
    lost = {"sections": [{"id": mains, "items": []}]}
    assert refused(api.put(f"{path}/order", lost, headers=seen(now))) == (409, "changed_meanwhile")
    moved = {"price": "6", "active": False, "section_id": starters}
    now = api.patch(f"{path}/items/{dish['id']}", moved, headers=seen(now))
    now = api.patch(f"{path}/sections/{mains}", {"name": "Main courses", "active": False}, headers=seen(now))
    assert [(each["name"], len(each["items"])) for each in now.json()["sections"]] == [
        ("Main courses", 0),
        ("Starters", 2),
    ]
    assert refused(api.delete(f"{path}/sections/{starters}", headers=seen(now))) == (409, "still_used")
    now = api.delete(f"{path}/sections/{mains}", headers=seen(now))
    now = api.delete(f"{path}/items/{dish['id']}", headers=seen(now))
    assert [[item["name"] for item in each["items"]] for each in now.json()["sections"]] == [["Soup"]]
    copy = api.post(f"{path}/duplicate", {})
    assert (copy.status_code, copy.json()["name"], copy.json()["sections"][0]["items"][0]["name"]) == (
        201,
        "Lunch (copy)",
        "Soup",
    )
    steps = ("publish", "publish", "withdraw", "publish", "archive", "publish", "restore")
    states = [api.post(f"{path}/{step}").json() for step in steps]
    assert [(bool(each["published_at"]), each["is_archived"]) for each in states] == [
        (True, False),
        (True, False),
        (False, False),
        (True, False),
        (False, True),
        (False, True),
        (False, False),
    ]
    found = [each["name"] for each in api.get("staff/menus?archived=false&search=lunch").json()["results"]]
    assert found == ["Lunch (copy)", "Lunch"]


def history_of(row: Any) -> list[tuple[str, int]]:
    """Return what the history of ROW says, and who did it."""
    entries = LogEntry.objects.filter(object_id=str(row.pk), content_type=ContentType.objects.get_for_model(row))
    return list(entries.order_by("pk").values_list("change_message", "user_id"))


def test_what_is_changed_is_in_the_history_and_nothing_else_is(api: Api, here: Place) -> None:
    owner = User.objects.latest("pk").pk
    path, recipe = f"staff/menus/{here.menu.pk}", f"staff/recipes/{here.recipe.pk}"
    for _ in range(2):
        now = api.patch(path, {"title": "Noon"}, headers=seen(api.get(path)))
        now = api.patch(f"{path}/items/{here.item.pk}", {"price": "6"}, headers=seen(now))
        api.post(f"{path}/publish")
        api.patch(recipe, {"name": "Stew"}, headers=seen(api.get(recipe)))
        api.patch("staff/restaurants/here", {"phone": "1"}, headers=seen(api.get("staff/restaurants/here")))
    assert history_of(here.menu) == [
        ("Changed title.", owner),
        ("Changed Soup.", owner),
        ("The menu was published.", owner),
    ]
    assert history_of(here.recipe) == [("Changed name.", owner)]
    assert history_of(here.restaurant) == [("Changed phone.", owner)]


def test_nothing_of_another_restaurant_gets_onto_a_menu(api: Api, here: Place) -> None:
    there, path = place("there"), f"staff/menus/{here.menu.pk}"
    now = api.get(path)
    theirs = {"recipe_id": there.recipe.pk}
    added = api.post(f"{path}/sections/{here.section.pk}/items", theirs, headers=seen(now))
    assert [each["field"] for each in problem(added)["errors"]] == ["recipe_id"]
    for method, what in (("patch", f"items/{there.item.pk}"), ("delete", f"sections/{there.section.pk}")):
        assert refused(getattr(api, method)(f"{path}/{what}", {"name": "x"}, headers=seen(now))) == (404, "not_found")
    moved = api.patch(f"{path}/items/{here.item.pk}", {"section_id": there.section.pk}, headers=seen(now))
    assert refused(moved) == (404, "not_found")
    assert MenuItem.objects.get(pk=here.item.pk).section_id == here.section.pk
    for kind, body in {"recipes": {"name": "x", "instructions": "x"}, "menus": {"name": "x"}}.items():
        made = api.post(f"staff/{kind}", body | {"restaurant": "there"})
        assert [each["field"] for each in problem(made)["errors"]] == ["restaurant"]


def test_a_customer_shows_each_restaurant_its_own(api: Api, here: Place) -> None:
    there = place("there")
    here.customer.restaurants.update(visit_count=3, total_spent="99.50", notes="Window", vip_status=True)
    here.customer.restaurants.create(restaurant=there.restaurant, visit_count=777)
    body = api.get(f"staff/customers/{here.customer.pk}").json()
    assert body.pop("created_at").endswith("Z")
    (known,) = body.pop("restaurants")
    assert (known.pop("first_visit"), known.pop("last_visit")) == (None, None)
    assert body == {
        "id": here.customer.pk,
        "first_name": "Ida",
        "last_name": "here 0",
        "email": here.customer.email,
        "email_verified": False,
        "phone": "+49 30 550000",
        "is_active": True,
        "links": {"self": f"/api/v1/staff/customers/{here.customer.pk}"},
    }
    assert known == {
        "restaurant": {"id": here.restaurant.pk, "slug": "here", "name": "Here"},
        "visit_count": 3,
        "total_spent": "99.50",
        "vip_status": True,
        "notes": "Window",
    }
    path, now = f"staff/customers/{here.customer.pk}", api.get(f"staff/customers/{here.customer.pk}")
    changed = api.patch(f"{path}/restaurants/here", {"notes": "Terrace", "vip_status": True}, headers=seen(now))
    assert changed.json()["restaurants"][0] | {"notes": "Window"} == now.json()["restaurants"][0]
    assert refused(api.patch(f"{path}/restaurants/here", {"notes": ""}, headers=seen(now))) == (
        412,
        "precondition_failed",
    )
    assert refused(api.patch(f"{path}/restaurants/there", {"notes": "x"}, headers=seen(changed))) == (404, "not_found")
    assert [(link.restaurant_id, link.notes) for link in here.customer.restaurants.order_by("pk")] == [
        (here.restaurant.pk, "Terrace"),
        (there.restaurant.pk, None),
    ]
    noted = CustomerChange.objects.filter(customer_id=here.customer.pk).latest("pk")
    assert (noted.changed_by, LogEntry.objects.latest("pk").change_message) == (
        f"staff {here.restaurant.staff.latest('pk').user_id}",
        "Changed notes of Here.",
    )
    CustomerFactory.create(first_name="Ida", last_name="Nobody's")
    for query, count in {
        "search=ida": 1,
        "search=550000": 1,
        "search=xyz": 0,
        "restaurant=there": 0,
        "active=false": 0,
    }.items():
        assert len(api.get(f"staff/customers?{query}").json()["results"]) == count, query


def test_an_owner_keeps_the_restaurants_texts_right(api: Api, here: Place) -> None:
    shown_ = api.get("staff/restaurants/here")
    changes = {"phone": "+49 30 1", "description": "Good soup"}
    changed = api.patch("staff/restaurants/here", changes, headers=seen(shown_))
    body = changed.json()
    assert (changed.status_code, body["phone"], body["description"], body["is_active"]) == (
        200,
        "+49 30 1",
        "Good soup",
        True,
    )
    assert body["opening_hours"][0] == {
        "day": "monday",
        "intervals": [{"opens": "12:00", "closes": "22:00", "closes_next_day": False}],
    }
    hours = [{"day": "monday", "hours": ""}, {"day": "friday", "hours": "18:00-02:00"}]
    changed = api.patch("staff/restaurants/here", {"opening_hours": hours}, headers=seen(changed))
    assert Restaurant.objects.get(slug="here").opening_hours == WEEK | {"mon": "closed", "fri": "18:00-02:00"}
    faults = problem(api.patch("staff/restaurants/here", {"opening_hours": [{"day": "monday", "hours": "x"}]}))
    assert [(each["field"], each["code"]) for each in faults["errors"]] == [("opening_hours.0.hours", "hours")]
    faults = problem(api.patch("staff/restaurants/here", {"opening_hours": [{"day": "monday"}]}))
    assert [(each["field"], each["code"]) for each in faults["errors"]] == [("opening_hours.0.hours", "required")]
    faults = problem(api.patch("staff/restaurants/here", {"opening_hours": [hours[0], hours[0]]}))
    assert [(each["field"], each["code"], each["message"]) for each in faults["errors"]] == [
        ("opening_hours", "told_twice", "The hours of monday are told twice.")
    ]
    for name in ("slug", "is_active"):
        faults = problem(api.patch("staff/restaurants/here", {name: "x"}, headers=seen(changed)))
        assert [(each["field"], each["code"]) for each in faults["errors"]] == [(name, "unknown")]
    assert Restaurant.objects.get(slug="here").phone == "+49 30 1"
    assert [each["slug"] for each in api.get("staff/restaurants").json()["results"]] == ["here"]


def test_an_owner_says_how_bookings_are_taken(api: Api, here: Place) -> None:
    path = "staff/restaurants/here/booking-policy"
    as_it_is = {
        "is_online": True,
        "time_zone": settings.RESTAURANT_TIME_ZONE,
        "slot_interval_minutes": 30,
        "duration_minutes": 90,
        "durations": [],
        "covers_per_slot": None,
        "covers_per_day": None,
        "overbooking_percent": 0,
        "minimum_notice_minutes": 60,
        "horizon_days": 90,
        "min_party_size": 1,
        "max_party_size": 12,
        "cancel_cutoff_minutes": 120,
        "change_cutoff_minutes": 120,
        "reminder_hours": 24,
    }
    BookingPolicy.objects.all().delete()
    shown_ = api.get(path)
    assert shown_.json() == as_it_is
    wanted = {"covers_per_day": 80, "durations": [{"up_to": 2, "minutes": 60}], "time_zone": "Europe/Berlin"}
    changed = api.patch(path, wanted, headers=seen(shown_))
    assert changed.json() == api.get(path).json() == as_it_is | wanted
    assert refused(api.patch(path, {"is_online": False}, headers=seen(shown_))) == (412, "precondition_failed")
    for wrong in ({"time_zone": "Moon"}, {"durations": [1]}, {"max_party_size": 0}, {"min_party_size": 13}, {"id": 1}):
        assert refused(api.patch(path, wrong, headers=seen(changed))) == (400, "invalid")
    assert api.patch(path, wanted, headers=seen(changed)).status_code == 200
    (entry,) = LogEntry.objects.filter(content_type__model="restaurant")
    assert entry.change_message == "Changed how bookings are taken: time_zone, durations, covers_per_day."
    waiter = as_staff(staff_of(here.restaurant, "STAFF"))
    assert waiter.get(path).status_code == 200
    assert refused(waiter.patch(path, wanted, headers=seen(changed))) == (403, "permission_denied")
