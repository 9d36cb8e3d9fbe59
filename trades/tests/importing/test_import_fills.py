"""Importing files of fills into a ledger: once, in any portions, to the last digit."""

import io
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from goals.models import Portfolio
from goals.tests.factories import PortfolioFactory
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.validation import HIDDEN_FOUND
from trades.booking.add import add_to_trade
from trades.booking.close import close_trade
from trades.booking.open import open_trade
from trades.booking.reconcile import find_drift
from trades.booking.void import void_trade
from trades.enums import Side
from trades.importing.import_trades import import_trades
from trades.importing.options import ImportOptions
from trades.importing.previewing import ImportReport
from trades.models import Position, Trade, TradeFill, TradeImport
from trades.tests.factories import ensure_strategy

FILES = Path(__file__).parents[1] / "files"
NOW = datetime(2026, 4, 20, tzinfo=UTC)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SWAP = "SOL/USDT:USDT"
NEWER = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee"
D = Decimal


@pytest.fixture
def portfolio(db: None) -> Portfolio:
    return PortfolioFactory(opening_balance=D(100_000))


def bring(
    portfolio: Portfolio,
    content: bytes | str,
    format_name: str = "binance-csv",
    partial: bool = False,
    **options: Any,
) -> ImportReport:
    body = content.encode() if isinstance(content, str) else content
    answer = {"strategy_id": ensure_strategy(portfolio).strategy_id, **options}
    return import_trades(
        user=portfolio.user,
        portfolio=portfolio.pk,
        source=io.BytesIO(body),
        file_name="fills",
        format_name=format_name,
        now=NOW,
        options=ImportOptions(**answer),
        partial=partial,
    )


def bring_ccxt(portfolio: Portfolio, fills: Iterable[Any], **more: Any) -> ImportReport:
    body = json.dumps(list(fills), default=str)
    return bring(portfolio, body, "ccxt-json", **{"venue": "kraken", **more})


def counts(report: ImportReport) -> tuple[int, int, int]:
    return report.created, report.known, report.refused


def assert_no_drift(portfolio: Portfolio) -> None:
    assert [str(row) for row in find_drift([portfolio.pk])] == []


def csv_of(*lines: str) -> str:
    """A file of these lines, told oldest first, as Binance writes it: newest first."""
    return "\n".join([NEWER, *reversed(lines), ""])


def line(
    minute: float, side: str, quantity: str, price: str = "10", fee: str = ""
) -> str:
    at = START + timedelta(minutes=minute)
    total = D(quantity) * D(price)
    fields = (f"{at:%Y-%m-%d %H:%M:%S}", "SOLUSDT", side.upper(), price)
    return ",".join([*fields, f"{quantity}SOL", f"{total}USDT", fee])


def fill(
    minute: float,
    side: str,
    quantity: str,
    price: str = "10",
    key: str | None = "",
    fee: tuple[str, str] | None = None,
    symbol: str = "SOL/USDT",
) -> dict[str, Any]:
    at = START + timedelta(minutes=minute)
    cost = str(D(quantity) * D(price)) if ":" in symbol else None
    return {
        "id": f"{minute}-{side}-{quantity}" if key == "" else key,
        "timestamp": int(at.timestamp() * 1000),
        "symbol": symbol,
        "side": side,
        "price": price,
        "amount": quantity,
        "cost": cost,
        "fee": None if fee is None else {"cost": fee[0], "currency": fee[1]},
    }


def trade_of(key: str) -> Trade:
    """The trade or part whose id ends like that."""
    return Trade.objects.get(external_id__endswith=key)


def figures(portfolio: Portfolio) -> list[dict[str, Any]]:
    """All that makes a trade, apart from keys and from which file it came."""
    apart = {
        "trade_id",
        "parent_trade_id",
        "portfolio_id",
        "ledger_key",
        "source_import_id",
        "request_fingerprint",
        "created_at",
        "updated_at",
    }
    rows = Trade.objects.filter(portfolio=portfolio).order_by("external_id")
    return [
        {
            "parent": row["parent_trade__external_id"],
            **{name: value for name, value in row.items() if name not in apart},
        }
        for row in rows.values(
            "parent_trade__external_id", *[f.attname for f in Trade._meta.fields]
        )
    ]


def positions(portfolio: Portfolio) -> list[tuple[Any, ...]]:
    rows = Position.objects.filter(portfolio=portfolio, status="open")
    return list(
        rows.order_by("trade__external_id").values_list(
            "trade__external_id", "side", "quantity", "entry_price"
        )
    )


