"""The lock on a person, which whatever writes several of their rows takes first; and who it is that writes."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from config.locks import WAIT
from customers.models import Customer

BY_CUSTOMER = "customer"


def wait_briefly() -> None:
    """Let no statement of this transaction wait longer than WAIT for a lock: OperationalError, to be tried again.

    What it changes is noted as the customer's own doing, unless `changes_are_by` has said whose it is.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT set_config('lock_timeout', %s, true), set_config(
                'customers.changed_by', coalesce(nullif(current_setting('customers.changed_by', true), ''), %s), true)
            """,
            [WAIT, BY_CUSTOMER],
        )


def changes_are_by(who: str) -> None:
    """Note what this transaction changes of customers from now on as done by WHO, as `staff 7`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('customers.changed_by', %s, true)", [who])


def customer_locked(customer_id: int) -> Customer:
    """Return a customer's row as it is now, locked until the transaction ends; raises DoesNotExist."""
    wait_briefly()
    return Customer.objects.select_for_update(no_key=True).get(pk=customer_id)


@contextmanager
def changes_unnoted() -> Iterator[None]:
    """Note nothing of what the block changes of customers: it is the same in another form. One transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('customers.noted', 'off', true)")
        yield
        cursor.execute("SELECT set_config('customers.noted', '', true)")
