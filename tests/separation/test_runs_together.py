"""Two executes and a roll-back started together: each does its work, joins or is refused, and what is left is whole."""

import random

import pytest

# Another run is under way, or was when this one looked, and has ended or changed the phase since.
MEANWHILE = ("Refused (one run at a time): ", "Refused (run): ", "Refused (phase): ")


@pytest.mark.parametrize("round_", range(6))
def test_two_executes_and_a_roll_back(world, round_):
    options = ["--execute", "--execute", "--rollback"]
    random.Random(round_).shuffle(options)  # noqa: S311
    if round_ % 2:
        world.goes_there()

    started = [(option, world.start(option, trace=f"trace-{n}")) for n, option in enumerate(options)]
    ends = [(option, process.wait()) for option, process in started]
    world.alone()

    for option, ended in ends:
        assert ended.code in (0, 3), f"{option}: {ended.err}"
        if ended.code == 3:
            (refusal,) = [line for line in ended.err.splitlines() if line.startswith("Refused")]
            assert refusal.startswith(("Refused (one run at a time): ", "Refused (run): ")), refusal
    assert 0 in [ended.code for _, ended in ends]
    assert world.broken() == set()
    world.goes_there()
    world.comes_back()
