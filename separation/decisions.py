"""What staff decide about findings: who is staff, which of two duplicates is the person, which email is right.

Each service is one transaction, with the people concerned locked in id order: it looks at them as they are then,
refuses what does not fit, writes the decision, and in phase dual brings both schemas into step with it at once. Without
`execute` it does all that and rolls back. A decision stands, over any roll-back and execute, until it is undone.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from config.masking import mask_email
from config.sql import Queries
from separation.database import execute as run_sql
from separation.database import row, rows, scalar
from separation.errors import RESOLVE, ROLL_BACK, VERIFY, Refused, UsageFault
from separation.migrator import CHUNK
from separation.models import Finding, Merge, Phase
from separation.waiting import is_transient, patiently

SQL = Queries(
    settings.BASE_DIR / "separation" / "sql" / "decisions.sql",
    {name: getattr(CHUNK, name) for name in ("email_key", "classified_users", "fillable", "finding_state")},
)

COMMAND = RESOLVE
STAFF, DUPLICATE, INVALID = "staff_marked_as_customer", "duplicate_email", "invalid_email"
# What can be decided about which kind of finding.
ANSWERS = {
    STAFF: (Finding.STAFF, Finding.CUSTOMER, Finding.BOTH),
    DUPLICATE: (Finding.MERGE, Finding.KEEP, Finding.RENAME),
    INVALID: (Finding.RENAME,),
}
# What helps with a finding about which there is nothing to decide.
HELP = {
    "needs_password_reset": "the customer asks for a new password, in either application",
    "orphan": "give the row a user who exists, or delete it, then: python manage.py migrate_customers --execute",
    "no_restaurant": "give the menu or the recipe its restaurant in the admin",
    "restaurant_mismatch": "give the order the restaurant of its reservation, or no reservation",
    "row_failed": "put right what the finding says, then: python manage.py migrate_customers --execute",
    "no_user": "look at the row of the earlier attempt: it is nobody's by now",
    "truncated": "python manage.py migrate_customers --execute, which brings the new tables into step",
    "set_aside": "make the person a customer again in the old application, and all of it is given back",
    "drift": VERIFY,
    "overbooked": "make room or call the guests; the next verification after it is right, or over, closes it",
    "deleted_meanwhile": "nothing: the old application deleted this person",
}


@dataclass(frozen=True)
class Person:
    """A user a decision is about, as the transaction sees them."""

    id: int
    email: str
    name: str | None
    is_customer: bool
    outcome: str
    moved: bool
    winner: int | None
    has_merged: bool
    key: str


@dataclass(frozen=True)
class Share:
    """What becomes of one person, and what is theirs."""

    id: int
    email: str
    becomes: str
    reservations: int
    orders: int
    restaurants: int


@dataclass(frozen=True)
class Effect:
    """What a decision does, or did if `done`."""

    kind: str
    what: str
    phase: str
    done: bool
    people: list[Share]
    filled: list[str] = field(default_factory=list)


@dataclass
class _Case:
    """One transaction that decides: who decides, and the people as they were when they were locked."""

    connection: BaseDatabaseWrapper
    kind: str
    by: str
    note: str
    phase: str = ""
    people: dict[int, Person] = field(default_factory=dict)

    def look(self, identifier: int, *others: int) -> Person:
        """Lock the person, all with the same email, and OTHERS, and return the person as they are now."""
        name, occupied = row(self.connection, SQL.hold_phase)
        _require_phase(name, occupied)
        self.phase = name
        group = [found for (found,) in rows(self.connection, SQL.duplicates_of, id=identifier)]
        self.lock({identifier, *others, *group})
        return self.person(identifier)

    def lock(self, ids: set[int]) -> None:
        """Lock people and look at them."""
        rows(self.connection, SQL.lock, ids=sorted(ids))
        found = rows(self.connection, SQL.people, ids=sorted(ids))
        self.people |= {values[0]: Person(*values) for values in found}

    def person(self, identifier: int) -> Person:
        """Return a customer of users; raises Refused if there is none with that id."""
        person = self.people.get(identifier)
        if person is None:
            raise _refused(f"There is no user {identifier}.", COMMAND)
        if not person.is_customer:
            raise _refused(f"User {identifier} is not marked as a customer, so there is nothing to decide.", COMMAND)
        return person

    def twins(self, person: Person) -> list[Person]:
        """Return the other customers of users with PERSON's email."""
        return [p for p in self.people.values() if p.is_customer and p.key == person.key and p.id != person.id]

    def finding(self, identifier: int, kind: str = "") -> Finding | None:
        """Return what is on record about a person."""
        found = Finding.objects.using(self.connection.alias).filter(table_name="users", row_id=identifier)
        return found.filter(kind=kind or self.kind).first()

    def require(self, person: Person, outcome: str) -> None:
        """Raise Refused unless PERSON is kept back for the reason OUTCOME and nothing is decided about it yet."""
        if person.outcome == outcome and not self.standing(person):
            return
        if found := self.standing(person):
            since = f"{found.decided_at:%Y-%m-%d %H:%M} UTC"
            raise _refused(
                f"User {person.id} is settled already: {found.decision}, by {found.decided_by}, {since}.",
                f"{COMMAND} {self.kind} {person.id} --undo",
            )
        why = "moves" if person.outcome == "move" else f"is kept back by another finding, {person.outcome}"
        raise _refused(f"User {person.id} has no open finding {outcome}: this person {why}.", COMMAND)

    def standing(self, person: Person) -> Finding | None:
        """Return the finding of this kind that a decision about PERSON settles, if there is one."""
        found = self.finding(person.id)
        if found is None or found.decision in ("", Finding.RENAME):
            return None
        bound = found.decision in (Finding.KEEP, Finding.LEFT)
        return None if bound and found.detail.get("email") != person.key else found

    def decide(self, person: Person, decision: str, what: str, **detail: Any) -> None:
        """Write DECISION about PERSON, and WHAT it was to its history; raises Refused if another came first."""
        before = self.finding(person.id)
        event = {"what": what, "by": self.by, "at": timezone.now().isoformat(timespec="seconds"), "note": self.note}
        written = run_sql(
            self.connection,
            SQL.decide,
            kind=self.kind,
            id=person.id,
            decision=decision,
            by=self.by if decision else "",
            note=self.note if decision else "",
            detail=json.dumps(detail),
            event=json.dumps(event),
            expected=before.decision if before else "",
        )
        if not written:
            raise _refused(f"Somebody else decided about user {person.id} just now.", COMMAND)

    def keep(self, person: Person, what: str) -> None:
        """Let PERSON move, of all with this email, and nobody whose email it was before."""
        run_sql(self.connection, SQL.supersede, email=person.key, id=person.id)
        self.decide(person, Finding.KEEP, what, email=person.key, moved_before=person.moved)

    def settle(self) -> None:
        """Bring everybody looked at into step with what was decided, in phase legacy only their findings."""
        query = SQL.sync if self.phase == Phase.DUAL else SQL.judge
        run_sql(self.connection, query, ids=sorted(self.people))