# A file as the exchange writes it.


def test_a_file_of_binance_becomes_trades_and_parts(portfolio: Portfolio) -> None:
    report = bring(portfolio, (FILES / "binance_trades.csv").read_bytes())
    assert counts(report) == (9, 0, 0)
    rows = Trade.objects.order_by("symbol", "entry_time", "exit_time", "quantity")
    answer = ("symbol", "status", "quantity", "entry_fees", "exit_fees", "profit_loss")
    assert list(rows.values_list(*answer)) == [
        # Bought 150 less the fee of 0.15, at 4; sold at 4.5.
        ("1INCHUSDT", "closed", D("149.85"), D("0.6"), D("0.674325"), D("73.650675")),
        ("BNBUSDT", "open", D("1.998"), D("0.5"), 0, None),
        (
            *("BTCUSDT", "closed", D("0.01998"), D("0.9")),
            *(D("0.96150653"), D("60.54502447")),
        ),
        # A fee of 0.00375 BNB at 250; the sale of 150 takes a lot and half a lot.
        ("SOLUSDT", "closed", D(50), D("0.46875"), D("0.75"), D("123.78125")),
        ("SOLUSDT", "closed", D(100), D("0.9375"), D("1.5"), D("247.5625")),
        ("SOLUSDT", "closed", D(20), D("0.1875"), D("0.304"), D("53.5085")),
        ("SOLUSDT", "open", D(30), D("0.28125"), 0, None),
    ]
    assert Portfolio.objects.get(pk=portfolio.pk).equity == D("100559.04794947")
    assert {trade.quote_currency for trade in rows} == {"USDT"}
    assert_no_drift(portfolio)


def test_every_fill_is_kept_with_its_trade(portfolio: Portfolio) -> None:
    bring(portfolio, (FILES / "binance_trades.csv").read_bytes())
    fills = TradeFill.objects.filter(portfolio=portfolio)
    assert fills.count() == 9
    assert not fills.filter(trade=None).exists()
    assert set(fills.values_list("source_import_id")) == {
        (TradeImport.objects.get().pk,)
    }
    bought = fills.get(symbol="BTCUSDT", kind="entry")
    assert (bought.quantity, bought.price, bought.fees) == (D("0.02"), 45000, D("0.9"))
    assert bought.trade.external_id == bought.external_id


def test_importing_twice_adds_nothing(portfolio: Portfolio) -> None:
    content = (FILES / "binance_trades.csv").read_bytes()
    bring(portfolio, content)
    before = figures(portfolio), TradeFill.objects.count()
    report = bring(portfolio, content)
    assert (counts(report), report.import_id) == ((0, 9, 0), None)
    assert (figures(portfolio), TradeFill.objects.count()) == before


@pytest.mark.parametrize("first", range(1, 9))
def test_a_longer_file_adds_only_what_is_new(portfolio: Portfolio, first: int) -> None:
    header, *lines = (FILES / "binance_trades.csv").read_text().splitlines()
    oldest = "\n".join([header, *lines[-first:]])
    assert counts(bring(portfolio, oldest)) == (first, 0, 0)
    report = bring(portfolio, "\n".join([header, *lines]))
    assert counts(report) == (9 - first, first, 0)
    other = PortfolioFactory(user=portfolio.user, opening_balance=D(100_000))
    bring(other, "\n".join([header, *lines]))
    assert figures(portfolio) == figures(other)
    assert positions(portfolio) == positions(other)
    assert_no_drift(portfolio)


def test_the_older_layout_with_rates(portfolio: Portfolio) -> None:
    content = (FILES / "binance_trades_older.csv").read_bytes()
    refused = bring(portfolio, content)
    assert refused.refused == 6
    assert {one.column for one in refused.refusals} == {"Market"}
    rates = {"BTC": D(13000), "ETH": D(1200)}
    assert counts(bring(portfolio, content, fx_rates=rates)) == (6, 0, 0)
    # Fees of 0.00117 BNB at the 0.0014 BTC that it cost the day before.
    lots = Trade.objects.filter(symbol="ADABTC", parent_trade=None)
    first, second = lots.order_by("external_id")
    assert first.entry_fees == D("0.00000164")
    assert (first.status, second.status) == ("closed", "open")
    assert (second.quantity, second.fx_rate) == (500, 13000)
    (snt,) = Trade.objects.filter(symbol="SNTETH")
    assert (snt.quantity, snt.entry_fees) == (D("399.6"), D("0.000084"))
    # (0.000225 - 0.00021) x 399.6 less both fees, in ETH of 1200.
    assert snt.profit_loss == D("0.00582009") * 1200
    assert_no_drift(portfolio)


