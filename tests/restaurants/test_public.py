"""What everybody sees of restaurants."""

import pytest

from tests.api import problem, refused
from tests.factories import RestaurantFactory

pytestmark = pytest.mark.django_db

CASA = {
    "slug": "casa-lucia",
    "name": "Casa Lucía",
    "description": "Small plates.",
    "cuisine": "Spanish",
    "address": "Calle de los Naranjos 14",
    "zip_code": "41004",
    "city": "Seville",
    "state": "Andalusia",
    "country": "Spain",
    "phone": "+34 954 000 000",
    "email": "hola@casa-lucia.example",
    "website": "https://casa-lucia.example",
    "logo_url": None,
    "cover_image_url": None,
}


@pytest.fixture
def casa():
    hours = {"tuesday": "12:00-15:30, 19:30-01:00", "sun": {"open": "12:00", "close": "24:00"}}
    return RestaurantFactory.create(**CASA, opening_hours=hours)


def names(api, query):
    response = api.get(f"restaurants?{query}")
    assert response.status_code == 200, response.content
    return [restaurant["name"] for restaurant in response.json()["results"]]


def test_a_list_of_the_active_ones(api, casa, django_assert_max_num_queries):
    RestaurantFactory.create(name="Closed for good", is_active=False)

    with django_assert_max_num_queries(2):
        response = api.get("restaurants")

    assert (response.status_code, response.json()) == (
        200,
        {"next": None, "previous": None, "results": [{"id": casa.pk} | CASA]},
    )


def test_it_goes_by_name_in_pages(api):
    for name in ("Zum Mühlrad", "Ätna", "Belvedere"):
        RestaurantFactory.create(name=name)

    first = api.get("restaurants?page_size=2").json()
    second = api.get(first["next"]).json()

    found = [restaurant["name"] for page in (first, second) for restaurant in page["results"]]
    assert sorted(found) == ["Belvedere", "Zum Mühlrad", "Ätna"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("city=SEVILLE", ["Casa Lucía"]),
        ("city=Sev", []),
        ("cuisine=nordic", ["Fjordgata 9"]),
        ("search=lucía", ["Casa Lucía"]),
        ("search=BERG", ["Fjordgata 9"]),
        ("search=spani", ["Casa Lucía"]),
        ("search=%25", None),
        ("search=a_%25", []),
        ("city=Seville&cuisine=nordic", []),
        ("search=x", None),
        (f"search={'x' * 51}", None),
        ("search=a%00b", None),
        ("city=a%00b", None),
    ],
)
def test_it_is_narrowed(query, found, api, casa):
    RestaurantFactory.create(name="Fjordgata 9", city="Bergen", cuisine="Nordic")

    if found is None:
        assert refused(api.get(f"restaurants?{query}")) == (400, "invalid")
    else:
        assert names(api, query) == found


def test_one_with_its_week(api, casa, django_assert_max_num_queries):
    with django_assert_max_num_queries(2):
        response = api.get("restaurants/casa-lucia")

    body = response.json()
    week = body.pop("opening_hours")
    assert (response.status_code, body) == (200, {"id": casa.pk} | CASA)
    assert [day["day"] for day in week] == [
        *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    ]
    assert {day["day"]: day["intervals"] for day in week if day["intervals"]} == {
        "tuesday": [
            {"opens": "12:00", "closes": "15:30", "closes_next_day": False},
            {"opens": "19:30", "closes": "01:00", "closes_next_day": True},
        ],
        "sunday": [{"opens": "12:00", "closes": "24:00", "closes_next_day": False}],
    }


@pytest.mark.parametrize("hours", [None, {}, "ask us", {"monday": "from nine"}, [1, None]])
def test_hours_that_nobody_gave_or_can_read_are_not_known(hours, api):
    RestaurantFactory.create(slug="odd", opening_hours=hours)

    assert api.get("restaurants/odd").json()["opening_hours"] is None


@pytest.mark.parametrize("slug", ["nobody", "closed", "a%00b", "%F0%9F%8D%9D", "x" * 300])
def test_what_is_not_there(slug, api):
    RestaurantFactory.create(slug="closed", is_active=False)

    assert problem(api.get(f"restaurants/{slug}")) == {
        "type": "/api/v1/problems#not_found",
        "title": "Not found",
        "status": 404,
        "detail": "",
        "code": "not_found",
        "errors": [],
    }


@pytest.mark.parametrize("address", ["restaurants", "restaurants/casa-lucia"])
def test_what_has_not_changed_is_not_sent_again(address, api, casa):
    first = api.get(address)
    again = api.get(address, headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert again["Cache-Control"] == "public, max-age=60"

    casa.phone = "+34 954 111 111"
    casa.save(update_fields=["phone"])

    after = api.get(address, headers={"if-none-match": first["ETag"]})
    assert (after.status_code, after["ETag"] == first["ETag"]) == (200, False)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_is_only_read(method, api, casa):
    assert refused(getattr(api, method)("restaurants/casa-lucia")) == (405, "method_not_allowed")
