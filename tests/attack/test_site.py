"""The site as `make run` serves it; `make attack` does more, and for longer."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from goals.services.sign_ins import (
    ALL_BY_NAME_AND_ADDRESS,
    BY_ADDRESS,
    BY_NAME_AND_ADDRESS,
)
from mastertrade.web.server import MOST_CONNECTIONS
from tests.attack import logins, sockets
from tests.attack.site import ROOT, free_port, gunicorn

pytestmark = pytest.mark.slow
NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"
LARGEST = 100_000
STOP_WITH = "Stop with Ctrl-C; nothing is lost."
TOKEN = "t_YrQfz9rLH5buTRDhmGOBAElDzm6jYCBkPoqQADsDY"


def environment(directory: Path) -> dict[str, str]:
    """Of a user of its own, without a database: what is asked here needs none."""
    kept = {
        name: text for name, text in os.environ.items() if "MASTERTRADE" not in name
    }
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "mastertrade.settings",
        "DATABASE_URL": NO_DATABASE,
        "MASTERTRADE_SECRET_KEY": "only-for-this-run",
        "MASTERTRADE_UPLOAD_BYTES": str(LARGEST),
        "HOME": str(directory),
        "XDG_RUNTIME_DIR": str(directory),
    }


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def site(directory: Path) -> Iterator[str]:
    with gunicorn(environment(directory), directory / "log") as (base, _):
        yield base


@pytest.mark.parametrize("title", sockets.SCENARIOS)
def test_others_are_answered(
    site: str, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "HOLD_SECONDS", 1.5)
    figures = sockets.SCENARIOS[title](site)
    assert int(figures["connections"]) > 2 * MOST_CONNECTIONS


def test_the_limits_are_those_that_the_attack_expects() -> None:
    assert BY_ADDRESS.tries == logins.TRIES_OF_AN_ADDRESS
    assert BY_NAME_AND_ADDRESS.tries == logins.TRIES_OF_A_NAME
    assert ALL_BY_NAME_AND_ADDRESS.tries == logins.SIGN_INS_OF_A_NAME


def test_a_body_that_is_too_large_is_refused(site: str) -> None:
    answer = ask(
        site,
        "POST /api/trades/import/ HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Length: {LARGEST + 1}\r\n\r\n" + "x" * (LARGEST + 1),
    )
    assert answer.startswith("HTTP/1.1 413")


@pytest.mark.parametrize(
    "head",
    [
        f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {'9' * 5_000}\r\n\r\n",
        "GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered(site: str, head: str) -> None:
    assert ask(site, head).startswith("HTTP/1.1 400")


def test_the_head_of_an_answer_has_no_body(site: str) -> None:
    answer = ask(
        site, "HEAD /healthz HTTP/1.1\r\nHost: 10.1.2.3\r\nConnection: close\r\n\r\n"
    )
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200")
    assert "Server:" not in head
    assert body == ""


def test_a_probe_without_a_host_is_answered(site: str) -> None:
    assert ask(site, "GET /healthz HTTP/1.0\r\n\r\n").startswith("HTTP/1.0 200")


def test_no_log_of_the_server_holds_a_webhooks_address(
    site: str, directory: Path
) -> None:
    """It is answered 503: the database is away."""
    request = urllib.request.Request(
        f"{site}/api/webhooks/freqtrade/{TOKEN}/",
        b"{}",
        {"Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(request, timeout=10)
    log = (directory / "log").read_text()
    assert "/api/webhooks/freqtrade/…/" in log
    assert TOKEN not in log


def test_a_foreign_host_logs_one_line(site: str, directory: Path) -> None:
    wait_for_start(directory / "log")
    before = len(printed(directory / "log"))
    asked = "GET /login/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert ask(site, asked).startswith("HTTP/1.1 400")
    lines = printed(directory / "log")[before:]
    assert len(lines) == 1
    assert "evil.example" in lines[0]


def test_the_api_says_that_a_host_is_foreign(site: str) -> None:
    asked = "GET /api/goals/ HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
    answer = ask(site, asked)
    assert answer.startswith("HTTP/1.1 400")
    assert "does not answer to that host name" in answer


def test_a_taken_port_is_said_in_one_line(site: str, directory: Path) -> None:
    taken = urlsplit(site).netloc
    second = subprocess.run(
        [sys.executable, "-m", "gunicorn", "mastertrade.wsgi", "--bind", taken],
        cwd=ROOT,
        env=environment(directory),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert second.returncode == 1
    assert len(second.stderr.splitlines()) == 1
    assert "is taken by MasterTrade, which runs already" in second.stderr


def test_two_sites_of_one_user_share_no_socket_of_control(
    site: str, directory: Path
) -> None:
    with gunicorn(environment(directory), directory / "second"):
        assert [one.name for one in directory.rglob("*.ctl")] == []
    assert printed(directory / "second")[1:] == [STOP_WITH, "Stopped."]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_and_in_one_line(
    directory: Path, number: signal.Signals
) -> None:
    """As Ctrl-C does: the signal goes to every process of the group."""
    log = directory / number.name
    with gunicorn(environment(directory), log) as (base, process):
        wait_for_start(log)
        began = time.monotonic()
        os.killpg(process.pid, number)
        assert process.wait(15) == 0
    assert time.monotonic() - began < 5
    site = f"Site      {base}/ (also admin/ and api/docs/)"
    assert printed(log) == [site, STOP_WITH, "Stopped."]


STRUCK = """
import os, signal, threading

