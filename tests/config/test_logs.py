"""Each line of a JSON log belongs to a request or a run, and holds no secret; every answer has the request's id."""

import json
import logging
import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from config.logs import JSONFormatter, request_id, run_id, working_on


@pytest.fixture
def lines():
    """What is logged as JSON in this test, line by line."""
    found: list[dict[str, object]] = []

    class Keep(logging.Handler):
        def emit(self, record):
            found.append(json.loads(self.format(record)))

    handler, root = Keep(), logging.getLogger()
    handler.setFormatter(JSONFormatter())
    root.addHandler(handler)
    logging.getLogger("config.logs").setLevel(logging.INFO)
    yield found
    logging.getLogger("config.logs").setLevel(logging.WARNING)
    root.removeHandler(handler)


def test_an_id_that_makes_sense_is_kept_and_given_back():
    answer = Client().get("/healthz", headers={"x-request-id": "shop-7.2_3"})
    assert answer["X-Request-ID"] == "shop-7.2_3"


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with blanks", "<script>alert()", "line\u2028break"])
def test_another_one_is_made_otherwise(given):
    answer = Client().get("/healthz", headers={"x-request-id": given})
    assert re.fullmatch("[0-9a-f]{32}", answer["X-Request-ID"])
    assert request_id() == ""


def test_a_request_is_logged_by_its_route_never_by_what_was_typed(lines, db):
    answer = Client().get("/admin/login/?next=anna.lind@example.org", headers={"x-request-id": "request-1"})

    (line,) = [line for line in lines if line["logger"] == "config.logs"]
    assert answer.status_code == line["status"] == 200
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", str(line.pop("time")))
    assert float(str(line.pop("milliseconds"))) >= 0
    assert line == {
        "level": "INFO",
        "logger": "config.logs",
        "message": "GET 200",
        "method": "GET",
        "route": "admin/login/",
        "status": 200,
        "request": "request-1",
    }


def test_what_django_says_of_an_answer_is_of_its_request_too(lines, db):
    Client().get("/nowhere/", headers={"x-request-id": "request-2"})
    assert {(line["logger"], line["request"]) for line in lines} == {
        ("config.logs", "request-2"),
        ("django.request", "request-2"),
    }


def test_a_line_is_of_the_run_that_is_under_way(lines):
    log = logging.getLogger("test")
    with working_on(7):
        log.warning("half way")
    log.warning("over")
    assert [(line["message"], line.get("run")) for line in lines] == [("half way", 7), ("over", None)]
    assert run_id() is None


def test_an_error_loses_emails_hashes_and_passwords(lines):
    try:
        raise ValueError("anna.lind@example.org at postgres://me:hidden@db:5432/x has $2b$10$abcdefghijklmnopqrstuv")
    except ValueError:
        logging.getLogger("test").exception("failed")

    (line,) = lines
    assert line["level"] == "ERROR"
    assert str(line["exception"]).startswith("Traceback (most recent call last):")
    assert str(line["exception"]).endswith("ValueError: an***@ex***.org at postgres://***db:5432/x has ***")


def test_people_read_plain_lines_unless_it_is_set():
    logging_of: Any = settings.LOGGING
    assert logging_of["handlers"]["console"]["formatter"] == "line"


@pytest.mark.parametrize(
    ("path", "route"), [("/api/v1/restaurants/Jürgen-7", "/api/v1/restaurants/"), ("/Jürgen-7", "/")]
)
def test_a_path_that_is_refused_is_not_logged(lines, db, path, route):
    assert Client().get(path).status_code == 404
    (line,) = [line for line in lines if line["logger"] == "django.request"]
    assert line["message"].startswith(f"Not Found: {route}")
    assert "rgen-7" not in line["message"]
