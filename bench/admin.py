"""`python -m bench.admin`: each list of the admin and each page of its own, with a million customers.

Queries and the server's time, as a ratio to a page of the admin that shows nothing: the one that changes a password.
`python -m bench.admin N` takes N customers. What is asked for is what a superadmin sees, who sees most.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from bench.portal import run, site

CUSTOMERS = 1_000_000
TURNS = 9
EMPTY = "/admin/password_change/"
# What staff type.
SEARCHES = ("carla.customer77", "Customer 4711", "600 123", "example.org", "nobody at all")


def fill(url: str, customers: int) -> None:
    """Make the rows, with no trigger at work."""
    from config.sql import Queries
    from separation.identity import identity_of  # separation: line

    values: dict[str, Any] = {"customers": customers}
    folder = Path(__file__).parent
    files = [Queries(folder / "admin.sql")]
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        # separation: begin
        from django.db import connection as ours

        files.append(Queries(folder / "admin_records.sql"))
        values |= {"identity": identity_of(ours).key()}
        connection.execute("UPDATE separation_phase SET closed = false")
        # separation: end
        connection.execute("SET session_replication_role = 'replica'")
        for queries in files:
            for name in queries:
                connection.execute(getattr(queries, name), values)
        connection.execute("VACUUM ANALYZE")


def pages() -> Iterator[str]:
    """Give the address of each page."""
    from django.contrib import admin

    yield from ("/admin/", EMPTY)
    yield "/admin/separation/"  # separation: line
    yield "/admin/separation/live/"  # separation: line
    yield "/admin/reservations/reservation/day/"
    for model in admin.site._registry:
        yield f"/admin/{model._meta.label_lower.replace('.', '/')}/"
    yield from (f"/admin/customers/customer/?q={text}" for text in SEARCHES)
    yield "/admin/customers/customer/500/change/"


def measure() -> None:
    """Print the table."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client

    from accounts.models import User

    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(User.objects.create_superuser("bench@example.org"))
    found = {}
    for path in pages():
        client.get(path, follow=True)
        queries: list[str] = []

        def noted(execute: Any, sql: str, *rest: Any, queries: list[str] = queries) -> Any:
            queries.append(sql)
            return execute(sql, *rest)

        with connection.execute_wrapper(noted):
            status = client.get(path, follow=True).status_code
        taken = []
        for _ in range(TURNS):
            started = time.perf_counter()
            client.get(path, follow=True)
            taken.append((time.perf_counter() - started) * 1000)
        found[path] = status, len(queries), statistics.median(taken)
    empty = found.pop(EMPTY)[2]
    print(f"An empty page of the admin takes {empty:.0f} ms.\n")
    print("| page | status | queries | ms | ratio |\n|---|---:|---:|---:|---:|")
    for path, (status, count, milliseconds) in found.items():
        print(f"| `{path}` | {status} | {count} | {milliseconds:.0f} | {milliseconds / empty:.1f} |")


def main() -> None:
    """Make the database, measure, and drop it."""
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else CUSTOMERS
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        environment = stack.enter_context(site(Path(folder)))
        run(environment, "migrate", "--verbosity", "0")
        print(f"{customers:,} customers, {3 * customers:,} reservations, {2 * customers:,} orders", flush=True)
        for call in (f"fill({environment['DATABASE_URL']!r}, {customers})", "measure()"):
            code = f"from bench.admin import fill, measure; {call}"
            subprocess.run([sys.executable, "manage.py", "shell", "-v", "0", "-c", code], env=environment, check=True)


if __name__ == "__main__":
    os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": ""}
    main()
