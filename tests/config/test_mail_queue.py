"""What is queued: a whole mail in the restaurant's name, without tokens, and nothing that somebody typed runs."""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest
from django.db import transaction
from post_office.models import Email

from config.mail import from_line, is_address, mail_queue, one_line

pytestmark = pytest.mark.django_db

PLACEHOLDER = re.compile(r"https://link\.invalid/[0-9a-f]{32}")


def queued(**changes) -> Email:
    given = {"to": "anna@example.org", "template": "test-hello", "context": {"name": "Anna", "number": 7}}
    mail_queue(**{**given, **changes})
    return Email.objects.latest("id")


def test_a_mail_is_whole_in_both_parts(hello, settings):
    settings.DEFAULT_FROM_EMAIL = "mail@restaurants.example"
    until = datetime(2030, 1, 1, tzinfo=UTC)
    email = queued(sender="Bella Vista", reply_to="hello@bella.example", expires_at=until)
    assert (email.from_email, email.to) == ('"Bella Vista" <mail@restaurants.example>', ["anna@example.org"])
    assert email.subject == "Hello Anna"
    assert PLACEHOLDER.sub("LINK", email.message) == ("Hello Anna,\n\ngo to LINK\n\n--\nBella Vista\nBecause.\n")
    assert email.html_message.startswith("<!doctype html>")
    assert "<p>Hello Anna</p>" in email.html_message
    assert email.html_message.count("Bella Vista") == 1
    assert email.headers == {"Auto-Submitted": "auto-generated", "Reply-To": "hello@bella.example"}
    assert re.fullmatch(r"<[^<>@]+@restaurants\.example>", str(email.message_id))
    assert (email.get_status_display(), email.expires_at, email.scheduled_time) == ("queued", until, None)


def test_both_parts_have_one_placeholder_for_one_link_and_no_token(hello):
    email = queued()
    (in_text,) = PLACEHOLDER.findall(email.message)
    assert set(PLACEHOLDER.findall(email.html_message)) == {in_text}
    assert email.context == {"template": "test-hello", "links": {in_text: ["test-link", "7"]}}


def test_two_mails_never_share_a_placeholder(hello):
    assert not set(queued().context["links"]) & set(queued().context["links"])


def test_a_link_for_which_no_app_is_there_is_a_mistake_of_ours(hello, monkeypatch):
    monkeypatch.setattr("config.links._purposes", {})
    with pytest.raises(ValueError, match=r"No app makes links for 'test-link'\."):
        queued()


def test_what_somebody_typed_is_shown_and_not_run(hello):
    email = queued(context={"name": "{{ number }}{% now 'Y' %} <b>&amp;", "number": 7})
    assert "Hello {{ number }}{% now 'Y' %} <b>&amp;,\n" in email.message
    assert "<p>Hello {{ number }}{% now &#x27;Y&#x27; %} &lt;b&gt;&amp;amp;</p>" in email.html_message
    assert email.subject == "Hello {{ number }}{% now 'Y' %} <b>&amp;"


def test_a_line_break_gets_into_no_header(hello):
    email = queued(
        sender="Bella\r\nBcc: everybody@example.org",
        context={"name": "Anna\r\nBcc: x@example.org\x00\u2028\x85y", "number": 7},
        reply_to="a@example.org\nBcc: x@example.org",
    )
    assert email.subject == "Hello Anna Bcc: x@example.org y"
    assert email.from_email == '"Bella Bcc: everybody@example.org" <restaurants@localhost>'
    assert email.headers == {"Auto-Submitted": "auto-generated"}
    message = email.email_message().message()
    assert [name for name in message if name.lower() in ("bcc", "cc", "reply-to")] == []
    assert message["From"] == '"Bella Bcc: everybody@example.org" <restaurants@localhost>'


@pytest.mark.parametrize(
    "name", ["مطعم الشرق", "Кафе «Пушкинъ»", 'Joe\'s "Best", Ltd. <x@y>', "寿司 🍣", "Ä" * 300, "\\"]
)
def test_any_name_of_a_restaurant_comes_out_as_it_is(hello, name):
    email = queued(sender=name, context={"name": name, "number": 7})
    message = email.email_message().message()
    sent = message_from_bytes(message.as_bytes())
    shown, address = parseaddr(sent["From"])
    assert (decoded(shown), address) == (name[:100], "restaurants@localhost")
    assert decoded(sent["Subject"]) == f"Hello {name}"[:200]


def decoded(header):
    return str(make_header(decode_header(header)))


def test_without_a_restaurant_it_is_from_us(settings):
    settings.DEFAULT_FROM_EMAIL = "Our restaurants <mail@restaurants.example>"
    assert from_line("") == '"Our restaurants" <mail@restaurants.example>'
    assert from_line("\n") == '"Our restaurants" <mail@restaurants.example>'
    settings.DEFAULT_FROM_EMAIL = "mail@restaurants.example"
    assert from_line("") == "mail@restaurants.example"


@pytest.mark.parametrize(
    "text",
    [
        *("", "anna", "@example.org", "anna@", "a b@example.org", "anna@example.org\n", "Anna <anna@example.org>"),
        *("a@example.org,b@example.org", '"x,victim@example.org,"@example.org', '"x"@example.org', "a@b@example.org"),
        "a" * 255 + "@example.org",
    ],
)
def test_to_no_address_nothing_is_queued_and_the_log_names_nobody(hello, text, caplog):
    mail_queue(to=text, template="test-hello", context={"name": "Anna", "number": 7})
    assert Email.objects.count() == 0
    assert [record.getMessage() for record in caplog.records] == [
        "No mail 'test-hello' was queued: there is no address that mail could go to."
    ]


@pytest.mark.parametrize(
    "text", ["anna@example.org", "a.b+c@mail.example.co.uk", "o'neil@example.org", "a@bücher.example"]
)
def test_an_address_is_one(text):
    assert is_address(text)


def test_what_is_rolled_back_is_not_queued(hello):
    with transaction.atomic():
        queued()
        transaction.set_rollback(True)
    assert Email.objects.count() == 0


def test_queueing_takes_one_query(hello, django_assert_num_queries):
    with django_assert_num_queries(1):
        mail_queue(to="anna@example.org", template="test-hello", context={"name": "Anna", "number": 7})


def test_one_line():
    assert one_line(" a\tb\r\n c\u2029d\x7f ") == "a b c d"
