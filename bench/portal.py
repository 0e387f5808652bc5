"""`python -m bench.portal`: requests per second of the customers' portal, as ratios to floors of the same run.

The dashboard and a list of 20 reservations are compared with Django views that return the same bytes: out of memory, in
this project behind its middleware; and out of the database by the ORM, in a project without middleware, framework and
log-ins. A log-in is compared with checking a bcrypt hash, and nothing else. All are measured in turns, so that whatever
else the machine does hits each.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import repeat
from pathlib import Path

import bcrypt
import psycopg

CUSTOMERS, RESTAURANTS = 10_000, 20
WORKERS, CONNECTIONS = 2, 4
TURNS, SECONDS = 5, 2.0
PASSWORD, COST = "correct horse battery", 10
ADDRESSES = {"dashboard": "me/dashboard", "reservations": "me/reservations?page_size=20"}
# Everybody has three reservations and two orders; the first customer, of whom the requests are, has many more.
ROWS = """
INSERT INTO restaurants (name, slug, city, updated_at)
SELECT 'Restaurant ' || i, 'restaurant-' || i, 'Seville', now() FROM generate_series(1, %(restaurants)s) i;
INSERT INTO customers (email, password, first_name, last_name, email_verified)
SELECT 'customer' || i || '@example.org', %(hash)s, 'Carla', 'Customer ' || i, true
FROM generate_series(1, %(customers)s) i;
INSERT INTO customer_profiles (customer_id) SELECT id FROM customers c
WHERE NOT EXISTS (SELECT FROM customer_profiles p WHERE p.customer_id = c.id);
INSERT INTO reservations (customer_name, customer_email, restaurant_id, party_size, reservation_date, reservation_time,
    status, table_ids, updated_at, customer_id)
SELECT 'Carla Customer', 'carla@example.org', r.id, 2, date_trunc('day', now()) + (n - 20) * interval '1 day', '19:30',
    CASE WHEN n < 20 THEN 'COMPLETED' ELSE 'CONFIRMED' END::"ReservationStatus", '{}', now(), c.id
FROM (SELECT id, row_number() OVER (ORDER BY id) AS i FROM customers WHERE id > 0) c
    CROSS JOIN LATERAL generate_series(1, CASE WHEN i = 1 THEN 43 ELSE 3 END) n
    JOIN restaurants r ON r.slug = 'restaurant-' || (1 + (i + n) %% %(restaurants)s);
INSERT INTO orders (order_number, restaurant_id, status, total_amount, updated_at, customer_id)
SELECT 'ORD-' || i || '-' || n, r.id, 'COMPLETED', 12.50 + n, now(), c.id
FROM (SELECT id, row_number() OVER (ORDER BY id) AS i FROM customers WHERE id > 0) c
    CROSS JOIN LATERAL generate_series(1, CASE WHEN i = 1 THEN 22 ELSE 2 END) n
    JOIN restaurants r ON r.slug = 'restaurant-' || (1 + (i + n) %% %(restaurants)s);
SELECT customer_visits_again(min(id), max(id)) FROM customers WHERE id > 0;
"""
BEGIN_SESSION = """
from customers.models import Customer
from customers.sessions import session_begin
print(session_begin(customer=Customer.objects.order_by("pk")[0], user_agent="bench", ip="").access)
"""


class Client:
    """One connection that is kept alive; does as little as HTTP allows, since it shares the machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the answer to REQUEST."""
        self._socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self._more()
        return int(head.split(b" ", 2)[1]), body

    def _more(self) -> bytes:
        data = self._socket.recv(1 << 16)
        if not data:
            raise SystemExit("The server closed the connection.")
        return data


def get(path: str, token: str = "") -> bytes:
    """Return a request for PATH by whoever has this TOKEN."""
    return _request("GET", path, {"Authorization": f"Bearer {token}"} if token else {})


def log_in(number: int) -> bytes:
    """Return a log-in of customer NUMBER, from an address of their own: callers are throttled."""
    body = f'{{"email": "customer{number}@example.org", "password": "{PASSWORD}"}}'
    forwarded = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    headers = {"X-Forwarded-For": forwarded, "Content-Type": "application/json", "Content-Length": str(len(body))}
    return _request("POST", "/api/v1/auth/login", headers) + body.encode()


def _request(method: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def rate(ports: list[int], requests: Iterator[bytes], seconds: float = SECONDS) -> float:
    """Return how many REQUESTS a second are answered with 200, by CONNECTIONS connections at once, as many to each."""
    done, lock = [0] * CONNECTIONS, threading.Lock()

    def work(number: int) -> None:
        client = Client(ports[number % len(ports)])
        while time.monotonic() < end:
            with lock:
                request = next(requests)
            status, body = client.send(request)
            if status != 200:
                raise SystemExit(f"{status}: {body.decode()}")
            done[number] += 1

    started = time.monotonic()
    end = started + seconds
    threads = [threading.Thread(target=work, args=[number]) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - started)


def checks(hashed: bytes, seconds: float = SECONDS) -> float:
    """Return how many times a second a bcrypt hash is checked, by as many threads as there are connections."""
    done = [0] * CONNECTIONS

    def work(number: int) -> None:
        while time.monotonic() < end:
            bcrypt.checkpw(PASSWORD.encode(), hashed)
            done[number] += 1

    started = time.monotonic()
    end = started + seconds
    threads = [threading.Thread(target=work, args=[number]) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - started)


def run(environment: dict[str, str], *arguments: str) -> str:
    """Run a command of manage.py, and return what it said."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


