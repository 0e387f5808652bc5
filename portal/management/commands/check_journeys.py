"""`manage.py check_journeys`: walk a day of a customer, a guest and staff through a deployment."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand
from django.core.validators import validate_email
from django.db import DatabaseError, connection

from config.console import is_typed, terminable
from config.masking import scrub
from portal.journeys.browser import Browser, Unreachable
from portal.journeys.run import Outcome, Report, walk
from portal.journeys.steps import API, Journey
from portal.journeys.traces import only_one, traces, traces_remove

DONE, FAILED, USAGE, REFUSED, NO_PHRASE, INTERRUPTED = 0, 1, 2, 3, 4, 130


class Command(BaseCommand):
    """Walk the guide's checklist over HTTP, with people who are made for it and removed."""

    help = (
        "A test customer registers, logs in, books, changes and cancels; a guest books and cancels; a staff user, made "
        "for it, looks at recipes, menus, reservations and orders: all over HTTP, at the deployment at --url, of which "
        "this needs DATABASE_URL and the keys: the links of mails it signs itself, as their delivery does. Everything "
        "made is removed again, also after a failure or Ctrl-C; what a "
        "killed check left, the next one removes. It writes into that database for some seconds, so it asks for the "
        "typed phrase CHECK <database name>, read from standard input. Exit codes: 0 every step passed and nothing is "
        "left, 1 not so, 2 usage, 3 the portal is closed or another check is under way, 4 phrase not given, 130 "
        "interrupted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare where, with which mailbox, and at which restaurant."""
        parser.add_argument("--url", required=True, type=_url, help="the deployment, as in https://restaurants.example")
        parser.add_argument(
            "--email",
            type=_mailbox,
            metavar="ADDRESS",
            help="a mailbox of yours that takes name+anything@host: the mails really go there, and are waited for; by "
            "default nobody gets them",
        )
        parser.add_argument(
            "--restaurant", default="", metavar="SLUG", help="where to book; default: the first with a free table"
        )
        parser.add_argument("--json", action="store_true", help="one JSON document on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, and exit with the code of the outcome."""
        try:
            with terminable():
                code = self._check(**options)
        except KeyboardInterrupt:
            self.stderr.write("Interrupted; what the check made is removed.", style_func=str)
            code = INTERRUPTED
        except (DatabaseError, Unreachable) as error:
            self.stderr.write(f"Error: {scrub(str(error).strip().partition(chr(10))[0])}", style_func=str)
            code = FAILED
        if code:
            sys.exit(code)

    def _check(self, *, url: str, email: str | None, restaurant: str, json: bool, **_: Any) -> int:
        if reason := _closed(url):
            return self._refuse("portal", reason, "the same command, once the portal is open")
        with only_one() as alone:
            if not alone:
                return self._refuse("one check at a time", "Another check works on this database.", "wait for its end")
            name = connection.settings_dict["NAME"]
            self.stderr.write(
                f"This makes a customer, a guest and a staff user in database {name!r}, has them book, and removes all "
                f"of it.\nType exactly: CHECK {name}",
                style_func=str,
            )
            if not is_typed(f"CHECK {name}"):
                self.stderr.write("The phrase was not given exactly, so nothing was changed.", style_func=str)
                return NO_PHRASE
            self._remove_leftovers()
            report = Report(name, url)
            walk(report, Journey(url, email or "", restaurant), self._tell if not json else lambda outcome: None)
        return self._end(report, as_json=json)

    def _refuse(self, interlock: str, message: str, next_command: str) -> int:
        self.stderr.write(f"Refused ({interlock}): {message}\nNext: {next_command}", style_func=str)
        return REFUSED

    def _remove_leftovers(self) -> None:
        if left := traces():
            traces_remove()
            said = ", ".join(f"{count} {name}" for name, count in left.items())
            self.stderr.write(f"An earlier check left {said}; they are removed.", style_func=str)

    def _tell(self, outcome: Outcome) -> None:
        styles = {"pass": self.style.SUCCESS, "fail": self.style.ERROR}
        line = f"{outcome.status:<8} {outcome.seconds:6.2f} s  {outcome.who:<9} {outcome.step}"
        line += f": {outcome.detail}" if outcome.detail else ""
        self.stdout.write(styles.get(outcome.status, str)(line))

    def _end(self, report: Report, *, as_json: bool) -> int:
        self.stdout.write(json.dumps(report.as_dict(), indent=2) if as_json else report.verdict())
        return DONE if report.ok else FAILED


def _closed(url: str) -> str:
    """Return why the portal at URL is closed, or nothing; raises Unreachable."""
    problem = Browser(url).ask("GET", f"{API}/restaurants").json()
    closed = isinstance(problem, dict) and problem.get("code") == "portal_closed"
    return str(problem["detail"]) if closed else ""


def _url(text: str) -> str:
    try:
        return Browser(text).url
    except ValueError as error:
        raise ArgumentTypeError(f"{error}, such as https://restaurants.example") from error


def _mailbox(text: str) -> str:
    try:
        validate_email(text)
    except ValidationError as error:
        raise ArgumentTypeError(f"{text!r} is no address") from error
    return text
