"""Whatever can be read takes at most four queries, the gate's and the log-in's among them, however much there is."""

from collections.abc import Callable

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from customers.models import Customer
from portal.docs import document
from tests.api import Api
from tests.portal.world import world

MOST = 4
# One query for each kind of row, however many there are of it.
WHOLE = {"/api/v1/me/export": 10}
# What has to be said beside the address.
ASKED = {"/api/v1/restaurants/{slug}/availability": "?date=2030-01-07&party_size=2"}


def test_reading_takes_four_queries_at_most_however_much_there_is(as_customer: Callable[[Customer], Api]) -> None:
    with transaction.atomic():
        few = queries_with(1, as_customer)
        transaction.set_rollback(True)
    many = queries_with(30, as_customer)
    assert len(many) > 10
    assert {path: count for path, count in many.items() if count > WHOLE.get(path, MOST)} == {}
    assert many == few


def queries_with(rows: int, as_customer: Callable[[Customer], Api]) -> dict[str, int]:
    """Return how many queries each thing that can be read takes, by its path in the document."""
    here = world(rows)
    api = as_customer(here.customer)
    counted = {}
    for path, operations in document()["paths"].items():
        if "get" in operations:
            address = here.address(path) + ASKED.get(path, "")
            with CaptureQueriesContext(connection) as queries:
                response = api.get(address)
            assert response.status_code == 200, (path, response.content)
            counted[path] = len(queries)
    return counted
