import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django.plugin import DjangoDbBlocker

from restaurants.models import Restaurant
from separation.mirror import drain
from separation.tenancy import check_tenancy
from separation.verification import verify
from tests.databases import Databases, LegacyDatabase, server
from tests.portal.world import WEEK
from tests.separation.engine import query
from tests.separation.forked import World
from tests.separation.old_application import application_role, old_application


@pytest.fixture(autouse=True)
def export_dir(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A BACKUP_DIR of the test's own, for a roll-back that exports something."""
    settings.BACKUP_DIR = tmp_path / "backups"
    monkeypatch.setenv("BACKUP_DIR", str(settings.BACKUP_DIR))
    return tmp_path / "backups"


@pytest.fixture
def backup_dir(export_dir: Path) -> Path:
    """BACKUP_DIR for this process and for those that `manage` starts."""
    return export_dir


@pytest.fixture
def role(databases: object) -> Iterator[str]:
    """The name of a role that may log in, and no more."""
    name = f"test_role_{secrets.token_hex(4)}"
    with server() as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {name} LOGIN")
        yield name
        cursor.execute(f"DROP ROLE {name}")


@pytest.fixture
def become(
    role: str, legacy_database: Callable[..., LegacyDatabase]
) -> Iterator[Callable[[LegacyDatabase], BaseDatabaseWrapper]]:
    """Connect to a database as that role; what it was granted there, or made there, goes at the end."""
    connected: list[BaseDatabaseWrapper] = []

    def connect(database: LegacyDatabase) -> BaseDatabaseWrapper:
        database.connection.close()
        database.connection.settings_dict["USER"] = role
        connected.append(database.connection)
        return database.connection

    yield connect
    for connection in connected:
        connection.close()
        connection.settings_dict["USER"] = ""
        query(connection, f"DROP OWNED BY {role} CASCADE")


@pytest.fixture(params=["plain", "ahead"])
def old(request: pytest.FixtureRequest, legacy_database: Callable[..., LegacyDatabase]) -> Iterator[Any]:
    """The old application, beside the portal and the desk; whatever a test does, the guarantees hold after it."""
    database = legacy_database(request.param, moved=True)
    Restaurant.objects.filter(pk=1).update(slug="here", opening_hours=WEEK, is_active=True)
    with (
        application_role(database.name, profiles=request.param == "ahead") as name,
        old_application(database.name, name) as connected,
    ):
        yield connected
    assert drain(database.connection) == 0
    failures = [*verify(database.connection).failures, *check_tenancy(database.connection).failures]
    assert [(each.id, each.sample) for each in failures] == []


@pytest.fixture(scope="module")
def world(
    databases: Databases, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A database with customers and bookings of every sort, backed up, and the commands on it; for a whole module."""
    folder = tmp_path_factory.mktemp("world")
    with (
        pytest.MonkeyPatch.context() as patch,
        django_db_blocker.unblock(),
        databases.clone("ahead", 30, 1, True) as database,
    ):
        patch.setattr(django_settings, "BACKUP_DIR", folder / "backups")
        patch.setattr(django_settings, "LOG_DIR", folder / "logs")
        yield World(database.connection, folder)
