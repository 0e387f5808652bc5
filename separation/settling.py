"""Settling findings in the admin: what was found, what can be answered, what that would do, doing it, taking it back.

The same services as `resolve_findings`. Looking changes nothing: a preview is the service, rolled back. What is then
confirmed carries the preview's seal, so that nobody does what they were not shown; of two at once the second is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from config.pages import staff_page
from config.rights import NOWHERE, places
from config.scoping import ScopedAdmin
from customers.models import Customer
from customers.search import customers_found
from menus.models import Menu, Recipe
from orders.models import Order
from reservations.models import Reservation
from restaurants.models import Restaurant
from separation.answers import NEEDS, UNDO, answer_given
from separation.decisions import ANSWERS, DUPLICATE, SQL, Effect
from separation.errors import SeparationError
from separation.models import Finding, Phase
from separation.phases import phase_of
from separation.portraits import about, portraits, twins
from separation.rights import FINDINGS, OWNERS_ANSWER
from separation.words import MEANS, SAYS

# Columns that say something of the engine, or of people whom a restaurant may not know.
_THE_ENGINES = ("detail", "run", "run_id", "signed_off", "reviewed_by", "reviewed_at", "review")
# A page does not wait as long as a command for a lock that somebody holds: some two seconds.
_ATTEMPTS = 6
_CHOICES = 8
# So many are settled together: a page of the list.
_TOGETHER = 50
# No row has this number, or a higher one.
_NO_ROW = 2**31
_PREFETCHED = 1000


@dataclass(frozen=True)
class Choice:
    """A value that an answer may be given: what goes into the address, and what it is."""

    value: int
    text: str
    hint: str = ""


@dataclass(frozen=True)
class Button:
    """An answer that whoever looks may give: its name, what is written on it, what it does, and where it leads."""

    answer: str
    text: str
    hint: str
    address: str


class Settling(ScopedAdmin):
    """The part of a list of findings in which they are settled; for whoever `separation.rights` says."""

    allowed = FINDINGS
    change_form_outer_before_template = "separation/finding.html"
    actions: ClassVar[tuple[str, ...]] = ("settle_all",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the findings, each with what it is about."""
        findings: QuerySet[Any] = super().get_queryset(request).annotate(about=about())
        return findings

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """Return the columns: what concerns the engine is a SUPERADMIN's."""
        columns: Any = super().get_list_display(request)
        return [name for name in columns if name not in _THE_ENGINES or _is_superadmin(request)]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Return the filters; which tables there are takes a look at every finding."""
        return [one for one in super().get_list_filter(request) if one != "table_name" or _is_superadmin(request)]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Return the columns of one, in the same way."""
        columns: Any = super().get_fields(request, obj)
        return [name for name in columns if name not in _THE_ENGINES or _is_superadmin(request)]

    def exported(self, request: HttpRequest) -> list[str]:
        """Return the columns of the list as a file, in the same way."""
        columns: Any = super().exported(request)
        return [name for name in columns if name not in _THE_ENGINES or _is_superadmin(request)]

    def scoped(self, queryset: QuerySet[Any], places: frozenset[int]) -> QuerySet[Any]:
        """Return the findings that lie in PLACES altogether."""
        return findings_within(queryset, places)

    def in_scope(self, obj: Finding, places: frozenset[int]) -> bool:
        """Return whether OBJ lies in PLACES altogether."""
        return findings_within(Finding.objects.filter(pk=obj.pk), places).exists()

    def get_urls(self) -> list[URLPattern]:
        """Return the pages, and the one that asks, shows and settles."""
        view = self.admin_site.admin_view(self.settle_view)
        return [path("<int:finding>/settle/", view, name="separation_finding_settle"), *super().get_urls()]

    def settle_view(self, request: HttpRequest, finding: int) -> HttpResponse:
        """Ask for what an answer needs, show what it would do, or do it; for whoever may give it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found: Finding | None = self.get_object(request, str(finding))
        if found is None:
            return HttpResponseRedirect(reverse("admin:index"))
        asked = request.POST if request.method == "POST" else request.GET
        answer = asked.get("answer", "")
        if answer not in answers_of(request, found):
            messages.error(request, f"{_no_answer(found)} Nothing was changed.")
            return _to(found)
        value = asked.get("value", "").replace("\x00", "").strip()
        if answer in NEEDS and not value:
            return _ask(request, found, answer)
        return self._settle(request, found, answer, value)

    def _settle(self, request: HttpRequest, found: Finding, answer: str, value: str) -> HttpResponse:
        note = request.POST.get("note", "").replace("\x00", "").strip()
        execute = request.method == "POST" and bool(note)
        try:
            given = {"note": note, "execute": execute, "seen": request.POST.get("seen") or "nothing"} if execute else {}
            effect = give(request, found, answer, value, **given)
        except SeparationError as refused:
            messages.error(request, f"{refused.message} Nothing was changed.")
            return _to(found)
        if not execute:
            return _preview(request, found, answer, value, effect, missing=request.method == "POST")
        self.log_change(request, found, f"Settled: {effect.what}. Why: {note}")
        messages.success(request, f"Settled: {effect.what}.")
        return _to(found)

    @admin.action(description="Settle together …")
    def settle_all(self, request: HttpRequest, findings: QuerySet[Finding]) -> HttpResponse | None:
        """Settle those chosen by one answer that fits all of them: ask which, show what it does to each, and do it."""
        chosen = list(findings.order_by("pk")[: _TOGETHER + 1])
        if len(chosen) > _TOGETHER:
            messages.error(request, f"More than {_TOGETHER} at once are more than anybody looks at: choose fewer.")
            return None
        fitting = [set(answers_of(request, one)) - {*NEEDS, UNDO} for one in chosen]
        answers = [answer for answer in SAYS if all(answer in fits for fits in fitting)]
        answer, note = request.POST.get("answer", ""), request.POST.get("note", "").replace("\x00", "").strip()
        if answer not in answers or not note:
            shown = [(one, *self._tried(request, one, answer)) for one in chosen] if answer in answers else []
            return _ask_all(request, chosen, answers, answer, shown, missing="note" in request.POST)
        done = sum(self._settled(request, one, answer, note) for one in chosen)
        messages.success(request, f"{done} of {len(chosen)} settled.")
        return None

    def _tried(self, request: HttpRequest, finding: Finding, answer: str) -> tuple[str, str]:
        """Return what an answer would do, and the seal of that; or why it would not."""
        try:
            effect = give(request, finding, answer, "")
        except SeparationError as refused:
            return refused.message, ""
        return f"{effect.what}.", effect.seal

    def _settled(self, request: HttpRequest, finding: Finding, answer: str, note: str) -> bool:
        """Settle one of several; tell why not, and return whether it was."""
        seen = request.POST.get(f"seen-{finding.pk}") or "nothing"
        try:
            effect = give(request, finding, answer, "", note=note, execute=True, seen=seen)
        except SeparationError as refused:
            messages.error(request, f"{finding}: {refused.message} Nothing was changed.")
            return False
        self.log_change(request, finding, f"Settled: {effect.what}. Why: {note}")
        return True

    def settling(self, request: HttpRequest, finding: Finding) -> dict[str, Any]:
        """Return what the page of a finding shows above its columns."""
        connection = _connection()
        means, do = MEANS[finding.kind]
        given = answers_of(request, finding)
        return {
            "finding": finding,
            "means": means,
            "do": do,
            "about": getattr(finding, "about", None) or "",
            "row_address": _row_address(finding),
            "buttons": [_button(finding, answer) for answer in given if answer != UNDO],
            "undo": _button(finding, UNDO) if UNDO in given else None,
            "portraits": _portraits(connection, finding),
            "history": finding.detail.get("history", []),
        }


def findings_within(queryset: QuerySet[Any], places: frozenset[int]) -> QuerySet[Any]:
    """Return the findings of QUERYSET that owners see, and that lie in PLACES altogether."""
    text = SQL.confined_findings
    given = [sorted(places)] * text.count("%(places)s")
    ours = RawSQL(text.replace("%(places)s", "%s"), given, BooleanField())  # noqa: S611 (our own text, bound values)
    found: QuerySet[Any] = queryset.filter(kind__in=OWNERS_ANSWER).alias(ours=ours).filter(ours=True)
    return found


def answers_of(request: HttpRequest, finding: Finding) -> tuple[str, ...]:
    """Return what this user may answer to FINDING as it is now: nothing, unless it waits for them, or can be undone."""
    where = places(request.user, FINDINGS, "settle")
    may = ANSWERS.get(finding.kind, ()) if where is None else OWNERS_ANSWER.get(finding.kind, ())
    if where == NOWHERE or not may or finding.row_id >= _NO_ROW:
        return ()
    over = phase_of(_connection()) in (Phase.CLEANING, Phase.SEPARATED)
    undoable = {*may, *([Finding.LEFT] if Finding.KEEP in may else [])} - {Finding.MAIL}
    undo = (UNDO,) if finding.decision in undoable and not over else ()
    if finding.state != Finding.OPEN:
        return undo
    if finding.kind == DUPLICATE and len(twins(_connection(), finding.row_id)) < 2:
        may = (Finding.RENAME,) if Finding.RENAME in may else ()
    return (*(answer for answer in may if not over or answer == Finding.MAIL), *undo)


def give(request: HttpRequest, finding: Finding, answer: str, value: str, **terms: Any) -> Effect:
    """Give an answer in this user's name, within their restaurants; raises SeparationError where it does not fit."""
    return answer_given(
        connection=_connection(),
        kind=finding.kind,
        table=finding.table_name,
        row_id=finding.row_id,
        answer=answer,
        value=_value(answer, value),
        by=named(request),
        within=places(request.user, FINDINGS, "settle"),
        attempts=_ATTEMPTS,
        **terms,
    )


