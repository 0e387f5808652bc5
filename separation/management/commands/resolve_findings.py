"""`manage.py resolve_findings`: what waits for a decision, and deciding it."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation import decisions, interlocks
from separation.console import Command as BaseCommand
from separation.decisions import ANSWERS, COMMAND, HELP, Effect
from separation.errors import Refused, UsageFault
from separation.listing import Kind, open_kinds
from separation.mirror import drain_where_possible
from separation.models import Finding, Phase
from separation.runs import operator

_ANSWERS = [Finding.STAFF, Finding.CUSTOMER, Finding.BOTH, Finding.MERGE, Finding.KEEP, Finding.RENAME]


class Command(BaseCommand):
    """List the findings that wait for somebody, or settle one: a preview, or with --execute for good."""

    help = (
        "Without an argument: the open findings by kind, with the commands that settle them. KIND ID ANSWER shows "
        "what an answer does to the user ID, who moves and what follows, and changes nothing; --execute does it, in "
        "both schemas at once. No phrase is asked for, since --undo takes any decision back, until clean-up. Answers: "
        "staff, customer, both (staff_marked_as_customer); merge --into ID, keep, rename --email ADDRESS "
        "(duplicate_email); rename --email ADDRESS (invalid_email). A decision outlives roll-backs. Exit codes: 0 "
        "done or shown, 2 usage, 3 refused: nobody with that ID, nothing to decide, or somebody decided before."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the finding, the answer, and how it is given."""
        parser.add_argument("kind", nargs="?", choices=[kind for kind, _ in Finding.KINDS], help="what was found")
        parser.add_argument("id", nargs="?", type=int, help="the user it was found of")
        parser.add_argument("answer", nargs="?", choices=_ANSWERS, help="what is decided")
        parser.add_argument("--into", type=int, metavar="ID", help="merge: the user who is the same person, and moves")
        parser.add_argument("--email", metavar="ADDRESS", help="rename: the new email")
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
        elif not options["undo"]:
            self.say(f"To take it back: {COMMAND} {options['kind']} {options['id']} --undo --execute")


def _named(table: str, identifier: int, email: str) -> str:
    name = f"user {identifier}" if table == "users" else f"{table} {identifier}"
    return f"{name} {email}".strip()


def _decide(options: dict[str, Any]) -> Effect:
    """Call the service that the arguments mean; raises UsageFault if they mean none."""
    kind, answer = options["kind"], options["answer"]
    if options["id"] is None or (answer is None) != options["undo"]:
        raise UsageFault("Give a kind, an ID, and an answer or --undo.", f"{COMMAND} --help")
    if kind not in ANSWERS:
        raise Refused("finding", f"There is nothing to decide about {kind}.", HELP[kind])
    if answer and answer not in ANSWERS[kind]:
        raise UsageFault(f"The answers to {kind} are {', '.join(ANSWERS[kind])}.", f"{COMMAND} --help")
    if (answer == Finding.MERGE) != (options["into"] is not None):
        raise UsageFault("--into belongs to merge, and merge needs it.", f"{COMMAND} --help")
    if (answer == Finding.RENAME) != (options["email"] is not None):
        raise UsageFault("--email belongs to rename, and rename needs it.", f"{COMMAND} --help")
    common = {
        "connection": connection,
        "user_id": options["id"],
        "by": options["by"] or operator(),
        "note": options["note"],
        "execute": options["execute"],
    }
    if options["undo"]:
        return decisions.decision_undo(kind=kind, **common)
    if answer == Finding.MERGE:
        return decisions.duplicate_merge(into=options["into"], **common)
    if answer == Finding.KEEP:
        return decisions.duplicate_keep(**common)
    if answer == Finding.RENAME:
        return decisions.email_rename(kind=kind, email=options["email"], **common)
    return decisions.staff_decide(answer=answer, **common)
