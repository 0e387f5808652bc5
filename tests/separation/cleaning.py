"""What the tests of clean-up share: a database that may be cleaned up, an operator, and the run without interlocks."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.cleanup import flow
from tests.databases import LegacyDatabase, MakeLegacyDatabase
from tests.separation.engine import query

# What an operator would say about the tables of the sample that no model knows.
POLICY = """[foreign_keys]
"refresh_tokens.user_id" = "forget"
"password_reset_tokens.user_id" = "forget"
"email_verification_tokens.user_id" = "forget"
"reservation_logs.user_id" = "stays"
"guest_reservations.user_id" = "repoint"
"issues.user_id" = "stays"
"issue_comments.user_id" = "stays"
"prep_columns.user_id" = "forget"
"prep_tasks.user_id" = "forget"
"""
# What clean-up may change in them, and nothing else.
_TAKEN_OUT = {"reservations": "user_id", "orders": "user_id", "reservation_logs": "user_id", "issues": "user_id"}


class Operator:
    """Types the phrase, and remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.noted: list[str] = []
        self.asked: list[tuple[str, str]] = []

    def say(self, text: str = "") -> None:
        self.said.append(text)

    def note(self, text: str) -> None:
        self.noted.append(text)

    def ask_phrase(self, phrase: str, consequence: str) -> None:
        self.asked.append((phrase, consequence))


def ready(make: MakeLegacyDatabase, folder: Path, kind: str = "plain", policy: str = POLICY) -> LegacyDatabase:
    """Make a database whose customers have moved, with everybody and every foreign key decided about."""
    database = make(kind, moved=True)
    decide_everything(database.connection, folder, policy)
    return database


def decide_everything(connection: BaseDatabaseWrapper, folder: Path, policy: str = POLICY) -> None:
    """Let everybody who is kept back stay in users, and every row of the sample have its fate."""
    (folder / "separation.toml").write_text(policy)
    settings.SEPARATION_POLICY = str(folder / "separation.toml")
    query(connection, "ALTER TABLE issues ALTER user_id DROP NOT NULL")
    query(connection, "ALTER TABLE issue_comments ALTER user_id DROP NOT NULL")
    query(
        connection,
        """UPDATE separation_findings SET state = 'settled', decided_by = 'a test', decided_at = now(),
            decision = CASE kind WHEN 'staff_marked_as_customer' THEN 'staff' ELSE 'left' END
        WHERE table_name = 'users' AND state = 'open'
            AND kind IN ('staff_marked_as_customer', 'duplicate_email', 'invalid_email')""",
    )


def clean(connection: BaseDatabaseWrapper, operator: Operator | None = None) -> Operator:
    """Clean up, to the end."""
    operator = operator or Operator()
    assert flow.clean_up(connection, operator) == 0
    return operator


def bookings(connection: BaseDatabaseWrapper) -> dict[str, tuple[int, str]]:
    """Return rows and SHA-256 of what is the restaurants', without the columns that clean-up empties."""
    found = {}
    for table in ("reservations", "orders", "order_items", "menus", "recipes", "reservation_logs", "issues"):
        taken = f"to_jsonb(t) - '{_TAKEN_OUT[table]}' - 'customer_id'" if table in _TAKEN_OUT else "to_jsonb(t)"
        rows = query(connection, f"SELECT ({taken})::text FROM {table} t ORDER BY id")
        found[table] = (len(rows), hashlib.sha256("\n".join(text for (text,) in rows).encode()).hexdigest())
    return found
