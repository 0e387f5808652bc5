"""A command in a process of its own, as an operator would type it."""

import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings

from config.masking import mask_text

_LINES, _SHOWN = 1000, 30


@dataclass(frozen=True)
class Ended:
    """How a command ended, and the last lines it said: its result, then what accompanied that."""

    code: int
    result: list[str]
    notes: list[str]

    def why(self) -> list[str]:
        """Return what tells why it failed: each failed check with what stands below it, then the last lines."""
        failed: list[str] = []
        in_failed = False
        for line in self.result[:-_SHOWN] if len(self.result) > _SHOWN else []:
            in_failed = line.lower().startswith("fail") or (in_failed and line.startswith(" "))
            failed += [line] * in_failed
        return [*failed, *self.result[-_SHOWN:], *self.notes[-_SHOWN:], f"Exit code {self.code}."]


def run_command(
    arguments: tuple[str, ...], environment: Mapping[str, str], typed: str, hear: Callable[[str], None]
) -> Ended:
    """Run `manage.py ARGUMENTS` in ENVIRONMENT, with TYPED on its standard input, and return how it ended.

    HEAR gets each line that accompanies the result, as it comes. All lines are masked. If the caller is interrupted,
    the process is killed, with all it has started.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            notes = _attend(process, typed, hear)
            code = process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        out.seek(0)
        return Ended(code, [mask_text(line.rstrip()) for line in deque(out, _LINES)], notes)


def _attend(process: "subprocess.Popen[str]", typed: str, hear: Callable[[str], None]) -> list[str]:
    assert process.stdin  # noqa: S101 (both are pipes)
    assert process.stderr  # noqa: S101
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(typed)
    notes: deque[str] = deque(maxlen=_LINES)
    with process.stderr:
        for line in process.stderr:
            notes.append(mask_text(line.rstrip()))
            hear(notes[-1])
    return list(notes)
