"""The day that the README shows, with nothing but curl, is one that works."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from django.conf import settings

from menus.models import MenuItem, MenuSection
from orders.models import Order
from reservations.models import Reservation
from tests.factories import PASSWORD, MenuFactory, RestaurantFactory, staff_of
from tests.portal.deployment import serving

pytestmark = pytest.mark.django_db

DAY = re.compile(r"^```sh\n((?:API|STAFF)=.*?)^```$", re.MULTILINE | re.DOTALL)
STAFF = f"WAITER=lucia@example.org PASSWORD='{PASSWORD}'"


@pytest.fixture
def url(db: None) -> Iterator[str]:
    hours = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "12:00-23:00")
    restaurant = RestaurantFactory.create(slug="casa-lucia", opening_hours=hours)
    owner = staff_of(restaurant, "OWNER", email="lucia@example.org")
    menu = MenuFactory.create(restaurant=restaurant, user=owner)
    MenuItem.objects.create(section=MenuSection.objects.create(menu=menu, name="Starters"), name="Soup", price="5,00 €")
    with serving(shared=True) as url:
        yield url


def test_the_day_of_the_readme(url: str) -> None:
    day, shift = DAY.findall((settings.BASE_DIR / "README.md").read_text(encoding="utf-8"))

    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", f"API={url}/api/v1 {STAFF}\n{day}{shift}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    booking, by_phone = Reservation.objects.order_by("pk")
    assert (booking.customer_email, booking.status, booking.source) == ("ada@example.org", "CANCELLED", "portal")
    assert "BEGIN:VEVENT" in done.stdout
    order = Order.objects.get()
    assert (by_phone.customer_name, by_phone.source, order.reservation) == ("Lena", "phone", by_phone)
    assert done.stdout.endswith("10.00\n")
