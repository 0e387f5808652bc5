"""The desk: a day of a restaurant at a glance, and what staff do with it, on a phone or with the keyboard.

Pages of the reservations' admin; each works without JavaScript, which only keeps the day fresh and saves typing.
"""

import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial, wraps
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from config.api.problems import DomainError
from config.pages import staff_page
from config.rights import places, within
from config.scoping import first_rows
from customers.models import Customer
from customers.search import customers_by_phone, customers_found
from reservations import errors
from reservations.forms import BookForm, CancelForm, EditForm, TableForm, TablesField
from reservations.idempotency import idempotent
from reservations.models import Reservation
from reservations.rights import RESERVATIONS
from reservations.selectors import DaySheet, SheetRow, day_sheet, service_day_at
from reservations.services import (
    WALK_IN,
    Actor,
    reservation_cancel,
    reservation_change,
    reservation_complete,
    reservation_hold,
    reservation_no_show,
    reservation_note,
    reservation_reopen,
    reservation_seat,
    staff_book,
)
from reservations.stages import PRESENT, Stage, Step, stage_of
from reservations.terms import policy_of, starts_at
from reservations.words import when
from restaurants.models import Restaurant

_BUSY = "Somebody else is at this booking just now. Try again."
_MEANWHILE = "Somebody else has changed this booking since you opened it. Here is what it is now; change it again."
_USED = "This form has booked a table already. Open a new one for another booking."
_FOUND_AT_MOST = 8
_FEWEST_LETTERS = 3
_REMEMBERED = "desk_restaurant"
_MARKS: dict[str, Callable[..., Reservation]] = {
    Step.SEAT: reservation_seat,
    Step.COMPLETE: reservation_complete,
    Step.NO_SHOW: reservation_no_show,
    Step.REOPEN: reservation_reopen,
}

# What apps above this one offer for a party that sits: a label, and the name of an address that takes `?reservation=`.
AT_TABLE: list[tuple[str, str]] = []

View = Callable[..., HttpResponse]