Work = Callable[[_Case], Effect]


def staff_decide(
    *, connection: BaseDatabaseWrapper, user_id: int, answer: str, by: str, note: str = "", execute: bool = False
) -> Effect:
    """Decide whether a customer with staff's rights is `staff`, who stays, a `customer`, or `both`, who move."""

    def work(case: _Case) -> Effect:
        person = case.look(user_id)
        case.require(person, STAFF)
        case.decide(person, answer, answer)
        case.settle()
        return _effect(case, f"user {person.id} is {answer}", {person.id})

    return _transaction(connection, STAFF, by, note, work, execute=execute)


def duplicate_merge(
    *, connection: BaseDatabaseWrapper, user_id: int, into: int, by: str, note: str = "", execute: bool = False
) -> Effect:
    """Decide that two customers with one email are one person: USER_ID's bookings and links become INTO's, who moves.

    What is empty in the profile of INTO is filled from the other's. USER_ID stays in users, for the old application.
    """

    def work(case: _Case) -> Effect:
        loser, winner = case.look(user_id, into), case.person(into)
        _require_mergeable(case, loser, winner)
        filled = [name for (name,) in rows(connection, SQL.filled, winner=winner.id, loser=loser.id)]
        Merge.objects.using(connection.alias).create(user_id=loser.id, customer_id=winner.id)
        case.decide(loser, Finding.MERGE, f"merged into {winner.id}")
        if not case.standing(winner):
            case.keep(winner, f"kept, since {loser.id} was merged into this one")
        case.settle()
        effect = _effect(case, f"user {loser.id} is the same person as user {winner.id}", {loser.id, winner.id})
        effect.filled.extend(filled)
        return effect

    if user_id == into:
        raise UsageFault(f"User {user_id} cannot be merged into themselves.", COMMAND)
    return _transaction(connection, DUPLICATE, by, note, work, execute=execute)


def duplicate_keep(
    *, connection: BaseDatabaseWrapper, user_id: int, by: str, note: str = "", execute: bool = False
) -> Effect:
    """Decide that of all customers with one email this one moves; the others stay in users only."""

    def work(case: _Case) -> Effect:
        person = case.look(user_id)
        others = [p for p in case.twins(person) if p.outcome == DUPLICATE and not case.standing(p)]
        _require_keepable(case, person, others)
        case.keep(person, "kept")
        for other in others:
            case.decide(other, Finding.LEFT, f"left in users, since {person.id} was kept", email=other.key)
        case.settle()
        ids = {person.id, *(p.id for p in others)}
        return _effect(case, f"of {len(ids)} customers with this email user {person.id} moves", ids)

    return _transaction(connection, DUPLICATE, by, note, work, execute=execute)


