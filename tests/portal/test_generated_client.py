"""A client made from the OpenAPI document by somebody else's generator lives through a customer's whole day."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_type_hints

import httpx
import pytest
from django.utils import timezone
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType
from rest_framework.renderers import JSONRenderer

from config.links import link_for
from config.wsgi import application
from customers.models import Customer
from portal.docs import document
from tests.api import within_transaction
from tests.factories import OrderFactory
from tests.portal.world import World, world

NAME = "generated_client"
SOON = (timezone.now() + timedelta(days=2)).date()
SECRET = "a horse of a different colour"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The client, made without a warning."""
    folder = tmp_path_factory.mktemp("client")
    source = folder / "openapi.json"
    source.write_bytes(JSONRenderer().render(document()))
    options = ConfigFile(post_hooks=[])
    config = Config.from_sources(options, MetaType.NONE, source, "utf-8", True, folder / NAME)
    assert generate(config=config) == []
    sys.path.insert(0, str(folder))
    yield import_module(NAME)
    sys.path.remove(str(folder))
    for module in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[module]


class Day:
    """Calls operations by their names in the document, and remembers which."""

    def __init__(self, package: ModuleType) -> None:
        self._options = {
            "base_url": "http://localhost",
            "raise_on_unexpected_status": True,
            "httpx_args": {"transport": httpx.WSGITransport(app=application)},
        }
        self._package = import_module(f"{package.__name__}.client")
        self._modules = {path.stem: path for path in Path(str(package.__file__)).parent.glob("api/*/*.py")}
        self.client = self._package.Client(**self._options)
        self.called: set[str] = set()

    def log_in(self, token: str) -> None:
        """From here on, be whom TOKEN stands for."""
        self.client = self._package.AuthenticatedClient(token=token, **self._options)

    def log_out(self) -> None:
        """Be nobody again."""
        self.client = self._package.Client(**self._options)

    def __call__(self, operation: str, status: int, **arguments: Any) -> Any:
        """Call OPERATION, which must answer STATUS; return what the client made of the answer."""
        path = self._modules[operation]
        module = import_module(f"{NAME}.api.{path.parent.name}.{operation}")
        hints = get_type_hints(module.sync_detailed)
        typed = {name: _typed(hints[name], value) for name, value in arguments.items()}
        answer = module.sync_detailed(client=self.client, **typed)
        assert answer.status_code == status, (operation, answer.content)
        self.called.add(operation)
        self.etag = answer.headers.get("ETag")
        return answer.parsed

    @property
    def never_called(self) -> set[str]:
        """The operations of the document that were not called."""
        operations = document()["paths"].values()
        names = {each["operationId"] for methods in operations for each in methods.values()}
        return names - self.called


def _typed(hint: Any, value: Any) -> Any:
    """Return VALUE as what the client's function takes: bodies are models, some texts one of a few."""
    for kind in get_args(hint) or (hint,):
        if isinstance(value, dict) and hasattr(kind, "from_dict"):
            return kind.from_dict(value)
        if isinstance(value, str) and isinstance(kind, type) and issubclass(kind, Enum):
            return kind(value)
    return value


@pytest.fixture
def here(db: None, settings: Any) -> Iterator[World]:
    settings.ALLOWED_HOSTS = ["localhost"]
    with within_transaction():
        yield world(2)


def link(purpose: str, argument: object, to: str) -> str:
    """Return the token of the link that a mail to the address TO would bring."""
    address = link_for(purpose, str(argument), to)
    assert address
    return address.rpartition("/")[2]


def test_a_whole_day(package: ModuleType, here: World) -> None:
    day = Day(package)
    comes(day)
    looks_around(day, here)
    says_who_she_is(day)
    books(day, here)
    looks_back(day, here)
    books_without_an_account(day, here)
    forgets(day)
    leaves(day)
    assert day.never_called == set()


def comes(day: Day) -> None:
    """Register, prove the address, log in."""
    person = {"email": "ada@example.org", "password": SECRET, "first_name": "Ada", "last_name": "King"}
    day("auth_register", 202, body=person)
    day("auth_resend_verification", 202, body={"email": "ada@example.org"})
    ada = Customer.objects.get(email="ada@example.org")
    me = day("auth_verify_email", 200, body={"token": link("verify-email", ada.pk, ada.email)})
    assert (me.id, me.email, me.email_verified) == (ada.pk, ada.email, True)
    logs_in(day)


def logs_in(day: Day, email: str = "ada@example.org", password: str = SECRET) -> Any:
    tokens = day("auth_login", 200, body={"email": email, "password": password})
    day.log_in(tokens.access_token)
    return tokens


def looks_around(day: Day, here: World) -> None:
    """See what everybody sees, page by page."""
    page = day("restaurants_list", 200, page_size=1)
    assert (len(page.results), page.previous) == (1, None)
    cursor = dict(httpx.URL(page.next_).params)["cursor"]
    assert day("restaurants_list", 200, page_size=1, cursor=cursor).results[0].slug != page.results[0].slug
    assert day("restaurants_read", 200, slug="here").name == "Here"
    assert len(day("restaurants_opening_hours_read", 200, slug="here").week) == 7
    menus = day("restaurants_menus_list", 200, slug="here").results
    menu = day("restaurants_menus_read", 200, slug="here", id=menus[0].id)
    assert [section.name for section in menu.sections] == ["Starters", "Mains"]


