"""`manage.py backup`: take a backup, list what there is, verify one again."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation.backups import BackupRecord, Key, Listed, listing, plan_pruning, prune, take, verify_backup
from separation.console import Command as BaseCommand
from separation.errors import UsageFault

_DEFAULTS = {"daily": 7, "weekly": 4}
_MOST_JOBS = 32
_PERIODS = {"daily": "days", "weekly": "weeks"}


class Command(BaseCommand):
    """Back up the whole database into a folder that a restore needs nothing but."""

    help = (
        "Take a consistent backup of every table into BACKUP_DIR/backup-<timestamp>/: JSON lines per table, packed, "
        "with checksums, and the schema beside them; then read it back and put it on record as verified. Only reads "
        "the database: the right to SELECT is enough, and a standby will do. Exit codes: 0 done, 1 failed or damaged, "
        "2 no such backup, 3 refused because the backup could not be whole, 4 phrase not given. Restore with: "
        "python manage.py restore"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --list, --verify and its key, --jobs, --recipient, and --prune with its rules."""
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--list", action="store_true", help="show the backups there are")
        what.add_argument("--verify", metavar="ID|PATH", help="read every byte of a backup again and count every row")
        what.add_argument(
            "--prune",
            action="store_true",
            help="show which backups of this database the rules keep, and remove the others after the typed phrase "
            "PRUNE <database name>; never the last verified one, never another database's",
        )
        parser.add_argument(
            "--jobs",
            type=int,
            default=1,
            choices=range(1, _MOST_JOBS + 1),
            metavar="N",
            help=f"save or verify N tables at a time, up to {_MOST_JOBS}; each opens a connection (default 1)",
        )
        parser.add_argument(
            "--recipient",
            action="append",
            metavar="AGE1…",
            help="encrypt to this public key of age, and to each further one given; by default to those of the "
            "setting BACKUP_RECIPIENT",
        )
        parser.add_argument(
            "--dump",
            action="store_true",
            help="also save what pg_dump writes of the same snapshot, in its custom format, for pg_restore, where this "
            "project is not at hand; takes about as much room again",
        )
        parser.add_argument(
            "--identity",
            type=Path,
            metavar="FILE",
            help="with --verify: the file with the private key, to read the rows of an encrypted backup too",
        )
        for period, count in _DEFAULTS.items():
            parser.add_argument(
                f"--keep-{period}",
                type=int,
                metavar="N",
                help=f"with --prune: keep the newest of each of the last N {_PERIODS[period]} that have one "
                f"(default {count})",
            )

    def run(self, **options: Any) -> int:
        """Do one of the four."""
        rules = {period: options[f"keep_{period}"] for period in _PERIODS}
        if options["prune"]:
            self._prune(**_checked(rules))
        elif any(count is not None for count in rules.values()):
            raise UsageFault("--keep-daily and --keep-weekly are rules for --prune.", "python manage.py backup --prune")
        elif options["list"]:
            self._list()
        elif options["verify"]:
            self._verify(options["verify"], options["jobs"], options["identity"])
        else:
            self._take(options["jobs"], options["recipient"], dump=options["dump"])
        return 0

    def _take(self, jobs: int, recipients: list[str] | None, *, dump: bool) -> None:
        record = take(connection, jobs=jobs, recipients=recipients, dump=dump)
        self.say(f"{record.id}: {record.tables} tables, {record.rows:,} rows, {_size(record.bytes)}, verified")
        self.say(f"In {record.path}")

    def _verify(self, name: str, jobs: int, identity: Path | None) -> None:
        found = verify_backup(connection, name, jobs=jobs, key=Key(identity) if identity else None)
        figures = f"{len(found.manifest.tables)} tables, {found.manifest.rows:,} rows, {_size(found.manifest.bytes)}"
        self.say(f"{found.folder.name}: {figures}, every byte as it was written")
        if not found.rows_read:
            self.note("It is encrypted: that its rows can be read, too, is proven with --identity FILE.")
        if not found.recorded:
            self.note(
                "There is no record that it was taken here, so no command counts it as a backup of this database."
            )

    def _prune(self, daily: int, weekly: int) -> None:
        plan = plan_pruning(connection, daily=daily, weekly=weekly)
        for record, why in plan.stay:
            self.say(f"stays  {_line(record)}  {why}")
        for record in plan.go:
            self.say(f"goes   {_line(record)}  {'' if record.is_good else 'not verified'}".rstrip())
        if not plan.go:
            self.say("Nothing to remove.")
            return
        name, size = connection.settings_dict["NAME"], _size(sum(record.bytes for record in plan.go))
        self.ask_phrase(
            f"PRUNE {name}", f"Backups to remove: {len(plan.go)} of {len(plan.go) + len(plan.stay)}, {size}."
        )
        gone = prune(connection, {record.id for record in plan.go}, daily=daily, weekly=weekly)
        self.say(f"Backups removed: {len(gone)}, {_size(sum(record.bytes for record in gone))}")

    def _list(self) -> None:
        found = listing(connection)
        if not found:
            self.say("There is no backup yet. Take one: python manage.py backup")
            return
        rows = [("id", "age", "rows", "size", "verified", "restore checked", "of database"), *map(_row, found)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _checked(rules: dict[str, int | None]) -> dict[str, int]:
    if any(count is not None and count < 0 for count in rules.values()):
        raise UsageFault("A keep rule takes a number from 0.", "python manage.py backup --prune --keep-daily 7")
    return {period: _DEFAULTS[period] if count is None else count for period, count in rules.items()}


def _line(record: BackupRecord) -> str:
    return f"{record.id:26}  {_age(record.taken_at):>8}  {_size(record.bytes):>12}"


def _row(item: Listed) -> tuple[str, ...]:
    age = _age(item.taken_at) if item.taken_at else "?"
    return item.id, age, f"{item.rows:,}", _size(item.bytes), item.verified, item.checked, item.database


def _age(taken_at: datetime) -> str:
    minutes = max(int((datetime.now(UTC) - taken_at).total_seconds()) // 60, 0)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"
