"""Importing on the site: a file chosen, mapped, looked at, imported, undone."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from goals.models import Portfolio
from goals.tests.factories import PortfolioFactory, UserFactory
from strategies.models import StrategyInstance
from tests.http import nothing_changes
from trades.importing.import_trades import import_trades
from trades.importing.options import read_options
from trades.models import ImportMapping, ImportUpload, Trade, TradeImport, UserJob
from trades.services.jobs import forget_jobs
from trades.tests.importing import layouts

pytestmark = pytest.mark.django_db
IMPORT = reverse("site:import")
OWN = (
    "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time\n"
    "a,BTCUSDT,LONG,0.02,50000,2026-03-02T09:00:00Z,51000,2026-03-02T10:00:00Z\n"
)


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.JOB_FILES = tmp_path
    return tmp_path


@pytest.fixture
def portfolio(client: Client) -> Portfolio:
    portfolio = PortfolioFactory(currency="USD")
    client.force_login(portfolio.user)
    return portfolio


def send(client: Client, portfolio: Portfolio, content: str, **more: Any) -> Any:
    file = SimpleUploadedFile("export.csv", content.encode())
    given = {"file": file, "portfolio": portfolio.pk, "strategy_id": "manual", **more}
    return client.post(IMPORT, given)


def check_of(client: Client, portfolio: Portfolio, content: str) -> str:
    answer = send(client, portfolio, content)
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def fields_of(page: str) -> dict[str, Any]:
    """What the form of the page would send."""
    given: dict[str, Any] = {"word": []}
    for tag in re.findall(r"<input [^>]*>", page):
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        is_box = 'type="checkbox"' in tag or 'type="radio"' in tag
        if name is None or (is_box and " checked" not in tag):
            continue
        if name[1] == "word":
            given["word"].append(value[1] if value else "")
        else:
            given[name[1]] = value[1] if value else "on" if is_box else ""
    for name, body in re.findall(
        r'<select [^>]*name="([^"]*)".*?>(.*?)</select>', page
    ):
        chosen = re.search(r'<option value="([^"]*)" selected', body)
        first = re.search(r'<option value="([^"]*)"', body)
        by_text = re.search(r"<option selected>([^<]*)", body)
        given[name] = (by_text or chosen or first)[1]  # type: ignore[index]
    return given


def test_a_known_format_is_recognised_and_shown_without_writing(
    client: Client, portfolio: Portfolio
) -> None:
    address = check_of(client, portfolio, OWN)

    with nothing_changes():
        text = text_of(client.get(address))

    assert "our own CSV" in text
    assert "Import 1 new" in text
    assert "+20.00 USD together" in text


def test_columns_are_mapped_by_name_and_every_row_is_shown(
    client: Client, portfolio: Portfolio
) -> None:
    address = check_of(client, portfolio, layouts.KRAKEN_TRADES)

    with nothing_changes():
        page = client.get(address).content.decode()

    assert fields_of(page)["column-2"] == "symbol"
    assert "BTC/USD" in page
    assert "Import 2 new" in page


def test_a_file_is_imported_as_a_job_and_its_mapping_is_stored(
    client: Client, portfolio: Portfolio, files: Path
) -> None:
    address = check_of(client, portfolio, layouts.KRAKEN_TRADES)
    given = fields_of(client.get(address).content.decode())

    answer = client.post(address, {**given, "name": "Kraken", "do": "import"})

    job = UserJob.objects.get()
    assert answer["Location"] == reverse("site:import-job", args=[job.pk])
    assert not ImportUpload.objects.exists()
    assert ImportMapping.objects.get().name == "Kraken"
    (path,) = (files / job.directory / "file").iterdir()
    with path.open("rb") as source:
        report = import_trades(
            user=portfolio.user,
            source=source,
            file_name="export.csv",
            format_name=job.arguments["format"],
            portfolio=job.arguments["portfolio"],
            options=read_options(job.arguments),
            now=timezone.now(),
        )
    assert report.created == 2
    assert client.get(answer["Location"]).status_code == 200
    # The next file with these columns needs no mapping.
    text = text_of(client.get(check_of(client, portfolio, layouts.KRAKEN_TRADES)))
    assert "by the mapping Kraken" in text
    assert "Everything" not in text
    assert "skipped, their figures agree" in text


def test_what_is_missing_is_asked_for_and_found_forms_are_shown(
    client: Client, portfolio: Portfolio
) -> None:
    address = check_of(client, portfolio, layouts.EUROPEAN)
    page = client.get(address).content.decode()
    assert "Choose what is missing" in page
    chosen = {
        "kind": "trades",
        "column-0": "symbol",
        "column-1": "side",
        "column-2": "quantity",
        "column-3": "entry_price",
        "column-4": "entry_time",
        "column-5": "exit_price",
        "column-6": "exit_time",
    }
    # The fields of trades are offered once a row is one.
    client.post(address, {**fields_of(page), "kind": "trades", "do": "look"})
    given = fields_of(client.get(address).content.decode())
    client.post(address, {**given, **chosen, "do": "look"})
    page = client.get(address).content.decode()
    assert "as in the rows: 1.234,56" in page
    assert "as in the rows: day, month, year" in page

    given = fields_of(page)
    assert given["word"] == ["kauf"]
    client.post(address, {**given, "side-0": "buy", "do": "look"})

    text = text_of(client.get(address))
    assert "Import 1 new" in text
    assert "+1,250.00" in text


def test_a_wrong_choice_says_why_and_keeps_the_file(
    client: Client, portfolio: Portfolio
) -> None:
    address = check_of(client, portfolio, layouts.KRAKEN_TRADES)
    given = fields_of(client.get(address).content.decode())

    answer = client.post(address, {**given, "time_zone": "Mars/Base", "do": "look"})

    assert answer.status_code == 422
    assert "Mars/Base is none, such as Europe/Berlin" in text_of(answer)
    assert client.get(address).status_code == 200


def test_refused_rows_are_named_by_line_and_reason(
    client: Client, portfolio: Portfolio
) -> None:
    right = "SELL,2025-09-02T08:00:00Z,0.1,"
    wrong = layouts.COINBASE_FILLS.replace(right, right.replace("0.1,", "0.1O,"))

    text = text_of(client.get(check_of(client, portfolio, wrong)))

    assert "Line 3 refused" in text
    assert "0.1O" in text
    assert "letters O in place of zeros" in text


BINANCE = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n"
CCXT = """[{"symbol": "BTC/USDT", "side": "bye", "amount": 3, "price": 2, "id": "1",
"timestamp": 1772442000000, "fee": {}, "datetime": "2026-03-02"}]"""


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        (OWN.replace("0.02", "1,5OO"), None),  # one field too many
        (OWN.replace("0.02", "5OO"), "2026-03-02T10:00:00Z BTCUSDT LONG 5OO"),
        (OWN.replace("LONG", "UP"), "2026-03-02T10:00:00Z BTCUSDT UP 0.02"),
        (
            f"{BINANCE}2024-11-04 09:15:30,BTCUSDT,HOLD,1,2BTC,2USDT,0BTC\n",
            "2024-11-04 09:15:30 BTCUSDT HOLD 2BTC",
        ),
        (CCXT, "2026-03-02 BTC/USDT bye 3"),
        (
            layouts.COINBASE_FILLS.replace("SELL,2025", "SELL,20x5"),
            "20x5-09-02T08:00:00Z BTC-USD SELL 0.1",
        ),
    ],
)
def test_the_cells_of_a_refused_row_stand_as_in_the_file(
    client: Client, portfolio: Portfolio, content: str, cells: str | None
) -> None:
    address = check_of(client, portfolio, content)
    given = fields_of(client.get(address).content.decode())
    client.post(address, {**given, "venue": "any", "do": "look"})

    text = text_of(client.get(address))

    assert re.search(r"Line \d+ refused", text)
    assert "not read" in text
    assert cells is None or f"refused {cells}" in text


def test_a_file_without_a_table_is_refused_at_once(
    client: Client, portfolio: Portfolio, files: Path
) -> None:
    answer = send(client, portfolio, "no table\n")

    assert answer.status_code == 422
    assert "names its columns" in text_of(answer)
    assert list(files.iterdir()) == []


def test_a_new_file_takes_the_place_of_the_one_before(
    client: Client,
    portfolio: Portfolio,
    files: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:
    first = check_of(client, portfolio, OWN)
    with django_capture_on_commit_callbacks(execute=True):
        check_of(client, portfolio, OWN)

    assert ImportUpload.objects.count() == 1
    assert len(list(files.iterdir())) == 1
    assert client.get(first).status_code == 404


def test_a_file_is_forgotten_after_an_hour(
    client: Client, portfolio: Portfolio, files: Path
) -> None:
    address = check_of(client, portfolio, OWN)
    later = timezone.now() + timezone.timedelta(minutes=61)  # type: ignore[attr-defined]

    forget_jobs(later)

    assert not ImportUpload.objects.exists()
    assert list(files.iterdir()) == []
    assert client.get(address)["Location"] == IMPORT


def bring(portfolio: Portfolio) -> TradeImport:
    from trades.tests.importing.test_importing import bring as bring_own

    bring_own(portfolio, OWN)
    return TradeImport.objects.get(portfolio=portfolio)


def test_an_import_is_undone_from_the_list(
    client: Client, portfolio: Portfolio
) -> None:
    done = bring(portfolio)
    assert f"#undo-{done.pk}" in client.get(IMPORT).content.decode()

    answer = client.post(reverse("site:import-undo", args=[done.pk]), follow=True)

    assert "1 trade is void" in text_of(answer)
    assert {one.status for one in Trade.objects.all()} == {"void"}


def test_nothing_of_another_is_shown_or_touched(
    client: Client, portfolio: Portfolio
) -> None:
    address = check_of(client, portfolio, layouts.KRAKEN_TRADES)
    given = fields_of(client.get(address).content.decode())
    client.post(address, {**given, "name": "Kraken", "do": "import"})
    job, mapping = UserJob.objects.get(), ImportMapping.objects.get()
    address = check_of(client, portfolio, OWN)
    done = bring(portfolio)
    eve = UserFactory()
    PortfolioFactory(user=eve)
    client.force_login(eve)

    with nothing_changes():
        assert "Kraken" not in client.get(IMPORT).content.decode()
        assert client.post(address, {"do": "import"}).status_code == 302
        for name, key in (
            ("site:import-job", job.pk),
            ("site:import-progress", job.pk),
        ):
            assert client.get(reverse(name, args=[key])).status_code == 404
        for name, key in (
            ("site:import-undo", done.pk),
            ("site:mapping-delete", mapping.pk),
        ):
            assert client.post(reverse(name, args=[key])).status_code == 404
    refused = send(client, portfolio, OWN)
    assert refused.status_code == 422


def test_the_list_asks_a_constant_number_of_statements(
    client: Client, portfolio: Portfolio
) -> None:
    def count() -> int:
        client.get(IMPORT)
        with CaptureQueriesContext(connection) as asked:
            client.get(IMPORT)
        return len(asked)

    bring(portfolio)
    before = count()
    for number in range(3):
        TradeImport.objects.create(
            user=portfolio.user,
            portfolio=portfolio,
            format="mapped",
            file_name=f"{number}.csv",
            content_sha256="1" * 64,
            created_count=0,
            known_count=0,
            refused_count=0,
            created_at=timezone.now(),
            created_by="x",
        )
    assert count() == before


OWN_HEADER, OWN_ROW = OWN.splitlines(keepends=True)
FILLS = "id,time,symbol,side,qty,price,fee\n"


def own_rows(count: int) -> str:
    return OWN_HEADER + "".join(f"{n}{OWN_ROW[1:]}" for n in range(count))


def refused_rows(count: int) -> str:
    return OWN + "".join(
        f"{n}{OWN_ROW[1:]}".replace("LONG", "UP") for n in range(count)
    )


def fills(count: int) -> str:
    row = "{},2025-01-02 10:{:02}:00,ABCUSD,{},1,10{},0.1\n"
    sides = ("buy", "sell")
    return FILLS + "".join(row.format(n, n, sides[n % 2], n % 3) for n in range(count))


@pytest.mark.parametrize("rows_of", [own_rows, refused_rows, fills])
def test_more_rows_are_no_more_statements_to_check(
    client: Client, portfolio: Portfolio, rows_of: Callable[[int], str]
) -> None:
    def count(rows: int) -> int:
        address = check_of(client, portfolio, rows_of(rows))
        client.get(address)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        return len(asked)

    assert count(2) == count(40)


def test_a_file_that_is_looked_at_makes_no_strategy(
    client: Client, portfolio: Portfolio
) -> None:
    address = check_of(client, portfolio, OWN)
    assert "Import 1 new" in text_of(client.get(address))
    assert not StrategyInstance.objects.exists()

    client.post(address, {"do": "import"})

    assert StrategyInstance.objects.get().strategy_id == "manual"


# What a cell, a header or a form may hold that no table of the database takes.
HOSTILE_FILES = {
    "NUL in the header": FILLS.replace("symbol", "sym\0bol") + fills(2)[len(FILLS) :],
    "NUL in a side": f"{fills(2)}9,2025-02-01 10:00:00,ABCUSD,buy\0,1,1,0\n",
    "NUL in a filter": (
        "id,time,symbol,side,qty,price,status\n"
        "1,2025-02-01 10:00:00,ABCUSD,buy,1,1,Filled\n"
        "2,2025-02-01 11:00:00,ABCUSD,buy,1,1,Can\0celled\n"
    ),
    "names of thousands of characters": (
        ",".join(
            f"{name} ({'x' * 9000})" for name in ("symbol", "side", "qty", "price")
        )
        + "\nABCUSD,buy,1,1\n"
    ),
    "sides of thousands of characters": FILLS
    + "".join(
        f"{n},2025-01-02 10:00:00,ABCUSD,{side},1,1,0\n"
        for n, side in enumerate(["buy", *(letter * 9000 for letter in "cdefghij")])
    ),
    "150 columns of fees": (
        f"symbol,side,qty,price,time{',fee' * 150}\n"
        f"ABCUSD,buy,1,1,2025-01-02{',0.1' * 150}\n"
    ),
    "the same name thrice": "time,time,time (2),symbol,side,qty,price\n"
    "2025-01-02,10:00:00,x,ABCUSD,buy,1,100\n",
}


@pytest.mark.parametrize("content", HOSTILE_FILES.values(), ids=list(HOSTILE_FILES))
def test_whatever_a_file_holds_it_is_shown_or_refused(
    client: Client, portfolio: Portfolio, content: str
) -> None:
    answer = send(client, portfolio, content)
    if answer.status_code != 302:
        assert answer.status_code == 422
        assert text_of(answer)
        return
    address = answer["Location"]
    page = client.get(address).content.decode()
    given = fields_of(page)
    for do in ("look", "import"):
        assert client.post(address, {**given, "do": do}).status_code in {200, 302, 422}


@pytest.mark.parametrize(
    "name", ["name", "venue", "symbol", "suffixes", "words-0", "time_zone", "fee_rates"]
)
def test_hidden_characters_in_the_form_are_refused(
    client: Client, portfolio: Portfolio, name: str
) -> None:
    address = check_of(client, portfolio, fills(2))
    given = fields_of(client.get(address).content.decode())
    given |= {"only-0": "side", name: "a\0b", "do": "look"}

    answer = client.post(address, given)

    assert answer.status_code == 422
    assert client.get(address).status_code == 200


WIDE = {"little": "utf-16-le", "big": "utf-16-be"}


@pytest.mark.parametrize("encoding", WIDE.values(), ids=list(WIDE))
def test_a_file_in_utf_16_comes_in_whatever_its_length(
    client: Client, portfolio: Portfolio, encoding: str
) -> None:
    row = "{},2025-01-02 10:{:02}:{:02},ABCUSD,buy,1,100,0.1\n"
    rows = "".join(row.format(n, n // 60 % 60, n % 60) for n in range(1500))
    content = f"\ufeff{FILLS}{rows}"
    file = SimpleUploadedFile("export.csv", content.encode(encoding))
    given = {"file": file, "portfolio": portfolio.pk, "strategy_id": "manual"}

    answer = client.post(IMPORT, given)

    assert answer.status_code == 302
    assert "Import 1,500 new" in text_of(client.get(answer["Location"]))


def test_a_refusal_names_what_is_to_be_chosen_as_the_page_does(
    client: Client, portfolio: Portfolio
) -> None:
    address = check_of(client, portfolio, fills(2).replace("ABCUSD", "ABC"))

    text = text_of(client.get(address))

    assert "or name one for the whole file (“Prices are in”)" in text


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ({"created": 0, "known": 2, "refused": 0}, "Everything was known already"),
        ({"created": 0, "known": 0, "refused": 0}, "Nothing was imported"),
        ({"created": 0, "known": 1, "refused": 1}, "Nothing was imported"),
    ],
)
def test_everything_is_known_only_where_it_is(
    client: Client, portfolio: Portfolio, result: dict[str, int], says: str
) -> None:
    address = check_of(client, portfolio, OWN)
    given = fields_of(client.get(address).content.decode())
    done = client.post(address, {**given, "do": "import"})["Location"]
    UserJob.objects.update(
        state="done",
        started_at=timezone.now(),
        finished_at=timezone.now(),
        progress=100,
        result=result,
    )

    assert says in text_of(client.get(done))


def test_a_preview_of_no_row_does_not_call_them_known(
    client: Client, portfolio: Portfolio
) -> None:
    skipped = layouts.KRAKEN_TRADES.replace("buy", "hold").replace("sell", "hold")
    address = check_of(client, portfolio, skipped)
    given = fields_of(client.get(address).content.decode())

    client.post(address, {**given, "column-4": "side", "do": "look"})

    text = text_of(client.get(address))
    assert "2 rows not read, as the mapping says" in text
    assert "No row is read." in text
    assert "known already." not in text


def test_the_rate_of_a_mapped_trade_is_asked_for_where_the_page_takes_it(
    client: Client, portfolio: Portfolio
) -> None:
    columns = "Symbol,Side,Qty,Entry Price,Entry Time,Currency\n"
    row = "SAP,Long,1,100,2026-03-02 10:00:00,EUR\n"

    text = text_of(client.get(check_of(client, portfolio, columns + row)))

    assert "one EUR (“Rates of other currencies”)." in text


@pytest.mark.parametrize("content", ['[{"ticker": "ABC"}]', '{"rows": []}', "[[1, 2]]"])
def test_json_of_no_known_form_is_not_offered_for_mapping(
    client: Client, portfolio: Portfolio, content: str
) -> None:
    answer = send(client, portfolio, content)

    assert answer.status_code == 422
    assert "JSON, which has no columns to map" in text_of(answer)
    assert not ImportUpload.objects.exists()


FLAG = re.compile(r"(?<![\w-])--[a-z]")
BINANCE = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n"
FILL = '[{"id": "1", "timestamp": 1767225600000, "side": "buy", "amount": 1, %s}]'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            f"{BINANCE}01/03/21 12:00:00,ETHUSD,BUY,5,1ETH,5USD,0USD\n",
            "Dates are written",
        ),
        (
            f"{BINANCE}2026-03-01 12:00:00,ETHBTC,BUY,1,1ETH,1BTC,0BTC\n",
            "fixed rate in “Rates of other currencies” (BTC=…)",
        ),
        (
            f"{BINANCE}2026-03-01 12:00:00,ETHUSD,BUY,1,1ETH,1USD,0.1BNB\n",
            "needed in “Rates of coins that fees are paid in”",
        ),
        (FILL % '"symbol": "ABC", "price": 5', "symbols in “Prices are in” (USD)"),
        (
            FILL % '"symbol": "B/USD:USD", "price": 5',
            "in “Sizes of contracts, by symbol” (B/USD:USD=0.01",
        ),
    ],
)
def test_what_a_row_lacks_is_asked_for_by_the_labels_of_the_page(
    client: Client, portfolio: Portfolio, content: str, says: str
) -> None:
    address = check_of(client, portfolio, content)

    page = client.get(address)

    assert says in text_of(page)
    assert not FLAG.search(text_of(page))
    label = re.search("“([^”]+)”", says)
    assert f">{label[1] if label else says}</label>" in page.content.decode()


def test_mapping_by_hand_leaves_what_the_recognised_file_was_given(
    client: Client, portfolio: Portfolio
) -> None:
    address = check_of(client, portfolio, FILL % '"symbol": "ABC/USD", "price": 5')
    given = {"quote_currency": "EUR", "fee_currency": "EUR", "venue": "x"}
    client.post(address, {"do": "look", **given})
    assert ImportUpload.objects.get().choices["options"] == given

    client.post(address, {"do": "map"})

    assert ImportUpload.objects.get().choices["options"] == {"venue": "x"}


def test_dates_of_a_recognised_file_are_read_as_chosen(
    client: Client, portfolio: Portfolio
) -> None:
    content = f"{BINANCE}01/03/21 12:00:00,ETHUSD,BUY,5,1ETH,5USD,0USD\n"
    address = check_of(client, portfolio, content)

    client.post(address, {"do": "look", "date_order": "dmy"})

    text = text_of(client.get(address))
    assert "1 Mar 2021 12:00" in text
    assert client.post(address, {"do": "look", "date_order": "no"}).status_code == 422
