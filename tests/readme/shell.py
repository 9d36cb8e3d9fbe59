"""One bash, in which a page's commands run one after another."""

import os
import select
import signal
import subprocess
from pathlib import Path
from shlex import quote


class Shell:
    """bash as a reader has it open; a command may set variables and functions."""

    def __init__(self, directory: Path, environment: dict[str, str], log: Path) -> None:
        self.log = log
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._write("set -o pipefail")

    def run(self, command: str, seconds: float) -> tuple[int, str]:
        """Its exit status, and what it printed. TimeoutError: it was ended."""
        where = f">{quote(str(self.log))} 2>&1 </dev/null"
        self._write(f"eval {quote(command)} {where}; echo $?")
        answer = self._read(seconds)
        status = int(answer) if answer else self.process.wait()
        return status, self.log.read_text(encoding="utf-8", errors="replace")

    def start(self, command: str, log: Path) -> int:
        """The process group of a command that goes on."""
        where = f">{quote(str(log))} 2>&1 </dev/null"
        self._write(f"set -m; eval {quote(command)} {where} & echo $!; set +m")
        return int(self._read(10))

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def _write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def _read(self, seconds: float) -> str:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            self.close()
            raise TimeoutError(f"not done after {seconds:.0f} seconds")
        return self.process.stdout.readline()
