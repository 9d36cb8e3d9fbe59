"""How far pip is."""

import os
import re
import select
from pathlib import Path

from mastertrade.progress_line import REDRAW_SECONDS, ProgressLine


class Progress(ProgressLine):
    """Reads pip's output and the folder it fills."""

    log_seconds = 15.0

    def __init__(self) -> None:
        super().__init__()
        self.output = ""
        self.count = 0  # packages to install; 0 until pip knows
        self.installing = False
        self._site: Path | None = None
        self._before = 0
        self._collected = 0

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
            self.words = self._describe()
            self.show()
        self._read(rest.decode(errors="replace"))

    def _read(self, line: str) -> None:
        self.output += line + "\n"
        if re.match(r"(Collecting|Processing) ", line):
            self._collected += 1
        elif line.startswith("Installing collected packages: "):
            self.installing = True
            self.count = line.count(",") + 1

    def _installed(self) -> int:
        return len(list(self._site.glob("*.dist-info"))) if self._site else 0

    def _describe(self) -> str:
        if self.installing:
            done = self._installed() - self._before
            return f"installed {max(0, done)} of {self.count} packages"
        if "after connection broken by" in self.output[-2000:]:
            return "the package index does not answer, trying again"
        if self._site is None:
            return "making the virtual environment"
        if not self._collected:
            return "starting pip"
        return f"downloading, package {self._collected}"
