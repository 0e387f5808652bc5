"""What the portal's tests share: passwords that cost next to nothing."""

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher

from config.hashers import LegacyBCryptHasher


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch):
    """Hash as everywhere, but at the lowest cost there is."""
    monkeypatch.setattr(LegacyBCryptHasher, "rounds", 4)
    monkeypatch.setattr(Argon2PasswordHasher, "time_cost", 1)
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 8)
    monkeypatch.setattr(Argon2PasswordHasher, "parallelism", 1)
