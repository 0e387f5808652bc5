"""Every error of the REST API is one shape, whoever raises it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import OperationalError
from django.http import Http404
from django.test import Client, override_settings
from django.urls import path
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.problems import DomainError, FieldError, Problem, kinds
from config.api.views import PublicView
from tests.api import Api, problem


class TableTaken(DomainError):
    """Somebody was faster.

    Only for tests.
    """

    status, code, title = 409, "table_taken_in_tests", "Table taken"


class Line(serializers.Serializer[Any]):
    quantity = serializers.IntegerField(max_value=9)


class Basket(serializers.Serializer[Any]):
    email = serializers.EmailField()
    lines = Line(many=True, required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=3), required=False)

    def validate(self, attrs: Any) -> Any:
        if attrs["email"] == "no@example.org":
            raise serializers.ValidationError("Not this one.", "unwanted")
        return attrs


class Echo(PublicView):
    def post(self, request: Request) -> Response:
        basket = Basket(data=request.data)
        basket.is_valid(raise_exception=True)
        return Response(basket.validated_data)


def raising(error: Exception) -> Callable[..., Any]:
    class Raising(PublicView):
        def get(self, request: Request) -> Response:
            raise error

    return Raising.as_view()


ERRORS: dict[str, Exception] = {
    "domain": TableTaken("19:30 is taken.", [FieldError("time", "taken", "Taken.")], {"Retry-After": "5"}),
    "problem": Problem(422, "odd", "Odd", "Even wanted.", headers={"X-Odd": "1"}),
    "404": Http404("No Customer matches the given query."),
    "403": PermissionDenied("secret"),
    "django": DjangoValidationError({"email": DjangoValidationError("Bad.", "bad")}),
    "throttled": exceptions.Throttled(wait=7),
    "locked": OperationalError("canceling statement due to lock timeout"),
    "unexpected": ZeroDivisionError("a secret"),
}
urlpatterns = [
    path("api/v1/echo", Echo.as_view()),
    *(path(f"api/v1/{name}", raising(error)) for name, error in ERRORS.items()),
]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture
def client() -> Api:
    return Api(raise_request_exception=False)


def body(status: int, code: str, title: str, detail: str = "", errors: Any = ()) -> dict[str, Any]:
    return {
        "type": f"/api/v1/problems#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": list(errors),
    }


@pytest.mark.parametrize(
    ("address", "expected", "headers"),
    [
        (
            "domain",
            body(
                409,
                "table_taken_in_tests",
                "Table taken",
                "19:30 is taken.",
                [{"field": "time", "code": "taken", "message": "Taken."}],
            ),
            {"Retry-After": "5"},
        ),
        ("problem", body(422, "odd", "Odd", "Even wanted."), {"X-Odd": "1"}),
        ("404", body(404, "not_found", "Not found"), {}),
        ("unknown", body(404, "not_found", "Not found"), {}),
        ("403", body(403, "permission_denied", "Not allowed"), {}),
        ("echo", body(405, "method_not_allowed", "Method not allowed", 'Method "GET" not allowed.'), {"Allow": "POST"}),
        (
            "django",
            body(400, "invalid", "Invalid fields", errors=[{"field": "email", "code": "bad", "message": "Bad."}]),
            {},
        ),
        (
            "throttled",
            body(
                429,
                "throttled",
                "Too many requests",
                "Request was throttled. Expected available in 7 seconds.",
            ),
            {"Retry-After": "7"},
        ),
        ("locked", body(503, "try_again", "Try again"), {"Retry-After": "2"}),
        ("unexpected", body(500, "error", "Internal error"), {}),
    ],
)
def test_an_error_is_a_problem(client: Api, address: str, expected: dict[str, Any], headers: dict[str, str]) -> None:
    response = client.get(address)
    assert problem(response) == expected
    assert {name: response[name] for name in headers} == headers
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, [("email", "required", "This field is required.")]),
        ({"email": "x"}, [("email", "invalid", "Enter a valid email address.")]),
        ([], [("", "invalid", "Invalid data. Expected a dictionary, but got list.")]),
        ({"email": "no@example.org"}, [("", "unwanted", "Not this one.")]),
        (
            {"email": "a@example.org", "lines": [{"quantity": 1}, {"quantity": 10}, {}]},
            [
                ("lines.1.quantity", "max_value", "Ensure this value is less than or equal to 9."),
                ("lines.2.quantity", "required", "This field is required."),
            ],
        ),
        (
            {"email": "a@example.org", "lines": 1},
            [("lines", "not_a_list", 'Expected a list of items but got type "int".')],
        ),
        (
            {"email": "a@example.org", "tags": ["abc", "abcd"]},
            [("tags.1", "max_length", "Ensure this field has no more than 3 characters.")],
        ),
    ],
)
def test_each_field_that_is_wrong_is_named_with_its_path(
    client: Api, sent: Any, errors: list[tuple[str, str, str]]
) -> None:
    expected = [{"field": field, "code": code, "message": message} for field, code, message in errors]
    assert problem(client.post("echo", sent)) == body(400, "invalid", "Invalid fields", errors=expected)


@pytest.mark.parametrize(
    ("content_type", "sent", "expected"),
    [
        ("application/json", b'{"email"', body(400, "malformed", "Malformed request", "The body is no JSON.")),
        ("application/json", b"\xff", body(400, "malformed", "Malformed request", "The body is no JSON.")),
        ("application/json", b'{"a": NaN}', body(400, "malformed", "Malformed request", "The body is no JSON.")),
        ("application/json", b"[" * 60_000, body(400, "malformed", "Malformed request", "The body is no JSON.")),
        (
            "application/json",
            b'"' + b"x" * 65_536,
            body(413, "too_large", "Too large", "A body has at most 65536 bytes."),
        ),
        (
            "application/json",
            b"x" * 3_000_000,
            body(413, "too_large", "Too large", "A body has at most 65536 bytes."),
        ),
        (
            "text/plain",
            b"email=a@example.org",
            body(
                415,
                "unsupported_media_type",
                "Unsupported media type",
                'Unsupported media type "text/plain" in request.',
            ),
        ),
    ],
)
def test_a_body_that_cannot_be_read_is_a_problem(
    client: Api, content_type: str, sent: bytes, expected: dict[str, Any]
) -> None:
    assert problem(client.generic("POST", "echo", sent, content_type)) == expected


def test_an_answer_that_nobody_can_read_is_a_problem(client: Api) -> None:
    response = client.get("echo", headers={"accept": "application/xml"})
    assert problem(response) == body(
        406, "not_acceptable", "Not acceptable", "Could not satisfy the request Accept header."
    )


@override_settings(ALLOWED_HOSTS=["restaurants.example"])
@pytest.mark.parametrize("secure", [False, True])
def test_another_host_is_a_problem(client: Api, secure: bool) -> None:
    with override_settings(SECURE_SSL_REDIRECT=secure):
        assert problem(client.get("echo")) == body(400, "malformed", "Malformed request")


def test_elsewhere_errors_stay_pages() -> None:
    response = Client().get("/nowhere")
    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "Cache-Control" not in response


def test_the_codes_of_services_are_known_by_their_classes() -> None:
    kind = kinds()["table_taken_in_tests"]
    assert (kind.status, kind.title, kind.meaning) == (409, "Table taken", "Somebody was faster.")
    assert kinds()["not_found"].status == 404
