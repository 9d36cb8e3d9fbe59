"""An upload that takes longer than a request may is refused before it is read."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from tests.http import Trader, make_trader, nothing_changes, unthrottled  # noqa: F401
from trades.importing.estimating import (
    estimate_rows,
    estimate_seconds,
)
from trades.importing.recognising import HEAD_BYTES
from trades.models import TradeFill
from trades.tests.importing.test_import_fills import FILES, csv_of, fill, line

IMPORT = "/api/trades/import/"
ROW = "a,BTCUSDT,LONG,0.02,50000,2026-03-02T09:00:00Z"
OWN = {"symbol": "A", "side": "LONG", "quantity": 1, "entry_price": 1}
INFO = {"symbol": "SOLUSDT", "price": "10", "side": "BUY"}


def ccxt(number: int) -> dict[str, Any]:
    return {"info": INFO, **fill(number, "buy", "1")}


def shown(*rows: Any) -> bytes:
    return json.dumps(rows).encode()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (csv_of(*(line(n, "buy", "1") for n in range(5000))).encode(), "binance-csv"),
        ("\n".join(["header", *[ROW] * 5000]).encode(), "mastertrade-csv"),
        (shown(*map(ccxt, range(5000))), "ccxt-json"),
        (shown(*(fill(n, "buy", "1") for n in range(5000))), "ccxt-json"),
        (shown(*[OWN] * 5000), "mastertrade-json"),
    ],
)
def test_rows_are_estimated_by_the_first_of_them(content: bytes, name: str) -> None:
    assert len(content) > HEAD_BYTES * 2
    rows = estimate_rows(content[:HEAD_BYTES], len(content), name)
    assert rows == pytest.approx(5000, rel=0.05)


def test_the_rows_of_a_database_are_estimated_by_its_size() -> None:
    database = (FILES / "freqtrade.sqlite").read_bytes()
    assert estimate_rows(database[:HEAD_BYTES], 900_000, "freqtrade") == 1000
    assert estimate_rows(b"", 0, "freqtrade") == 0


def test_the_time_is_estimated_by_the_formats_rate() -> None:
    assert estimate_seconds(75_000, "binance-csv") == 30


@pytest.fixture
def trader(db: None) -> Trader:
    return make_trader()


def test_a_file_that_takes_too_long_is_refused_with_its_command(
    trader: Trader, settings: Any, tmp_path: Path
) -> None:
    content = csv_of(*(line(n, "buy", "1") for n in range(60)))
    given = {
        "format": "binance-csv",
        "portfolio": "crypto",
        "strategy_id": "momentum_001",
        "fx_rates": "USDT=0.92,BTC=50000",
        "account": "second",
    }
    settings.REQUEST_SECONDS = -1

    def send() -> Any:
        file = SimpleUploadedFile("trades.csv", content.encode())
        body = {**given, "file": file}
        return trader.client.post(IMPORT, body, format="multipart")

    with nothing_changes():
        answer = send()
    assert answer.status_code == 400
    (reason,) = answer.json()["file"]
    assert "about 61 rows" in reason or "about 60 rows" in reason
    command = shlex.split(reason.partition("manage.py ")[2])
    path = tmp_path / "trades.csv"
    path.write_text(content)
    assert command[:2] == ["import_trades", "FILE"]
    call_command(command[0], str(path), *command[2:])
    assert TradeFill.objects.count() == 60
    settings.REQUEST_SECONDS = 30
    answer = send()
    assert (answer.status_code, answer.json()["known"]) == (200, 60)


def test_a_file_whose_beginning_says_nothing_is_read_for_so_long(
    trader: Trader, settings: Any
) -> None:
    settings.REQUEST_SECONDS = 0
    content = b" " * HEAD_BYTES + b'[{"symbol": "BTC"}]'
    file = SimpleUploadedFile("trades.json", content)
    body = {"file": file, "format": "mastertrade-json"}
    with nothing_changes():
        answer = trader.client.post(IMPORT, body, format="multipart")
    assert answer.status_code == 400
    assert "longer to read" in answer.json()["file"][0]
