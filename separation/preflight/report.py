"""What a preflight found."""

from dataclasses import asdict, dataclass, field
from typing import Any

PASS, WARN, FAIL = "pass", "warn", "fail"


@dataclass(frozen=True)
class Result:
    """What one check found: a status, a figure, one sentence, a sample of ids, and what to type.

    Never holds a password or a whole email. `details` are lines for which a figure is not enough.
    """

    status: str
    message: str
    figure: int | str | None = None
    sample: list[int] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    remedy: str = ""
    id: str = ""


@dataclass(frozen=True)
class Report:
    """All results in the order of the checks.

    `left_out` names those that have nothing to look at in this database, `settled` those of no use in its phase.
    """

    database: str
    kind: str
    phase: str
    results: list[Result]
    left_out: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[Result]:
        """What has to be put right before anything else."""
        return [result for result in self.results if result.status == FAIL]

    @property
    def warnings(self) -> list[Result]:
        """What has to be known, and stops nothing."""
        return [result for result in self.results if result.status == WARN]

    def as_dict(self) -> dict[str, Any]:
        """Return the report for `--json`: its keys are a contract."""
        return {
            "database": self.database,
            "kind": self.kind,
            "phase": self.phase,
            "ok": not self.failures,
            "failures": len(self.failures),
            "warnings": len(self.warnings),
            "results": [{"id": result.id, **asdict(result)} for result in self.results],
            "left_out": [*self.left_out, *self.settled],
        }

    def lines(self) -> list[tuple[str, str]]:
        """Return the report for people, as (status, line): a line for each result, its details below it."""
        width = max((len(result.id) for result in self.results), default=0)
        indent = " " * (width + 8)
        found: list[tuple[str, str]] = []
        for result in self.results:
            found.append((result.status, f"{result.status}  {result.id:<{width}}  {result.message}"))
            found += [("", indent + line) for line in _below(result)]
        if self.left_out:
            found.append(("", f"Not looked at, for want of the tables: {', '.join(self.left_out)}."))
        if self.settled:
            found.append(("", f"Settled in phase {self.phase}, and not looked at: {', '.join(self.settled)}."))
        return found


def _below(result: Result) -> list[str]:
    ids = [f"ids: {', '.join(map(str, result.sample))}"] if result.sample else []
    return [*result.details, *ids, *([f"Next: {result.remedy}"] if result.remedy else [])]
