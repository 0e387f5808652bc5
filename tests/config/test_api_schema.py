"""What the OpenAPI document says of every endpoint, without the endpoint saying it."""

from datetime import date
from typing import Any

import pytest
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.validation import validate_schema
from rest_framework import generics, serializers
from rest_framework.authentication import BasicAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.pages import Ordering
from config.api.problems import DomainError
from config.api.schema import refuses, versioned
from config.api.views import ApiView, PublicView
from restaurants.models import Restaurant


class SoldOut(DomainError):
    """Nothing is left
    of it.

    More for developers.
    """

    status, code, title = 422, "sold_out_in_tests", "Sold out"


class Row(serializers.ModelSerializer[Restaurant]):
    class Meta:
        model = Restaurant
        fields = ["slug", "city"]


class Rows(PublicView, generics.ListAPIView[Restaurant]):
    """The restaurants.

    All of them.
    """

    queryset = Restaurant.objects.all()
    serializer_class = Row
    filter_backends = [Ordering]
    ordering_fields = ("slug",)
    deprecated_since = date(2026, 12, 1)


class One(ApiView):
    authentication_classes = (BasicAuthentication,)

    @extend_schema(responses=Row)
    @versioned
    def get(self, request: Request, number: int) -> Response:
        """Show one."""
        raise NotImplementedError

    @versioned
    @refuses(SoldOut, "permission_denied")
    @extend_schema(request=Row, responses=Row)
    def patch(self, request: Request, number: int) -> Response:
        """Change one."""
        raise NotImplementedError


class Bookings(PublicView):
    @extend_schema(request=Row, responses={201: Row})
    def post(self, request: Request) -> Response:
        """Book."""
        raise NotImplementedError


class LogOut(PublicView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """Log out."""
        raise NotImplementedError


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    patterns = [
        path("api/v1/rows", Rows.as_view()),
        path("api/v1/rows/<int:number>", One.as_view()),
        path("api/v1/rows/bookings", Bookings.as_view()),
        path("api/v1/auth/log-out", LogOut.as_view()),
    ]
    found: dict[str, Any] = SchemaGenerator(patterns=patterns).get_schema(public=True)
    validate_schema(found)
    return found


def test_operations_have_names_that_read_well_as_functions(document: dict[str, Any]) -> None:
    names = {
        operation["operationId"]: (operation["tags"], operation["summary"], operation.get("description"))
        for operations in document["paths"].values()
        for operation in operations.values()
    }
    assert names == {
        "rows_list": (["tests"], "The restaurants", "All of them."),
        "rows_read": (["tests"], "Show one", None),
        "rows_update": (["tests"], "Change one", None),
        "rows_bookings_create": (["tests"], "Book", None),
        "auth_log_out": (["auth"], "Log out", None),
    }


@pytest.mark.parametrize(
    ("address", "method", "statuses"),
    [
        ("rows", "get", "200 400 406 429 503"),
        ("rows/{number}", "get", "200 304 401 404 406 429 503"),
        ("rows/{number}", "patch", "200 400 401 403 404 406 412 413 415 422 428 429 503"),
        ("rows/bookings", "post", "201 400 406 413 415 429 503"),
        ("auth/log-out", "post", "204 406 429 503"),
    ],
)
def test_every_status_is_in_the_document(document: dict[str, Any], address: str, method: str, statuses: str) -> None:
    responses = document["paths"][f"/api/v1/{address}"][method]["responses"]
    assert " ".join(sorted(responses)) == statuses


def test_a_problem_is_shown_with_each_of_its_codes(document: dict[str, Any]) -> None:
    response = document["paths"]["/api/v1/rows/{number}"]["patch"]["responses"]["422"]
    assert response == {
        "description": "`sold_out_in_tests`: Nothing is left of it.",
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    "sold_out_in_tests": {
                        "value": {
                            "type": "/api/v1/problems#sold_out_in_tests",
                            "title": "Sold out",
                            "status": 422,
                            "detail": "",
                            "code": "sold_out_in_tests",
                            "errors": [],
                            "request_id": "",
                        }
                    }
                },
            }
        },
    }


def test_versions_are_parameters_and_headers(document: dict[str, Any]) -> None:
    read, change = (document["paths"]["/api/v1/rows/{number}"][method] for method in ("get", "patch"))
    assert [(each["name"], each.get("required")) for each in read["parameters"] if each["in"] == "header"] == [
        ("If-None-Match", None)
    ]
    assert [(each["name"], each.get("required")) for each in change["parameters"] if each["in"] == "header"] == [
        ("If-Match", True)
    ]
    assert [list(read["responses"][status]["headers"]) for status in ("200", "304")] == [["ETag"], ["ETag"]]
    assert list(change["responses"]["401"]["headers"]) == ["WWW-Authenticate"]
    assert list(change["responses"]["503"]["headers"]) == ["Retry-After"]


def test_a_list_says_how_it_is_paged_and_ordered(document: dict[str, Any]) -> None:
    listed = document["paths"]["/api/v1/rows"]["get"]
    assert listed["deprecated"] is True
    assert {each["name"]: each["schema"] for each in listed["parameters"]} == {
        "cursor": {"type": "string"},
        "ordering": {"type": "string", "enum": ["slug", "-slug"]},
        "page_size": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    }
    page = document["components"]["schemas"]["PaginatedRowList"]
    assert page["required"] == ["next", "previous", "results"]
    assert page["properties"]["next"] == {"type": ["string", "null"], "format": "uri"}
