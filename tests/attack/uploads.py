"""Uploads: how much of the disk they take, and what is left when they are killed."""

import http.client
import json
import select
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from stat import S_ISREG
from typing import Any
from urllib.parse import urlsplit

from tests.attack.requests import MEGABYTE, Figures, Place, Watcher, site
from tests.attack.site import gunicorn
from tests.attack.sockets import SOMEBODY_ELSE
from tests.faults import processes

LINE = b"BTCUSDT,LONG,0.02,50000,51000,2026-01-05T10:00:00Z,2026-01-05T12:00:00Z\n"
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="format"\r\n\r\n'
    b"freqtrade\r\n--x\r\nContent-Disposition: form-data; "
    b'name="file"; filename="trades.sqlite"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
)
# Of the scenario that fills the disk.
UPLOAD_BYTES = 10 * MEGABYTE
LARGE_BODIES = 25
FORGED = {"Authorization": "Token of-nobody"}
SECONDS = 5.0
KINDS = {
    "text/csv": b"",
    "multipart/form-data; boundary=x": FORM,
}


def killed_uploads(base: str) -> Figures:
    """kill -9 in the middle of each kind of upload, and a start after it."""
    with tempfile.TemporaryDirectory(prefix="mastertrade-attack-") as folder:
        with site(TMPDIR=folder) as place:
            trader = place.stand.seed("trader")
            for kind, begin in KINDS.items():
                _send_half(place, kind, begin, trader.token)
                _send_whole(place, kind, begin, trader.token)
            time.sleep(1)  # it is free a moment after the answer
            left = bytes_on_disk(place.process.pid)
            assert not left, f"{left:,} bytes of what was given up lie on the disk"
            _send_half(place, *next(iter(KINDS.items())), trader.token)
            processes.kill_family(place.process.pid)
            files = _files(folder)
            environment = {**place.stand.environment, "TMPDIR": folder}
            log = place.stand.directory / "again.log"
            with gunicorn(environment, log):
                restarted = _files(folder)
        assert not restarted, f"after a restart there are {restarted}"
        return {"left by kill -9": str(len(files)), "after a restart": "nothing"}


def _files(folder: str) -> list[str]:
    # gunicorn's own (a worker's sign of life) has no name either.
    return sorted(str(one) for one in Path(folder).rglob("*") if one.is_file())


