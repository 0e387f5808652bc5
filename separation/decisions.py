"""What staff decide about people: who is staff, which of two duplicates is the person, which email is right.

Each service is one transaction, with the people concerned locked in id order: it looks at them as they are then,
refuses what does not fit, writes the decision, and in phase dual brings both schemas into step with it at once. Without
`execute` it does all that and rolls back. A decision stands, over any roll-back and execute, until it is undone. By the
same rules, `row_decisions` decides about rows, as bookings of nobody.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Required, TypedDict, Unpack

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
PASSWORD, ORPHAN, NO_RESTAURANT, MISMATCH = "needs_password_reset", "orphan", "no_restaurant", "restaurant_mismatch"
# What can be decided about which kind of finding.
ANSWERS = {
    STAFF: (Finding.STAFF, Finding.CUSTOMER, Finding.BOTH),
    DUPLICATE: (Finding.MERGE, Finding.KEEP, Finding.RENAME),
    INVALID: (Finding.RENAME,),
    PASSWORD: (Finding.MAIL,),
    ORPHAN: (Finding.ASSIGN, Finding.ARCHIVE),
    NO_RESTAURANT: (Finding.PLACE,),
    MISMATCH: (Finding.FOLLOW, Finding.UNTIE),
}
# The tables of the rows that findings of a kind are about; of all other kinds with answers, users.
TABLES = {ORPHAN: ("reservations", "orders"), NO_RESTAURANT: ("menus", "recipes"), MISMATCH: ("orders",)}
# What helps with a finding about which there is nothing to decide, or beside that.
HELP = {
    "needs_password_reset": "the customer asks for a new password, in either application",
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
class Change:
    """A column of a row that gets another value, both as the database writes them."""

    table: str
    id: int
    column: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Effect:
    """What a decision does, or did if `done`."""

    kind: str
    what: str
    phase: str
    done: bool
    people: list[Share]
    filled: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    @property
    def seal(self) -> str:
        """Return what tells this effect from another; not by what is counted, which grows while somebody thinks."""
        people = [(one.id, one.email, one.becomes) for one in self.people]
        changes = [asdict(change) for change in self.changes]
        told = [self.kind, self.what, self.phase, people, self.filled, changes]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


class Terms(TypedDict, total=False):
    """How something is decided: by whom and why, and whether for good or, rolled back, as a preview.

    `seen` is the seal of the preview that was looked at: anything else than that is refused. `within` are the
    restaurants of whoever decides: people and rows of others do not exist for them; None is everywhere. `attempts` is
    how often a lock that another session holds is waited for.
    """

    by: Required[str]
    note: str
    execute: bool
    seen: str
    within: frozenset[int] | None
    attempts: int


@dataclass
class Case:
    """One transaction that decides: who decides, and the people as they were when they were locked."""

    connection: BaseDatabaseWrapper
    kind: str
    by: str
    note: str
    within: frozenset[int] | None = None
    table: str = "users"
    phase: str = ""
    people: dict[int, Person] = field(default_factory=dict)

    def look(self, identifier: int, *others: int) -> Person:
        """Lock the person, all with the same email, and OTHERS, and return the person as they are now."""
        self.hold()
        group = [found for (found,) in rows(self.connection, SQL.duplicates_of, id=identifier)]
        self.lock({identifier, *others, *group})
        return self.person(identifier)

    def hold(self) -> None:
        """Hold the phase as it is; raises Refused in one in which nothing can be decided."""
        self.phase, occupied = row(self.connection, SQL.hold_phase)
        _require_phase(self.phase, occupied)

    def lock(self, ids: set[int]) -> None:
        """Lock people and look at them; raises Refused if somebody else's restaurant knows one of them."""
        rows(self.connection, SQL.lock, ids=sorted(ids))
        if self.within is not None:
            for (stranger,) in rows(self.connection, SQL.strangers, ids=sorted(ids), places=sorted(self.within)):
                raise refusal(f"There is no user {stranger}.", COMMAND)
        self.see(ids)

    def see(self, ids: set[int]) -> None:
        """Look at people."""
        found = rows(self.connection, SQL.people, ids=sorted(ids))
        self.people |= {values[0]: Person(*values) for values in found}

    def person(self, identifier: int) -> Person:
        """Return a customer of users; raises Refused if there is none with that id."""
        person = self.people.get(identifier)
        if person is None:
            raise refusal(f"There is no user {identifier}.", COMMAND)
        if not person.is_customer:
            raise refusal(f"User {identifier} is not marked as a customer, so there is nothing to decide.", COMMAND)
        return person

    def twins(self, person: Person) -> list[Person]:
        """Return the other customers of users with PERSON's email."""
        return [p for p in self.people.values() if p.is_customer and p.key == person.key and p.id != person.id]

    def finding(self, identifier: int) -> Finding | None:
        """Return what of the kind that this is about is on record about a row of its table."""
        return self._recorded(self.kind, self.table, identifier)

    def kept_back(self, person: Person) -> Finding | None:
        """Return the finding that keeps PERSON back."""
        return self._recorded(person.outcome, "users", person.id)

    def _recorded(self, kind: str, table: str, identifier: int) -> Finding | None:
        found = Finding.objects.using(self.connection.alias)
        return found.filter(kind=kind, table_name=table, row_id=identifier).first()

    def require(self, person: Person, outcome: str) -> None:
        """Raise Refused unless PERSON is kept back for the reason OUTCOME and nothing is decided about it yet."""
        if person.outcome == outcome and not self.standing(person):
            return
        if found := self.standing(person):
            raise settled_already(f"User {person.id}", found, f"{COMMAND} {self.kind} {person.id} --undo")
        why = "moves" if person.outcome == "move" else f"is kept back by another finding, {person.outcome}"
        raise refusal(f"User {person.id} has no open finding {outcome}: this person {why}.", COMMAND)

    def standing(self, person: Person) -> Finding | None:
        """Return the finding of this kind that a decision about PERSON settles, if there is one."""
        found = self.finding(person.id)
        if found is None or found.decision in ("", Finding.RENAME):
            return None
        bound = found.decision in (Finding.KEEP, Finding.LEFT)
        return None if bound and found.detail.get("email") != person.key else found

    def decide(self, person: Person, decision: str, what: str, **detail: Any) -> None:
        """Write DECISION about PERSON, and WHAT it was to its history; raises Refused if another came first."""
        self.write(person.id, decision, what, **detail)

    def write(self, identifier: int, decision: str, what: str, **detail: Any) -> None:
        """Write DECISION about a row of the table of this case, and WHAT it was to its history.

        Raises Refused if another came first.
        """
        before = self.finding(identifier)
        event = {"what": what, "by": self.by, "at": timezone.now().isoformat(timespec="seconds"), "note": self.note}
        written = run_sql(
            self.connection,
            SQL.decide,
            kind=self.kind,
            table=self.table,
            id=identifier,
            decision=decision,
            by=self.by if decision else "",
            note=self.note if decision else "",
            detail=json.dumps(detail),
            event=json.dumps(event),
            expected=before.decision if before else "",
        )
        if not written:
            raise refusal(f"Somebody else decided about {name_of_row(self.table, identifier)} just now.", COMMAND)

    def keep(self, person: Person, what: str) -> None:
        """Let PERSON move, of all with this email, and nobody whose email it was before."""
        run_sql(self.connection, SQL.supersede, email=person.key, id=person.id)
        self.decide(person, Finding.KEEP, what, email=person.key, moved_before=person.moved)

    def settle(self) -> None:
        """Bring everybody looked at into step with what was decided, in phase legacy only their findings."""
        query = SQL.sync if self.phase == Phase.DUAL else SQL.judge
        run_sql(self.connection, query, ids=sorted(self.people))


