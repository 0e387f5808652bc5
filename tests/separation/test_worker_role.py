"""The worker needs no rights but those the runbook grants the new application, and says which one is missing."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from post_office.models import STATUS, Email, Log

from portal.worker import NotSending, Worker
from reservations.models import BookingTerms, Reservation
from separation.verification import verify
from tests.factories import EmailFactory
from tests.separation.engine import move, query
from tests.separation.test_roles import GRANTS


@pytest.fixture
def database(legacy_database):
    database = legacy_database("plain", adopted=True)
    move(database.connection)
    return database


@pytest.fixture
def role(database):
    (grants,) = GRANTS.findall((settings.BASE_DIR / "docs" / "RUNBOOK.md").read_text(encoding="utf-8"))
    role = f"{database.name}_worker"
    query(database.connection, f'CREATE ROLE "{role}" NOLOGIN; ' + grants.replace("TO portal", f'TO "{role}"'))
    yield role
    query(database.connection, f'RESET ROLE; DROP OWNED BY "{role}"; DROP ROLE "{role}"')


def test_the_worker_with_the_role_of_the_new_application(database, role, smtp):
    begins = timezone.now() + timedelta(hours=12)
    booking = Reservation.objects.filter(customer__isnull=False).earliest("id")
    Reservation.objects.filter(pk=booking.pk).update(
        reservation_date=begins.replace(hour=0, minute=0, second=0, microsecond=0),
        reservation_time=f"{begins:%H:%M}",
        status="CONFIRMED",
        customer_email="lena@example.org",
        reminder_sent=False,
    )
    BookingTerms.objects.create(reservation=booking, reminder_hours=24)
    BookingTerms.objects.update(updated_at=begins - timedelta(days=3))
    Log.objects.create(email=EmailFactory.create(status=STATUS.sent), status=STATUS.sent, message="")
    Email.objects.update(last_updated=timezone.now() - timedelta(days=31))
    query(database.connection, f'SET ROLE "{role}"')
    worker = Worker(lambda text: None)
    with pytest.raises(NotSending, match="this role may not read separation_environment"):
        worker.round()
    query(database.connection, f'RESET ROLE; GRANT SELECT ON separation_environment TO "{role}"; SET ROLE "{role}"')
    assert str(worker.round()) == "1 sent, 1 reminders queued, 1 mails deleted"
    query(database.connection, "RESET ROLE")
    ((recipients, _),) = smtp.received
    assert recipients == ["lena@example.org"]
    assert verify(database.connection).failures == []
