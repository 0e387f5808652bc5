"""What the API writes is to the byte what the framework's own renderer would write."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.utils.translation import gettext_lazy
from rest_framework.renderers import JSONRenderer

from config.api.rendering import Renderer
from reservations.models import Reservation

PLAIN = {
    "text": 'Zoë "Ω" \u2028\u2029 \x7f \x00 </script> 🥘',
    "numbers": [0, -1, 2**53, 1.5, Decimal("12.50")],
    "others": (True, None, UUID(int=7), Reservation.Status.CONFIRMED, gettext_lazy("January")),
    "instants": [
        datetime(2026, 6, 1, 12, 30, 15, 123456, tzinfo=UTC),
        datetime(2026, 6, 1, 12, 30, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 6, 1, 12, 30, 15),
    ],
    "times": [date(2026, 6, 1), time(12, 30), timedelta(minutes=90)],
    "empty": [{}, [], ""],
}
UNUSUAL = [{1: "a key that is no text"}, {"larger than 64 bits": 2**70}, None]


@pytest.mark.parametrize("data", [PLAIN, *UNUSUAL], ids=["plain", "number as key", "large", "nothing"])
def test_it_writes_what_the_framework_writes(data):
    assert Renderer().render(data) == JSONRenderer().render(data)


def test_it_is_indented_for_whoever_asks():
    media_type = "application/json; indent=2"

    assert Renderer().render({"a": [1]}, media_type) == JSONRenderer().render({"a": [1]}, media_type)
    assert Renderer().render({"a": [1]}, None, {"indent": 4}) == b'{\n    "a": [\n        1\n    ]\n}'


def test_a_number_that_json_has_no_form_for_is_null_and_no_error():
    assert Renderer().render({"total": float("nan")}) == b'{"total":null}'