def test_files_that_ccxt_made(portfolio: Portfolio) -> None:
    spot = (FILES / "ccxt_spot.json").read_bytes()
    swap = (FILES / "ccxt_swap.jsonl").read_bytes()
    assert counts(bring(portfolio, spot, "ccxt-json", venue="binance")) == (4, 0, 0)
    assert counts(bring(portfolio, swap, "ccxt-json", venue="binance")) == (3, 0, 0)
    prefix = "ccxt:binance:main:BTC/USDT:USDT"
    part = Trade.objects.get(external_id=f"{prefix}:698759>698760")
    rest = Trade.objects.get(external_id=f"{prefix}:698759")
    turned = Trade.objects.get(external_id=f"{prefix}:698999")
    assert [one.side for one in (part, rest, turned)] == ["SHORT", "SHORT", "LONG"]
    # A rebate is no fee but funding.
    assert (part.exit_fees, part.funding) == (0, D("0.05136012"))
    answer = D("410.4") * D("0.012") - D("0.2074104") + D("0.05136012")
    assert part.profit_loss == answer
    assert (rest.quantity, rest.status) == (D("0.008"), "closed")
    assert rest.exit_fees == D("0.1376")  # 8 of 18 of the fee
    assert (turned.quantity, turned.entry_fees) == (D("0.010"), D("0.172"))
    assert turned.status == "open"
    for content in (spot, swap):
        report = bring(portfolio, content, "ccxt-json", venue="binance")
        assert report.created == report.refused == 0
    assert_no_drift(portfolio)


# Order, and fills of one instant.


def test_identical_fills_stay_apart(portfolio: Portfolio) -> None:
    twice = line(1, "buy", "1"), line(1, "buy", "1")
    assert counts(bring(portfolio, csv_of(*twice))) == (2, 0, 0)
    assert counts(bring(portfolio, csv_of(*twice))) == (0, 2, 0)
    assert counts(bring(portfolio, csv_of(*twice, twice[0]))) == (1, 2, 0)
    assert Trade.objects.count() == 3


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_file_may_stand_in_either_order(
    portfolio: Portfolio, newest_first: bool
) -> None:
    lines = [
        line(1, "buy", "1", "10"),
        line(1, "buy", "1", "11"),
        line(2, "sell", "1", "12"),
    ]
    answer = lines[::-1] if newest_first else lines
    bring(portfolio, "\n".join([NEWER, *answer]))
    closed = Trade.objects.get(status="closed")
    assert (closed.entry_price, closed.profit_loss) == (10, 2)


def test_a_sale_waits_for_the_purchases_of_its_second(portfolio: Portfolio) -> None:
    content = csv_of(line(1, "sell", "3", "11"), line(1, "buy", "3", "10"))
    assert counts(bring(portfolio, content)) == (2, 0, 0)
    assert Trade.objects.get().profit_loss == 3


def test_one_sale_of_several_lots_and_several_sales_of_one(
    portfolio: Portfolio,
) -> None:
    fills = [
        fill(1, "buy", "1", key="a", fee=("0.1", "USDT")),
        fill(2, "buy", "3", key="b", fee=("0.1", "USDT")),
        fill(3, "sell", "2", key="c", fee=("0.1", "USDT"), price="12"),
        fill(4, "sell", "1", key="d", price="13"),
        fill(5, "sell", "1", key="e", price="14"),
    ]
    assert counts(bring_ccxt(portfolio, fills)) == (5, 0, 0)
    rows = Trade.objects.order_by("exit_time", "entry_time")
    answer = ("external_id", "quantity", "entry_fees", "exit_fees", "profit_loss")
    prefix = "ccxt:kraken:main:SOL/USDT:"
    assert list(rows.values_list(*answer)) == [
        (f"{prefix}a", 1, D("0.1"), D("0.05"), D("1.85")),
        (f"{prefix}b>c", 1, D("0.03333333"), D("0.05"), D("1.91666667")),
        (f"{prefix}b>d", 1, D("0.03333333"), 0, D("2.96666667")),
        (f"{prefix}b", 1, D("0.03333334"), 0, D("3.96666666")),
    ]


