"""What verifications and the mirror leave behind for the board: a row for each invariant, and a reading each hour."""

import pytest
from django.db import connection

from separation.models import Checked, Sample
from tests.separation.engine import one, query
from tests.separation.test_watch import find_it_again, lose_a_phone, run
from tests.separation.verify import migrate


@pytest.fixture
def database(legacy_database):
    database = legacy_database("plain", adopted=True)
    migrate(connection)
    return database


def readings():
    return one(connection, "SELECT last_value FROM separation_mirrored"), one(
        connection, "SELECT last_value FROM separation_mirrored_back"
    )


def test_each_invariant_is_kept_with_its_figure_and_the_rows_that_break_it(database):
    out = run()[1]
    whole = Checked.objects.get(pk="phones_equal")
    assert Checked.objects.count() == len(out) - 1
    assert (whole.status, whole.figure, whole.compared) == ("pass", "55 customers compared", 55)
    assert whole.whole_at == whole.checked_at

    query(connection, "UPDATE users SET phone = '5' WHERE id = 30")
    run("--since", "last")
    since = Checked.objects.get(pk="phones_equal")
    assert (since.status, since.figure, since.compared) == ("pass", "1 customers compared", 55)
    assert (since.whole_at, since.checked_at > whole.checked_at) == (whole.whole_at, True)

    who = lose_a_phone()
    run()
    broken = Checked.objects.get(pk="phones_equal")
    assert (broken.status, broken.figure, broken.offending) == ("fail", "55 customers compared; 1 wrong", 1)
    assert (broken.sample, broken.details, broken.remedy != "") == ([who], [], True)
    assert list(Checked.objects.exclude(status="pass").values_list("id", flat=True)) == ["phones_equal"]

    find_it_again(who)
    Checked.objects.create(
        **{field: getattr(broken, field) for field in ("identity", "position", "guarantee", "checked_at", "compared")},
        id="of an earlier version",
        status="fail",
        figure="",
        offending=1,
        sample=[],
        details=[],
    )
    run()
    assert not Checked.objects.exclude(status="pass").exists()

    sample = Sample.objects.get()
    assert set(sample.readings) == {"mirrored", "mirrored_back", "logins", "legacy_logins"}


def test_the_mirror_counts_what_it_repeats_in_either_direction(database):
    """Every row once, those of the migration itself never."""
    customer, restaurant, booking = query(
        connection,
        "SELECT r.user_id, r.restaurant_id, r.id FROM reservations r JOIN customers c ON c.id = r.user_id "
        "JOIN customer_restaurants l ON (l.customer_id, l.restaurant_id) = (c.id, r.restaurant_id) "
        "WHERE r.status = 'CONFIRMED' ORDER BY r.id LIMIT 1",
    )[0]
    assert readings() == (1, 1)
    book = (
        "INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time, "
        f"status, table_ids, updated_at, {{}}) VALUES ('x', {restaurant}, 2, '2026-07-01', '19:00', 'CONFIRMED', "
        f"'{{{{}}}}', now(), {customer})"
    )
    query(connection, "SELECT setval('separation_mirrored', 100), setval('separation_mirrored_back', 200)")
    found = []
    for written in (
        book.format("user_id"),
        book.format("customer_id"),
        f"UPDATE reservations SET notes = 'by the window' WHERE id = {booking}",
        f"UPDATE reservations SET status = 'COMPLETED' WHERE id = {booking}",
        f"UPDATE users SET phone = '5' WHERE id = {customer}",
        "UPDATE users SET phone = '6' WHERE is_customer AND id IN (SELECT id FROM customers ORDER BY id LIMIT 7)",
        f"UPDATE customers SET phone = '7' WHERE id = {customer}",
        "UPDATE users SET phone = '8' WHERE NOT is_customer",
    ):
        query(connection, written)
        found.append(readings())
    assert found == [
        *((101, 200), (101, 201), (101, 201), (102, 201), (103, 201), (110, 201), (110, 202), (110, 202)),
    ]
