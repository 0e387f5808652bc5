"""The page behind the link in a booking's mails: see it, change it, cancel it, take it into a calendar."""

from datetime import date
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import OperationalError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from config.api.etags import etag_of
from config.api.problems import DomainError
from config.links import LinkInvalid
from portal.pages import HEADERS, page
from reservations.api.serializers import MOST_PEOPLE, reservation_shown
from reservations.api.views import calendar_answer
from reservations.availability import availability
from reservations.errors import BookingRefused
from reservations.links import booking_of
from reservations.models import Reservation
from reservations.services import Actor, Changes, reservation_cancel, reservation_change, reservation_hold
from reservations.words import address_of, limits, people, when

_GUEST = Actor("guest")
_MEANWHILE = "This booking was changed meanwhile. Look at it as it is now, then decide."
_BUSY = "This cannot be done just now. Please try again in a minute."
# By what the address says after a button did its work.
_DONE = {"changed": "Your booking is changed.", "cancelled": "Your booking is cancelled."}


class ChangeForm(forms.Form):
    """What a guest changes."""

    day = forms.DateField(
        label="Day",
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        validators=[MinValueValidator(date(2, 1, 1)), MaxValueValidator(date(9998, 12, 31))],
    )
    time = forms.CharField(
        label="Time",
        widget=forms.TimeInput(attrs={"type": "time"}),
        validators=[RegexValidator(r"^([01]\d|2[0-3]):[0-5]\d\Z", "It is as in 19:30.")],
    )
    party_size = forms.IntegerField(label="Guests", min_value=1, max_value=MOST_PEOPLE)
    special_requests = forms.CharField(
        label="Your wishes", required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 3})
    )

    def clean_special_requests(self) -> str:
        """Return the wishes with line breaks as they are stored; forms send others."""
        return str(self.cleaned_data["special_requests"]).replace("\r\n", "\n")


# Who has the link may use it, as on the other pages behind links.
@method_decorator(csrf_exempt, name="dispatch")
class BookingPage(View):
    """A booking, with a form and a button where they can still be used. To look changes nothing."""

    http_method_names = ["get", "head", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Answer; with a page that says so where the link cannot be used."""
        try:
            return super().dispatch(request, *args, **kwargs)
        except LinkInvalid:
            return page(request, "portal/booking_gone.html", {}, 400)

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Show the booking."""
        return _shown(request, token, done=_DONE.get(request.GET.get("done", ""), ""))

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Do what the button says."""
        form = None if "cancel" in request.POST else ChangeForm(request.POST)
        if form is not None and not form.is_valid():
            return _shown(request, token, 400, form=form)
        try:
            done = _cancel(token) if form is None else _change(token, form, request.POST.get("seen", ""))
        except OperationalError:
            return _shown(request, token, 503, form=form, faults=[_BUSY])
        except LinkInvalid:
            raise
        except DomainError as error:
            faults = [error.detail or error.title]
            return _shown(request, token, error.status, form=form, faults=[*faults, *_instead(token, form, error)])
        if not done:
            return _shown(request, token, 409, faults=[_MEANWHILE])
        return HttpResponseRedirect(f"{request.path}?done={done}", status=303, headers=HEADERS)


class BookingCalendar(View):
    """The booking as a file, for calendars."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Send the file; the page that says so where the link cannot be used."""
        try:
            answer = calendar_answer(booking_of(token))
        except (LinkInvalid, Http404):
            return page(request, "portal/booking_gone.html", {}, 400)
        for name, value in HEADERS.items():
            answer[name] = value
        return answer


def _shown(
    request: HttpRequest,
    token: str,
    status: int = 200,
    form: ChangeForm | None = None,
    done: str = "",
    faults: list[str] | None = None,
) -> HttpResponse:
    """Return the page of a booking as it is now, with the FORM as it was filled in; raises LinkInvalid."""
    reservation = booking_of(token)
    shown = reservation_shown(reservation, request.path)
    told = {
        "restaurant": reservation.restaurant.name,
        "when": when(reservation),
        "party": people(reservation.party_size),
        "address": address_of(reservation.restaurant),
        "limits": limits(reservation) if reservation.status == Reservation.Status.CONFIRMED else "",
    }
    if not shown["can_change"]:
        form = None
    elif form is None:
        form = ChangeForm(initial={name: shown[name] for name in ("time", "party_size", "special_requests")})
        form.initial["day"] = shown["date"]
    context = {
        "booking": shown,
        "told": told,
        "form": form,
        "seen": _version(reservation),
        "done": done,
        "faults": faults,
    }
    return page(request, "portal/booking.html", context, status)


def _change(token: str, form: ChangeForm, seen: str) -> str:
    """Change the booking, and return what was done; nothing if it is not as it was SEEN any more."""
    wanted = Changes(**form.cleaned_data)
    with transaction.atomic():
        reservation_hold(reservation=booking_of(token))
        held = booking_of(token)
        if _version(held) != seen:
            return ""
        reservation_change(reservation=held, actor=_GUEST, changes=wanted)
    return "changed"


def _cancel(token: str) -> str:
    """Cancel the booking, unless it is cancelled; return what was done."""
    with transaction.atomic():
        held = reservation_hold(reservation=booking_of(token))
        if held.status != Reservation.Status.CANCELLED:
            reservation_cancel(reservation=held, actor=_GUEST)
    return "cancelled"


def _instead(token: str, form: ChangeForm | None, error: DomainError) -> list[str]:
    """Return what is free on the day that a change was refused for."""
    if form is None or not isinstance(error, BookingRefused):
        return []
    day, party_size = form.cleaned_data["day"], form.cleaned_data["party_size"]
    try:
        found = availability(
            restaurant=booking_of(token).restaurant, day=day, party_size=party_size, now=timezone.now()
        )
    except BookingRefused:
        return []
    free = [slot.time for slot in found.slots if slot.available]
    return [f"Free on that day: {', '.join(free)}."] if free else []


def _version(reservation: Reservation) -> str:
    return etag_of(reservation_shown(reservation, None))
