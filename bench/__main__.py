"""`make bench`: moves customers every way, in one run on this machine, and prints tables of ratios.

`python -m bench N` takes N customers instead of 100,000.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg
from django.conf import settings

from bench.traffic import REQUESTS, Latencies, Span, p50, p99, traffic, within
from bench.writes import costs
from config.embedded_postgres import Server, ensure_running
from config.embedded_postgres.programs import program
from config.embedded_postgres.server import SETTINGS
from config.sql import Queries

SMALL, LARGE = 10_000, 100_000
TURN, TURNS = 10, 8  # seconds of traffic, with an execute at work and while it pauses, and how often both
BATCH = 10_000
ONE_BY_ONE = 1_000
FULL_SPEED = ("--target-ms", "500")
ASK = """
UPDATE separation_runs SET request = '{request}', requested_by = 'bench', requested_at = now() WHERE state = 'running'
"""
MOVING = "SELECT (SELECT max(last_id) FROM separation_chunks) < max(id) FROM users WHERE is_customer"
AUTOVACUUM = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
# From the typed phrase to the change of phase.
RETURNED = """
SELECT greatest(extract(epoch FROM p.changed_at - r.started_at), 0)
FROM separation_phase p, separation_runs r WHERE r.kind = 'rollback'
"""
PLAIN = Queries(Path(__file__).with_name("plain.sql")).batch


@cache
def server() -> Server:
    """Start the embedded server, for as long as this process lives, with the share of memory that servers are given."""
    megabytes = memory() // 2**20
    SETTINGS.update(shared_buffers=f"{megabytes // 6}MB", max_wal_size="8GB", maintenance_work_mem="512MB")
    return ensure_running()


@dataclass(frozen=True)
class Process:
    """What one process took, wall-clock seconds and peak memory in megabytes, and what it said."""

    seconds: float
    megabytes: float
    said: str


def run(*arguments: object, name: str = "", stdin: str = "") -> Process:
    """Run a program to its end; raises CalledProcessError if it fails."""
    environment = os.environ | ({"DATABASE_URL": server().url(name)} if name else {})
    environment |= {"SECRET_KEY": "bench " * 10, "PORTAL_SIGNING_KEY": "bench too " * 10}
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as given:
        given.write(stdin)
        given.seek(0)
        child = subprocess.Popen(
            [str(argument) for argument in arguments], env=environment, stdin=given, stdout=said, stderr=said
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        if child.returncode:
            raise SystemExit(f"{arguments} exited with {child.returncode}:\n{said.read()}")
        return Process(seconds, usage.ru_maxrss / 1024, said.read())


def manage(name: str, *arguments: str, stdin: str = "") -> Process:
    """Run a management command on the database NAME."""
    return run(sys.executable, "manage.py", *arguments, name=name, stdin=stdin)


def sql(name: str, text: str) -> list[tuple[object, ...]]:
    """Execute TEXT in the database NAME and return its rows."""
    with psycopg.connect(server().url(name), autocommit=True) as connection:
        cursor = connection.execute(text)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def database(name: str, template: str = "template0") -> Iterator[str]:
    """Make a database, and drop it.

    Before each measurement of writes a CHECKPOINT: else a fresh copy is spared the full-page images that others pay.
    """
    drop = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
    sql("postgres", drop)
    sql("postgres", f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield name
    finally:
        sql("postgres", drop)


def open_to_all(name: str) -> None:
    """Let others than the engine fill the new tables of NAME before anybody has moved."""
    sql(name, f"ALTER DATABASE \"{name}\" SET separation.bypass = 'on'")


def batches(name: str) -> list[tuple[int, int]]:
    """Return the ranges of ids that hold BATCH customers each."""
    return [
        (int(str(first)), int(str(last)))
        for first, last in sql(
            name,
            f"""SELECT min(id), max(id) FROM (
                SELECT id, (row_number() OVER (ORDER BY id) - 1) / {BATCH} AS batch FROM users WHERE is_customer
            ) u GROUP BY batch ORDER BY 1""",
        )
    ]


def plain(first: int, last: int) -> str:
    """Return the hand-written SQL for a range of ids."""
    return PLAIN.replace(":first", str(first)).replace(":last", str(last))


def plain_sql(template: str) -> Process:
    """Move everybody with psql, in batches with a commit each."""
    with database("bench_plain", template) as name, tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        first, *others = (f"BEGIN;\n{plain(*span)}\nCOMMIT;\n" for span in batches(name))
        # Else what follows is planned for empty tables, until autovacuum comes round.
        script.write("".join([first, "ANALYZE customers, customer_profiles, customer_restaurants;\n", *others]))
        script.flush()
        open_to_all(name)
        sql(name, "CHECKPOINT")
        return run(program("psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-d", server().url(name), "-f", script.name)


def one_by_one(template: str, way: str) -> float:
    """Return the seconds for a customer, moved one at a time with a commit each; measured on ONE_BY_ONE of them."""
    with database("bench_rows", template) as name:
        open_to_all(name)
        sql(name, "CHECKPOINT")
        return float(run(sys.executable, "-m", "bench.loop", way, ONE_BY_ONE, name=name).said) / ONE_BY_ONE


def engine(template: str) -> tuple[dict[str, float], dict[str, Process]]:
    """Return how long the chunks took together and the roll-back's return, and what each command took."""
    with database("bench_engine", template) as name:
        with tempfile.NamedTemporaryFile() as dump:
            taken = {"pg_dump": run(program("pg_dump"), "-Fc", "-f", dump.name, server().url(name))}
        manage(name, "environment", "--set", "staging", stdin=f"STAGING {name}\n")
        taken["backup"] = manage(name, "backup")
        sql(name, "CHECKPOINT")
        taken["execute"] = manage(name, "migrate_customers", "--execute", stdin=f"MIGRATE {name}\n")
        moving = sql(name, "SELECT sum(milliseconds) / 1000.0 FROM separation_chunks")
        taken["verify"] = manage(name, "verify_separation")
        sql(name, "CHECKPOINT")
        taken["rollback"] = manage(name, "migrate_customers", "--rollback", stdin=f"ROLLBACK {name}\n")
        returned = sql(name, RETURNED)
        (backup,) = (path for path in Path(settings.BACKUP_DIR).iterdir() if path.name.startswith("backup-"))
        with database("bench_restored") as restored:
            taken["restore"] = manage(restored, "restore", str(backup))
        shutil.rmtree(settings.BACKUP_DIR)
    return {"moving": float(str(moving[0][0])), "return": float(str(returned[0][0]))}, taken


