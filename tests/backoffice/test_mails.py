"""The page of the queue: everything about a mail but what it says."""

import pytest
from django.test import Client
from django.utils.html import strip_tags
from post_office.models import STATUS, Email, Log

from accounts.models import User
from tests.factories import EmailFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/post_office/email/"


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(UserFactory.create(role=User.Role.SUPERADMIN))
    return client


def mail(status: int = STATUS.failed, **more: object) -> Email:
    email = EmailFactory.create(
        **{
            "to": ["anna@example.org"],
            "subject": "Your table",
            "message": "Zzsecret text",
            "html_message": "<p>Zzsecret html</p>",
            "context": {"template": "Zzsecret", "links": {"https://link.invalid/Zzsecret": ["x", "7"]}},
            "number_of_retries": 3,
            "message_id": "<1@restaurants.example>",
            "status": status,
            **more,
        }
    )
    for said in ("451 later", "550 no such user an***@ex***.org"):
        Log.objects.create(email=email, status=STATUS.failed, exception_type="SMTPDataError", message=said)
    return email


def words(page: str) -> str:
    return " ".join(strip_tags(page).split())


def test_the_list_and_the_page_say_everything_but_what_the_mail_says(root: Client) -> None:
    email = mail()
    rows, page = root.get(LIST).content.decode(), root.get(f"{LIST}{email.pk}/change/").content.decode()
    assert "Zzsecret" not in rows + page
    assert "anna@example.org Your table given up 3" in words(rows)
    assert "550 no such user an***@ex***.org" in words(rows)
    assert "451 later" not in rows
    for shown in (
        "anna@example.org",
        "Your table",
        "given up",
        "451 later",
        "550 no such user",
        "1@restaurants.example",
    ):
        assert shown in page
    assert 'name="_save"' not in page


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (STATUS.sent, "sent"),
        (STATUS.failed, "given up"),
        (STATUS.queued, "waiting"),
        (STATUS.requeued, "to be tried again"),
    ],
)
def test_each_state_has_a_name(root: Client, status: int, shown: str) -> None:
    mail(status)
    assert f"Your table {shown} 3" in words(root.get(LIST).content.decode())


@pytest.mark.parametrize(("term", "found"), [("anna@example.org", 1), ("anna@", 0), ("Zzsecret text", 0)])
def test_a_mail_is_found_by_its_whole_address_alone(root: Client, term: str, found: int) -> None:
    mail()
    assert root.get(LIST, {"q": term}).context["cl"].result_count == found


def test_what_was_given_up_can_be_tried_again_and_nothing_else(root: Client) -> None:
    given_up, sent, pointless = mail(), mail(STATUS.sent), mail(message="")
    chosen = [email.pk for email in (given_up, sent, pointless)]
    page = root.post(LIST, {"action": "try_again", "_selected_action": chosen}, follow=True).content.decode()
    assert "1 queued again. 2 cannot be sent again: sent, waiting, or of no use any more." in page
    found = Email.objects.order_by("id").values_list("status", "number_of_retries")
    assert list(found) == [(STATUS.queued, 0), (STATUS.sent, 3), (STATUS.failed, 3)]


def test_nobody_else_tries_anything_again(client: Client) -> None:
    email = mail()
    client.force_login(UserFactory.create(role=User.Role.ADMIN))
    assert client.post(LIST, {"action": "try_again", "_selected_action": [email.pk]}).status_code == 403
    email.refresh_from_db()
    assert email.status == STATUS.failed
