"""EMAIL_URL: a server, or any provider that anymail knows; delivery through one that answers like Mailgun."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.exceptions import ImproperlyConfigured
from post_office.models import Email

from config.delivery import deliver
from config.mail import mail_queue
from config.settings import _mail


class Provider(BaseHTTPRequestHandler):
    """Keeps what is posted, and answers with what `status` says."""

    posted: list[tuple[str, str]] = []
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.posted.append((self.path, body))
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        said = "Queued. Thank you." if self.status == 200 else "not for anna@example.org"
        self.wfile.write(json.dumps({"id": "<1@mg.example.org>", "message": said}).encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def provider(settings) -> Iterator[type[Provider]]:
    server = HTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"anymail+mailgun://?api_key=k%2F1&sender_domain=mg.example.org&api_url=http://127.0.0.1:{server.server_port}/v3"
    for name, value in _mail(url).items():
        setattr(settings, name, value)
    Provider.posted, Provider.status = [], 200
    yield Provider
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_provider_is_named_with_its_settings():
    assert _mail("anymail+mailgun://?api_key=k%2F1&sender_domain=mg.example.org") == {
        "EMAIL_BACKEND": "anymail.backends.mailgun.EmailBackend",
        "ANYMAIL": {
            "REQUESTS_TIMEOUT": 10,
            "MAILGUN_API_KEY": "k/1",
            "MAILGUN_SENDER_DOMAIN": "mg.example.org",
        },
    }


def test_a_server_is_named_with_its_password():
    found = _mail("smtp+tls://me:p%40ss@mail.example.org:587")
    assert {name: found[name] for name in ("EMAIL_HOST", "EMAIL_HOST_PASSWORD", "EMAIL_PORT", "EMAIL_USE_TLS")} == {
        "EMAIL_HOST": "mail.example.org",
        "EMAIL_HOST_PASSWORD": "p@ss",
        "EMAIL_PORT": 587,
        "EMAIL_USE_TLS": True,
    }


@pytest.mark.parametrize("name", ["pigeon", "base", ""])
def test_a_provider_that_nobody_knows_fails_loudly(name):
    with pytest.raises(ImproperlyConfigured) as caught:
        _mail(f"anymail+{name}://?api_key=secret")
    assert str(caught.value) == (
        f"EMAIL_URL names {name!r}, which anymail does not know; as in anymail+mailgun://?api_key=…"
    )


@pytest.mark.django_db
def test_a_mail_goes_out_through_a_provider(hello, provider, settings):
    settings.PORTAL_URL = "https://restaurants.example"
    mail_queue(to="anna@example.org", template="test-hello", context={"name": "Anna", "number": 7}, sender="Bella")
    assert deliver(at_most=9).sent == 1
    ((path, body),) = provider.posted
    assert path == "/v3/mg.example.org/messages"
    assert "https%3A%2F%2Frestaurants.example%2Ftest%2F" in body
    assert "link.invalid" not in body
    assert Email.objects.get().get_status_display() == "sent"


@pytest.mark.django_db
@pytest.mark.parametrize("status", [429, 500, 401])
def test_a_provider_that_has_trouble_is_asked_again(hello, provider, status, caplog):
    provider.status = status
    mail_queue(to="anna@example.org", template="test-hello", context={"name": "Anna", "number": 7})
    done = deliver(at_most=9)
    assert (done.sent, done.again, done.failed) == (0, 1, 0)
    (said,) = Email.objects.get().logs.values_list("message", flat=True)
    assert f"Mailgun API response {status}" in said
    assert "anna@example.org" not in said + caplog.text
    assert "/test/" not in said
    assert "k/1" not in said
