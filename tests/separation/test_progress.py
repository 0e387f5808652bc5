"""Long work shows a bar on a terminal and plain lines elsewhere, both on standard error."""

import os
import pty
import re
import subprocess
import sys

from django.conf import settings

WORK = """
import time
from separation.progress import progress
with progress("Moving customers", 5000, "customers") as advance:
    for _ in range(10):
        advance(500)
        time.sleep(0.05)
print("done")
"""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def work(stderr):
    return subprocess.run(
        [sys.executable, "-c", WORK],
        env=os.environ | {"TERM": "xterm", "COLUMNS": "80"},
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        check=True,
    )


def test_elsewhere_there_is_a_line_for_every_tenth():
    said = work(subprocess.PIPE)

    assert said.stdout == "done\n"
    assert said.stderr.splitlines() == [
        f"Moving customers: {tenth * 10} % ({tenth * 500:,} of 5,000 customers)" for tenth in range(1, 11)
    ]


def test_on_a_terminal_80_wide_there_is_a_bar_on_one_line():
    ours, theirs = pty.openpty()
    said = work(theirs)
    os.close(theirs)
    shown = os.read(ours, 1_000_000).decode()
    os.close(ours)

    assert said.stdout == "done\n"
    drawn = [line for part in re.split(r"[\r\n]+", shown) if (line := CONTROL.sub("", part).strip())]
    assert all(line.startswith("Moving customers ") for line in drawn)
    last = drawn[-1]
    assert re.fullmatch(r"Moving customers ━+ 100% 5000/5000 [\d,]+/s 0:00:0\d 0:00:00", last), last
