"""`migrate_customers` as its operator meets it: phrases, interlocks, exit codes, and every sentence."""

import json
import shutil
import signal
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection

from separation.backups import latest_verified
from separation.errors import Refused
from separation.interlocks import require_backup
from tests.databases import manage, start
from tests.separation.engine import checksums, columns_of, one, other_application, query


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("BACKUP_DIR", str(tmp_path / "backups"))
    monkeypatch.setenv("LOG_DIR", str(tmp_path / "logs"))
    return tmp_path


@pytest.fixture
def database(legacy_database):
    return legacy_database("plain", adopted=True)


@pytest.fixture
def backed_up(database):
    assert manage(database.name, "backup").returncode == 0
    return database


def execute(database, phrase=None):
    phrase = f"MIGRATE {database.name}\n" if phrase is None else phrase
    return manage(database.name, "migrate_customers", "--execute", stdin=phrase)


@contextmanager
def asking(database):
    """Start an execute in a process of its own, and give it when it has asked for the phrase."""
    with start(database.name, "migrate_customers", "--execute") as process:
        while not process.stderr.readline().startswith("Type exactly"):
            assert process.poll() is None
        yield process


def logs(folders):
    return [json.loads(path.read_text()) for path in sorted((folders / "logs").glob("*.json"))]


def test_the_dry_run_prints_the_plan_and_changes_nothing(database, folders):
    columns = {t: names for t, names in columns_of(database.connection).items() if t != "separation_runs"}
    before = checksums(database.connection, columns)

    said = manage(database.name, "migrate_customers")

    assert (said.returncode, said.stderr) == (0, "")
    lines = said.stdout.splitlines()
    assert lines[:9] == [
        "Moved already                                      0",
        "To move                                           55",
        "  of these without a readable hash                 2",
        "Kept back: staff marked as customer                3",
        "Kept back: duplicate email                         4",
        "Kept back: invalid email                           1",
        f"Reservations to link                    {plan(database, 'reservations'):>12,}",
        f"Orders to link                          {plan(database, 'orders'):>12,}",
        f"Customers of each restaurant            {sum(int(line.split()[-1]) for line in lines[9:-6]):>12,}",
    ]
    assert lines[-5].startswith("One real chunk of 63 customers took ")
    assert lines[-3:] == [
        "The preflight fails (backup): an execute would be refused.",
        "",
        "Nothing was changed. Next: python manage.py preflight",
    ]
    assert checksums(database.connection, columns) == before
    (log,) = logs(folders)
    assert log["counts"].pop("trial_ms") > 0
    assert (log["kind"], log["state"], log["counts"]) == ("dry-run", "done", {"to_move": 55, "trial": 63})


def plan(database, table):
    """Count what has to be linked, by other means than the engine's."""
    return one(
        database.connection,
        f"""SELECT count(*) FROM {table} t JOIN users u ON u.id = t.user_id
        WHERE u.is_customer AND u.role = 'USER' AND u.email LIKE '%%@%%'
        AND u.id NOT IN (SELECT user_id FROM restaurant_staff WHERE role <> 'STAFF')
        AND u.id NOT IN (SELECT user_id FROM recipes UNION SELECT user_id FROM menus)
        AND lower(u.email) NOT IN (SELECT lower(email) FROM users WHERE is_customer GROUP BY 1 HAVING count(*) > 1)""",
    )


def test_execute_moves_verifies_and_says_so(backed_up, folders):
    said = execute(backed_up)

    assert said.returncode == 0, said.stderr
    tail = said.stdout.splitlines()[-7:]
    run = query(backed_up.connection, "SELECT counts, log_path, state FROM separation_runs ORDER BY id DESC LIMIT 1")
    counts = json.loads(run[0][0]) if isinstance(run[0][0], str) else run[0][0]
    assert tail == [
        f"Moved: 55 customers, 55 profiles, {counts['reservations']} reservations, {counts['orders']} orders, "
        f"{counts['links']} links.",
        f"{'Finding: staff marked as customer':<70}{3:>8}",
        f"{'Finding: duplicate email':<70}{4:>8}",
        f"{'Finding: invalid email':<70}{1:>8}",
        f"{'Finding: needs a password reset':<70}{2:>8}",
        f"The log is {run[0][1]}",
        "Verified: every invariant holds. Next: python manage.py verify_separation, or look at /admin/",
    ]
    assert said.stderr.splitlines() == [
        f"This moves 55 customers in database {backed_up.name!r}.",
        f"Type exactly: MIGRATE {backed_up.name}",
        "Moving customers: 100 % (63 of 63 customers)",
    ]
    assert [(log["kind"], log["state"]) for log in logs(folders)] == [("execute", "done")]


