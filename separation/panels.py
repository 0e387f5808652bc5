"""What the separation adds to the staff's pages; plugged in by the setting SEPARATION_PLUGINS."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import connections, router
from django.db.models import BooleanField, DateTimeField, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable, RawSQL
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from backoffice.pages import Page
from backoffice.tables import link, shown_value, table
from config.rights import OWNER
from config.sql import Queries
from customers.models import Customer
from separation.backups import newest_records
from separation.board import open_findings
from separation.environment import environment_of
from separation.identity import identity_of
from separation.legacy_rows import legacy_row
from separation.models import Chunk, Finding, Merge, Phase, Run
from separation.phases import phase_of
from separation.status import next_command

_LEDGER = Queries(settings.BASE_DIR / "separation" / "sql" / "origins.sql")
MOVED = (Chunk.MOVED, Chunk.LINKED)
FIGURES = ("to_move", "trial", "examined", "customers", "profiles", "reservations", "orders", "links", "findings")
# The columns of `users` that `customers` has too; the name is split in two there.
COLUMNS = ("id", "email", "name", "phone", "created_at", "updated_at")
PAGES = (
    Page("Data integrity", "Board", "monitoring", name="separation_board", least=OWNER),
    Page("Data integrity", "Findings", "rule", label="separation.finding"),
    Page("Data integrity", "Invariants", "fact_check", label="separation.checked"),
    Page("Data integrity", "Verifications", "verified", label="separation.look"),
    Page("Data integrity", "Requests to verify", "play_circle", label="separation.verification"),
    Page("Data integrity", "Runs", "history", label="separation.run"),
    Page("Data integrity", "Chunks", "stacks", label="separation.chunk"),
    Page("Data integrity", "Backups", "backup", label="separation.backup"),
    Page("Data integrity", "Rehearsals", "replay", label="separation.rehearsal"),
)


def pages() -> tuple[Page, ...]:
    """Return what the sidebar has of the separation."""
    return PAGES


def moved_at() -> Combinable:
    """Return an expression over customers: when the chunk that covers them was moved; null for later ones."""
    covering = Chunk.objects.filter(first_id__lte=OuterRef("pk"), last_id__gte=OuterRef("pk"), state__in=MOVED)
    return Subquery(covering.order_by("-first_id").values("moved_at")[:1], output_field=DateTimeField())


class OriginFilter(admin.SimpleListFilter):
    """Where customers came from; who was merged, and whom a finding is about, is told to superadmins alone."""

    title = "origin"
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return what may be asked for."""
        everybody = [("migrated", "Migrated"), ("registered", "Registered here")]
        return [*everybody, *_ORIGINS_OF_SUPERADMINS] if request.user.is_superuser else everybody

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        """Return the customers of the chosen origin; for what was not offered, nobody."""
        asked = self.value()
        if asked is None:
            return queryset
        if asked not in {name for name, _ in self.lookup_choices}:
            return queryset.none()
        return queryset.filter(_ORIGINS[asked]())


def _migrated() -> Q:
    return Q(RawSQL(_LEDGER.was_moved, (), output_field=BooleanField()))  # noqa: S611 (our own SQL, from a file)


def _registered() -> Q:
    return Q(pk__in=RawSQL(_LEDGER.registered, ()))  # noqa: S611 (our own SQL, from a file)


def _merged() -> Q:
    return Q(pk__in=Merge.objects.values("customer_id"))


def _with_finding() -> Q:
    open_ones = Finding.objects.filter(table_name="users", state=Finding.OPEN)
    return Q(pk__in=open_ones.values("row_id"))


_ORIGINS = {"migrated": _migrated, "registered": _registered, "merged": _merged, "finding": _with_finding}
_ORIGINS_OF_SUPERADMINS = (("merged", "Merged from several"), ("finding", "With an open finding"))


