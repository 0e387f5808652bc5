"""What the documents say is so: the operator's runbook runs, block by block."""

import os
import re
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from tests.databases import database_url, environment_for

RUNBOOK = settings.BASE_DIR / "docs" / "RUNBOOK.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_block_of_the_runbook_runs(legacy_database, tmp_path):
    database = legacy_database("plain")
    environment = environment_for(database.name) | {
        "DATABASE": database.name,
        "COPY_URL": database_url(f"{database.name}_copy"),
        "BACKUP_DIR": str(tmp_path / "backups"),
        "LOG_DIR": str(tmp_path / "logs"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    blocks = BLOCK.findall(RUNBOOK.read_text(encoding="utf-8"))
    assert len(blocks) > 8
    for block in blocks:
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