def test_a_second_execute_says_that_there_is_nothing_to_do(backed_up):
    execute(backed_up)

    said = execute(backed_up, phrase="")

    assert (said.returncode, said.stdout, said.stderr) == (
        0,
        "Nothing to do: all 55 customers who can be moved are moved.\n",
        "",
    )
    planned = manage(backed_up.name, "migrate_customers")
    assert (planned.returncode, planned.stderr) == (0, "")
    assert planned.stdout.splitlines()[-1] == "Nothing to do: all 55 customers who can be moved are moved."


def test_any_other_phrase_changes_nothing(backed_up):
    for phrase in ("", "\n", "yes\n", "MIGRATE\n", " MIGRATE {name}\n", "MIGRATE {name} \n", "migrate {name}\n"):
        said = execute(backed_up, phrase.format(name=backed_up.name))

        assert said.returncode == 4
        assert said.stderr.splitlines()[-1] == (
            f"Error: The phrase 'MIGRATE {backed_up.name}' was not given exactly, so nothing was changed."
        )
    assert one(backed_up.connection, "SELECT count(*) FROM customers") == 0
    assert one(backed_up.connection, "SELECT name FROM separation_phase") == "legacy"


def refused(said, interlock, message, following):
    assert said.returncode == 3
    assert said.stderr.splitlines() == [f"Refused ({interlock}): {message}", f"Next: {following}"]
    assert said.stdout == ""


def test_without_a_backup_it_is_refused(database):
    refused(
        execute(database),
        "backup",
        f"No verified backup of database {database.name!r} is on record.",
        "python manage.py backup",
    )


def test_a_backup_of_another_database_does_not_count(backed_up, legacy_database):
    other = legacy_database("plain", adopted=True)

    refused(
        execute(other),
        "backup",
        f"No verified backup of database {other.name!r} is on record.",
        "python manage.py backup",
    )


def test_a_backup_whose_files_are_gone_does_not_count(backed_up, folders):
    (backup,) = (folders / "backups").glob("backup-*")
    shutil.rmtree(backup)

    refused(
        execute(backed_up),
        "backup",
        f"No verified backup of database {backed_up.name!r} is on record.",
        "python manage.py backup",
    )


def test_an_old_backup_does_not_count(backed_up, folders, monkeypatch):
    monkeypatch.setattr(settings, "BACKUP_DIR", folders / "backups")
    backup = latest_verified(connection)
    assert backup
    monkeypatch.setattr("separation.interlocks.now_of", lambda _: backup.taken_at + timedelta(hours=25))

    with pytest.raises(Refused) as error:
        require_backup(connection)

    assert error.value.message == (
        f"The newest verified backup of database {backed_up.name!r}, {backup.id}, is 25 hours old; the limit is 24."
    )
    assert error.value.next_command == "python manage.py backup"


def test_a_database_that_is_not_adopted_is_refused(legacy_database):
    database = legacy_database("plain")

    for options in ([], ["--execute"], ["--rollback"]):
        refused(
            manage(database.name, "migrate_customers", *options),
            "adoption",
            f"Database {database.name!r} has not been adopted yet: the new tables are not there.",
            "python manage.py migrate",
        )


def test_production_is_refused_until_there_is_a_rehearsal(backed_up, monkeypatch):
    monkeypatch.setenv("ENVIRONMENT", "production")

    said = execute(backed_up)

    refused(
        said,
        "rehearsal",
        f"Database {backed_up.name!r} counts as production (the variable ENVIRONMENT says so), and no rehearsal of it "
        "is on record.",
        "python manage.py rehearse",
    )


def test_after_clean_up_has_begun_nothing_moves_and_nothing_goes_back(backed_up):
    query(backed_up.connection, "UPDATE separation_phase SET name = 'cleaning'")

    for option in ("--execute", "--rollback"):
        refused(
            manage(backed_up.name, "migrate_customers", option),
            "phase",
            f"Database {backed_up.name!r} is in phase 'cleaning': the customers are leaving users, or have left it, "
            "and only a restore leads back.",
            "python manage.py cleanup_legacy --execute",
        )


