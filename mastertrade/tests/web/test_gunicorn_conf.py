"""What gunicorn does before it serves."""

import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from mastertrade.backend.base import FEW_BUSY
from mastertrade.tests.clones import CHECKOUT, make_clone


@pytest.mark.parametrize("port", ["8000", "8123"])
def test_the_port_is_the_environment_s(port: str, monkeypatch) -> None:
    monkeypatch.setenv("PORT", port)
    assert runpy.run_path("gunicorn.conf.py")["bind"] == f"127.0.0.1:{port}"


def test_a_crowd_leaves_threads_to_those_who_want_no_locked_portfolio() -> None:
    """And is more than a handful: these wait for a lock for as long as is allowed."""
    threads = runpy.run_path("gunicorn.conf.py")["threads"]
    assert 8 < FEW_BUSY <= threads - 2


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The configuration looks after SIGINT in the process that reads it."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_what_a_killed_import_left_is_deleted_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, in_use, other = (
        tmp_path / name
        for name in ("mastertrade-1.sqlite", "mastertrade-2.sqlite", "bot.sqlite")
    )
    for path in (left, in_use, other):
        path.write_bytes(b"")
    an_hour_ago = time.time() - 3600
    os.utime(left, (an_hour_ago, an_hour_ago))
    os.utime(other, (an_hour_ago, an_hour_ago))

    runpy.run_path("gunicorn.conf.py")["forget_killed_imports"]()

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bot.sqlite",
        "mastertrade-2.sqlite",
    ]


def test_what_a_killed_server_counted_is_deleted_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, in_use = (
        tmp_path / f"mastertrade-metrics-{pid}-x" for pid in (ended.pid, os.getpid())
    )
    for path in (left, in_use):
        path.mkdir()

    runpy.run_path("gunicorn.conf.py")["forget_killed_metrics"]()

    assert list(tmp_path.iterdir()) == [in_use]


def test_an_interrupt_before_it_serves_is_one_line() -> None:
    """Also one that came while the signal was blocked, as `make run` hands it over."""
    program = (
        "import os, runpy, signal, time\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "runpy.run_path('gunicorn.conf.py')\n"
        "time.sleep(60)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        130,
        "",
        "Stopped.\n",
    )


def test_the_address_is_printed_once_by_the_first_process_that_answers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    announce = runpy.run_path("gunicorn.conf.py")["post_worker_init"]
    for age in (2, 1, 3):
        announce(SimpleNamespace(age=age, sockets=["http://127.0.0.1:8123"]))

    assert capsys.readouterr().out.splitlines() == [
        "Site      http://127.0.0.1:8123/ (also admin/ and api/docs/)",
        "Stop with Ctrl-C; nothing is lost.",
    ]


@pytest.mark.slow
def test_as_it_ends_it_stops_a_database_that_nobody_uses() -> None:
    """The demo handed it on, and no worker came to use it."""
    with make_clone("conf", "/tmp") as clone:
        shutil.copy(CHECKOUT / "gunicorn.conf.py", clone.path)
        conf = runpy.run_path(str(clone.path / "gunicorn.conf.py"))
        conf["on_exit"](None)  # there is none
        client = clone.client()
        conf["on_exit"](None)
        assert client.query("SELECT 1") == 1
        client.killed()
        assert clone.server
        conf["on_exit"](None)
        assert clone.stops()
