"""People side by side, as staff see them before they say whether two are one."""

import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import TextField
from django.db.models.expressions import RawSQL

from config.sql import Queries
from separation.database import rows
from separation.decisions import SQL as DECISIONS
from separation.migrator import CHUNK

SQL = Queries(settings.BASE_DIR / "separation" / "sql" / "portraits.sql", {"readable": CHUNK.readable})
_ID = "Number"
_PROFILE = {
    "dietary_restrictions": "Diet",
    "special_requests": "Requests",
    "notes": "Notes",
    "tags": "Tags",
    "vip_status": "VIP",
    "birthday": "Birthday",
    "anniversary": "Anniversary",
    "preferred_contact_method": "Contact by",
}


@dataclass(frozen=True)
class Line:
    """One thing about several people, and whether it is not the same of all."""

    label: str
    values: list[str]

    @property
    def differs(self) -> bool:
        """Whether it tells these people apart."""
        return len(set(self.values)) > 1


@dataclass(frozen=True)
class Portraits:
    """Several people, and what there is to say of them, line by line."""

    ids: list[int]
    lines: list[Line]

    @property
    def columns(self) -> list[dict[str, Any]]:
        """Return the people, each with all that is said of them: how a phone shows it."""
        return [
            {"id": one, "lines": [(line.label, line.values[at], line.differs) for line in self.lines]}
            for at, one in enumerate(self.ids)
        ]


def portraits(connection: BaseDatabaseWrapper, ids: list[int]) -> Portraits:
    """Return these users, as far as they exist, with what tells people apart; what none of them has is left out."""
    people = [_lines(*values) for values in rows(connection, SQL.people, ids=ids)]
    labels = [label for label in people[0] if label != _ID and any(one[label] for one in people)] if people else []
    lines = [Line(label, [one[label] or "–" for one in people]) for label in labels]
    return Portraits([int(one[_ID]) for one in people], lines)


def twins(connection: BaseDatabaseWrapper, user_id: int) -> list[int]:
    """Return the customers of users with the same email as this user, and the user."""
    return [found for (found,) in rows(connection, DECISIONS.duplicates_of, id=user_id)]


def about() -> RawSQL:
    """Return an expression over findings: what each is about, in words; null where its row is gone."""
    return RawSQL(SQL.about, [], TextField())  # noqa: S611 (our own text)


def _lines(
    identifier: int,
    name: str | None,
    email: str,
    phone: str | None,
    role: str,
    created: Any,
    updated: Any,
    moved: bool,
    readable: bool,
    works: str | None,
    wrote: str,
    reservations: int,
    last: Any,
    coming: int,
    orders: int,
    spent: Any,
    places: str | None,
    profile: str | None,
) -> dict[str, str]:
    """Return what is said of one person, by label."""
    said = {
        _ID: str(identifier),
        "Name": name or "",
        "Email": email,
        "Phone": phone or "",
        "State": "moved: has an account here" if moved else "in users only",
        "Password": "works" if readable else "nobody can read it",
        "Registered": str(created)[:16],
        "Last changed": str(updated)[:16],
        "Platform role": "" if role == "USER" else role,
        "Works as": works or "",
        "Wrote": "" if wrote == "0 menus, 0 recipes" else wrote,
        "Reservations": f"{reservations:,}, {coming:,} to come, last for {str(last)[:10]}" if reservations else "none",
        "Orders": f"{orders:,}, {spent:,} spent" if orders else "none",
        "Restaurants": places or "",
    }
    return said | {label: _shown((json.loads(profile) if profile else {}).get(key)) for key, label in _PROFILE.items()}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: "yes", False: "", None: ""}.get(value, str(value)) if not isinstance(value, str) else value