def crew(template: str, workers: int) -> float:
    """Return the seconds from the beginning of the first chunk to the end of the last, with so many workers."""
    with database("bench_workers", template) as name:
        manage(name, "environment", "--set", "staging", stdin=f"STAGING {name}\n")
        manage(name, "backup")
        sql(name, "CHECKPOINT")
        manage(name, "migrate_customers", "--execute", "--workers", str(workers), stdin=f"MIGRATE {name}\n")
        ((seconds,),) = sql(
            name,
            "SELECT extract(epoch FROM max(moved_at) - min(moved_at - milliseconds * interval '1 ms')) "
            "FROM separation_chunks",
        )
    shutil.rmtree(settings.BACKUP_DIR)
    return float(str(seconds))


def live(template: str, *options: str) -> tuple[Latencies, Latencies]:
    """Return the latencies of both applications' requests while an execute with OPTIONS is at work, and in its pauses.

    The two in turns, since how fast the machine's disk and processors are changes from one minute to the next.
    """
    busy: list[Span] = []
    idle: list[Span] = []
    with database("bench_live", template) as name, ThreadPoolExecutor() as pool:
        manage(name, "environment", "--set", "staging", stdin=f"STAGING {name}\n")
        manage(name, "backup")
        sql(name, "CHECKPOINT")
        with traffic(server().url(name)) as sent:
            execute = pool.submit(manage, name, "migrate_customers", "--execute", *options, stdin=f"MIGRATE {name}\n")
            while is_moving(name) is None and not execute.done():
                time.sleep(0.1)
            for request, spans in (("", busy), ("pause", idle)) * TURNS:
                span = turn(name, request)
                if is_moving(name):
                    spans.append(span)
            sql(name, ASK.format(request=""))
        execute.result()
    shutil.rmtree(settings.BACKUP_DIR)
    return within(sent, busy), within(sent, idle)


def is_moving(name: str) -> bool | None:
    """Return whether there are customers in NAME whom no chunk has taken yet; None before the first."""
    ((moving,),) = sql(name, MOVING)
    return None if moving is None else bool(moving)


def turn(name: str, request: str) -> Span:
    """Let the run go on or pause; return the TURN seconds after that. Nor does autovacuum work when they begin."""
    sql(name, ASK.format(request=request))
    time.sleep(1)  # a worker that pauses looks once a second
    while request and sql(name, AUTOVACUUM) != [(0,)]:
        time.sleep(0.1)
    began = time.monotonic()
    time.sleep(TURN)
    return began, began + TURN


def writes(template: str) -> str:
    """Return the rows of the table of what the mirror costs the old application."""
    with database("bench_without", template) as without, database("bench_both", template) as both:
        manage(both, "environment", "--set", "staging", stdin=f"STAGING {both}\n")
        manage(both, "backup")
        manage(both, "migrate_customers", "--execute", stdin=f"MIGRATE {both}\n")
        for name in (without, both):
            sql(name, "VACUUM ANALYZE")
        sql("postgres", "CHECKPOINT")
        taken = costs(server().url(without), server().url(both))
    shutil.rmtree(settings.BACKUP_DIR)
    return "\n".join(
        f"| {what} | {alone:.2f} ms | {mirrored:.2f} ms | {mirrored / alone:.2f} |"
        for what, (alone, mirrored) in taken.items()
    )


