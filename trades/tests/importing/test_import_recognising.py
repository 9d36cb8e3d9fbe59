"""A file that cannot be read is told what it is, and how it comes in."""

import gzip
import json
import re
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from goals.models import Portfolio
from mastertrade.values.exceptions import InvalidInput
from trades.importing.columns import REQUIRED
from trades.importing.formats import FORMAT_NAMES
from trades.importing.recognising import FOREIGN, recognise
from trades.models import Trade
from trades.tests.factories import ensure_strategy
from trades.tests.importing.test_import_fills import (
    NEWER,
    bring,
    fill,
    portfolio,  # noqa: F401
)

OWN = "symbol,side,quantity,entry_price,entry_time\n"
OLDER = "Date(UTC),Market,Type,Price,Amount,Total,Fee,Fee Coin\n"
CCXT = json.dumps([{"info": {"entry": "x" * 100}, **fill(1, "buy", "1")}])
OWN_JSON = json.dumps([{"symbol": "A", "quantity": "1", "entry_price": "2"}])
LOOKS = {
    "binance-csv": [NEWER + "\n", OLDER, NEWER.replace(",", ";"), "\ufeff" + NEWER],
    "ccxt-json": [CCXT, CCXT.strip("[]"), CCXT[: CCXT.index('"fee"')]],
    "mastertrade-csv": [OWN, OWN.replace(",", ";")],
    "mastertrade-json": [OWN_JSON, OWN_JSON.strip("[]")],
}


# By a mapping of columns any file is read that has them.
NAMED = sorted({*FORMAT_NAMES} - {"mapped"})


@pytest.mark.parametrize(
    ("content", "name"),
    [(content, name) for name, contents in LOOKS.items() for content in contents],
)
def test_a_format_is_recognised_by_its_beginning(content: str, name: str) -> None:
    assert recognise(content.encode()) == name


@pytest.mark.parametrize("content", ["", "x", "a,b,c\n", "[1, 2]", '{"a": 1}', '[{"'])
def test_what_is_of_no_known_format_is_not_guessed(content: str) -> None:
    assert recognise(content.encode()) is None


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("looks", sorted(LOOKS))
def test_a_file_of_another_format_is_told_which(
    portfolio: Portfolio,  # noqa: F811
    name: str,
    looks: str,
) -> None:
    if name == looks:
        return
    with pytest.raises(InvalidInput) as caught:
        bring(portfolio, LOOKS[looks][0], name)
    assert caught.value.field == "file"
    assert f"format {looks}." in caught.value.detail


@pytest.mark.parametrize("name", [one for one in NAMED if one != "freqtrade"])
def test_a_database_is_told_to_be_one(
    portfolio: Portfolio,  # noqa: F811
    name: str,
    tmp_path: Path,
) -> None:
    path = tmp_path / "bot.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE trades (id INTEGER)")
    database.close()
    with pytest.raises(InvalidInput, match="format freqtrade"):
        bring(portfolio, path.read_bytes(), name)


@pytest.mark.parametrize("name", ["mastertrade-csv", "binance-csv"])
@pytest.mark.parametrize("words", [words for words, _ in FOREIGN])
def test_a_file_of_another_venue_is_told_the_columns_and_the_way_in(
    portfolio: Portfolio,  # noqa: F811
    name: str,
    words: str,
) -> None:
    header = ",".join(sorted(dict(FOREIGN)[words]))
    with pytest.raises(InvalidInput) as caught:
        bring(portfolio, f"{header}\n", name)
    answer = caught.value.detail
    assert f"It looks like {words}." in answer
    assert all(column in answer for column in REQUIRED)
    assert "format ccxt-json" in answer
    assert "stocks included" in answer


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"PK\x03\x04...", "Excel file (.xlsx)"),
        (b"\xd0\xcf\x11\xe0", "old Excel file"),
        (gzip.compress(OWN.encode(), mtime=0), "compressed with gzip (.gz)"),
        (b"%PDF-1.4", "a PDF"),
        (b"\n <!DOCTYPE html>", "a web page"),
    ],
)
@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_what_holds_no_text_is_said_by_name(
    portfolio: Portfolio,  # noqa: F811
    content: bytes,
    answer: str,
    name: str,
) -> None:
    with pytest.raises(InvalidInput) as caught:
        bring(portfolio, content, name)
    assert answer in caught.value.detail


