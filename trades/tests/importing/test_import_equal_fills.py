"""One fill from two sources counts once: by its ids, else when it is said to be one."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from goals.models import Portfolio
from mastertrade.values.exceptions import IdempotencyConflict
from trades.booking.open import open_trade
from trades.booking.void import void_trade
from trades.freqtrade.messages import read_message
from trades.freqtrade.tokens import issue_webhook
from trades.freqtrade.webhook import book_fill
from trades.importing.options import EqualFills
from trades.importing.previewing import ImportReport
from trades.models import Trade, TradeFill, WebhookToken
from trades.tests.factories import ensure_strategy
from trades.tests.importing.test_import_fills import (
    FILES,
    NOW,
    START,
    assert_no_drift,
    bring,
    bring_ccxt,
    counts,
    csv_of,
    fill,
    line,
    portfolio,  # noqa: F401
)

D = Decimal
DATABASE = FILES / "freqtrade.sqlite"
KNOWN, NEW = EqualFills.KNOWN, EqualFills.NEW


def both(first: bool = True) -> list[dict[str, Any]]:
    """The fills of `csv_lines`, as ccxt gives them: with ids and milliseconds."""
    fills = [fill(1.005, "buy", "2", key="71"), fill(2.005, "sell", "1", "11", "72")]
    return fills if first else fills[1:]


CSV = csv_of(line(1, "buy", "2"), line(2, "sell", "1", "11"))


def equal(report: ImportReport) -> list[int]:
    assert report.import_id is None
    named = [one for one in report.refusals if "equal_fills" in one.reason]
    return [one.line for one in named]


def test_fills_of_a_file_and_of_ccxt_are_named_before_anything_is_booked(
    portfolio: Portfolio,  # noqa: F811
) -> None:
    assert counts(bring(portfolio, CSV)) == (2, 0, 0)
    more = [*both(), fill(3, "sell", "1", "12")]
    report = bring_ccxt(portfolio, more, venue="binance")
    assert equal(report) == [1, 2]
    assert "binance:main:" in report.refusals[0].reason
    report = bring_ccxt(portfolio, both(), venue="binance", equal_fills=KNOWN)
    assert counts(report) == (0, 2, 0)
    report = bring_ccxt(portfolio, both(), venue="binance", equal_fills=NEW)
    assert counts(report) == (2, 0, 0)
    assert_no_drift(portfolio)


def test_it_is_the_same_the_other_way_round(
    portfolio: Portfolio,  # noqa: F811
) -> None:
    assert counts(bring_ccxt(portfolio, both(), venue="binance")) == (2, 0, 0)
    assert equal(bring(portfolio, CSV)) == [2, 3]
    assert counts(bring(portfolio, CSV, equal_fills=KNOWN)) == (0, 2, 0)
    assert Trade.objects.count() == 2


def test_of_equal_fills_no_more_are_known_than_the_other_source_has(
    portfolio: Portfolio,  # noqa: F811
) -> None:
    bring(portfolio, csv_of(line(1, "buy", "2"), line(1, "buy", "2")))
    three = [fill(1, "buy", "2", key=str(n)) for n in range(3)]
    report = bring_ccxt(portfolio, three, equal_fills=KNOWN)
    assert counts(report) == (1, 2, 0)
    assert TradeFill.objects.count() == 3


@pytest.mark.parametrize(
    ("other", "is_equal"),
    [
        ({"venue": None}, True),
        ({"venue": "Kraken"}, True),
        ({"venue": "krakenfutures"}, True),
        ({"venue": "okx"}, False),
        ({"account": "second"}, False),
    ],
)
def test_another_account_and_another_venue_are_another_fill(
    portfolio: Portfolio,  # noqa: F811
    other: dict[str, Any],
    is_equal: bool,
) -> None:
    bring_ccxt(portfolio, both())
    report = bring_ccxt(portfolio, both(), **other)
    assert (report.refused == 2) == is_equal


@pytest.mark.parametrize(
    "other",
    [
        fill(1.02, "buy", "2"),  # 1.2 seconds later
        fill(1, "sell", "2", symbol="SOL/USDT:USDT"),
        fill(1, "buy", "2", "10.01"),
        fill(1, "buy", "2.00000001"),
        fill(1, "buy", "2", symbol="ETH/USDT"),
    ],
)
def test_what_differs_is_another_fill(
    portfolio: Portfolio,  # noqa: F811
    other: dict[str, Any],
) -> None:
    bring(portfolio, CSV)
    assert counts(bring_ccxt(portfolio, [other])) == (1, 0, 0)


def test_an_order_that_was_filled_in_pieces_is_compared_as_a_whole(
    portfolio: Portfolio,  # noqa: F811
) -> None:
    record(portfolio, quantity="3", price="10.5")
    pieces = [
        {**fill(1 + n / 100, "buy", "1", price, str(n)), "order": "9"}
        for n, price in enumerate(("10", "10.5", "11"))
    ]
    assert equal(bring_ccxt(portfolio, pieces)) == [1, 2, 3]
    report = bring_ccxt(portfolio, pieces, equal_fills=KNOWN)
    assert counts(report) == (0, 3, 0)


def record(portfolio: Portfolio, quantity: str, price: str) -> Trade:  # noqa: F811
    """Open a trade as a call of the API does."""
    trade, _ = open_trade(
        user=portfolio.user,
        now=NOW,
        portfolio=portfolio.pk,
        strategy_id=ensure_strategy(portfolio).strategy_id,
        symbol="SOLUSDT",
        side=Trade(side="LONG").side,
        quantity=D(quantity),
        entry_price=D(price),
        entry_time=START,
    )
    return trade


def test_a_trade_that_was_recorded_by_hand_is_named_unless_it_is_void(
    portfolio: Portfolio,  # noqa: F811
) -> None:
    trade = record(portfolio, "2", "10")
    assert equal(bring_ccxt(portfolio, both())) == [1]
    void_trade(user=portfolio.user, trade_id=trade.pk, reason="twice", now=NOW)
    assert counts(bring_ccxt(portfolio, both())) == (2, 0, 0)


def test_trades_of_our_own_format_are_compared_with_fills_that_came_in(
    portfolio: Portfolio,  # noqa: F811
) -> None:
    bring_ccxt(portfolio, both())
    row = {
        "external_id": "mine",
        "symbol": "SOLUSDT",
        "side": "LONG",
        "quantity": "2",
        "entry_price": "10",
        "entry_time": (START + timedelta(minutes=1)).isoformat(),
    }
    other = {**row, "external_id": "other", "quantity": "5"}
    content = json.dumps([row, other])
    assert equal(bring(portfolio, content, "mastertrade-json")) == [1]
    report = bring(portfolio, content, "mastertrade-json", equal_fills=KNOWN)
    assert counts(report) == (1, 1, 0)
    again = bring(portfolio, content, "mastertrade-json", equal_fills=NEW)
    assert counts(again) == (1, 1, 0)


# A bot's orders are the venue's: there the ids allow it.


def orders_of(key: int, database: Path = DATABASE) -> Iterator[dict[str, Any]]:
    """A bot's orders as ccxt gives their fills, each in two pieces."""
    query = """SELECT o.order_id, o.ft_order_side, o.average, o.filled, t.pair,
                      o.order_filled_date
               FROM orders o JOIN trades t ON t.id = o.ft_trade_id
               WHERE o.ft_trade_id = ? AND o.filled > 0 ORDER BY o.id"""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(query, [key]).fetchall()
    for order_id, side, price, filled, pair, at in rows:
        stamp = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1000
        for piece in (1, 2):
            yield {
                "id": f"{order_id}-{piece}",
                "order": order_id,
                "timestamp": int(stamp),
                "symbol": pair,
                "side": side,
                "price": repr(price),
                "amount": str(D(repr(filled)) / 2),
                "cost": None,
            }


