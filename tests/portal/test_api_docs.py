"""The API documents itself: a valid OpenAPI document, and pages over it that load nothing from outside."""

import ast
import re
from io import StringIO

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.problems import GENERAL, kinds, refusals
from customers.api.views import CustomerView
from portal.docs import document
from tests.api import Api

LOADED = re.compile(r'\b(?:src|href|spec-url|data-schema)="([^"]*)"')


def test_the_document_is_valid_and_complete() -> None:
    """No warning: every endpoint says what it takes and gives."""
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_it_is_served_and_not_sent_twice(api: Api) -> None:
    response = api.get("schema")
    assert (response.status_code, response["Content-Type"]) == (200, "application/vnd.oai.openapi+json")
    assert response.json()["openapi"] == "3.1.0"
    assert response["Cache-Control"] == "public, max-age=300"
    assert api.get("schema", headers={"if-none-match": response["ETag"]}).status_code == 304


@pytest.mark.parametrize("page", ["docs", "redoc", "problems", "staff/docs", "staff/redoc"])
def test_pages_load_only_what_is_here(api: Api, page: str) -> None:
    response = api.get(page)
    assert (response.status_code, response["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "script-src 'self';" in response["Content-Security-Policy"]
    text = response.content.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)|\son\w+=", text) == []
    for address in LOADED.findall(text):
        if address.startswith("/static/"):
            assert finders.find(address.removeprefix("/static/"))
        else:
            assert api.get(address).status_code == 200


def test_every_code_is_explained(api: Api) -> None:
    text = api.get("problems").content.decode()
    for code, status in (("not_found", 404), ("invalid", 400), ("try_again", 503)):
        assert f'<dt id="{code}"><strong>{code}</strong> {status} ' in text
    assert "<dd></dd>" not in text


def test_what_is_not_there_is_a_problem_and_no_method_but_get_works(api: Api) -> None:
    assert api.get("schema/nowhere").status_code == 404
    response = api.post("schema", {})
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


def test_a_customer_has_two_ways_to_authenticate() -> None:
    class One(CustomerView):
        @extend_schema(responses={200: None})
        def get(self, request: Request) -> Response:
            raise NotImplementedError

    document = SchemaGenerator(patterns=[path("api/v1/one", One.as_view())]).get_schema(public=True)
    assert document["paths"]["/api/v1/one"]["get"]["security"] == [{"bearer": []}, {"cookie": []}]
    schemes = document["components"]["securitySchemes"]
    assert schemes["bearer"] == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert {key: schemes["cookie"][key] for key in ("type", "in", "name")} == {
        "type": "apiKey",
        "in": "cookie",
        "name": "customer_access",
    }


def test_every_code_that_code_answers_with_is_explained() -> None:
    """A `Problem` made in a view names a code of the list; `DomainError`s are on it by themselves."""
    document()
    used = {
        (str(file.relative_to(settings.BASE_DIR)), call.args[1].value)
        for app in (
            "config",
            "accounts",
            "customers",
            "restaurants",
            "menus",
            "reservations",
            "orders",
            "portal",
            "backoffice",
        )
        for file in (settings.BASE_DIR / app).rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Problem"
        if len(call.args) > 1 and isinstance(call.args[1], ast.Constant)
    }
    assert {each for each in used if each[1] not in kinds()} == set()


def test_no_two_refusals_share_a_code() -> None:
    document()
    found = [(each.code, each.status) for each in refusals() if each.__module__.partition(".")[0] != "tests"]
    assert sorted(found) == sorted(dict(found).items())
    assert {code for code, status in found if code in GENERAL and GENERAL[code].status != status} == set()


def test_everything_that_is_sent_has_an_example_that_is_as_described() -> None:
    found = document()
    contents = {
        (operation["operationId"], side): content
        for operations in found["paths"].values()
        for operation in operations.values()
        for side, described in (
            ("request", operation.get("requestBody", {})),
            *((status, each) for status, each in operation["responses"].items() if status < "300"),
        )
        for content in described.get("content", {}).values()
    }
    assert [where for where, content in contents.items() if "example" not in content] == []
    checker = Draft202012Validator.FORMAT_CHECKER
    for where, content in contents.items():
        schema = {**content["schema"], "components": found["components"]}
        faults = Draft202012Validator(schema, format_checker=checker).iter_errors(content["example"])
        assert [(where, fault.message) for fault in faults] == []
