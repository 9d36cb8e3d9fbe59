"""Fills that are paid in another currency: at the rate of their day."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from goals.models import Portfolio
from goals.tests.factories import PortfolioFactory
from mastertrade.values.exceptions import InvalidInput
from trades.importing.rates import DayRates, read_day_rates
from trades.models import Trade
from trades.tests.factories import ensure_strategy
from trades.tests.importing.test_import_fills import (
    NEWER,
    assert_no_drift,
    bring,
    bring_ccxt,
    counts,
    fill,
)

D = Decimal
# Bought and sold on two days, years apart: 0.1 BTC lost, then 0.1 BTC won.
FILLS = [
    "2024-11-02 00:00:00,ETHBTC,SELL,0.04,10ETH,0.4BTC,0BTC",
    "2024-11-01 00:00:00,ETHBTC,BUY,0.03,10ETH,0.3BTC,0BTC",
    "2019-03-02 00:00:00,ETHBTC,SELL,0.03,10ETH,0.3BTC,0BTC",
    "2019-03-01 00:00:00,ETHBTC,BUY,0.04,10ETH,0.4BTC,0BTC",
]
LONG = "date,currency,rate\n2019-03-01,BTC,3800\n2019-03-02,BTC,3900\n"
WIDE = "date,BTC,BNB\n2024-11-01,69500,570.5\n2024-11-02,69300,\n"


@pytest.fixture
def portfolio(db: None) -> Portfolio:
    return PortfolioFactory(currency="USDT", opening_balance=D(100_000))


def rates_of(content: str) -> DayRates:
    return read_day_rates("fx-rates", io.BytesIO(content.encode()))


def csv_of(*lines: str) -> str:
    return "\n".join([NEWER, *lines, ""])


def profits() -> list[Decimal | None]:
    return [trade.profit_loss for trade in Trade.objects.order_by("entry_time")]


@pytest.mark.parametrize(
    ("currency", "at", "rate"),
    [
        ("BTC", datetime(2019, 3, 1, tzinfo=UTC), "3800"),
        ("BTC", datetime(2019, 3, 2, 23, 59, 59, tzinfo=UTC), "3900"),
        ("BTC", datetime(2019, 3, 9, tzinfo=UTC), "3900"),
        ("BTC", datetime(2019, 3, 10, tzinfo=UTC), None),
        ("BTC", datetime(2019, 2, 28, tzinfo=UTC), None),
        ("ETH", datetime(2019, 3, 1, tzinfo=UTC), None),
    ],
)
def test_a_day_without_a_rate_takes_that_of_the_week_before(
    currency: str, at: datetime, rate: str | None
) -> None:
    found = rates_of(LONG).find(currency, at)
    assert found == (None if rate is None else D(rate))


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ("", "is not a table of rates"),
        ("date\n2019-03-01\n", "is not a table of rates"),
        ("day,BTC\n2019-03-01,1\n", "is not a table of rates"),
        ("date,BTC\n", "holds no rate"),
        ("date,BTC\n2019-03-01,1,2\n", "3 fields in line 2"),
        ("date,BTC\n01/03/2019,1\n", "no day such as"),
        ("date,BTC\n2019-03-01,-1\n", "no plain number in line 2"),
        ("date,BTC\n2019-03-01,0\n", "line 2"),
        ("date,BTC\n2019-03-01,1\n2019-03-01,2\n", "two rates for 2019-03-01"),
        ('date,BTC\n2019-03-01,"1\n', "not a CSV"),
        ("date,BTC\n2019-03-01," + "1" * 5_000_001, "larger than 5 MB"),
    ],
)
def test_what_is_no_table_of_rates_is_refused(content: str, answer: str) -> None:
    with pytest.raises(InvalidInput, match=answer) as caught:
        rates_of(content)
    assert caught.value.field == "fx-rates"


def test_each_profit_is_converted_at_the_rate_of_its_exit(portfolio: Portfolio) -> None:
    days = ["2019-03-01,1", "2019-03-02,3900", "2024-11-01,1", "2024-11-02,69300"]
    rates = rates_of("\n".join(["date,BTC", *days]))
    assert counts(bring(portfolio, csv_of(*FILLS), day_rates=rates)) == (4, 0, 0)
    assert profits() == [D(-390), D(6930)]
    assert_no_drift(portfolio)


def test_an_open_trade_of_an_earlier_file_is_settled_at_the_rate_of_its_exit(
    portfolio: Portfolio,
) -> None:
    rates = rates_of(WIDE)
    bring(portfolio, csv_of(FILLS[1]), day_rates=rates)
    assert Trade.objects.get().fx_rate == 69500
    bring(portfolio, csv_of(*FILLS[:2]), day_rates=rates)
    trade = Trade.objects.get()
    assert (trade.profit_loss, trade.fx_rate) == (D(6930), 69300)
    assert_no_drift(portfolio)


def test_one_fixed_rate_is_taken_when_told_and_said_over_years(
    portfolio: Portfolio,
) -> None:
    report = bring(portfolio, csv_of(*FILLS), fx_rates={"BTC": D(60000)})
    (warning,) = report.warnings
    assert "one fixed rate for fills from 2019-03-01 to 2024-11-02" in warning
    assert profits() == [D(-6000), D(6000)]
    month = bring(portfolio, csv_of(*FILLS[:2]), fx_rates={"BTC": D(60000)})
    assert not month.warnings


def test_a_fill_of_the_pair_within_a_day_gives_the_rate(portfolio: Portfolio) -> None:
    dollars = "2019-03-01 12:00:00,BTCUSDT,BUY,4000,1BTC,4000USDT,0BTC"
    file = csv_of(*FILLS[2:3], dollars, *FILLS[3:])
    assert counts(bring(portfolio, file)) == (3, 0, 0)
    assert Trade.objects.get(symbol="ETHBTC").profit_loss == D(-400)
    # Also one that came in before; not one of another day.
    report = bring(portfolio, csv_of(*FILLS[:2]))
    assert {one.column for one in report.refusals} == {"Pair"}
    assert "fx_rates_file" in report.refusals[0].reason
    earlier = "2024-10-31 01:00:00,BTCUSDT,BUY,70000,1BTC,70000USDT,0BTC"
    bring(portfolio, csv_of(earlier))
    assert [one.line for one in bring(portfolio, csv_of(*FILLS[:2])).refusals] == [2]


def test_a_fee_in_a_third_coin_takes_the_rate_of_its_day(portfolio: Portfolio) -> None:
    at = datetime(2024, 11, 1, 9, tzinfo=UTC)
    answer: dict[str, Any] = fill(0, "buy", "1", fee=("0.01", "BNB"))
    answer["timestamp"] = int(at.timestamp() * 1000)
    sold = {**answer, "id": "2", "side": "sell", "fee": None}
    sold["timestamp"] = int((at + timedelta(hours=1)).timestamp() * 1000)
    report = bring_ccxt(portfolio, [answer, sold], day_rates=rates_of(WIDE))
    assert counts(report) == (2, 0, 0)
    assert profits() == [D("-5.705")]


def test_the_command_reads_a_file_of_rates(
    portfolio: Portfolio, tmp_path: Path
) -> None:
    file, rates = tmp_path / "trades.csv", tmp_path / "rates.csv"
    file.write_text(csv_of(*FILLS[:2]))
    rates.write_text(WIDE)
    answer = {"user": portfolio.user.username, "portfolio": portfolio.name}
    answer |= {"strategy": ensure_strategy(portfolio).strategy_id}
    options: dict[str, Any] = {**answer, "format": "binance-csv"}
    call_command("import_trades", str(file), fx_rates=rates, **options)
    assert profits() == [D(6930)]
    with pytest.raises(CommandError, match="There is no file"):
        call_command("import_trades", str(file), fx_rates=tmp_path / "x", **options)
    rates.write_text("nothing")
    with pytest.raises(CommandError, match="is not a table of rates"):
        call_command("import_trades", str(file), fx_rates=rates, **options)
