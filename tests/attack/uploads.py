"""Uploads that are killed half way: what is left in the temporary folder."""

import http.client
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.attack.requests import MEGABYTE, Figures, Place, site
from tests.attack.site import gunicorn
from tests.faults import processes

LINE = b"BTCUSDT,LONG,0.02,50000,51000,2026-01-05T10:00:00Z,2026-01-05T12:00:00Z\n"
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="format"\r\n\r\n'
    b"freqtrade\r\n--x\r\nContent-Disposition: form-data; "
    b'name="file"; filename="trades.sqlite"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
)
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
            _send_half(place, *next(iter(KINDS.items())), trader.token)
            processes.kill_family(place.process.pid)
            left = _files(folder)
            environment = {**place.stand.environment, "TMPDIR": folder}
            log = place.stand.directory / "again.log"
            with gunicorn(environment, log):
                restarted = _files(folder)
        assert not restarted, f"after a restart there are {restarted}"
        return {"left by kill -9": str(len(left)), "after a restart": "nothing"}


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
    status, told, _ = place.ask("POST", path, body, token=token, content_type=kind)
    assert status == 400, f"answered {status} {told}"


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


SCENARIOS = {
    "uploads killed half way": killed_uploads,
    "uploads that are too large": too_large_uploads,
}
