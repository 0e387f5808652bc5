"""`manage.py rehearse`: the whole day on a restored backup, before it comes."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation.backups import Key
from separation.console import Command as BaseCommand
from separation.console import connection_to, url_of
from separation.errors import REHEARSE
from separation.rehearsal.rehearse import Stage, rehearse


class Command(BaseCommand):
    """Restore a backup into a scratch database, and go through everything there, forth and back."""

    help = (
        "Restore the newest verified backup of this database into a scratch database, and go through the whole day "
        "there, by the commands themselves: migrate, backup, preflight, dry run, execute, verify, rollback, every row "
        "compared, execute again, verify, clean up, verify. Says how long each step took, what is expected in "
        "production, and the locks it took. This database is only read, but for the record, which migrate_customers "
        "--execute and cleanup_legacy --execute ask for on production; nothing else stays behind. Exit codes: 0 done, "
        "1 a step failed, 2 usage, 3 refused by an interlock, 130 interrupted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare where to rehearse, on which backup, and what to keep."""
        parser.add_argument(
            "--url", metavar="URL", help="rehearse on the server of this address, not beside the original"
        )
        parser.add_argument(
            "--backup", metavar="PATH|ID", default="", help="a verified backup of this database other than the newest"
        )
        parser.add_argument(
            "--identity", type=Path, metavar="FILE", help="the file with the private key, for an encrypted backup"
        )
        parser.add_argument("--keep", action="store_true", help="keep the scratch database, to look at")
        parser.add_argument("--note", metavar="TEXT", default="", help="what there is to say about it, kept on record")

    def run(self, **options: Any) -> int:
        """Rehearse."""
        url, identity = options["url"], options["identity"]
        stage = Stage(
            connection_to(url, f"{REHEARSE} --url") if url else connection,
            url or url_of(connection),
            Key(identity) if identity else None,
            options["keep"],
        )
        return rehearse(connection, self, stage, backup=options["backup"], note=options["note"])