def _no_answer(finding: Finding) -> str:
    if finding.state != Finding.SETTLED:
        return "That is no answer to this finding."
    return f"This is settled already: {finding.get_decision_display()}, by {finding.decided_by}."


def named(request: HttpRequest) -> str:
    """Return who asks, for the record: the name and the number, and no address."""
    user: Any = request.user
    return f"{user.name} (user {user.pk})"[:200] if user.name else f"user {user.pk}"


def _is_superadmin(request: HttpRequest) -> bool:
    return bool(places(request.user, FINDINGS, "view") is None)


def _value(answer: str, value: str) -> int | str | None:
    if answer not in NEEDS:
        return None
    if answer == Finding.RENAME:
        return value
    if not value.isdecimal() or int(value) >= _NO_ROW:
        raise SeparationError(f"{value[:40]} is not the number of a {_NOUNS[answer]}.")
    return int(value)


_NOUNS = {Finding.MERGE: "user", Finding.ASSIGN: "user", Finding.PLACE: "restaurant"}


def _ask(request: HttpRequest, finding: Finding, answer: str) -> HttpResponse:
    """Return the page that asks for what an answer needs."""
    q = request.GET.get("q", "").replace("\x00", "").strip()
    return staff_page(
        request,
        "separation/ask.html",
        title=SAYS[answer][0],
        trail=_trail(finding),
        finding=finding,
        answer=answer,
        hint=SAYS[answer][1],
        q=q,
        choices=_choices(request, finding, answer, q),
        portraits=_portraits(_connection(), finding) if answer == Finding.MERGE else None,
    )


