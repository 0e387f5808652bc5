"""Lists come in pages, ordered as asked, in one query each."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import path
from rest_framework import generics, serializers

from config.api.pages import Ordering
from config.api.views import PublicView
from restaurants.models import Restaurant
from tests.api import Api, problem
from tests.factories import RestaurantFactory


class Row(serializers.ModelSerializer[Restaurant]):
    class Meta:
        model = Restaurant
        fields = ["slug", "city"]


class List(PublicView, generics.ListAPIView[Restaurant]):
    queryset = Restaurant.objects.all()
    serializer_class = Row
    filter_backends = [Ordering]
    ordering = ("slug",)
    ordering_fields = ("slug", "city", "created_at")


urlpatterns = [path("api/v1/rows", List.as_view())]
pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def rows(db: None) -> list[str]:
    for number in range(7):
        RestaurantFactory.create(slug=f"r{number}", city="Rome" if number % 2 else "Oslo")
    return [f"r{number}" for number in range(7)]


def read(api: Api, address: str) -> list[str]:
    """Follow the pages of a list to its end."""
    found: list[str] = []
    while address:
        page = api.get(address).json()
        assert page.keys() == {"next", "previous", "results"}
        found += [row["slug"] for row in page["results"]]
        address = page["next"]
    return found


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("", "0123456"),
        ("ordering=-slug", "6543210"),
        ("ordering=city", "0246135"),
        ("ordering=-city", "5316420"),
        ("ordering=created_at", "0123456"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_pages_show_every_row_once_and_in_order(api: Api, rows: list[str], query: str, order: str, size: int) -> None:
    assert read(api, f"rows?page_size={size}&{query}") == [f"r{number}" for number in order]


def test_what_comes_and_goes_shifts_no_page(api: Api, rows: list[str]) -> None:
    first = api.get("rows?page_size=3").json()
    assert (first["previous"], [row["slug"] for row in first["results"]]) == (None, ["r0", "r1", "r2"])
    Restaurant.objects.filter(slug="r1").delete()
    RestaurantFactory.create(slug="r00")
    second = api.get(first["next"]).json()
    assert [row["slug"] for row in second["results"]] == ["r3", "r4", "r5"]
    assert [row["slug"] for row in api.get(second["previous"]).json()["results"]] == ["r0", "r00", "r2"]


def test_a_page_has_twenty_rows_and_takes_one_query(api: Api, rows: list[str]) -> None:
    for number in range(30):
        RestaurantFactory.create(slug=f"s{number:02}")
    with CaptureQueriesContext(connection) as queries:
        assert len(api.get("rows").json()["results"]) == 20
    assert len([query for query in queries if 'FROM "restaurants"' in query["sql"]]) == 1


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("cursor=x", "cursor", "This is no cursor of this list."),
        ("cursor=cD14JTAw&ordering=created_at", "cursor", "This is no cursor of this list."),
        ("cursor=cD1uZXZlcg==&ordering=created_at", "cursor", "This is no cursor of this list."),
        ("page_size=0", "page_size", "A page has 1 to 100 rows."),
        ("page_size=101", "page_size", "A page has 1 to 100 rows."),
        ("page_size=-1", "page_size", "A page has 1 to 100 rows."),
        ("page_size=x", "page_size", "A page has 1 to 100 rows."),
        ("page_size=", "page_size", "A page has 1 to 100 rows."),
        ("ordering=id", "ordering", "It is one of city, created_at, slug, with a - for descending."),
        ("ordering=", "ordering", "It is one of city, created_at, slug, with a - for descending."),
    ],
)
def test_what_is_no_page_is_an_invalid_field(api: Api, rows: list[str], query: str, field: str, message: str) -> None:
    answer: dict[str, Any] = problem(api.get(f"rows?{query}"))
    assert (answer["status"], answer["code"]) == (400, "invalid")
    assert answer["errors"] == [{"field": field, "code": "invalid", "message": message}]