def may_come(view: View) -> View:
    """Let in whoever may change reservations somewhere; nobody else gets to know what there is."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        where = places(request.user, RESERVATIONS, "change")
        if where is not None and not where:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


@may_come
@require_http_methods(["GET", "HEAD"])
def day_view(request: HttpRequest) -> HttpResponse:
    """Show a day of one restaurant."""
    restaurants = _restaurants(request)
    restaurant = _chosen(request, restaurants)
    if restaurant is None:
        return _nowhere(request, "Today")
    now = timezone.now()
    today = service_day_at(restaurant, now)
    sheet = day_sheet(restaurant=restaurant, day=_day(request.GET.get("date"), today))
    stage = request.GET.get("stage", "")
    rows = [_row(row, now) for row in sheet.rows if stage in ("", row.stage)]
    context: dict[str, Any] = {
        "sheet": sheet,
        "restaurants": restaurants,
        "rows": [row for row in rows if row["at"].stage in PRESENT],
        "done": [row for row in rows if row["at"].stage not in PRESENT],
        "tiles": _tiles(sheet, stage),
        "slots": _slots(sheet),
        "today": today,
        "is_today": sheet.day == today,
        "before": _shifted(sheet.day, -1),
        "after": _shifted(sheet.day, 1),
        "here": _address(restaurant, sheet.day),
        "stage": stage,
    }
    title = "Today" if sheet.day == today else f"{sheet.day:%A}, {sheet.day.isoformat()}"
    return staff_page(request, "reservations/day.html", title=title, **context)


@may_come
@require_http_methods(["GET", "HEAD", "POST"])
def book_view(request: HttpRequest) -> HttpResponse:
    """Show the form of a new booking, with whom it may be for; book it."""
    restaurants = _restaurants(request)
    restaurant = _chosen(request, restaurants)
    if restaurant is None:
        return _nowhere(request, "Book a table")
    if request.method == "POST":
        form = BookForm(request.POST)
        again = partial(_booking, request, restaurant, restaurants, form)
        return _tried(request, form, lambda: _book(request, restaurant, form), again)
    today = service_day_at(restaurant, timezone.now())
    return _booking(request, restaurant, restaurants, BookForm(initial=_beginning(request, restaurant, today)))


@may_come
@require_http_methods(["GET", "HEAD", "POST"])
def edit_view(request: HttpRequest, number: int) -> HttpResponse:
    """Show all that staff may change of a booking; change it."""
    row = _reservation(request, number)
    if request.method == "POST":
        form = _edit_form(row, request.POST)
        return _tried(
            request, form, lambda: _edit(request, row, form), lambda **more: _editing(request, row, form, **more)
        )
    return _editing(request, row, _edit_form(row))


@may_come
@require_http_methods(["GET", "HEAD", "POST"])
def cancel_view(request: HttpRequest, number: int) -> HttpResponse:
    """Ask why a booking is cancelled; cancel it."""
    row = _reservation(request, number)
    form = CancelForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        return _tried(
            request, form, lambda: _cancel(request, row, form), lambda **more: _cancelling(request, row, form, **more)
        )
    return _cancelling(request, row, form)


@may_come
@require_POST
def mark_view(request: HttpRequest, number: int) -> HttpResponse:
    """Mark a booking as the button says; ask first where that takes a table which is somebody else's by now."""
    row = _reservation(request, number)
    step, seen = request.POST.get("step", ""), request.POST.get("seen", "")
    if step not in _MARKS or seen not in Stage.values:
        return HttpResponseBadRequest("There is no such mark.")
    given: dict[str, Any] = {"override": True} if "override" in request.POST else {}
    try:
        if tables := TablesField().clean(request.POST.get("tables", "")) if step == Step.SEAT else []:
            given["table_ids"] = tables
        marked = _MARKS[step](reservation=row, actor=_actor(request), seen=Stage(seen), **given)
    except errors.BeyondPolicy as beyond:
        return _asking(request, row, step, seen, beyond)
    except DomainError as refused:
        messages.error(request, refused.detail)
    except forms.ValidationError as wrong:
        messages.error(request, " ".join(wrong.messages))
    except OperationalError as error:
        if not _is_wait(error):
            raise
        messages.error(request, _BUSY)
    else:
        messages.success(
            request, f"{marked.customer_name}, {marked.reservation_time}: {stage_of(marked).label.lower()}."
        )
    return _back(row)


def desk_urls(admin_view: Callable[[View], View]) -> list[URLPattern]:
    """Return the addresses of these pages, below the list of reservations."""
    pages = (
        ("day/", day_view, "day"),
        ("<int:number>/edit/", edit_view, "edit"),
        ("<int:number>/cancel/", cancel_view, "cancel"),
        ("<int:number>/mark/", mark_view, "mark"),
    )
    return [path(route, admin_view(view), name=f"reservations_reservation_{name}") for route, view, name in pages]


def _tried(
    request: HttpRequest, form: forms.Form, do: Callable[[], HttpResponse], again: Callable[..., HttpResponse]
) -> HttpResponse:
    """Return what DO returns with a valid FORM, else the form AGAIN, with what is wrong or has to be confirmed."""
    if not form.is_valid():
        return again(status=400)
    try:
        return do()
    except errors.BeyondPolicy as beyond:
        return again(beyond=beyond.errors, status=409)
    except errors.IdempotencyMismatch:
        return again(fault=_USED, status=409)
    except DomainError as refused:
        return again(fault=refused.detail or refused.title, status=refused.status)
    except OperationalError as error:
        if not _is_wait(error):
            raise
        return again(fault=_BUSY, status=503)


