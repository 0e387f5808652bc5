"""Who registers is told by mail what became of it, and by the answer nothing."""

import pytest
from django.contrib.auth.hashers import check_password

from customers.models import Customer
from tests.api import problem
from tests.factories import CustomerFactory
from tests.portal.mails import delivered, queued

pytestmark = pytest.mark.django_db
ADA = {
    "email": "Ada@example.org",
    "password": " correct horse battery ",
    "first_name": "Ada",
    "last_name": "King",
    "phone": "+44 20 7946 0000",
}


def test_a_new_customer(api):
    response = api.post("auth/register", ADA)

    assert (response.status_code, response.content) == (202, b"")
    ada = Customer.objects.get()
    assert (ada.email, ada.first_name, ada.last_name, ada.phone) == ("Ada@example.org", "Ada", "King", ADA["phone"])
    assert (ada.is_active, ada.email_verified, ada.email_verified_at, ada.last_login) == (True, False, None, None)
    assert check_password(" correct horse battery ", ada.password)
    assert not check_password("correct horse battery", ada.password)
    assert ada.profile.preferences == {}
    assert queued() == [("Ada@example.org", "verify-email")]
    assert delivered()


def test_names_and_phone_may_be_left_empty(api):
    assert api.post("auth/register", {**ADA, "first_name": "", "last_name": "", "phone": None}).status_code == 202
    ada = Customer.objects.get()
    assert (ada.first_name, ada.last_name, ada.phone) == ("", "", None)


def test_an_address_that_is_somebody_s_stays_theirs_and_they_are_told_once_an_hour(api):
    owner = CustomerFactory.create(email="ada@example.org", first_name="Owner")
    for _ in range(3):
        response = api.post("auth/register", ADA)
        assert (response.status_code, response.content) == (202, b"")

    assert Customer.objects.get().first_name == "Owner"
    owner.refresh_from_db()
    assert not check_password(ADA["password"], owner.password)
    assert queued() == [("Ada@example.org", "account-exists")]


def test_whoever_registers_in_the_same_instant_is_masked_too(api, monkeypatch):
    """The index decides, after both have seen that the address is free; its words, with the address, reach nobody."""
    CustomerFactory.create(email="ada@example.org")
    monkeypatch.setattr("customers.services.customer_by_email", lambda email: None)

    assert api.post("auth/register", ADA).status_code == 202

    assert Customer.objects.count() == 1
    assert queued() == [("Ada@example.org", "account-exists")]


def test_the_password_is_hashed_whether_or_not_the_address_is_free(api, monkeypatch):
    hashed = []

    def make(raw, **kwargs):
        hashed.append(raw)
        return "!"

    monkeypatch.setattr("customers.services.make_password", make)
    for _ in range(2):
        api.post("auth/register", ADA)
    assert hashed == [ADA["password"]] * 2


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"email": "ada"}, "email", "invalid"),
        ({"email": "anonymised-7@Anonymised.invalid"}, "email", "invalid"),
        ({"email": ""}, "email", "blank"),
        ({"email": None}, "email", "null"),
        ({"first_name": "A\u2028B"}, "first_name", "control_character"),
        ({"first_name": "A" * 101}, "first_name", "max_length"),
        ({"phone": "call me"}, "phone", "not_a_phone"),
        ({"phone": "1" * 51}, "phone", "max_length"),
        ({"password": "short"}, "password", "password_too_short"),
        ({"password": "password1"}, "password", "password_too_common"),
        ({"password": "314159265358"}, "password", "password_entirely_numeric"),
        ({"password": "ada@example"}, "password", "password_too_similar"),
        ({"password": "é" * 37}, "password", "password_too_long"),
        ({"is_active": True}, "is_active", "unknown"),
    ],
)
def test_what_is_refused(api, changes, field, code):
    body = problem(api.post("auth/register", {**ADA, **changes}))

    assert (body["status"], body["code"]) == (400, "invalid")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]
    assert (Customer.objects.count(), queued()) == (0, [])


def test_a_password_of_more_than_72_bytes_is_refused_in_words_that_help(api):
    assert problem(api.post("auth/register", {**ADA, "password": "pässwörter " * 8})) == {
        "type": "/api/v1/problems#invalid",
        "title": "Invalid fields",
        "status": 400,
        "detail": "",
        "code": "invalid",
        "errors": [
            {
                "field": "password",
                "code": "password_too_long",
                "message": ("This password is too long: at most 72 bytes, and accented letters and emoji take 2 to 4."),
            }
        ],
    }


def test_one_address_registers_five_times_an_hour_whoever_has_it(api):
    CustomerFactory.create(email="taken@example.org")
    for address in ("ada@example.org", "taken@example.org"):
        answers = [api.post("auth/register", {**ADA, "email": address}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [202] * 5 + [429]
        assert int(answers[-1]["Retry-After"]) > 3000
