"""Of many who register with one address in the same instant one does; all get the same answer."""

import pytest
from post_office.models import Email

from customers.models import Customer, CustomerProfile, RequestThrottle
from tests.api import Api
from tests.customers.test_many_at_once import at_once
from tests.portal.mails import queued

pytestmark = pytest.mark.django_db
ADA = {"email": "ada@example.org", "password": "correct horse battery", "first_name": "Ada", "last_name": "King"}


@pytest.fixture
def tidied(db):
    """Afterwards, what other connections have committed is removed."""

    def forget():
        CustomerProfile.objects.all().delete()
        for model in (Customer, Email, RequestThrottle):
            model.objects.all().delete()

    yield
    at_once(forget, 1)


def test_one_of_them_is_registered(tidied):
    answers = at_once(lambda: Api().post("auth/register", ADA), 5)

    assert [(answer.status_code, answer.content) for answer in answers] == [(202, b"")] * 5
    assert CustomerProfile.objects.get().customer == Customer.objects.get()
    assert sorted(queued()) == [("ada@example.org", "account-exists"), ("ada@example.org", "verify-email")]