def _send_half(place: Place, kind: str, begin: bytes, token: str) -> None:
    connection = _begin(place, kind, 40 * MEGABYTE, token)
    connection.send(begin)
    connection.send(LINE * (10 * MEGABYTE // len(LINE)))
    time.sleep(0.3)
    connection.close()


def _send_whole(place: Place, kind: str, begin: bytes, token: str) -> None:
    """What is no database, or nobody's trades: refused, and gone."""
    end = b"\r\n--x--\r\n" if begin else b""
    body = begin + LINE * (4 * MEGABYTE // len(LINE)) + end
    path = "/api/trades/import/"
    status, answer, _ = place.ask("POST", path, body, token=token, content_type=kind)
    assert status == 400, f"answered {status} {answer}"


def _begin(
    place: Place, kind: str, length: int, token: str
) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(urlsplit(place.base).netloc, timeout=30)
    connection.putrequest("POST", "/api/trades/import/")
    connection.putheader("Content-Type", kind)
    connection.putheader("Content-Length", str(length))
    connection.putheader("Authorization", f"Token {token}")
    connection.endheaders()
    return connection


def too_large_uploads(base: str) -> Figures:
    """More than the largest upload is refused by its length alone."""
    with site(MASTERTRADE_UPLOAD_BYTES=str(MEGABYTE)) as place:
        trader = place.stand.seed("trader")
        seen = []
        for kind, begin in KINDS.items():
            body = begin + LINE * (2 * MEGABYTE // len(LINE))
            status, *_ = place.ask(
                "POST",
                "/api/trades/import/",
                body,
                token=trader.token,
                content_type=kind,
            )
            assert status == 413, f"{kind} was answered {status}"
            seen.append(status)
        return {"answers": str(seen)}


def bodies_on_the_disk(base: str) -> Figures:
    """As many large bodies as will go in, and never the last byte of one.

    With credentials that are nobody's, and with none; somebody else trades meanwhile.
    """
    with site(MASTERTRADE_UPLOAD_BYTES=str(UPLOAD_BYTES)) as place:
        trader = place.stand.seed("trader")
        size = json.dumps({"portfolio": trader.portfolios[0], "base_size": "1"})
        with (
            Watcher(
                lambda: place.ask(
                    "POST",
                    "/api/sizing/",
                    size.encode(),
                    token=trader.token,
                    source=SOMEBODY_ELSE,
                )
            ) as others,
            ExitStack() as held,
        ):
            nobody = _fill_disk(place, held, {}, "127.0.0.1", UPLOAD_BYTES - 1)
            forged = _fill_disk(place, held, FORGED, "127.0.0.1", UPLOAD_BYTES - 1)
            used = bytes_on_disk(place.process.pid)
        # Each of two processes has room for four bodies, an address for half of them.
        assert 0 < used <= 2 * 2 * UPLOAD_BYTES, f"{used:,} bytes lie on the disk"
        assert set(nobody) == {413}, f"without credentials: {dict(nobody)}"
        assert forged[503] > 0, f"with forged ones: {dict(forged)}"
        return {
            "without credentials": str(dict(nobody)),
            "with forged ones": str(dict(forged)),
            "on the disk": f"{used / MEGABYTE:.0f} MB",
            "others": others.require(),
        }


def room_of_uploads(base: str) -> Figures:
    """Three addresses with forged credentials: heads alone, then bodies but the end.

    Somebody else imports a file again and again meanwhile, from a fourth.
    """
    with site(MASTERTRADE_UPLOAD_BYTES=str(UPLOAD_BYTES)) as place:
        trader = place.stand.seed("trader")
        file = LINE * (2 * MEGABYTE // len(LINE))

        def send_file() -> tuple[int, dict[str, Any], float]:
            status, answer, seconds = place.ask(
                "POST",
                "/api/trades/import/",
                file,
                token=trader.token,
                content_type="text/csv",
                source=SOMEBODY_ELSE,
            )
            # It has come in whole, and is nobody's trades.
            return 200 if status == 400 else status, answer, seconds

        figures = {}
        for title, count in (("heads", 0), ("bodies", UPLOAD_BYTES - 1)):
            with ExitStack() as held:
                for address in ("127.0.0.1", "127.0.0.3", "127.0.0.4"):
                    _fill_disk(place, held, FORGED, address, count)
                with Watcher(send_file) as others:
                    time.sleep(SECONDS)
                figures[f"files next to {title}"] = others.require()
        return figures


def _fill_disk(
    place: Place, held: ExitStack, headers: dict[str, str], address: str, count: int
) -> Counter[int]:
    """Sends `count` bytes of each body; the statuses that came, 0 for none yet."""
    seen = Counter[int]()
    for _ in range(LARGE_BODIES):
        connection = http.client.HTTPConnection(
            urlsplit(place.base).netloc, timeout=30, source_address=(address, 0)
        )
        connection.putrequest("POST", "/api/trades/import/")
        connection.putheader("Content-Length", str(UPLOAD_BYTES))
        for name, value in headers.items():
            connection.putheader(name, value)
        with suppress(BrokenPipeError, ConnectionResetError):  # refused, and said why
            connection.endheaders()
            connection.send(b" " * count)
        held.callback(connection.close)
        sock = connection.sock
        if sock is not None and select.select([sock], [], [], 0.2)[0]:
            seen[connection.getresponse().status] += 1
            connection.close()
        else:
            seen[0] += 1
    return seen


def bytes_on_disk(gunicorn_pid: int) -> int:
    """Bytes of the files without a name that its processes have open."""
    used = 0
    children = Path(f"/proc/{gunicorn_pid}/task/{gunicorn_pid}/children").read_text()
    for pid in children.split():
        for one in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                answer = one.stat()
                used += (
                    answer.st_size
                    if S_ISREG(answer.st_mode) and not answer.st_nlink
                    else 0
                )
    return used


SCENARIOS = {
    "large bodies on the disk": bodies_on_the_disk,
    "the room of uploads": room_of_uploads,
    "uploads killed half way": killed_uploads,
    "uploads that are too large": too_large_uploads,
}
