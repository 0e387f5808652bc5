"""A deployment in this process: the whole site behind a real port, on the database behind the default connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.signals import request_finished, request_started
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connection, connections
from django.test.testcases import LiveServerThread

Rows = dict[str, list[str]]

# What a check leaves, since it is nobody's: counters of requests, which run out, and the locks of slots, which hold
# nothing.
_NOBODYS = {"request_throttles", "booking_slots"}


class _Server(ThreadedWSGIServer):
    role = ""

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, as a role of the database if there is one."""
        if self.role:
            ours = connections[DEFAULT_DB_ALIAS].copy()
            ours.settings_dict["OPTIONS"] = {**ours.settings_dict["OPTIONS"], "options": f"-c role={self.role}"}
            connections[DEFAULT_DB_ALIAS] = ours
        super().process_request_thread(request, client_address)

    def _close_connections(self) -> None:
        """Leave a connection open that is a test's."""
        if not self.connections_override:
            super()._close_connections()  # type: ignore[misc]


class _Thread(LiveServerThread):
    server_class = _Server

    def __init__(self, shared: dict[str, Any] | None, role: str) -> None:
        super().__init__("127.0.0.1", lambda handler: handler)  # type: ignore[arg-type]
        self.daemon = True
        self._shared, self._role = shared, role

    def _create_server(self, connections_override: Any = None) -> Any:
        # For what answers requests alone: what this thread is given it closes at its end.
        server = super()._create_server(self._shared)  # type: ignore[misc]
        server.role = self._role
        return server


@contextmanager
def serving(*, shared: bool = False, role: str = "") -> Iterator[str]:
    """Serve, and give the address; with SHARED in the transaction of a test, which waits for each answer.

    With ROLE it has no rights in the database but those of that role.
    """
    ours = connections[DEFAULT_DB_ALIAS]
    for signal in (request_started, request_finished) if shared else ():
        signal.disconnect(close_old_connections)
    server = _Thread({DEFAULT_DB_ALIAS: ours} if shared else None, role)
    ours.inc_thread_sharing()
    server.start()
    server.is_ready.wait()
    assert server.error is None
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.terminate()
        server.join()
        ours.dec_thread_sharing()
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


def all_rows() -> Rows:
    """Return every row of every table, as text."""
    with connection.cursor() as cursor:
        tables = sorted({*connection.introspection.table_names(cursor)} - _NOBODYS)
        found = {}
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t ORDER BY 1')
            found[table] = [text for (text,) in cursor.fetchall()]
        return found
