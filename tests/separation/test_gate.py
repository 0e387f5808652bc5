"""The portal is open in the phases in which the new application may write, and a clear 503 in the others."""

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from separation import gate
from separation.models import Phase
from tests.api import Api, problem
from tests.factories import PASSWORD, UserFactory

NOT_YET = "Customers' accounts are not open here yet. Please use the site you know."
LAST_TIME = "Accounts are being moved for the last time. Please come back in a while."


@pytest.mark.parametrize(
    ("name", "closed", "reason"),
    [
        (Phase.LEGACY, True, NOT_YET),
        (Phase.CLEANING, False, LAST_TIME),
        (Phase.LEGACY, False, ""),  # made from nothing: there was never another application
        (Phase.DUAL, False, ""),
        (Phase.SEPARATED, False, ""),
    ],
)
def test_the_phase_opens_and_shuts_the_portal(
    api: Api, name: str, closed: bool, reason: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Phase.objects.update(name=name, closed=closed)
    with django_assert_num_queries(1):
        response = api.get("nowhere")
    page = Client().get("/account/nowhere")
    if not reason:
        assert problem(response)["code"] == "not_found"
        assert page.status_code == 404
        return
    assert problem(response) == {
        "type": "/api/v1/problems#portal_closed",
        "title": "Closed for now",
        "status": 503,
        "detail": reason,
        "code": "portal_closed",
        "errors": [],
    }
    assert (response["Retry-After"], page["Retry-After"], page.status_code) == ("60", "60", 503)
    assert page["Content-Type"] == "text/html; charset=utf-8"
    assert reason.replace("'", "&#x27;") in page.content.decode()


@pytest.mark.parametrize("address", ["/healthz", "/admin/login/", "/", "schema", "docs", "redoc", "problems"])
def test_everything_else_stays_reachable(api: Api, address: str) -> None:
    Phase.objects.update(closed=True)
    assert api.get(address).status_code in (200, 302)


@pytest.mark.parametrize("name", [Phase.LEGACY, Phase.CLEANING])
def test_staff_work_in_every_phase(api: Api, name: str) -> None:
    Phase.objects.update(name=name, closed=True)
    user = UserFactory.create(role="SUPERADMIN")
    answer = api.post("staff/auth/login", {"email": user.email, "password": PASSWORD})
    assert api.get("staff/me", headers={"authorization": f"Bearer {answer.json()['access_token']}"}).status_code == 200


def test_a_database_that_does_not_answer_is_a_503_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise OperationalError("the connection is lost, with a secret")

    monkeypatch.setattr(gate, "portal_closed", fail)
    assert problem(api.get("nowhere"))["detail"] == "The database is not ready at the moment."


def test_a_database_without_a_phase_is_not_ready(api: Api) -> None:
    Phase.objects.all().delete()
    assert problem(api.get("nowhere"))["detail"] == "The database is not ready at the moment."
