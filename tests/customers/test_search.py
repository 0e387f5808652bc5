"""A customer is found by any part of a name or an address, digits of a phone, or their number; by one index."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from customers.models import Customer
from customers.search import customers_by_phone, customers_found
from tests.factories import CustomerFactory, CustomerRestaurantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(db: None) -> dict[str, Customer]:
    return {
        "ann": CustomerFactory.create(
            first_name="Ann", last_name="van der Berg", email="Ann@Example.org", phone="+49 (030) 23125-974"
        ),
        "karim": CustomerFactory.create(first_name="كريم", last_name="الشامي", email="k@example.org", phone=None),
        "olga": CustomerFactory.create(
            first_name="Ольга", last_name="", email="o.4711@example.net", phone="0301234567"
        ),
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ann", ["ann"]),
        ("BERG", ["ann"]),
        ("berg ann", ["ann"]),
        ("ann olga", []),
        ("example.org", ["ann", "karim"]),
        ("ample.or", ["ann", "karim"]),
        ("li", []),
        ("va", ["ann"]),
        ("be", ["ann"]),
        ("o", ["olga"]),
        ("ك", ["karim"]),
        ("ann\0", ["ann"]),
        ("0000", []),
        ("@example.net", ["olga"]),
        ("كريم", ["karim"]),
        ("ольга", ["olga"]),
        ("23125974", ["ann"]),
        ("030 23125 974", ["ann"]),
        ("+49 30", []),
        ("030-123", ["olga"]),
        ("4711", ["olga"]),
        ("125", []),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("'; DROP TABLE customers; --", []),
        ("9" * 400, []),
        ("0", []),
        ("+", []),
        ("", ["ann", "karim", "olga"]),
        ("   ", ["ann", "karim", "olga"]),
    ],
)
def test_a_customer_is_found_by(text: str, found: list[str], people: dict[str, Customer]) -> None:
    assert list(customers_found(Customer.objects.order_by("id"), text)) == [people[name] for name in found]


def test_a_customer_is_found_by_their_number(people: dict[str, Customer]) -> None:
    assert list(customers_found(Customer.objects.all(), str(people["karim"].pk))) == [people["karim"]]


def test_a_word_is_looked_up_in_the_index(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers (email, password, phone) SELECT i || '@elsewhere.com', '!', '030 ' || i "
            "FROM generate_series(10000, 12000) i"
        )
        cursor.execute("ANALYZE customers")
    for found in (customers_found(Customer.objects.all(), "ample.or"), customers_by_phone(None, "23125")):
        assert "customers_search_idx" in found.explain()


def test_more_are_not_looked_for_than_a_list_counts(
    people: dict[str, Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("customers.search.COUNTED_ROWS", 1)
    assert customers_found(Customer.objects.all(), "example").count() == 2


def test_a_caller_is_found_by_the_digits_of_their_phone(people: dict[str, Customer]) -> None:
    here = CustomerRestaurantFactory.create(customer=people["ann"]).restaurant_id
    CustomerRestaurantFactory.create(customer=people["olga"])
    everywhere = ["030 123", "312", "4711", "23125974", "0030123", "0030"]
    asked: list[tuple[set[int] | None, str]] = [(None, digits) for digits in everywhere]
    asked += [({here}, "23125"), ({here}, "0301234567"), (set(), "23125")]
    found = [
        [each.first_name for each in customers_by_phone(where if where is None else frozenset(where), digits)]
        for where, digits in asked
    ]
    assert found == [["Ольга"], [], [], ["Ann"], ["Ольга"], [], ["Ann"], [], []]


def test_a_word_that_many_have_is_looked_for_among_whom_a_restaurant_knows(people: dict[str, Customer]) -> None:
    """Of whom the restaurant knows the same people are found, whether or not the statistics call a word common."""
    here = CustomerRestaurantFactory.create(customer=people["ann"]).restaurant_id
    CustomerRestaurantFactory.create(customer=people["karim"])
    known = Customer.objects.filter(restaurants__restaurant=here)
    for word, rare in (("example.org", True), ("example.org", False), ("zz", False), ("ann exa", False)):
        if not rare:
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE customers")
        with CaptureQueriesContext(connection) as captured:
            found = list(customers_found(known, word, restaurants=frozenset({here})))
        assert found == ([] if word == "zz" else [people["ann"]])
        looked_up = "customer_search_keys" in captured.captured_queries[-2 if len(captured) > 2 else -1]["sql"]
        assert looked_up is (rare or word == "zz"), word


def test_a_word_that_nearly_all_have_is_found_by_reading_on(people: dict[str, Customer]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE customers")
    for word, by_index in (("example.org", False), ("zz", True)):
        with CaptureQueriesContext(connection) as captured:
            assert (people["ann"] in customers_found(Customer.objects.all(), word)) is not by_index
        assert any("customer_search_keys" in query["sql"] for query in captured.captured_queries[1:]) is by_index, word
