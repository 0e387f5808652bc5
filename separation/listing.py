"""The findings that wait for somebody, by kind, with samples and what to type."""

from dataclasses import dataclass, field

from django.db.backends.base.base import BaseDatabaseWrapper

from config.masking import mask_email
from separation.database import rows
from separation.decisions import ANSWERS, COMMAND, DUPLICATE, HELP, SQL, TABLES
from separation.models import Finding, Phase
from separation.phases import phase_of

SAMPLES = 3
_NEEDED = {Finding.RENAME: "--email ADDRESS", Finding.ASSIGN: "--user ID", Finding.PLACE: "--restaurant ID"}


@dataclass(frozen=True)
class Kind:
    """The open findings of one kind: how many, in how many groups, and the first groups as (what, masked email)."""

    kind: str
    total: int
    groups: int
    samples: list[list[tuple[str, int, str]]] = field(default_factory=list)

    @property
    def commands(self) -> list[str]:
        """Return what to type about the first of them, or what helps."""
        ids = [identifier for _, identifier, _ in self.samples[0]]
        answers = ANSWERS.get(self.kind, ())
        if self.kind == DUPLICATE and len(ids) == 1:
            answers = (Finding.RENAME,)
        helped = [HELP[self.kind]] if self.kind in HELP else []
        return [_command(self.kind, answer, ids, self.samples[0][0][0]) for answer in answers] + helped


def _command(kind: str, answer: str, ids: list[int], table: str) -> str:
    if answer == Finding.MERGE:
        return f"{COMMAND} {kind} {ids[1]} merge --into {ids[0]}"
    more = f" {_NEEDED[answer]}" if answer in _NEEDED else ""
    which = f" --table {table}" if len(TABLES.get(kind, ())) > 1 else ""
    return f"{COMMAND} {kind} {ids[-1] if answer == Finding.RENAME else ids[0]} {answer}{more}{which}"


def open_kinds(connection: BaseDatabaseWrapper) -> list[Kind]:
    """Return the open findings by kind; in phase legacy those about people are looked up in users as it is now."""
    listed = SQL.expected if phase_of(connection) == Phase.LEGACY else SQL.recorded
    kinds: dict[str, Kind] = {}
    numbers: dict[str, int] = {}
    for kind, total, groups, table, identifier, email, number in rows(
        connection, SQL.samples.format(listed=listed), size=SAMPLES
    ):
        found = kinds.setdefault(kind, Kind(kind, total, groups))
        if numbers.get(kind) != number:
            found.samples.append([])
            numbers[kind] = number
        found.samples[-1].append((table, identifier, mask_email(email) if email.strip() else ""))
    order = [kind for kind, _ in Finding.KINDS]
    return sorted(kinds.values(), key=lambda found: order.index(found.kind))
