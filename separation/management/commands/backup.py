"""`manage.py backup`: take a backup, list what there is, verify one again."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation.backups import Listed, listing, take, verify_backup
from separation.console import Command as BaseCommand


class Command(BaseCommand):
    """Back up the whole database into a folder that a restore needs nothing but."""

    help = (
        "Take a consistent backup of every table into BACKUP_DIR/backup-<timestamp>/: JSON lines per table, packed, "
        "with checksums, and the schema beside them; then read it back and put it on record as verified. Only reads "
        "the database: the right to SELECT is enough, and a standby will do. Exit codes: 0 done, 1 failed or damaged, "
        "2 no such backup, 3 refused because the backup could not be whole. Restore with: python manage.py restore"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --list and --verify."""
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--list", action="store_true", help="show the backups there are")
        what.add_argument("--verify", metavar="ID|PATH", help="read every byte of a backup again and count every row")

    def run(self, **options: Any) -> int:
        """Do one of the three."""
        if options["list"]:
            self._list()
        elif options["verify"]:
            self._verify(options["verify"])
        else:
            self._take()
        return 0

    def _take(self) -> None:
        record = take(connection)
        self.say(f"{record.id}: {record.tables} tables, {record.rows:,} rows, {_size(record.bytes)}, verified")
        self.say(f"In {record.path}")

    def _verify(self, name: str) -> None:
        found = verify_backup(connection, name)
        figures = f"{len(found.manifest.tables)} tables, {found.manifest.rows:,} rows, {_size(found.manifest.bytes)}"
        self.say(f"{found.folder.name}: {figures}, every byte as it was written")
        if not found.recorded:
            self.note(
                "There is no record that it was taken here, so no command counts it as a backup of this database."
            )

    def _list(self) -> None:
        found = listing(connection)
        if not found:
            self.say("There is no backup yet. Take one: python manage.py backup")
            return
        rows = [("id", "age", "rows", "size", "verified", "restore checked", "of database"), *map(_row, found)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


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
