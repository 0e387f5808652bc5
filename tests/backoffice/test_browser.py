"""The pages of the admin in a real browser."""

import pytest

from tests.backoffice.conftest import World
from tests.browser import DESKTOP, PHONE, Opener, axe, fits

pytestmark = pytest.mark.django_db


def test_the_index(world: World, browser_page: Opener) -> None:
    for who, width, dark in (("superadmin", DESKTOP, False), ("owner", PHONE, True)):
        page = browser_page(world.people[who], width=width, dark=dark)
        page.goto("/admin/")
        fits(page)
        axe(page)
