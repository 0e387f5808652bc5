"""A shift over the staff's API: book, change, seat, order, serve, pay; refused with the service's own words."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from menus.models import MenuItem
from orders.models import Order
from reservations.models import BookingLog, Reservation
from tests.api import Api, problem, refused
from tests.backoffice.staff_api import DAY, Place, as_staff, day_after, place
from tests.factories import OrderFactory, ReservationFactory, staff_of

pytestmark = pytest.mark.django_db
KEY = {"Idempotency-Key": "booked-by-phone-1"}


@pytest.fixture
def here() -> Place:
    return place("here")


@pytest.fixture
def waiter(here: Place) -> User:
    return staff_of(here.restaurant, "STAFF")


@pytest.fixture
def api(waiter: User) -> Api:
    return as_staff(waiter)


def seen(answer: Any) -> dict[str, str]:
    return {"If-Match": answer["ETag"]}


def stamps(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return BODY without the times when it was written, which have to be there."""
    for name in names or ("created_at", "updated_at"):
        assert body.pop(name).endswith("Z")
    return body


def booking(**changes: Any) -> dict[str, Any]:
    return {"restaurant": "here", "date": day_after(0), "time": "19:10", "party_size": 4} | changes


def today(here: Place, **columns: Any) -> Reservation:
    """Return a booking for now by the clocks of the restaurant, which shows UTC."""
    now = timezone.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return ReservationFactory.create(
        restaurant=here.restaurant, reservation_date=midnight, reservation_time=f"{now:%H:%M}", **columns
    )


def test_a_table_is_booked_for_who_is_on_the_phone(api: Api, here: Place, waiter: User) -> None:
    digits = (here.customer.phone or "")[-6:]
    found = api.get(f"staff/restaurants/here/guests?phone={digits}").json()
    assert found == [{"id": here.customer.pk, "name": "Ida here 0", "phone": here.customer.phone}]
    body = booking(customer_id=found[0]["id"], notes="Birthday", table_ids=[3], override=True)
    answer = api.post("staff/reservations", body, headers=KEY)
    made = Reservation.objects.latest("pk")
    path = f"/api/v1/staff/reservations/{made.pk}"
    assert (answer.status_code, answer["Location"]) == (201, path)
    assert stamps(answer.json()) == {
        "id": made.pk,
        "restaurant": {"id": here.restaurant.pk, "slug": "here", "name": "Here"},
        "date": "2031-03-05",
        "time": "19:10",
        "starts_at": "2031-03-05T19:10:00+00:00",
        "duration_minutes": 90,
        "party_size": 4,
        "status": "CONFIRMED",
        "stage": "expected",
        "customer_id": here.customer.pk,
        "contact": {"name": "Ida here 0", "email": here.customer.email, "phone": here.customer.phone},
        "special_requests": "",
        "notes": "Birthday",
        "guest_notes": "",
        "table_ids": [3],
        "source": "phone",
        "arrived_at": None,
        "left_at": None,
        "links": {"self": path},
    }
    assert (made.user_id, made.customer_id) == (waiter.pk, here.customer.pk)
    again = api.post("staff/reservations", body, headers=KEY)
    assert (again["Idempotent-Replayed"], again.content, again["ETag"]) == ("true", answer.content, answer["ETag"])
    assert api.get(path).content == answer.content


def test_beyond_what_the_restaurant_takes_staff_book_knowingly(api: Api, here: Place) -> None:
    body = booking(party_size=9, contact={"name": "Lena"}, date=(timezone.now().date() + timedelta(days=7)).isoformat())
    assert api.post("staff/reservations", body).status_code == 201
    stopped = problem(api.post("staff/reservations", body))
    assert (stopped["status"], stopped["code"], [each["code"] for each in stopped["errors"]]) == (
        409,
        "beyond_policy",
        ["slot_full"],
    )
    assert api.post("staff/reservations", body | {"override": True}).status_code == 201
    assert "beyond" in str(BookingLog.objects.latest("pk").after)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "contact.name"),
        ({"contact": {"name": "Lena"}, "restaurant": "there"}, "restaurant"),
        ({"contact": {"name": "Lena"}, "time": "7 pm"}, "time"),
        ({"contact": {"name": "Lena"}, "table_ids": ["x"]}, "table_ids.0"),
        ({"contact": {"name": "Lena"}, "covers": 4}, "covers"),
    ],
)
def test_what_is_no_booking_is_said_by_its_field(api: Api, changes: dict[str, Any], field: str) -> None:
    place("there")
    faults = problem(api.post("staff/reservations", booking(**changes)))
    assert (faults["code"], [each["field"] for each in faults["errors"]]) == ("invalid", [field])


