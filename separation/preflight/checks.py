"""All checks of the preflight, in the order they are shown."""

from separation.preflight import around, data, registry, server, structure
from separation.preflight.around import BACKUP_AGE
from separation.preflight.registry import Check
from separation.preflight.server import too_old

_ORDER = [module.__name__ for module in (server, structure, data, around)]

ALL = sorted(registry.FOUND, key=lambda check: _ORDER.index(check.find.__module__))

__all__ = ["ALL", "BACKUP_AGE", "Check", "too_old"]
