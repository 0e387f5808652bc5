"""Which database this is: records made on another one are ignored."""

import os
from dataclasses import asdict, dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

# A physical clone shares the system identifier, so the address and the timeline count too. On a socket the server has
# no address, and tells the folder of its socket to superusers alone; but whoever is connected knows it.
_IDENTITY = """
SELECT s.system_identifier::text, d.oid::bigint, d.datname, coalesce(host(inet_server_addr()), %s),
       coalesce(inet_server_port(), current_setting('port')::int), c.timeline_id
FROM pg_database d, pg_control_system() s, pg_control_checkpoint() c WHERE d.datname = current_database()
"""


@dataclass(frozen=True)
class Identity:
    """One database on one server."""

    system: str
    oid: int
    name: str
    host: str
    port: int
    timeline: int

    def key(self) -> str:
        """Return the identity as one text, to compare and to store."""
        return ":".join(str(value) for value in asdict(self).values())


def identity_of(connection: BaseDatabaseWrapper) -> Identity:
    """Return the identity of the database behind CONNECTION, the same for every role."""
    with connection.cursor() as cursor:
        cursor.execute(_IDENTITY, [os.path.realpath(connection.connection.info.host)])
        return Identity(*cursor.fetchone())
