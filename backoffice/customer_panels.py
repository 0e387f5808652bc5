"""What stands under the form on a customer's page: log-ins, reservations, orders, mails and changes."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from post_office.models import Email

from accounts.models import User
from backoffice.mails import STATES
from backoffice.tables import link, shown_value, table
from config.plugins import plugged  # separation: line
from config.rights import places, within
from customers.locks import BY_CUSTOMER
from customers.models import Customer, CustomerChange, CustomerSession
from customers.rights import CUSTOMERS
from orders.models import Order
from reservations.models import Reservation

LATEST = 20
# Of one value in the table of changes.
LONGEST = 200


def panels_of(request: HttpRequest, page: Any, customer: Customer) -> list[SafeString]:
    """Return what this user may see of CUSTOMER, as the admin's PAGE of customers says."""
    panels = [_reservations(request, page, customer), _orders(request, page, customer)]
    if page.may(request, "account", customer):
        panels += [_log_ins(request, customer), _mails(customer)]
    panels.append(_changes(request, customer))
    # separation: begin
    panels += [panel for plugin in plugged("customer") if (panel := plugin(request, customer))]
    # separation: end
    return panels


def _linked(request: HttpRequest, page: Any, model: Any, customer: Customer) -> QuerySet[Any]:
    """Return the rows of MODEL this user may see that are the customer's by either link.

    Whoever wrote a row is its `user`; where nobody is its `customer`, that is whose it is.
    """
    rows: QuerySet[Any] = page.admin_site.get_model_admin(model).get_queryset(request).select_related("restaurant")
    return rows.filter(Q(customer=customer) | Q(customer=None, user=customer.pk))


def _linked_by(row: Any) -> str:
    return "customer" if row.customer_id else "user alone"


def _reservations(request: HttpRequest, page: Any, customer: Customer) -> SafeString:
    rows = _linked(request, page, Reservation, customer)
    return table(
        "Reservations",
        ["Number", "Date", "Time", "Restaurant", "Party", "Status", "Linked by"],
        [
            (
                link(reverse("admin:reservations_reservation_change", args=[row.pk]), row.pk),
                str(shown_value(row.reservation_date))[:10],
                row.reservation_time,
                row.restaurant.name,
                row.party_size,
                row.get_status_display(),
                _linked_by(row),
            )
            for row in rows.order_by("-reservation_date", "-pk")[:LATEST]
        ],
        empty="This customer has no reservation here.",
        note=_all(rows.count(), "admin:reservations_reservation_changelist", customer),
    )


def _orders(request: HttpRequest, page: Any, customer: Customer) -> SafeString:
    rows = _linked(request, page, Order, customer)
    return table(
        "Orders",
        ["Number", "When", "Restaurant", "Status", "Total", "Linked by"],
        [
            (
                link(reverse("admin:orders_order_change", args=[row.pk]), row.order_number),
                row.created_at,
                row.restaurant.name,
                row.get_status_display(),
                row.total_amount,
                _linked_by(row),
            )
            for row in rows.order_by("-created_at", "-pk")[:LATEST]
        ],
        empty="This customer has no order here.",
        note=_all(rows.count(), "admin:orders_order_changelist", customer),
    )


def _log_ins(request: HttpRequest, customer: Customer) -> SafeString:
    now = timezone.now()
    return table(
        "Log-ins",
        ["Device", "Address", "Begun (UTC)", "Last used (UTC)", "State"],
        [
            (each.user_agent or "unknown", each.ip, each.created_at, each.last_used_at, _state(request, each, now))
            for each in customer.sessions.order_by(F("revoked_at").desc(nulls_first=True), "-expires_at", "pk")[:LATEST]
        ],
        empty="This customer has not logged in here.",
        note=_latest(customer.sessions.count()),
    )


def _state(request: HttpRequest, session: CustomerSession, now: Any) -> Any:
    """Return how a log-in ended, or the button that ends it."""
    if session.revoked_at:
        return f"ended: {session.revoked_reason}"
    if session.expires_at <= now:
        return "over"
    return render_to_string("backoffice/end_session.html", {"session": session}, request)


def _mails(customer: Customer) -> SafeString:
    rows = Email.objects.filter(to__iexact=customer.email).only("subject", "status", "created", "last_updated")
    return table(
        "Mails of the last 30 days",
        ["Number", "Queued (UTC)", "Subject", "State"],
        [
            (
                link(reverse("admin:post_office_email_change", args=[mail.pk]), mail.pk),
                mail.created,
                mail.subject,
                STATES.get(mail.status, ""),
            )
            for mail in rows.order_by("-pk")[:LATEST]
        ],
        empty="No mail went to this address in the last 30 days, and none waits.",
        note=_latest(rows.count()),
    )


def _changes(request: HttpRequest, customer: Customer) -> SafeString:
    """Return what was changed and done, the latest first: to a restaurant's staff what was changed of its own notes."""
    where = places(request.user, CUSTOMERS, "view")
    changes = within(customer.changes.select_related("restaurant"), where).order_by("-changed_at", "-pk")[:LATEST]
    done: list[LogEntry] = []
    if where is None:
        done = list(_history(customer).select_related("user").order_by("-action_time", "-pk")[:LATEST])
    names = _names([change.changed_by for change in changes])
    rows: list[tuple[Any, ...]] = [
        (change.changed_at, _who(change, names), change.get_about_display(), _what(change)) for change in changes
    ]
    rows += [(entry.action_time, entry.user, "the admin", entry.get_change_message()) for entry in done]
    return table(
        "Changes",
        ["When (UTC)", "By", "Of", "What"],
        sorted(rows, key=lambda row: row[0], reverse=True)[:LATEST],
        empty="Nothing has been changed since changes are noted." if where is None else "Your notes are as they were.",
        note=f"The latest {LATEST}." if len(rows) > LATEST else "",
    )


def _history(customer: Customer) -> QuerySet[LogEntry]:
    page = ContentType.objects.get_for_model(Customer)
    return LogEntry.objects.filter(content_type=page, object_id=str(customer.pk))


def _names(writers: Iterable[str]) -> dict[str, str]:
    """Return whom `staff 7` names."""
    numbers = {int(number) for kind, _, number in (each.partition(" ") for each in writers) if kind == "staff"}
    return {f"staff {user.pk}": str(user) for user in User.objects.filter(pk__in=numbers)} if numbers else {}


def _who(change: CustomerChange, names: dict[str, str]) -> str:
    if change.indirect:
        return f"another application, as {change.role}"
    who = names.get(change.changed_by, change.changed_by)
    return "the customer" if who == BY_CUSTOMER else who or f"somebody as {change.role}"


def _what(change: CustomerChange) -> SafeString:
    """Return each column that changed, with its values; of a password, that it did."""
    parts = (
        (name.replace("_", " "), *(shown_value(_text(row.get(name))) for row in (change.before, change.after)))
        if name != "password"
        else (name, "was", "set")
        for name in sorted(change.after)
    )
    return format_html_join("; ", "{}: {} → {}", parts)


def _text(value: Any) -> str:
    """Return a value as a line: yes and no, lists by commas, whatever else as it is written."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None or value == {} else str(value)[:LONGEST]


def _latest(count: int) -> str:
    return f"The latest {LATEST} of {count:,}" if count > LATEST else ""


def _all(count: int, page: str, customer: Customer) -> SafeString | str:
    """Return a link to all of a customer's rows where the table shows the latest of them only."""
    if count <= LATEST:
        return ""
    return link(f"{reverse(page)}?customer__id__exact={customer.pk}", f"{_latest(count)}: show all")
