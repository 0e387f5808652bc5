"""Progress of long work: a bar with rate and time left on a terminal, a plain line for every tenth elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Advance = Callable[[int], None]


@contextmanager
def progress(label: str, total: int, unit: str) -> Iterator[Advance]:
    """Yield a function to call with how many more UNITs of TOTAL are done; writes to standard error only."""
    if sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task(label, total=total)
            yield lambda count: bar.advance(task, count)
    else:
        yield _lines(label, total, unit)


def _bar() -> Progress:
    counted = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), MofNCompleteColumn())
    return Progress(*counted, _Rate(), TimeElapsedColumn(), TimeRemainingColumn(), console=Console(file=sys.stderr))


class _Rate(ProgressColumn):
    """How many a second, in few enough characters for a terminal 80 wide; nothing until the first are done."""

    def render(self, task: Task) -> Text:
        """Return the rate as text."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", no_wrap=True)


def _lines(label: str, total: int, unit: str) -> Advance:
    done, tenth = 0, 0

    def advance(count: int) -> None:
        nonlocal done, tenth
        done += count
        reached = 10 if done >= total else done * 10 // total
        if reached > tenth:
            tenth = reached
            print(f"{label}: {reached * 10} % ({done:,} of {total:,} {unit})", file=sys.stderr, flush=True)  # noqa: T201

    return advance
