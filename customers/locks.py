"""The lock on a person, which whatever writes several of their rows takes first."""

from django.db import connection

from customers.models import Customer

WAIT = "5s"


def wait_briefly() -> None:
    """Let no statement of this transaction wait longer than WAIT for a lock: OperationalError, to be tried again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [WAIT])


def customer_locked(customer_id: int) -> Customer:
    """Return a customer's row as it is now, locked until the transaction ends; raises DoesNotExist."""
    wait_briefly()
    return Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
