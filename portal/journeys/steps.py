"""What a customer, a guest and staff do on a day, step by step, each over HTTP and each with what must come back."""

import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from django.utils import timezone
from post_office.models import STATUS, Email

from config.links import link_for
from customers.models import Customer
from portal.journeys.browser import Answer, Browser
from portal.journeys.traces import mails_to, new_address, staff_hire
from reservations.terms import policy_of
from restaurants.models import Restaurant

API = "/api/v1"
EVERYBODY, CUSTOMER, GUEST, STAFF = "everybody", "customer", "guest", "staff"
FIRST_NAME, LAST_NAME = "Journey", "Check"
WISH = "An automatic check of this system: nobody comes. It is cancelled and removed within a minute."
# How far it looks for a free table: of so many restaurants, so many days back from the last that can be booked.
RESTAURANTS, DAYS = 10, 14
# For how many seconds each mail to a real mailbox may wait for the worker.
PATIENCE = 60.0


class Failed(Exception):
    """A step did not come out as it must; the message says how."""


@dataclass(frozen=True)
class Step:
    """One thing that somebody does; after a `gate` that fails nobody does anything more."""

    who: str
    name: str
    take: Callable[["Journey"], str]
    gate: bool = False


@dataclass(frozen=True)
class Table:
    """A free table far ahead, and the last one of that day, which may be the same."""

    restaurant: Restaurant
    party_size: int
    first: Mapping[str, Any]
    last: Mapping[str, Any]


