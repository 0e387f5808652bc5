"""A log-in is a row; its refresh tokens hold for one use each, and one that comes again later ends it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from post_office.models import Email

from config.sessions import LEEWAY, SessionEnded, token_hash
from customers.models import Customer, CustomerSession
from customers.sessions import LOG_INS, session_begin, session_end, session_refresh, sessions_end, sessions_forget
from customers.tokens import ACCESS, REFRESH
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db
CLIENT = {"user_agent": "Firefox", "ip": "203.0.113.7"}


@pytest.fixture
def customer():
    return CustomerFactory.create()


@pytest.fixture
def tokens(customer):
    return session_begin(customer=customer, **CLIENT)


def row(tokens):
    return CustomerSession.objects.get(pk=tokens.session.pk)


def later(tokens, **columns):
    """Let the time have passed since a session was rotated, or made."""
    CustomerSession.objects.filter(pk=tokens.session.pk).update(**columns)


def refresh(tokens):
    return session_refresh(token=tokens.refresh, user_agent="Chrome", ip="198.51.100.9")


def test_a_log_in_keeps_only_a_hash_of_its_token(customer, tokens):
    session = row(tokens)
    given = LOG_INS.read(REFRESH, tokens.refresh)
    assert (session.customer_id, session.user_agent, session.ip) == (customer.pk, "Firefox", "203.0.113.7")
    assert session.token_hash == token_hash(given.token_id) != given.token_id
    assert (given.person, given.session) == (customer.pk, session.pk)
    assert session.expires_at - session.last_used_at == LOG_INS.unused
    access = LOG_INS.read(ACCESS, tokens.access)
    assert (access.person, access.session) == (customer.pk, session.pk)


def test_a_log_in_is_noted_on_its_customer_and_changes_nothing_else_there(customer):
    before = Customer.objects.filter(pk=customer.pk).values()[0]
    tokens = session_begin(customer=customer, **CLIENT)
    assert Customer.objects.filter(pk=customer.pk).values()[0] == before | {"last_login": row(tokens).last_used_at}


@pytest.mark.parametrize(
    "changed",
    [{"is_active": False}, {"anonymized_at": timezone.now()}, {"password": "!"}],
)
def test_no_log_in_begins_for_whoever_changed_meanwhile(customer, changed):
    Customer.objects.filter(pk=customer.pk).update(**changed)
    with pytest.raises(SessionEnded):
        session_begin(customer=customer, **CLIENT)
    assert not CustomerSession.objects.exists()


def test_log_ins_that_are_long_over_are_forgotten(customer, tokens):
    late = session_begin(customer=customer, **CLIENT)
    later(tokens, expires_at=timezone.now() - LOG_INS.longest - timedelta(days=1))
    later(late, expires_at=timezone.now() - LOG_INS.longest + timedelta(days=1))
    assert (sessions_forget(), sessions_forget()) == (1, 0)
    assert CustomerSession.objects.get() == late.session


def test_a_device_is_kept_as_one_short_line(customer):
    tokens = session_begin(customer=customer, user_agent="Fire\nfox\x00" + "x" * 500, ip="")
    assert (row(tokens).user_agent, row(tokens).ip) == ("Firefox" + "x" * 193, None)


def test_a_refresh_gives_the_next_token_of_the_same_log_in(tokens):
    before = row(tokens)
    after = row(refreshed := refresh(tokens))
    assert refreshed.session.pk == before.pk
    assert after.previous_token_hash == before.token_hash != after.token_hash
    assert after.token_hash == token_hash(LOG_INS.read(REFRESH, refreshed.refresh).token_id)
    assert (after.user_agent, after.ip, after.created_at) == ("Chrome", "198.51.100.9", before.created_at)
    assert after.expires_at >= before.expires_at


def test_a_log_in_is_over_for_good_in_the_end(tokens):
    later(tokens, created_at=timezone.now() - LOG_INS.longest + timedelta(days=1))
    refreshed = refresh(tokens)
    assert row(tokens).expires_at == row(tokens).created_at + LOG_INS.longest
    assert REFRESH.decode(refreshed.refresh)["exp"] == int(row(tokens).expires_at.timestamp())


def test_a_lost_answer_is_given_again_and_makes_no_second_chain(tokens):
    first = refresh(tokens)
    then = row(tokens)
    again = refresh(tokens)
    assert LOG_INS.read(REFRESH, again.refresh) == LOG_INS.read(REFRESH, first.refresh)
    assert row(tokens) == then
    assert row(tokens).rotated_at == then.rotated_at


def test_a_token_used_again_later_ends_the_log_in_and_its_customer_hears_of_it(customer, tokens):
    refreshed = refresh(tokens)
    later(tokens, rotated_at=timezone.now() - LEEWAY - timedelta(seconds=1))
    with pytest.raises(SessionEnded):
        refresh(tokens)
    assert row(tokens).revoked_reason == "reuse"
    for each in (refreshed, tokens):
        with pytest.raises(SessionEnded):
            refresh(each)
    assert [mail.to for mail in Email.objects.all()] == [[customer.email]]


def test_a_token_from_before_the_one_before_ends_the_log_in_at_once(tokens):
    refresh(refresh(tokens))
    with pytest.raises(SessionEnded):
        refresh(tokens)
    assert row(tokens).revoked_reason == "reuse"


@pytest.mark.parametrize(
    "columns",
    [
        {"revoked_at": timezone.now()},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
    ],
)
def test_a_log_in_that_is_over_cannot_be_refreshed(tokens, columns):
    later(tokens, **columns)
    with pytest.raises(SessionEnded):
        refresh(tokens)
    assert row(tokens).revoked_reason == ""


@pytest.mark.parametrize("columns", [{"is_active": False}, {"anonymized_at": timezone.now()}])
def test_nobody_who_may_not_in_refreshes(customer, tokens, columns):
    Customer.objects.filter(pk=customer.pk).update(**columns)
    with pytest.raises(SessionEnded):
        refresh(tokens)


@pytest.mark.parametrize("kind", ["access", "nothing", "made up"])
def test_only_a_refresh_token_refreshes(tokens, kind):
    token = {"access": tokens.access, "nothing": "", "made up": "a.b.c"}[kind]
    with pytest.raises(SessionEnded):
        session_refresh(token=token, **CLIENT)


def test_a_former_key_still_refreshes_and_gives_lost_answers_again(tokens, settings):
    settings.PORTAL_SIGNING_KEY, former = "another key " * 6, settings.PORTAL_SIGNING_KEY
    with pytest.raises(SessionEnded):
        refresh(tokens)
    settings.PORTAL_SIGNING_KEY_FALLBACKS = [former]
    refreshed = refresh(tokens)
    assert LOG_INS.read(REFRESH, refresh(tokens).refresh) == LOG_INS.read(REFRESH, refreshed.refresh)
    settings.PORTAL_SIGNING_KEY_FALLBACKS = []
    assert refresh(refreshed).session.pk == tokens.session.pk


def test_one_log_in_ends_and_the_others_stay(customer, tokens):
    other = session_begin(customer=customer, **CLIENT)
    assert session_end(customer=customer, session_id=tokens.session.pk, reason="revoked")
    assert not session_end(customer=customer, session_id=tokens.session.pk, reason="revoked")
    assert not session_end(customer=CustomerFactory.create(), session_id=other.session.pk, reason="revoked")
    assert not session_end(customer=customer, session_id=uuid4(), reason="revoked")
    assert (row(tokens).revoked_reason, row(other).revoked_at) == ("revoked", None)


def test_all_log_ins_of_one_customer_end_but_for_one(customer, tokens):
    here, there = session_begin(customer=customer, **CLIENT), session_begin(customer=CustomerFactory.create(), **CLIENT)
    assert sessions_end(customer=customer, reason="password changed", except_session=here.session) == 1
    assert (row(tokens).revoked_reason, row(here).revoked_at) == ("password changed", None)
    assert sessions_end(customer=customer, reason="logged out") == 1
    assert (row(tokens).revoked_reason, row(here).revoked_reason) == ("password changed", "logged out")
    assert row(there).revoked_at is None


def test_a_use_is_noted_once_a_minute(tokens, django_assert_num_queries):
    with django_assert_num_queries(0):
        LOG_INS.touch(tokens.session)
    long_ago = timezone.now() - timedelta(minutes=2)
    later(tokens, last_used_at=long_ago)
    session = row(tokens)
    with django_assert_num_queries(1):
        LOG_INS.touch(session)
    assert row(tokens).last_used_at > long_ago
