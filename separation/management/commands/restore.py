"""`manage.py restore`: a backup into an empty database."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation.backups import Checked, Key, Restored, check, extract_customer, extract_table, find, restore
from separation.console import Command as BaseCommand
from separation.console import connection_to
from separation.errors import UsageFault


class Command(BaseCommand):
    """Restore a backup into an empty database and compare the two to the last bit."""

    help = (
        "Restore a backup (its id or its folder) into the database of DATABASE_URL, or the one of --into, any server. "
        "It must be empty, and is made if missing and the role may. The backup is verified first; rows, sequences and "
        "the schema are compared afterwards; all of it is one transaction, so a failure leaves the database empty. The "
        "restored database is marked as a copy, all log-ins in it are ended, and queued mails are given up. Exit "
        "codes: 0 done, 1 damaged or not restored, 2 usage, 3 refused: the database is not empty, the server is older "
        "than the backup's, or the role may not make a scratch database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare PATH, what to make of it, and --identity."""
        parser.add_argument("path", metavar="PATH", help="the backup: an id that backup --list shows, or a folder")
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--check",
            action="store_true",
            help="prove that it can be restored: into a scratch database on the same server (or that of --into), "
            "compared, dropped, put on record",
        )
        what.add_argument("--table", metavar="NAME", help="only write the rows of one table into the file --to")
        what.add_argument(
            "--customer",
            type=int,
            metavar="ID",
            help="only write what the person with this id has into the file --to: the rows in users and customers, and "
            "those that refer to them",
        )
        parser.add_argument("--to", type=Path, metavar="FILE", help="a new file, of SQL that psql loads")
        parser.add_argument(
            "--into",
            metavar="URL",
            help="postgres://user:password@host:5432/name; on a socket postgres://user@/name?host=/folder",
        )

        parser.add_argument(
            "--identity",
            type=Path,
            metavar="FILE",
            help="the file with the private key, as age-keygen writes it, for an encrypted backup",
        )

    def run(self, **options: Any) -> int:
        """Restore, then say how to switch over; or check that it could be done."""
        into, folder = options["into"], find(options["path"])
        key = Key(options["identity"]) if options["identity"] else None
        _refuse_nonsense(**options)
        if options["to"]:
            self._extract(folder, options["table"], options["customer"], options["to"], key)
            return 0
        target = connection_to(into, "python manage.py restore PATH --into") if into else connection
        if options["check"]:
            self._checked(check(connection, folder, target, key=key))
            return 0
        name = target.settings_dict["NAME"]
        restored = restore(target, folder, key=key)
        self._restored(restored, repr(name))
        if any(restored.sessions_ended):
            self.say("Log-ins ended in it: {} of customers, {} of staff".format(*restored.sessions_ended))
        if restored.mails_cancelled:
            self.say(f"Mails given up that were queued in it: {restored.mails_cancelled:,}")
        self.say(_switch_over(into, name))
        return 0

    def _extract(self, folder: Path, table: str | None, customer: int | None, to: Path, key: Key | None) -> None:
        if table is not None:
            manifest = extract_table(folder, table, to, key=key)
            counts = {each.label: each.rows for each in manifest.tables if table in (each.label, f"public.{each.name}")}
        else:
            counts = extract_customer(folder, customer or 0, to, key=key)
        self.say(f"{', '.join(f'{name} {rows:,}' for name, rows in counts.items())}: written into {to}")
        self.note("The file shows all of it in the clear; remove it when it has served.")

    def _restored(self, restored: Restored, where: str) -> None:
        manifest = restored.manifest
        self.say(
            f"{manifest.id} restored into {where}: {len(manifest.tables)} tables, {manifest.rows:,} rows, "
            f"{len(manifest.sequences)} sequences, {len(manifest.objects)} schema objects: all compared, all equal"
        )
        if restored.locale:
            self.note(f"It sorts text as {restored.locale}; the backup's database did as {manifest.locale}.")

    def _checked(self, checked: Checked) -> None:
        self._restored(checked.restored, "a scratch database")
        if checked.entries is None:
            self.note("Another version of PostgreSQL wrote the schema, so its text was not compared, only its objects.")
        else:
            self.say(f"The schema as pg_dump writes it: {checked.entries} entries, all equal")
        self.say("The scratch database is dropped." + (" The backup's record says so." if checked.recorded else ""))
        if not checked.recorded:
            self.note("There is no record that the backup was taken here, so the outcome is not on record.")


def _refuse_nonsense(*, table: str | None, customer: int | None, to: Path | None, into: str | None, **_: Any) -> None:
    chosen = table is not None or customer is not None
    if chosen != (to is not None) or (chosen and into):
        raise UsageFault(
            "--table and --customer take --to FILE, and --to takes one of them; --into is for whole databases.",
            "python manage.py restore PATH --table NAME --to FILE",
        )


def _switch_over(into: str | None, name: str) -> str:
    new = "Set DATABASE_URL to the address you gave with --into, here and in the old application,"
    same = "Point the old application at the database of DATABASE_URL too,"
    steps = [
        "It is marked as a copy until you declare it live. To switch over:",
        "  1. Stop everything that writes to the old database.",
        f"  2. {new if into else same}",
        "     and give the application's role its rights: ownership and grants are not in a backup.",
        "  3. python manage.py preflight",
        f"  4. python manage.py environment --set production    (asks for the phrase PRODUCTION {name})",
    ]
    return "\n".join(steps)