@dataclass
class Journey:
    """What the steps know of each other."""

    url: str
    mailbox: str = ""
    slug: str = ""
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    table: Table = field(init=False)
    booking: Mapping[str, Any] = field(init=False)
    access: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Give the customer, the guest and the staff user an address each, and two of them a browser."""
        self.address, self.guest_address, self.staff_address = (
            new_address(self.mailbox),
            new_address(self.mailbox),
            new_address(),
        )
        self.recipient = self.address
        self.api, self.admin = Browser(self.url), Browser(self.url)

    @property
    def own_path(self) -> str:
        """Where the customer's booking is."""
        return f"/me/reservations/{self.booking['id']}"

    def wanted(self) -> dict[str, Any]:
        """Return what to ask for the table with."""
        first = self.table.first
        size = self.table.party_size
        return {"date": first["date"], "time": first["time"], "party_size": size, "special_requests": WISH}

    @contextmanager
    def mail(self) -> Iterator[None]:
        """Raise Failed unless the block has queued one mail to whoever acts, which a real mailbox also has to get."""
        before = mails_to(self.recipient).count()
        yield
        mails = list(mails_to(self.recipient))[before:]
        if len(mails) != 1:
            raise Failed(f"{len(mails)} mails were queued, not one")
        if self.mailbox:
            _wait_for(mails[0])

    def link(self, purpose: str, argument: str) -> str:
        """Return the path of the link that a mail to whoever acts holds, once it is delivered."""
        url = link_for(purpose, argument, self.recipient)
        if url is None:
            raise Failed("the mail would not be sent any more, since its link would lead nowhere")
        return urlsplit(url).path

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Answer:
        """Ask the API, as the customer if one is logged in; raises Failed unless STATUS comes back."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.access:
            named["Authorization"] = f"Bearer {self.access}"
        answer = self.api.ask(method, f"{API}{path}", body, headers=named)
        return expect(answer, status, f"{method} {API}{path.partition('?')[0]}")


def _wait_for(mail: Email) -> None:
    """Wait until the worker has sent MAIL; raises Failed if it does not."""
    until = time.monotonic() + PATIENCE
    while mail.status in (STATUS.queued, STATUS.requeued) and time.monotonic() < until:
        time.sleep(0.5)
        mail.refresh_from_db(fields=["status"])
    if mail.status != STATUS.sent:
        became = "was given up: why, the admin says" if mail.status == STATUS.failed else f"waits for {PATIENCE:.0f} s"
        raise Failed(f"its mail {became}; is python manage.py mail_worker up?")


def expect(answer: Answer, status: int, what: str) -> Answer:
    """Return ANSWER; raises Failed, with what it says, unless it has this STATUS."""
    if answer.status == status:
        return answer
    problem = answer.json()
    said = [str(problem[key]) for key in ("code", "detail") if problem.get(key)] if isinstance(problem, Mapping) else []
    if 300 <= answer.status < 400:
        said.append(f"to {answer.headers['Location']}")
    raise Failed(f"{what} answers {answer.status}, not {status}" + (f" ({': '.join(said)})" if said else ""))


# --- Everybody ---


def find_table(journey: Journey) -> str:
    """Find a free table, as far ahead as one can be booked: there it keeps nobody else from one."""
    found = Restaurant.objects.filter(is_active=True).select_related("booking_policy").order_by("pk")
    found = found.filter(slug=journey.slug) if journey.slug else found[:RESTAURANTS]
    for restaurant in found:
        if table := _free_table(journey, restaurant):
            journey.table = table
            return f"{restaurant.slug}, {table.first['date']} {table.first['time']}"
    raise Failed("no active restaurant has a free table that can be booked online; name one with --restaurant SLUG")


def _free_table(journey: Journey, restaurant: Restaurant) -> Table | None:
    policy = policy_of(restaurant)
    size = min(max(2, policy.min_party_size), policy.max_party_size)
    today = timezone.now().astimezone(policy.zone).date()
    for ahead in range(policy.horizon_days - 1, max(policy.horizon_days - 1 - DAYS, 0), -1):
        query = f"date={today + timedelta(days=ahead)}&party_size={size}"
        shown = journey.call("GET", f"/restaurants/{quote(restaurant.slug)}/availability?{query}").json()
        if shown["closed_reason"] == "booking_offline":
            return None
        if free := [slot for slot in shown["slots"] if slot["available"]]:
            return Table(restaurant, size, free[0], free[-1])
    return None


# --- Staff ---


def staff_log_in(journey: Journey) -> str:
    """Log in to the admin as a user made here: so this deployment works on this very database."""
    staff_hire(restaurant=journey.table.restaurant, address=journey.staff_address, password=journey.password)
    form = {"username": journey.staff_address, "password": journey.password, "next": "/admin/"}
    answer = journey.admin.submit("/admin/login/", form)
    if answer.status != 302:
        raise Failed(
            f"the admin lets nobody in whom this database has (it answers {answer.status}): does DATABASE_URL lead to "
            "that deployment's database?"
        )
    expect(journey.admin.ask("GET", "/admin/"), 200, "GET /admin/")
    return ""


def staff_see(page: str) -> Callable[[Journey], str]:
    """Return a step that opens a list of the admin: with rows, or with the sentence that there are none."""

    def see(journey: Journey) -> str:
        answer = expect(journey.admin.ask("GET", f"/admin/{page}/"), 200, f"GET /admin/{page}/")
        if 'id="result_list"' in answer.text:
            return ""
        if re.search(r"No [a-z ]+ yet", answer.text):
            return "none yet"
        raise Failed(f"/admin/{page}/ shows neither rows nor that there are none")

    return see


def staff_log_out(journey: Journey) -> str:
    """Log out; after that the admin asks who it is."""
    journey.admin.submit("/admin/", {}, to="/admin/logout/")
    expect(journey.admin.ask("GET", "/admin/"), 302, "GET /admin/ after the log-out")
    return ""


# --- A customer ---


def register(journey: Journey) -> str:
    """Register; the mail that proves the address is queued with it."""
    body = {
        "email": journey.address,
        "password": journey.password,
        "first_name": FIRST_NAME,
        "last_name": LAST_NAME,
    }
    with journey.mail():
        journey.call("POST", "/auth/register", body, status=202)
    if not Customer.objects.filter(email=journey.address).exists():
        raise Failed("nobody was registered")
    return ""


def verify_email(journey: Journey) -> str:
    """Open the page behind the link of that mail, which alone proves nothing, then prove the address by it."""
    path = journey.link("verify-email", "")
    expect(journey.api.ask("GET", path), 200, "the page of the mail's link")
    if Customer.objects.get(email=journey.address).email_verified:
        raise Failed("to open the page of the mail's link proves the address already")
    with journey.mail():
        journey.call("POST", "/auth/verify-email", {"token": path.rpartition("/")[2]})
    return ""


def log_in(journey: Journey) -> str:
    """Log in; who that is, and that the address is proved, the API says."""
    body = {"email": journey.address, "password": journey.password}
    journey.access = journey.call("POST", "/auth/login", body).json()["access_token"]
    shown = journey.call("GET", "/me").json()
    if (shown["email"], shown["email_verified"]) != (journey.address, True):
        raise Failed("/me shows somebody else, or an address that is not proved")
    return ""


def see_dashboard(journey: Journey) -> str:
    """Look at the dashboard."""
    journey.call("GET", "/me/dashboard")
    return ""


def book(journey: Journey) -> str:
    """Book the table, twice with one key, as after a lost answer: it is one booking."""
    body = journey.wanted() | {"restaurant": journey.table.restaurant.slug}
    key = secrets.token_urlsafe(16)
    with journey.mail():
        journey.booking = journey.call("POST", "/me/reservations", body, status=201, Idempotency_Key=key).json()
        again = journey.call("POST", "/me/reservations", body, status=201, Idempotency_Key=key).json()
    if again["id"] != journey.booking["id"]:
        raise Failed("the same request with the same Idempotency-Key booked a second table")
    return f"reservation {again['id']}"


def staff_see_it(journey: Journey) -> str:
    """See the booking on the staff's page of reservations."""
    page = f"/admin/reservations/reservation/?q={journey.booking['id']}"
    answer = expect(journey.admin.ask("GET", page), 200, f"GET {page}")
    if f"/admin/reservations/reservation/{journey.booking['id']}/change/" not in answer.text:
        raise Failed(f"{page} does not show the booking")
    return ""


