"""`manage.py test` is what `make test` runs, and takes Django's names of tests."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import load_command_class

from mastertrade.test_runner import PytestRunner, read_label

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = ["--dist", "worksteal"]


def pytest_command(*words: str) -> list[str]:
    """What pytest is given after `manage.py test` with these words."""
    command = load_command_class("django.core", "test")
    command.test_runner = "mastertrade.test_runner.PytestRunner"
    options = vars(command.create_parser("manage.py", "test").parse_args([*words]))
    made = PytestRunner(**options).command(options["args"])
    assert made[:3] == [sys.executable, "-m", "pytest"]
    return made[3:]


def made_by(target: str, *variables: str) -> str:
    shown = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target, *variables],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return shown.stdout.splitlines()[-1]


def test_it_runs_what_is_not_slow_in_two_processes(monkeypatch) -> None:
    monkeypatch.delenv("JOBS", raising=False)
    assert pytest_command() == ["-n", "2", *SHARED, "-m", "not slow"]


def test_make_says_how_many_processes(monkeypatch) -> None:
    monkeypatch.setenv("JOBS", "4")
    assert pytest_command() == ["-n", "4", *SHARED, "-m", "not slow"]


def test_a_tag_runs_the_tests_of_that_mark() -> None:
    words = ["--tag", "slow", "--parallel", "3"]
    assert pytest_command(*words) == ["-n", "3", *SHARED, "-m", "slow"]


def test_options_of_pytest_follow_two_dashes() -> None:
    made = pytest_command("--", "goals/tests", "-k", "sizing")
    assert made[-3:] == ["goals/tests", "-k", "sizing"]


@pytest.mark.parametrize(
    ("target", "words"), [("test", "test"), ("slow", "test --tag slow")]
)
def test_make_gives_the_tests_to_it(target: str, words: str) -> None:
    made = made_by(target, "ARGS=-x goals")
    assert made == f".venv/bin/python manage.py {words} -- -x goals"


@pytest.mark.parametrize(
    ("label", "path"),
    [
        ("goals", "goals"),
        ("goals.tests", "goals/tests"),
        ("goals.tests.models.test_models", "goals/tests/models/test_models.py"),
        (
            "goals.tests.models.test_models.Some.it",
            "goals/tests/models/test_models.py::Some::it",
        ),
        (
            "goals/tests/models/test_models.py::test_it",
            "goals/tests/models/test_models.py::test_it",
        ),
        ("-x", "-x"),
        ("no.such.name", "no.such.name"),
    ],
)
def test_labels(label: str, path: str, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    assert read_label(label) == path
