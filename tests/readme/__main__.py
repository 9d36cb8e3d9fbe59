"""`make readme`: every command of README.md and docs/, as it stands.

In a fresh clone, with a fresh database and a free port; one bash a page, README first.
Ends at the first command that fails, or that prints something else than the page shows.
`blocks` describes what a page may say of a block.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

from tests.attack.site import LOOPBACK
from tests.faults.stand import ROOT
from tests.readme.blocks import (
    Block,
    Command,
    find_difference,
    is_shown,
    read_blocks,
)
from tests.readme.clone import fresh_clone
from tests.readme.shell import Shell
from tests.readme.tour import take_tour

LONGEST_SECONDS = 600.0
LONGEST_STOP_SECONDS = 30.0
TAIL = 4000


class Failed(Exception):
    """A command that does not do what its page says; the message is for people."""


class Reader:
    """Runs the pages in one clone; the site that one serves is there for the next."""

    def __init__(self, clone: Path, environment: dict[str, str]) -> None:
        self.clone = clone
        self.environment = environment
        self.site: int | None = None  # its process group
        self.not_run: list[str] = []

    def read(self, page: Path, *, until_served: bool = False) -> None:
        log = self.clone.parent / "output"
        with closing(Shell(self.clone, self.environment, log)) as shell:
            for block in read_blocks(self.clone / page):
                self.run_block(shell, page, block)
                if until_served and self.site is not None:
                    return

    def run_block(self, shell: Shell, page: Path, block: Block) -> None:
        reason = why_not_run(block)
        if reason is not None:
            self.not_run.append(f"{page}:{block.commands[0].line}: {reason}")
            return
        serving = block.commands[-1:] if "serves" in block.remarks else []
        if serving:
            self.stop_site()
        if "given" in block.remarks:
            line = block.commands[0].line
            run_command(shell, page, Command(line, block.remarks["given"]))
        output = ""
        for command in block.commands[: len(block.commands) - len(serving)]:
            output = run_command(shell, page, command)
        for command in serving:
            self.serve(shell, page, command)
        check_output(page, block, output)

    def serve(self, shell: Shell, page: Path, command: Command) -> None:
        """Start it in the background, and wait until the site answers."""
        began = time.monotonic()
        log = self.clone.parent / "site"
        self.site = shell.start(command.text, log)
        while not answers(f"http://{LOOPBACK}:{self.environment['PORT']}/healthz"):
            is_late = time.monotonic() > began + LONGEST_SECONDS
            if is_late or not is_alive(self.site):
                raise Failed(
                    f"{describe(page, command)}\nThe site does not answer. It printed:"
                    f"\n{log.read_text(encoding='utf-8')[-TAIL:]}"
                )
            time.sleep(0.1)
        show(page, command, began)

    def stop_site(self) -> None:
        """As a reader does: with Ctrl-C."""
        if self.site is None:
            return
        group, self.site = self.site, None
        if not is_alive(group):
            raise Failed("The site ended by itself.")
        os.killpg(group, signal.SIGINT)
        end = time.monotonic() + LONGEST_STOP_SECONDS
        while is_alive(group):
            if time.monotonic() > end:
                os.killpg(group, signal.SIGKILL)
                raise Failed("The site does not end at Ctrl-C.")
            time.sleep(0.1)


def run_command(shell: Shell, page: Path, command: Command) -> str:
    began = time.monotonic()
    try:
        status, output = shell.run(command.text, LONGEST_SECONDS)
    except TimeoutError as error:
        raise Failed(f"{describe(page, command)}\n{error}") from error
    if status != 0:
        raise Failed(
            f"{describe(page, command)}\nexit status {status}, after:\n{output[-TAIL:]}"
        )
    show(page, command, began)
    return output


def check_output(page: Path, block: Block, output: str) -> None:
    difference = None
    if not is_shown(block.shown, output):
        difference = f"The page shows:\n{block.shown}It prints:\n{output[-TAIL:]}"
    if block.answer is not None:
        try:
            difference = find_difference(block.answer, json.loads(output))
        except ValueError:
            difference = f"The answer is not JSON:\n{output[-TAIL:]}"
    if difference:
        raise Failed(f"{describe(page, block.commands[-1])}\n{difference}")


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def why_not_run(block: Block) -> str | None:
    program = block.remarks.get("needs")
    if program is not None and shutil.which(program) is None:
        return f"needs {program}, which is not installed"
    return block.remarks.get("not run")


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except (urllib.error.URLError, OSError):
        return False
    return True


def describe(page: Path, command: Command) -> str:
    return f"{page}:{command.line}: {command.text}"


def show(page: Path, command: Command, began: float) -> None:
    text = command.text.splitlines()[0]
    text = text if len(text) <= 60 else f"{text[:59]}…"
    print(f"{time.monotonic() - began:6.1f} s  {page}:{command.line}: {text}")


def find_pages() -> list[Path]:
    docs = sorted((ROOT / "docs").rglob("*.md"))
    return [Path("README.md"), *(page.relative_to(ROOT) for page in docs)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.readme")
    parser.add_argument(
        "--tour", type=Path, metavar="DIR", help="only take the pictures of the tour"
    )
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with fresh_clone() as (clone, environment):
        reader = Reader(clone, environment)
        try:
            if options.tour:
                reader.read(Path("README.md"), until_served=True)
                take_tour(clone, environment["PORT"], options.tour)
            else:
                for page in find_pages():
                    reader.read(page)
            reader.stop_site()
        except Failed as failure:
            print(f"\n{failure}")
            return 1
        finally:
            with suppress(Failed):  # the first failure is the one to mend
                reader.stop_site()
    if reader.not_run:
        print("\n".join(["", "Not run:", *reader.not_run]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
