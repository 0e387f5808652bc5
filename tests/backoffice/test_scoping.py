"""No page shows staff a word of what belongs to another restaurant."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from config import scoping
from customers.models import CustomerRestaurant
from menus.models import Recipe, RecipeIngredient, UnitOfMeasure
from orders.models import Order
from tests.backoffice.conftest import SECRET, World
from tests.backoffice.test_access import OTHERS
from tests.factories import RecipeFactory, ReservationFactory, RestaurantFactory, RestaurantStaffFactory

pytestmark = pytest.mark.django_db

PEOPLE = ("staff", "manager", "owner", "admin")


def pages(world: World) -> Iterator[str]:
    """Give every address of the admin that answers with rows."""
    yield from ("/admin/", f"/admin/search/?s={SECRET}", f"/admin/search/?s={SECRET}&extended=1")
    for model in admin.site._registry:
        label = model._meta.label_lower
        base = f"/admin/{label.replace('.', '/')}/"
        yield from (base, f"{base}?q={SECRET}", f"{base}?q=guest", f"{base}?o=-1", f"{base}?all=")
        yield from (f"{base}?restaurant__id__exact={world.theirs.restaurant.pk}", f"{base}?is_active__exact=1")
        yield from (f"{base}?customer__id__exact={world.shared_customer}", f"{base}?_facets=True")
        for rows in (world.ours, world.theirs):
            number = rows.by_label[label]
            yield from (f"{base}{number}/change/", f"{base}{number}/history/", f"{base}{number}/delete/")
        for field in model._meta.fields:
            if field.is_relation:
                names = f"app_label={model._meta.app_label}&model_name={model._meta.model_name}&field_name={field.name}"
                yield from (f"/admin/autocomplete/?{names}&term={term}" for term in ("", SECRET, "guest"))
    for how, *_ in OTHERS.values():
        method, path = how.split(" ", 1)
        if method == "GET":
            yield from (path.format_map(rows.numbers()) for rows in (world.ours, world.theirs))
    yield f"/admin/customers/customer/{world.shared_customer}/change/"


def shown(client: Client, path: str) -> str:
    """Return what a page says, following redirects, without the search that was typed into it."""
    answer = client.get(path, follow=True)
    page = answer.getvalue().decode()
    for typed in (f'value="{SECRET}"', f"q={SECRET}", f"q%3D{SECRET}"):
        page = page.replace(typed, "")
    return page


@pytest.mark.parametrize("principal", PEOPLE)
def test_no_page_shows_another_restaurants_rows(principal: str, world: World, as_: Callable[[str], Client]) -> None:
    client = as_(principal)
    leaks = [path for path in pages(world) if SECRET in shown(client, path)]
    assert leaks == []


def test_the_pages_do_show_them_to_a_superadmin(world: World, as_: Callable[[str], Client]) -> None:
    client = as_("superadmin")
    for label, number in world.theirs.by_label.items():
        base = f"/admin/{label.replace('.', '/')}/"
        assert SECRET in shown(client, f"{base}{number}/change/"), label
        # separation: begin
        if label in ("separation.finding", "separation.chunk", "separation.checked"):
            continue
        # separation: end
        assert SECRET in shown(client, base), label


@pytest.mark.parametrize("principal", ["manager", "owner", "admin"])
def test_a_customer_of_two_restaurants_shows_each_its_own(
    principal: str, world: World, as_: Callable[[str], Client]
) -> None:
    page = shown(as_(principal), f"/admin/customers/customer/{world.shared_customer}/change/")
    assert "window seat" in page
    assert "777" not in page
    assert "This customer has no reservation here." in page
    assert "This customer has no order here." in page
    # separation: begin
    assert "Legacy row" not in page
    assert "Where this customer came from" not in page
    # separation: end


def test_a_superadmin_sees_both(world: World, as_: Callable[[str], Client]) -> None:
    page = shown(as_("superadmin"), f"/admin/customers/customer/{world.shared_customer}/change/")
    assert "window seat" in page
    assert "777" in page
    assert f"{SECRET} rude" in page
    assert f"{SECRET} profile note" in page


def test_what_staff_wrote_in_a_profile_is_not_shown_to_restaurants(world: World, as_: Callable[[str], Client]) -> None:
    page = as_("owner").get(f"/admin/customers/customer/{world.shared_customer}/change/")
    (profile,) = [part for part in page.context["inline_admin_formsets"] if "profile" in part.formset.prefix]
    assert [field for field in profile.formset.forms[0].fields if field not in ("id", "customer")] == [
        *("dietary_restrictions", "special_requests", "preferred_contact_method"),
        *("marketing_opt_in", "birthday", "anniversary"),
    ]


def test_the_number_of_restaurants_counts_ones_own(world: World, as_: Callable[[str], Client]) -> None:
    for principal, count in (("owner", 1), ("superadmin", 2)):
        rows = as_(principal).get("/admin/customers/customer/?q=both").context["cl"].result_list
        assert [row.restaurant_count for row in rows] == [count]


def test_roles_are_those_of_each_restaurant(world: World, as_: Callable[[str], Client]) -> None:
    """Owner here and a waiter there sees there what a waiter sees."""
    RestaurantStaffFactory._meta.model.objects.filter(
        user=world.people["owner"], restaurant=world.theirs.restaurant
    ).update(is_active=True, role="STAFF")
    client = as_("owner")
    theirs = world.theirs.by_label
    found = {
        label: client.get(f"/admin/{label.replace('.', '/')}/{theirs[label]}/change/").status_code
        for label in ("reservations.reservation", "orders.order", "menus.menu", "customers.customer")
    }
    assert found == {
        "reservations.reservation": 200,
        "orders.order": 200,
        "menus.menu": 302,
        "customers.customer": 302,
    }
    page = client.get(f"/admin/restaurants/restaurant/{theirs['restaurants.restaurant']}/change/")
    assert page.context["has_change_permission"] is False


@pytest.mark.parametrize(
    "query",
    [
        "password__startswith=$2b",
        "user__password__startswith=$2b",
        "customer__password__startswith=$2b",
        "customer__email__startswith=a",
        "email__startswith=a",
        "restaurant__staff__user__email__startswith=a",
        "restaurant__name__startswith=Z",
        "notes__startswith=Z",
        "id__gt=1",
        "status__exact=%00",
        "state__exact=%00",
        "name__regex=x",
    ],
)
def test_an_address_cannot_ask_for_more_than_the_filters(
    query: str, world: World, as_: Callable[[str], Client]
) -> None:
    client = as_("superadmin")
    for model in admin.site._registry:
        page = f"/admin/{model._meta.label_lower.replace('.', '/')}/?{query}"
        assert client.get(page).status_code == 400, page


def test_the_log_of_another_restaurants_row_is_out_of_reach(world: World, as_: Callable[[str], Client]) -> None:
    number = world.theirs.by_label["orders.order"]
    LogEntry.objects.create(
        user=world.people["superadmin"],
        content_type=ContentType.objects.get_for_model(Order),
        object_id=str(number),
        object_repr=f"{SECRET}-1",
        action_flag=CHANGE,
        change_message=SECRET,
    )
    for principal in PEOPLE:
        assert SECRET not in shown(as_(principal), f"/admin/orders/order/{number}/history/")
    assert SECRET in shown(as_("superadmin"), f"/admin/orders/order/{number}/history/")


def test_a_recipe_of_another_restaurant_is_named_by_its_number_alone(
    world: World, as_: Callable[[str], Client]
) -> None:
    owner = world.people["owner"]
    here = Recipe.objects.get(pk=world.ours.by_label["menus.recipe"])
    unit = UnitOfMeasure.objects.create(name="litre", user=owner)
    theirs = RecipeFactory.create(name=f"{SECRET} stock", restaurant=world.theirs.restaurant)
    ours = RecipeFactory.create(name="Own stock", restaurant=world.ours.restaurant)
    for sub in (theirs, ours):
        RecipeIngredient.objects.create(recipe=here, sub_recipe=sub, quantity=1, unit=unit)
    page = shown(as_("owner"), f"/admin/menus/recipe/{here.pk}/change/")
    assert SECRET not in page
    assert f"recipe {theirs.pk} of another restaurant" in page
    assert "recipe: Own stock" in page


def test_rows_without_a_restaurant_are_a_superadmins(world: World, as_: Callable[[str], Client]) -> None:
    recipe = RecipeFactory.create(restaurant=None)
    for principal, status in (("owner", 302), ("admin", 302), ("superadmin", 200)):
        assert as_(principal).get(f"/admin/menus/recipe/{recipe.pk}/change/").status_code == status


def test_the_filter_by_restaurant_lists_ones_own(world: World, as_: Callable[[str], Client]) -> None:
    RestaurantStaffFactory.create(user=world.people["staff"], restaurant__name="Third")
    for principal, names in (
        ("staff", ["All", "Here", "Third"]),
        ("superadmin", ["All", "Here", "Third", f"{SECRET} There"]),
    ):
        assert offered(as_(principal), "/admin/orders/order/") == names


def offered(client: Client, path: str) -> list[str]:
    changes = client.get(path).context["cl"]
    (found,) = [item for item in changes.filter_specs if item.title == "restaurant"]
    return [choice["display"] for choice in found.choices(changes)]


def test_the_filter_by_restaurant_lists_the_first_of_very_many_and_the_one_that_is_chosen(
    world: World, as_: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoping, "OFFERED_ROWS", 2)
    last = RestaurantFactory.create(name="Zzz")
    first = ["All", "Here", "Third"]
    RestaurantFactory.create(name="Third")
    client = as_("superadmin")
    for path, chosen in (("orders/order", "restaurant__id__exact"), ("customers/customer", "restaurant")):
        assert offered(client, f"/admin/{path}/") == first
        assert offered(client, f"/admin/{path}/?{chosen}={last.pk}") == [*first, "Zzz"]
        assert offered(client, f"/admin/{path}/?{chosen}={2**40}") == first
    for path in ("reservations/reservation/day", "orders/order/board"):
        page = client.get(f"/admin/{path}/?restaurant={last.pk}")
        assert [each.name for each in page.context["restaurants"]] == ["Here", "Third", "Zzz"]
    named = ReservationFactory.create(restaurant=last)
    page = client.get(f"/admin/orders/order/add/?reservation={named.pk}")
    assert (page.context["restaurant"], [each.name for each in page.context["restaurants"]]) == (
        last,
        [*first[1:], "Zzz"],
    )


def test_links_stay_with_their_restaurant(world: World, as_: Callable[[str], Client]) -> None:
    """Another restaurant's link, named in a forged form, is not changed."""
    theirs = CustomerRestaurant.objects.get(customer=world.shared_customer, restaurant=world.theirs.restaurant)
    profile = theirs.customer.profile
    as_("owner").post(
        f"/admin/customers/customer/{world.shared_customer}/change/",
        {
            "restaurants-TOTAL_FORMS": 1,
            "restaurants-INITIAL_FORMS": 1,
            "restaurants-0-id": theirs.pk,
            "restaurants-0-customer": world.shared_customer,
            "restaurants-0-notes": "forged",
            "profile-TOTAL_FORMS": 1,
            "profile-INITIAL_FORMS": 1,
            "profile-0-id": profile.pk,
            "profile-0-customer": world.shared_customer,
            "profile-0-notes": "forged",
        },
    )
    theirs.refresh_from_db()
    profile.refresh_from_db()
    assert (theirs.notes, profile.notes) == (f"{SECRET} rude", f"{SECRET} profile note")
