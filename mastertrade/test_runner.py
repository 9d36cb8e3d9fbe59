"""`python manage.py test`: the suite by pytest, as `make test` and `make slow` do."""

import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class PytestRunner:
    """Django's test runner interface; what follows `--` goes to pytest as it is."""

    def __init__(
        self,
        verbosity: int = 1,
        failfast: bool = False,
        keepdb: bool = False,
        parallel: int = 2,
        tags: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        self.verbosity = verbosity
        self.failfast = failfast
        self.keepdb = keepdb
        self.parallel = parallel
        self.tags = tags

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--keepdb", action="store_true", help="Keep the database.")
        parser.add_argument(
            "--parallel",
            type=int,
            default=os.environ.get("JOBS", "2"),
            help="Processes that share the tests; $JOBS, or 2.",
        )
        parser.add_argument(
            "--tag",
            action="append",
            dest="tags",
            help="Run the tests with this mark, such as slow; default: not slow.",
        )

    def run_tests(self, test_labels: Sequence[str], **options: Any) -> int:
        """Run pytest in a process of its own; 0 when everything passed."""
        # Else each process would compile all tests anew.
        environment = dict(os.environ)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        with subprocess.Popen(self.command(test_labels), env=environment) as pytest:
            try:
                return pytest.wait()
            except KeyboardInterrupt:  # pytest got it too, and ends by itself
                return pytest.wait()

    def command(self, test_labels: Sequence[str]) -> list[str]:
        marks = " or ".join(self.tags) if self.tags else "not slow"
        # Neighbours share what a module makes once, and no process is idle at the end.
        shared = ["-n", str(self.parallel), "--dist", "worksteal"]
        command = [sys.executable, "-m", "pytest", *shared, "-m", marks]
        if self.verbosity > 1:
            command.append("-v")
        if self.failfast:
            command.append("--exitfirst")
        if self.keepdb:
            command.append("--reuse-db")
        return command + [read_label(label) for label in test_labels]


def read_label(label: str) -> str:
    """For pytest: a dotted name, as Django names tests, as its file and `::` names.

    Anything else (a path, an option of pytest, a name that is no file's) as it is.
    """
    if Path(label.partition("::")[0]).exists():
        return label
    parts = label.split(".")
    for count in range(len(parts), 0, -1):
        module = Path(*parts[:count])
        if module.is_dir() and count == len(parts):
            return str(module)
        if module.with_suffix(".py").is_file():
            return "::".join([str(module.with_suffix(".py")), *parts[count:]])
    return label
