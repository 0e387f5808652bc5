"""Whatever the document allows, and much that it does not: no 5xx, no answer that is not in the document."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.db import transaction
from django.utils import timezone
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from config.wsgi import application
from customers.sessions import session_begin
from portal.docs import document
from tests.api import within_transaction
from tests.factories import PASSWORD
from tests.portal.world import World, world

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
EXAMPLES = hypothesis.settings(
    max_examples=6,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
TOMORROW = (timezone.now() + timedelta(days=1)).date().isoformat()
# What fits the customer of the world, or anybody new.
ACCEPTED: dict[str, Any] = {
    "email": "dora@example.org",
    "new_email": "dora@example.org",
    "password": PASSWORD,
    "new_password": "another horse, another battery",
    "confirm": "ANONYMISE",
    "restaurant": "here",
    "date": TOMORROW,
    "time": "19:00",
    "party_size": 2,
}
NUMBERS = count()
schema = schemathesis.openapi.from_dict(document())
schema.app = application


@pytest.fixture
def here(db: None, settings: Any) -> Iterator[World]:
    """A world, and an application that stays in the test's transaction."""
    settings.ALLOWED_HOSTS = ["localhost"]
    with within_transaction():
        yield world(1)


@schema.parametrize()
@EXAMPLES
def test_no_answer_is_missing_in_the_document(case: Case[Any], here: World) -> None:
    """What everybody may ask, nobody in particular asks; the rest a customer does, and now and then nobody."""
    number = next(NUMBERS)
    if number % 3 and case.meta and case.meta.generation.mode.is_negative:
        return  # of the many ways to be wrong, every third
    headers = {}
    if number % 2:
        help_along(case, here)
    if case.operation.definition.raw.get("security") and number % 8:
        access = session_begin(customer=here.customer, user_agent="tests", ip="127.0.0.1").access
        headers["Authorization"] = f"Bearer {access}"
    with transaction.atomic():
        response = case.call(headers=headers)
        transaction.set_rollback(True)  # what it did must not be in the way of the next
    case.validate_response(response, checks=CHECKS)


def help_along(case: Case[Any], here: World) -> None:
    """Put into CASE what is there and what would be accepted, since chance would never find it."""
    for name in case.path_parameters or ():
        case.path_parameters[name] = here.known(case.path, name)
    if case.headers is not None and "If-Match" in case.headers:
        case.headers["If-Match"] = "*"
    if isinstance(case.body, dict):
        case.body.update({name: value for name, value in ACCEPTED.items() if name in case.body})
