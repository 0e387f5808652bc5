"""The engine's records in the admin: runs, their chunks, findings, backups. They are shown, never edited."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import connections, router
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from backoffice.tables import link, shown_value, table
from config.rights import SUPERADMIN
from config.scoping import ScopedAdmin, column
from separation.errors import Refused
from separation.legacy_rows import legacy_row
from separation.models import Backup, Chunk, Finding, Run
from separation.panels import figures
from separation.requests import ask, said_by

RUN_COLOURS = {"running": "info", "done": "success", "failed": "danger", "interrupted": "warning"}
CHUNK_COLOURS = {"pending": "info", "moved": "success", "linked": "success", "failed": "danger"}
FINDING_COLOURS = {"open": "warning", "settled": "success", "gone": "info"}
LOG_BYTES = 64 * 1024


class RecordAdmin(ScopedAdmin):
    """A page of records that the engine alone writes."""

    allowed = {"view": SUPERADMIN}

    def scoped(self, queryset: QuerySet[Any], places: frozenset[int]) -> QuerySet[Any]:
        """Return nothing: only a SUPERADMIN sees records."""
        return queryset.none()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return every column."""
        return self.get_fields(request, obj)


@admin.register(Run)
class RunAdmin(RecordAdmin):
    """Runs, each with its progress, figures, log and chunks."""

    empty_hint = "Nothing has run yet. See what would happen: python manage.py migrate_customers"
    list_display = ("id", "kind", "state_label", "started_at", "duration", "progress", "done", "operator")
    list_filter = ("kind", "state")
    search_fields = ("=id", "operator", "error")
    sortable_by = ("id", "started_at")
    ordering = ("-id",)
    fields = (
        *("id", "kind", "state", "operator", "started_at", "finished_at", "duration", "progress", "done", "error"),
        *("note", "log_path"),
    )
    change_form_outer_after_template = "backoffice/panels.html"

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
            [*_manners(request, run), _chunks(run), _log(run)] if run and self.has_view_permission(request, run) else []
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
        return HttpResponseRedirect(reverse("admin:separation_run_change", args=[run]))

    @column("state", colours=RUN_COLOURS)
    def state_label(self, run: Run) -> str:
        """Return the state."""
        return run.state

    @column("duration")
    def duration(self, run: Run) -> str:
        """Return how long it took; a run that was killed is closed by the next one."""
        if run.finished_at is None:
            return "still running"
        took = run.finished_at - run.started_at
        return f"{took.total_seconds():.1f} s" if took.total_seconds() < 60 else str(took).split(".")[0]

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
class FindingAdmin(RecordAdmin):
    """Findings, each with the row that it is about."""

    empty_hint = "Nothing to decide. Findings are made by: python manage.py migrate_customers --execute"
    list_display = ("id", "kind", "state_label", "table_name", "row_id", "created_at", "run_id")
    list_filter = ("kind", "state", "table_name")
    search_fields = ("=row_id",)
    search_help_text = "Number of the row it is about"
    sortable_by = ("id", "row_id")
    fields = (
        *("id", "kind", "state", "table_name", "row_id", "detail", "run", "created_at", "updated_at"),
        *("decision", "decided_by", "decided_at", "note"),
    )
    change_form_outer_after_template = "backoffice/panels.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Return the page, with the row the finding is about."""
        finding = self.get_object(request, object_id)
        panels = [_row_of(finding)] if finding and self.has_view_permission(request, finding) else []
        return super().change_view(  # type: ignore[no-any-return]
            request, object_id, form_url, {**(extra_context or {}), "panels": panels}
        )

    @column("state", colours=FINDING_COLOURS)
    def state_label(self, finding: Finding) -> tuple[str, str]:
        """Return the state and its name."""
        return finding.state, finding.get_state_display()


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
