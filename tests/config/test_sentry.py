"""What goes to Sentry says what happened, and nothing about a person."""

import json

import sentry_sdk
from django.core.handlers.wsgi import WSGIRequest
from django.test import RequestFactory
from sentry_sdk.transport import Transport

from config.logs import working_on
from config.sentry import before_send, options

SECRETS = ["anna.lind", "$2b$10$", "hunter2", "eyJhbGciOi", "me:hidden", "sessionid", "10.1.2.3"]


class Kept(Transport):
    """A transport that keeps what would be sent."""

    sent: list[str] = []

    def capture_envelope(self, envelope):
        self.sent.append(json.dumps([item.payload.json for item in envelope.items]))


def test_an_error_arrives_without_anything_of_a_person():
    client = sentry_sdk.Client(**options("https://key@sentry.invalid/1"), transport=Kept, default_integrations=False)
    with sentry_sdk.isolation_scope() as scope, working_on(7):
        scope.set_client(client)
        scope.set_user({"email": "anna.lind@example.org", "ip_address": "10.1.2.3"})
        scope.set_extra("password", SECRETS[2])
        scope.add_breadcrumb(
            message="SELECT 1 -- anna.lind@example.org", data={"hash": "$2b$10$abcdefghijklmnopqrstuv"}
        )
        try:
            password = SECRETS[2]
            raise ValueError(f"no {len(password)} for anna.lind@example.org, postgres://me:hidden@db/x, eyJhbGciOi.x.y")
        except ValueError:
            sentry_sdk.capture_exception()

    (sent,) = Kept.sent
    assert [secret for secret in SECRETS if secret in sent] == []
    (event,) = json.loads(sent)
    assert event["exception"]["values"][0]["value"] == "no 7 for an***@ex***.org, postgres://***db/x, ***"
    assert event["exception"]["values"][0]["stacktrace"]["frames"][-1]["function"].startswith("test_an_error")
    assert event["tags"] == {"request": "", "run": "7"}


def test_of_a_request_only_method_and_path_stay():
    request: WSGIRequest = RequestFactory().post("/admin/?email=anna.lind@example.org", {"password": "hunter2"})
    event = {
        "request": {
            "method": request.method,
            "url": request.build_absolute_uri(),
            "query_string": request.META["QUERY_STRING"],
            "cookies": {"sessionid": "x"},
            "data": {"password": "hunter2"},
        }
    }
    assert before_send(event, {}) == {
        "request": {"method": "POST", "url": "http://testserver/admin/"},
        "tags": {"request": "", "run": ""},
    }