def _book(request: HttpRequest, restaurant: Restaurant, form: BookForm) -> HttpResponse:
    """Book what the form says, once, and go back to its day."""
    actor, given = _actor(request), form.cleaned_data

    def do(override: bool) -> tuple[int, Any]:
        row = staff_book(
            restaurant=restaurant,
            actor=actor,
            customer=_customer(restaurant, given["customer"]),
            contact=form.contact,
            day=given["day"],
            time=form.clock,
            override=override,
            **{name: given[name] for name in _BOOKED},
        )
        if given["seated"]:
            reservation_seat(reservation=row, actor=actor)
        return 201, {"id": row.pk}

    scope = f"desk:{actor.id}"
    answer = _knowingly(
        form,
        lambda override: idempotent(scope=scope, key=given["key"], request=_asked(request), do=lambda: do(override)),
    )
    row = Reservation.objects.select_related("restaurant__booking_policy").get(pk=answer.body["id"])
    messages.success(request, f"{row.customer_name}: booked for {when(row)}.")
    return _back(row)


_BOOKED = ("party_size", "duration_minutes", "table_ids", "special_requests", "notes", "source")


def _asked(request: HttpRequest) -> dict[str, Any]:
    """Return what was asked for, by which two sendings of one form are the same."""
    return {name: value for name, value in request.POST.items() if name != "csrfmiddlewaretoken"}


def _edit(request: HttpRequest, row: Reservation, form: EditForm) -> HttpResponse:
    """Change the booking as the form says, unless somebody else has, and go back to its day."""
    actor, given = _actor(request), form.cleaned_data

    def do(override: bool) -> Reservation:
        with transaction.atomic():
            held = reservation_hold(reservation=row, actor=actor)
            if _version(held) != given["seen"]:
                raise errors.NotChangeable(_MEANWHILE)
            if form.can_move:
                reservation_change(reservation=row, actor=actor, changes=form.changes, override=override)
            notes = {name: given[name] for name in ("notes", "guest_notes", "special_requests", "table_ids")}
            return reservation_note(reservation=row, actor=actor, **notes)

    changed = _knowingly(form, do)
    messages.success(request, f"{changed.customer_name}: saved.")
    return _back(changed)


def _cancel(request: HttpRequest, row: Reservation, form: CancelForm) -> HttpResponse:
    reservation_cancel(reservation=row, actor=_actor(request), **form.cleaned_data)
    told = " A mail tells the guest." if row.customer_email else " The guest has no email: call them."
    messages.success(request, f"{row.customer_name}: cancelled.{told}")
    return _back(row)


def _knowingly(form: TableForm, do: Callable[[bool], Any]) -> Any:
    """Do it within the policy; beyond it where the form confirms everything that it goes beyond."""
    try:
        return do(False)
    except errors.BeyondPolicy as beyond:
        if not form.confirms({each.code for each in beyond.errors}):
            raise
        return do(True)


def _booking(
    request: HttpRequest, restaurant: Restaurant, restaurants: list[Restaurant], form: BookForm, **more: Any
) -> HttpResponse:
    chosen = _customer(restaurant, form["customer"].value())
    text = request.GET.get("q", "").strip()
    day = _day(form["day"].value(), service_day_at(restaurant, timezone.now()))
    context = {
        "restaurant": restaurant,
        "restaurants": restaurants,
        "chosen": chosen,
        "text": text,
        "found": _found(restaurant, text) if text else None,
        "back": _address(restaurant, day),
        "slots": _slots(day_sheet(restaurant=restaurant, day=day)),
        "slot_day": day,
        "times": [form[name] for name in ("day", "time", "party_size", "duration_minutes", "table_ids")],
        "persons": [form[name] for name in ("name", "phone", "email")],
    }
    return _form_page(request, "reservations/book.html", "Book a table", form, context, **more)


def _editing(request: HttpRequest, row: Reservation, form: EditForm, **more: Any) -> HttpResponse:
    if more.get("fault") == _MEANWHILE:
        row.refresh_from_db()
        form = _edit_form(row)
    context = {"row": row, "stage": stage_of(row), "can_move": stage_of(row) in PRESENT, "back": _day_of(row)}
    return _form_page(request, "reservations/edit.html", f"{row.customer_name}, {when(row)}", form, context, **more)


def _cancelling(request: HttpRequest, row: Reservation, form: CancelForm, **more: Any) -> HttpResponse:
    context = {"row": row, "when": when(row), "back": _day_of(row)}
    return _form_page(request, "reservations/cancel.html", f"Cancel: {row.customer_name}", form, context, **more)


