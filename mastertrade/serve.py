"""The site and the worker, started and stopped together; standard library only.

    python -m mastertrade.serve [PORT]

Without it the port is that of the environment's PORT, else 8000. The two are in process
groups of their own, so Ctrl-C reaches this process alone, which asks both to end. Where
one ends by itself the other is stopped. When this process is killed, Linux ends both.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import FrameType

from mastertrade.interrupts import INTERRUPTS, ignore_interrupts, say_stopped
from mastertrade.port import HOST, explain_port
from mastertrade.postgres import DatabaseUnavailable, Embedded

ROOT = Path(__file__).resolve().parent.parent
# gunicorn and the worker end by themselves before that.
LONGEST_STOP_SECONDS = 45.0
# Given to both: whoever started them says that they are stopped.
VARIABLE = "MASTERTRADE_SUPERVISED"
PR_SET_PDEATHSIG = 1

Half = tuple[str, "subprocess.Popen[bytes]"]


class Stopped(Exception):
    """Somebody asked for it."""


def main(port: str) -> int:
    """Serve until asked to stop, then 0; 1 where one half ended by itself."""
    if problem := explain_port(port):
        print(problem, file=sys.stderr)
        return 1
    for number in INTERRUPTS:
        signal.signal(number, _stop)
    halves: list[Half] = []
    said = ""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        address = f"{HOST}:{port}"
        site = ["-m", "gunicorn", "mastertrade.wsgi", "--bind", address]
        halves.append(("site", _start(site)))
        halves.append(("worker", _start(["manage.py", "work"])))
        said = _await_end(halves)
    except Stopped:
        pass
    ignore_interrupts()
    stop_all(process for _, process in halves)
    with suppress(DatabaseUnavailable):  # the next start adopts it
        Embedded(ROOT / "var" / "postgres").stop()
    say_stopped(said)
    return 1 if said else 0


def _stop(number: int, frame: FrameType | None) -> None:
    ignore_interrupts()
    raise Stopped


def _start(arguments: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {VARIABLE: "1"},
        stdin=subprocess.DEVNULL,
        process_group=0,
        preexec_fn=end_with_parent,  # there is one thread
    )


def end_with_parent() -> None:
    """This process gets SIGTERM when the one that started it is gone; on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _await_end(halves: Iterable[Half]) -> str:
    """Until one half ends; what is to be said of it."""
    running = dict(halves)
    while all(process.poll() is None for process in running.values()):
        time.sleep(0.1)
    name, other = "site", "worker"
    if running[name].poll() is None:
        name, other = other, name
    return f"The {name} {_how_it_ended(running[name])}, so the {other} was stopped too."


def _how_it_ended(process: "subprocess.Popen[bytes]") -> str:
    code = process.returncode
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def stop_all(processes: Iterable["subprocess.Popen[bytes]"]) -> None:
    """Ask them to end, and kill what does not."""
    running = [process for process in processes if process.poll() is None]
    for process in running:
        process.terminate()
    end = time.monotonic() + LONGEST_STOP_SECONDS
    for process in running:
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or [os.environ.get("PORT", "8000")]))
