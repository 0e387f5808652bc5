"""A customer reads and changes what they say of themselves; of two who change at once, the second has to look again."""

from typing import Any

import pytest

from customers.models import CustomerProfile
from tests.api import created, problem, refused
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(db):
    return CustomerFactory.create(email="ann@example.org", first_name="Ann", last_name="Lee", phone="+49 30 1")


@pytest.fixture
def client(ann, as_customer):
    return as_customer(ann)


def change(client, path, changes):
    """Change what is at PATH as somebody who has just read it."""
    return client.patch(path, changes, headers={"if-match": client.get(path)["ETag"]})


def test_me(client, ann):
    response = client.get("me")
    assert (response.status_code, response.json()) == (
        200,
        {
            "id": ann.pk,
            "email": "ann@example.org",
            "email_verified": False,
            "first_name": "Ann",
            "last_name": "Lee",
            "phone": "+49 30 1",
            "created_at": created(ann),
        },
    )
    assert client.get("me", headers={"if-none-match": response["ETag"]}).status_code == 304


def test_a_change_of_me(client, ann):
    before = client.get("me").json()

    response = change(client, "me", {"last_name": "Lee-Smith", "phone": None})

    assert (response.status_code, response.json()) == (200, {**before, "last_name": "Lee-Smith", "phone": None})
    assert client.get("me").json() == response.json()
    assert client.get("me")["ETag"] == response["ETag"]
    ann.refresh_from_db()
    assert (ann.first_name, ann.last_name, ann.phone) == ("Ann", "Lee-Smith", None)


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"email": "x@example.org"}, "email", "unknown"),
        ({"email_verified": True}, "email_verified", "unknown"),
        ({"id": 1}, "id", "unknown"),
        ({"password": "x"}, "password", "unknown"),
        ({"first_name": None}, "first_name", "null"),
        ({"first_name": "A\nB"}, "first_name", "control_character"),
        ({"first_name": "A\x00B"}, "first_name", "control_character"),
        ({"phone": "tel"}, "phone", "not_a_phone"),
        ({"phone": ""}, "phone", "blank"),
        ({"phone": "1" * 51}, "phone", "max_length"),
        ([], "", "invalid"),
    ],
)
def test_what_is_refused_of_me(client, changes, field, code):
    body = problem(change(client, "me", changes))
    assert (body["status"], body["code"]) == (400, "invalid")
    assert (field, code) in [(error["field"], error["code"]) for error in body["errors"]]


@pytest.mark.parametrize("path", ["me", "me/profile", "me/preferences"])
def test_whoever_has_not_seen_it_changes_nothing(client, path):
    changes = {"me": {"first_name": "B"}, "me/profile": {"marketing_opt_in": True}}.get(path, {"language": "de"})
    seen = client.get(path)["ETag"]
    assert refused(client.patch(path, changes)) == (428, "precondition_required")
    assert client.patch(path, changes, headers={"if-match": seen}).status_code == 200
    stale = client.patch(path, changes, headers={"if-match": seen})
    assert refused(stale) == (412, "precondition_failed")
    assert stale["ETag"] == client.get(path)["ETag"]


def test_a_change_that_changes_nothing_writes_nothing(client, ann):
    ann.refresh_from_db()
    assert change(client, "me", {"first_name": "Ann"}).status_code == 200
    before = ann.updated_at
    ann.refresh_from_db()
    assert ann.updated_at == before


EMPTY = {
    "dietary_restrictions": None,
    "special_requests": None,
    "preferred_contact_method": None,
    "marketing_opt_in": False,
    "birthday": None,
    "anniversary": None,
}


def test_a_profile_without_what_staff_note(client, ann):
    CustomerProfile.objects.filter(customer=ann).update(notes="difficult", vip_status=True, tags=["loud"])
    assert client.get("me/profile").json() == EMPTY
    full = {
        "dietary_restrictions": "Nuts",
        "special_requests": "A quiet table",
        "preferred_contact_method": "sms",
        "marketing_opt_in": True,
        "birthday": "1980-02-29",
        "anniversary": "2010-06-01",
    }

    response = change(client, "me/profile", full)

    assert (response.status_code, response.json()) == (200, full)
    assert change(client, "me/profile", {"birthday": None}).json() == {**full, "birthday": None}
    profile = CustomerProfile.objects.get(customer=ann)
    assert (profile.notes, profile.vip_status, profile.tags) == ("difficult", True, ["loud"])