def strike():
    os.killpg(0, signal.SIGINT)

started = threading.Event()
threading.Thread(target=lambda: (strike(), started.set())).start()
started.wait()
open("started", "a").write("imported\\n")

def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "0")])
    return []
"""


def test_an_interrupt_while_it_starts_is_no_error(tmp_path: Path) -> None:
    """It reaches each process in the middle of importing the application."""
    (tmp_path / "struck.py").write_text(STRUCK)
    log = tmp_path / "log"
    with log.open("wb") as output:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "gunicorn", "struck"),
                *("--bind", f"127.0.0.1:{free_port()}", "--chdir", str(tmp_path)),
                *("--config", str(ROOT / "gunicorn.conf.py")),
            ],
            cwd=ROOT,
            env=environment(tmp_path) | {"PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=output,
            start_new_session=True,
            timeout=30,
            check=False,
        )
    assert (tmp_path / "started").read_text().startswith("imported")
    said = [line for line in printed(log) if not line.startswith(("Site", STOP_WITH))]
    assert (done.returncode, said) == (0, ["Stopped."])


def wait_for_start(log: Path) -> None:
    deadline = time.monotonic() + 30
    while STOP_WITH not in printed(log):
        assert time.monotonic() < deadline, printed(log)
        time.sleep(0.05)


def printed(log: Path) -> list[str]:
    return log.read_text().splitlines()


def test_told_to_end_it_answers_what_has_come_in(directory: Path) -> None:
    """The description takes a second to make."""
    answers: list[str] = []
    request = (
        "GET /api/schema/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    with gunicorn(environment(directory), directory / "ending") as (base, process):
        asking = Thread(target=lambda: answers.append(ask(base, request)))
        asking.start()
        time.sleep(0.3)
        process.terminate()
        asking.join(20)
        assert process.wait(20) == 0
    assert answers[0].startswith("HTTP/1.1 200")


@pytest.mark.parametrize("begun", ["", "GET /healthz HTTP/1.1\r\n"])
def test_told_to_end_it_answers_who_has_just_connected(
    directory: Path, begun: str
) -> None:
    """What reaches a process that ends is not sent again by anybody."""
    request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with gunicorn(environment(directory), directory / "new") as (base, process):
        address: Any = urlsplit(base)
        asked = (address.hostname, address.port)
        with socket.create_connection(asked, 15) as connection:
            connection.sendall(begun.encode())
            time.sleep(0.5)  # accepted
            process.terminate()
            time.sleep(0.5)
            connection.sendall(request.removeprefix(begun).encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert process.wait(20) == 0


def ask(site: str, request: str) -> str:
    address: Any = urlsplit(site)
    parts = []
    with socket.create_connection((address.hostname, address.port), 15) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # it has heard enough
            connection.sendall(request.encode())
        with suppress(ConnectionResetError):
            while part := connection.recv(65536):
                parts.append(part)
    return b"".join(parts).decode()


SLEEPY = """
import time

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(30)
    start_response("200 OK", [("Content-Length", "0")])
    return []
"""


def test_a_request_without_an_end_ends_its_process_and_another_starts(
    directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "sleepy.py").write_text(SLEEPY)
    options = ("--timeout", "2", "--workers", "1", "--pythonpath", str(tmp_path))
    log = directory / "sleepy"
    with gunicorn(
        environment(directory), log, application="sleepy", options=options
    ) as (base, _):
        began = time.monotonic()
        assert ask(base, "GET /slow HTTP/1.0\r\n\r\n") == ""
        assert time.monotonic() - began < 10
        answer = ask(base, "GET /healthz HTTP/1.0\r\n\r\n")
        assert answer.startswith("HTTP/1.0 200")
    assert "WORKER TIMEOUT" in log.read_text()
