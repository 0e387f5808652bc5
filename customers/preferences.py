"""What a customer prefers: a small closed set of settings, kept in one JSON column; what is not set has its default."""

from collections.abc import Mapping
from typing import Any

AREAS = ("inside", "outside", "bar")
DEFAULTS: dict[str, Any] = {
    "language": None,
    "notifications": {"reminders": True},
    "seating": {"area": None, "quiet": False, "high_chair": False, "step_free": False},
}
# What is stored of somebody who wants to be reminded of nothing.
NO_REMINDERS = {"notifications": {"reminders": False}}


def preferences_of(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting with its value among STORED, or its default; what else is stored is none of ours."""
    shown: dict[str, Any] = {}
    for name, default in DEFAULTS.items():
        value = stored.get(name, default)
        if isinstance(default, Mapping):
            held = value if isinstance(value, Mapping) else {}
            value = {key: held.get(key, each) for key, each in default.items()}
        shown[name] = value
    return shown


def preferences_merged(stored: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return STORED with CHANGES, which are known to be valid, merged into it: null means the default again."""
    merged = dict(stored)
    for name, value in changes.items():
        if isinstance(value, Mapping):
            held = merged.get(name)
            value = preferences_merged(held if isinstance(held, Mapping) else {}, value) or None
        merged[name] = value
    return {name: value for name, value in merged.items() if value is not None}