def test_a_customer_whom_the_restaurant_does_not_know_is_none(api: Api) -> None:
    for number in (place("there").customer.pk, 2**31 - 1):
        answer = api.post("staff/reservations", booking(customer_id=number))
        assert refused(answer) == (422, "unknown_customer")


def test_a_booking_is_moved_and_noted_by_who_has_seen_it(api: Api, here: Place) -> None:
    path = f"staff/reservations/{here.reservation.pk}"
    shown = api.get(path)
    changes = {"time": "20:00", "party_size": 3, "guest_notes": "Allergic to nuts", "override": True}
    moved = api.patch(path, changes, headers=seen(shown))
    assert (moved.status_code, moved.json()["time"], moved.json()["guest_notes"]) == (200, "20:00", "Allergic to nuts")
    assert refused(api.patch(path, {"notes": "x"}, headers=seen(shown))) == (412, "precondition_failed")
    assert refused(api.patch(path, {"notes": "x"})) == (428, "precondition_required")
    cancelled = api.post(f"{path}/cancel", {"reason": "Ill", "words": "Get well!"}, headers=seen(moved))
    assert (cancelled.json()["status"], cancelled.json()["stage"]) == ("CANCELLED", "cancelled")
    assert api.post(f"{path}/cancel").json() == cancelled.json()


def test_an_evening_goes_forward_and_back(api: Api, here: Place) -> None:
    path = f"staff/reservations/{today(here).pk}"
    steps = [("seat", {"table_ids": [7]}), ("complete", {}), ("reopen", {}), ("reopen", {}), ("no-show", {})]
    found = [api.post(f"{path}/{step}", body).json() for step, body in steps]
    assert [each["stage"] for each in found] == ["seated", "left", "seated", "expected", "no_show"]
    assert (found[0]["table_ids"], bool(found[0]["arrived_at"]), bool(found[1]["left_at"])) == ([7], True, True)
    assert refused(api.post(f"{path}/complete")) == (409, "not_changeable")


def test_a_day_shows_who_comes_and_how_full_it_gets(api: Api, here: Place) -> None:
    body = api.get("staff/restaurants/here/day?date=2031-03-05").json()
    rows, slots = body.pop("reservations"), body.pop("slots")
    none = {"expected": 0, "seated": 0, "left": 0, "no_show": 0, "cancelled": 0}
    assert body == {
        "restaurant": {"id": here.restaurant.pk, "slug": "here", "name": "Here"},
        "date": "2031-03-05",
        "time_zone": "UTC",
        "hours": "12:00-22:00",
        "note": "",
        "parties": none | {"expected": 1},
        "covers": none | {"expected": 2},
    }
    extra = {"ends_at": "2031-03-05T20:00:00+00:00", "clashes": False}
    assert rows == [api.get(f"staff/reservations/{here.reservation.pk}").json() | extra]
    assert len(slots) == 20
    assert slots[13] == {
        "time": "18:30",
        "starts_at": "2031-03-05T18:30:00+00:00",
        "covers": 2,
        "arriving": 2,
        "capacity": 10,
    }
    assert api.get("staff/restaurants/here/day").json()["date"] == timezone.now().date().isoformat()


def test_bookings_are_narrowed(api: Api, here: Place) -> None:
    later = ReservationFactory.create(
        restaurant=here.restaurant, reservation_date=DAY + timedelta(days=2), status="CANCELLED"
    )
    for query, expected in {
        "": [later.pk, here.reservation.pk],
        "status=CANCELLED": [later.pk],
        f"from={day_after(1)}": [later.pk],
        f"to={day_after(1)}": [here.reservation.pk],
        f"customer={here.customer.pk}": [here.reservation.pk],
        "restaurant=there": [],
        "ordering=id&page_size=1": [here.reservation.pk],
    }.items():
        found = api.get(f"staff/reservations?{query}").json()["results"]
        assert [each["id"] for each in found] == expected, query