def bring_bot(portfolio: Portfolio, **options: Any) -> ImportReport:  # noqa: F811
    return bring(portfolio, DATABASE.read_bytes(), "freqtrade", **options)


@pytest.fixture
def bot_portfolio(portfolio: Portfolio) -> Portfolio:  # noqa: F811
    Portfolio.objects.filter(pk=portfolio.pk).update(currency="USDT")
    portfolio.refresh_from_db()
    return portfolio


def test_a_fill_of_a_bots_order_is_known_by_the_order(
    bot_portfolio: Portfolio,
) -> None:
    created = bring_bot(bot_portfolio).created
    fills = list(orders_of(1))
    assert counts(bring_ccxt(bot_portfolio, fills, venue="binance")) == (0, 4, 0)
    minute = 60_000  # the bot learns of its fills a little later
    elsewhere = [
        {**one, "order": None, "timestamp": one["timestamp"] - minute} for one in fills
    ]
    assert len(equal(bring_ccxt(bot_portfolio, elsewhere, venue="binance"))) == 4
    assert counts(bring_bot(bot_portfolio)) == (0, created, 0)
    assert_no_drift(bot_portfolio)


def test_a_bots_trade_is_known_by_the_fills_of_its_orders(
    bot_portfolio: Portfolio,
) -> None:
    assert counts(bring_ccxt(bot_portfolio, orders_of(1))) == (4, 0, 0)
    report = bring_bot(bot_portfolio)
    assert report.refused == 0
    assert report.known == 1
    assert not Trade.objects.filter(external_id="freqtrade:main:1").exists()


def test_a_bots_trade_of_which_some_orders_came_in_as_fills_is_refused(
    bot_portfolio: Portfolio,
) -> None:
    bring_ccxt(bot_portfolio, list(orders_of(1))[:2])
    report = bring_bot(bot_portfolio)
    assert [one.line for one in report.refusals] == [1]
    assert report.import_id is None


def test_a_fill_that_a_webhook_told_is_named_and_so_is_its_reverse(
    bot_portfolio: Portfolio,
) -> None:
    strategy = ensure_strategy(bot_portfolio).strategy_id
    _, address = issue_webhook(
        user=bot_portfolio.user,
        portfolio=bot_portfolio.pk,
        bot="main",
        strategy_id=strategy,
        now=NOW,
    )
    assert address
    body = {
        "type": "entry_fill",
        "trade_id": "1",
        "pair": "SOL/USDT",
        "direction": "Long",
        "leverage": "1.0",
        "amount": "2.0",
        "open_rate": "10.0",
        "open_date": str(START),
    }
    message = read_message(body, NOW)
    hook = WebhookToken.objects.get()
    bring_ccxt(bot_portfolio, both())
    with pytest.raises(IdempotencyConflict, match="imported from a file of fills"):
        book_fill(webhook=hook, message=message, now=NOW)
    for trade in Trade.objects.filter(portfolio=bot_portfolio):
        void_trade(user=bot_portfolio.user, trade_id=trade.pk, reason="x", now=NOW)
    book_fill(webhook=hook, message=message, now=NOW)
    later = [fill(1, "buy", "2", key="91")]
    assert equal(bring_ccxt(bot_portfolio, later, venue="okx")) == [1]
