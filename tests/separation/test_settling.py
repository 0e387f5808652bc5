"""Findings settled in the admin: looked at, previewed, confirmed with a reason, taken back; by whoever may."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.utils.html import strip_tags
from playwright.sync_api import expect
from post_office.models import Email

from accounts.models import User
from menus.models import Recipe
from orders.models import Order
from restaurants.models import Restaurant
from separation.decisions import ANSWERS, duplicate_keep, staff_decide
from separation.models import Finding, Merge
from separation.portraits import portraits
from separation.rights import OWNERS_ANSWER
from separation.words import MEANS, SAYS
from tests.browser import PHONE, Opener, axe, fits, tappable
from tests.factories import (
    CustomerFactory,
    CustomerRestaurantFactory,
    FindingFactory,
    MenuFactory,
    OrderFactory,
    RecipeFactory,
    ReservationFactory,
    RestaurantFactory,
    RestaurantStaffFactory,
    UserFactory,
    staff_of,
)

pytestmark = pytest.mark.django_db

LIST = "/admin/separation/finding/"


@pytest.fixture
def here() -> Restaurant:
    return RestaurantFactory.create(name="Here", city="Rome")


@pytest.fixture
def owner(here: Restaurant, client: Client) -> User:
    """Whoever owns one restaurant, logged in with `client`."""
    user = staff_of(here, "OWNER", name="Olga Owner")
    client.force_login(user)
    return user


def guest(place: Restaurant, **columns: Any) -> User:
    """Make a customer of users with a booking at PLACE."""
    user = UserFactory.create(is_customer=True, **columns)
    ReservationFactory.create(restaurant=place, user=user)
    return user


def twins_of(place: Restaurant) -> tuple[User, User, Finding]:
    """Make two customers with one email, who came to PLACE; return them, and the finding about the second."""
    one = guest(place, name="Ann Lee", email="ann@example.org", phone="1")
    two = guest(place, name="Ann B. Lee", email="ANN@example.org", phone="1")
    FindingFactory.create(kind="duplicate_email", row_id=one.pk)
    return one, two, FindingFactory.create(kind="duplicate_email", row_id=two.pk)


def worker(place: Restaurant) -> Finding:
    """Make somebody who works at PLACE and is marked as a customer."""
    user = staff_of(place, "MANAGER", is_customer=True, name="Mona Manager")
    return FindingFactory.create(kind="staff_marked_as_customer", row_id=user.pk)


def page(finding: Finding, more: str = "change/") -> str:
    return f"/admin/separation/finding/{finding.pk}/{more}"


def said(client: Client, path: str) -> str:
    """Return the words of our part of a page."""
    answer = client.get(path, follow=True)
    assert answer.status_code == 200
    shown = answer.content.decode().partition('<div class="staff-page')[2].partition("</main")[0]
    return " ".join(strip_tags(f'<div class="{shown}').split())


def answers(client: Client, finding: Finding) -> list[str]:
    """Return what the page of a finding offers."""
    return re.findall(r"/settle/\?answer=(\w+)", client.get(page(finding)).content.decode())


def seal(client: Client, finding: Finding, query: str) -> str:
    """Look at what an answer would do; return the seal of that preview."""
    shown = client.get(page(finding, f"settle/?{query}")).content.decode()
    (found,) = re.findall(r'name="seen" value="(\w+)"', shown)
    return str(found)


def settle(client: Client, finding: Finding, answer: str, value: Any = "", note: str = "asked them") -> list[str]:
    """Look and confirm; return what is told."""
    seen = seal(client, finding, f"answer={answer}&value={value}")
    return press(client, finding, {"answer": answer, "value": value, "note": note, "seen": seen})


def press(client: Client, finding: Finding, given: dict[str, Any]) -> list[str]:
    done = client.post(page(finding, "settle/"), given, follow=True)
    assert done.status_code == 200
    return [str(message) for message in done.context["messages"]]


def settle_all(client: Client, findings: list[Finding], answer: str) -> list[str]:
    """Choose several on the list, look at what an answer would do to each, and confirm; return what is told."""
    given: dict[str, Any] = {"action": "settle_all", "_selected_action": [one.pk for one in findings]}
    assert f'value="{answer}"' in client.post(LIST, given).content.decode()
    shown = client.post(LIST, given | {"answer": answer}).content.decode()
    given |= dict(re.findall(r'name="(seen-\d+)" value="(\w+)"', shown))
    before = everything()
    unexplained = client.post(LIST, given | {"answer": answer, "note": ""}).content.decode()
    assert ("Say why, for the record" in unexplained, everything()) == (True, before)
    done = client.post(LIST, given | {"answer": answer, "note": "all alike"}, follow=True)
    return [str(message) for message in done.context["messages"]]


def everything() -> list[Any]:
    tables = ("separation_findings", "separation_merges", "users", "reservations", "orders", "recipes", "menus")
    found = []
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
            found += cursor.fetchall()
    return found


def test_who_is_staff_is_said_with_a_reason_and_taken_back(client: Client, owner: User, here: Restaurant) -> None:
    finding = worker(here)

    assert answers(client, finding) == ["staff", "customer", "both"]
    shown = said(client, page(finding))
    assert shown.startswith("Staff marked as customer: Mona Manager, user ")
    assert "What to do: Ask the restaurant, then say so below." in shown
    assert "Works as MANAGER at Here" in shown
    before = everything()
    preview = said(client, page(finding, "settle/?answer=staff"))
    assert f"What this does User {finding.row_id} is staff. What becomes of whom" in preview
    assert "This can be taken back until clean-up. Nothing was changed yet." in preview
    assert everything() == before

    seen = seal(client, finding, "answer=staff")
    unexplained = client.post(page(finding, "settle/"), {"answer": "staff", "seen": seen, "note": " "})
    assert "Say why, for the record: nothing was changed yet." in unexplained.content.decode()
    assert everything() == before

    assert settle(client, finding, "staff", note="she runs the bar") == [f"Settled: user {finding.row_id} is staff."]
    finding.refresh_from_db()
    assert (finding.state, finding.decision, finding.decided_by, finding.note) == (
        "settled",
        "staff",
        f"Olga Owner (user {owner.pk})",
        "she runs the bar",
    )
    assert LogEntry.objects.get().change_message == (f"Settled: user {finding.row_id} is staff. Why: she runs the bar")
    assert answers(client, finding) == ["undo"]
    assert "Is staff, and stays in users: by Olga Owner" in said(client, page(finding))

    assert settle(client, finding, "undo", note="she left") == [f"Settled: staff of user {finding.row_id} is undone."]
    finding.refresh_from_db()
    assert (finding.state, finding.decision) == ("open", "")
    history = said(client, page(finding)).partition("What was decided, and when")[2]
    assert re.findall(r"(undone: staff|staff) Olga Owner \(user \d+\) (she \w+)", history) == [
        ("undone: staff", "she left"),
        ("staff", "she runs"),
    ]


def test_two_people_are_compared_and_merged(client: Client, owner: User, here: Restaurant) -> None:
    one, two, finding = twins_of(here)

    assert answers(client, finding) == ["merge", "keep"]
    people = portraits(connection, [one.pk, two.pk])
    assert {line.label for line in people.lines if line.differs} >= {"Name", "Email"}
    assert "Phone" not in {line.label for line in people.lines if line.differs}
    asked = said(client, page(finding, "settle/?answer=merge"))
    assert f"The others with this email Ann Lee user {one.pk}, ann@example.org" in asked
    preview = said(client, page(finding, f"settle/?answer=merge&value={one.pk}"))
    assert f"User {two.pk} is the same person as user {one.pk}." in preview
    assert f"user {two.pk}, AN***@ex***.org merged into {one.pk} 1 0 1" in preview
    assert f"Moves: all bookings, orders and restaurants of user {two.pk} become those of user {one.pk}." in preview
    assert "The phase is legacy: who moves, moves with the next execute." in preview
    assert not Merge.objects.exists()

    assert settle(client, finding, "merge", one.pk) == [f"Settled: user {two.pk} is the same person as user {one.pk}."]
    assert (Merge.objects.get().user_id, Merge.objects.get().customer_id) == (two.pk, one.pk)
    settle(client, finding, "undo")
    assert not Merge.objects.exists()


def test_of_two_who_settle_at_once_the_second_is_told(client: Client, owner: User, here: Restaurant) -> None:
    one, two, finding = twins_of(here)
    other = Finding.objects.get(row_id=one.pk)
    seen = seal(client, finding, f"answer=merge&value={one.pk}")
    given = {"answer": "merge", "value": one.pk, "note": "same", "seen": seen}
    stale = seal(client, other, "answer=keep")

    duplicate_keep(connection=connection, user_id=two.pk, by="Ada", execute=True)

    assert press(client, finding, given) == [
        "This is settled already: moves, of all with this email, by Ada. Nothing was changed."
    ]
    assert press(client, other, {"answer": "keep", "note": "same", "seen": stale}) == [
        "This is settled already: stays in users, since another with this email moves, by Ada. Nothing was changed."
    ]
    assert not Merge.objects.exists()


def test_what_was_not_shown_is_not_done(client: Client, owner: User, here: Restaurant) -> None:
    _, two, finding = twins_of(here)
    seen = seal(client, finding, "answer=keep")
    third = guest(here, email="Ann@Example.org")
    given = {"answer": "keep", "note": "same", "seen": seen}

    assert press(client, finding, given) == [
        "What it does is not what you were shown any more: look again. Nothing was changed."
    ]
    assert f"user {third.pk}" in said(client, page(finding, "settle/?answer=keep"))
    # Pressed without having looked, it is not done either.
    assert press(client, finding, {"answer": "keep", "note": "same"}) == [
        "What it does is not what you were shown any more: look again. Nothing was changed."
    ]
    assert Finding.objects.get(row_id=two.pk).decision == ""


def test_a_recipe_gets_one_of_the_owners_restaurants(client: Client, owner: User, here: Restaurant) -> None:
    there = RestaurantFactory.create(name="There")
    recipe = RecipeFactory.create(user=owner, restaurant=None, name="Soup")
    finding = FindingFactory.create(kind="no_restaurant", table_name="recipes", row_id=recipe.pk)

    asked = said(client, page(finding, "settle/?answer=place"))
    assert "Choose one Here, Rome" in asked
    assert "There" not in asked
    told = client.get(page(finding, f"settle/?answer=place&value={there.pk}"), follow=True).context["messages"]
    assert [str(one) for one in told] == [f"There is no restaurant {there.pk}. Nothing was changed."]
    preview = said(client, page(finding, f"settle/?answer=place&value={here.pk}"))
    assert f"recipes {recipe.pk} restaurant_id nothing {here.pk}" in preview

    assert settle(client, finding, "place", here.pk) == [
        f"Settled: recipe {recipe.pk} is at restaurant {here.pk}, Here."
    ]
    assert Recipe.objects.get().restaurant == here
    settle(client, finding, "undo")
    assert Recipe.objects.get().restaurant is None


def test_an_order_follows_its_reservation_if_both_restaurants_are_the_owners(
    client: Client, owner: User, here: Restaurant
) -> None:
    there = RestaurantFactory.create()
    order = OrderFactory.create(restaurant=here, reservation=ReservationFactory.create(restaurant=there))
    finding = FindingFactory.create(kind="restaurant_mismatch", table_name="orders", row_id=order.pk)

    assert client.get(page(finding))["Location"] == "/admin/"
    RestaurantStaffFactory.create(user=owner, restaurant=there, role="OWNER")
    assert answers(client, finding) == ["follow", "untie"]
    settle(client, finding, "follow")
    assert Order.objects.get().restaurant == there


def test_whose_an_orphan_may_be_is_looked_up(client: Client, owner: User, here: Restaurant) -> None:
    known = CustomerFactory.create(first_name="Ann", email="ann@example.org")
    CustomerRestaurantFactory.create(customer=known, restaurant=here)
    CustomerFactory.create(first_name="Ann", email="ann.other@example.org")
    booking = ReservationFactory.create(restaurant=here, customer_name="Ann", customer_email="ann@example.org")
    finding = FindingFactory.create(kind="orphan", table_name="reservations", row_id=booking.pk)

    asked = said(client, page(finding, "settle/?answer=assign"))
    assert f"Who it may be, by what the booking says {known} user {known.pk}, ann@example.org Or the number" in asked
    assert "Nobody matches “zzz”." in said(client, page(finding, "settle/?answer=assign&q=zzz"))
    told = client.get(page(finding, "settle/?answer=assign&value=x"), follow=True).context["messages"]
    assert [str(one) for one in told] == ["x is not the number of a user. Nothing was changed."]


@pytest.fixture
def locked_out(here: Restaurant) -> list[Finding]:
    """Findings about three customers of a restaurant whose password nobody can read, the last deactivated."""
    found = []
    for number in range(3):
        user = guest(here)
        CustomerFactory.create(id=user.pk, email=f"lost{number}@example.org", is_active=number < 2)
        found.append(FindingFactory.create(kind="needs_password_reset", row_id=user.pk))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE customers SET password = '!'")
    return found


def test_whoever_cannot_log_in_is_mailed(client: Client, owner: User, locked_out: list[Finding]) -> None:
    first, _, last = locked_out

    assert settle(client, first, "mail") == [
        f"Settled: customer {first.row_id} is mailed a link that sets a password, to lo***@ex***.org."
    ]
    assert answers(client, first) == ["mail"]
    assert "Mailed a link that sets a password: by Olga Owner" in said(client, page(first))

    why = f"Customer {last.row_id} is deactivated: activate the account first, in the admin."
    assert settle_all(client, locked_out, "mail") == [f"{last}: {why} Nothing was changed.", "2 of 3 settled."]
    assert sorted(mail.to for mail in Email.objects.all()) == [
        ["lost0@example.org"],
        ["lost0@example.org"],
        ["lost1@example.org"],
    ]


def test_several_are_settled_together(client: Client, owner: User, here: Restaurant) -> None:
    workers = [worker(here) for _ in range(3)]
    there = worker(RestaurantFactory.create())

    assert settle_all(client, workers, "staff") == ["3 of 3 settled."]
    decided = {(one.decision, one.note) for one in Finding.objects.filter(pk__in=[one.pk for one in workers])}
    assert decided == {("staff", "all alike")}
    assert LogEntry.objects.count() == 3

    def said_of(findings: list[Finding]) -> str:
        chosen = [one.pk for one in findings]
        shown = client.post(LIST, {"action": "settle_all", "_selected_action": chosen}, follow=True)
        return " ".join(strip_tags(shown.content.decode().partition('<div class="staff-page')[2]).split())

    assert "No answer fits all of these at once" in said_of([workers[0], worker(here)])
    assert "No answer fits all of these at once" in said_of([twins_of(here)[2], worker(here)])
    # Of a finding out of sight nobody hears anything.
    assert str(there.row_id) not in said_of([there, worker(here)])
    Finding.objects.filter(pk=there.pk).update(decision="")
    client.post(LIST, {"action": "settle_all", "_selected_action": [there.pk], "answer": "staff", "note": "x"})
    there.refresh_from_db()
    assert there.decision == ""


def test_who_sees_what_and_may_do_what(client: Client, here: Restaurant) -> None:
    there = RestaurantFactory.create()
    found = {
        "worker": worker(here),
        "worker elsewhere too": worker(here),
        "platform's own": FindingFactory.create(
            kind="staff_marked_as_customer", row_id=staff_of(here, "OWNER", is_customer=True, role="ADMIN").pk
        ),
        "author of something at no restaurant": worker(here),
        "twin": twins_of(here)[2],
        "no address": FindingFactory.create(row_id=guest(here, email="none").pk),
        "nobody's guest": FindingFactory.create(row_id=UserFactory.create(is_customer=True, email="no").pk),
        "guest elsewhere": FindingFactory.create(row_id=guest(there, email="nothing").pk),
        "set aside": FindingFactory.create(kind="set_aside", row_id=guest(here).pk),
        "overbooked": FindingFactory.create(
            kind="overbooked", table_name="reservations", row_id=ReservationFactory.create(restaurant=here).pk
        ),
        "menu of a stranger": FindingFactory.create(
            kind="no_restaurant", table_name="menus", row_id=MenuFactory.create(restaurant=None).pk
        ),
        "row that is gone": FindingFactory.create(kind="orphan", table_name="orders", row_id=2**40),
    }
    RestaurantStaffFactory.create(user_id=found["worker elsewhere too"].row_id, restaurant=there)
    MenuFactory.create(user_id=found["author of something at no restaurant"].row_id, restaurant=None)

    def seen_by(user: User) -> dict[str, list[str]]:
        client.force_login(user)
        listed = client.get(LIST)
        if listed.status_code != 200:
            paths = [page(found["worker"], more) for more in ("change/", "settle/?answer=keep", "history/")]
            assert [client.get(path).status_code for path in paths] == [403, 403, 302]
            return {}
        ids = {row.pk for row in listed.context["cl"].result_list}
        out = {name for name, one in found.items() if client.get(page(one)).status_code == 302}
        assert out == {name for name, one in found.items() if one.pk not in ids}
        for name in out:
            assert client.get(page(found[name], "settle/?answer=keep"))["Location"] == "/admin/"
        return {name: answers(client, one) for name, one in found.items() if name not in out}

    owners = {
        "worker": ["staff", "customer", "both"],
        "twin": ["merge", "keep"],
        "no address": [],
        "overbooked": [],
    }
    assert seen_by(staff_of(here, "OWNER")) == owners
    assert seen_by(staff_of(here, "STAFF", role=User.Role.ADMIN)) == owners
    assert seen_by(staff_of(here, "MANAGER")) == {}
    client.force_login(UserFactory.create(role=User.Role.SUPERADMIN))
    assert client.get(LIST).context["cl"].result_count == Finding.objects.count()
    assert answers(client, found["twin"]) == ["merge", "keep", "rename"]
    assert answers(client, found["no address"]) == ["rename"]


def test_an_owner_is_not_shown_what_is_the_engines(client: Client, owner: User, here: Restaurant) -> None:
    finding = worker(here)
    Finding.objects.update(detail={"error": "Zzsecret"})
    shown = client.get(page(finding)).content.decode()
    assert "Zzsecret" not in shown
    assert str(finding.run) not in shown
    assert client.get(page(finding, "settle/?answer=rename&value=a@b.example"))["Location"] == page(finding)


def test_an_email_is_given_by_a_superadmin(client: Client, root: User, here: Restaurant) -> None:
    user = guest(here, email="none at all")
    finding = FindingFactory.create(row_id=user.pk)

    assert "New email" in said(client, page(finding, "settle/?answer=rename"))
    for bad, message in (("nowhere", "no*** is not an email address."), (root.email, "somebody else's already.")):
        told = client.get(page(finding, f"settle/?answer=rename&value={bad}"), follow=True).context["messages"]
        assert [str(one).endswith(f"{message} Nothing was changed.") for one in told] == [True]
    settle(client, finding, "rename", "new@example.org")
    user.refresh_from_db()
    assert user.email == "new@example.org"
    settle(client, finding, "undo")
    user.refresh_from_db()
    assert user.email == "none at all"


@pytest.mark.parametrize("phase", ["cleaning", "separated"])
def test_after_clean_up_has_begun_nothing_is_decided(client: Client, root: User, here: Restaurant, phase: str) -> None:
    open_one, settled = worker(here), worker(here)
    staff_decide(connection=connection, user_id=settled.row_id, answer="staff", by="Ada", execute=True)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE separation_phase SET name = %s", [phase])
    assert (answers(client, open_one), answers(client, settled)) == ([], [])


def test_by_keyboard_and_on_a_phone(browser_page: Opener, here: Restaurant) -> None:
    one, two, finding = twins_of(here)
    tab = browser_page(staff_of(here, "OWNER"), width=PHONE, dark=True)
    tab.goto(page(finding))
    tab.get_by_role("link", name="Is the same person as …").press("Enter")
    tab.get_by_role("link", name="Ann Lee").press("Enter")
    for check in (fits, tappable, axe):
        check(tab)
    tab.get_by_label("Why").fill("the same phone number")
    tab.get_by_role("button", name=f"Is the same person as user {one.pk}").press("Enter")
    expect(tab.get_by_text(f"Settled: user {two.pk} is the same person as user {one.pk}.")).to_be_visible()
    tab.get_by_role("link", name="Take it back").press("Enter")
    expect(tab.get_by_text("Afterwards the finding is open again.")).to_be_visible()
    assert Finding.objects.get(pk=finding.pk).note == "the same phone number"


def test_there_are_words_for_every_finding_and_every_answer() -> None:
    assert {*MEANS} == {kind for kind, _ in Finding.KINDS}
    assert {*SAYS} == {answer for given in ANSWERS.values() for answer in given} | {"undo"}
    assert all({*mine} <= {*ANSWERS.get(kind, ())} for kind, mine in OWNERS_ANSWER.items())
