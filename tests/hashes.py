"""Passwords that cost next to nothing to hash and to check."""

from django.contrib.auth.hashers import Argon2PasswordHasher

from config.hashers import LegacyBCryptHasher

ROUNDS = LegacyBCryptHasher.rounds  # what a deployment pays


def hash_cheaply() -> None:
    """Hash as everywhere, but at the lowest cost there is, in this process and its forks."""
    LegacyBCryptHasher.rounds = 4
    for name, least in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
        setattr(Argon2PasswordHasher, name, least)
