"""A database that cannot be reached: one clear sentence from every command, and no traceback."""

from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.databases import manage

URL = "postgres://somebody:hidden-word@127.0.0.1:1/gone"
# All but restore, which first looks at the backup.
OURS = sorted(name for name, app in get_commands().items() if app == "separation" and name != "restore")
NEEDED = {"diagnose_customer": ["1"], "loaddata": ["rows.json"]}


@pytest.mark.usefixtures("databases")  # what is forked may connect
@pytest.mark.parametrize("command", OURS)
def test_every_command_says_so(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tests.databases.database_url", lambda _: URL)
    monkeypatch.setenv("BACKUP_DIR", str(tmp_path))
    monkeypatch.setenv("LOG_DIR", str(tmp_path))

    done = manage("gone", command, *NEEDED.get(command, []))

    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "Traceback" not in said
    assert "hidden-word" not in said
    assert said.count('connection to server at "127.0.0.1", port 1 failed: Connection refused') == 1
    assert "Next: " in said
