"""The rows of a backup are JSON lines, and PostgreSQL reads back from them what it sent."""

import json
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from separation.backups.lines import CSV, to_csv, to_json
from tests.databases import Databases, database_url

pytestmark = pytest.mark.engine

# Whatever could be taken for the end of a value, for a null, or for an escape.
awkward = st.text(st.sampled_from('"\\,\t\n\r\x0b\x0c\x08\x01\x1f\x7f[]{}Nnulv0.ü\u0085\u2028😀 '), max_size=10)
anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
value = st.one_of(st.none(), st.just("null"), st.just("\\N"), awkward, anything)
rows = st.lists(st.tuples(value, value, value), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def server(databases: Databases, django_db_blocker) -> Iterator[psycopg.Connection]:
    connect = psycopg.connect
    with django_db_blocker.unblock(), databases.empty() as name, connect(database_url(name)) as connection:
        connection.autocommit = True
        connection.execute("CREATE TABLE here (a text, b text, c text); CREATE TABLE there (LIKE here)")
        yield connection


def sent(server: psycopg.Connection, rows: list[tuple[str | None, ...]]) -> bytes:
    with server.cursor() as cursor:
        cursor.execute("TRUNCATE here, there")
        cursor.executemany("INSERT INTO here VALUES (%s, %s, %s)", rows)
        with cursor.copy("COPY here TO STDOUT") as copy:
            return b"".join(copy)


def received(server: psycopg.Connection, columns: str, content: bytes) -> list[tuple[str | None, ...]]:
    with server.cursor() as cursor:
        with cursor.copy(f"COPY there ({columns}) FROM STDIN WITH ({CSV})") as copy:
            copy.write(content)
        return cursor.execute(f"SELECT {columns} FROM there").fetchall()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
@example(
    [(None, None, None), ("null", "", None), ('",\t"', '"]\n["', "\\N]"), ("\\v", "\\\\v", "\x0b"), ("[]", ",", '"')]
)
def test_lines_are_json_and_come_back(server, rows):
    lines = to_json(sent(server, rows), 3)
    assert [tuple(json.loads(line)) for line in lines.decode().split("\n")[:-1]] == rows
    assert received(server, "a, b, c", to_csv(lines)) == rows


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
def test_chosen_columns_come_back(server, rows):
    lines = to_json(sent(server, rows), 3)
    assert received(server, "c, a", to_csv(lines, [2, 0])) == [(row[2], row[0]) for row in rows]


def test_rows_without_columns_are_empty_arrays():
    assert to_json(b"\n\n", 0) == b"[]\n[]\n"
    assert to_csv(b"[]\n[]\n") == b"\n\n"
    assert to_csv(b'["1"]\n["1"]\n', []) == b"\n\n"
