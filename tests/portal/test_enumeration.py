"""No answer to somebody who is not logged in tells whether an address is known; the mail to the address does."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import CustomerFactory
from tests.portal.mails import delivered, queued

pytestmark = pytest.mark.django_db

KINDS = {
    "free": None,
    "unproved": {},
    "proved": {"email_verified": True},
    "deactivated": {"is_active": False},
    "anonymised": {"is_active": False, "anonymized_at": timezone.now(), "password": "!"},
    "without a password": {"password": "!"},
}
REGISTRATION = {"email": "ann@example.org", "password": "correct horse battery", "first_name": "", "last_name": ""}
ENDPOINTS = {
    "auth/register": REGISTRATION,
    "auth/resend-verification": {"email": "Ann@example.org"},
    "auth/forgot-password": {"email": "ANN@example.org"},
}
# Whether the link in the mail would be sent: where not, nothing is.
SENT = {
    "auth/resend-verification": ["unproved", "without a password"],
    "auth/forgot-password": ["unproved", "proved", "without a password"],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_answer_is_the_same(api, kind, endpoint):
    if (columns := KINDS[kind]) is not None:
        CustomerFactory.create(email="ann@example.org", **columns)

    response = api.post(endpoint, ENDPOINTS[endpoint])

    headers = {name: value for name, value in response.headers.items() if name != "X-Request-ID"}
    assert (response.status_code, response.content, headers, response.cookies) == (
        202,
        b"",
        {
            "Allow": "POST",
            "Cache-Control": "no-store",
            "Content-Length": "0",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Referrer-Policy": "same-origin",
            "Vary": "origin",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        },
        {},
    )
    if endpoint in SENT:
        assert bool(delivered()) == (kind in SENT[endpoint])


@pytest.mark.parametrize("endpoint", SENT)
def test_so_is_the_work(api, endpoint):
    """The same statements: whether there is somebody is looked up when the mail is delivered."""
    statements = []
    for kind, columns in KINDS.items():
        address = f"{kind.replace(' ', '-')}@example.org"
        if columns is not None:
            CustomerFactory.create(email=address, **columns)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            api.post(endpoint, {"email": address})
        statements.append([query["sql"].split(" ", 2)[0] for query in captured])
    assert statements == [statements[0]] * len(KINDS)
    assert len(queued()) == len(KINDS)


def test_no_mail_goes_to_an_address_that_only_looks_the_same(api):
    """PostgreSQL folds the Kelvin sign to k; another mailbox it may be all the same."""
    CustomerFactory.create(email="ann@kelvin.example")
    api.post("auth/forgot-password", {"email": "ann@\u212aelvin.example"})
    assert delivered() is None