def test_a_second_run_is_told_who_holds_the_lock_since_when(backed_up):
    with asking(backed_up) as first:
        said = execute(backed_up)
        out, _ = first.communicate(f"MIGRATE {backed_up.name}\n")

    assert said.returncode == 3
    sentence, following = said.stderr.splitlines()
    assert sentence.startswith("Refused (one run at a time): ")
    assert " holds the lock, connected since 20" in sentence
    assert following == "Next: python manage.py separation_status"
    assert first.returncode == 0
    assert "Verified: every invariant holds." in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_the_phrase_changes_nothing(backed_up, number):
    with asking(backed_up) as asked:
        asked.send_signal(number)
        _, said = asked.communicate()

    assert asked.returncode == 130
    assert said == "Interrupted; nothing was left half done.\n"
    assert one(backed_up.connection, "SELECT count(*) FROM customers") == 0


def test_ctrl_c_during_the_move_finishes_the_chunk_and_says_how_to_go_on(backed_up):
    query(
        backed_up.connection,
        """CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$""",
    )
    query(
        backed_up.connection,
        "CREATE TRIGGER linger AFTER INSERT ON customers FOR EACH STATEMENT EXECUTE FUNCTION linger()",
    )
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"
    with other_application(backed_up.name) as holder, asking(backed_up) as asked:
        holder.execute("SELECT pg_advisory_lock(4711)")
        asked.stdin.write(f"MIGRATE {backed_up.name}\n")
        while not one(backed_up.connection, waiting):
            assert asked.poll() is None
        asked.send_signal(signal.SIGINT)
        holder.execute("SELECT pg_advisory_unlock(4711)")
        _, said = asked.communicate()

    assert asked.returncode == 130
    assert said.splitlines()[-2:] == [
        "Interrupted: Stopped after a whole chunk; nothing is half done.",
        "Next: python manage.py migrate_customers --execute",
    ]
    assert one(backed_up.connection, "SELECT count(*) FROM customers") == 55
    assert one(backed_up.connection, "SELECT state FROM separation_runs ORDER BY id DESC LIMIT 1") == "interrupted"

    done = execute(backed_up)

    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("Verified: every invariant holds.")
    assert one(backed_up.connection, "SELECT count(*) FROM separation_chunks WHERE state <> 'linked'") == 0


def test_a_log_folder_that_cannot_be_written_starts_nothing(backed_up, folders):
    (folders / "logs").write_text("not a folder")

    said = execute(backed_up)

    assert said.returncode in (1, 3)
    assert one(backed_up.connection, "SELECT count(*) FROM customers") == 0


def test_rollback_takes_all_back_and_says_so(backed_up):
    execute(backed_up)

    said = manage(backed_up.name, "migrate_customers", "--rollback", stdin=f"ROLLBACK {backed_up.name}\n")

    assert said.returncode == 0
    log = one(backed_up.connection, "SELECT log_path FROM separation_runs ORDER BY id DESC LIMIT 1")
    reservations, orders = (
        one(backed_up.connection, f"SELECT counts->>'{table}' FROM separation_runs WHERE kind = 'execute'")
        for table in ("reservations", "orders")
    )
    assert said.stdout.splitlines() == [
        f"Rolled back: 55 customers, {reservations} reservations, {orders} orders.",
        f"The phase is legacy again. Findings and runs stay on record; the log is {log}",
    ]
    assert one(backed_up.connection, "SELECT count(*) FROM customers") == 0


def test_rollback_with_nothing_to_roll_back_says_so(database):
    said = manage(database.name, "migrate_customers", "--rollback")

    assert (said.returncode, said.stdout) == (
        0,
        "Nothing to roll back: the phase is legacy and the new tables are empty.\n",
    )


def test_both_modes_at_once_are_a_usage_error(database):
    said = manage(database.name, "migrate_customers", "--execute", "--rollback")

    assert said.returncode == 2
    assert "not allowed with argument --execute" in said.stderr


def test_there_is_no_force(database):
    said = manage(database.name, "migrate_customers", "--force")

    assert said.returncode == 2
    assert said.stderr.splitlines()[-1] == "manage.py migrate_customers: error: unrecognized arguments: --force"


def test_a_row_that_fails_makes_the_exit_code_1(backed_up):
    with other_application(backed_up.name) as old:
        ((broken,),) = old.execute(
            "SELECT max(id) FROM users WHERE is_customer AND email LIKE '%@example.%'"
        ).fetchall()
        old.execute(
            f"""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.id = {broken} THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$"""
        )
        old.execute("CREATE TRIGGER refuse BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION refuse()")

    said = execute(backed_up)

    assert said.returncode == 1
    assert said.stdout.splitlines()[-1] == "1 customers could not be moved; why is in their findings."
