"""Writing no more of a row than is different."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Model


def set_changed(row: Model, values: Mapping[str, Any]) -> list[str]:
    """Set the columns of ROW that are not as VALUES say, and return their names; saving them is the caller's."""
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, values[name])
    return changed
