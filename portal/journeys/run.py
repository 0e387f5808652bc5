"""Walks every step, in order, with its time; whatever happens, what it made is removed at the end."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import DatabaseError, InterfaceError

from config.console import uninterrupted
from config.masking import scrub
from portal.journeys.browser import Unreachable
from portal.journeys.steps import EVERYBODY, STEPS, Failed, Journey, Step
from portal.journeys.traces import traces, traces_remove

PASS, FAIL, SKIP = "pass", "fail", "not run"


@dataclass(frozen=True)
class Outcome:
    """What became of one step, and in how many seconds."""

    who: str
    step: str
    status: str
    seconds: float
    detail: str


@dataclass
class Report:
    """What became of all steps; `outcomes` grows while they are walked."""

    database: str
    url: str
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every step passed."""
        return all(outcome.status == PASS for outcome in self.outcomes)

    def verdict(self) -> str:
        """Return the outcome as one sentence."""
        count, seconds = len(self.outcomes), sum(outcome.seconds for outcome in self.outcomes)
        where = f"{self.url}, on database {self.database!r}"
        if self.ok:
            return f"All {count} steps pass at {where}, in {seconds:.1f} s."
        wrong = [outcome.step for outcome in self.outcomes if outcome.status == FAIL]
        return f"{len(wrong)} of {count} steps fail at {where}: {'; '.join(wrong)}."

    def as_dict(self) -> dict[str, Any]:
        """Return it for `--json`: its keys are a contract."""
        return {
            "database": self.database,
            "url": self.url,
            "ok": self.ok,
            "verdict": self.verdict(),
            "steps": [asdict(outcome) for outcome in self.outcomes],
        }


def walk(report: Report, journey: Journey, tell: Callable[[Outcome], None]) -> None:
    """Walk every step into REPORT; whoever fails one walks no further, and after a failing gate nobody does.

    However that ends, an interrupt among it, everything the check made is removed, which is the last step.
    """
    stopped: set[str] = set()

    def take(step: Step, *, skip: bool = False) -> None:
        outcome = Outcome(step.who, step.name, SKIP, 0.0, "") if skip else _outcome(step, journey)
        if outcome.status == FAIL:
            stopped.add(EVERYBODY if step.gate else step.who)
        report.outcomes.append(outcome)
        tell(outcome)

    try:
        for step in STEPS:
            take(step, skip=not stopped.isdisjoint({step.who, EVERYBODY}))
    finally:
        with uninterrupted():
            take(REMOVAL)


def _outcome(step: Step, journey: Journey) -> Outcome:
    begun = time.monotonic()
    status = PASS
    try:
        detail = step.take(journey)
    except (Failed, Unreachable, DatabaseError, InterfaceError) as error:
        status, detail = FAIL, scrub(str(error).strip().partition("\n")[0])
    except (LookupError, TypeError) as error:
        status, detail = FAIL, f"the answer is none of this API ({type(error).__name__}: {error})"
    return Outcome(step.who, step.name, status, round(time.monotonic() - begun, 3), detail)


def _remove(_: Journey) -> str:
    traces_remove()
    if left := traces():
        raise Failed(f"still there: {', '.join(f'{count} {name}' for name, count in left.items())}")
    return ""


REMOVAL = Step(EVERYBODY, "everything the check made is gone", _remove)
