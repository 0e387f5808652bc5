"""What staff do with a customer's account from the customer's page: each is done once, logged, or refused in words."""

import uuid
from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from post_office.models import Email

from accounts.models import User
from customers.locks import changes_are_by
from customers.models import Customer, CustomerRestaurant, CustomerSession
from reservations.models import BookingLog, Reservation
from tests.backoffice.test_customer_page import panels
from tests.customers.test_changes import database_role
from tests.factories import (
    CustomerFactory,
    CustomerRestaurantFactory,
    EmailFactory,
    OrderFactory,
    ReservationFactory,
    RestaurantFactory,
    RestaurantStaffFactory,
    UserFactory,
    staff_of,
)

pytestmark = pytest.mark.django_db
BASE = "/admin/customers/customer"


def session_of(customer: Customer, **columns: object) -> CustomerSession:
    values = {"token_hash": "x", "family": uuid.uuid4(), "expires_at": datetime(2099, 1, 1, tzinfo=UTC)} | columns
    return CustomerSession.objects.create(id=uuid.uuid4(), customer=customer, **values)


def act(client: Client, customer: Customer, name: str) -> list[str]:
    """Press the button NAME, and return what the page says then."""
    answer = client.post(f"{BASE}/{customer.pk}/act/", {"act": name}, follow=True)
    assert answer.redirect_chain == [(f"{BASE}/{customer.pk}/change/", 302)]
    return [str(each) for each in answer.context["messages"]]


def offered(client: Client, customer: Customer) -> list[str]:
    """Return the buttons of the page."""
    context = client.get(f"{BASE}/{customer.pk}/change/").context
    return [*context["acts"], *(["anonymise"] if context["anonymise"] else [])]


def history(customer: Customer) -> list[str]:
    return list(LogEntry.objects.filter(object_id=customer.pk).order_by("pk").values_list("change_message", flat=True))


def test_a_manager_sends_mails_and_no_more(client: Client, db: None) -> None:
    place = RestaurantFactory.create()
    customer = CustomerRestaurantFactory.create(restaurant=place).customer
    client.force_login(staff_of(place, "MANAGER"))
    assert offered(client, customer) == ["reset", "verify"]
    said = "A mail with a link to set a new password was queued."
    assert act(client, customer, "reset") == [said]
    (again,) = act(client, customer, "reset")
    assert again.startswith("Too many requests. Try again in ")
    assert act(client, customer, "verify") == ["The mail that proves the address was queued again."]
    mails = Email.objects.order_by("pk")
    assert [(mail.to, mail.context["template"]) for mail in mails] == [
        ([customer.email], "reset-password"),
        ([customer.email], "verify-email"),
    ]
    assert history(customer) == [said, "The mail that proves the address was queued again."]
    assert list(panels(client, customer)) == ["Reservations", "Orders", "Changes"]
    for name in ("close", "open", "end"):
        assert client.post(f"{BASE}/{customer.pk}/act/", {"act": name}).status_code == 403
    assert client.get(f"{BASE}/{customer.pk}/anonymise/").status_code == 403
    assert client.post(f"{BASE}/{customer.pk}/session/", {"session": session_of(customer).pk}).status_code == 403


