"""Ctrl-C ends a command with one line and exit code 130."""

import subprocess
import sys

import pytest

INTERRUPT = "os.kill(os.getpid(), signal.SIGINT)"


def run(*statements: str, before: str = "") -> tuple[int, str]:
    body = "\n    ".join(statements)
    program = (
        "import os, signal, time\n"
        "from mastertrade.interrupts import ends_in_one_line, ignore_interrupts\n"
        f"{before}\n"
        f"with ends_in_one_line():\n    {body}\n"
        f"{INTERRUPT}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


IN_A_DESTRUCTOR = f"""
class Held:
    def __del__(self):
        {INTERRUPT}
        time.sleep(0)
"""


@pytest.mark.parametrize(
    ("statements", "before"),
    [
        ((INTERRUPT, "time.sleep(60)"), ""),
        (
            ("time.sleep(60)",),
            "signal.pthread_sigmask(signal.SIG_BLOCK, {2}); " + INTERRUPT,
        ),
        (("Held()", "time.sleep(60)"), IN_A_DESTRUCTOR),
        (
            ("try: raise KeyboardInterrupt", "finally: raise OSError('no rollback')"),
            "",
        ),
    ],
    ids=["at work", "before it began", "in a destructor", "and tidying up failed"],
)
def test_an_interrupt_is_one_line(statements: tuple[str, ...], before: str) -> None:
    said = "Stopped. Nothing is left half done.\n"
    assert run(*statements, before=before) == (130, said)


def test_an_interrupt_says_what_it_was_given() -> None:
    assert run("raise KeyboardInterrupt('All is stored.')") == (
        130,
        "Stopped. All is stored.\n",
    )


def test_an_interrupt_after_the_work_changes_nothing() -> None:
    assert run("pass") == (0, "")


def test_other_errors_pass() -> None:
    code, said = run("raise SystemExit('No such user.')")
    assert (code, said) == (1, "No such user.\n")
