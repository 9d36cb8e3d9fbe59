"""Mappings of columns over HTTP and on the terminal, and undoing an import."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from goals.tests.factories import UserFactory
from mastertrade.values.exceptions import TooManyMappings
from tests.http import (
    FILLS_BY_NAME,
    Trader,
    client_of,
    made_once,
    make_mapping,
    make_trader,
    nothing_changes,
    unthrottled,  # noqa: F401
)
from trades.management.commands.import_trades import by_flags
from trades.models import ImportMapping, Trade, UserJob
from trades.services import mappings
from trades.tests.jobs.worker import do

MAPPINGS = "/api/trades/mappings/"
IMPORT = "/api/trades/import/"
FILE = "When,What,Qty,At\n2026-03-02 12:00:00,ABC,2,10\n2026-03-03 12:00:00,ABC,-2,12\n"
FORM = {
    "format": "mapped",
    "mapping": "My broker",
    "portfolio": "crypto",
    "strategy_id": "momentum_001",
    "fx_rates": "USD=1",
}

trader_of_module = made_once(make_trader)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> None:
    settings.JOB_FILES = tmp_path / "jobs"


def send(trader: Trader, query: str = "", **fields: str) -> Any:
    body = {**FORM, **fields, "file": SimpleUploadedFile("a.csv", FILE.encode())}
    return trader.client.post(IMPORT + query, body, format="multipart")


def test_a_mapping_is_stored_replaced_and_deleted(trader: Trader) -> None:
    made = trader.post(MAPPINGS, {"name": "Mine", "mapping": FILLS_BY_NAME}, 201)
    assert made["mapping"]["columns"] == FILLS_BY_NAME["columns"]
    assert made["mapping"]["time_zone"] == "UTC"

    changed = {**FILLS_BY_NAME, "time_zone": "Europe/Berlin"}
    again = trader.post(MAPPINGS, {"name": "Mine", "mapping": changed}, 200)

    assert again["mapping_id"] == made["mapping_id"]
    address = f"{MAPPINGS}{made['mapping_id']}/"
    assert trader.get(address)["mapping"]["time_zone"] == "Europe/Berlin"
    assert trader.client.delete(address).status_code == 204
    assert not ImportMapping.objects.exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"columns": {"At": "price"}}, "lacks Symbol"),
        ({"columns": {"At": "colour"}}, "'colour'"),
        ({"columns": {"At": "price", "On": "price"}}, "chosen for two columns"),
        ({"kind": "orders"}, "kind"),
        ({"time_zone": "Mars"}, "Mars is none"),
        ({"sides": {"b": "bought"}}, "buy, sell or skip"),
        ({"only": {"A": "x"}}, "list of at most"),
        ({"contract_size": "NaN"}, "contract_size must be a number above 0"),
        ({"contract_size": "-1"}, "contract_size must be a number above 0"),
        ({"signed": "yes"}, "signed must be true or false"),
        ({"quote_currency": "dollars"}, "quote_currency must be"),
        ({"colour": "red"}, "unknown parts: colour"),
        ({"suffixes": ["\u202e"]}, "suffixes"),
        ({"columns": {"x" * 201: "price"}}, "1 to 200 characters"),
    ],
)
def test_a_wrong_mapping_is_refused_with_what_is_wrong(
    trader: Trader, change: dict[str, Any], reason: str
) -> None:
    body = {"name": "Mine", "mapping": {**FILLS_BY_NAME, **change}}

    with nothing_changes():
        answer = trader.post(MAPPINGS, body, 400)

    assert reason in answer["mapping"][0]


def test_no_more_mappings_than_a_user_may_have(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mappings, "MOST_MAPPINGS", 1)
    make_mapping(trader.user, "one")
    make_mapping(trader.user, "one")

    with pytest.raises(TooManyMappings):
        make_mapping(trader.user, "two")


def test_a_file_is_imported_by_the_name_of_a_mapping(trader: Trader) -> None:
    make_mapping(trader.user)

    first = send(trader)

    assert (first.status_code, first.json()["created"]) == (201, 2)
    trade = Trade.objects.get()
    assert (trade.symbol, trade.profit_loss) == ("ABC", 4)
    assert send(trader).json()["known"] == 2


def test_a_job_has_the_mapping_as_it_was_when_it_was_asked(trader: Trader) -> None:
    make_mapping(trader.user)
    answer = send(trader, "?background=1")
    assert answer.status_code == 202, answer.content
    ImportMapping.objects.all().delete()

    do(answer.json()["job_id"])

    job = UserJob.objects.get(pk=answer.json()["job_id"])
    assert (job.state, job.result and job.result["created"]) == ("done", 2)


def test_the_body_may_be_the_file(trader: Trader) -> None:
    make_mapping(trader.user)
    query = "portfolio=crypto&strategy_id=momentum_001&fx_rates=USD=1"
    answer = trader.client.generic(
        "POST", f"{IMPORT}?mapping=My broker&{query}", FILE.encode(), "text/csv"
    )
    assert (answer.status_code, answer.json()["created"]) == (201, 2)


@pytest.mark.parametrize("query", ["", "?background=1"])
def test_the_mapping_of_another_is_none(trader: Trader, query: str) -> None:
    make_mapping(UserFactory())

    with nothing_changes():
        answer = send(trader, query)

    assert answer.status_code == 400
    assert "You have no mapping My broker." in answer.json()["mapping"][0]


def test_the_format_and_the_mapping_go_together(trader: Trader) -> None:
    make_mapping(trader.user)
    assert "goes with" in send(trader, format="binance-csv").json()["mapping"][0]
    body = {name: value for name, value in FORM.items() if name != "mapping"}
    file = SimpleUploadedFile("a.csv", FILE.encode())
    answer = trader.client.post(IMPORT, {**body, "file": file}, format="multipart")
    assert "is needed" in answer.json()["mapping"][0]


def run_command(trader: Trader, path: Path, *more: str) -> str:
    out = io.StringIO()
    call_command(
        "import_trades",
        str(path),
        "--user",
        trader.user.username,
        "--portfolio",
        "crypto",
        "--strategy",
        "momentum_001",
        "--fx-rate",
        "USD=1",
        *more,
        stdout=out,
    )
    return out.getvalue()


def test_the_command_imports_by_the_name_of_a_mapping(
    trader: Trader, tmp_path: Path
) -> None:
    make_mapping(trader.user)
    path = tmp_path / "a.csv"
    path.write_text(FILE)

    run_command(trader, path, "--mapping", "My broker")

    assert Trade.objects.get().profit_loss == 4
    with pytest.raises(CommandError, match="You have no mapping Mine"):
        run_command(trader, path, "--mapping", "Mine")
    with pytest.raises(CommandError, match="goes with --format mapped"):
        run_command(trader, path, "--mapping", "My broker", "--format", "freqtrade")


def test_the_command_asks_for_what_a_row_lacks_by_its_flags(
    trader: Trader, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n"
        "2026-03-01 12:00:00,ETHBTC,BUY,1,1ETH,1BTC,0BTC\n"
    )
    with pytest.raises(CommandError, match="1 row refused"):
        run_command(trader, path, "--format", "binance-csv")
    with pytest.raises(CommandError, match="--format binance-csv"):
        run_command(trader, path, "--format", "ccxt-json")
    said = "rates by day in fx_rates_file, or one rate in fx_rates (BTC=…)"
    assert (
        by_flags(said) == "rates by day in --fx-rates, or one rate in --fx-rate (BTC=…)"
    )


def test_the_command_leaves_columns_their_names(trader: Trader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("symbol,side,colour\nABC,LONG,red\n")
    with pytest.raises(CommandError) as refused:
        run_command(trader, path, "--format", "mastertrade-csv")
    said = str(refused.value).replace("--format ccxt-json", "")
    for column in ("strategy_id", "quote_currency", "fee_currency"):
        assert column in said
    assert "--" not in said
    for asked, flag in (
        ("strategy_id: is needed.", "--strategy: is needed."),
        ("one in fee_currency (USDT).", "one in --fee-currency (USDT)."),
    ):
        assert by_flags(asked) == flag


def test_an_import_is_undone_over_http(trader: Trader) -> None:
    make_mapping(trader.user)
    done = send(trader).json()["import_id"]
    address = f"/api/trades/imports/{done}/undo/"
    eve = client_of(UserFactory())
    assert eve.post(address).status_code == 404

    answer = trader.post(address, None, 200)

    assert answer["undone_at"] is not None
    assert Trade.objects.get().status == "void"
    assert send(trader).json()["created"] == 2


def test_an_import_that_something_depends_on_answers_409(trader: Trader) -> None:
    make_mapping(trader.user)
    only = SimpleUploadedFile("a.csv", "\n".join(FILE.split("\n")[:2]).encode())
    body = {**FORM, "file": only}
    first = trader.client.post(IMPORT, body, format="multipart").json()
    key = Trade.objects.get().pk
    trader.post(f"/api/trades/{key}/close/", {"exit_price": "12"}, 200)

    with nothing_changes():
        answer = trader.post(
            f"/api/trades/imports/{first['import_id']}/undo/", None, 409
        )

    assert answer["code"] == "import_not_undone"
    assert f"trade {key} " in answer["detail"]