def _asking(request: HttpRequest, row: Reservation, step: str, seen: str, beyond: errors.BeyondPolicy) -> HttpResponse:
    context = {
        "row": row,
        "step": Step(step),
        "seen": seen,
        "tables": request.POST.get("tables", ""),
        "beyond": beyond.errors,
        "back": _day_of(row),
    }
    title = f"{row.customer_name}, {row.reservation_time}"
    return _form_page(request, "reservations/confirm.html", title, None, context, status=409)


def _form_page(
    request: HttpRequest,
    template: str,
    title: str,
    form: forms.Form | None,
    context: dict[str, Any],
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    answer = staff_page(
        request, template, title=title, trail=[("Reservations", context["back"])], form=form, **context, **more
    )
    answer.status_code = status
    return answer


def _nowhere(request: HttpRequest, title: str) -> HttpResponse:
    """Tell whoever works at no restaurant what to do about it."""
    return staff_page(request, "reservations/day.html", title=title, sheet=None)


def _restaurants(request: HttpRequest) -> list[Restaurant]:
    """Return where this user may work with reservations, by name; of very many the first, and the one they are at."""
    found = Restaurant.objects.select_related("booking_policy")
    mine = within(found, places(request.user, RESERVATIONS, "change"), "pk")
    return first_rows(mine, request.GET.get("restaurant") or request.session.get(_REMEMBERED))


def _chosen(request: HttpRequest, restaurants: list[Restaurant]) -> Restaurant | None:
    """Return the restaurant that is asked for, else the last one, else the first; raises Http404 for another's."""
    asked = request.GET.get("restaurant", "")
    by_id = {str(each.pk): each for each in restaurants}
    # What is written says where: another tab may have gone elsewhere meanwhile.
    if asked or request.method == "POST":
        if asked not in by_id:
            raise Http404
        if request.session.get(_REMEMBERED) != asked:
            request.session[_REMEMBERED] = asked
        return by_id[asked]
    active = [each for each in restaurants if each.is_active] or restaurants
    return by_id.get(request.session.get(_REMEMBERED, "")) or next(iter(active), None)


def _reservation(request: HttpRequest, number: int) -> Reservation:
    """Return a booking that this user may change; raises Http404 for another's, as for one that is not there."""
    rows = Reservation.objects.select_related("restaurant__booking_policy", "terms")
    row: Reservation = get_object_or_404(within(rows, places(request.user, RESERVATIONS, "change")), pk=number)
    return row


def _customer(restaurant: Restaurant, number: Any) -> Customer | None:
    """Return an open account whose customer the restaurant knows, by its number as typed; None without one."""
    known = Customer.objects.filter(restaurants__restaurant=restaurant, is_active=True)
    return known.filter(pk=int(number)).first() if str(number or "").isdecimal() else None


def _found(restaurant: Restaurant, text: str) -> list[Customer]:
    """Return the customers of the restaurant whom TEXT, digits of a phone or parts of a name, may mean."""
    here = frozenset([restaurant.pk])
    by_phone = customers_by_phone(here, text)
    known = Customer.objects.filter(restaurants__restaurant=restaurant)
    is_name = len("".join(filter(str.isalpha, text))) >= _FEWEST_LETTERS
    found = customers_found(known, text, restaurants=here) if is_name else by_phone
    return list(found.filter(is_active=True).order_by("first_name", "last_name", "pk")[:_FOUND_AT_MOST])


def _beginning(request: HttpRequest, restaurant: Restaurant, today: date) -> dict[str, Any]:
    """Return what the form of a new booking begins with."""
    now = timezone.now().astimezone(policy_of(restaurant).zone)
    begun: dict[str, Any] = {
        "day": _day(request.GET.get("date"), today),
        "time": request.GET.get("time", ""),
        "party_size": 2,
        "key": uuid.uuid4().hex,
    }
    if "walk_in" in request.GET:
        begun |= {"day": now.date(), "time": f"{now:%H:%M}", "source": WALK_IN, "seated": True, "name": "Walk-in"}
    if customer := _customer(restaurant, request.GET.get("customer")):
        begun |= {"customer": customer.pk, "name": str(customer), "phone": customer.phone, "email": customer.email}
    return begun


def _edit_form(row: Reservation, data: Any = None) -> EditForm:
    return EditForm(data, initial=_as_it_is(row), can_move=stage_of(row) in PRESENT)


def _as_it_is(row: Reservation) -> dict[str, Any]:
    """Return what the form of a booking begins with."""
    names = ("party_size", "duration_minutes", "table_ids", "special_requests", "notes", "guest_notes")
    contact = {name: getattr(row, f"customer_{name}") for name in ("name", "phone", "email")}
    day, begins = str(row.reservation_date)[:10], starts_at(row)
    return {
        **{name: getattr(row, name) for name in names},
        **contact,
        "day": day,
        "time": begins.astimezone(policy_of(row.restaurant).zone).time() if begins else "",
        "seen": _version(row),
    }


def _version(row: Reservation) -> str:
    return str(row.updated_at)


def _row(row: SheetRow, now: datetime) -> dict[str, Any]:
    """Return one line of the day, with what may be done with it."""
    begins = row.starts_at
    steps = _steps_of(row.stage, is_due=begins is None or begins <= now)
    booking = row.reservation
    seated = row.stage == Stage.SEATED
    texts = [text for text in (booking.special_requests, booking.notes, booking.guest_notes) if text]
    return {
        "at": row,
        "booking": booking,
        "steps": steps,
        "texts": texts,
        "links": [(label, f"{reverse(name)}?reservation={booking.pk}") for label, name in AT_TABLE if seated],
        "late": row.is_late(now),
        "over": row.is_overdue(now),
    }


def _steps_of(stage: Stage, *, is_due: bool) -> list[Step]:
    """Return what is offered for a booking at STAGE, the likeliest first; of what is not due yet no no-show."""
    offered = {
        Stage.EXPECTED: [Step.SEAT, *([Step.NO_SHOW] if is_due else [])],
        Stage.SEATED: [Step.COMPLETE, Step.REOPEN],
        Stage.LEFT: [Step.REOPEN],
        Stage.NO_SHOW: [Step.SEAT, Step.REOPEN],
        Stage.CANCELLED: [],
    }
    return offered[stage]


def _tiles(sheet: DaySheet, chosen: str) -> list[dict[str, Any]]:
    """Return how many are at each stage."""
    return [
        {"stage": stage, "parties": sheet.parties[stage], "covers": sheet.covers[stage], "chosen": stage == chosen}
        for stage in Stage
    ]


def _slots(sheet: DaySheet) -> list[dict[str, Any]]:
    """Return how full each step of the day is, as bars; without a limit the fullest is as long as there is room."""
    most = max((slot.covers for slot in sheet.slots), default=0)
    return [
        {"at": slot, "percent": min(100, round(100 * slot.covers / max(slot.capacity or most, 1)))}
        for slot in sheet.slots
    ]


def _actor(request: HttpRequest) -> Actor:
    return Actor("staff", cast("int", request.user.pk))


def _day(text: Any, otherwise: date) -> date:
    """Return the day in TEXT, or OTHERWISE."""
    try:
        return text if isinstance(text, date) else parse_date(str(text or "")) or otherwise
    except ValueError:
        return otherwise


def _shifted(day: date, days: int) -> date | None:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None


def _address(restaurant: Restaurant, day: date | str) -> str:
    asked = {"restaurant": str(restaurant.pk), "date": str(day)}
    return f"{reverse('admin:reservations_reservation_day')}?{urlencode(asked)}"


def _day_of(row: Reservation) -> str:
    """Return the address of the day on which a booking is shown."""
    begins = starts_at(row)
    day = service_day_at(row.restaurant, begins) if begins else str(row.reservation_date)[:10]
    return _address(row.restaurant, day)


def _back(row: Reservation) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{_day_of(row)}#booking-{row.pk}", status=303)


def _is_wait(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == "55P03"
