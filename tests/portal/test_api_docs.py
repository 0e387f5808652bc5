"""The API documents itself: a valid OpenAPI document, and pages over it that load nothing from outside."""

import re
from io import StringIO

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command

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


@pytest.mark.parametrize("page", ["docs", "redoc", "problems"])
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