def test_log_ins_are_ended_one_or_all(client: Client, root: User) -> None:
    customer = CustomerFactory.create(email_verified=True)
    one, two = (
        session_of(customer, user_agent="Phone", ip="192.0.2.7"),
        session_of(customer, user_agent="Laptop", expires_at=datetime(2099, 2, 1, tzinfo=UTC)),
    )
    session_of(customer, user_agent="Old", expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    stranger = session_of(CustomerFactory.create())
    assert offered(client, customer) == ["reset", "end", "close", "anonymise"]
    words = panels(client, customer)["Log-ins"]
    assert [word for word in words if word in ("Phone", "192.0.2.7", "Laptop", "Old", "over", "End this log-in")] == [
        *("Laptop", "End this log-in", "Phone", "192.0.2.7", "End this log-in", "Old", "over")
    ]

    def end(session: CustomerSession) -> list[str]:
        answer = client.post(f"{BASE}/{customer.pk}/session/", {"session": session.pk}, follow=True)
        return [str(each) for each in answer.context["messages"]]

    assert end(one) == ["A log-in was ended."]
    assert end(one) == end(stranger) == ["This log-in had ended already."]
    assert "ended: ended by staff" in panels(client, customer)["Log-ins"]
    assert act(client, customer, "end") == ["All log-ins were ended."]
    assert act(client, customer, "end") == ["Look at the account again: somebody has changed it meanwhile."]
    one.refresh_from_db()
    two.refresh_from_db()
    stranger.refresh_from_db()
    assert [each.revoked_reason for each in (one, two, stranger)] == ["ended by staff", "ended by staff", ""]
    assert history(customer) == ["A log-in was ended.", "All log-ins were ended."]


def test_an_account_is_closed_and_opened_again(client: Client, root: User) -> None:
    customer = CustomerFactory.create()
    session = session_of(customer)
    assert act(client, customer, "close") == ["The account was closed."]
    session.refresh_from_db()
    assert session.revoked_reason == "deactivated"
    assert offered(client, customer) == ["open", "anonymise"]
    assert act(client, customer, "open") == ["The account was opened again."]
    assert Customer.objects.get(pk=customer.pk).is_active
    assert history(customer) == ["The account was closed.", "The account was opened again."]


def test_what_is_no_button_is_refused(client: Client, root: User) -> None:
    customer = CustomerFactory.create()
    assert client.get(f"{BASE}/{customer.pk}/act/").status_code == 405
    assert client.post(f"{BASE}/{customer.pk}/act/", {"act": "delete"}).status_code == 400
    assert client.post(f"{BASE}/{customer.pk}/session/", {"session": "1"}).status_code == 400
    for page in ("act", "anonymise"):
        assert client.post(f"{BASE}/99999999999999999999/{page}/", {"act": "close"}).status_code == 302


def test_a_customer_is_anonymised_once_the_phrase_is_typed(client: Client, root: User) -> None:
    place = RestaurantFactory.create()
    customer = CustomerFactory.create(first_name="Zenobia", last_name="Quist", email="zenobia@quist.example")
    ahead = ReservationFactory.create(
        customer=customer,
        restaurant=place,
        customer_name="Zenobia Quist",
        reservation_date=datetime(2099, 6, 1, tzinfo=UTC),
    )
    OrderFactory.create(customer=customer, restaurant=place, customer_name="Zenobia Quist")
    EmailFactory.create(to=[customer.email])
    act(client, customer, "close")
    page = f"{BASE}/{customer.pk}/anonymise/"

    assert f"type ANONYMISE {customer.pk}<" in client.get(page).content.decode()
    wrong = client.post(page, {"phrase": "ANONYMISE"})
    assert (wrong.status_code, "nothing was changed" in wrong.content.decode()) == (200, True)
    assert Customer.objects.get(pk=customer.pk).email == "zenobia@quist.example"

    answer = client.post(page, {"phrase": f" ANONYMISE {customer.pk} "}, follow=True)

    assert [str(each) for each in answer.context["messages"]] == ["The customer was anonymised."]
    row = Customer.objects.get(pk=customer.pk)
    assert (row.email, str(row)) == (f"anonymised-{customer.pk}@anonymised.invalid", f"customer {customer.pk}")
    assert set(LogEntry.objects.values_list("object_repr", flat=True)) == {f"customer {customer.pk}"}
    assert history(customer) == ["The account was closed.", "The customer was anonymised."]
    assert Reservation.objects.values_list("status", "customer_name").get() == ("CANCELLED", "Anonymised guest")
    assert BookingLog.objects.filter(reservation_id=ahead.pk).values_list("actor_kind", "actor_id").get() == (
        "staff",
        root.pk,
    )
    assert not Email.objects.exists()
    assert offered(client, customer) == []
    again = client.post(page, {"phrase": f"ANONYMISE {customer.pk}"}, follow=True)
    assert [str(each) for each in again.context["messages"]] == ["This customer is anonymised already."]


def test_the_mails_to_the_address_are_listed_without_what_they_say(client: Client, root: User) -> None:
    customer = CustomerFactory.create(email="Ann@example.org")
    EmailFactory.create(to=["ann@Example.org"], subject="Welcome Ann", message="Secret words")
    EmailFactory.create(to=["else@example.org"], subject="Not hers")
    words = panels(client, customer)["Mails of the last 30 days"]
    assert words[-2:] == ["Welcome Ann", "waiting"]
    assert "Not hers" not in words
    assert "Secret words" not in client.get(f"{BASE}/{customer.pk}/change/").content.decode()


def test_bookings_are_shown_by_either_link(client: Client, root: User) -> None:
    user = UserFactory.create()
    customer, other = CustomerFactory.create(id=user.pk), CustomerFactory.create()
    place = RestaurantFactory.create()
    for linked in ({"customer": customer}, {"customer": None}, {"customer": other}):
        ReservationFactory.create(restaurant=place, user=user, **linked)
        OrderFactory.create(restaurant=place, user=user, **linked)
    found = panels(client, customer)
    for name in ("Reservations", "Orders"):
        assert [word for word in found[name] if word in ("customer", "user alone")] == ["user alone", "customer"]


def test_the_filters_show_whom_a_restaurant_knows(client: Client, root: User) -> None:
    here, there = RestaurantFactory.create(name="Here"), RestaurantFactory.create(name="There")
    ours, theirs = (CustomerRestaurantFactory.create(restaurant=place).customer for place in (here, there))
    CustomerRestaurantFactory.create(restaurant=there, customer=ours)

    def listed(query: str) -> list[Customer]:
        return list(client.get(f"{BASE}/?{query}").context["cl"].result_list)

    assert listed(f"restaurant={here.pk}") == [ours]
    assert listed(f"restaurant={there.pk}") == [ours, theirs]
    manager = staff_of(here, "MANAGER")
    client.force_login(manager)
    assert listed("") == [ours]
    assert listed(f"restaurant={there.pk}") == [ours]  # with one restaurant there is nothing to choose between
    RestaurantStaffFactory.create(user=manager, role="MANAGER")
    # Whom another restaurant knows is not told, not even of one's own.
    assert listed(f"restaurant={here.pk}") == [ours]
    assert listed(f"restaurant={there.pk}") == listed("restaurant=x") == []


def test_somebody_else_at_work_is_said(client: Client, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = CustomerFactory.create()

    def busy(**_: object) -> str:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = 'lock_not_available'; END $$")
        return ""

    monkeypatch.setattr("backoffice.admin.account_act", busy)
    assert act(client, customer, "close") == [
        "Somebody else is at work on this customer just now. Try again in a moment."
    ]


def test_who_is_anonymised_is_said(client: Client, root: User) -> None:
    gone = CustomerFactory.create(is_active=False, anonymized_at=timezone.now())
    assert "Anonymised: nothing here tells" in client.get(f"{BASE}/{gone.pk}/change/").content.decode()
    assert offered(client, gone) == []


def test_the_changes_are_shown_each_restaurant_its_own(client: Client, root: User) -> None:
    here, there = RestaurantFactory.create(), RestaurantFactory.create()
    customer = CustomerFactory.create(first_name="Ann", email_verified=True)
    ours, theirs = (CustomerRestaurantFactory.create(customer=customer, restaurant=place) for place in (here, there))
    manager = staff_of(here, "MANAGER", name="Mia")
    assert panels(client, customer)["Changes"] == ["Nothing has been changed since changes are noted."]
    for link, by in ((ours, f"staff {manager.pk}"), (theirs, "staff 999999")):
        changes_are_by(by)
        CustomerRestaurant.objects.filter(pk=link.pk).update(notes=f"note {link.pk}")
    changes_are_by("customer")
    Customer.objects.filter(pk=customer.pk).update(first_name="Anna", password="x", email_verified=False)
    changes_are_by("")
    Customer.objects.filter(pk=customer.pk).update(phone="123")
    act(client, customer, "verify")
    words = panels(client, customer)["Changes"][4:]
    assert [tuple(words[at + 1 : at + 4]) for at in range(0, len(words), 4)] == [
        (str(root), "the admin", "The mail that proves the address was queued again."),
        (f"somebody as {database_role()}", "account", "phone: – → 123"),
        (
            "the customer",
            "account",
            "email verified: yes → no; first name: Ann → Anna; password: was → set",
        ),
        ("staff 999999", "what a restaurant wrote", f"notes: – → note {theirs.pk}"),
        (str(manager), "what a restaurant wrote", f"notes: – → note {ours.pk}"),
    ]
    client.force_login(manager)
    words = panels(client, customer)["Changes"][4:]
    assert words[1:] == [str(manager), "what a restaurant wrote", f"notes: – → note {ours.pk}"]
    answer = client.get(f"{BASE}/{customer.pk}/history/")
    assert (answer.status_code, answer["Location"]) == (302, f"{BASE}/{customer.pk}/change/")
