"""What a verification found."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from separation.models import Phase
from separation.verification.changed import Mark

PASS, WARN, FAIL = "pass", "warn", "fail"
SAMPLE_SIZE = 10


@dataclass(frozen=True)
class Result:
    """What became of one invariant: `offending` of the `compared` rows break it, of which `sample` holds up to ten ids.

    `details` says about each row of the sample what its id alone does not. Never holds a password or an email.
    """

    id: str
    guarantee: str
    status: str
    figure: str
    compared: int
    offending: int = 0
    sample: list[int | str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    remedy: str = ""


@dataclass(frozen=True)
class Report:
    """All invariants of one database, as of one moment."""

    database: str
    phase: str
    customers: int
    results: list[Result]
    mark: Mark
    # Of a verification since an earlier one: since when, and how many people, reservations and orders it looked at; or
    # why it looked at everything.
    since: datetime | None = None
    changed: dict[str, int] = field(default_factory=dict)
    why_whole: str = ""

    @property
    def failures(self) -> list[Result]:
        """The invariants that are broken."""
        return [result for result in self.results if result.status == FAIL]

    @property
    def warnings(self) -> list[Result]:
        """The invariants that cannot be decided, or hold but want a look."""
        return [result for result in self.results if result.status == WARN]

    @property
    def ok(self) -> bool:
        """Whether no invariant is broken."""
        return not self.failures

    @property
    def nothing_moved(self) -> bool:
        """Whether there is nothing to verify: the migration has not begun, or was rolled back."""
        return self.ok and self.phase == Phase.LEGACY and not self.customers

    def as_dict(self) -> dict[str, Any]:
        """Return the report for `--json`: its keys are a contract."""
        return {
            "database": self.database,
            "phase": self.phase,
            "customers": self.customers,
            "since": self.since and self.since.isoformat(),
            "changed": self.changed,
            "ok": self.ok,
            "failures": len(self.failures),
            "warnings": len(self.warnings),
            "verdict": self.verdict(),
            "results": [asdict(result) for result in self.results],
        }

    def verdict(self) -> str:
        """Return the outcome as one sentence."""
        count = len(self.results)
        if self.failures:
            names = ", ".join(result.id for result in self.failures)
            return f"{len(self.failures)} of {count} invariants are broken in database {self.database!r}: {names}."
        if self.nothing_moved:
            return (
                f"Nothing to verify in database {self.database!r}: the phase is legacy, the new tables are empty "
                "and no customer_id of ours is set."
            )
        warned = f"; {len(self.warnings)} of them with a warning" if self.warnings else ""
        if self.since:
            figures = ", ".join(f"{figure:,} {name}" for name, figure in self.changed.items())
            return (
                f"All {count} invariants hold in database {self.database!r}, for what was written since "
                f"{self.since:%Y-%m-%d %H:%M:%S} UTC: {figures}{warned}."
            )
        return f"All {count} invariants hold in database {self.database!r}, for {self.customers:,} customers{warned}."

    def lines(self) -> list[tuple[str, str]]:
        """Return the report for people, as (status, line): a line for each invariant, more below what does not pass."""
        return lines_of(self.results)


def lines_of(results: list[Result]) -> list[tuple[str, str]]:
    """Return RESULTS for people, as (status, line): a line for each, more below what does not pass."""
    width = max(len(result.id) for result in results)
    found: list[tuple[str, str]] = []
    for result in results:
        found.append((result.status, f"{result.status}  {result.id:<{width}}  {result.figure}"))
        found += [("", " " * (width + 8) + line) for line in _below(result)]
    return found


def _below(result: Result) -> list[str]:
    if result.status == PASS:
        return []
    ids = [f"ids: {', '.join(map(str, result.sample))}"] if result.sample and not result.details else []
    guarantee = f"Broken: {result.guarantee}" if result.status == FAIL else result.guarantee
    return [guarantee, *ids, *result.details, f"Next: {result.remedy}"]
