"""`manage.py resolve_findings`: what waits for a decision, and deciding it."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation import interlocks
from separation.answers import NEEDS, UNDO, answer_given
from separation.console import Command as BaseCommand
from separation.decisions import ANSWERS, COMMAND, HELP, TABLES, Effect, name_of_row
from separation.errors import Refused, UsageFault
from separation.listing import Kind, open_kinds
from separation.mirror import drain_where_possible
from separation.models import Finding, Phase
from separation.runs import operator

_HELP = f"{COMMAND} --help"
_ANSWERS = list(dict.fromkeys(answer for answers in ANSWERS.values() for answer in answers))


class Command(BaseCommand):
    """List the findings that wait for somebody, or settle one: a preview, or with --execute for good."""

    help = (
        "Without an argument: the open findings by kind, with the commands that settle them. KIND ID ANSWER shows "
        "what an answer does to the user or row ID, who moves and what follows, and changes nothing; --execute does "
        "it, in both schemas at once. No phrase is asked for, since --undo takes any decision back, until clean-up, "
        "but for a mail. Answers: staff, customer, both (staff_marked_as_customer); merge --into ID, keep, rename "
        "--email ADDRESS (duplicate_email); rename --email ADDRESS (invalid_email); mail (needs_password_reset); "
        "assign --user ID, archive (orphan, --table reservations|orders); place --restaurant ID (no_restaurant, "
        "--table menus|recipes); follow, untie (restaurant_mismatch). A decision outlives roll-backs. Exit codes: 0 "
        "done or shown, 2 usage, 3 refused: nobody with that ID, nothing to decide, or somebody decided before."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the finding, the answer, and how it is given."""
        parser.add_argument("kind", nargs="?", choices=[kind for kind, _ in Finding.KINDS], help="what was found")
        parser.add_argument("id", nargs="?", type=int, help="the user, or the row, it was found of")
        parser.add_argument("answer", nargs="?", choices=_ANSWERS, help="what is decided")
        parser.add_argument("--into", type=int, metavar="ID", help="merge: the user who is the same person, and moves")
        parser.add_argument("--email", metavar="ADDRESS", help="rename: the new email")
        parser.add_argument("--user", type=int, metavar="ID", help="assign: the user whose it is")
        parser.add_argument("--restaurant", type=int, metavar="ID", help="place: the restaurant it is at")
        parser.add_argument("--table", metavar="NAME", help="the table of the row, where a finding can be of several")
        parser.add_argument("--undo", action="store_true", help="take the decision about this finding back")
        parser.add_argument("--execute", action="store_true", help="do it; without, only what it would do is shown")
        parser.add_argument("--by", metavar="NAME", help="who decides; you on this host, if not given")
        parser.add_argument("--note", metavar="TEXT", default="", help="why, for the record")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def run(self, **options: Any) -> int:
        """List, or decide."""
        interlocks.require_adoption(connection)
        drain_where_possible(connection)
        if options["kind"] is None:
            self._list(open_kinds(connection), as_json=options["json"])
        else:
            self._say(_decide(options), options)
        return 0

    def _list(self, kinds: list[Kind], *, as_json: bool) -> None:
        if as_json:
            self.say(json.dumps([asdict(kind) | {"commands": kind.commands} for kind in kinds], indent=2))
            return
        for kind in kinds:
            self.say(f"{kind.kind}: {kind.total:,}")
            for group in kind.samples:
                self.say("  " + ", ".join(_named(*one) for one in group))
            if kind.groups > len(kind.samples):
                self.say(f"  and {kind.groups - len(kind.samples):,} more")
            for command in kind.commands:
                self.say(f"    {command}")
        if not kinds:
            self.say("No finding is open.")

    def _say(self, effect: Effect, options: dict[str, Any]) -> None:
        if options["json"]:
            self.say(json.dumps(asdict(effect), indent=2))
            return
        self.say(f"{'Decided' if effect.done else 'Would be decided'}: {effect.what}.")
        for change in effect.changes:
            said = " becomes ".join("nothing" if value is None else value for value in (change.before, change.after))
            self.say(f"  {name_of_row(change.table, change.id)}: {change.column} {said}")
        for one in effect.people:
            theirs = (("reservation", one.reservations), ("order", one.orders), ("restaurant", one.restaurants))
            counted = ", ".join(f"{count:,} {what}{'' if count == 1 else 's'}" for what, count in theirs)
            self.say(f"  user {one.id} {one.email}: {one.becomes}, with {counted}")
        if effect.filled:
            self.say(f"  filled in the profile: {', '.join(effect.filled)}")
        if effect.phase == Phase.LEGACY:
            self.say("  The phase is legacy: who moves, moves with the next execute.")
        if not effect.done:
            self.say("Nothing was changed. Next: the same command with --execute")
        elif not options["undo"] and options["answer"] != Finding.MAIL:
            table = f" --table {options['table']}" if options["table"] else ""
            self.say(f"To take it back: {COMMAND} {options['kind']} {options['id']}{table} --undo --execute")


def _named(table: str, identifier: int, email: str) -> str:
    return f"{name_of_row(table, identifier)} {email}".strip()


def _decide(options: dict[str, Any]) -> Effect:
    """Call the service that the arguments mean; raises UsageFault if they mean none."""
    kind, answer, identifier = options["kind"], options["answer"], options["id"]
    if identifier is None or (answer is None) != options["undo"]:
        raise UsageFault("Give a kind, an ID, and an answer or --undo.", _HELP)
    if kind not in ANSWERS:
        raise Refused("finding", f"There is nothing to decide about {kind}.", HELP[kind])
    if answer and answer not in ANSWERS[kind]:
        raise UsageFault(f"The answers to {kind} are {', '.join(ANSWERS[kind])}.", _HELP)
    for owner, name in NEEDS.items():
        if (answer == owner) != (options[name] is not None):
            raise UsageFault(f"--{name} belongs to {owner}, and {owner} needs it.", _HELP)
    options["table"] = _table(kind, options["table"])
    return answer_given(
        connection=connection,
        kind=kind,
        table=options["table"] or "users",
        row_id=identifier,
        answer=answer or UNDO,
        value=options.get(NEEDS.get(answer, "")),
        by=options["by"] or operator(),
        note=options["note"],
        execute=options["execute"],
    )


def _table(kind: str, table: str | None) -> str | None:
    """Return the table of a row that a finding of KIND is about; raises UsageFault unless there is one such."""
    tables = TABLES.get(kind, ())
    if table is None and len(tables) < 2:
        return next(iter(tables), None)
    if table not in tables:
        which = " or ".join(tables) or "users"
        raise UsageFault(f"A finding {kind} is about {which}: say which by --table.", _HELP)
    return table
