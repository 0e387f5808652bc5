"""What becomes of the rows that customers hold behind each foreign key to `users`, once clean-up takes them out of it.

The engine knows that of its own tables and of a few of the old application's. Of all others an operator says it, in
`separation.toml`: `repoint` (ids are kept, so the values stay, and the key is made anew, to customers), `stays` (the
row stays, and its column is emptied) or `forget` (the rows are archived, counted and deleted).
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from config.sql import Queries
from separation.database import has_table, rows
from separation.errors import PREFLIGHT, Refused

REPOINT, STAYS, FORGET, UNDECIDED = "repoint", "stays", "forget", "undecided"
FATES = (REPOINT, STAYS, FORGET)

_SQL = Queries(Path(__file__).with_name("policy.sql"))
_NAMED = "its customer_id says whose it is"
_KNOWN = {
    "reservations.user_id": (STAYS, _NAMED),
    "orders.user_id": (STAYS, _NAMED),
    "customer_profiles.user_id": (STAYS, _NAMED),
    "reservations.customer_id": (REPOINT, "it names the customer"),
    "orders.customer_id": (REPOINT, "it names the customer"),
    "restaurant_staff.user_id": (FORGET, "customer_restaurants has what it says"),
    "django_admin_log.user_id": (FORGET, "a customer has no business in the admin"),
}
MEANINGS = {
    REPOINT: "their key is made anew, to customers",
    STAYS: "they stay, and the column is emptied",
    FORGET: "they are archived and deleted",
}


@dataclass(frozen=True)
class Policy:
    """What the operator's file says: the fate of each "table.column"; nothing if there is no file."""

    path: Path
    foreign_keys: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Key:
    """A foreign key to `users`: `table` as SQL writes it, with its schema where that is needed."""

    table: str
    name: str
    on_delete: str
    validated: bool
    deferrable: bool
    columns: list[str]
    referenced: list[str]
    nullable: bool
    rows: int

    @property
    def column(self) -> str:
        """The column that a policy names, and that `stays` empties."""
        return self.columns[0]

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True)
class Fate:
    """What clean-up does with the rows that customers hold behind one foreign key, and why.

    `rows_of_customers` are those of people who leave `users`; `rows_of_staff` those of people who are no customers;
    whoever is both counts for neither. `refusal` says why that cannot be done, if it cannot. If `estimated`, the
    counts are from a sample of the table.
    """

    key: Key
    rows_of_customers: int
    rows_of_staff: int
    fate: str
    why: str
    refusal: str = ""
    estimated: bool = False

    @property
    def table(self) -> str:
        """The table, as SQL writes it."""
        return self.key.table

    @property
    def column(self) -> str:
        """The column."""
        return self.key.column

    @property
    def on_delete(self) -> str:
        """What deleting a user does as things are: CASCADE, SET NULL, SET DEFAULT, RESTRICT or NO ACTION."""
        return self.key.on_delete

    def __str__(self) -> str:
        return str(self.key)


def read_policy() -> Policy:
    """Return what the file says that SEPARATION_POLICY names, or else `separation.toml`, if there is one.

    Raises Refused, naming the file, the line and the key, and what to write, for a file that cannot be read or says
    something else than the fates of foreign keys.
    """
    path = Path(settings.SEPARATION_POLICY or settings.BASE_DIR / "separation.toml")
    text = _text(path)
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refused(path, f"is no TOML: {error}.") from error
    for key, value in found.items():
        if key != "foreign_keys" or not isinstance(value, dict):
            raise _refused(f"{path}, {_place(text, key)}", "is not known: the only section is [foreign_keys].")
    policy = Policy(path, found.get("foreign_keys", {}))
    for key, fate in policy.foreign_keys.items():
        if fate not in FATES:
            raise _refused(f"{path}, {_place(text, key)}", f"has no fate. {_lines_for([_meant(key, fate)])}")
    return policy


def keys_to_users(connection: BaseDatabaseWrapper) -> list[Key]:
    """Return every foreign key to `users`, from whatever schema."""
    return [Key(*found) for found in rows(connection, _SQL.keys)]


def fates(connection: BaseDatabaseWrapper, *, at_most: int = 0) -> list[Fate]:
    """Return the fate of the rows behind every foreign key to `users` that the catalog has; only reads.

    A table with more rows than AT_MOST, if that is given, is counted from a sample of it. Raises Refused for a policy
    that cannot be read, names no foreign key, or one that is not the operator's to decide.
    """
    policy = read_policy()
    keys = keys_to_users(connection)
    _require_known(policy, keys, {name for (name,) in rows(connection, _SQL.repointed)})
    return [_fate(policy, key, _count(connection, key, at_most), bool(at_most) and key.rows > at_most) for key in keys]


