"""The example of an environment names exactly the variables that the settings read."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_example_names_every_variable_of_the_settings_and_no_other() -> None:
    settings = (ROOT / "config" / "settings.py").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    read = set(re.findall(r'(?:\benv(?:\.\w+)?|_required_key)\("([A-Z_]+)"', settings))
    assert set(re.findall(r"^#([A-Z_]+)=", example, re.MULTILINE)) == read
