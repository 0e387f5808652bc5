"""Instants and sums as the API writes them, whatever a legacy column holds."""

from datetime import UTC, datetime
from decimal import Decimal


def instant(value: object) -> str | None:
    """Return an instant in UTC, to the millisecond; null for what no calendar holds, such as `infinity`."""
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def money(value: Decimal | None) -> str | None:
    """Return a sum as text, to the cent; null where there is none, or it is no number."""
    return None if value is None or not value.is_finite() else f"{value:.2f}"
