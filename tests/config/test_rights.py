"""In which restaurants a user may do something, by what an app's `rights.py` says."""

from dataclasses import dataclass

import pytest

from config.rights import MANAGER, NOWHERE, OWNER, STAFF, SUPERADMIN, places

ALLOWED = {"view": STAFF, "change": MANAGER, "delete": OWNER, "close": SUPERADMIN}


@dataclass
class Person:
    """What is asked of a user: works at 1 as STAFF, at 2 as MANAGER, at 3 as OWNER."""

    is_staff: bool = True
    is_superuser: bool = False

    def restaurants_as(self, role: str) -> frozenset[int]:
        return frozenset(range([STAFF, MANAGER, OWNER].index(role) + 1, 4))


def asked(person: object) -> dict[str, frozenset[int] | None]:
    return {action: places(person, ALLOWED, action) for action in (*ALLOWED, "invent")}


def test_who_works_somewhere_may_what_their_role_there_allows():
    assert asked(Person()) == {
        "view": frozenset({1, 2, 3}),
        "change": frozenset({2, 3}),
        "delete": frozenset({3}),
        "close": NOWHERE,
        "invent": NOWHERE,
    }


def test_a_superadmin_may_everywhere_whatever_is_allowed_to_anybody():
    expected = dict.fromkeys(ALLOWED) | {"invent": NOWHERE}
    assert asked(Person(is_superuser=True)) == expected


@pytest.mark.parametrize("person", [Person(is_staff=False), Person(is_staff=False, is_superuser=True), None, object()])
def test_who_is_no_staff_may_nothing(person):
    assert set(asked(person).values()) == {NOWHERE}
