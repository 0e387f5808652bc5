"""What is shown has a version, and is changed only by who saw it; a version that is to go says so."""

from datetime import date
from typing import Any

import pytest
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.etags import etag_of, require_match, tagged
from config.api.views import PublicView
from tests.api import Api, problem, refused

DATA = {"name": "Ève", "amount": "1.50"}
ETAG = '"0a2ca81d4d24856e1c8d5bd7ace9338d"'


class One(PublicView):
    def get(self, request: Request) -> Response:
        return tagged(request, DATA)

    def patch(self, request: Request) -> Response:
        require_match(request, etag_of(DATA))
        return tagged(request, DATA)


class Old(One):
    deprecated_since = date(2026, 12, 1)
    sunset = date(2027, 6, 1)
    successor = "/api/v2/one"


urlpatterns = [path("api/v1/one", One.as_view()), path("api/v1/old", Old.as_view())]
pytestmark = pytest.mark.urls(__name__)


def test_a_representation_comes_with_its_version(api: Api) -> None:
    response = api.get("one")
    assert (response.status_code, response.json()) == (200, DATA)
    assert (response["ETag"], response["Cache-Control"]) == (ETAG, "private, no-cache")


@pytest.mark.parametrize("given", [ETAG, f"W/{ETAG}", f'"other", {ETAG}', "*"])
def test_who_has_it_already_gets_no_body(api: Api, given: str) -> None:
    response = api.get("one", headers={"if-none-match": given})
    assert (response.status_code, response.content, response["ETag"]) == (304, b"", ETAG)


@pytest.mark.parametrize("given", ['"other"', "nonsense", ""])
def test_who_has_another_gets_it(api: Api, given: str) -> None:
    assert api.get("one", headers={"if-none-match": given}).status_code == 200


@pytest.mark.parametrize("given", [ETAG, f'"other", {ETAG}', "*"])
def test_who_saw_it_may_change_it(api: Api, given: str) -> None:
    assert api.patch("one", {}, headers={"if-match": given}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (428, "precondition_required")),
        ({"if-match": " "}, (428, "precondition_required")),
        ({"if-match": '"other"'}, (412, "precondition_failed")),
        ({"if-match": f"W/{ETAG}"}, (412, "precondition_failed")),
        ({"if-match": "nonsense"}, (412, "precondition_failed")),
    ],
)
def test_who_did_not_may_not(api: Api, headers: dict[str, str], expected: tuple[int, str]) -> None:
    assert refused(api.patch("one", {}, headers=headers)) == expected


def test_equal_data_has_an_equal_version_and_other_data_another() -> None:
    assert etag_of(dict(DATA)) == etag_of(DATA) == ETAG
    assert etag_of({**DATA, "amount": "1.51"}) != ETAG


def test_what_is_to_go_says_so_on_every_answer(api: Api) -> None:
    expected: dict[str, Any] = {
        "Deprecation": "@1796083200",
        "Sunset": "Tue, 01 Jun 2027 00:00:00 GMT",
        "Link": '</api/v2/one>; rel="successor-version"',
    }
    for response in (api.get("old"), api.patch("old", {})):
        assert {name: response[name] for name in expected} == expected
    assert problem(response)["code"] == "precondition_required"
    assert not set(expected) & set(api.get("one").headers)
