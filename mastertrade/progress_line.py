"""How far work is: a line that changes on a terminal, elsewhere a line now and then.

Standard library only: it is used before anything is installed.
"""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from mastertrade.interrupts import CLEAR_LINE, INTERRUPTS

REDRAW_SECONDS = 0.2


class ProgressLine:
    """Shows on stderr `words`, which may change meanwhile, and the seconds so far."""

    log_seconds = 5.0  # between lines where there is no terminal

    def __init__(self, words: str = "") -> None:
        self.words = words
        self._began = self._shown = time.monotonic()
        self._is_terminal = sys.stderr.isatty()

    @property
    def seconds(self) -> int:
        return round(time.monotonic() - self._began)

    def show(self) -> None:
        """Draw it again, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._shown < (
            REDRAW_SECONDS if self._is_terminal else self.log_seconds
        ):
            return
        self._shown = now
        text = f"  {self.words}, {self.seconds} s"
        if self._is_terminal:
            print(end=CLEAR_LINE + text, file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._is_terminal:
            print(end=CLEAR_LINE, file=sys.stderr, flush=True)


@contextmanager
def show_progress(words: str) -> Iterator[ProgressLine]:
    """A line that is drawn again by itself until the work inside is done."""
    line, is_done = ProgressLine(words), Event()

    def draw() -> None:
        while not is_done.wait(REDRAW_SECONDS):
            line.show()

    thread = Thread(target=draw, daemon=True)
    # It inherits what is blocked: signals are for the thread that works.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield line
    finally:
        is_done.set()
        thread.join()
        line.close()
