"""How far pip is: a line that changes on a terminal, a line now and then elsewhere."""

import os
import re
import select
import sys
import time
from pathlib import Path

from mastertrade.interrupts import CLEAR_LINE

REDRAW_SECONDS = 0.2
LOG_SECONDS = 15.0  # between lines where nobody watches


class Progress:
    """Reads pip's output and the folder it fills."""

    def __init__(self) -> None:
        self.output = ""
        self.count = 0  # packages to install; 0 until pip knows
        self.began = time.monotonic()
        self.installing = False
        self._site: Path | None = None
        self._before = 0
        self._collected = 0
        self._shown = self.began
        self._is_terminal = sys.stdout.isatty()

    @property
    def seconds(self) -> int:
        return round(time.monotonic() - self.began)

    def watch(self, site_packages: Path) -> None:
        self._site = site_packages
        self._before = self._installed()

    def follow(self, descriptor: int) -> None:
        """Show how far it is until the output ends."""
        rest = b""
        while True:
            ready, _, _ = select.select([descriptor], [], [], REDRAW_SECONDS)
            if ready:
                chunk = os.read(descriptor, 65536)
                if not chunk:
                    break
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._read(line.decode(errors="replace"))
            self._show()
        self._read(rest.decode(errors="replace"))

    def close(self) -> None:
        if self._is_terminal:
            print(end=CLEAR_LINE, flush=True)

    def _read(self, line: str) -> None:
        self.output += line + "\n"
        if re.match(r"(Collecting|Processing) ", line):
            self._collected += 1
        elif line.startswith("Installing collected packages: "):
            self.installing = True
            self.count = line.count(",") + 1

    def _installed(self) -> int:
        return len(list(self._site.glob("*.dist-info"))) if self._site else 0

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._shown < (REDRAW_SECONDS if self._is_terminal else LOG_SECONDS):
            return
        self._shown = now
        text = f"{self._words()}, {self.seconds} s"
        if self._is_terminal:
            print(end=CLEAR_LINE + text, flush=True)
        else:
            print(text, flush=True)

    def _words(self) -> str:
        if self.installing:
            done = self._installed() - self._before
            return f"  installed {max(0, done)} of {self.count} packages"
        if "after connection broken by" in self.output[-2000:]:
            return "  the package index does not answer, trying again"
        if self._site is None:
            return "  making the virtual environment"
        if not self._collected:
            return "  starting pip"
        return f"  downloading, package {self._collected}"