def _ask_all(
    request: HttpRequest,
    chosen: list[Finding],
    answers: list[str],
    answer: str,
    shown: list[tuple[Finding, str, str]],
    *,
    missing: bool,
) -> HttpResponse:
    """Return the page that asks what is answered to several findings, or shows what that would do to each."""
    return staff_page(
        request,
        "separation/settle_all.html",
        title=f"{SAYS[answer][0]}: {len(chosen)} findings" if shown else f"Settle {len(chosen)} findings together",
        trail=[("Findings", reverse("admin:separation_finding_changelist"))],
        chosen=chosen,
        says=[(one, *SAYS[one]) for one in answers],
        answer=answer,
        shown=shown,
        missing=missing,
    )


def _preview(
    request: HttpRequest, finding: Finding, answer: str, value: str, effect: Effect, *, missing: bool
) -> HttpResponse:
    return staff_page(
        request,
        "separation/settle.html",
        title=SAYS[answer][0].replace("…", f"{_NOUNS.get(answer, '')} {value}"),
        trail=_trail(finding),
        finding=finding,
        answer=answer,
        value=value,
        effect=effect,
        waits=effect.phase == Phase.LEGACY,
        lasting=answer == Finding.MAIL,
        missing=missing,
    )


def _choices(request: HttpRequest, finding: Finding, answer: str, q: str) -> list[Choice]:
    """Return the values that may be meant: the others with this email, this user's restaurants, customers who fit."""
    where = places(request.user, FINDINGS, "settle")
    if answer == Finding.MERGE:
        people = portraits(
            _connection(), [one for one in twins(_connection(), finding.row_id) if one != finding.row_id]
        )
        return [
            Choice(one["id"], _first(one["lines"], "Name"), _first(one["lines"], "Email")) for one in people.columns
        ]
    if answer == Finding.PLACE:
        known = Restaurant.objects.order_by("name", "id")
        known = known if where is None else known.filter(pk__in=where)
        return [Choice(one.pk, one.name, one.city or "") for one in known[:_PREFETCHED]]
    return _customers(finding, where, q) if answer == Finding.ASSIGN else []