Work = Callable[[Case], Effect]


def staff_decide(*, connection: BaseDatabaseWrapper, user_id: int, answer: str, **terms: Unpack[Terms]) -> Effect:
    """Decide whether a customer with staff's rights is `staff`, who stays, a `customer`, or `both`, who move."""

    def work(case: Case) -> Effect:
        person = case.look(user_id)
        case.require(person, STAFF)
        case.decide(person, answer, answer)
        case.settle()
        return effect_of(case, f"user {person.id} is {answer}", {person.id})

    return decided(connection, STAFF, work, terms)


def duplicate_merge(*, connection: BaseDatabaseWrapper, user_id: int, into: int, **terms: Unpack[Terms]) -> Effect:
    """Decide that two customers with one email are one person: USER_ID's bookings and links become INTO's, who moves.

    What is empty in the profile of INTO is filled from the other's. USER_ID stays in users, for the old application.
    """

    def work(case: Case) -> Effect:
        loser, winner = case.look(user_id, into), case.person(into)
        _require_mergeable(case, loser, winner)
        filled = [name for (name,) in rows(connection, SQL.filled, winner=winner.id, loser=loser.id)]
        Merge.objects.using(connection.alias).create(user_id=loser.id, customer_id=winner.id)
        case.decide(loser, Finding.MERGE, f"merged into {winner.id}")
        if not case.standing(winner):
            case.keep(winner, f"kept, since {loser.id} was merged into this one")
        case.settle()
        effect = effect_of(case, f"user {loser.id} is the same person as user {winner.id}", {loser.id, winner.id})
        effect.filled.extend(filled)
        return effect

    if user_id == into:
        raise UsageFault(f"User {user_id} cannot be merged into themselves.", COMMAND)
    return decided(connection, DUPLICATE, work, terms)