def test_a_profile_that_is_not_there_yet(client, ann):
    CustomerProfile.objects.all().delete()
    assert client.get("me/profile").json() == EMPTY
    assert change(client, "me/profile", {"special_requests": "x"}).json() == {**EMPTY, "special_requests": "x"}
    assert CustomerProfile.objects.get().customer_id == ann.pk


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"vip_status": True}, "vip_status", "unknown"),
        ({"notes": "x"}, "notes", "unknown"),
        ({"preferred_contact_method": "pigeon"}, "preferred_contact_method", "invalid_choice"),
        ({"birthday": "29.02.1980"}, "birthday", "invalid"),
        ({"birthday": "1899-12-31"}, "birthday", "out_of_range"),
        ({"anniversary": "9999-01-01"}, "anniversary", "out_of_range"),
        ({"special_requests": "x" * 1001}, "special_requests", "max_length"),
        ({"marketing_opt_in": "perhaps"}, "marketing_opt_in", "invalid"),
    ],
)
def test_what_is_refused_of_a_profile(client, changes, field, code):
    body = problem(change(client, "me/profile", changes))
    assert (body["status"], [(error["field"], error["code"]) for error in body["errors"]]) == (400, [(field, code)])


DEFAULTS: dict[str, Any] = {
    "language": None,
    "notifications": {"reminders": True},
    "seating": {"area": None, "quiet": False, "high_chair": False, "step_free": False},
}


def test_preferences_are_merged_and_null_is_the_default_again(client, ann):
    assert client.get("me/preferences").json() == DEFAULTS

    changes = {
        "language": "pt-BR",
        "seating": {"area": "outside", "quiet": True},
        "notifications": {"reminders": False},
    }
    shown = change(client, "me/preferences", changes).json()
    assert shown == {
        "language": "pt-BR",
        "notifications": {"reminders": False},
        "seating": {"area": "outside", "quiet": True, "high_chair": False, "step_free": False},
    }
    assert CustomerProfile.objects.get().preferences == changes
    assert change(client, "me/preferences", {"seating": {"quiet": None}, "language": None}).json() == {
        **shown,
        "language": None,
        "seating": {**DEFAULTS["seating"], "area": "outside"},
    }
    assert change(client, "me/preferences", {"notifications": None, "seating": None}).json() == DEFAULTS
    assert CustomerProfile.objects.get().preferences == {}


def test_what_somebody_else_keeps_among_the_preferences_stays_and_is_not_shown(client, ann):
    CustomerProfile.objects.update(preferences={"theme": "dark", "seating": "odd"})
    assert client.get("me/preferences").json() == DEFAULTS
    change(client, "me/preferences", {"seating": {"quiet": True}})
    assert CustomerProfile.objects.get().preferences == {"theme": "dark", "seating": {"quiet": True}}


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"colour": "red"}, "colour", "unknown"),
        ({"seating": {"view": "sea"}}, "seating.view", "unknown"),
        ({"seating": {"area": "roof"}}, "seating.area", "invalid_choice"),
        ({"seating": "outside"}, "seating", "invalid"),
        ({"language": "German"}, "language", "invalid"),
        ({"notifications": {"reminders": "x"}}, "notifications.reminders", "invalid"),
    ],
)
def test_what_is_refused_of_preferences(client, changes, field, code):
    body = problem(change(client, "me/preferences", changes))
    assert (body["status"], [(error["field"], error["code"]) for error in body["errors"]]) == (400, [(field, code)])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("get", path) for path in ("me", "me/profile", "me/preferences", "me/export")),
        *(("patch", path) for path in ("me", "me/profile", "me/preferences")),
        *(("post", path) for path in ("me/password", "me/email", "me/deactivate", "me/anonymise")),
    ],
)
def test_nobody_else_gets_in(api, method, path):
    response = getattr(api, method)(path)
    assert refused(response) == (401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"
