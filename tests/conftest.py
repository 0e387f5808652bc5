import os
from pathlib import Path

import pytest
from django.conf import settings

from tests.memory import server_folder

pytest_plugins = ["tests.separation.session"]  # separation: line


def pytest_configure(config: pytest.Config) -> None:
    """Take the embedded server that is for tests: it does not wait for the disk, and holds nobody's data."""
    os.environ.setdefault("EMBEDDED_POSTGRES_DIR", str(server_folder()))
    settings.EMBEDDED_POSTGRES_DIR = Path(os.environ["EMBEDDED_POSTGRES_DIR"])
    os.environ["EMBEDDED_POSTGRES_FAST"] = "true"  # for commands in processes of their own
    settings.EMBEDDED_POSTGRES_FAST = True
