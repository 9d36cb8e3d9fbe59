"""Uploaded files: on the disk without a name, and closed whatever happens."""

import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from mastertrade.web import uploads
from tests.http import Trader, made_once, make_trader, unthrottled  # noqa: F401
from trades.api.views.uploads import CSVBodyParser

FORM = {"format": "freqtrade", "portfolio": "crypto"}
LARGE = b"x" * 3_000_000
PATH = "/api/trades/import/"


trader_of_module = made_once(make_trader)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Every file that is made for an upload, in a folder that stays empty."""
    made: list[Any] = []
    plain = tempfile.TemporaryFile

    def make(*args: Any, **options: Any) -> Any:
        made.append(plain(*args, dir=tmp_path, **options))
        assert list(tmp_path.iterdir()) == []
        return made[-1]

    monkeypatch.setattr(uploads.tempfile, "TemporaryFile", make)
    return made


@pytest.mark.parametrize("content_type", ["text/csv", "application/json"])
def test_a_body_that_is_a_file_is_closed_whatever_it_holds(
    trader: Trader, files: list[Any], content_type: str
) -> None:
    for query in ("?portfolio=crypto", "?portfolio=nobodys", "?account=a b"):
        answer = trader.client.generic(
            "POST", PATH + query, LARGE, content_type=content_type
        )
        assert answer.status_code == 400
    assert len(files) >= 3
    assert all(one.closed for one in files)


def test_a_file_in_a_form_is_closed_whatever_it_holds(
    trader: Trader, files: list[Any]
) -> None:
    for fields in (FORM, {**FORM, "portfolio": "nobodys"}, {}):
        form = {**fields, "file": BytesIO(LARGE)}
        answer = trader.client.post(PATH, form, format="multipart")
        assert answer.status_code == 400
    assert len(files) >= 3
    assert all(one.closed for one in files)


def test_a_file_is_closed_when_its_body_breaks_off(files: list[Any]) -> None:
    class Broken:
        def read(self, size: int) -> bytes:
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        CSVBodyParser().parse(Broken())  # type: ignore[arg-type]
    assert [one.closed for one in files] == [True]
