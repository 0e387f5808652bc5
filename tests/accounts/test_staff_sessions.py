"""Staff log in to the REST API: what a log-in gives, what ends it, and who gets none."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from post_office.models import Email

from accounts.models import RestaurantStaff, StaffSession, User
from accounts.sessions import ACCESS, LOG_INS, REFRESH, session_begin
from config.hashers import LegacyBCryptHasher
from config.sessions import LEEWAY
from customers.sessions import session_begin as customer_session_begin
from tests.api import Api, problem, refused
from tests.factories import PASSWORD, PASSWORD_HASH, CustomerFactory, RestaurantFactory, UserFactory, staff_of

pytestmark = pytest.mark.django_db
WRONG = {
    "type": "/api/v1/problems#credentials_wrong",
    "title": "Address or password wrong",
    "status": 401,
    "detail": "",
    "code": "credentials_wrong",
    "errors": [],
}


@pytest.fixture
def waiter() -> User:
    """Works at Here as STAFF, and does not work at Gone any more."""
    user = staff_of(RestaurantFactory.create(id=700_007, name="Here", slug="here"), "STAFF", email="Ada@example.org")
    RestaurantStaff.objects.create(user=user, restaurant=RestaurantFactory.create(), role="OWNER", is_active=False)
    return user


def log_in(api: Api, email: str = "Ada@example.org", password: str = PASSWORD, **more: Any) -> Any:
    return api.post("staff/auth/login", {"email": email, "password": password}, **more)


def bearer(token: str) -> Api:
    return Api(headers={"authorization": f"Bearer {token}"})


def me(token: str) -> Any:
    return bearer(token).get("staff/me")


def shown(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))


def test_a_log_in_gives_tokens_that_say_who_works_where(api: Api, waiter: User) -> None:
    response = log_in(api, " Ada@example.org ", headers={"user-agent": "Till"}, REMOTE_ADDR="203.0.113.7")
    body, session = response.json(), StaffSession.objects.get()
    access, refresh = body.pop("access_token"), body.pop("refresh_token")
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    assert body == {
        "session_id": str(session.pk),
        "token_type": "Bearer",
        "expires_in": 900,
        "refresh_expires_at": shown(session.expires_at),
    }
    assert (session.user, session.user_agent, session.ip) == (waiter, "Till", "203.0.113.7")
    assert LOG_INS.read(ACCESS, access).person == LOG_INS.read(REFRESH, refresh).person == waiter.pk
    asked = me(access)
    assert (asked.status_code, asked["Cache-Control"]) == (200, "private, no-cache")
    assert asked.json() == {
        "id": waiter.pk,
        "email": "Ada@example.org",
        "name": waiter.name,
        "phone": None,
        "role": "USER",
        "restaurants": [{"id": 700_007, "slug": "here", "name": "Here", "role": "STAFF"}],
    }
    assert bearer(access).get("staff/me/sessions").json()["results"] == [
        {
            "id": str(session.pk),
            "device": "Till",
            "ip": "203.0.113.7",
            "created_at": shown(session.created_at),
            "last_used_at": shown(session.last_used_at),
            "expires_at": shown(session.expires_at),
            "current": True,
        }
    ]


def test_an_address_opens_as_it_is_written_or_in_small_letters(api: Api, waiter: User) -> None:
    UserFactory.create(email="bob@example.org", role=User.Role.ADMIN)
    found = [log_in(api, email).status_code for email in ("Bob@example.org", "ada@example.org", "Ada@example.org")]
    assert found == [200, 401, 200]


@pytest.mark.parametrize(
    "columns",
    [
        {"email": "somebody.else@example.org"},
        {"password": ""},
        {"password": "!"},
        {"password": "MIGRATED_TO_CUSTOMERS_TABLE"},
        {"password": "bcrypt$$2b$04$damaged"},
        {"is_customer": True},  # separation: line
        {"works": False},
    ],
)
def test_whoever_may_not_in_gets_one_and_the_same_answer(api: Api, waiter: User, columns: dict[str, Any]) -> None:
    if columns.pop("works", True):
        User.objects.filter(pk=waiter.pk).update(**columns)
    else:
        waiter.restaurant_staff.update(is_active=False)
    CustomerFactory.create(email="Ada@example.org")
    assert problem(log_in(api)) == WRONG
    assert not StaffSession.objects.exists()


def test_what_is_wrong_takes_the_same_hashing_whoever_it_is_tried_for(
    api: Api, waiter: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LegacyBCryptHasher, "rounds", 6)
    verify, work = LegacyBCryptHasher.verify, []

    def counted(self: LegacyBCryptHasher, password: str, encoded: str) -> bool:
        cost = self.cost_of(encoded)
        work.append(2**cost if cost else 0)
        return verify(self, password, encoded)

    monkeypatch.setattr(LegacyBCryptHasher, "verify", counted)
    UserFactory.create(email="eats@example.org")
    for email, password in (
        ("Ada@example.org", "wrong"),
        ("nobody@example.org", PASSWORD),
        ("eats@example.org", PASSWORD),
    ):
        work.clear()
        assert problem(log_in(api, email, password)) == WRONG
        assert sum(work) == 2**6, email


def test_failures_make_whoever_has_not_been_here_wait(api: Api, waiter: User) -> None:
    assert log_in(api, REMOTE_ADDR="203.0.113.7").status_code == 200
    for _ in range(5):
        assert problem(log_in(api, password="wrong", REMOTE_ADDR="198.51.100.1")) == WRONG
    stopped = log_in(api, REMOTE_ADDR="198.51.100.1")
    assert (refused(stopped), stopped["Retry-After"]) == ((429, "throttled"), "1")
    assert log_in(api, REMOTE_ADDR="203.0.113.7").status_code == 200


def set_password(user: User) -> None:
    User.objects.filter(pk=user.pk).update(password=PASSWORD_HASH.replace("$04$a", "$04$b"))


def take_work(user: User) -> None:
    user.restaurant_staff.update(is_active=False)


def end_others(user: User) -> None:
    StaffSession.objects.filter(user=user).update(revoked_at=timezone.now())


def let_it_pass(user: User) -> None:
    StaffSession.objects.filter(user=user).update(expires_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("end", [set_password, take_work, end_others, let_it_pass, User.delete])
def test_what_ends_a_log_in_ends_it_at_once(waiter: User, end: Any) -> None:
    tokens = session_begin(user=waiter, user_agent="", ip="")
    assert me(tokens.access).status_code == 200
    end(waiter)
    assert refused(me(tokens.access)) == (401, "authentication_failed")
    assert refused(Api().post("staff/auth/refresh", {"refresh_token": tokens.refresh})) == (401, "session_ended")


def test_a_former_key_lets_who_is_logged_in_stay(waiter: User, settings: Any) -> None:
    tokens = session_begin(user=waiter, user_agent="", ip="")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "x" * 50
    assert me(tokens.access).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert refused(me(tokens.access)) == (401, "authentication_failed")


def test_a_token_used_again_later_ends_the_log_in_and_its_user_hears_of_it(waiter: User) -> None:
    first = session_begin(user=waiter, user_agent="", ip="")
    given = {"refresh_token": first.refresh}
    second = Api().post("staff/auth/refresh", given)
    assert Api().post("staff/auth/refresh", given).json()["refresh_token"] == second.json()["refresh_token"]
    StaffSession.objects.update(rotated_at=timezone.now() - LEEWAY - timedelta(seconds=1))
    assert refused(Api().post("staff/auth/refresh", given)) == (401, "session_ended")
    assert refused(me(second.json()["access_token"])) == (401, "authentication_failed")
    assert [(mail.to, mail.subject) for mail in Email.objects.all()] == [
        (["Ada@example.org"], "We ended a log-in of your staff account")
    ]


def test_one_ends_ones_own_log_ins_and_nobody_elses(waiter: User) -> None:
    here, there, elsewhere = (session_begin(user=waiter, user_agent="", ip="") for _ in range(3))
    theirs = session_begin(user=UserFactory.create(role=User.Role.ADMIN), user_agent="", ip="")
    client = bearer(here.access)
    for session, status in ((there, 204), (there, 404), (theirs, 404)):
        assert client.delete(f"staff/me/sessions/{session.session.pk}").status_code == status
    assert client.post("staff/auth/logout").status_code == 204
    assert bearer(elsewhere.access).post("staff/auth/logout-all").status_code == 204
    tokens = (here, there, elsewhere, theirs)
    assert [me(each.access).status_code for each in tokens] == [401, 401, 401, 200]


def test_customers_and_staff_of_the_same_id_are_two(waiter: User) -> None:
    customer = CustomerFactory.create(id=waiter.pk)
    theirs = customer_session_begin(customer=customer, user_agent="", ip="")
    ours = session_begin(user=waiter, user_agent="", ip="")
    assert refused(me(theirs.access)) == (401, "authentication_failed")
    assert refused(bearer(ours.access).get("me")) == (401, "authentication_failed")
    for base, token in (("auth", ours.refresh), ("staff/auth", theirs.refresh)):
        assert refused(Api().post(f"{base}/refresh", {"refresh_token": token})) == (401, "session_ended")