def duplicate_keep(*, connection: BaseDatabaseWrapper, user_id: int, **terms: Unpack[Terms]) -> Effect:
    """Decide that of all customers with one email this one moves; the others stay in users only."""

    def work(case: Case) -> Effect:
        person = case.look(user_id)
        others = [p for p in case.twins(person) if p.outcome == DUPLICATE and not case.standing(p)]
        _require_keepable(case, person, others)
        case.keep(person, "kept")
        for other in others:
            case.decide(other, Finding.LEFT, f"left in users, since {person.id} was kept", email=other.key)
        case.settle()
        ids = {person.id, *(p.id for p in others)}
        return effect_of(case, f"of {len(ids)} customers with this email user {person.id} moves", ids)

    return decided(connection, DUPLICATE, work, terms)


def email_rename(
    *, connection: BaseDatabaseWrapper, kind: str, user_id: int, email: str, **terms: Unpack[Terms]
) -> Effect:
    """Give a customer another email, in both schemas; whoever shared the old one is looked at again.

    Raises UsageFault if EMAIL is no address, and Refused if anybody has it, in any case.
    """
    email = _address(email)

    def work(case: Case) -> Effect:
        person = case.look(user_id)
        case.require(person, kind)
        _require_unused(connection, email, person)
        case.decide(person, Finding.RENAME, "renamed", former_email=person.email, renamed_to=email)
        run_sql(connection, SQL.rename, id=person.id, email=email)
        case.settle()
        ids = {person.id, *(p.id for p in case.twins(person))}
        return effect_of(case, f"user {person.id} gets the email {mask_email(email)}", ids)

    return decided(connection, kind, work, terms)


def decision_undo(*, connection: BaseDatabaseWrapper, kind: str, user_id: int, **terms: Unpack[Terms]) -> Effect:
    """Take back what was decided about a finding, with all it did; whoever moved by it goes back to users only.

    To undo that one of several was kept undoes that the others were left, and the other way round.
    """

    def work(case: Case) -> Effect:
        merged = Merge.objects.using(connection.alias).filter(user_id=user_id).first()
        person = case.look(user_id, *([merged.customer_id] if merged and kind == DUPLICATE else []))
        found = case.finding(user_id)
        if found is None or not found.decision:
            raise refusal(f"Nothing is decided about the finding {kind} of user {user_id}.", COMMAND)
        undone = _UNDO[found.decision](case, person, found)
        case.settle()
        return effect_of(case, f"{found.decision} of user {user_id} is undone", undone)

    return decided(connection, kind, work, terms)


def _undo_answer(case: Case, person: Person, found: Finding) -> set[int]:
    case.decide(person, "", f"undone: {found.decision}")
    return {person.id}


def _undo_merge(case: Case, person: Person, found: Finding) -> set[int]:
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


def _undo_keep(case: Case, person: Person, found: Finding) -> set[int]:
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
            raise refusal(f"Others are merged into user {keeper.row_id}: undo that first.", COMMAND)
    return ids


def _undo_rename(case: Case, person: Person, found: Finding) -> set[int]:
    former, given = found.detail["former_email"], found.detail["renamed_to"]
    if person.email != given:
        raise refusal(f"User {person.id} was given yet another email since; that stays.", COMMAND)
    case.decide(person, "", "undone: renamed")
    run_sql(case.connection, SQL.rename, id=person.id, email=former)
    case.look(person.id)
    return {person.id}


_UNDO: dict[str, Callable[[Case, Person, Finding], set[int]]] = {
    Finding.STAFF: _undo_answer,
    Finding.CUSTOMER: _undo_answer,
    Finding.BOTH: _undo_answer,
    Finding.MERGE: _undo_merge,
    Finding.KEEP: _undo_keep,
    Finding.LEFT: _undo_keep,
    Finding.RENAME: _undo_rename,
}


