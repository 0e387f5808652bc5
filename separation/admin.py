"""The engine's records in the admin: runs, their chunks, findings, backups. They are shown, never edited."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.db import connections, router
from django.db.models import Count, Q, QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseRedirect,
)
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from backoffice.tables import link, shown_value, table
from config.rights import SUPERADMIN
from config.scoping import ScopedAdmin, column
from separation.errors import Refused
from separation.exports import csv_answer
from separation.legacy_rows import legacy_row
from separation.models import Backup, Checked, Chunk, Finding, Look, Rehearsal, Run, Verification
from separation.panels import figures
from separation.rehearsal import is_sound
from separation.requests import ask, said_by
from separation.reviews import review_sign, review_withdraw
from separation.settling import Settling, named
from separation.watch import table_of

RUN_COLOURS = {"running": "info", "done": "success", "failed": "danger", "interrupted": "warning"}
CHUNK_COLOURS = {"pending": "info", "moved": "success", "linked": "success", "failed": "danger"}
INVARIANT_COLOURS = {"pass": "success", "warn": "warning", "fail": "danger"}
OUTCOME_COLOURS = {"passed": "success", "failed": "danger", "clean": "success", "broken": "danger"}
FINDING_COLOURS = {"open": "warning", "settled": "success", "gone": "info"}
LOG_BYTES = 64 * 1024


class RecordAdmin(ScopedAdmin):
    """A page of records that the engine alone writes; what its list shows, or is filtered to, goes into a file too."""

    allowed = {"view": SUPERADMIN}
    list_after_template = "separation/export.html"
    # Of no use in a spreadsheet.
    not_exported: ClassVar[tuple[str, ...]] = ()

    def scoped(self, queryset: QuerySet[Any], places: frozenset[int]) -> QuerySet[Any]:
        """Return nothing: only a SUPERADMIN sees records."""
        return queryset.none()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return every column."""
        return self.get_fields(request, obj)

    def get_urls(self) -> list[URLPattern]:
        """Return the pages, and the file."""
        name = f"separation_{self.opts.model_name}_export"
        return [path("export/", self.admin_site.admin_view(self.export_view), name=name), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Return the rows of the list, as filtered and searched, as CSV; whoever sees the list may."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"../?{ERROR_FLAG}=1")
        return csv_answer(self.opts.db_table, rows, self.exported(request))

    def exported(self, request: HttpRequest) -> list[str]:
        """Return the columns of the file."""
        return [field.attname for field in self.opts.concrete_fields if field.attname not in self.not_exported]


class ReviewedFilter(admin.SimpleListFilter):
    """Whether somebody has signed."""

    title = "signed off"
    parameter_name = "signed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("yes", "yes"), ("no", "no")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the choice."""
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(reviewed_at__isnull=self.value() == "no")


class ReviewedAdmin(RecordAdmin):
    """Records that a superadmin signs off: reviewed by whom, when, with a note."""

    # The filter's own word.
    linked_lookups = (ReviewedFilter.parameter_name,)
    change_form_outer_after_template = "backoffice/panels.html"

    def get_urls(self) -> list[URLPattern]:
        """Return the pages, and what the button of the review posts to."""
        reviewed = self.admin_site.admin_view(require_POST(self.review_view))
        name = f"separation_{self.opts.model_name}_review"
        return [path("<int:record>/review/", reviewed, name=name), *super().get_urls()]

    def review_view(self, request: HttpRequest, record: int) -> HttpResponse:
        """Sign a record off, or take that back; only a SUPERADMIN may."""
        if not (request.user.is_staff and request.user.is_superuser):
            raise PermissionDenied
        found = self.get_object(request, str(record))
        if found is None:
            raise Http404
        seen = parse_datetime(request.POST.get("seen", ""))
        try:
            self._review(request, found, seen)
        except Refused as refused:
            messages.error(request, f"{refused.message} Nothing was written.")
        return HttpResponseRedirect(reverse(f"admin:separation_{self.opts.model_name}_change", args=[record]))

    def _review(self, request: HttpRequest, record: Any, seen: datetime | None) -> None:
        if "withdraw" in request.POST and seen:
            review_withdraw(record=record, seen=seen)
            said = "The review was withdrawn."
        else:
            note = request.POST.get("note", "").replace("\x00", "")
            review_sign(record=record, by=named(request), note=note, seen=seen)
            said = "Signed off."
        self.log_change(request, record, said)
        messages.success(request, said)

    @column("signed off")
    def signed_off(self, record: Any) -> str:
        """Return by whom and when."""
        return f"{record.reviewed_by}, {shown_value(record.reviewed_at)}" if record.reviewed_at else ""

    def review_of(self, request: HttpRequest, record: Any) -> list[SafeString]:
        """Return the panel with the review and its form."""
        if not request.user.is_superuser or (isinstance(record, Run) and record.state == Run.RUNNING):
            return []
        changed = getattr(record, "updated_at", None)
        context = {
            "record": record,
            "action": reverse(f"admin:separation_{self.opts.model_name}_review", args=[record.pk]),
            "outdated": bool(record.reviewed_at and changed and changed > record.reviewed_at),
        }
        return [render_to_string("separation/review.html", context, request)]


@admin.register(Run)
class RunAdmin(ReviewedAdmin):
    """Runs, each with its progress, figures, log and chunks."""

    empty_hint = "Nothing has run yet. See what would happen: python manage.py migrate_customers"
    list_display = (
        *("id", "kind", "state_label", "started_at", "duration", "progress", "done", "operator"),
        "signed_off",
    )
    list_filter = ("kind", "state", ReviewedFilter)
    not_exported = ("baseline",)
    search_fields = ("=id", "operator", "error")
    sortable_by = ("id", "started_at")
    ordering = ("-id",)
    fields = (
        *("id", "kind", "state", "operator", "started_at", "finished_at", "duration", "progress", "done", "error"),
        *("note", "log_path"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the runs, each with the numbers of its chunks."""
        chunks = Count("chunks"), Count("chunks", filter=~Q(chunks__state=Chunk.PENDING))
        runs: QuerySet[Run] = super().get_queryset(request)
        return runs.annotate(chunk_count=chunks[0], chunks_done=chunks[1])

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Return the page, with the chunks and the log under the columns."""
        run = self.get_object(request, object_id)
        panels = (
            [*_manners(request, run), *self.review_of(request, run), _chunks(run), _log(run)]
            if run and self.has_view_permission(request, run)
            else []
        )
        return super().change_view(  # type: ignore[no-any-return]
            request, object_id, form_url, {**(extra_context or {}), "panels": panels}
        )

    def get_urls(self) -> list[URLPattern]:
        """Return the pages, and what the buttons of a run post to."""
        asked = require_POST(self.ask_view)
        return [
            path("<int:run>/ask/", self.admin_site.admin_view(asked), name="separation_run_ask"),
            *super().get_urls(),
        ]

    def ask_view(self, request: HttpRequest, run: int) -> HttpResponse:
        """Ask the workers of the run to pause or to go on; only a SUPERADMIN may."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted = request.POST.get("request")
        if wanted not in (Run.PAUSE, ""):
            return HttpResponseBadRequest("request is 'pause' or nothing")
        try:
            said = ask(connections[router.db_for_write(Run)], wanted, f"user {request.user.pk} in the admin")
        except Refused as refused:
            messages.error(request, refused.message)
        else:
            messages.success(request, said)
        page = reverse("separation_board") if "board" in request.POST else None
        return HttpResponseRedirect(page or reverse("admin:separation_run_change", args=[run]))

    @column("state", colours=RUN_COLOURS)
    def state_label(self, run: Run) -> str:
        """Return the state."""
        return run.state

    @column("duration")
    def duration(self, run: Run) -> str:
        """Return how long it took; a run that was killed is closed by the next one."""
        return _lasted(run.started_at, run.finished_at) if run.finished_at else "still running"

    @column("progress")
    def progress(self, run: Any) -> str:
        """Return how far it got: customers of all that it set out to move, then chunks."""
        handled = run.counts.get("examined", run.counts.get("customers", run.counts.get("trial", 0)))
        chunks = f", {run.chunks_done} of {run.chunk_count} chunks" if run.chunk_count else ""
        return f"{handled:,} of {run.total:,} customers{chunks}"

    @column("done")
    def done(self, run: Run) -> str:
        """Return the figures by table."""
        return figures(run)


def _lasted(begun: datetime, ended: datetime) -> str:
    took = ended - begun
    return f"{took.total_seconds():.1f} s" if took.total_seconds() < 60 else str(took).split(".")[0]


def _manners(request: HttpRequest, run: Run) -> list[SafeString]:
    """Return the buttons of an execute that is under way."""
    if (run.kind, run.state) != (Run.EXECUTE, Run.RUNNING):
        return []
    asked = f"{run.request} asked for{said_by(run)}" if run.request else ""
    return [render_to_string("separation/manners.html", {"run": run, "asked": asked}, request)]


def _chunks(run: Run) -> SafeString:
    """Return the run's failed chunks and the way to all of them."""
    failed = run.chunks.filter(state=Chunk.FAILED)[:20]
    return table(
        "Chunks that failed",
        ["Chunk", "Error"],
        [(link(reverse("admin:separation_chunk_change", args=[chunk.pk]), chunk), chunk.error) for chunk in failed],
        empty="None.",
        note=link(f"{reverse('admin:separation_chunk_changelist')}?run__id__exact={run.pk}", "All chunks of this run"),
    )


def _log(run: Run) -> SafeString:
    """Return the end of the log; only a file in LOG_DIR is ever read."""
    log = Path(run.log_path or "none").resolve()
    if not run.log_path or not log.is_relative_to(settings.LOG_DIR.resolve()):
        return table("Log", [], [], empty="No log of this run lies in the log folder of this machine.")
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_BYTES))
            text = file.read().decode(errors="replace")
    except OSError as error:
        return table("Log", [], [], empty=f"{log} cannot be read here: {error.strerror}.")
    return render_to_string("separation/log.html", {"text": text, "cut": size > LOG_BYTES, "size": size})


@admin.register(Chunk)
class ChunkAdmin(RecordAdmin):
    """Chunks: ranges of ids, each moved in one transaction."""

    empty_hint = "Chunks are made by: python manage.py migrate_customers --execute"
    list_display = ("id", "first_id", "last_id", "state_label", "customers", "milliseconds", "moved_at", "run_id")
    list_filter = ("state",)
    linked_lookups = ("run",)
    search_fields = ("=first_id", "=last_id", "error")
    sortable_by = ("first_id", "milliseconds")
    fields = ("id", "run", "first_id", "last_id", "state", "counts", "written", "milliseconds", "moved_at", "error")

    @column("state", colours=CHUNK_COLOURS)
    def state_label(self, chunk: Chunk) -> str:
        """Return the state."""
        return chunk.state

    @column("customers")
    def customers(self, chunk: Chunk) -> int:
        """Return how many customers it moved."""
        return int(chunk.counts.get("customers", 0))


@admin.register(Finding)
class FindingAdmin(Settling, ReviewedAdmin):
    """Findings, each with the row that it is about, and what can be done about it."""

    empty_hint = "Nothing to decide. Findings are made by: python manage.py migrate_customers --execute"
    list_display = ("id", "kind", "state_label", "about_what", "decided", "created_at", "run_id", "signed_off")
    list_filter = ("kind", "state", "table_name", ReviewedFilter)
    search_fields = ("=row_id",)
    search_help_text = "Number of the row it is about"
    sortable_by = ("id",)
    # What was decided stands above them.
    fields = ("id", "kind", "state", "table_name", "row_id", "detail", "run", "created_at", "updated_at")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Return the page, with the row the finding is about."""
        finding = self.get_object(request, object_id)
        seen = finding and self.has_view_permission(request, finding)
        panels = [_row_of(finding), *self.review_of(request, finding)] if seen else []
        more = {"panels": panels, "settling": self.settling(request, finding) if seen else None}
        return super().change_view(  # type: ignore[no-any-return]
            request, object_id, form_url, {**(extra_context or {}), **more}
        )

    @column("state", colours=FINDING_COLOURS)
    def state_label(self, finding: Finding) -> tuple[str, str]:
        """Return the state and its name."""
        return finding.state, finding.get_state_display()

    @column("about")
    def about_what(self, finding: Any) -> str:
        """Return what it is about, in words."""
        about = finding.about or f"{finding.table_name} {finding.row_id}, which is gone"
        return shown_value(about)  # type: ignore[no-any-return]

    @column("decided")
    def decided(self, finding: Finding) -> str:
        """Return what was decided, and by whom."""
        decided = f"{finding.get_decision_display()}, by {finding.decided_by}" if finding.decision else ""
        return shown_value(decided)  # type: ignore[no-any-return]


def _row_of(finding: Finding) -> SafeString:
    row = legacy_row(connections[router.db_for_read(Finding)], finding.table_name, finding.row_id)
    return table(
        f"The row in {finding.table_name}",
        ["Column", "Value"],
        list((row or {}).items()),
        empty=f"There is no row {finding.row_id} in {finding.table_name} any more.",
    )


@admin.register(Backup)
class BackupAdmin(RecordAdmin):
    """Backups on record."""

    empty_hint = "No backup yet. Take one: python manage.py backup"
    list_display = ("id", "taken_at", "verified", "restored", "tables", "rows", "size", "path")
    search_fields = ("id", "path")
    sortable_by = ("taken_at",)
    not_exported = ("signature",)
    fields = (
        *("id", "path", "identity", "taken_at", "verified_at", "restored", "tables", "rows", "size"),
        "manifest_sha256",
    )

    @column("verified")
    def verified(self, backup: Backup) -> str:
        """Return when it was verified, or what to type."""
        if backup.verified_at is None:
            return f"no: python manage.py backup --verify {backup.pk}"
        return str(shown_value(backup.verified_at))

    @column("restored on trial")
    def restored(self, backup: Backup) -> str:
        """Return when it was restored for a check, why that failed, or what to type."""
        if backup.checked_at is None:
            return f"no: python manage.py restore {backup.pk} --check"
        outcome = f", failed: {backup.check_failed}" if backup.check_failed else ""
        return f"{shown_value(backup.checked_at)}{outcome}"

    @column("size")
    def size(self, backup: Backup) -> str:
        """Return the size on disk."""
        return f"{backup.bytes / 1024**2:,.1f} MB"


@admin.register(Rehearsal)
class RehearsalAdmin(RecordAdmin):
    """Rehearsals: the whole day, gone through on a restored backup."""

    empty_hint = "No rehearsal yet. Go through the day on a copy: python manage.py rehearse"
    list_display = ("id", "finished_at", "outcome", "backup_id", "backup_taken_at", "customers", "took", "operator")
    list_filter = ("passed",)
    search_fields = ("=id", "backup_id", "operator")
    sortable_by = ("id", "finished_at")
    fields = (
        *("id", "outcome", "counts", "backup_id", "backup_taken_at", "identity", "same_server", "started_at"),
        *("finished_at", "took", "customers", "operator", "note", "log_path"),
    )
    not_exported = ("signature",)
    change_form_outer_after_template = "backoffice/panels.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Return the page, with the steps under the columns."""
        rehearsal = self.get_object(request, object_id)
        panels = [_steps(rehearsal)] if rehearsal and self.has_view_permission(request, rehearsal) else []
        return super().change_view(  # type: ignore[no-any-return]
            request, object_id, form_url, {**(extra_context or {}), "panels": panels}
        )

    @column("outcome", colours=OUTCOME_COLOURS)
    def outcome(self, rehearsal: Rehearsal) -> str:
        """Return whether it passed."""
        return "passed" if rehearsal.passed else "failed"

    @column("counts")
    def counts(self, rehearsal: Rehearsal) -> str:
        """Return whether the record is as `rehearse` wrote it."""
        return "yes" if is_sound(rehearsal) else "no: it was edited since, or SECRET_KEY is another one"

    @column("took")
    def took(self, rehearsal: Rehearsal) -> str:
        """Return how long it took."""
        return _lasted(rehearsal.started_at, rehearsal.finished_at)


def _steps(rehearsal: Rehearsal) -> SafeString:
    return table(
        "Steps",
        ["Step", "Seconds", "Outcome", "Said last"],
        [
            (step["name"], f"{step.get('seconds') or 0:.1f}", _outcome_of(step), "; ".join(step.get("said") or []))
            for step in rehearsal.steps
        ],
        empty="It did not come to its first step.",
    )


def _outcome_of(step: dict[str, Any]) -> str:
    return "refused" if step.get("refused") else "ok" if step.get("ok") else "failed"


@admin.register(Look)
class LookAdmin(RecordAdmin):
    """Verifications: when each looked, and what it found broken."""

    empty_hint = "Nothing has been verified yet: python manage.py verify_separation"
    list_display = ("id", "looked_at", "outcome", "broken")
    sortable_by = ("id", "looked_at")
    fields = ("id", "looked_at", "outcome", "broken", "identity", "extents")
    not_exported = ("xid", "extents")

    @column("outcome", colours=OUTCOME_COLOURS)
    def outcome(self, look: Look) -> str:
        """Return whether everything held."""
        return "broken" if look.failures else "clean"

    @column("broken")
    def broken(self, look: Look) -> str:
        """Return what was found broken."""
        return ", ".join(look.failures)


@admin.register(Verification)
class VerificationAdmin(RecordAdmin):
    """Verifications that were asked for in the admin."""

    empty_hint = "Nobody has asked for one here yet. The board has a button for it."
    list_display = ("id", "asked_by", "asked_at", "finished_at", "verdict")
    list_filter = ("ok",)
    sortable_by = ("id", "asked_at")
    fields = ("id", "asked_by", "asked_at", "since", "finished_at", "ok", "verdict")


@admin.register(Checked)
class CheckedAdmin(RecordAdmin):
    """Invariants: what the last verification came to for each, and the rows that break it."""

    empty_hint = "Nothing has been verified yet: python manage.py verify_separation"
    list_display = ("id", "state_label", "figure", "offending", "checked_at")
    list_filter = ("status",)
    search_fields = ("id", "guarantee")
    sortable_by = ("id", "offending", "checked_at")
    fields = (*("id", "guarantee", "status", "figure", "offending", "checked_at", "everything", "remedy"),)
    change_form_outer_after_template = "backoffice/panels.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Return the page, with the rows that break it under the columns."""
        checked = self.get_object(request, object_id)
        panels = [_offending(checked)] if checked and self.has_view_permission(request, checked) else []
        return super().change_view(  # type: ignore[no-any-return]
            request, object_id, form_url, {**(extra_context or {}), "panels": panels}
        )

    @column("everything")
    def everything(self, checked: Checked) -> str:
        """Return what the last verification of everything compared, and when."""
        when = shown_value(checked.whole_at) if checked.whole_at else "never"
        return f"{checked.compared:,} rows compared, {when} UTC" if checked.whole_at else when

    @column("state", colours=INVARIANT_COLOURS)
    def state_label(self, checked: Checked) -> tuple[str, str]:
        """Return the state and its name."""
        return checked.status, checked.get_status_display()


def _offending(checked: Checked) -> SafeString:
    """Return the rows that break an invariant, each with the way to it."""
    rows = list(_rows_of(checked))
    more = f"The first {len(rows)} of {checked.offending:,}. " if checked.offending > len(rows) else ""
    return table(
        "Rows that break it",
        ["Row", "What there is to say", "Why"],
        rows,
        empty="None, as of the last verification." if not checked.offending else f"Next: {checked.remedy}",
        note=f"{more}Next: {checked.remedy}",
    )


_PAGES = {
    "users": "admin:customers_customer_change",
    "reservations": "admin:reservations_reservation_change",
    "orders": "admin:orders_order_change",
}


def _rows_of(checked: Checked) -> Iterator[tuple[Any, str, str]]:
    where = table_of(checked.id)
    for number, identifier in enumerate(checked.sample):
        said = checked.details[number] if number < len(checked.details) else ""
        shown: Any = f"{where} {identifier}" if where else identifier
        if where and isinstance(identifier, int):
            shown = link(reverse(_PAGES[where], args=[identifier]), shown)
        person = where == "users" and isinstance(identifier, int)
        yield shown, said, f"python manage.py diagnose_customer {identifier}" if person else ""
    yield from ((said, "", "") for said in checked.details[len(checked.sample) :])
