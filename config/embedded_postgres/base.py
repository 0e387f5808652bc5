"""Django's PostgreSQL backend, on the embedded server."""

from collections.abc import Iterable
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.postgresql.client import DatabaseClient as PostgresClient

from config.embedded_postgres.programs import program
from config.embedded_postgres.server import ensure_running


class DatabaseClient(PostgresClient):
    """`manage.py dbshell`: the wheel's psql, on the embedded server's socket."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """Return psql's command line, with the server running and the database there."""
        server = ensure_running()
        server.ensure_database(settings_dict["NAME"])
        address = {"HOST": str(server.socket_dir), "PORT": server.port, "USER": settings_dict["USER"] or server.user}
        arguments, environment = super().settings_to_cmd_args_env({**settings_dict, **address}, parameters)
        return [str(program("psql")), *arguments[1:]], environment


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that has its server started, and its database created, when it is first opened."""

    client_class = DatabaseClient

    def __init__(self, settings_dict: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(settings_dict, *args, **kwargs)
        self._own_database = settings_dict["NAME"]

    def get_connection_params(self) -> dict[str, Any]:
        """Return the address on the server, which runs from now on.

        The database is created if it is missing and the one of the settings: any other name was put in its place since,
        and must exist. Raises ServerUnavailable when the server cannot be started.
        """
        parameters = super().get_connection_params()
        server = ensure_running()
        if self._own_database and parameters["dbname"] == self._own_database:
            server.ensure_database(self._own_database)
        return {"user": server.user, **parameters, "host": str(server.socket_dir), "port": server.port}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; once more, with the server seen to, if that fails: it may have died just before."""
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            ensure_running().recover()
            return super().get_new_connection(self.get_connection_params())