# What is refused.


def test_a_sale_of_more_than_was_bought_is_refused(portfolio: Portfolio) -> None:
    content = csv_of(line(1, "buy", "2"), line(2, "sell", "3"), line(3, "sell", "1"))
    report = bring(portfolio, content)
    assert (counts(report), report.import_id) == ((0, 0, 2), None)
    assert [(one.line, one.column) for one in report.refusals] == [
        (2, "Executed"),
        (3, "Executed"),
    ]
    assert "earlier history" in report.refusals[0].reason
    assert not Trade.objects.exists()
    assert not TradeFill.objects.exists()
    assert not TradeImport.objects.exists()


def test_partial_closes_what_there_is_and_refuses_the_surplus(
    portfolio: Portfolio,
) -> None:
    content = csv_of(line(1, "buy", "2"), line(2, "sell", "3", "11", "0.3USDT"))
    report = bring(portfolio, content, partial=True)
    assert report.refused == 1
    trade = Trade.objects.get()
    assert (trade.quantity, trade.exit_fees, trade.profit_loss) == (
        2,
        D("0.2"),
        D("1.8"),
    )
    again = bring(portfolio, content, partial=True)
    assert (again.created, again.import_id) == (0, None)
    assert Trade.objects.count() == 1


def test_a_fill_before_those_imported_is_refused(portfolio: Portfolio) -> None:
    bring(portfolio, csv_of(line(5, "buy", "2"), line(6, "sell", "1")))
    report = bring(portfolio, csv_of(line(4, "buy", "1"), line(6, "sell", "1", "11")))
    (refusal,) = report.refusals
    assert (refusal.line, refusal.column) == (3, "Date(UTC)")
    assert "2026-03-02 09:06:00" in refusal.reason
    other = line(4, "buy", "1").replace("SOL", "ETH")
    assert counts(bring(portfolio, csv_of(other))) == (1, 0, 0)


def test_a_fill_in_the_future_is_refused(portfolio: Portfolio) -> None:
    far = (NOW - START).total_seconds() / 60 + 1
    (refusal,) = bring(portfolio, csv_of(line(far, "buy", "1"))).refusals
    assert (refusal.line, refusal.column) == (2, "Date(UTC)")


@pytest.mark.parametrize(
    ("wrong", "column"),
    [
        (fill(1, "buy", "0.0000000000001"), "amount"),
        (fill(1, "buy", "1e25"), "amount"),
        (fill(1, "buy", "1", "0.0000000000001"), "price"),
        (fill(1, "buy", "1e15", "1e15"), "amount"),
        (fill(1, "buy", "1", fee=("1", "SOL")), "fee"),
        (fill(1, "buy", "1", fee=("1", "DOGE")), "fee"),
        (fill(1, "buy", "1", fee=("1e20", "USDT")), "fee"),
        (fill(1, "buy", "1", symbol="SOL/usdt"), "symbol"),
        (fill(1, "buy", "1", symbol="SOL/EUR"), "symbol"),
        (fill(-(10**9), "buy", "1"), "timestamp"),
    ],
)
def test_what_the_ledger_cannot_hold_is_refused_by_its_column(
    portfolio: Portfolio, wrong: dict[str, Any], column: str
) -> None:
    report = bring_ccxt(portfolio, [fill(0, "buy", "1"), wrong])
    assert [(one.line, one.column) for one in report.refusals] == [(2, column)]
    assert report.import_id is None


def funding(minute: float, cost: str, symbol: str = SWAP) -> dict[str, Any]:
    """An execution by which a position was funded, as Bybit and BitMEX give them."""
    answer = fill(minute, "sell", "3", "11", f"f{minute}", (cost, "USDT"), symbol)
    return {**answer, "info": {"execType": "Funding"}}


def test_funding_among_fills_is_funding_of_what_is_open(portfolio: Portfolio) -> None:
    fills = [
        fill(1, "buy", "3", symbol=SWAP, fee=("0.1", "USDT")),
        funding(2, "-0.03"),
        fill(3, "sell", "3", "11", symbol=SWAP, fee=("0.1", "USDT")),
    ]
    assert counts(bring_ccxt(portfolio, fills)) == (3, 0, 0)
    trade = Trade.objects.get()
    assert (trade.status, trade.profit_loss) == ("closed", D("2.83"))
    assert trade.funding == D("0.03")
    kept = TradeFill.objects.get(kind="funding")
    assert (kept.trade, kept.fees, kept.funding) == (trade, 0, D("0.03"))
    assert counts(bring_ccxt(portfolio, fills)) == (0, 3, 0)
    assert_no_drift(portfolio)