def _left_for(case: Case, found: Finding) -> list[Finding]:
    """Return the findings of those who were left for the email that FOUND is about."""
    left = Finding.objects.using(case.connection.alias).filter(
        kind=DUPLICATE, table_name="users", decision=Finding.LEFT, detail__email=found.detail["email"]
    )
    return list(left.order_by("row_id"))


def _release(case: Case, person: Person, kept: Finding) -> None:
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


def _require_mergeable(case: Case, loser: Person, winner: Person) -> None:
    case.require(loser, DUPLICATE)
    if winner.key != loser.key:
        raise refusal(f"Users {loser.id} and {winner.id} do not have the same email.", COMMAND)
    if winner.outcome not in (DUPLICATE, "move"):
        state = f"merged into {winner.winner}" if winner.winner else f"kept back by the finding {winner.outcome}"
        raise refusal(f"User {winner.id} is {state}, and nobody can be merged into such a one.", COMMAND)
    if loser.has_merged:
        raise refusal(f"Others are merged into user {loser.id}: undo that first.", COMMAND)
    _require_first(case, winner, f"{COMMAND} {DUPLICATE} {loser.id} merge --into")


def _require_keepable(case: Case, person: Person, others: list[Person]) -> None:
    found = case.standing(person)
    if not (found and found.decision == Finding.KEEP and others):
        case.require(person, DUPLICATE)
    _require_first(case, person, f"{COMMAND} {DUPLICATE} {person.id} merge --into")


def _require_first(case: Case, person: Person, instead: str) -> None:
    """Raise Refused if another with this email has moved, or was kept: nobody loses an account by a decision."""
    for other in case.twins(person):
        found = case.standing(other)
        if other.moved or (found and found.decision == Finding.KEEP):
            state = "has moved" if other.moved else "was kept"
            raise refusal(
                f"User {other.id} {state} with this email, so user {person.id} cannot.", f"{instead} {other.id}"
            )


def _require_unused(connection: BaseDatabaseWrapper, email: str, person: Person) -> None:
    if scalar(connection, SQL.taken, email=email, id=person.id):
        raise refusal(f"The email {mask_email(email)} is somebody else's already.", COMMAND)


def _address(email: str) -> str:
    try:
        validate_email(email.strip())
    except ValidationError as error:
        raise UsageFault(f"{mask_email(email)} is not an email address.", COMMAND) from error
    return email.strip()


def effect_of(case: Case, what: str, ids: set[int]) -> Effect:
    """Return what has become of these people, as the transaction sees it now."""
    shares = []
    for values in rows(case.connection, SQL.people, ids=sorted(ids)):
        person = Person(*values)
        counts = row(case.connection, SQL.bookings, id=person.id)
        shares.append(Share(person.id, mask_email(person.email), _becomes(case, person), *counts))
    return Effect(case.kind, what, case.phase, False, shares)


def _becomes(case: Case, person: Person) -> str:
    if person.winner:
        return f"merged into {person.winner}"
    if (person.outcome == "move" and person.is_customer) or person.moved:
        already = case.people.get(person.id)
        return "stays moved" if already and already.moved else "moves"
    found = case.kept_back(person)
    if not person.is_customer or (found and found.state == Finding.SETTLED):
        return "stays in users"
    return f"stays in users, finding {person.outcome}"


def decided(connection: BaseDatabaseWrapper, kind: str, work: Work, terms: Terms) -> Effect:
    """Do WORK on TERMS in a transaction, again while a lock is in its way; return its effect."""
    execute = terms.get("execute", False)

    def attempt() -> Effect:
        effect = work(Case(connection, kind, terms["by"], terms.get("note", ""), terms.get("within")))
        if terms.get("seen") and effect.seal != terms["seen"]:
            raise refusal("What it does is not what you were shown any more: look again.", COMMAND)
        if not execute:
            transaction.set_rollback(True, connection.alias)
        return effect

    with _locks_are_said():
        return replace(patiently(connection, attempt, attempts=terms.get("attempts", 0)), done=execute)


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


def name_of_row(table: str, identifier: int) -> str:
    """Return a row's name for people, as `order 12`."""
    return f"{table.removesuffix('s')} {identifier}"


def settled_already(what: str, found: Finding, undo: str) -> Refused:
    """Return the refusal to decide about WHAT, which FOUND says is decided; UNDO is what to type first."""
    since = f"{found.decided_at:%Y-%m-%d %H:%M} UTC"
    return refusal(f"{what} is settled already: {found.decision}, by {found.decided_by}, {since}.", undo)


def refusal(message: str, next_command: str) -> Refused:
    """Return what is raised where a decision does not fit."""
    return Refused("finding", message, next_command)
