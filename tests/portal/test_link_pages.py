"""The pages behind the links: to look at one changes nothing, its button does; no other site hears of the address."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from customers.models import Customer
from customers.passwords import customer_check_password
from tests.factories import PASSWORD, CustomerFactory
from tests.portal.mails import delivered, token

pytestmark = pytest.mark.django_db
NEW = "a new and better one"


@pytest.fixture
def browser():
    """A browser that comes from a mail: without cookies, and checked as any."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def ann(db):
    return CustomerFactory.create(email="ann@example.org")


def verify(api, as_customer, ann):
    api.post("auth/resend-verification", {"email": ann.email})
    return "/account/verify/"


def reset(api, as_customer, ann):
    api.post("auth/forgot-password", {"email": ann.email})
    return "/account/reset/"


def confirm(api, as_customer, ann):
    as_customer(ann).post("me/email", {"new_email": "lee@example.org", "password": PASSWORD})
    return "/account/confirm-email/"


def reactivate(api, as_customer, ann):
    as_customer(ann).post("me/deactivate", {"password": PASSWORD})
    return "/account/reactivate/"


PAGES: dict[Any, tuple[str, str, dict[str, Any]]] = {
    verify: ("Confirm your email address", "Your address is confirmed", {"email_verified": True}),
    reset: ("Set a new password", "Your new password is set", {"email_verified": True}),
    confirm: ("Use this email address", "Your email address is changed", {"email": "lee@example.org"}),
    reactivate: ("Open your account again", "Your account is open again", {"is_active": True}),
}


class Outline(HTMLParser):
    """What a page consists of: its language, title, headings, labels, fields, and what it loads."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.inside = [], {}, ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_data(self, data):
        if data.strip():
            self.text.setdefault(self.inside, []).append(data.strip())

    def attributes(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.mark.parametrize("begin", PAGES)
def test_a_page(browser, api, as_customer, ann, begin):
    title, done, columns = PAGES[begin]
    address = begin(api, as_customer, ann) + token()
    before = Customer.objects.values().get()

    page = browser.get(address)

    assert Customer.objects.values().get() == before
    outline = Outline(page.content.decode())
    assert (page.status_code, outline.text["title"], outline.text["h1"]) == (200, [title], [title])
    assert outline.attributes("form") == [{"method": "post"}]
    assert not page.cookies

    answer = browser.post(address, {"new_password": NEW} if begin is reset else {})

    assert (answer.status_code, Outline(answer.content.decode()).text["h1"]) == (200, [done])
    assert not answer.cookies
    assert columns.items() <= Customer.objects.values().get().items()
    for again in (browser.get(address), browser.post(address, {"new_password": NEW})):
        assert (again.status_code, Outline(again.content.decode()).text["h1"]) == (400, ["This link cannot be used"])


@pytest.mark.parametrize("begin", PAGES)
def test_a_page_is_kept_by_nobody_and_loads_nothing_from_elsewhere(browser, api, as_customer, ann, begin):
    address = begin(api, as_customer, ann) + token()
    for page in (browser.get(address), browser.get(f"{address}x"), browser.post(f"{address}x")):
        assert (page["Referrer-Policy"], page["Cache-Control"], page["X-Robots-Tag"], page["X-Frame-Options"]) == (
            *("no-referrer", "no-store", "noindex", "DENY"),
        )
        assert page["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        html = page.content.decode()
        outline = Outline(html)
        assert outline.attributes("html") == [{"lang": "en"}]
        assert re.findall(r'(?:href|src|action)="([^"]*)"', html) == ["/static/portal/pages.css"]
        assert not outline.attributes("script")
        assert address.rpartition("/")[2] not in html
    assert finders.find("portal/pages.css")


def test_the_field_for_a_password_can_be_used_with_what_reads_it_aloud(browser, api, as_customer, ann):
    address = reset(api, as_customer, ann) + token()

    (field,) = Outline(browser.get(address).content.decode()).attributes("input")
    assert field.items() >= {
        ("id", "new_password"),
        ("type", "password"),
        ("autocomplete", "new-password"),
        ("aria-describedby", "rules"),
    }

    page = browser.post(address, {"new_password": "short"})
    outline = Outline(page.content.decode())
    (field,) = outline.attributes("input")
    assert (page.status_code, field["aria-invalid"], field["aria-describedby"]) == (400, "true", "rules faults")
    assert outline.text["li"] == ["This password is too short. It must contain at least 8 characters."]
    assert outline.attributes("label") == [{"for": "new_password"}]
    assert browser.post(address, {"new_password": f" {NEW} "}).status_code == 200
    assert customer_check_password(customer=Customer.objects.get(), raw_password=f" {NEW} ")


def test_an_address_that_somebody_got_meanwhile(browser, api, as_customer, ann):
    address = confirm(api, as_customer, ann) + token()
    CustomerFactory.create(email="lee@example.org")
    page = browser.post(address)
    assert (page.status_code, Outline(page.content.decode()).text["h1"]) == (409, ["This address is taken"])


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options"])
def test_nothing_else_is_done_there(browser, api, as_customer, ann, method):
    assert getattr(browser, method)(verify(api, as_customer, ann) + token()).status_code == 405
    assert delivered()