@contextmanager
def servers(environment: dict[str, str]) -> Iterator[list[int]]:
    """Serve the site with WORKERS workers; give the port of each.

    Each is a gunicorn of its own: of workers that share a port, one may take all the connections that are kept alive.
    """
    with ExitStack() as stack:
        yield [stack.enter_context(_server(environment)) for _ in range(WORKERS)]


@contextmanager
def _server(environment: dict[str, str]) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--log-level", "warning"]
    command += ["--worker-class", "gthread", "--workers", "1", "--threads", "4", "--keep-alive", "60"]
    with subprocess.Popen(command, env=environment) as process:
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            Client(port)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("The server did not start.")


def fill(url: str, hashed: bytes) -> None:
    """Make customers with bookings, and open the portal."""
    values = {"customers": CUSTOMERS, "restaurants": RESTAURANTS, "hash": hashed.decode()}
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("SET separation.bypass = 'on'")  # separation: line
        connection.execute("UPDATE separation_phase SET closed = false")  # separation: line
        connection.execute(ROWS, values)
        connection.execute("VACUUM ANALYZE")


def main() -> None:
    """Measure, and print the tables."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        environment = stack.enter_context(site(Path(folder)))
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(COST))
        run(environment, "migrate", "--verbosity", "0")
        fill(environment["DATABASE_URL"], hashed)
        token = run(environment, "shell", "--verbosity", "0", "-c", BEGIN_SESSION).strip()
        ports = stack.enter_context(servers(environment))
        bodies = {name: read(ports, get(f"/api/v1/{path}", token)) for name, path in ADDRESSES.items()}
        for name, body in bodies.items():
            (Path(folder) / name).write_bytes(body)
        floor = stack.enter_context(servers(environment | {"BENCH_BARE": "1"}))
        print(f"{WORKERS} workers, {CONNECTIONS} connections, kept alive; requests a second, median of {TURNS} turns\n")
        print("| answer | bytes | portal | out of memory | ratio | by the ORM, no more | ratio |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        for name, body in bodies.items():
            if read(floor, get(f"/plain/{name}")) != body:
                raise SystemExit(f"The plain view of {name} answers something else.")
            print(f"| {name} | {len(body):,} | {_compared(name, ports, floor, token)} |", flush=True)
        print("\n| log-in | portal | bcrypt alone | ratio |\n|---|---:|---:|---:|")
        print(_logged_in(ports, hashed))


def read(ports: list[int], request: bytes) -> bytes:
    """Return the body of the answer to one REQUEST."""
    status, body = Client(ports[0]).send(request)
    if status != 200:
        raise SystemExit(f"{status}: {body.decode()}")
    return body


def _compared(name: str, ports: list[int], floor: list[int], token: str) -> str:
    requests = [
        (ports, get(f"/api/v1/{ADDRESSES[name]}", token)),
        (ports, get(f"/bare/{name}", token)),
        (floor, get(f"/plain/{name}")),
    ]
    found: list[list[float]] = [[] for _ in requests]
    for turn in range(TURNS + 1):
        for (where, request), rates in zip(requests, found, strict=True):
            measured = rate(where, repeat(request))
            if turn:  # the first turn warms up
                rates.append(measured)
    ours, memory, orm = map(statistics.median, found)
    return f"{ours:,.0f} | {memory:,.0f} | {ours / memory:.2f} | {orm:,.0f} | {ours / orm:.2f}"


def _logged_in(ports: list[int], hashed: bytes) -> str:
    everybody = iter(range(1, CUSTOMERS))
    requests = (log_in(number) for number in everybody)
    found: list[tuple[float, float]] = []
    for turn in range(TURNS + 1):
        pair = rate(ports, requests), checks(hashed)
        if turn:
            found.append(pair)
    ours, floor = (statistics.median(rates) for rates in zip(*found, strict=True))
    return f"| cost {COST} | {ours:.1f} | {floor:.1f} | {ours / floor:.2f} |"


@contextmanager
def site(folder: Path) -> Iterator[dict[str, str]]:
    """Make a database on the embedded server, give the environment for processes that use it, and drop it."""
    from config.embedded_postgres import ensure_running

    place = ensure_running()
    drop = "DROP DATABASE IF EXISTS bench_portal WITH (FORCE)"
    with psycopg.connect(place.url("postgres"), autocommit=True) as admin:
        admin.execute(drop)
        admin.execute("CREATE DATABASE bench_portal")
        try:
            yield os.environ | {
                "DJANGO_SETTINGS_MODULE": "bench.site",
                "DATABASE_URL": place.url("bench_portal"),
                "SECRET_KEY": "bench " * 10,
                "PORTAL_SIGNING_KEY": "bench too " * 10,
                "BENCH_BODIES": str(folder),
                "PYTHONWARNINGS": "ignore:No directory at",
            }
        finally:
            admin.execute(drop)


if __name__ == "__main__":
    os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": ""}
    main()
