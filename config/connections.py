"""Connections to the database that are kept from one request to the next."""

import select
from typing import Any

from django.db import connections


def close_lost(**_: object) -> None:
    """Close the connections of this thread that the server has ended, so that what comes next gets new ones."""
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None and not connection.in_atomic_block and is_lost(connection.connection):
            connection.close()


def is_lost(driver: Any) -> bool:
    """Return whether an idle connection of the driver is over: a server that ends one says so, and hangs up.

    One look at the socket tells, where CONN_HEALTH_CHECKS asks the server something each time. From a host that
    vanished nothing comes either way; TCP keepalives notice that.
    """
    if driver.closed:
        return True
    socket = select.poll()
    socket.register(driver.fileno(), select.POLLIN)
    return bool(socket.poll(0))