def test_funding_in_a_later_file_reaches_the_trade_of_an_earlier_one(
    portfolio: Portfolio,
) -> None:
    bring_ccxt(portfolio, [fill(1, "sell", "3", symbol=SWAP)])
    assert counts(bring_ccxt(portfolio, [funding(2, "0.5")])) == (1, 0, 0)
    assert Trade.objects.get().funding == D("-0.5")
    assert positions(portfolio)[0][1:] == ("SHORT", D(3), D(10))
    bring_ccxt(portfolio, [funding(2, "0.5"), fill(3, "buy", "3", "9", symbol=SWAP)])
    assert Trade.objects.get().profit_loss == D("2.5")
    assert_no_drift(portfolio)


def test_funding_without_a_trade_and_of_spot_is_refused(portfolio: Portfolio) -> None:
    report = bring_ccxt(portfolio, [funding(1, "1"), funding(1, "1", "SOL/USDT")])
    assert [one.column for one in report.refusals] == ["", "info"]
    assert report.import_id is None


def test_a_trade_with_oneself_is_two_fills_under_one_id(portfolio: Portfolio) -> None:
    held = fill(0, "buy", "1")
    both = [fill(1, side, "1", key="7") for side in ("buy", "sell")]
    assert counts(bring_ccxt(portfolio, [held, both[0]])) == (2, 0, 0)
    assert counts(bring_ccxt(portfolio, [held, *both])) == (1, 2, 0)
    for again in (both, both[::-1], [both[1], both[1]]):
        assert counts(bring_ccxt(portfolio, again)) == (0, 2, 0)
    names = TradeFill.objects.order_by("external_id").values_list("external_id")
    assert [name.rpartition(":")[2] for (name,) in names] == ["0-buy-1", "7", "7-sell"]
    other = {**both[1], "amount": "2"}
    assert counts(bring_ccxt(portfolio, [other])) == (0, 0, 1)


def test_rounded_figures_are_said_once_for_the_whole_file(portfolio: Portfolio) -> None:
    noisy = "0.30000000000000004"
    report = bring_ccxt(portfolio, [fill(n, "buy", noisy) for n in (1, 2, 3)])
    assert counts(report) == (3, 0, 0)
    (warning,) = report.warnings
    assert "3 in all" in warning
    assert noisy in warning
    assert {row[2] for row in positions(portfolio)} == {D("0.3")}


def test_an_id_that_is_told_twice_is_one_fill(portfolio: Portfolio) -> None:
    one = fill(1, "buy", "1", key="7")
    assert counts(bring_ccxt(portfolio, [one, one])) == (1, 1, 0)
    with_fee = {**one, "fee": {"cost": 1, "currency": "USDT"}}
    assert counts(bring_ccxt(portfolio, [with_fee])) == (0, 1, 0)


def test_an_id_with_other_figures_is_refused(portfolio: Portfolio) -> None:
    one, other = fill(1, "buy", "1", key="7"), fill(1, "buy", "2", key="7")
    assert [row.line for row in bring_ccxt(portfolio, [one, other]).refusals] == [2]
    bring_ccxt(portfolio, [one])
    (refusal,) = bring_ccxt(portfolio, [other]).refusals
    assert "other figures" in refusal.reason


def test_an_id_is_one_of_its_market_venue_and_account(portfolio: Portfolio) -> None:
    one = fill(1, "buy", "1", key="7")
    elsewhere = {**one, "symbol": "ETH/USDT"}
    assert counts(bring_ccxt(portfolio, [one, elsewhere])) == (2, 0, 0)
    assert counts(bring_ccxt(portfolio, [one], account="second")) == (1, 0, 0)
    assert counts(bring_ccxt(portfolio, [one], venue="okx")) == (1, 0, 0)
    assert Trade.objects.count() == 4


def test_accounts_do_not_sell_each_others_lots(portfolio: Portfolio) -> None:
    bring_ccxt(portfolio, [fill(1, "buy", "1")])
    sale = [fill(2, "sell", "1")]
    assert bring_ccxt(portfolio, sale, account="second").refused == 1
    assert bring_ccxt(portfolio, sale).refused == 0


