"""How commands speak with an operator: messages, the typed phrase, exit codes."""

import os
import sys
from typing import Any

import environ
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connection
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from config.console import is_typed, terminable
from config.ddl import LOCK_NOT_AVAILABLE
from config.embedded_postgres import ServerUnavailable, ensure_running
from config.masking import mask_text
from separation.database import bounded, sqlstate_of
from separation.errors import PREFLIGHT, Interrupted, PhraseNotGiven, Refused, SeparationError, UsageFault
from separation.waiting import lock_holders

_NO_PRIVILEGE = "42501"


class Command(BaseCommand):
    """A command of the separation: subclasses write `run`, which returns the exit code.

    Guarantees the contract of exit codes: every SeparationError becomes one sentence on standard error with the next
    command to type; an unreachable database exits 1; Ctrl-C and SIGTERM outside a chunk exit 130.
    """

    requires_system_checks = ()
    # Works on a database that has nothing of ours in it yet.
    requires_migrations_checks = False

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return a parser that takes no abbreviations: `--force` must be unknown, not Django's --force-color."""
        return super().create_parser(prog_name, subcommand, allow_abbrev=False, **kwargs)

    def handle(self, *args: Any, **options: Any) -> None:
        """Call `run` and exit with its code."""
        for name in ("settings", "pythonpath", "traceback", "no_color", "force_color", "verbosity", "skip_checks"):
            options.pop(name, None)
        try:
            with terminable(), bounded(connection):
                code = self.run(**options)
        except SeparationError as error:
            self._explain(error)
            code = error.exit_code
        except ServerUnavailable as error:
            self._explain(SeparationError(str(error)))
            code = 1
        except (DatabaseError, InterfaceError) as error:
            self._explain(_said_by_the_database(error))
            code = 1
        except BrokenPipeError:
            # Whoever read the output went away, as `| head` does; Python must not fail again when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.note("Nobody read the output to its end.")
            code = 1
        except KeyboardInterrupt:
            self.note("Interrupted; nothing was left half done.")
            code = 130
        if code:
            sys.exit(code)

    def run(self, **options: Any) -> int:
        """Do the command's work and return its exit code."""
        raise NotImplementedError

    def say(self, text: str = "") -> None:
        """Print the command's result, on standard output."""
        self.stdout.write(text)

    def say_lines(self, lines: list[tuple[str, str]]) -> None:
        """Print the lines of a report, each in the colour of its status: pass, warn, fail or none."""
        styles = {"pass": self.style.SUCCESS, "warn": self.style.WARNING, "fail": self.style.ERROR}
        for status, line in lines:
            self.say(styles[status](line) if status else line)

    def note(self, text: str) -> None:
        """Print what accompanies the result, on standard error."""
        self.stderr.write(text, style_func=str)

    def ask_phrase(self, phrase: str, consequence: str) -> None:
        """Return only if the exact PHRASE is read from standard input, terminal or pipe; else raise PhraseNotGiven."""
        self.note(f"{consequence}\nType exactly: {phrase}")
        if not is_typed(phrase):
            raise PhraseNotGiven(f"The phrase {phrase!r} was not given exactly, so nothing was changed.")

    def _explain(self, error: SeparationError) -> None:
        kind = "Interrupted" if isinstance(error, Interrupted) else "Error"
        kind = f"Refused ({error.interlock})" if isinstance(error, Refused) else kind
        self.note(f"{kind}: {error.message}")
        if error.next_command:
            self.note(f"Next: {error.next_command}")


def connection_to(url: str, command: str) -> BaseDatabaseWrapper:
    """Return a connection to the database at URL, which came with the option that COMMAND ends with.

    Raises UsageFault if that is no address of a PostgreSQL database.
    """
    option = command.split()[-1]
    example = f"{command} postgres://user:password@host:5432/name"
    try:
        config: dict[str, Any] = environ.Env.db_url_config(url)
    except (ValueError, KeyError) as error:
        raise UsageFault(f"{option} is not an address of a database ({error}).", example) from None
    if config.get("ENGINE") != "django.db.backends.postgresql" or not config.get("NAME"):
        raise UsageFault(f"{option} must be the address of a PostgreSQL database, with its name.", example)
    if connection.settings_dict["ENGINE"] == "config.embedded_postgres":
        connection.ensure_connection()  # the address may be one on the embedded server, which starts when it is used
    handler = ConnectionHandler({DEFAULT_DB_ALIAS: config})
    return handler[DEFAULT_DB_ALIAS].copy(alias=NO_DB_ALIAS)  # the usual database may be gone: nothing asks it


def url_of(connection: BaseDatabaseWrapper) -> str:
    """Return the address of CONNECTION's database, as DATABASE_URL has it or would have it."""
    if settings.EMBEDDED:
        return ensure_running().url(connection.settings_dict["NAME"])
    return str(environ.Env().str("DATABASE_URL"))


def _said_by_the_database(error: Exception) -> SeparationError:
    if sqlstate_of(error) == LOCK_NOT_AVAILABLE:
        # Those of this session are gone: its transaction was undone.
        return SeparationError(
            f"A lock was waited for in vain; the open transaction was undone. Locks are held by {_holders()}.",
            "wait for that, or end it, then the same command again: what is done is not done twice",
        )
    said = mask_text(f"The database said: {_first_line(error)}")
    if sqlstate_of(error) == _NO_PRIVILEGE:
        return SeparationError(
            f"{said}. The open transaction was undone.",
            "grant that to the role of DATABASE_URL, then the same command again; python manage.py preflight names all",
        )
    return SeparationError(said, PREFLIGHT)


def _holders() -> str:
    try:
        with bounded(connection):
            return lock_holders(connection)
    except (DatabaseError, InterfaceError):
        return "somebody else"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
