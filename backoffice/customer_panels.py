"""What stands under the form on a customer's page: log-ins, reservations, orders and mails."""

from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from post_office.models import Email

from backoffice.mails import STATES
from backoffice.tables import link, shown_value, table
from config.plugins import plugged  # separation: line
from customers.models import Customer, CustomerSession
from orders.models import Order
from reservations.models import Reservation

LATEST = 20


def panels_of(request: HttpRequest, page: Any, customer: Customer) -> list[SafeString]:
    """Return what this user may see of CUSTOMER, as the admin's PAGE of customers says."""
    panels = [_reservations(request, page, customer), _orders(request, page, customer)]
    if page.may(request, "account", customer):
        panels += [_log_ins(request, customer), _mails(customer)]
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


def _latest(count: int) -> str:
    return f"The latest {LATEST} of {count:,}" if count > LATEST else ""


def _all(count: int, page: str, customer: Customer) -> SafeString | str:
    """Return a link to all of a customer's rows where the table shows the latest of them only."""
    if count <= LATEST:
        return ""
    return link(f"{reverse(page)}?customer__id__exact={customer.pk}", f"{_latest(count)}: show all")
