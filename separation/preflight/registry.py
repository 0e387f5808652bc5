"""What a check is, and what its message is made of."""

from collections.abc import Callable
from dataclasses import dataclass

from separation.kinds import EMPTY, Kind
from separation.models import Phase
from separation.preflight.look import Look
from separation.preflight.report import Result

# In the order in which the modules that define them are imported.
FOUND: list["Check"] = []


@dataclass(frozen=True)
class Check:
    """A check with its id; one that reads the legacy tables looks only at databases that have them, and one that asks
    what only matters before clean-up is left out once that has begun.
    """

    id: str
    find: Callable[[Look], Result]
    reads_legacy: bool
    until_cleanup: bool = False

    def applies_to(self, kind: Kind) -> bool:
        """Whether a database of this kind has what the check reads."""
        return not self.reads_legacy or not (kind.is_refused or kind.name == EMPTY)

    def applies_in(self, phase: str) -> bool:
        """Whether what it asks makes sense in this phase."""
        return not (self.until_cleanup and phase in (Phase.CLEANING, Phase.SEPARATED))


def check(
    *, reads_legacy: bool = False, until_cleanup: bool = False
) -> Callable[[Callable[[Look], Result]], Callable[[Look], Result]]:
    """Register a function as a check; its name is the id."""

    def register(find: Callable[[Look], Result]) -> Callable[[Look], Result]:
        FOUND.append(Check(find.__name__, find, reads_legacy, until_cleanup))
        return find

    return register


def count(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural where that is right."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def megabytes(size: int) -> str:
    """Return a number of bytes for people."""
    return f"{size / 1_000_000:,.0f} MB"
