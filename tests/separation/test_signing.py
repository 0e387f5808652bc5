"""Signatures of records: whatever is changed, in a record or about it, is no longer signed."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from separation.signing import is_signed, sign

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
RECORD = {"id": 7, "identity": "a:1", "passed": True, "at": AT, "steps": [{}]}


def test_what_was_signed_is_signed_whatever_the_order():
    assert is_signed("salt", dict(reversed(RECORD.items())), sign("salt", RECORD))


def test_a_moment_is_the_same_in_every_zone():
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert is_signed("salt", RECORD | {"at": elsewhere}, sign("salt", RECORD))


def test_a_path_is_signed_as_the_text_that_a_table_holds():
    assert is_signed("salt", {"path": "/backups/one"}, sign("salt", {"path": Path("/backups/one")}))


@pytest.mark.parametrize(
    "changed",
    [
        {"id": 8},
        {"id": "7"},
        {"passed": False},
        {"at": AT + timedelta(microseconds=1)},
        {"steps": []},
        {"more": ""},
    ],
)
def test_a_record_that_was_changed_is_not_signed(changed):
    assert not is_signed("salt", RECORD | changed, sign("salt", RECORD))


@pytest.mark.parametrize("found", ["", "x", None, 3, "ü", "0" * 64])
def test_what_is_no_signature_signs_nothing(found):
    assert not is_signed("salt", RECORD, found)


def test_a_record_does_not_pass_for_one_of_another_sort():
    assert not is_signed("salt", RECORD, sign("another salt", RECORD))


def test_the_former_key_still_counts_and_a_foreign_one_never_did(settings):
    settings.SECRET_KEY = "a key " * 10
    signature = sign("salt", RECORD)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key " * 6, ["a key " * 10]
    assert is_signed("salt", RECORD, signature)
    settings.SECRET_KEY_FALLBACKS = []
    assert not is_signed("salt", RECORD, signature)


def test_what_has_no_one_form_is_not_signed():
    with pytest.raises(TypeError, match="A set cannot be signed"):
        sign("salt", {"ids": {1, 2}})