@pytest.mark.parametrize("name", [one for one in FORMAT_NAMES if one != "mapped"])
def test_only_a_mapped_file_is_read_in_utf_16(
    portfolio: Portfolio,  # noqa: F811
    name: str,
) -> None:
    with pytest.raises(InvalidInput, match=r"UTF-16.*or map its columns"):
        bring(portfolio, OWN.encode("utf-16"), name)


def test_utf_16_without_its_mark_is_said_to_be_no_text(
    portfolio: Portfolio,  # noqa: F811
) -> None:
    with pytest.raises(InvalidInput, match="without a byte order mark"):
        bring(portfolio, OWN.encode("utf-16-le"), "mapped")


@pytest.mark.parametrize("begin", ["\n", "\r\n", "\ufeff\n", " \n\n"])
@pytest.mark.parametrize(
    ("name", "header"), [("mastertrade-csv", OWN), ("binance-csv", NEWER)]
)
def test_empty_lines_above_the_header_are_said(
    portfolio: Portfolio,  # noqa: F811
    name: str,
    header: str,
    begin: str,
) -> None:
    with pytest.raises(InvalidInput, match=r"begins with [12] empty line"):
        bring(portfolio, begin + header, name)


def test_a_wrong_line_far_below_the_header_is_told_without_advice(
    portfolio: Portfolio,  # noqa: F811
) -> None:
    with pytest.raises(InvalidInput) as caught:
        bring(portfolio, OWN + '"', "mastertrade-csv")
    assert caught.value.detail.count(".") == 1
    assert "looks like" not in caught.value.detail


def test_the_example_of_a_stock_in_the_documentation_is_read(
    portfolio: Portfolio,  # noqa: F811
) -> None:
    text = (settings.BASE_DIR / "docs/importing.md").read_text(encoding="utf-8")
    fills = text[text.index("## Fills of an exchange") :]
    example = re.findall(r"```json\n(.*?)```", fills, re.DOTALL)[0]
    rates = {"USD": Decimal(1)}
    report = bring(portfolio, example, "ccxt-json", fx_rates=rates)
    assert (report.created, report.refused) == (2, 0)
    assert Trade.objects.get(symbol="AAPL/USD").profit_loss == Decimal("5.5")


# What stands in a file is printed as it stands there.


@pytest.mark.parametrize(
    "word", ["[/red]", "[bold]x", ":bug:", "\x1b[31mred", "\u202e"]
)
def test_no_text_of_a_file_breaks_or_colours_the_terminal(
    portfolio: Portfolio,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    word: str,
) -> None:
    ensure_strategy(portfolio)
    path = tmp_path / f"[red]{word.replace('/', '')}.csv"
    header = f"{OWN.strip()},strategy_id"
    path.write_text(f"{header}\nA,LONG,1,1,2026-01-01T00:00:00Z,{word}\n")
    answer = {"user": portfolio.user.username, "portfolio": portfolio.name}
    with pytest.raises(CommandError, match="1 row refused"):
        call_command("import_trades", str(path), **answer)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    shown = word if word.isprintable() else "control or hidden characters"
    assert shown in printed
    path.write_text(f"{word},side\n")
    with pytest.raises(CommandError) as caught:
        call_command("import_trades", str(path), **answer)
    assert str(caught.value).isprintable()


def test_a_csv_without_commas_is_told_so(
    portfolio: Portfolio,  # noqa: F811
) -> None:
    with pytest.raises(InvalidInput, match="separated by commas"):
        bring(portfolio, OWN.replace(",", ";"), "mastertrade-csv")
