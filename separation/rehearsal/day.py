"""A rehearsal under way: what became of each step, and what its operator reads."""

from dataclasses import asdict, dataclass, field
from typing import Any

from config.masking import mask_text
from separation.flows import Operator
from separation.models import Rehearsal
from separation.rehearsal.locks import SECONDS, Locks, Sampler, in_words
from separation.rehearsal.records import REHEARSAL_AGE
from separation.rehearsal.steps import ONLY_HERE


@dataclass(frozen=True)
class Outcome:
    """Whether a step went well, and what it said: its last line, or all there is if it failed or was refused."""

    ok: bool
    said: list[str]
    refused: bool = False


@dataclass
class Result:
    """What became of one step."""

    name: str
    seconds: float
    ok: bool
    locks: Locks
    said: list[str]
    refused: bool


class StepFailed(Exception):
    """A step failed, and the rehearsal with it: its name."""


@dataclass
class Day:
    """The record that is being made, the results so far, and how many times larger the database is than its backup."""

    operator: Operator
    rehearsal: Rehearsal
    database: str
    growth: float = 1.0
    results: list[Result] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every step so far went well."""
        return all(result.ok for result in self.results)

    def say_head(self) -> None:
        """Print what the columns of the results are."""
        self.operator.say(f"{'':<8}{'step':<26}{'took':>10}  {'expected':>8}  locks on tables, and how long seen")

    def put_down(self, name: str, seconds: float, outcome: Outcome, sampler: Sampler | None = None) -> None:
        """Put down how a step went, and say so; raises StepFailed if it failed."""
        locks = sampler.taken() if sampler else {}
        self.results.append(Result(name, round(seconds, 3), outcome.ok, locks, outcome.said, outcome.refused))
        became = "refused" if outcome.refused else "ok" if outcome.ok else "FAILED"
        expected = "" if name in ONLY_HERE else f"{seconds * self.growth:.1f} s"
        self.operator.say(f"{became:<8}{name:<26}{seconds:>8.1f} s  {expected:>8}  {in_words(locks)}")
        if became != "ok":
            for line in outcome.said:
                self.operator.say(f"    {line}".rstrip())
        if not outcome.ok:
            raise StepFailed(name)

    def say_end(self, next_command: str) -> None:
        """Print that it passed, and what the figures mean."""
        rehearsal, seconds = self.rehearsal, sum(result.seconds for result in self.results)
        until = rehearsal.backup_taken_at + REHEARSAL_AGE
        for line in (
            *self._left_out(),
            f"Passed: {len(self.results)} steps in {seconds:.0f} s, with {rehearsal.customers:,} customers.",
            f"Expected in production is {self._expectation()}.",
            f"Locks are looked at every {SECONDS * 1000:.0f} ms: shorter ones may be missed, locks of rows are not "
            "seen, and those that let others read and write are not shown.",
            f"The log is {rehearsal.log_path}",
            f"It is on record, and good until {until:%Y-%m-%d %H:%M} UTC. Next: {next_command}",
        ):
            self.operator.say(line)

    def _left_out(self) -> list[str]:
        return [
            f"Not rehearsed: the step {result.name!r}, refused for the reasons above. Settle them, then rehearse again "
            "before that day."
            for result in self.results
            if result.refused
        ]

    def _expectation(self) -> str:
        times = "as long"
        if self.growth > 1:
            times = f"{self.growth:.2f} times as long, for that many more customers"
        where = "as on the same server"
        if not self.rehearsal.same_server:
            where = "if that server is as fast as this one: it is another, and nobody measured it"
        return f"{times}, {where}"

    def as_dict(self, state: str, error: str = "") -> dict[str, Any]:
        """Return it as the log has it."""
        rehearsal = self.rehearsal
        return {
            "kind": "rehearsal",
            "state": state,
            "database": self.database,
            "backup": rehearsal.backup_id,
            "operator": rehearsal.operator,
            "note": rehearsal.note,
            "code": rehearsal.code,
            "started_at": rehearsal.started_at,
            "finished_at": rehearsal.finished_at,
            "customers": rehearsal.customers,
            "growth": round(self.growth, 3),
            "same_server": rehearsal.same_server,
            "locks_looked_at_every_seconds": SECONDS,
            "steps": self.steps(),
            "error": mask_text(error),
        }

    def steps(self) -> list[dict[str, Any]]:
        """Return the results as the record has them."""
        return [asdict(result) for result in self.results]
