"""Connections to the database that are kept from one request to the next, and hosts that vanish."""

import select
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

# With these the server finds out within about a minute that the host of a session has vanished, and frees its locks;
# else that may take it two hours. What libpq is told of keepalives is about this side alone.
_KEEPALIVES = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60s",
}
_SET = "SELECT " + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _KEEPALIVES.items())


def be_missed(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Have the server miss this host, should it vanish; for new connections, or what it locked would stay locked."""
    with connection.cursor() as cursor:
        cursor.execute(_SET)


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
