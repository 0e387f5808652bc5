"""Customers who come to the portal before a chunk has come to them."""

from django.db import connections, router

from customers.models import Customer
from separation.database import execute
from separation.models import Phase
from separation.phases import phase_of


def customer_missing(email: str) -> None:
    """Move whoever is in `users` only and has this EMAIL, with all that is theirs; nobody outside of phase `dual`.

    Whom a rule keeps back stays, with a finding. Raises OperationalError if somebody else holds that person for
    more than three seconds.
    """
    connection = connections[router.db_for_write(Customer)]
    if phase_of(connection) == Phase.DUAL:  # after clean-up there is no such function any more
        execute(connection, "SELECT separation_arrive(%(email)s)", email=email)
