"""`python manage.py test`: the same suite as pytest, run by pytest."""

import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any


class PytestRunner:
    """Django's test runner interface; words after `test` go to pytest as they are."""

    def __init__(
        self,
        verbosity: int = 1,
        failfast: bool = False,
        keepdb: bool = False,
        pytest_args: str | None = None,
        **options: Any,
    ) -> None:
        self.verbosity = verbosity
        self.failfast = failfast
        self.keepdb = keepdb
        self.pytest_args = pytest_args.split() if pytest_args else []

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--keepdb", action="store_true", help="Keep the database.")
        parser.add_argument(
            "--pytest-args", help="More for pytest: --pytest-args='-k sizing'"
        )

    def run_tests(self, test_labels: list[str], **options: Any) -> int:
        """Run pytest in a process of its own; 0 when everything passed."""
        paths = [read_label(label) for label in test_labels]
        command = [sys.executable, "-m", "pytest", *self.pytest_args, *paths]
        if self.verbosity > 1:
            command.append("-v")
        if self.failfast:
            command.append("--exitfirst")
        if self.keepdb:
            command.append("--reuse-db")
        return subprocess.run(command, check=False).returncode


def read_label(label: str) -> str:
    """A path as it is; a dotted module, as Django names tests, as its file."""
    if Path(label.partition("::")[0]).exists():
        return label
    module = Path(label.replace(".", "/"))
    return str(module if module.is_dir() else module.with_suffix(".py"))
