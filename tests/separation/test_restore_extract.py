"""One table, or one person's rows, come out of a backup as a file that puts back what was lost."""

import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
from django.core.management import call_command
from django.db import connection

from config.embedded_postgres.programs import program
from separation.backups import Key, extract_customer, extract_table, take
from separation.errors import CheckFailed, Refused, UsageFault
from tests.databases import Databases, database_url, default_connection_to
from tests.separation.backups import dump, execute, fill_with_everything

SCHEMA = r"""
CREATE TABLE users (id int PRIMARY KEY, note text, doubled int GENERATED ALWAYS AS (id * 2) STORED,
    code int UNIQUE, boss int REFERENCES users (code));
CREATE TABLE customers (id int PRIMARY KEY);
CREATE TABLE reservations (id int PRIMARY KEY, user_id int REFERENCES users ON DELETE CASCADE,
    customer_id int REFERENCES customers ON DELETE CASCADE);
CREATE SCHEMA shop;
CREATE TABLE shop."Orders" ("orderId" int PRIMARY KEY, "userId" int REFERENCES users ON DELETE CASCADE,
    reservation int REFERENCES reservations ON DELETE CASCADE);
CREATE TABLE items (id int PRIMARY KEY, of int REFERENCES shop."Orders" ON DELETE CASCADE, n int);
CREATE TABLE elsewhere (id int PRIMARY KEY, seven int);
INSERT INTO users (id, note) VALUES (7, E'a\tb\n\\.\n"q" ü \x0b\x01'), (70, NULL), (8, '7');
INSERT INTO customers VALUES (7), (8);
INSERT INTO reservations VALUES (1, 7, NULL), (2, NULL, 7), (3, 8, 8), (7, 8, NULL);
INSERT INTO shop."Orders" VALUES (10, 7, NULL), (11, NULL, 2), (12, 8, 3), (13, 70, 1);
INSERT INTO items SELECT g, 10 + g % 4, 7 FROM generate_series(1, 8) g;
INSERT INTO elsewhere VALUES (1, 7);
"""


@pytest.fixture
def name(databases: Databases, django_db_blocker, backup_dir) -> Iterator[str]:
    with django_db_blocker.unblock(), databases.empty() as name, default_connection_to(name):
        yield name


