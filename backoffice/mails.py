"""The queue of mails in the admin: whom each is to, and whether it arrived; never what it says."""

from typing import Any

import post_office.admin  # noqa: F401 (registers its own pages, which show whole mails)
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from post_office.models import STATUS, Attachment, Email, EmailTemplate, Log

from backoffice.tables import table
from config.delivery import mails_retry
from config.rights import SUPERADMIN
from config.scoping import ScopedAdmin, column

admin.site.unregister([Email, Log, EmailTemplate, Attachment])

STATES = {
    STATUS.sent: "sent",
    STATUS.failed: "given up",
    STATUS.queued: "waiting",
    STATUS.requeued: "to be tried again",
}
COLOURS = {"sent": "success", "given up": "danger", "waiting": "info", "to be tried again": "warning"}


@admin.register(Email)
class MailAdmin(ScopedAdmin):
    """Mails to customers, with their tries; they are written by the applications alone."""

    allowed = {"view": SUPERADMIN}
    empty_hint = "What is queued to be mailed, and what was sent in the last 30 days, is here."
    list_display = ("id", "created", "recipient", "subject", "state", "tries", "next_try", "said")
    list_filter = ("status",)
    search_fields = ("=to", "=message_id")
    search_help_text = "A whole address, or a Message-ID"
    sortable_by = ("id",)
    ordering = ("-id",)
    fields = (
        *("id", "created", "recipient", "from_email", "subject", "state", "tries", "next_try", "expires_at"),
        *("last_updated", "message_id"),
    )
    readonly_fields = fields
    actions = ("try_again",)
    # The package's own, for this model, offers to send again what it shows.
    change_form_template = "admin/change_form.html"
    change_form_outer_after_template = "backoffice/panels.html"

    def scoped(self, queryset: QuerySet[Any], places: frozenset[int]) -> QuerySet[Any]:
        """Return nothing: only a SUPERADMIN sees mails."""
        return queryset.none()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the mails without what they say, each with what was said about it last."""
        last = Log.objects.filter(email=OuterRef("pk")).order_by("-pk").values("message")[:1]
        unread = super().get_queryset(request).defer("message", "html_message", "context", "headers")
        mails: QuerySet[Email] = unread.annotate(last_said=Subquery(last))
        return mails

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Return the page, with what went wrong under the columns."""
        mail = self.get_object(request, object_id)
        panels = [_errors(mail)] if mail and self.has_view_permission(request, mail) else []
        return super().change_view(  # type: ignore[no-any-return]
            request, object_id, form_url, {**(extra_context or {}), "panels": panels}
        )

    @admin.action(description="Try again", permissions=["view"])
    def try_again(self, request: HttpRequest, mails: QuerySet[Email]) -> None:
        """Queue what was given up once more; what is sent, or makes no sense any more, stays as it is."""
        ids = list(mails.values_list("pk", flat=True))
        count = mails_retry(Email.objects.filter(pk__in=ids))
        left = len(ids) - count
        rest = f" {left} cannot be sent again: sent, waiting, or of no use any more." if left else ""
        messages.success(request, f"{count} queued again.{rest}")

    @column("to")
    def recipient(self, mail: Email) -> str:
        """Return the address."""
        return ", ".join(mail.to)

    @column("state", colours=COLOURS)
    def state(self, mail: Email) -> str:
        """Return what became of it so far."""
        return STATES.get(mail.status, "")

    @column("tries")
    def tries(self, mail: Email) -> int:
        """Return how often it was tried."""
        return mail.number_of_retries or 0

    @column("next try")
    def next_try(self, mail: Email) -> Any:
        """Return when it is tried next, if it is."""
        return mail.scheduled_time if mail.status in (STATUS.queued, STATUS.requeued) else None

    @column("last error")
    def said(self, mail: Any) -> str:
        """Return what the server, or the worker, said last; without addresses."""
        return mail.last_said or ""


def _errors(mail: Email) -> SafeString:
    return table(
        "What went wrong",
        ("when", "what", "said"),
        [(log.date, log.exception_type, log.message) for log in mail.logs.order_by("-pk")],
        empty="Nothing.",
    )