def test_fills_without_ids_are_known_by_their_content(portfolio: Portfolio) -> None:
    nameless = [fill(1, "buy", "1", key=None)] * 2
    assert counts(bring_ccxt(portfolio, nameless)) == (2, 0, 0)
    assert counts(bring_ccxt(portfolio, nameless)) == (0, 2, 0)


def test_fills_need_a_strategy_of_the_user(portfolio: Portfolio) -> None:
    for strategy_id in (None, "unknown"):
        with pytest.raises(InvalidInput) as caught:
            bring(portfolio, csv_of(line(1, "buy", "1")), strategy_id=strategy_id)
        assert caught.value.field == "strategy_id"


# Rates.


def test_a_fee_in_a_third_coin_needs_a_rate(portfolio: Portfolio) -> None:
    content = csv_of(line(1, "buy", "1", "10", "0.01BNB"))
    (refusal,) = bring(portfolio, content).refusals
    assert (refusal.line, refusal.column) == (2, "Fee")
    assert "BNB" in refusal.reason
    bring(portfolio, content, fee_rates={"BNB": D(300)})
    assert Trade.objects.get().entry_fees == 3


def test_a_rate_in_the_portfolios_currency_serves_every_quote(
    portfolio: Portfolio,
) -> None:
    fills = [
        fill(1, "buy", "1", fee=("0.01", "BNB")),
        fill(2, "buy", "1", "0.05", fee=("0.01", "BNB"), symbol="ETH/BTC"),
    ]
    rates = {"fee_rates": {"BNB": D(300)}, "fx_rates": {"BTC": D(60000)}}
    bring_ccxt(portfolio, fills, **rates)
    fees = Trade.objects.order_by("entry_time").values_list("entry_fees", flat=True)
    assert list(fees) == [3, D("0.00005")]


def test_a_fee_is_worth_what_its_coin_last_traded_at(portfolio: Portfolio) -> None:
    coin = {"symbol": "BNB/USDT", "key": None}
    january = [
        fill(1, "buy", "1", "200", **coin),
        fill(2, "buy", "1", fee=("0.01", "BNB"), key="a"),
        fill(3, "buy", "1", "300", **coin),
    ]
    february = [
        fill(4, "buy", "1", fee=("0.01", "BNB"), key="b"),
        fill(5, "buy", "1", "400", **coin),
        fill(6, "buy", "1", fee=("0.01", "BNB"), key="c"),
    ]
    bring_ccxt(portfolio, january)
    bring_ccxt(portfolio, february)
    assert [trade_of(f":{key}").entry_fees for key in "abc"] == [2, 3, 4]


@pytest.mark.parametrize("newest_first", [True, False])
def test_of_two_prices_of_one_instant_the_file_s_own_counts(
    db: None, newest_first: bool
) -> None:
    portfolio = PortfolioFactory(currency="EUR", opening_balance=D(1000))

    def euros(price: str) -> str:
        amounts = f"100USDT,{D(price) * 100}EUR"
        return f"{START:%Y-%m-%d %H:%M:%S},USDTEUR,BUY,{price},{amounts},"

    bring(portfolio, csv_of(euros("0.8")))
    lines = [euros("0.9"), line(1, "buy", "1"), line(2, "buy", "1")]
    answer = lines[::-1] if newest_first else lines
    report = bring(portfolio, "\n".join([NEWER, *answer]))
    assert counts(report) == (3, 0, 0)
    rates = Trade.objects.filter(symbol="SOLUSDT").values_list("fx_rate", flat=True)
    assert set(rates) == {D("0.9")}


def test_a_quote_of_another_currency_needs_its_rate(db: None) -> None:
    portfolio = PortfolioFactory(currency="EUR", opening_balance=D(1000))
    fills = [fill(1, "buy", "1", "100"), fill(2, "sell", "1", "110")]
    report = bring_ccxt(portfolio, fills)
    assert {one.column for one in report.refusals} == {"symbol"}
    bring_ccxt(portfolio, fills, fx_rates={"USDT": D("0.92")})
    assert Trade.objects.get().profit_loss == D("9.2")


