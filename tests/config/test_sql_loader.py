from pathlib import Path

import pytest

from config.sql import Queries
from separation.mirror import BOTH_WAYS, SHARED  # separation: line

BASE = Path(__file__).resolve().parent.parent.parent
# What a file is given when it is read.
GIVEN: dict[str, dict[str, str]] = {name: {"schema": "x"} for name in ("keep_visits.sql", "note_changes.sql")}
# separation: begin
DECIDING = ("email_key", "finding_state", "confined_findings", "places")
WORDS = dict.fromkeys(("schema", "readable", *DECIDING, *SHARED, *BOTH_WAYS), "x")
GIVEN |= dict.fromkeys(("checks.sql", "mirror.sql", "mirror_back.sql"), WORDS)
GIVEN |= dict.fromkeys(("decisions.sql", "row_decisions.sql", "portraits.sql", "diagnosis.sql"), WORDS)
GIVEN["board.sql"] = dict.fromkeys(("readings", "at_work", "pace"), "x")
# separation: end


def load(tmp_path: Path, text: str) -> Queries:
    path = tmp_path / "some.sql"
    path.write_text(text, encoding="utf-8")
    return Queries(path)


GOOD = """\
-- What the file is for.

-- name: people
-- One row for each person.
SELECT id FROM users

-- name: count_people
-- The number of people,
-- counted once.
WITH people AS ({{people}})
-- a comment of the block's own
SELECT count(*) FROM people;
"""


def test_a_block_is_an_attribute_without_its_description(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).people == "SELECT id FROM users"


def test_an_earlier_block_is_put_in_where_its_name_stands(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).count_people == (
        "WITH people AS (SELECT id FROM users)\n-- a comment of the block's own\nSELECT count(*) FROM people;"
    )


def test_names_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    assert list(load(tmp_path, GOOD)) == ["people", "count_people"]


def test_a_missing_block_is_an_attribute_error_naming_the_file(tmp_path: Path) -> None:
    queries = load(tmp_path, GOOD)
    with pytest.raises(AttributeError) as caught:
        _ = queries.peple
    assert str(caught.value) == f"{tmp_path}/some.sql has no block named 'peple'."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- name: a\n-- A.\nSELECT 1;\n-- name: a\n-- A.\nSELECT 2;\n", "two blocks are named 'a'."),
        ("-- name: a\nSELECT 1;\n", "block 'a' needs a comment line that describes it, then its SQL."),
        ("-- name: a\n--\nSELECT 1;\n", "block 'a' needs a comment line that describes it, then its SQL."),
        ("-- name: a\n-- A.\n\n", "block 'a' needs a comment line that describes it, then its SQL."),
        ("-- name: a b\n-- A.\nSELECT 1;\n", "'a b' cannot be the name of a block."),
        ("-- name: _path\n-- A.\nSELECT 1;\n", "'_path' cannot be the name of a block."),
        ("SELECT 0;\n-- name: a\n-- A.\nSELECT 1;\n", "SQL stands before the first '-- name:' line."),
        (
            "-- name: a\n-- A.\n{{b}}\n-- name: b\n-- B.\nSELECT 1;\n",
            "block 'a' uses {{b}}, which is no block before it.",
        ),
    ],
)
def test_a_file_that_breaks_the_rules_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        load(tmp_path, text)
    assert str(caught.value) == f"{tmp_path}/some.sql: {message}"


def test_every_sql_file_of_the_project_can_be_read() -> None:
    not_ours = (".venv", "backups")  # a backup brings its schema along
    paths = [path for path in BASE.glob("*/**/*.sql") if path.relative_to(BASE).parts[0] not in not_ours]
    assert len(paths) >= 5
    for path in paths:
        assert list(Queries(path, GIVEN.get(path.name))), path


def test_a_block_may_use_a_text_that_is_given(tmp_path: Path) -> None:
    path = tmp_path / "some.sql"
    path.write_text("-- name: a\n-- A.\nSELECT * FROM {{schema}}.people\n")
    assert Queries(path, {"schema": "public"}).a == "SELECT * FROM public.people"
