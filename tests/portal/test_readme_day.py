"""The day that the README shows, with nothing but curl, is one that works."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from django.conf import settings

from reservations.models import Reservation
from tests.factories import RestaurantFactory, staff_of
from tests.portal.deployment import serving

pytestmark = pytest.mark.django_db

DAY = re.compile(r"^```sh\n(API=.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def url(db: None) -> Iterator[str]:
    hours = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "12:00-23:00")
    staff_of(RestaurantFactory.create(slug="casa-lucia", opening_hours=hours), "OWNER")
    with serving(shared=True) as url:
        yield url


def test_the_day_of_the_readme(url: str) -> None:
    (day,) = DAY.findall((settings.BASE_DIR / "README.md").read_text(encoding="utf-8"))

    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", f"API={url}/api/v1\n{day}"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    booking = Reservation.objects.get()
    assert (booking.customer_email, booking.status, booking.source) == ("ada@example.org", "CANCELLED", "portal")
    assert "BEGIN:VEVENT" in done.stdout