def index(request: HttpRequest) -> SafeString | str:
    """Return, for a SUPERADMIN, where the separation stands and what to type next."""
    if not request.user.is_superuser:
        return ""
    connection = connections[router.db_for_read(Phase)]
    phase, run = phase_of(connection), Run.objects.first()
    context = {
        "phase": phase,
        "environment": environment_of(connection),
        "run": run,
        "run_url": run and reverse("admin:separation_run_change", args=[run.pk]),
        "figures": run and figures(run),
        "findings": open_findings(connection),
        "findings_url": reverse("admin:separation_finding_changelist"),
        "backup": next(iter(newest_records(connection, identity_of(connection).key())), None),
        "backups_url": reverse("admin:separation_backup_changelist"),
        "next_command": next_command(phase, run),
        "dashboards": settings.DASHBOARDS.items(),
    }
    return render_to_string("separation/index.html", context)


def figures(run: Run) -> str:
    """Return what RUN did, in the order in which it does it; jsonb keeps no order."""
    names = sorted(run.counts, key=lambda name: (FIGURES.index(name) if name in FIGURES else len(FIGURES), name))
    return ", ".join(f"{run.counts[name]:,} {name.replace('_', ' ')}" for name in names)


def provenance(request: HttpRequest, customer: Customer) -> SafeString | str:
    """Return, for a SUPERADMIN, where CUSTOMER came from, the legacy row beside it, and the findings about it."""
    if not request.user.is_superuser:
        return ""
    legacy = legacy_row(connections[router.db_for_read(Customer)], "users", customer.pk)
    return format_html("{}{}{}", _origin(customer), _side_by_side(customer, legacy), _findings(customer))


def _origin(customer: Customer) -> SafeString:
    chunk = (
        Chunk.objects.filter(first_id__lte=customer.pk, last_id__gte=customer.pk, state__in=MOVED)
        .select_related("run")
        .first()
    )
    merges = Merge.objects.filter(customer_id=customer.pk)
    rows: list[tuple[Any, Any]] = [("Merged into this customer", f"user {merge.user_id}") for merge in merges]
    if chunk:
        rows = [
            ("Run", link(reverse("admin:separation_run_change", args=[chunk.run_id]), chunk.run)),
            ("Chunk", link(reverse("admin:separation_chunk_change", args=[chunk.pk]), chunk)),
            ("Moved at (UTC)", chunk.moved_at),
            ("By", chunk.run.operator),
            *rows,
        ]
    return table("Where this customer came from", ["What", "Value"], rows, empty="Registered here; no run moved them.")


def _side_by_side(customer: Customer, legacy: dict[str, str | None] | None) -> SafeString:
    if legacy is None:
        return table("Legacy row", [], [], empty="There is no row with this number in users.")
    rows = []
    for column, ours in _as_legacy(customer).items():
        theirs = legacy.get(column)
        rows.append((column, theirs, ours, "same" if _same(column, theirs, ours) else _DIFFERENT))
    return table(
        "Legacy row beside it",
        ["Column", "users", "customers", "Compared"],
        rows,
        empty="",
        note="A name counts as the same when its words are, an email when it is without the blanks around it.",
    )


_DIFFERENT = SafeString('<strong class="staff-error">different</strong>')


def _as_legacy(customer: Customer) -> dict[str, str | None]:
    """Return CUSTOMER's columns under the names and in the form that `users` has them."""
    row = legacy_row(connections[router.db_for_read(Customer)], "customers", customer.pk) or {}
    name = f"{row.pop('first_name', '')} {row.pop('last_name', '')}".strip()
    return {column: name if column == "name" else row.get(column) for column in COLUMNS}


def _same(column: str, theirs: str | None, ours: str | None) -> bool:
    if column == "name":
        return (theirs or "").split() == (ours or "").split()
    if column == "email":
        return (theirs or "").strip() == ours
    return theirs == ours


def _findings(customer: Customer) -> SafeString:
    found = Finding.objects.filter(table_name="users", row_id=customer.pk)
    return table(
        "Findings",
        ["Finding", "State", "Since"],
        [
            (
                link(reverse("admin:separation_finding_change", args=[finding.pk]), finding.get_kind_display()),
                finding.get_state_display(),
                shown_value(finding.created_at),
            )
            for finding in found
        ],
        empty="Nothing about this customer has to be looked at.",
    )
