"""Make `.venv` with what MasterTrade needs, whole or not at all.

`install.py` calls this before anything is installed: standard library only. A file
`.venv/runs` or `.venv/tests` has the digest of the requirements that are installed;
`.venv/unfinished` lies there while something is being installed.
"""

import argparse
import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NamedTuple, NoReturn

from mastertrade.installing_progress import Progress
from mastertrade.interrupts import INTERRUPTS, ends_in_one_line, ignore_interrupts
from mastertrade.port import explain_port

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UNFINISHED = VENV / "unfinished"
# Of pip; on the same disk, and gone with `.venv`.
TEMPORARY = VENV / "tmp"
PIP_LOG = ROOT / "var" / "pip.log"
OLDEST_PYTHON = (3, 11)
DATA_MB = 150  # the database with the demo, 70 MB, and its log of changes
SPARE_MB = 20  # what every start writes


class Kind(NamedTuple):
    """What can be installed, and what that takes when nothing is there yet."""

    name: str
    files: tuple[str, ...]
    purpose: str
    download_mb: int
    # `.venv` and the downloads at once.
    disk_mb: int
    minutes: str


RUNS = Kind("runs", ("requirements.txt",), "what MasterTrade needs", 105, 620, "1 to 4")
TESTS = Kind(
    "tests",
    ("requirements.txt", "requirements-dev.txt"),
    "what MasterTrade, its tests and checks need",
    230,
    1100,
    "2 to 6",
)


class Refusal(Exception):
    """Why nothing was done, and what to do about it, in one line."""