def email_rename(
    *,
    connection: BaseDatabaseWrapper,
    kind: str,
    user_id: int,
    email: str,
    by: str,
    note: str = "",
    execute: bool = False,
) -> Effect:
    """Give a customer another email, in both schemas; whoever shared the old one is looked at again.

    Raises UsageFault if EMAIL is no address, and Refused if anybody has it, in any case.
    """
    email = _address(email)

    def work(case: _Case) -> Effect:
        person = case.look(user_id)
        case.require(person, kind)
        _require_unused(connection, email, person)
        case.decide(person, Finding.RENAME, "renamed", former_email=person.email, renamed_to=email)
        run_sql(connection, SQL.rename, id=person.id, email=email)
        case.settle()
        ids = {person.id, *(p.id for p in case.twins(person))}
        return _effect(case, f"user {person.id} gets the email {mask_email(email)}", ids)

    return _transaction(connection, kind, by, note, work, execute=execute)


def decision_undo(
    *, connection: BaseDatabaseWrapper, kind: str, user_id: int, by: str, note: str = "", execute: bool = False
) -> Effect:
    """Take back what was decided about a finding, with all it did; whoever moved by it goes back to users only.

    To undo that one of several was kept undoes that the others were left, and the other way round.
    """

    def work(case: _Case) -> Effect:
        merged = Merge.objects.using(connection.alias).filter(user_id=user_id).first()
        person = case.look(user_id, *([merged.customer_id] if merged and kind == DUPLICATE else []))
        found = case.finding(user_id)
        if found is None or not found.decision:
            raise _refused(f"Nothing is decided about the finding {kind} of user {user_id}.", COMMAND)
        undone = _UNDO[found.decision](case, person, found)
        case.settle()
        return _effect(case, f"{found.decision} of user {user_id} is undone", undone)

    return _transaction(connection, kind, by, note, work, execute=execute)


def _undo_answer(case: _Case, person: Person, found: Finding) -> set[int]:
    case.decide(person, "", f"undone: {found.decision}")
    return {person.id}


def _undo_merge(case: _Case, person: Person, found: Finding) -> set[int]:
    connection = case.connection
    merge = Merge.objects.using(connection.alias).get(user_id=person.id)
    run_sql(connection, SQL.part, ids=[person.id])
    merge.delete()
    case.decide(person, "", f"undone: merged into {merge.customer_id}")
    winner = case.people.get(merge.customer_id)
    kept = case.finding(winner.id) if winner else None
    if winner is None or kept is None or kept.decision != Finding.KEEP:
        return {person.id}
    others = Merge.objects.using(connection.alias).filter(customer_id=winner.id).exists()
    if not others and not _left_for(case, kept):
        _release(case, winner, kept)
    return {person.id, winner.id}


def _undo_keep(case: _Case, person: Person, found: Finding) -> set[int]:
    """Undo that one was kept, or left: of all with that email, but for those who are merged."""
    kept = Finding.objects.using(case.connection.alias).filter(
        kind=DUPLICATE, table_name="users", decision=Finding.KEEP, detail__email=found.detail["email"]
    )
    left, keeper = _left_for(case, found), kept.first()
    ids = {finding.row_id for finding in (*left, *kept)}
    case.lock({*case.people, *ids})
    for finding in left:
        if finding.row_id in case.people:
            case.decide(case.people[finding.row_id], "", "undone: left")
    if keeper and keeper.row_id in case.people:
        if not case.people[keeper.row_id].has_merged:
            _release(case, case.people[keeper.row_id], keeper)
        elif not left:
            raise _refused(f"Others are merged into user {keeper.row_id}: undo that first.", COMMAND)
    return ids


def _undo_rename(case: _Case, person: Person, found: Finding) -> set[int]:
    former, given = found.detail["former_email"], found.detail["renamed_to"]
    if person.email != given:
        raise _refused(f"User {person.id} was given yet another email since; that stays.", COMMAND)
    case.decide(person, "", "undone: renamed")
    run_sql(case.connection, SQL.rename, id=person.id, email=former)
    case.look(person.id)
    return {person.id}


_UNDO: dict[str, Callable[[_Case, Person, Finding], set[int]]] = {
    Finding.STAFF: _undo_answer,
    Finding.CUSTOMER: _undo_answer,
    Finding.BOTH: _undo_answer,
    Finding.MERGE: _undo_merge,
    Finding.KEEP: _undo_keep,
    Finding.LEFT: _undo_keep,
    Finding.RENAME: _undo_rename,
}