def _customers(finding: Finding, where: frozenset[int] | None, q: str) -> list[Choice]:
    """Return the customers who match Q, or else what the booking says of its guest."""
    booking: Any = _ROWS[finding.table_name].objects.filter(pk=finding.row_id).first()
    if booking is None:
        return []
    known = Customer.objects.all()
    if where is not None:
        known = known.filter(restaurants__restaurant=booking.restaurant_id)
    said = (getattr(booking, name, "") for name in ("customer_email", "customer_phone", "customer_name"))
    found: dict[int, Choice] = {}
    for text in [q] if q else [text for text in said if text and text.strip()]:
        for one in customers_found(known, text).order_by("pk")[:_CHOICES]:
            hint = ", ".join(filter(None, (one.email, one.phone)))
            found.setdefault(one.pk, Choice(one.pk, str(one), hint))
    return list(found.values())[:_CHOICES]


_ROWS: dict[str, Any] = {"reservations": Reservation, "orders": Order, "menus": Menu, "recipes": Recipe}


def _first(lines: Iterable[tuple[str, str, bool]], label: str) -> str:
    return next((value for name, value, _ in lines if name == label), "")


def _portraits(connection: BaseDatabaseWrapper, finding: Finding) -> Any:
    if finding.table_name != "users":
        return None
    several = finding.kind == DUPLICATE
    found = portraits(connection, twins(connection, finding.row_id)[:_CHOICES] if several else [finding.row_id])
    return found if found.ids else None


def _row_address(finding: Finding) -> str:
    """Return the page of the row a finding is about, where it has one."""
    model = _ROWS.get(finding.table_name)
    if model is None or not model.objects.filter(pk=finding.row_id).exists():
        return ""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[finding.row_id])


def _button(finding: Finding, answer: str) -> Button:
    text, hint = SAYS[answer]
    address = reverse("admin:separation_finding_settle", args=[finding.pk])
    return Button(answer, text, hint, f"{address}?answer={answer}")


def _trail(finding: Finding) -> list[tuple[str, str]]:
    return [
        ("Findings", reverse("admin:separation_finding_changelist")),
        (finding.get_kind_display(), reverse("admin:separation_finding_change", args=[finding.pk])),
    ]


def _to(finding: Finding) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:separation_finding_change", args=[finding.pk]))


def _connection() -> BaseDatabaseWrapper:
    return connections[router.db_for_write(Finding)]
