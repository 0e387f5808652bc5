"""Customers who come to the portal before a chunk has come to them."""

from django.db import connections, router

from customers.models import Customer
from separation.database import execute


def customer_missing(email: str) -> None:
    """Move whoever is in `users` only and has this EMAIL, with all that is theirs; nobody outside of phase `dual`.

    Whom a rule keeps back stays, with a finding. Raises OperationalError if somebody else holds that person for
    more than three seconds.
    """
    execute(connections[router.db_for_write(Customer)], "SELECT separation_arrive(%(email)s)", email=email)
