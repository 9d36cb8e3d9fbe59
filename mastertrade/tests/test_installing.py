"""`install.py`: what `make` does before anything of MasterTrade runs."""

import ast
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from mastertrade import installing
from mastertrade.installing import Refusal, find_defect
from mastertrade.port import explain_port

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "Makefile",
    "install.py",
    "mastertrade/__init__.py",
    "mastertrade/installing.py",
    "mastertrade/installing_progress.py",
    "mastertrade/interrupts.py",
    "mastertrade/port.py",
    "mastertrade/progress_line.py",
)
LINE_OF_MAKE = "make: *** "
PROGRESS = re.compile(r"^  .+, \d+ s\n", re.MULTILINE)
OLD_PYTHON = """
import runpy, sys
sys.version_info, sys.argv = (3, 8, 18), sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
NOWHERE = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with a space in its path, that needs one small package."""
    clone = tmp_path / "a clone"
    for name in FILES:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    (clone / "requirements.txt").write_text("smallest==1.0\n")
    (clone / "requirements-dev.txt").write_text("-r requirements.txt\n")
    (clone / "manage.py").write_text(
        "import sys, smallest\nprint('runs', *sys.argv[1:])\n"
    )
    write_wheel(tmp_path)
    return clone


def write_wheel(folder: Path) -> None:
    info = "smallest-1.0.dist-info"
    with zipfile.ZipFile(folder / "smallest-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("smallest.py", "")
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: smallest\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(
            f"{info}/RECORD", f"smallest.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n"
        )


def environment(clone: Path, **variables: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "PIP_"))}
    return {**kept, **NOWHERE, "PIP_FIND_LINKS": clone.parent.as_uri(), **variables}


def make(clone: Path, *words: str, **variables: str) -> tuple[int, list[str]]:
    """The exit code, and what was printed but for make's own line."""
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}", *words],
        cwd=clone,
        env=environment(clone, **variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    lines = done.stdout.splitlines()
    return done.returncode, [one for one in lines if not one.startswith(LINE_OF_MAKE)]


def made(clone: Path) -> list[str]:
    """What is there that was not cloned."""
    return sorted(
        path.name for path in clone.iterdir() if path.name in {".venv", "var"}
    )


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + textwrap.dedent(text))
    path.chmod(0o755)
    return path


# One line before anything is made


def test_an_old_python_reads_the_file_that_refuses_it() -> None:
    """Python 2.7 knows none of the statements of later ones."""
    tree = ast.parse((ROOT / "install.py").read_text())
    later = (ast.JoinedStr, ast.AnnAssign, ast.FunctionDef, ast.NamedExpr, ast.Match)
    assert not [node for node in ast.walk(tree) if isinstance(node, later)]
    nodes = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert [node.module for node in nodes] == ["mastertrade.installing"]
    assert nodes[0].lineno > max(
        node.lineno for node in tree.body if isinstance(node, ast.If)
    )


@pytest.mark.parametrize(
    ("newer", "remedy"),
    [
        ("exit 0", "this machine has one: make PYTHON=python3.14 run"),
        ("exit 1", "install one, then: make PYTHON=python3.12 run"),
    ],
)
def test_an_old_python_is_refused_in_one_line(
    clone: Path, tmp_path: Path, newer: str, remedy: str
) -> None:
    (tmp_path / "old.py").write_text(OLD_PYTHON)
    old = script(
        tmp_path / "bin" / "python3",
        f'[ "$1" = -c ] || exec "{sys.executable}" "{tmp_path}/old.py" "$@"\n',
    )
    for minor in (11, 12, 13, 14):
        script(tmp_path / "bin" / f"python3.{minor}", newer)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"

    code, lines = make(clone, "run", f"PYTHON={old}", PATH=path)

    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith("MasterTrade needs Python 3.11 or newer; ")
    assert lines[0].endswith(f" is 3.8.18. Nothing was changed; {remedy}")
    assert made(clone) == []


def test_a_python_that_is_not_there_is_refused_in_one_line(clone: Path) -> None:
    code, lines = make(clone, "demo", "PYTHON=/nowhere/python3")

    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith("There is no /nowhere/python3. Install Python 3.11")


