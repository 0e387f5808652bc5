"""The mails about a booking: what they say, to whom, and that none is sent which is not true any more."""

from datetime import UTC, datetime
from typing import Any

import pytest
from icalendar import Calendar
from post_office.models import Email

from config.delivery import deliver
from config.links import link_for
from reservations import mails
from reservations.models import Reservation
from reservations.services import Actor, Changes, reservation_cancel, reservation_change
from tests.factories import BookingPolicyFactory, ReservationFactory, RestaurantFactory
from tests.smtp import SMTPServer

pytestmark = pytest.mark.django_db

FAR = {"reservation_date": datetime(2031, 6, 6, tzinfo=UTC), "reservation_time": "19:30"}
LINK = "https://link.invalid/…"


@pytest.fixture
def booked() -> Reservation:
    restaurant = RestaurantFactory.create(
        name="Café Zür",
        address="Hauptstraße 1",
        zip_code="10115",
        city="Berlin",
        phone="+49 30 1",
        email="cafe@example.org",
    )
    BookingPolicyFactory.create(restaurant=restaurant, time_zone="Europe/Berlin", cancel_cutoff_minutes=60)
    return ReservationFactory.create(
        restaurant=restaurant,
        customer_name="Buy <b>pills</b>",
        customer_email="Anna@example.org",
        special_requests="at https://pills.example",
        party_size=4,
        **FAR,
    )


def queued() -> Email:
    (email,) = Email.objects.all()
    return email


def text_of(email: Email) -> str:
    for placeholder in (email.context or {})["links"]:
        email.message = email.message.replace(placeholder, LINK)
    return str(email.message)


def test_a_confirmation(booked: Reservation) -> None:
    mails.mail_confirmed(booked)
    email = queued()
    assert (email.to, email.subject) == (["Anna@example.org"], "Your table at Café Zür, Friday, 6 June 2031, 19:30")
    assert (email.from_email.partition(" <")[0], email.headers["Reply-To"]) == ('"Café Zür"', "cafe@example.org")
    assert email.expires_at == datetime(2031, 6, 6, 17, 30, tzinfo=UTC)
    assert (
        text_of(email)
        == f"""\
Your table is booked.

  Friday, 6 June 2031, 19:30
  For 4 people
  Café Zür
  Hauptstraße 1, 10115 Berlin
  +49 30 1

See, change or cancel it, or save it to your calendar:
{LINK}

You can change it online until Friday, 6 June 2031, 17:30. You can cancel it online until Friday, 6 June 2031, 18:30. \
After that, please call.

--
Café Zür
You get this mail because a table was booked with your address. If it was not you, cancel it by the link above, or \
call the restaurant.
"""
    )


SENTENCES = {
    "changed": (
        "Your booking at Café Zür was changed: Friday, 6 June 2031, 19:30",
        "Your booking was changed. It is now:",
    ),
    "cancelled": ("Your booking at Café Zür is cancelled", "This booking is cancelled:"),
    "reminder": ("We expect you: Café Zür, Friday, 6 June 2031, 19:30", "We look forward to seeing you."),
}


@pytest.mark.parametrize("kind", SENTENCES)
def test_the_others_say_what_became_of_it(booked: Reservation, kind: str) -> None:
    getattr(mails, f"mail_{kind}")(booked)
    email = queued()
    subject, sentence = SENTENCES[kind]
    assert email.subject == subject
    assert email.message.startswith(f"{sentence}\n\n  Friday, 6 June 2031, 19:30\n  For 4 people\n")
    assert f"<p>{sentence}</p>" in email.html_message
    assert ("https://link.invalid/" in email.message) is (kind != "cancelled")


@pytest.mark.parametrize("kind", ["confirmed", *SENTENCES])
def test_nothing_that_whoever_booked_typed_is_mailed(booked: Reservation, kind: str) -> None:
    getattr(mails, f"mail_{kind}")(booked)
    email = queued()
    assert "pills" not in email.subject + email.message + email.html_message


def test_what_a_restaurant_is_called_is_escaped_in_html_alone(booked: Reservation) -> None:
    booked.restaurant.name = "Fish & <Chips>"
    mails.mail_cancelled(booked)
    assert "\n  Fish & <Chips>\n" in queued().message
    assert "Fish &amp; &lt;Chips&gt;<br>" in queued().html_message