def test_a_lot_keeps_the_rate_it_was_opened_at(db: None) -> None:
    portfolio = PortfolioFactory(currency="EUR", opening_balance=D(1000))
    bring_ccxt(portfolio, [fill(1, "buy", "2", "100")], fx_rates={"USDT": D("0.92")})
    later = [fill(2, "sell", "1", "110"), fill(3, "sell", "1", "120")]
    assert bring_ccxt(portfolio, later, fx_rates={"USDT": D("0.90")}).refused == 0
    rows = Trade.objects.order_by("exit_time")
    assert [row.profit_loss for row in rows] == [D("9.2"), D("18.4")]
    assert_no_drift(portfolio)


# Beside what is done by hand.


def by_hand(portfolio: Portfolio, fills: Iterable[dict[str, Any]]) -> None:
    """The same purchases and sales through the services, first in first out."""
    open_trades: list[Trade] = []
    for answer in fills:
        quantity, price = D(answer["amount"]), D(answer["price"])
        at = datetime.fromtimestamp(answer["timestamp"] / 1000, UTC)
        fees = D(answer["fee"]["cost"])
        common = {"user": portfolio.user, "now": NOW}
        if answer["side"] == "buy":
            trade, _ = open_trade(
                portfolio=portfolio.pk,
                strategy_id=ensure_strategy(portfolio).strategy_id,
                symbol=answer["symbol"],
                side=Side.LONG,
                quantity=quantity,
                entry_price=price,
                entry_time=at,
                fees=fees,
                **common,
            )
            open_trades.append(trade)
            continue
        while quantity:
            trade = open_trades[0]
            trade.refresh_from_db()
            part = min(quantity, trade.quantity)
            close_trade(
                trade_id=trade.pk,
                exit_price=price,
                exit_time=at,
                fees=fees * part / D(answer["amount"]),
                quantity=part,
                **common,
            )
            quantity -= part
            if part == trade.quantity:
                open_trades.pop(0)


def test_fills_book_what_the_same_trades_by_hand_book(portfolio: Portfolio) -> None:
    fee = ("0.07", "USDT")
    fills = [
        fill(1, "buy", "0.7", "10.123456789", fee=fee),
        fill(2, "buy", "1.3", "11.987654321", fee=fee),
        fill(3, "sell", "0.35", "12.111111111", fee=fee),
        fill(4, "sell", "0.7", "9.333333333", fee=fee),
        fill(5, "sell", "0.35", "14.777777777", fee=fee),
    ]
    bring_ccxt(portfolio, fills)
    other = PortfolioFactory(user=portfolio.user, opening_balance=D(100_000))
    by_hand(other, fills)
    answer = ("entry_price", "quantity", "entry_fees", "exit_price", "exit_fees")
    booked = ("profit_loss", "unbooked_profit", "status", "entry_time", "exit_time")
    rows = [
        Trade.objects.filter(portfolio=one)
        .order_by("entry_time", "exit_time", "quantity")
        .values_list(*answer, *booked)
        for one in (portfolio, other)
    ]
    assert list(rows[0]) == list(rows[1])


def test_a_lot_closed_by_hand_is_not_sold_again(portfolio: Portfolio) -> None:
    bring_ccxt(portfolio, [fill(1, "buy", "2")])
    answer = {"user": portfolio.user, "trade_id": Trade.objects.get().pk, "now": NOW}
    at = START + timedelta(minutes=2)
    close_trade(exit_price=D(11), quantity=D(1), exit_time=at, **answer)
    assert bring_ccxt(portfolio, [fill(3, "sell", "2")]).refused == 1
    assert counts(bring_ccxt(portfolio, [fill(3, "sell", "1")])) == (1, 0, 0)
    assert_no_drift(portfolio)


def test_a_void_lot_is_neither_sold_nor_imported_again(portfolio: Portfolio) -> None:
    bought = [fill(1, "buy", "2")]
    bring_ccxt(portfolio, bought)
    void_trade(
        user=portfolio.user, trade_id=Trade.objects.get().pk, reason="x", now=NOW
    )
    assert counts(bring_ccxt(portfolio, bought)) == (0, 1, 0)
    assert bring_ccxt(portfolio, [fill(3, "sell", "2")]).refused == 1


def test_what_was_added_to_a_lot_by_hand_keeps_its_cost(portfolio: Portfolio) -> None:
    bring_ccxt(portfolio, [fill(1, "buy", "1", "10")])
    add_to_trade(
        user=portfolio.user,
        trade_id=Trade.objects.get().pk,
        quantity=D(2),
        entry_price=D("10.1"),
        now=NOW,
        at=START + timedelta(minutes=2),
        external_id="by hand",
    )
    sales = [fill(3, "sell", "1", "11"), fill(4, "sell", "2", "11")]
    bring_ccxt(portfolio, sales[:1])
    bring_ccxt(portfolio, sales[1:])
    assert sum(trade.profit_loss for trade in Trade.objects.all()) == D("2.8")
    assert_no_drift(portfolio)