def test_an_order_is_opened_at_a_table_taken_served_and_paid(api: Api, here: Place, waiter: User) -> None:
    reservation = today(here, customer=here.customer, customer_name="Ida")
    dish = api.get("staff/restaurants/here/dishes?search=sou").json()["results"][0]
    assert dish == {
        "id": here.item.pk,
        "name": "Soup",
        "description": None,
        "price": "5,00 €",
        "amount": "5.00",
        "section": "Starters",
        "menu": "here menu 0",
    }
    body = {"restaurant": "here", "reservation_id": reservation.pk, "notes": "Quick"}
    opened = api.post("staff/orders", body, headers=KEY)
    assert api.post("staff/orders", body, headers=KEY).content == opened.content
    path = opened["Location"]
    line = {"menu_item_id": dish["id"], "quantity": 2, "modifiers": ["no onions"]}
    added = api.post(f"{path}/items", line, headers={"Idempotency-Key": "two-soups"})
    assert api.post(f"{path}/items", line, headers={"Idempotency-Key": "two-soups"}).content == added.content
    order = Order.objects.latest("pk")
    (item,) = order.items.all()
    assert (added.status_code, order.user_id) == (201, waiter.pk)
    assert stamps(added.json()) == {
        "id": order.pk,
        "order_number": order.order_number,
        "restaurant": {"id": here.restaurant.pk, "slug": "here", "name": "Here"},
        "status": "NEW",
        "order_type": "DINE_IN",
        "customer_name": "Ida",
        "customer_id": here.customer.pk,
        "reservation_id": reservation.pk,
        "notes": "Quick",
        "total_amount": "10.00",
        "items": [
            {
                "id": item.pk,
                "menu_item_id": dish["id"],
                "name": "Soup",
                "quantity": 2,
                "price": "5.00",
                "modifiers": ["no onions"],
                "notes": None,
                "status": "PENDING",
            }
        ],
        "links": {"self": path},
    }
    changed = api.patch(f"{path}/items/{item.pk}", {"quantity": 3}, headers=seen(added))
    assert (changed.json()["total_amount"], changed.json()["items"][0]["quantity"]) == ("15.00", 3)
    assert refused(api.patch(f"{path}/items/{item.pk}", {"quantity": 1}, headers=seen(added))) == (
        412,
        "precondition_failed",
    )
    ready = api.post(f"{path}/items/{item.pk}/status", {"status": "READY", "seen": "PENDING"})
    assert (ready.json()["status"], ready.json()["items"][0]["status"]) == ("READY", "READY")
    late = api.post(f"{path}/items/{item.pk}/status", {"status": "SERVED", "seen": "PENDING"})
    assert refused(late) == (409, "order_changed")
    paid = api.post(f"{path}/status", {"status": "COMPLETED"})
    assert (paid.json()["status"], paid.json()["items"][0]["status"]) == ("COMPLETED", "SERVED")
    assert refused(api.post(f"{path}/items", line)) == (409, "order_over")
    assert api.post(f"{path}/reopen").json()["status"] == "READY"
    assert refused(api.post(f"{path}/status", {"status": "CANCELLED"})) == (422, "reason_required")


def test_an_order_is_noted_and_put_to_another_table(api: Api, here: Place) -> None:
    path, there = f"staff/orders/{here.order.pk}", place("there")
    changes = {"notes": "Window", "reservation_id": None, "order_type": "TAKEOUT"}
    changed = api.patch(path, changes, headers=seen(api.get(path))).json()
    assert {name: changed[name] for name in changes} == changes
    theirs = {"reservation_id": there.reservation.pk}
    assert refused(api.patch(path, theirs, headers=seen(api.get(path)))) == (422, "reservation_unfit")
    foreign = {"menu_item_id": there.item.pk}
    assert refused(api.post(f"{path}/items", foreign)) == (422, "not_on_menu")
    assert refused(api.get(f"{path}/items/{there.line.pk}")) == (405, "method_not_allowed")


def test_what_has_no_price_is_asked_for(api: Api, here: Place) -> None:
    fish = MenuItem.objects.create(section=here.section, name="Fish", price="MP")
    path = f"staff/orders/{here.order.pk}/items"
    assert refused(api.post(path, {"menu_item_id": fish.pk})) == (422, "price_required")
    added = api.post(path, {"menu_item_id": fish.pk, "price": "24.50"}).json()
    assert (added["items"][-1]["price"], added["total_amount"]) == ("24.50", "29.50")


def test_orders_are_narrowed(api: Api, here: Place) -> None:
    over = OrderFactory.create(restaurant=here.restaurant, status="COMPLETED")
    for query, expected in {
        "": [over.pk, here.order.pk],
        "open=true": [here.order.pk],
        "open=false": [over.pk],
        "status=COMPLETED": [over.pk],
        f"reservation={here.reservation.pk}": [here.order.pk],
        f"customer={here.customer.pk}": [here.order.pk],
    }.items():
        assert [each["id"] for each in api.get(f"staff/orders?{query}").json()["results"]] == expected, query