@pytest.mark.parametrize(
    ("cutoffs", "limits"),
    [
        ((120, 120), "You can change or cancel it online until Friday, 6 June 2031, 17:30. After that, please call."),
        ((10_000_000, 120), "You can cancel it online until Friday, 6 June 2031, 17:30. After that, please call."),
        ((120, 10_000_000), "You can change it online until Friday, 6 June 2031, 17:30. After that, please call."),
        ((10_000_000, 10_000_000), "To change or cancel it now, please call."),
    ],
)
def test_the_cutoffs_are_told_in_words(booked: Reservation, cutoffs: tuple[int, int], limits: str) -> None:
    policy = booked.restaurant.booking_policy
    policy.change_cutoff_minutes, policy.cancel_cutoff_minutes = cutoffs
    mails.mail_reminder(booked)
    assert f"\n{limits}\n" in queued().message


@pytest.mark.parametrize("email", [None, "", "no address"])
def test_without_an_address_nothing_is_queued(booked: Reservation, email: str | None) -> None:
    booked.customer_email = email
    mails.mail_confirmed(booked)
    assert not Email.objects.exists()


@pytest.mark.parametrize("columns", [{"reservation_time": "evening"}, {"reservation_time": ""}])
def test_what_another_application_wrote_is_told_as_far_as_it_can_be_read(
    booked: Reservation, columns: dict[str, Any]
) -> None:
    for name, value in columns.items():
        setattr(booked, name, value)
    mails.mail_cancelled(booked)
    assert f"  Friday, 6 June 2031, {booked.reservation_time}".rstrip() in queued().message
    assert queued().expires_at is None


def test_a_mail_about_what_is_cancelled_or_somebody_elses_by_now_is_not_delivered(booked: Reservation) -> None:
    def deliverable(to: str = "anna@example.org") -> bool:
        return link_for("manage-booking", str(booked.pk), to) is not None

    assert deliverable()
    assert not deliverable("berta@example.org")
    Reservation.objects.filter(pk=booked.pk).update(status=Reservation.Status.CANCELLED)
    assert not deliverable()
    Reservation.objects.filter(pk=booked.pk).delete()
    assert not deliverable()


def test_calendars_take_the_booking_follow_it_and_let_it_go(booked: Reservation, smtp: SMTPServer) -> None:
    actor = Actor("staff", None)

    def sent() -> list[tuple[Any, ...]]:
        deliver(at_most=20)
        events = []
        for _, mail in smtp.received:
            for part in mail.iter_attachments():
                calendar = Calendar.from_ical(part.get_content())
                event: Any = calendar.walk("VEVENT")[0]
                assert part.get_param("method") == calendar["METHOD"]
                shown = f"{event['DTSTART'].dt:%d %H:%M}"
                events.append((calendar["METHOD"], event["UID"], event["SEQUENCE"], shown, event["ATTENDEE"]))
        smtp.received.clear()
        return events

    mails.mail_confirmed(booked)
    assert queued().context["files"] == [["booking", str(booked.pk)]]
    mails.mail_reminder(booked)
    (first,) = sent()
    uid, anna = first[1], "mailto:Anna@example.org"
    assert first == ("REQUEST", uid, 0, "06 17:30", anna)
    reservation_change(reservation=booked, actor=actor, changes=Changes(time="20:30"), override=True)
    assert sent() == [("REQUEST", uid, 1, "06 18:30", anna)]
    # Both of the next are delivered after the second: of what is gone only its end is told.
    reservation_change(reservation=booked, actor=actor, changes=Changes(party_size=2), override=True)
    reservation_cancel(reservation=booked, actor=actor)
    assert sent() == [("CANCEL", uid, 3, "06 18:30", anna)]


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "CONFIRMED"},
        {"status": "CANCELLED", "customer_email": "berta@example.org"},
        {"status": "CANCELLED", "reservation_time": "evening"},
    ],
)
def test_a_mail_goes_without_a_file_that_would_not_be_true(
    booked: Reservation, smtp: SMTPServer, columns: dict[str, str]
) -> None:
    mails.mail_cancelled(booked)
    Reservation.objects.filter(pk=booked.pk).update(**columns)
    deliver(at_most=20)
    ((recipients, mail),) = smtp.received
    assert (recipients, list(mail.iter_attachments())) == (["Anna@example.org"], [])
