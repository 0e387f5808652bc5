"""A phase changes by compare-and-set, along the allowed transitions only."""

import pytest

from separation.errors import CheckFailed
from separation.phases import TRANSITIONS, change_phase, phase_of

PHASES = ("legacy", "dual", "cleaning", "separated")


def test_only_the_transitions_of_the_table_are_allowed(legacy_database):
    database = legacy_database("plain", adopted=True)
    for old in PHASES:
        for new in PHASES:
            if (old, new) not in TRANSITIONS:
                with pytest.raises(ValueError, match=f"No transition leads from phase '{old}' to '{new}'."):
                    change_phase(database.connection, old, new)
    assert phase_of(database.connection) == "legacy"


def test_a_phase_that_somebody_else_changed_is_not_changed_again(legacy_database):
    database = legacy_database("plain", adopted=True)
    change_phase(database.connection, "legacy", "dual")

    with pytest.raises(CheckFailed) as error:
        change_phase(database.connection, "legacy", "dual")

    assert error.value.message == "The phase is 'dual', not 'legacy': somebody else changed it."
    assert error.value.next_command == "python manage.py separation_status"
