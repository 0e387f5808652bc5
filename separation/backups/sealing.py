"""Encryption of a backup to public keys (age): who takes it cannot read it, who holds a private key can.

Every block of rows is a message of its own, so memory does not grow with a table and damage is named as in the clear;
`age` itself reads them one after another, as the ADR on encryption shows.
"""

import shutil
from collections.abc import Callable, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import IO, Any

import pyrage

from separation.errors import CheckFailed, Refused, UsageFault

SUFFIX = ".age"
_STEP = 1024 * 1024
_KEYGEN = "age-keygen -o key.txt, on another machine; --recipient takes the public key it prints"


def check_recipients(recipients: Sequence[str]) -> list[str]:
    """Return the public keys to encrypt to; raises UsageFault for one that is none, without showing it."""
    for place, recipient in enumerate(recipients, 1):
        try:
            pyrage.x25519.Recipient.from_str(recipient)
        except pyrage.RecipientError as error:
            shown = "a private key" if recipient.upper().startswith("AGE-SECRET-KEY") else f"none ({error})"
            raise UsageFault(f"Recipient {place} is no public key of age, but {shown}.", _KEYGEN) from None
    return list(recipients)


def seal(data: bytes, recipients: Sequence[str]) -> bytes:
    """Return DATA encrypted to RECIPIENTS; as it is if there are none."""
    if not recipients:
        return data
    return pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients])


def seal_stream(source: IO[bytes], target: BufferedIOBase, recipients: Sequence[str]) -> None:
    """Write what SOURCE holds to TARGET as one message encrypted to RECIPIENTS, in the clear if there are none.

    Memory does not grow with it.
    """
    if recipients:
        keys = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
        ends = _Witness(source), _Witness(target)
        try:
            pyrage.encrypt_io(*ends, keys)
        finally:  # it does not raise what it meets in the last bytes
            for error in filter(None, (end.error for end in ends)):
                raise error
    else:
        shutil.copyfileobj(source, target, _STEP)


class _Witness(BufferedIOBase):
    """A file that remembers what went wrong with it: age says it in words of its own, or not at all."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.error: BaseException | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        found: bytes = self._remembering(self._file.read, size)
        return found

    def write(self, data: Any, /) -> int:
        written: int = self._remembering(self._file.write, data)
        return written

    def _remembering(self, work: Callable[[Any], Any], what: Any) -> Any:
        try:
            return work(what)
        except BaseException as error:
            self.error = error
            raise


class Key:
    """The private keys in a file, as age-keygen writes it; they are never shown."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises UsageFault if it cannot be read or holds no private key."""
        self._path = path
        try:
            lines = [line.strip() for line in path.read_text(encoding="ascii").splitlines()]
            secrets = [line for line in lines if line and not line.startswith("#")]
            self._identities = [pyrage.x25519.Identity.from_str(secret) for secret in secrets]
        except OSError as error:
            raise UsageFault(f"The private key {path} cannot be read: {error.strerror}.", _IDENTITY) from None
        except (ValueError, pyrage.IdentityError):  # what it says could quote the key
            self._identities = []
        if not self._identities:
            raise UsageFault(f"{path} holds no private key of age (a line AGE-SECRET-KEY-1…).", _IDENTITY)

    def open(self, data: bytes, name: Path, recipients: Sequence[str]) -> bytes:
        """Return what was sealed; raises Refused if no key fits, CheckFailed if NAME is not what was sealed."""
        try:
            return pyrage.decrypt(data, self._identities)
        except pyrage.DecryptError as error:
            if "No matching keys" in str(error):
                raise Refused(
                    "identity",
                    f"No private key in {self._path} opens this backup; it is encrypted to {', '.join(recipients)}.",
                    _IDENTITY,
                ) from None
            raise CheckFailed(f"{name} cannot be decrypted: {error}.", "python manage.py backup --list") from None


_IDENTITY = "the same command with --identity FILE, a file that age-keygen wrote"


def refuse_without_key(recipients: Sequence[str], key: Key | None) -> None:
    """Raise Refused if the backup is encrypted and there is no KEY."""
    if recipients and key is None:
        raise Refused("identity", f"The backup is encrypted to {', '.join(recipients)}.", _IDENTITY)
