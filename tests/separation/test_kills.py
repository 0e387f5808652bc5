"""Kill -9, and connections that the server ends, at instants over the whole life of a command: nothing is half done,
the same command goes on, every invariant holds, and the way back restores every byte."""

import random

import pytest

from tests.separation import forked
from tests.separation.engine import WHOLE, one
from tests.separation.forked import Blow, begun, kill, lose_connections, lose_one_connection, turned


@pytest.fixture(scope="module")
def lives(world):
    """The statements of one execute and one roll-back that nobody disturbs."""
    there, back = world.run("--execute"), world.run("--rollback")
    assert (there.code, back.code) == (0, 0), there.err + back.err
    return {"--execute": there.statements, "--rollback": back.statements}


def blows(strike, seed, statements, number):
    """Blows before a statement, while it is under way and after it: before the run begins, around the change of phase
    and over the rest of its life."""
    chance, first, phase = random.Random(seed), begun(statements), turned(statements)  # noqa: S311
    instants = [
        *forked.spread(seed, 0, first, 2),
        *range(phase, phase + 3),
        *forked.spread(seed, first, len(statements), number - 5),
    ]
    return [Blow(strike, instant, chance.choice([None, chance.random() * 0.002])) for instant in instants]


def half_way(world):
    """Whole chunks, and nothing wrong but that they are not all done."""
    assert one(world.connection, WHOLE) == 0
    assert world.broken() <= {"chunks_done"}


@pytest.mark.parametrize("part", range(5))
def test_an_execute_killed_at_any_of_fifty_instants(world, lives, part):
    ends = []
    for blow in blows(kill, 1, lives["--execute"], 50)[part::5]:
        ends.append(world.run("--execute", blow).code)
        half_way(world)
        world.goes_there()
        world.comes_back()
    assert set(ends) <= {-9, 0}
    assert ends.count(-9) >= 9


def test_a_roll_back_killed_at_any_of_fifteen_instants(world, lives):
    ends = []
    for blow in blows(kill, 2, lives["--rollback"], 15):
        world.goes_there()
        ends.append(world.run("--rollback", blow).code)
        assert world.broken() <= {"phase_fits"}
        world.comes_back()
    assert set(ends) <= {-9, 0}
    assert ends.count(-9) >= 13


def test_an_execute_of_three_workers_killed_at_any_instant(world):
    three = (forked.without_preflight, "--workers", "3")
    life = world.run("--execute", None, *three).statements
    world.comes_back()
    for blow in blows(kill, 6, life, 10)[2:]:
        assert world.run("--execute", blow, *three).code in (-9, 0)
        half_way(world)
        world.goes_there()
        world.comes_back()


def test_one_of_three_workers_loses_its_connection(world):
    three = (forked.without_preflight, "--workers", "3")
    life = world.run("--execute", None, *three).statements
    world.comes_back()
    for blow in blows(lose_one_connection, 7, life, 10)[5:]:
        ended = world.run("--execute", blow, *three)
        said_plainly(ended, "--execute")
        half_way(world)
        world.goes_there()
        world.comes_back()


def test_an_execute_killed_again_and_again(world, lives):
    life = lives["--execute"]
    for instant in forked.spread(3, begun(life), len(life) * 2 // 3, 5):
        world.run("--execute", Blow(kill, instant))
        half_way(world)
    world.goes_there()
    world.comes_back()


def test_an_execute_killed_while_it_looks_and_resumed_in_full(world):
    def in_full():
        return None

    life = world.run("--execute", prepare=in_full).statements
    world.comes_back()
    for instant in (*forked.spread(4, 0, begun(life), 3), turned(life) + 2):
        assert world.run("--execute", Blow(kill, instant), in_full).code == -9
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
    for blow in blows(lose_connections, 5, lives[option], 11):
        if option == "--rollback":
            world.goes_there()
        ended = world.run(option, blow)
        said_plainly(ended, option)
        ends.append(ended.code)
        if option == "--execute":
            half_way(world)
            world.goes_there()
        world.comes_back()
    assert ends.count(1) >= 7