def says_who_she_is(day: Day) -> None:
    """Change name, profile and preferences; nobody changes what they have not seen."""
    day("me_read", 200)
    seen = day.etag
    assert day("me_update", 200, body={"phone": "+44 20 7946 0000"}, if_match=seen).phone == "+44 20 7946 0000"
    assert day("me_update", 412, body={"phone": None}, if_match=seen).code == "precondition_failed"
    day("me_profile_read", 200)
    change = {"dietary_restrictions": "No nuts", "birthday": "1985-12-10"}
    assert str(day("me_profile_update", 200, body=change, if_match=day.etag).birthday) == "1985-12-10"
    day("me_preferences_read", 200)
    day("me_preferences_update", 200, body={}, if_match=day.etag)


def books(day: Day, here: World) -> None:
    """Book a table, once although it is sent twice; see it, change it, cancel it."""
    found = day("restaurants_availability_read", 200, slug="here", date=SOON, party_size=2)
    slot = next(slot for slot in found.slots if slot.available)
    wanted = {"restaurant": "here", "date": SOON.isoformat(), "time": slot.time, "party_size": 2}
    booked = day("me_reservations_create", 201, body=wanted, idempotency_key="a key of Ada")
    assert day("me_reservations_create", 201, body=wanted, idempotency_key="a key of Ada").id == booked.id
    assert day("me_reservations_create", 422, body={**wanted, "party_size": 900}).code == "party_too_large"
    assert [each.id for each in day("me_reservations_list", 200, when="upcoming").results] == [booked.id]
    day("me_reservations_read", 200, reservation_id=booked.id)
    change = {"body": {"party_size": 3}, "reservation_id": booked.id}
    assert day("me_reservations_update", 200, **change, if_match=day.etag).party_size == 3
    assert "SEQUENCE:1" in day("me_reservations_calendar_ics_read", 200, reservation_id=booked.id)
    assert day("me_reservations_cancel", 200, reservation_id=booked.id).status == "CANCELLED"


def looks_back(day: Day, here: World) -> None:
    """See orders, the dashboard, and everything at once."""
    ada = Customer.objects.get(email="ada@example.org")
    order = OrderFactory.create(restaurant=here.restaurant, customer=ada, total_amount="31.50")
    (listed,) = day("me_orders_list", 200).results
    assert (listed.id, listed.total_amount) == (order.pk, "31.50")
    assert day("me_orders_read", 200, order_id=order.pk).order_number == order.order_number
    assert day("me_orders_read", 404, order_id=here.order.pk).code == "not_found"
    board = day("me_dashboard_read", 200)
    assert [each.id for each in board.orders] == [order.pk]
    day("me_export_read", 200)


def books_without_an_account(day: Day, here: World) -> None:
    """Book as a guest, and manage that by the link of the mail."""
    day.log_out()
    guest = {"name": "Grace", "email": "grace@example.org"}
    wanted = {"date": SOON.isoformat(), "time": "19:00", "party_size": 2, "contact": guest}
    booked = day("restaurants_reservations_create", 201, slug="here", body=wanted)
    token = link("manage-booking", booked.id, "grace@example.org")
    assert day("guest_reservations_read", 200, token=token).contact.name == "Grace"
    change = {"body": {"special_requests": "By the window"}, "token": token}
    assert day("guest_reservations_update", 200, **change, if_match=day.etag).special_requests == "By the window"
    assert "BEGIN:VEVENT" in day("guest_reservations_calendar_ics_read", 200, token=token)
    assert day("guest_reservations_cancel", 200, token=token).status == "CANCELLED"
    logs_in(day)


def forgets(day: Day) -> None:
    """Log in elsewhere and end that, forget the password, change it, change the address."""
    other = logs_in(day)
    assert len(day("me_sessions_list", 200).results) == 3
    tokens = day("auth_refresh", 200, body={"refresh_token": other.refresh_token})
    day.log_in(tokens.access_token)
    theirs = [each.id for each in day("me_sessions_list", 200).results if not each.current]
    day("me_sessions_delete", 204, session_id=theirs[0])
    day("auth_logout", 204)
    day("auth_forgot_password", 202, body={"email": "ada@example.org"})
    ada = Customer.objects.get(email="ada@example.org")
    token = link("reset-password", ada.pk, ada.email)
    day("auth_reset_password", 204, body={"token": token, "new_password": f"{SECRET}, another"})
    logs_in(day, password=f"{SECRET}, another")
    day("me_password", 204, body={"password": f"{SECRET}, another", "new_password": SECRET})
    logs_in(day)
    day("me_email", 202, body={"new_email": "ada@example.net", "password": SECRET})
    day("auth_confirm_email", 200, body={"token": link("confirm-email", ada.pk, "ada@example.net")})
    logs_in(day, "ada@example.net")
    day("auth_logout_all", 204)


def leaves(day: Day) -> None:
    """Close the account, open it again, and be forgotten."""
    logs_in(day, "ada@example.net")
    day("me_deactivate", 204, body={"password": SECRET})
    assert day("me_read", 401).code == "authentication_failed"
    ada = Customer.objects.get(email="ada@example.net")
    day("auth_reactivate", 204, body={"token": link("reactivate", ada.updated_at, ada.email)})
    logs_in(day, "ada@example.net")
    day("me_anonymise", 204, body={"password": SECRET, "confirm": "ANONYMISE"})
    assert day("auth_login", 401, body={"email": "ada@example.net", "password": SECRET}).code == "credentials_wrong"
