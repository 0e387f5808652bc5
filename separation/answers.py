"""Which service an answer to a finding means: the one way in for `resolve_findings` and for the admin."""

from typing import Any, Unpack

from django.db.backends.base.base import BaseDatabaseWrapper

from separation import decisions, row_decisions
from separation.decisions import ANSWERS, COMMAND, HELP, MISMATCH, PASSWORD, TABLES, Effect, Terms
from separation.errors import Refused, UsageFault
from separation.models import Finding

# Takes back whatever was answered.
UNDO = "undo"
# What an answer needs to be told, and what no other needs: the name of the option, and of the field.
NEEDS = {Finding.MERGE: "into", Finding.RENAME: "email", Finding.ASSIGN: "user", Finding.PLACE: "restaurant"}


def answer_given(
    *,
    connection: BaseDatabaseWrapper,
    kind: str,
    table: str,
    row_id: int,
    answer: str,
    value: int | str | None = None,
    **terms: Unpack[Terms],
) -> Effect:
    """Settle the finding of KIND about a row by ANSWER and the VALUE that it needs, on these terms; return the effect.

    Raises Refused where that does not fit, or there is nothing to decide, and UsageFault where it makes no sense.
    """
    require_answer(kind, answer, value)
    service, named = _service(kind, table, row_id, answer, value)
    effect: Effect = service(connection=connection, **named, **terms)
    return effect


def require_answer(kind: str, answer: str, value: int | str | None) -> None:
    """Raise Refused if nothing is to be decided about KIND, UsageFault if ANSWER is none, or VALUE is missing."""
    if kind not in ANSWERS:
        raise Refused("finding", f"There is nothing to decide about {kind}.", HELP[kind])
    if answer not in (UNDO, *ANSWERS[kind]):
        raise UsageFault(f"The answers to {kind} are {', '.join(ANSWERS[kind])}.", f"{COMMAND} --help")
    if (answer in NEEDS) != (value is not None):
        name = NEEDS.get(answer)
        message = f"--{name} belongs to {answer}, and {answer} needs it." if name else f"{answer} needs nothing else."
        raise UsageFault(message, f"{COMMAND} --help")


def _service(kind: str, table: str, row_id: int, answer: str, value: int | str | None) -> tuple[Any, dict[str, Any]]:
    """Return the service, and what it is called with beside the connection and the terms."""
    if kind in TABLES:
        return _row_service(kind, table, row_id, answer, value)
    person = {"user_id": row_id}
    if answer == Finding.MAIL or kind == PASSWORD:
        if answer == UNDO:
            raise Refused("finding", "A mail that was sent cannot be taken back.")
        return row_decisions.password_mail, person
    services: dict[str, tuple[Any, dict[str, Any]]] = {
        UNDO: (decisions.decision_undo, {"kind": kind}),
        Finding.MERGE: (decisions.duplicate_merge, {"into": value}),
        Finding.KEEP: (decisions.duplicate_keep, {}),
        Finding.RENAME: (decisions.email_rename, {"kind": kind, "email": value}),
    }
    service, named = services.get(answer, (decisions.staff_decide, {"answer": answer}))
    return service, person | named


def _row_service(kind: str, table: str, row_id: int, answer: str, value: Any) -> tuple[Any, dict[str, Any]]:
    row: dict[str, Any] = (
        {"row_id": row_id} if kind == MISMATCH and answer != UNDO else {"table": table, "row_id": row_id}
    )
    services: dict[str, tuple[Any, dict[str, Any]]] = {
        UNDO: (row_decisions.row_decision_undo, {"kind": kind}),
        Finding.ASSIGN: (row_decisions.orphan_assign, {"user_id": value}),
        Finding.ARCHIVE: (row_decisions.orphan_archive, {}),
        Finding.PLACE: (row_decisions.dish_place, {"restaurant_id": value}),
        Finding.FOLLOW: (row_decisions.order_follow, {}),
        Finding.UNTIE: (row_decisions.order_untie, {}),
    }
    service, named = services[answer]
    return service, row | named
