"""Passwords that cost next to nothing to check."""

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher

from config.hashers import LegacyBCryptHasher


def hash_cheaply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash as everywhere, but at the lowest cost there is."""
    monkeypatch.setattr(LegacyBCryptHasher, "rounds", 4)
    for name, least in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
        monkeypatch.setattr(Argon2PasswordHasher, name, least)
