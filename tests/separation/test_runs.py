"""Every run leaves a row and a log that say the same, however it ends."""

import json
import re
import stat
from pathlib import Path

import pytest

from separation.errors import CheckFailed, Interrupted
from separation.models import Run
from separation.runs import joined, recorded


@pytest.fixture
def database(legacy_database, settings, tmp_path):
    settings.LOG_DIR = tmp_path / "logs"
    return legacy_database("plain", adopted=True)


def log_of(run):
    return json.loads(Path(run.log_path).read_text(encoding="utf-8"))


def test_a_good_run_says_what_it_did(database):
    with recorded(database.connection, Run.ROLLBACK) as run:
        assert log_of(run)["state"] == "running"
        run.total, run.counts = 5, {"customers": 5}

    run.refresh_from_db()
    assert re.fullmatch(r"migration-log-\d{4}-\d\d-\d\d-\d{6}-rollback\.json", Path(run.log_path).name)
    assert stat.S_IMODE(Path(run.log_path).stat().st_mode) == 0o600
    assert (run.state, run.error) == ("done", "")
    log = log_of(run)
    assert log.pop("started_at") == str(run.started_at)
    assert log.pop("finished_at") == str(run.finished_at)
    assert log == {
        "run": run.pk,
        "kind": "rollback",
        "state": "done",
        "database": database.name,
        "operator": run.operator,
        "note": "",
        "total": 5,
        "counts": {"customers": 5},
        "error": "",
        "workers": [],
        "pauses": [],
    }


@pytest.mark.parametrize(
    ("raised", "state", "error"),
    [
        (Interrupted("Stopped after a whole chunk."), "interrupted", "Stopped after a whole chunk."),
        (KeyboardInterrupt(), "interrupted", "Ctrl-C"),
        (CheckFailed("It broke for anna.lind@example.org."), "failed", "It broke for an***@ex***.org."),
        (ZeroDivisionError(), "failed", "ZeroDivisionError"),
    ],
)
def test_another_end_is_on_record_and_goes_on(database, raised, state, error):
    with pytest.raises(type(raised)), recorded(database.connection, Run.ROLLBACK) as run:
        raise raised

    run.refresh_from_db()
    assert (run.state, run.error) == (state, error)
    assert (log_of(run)["state"], log_of(run)["error"]) == (state, error)


def test_what_its_operators_say_about_it_is_on_record_on_one_line_without_emails(database):
    with recorded(database.connection, Run.EXECUTE, "step 7 an hour late,\nasked ada@example.org") as run:
        mine = Run.objects.get(pk=run.pk)
        with joined(database.connection, mine):
            assert log_of(mine)["note"] == "step 7 an hour late, asked ad***@ex***.org"
        with joined(database.connection, mine, "second host"):
            pass

    run.refresh_from_db()
    assert run.note == log_of(mine)["note"] == "step 7 an hour late, asked ad***@ex***.org; second host"


def test_two_runs_in_one_second_have_two_logs(database):
    with recorded(database.connection, Run.DRY_RUN) as first, recorded(database.connection, Run.DRY_RUN) as second:
        assert first.log_path != second.log_path


def test_nothing_starts_without_a_log(database, settings, tmp_path):
    settings.LOG_DIR = tmp_path / "file" / "logs"
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(CheckFailed) as error, recorded(database.connection, Run.EXECUTE):
        pytest.fail("it started")

    assert error.value.message == (
        f"The log folder {settings.LOG_DIR} cannot be written (Not a directory), so nothing was started."
    )
    assert not Run.objects.exists()


def test_a_log_that_vanished_does_not_undo_a_good_run(database, tmp_path):
    with pytest.raises(CheckFailed) as error, recorded(database.connection, Run.EXECUTE) as run:
        (tmp_path / "logs").rename(tmp_path / "elsewhere")

    assert error.value.message == (
        f"Run {run.pk} is done and on record, but its log {run.log_path} cannot be written (No such file or directory)."
    )
    run.refresh_from_db()
    assert run.state == "done"
