"""What is ordered differently, in the shapes that the old application wrote, and as people type it."""

import pytest

from orders.modifiers import modifiers_said, modifiers_typed


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, []),
        ("", []),
        ([], []),
        (["no onions"], ["no onions"]),
        ({"extra": ["parmesan", "oil"], "without": []}, ["extra parmesan", "extra oil"]),
        ([{"name": "cheese"}, ["a", None]], ["name cheese", "a"]),
        ({"size": 2, "hot": True}, ["size 2", "hot True"]),
        ("rare", ["rare"]),
    ],
)
def test_every_shape_is_said(written, said):
    assert modifiers_said(written) == said


@pytest.mark.parametrize(
    ("typed", "written"),
    [("", []), (" , ,", []), ("no  onions,extra cheese\nrare ", ["no onions", "extra cheese", "rare"])],
)
def test_what_is_typed_is_written_as_a_list(typed, written):
    assert modifiers_typed(typed) == written
