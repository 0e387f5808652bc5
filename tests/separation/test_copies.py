"""A copy writes to nobody until it is declared live, and then sends nothing old."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone
from post_office.models import STATUS, Email

from separation.copies import mail_held, reminders_since
from separation.environment import mark
from tests.databases import manage
from tests.separation.engine import query


@pytest.fixture
def database(legacy_database):
    return legacy_database("plain", adopted=True)


def queued():
    (email,) = Email.objects.bulk_create(
        [Email(from_email="a@example.org", to=["b@example.org"], message="Hello", status=STATUS.queued, priority=1)]
    )
    return email


def why(name):
    return f"Database '{name}' is a copy: mail goes out from the one it is a copy of, until this one is live."


def test_a_worker_refuses_a_copy_and_names_the_command(database, smtp):
    mark(database.connection, "copy")
    queued()
    err = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("mail_worker", "--once", stdout=StringIO(), stderr=err)
    assert ended.value.code == 3
    assert err.getvalue() == (
        f"Refused (mail): {why(database.name)}\nNext: python manage.py environment --set production\n"
    )
    assert smtp.received == []


@pytest.mark.parametrize(("environment", "held"), [("copy", True), ("staging", False), ("scratch", False)])
def test_only_a_copy_is_held(database, environment, held):
    mark(database.connection, environment)
    assert (mail_held() is not None) == held


def test_a_copy_stays_one_whatever_a_variable_says_and_wherever_it_is_reached(database, settings):
    mark(database.connection, "copy")
    settings.ENVIRONMENT = "production"
    query(database.connection, "UPDATE separation_environment SET identity = identity || ' by another address'")
    assert mail_held() == (why(database.name), "python manage.py environment --set production")


def test_the_last_mark_counts(database):
    mark(database.connection, "production")
    query(
        database.connection,
        "INSERT INTO separation_environment (identity, environment, set_by, set_at) "
        "VALUES ('of the one it is a copy of', 'copy', 'x', now() - interval '1 year')",
    )
    assert mail_held() is None


def test_a_role_that_cannot_tell_sends_nothing(database):
    role = f"{database.name}_mail"
    query(database.connection, f'CREATE ROLE "{role}"; SET ROLE "{role}"')
    try:
        assert mail_held() == (
            f"Whether database '{database.name}' is a copy cannot be told: "
            "this role may not read separation_environment.",
            "GRANT SELECT ON separation_environment TO the role of DATABASE_URL",
        )
    finally:
        query(database.connection, f'RESET ROLE; DROP ROLE "{role}"')


def test_where_nothing_was_ever_marked_mail_goes_out(database):
    query(database.connection, "DROP TABLE separation_environment")
    assert (mail_held(), reminders_since()) == (None, None)


def test_what_was_queued_in_a_copy_is_given_up_when_it_is_declared_live(database, smtp):
    mark(database.connection, "copy")
    old = queued()
    database.connection.close()
    done = manage(database.name, "environment", "--set", "production", stdin=f"PRODUCTION {database.name}\n")
    first, second = done.stdout.splitlines()
    assert first == "Mails given up that were queued in the copy: 1"
    assert second.startswith(f"{database.name}: production (marked by ")
    assert mail_held() is None
    new = queued()
    call_command("mail_worker", "--once", stdout=StringIO())
    assert [mail.get_status_display() for mail in Email.objects.order_by("id")] == ["failed", "sent"]
    assert (old.pk, new.pk) == tuple(Email.objects.order_by("id").values_list("pk", flat=True))
    assert old.logs.get().message == "It was queued in a copy, before that was declared live."


def test_what_is_queued_on_production_stays_when_it_is_marked_again(database):
    mark(database.connection, "production")
    queued()
    database.connection.close()
    done = manage(database.name, "environment", "--set", "production", stdin=f"PRODUCTION {database.name}\n")
    assert len(done.stdout.splitlines()) == 1
    assert Email.objects.get().status == STATUS.queued


def test_nobody_is_reminded_from_staging_nor_of_what_was_due_before_it_was_live(database):
    mark(database.connection, "staging")
    assert reminders_since() == datetime.max.replace(tzinfo=UTC)
    before = timezone.now()
    mark(database.connection, "production")
    since = reminders_since()
    assert since is not None
    assert since > before
    mark(database.connection, "scratch")
    assert reminders_since() is None