def view(journey: Journey) -> str:
    """See it on the list, and by itself."""
    listed = journey.call("GET", "/me/reservations?when=upcoming").json()["results"]
    if [each["id"] for each in listed] != [journey.booking["id"]]:
        raise Failed(f"/me/reservations lists {len(listed)} reservations, not the one")
    journey.call("GET", journey.own_path)
    return ""


def change(journey: Journey) -> str:
    """Change it to another time of that day, or where there is none, what is wished for."""
    read = journey.call("GET", journey.own_path)
    last = journey.table.last
    body = {"date": last["date"], "time": last["time"], "special_requests": f"{WISH} Changed once."}
    with journey.mail():
        shown = journey.call("PATCH", journey.own_path, body, If_Match=read.headers["ETag"]).json()
    if any(shown[name] != value for name, value in body.items()):
        raise Failed("it is not as it was changed to")
    return f"to {last['time']}"


def see_calendar(journey: Journey) -> str:
    """Get it as a file for calendars."""
    if "BEGIN:VEVENT" not in journey.call("GET", f"{journey.own_path}/calendar.ics").text:
        raise Failed("the calendar has no event")
    return ""


def cancel(journey: Journey) -> str:
    """Cancel it."""
    with journey.mail():
        shown = journey.call("POST", f"{journey.own_path}/cancel").json()
    if shown["status"] != "CANCELLED":
        raise Failed(f"it is {shown['status']}")
    return ""


def log_out(journey: Journey) -> str:
    """Log out; the token opens nothing from then on."""
    journey.call("POST", "/auth/logout", status=204)
    journey.call("GET", "/me", status=401)
    journey.access = ""
    return ""


# --- A guest ---


def guest_book(journey: Journey) -> str:
    """Book without an account."""
    contact = {"name": f"{FIRST_NAME} {LAST_NAME}", "email": journey.guest_address}
    path = f"/restaurants/{quote(journey.table.restaurant.slug)}/reservations"
    journey.recipient = journey.guest_address
    with journey.mail():
        journey.booking = journey.call("POST", path, journey.wanted() | {"contact": contact}, status=201).json()
    return f"reservation {journey.booking['id']}"


def guest_manage(journey: Journey) -> str:
    """Open the page behind the link of the mail, look the booking up by it, and cancel it."""
    path = journey.link("manage-booking", str(journey.booking["id"]))
    expect(journey.api.ask("GET", path), 200, "the page of the mail's link")
    own = f"/guest/reservations/{path.rpartition('/')[2]}"
    if journey.call("GET", own).json()["id"] != journey.booking["id"]:
        raise Failed("the link leads to another booking")
    with journey.mail():
        journey.call("POST", f"{own}/cancel")
    return ""


STEPS = (
    Step(EVERYBODY, "find a free table", find_table, gate=True),
    Step(STAFF, "log in to the admin", staff_log_in, gate=True),
    Step(STAFF, "see recipes", staff_see("menus/recipe")),
    Step(STAFF, "see menus", staff_see("menus/menu")),
    Step(STAFF, "see reservations", staff_see("reservations/reservation")),
    Step(STAFF, "see orders", staff_see("orders/order")),
    Step(CUSTOMER, "register", register),
    Step(CUSTOMER, "prove the address by the mail's link", verify_email),
    Step(CUSTOMER, "log in", log_in),
    Step(CUSTOMER, "see the dashboard", see_dashboard),
    Step(CUSTOMER, "book a table", book),
    Step(CUSTOMER, "is seen by staff", staff_see_it),
    Step(CUSTOMER, "see the reservation", view),
    Step(CUSTOMER, "change it", change),
    Step(CUSTOMER, "get its calendar file", see_calendar),
    Step(CUSTOMER, "cancel it", cancel),
    Step(CUSTOMER, "log out", log_out),
    Step(GUEST, "book a table", guest_book),
    Step(GUEST, "manage it by the mail's link", guest_manage),
    Step(STAFF, "log out", staff_log_out),
)