@pytest.mark.parametrize(
    "port", ["abc", "0", "70000", "", "-1", "8.5", "9" * 30, "\uff18"]
)
def test_a_port_that_is_none_is_refused_in_one_line(clone: Path, port: str) -> None:
    code, lines = make(clone, "run", f"PORT={port}")

    expected = (
        f"PORT must be a number from 1 to 65535, not {port!r}: make run PORT=8080"
    )
    assert (code, lines) == (2, [expected])
    assert made(clone) == []


def test_a_free_port_is_taken_as_it_is() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert explain_port(str(port)) is None


def test_a_port_that_only_root_may_open_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*arguments: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert explain_port("80") == (
        "Port 80 needs root's rights, as most below 1024 do. Choose another: "
        "make run PORT=8080"
    )


def test_a_port_another_program_has_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        problem = explain_port(str(port))

    assert problem == (
        f"Port {port} is taken by another program. Stop it, or choose another port: "
        f"make run PORT={port % 65535 + 1}"
    )


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')

    def log_message(self, *arguments: Any) -> None:
        pass


def test_a_port_the_site_has_is_said_to_be_its_own() -> None:
    with HTTPServer(("127.0.0.1", 0), Healthy) as site:
        Thread(target=site.serve_forever, daemon=True).start()
        port = site.server_port
        problem = explain_port(str(port))
        site.shutdown()

    assert problem is not None
    assert f"MasterTrade, which runs already: http://127.0.0.1:{port}/." in problem


