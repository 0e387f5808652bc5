"""What the documents say is so: the operator's runbook runs, block by block, and answers as it shows."""

import os
import re
import subprocess

from django.conf import settings

from separation.rehearsal import rehearse
from separation.rehearsal.process import run_command
from tests.databases import database_url, environment_for
from tests.portal.deployment import serving
from tests.separation.forked_python import forked_command, forked_python

RUNBOOK = settings.BASE_DIR / "docs" / "RUNBOOK.md"
# A block of commands, and what it prints on standard output if the next block shows that: `…` is whatever differs from
# day to day, and a line of it alone any lines.
BLOCK = re.compile(r"^```sh\n(.*?)^```$(?:\n+^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


def test_every_block_of_the_runbook_runs(legacy_database, tmp_path, monkeypatch):
    database = legacy_database("plain")
    environment = environment_for(database.name) | {
        "DATABASE": database.name,
        "COPY_URL": database_url(f"{database.name}_copy"),
        "BACKUP_DIR": str(tmp_path / "backups"),
        "LOG_DIR": str(tmp_path / "logs"),
    }
    # The deployment that the blocks ask is in this process.
    monkeypatch.setattr(settings, "PORTAL_SIGNING_KEY", environment["PORTAL_SIGNING_KEY"])
    monkeypatch.setattr(rehearse, "run_command", _rehearsed)
    blocks = BLOCK.findall(RUNBOOK.read_text(encoding="utf-8"))
    assert len(blocks) > 8
    with serving() as url, forked_python() as folder:
        _run(blocks, environment | {"URL": url, "PATH": f"{folder}:{os.environ['PATH']}"}, database.name)


def _rehearsed(arguments, *how):
    """Start one of a rehearsal's commands as it is started in earnest, and spare the others a second of loading."""
    return (run_command if arguments == ("preflight",) else forked_command)(arguments, *how)


def _run(blocks, environment, name):
    for block, shown in blocks:
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", block],
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        if shown:
            assert re.fullmatch(pattern(shown), done.stdout.replace(name, "restaurants")), (
                f"{block}\nshown:\n{shown}\nprinted:\n{done.stdout}"
            )


def pattern(shown: str) -> str:
    """Return the expression that what is shown stands for."""
    lines = ["(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*?") + "\n" for line in shown.splitlines()]
    return "".join(lines)


def test_what_is_shown_is_compared():
    printed = "backup-2026-11-22  12 rows\nof restaurants\n\nverified\n"
    assert re.fullmatch(pattern("backup-…  12 rows\n…\nverified"), printed)
    assert not re.fullmatch(pattern("backup-…  13 rows\n…\nverified"), printed)
    assert not re.fullmatch(pattern("backup-…  12 rows\nverified"), printed)