def undecided(connection: BaseDatabaseWrapper) -> list[Fate]:
    """Return the foreign keys that keep clean-up from beginning: customers hold rows there, and nobody said what
    becomes of them, or that cannot be done. Counts every row.
    """
    return [fate for fate in fates(connection) if fate.fate == UNDECIDED or fate.refusal]


def _count(connection: BaseDatabaseWrapper, key: Key, at_most: int) -> tuple[int, int]:
    """Return how many rows are of customers, and how many of staff; from a sample, scaled, of a table too large."""
    part = min(1.0, at_most / key.rows) if at_most and key.rows else 1.0
    pairs = zip(key.columns, key.referenced, strict=True)
    adopted = has_table(connection, "separation_findings")
    query = sql.SQL(_SQL.rows).format(
        table=sql.SQL(key.table),
        sample=sql.SQL(f"TABLESAMPLE SYSTEM ({100 * part}) REPEATABLE (0)" if part < 1 else ""),
        condition=sql.SQL(" AND ").join(
            sql.SQL("u.{} = t.{}").format(sql.Identifier(there), sql.Identifier(here)) for here, there in pairs
        ),
        decided=sql.SQL(_SQL.decided if adopted else _SQL.nobody_decided),
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        of_customers, of_staff = cursor.fetchone()
    return round(of_customers / part), round(of_staff / part)


def _fate(policy: Policy, key: Key, counts: tuple[int, int], estimated: bool) -> Fate:
    of_customers, of_staff = counts
    if str(key) in _KNOWN:
        fate, why = _KNOWN[str(key)]
    elif str(key) in policy.foreign_keys:
        fate, why = policy.foreign_keys[str(key)], f"{policy.path.name} says so"
    elif of_customers:
        fate, why = UNDECIDED, "nobody said what becomes of them"
    else:
        fate, why = STAYS, "no customer holds a row there"
    refusal = _refusal(key, fate, of_staff) if of_customers else ""
    return Fate(key, of_customers, of_staff, fate, why, refusal, estimated)


def _refusal(key: Key, fate: str, of_staff: int) -> str:
    """Return why a fate cannot be, with what to do instead; nothing if it can."""
    if str(key) in _KNOWN:
        return ""
    if fate == REPOINT and of_staff:
        who = f"{of_staff:,} row{' is' if of_staff == 1 else 's are'} of staff, whom customers does not have"
        return f"cannot be repointed: {who}"
    if fate == REPOINT and key.referenced != ["id"]:
        return (
            f"cannot be repointed: it references users by {', '.join(key.referenced)}, and customers has its key on id"
        )
    if fate == STAYS and not key.nullable:
        return f"cannot stay: {key.column} cannot be null, so that nothing can empty it"
    return ""


def _require_known(policy: Policy, keys: list[Key], repointed: set[str]) -> None:
    """Raise Refused if the policy speaks of what is no foreign key, or of one that is decided without it.

    What clean-up has REPOINTED may still be named: it goes on with the same policy.
    """
    there = {str(key) for key in keys}
    for name in policy.foreign_keys:
        if name in _KNOWN:
            fate, why = _KNOWN[name]
            message = f"is decided already ({MEANINGS[fate]}): {why}. Take the line out."
            raise _refused(f'{policy.path}, "{name}"', message)
        if name not in there | repointed:
            others = sorted(there - set(_KNOWN))
            what = _lines_for(others) if others else "There is none to decide."
            raise _refused(f'{policy.path}, "{name}"', f"is no foreign key to users. {what}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if settings.SEPARATION_POLICY:
            raise _refused(path, "is not there, and SEPARATION_POLICY names it.") from error
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(path, f"cannot be read: {error}.") from error


def _place(text: str, key: str) -> str:
    """Return where a key is: its line, if it stands there as it is."""
    number = next((n for n, line in enumerate(text.splitlines(), 1) if key in line.partition("=")[0]), None)
    return f'line {number}, "{key}"' if number else f'"{key}"'


def _meant(key: str, value: object) -> str:
    """Return the key that was meant; without quotes TOML takes table.column for a section of its own."""
    return f"{key}.{next(iter(value))}" if isinstance(value, dict) and value else key


def _lines_for(names: list[str]) -> str:
    some = ", ".join(f'"{name}"' for name in names[:20])
    return f'Write, in quotes, {some} = "repoint", "stays" or "forget".'


def _refused(where: Path | str, message: str) -> Refused:
    return Refused("policy", f"{where} {message}", PREFLIGHT)