@pytest.fixture
def here(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The module itself, as if it lay in the clone."""
    venv = clone / ".venv"
    for name, path in {
        "ROOT": clone,
        "VENV": venv,
        "PYTHON": venv / "bin" / "python",
        "UNFINISHED": venv / "unfinished",
        "TEMPORARY": venv / "tmp",
        "PIP_LOG": clone / "var" / "pip.log",
    }.items():
        monkeypatch.setattr(installing, name, path)
    return clone


def prepare() -> str:
    with pytest.raises(Refusal) as refused:
        installing.prepare(installing.RUNS, exactly=False)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_too_little_space_is_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=300_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    assert "300 MB are free, 770 MB are needed" in prepare()
    assert made(here) == []


def test_a_folder_that_cannot_be_written_to_is_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    assert f"{here} cannot be written to" in prepare()


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_what_makes_environments_is_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    find = installing.importlib.util.find_spec
    monkeypatch.setattr(
        installing.importlib.util,
        "find_spec",
        lambda name: None if name == module else find(name),
    )
    minor = sys.version_info[1]

    said = prepare()

    assert f"has no module {module}, which" in said
    assert f"apt install python3.{minor}-venv" in said
    assert made(here) == []


# Environments that cannot be used


def fake_venv(clone: Path, version: str, folder: Path | None = None) -> Path:
    venv = clone / ".venv"
    script(venv / "bin" / "python", f"echo {version}\n")
    (venv / "bin" / "activate").write_text(f"VIRTUAL_ENV={folder or venv}\n")
    return venv


NOW = "{} {}".format(*sys.version_info[:2])


def test_an_environment_that_works_is_taken(here: Path) -> None:
    fake_venv(here, NOW)
    assert find_defect(exactly=True) is None


def test_an_environment_of_another_python_is_taken_where_none_is_named(
    here: Path,
) -> None:
    fake_venv(here, "3 99")
    assert find_defect(exactly=False) is None
    assert find_defect(exactly=True) == "has Python 3.99"


def test_an_environment_of_an_old_python_is_not_taken(here: Path) -> None:
    fake_venv(here, "3 8")
    assert find_defect(exactly=False) == "has Python 3.8"


def test_an_environment_of_another_folder_is_not_taken(here: Path) -> None:
    fake_venv(here, NOW, Path("/elsewhere/.venv"))
    assert find_defect(exactly=False) == "was made in another folder"


def test_an_environment_whose_python_is_gone_is_not_taken(here: Path) -> None:
    venv = fake_venv(here, NOW)
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/nowhere/python3")
    assert find_defect(exactly=False) == "does not work any more"


def test_an_environment_without_pip_is_not_taken(here: Path) -> None:
    fake_venv(here, "; exit 1")
    assert find_defect(exactly=False) == "does not work any more"


def test_a_killed_installation_is_not_taken(here: Path) -> None:
    (fake_venv(here, NOW) / "unfinished").touch()
    assert find_defect(exactly=False) == "was left unfinished"


def test_half_an_environment_is_not_taken(here: Path) -> None:
    (here / ".venv").mkdir()
    assert find_defect(exactly=False) == "is incomplete"


# Installing


@pytest.mark.slow
def test_what_is_needed_is_installed_once_and_anew_where_it_moved(
    clone: Path,
) -> None:
    code, lines = make(clone, "demo")
    assert (code, lines[-1]) == (0, "runs demo")
    assert lines[0] == "Installing what MasterTrade needs into .venv, once:"
    assert lines[1].startswith("some 105 MB to download, 1 to 4 minutes.")
    assert "Installed 1 packages in" in lines[-2]
    assert not list((clone / ".venv").glob("unfinished")) + list(clone.glob("*/tmp"))

    assert make(clone, "demo") == (0, ["runs demo"])

    moved = clone.rename(clone.with_name("moved"))
    code, lines = make(moved, "run", "PORT=8999")
    assert lines[0] == ".venv was made in another folder; it is made again."
    assert (code, lines[-1]) == (0, "runs demo --serve 8999")

    # An update that fails changes nothing.
    (moved / "requirements.txt").write_text("missing-package==1.0\n")
    code, lines = make(moved, "demo")
    assert (code, made(moved)) == (2, [".venv", "var"])
    assert "No matching distribution found for missing-package==1.0" in lines[-1]
    (moved / "requirements.txt").write_text("smallest==1.0\n")
    assert make(moved, "demo") == (0, ["runs demo"])


@pytest.mark.slow
def test_an_installation_that_fails_leaves_nothing_half_made(clone: Path) -> None:
    (clone / "requirements.txt").write_text("missing-package==1.0\n")

    code, lines = make(clone, "demo")

    assert (code, made(clone)) == (2, ["var"])
    assert lines[-1].startswith("Installing failed: No matching distribution found")
    assert lines[-1].endswith("pip's output is in var/pip.log.")


@pytest.mark.slow
def test_an_index_out_of_reach_is_said_in_one_line(clone: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        index = f"http://127.0.0.1:{closed.getsockname()[1]}/simple"
        code, lines = make(
            clone,
            "demo",
            PIP_NO_INDEX="",
            PIP_FIND_LINKS="",
            PIP_INDEX_URL=index,
            PIP_RETRIES="1",
        )

    assert (code, made(clone)) == (2, [])
    assert lines[-1].startswith(f"No connection to the package index {index}.")


@contextmanager
def silent_index(clone: Path) -> Iterator[subprocess.Popen[str]]:
    """An installation that waits for an index which takes connections and no more."""
    with socket.socket() as index:
        index.bind(("127.0.0.1", 0))
        index.listen()
        index.settimeout(60)
        address = f"http://127.0.0.1:{index.getsockname()[1]}/simple"
        process = subprocess.Popen(
            [sys.executable, "install.py", "manage.py", "demo"],
            cwd=clone,
            env=environment(
                clone, PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=address
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            connection, _ = index.accept()
            with connection:
                yield process
        finally:
            process.kill()
            process.communicate()


def processes_of(clone: Path) -> list[str]:
    found = subprocess.run(
        ["ps", "-eww", "-o", "args="], capture_output=True, text=True, check=True
    )
    return [line for line in found.stdout.splitlines() if str(clone) in line]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_installation_leaves_nothing(
    clone: Path, number: signal.Signals
) -> None:
    with silent_index(clone) as process:
        assert processes_of(clone)
        code, lines = make(clone, "demo")
        assert (code, len(lines)) == (2, 1)
        assert lines[0].startswith("Another make is installing in this folder.")

        process.send_signal(number)
        _, said = process.communicate(timeout=20)

    said = PROGRESS.sub("", said)  # a busy machine takes longer than its first line
    assert (process.returncode, said) == (130, "Stopped. Nothing is left half made.\n")
    assert (made(clone), processes_of(clone)) == ([], [])


@pytest.mark.slow
def test_a_killed_installation_is_waited_for_and_then_made_again(clone: Path) -> None:
    with silent_index(clone) as process:
        process.kill()
        process.wait()
        code, lines = make(clone, "demo")
        assert (code, len(lines)) == (2, 1)
        assert lines[0].startswith("Another make is installing in this folder.")
    end = time.monotonic() + 30  # pip's connection broke; it tries again, in vain
    while processes_of(clone):
        assert time.monotonic() < end
        time.sleep(0.2)

    code, lines = make(clone, "demo")

    assert lines[0] == ".venv was left unfinished; it is made again."
    assert (code, lines[-1]) == (0, "runs demo")
