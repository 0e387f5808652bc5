"""What keeps a clean-up from starting: each by itself, all of it at once, and no way round."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db.models import F

from separation import interlocks
from separation.cleanup import flow
from separation.cleanup.plan import obstacles
from separation.database import now_of
from separation.errors import Refused
from separation.identity import identity_of
from separation.models import Finding, Phase, Run, Verdict
from separation.phases import phase_of
from separation.signing import sign
from separation.verdicts import _SALT, _signed, clean_since, record_verdict
from separation.verification import verify
from tests.separation.cleaning import POLICY, Operator, bookings, decide_everything
from tests.separation.engine import move, one, query
from tests.separation.verify import undone


@pytest.fixture(autouse=True)
def folders(settings, tmp_path):
    settings.LOG_DIR = tmp_path / "logs"
    settings.SEPARATION_QUIET_DAYS = 0
    settings.SEPARATION_POLICY = ""
    return tmp_path


@pytest.fixture(scope="module")
def approved(databases, django_db_blocker, tmp_path_factory):
    """A database that may be cleaned up, and the folder of its backup, for tests that undo what they do to it."""
    folder = tmp_path_factory.mktemp("approved")
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        for name, value in {
            "BACKUP_DIR": folder / "backups",
            "LOG_DIR": folder / "logs",
            "SEPARATION_QUIET_DAYS": 0,
            "SEPARATION_POLICY": "",
        }.items():
            patch.setattr(settings, name, value)
        with databases.clone("plain", 60, 1, True) as database:
            approve(database, folder)
            yield database, folder


def approve(database, folder):
    move(database.connection)
    decide_everything(database.connection, folder)
    record_verdict(database.connection, verify(database.connection))
    call_command("backup")
    assert obstacles(database.connection) == []


@pytest.fixture
def database(approved, folders, settings):
    """A database that may be cleaned up."""
    database, folder = approved
    (folders / "separation.toml").write_text(POLICY)
    settings.BACKUP_DIR, settings.SEPARATION_POLICY = folder / "backups", str(folders / "separation.toml")
    # A sequence knows no undoing.
    query(database.connection, "SELECT setval('separation_last_write', 0)")
    with undone(database.connection):
        yield database


@pytest.fixture
def own(legacy_database, folders, backup_dir):
    """One that a test has for itself."""
    database = legacy_database("plain", adopted=True)
    approve(database, folders)
    return database


def refused_by(database):
    return {refused.interlock: (refused.message, refused.next_command) for refused in obstacles(database.connection)}


def test_everything_is_said_at_once_and_nothing_changed(legacy_database, settings):
    database = legacy_database("plain", moved=True)
    query(database.connection, "SELECT setval('separation_last_write', extract(epoch FROM now())::bigint)")
    settings.SEPARATION_QUIET_DAYS = 1
    operator = Operator()
    before = query(database.connection, "SELECT xmin::text, u::text FROM users u ORDER BY id")

    assert flow.dry_run(database.connection, operator) == 0

    said = [line.partition(":")[0].strip() for line in operator.said if line.startswith("\nKeeps")]
    assert said == [
        f"Keeps it from starting ({name})"
        for name in ("undecided people", "foreign keys", "old application", "quiet period", "backup")
    ]
    assert operator.said[-1] == "\nNothing was changed."
    assert operator.said[:3] == [
        f"{'Customers in users':<55}{63:>12}",
        f"{'  Leave users: they have moved':<55}{55:>12}",
        f"{'  Nobody knows what becomes of them':<55}{8:>12}",
    ]
    assert query(database.connection, "SELECT xmin::text, u::text FROM users u ORDER BY id") == before
    assert not Run.objects.filter(kind=Run.CLEANUP).exists()

    with pytest.raises(Refused) as error:
        flow.clean_up(database.connection, operator)
    assert error.value.interlock == "undecided people"
    assert [line.partition(":")[0] for line in operator.noted] == [
        f"Also refused ({name})" for name in ("foreign keys", "old application", "quiet period", "backup")
    ]
    assert phase_of(database.connection) == "dual"


def test_in_phase_legacy_nobody_has_moved(legacy_database):
    database = legacy_database("plain", adopted=True)

    assert refused_by(database)["phase"] == (
        f"Database {database.name!r} is in phase 'legacy'; nobody has moved.",
        "python manage.py migrate_customers --execute",
    )
    with pytest.raises(Refused, match="nobody has moved"):
        flow.clean_up(database.connection, Operator())


def test_whoever_is_undecided_is_named(database):
    finding = Finding.objects.filter(kind="invalid_email").earliest("row_id")
    Finding.objects.filter(pk=finding.pk).update(state="open", decision="")

    assert refused_by(database)["undecided people"] == (
        f"1 customers of users have neither moved nor been decided about: users {finding.row_id}.",
        "python manage.py resolve_findings",
    )


def test_a_foreign_key_of_a_table_made_since_is_undecided(database, folders):
    query(
        database.connection,
        """CREATE TABLE loyalty (id serial PRIMARY KEY, points integer, user_id integer NOT NULL REFERENCES users (id)
            ON DELETE CASCADE);
        INSERT INTO loyalty (points, user_id) SELECT 7, id FROM customers WHERE id < 30""",
    )

    message, following = refused_by(database)["foreign keys"]
    assert message.startswith("Of 1 foreign keys to users nobody knows what becomes of the rows: loyalty.user_id (")
    assert following.startswith('write "table.column" = "forget", "stays" or "repoint" in separation.toml')

    (folders / "separation.toml").write_text(POLICY + '"loyalty.user_id" = "repoint"\n')
    assert refused_by(database) == {}


def test_what_would_be_torn_away_with_what_is_forgotten(database, folders):
    (folders / "separation.toml").write_text(
        POLICY.replace('"issues.user_id" = "stays"', '"issues.user_id" = "forget"')
    )

    message, _ = refused_by(database)["torn rows"]
    assert message == (
        "What is to be forgotten would take rows along that are not the customers': issue_comments.issue_id → issues "
        "(4 rows)."
    )


def test_a_run_that_failed(database):
    Run.objects.filter(kind=Run.EXECUTE).update(state=Run.FAILED)
    query(
        database.connection,
        "UPDATE separation_chunks SET state = 'pending' WHERE id = (SELECT min(id) FROM separation_chunks)",
    )

    message, following = refused_by(database)["failures"]
    assert message == "The move is not done: run 1 ended as failed; 1 chunks are not done."
    assert following == "python manage.py migrate_customers --execute"


def test_a_mirror_that_is_switched_off(database):
    query(database.connection, "ALTER TABLE reservations DISABLE TRIGGER separation_delete")

    assert refused_by(database)["mirror"][1] == "python manage.py migrate"


def test_a_backup_from_before_the_move(database):
    Run.objects.filter(kind=Run.EXECUTE).update(finished_at=F("started_at") + timedelta(days=400))

    message, following = refused_by(database)["backup"]
    assert "is from before the customers were moved" in message
    assert following == "python manage.py backup"


WRITES = {
    "a registration": """INSERT INTO users (email, password, is_customer, updated_at)
        VALUES ('new@example.org', '', true, now())""",
    "a change": "UPDATE users SET phone = '1' WHERE id = (SELECT min(id) FROM customers)",
    "a booking": """INSERT INTO orders (order_number, restaurant_id, updated_at, user_id)
        VALUES ('new', 1, now(), (SELECT min(id) FROM customers))""",
}
OTHERS = {
    "a member of staff": "UPDATE users SET phone = '1' WHERE id = (SELECT min(id) FROM users WHERE NOT is_customer)",
    "a booking of staff": """INSERT INTO orders (order_number, restaurant_id, updated_at, user_id)
        VALUES ('new', 1, now(), (SELECT min(id) FROM users WHERE NOT is_customer))""",
    "the new application": "UPDATE customers SET phone = '1' WHERE id = (SELECT min(id) FROM customers)",
    "a booking in the portal": """INSERT INTO orders (order_number, restaurant_id, updated_at, customer_id)
        VALUES ('new', 1, now(), (SELECT min(id) FROM customers))""",
}


@pytest.mark.parametrize("what", WRITES)
def test_an_old_application_that_still_writes_customers(what, database, settings):
    settings.SEPARATION_QUIET_DAYS = 1
    query(database.connection, WRITES[what])

    message, _ = refused_by(database)["old application"]
    assert message.startswith("The old application still writes customers: last at 20")

    query(database.connection, "SELECT setval('separation_last_write', extract(epoch FROM now())::bigint - 86402)")
    assert "old application" not in refused_by(database)


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_no_write_of_a_customer_by_the_old_application(what, database, settings):
    settings.SEPARATION_QUIET_DAYS = 1
    query(database.connection, OTHERS[what])

    assert "old application" not in refused_by(database)
    assert one(database.connection, "SELECT last_value FROM separation_last_write") == 0


def verdicts(database, *days, failed=()):
    """Put verdicts on record, so many DAYS ago each, whose phase began before."""
    query(database.connection, "TRUNCATE separation_verdicts")
    query(database.connection, "UPDATE separation_phase SET changed_at = now() - interval '100 days'")
    before = None
    for ago in days:
        verdict = Verdict(
            reached_at=now_of(database.connection) - timedelta(days=ago),
            identity=identity_of(database.connection).key(),
            phase=Phase.DUAL,
            whole=True,
            failures=["emails_equal"] if ago in failed else [],
        )
        verdict.signature = sign(_SALT, _signed(verdict, before))
        verdict.save()
        before = verdict


@pytest.fixture
def production(database, settings, monkeypatch):
    settings.ENVIRONMENT = "production"
    monkeypatch.setattr(interlocks, "shortcoming", lambda *_: "")
    return database


def test_a_quiet_week_of_clean_verifications(production, settings):
    verdicts(production, 8, 3, 0.5)
    assert "quiet period" not in refused_by(production)

    settings.SEPARATION_QUIET_DAYS = 9
    message, following = refused_by(production)["quiet period"]
    assert message.endswith("; 9 days of that are needed.")
    assert following.startswith("python manage.py verify_separation, daily; from 20")


def test_no_variable_makes_the_quiet_week_of_production_shorter(production, settings):
    settings.SEPARATION_QUIET_DAYS = 0
    verdicts(production, 6.9, 0.5)
    assert refused_by(production)["quiet period"][0].endswith("; 7 days of that are needed.")


def test_a_verification_that_failed_begins_it_anew(production):
    verdicts(production, 9, 5, 0.5, failed=(5,))
    assert refused_by(production)["quiet period"][0].endswith("; 7 days of that are needed.")


def test_the_newest_verification_is_of_today(production):
    verdicts(production, 9, 1.5)
    assert "one of the last 24 hours is needed" in refused_by(production)["quiet period"][0]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE separation_verdicts SET failures = '{}'",
        "DELETE FROM separation_verdicts WHERE failures <> '{}'",
        "UPDATE separation_verdicts SET identity = 'another' WHERE failures <> '{}'",
        "UPDATE separation_verdicts SET reached_at = reached_at - interval '9 days'",
    ],
)
def test_a_verdict_that_is_altered_or_taken_out_counts_as_failed(tampering, production):
    verdicts(production, 9, 5, 0.5, failed=(5,))
    query(production.connection, tampering)

    first = clean_since(production.connection)
    assert first is None or now_of(production.connection) - first[0] < timedelta(days=7)
    assert "quiet period" in refused_by(production)


def test_verdicts_of_another_database_or_of_a_time_to_come_do_not_count(production):
    verdicts(production, -1)
    assert clean_since(production.connection) is None
    verdicts(production, 9, 0.5)
    query(production.connection, "UPDATE separation_phase SET changed_at = now() - interval '2 days'")
    assert refused_by(production)["quiet period"][0].endswith("; 7 days of that are needed.")


def test_a_rehearsal_is_wanted_on_production(production, monkeypatch):
    monkeypatch.setattr(interlocks, "shortcoming", lambda *_: "no rehearsal of it is on record")
    assert refused_by(production)["rehearsal"][1] == "python manage.py rehearse"


def test_whoever_registers_between_the_question_and_the_phrase(own):
    before = bookings(own.connection)

    class Late(Operator):
        def ask_phrase(self, phrase, consequence):
            query(
                own.connection,
                """INSERT INTO users (email, password, is_customer, updated_at)
                VALUES ('no address', '', true, now())""",
            )

    with pytest.raises(Refused) as error:
        flow.clean_up(own.connection, Late())

    assert error.value.message == "Of 1 customers of users nobody knows what becomes of them."
    assert phase_of(own.connection) == "dual"
    assert bookings(own.connection) == before
    assert one(own.connection, "SELECT count(*) FROM pg_constraint WHERE conname = 'users_hold_no_customers'") == 0


def test_with_every_interlock_it_runs_and_names_the_backup(own):
    operator = Operator()

    assert flow.clean_up(own.connection, operator) == 0

    consequence = operator.asked[0][1]
    assert (
        "From here on no command leads back but restore, into another database: python manage.py restore /"
        in consequence
    )
    assert (
        operator.said[-1] == "Verified: every invariant holds. The phase is separated: nobody in users is a customer."
    )
