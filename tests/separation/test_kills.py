"""Kill -9, and connections that the server ends, at instants over the whole life of a command: nothing is half done,
the same command goes on, every invariant holds, and the way back restores every byte."""

import random

import pytest

from separation import interlocks
from separation.models import Run
from separation.verification import verify
from tests.separation import forked
from tests.separation.engine import WHOLE, checksums, columns_of, one
from tests.separation.forked import KILL, TERMINATE, Blow

# Chunks that are in flight, and what only the end of a run records, are all that may be missing half way.
HALF_WAY = {"chunks_done"}

# What of the engine's own tables is empty again after a roll-back.
FORGOTTEN = {"separation_chunks", "separation_undo", "separation_pending"}


def without_preflight():
    """The preflight only reads, and takes as long as all the rest; the last test has it."""
    interlocks.require_preflight = lambda connection: None


class World:
    """A legacy database with its backup, the commands on it, and what it was like before."""

    def __init__(self, database, folder):
        self.database, self.folder = database, folder
        self.connection = database.connection
        self.columns = {
            table: names
            for table, names in columns_of(self.connection).items()
            if not table.startswith("separation_") or table in FORGOTTEN
        }
        assert forked.run(database, folder, "backup").code == 0
        self.before = self.looks()

    def looks(self):
        return checksums(self.connection, self.columns)

    def run(self, option, blow=None, prepare=without_preflight):
        ended = forked.run(
            self.database,
            self.folder,
            "migrate_customers",
            option,
            stdin=f"{'MIGRATE' if option == '--execute' else 'ROLLBACK'} {self.database.name}\n",
            blow=blow,
            prepare=prepare,
            chunk=4,
        )
        forked.alone(self.database)
        return ended

    def goes_there(self):
        done = self.run("--execute")
        assert done.code == 0, done.err
        assert done.out.splitlines()[-1].startswith(("Verified: every invariant holds.", "Nothing to do: all "))
        assert [(result.id, result.sample) for result in verify(self.connection).failures] == []
        assert Run.objects.filter(state=Run.RUNNING).count() == 0

    def comes_back(self):
        done = self.run("--rollback")
        assert (done.code, done.out.splitlines()[-1].split(":")[0]) in [
            (0, "Nothing to roll back"),
            (0, "The phase is legacy again. Findings and runs stay on record; the log is " + done.out.split()[-1]),
        ], done.err
        assert one(self.connection, "SELECT name FROM separation_phase") == "legacy"
        assert self.looks() == self.before


@pytest.fixture(scope="module")
def world(databases, django_db_blocker, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        from django.conf import settings

        patch.setattr(settings, "BACKUP_DIR", folder / "backups")
        patch.setattr(settings, "LOG_DIR", folder / "logs")
        with databases.clone("ahead", 30, 1, True) as database:
            yield World(database, folder / "process")


@pytest.fixture(scope="module")
def lives(world):
    """The statements of one execute and one roll-back that nobody disturbs."""
    there, back = world.run("--execute"), world.run("--rollback")
    assert (there.code, back.code) == (0, 0), there.err + back.err
    return there.statements, back.statements


def begun(statements):
    return next(number for number, sql in enumerate(statements) if sql.startswith('INSERT INTO "separation_runs"'))


def turned(statements):
    return next(number for number, sql in enumerate(statements) if sql.startswith('UPDATE "separation_phase"'))


def blows(kind, seed, statements, number):
    """Blows before a statement, while it is under way and after it: before the run begins, around the change of phase
    and over the rest of its life."""
    chance, first, phase = random.Random(seed), begun(statements), turned(statements)  # noqa: S311
    instants = [
        *forked.spread(seed, 0, first, 2),
        *range(phase, phase + 3),
        *forked.spread(seed, first, len(statements), number - 5),
    ]
    return [Blow(kind, instant, chance.choice([None, chance.random() * 0.002])) for instant in instants]


def half_way(world):
    assert one(world.connection, WHOLE) == 0
    assert {result.id for result in verify(world.connection).failures} <= HALF_WAY


@pytest.mark.parametrize("part", range(5))
def test_an_execute_killed_at_any_of_fifty_instants(world, lives, part):
    ends = []
    for blow in blows(KILL, 1, lives[0], 50)[part::5]:
        ends.append(world.run("--execute", blow).code)
        half_way(world)
        world.goes_there()
        world.comes_back()
    assert set(ends) <= {-9, 0}
    assert ends.count(-9) >= 9


def test_a_roll_back_killed_at_any_of_fifteen_instants(world, lives):
    ends = []
    for blow in blows(KILL, 2, lives[1], 15):
        world.goes_there()
        ends.append(world.run("--rollback", blow).code)
        assert {result.id for result in verify(world.connection).failures} <= {"phase_fits"}
        world.comes_back()
    assert set(ends) <= {-9, 0}
    assert ends.count(-9) >= 14


def test_an_execute_killed_again_and_again(world, lives):
    for instant in forked.spread(3, begun(lives[0]), len(lives[0]) * 2 // 3, 5):
        world.run("--execute", Blow(KILL, instant))
        half_way(world)
    world.goes_there()
    world.comes_back()


def test_an_execute_killed_while_it_looks_and_resumed_in_full(world):
    def in_full():
        return None

    life = world.run("--execute", prepare=in_full).statements
    world.comes_back()
    for instant in (*forked.spread(4, 0, begun(life), 3), turned(life) + 2):
        assert world.run("--execute", Blow(KILL, instant), in_full).code == -9
        half_way(world)
    assert world.run("--execute", prepare=in_full).code == 0
    world.goes_there()
    world.comes_back()


def said_plainly(ended, option):
    """It exits with 1 and says in one sentence what happened, and which command goes on; or it was done already."""
    if ended.code == 0:
        return
    assert ended.code == 1, ended
    *_, error, following = ended.err.splitlines()
    assert error == (
        "Error: The connection to the database was lost; the server undid the open transaction, all others are whole."
    ), ended.err
    assert following == f"Next: python manage.py migrate_customers {option}"


@pytest.mark.parametrize("option", ["--execute", "--rollback"])
def test_connections_that_the_server_ends_at_any_instant(world, lives, option):
    ends = []
    for blow in blows(TERMINATE, 5, lives[option == "--rollback"], 15):
        if option == "--rollback":
            world.goes_there()
        ended = world.run(option, blow)
        said_plainly(ended, option)
        ends.append(ended.code)
        if option == "--execute":
            half_way(world)
            world.goes_there()
        world.comes_back()
    assert ends.count(1) >= 13
