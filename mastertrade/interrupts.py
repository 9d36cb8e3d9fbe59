"""Ctrl-C ends a command with one line and exit code 130; standard library only."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_CODE = 128 + signal.SIGINT
# To the start of the terminal's line, and delete it: `^C` stands there, or progress.
CLEAR_LINE = "\r\033[K"


@contextmanager
def ends_in_one_line() -> Iterator[None]:
    """Exits with the text of the KeyboardInterrupt as its only message.

    Lets SIGINT through, which whoever started this program may have blocked so that
    none is lost between the two.
    """
    sys.unraisablehook = _raise_again
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        yield
    except BaseException as failure:
        interrupt = _find_interrupt(failure)
        if interrupt is None:
            raise
        ignore_interrupts()
        say_stopped(str(interrupt) or "Nothing is left half done.")
        sys.exit(EXIT_CODE)
    ignore_interrupts()  # the work is done


def ignore_interrupts() -> None:
    """For what must not be left half done: tidying up."""
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)


def say_stopped(what: str = "") -> None:
    start = CLEAR_LINE if sys.stderr.isatty() else ""
    print(f"{start}Stopped. {what}".rstrip(" "), file=sys.stderr, flush=True)


def _find_interrupt(failure: BaseException) -> KeyboardInterrupt | None:
    """The interrupt that it is, or while handling which it was raised.

    A connection to the database that is interrupted at work refuses a rollback.
    """
    cause: BaseException | None = failure
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__context__
    return cause


def _raise_again(unraisable: Any) -> None:
    """An interrupt in a destructor or a callback of C code would only be printed.

    Raised in here it would be, too: a moment later.
    """
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(unraisable)
