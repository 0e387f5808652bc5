"""Files that mails hold: the apps say what they make, and each is made at delivery, of what is so then.

So the queue holds no file: only what kind it is of, and what it is about.
"""

from collections.abc import Callable
from typing import NamedTuple


class Attachment(NamedTuple):
    """A text that goes with a mail, under a name, as a type of MIME."""

    name: str
    text: str
    mimetype: str


_Make = Callable[[str, str], Attachment | None]
_kinds: dict[str, _Make] = {}


def register(kind: str, make: _Make) -> None:
    """Say that MAKE(argument, to) makes files of KIND, for a mail to the address TO; None: the mail goes without.

    Raises ValueError if the kind is taken.
    """
    if kind in _kinds:
        raise ValueError(f"There are files of kind {kind!r} already.")
    _kinds[kind] = make


def is_registered(kind: str) -> bool:
    """Tell whether some app makes files of KIND."""
    return kind in _kinds


def attachment_for(kind: str, argument: str, to: str) -> Attachment | None:
    """Return the file of KIND about ARGUMENT for a mail that is delivered to TO now, or None if it goes without."""
    return _kinds[kind](argument, to)
