"""What the tests of customers share."""

import pytest

from tests.hashes import hash_cheaply


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    hash_cheaply(monkeypatch)
