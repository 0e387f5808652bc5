"""A disk that is full, a log folder that goes away, an output that nobody can write to: said, and nothing is harmed."""

import json
import os
import resource

import pytest
from django.conf import settings

from separation.models import Run
from tests.separation.forked import Blow, turned, without_preflight

pytestmark = pytest.mark.usefixtures("log_dir")


@pytest.fixture
def log_dir(world, monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "LOG_DIR", tmp_path / "logs")
    return tmp_path / "logs"


@pytest.fixture(scope="module")
def middle(world):
    """An instant in the midst of an execute, some chunks done."""
    life = world.run("--execute").statements
    world.comes_back()
    return (turned(life) + len(life)) // 2


def fill_disk():
    """Let this process write no file any further, as a quota would."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def full_from_the_start():
    without_preflight()
    fill_disk()


def test_without_room_for_the_log_nothing_starts(world, log_dir):
    ended = world.run("--execute", prepare=full_from_the_start)

    assert ended.code == 1
    assert ended.err.splitlines()[-2:] == [
        f"Error: The log folder {log_dir} cannot be written (File too large), so nothing was started.",
        "Next: set LOG_DIR to a folder that this user may write, and run the same command again",
    ]
    run = Run.objects.latest("id")
    assert (run.state, run.error) == (
        "failed",
        f"The log folder {log_dir} cannot be written (File too large), so nothing was started.",
    )
    assert world.looks() == world.before
    world.goes_there()
    world.comes_back()


@pytest.mark.parametrize("option", ["--execute", "--rollback"])
def test_a_disk_that_is_full_in_the_middle_harms_the_log_alone(world, middle, option):
    if option == "--rollback":
        world.goes_there()

    ended = world.run(option, Blow(fill_disk, middle if option == "--execute" else 30))

    run = Run.objects.latest("id")
    assert ended.code == 1
    assert ended.err.splitlines()[-2:] == [
        f"Error: Run {run.pk} is done and on record, but its log {run.log_path} cannot be written (File too large).",
        "Next: python manage.py separation_status",
    ]
    assert (run.state, run.error) == ("done", "")
    if option == "--execute":
        world.goes_there()
        world.comes_back()
    assert world.looks() == world.before


def test_a_log_folder_that_is_gone_in_the_middle(world, middle, log_dir):
    ended = world.run("--execute", Blow(lambda: log_dir.rename(log_dir.with_name("elsewhere")), middle))

    run = Run.objects.latest("id")
    assert ended.code == 1
    assert ended.err.splitlines()[-2] == (
        f"Error: Run {run.pk} is done and on record, but its log {run.log_path} cannot be written "
        "(No such file or directory)."
    )
    assert run.state == "done"
    (log,) = log_dir.with_name("elsewhere").iterdir()
    assert json.loads(log.read_text())["state"] == "running"
    world.goes_there()
    world.comes_back()


@pytest.mark.parametrize("stream", [1, 2])
def test_an_output_that_is_full_harms_nothing(world, middle, stream):
    def fill_output():
        os.dup2(os.open("/dev/full", os.O_WRONLY), stream)

    ended = world.run("--execute", Blow(fill_output, middle))

    assert ended.code == 1
    assert Run.objects.latest("id").state == ("done" if stream == 1 else "failed")
    world.goes_there()
    world.comes_back()