def main() -> None:
    """`install.py [--tests] [--exactly] [--port PORT] [COMMAND …]`."""
    parser = argparse.ArgumentParser(prog="install.py")
    parser.add_argument("--tests", action="store_true", help="what the tests need, too")
    parser.add_argument(
        "--exactly", action="store_true", help="this Python, not another that works"
    )
    parser.add_argument("--port", help="refuse where the site cannot be served at it")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="run in .venv then")
    options = parser.parse_args()
    with ends_in_one_line():
        for number in INTERRUPTS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, _interrupt)
        try:
            if options.port is not None and (problem := explain_port(options.port)):
                raise Refusal(problem)
            prepare(TESTS if options.tests else RUNS, exactly=options.exactly)
        except Refusal as refusal:
            sys.exit(str(refusal))
        if options.command:
            _become(options.command)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _become(command: list[str]) -> NoReturn:
    """This process goes on as the command, which lets SIGINT through when it can."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), *command])


def prepare(kind: Kind, *, exactly: bool) -> None:
    """`.venv` with what the kind needs; nothing is done where it is there."""
    if find_defect(exactly=exactly) is None and _is_installed(kind):
        _check_folders(SPARE_MB)
        return
    with _alone() as lock:
        defect = find_defect(exactly=exactly)
        _check_folders(kind.disk_mb if defect else kind.disk_mb // 2)
        if defect is not None:
            _require_venv_module()
            if os.path.lexists(VENV):
                print(f".venv {defect}; it is made again.", flush=True)
        _install(kind, anew=defect is not None, lock=lock)


def find_defect(*, exactly: bool) -> str | None:
    """Why `.venv` cannot be used; None where it can."""
    if not os.path.lexists(VENV):
        return "does not exist"
    if UNFINISHED.exists():
        return "was left unfinished"
    try:
        activate = (VENV / "bin" / "activate").read_text(errors="replace")
    except OSError:
        return "is incomplete"
    if str(VENV) not in activate:
        return "was made in another folder"
    # What runs there now, which another Python may have replaced since.
    ask = "import sys, pip; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [PYTHON, "-c", ask], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "does not work any more"
    version = tuple(map(int, answer.stdout.split()))
    if version < OLDEST_PYTHON or (exactly and version != sys.version_info[:2]):
        return "has Python {}.{}".format(*version)
    return None


def _is_installed(kind: Kind) -> bool:
    try:
        return (VENV / kind.name).read_text() == _digest(kind)
    except OSError:
        return False


def _digest(kind: Kind) -> str:
    texts = [(ROOT / name).read_bytes() for name in kind.files]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()


def _check_folders(needed_mb: int) -> None:
    for folder in (ROOT, ROOT / "var"):
        if folder.exists() and not os.access(folder, os.W_OK):
            raise Refusal(
                f"{folder} cannot be written to. MasterTrade stores .venv and var/ in "
                "its folder: clone it into a folder of your own."
            )
    if not (ROOT / "var" / "postgres").exists():
        needed_mb += DATA_MB
    free_mb = shutil.disk_usage(ROOT).free // 1_000_000
    if free_mb < needed_mb:
        raise Refusal(
            f"Not enough space in {ROOT}: {free_mb} MB are free, {needed_mb} MB are "
            "needed. Nothing was changed; make room, or clone it elsewhere."
        )


def _require_venv_module() -> None:
    missing = [
        name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None
    ]
    if missing:
        major, minor = sys.version_info[:2]
        raise Refusal(
            f"{sys.executable} has no module {' and no '.join(missing)}, which makes "
            "virtual environments. Nothing was changed; install it (Debian, Ubuntu: "
            f"apt install python{major}.{minor}-venv), or use another Python: "
            "make PYTHON=python3.12 run"
        )


@contextmanager
def _alone() -> Iterator[int]:
    """Held by one installation of this folder, and by what it started."""
    lock = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(
                "Another make is installing in this folder. Nothing was done: wait "
                "until it is ready, or stop it."
            ) from None
        yield lock
    finally:
        os.close(lock)


def _install(kind: Kind, *, anew: bool, lock: int) -> None:
    if anew:
        print(
            f"Installing {kind.purpose} into .venv, once:\n"
            f"some {kind.download_mb} MB to download, {kind.minutes} minutes. "
            "Ctrl-C stops it and leaves nothing.",
            flush=True,
        )
    else:
        print(f"Installing {kind.purpose} …", flush=True)
    progress = Progress()
    try:
        _fill_venv(kind, progress, anew=anew, lock=lock)
    except BaseException as failure:
        ignore_interrupts()
        progress.close()
        if anew or progress.installing:
            shutil.rmtree(VENV, ignore_errors=True)
        else:  # pip had changed nothing yet
            shutil.rmtree(TEMPORARY, ignore_errors=True)
            UNFINISHED.unlink(missing_ok=True)
        if isinstance(failure, OSError):
            raise Refusal(f"Installing failed: {failure}.") from None
        if isinstance(failure, KeyboardInterrupt):
            raise KeyboardInterrupt("Nothing is left half made.") from None
        raise
    progress.close()
    print(f"Installed {progress.count} packages in {progress.seconds} s.", flush=True)


def _fill_venv(kind: Kind, progress: Progress, *, anew: bool, lock: int) -> None:
    if anew:
        if VENV.is_symlink() or VENV.is_file():
            VENV.unlink()
        elif VENV.exists():
            shutil.rmtree(VENV)
        VENV.mkdir()
    UNFINISHED.touch()
    if anew:
        _run([sys.executable, "-m", "venv", str(VENV)], progress, lock)
    progress.watch(next((VENV / "lib").glob("python3*")) / "site-packages")
    TEMPORARY.mkdir(exist_ok=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    pip += ["--no-input", "--progress-bar=off", "-r", str(ROOT / kind.files[-1])]
    _run(pip, progress, lock)
    shutil.rmtree(TEMPORARY)
    for each in {RUNS, kind}:
        (VENV / each.name).write_text(_digest(each))
    UNFINISHED.unlink()


def _run(command: list[str], progress: Progress, lock: int) -> None:
    """Run to its end, in a session of its own: Ctrl-C reaches it through us."""
    # Between its start and the `try` below nobody would end it.
    signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=(lock,),
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(TEMPORARY)},
    )
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        assert process.stdout is not None
        progress.follow(process.stdout.fileno())
        code = process.wait()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if code != 0:
        raise Refusal(_explain(progress.output))


def _explain(output: str) -> str:
    """Why pip, or the making of `.venv`, failed."""
    if "No space left on device" in output:
        return (
            f"No space was left in {ROOT} while installing. Nothing is left half made; "
            "make room and start again."
        )
    if "after connection broken by" in output:
        index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")
        return (
            f"No connection to the package index {index}. Nothing is left half made; "
            "check the network, the proxy (HTTPS_PROXY) or the index (PIP_INDEX_URL), "
            "and start again."
        )
    errors = [line for line in output.splitlines() if line.startswith("ERROR: ")]
    last = (errors or output.splitlines() or ["no output"])[-1]
    PIP_LOG.parent.mkdir(exist_ok=True)
    PIP_LOG.write_text(output)
    return (
        f"Installing failed: {last.removeprefix('ERROR: ')}. Nothing is left half "
        f"made; pip's output is in {PIP_LOG.relative_to(ROOT)}."
    )
