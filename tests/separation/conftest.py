from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def backup_dir(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """BACKUP_DIR for this process and for those that `manage` starts, which sign with the same key."""
    settings.BACKUP_DIR = tmp_path / "backups"
    settings.SECRET_KEY = "for tests " * 6
    monkeypatch.setenv("BACKUP_DIR", str(settings.BACKUP_DIR))
    return tmp_path / "backups"