def test_a_part_sold_later_lessens_the_position(portfolio: Portfolio) -> None:
    bring_ccxt(portfolio, [fill(1, "buy", "3"), fill(2, "buy", "1")])
    bring_ccxt(portfolio, [fill(3, "sell", "2", "12")])
    assert [row[2] for row in positions(portfolio)] == [1, 1]
    bring_ccxt(portfolio, [fill(4, "sell", "2", "12")])
    assert positions(portfolio) == []
    assert Portfolio.objects.get(pk=portfolio.pk).equity == 100_008
    assert_no_drift(portfolio)


# The ways in.


def test_the_command_imports_fills(
    portfolio: Portfolio, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fills.csv"
    path.write_text(csv_of(line(1, "buy", "1", "10", "0.01BNB")))
    answer = {
        "format": "binance-csv",
        "user": portfolio.user_id,
        "portfolio": portfolio.name,
        "strategy": ensure_strategy(portfolio).strategy_id,
    }
    with pytest.raises(CommandError, match="nothing was imported"):
        call_command("import_trades", str(path), **answer)
    assert "BNB" in capsys.readouterr().out
    call_command("import_trades", str(path), fee_rate=["BNB=300"], **answer)
    assert "1 created, 0 already known, 0 refused" in capsys.readouterr().out
    assert Trade.objects.get().entry_fees == 3


@pytest.mark.parametrize(
    "make", [lambda text: text.encode("utf-16"), lambda text: text.encode() + b'"\n1']
)
def test_a_broken_file_is_refused_whole(
    portfolio: Portfolio, make: Callable[[str], bytes]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        bring(portfolio, make(csv_of(line(1, "buy", "1"))))
    assert caught.value.field == "file"
    assert not Trade.objects.exists()


HUGE = "1e300"


@pytest.mark.parametrize("coin", ["SOL", "USDT", "BNB"])
@pytest.mark.parametrize("symbol", ["SOL/USDT", "SOL/USDT:USDT"])
def test_a_fee_out_of_range_is_refused_by_line(
    portfolio: Portfolio, coin: str, symbol: str
) -> None:
    rates = {"USDT": D(1), "BNB": D(300)}
    for cost in (HUGE, f"-{HUGE}"):
        one = fill(0, "buy", "1", fee=(cost, coin), symbol=symbol)
        report = bring_ccxt(portfolio, [one], fx_rates=rates)
        (refusal,) = report.refusals
        assert (refusal.column, refusal.reason) == ("fee", "is out of range.")


def test_a_huge_fee_of_binance_is_refused_by_line(portfolio: Portfolio) -> None:
    for fee in ("1E300USDT", "9" * 500 + "BNB"):
        report = bring(portfolio, csv_of(line(0, "buy", "1", fee=fee)))
        (refusal,) = report.refusals
        assert (refusal.line, refusal.column) == (2, "Fee")
        assert refusal.reason == "is out of range."


@pytest.mark.parametrize("text", ["\0", "\ud800", "BNB\0"], ids=ascii)
@pytest.mark.parametrize("answer", ["id", "fee", "fee without an id"])
def test_what_the_database_cannot_keep_is_refused_by_line(
    portfolio: Portfolio, answer: str, text: str
) -> None:
    one = fill(0, "buy", "1", key=text)
    if answer != "id":
        one = fill(0, "buy", "1", fee=("1", text), key="" if answer == "fee" else None)
    (refusal,) = bring_ccxt(portfolio, [one]).refusals
    assert refusal.column == answer.partition(" ")[0]
    assert refusal.reason == HIDDEN_FOUND


def test_a_coin_that_is_no_text_is_refused_by_line(portfolio: Portfolio) -> None:
    older = "Date(UTC),Market,Type,Price,Amount,Total,Fee,Fee Coin"
    content = f"{older}\n2026-03-02 09:00:00,SOLUSDT,BUY,10,1,10,0.01,B\0"
    (refusal,) = bring(portfolio, content).refusals
    assert (refusal.line, refusal.column) == (2, "Fee")
