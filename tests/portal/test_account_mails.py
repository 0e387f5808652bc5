"""What the mails of an account say: all of it in plain text too, in the platform's name, and nothing that was typed."""

import re

import pytest
from django.utils.html import strip_tags
from post_office.models import Email

from customers import mails
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db
PLACEHOLDER = re.compile(r"https://link\.invalid/[0-9a-f]{32}")
# Each mail, with its subject, and how many links are in it.
MAILS = {
    "verify-email": (lambda ann: mails.mail_verification(to=ann.email), "Confirm your email address", 1),
    "welcome": (mails.mail_welcome, "Your address is confirmed", 0),
    "account-exists": (lambda ann: mails.mail_account_exists(to=ann.email), "You have an account already", 0),
    "reset-password": (lambda ann: mails.mail_password_reset(to=ann.email), "Set a new password", 1),
    "password-changed": (mails.mail_password_changed, "Your password was changed", 0),
    "confirm-email": (
        lambda ann: mails.mail_email_confirmation(ann, to=ann.email),
        "Confirm your new email address",
        1,
    ),
    "email-taken": (
        lambda ann: mails.mail_email_taken(to=ann.email),
        "This address belongs to an account already",
        0,
    ),
    "email-change-asked": (
        lambda ann: mails.mail_email_change_asked(ann, new_email="lee@example.org"),
        "Your email address is about to change",
        0,
    ),
    "email-changed": (
        lambda ann: mails.mail_email_changed(to=ann.email, new_email="lee@example.org"),
        "Your email address was changed",
        0,
    ),
    "deactivated": (mails.mail_deactivated, "Your account is deactivated", 1),
    "session-theft": (mails.mail_session_theft, "We ended a log-in of your account", 0),
}


def words(text):
    return re.sub(r"\s+", " ", text.replace("&#x27;", "'")).strip()


@pytest.mark.parametrize("template", MAILS)
def test_a_mail(template):
    send, subject, links = MAILS[template]
    ann = CustomerFactory.create(email="ann@example.org", first_name="Buy", last_name="cheap.example")

    send(ann)

    mail = Email.objects.get()
    assert (mail.to, mail.context["template"], mail.subject) == (["ann@example.org"], template, subject)
    assert mail.from_email == "restaurants@localhost"
    assert len(set(PLACEHOLDER.findall(mail.message))) == len(mail.context["links"]) == links
    text, html = mail.message, mail.html_message
    assert "lee@example.org" not in text + html
    assert not {"{{", "{%", "Buy", "cheap"} & set(re.findall(r"\{\{|\{%|Buy|cheap", text + html))
    # Whoever reads the plain text reads the same: every paragraph of the one is in the other.
    plain = words(PLACEHOLDER.sub("", text))
    body = html.partition("</style>")[2]
    for paragraph in re.findall(r"<p>(.*?)</p>", body):
        assert words(strip_tags(paragraph)) in plain


def test_the_whole_of_one():
    mails.mail_password_reset(to="ann@example.org")
    assert PLACEHOLDER.sub("LINK", Email.objects.get().message) == (
        "Somebody, most likely you, asked for a new password for the account with\n"
        "this email address. You can set one here:\n"
        "\n"
        "LINK\n"
        "\n"
        "The link works for one hour, and once. Setting a password logs you out on\n"
        "every device.\n"
        "\n"
        "If it was not you, there is nothing to do: your password stays as it is.\n"
        "\n"
        "--\n"
        "You get this mail because of what was done with your address. No answer is needed.\n"
    )
