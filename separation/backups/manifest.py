"""What a backup says about itself: `manifest.json`, and `SHA256SUMS`, which any `sha256sum -c` can check."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from separation.backups.sealing import SUFFIX
from separation.errors import CheckFailed, Refused

# Each is the oldest that can say what there is, so that older versions read what they can.
FORMAT_IN_THE_CLEAR, FORMAT_ENCRYPTED, FORMAT_WITH_DUMP = 1, 2, 3
TOOL = "restaurants-backup 1"
MANIFEST, SUMS, SEALED = "manifest.json", "SHA256SUMS", "sealed.json"
# What an encrypted backup's manifest keeps for those with a private key: a sum of its rows lets anybody try guesses.
_SECRET = ("migrations", "definition_only", "sequences", "objects")
_SECRET_OF_TABLE = ("columns", "key", "content_bytes", "content_sha256")


@dataclass(frozen=True)
class Column:
    """One column; `identity` and `generated` as pg_attribute has them ('' for neither)."""

    name: str
    type: str
    not_null: bool
    identity: str
    generated: str
    collatable: bool


@dataclass(frozen=True)
class Block:
    """A run of a file's bytes that can be unpacked on its own: a zstd frame."""

    bytes: int
    rows: int
    sha256: str


@dataclass
class Table:
    """One table and its file; `content_sha256` is of the lines before compression."""

    schema: str
    name: str
    columns: list[Column]
    key: list[str]
    disk_bytes: int
    file: str = ""
    rows: int = 0
    bytes: int = 0
    sha256: str = ""
    content_bytes: int = 0
    content_sha256: str = ""
    blocks: list[Block] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The name for people: without the schema where it is the usual one."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Sequence:
    """Where a sequence stands."""

    schema: str
    name: str
    last_value: int
    is_called: bool


@dataclass(frozen=True)
class Object:
    """One object of the schema and its definition."""

    kind: str
    name: str
    definition: str


@dataclass(frozen=True)
class Locale:
    """How a database sorts and what it takes for a letter; `provider` as pg_database has it, `name` is its."""

    collate: str
    ctype: str
    provider: str
    name: str


@dataclass(frozen=True)
class Dump:
    """What pg_dump wrote of the same snapshot in its custom format, for pg_restore; a restore does not need it."""

    file: str
    bytes: int
    sha256: str


@dataclass
class Manifest:
    """Everything a restore has to know, and everything a check compares."""

    id: str
    taken_at: datetime
    identity: str
    database: dict[str, Any]
    server_version: str
    server_version_num: int
    encoding: str
    locale: Locale
    snapshot: str
    snapshot_xids: str
    migrations: list[str]
    schema_files: dict[str, str]
    definition_only: list[str]
    tables: list[Table]
    sequences: list[Sequence]
    objects: list[Object]
    format: int = FORMAT_IN_THE_CLEAR
    tool: str = TOOL
    recipients: list[str] = field(default_factory=list)
    dump: Dump | None = None

    @property
    def rows(self) -> int:
        """How many rows all tables have."""
        return sum(table.rows for table in self.tables)

    @property
    def bytes(self) -> int:
        """How many bytes the tables' files have, and the dump if there is one."""
        return sum(table.bytes for table in self.tables) + (self.dump.bytes if self.dump else 0)

    @property
    def suffix(self) -> str:
        """What the names of encrypted files end in."""
        return SUFFIX if self.recipients else ""

    def text(self) -> str:
        """Return the manifest as the JSON of its file: without what is secret, if the backup is encrypted."""
        content = asdict(self)
        if self.recipients:
            content |= {name: [] for name in _SECRET}
            for table in content["tables"]:
                table |= {name: type(table[name])() for name in _SECRET_OF_TABLE}
        else:
            del content["recipients"]
        if not self.dump:
            del content["dump"]
        return _json(content)

    def secret(self) -> str:
        """Return as JSON what `text` leaves out of an encrypted backup's manifest."""
        content = asdict(self)
        tables = [{name: table[name] for name in _SECRET_OF_TABLE} for table in content["tables"]]
        return _json({name: content[name] for name in _SECRET} | {"tables": tables})

    def with_secret(self, text: str) -> "Manifest":
        """Return the manifest with what `secret` gave; raises CheckFailed if TEXT is something else."""
        try:
            found, secret = json.loads(self.text()), json.loads(text)
            tables = zip(found["tables"], secret["tables"], strict=True)
            return _manifest(found | secret | {"tables": [clear | hidden for clear, hidden in tables]})
        except (ValueError, KeyError, TypeError) as error:
            raise CheckFailed(f"{SEALED}{self.suffix} does not belong to its manifest ({error}).", _LIST) from None

    def sums(self, manifest_sha256: str) -> str:
        """Return what SHA256SUMS must say."""
        files = {MANIFEST: manifest_sha256, **self.schema_files, **{table.file: table.sha256 for table in self.tables}}
        if self.dump:
            files[self.dump.file] = self.dump.sha256
        return "".join(f"{digest}  {name}\n" for name, digest in files.items())


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, default=datetime.isoformat) + "\n"


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """Return the manifest in FOLDER and its SHA-256.

    Raises CheckFailed if there is none, or a byte of it or of SHA256SUMS was changed; Refused if a newer version
    wrote it.
    """
    try:
        data = (folder / MANIFEST).read_bytes()
        sums = (folder / SUMS).read_bytes()
    except OSError as error:
        raise CheckFailed(
            f"{folder} is no backup: {error.filename} cannot be read ({error.strerror}).", _LIST
        ) from None
    digest = hashlib.sha256(data).hexdigest()
    if not sums.startswith(f"{digest}  {MANIFEST}\n".encode()):
        raise CheckFailed(f"{folder / MANIFEST} or {folder / SUMS} is damaged: the sum is another.", _LIST)
    manifest = _parse(folder, data)
    if sums != manifest.sums(digest).encode():
        raise CheckFailed(f"{folder / SUMS} is damaged: it does not list the files as {MANIFEST} does.", _LIST)
    return manifest, digest


_LIST = "python manage.py backup --list"


def _parse(folder: Path, data: bytes) -> Manifest:
    try:
        found = json.loads(data)
        if found["format"] > FORMAT_WITH_DUMP:
            raise Refused(
                "backup-format",
                f"{folder / MANIFEST} has format {found['format']}; this version reads up to {FORMAT_WITH_DUMP}.",
                "restore it with the version of this project that took it",
            )
        return _manifest(found)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed(f"{folder / MANIFEST} is not a manifest of a backup ({error}).", _LIST) from None


def _manifest(found: dict[str, Any]) -> Manifest:
    found["taken_at"] = datetime.fromisoformat(found["taken_at"])
    found["locale"] = Locale(**found["locale"])
    found["tables"] = [_table(table) for table in found["tables"]]
    found["sequences"] = [Sequence(**sequence) for sequence in found["sequences"]]
    found["objects"] = [Object(**item) for item in found["objects"]]
    found["dump"] = Dump(**found["dump"]) if found.get("dump") else None
    manifest = Manifest(**found)
    dumped = [manifest.dump.file] if manifest.dump else []
    for name in (*manifest.schema_files, *(table.file for table in manifest.tables), *dumped):
        if Path(name).name != name:
            raise ValueError(f"{name!r} is not a file of its folder")
    return manifest


def _table(found: dict[str, Any]) -> Table:
    columns = [Column(**column) for column in found.pop("columns")]
    blocks = [Block(**block) for block in found.pop("blocks")]
    return Table(columns=columns, blocks=blocks, **found)
