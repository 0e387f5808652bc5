"""What goes at the contract is marked, wherever it is, and what stays mentions nothing of it."""

import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from separation.contract.imports import missing
from separation.contract.marks import GOES, mentions, unmarked
from separation.contract.plan import Plan, carry_out, plan_of, require_clean
from separation.errors import CheckFailed, Refused


def left(text: str) -> str:
    lines, faults = unmarked(text)
    assert faults == []
    return "".join(line for _, line in lines)


def test_this_repository_can_do_without_the_separation() -> None:
    """Whoever adds something that needs the separation, outside its folders, marks it: the failure names the lines."""
    plan = plan_of(settings.BASE_DIR)
    assert set(plan.folders()) == set(GOES) - {"separation.toml"}
    assert [path.partition("_")[2] for path in plan.written] == ["contract.py"]
    assert {"accounts/models.py", "config/settings.py", "pyproject.toml", "README.md"} <= set(plan.changed)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a\n# separation: begin\nb\n# separation: end\nc\n", "a\nc\n"),
        ("a\n<!-- separation: begin -->\nb\n<!-- separation: end -->\nc\n", "a\nc\n"),
        ("a\n    -- separation: begin\nb\n    -- separation: end\nc\n", "a\nc\n"),
        ('a = [\n    "b",  # separation: line\n]\n', "a = [\n]\n"),
        ("a\n\n\n# separation: begin\nb\n# separation: end\n\n\nc\n", "a\n\n\nc\n"),
        ("a\n\n# separation: begin\nb\n# separation: end\n\n\nc\n", "a\n\n\nc\n"),
        ("a\n\n\n# separation: begin\nb\n# separation: end\nc\n", "a\n\n\nc\n"),
        ("a\n\n\n# separation: begin\nb\n# separation: end\n", "a\n"),
        ("# separation: begin\nb\n# separation: end\n", ""),
        ("a\n", "a\n"),
        ("a", "a"),
        ("", ""),
    ],
)
def test_what_is_marked_goes_and_leaves_no_gap(text: str, rest: str) -> None:
    assert left(text) == rest


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("# separation: begin\na\n", ["1: begins what never ends"]),
        ("a\n# separation: end\n", ["2: ends what has not begun"]),
        (
            "# separation: begin\n# separation: begin\n# separation: end\n# separation: end\n",
            ["2: begins in what began in line 1", "4: ends what has not begun"],
        ),
    ],
)
def test_marks_that_do_not_pair_are_named(text: str, faults: list[str]) -> None:
    assert unmarked(text)[1] == faults


@pytest.mark.parametrize(
    "line",
    [
        "from separation.models import Run",
        'getattr(settings, "SEPARATION_PLUGINS", {})',
        "# separation: begin of something",
        "x = 1  # separation: lines",
        "if user.is_customer:",
        "from tests.databases import query",
        "python -m bench.loop orm 10",
        "see [the runbook](RUNBOOK.md)",
        "python manage.py backup --list",
        "from config.plugins import plugged",
    ],
)
def test_a_line_that_needs_what_goes_is_found(line: str) -> None:
    assert list(mentions([(7, f"  {line}\n")], ["backup"])) == [f"7: {line}"]


@pytest.mark.parametrize("line", ["from tests.factories import x", "python manage.py migrate", "a bench_mark", ""])
def test_a_line_that_does_not_is_not(line: str) -> None:
    assert list(mentions([(7, line)], ["backup"])) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository: a file that goes, one that changes, one that stays, and history."""
    for name, text in {
        "separation/models.py": "import os\n",
        "config/settings.py": 'APPS = [\n    "a",\n    "separation",  # separation: line\n]\n',
        "accounts/models.py": "A = 1\n",
        "accounts/migrations/0001_initial.py": "is_customer = True\n",
        "logo.png": "\udcff",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, errors="surrogateescape")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "a")
    return tmp_path


def git(base: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", base, *arguments], check=True, capture_output=True)


def test_a_plan_names_what_goes_and_what_changes(repository: Path) -> None:
    plan = plan_of(repository)
    assert plan.gone == ["separation/models.py"]
    assert plan.changed == {"config/settings.py": ('APPS = [\n    "a",\n]\n', 1)}
    assert plan.undo == "git checkout -- . && rm -f accounts/migrations/0003_contract.py"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A = 1\nfrom separation import x\n", "accounts/models.py:2: from separation import x"),
        ("A = 1\n# separation: begin\n", "accounts/models.py:2: begins what never ends"),
        (
            "def f():\n    # separation: begin\n    pass\n    # separation: end\n",
            "accounts/models.py: without what is marked it cannot be read: expected an indented block after function "
            "definition on line 1 (<unknown>, line 1)",
        ),
    ],
)
def test_nothing_is_planned_while_a_place_is_not_marked(repository: Path, text: str, said: str) -> None:
    (repository / "accounts/models.py").write_text(text)
    with pytest.raises(CheckFailed) as caught:
        plan_of(repository)
    assert caught.value.message == f"These places must be marked `separation:`, or freed of it:\n  {said}"


@pytest.mark.parametrize(
    ("imported", "faults"),
    [
        ("kept", []),
        ("KEPT", []),
        ("only", ["portal/views.py:3: imports only, which accounts/models.py defines only for the separation"]),
        ("ONLY", ["portal/views.py:3: imports ONLY, which accounts/models.py defines only for the separation"]),
        ("os", ["portal/views.py:3: imports os, which accounts/models.py defines only for the separation"]),
    ],
)
def test_what_stays_imports_nothing_that_is_marked(imported: str, faults: list[str]) -> None:
    models = (
        "import os  # separation: line\nKEPT = 1\ndef kept(): ...\n"
        "# separation: begin\nONLY = 2\ndef only(): ...\n# separation: end\n"
    )
    views = (
        f"# separation: begin\n# separation: end\nfrom accounts.models import {imported}\nfrom django import forms\n"
    )
    files = {"accounts/models.py": models, "portal/views.py": views, "accounts/__init__.py": ""}
    assert list(missing({path: unmarked(text)[0] for path, text in files.items()})) == faults


def test_only_a_clean_checkout_is_changed(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    require_clean(repository)
    (repository / "new.txt").write_text("")
    with pytest.raises(Refused) as caught:
        require_clean(repository)
    assert (caught.value.interlock, caught.value.next_command) == (
        "git",
        "git stash --include-untracked, then python -m separation.contract",
    )
    assert "has changes that are not committed (?? new.txt; 1 in all)" in caught.value.message
    with pytest.raises(Refused, match="is no git checkout"):
        require_clean(tmp_path_factory.mktemp("nowhere"))


@pytest.mark.parametrize(
    ("fault", "said"),
    [(OSError(28, "No space left on device"), "[Errno 28] No space left on device"), (KeyboardInterrupt(), "")],
)
def test_half_of_it_is_undone_by_git(
    repository: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException, said: str
) -> None:
    plan = plan_of(repository)

    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr("shutil.rmtree", fail)
    with pytest.raises(CheckFailed) as caught:
        carry_out(plan)
    assert caught.value.message == f"Half of it is done: {said or 'it was interrupted'}."
    subprocess.run(["/bin/sh", "-c", caught.value.next_command], cwd=repository, check=True)
    assert plan_of(repository) == plan
    require_clean(repository)


def test_a_plan_without_files_is_empty(tmp_path: Path) -> None:
    assert Plan(tmp_path).folders() == {}