def load(name: str, file: Path) -> None:
    command = [str(program("psql")), "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    subprocess.run([*command, f"--file={file}", database_url(name)], check=True)


def test_what_a_deletion_took_with_it_is_put_back(name, tmp_path):
    execute(name, SCHEMA)
    folder, before = take(connection).path, dump(name)
    assert extract_customer(folder, 7, tmp_path / "rows.sql") == {
        "users": 1,
        "customers": 1,
        "reservations": 2,
        "shop.Orders": 3,
        "items": 6,
    }
    execute(name, "DELETE FROM users WHERE id = 7; DELETE FROM customers WHERE id = 7")
    assert execute(name, "SELECT count(*) FROM items") == [(2,)]
    load(name, tmp_path / "rows.sql")
    assert dump(name) == before
    assert stat.S_IMODE((tmp_path / "rows.sql").stat().st_mode) == 0o600


def test_the_rows_of_a_legacy_customer_are_those_that_sql_finds(legacy_database, backup_dir, tmp_path):
    legacy = legacy_database("plain")
    folder = take(legacy.connection).path
    ((number, reservations, orders, items),) = execute(
        legacy.name,
        "SELECT o.user_id, (SELECT count(*) FROM reservations r WHERE r.user_id = o.user_id), count(DISTINCT o.id), "
        "count(i.id) FROM orders o JOIN order_items i ON i.order_id = o.id JOIN users u ON u.id = o.user_id "
        "WHERE u.is_customer GROUP BY o.user_id ORDER BY 4 DESC, 1 LIMIT 1",
    )
    counts = extract_customer(folder, number, tmp_path / "rows.sql")
    assert items > 0
    assert (counts["users"], counts["reservations"], counts["orders"], counts["order_items"]) == (
        1,
        reservations,
        orders,
        items,
    )


def test_every_kind_of_table_is_put_back(name, tmp_path):
    fill_with_everything(name)
    folder, before = take(connection).path, dump(name)
    for number, table in enumerate(["Odd Name/..", "other Schema.users", "parted_old", "public.only_generated"]):
        extract_table(folder, table, tmp_path / f"{number}.sql")
    execute(name, 'TRUNCATE "Odd Name/..", "other Schema".users, parted_old CASCADE')
    for number in range(3):
        load(name, tmp_path / f"{number}.sql")
    assert dump(name) == before


def test_the_command_writes_it_without_a_database(name, tmp_path, capsys, monkeypatch):
    execute(name, SCHEMA)
    folder = take(connection).path
    monkeypatch.setattr(connection, "ensure_connection", lambda: pytest.fail("the database is asked"))
    connection.close()
    call_command("restore", str(folder), table="items", to=tmp_path / "items.sql")
    call_command("restore", str(folder), customer=8, to=tmp_path / "eight.sql")
    assert capsys.readouterr().out.splitlines() == [
        f"items 8: written into {tmp_path}/items.sql",
        f"users 1, customers 1, reservations 2, shop.Orders 1, items 2: written into {tmp_path}/eight.sql",
    ]
    head = (tmp_path / "items.sql").read_text().splitlines()[:2]
    assert head[0].startswith(f"-- {folder.name} of database {name}, taken ")
    assert head[0].endswith(" UTC: table items, 8 rows.")
    assert head[1] == "-- Load: psql --single-transaction --set=ON_ERROR_STOP=1 --file=THIS"


def test_an_encrypted_one_takes_the_key(name, tmp_path):
    execute(name, SCHEMA)
    identity = pyrage.x25519.Identity.generate()
    folder = take(connection, recipients=[str(identity.to_public())]).path
    with pytest.raises(Refused):
        extract_table(folder, "items", tmp_path / "items.sql")
    (tmp_path / "key").write_text(str(identity))
    assert extract_customer(folder, 8, tmp_path / "eight.sql", key=Key(tmp_path / "key"))["users"] == 1


def test_a_file_that_would_not_be_whole_does_not_stay(name, tmp_path):
    execute(name, SCHEMA)
    folder = take(connection).path
    (folder / "items.jsonl.zst").write_bytes(b"")
    for extract in (lambda to: extract_table(folder, "items", to), lambda to: extract_customer(folder, 8, to)):
        with pytest.raises(CheckFailed, match="is damaged: it ends at byte 0"):
            extract(tmp_path / "rows.sql")
    with pytest.raises(CheckFailed, match="has nobody with the id 99, neither in users nor in customers"):
        extract_customer(folder, 99, tmp_path / "rows.sql")
    with pytest.raises(UsageFault, match="The backup has no table 'item'; it has customers, elsewhere, items, "):
        extract_table(folder, "item", tmp_path / "rows.sql")
    assert not (tmp_path / "rows.sql").exists()
    (tmp_path / "rows.sql").write_text("mine")
    with pytest.raises(UsageFault, match=r"rows\.sql cannot be made: File exists"):
        extract_table(folder, "users", tmp_path / "rows.sql")
    assert (tmp_path / "rows.sql").read_text() == "mine"


@pytest.mark.parametrize(
    "options",
    [
        {"table": "users"},
        {"customer": 0},
        {"to": Path("x")},
        {"table": "users", "to": Path("x"), "into": "postgres://"},
    ],
)
def test_options_that_make_no_sense_are_usage_faults(options, name, capsys):
    folder = take(connection).path
    with pytest.raises(SystemExit) as done:
        call_command("restore", str(folder), **options)
    assert done.value.code == 2
    assert "--to takes one of them" in capsys.readouterr().err
