import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from customers.models import Customer
from customers.sessions import session_begin
from tests.api import Api
from tests.factories import UserFactory
from tests.hashes import hash_cheaply
from tests.memory import server_folder
from tests.migrating import remember_states
from tests.smtp import SMTPServer

if TYPE_CHECKING:
    from tests.browser import Browser, Opener

pytest_plugins = ["tests.separation.session"]  # separation: line
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_configure(config: pytest.Config) -> None:
    """Take the embedded server that is for tests: it does not wait for the disk, and holds nobody's data."""
    os.environ.setdefault("EMBEDDED_POSTGRES_DIR", str(server_folder()))
    settings.EMBEDDED_POSTGRES_DIR = Path(os.environ["EMBEDDED_POSTGRES_DIR"])
    os.environ["EMBEDDED_POSTGRES_FAST"] = "true"  # for commands in processes of their own
    settings.EMBEDDED_POSTGRES_FAST = True
    remember_states()
    hash_cheaply()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for garbage only among what tests make: of what is loaded for them nothing is any."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that want a browser, and leave them out where there is none."""
    wanting = [item for item in items if "browser_page" in getattr(item, "fixturenames", ())]
    for item in wanting:
        item.add_marker("browser")
    if wanting and not _has_browser():
        config.hook.pytest_deselected(items=wanting)
        items[:] = [item for item in items if item not in wanting]


def pytest_report_header() -> str | None:
    """Say so if tests are left out."""
    return None if _has_browser() else "browser: none is installed, so what needs one is left out"


def _has_browser() -> bool:
    return any(map(shutil.which, BROWSERS))


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """The browser of this test process."""
    from tests.browser import Browser  # Playwright and axe are for those who use them

    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def browser_page(db: None, browser: "Browser", monkeypatch: pytest.MonkeyPatch) -> Iterator["Opener"]:
    """A function: an empty tab of a real browser, in which a user is logged in.

    `browser_page(user, width=375, dark=True).goto("/admin/")`. What pages complain of fails the test.
    """
    # Playwright's loop runs in this very thread; the ORM would refuse to work beside it.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with browser.test() as opener:
        yield opener


@pytest.fixture
def api(db: None) -> Api:
    """Nobody: a client of the REST API that is not logged in."""
    return Api()


@pytest.fixture
def as_customer(db: None) -> Callable[[Customer], Api]:
    """A function: a client that is logged in as a customer, in a session of its own."""

    def log_in(customer: Customer) -> Api:
        tokens = session_begin(customer=customer, user_agent="tests", ip="127.0.0.1")
        return Api(headers={"authorization": f"Bearer {tokens.access}"})

    return log_in


@pytest.fixture
def root(db: None, client: Client) -> User:
    """A superadmin, who is logged in to the admin with `client`."""
    user = UserFactory.create(role=User.Role.SUPERADMIN)
    client.force_login(user)
    return user


@pytest.fixture
def smtp(settings: Any) -> Iterator[SMTPServer]:
    """A mail server that is up, and to which mail goes."""
    server = SMTPServer()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    server.start()
    yield server
    server.stop()
