"""What the engine's tests want of a session: legacy databases, a server that holds nobody's production, searches."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack

import hypothesis
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models.signals import post_migrate
from pytest_django.plugin import DjangoDbBlocker, blocking_manager_key

from separation.cleanup.run import keep_visits
from separation.environment import mark_scratch
from separation.models import Phase
from tests.databases import SECRET_KEY, Databases, LegacyDatabase, MakeLegacyDatabase, refuse_production, server

_LONGEST = {
    *("test_docs.py", "test_contract.py", "test_kills.py", "test_state_machine.py", "test_rehearse.py"),
    *("test_workers.py", "test_adoption.py", "test_browser.py"),
}
# How long tests of random data search: a little and always the same, or long (`make soak`).
_SEARCHES = {
    "quick": hypothesis.settings(deadline=None, max_examples=8, stateful_step_count=25, derandomize=True),
    "soak": hypothesis.settings(deadline=None, max_examples=200, stateful_step_count=50, print_blob=True),
}


def pytest_configure(config: pytest.Config) -> None:
    """Choose how long tests search, hear of Ctrl-C, and sign with one key in all processes."""
    settings.SECRET_KEY = SECRET_KEY
    for name, search in _SEARCHES.items():
        hypothesis.settings.register_profile(name, search)
    hypothesis.settings.load_profile(config.getoption("--hypothesis-profile") or "quick")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Started in the background of a script; the commands that tests interrupt would inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: at the end, one process would have to wait for the other."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Look at a server that is not ours before the first test, once for all workers."""
    if not settings.EMBEDDED and not hasattr(session.config, "workerinput"):
        with session.config.stash[blocking_manager_key].unblock():
            refuse_production()


@pytest.fixture(scope="session")
def databases(django_db_blocker: DjangoDbBlocker) -> Iterator[Databases]:
    """The databases of this test process."""
    with django_db_blocker.unblock(), server() as admin:
        databases = Databases(admin)
        yield databases
        databases.close()


@pytest.fixture
def legacy_database(databases: Databases, django_db_blocker: DjangoDbBlocker) -> Iterator[MakeLegacyDatabase]:
    """A legacy database of the test's own, behind `django.db.connection`; not together with pytest-django's `db`.

    `legacy_database("plain", customers=60, seed=1, adopted=True)` is one on which `manage.py migrate` has run; with
    `moved=True` the customers have moved, too.
    """
    with django_db_blocker.unblock(), ExitStack() as clones:

        def make(
            kind: str = "plain", *, customers: int = 60, seed: int = 1, adopted: bool = False, moved: bool = False
        ) -> LegacyDatabase:
            return clones.enter_context(databases.clone(kind, customers, seed, adopted, moved))

        yield make


@pytest.fixture
def empty_database(databases: Databases, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The name of a database with nothing in it."""
    with django_db_blocker.unblock(), databases.empty() as name:
        yield name


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Mark pytest-django's own database as scratch, for a later session on the same server will look, and open it.

    The applications are tested on it as if there had never been a legacy schema.
    """

    def open_it(**_: object) -> None:
        if connection.settings_dict["NAME"] == ours:  # and not a legacy database that is being adopted
            Phase.objects.update_or_create(pk=1, defaults={"closed": False})

    ours = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        mark_scratch(connection)
        open_it()
        keep_visits(connection)
    # A test with transactions of its own ends with a flush, which takes the phase along.
    post_migrate.connect(open_it, sender=apps.get_app_config("separation"), weak=False)