@contextmanager
def adopted(customers: int) -> Iterator[str]:
    """Make an adopted database of CUSTOMERS customers."""
    with database("bench_template") as template:
        manage(template, "demo", "--customers", str(customers))
        sql(template, "VACUUM ANALYZE")  # the new tables have no statistics yet, as in a database just adopted
        manage(template, "migrate", "--verbosity", "0")
        yield template


def measure(customers: int) -> dict[str, float]:
    """Measure everything at one size; seconds, megabytes, or seconds for a customer, by what the key says."""
    with adopted(customers) as template:
        figures = {"plain": plain_sql(template).seconds, "one": one_by_one(template, "engine")}
        figures["row"] = one_by_one(template, "orm")
        timed, taken = engine(template)
        figures["1 worker"], figures["2 workers"] = crew(template, 1), crew(template, 2)
    figures |= timed
    for command, process in taken.items():
        figures[command], figures[f"{command} MB"] = process.seconds, process.megabytes
    return figures


def main(customers: int = LARGE) -> None:
    """Measure at both sizes and print the tables."""
    small, large = measure(SMALL), measure(customers)
    with adopted(customers) as template:
        waited = "\n".join(
            waits(" ".join(("during execute", *options)), *live(template, *options)) for options in ((), FULL_SPEED)
        )
    with adopted(SMALL) as template:
        written = writes(template)
    print(f"{customers:,} customers, {3 * customers:,} reservations, {2 * customers:,} orders; {machine()}\n")
    print(f"| what | seconds | ratio | to |\n|---|---:|---:|---|\n{speed(large, customers)}\n")
    print(f"| peak memory of | {SMALL:,} | {customers:,} | more |\n|---|---:|---:|---:|")
    for command in ("backup", "execute", "verify", "rollback", "restore"):
        before, after = small[f"{command} MB"], large[f"{command} MB"]
        print(f"| {command} | {before:.0f} MB | {after:.0f} MB | {after - before:+.0f} MB |")
    print(f"\n| the old application's | without the mirror | with it | ratio |\n|---|---:|---:|---:|\n{written}")
    print(f"\n| milliseconds | median | p99 | longest | p99 to idle |\n|---|---:|---:|---:|---:|\n{waited}")


def waits(execute: str, busy: Latencies, idle: Latencies) -> str:
    """Return the rows of the table of latencies, idle and during an execute."""
    return "\n".join(
        f"| {name}, {when} | {p50(found[name]):.1f} | {p99(found[name]):.1f} "
        f"| {max(found[name]) * 1000:.0f} | {ratio} |"
        for name in REQUESTS
        for when, found, ratio in (
            ("idle", idle, ""),
            (execute, busy, f"{p99(busy[name]) / p99(idle[name]):.2f}"),
        )
    )


def speed(large: dict[str, float], customers: int) -> str:
    """Return the rows of the table of ratios."""
    rows = [
        ("plain SQL in psql, batches of 10,000", large["plain"], "", ""),
        ("execute: its chunks", large["moving"], large["moving"] / large["plain"], "plain SQL"),
        (
            "execute: preflight, plan, chunks, verification",
            large["execute"],
            large["execute"] / large["plain"],
            "plain SQL",
        ),
        ("execute: first chunk to last, 1 worker", large["1 worker"], "", ""),
        (
            "execute: first chunk to last, 2 workers",
            large["2 workers"],
            large["2 workers"] / large["1 worker"],
            "1 worker",
        ),
        (
            "the engine, one customer at a time, a commit each",
            large["one"] * customers,
            large["one"] * customers / large["moving"],
            "execute's chunks",
        ),
        (
            "the ORM, one customer at a time, a commit each",
            large["row"] * customers,
            large["row"] * customers / large["moving"],
            "execute's chunks",
        ),
        ("verify", large["verify"], large["verify"] / large["moving"], "execute's chunks"),
        ("rollback: until the old application is alone", large["return"], "", ""),
        ("rollback", large["rollback"], large["rollback"] / large["plain"], "plain SQL"),
        ("pg_dump -Fc", large["pg_dump"], "", ""),
        ("backup, read back and verified", large["backup"], large["backup"] / large["pg_dump"], "pg_dump"),
        ("restore, compared", large["restore"], large["restore"] / large["pg_dump"], "pg_dump"),
    ]
    return "\n".join(
        f"| {what} | {taken:.{1 if taken > 1 else 2}f} | {ratio if ratio == '' else f'{ratio:.2f}'} | {to} |"
        for what, taken, ratio, to in rows
    )


def machine() -> str:
    """Return the size of this machine."""
    gigabytes = memory() / 2**30
    return f"{os.cpu_count()} cores, {gigabytes:.0f} GB of memory, PostgreSQL {settings.EMBEDDED_POSTGRES_VERSION}"


def memory() -> int:
    """Return the bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": "",
            "BACKUP_DIR": f"{folder}/backups",
            "LOG_DIR": f"{folder}/logs",
        }
        main(*(int(argument) for argument in sys.argv[1:2]))