def _left_for(case: _Case, found: Finding) -> list[Finding]:
    """Return the findings of those who were left for the email that FOUND is about."""
    left = Finding.objects.using(case.connection.alias).filter(
        kind=DUPLICATE, table_name="users", decision=Finding.LEFT, detail__email=found.detail["email"]
    )
    return list(left.order_by("row_id"))


def _release(case: _Case, person: Person, kept: Finding) -> None:
    """Let PERSON be one of several with an email again; who moved only because they were kept goes back."""
    case.decide(person, "", "undone: kept")
    if case.phase == Phase.DUAL and not kept.detail.get("moved_before"):
        (now,) = rows(case.connection, SQL.people, ids=[person.id])
        if Person(*now).outcome != "move":
            run_sql(case.connection, SQL.set_aside, ids=[person.id])
            run_sql(case.connection, SQL.take_out, ids=[person.id])


def _require_phase(phase: str, occupied: bool) -> None:
    if phase not in (Phase.LEGACY, Phase.DUAL):
        raise Refused("phase", f"The phase is {phase}: what was decided can be changed no more.")
    if phase == Phase.LEGACY and occupied:
        raise Refused("roll-back", "A roll-back is not finished yet.", ROLL_BACK)


def _require_mergeable(case: _Case, loser: Person, winner: Person) -> None:
    case.require(loser, DUPLICATE)
    if winner.key != loser.key:
        raise _refused(f"Users {loser.id} and {winner.id} do not have the same email.", COMMAND)
    if winner.outcome not in (DUPLICATE, "move"):
        state = f"merged into {winner.winner}" if winner.winner else f"kept back by the finding {winner.outcome}"
        raise _refused(f"User {winner.id} is {state}, and nobody can be merged into such a one.", COMMAND)
    if loser.has_merged:
        raise _refused(f"Others are merged into user {loser.id}: undo that first.", COMMAND)
    _require_first(case, winner, f"{COMMAND} {DUPLICATE} {loser.id} merge --into")


def _require_keepable(case: _Case, person: Person, others: list[Person]) -> None:
    found = case.standing(person)
    if not (found and found.decision == Finding.KEEP and others):
        case.require(person, DUPLICATE)
    _require_first(case, person, f"{COMMAND} {DUPLICATE} {person.id} merge --into")


def _require_first(case: _Case, person: Person, instead: str) -> None:
    """Raise Refused if another with this email has moved, or was kept: nobody loses an account by a decision."""
    for other in case.twins(person):
        found = case.standing(other)
        if other.moved or (found and found.decision == Finding.KEEP):
            state = "has moved" if other.moved else "was kept"
            raise _refused(
                f"User {other.id} {state} with this email, so user {person.id} cannot.", f"{instead} {other.id}"
            )


def _require_unused(connection: BaseDatabaseWrapper, email: str, person: Person) -> None:
    if scalar(connection, SQL.taken, email=email, id=person.id):
        raise _refused(f"The email {mask_email(email)} is somebody else's already.", COMMAND)


def _address(email: str) -> str:
    try:
        validate_email(email.strip())
    except ValidationError as error:
        raise UsageFault(f"{mask_email(email)} is not an email address.", COMMAND) from error
    return email.strip()


def _effect(case: _Case, what: str, ids: set[int]) -> Effect:
    """Return what has become of these people, as the transaction sees it now."""
    shares = []
    for values in rows(case.connection, SQL.people, ids=sorted(ids)):
        person = Person(*values)
        counts = row(case.connection, SQL.bookings, id=person.id)
        shares.append(Share(person.id, mask_email(person.email), _becomes(case, person), *counts))
    return Effect(case.kind, what, case.phase, False, shares)


def _becomes(case: _Case, person: Person) -> str:
    if person.winner:
        return f"merged into {person.winner}"
    if person.outcome == "move" or person.moved:
        already = case.people.get(person.id)
        return "stays moved" if already and already.moved else "moves"
    found = case.finding(person.id, person.outcome)
    if found and found.state == Finding.SETTLED:
        return "stays in users"
    return f"stays in users, finding {person.outcome}"


def _transaction(
    connection: BaseDatabaseWrapper, kind: str, by: str, note: str, work: Work, *, execute: bool
) -> Effect:
    def attempt() -> Effect:
        effect = work(_Case(connection, kind, by, note))
        if not execute:
            transaction.set_rollback(True, connection.alias)
        return effect

    with _locks_are_said():
        effect = patiently(connection, attempt)
    return Effect(effect.kind, effect.what, effect.phase, execute, effect.people, effect.filled)


@contextmanager
def _locks_are_said() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        if not is_transient(error):
            raise
        raise Refused(
            "lock", "Another session holds one of these people, or what is theirs.", "the same command again"
        ) from error


def _refused(message: str, next_command: str) -> Refused:
    return Refused("finding", message, next_command)
