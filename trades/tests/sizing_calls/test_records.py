"""Growth records: what counts, what it counts as, and what makes them anew."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from threading import Event
from typing import Any
from unittest.mock import patch

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from goals.decisions.trade_record import NO_RECORD, GrowthRecord
from goals.models import GoalAdjustmentLog, Portfolio
from goals.services.portfolios import record_cash_flow
from goals.services.voids import void_cash_flow
from goals.tests.factories import GoalFactory, PortfolioFactory
from strategies.tests.factories import StrategyFactory
from tests.http import count_statements
from trades.booking.close import close_trade
from trades.booking.reconcile import find_drift, mend_drift
from trades.booking.void import void_trade
from trades.decisions.performance import Performance
from trades.importing.import_trades import import_trades
from trades.models import GrowthRecord as Kept
from trades.models import Trade
from trades.services import performance
from trades.services.performance import Span, load_performances
from trades.sizing_calls import record_sql as sql
from trades.sizing_calls import records
from trades.sizing_calls.decide import size_for_portfolio
from trades.sizing_calls.records import (
    keep_sample,
    load_growths,
    load_record,
    load_records,
    load_sample,
)
from trades.tests.factories import TradeFactory, book_profit
from trades.tests.growths import plain_record
from trades.tests.races import run_at_once

pytestmark = pytest.mark.django_db

DAY_ONE = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = DAY_ONE + timedelta(days=30)


def at(hours: int) -> datetime:
    return DAY_ONE + timedelta(hours=hours)


def record_of(
    portfolio: Portfolio, as_of: datetime = NOW, strategy_id: str | None = None
) -> GrowthRecord:
    """The record as it is loaded, after proving that the plain one is equal."""
    record = load_record(portfolio.user, portfolio, as_of, strategy_id=strategy_id)
    portfolios = [portfolio]
    if strategy_id is not None:
        portfolios = list(Portfolio.objects.filter(user=portfolio.user))
    assert record == plain_record(portfolios, as_of, strategy_id)
    assert list(find_drift([portfolio.pk])) == []
    return record


def means(portfolio: Portfolio) -> list[float]:
    return load_growths(portfolio, NOW).tolist()


def decide(portfolio: Portfolio, base_size: str, **sizes: Any) -> GoalAdjustmentLog:
    GoalFactory(portfolio=portfolio)
    row, _ = size_for_portfolio(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=DAY_ONE,
        base_size=Decimal(base_size),
        **sizes,
    )
    return row


def test_a_growth_is_the_profit_by_the_equity_before_the_close() -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(100), at=at(1))
    book_profit(portfolio, Decimal(-110), at=at(2))

    assert means(portfolio) == [0.1, -0.1]
    record = record_of(portfolio)
    assert (record.trades, record.mean, record.best) == (2, 0, Decimal("0.1"))
    assert record.typical_loss == Decimal("0.1")


def test_a_decision_that_sized_the_trade_larger_takes_its_factor_out() -> None:
    portfolio = PortfolioFactory()
    decision = decide(portfolio, "500")
    trade = TradeFactory(  # 1000 for a base of 500: factor 2
        portfolio=portfolio, adjustment_id=decision.pk, entry_time=at(1), now=at(1)
    )
    close_trade(
        user=portfolio.user,
        trade_id=trade.pk,
        exit_price=Decimal(51000),
        exit_time=at(2),
        now=NOW,
    )

    assert means(portfolio) == [0.01]  # 20 of 1000, at half the size
    assert record_of(portfolio).mean == Decimal("0.01")


def test_notional_in_another_currency_counts_in_the_portfolios() -> None:
    portfolio = PortfolioFactory()
    decision = decide(portfolio, "2000")
    trade = TradeFactory(  # 1000 EUR are 2000: factor 1
        portfolio=portfolio,
        adjustment_id=decision.pk,
        quote_currency="EUR",
        fx_rate=Decimal(2),
        entry_time=at(1),
        now=at(1),
    )
    close_trade(
        user=portfolio.user,
        trade_id=trade.pk,
        exit_price=Decimal(51000),
        exit_time=at(2),
        now=NOW,
    )

    assert means(portfolio) == [0.04]
    assert record_of(portfolio).trades == 1


def test_a_trade_that_was_sized_zero_does_not_count() -> None:
    portfolio = PortfolioFactory()
    decision = decide(portfolio, "500", min_size=Decimal(10000))
    assert decision.adjusted_size == 0
    book_profit(portfolio, Decimal(50), at=at(1), adjustment_id=decision.pk)

    assert record_of(portfolio) == NO_RECORD


def test_a_trade_without_equity_before_it_does_not_count() -> None:
    portfolio = PortfolioFactory()
    one, other = (
        TradeFactory(portfolio=portfolio, entry_time=at(1), now=at(1)) for _ in range(2)
    )
    close(one, "1", at(2))
    record_cash_flow(
        user=portfolio.user, portfolio=portfolio.pk, amount=Decimal("0.1"), now=at(3)
    )
    close(other, "51000", at(4))
    equity = Portfolio.objects.get(pk=portfolio.pk).equity

    assert equity == Decimal("20.12")
    assert record_of(portfolio).trades == 2
    assert load_growths(portfolio, NOW).shape == (2,)
    close_all_below_zero = PortfolioFactory(opening_balance=Decimal(10))
    ruined, late = (
        TradeFactory(portfolio=close_all_below_zero, entry_time=at(1), now=at(1))
        for _ in range(2)
    )
    close(ruined, "40000", at(2))
    close(late, "51000", at(3))
    assert record_of(close_all_below_zero).trades == 1


def close(trade: Trade, price: str, when: datetime, quantity: str | None = None) -> Any:
    return close_trade(
        user=trade.user,
        trade_id=trade.pk,
        exit_price=Decimal(price),
        exit_time=when,
        quantity=None if quantity is None else Decimal(quantity),
        now=NOW,
    )


def test_the_parts_of_a_trade_count_once_when_it_has_wholly_ended() -> None:
    portfolio = PortfolioFactory()
    trade = TradeFactory(portfolio=portfolio, entry_time=at(1), now=at(1))
    close(trade, "55000", at(2), "0.01")  # +50
    book_profit(portfolio, Decimal(10), at=at(3))
    assert record_of(portfolio).trades == 1
    close(trade, "45000", at(4), "0.005")  # -25
    assert record_of(portfolio).trades == 1

    close(trade, "55000", at(5))  # +25

    assert record_of(portfolio).trades == 2
    # The equity without the trade's own parts: 1000 + 10.
    assert means(portfolio)[1] == pytest.approx(50 / 1010)
    assert record_of(portfolio, at(4)).trades == 1  # not ended at that time


def test_parts_share_the_decision_of_their_trade() -> None:
    portfolio = PortfolioFactory()
    decision = decide(portfolio, "500")
    trade = TradeFactory(
        portfolio=portfolio, adjustment_id=decision.pk, entry_time=at(1), now=at(1)
    )
    close(trade, "55000", at(2), "0.01")
    close(trade, "55000", at(3))

    assert means(portfolio) == [0.05]  # 100 of 1000 at factor 2
    record_of(portfolio)


def test_a_trade_whose_rest_was_closed_before_a_part_ends_with_the_part() -> None:
    portfolio = PortfolioFactory()
    trade = TradeFactory(portfolio=portfolio, entry_time=at(1), now=at(1))
    close(trade, "55000", at(6), "0.01")
    close(trade, "55000", at(3))  # late

    assert record_of(portfolio, at(5)).trades == 0
    assert record_of(portfolio).trades == 1


def test_voiding_what_is_left_of_a_trade_ends_it_with_its_parts() -> None:
    portfolio = PortfolioFactory()
    trade = TradeFactory(portfolio=portfolio, entry_time=at(1), now=at(1))
    close(trade, "55000", at(2), "0.01")
    book_profit(portfolio, Decimal(10), at=at(3))
    assert record_of(portfolio).trades == 1

    void_trade(user=portfolio.user, trade_id=trade.pk, reason="mistaken", now=NOW)

    assert record_of(portfolio).trades == 2


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_void_trade_is_out_of_the_record_wherever_it_stood(which: int) -> None:
    portfolio = PortfolioFactory()
    booked = [book_profit(portfolio, Decimal(10), at=at(n)) for n in range(3)]
    assert record_of(portfolio).trades == 3

    void_trade(
        user=portfolio.user, trade_id=booked[which].pk, reason="mistaken", now=NOW
    )

    assert not Kept.objects.exists()
    assert record_of(portfolio).trades == 2


def test_a_void_part_of_an_ended_trade_takes_its_profit_out() -> None:
    portfolio = PortfolioFactory()
    trade = TradeFactory(portfolio=portfolio, entry_time=at(1), now=at(1))
    part = close(trade, "55000", at(2), "0.01").booked
    close(trade, "55000", at(3))
    record_of(portfolio)

    void_trade(user=portfolio.user, trade_id=part.pk, reason="mistaken", now=NOW)

    assert means(portfolio) == [0.05]
    record_of(portfolio)


def test_a_late_trade_or_cash_flow_makes_the_record_anew() -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(10), at=at(5))
    record_of(portfolio)

    book_profit(portfolio, Decimal(10), at=at(1))
    assert record_of(portfolio).trades == 2
    flow, _ = record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(1000),
        at=at(3),
        now=NOW,
    )
    late = record_of(portfolio)
    void_cash_flow(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        cash_flow_id=flow.pk,
        reason="mistaken",
        now=NOW,
    )
    assert record_of(portfolio).mean > late.mean


def test_the_record_of_the_past_looks_at_nothing_later_and_keeps_what_is_kept() -> None:
    portfolio = PortfolioFactory()
    for hour in range(5):
        book_profit(portfolio, Decimal(hour + 1), at=at(hour))
    newest = record_of(portfolio)
    kept = list(Kept.objects.order_by("pk").values())

    assert record_of(portfolio, at(2)).trades == 3
    assert list(Kept.objects.order_by("pk").values()) == kept
    assert record_of(portfolio) == newest


def test_a_past_record_that_nothing_is_kept_beyond_is_kept_and_grown_later() -> None:
    portfolio = PortfolioFactory()
    for hour in range(5):
        book_profit(portfolio, Decimal(hour + 1), at=at(hour))
    assert record_of(portfolio, at(2)).trades == 3
    assert Kept.objects.get(strategy_id="").trades == 3
    assert record_of(portfolio).trades == 5
    assert Kept.objects.get(strategy_id="").trades == 5


@pytest.mark.parametrize("at_once", [True, False])
def test_a_record_of_the_past_walks_no_more_trades_than_a_block_has(
    monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    """Wherever in the ledger that was, however its sums came to be stored."""
    monkeypatch.setattr(records, "MOST_IN_BLOCK", 4)
    portfolio = PortfolioFactory()
    for hour in range(11):
        book_profit(portfolio, Decimal(hour * 7 % 5 - 2), at=at(hour))
        if not at_once:
            record_of(portfolio)
    assert record_of(portfolio).trades == 11
    kept = Kept.objects.filter(strategy_id="").order_by("block")
    assert list(kept.values_list("trades", flat=True)) == [4, 4, 3]

    for hour in range(10):
        assert record_of(portfolio, at(hour)).trades == hour + 1
        assert rows_walked(portfolio, at(hour)) == (hour + 1) % 4


def rows_walked(portfolio: Portfolio, as_of: datetime) -> int:
    """What PostgreSQL says it made of the ledger for the record at `as_of`."""
    explained = []

    def ask(statement: str, values: Any) -> Any:
        with connection.cursor() as cursor, transaction.atomic():
            if statement == sql.CATCH_UP:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
                explained.append(cursor.fetchone()[0][0]["Plan"])
            cursor.execute(statement, values)
            return cursor.fetchall()

    with patch.object(records, "_ask", ask):
        load_record(portfolio.user, portfolio, as_of)
    return sum(count_rows(plan, "portfolio_growths") for plan in explained)


def count_rows(plan: dict[str, Any], function: str) -> int:
    own = 0
    if plan.get("Function Name") == function:
        own = int(plan["Actual Rows"] * plan["Actual Loops"])
    return own + sum(count_rows(part, function) for part in plan.get("Plans", ()))


def test_a_strategys_record_counts_its_trades_in_all_portfolios_of_its_user() -> None:
    one = PortfolioFactory()
    other = PortfolioFactory(user=one.user, opening_balance=Decimal(500))
    stranger = PortfolioFactory()
    for user in (one.user, stranger.user):
        StrategyFactory(user=user, strategy_id="mine")
        StrategyFactory(user=user, strategy_id="second")
    book_profit(one, Decimal(10), at=at(1), strategy_id="mine")
    book_profit(one, Decimal(7), at=at(2), strategy_id="second")
    book_profit(other, Decimal(10), at=at(1), strategy_id="mine")
    book_profit(stranger, Decimal(99), at=at(1), strategy_id="mine")

    assert record_of(one, strategy_id="mine").mean == Decimal("0.015")
    assert record_of(one).trades == 2
    kept = set(Kept.objects.values_list("portfolio_id", flat=True))
    assert kept == {one.pk, other.pk}
    both = load_records(one.user, ["mine", "second", "unheard"], NOW, locked=one)
    assert both["mine"] == record_of(other, strategy_id="mine")
    assert (both["second"].trades, both["unheard"]) == (1, NO_RECORD)


def test_a_record_costs_one_statement_and_one_more_after_a_trade(
    django_assert_num_queries: Any,
) -> None:
    portfolio = PortfolioFactory()
    trade = book_profit(portfolio, Decimal(10), at=at(1))
    load_record(portfolio.user, portfolio, NOW)
    with django_assert_num_queries(1):
        load_record(portfolio.user, portfolio, NOW)
    with django_assert_num_queries(1):
        load_record(portfolio.user, portfolio, NOW, strategy_id=trade.strategy_id)
    for hour in (2, 3, 4):
        book_profit(portfolio, Decimal(10), at=at(hour))
    with django_assert_num_queries(2):
        load_record(portfolio.user, portfolio, NOW)
    with django_assert_num_queries(1):
        names = [str(trade.strategy_id)] * 9
        load_records(portfolio.user, names, NOW, locked=portfolio)


def test_another_portfolio_is_walked_once_and_not_at_each_call(
    django_assert_num_queries: Any,
) -> None:
    one = PortfolioFactory()
    other = PortfolioFactory(user=one.user)
    name = str(book_profit(other, Decimal(10), at=at(1)).strategy_id)
    book_profit(other, Decimal(10), at=at(2))
    with django_assert_num_queries(3):
        first = load_records(one.user, [name], NOW, locked=one)
    with django_assert_num_queries(1):
        assert load_records(one.user, [name], NOW, locked=one) == first
    # At a time before what is kept nothing could be saved: it is not locked for that.
    with django_assert_num_queries(2):
        then = load_records(one.user, [name], at(1), locked=one)
    assert (first[name].trades, then[name].trades) == (2, 1)


@pytest.mark.django_db(transaction=True)
def test_a_portfolio_that_somebody_holds_is_read_and_not_waited_for() -> None:
    one = PortfolioFactory()
    other = PortfolioFactory(user=one.user)
    name = str(book_profit(other, Decimal(10), at=at(1)).strategy_id)
    is_held, may_let_go = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            list(Portfolio.objects.locked().filter(pk=other.pk))
            is_held.set()
            assert may_let_go.wait(timeout=10)

    def read() -> Any:
        assert is_held.wait(timeout=10)
        try:
            return record_of(one, strategy_id=name)
        finally:
            may_let_go.set()

    _, record = run_at_once(hold, read)

    assert record.trades == 1
    assert not Kept.objects.exists()
    assert record_of(one, strategy_id=name) == record
    assert Kept.objects.filter(portfolio=other).exists()


def test_closing_a_trade_never_touches_the_records() -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(10), at=at(1))
    record_of(portfolio)
    with CaptureQueriesContext(connection) as said:
        book_profit(portfolio, Decimal(10), at=at(2))

    assert not any("growth_records" in query["sql"] for query in said.captured_queries)


def import_rows(portfolio: Portfolio, rows: list[dict[str, Any]]) -> None:
    report = import_trades(
        user=portfolio.user,
        source=BytesIO(json.dumps(rows).encode()),
        file_name="trades.json",
        format_name="mastertrade-json",
        now=NOW,
        portfolio=portfolio.pk,
    )
    assert report.refused == 0, report.refusals


def row(name: str, entry: int, exit_hour: int, profit: int, **more: Any) -> Any:
    return {
        "external_id": name,
        "strategy_id": "mine",
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": "1",
        "entry_price": "1000",
        "entry_time": at(entry).isoformat(),
        "exit_price": str(1000 + profit),
        "exit_time": at(exit_hour).isoformat(),
        **more,
    }


def test_imported_trades_count_at_factor_one_and_behind_what_is_kept() -> None:
    portfolio = PortfolioFactory()
    StrategyFactory(user=portfolio.user, strategy_id="mine")
    import_rows(portfolio, [row("a", 1, 2, 10), row("b", 1, 4, 10)])
    assert record_of(portfolio).trades == 2

    import_rows(portfolio, [row("c", 1, 200, 10)])
    assert Kept.objects.get(strategy_id="").trades == 2  # days later: still right
    assert record_of(portfolio).trades == 3

    import_rows(portfolio, [row("d", 1, 3, 10)])
    assert record_of(portfolio).trades == 4


def test_a_part_imported_after_its_trade_had_ended_moves_the_trade() -> None:
    portfolio = PortfolioFactory()
    StrategyFactory(user=portfolio.user, strategy_id="mine")
    import_rows(portfolio, [row("a", 1, 2, 10), row("b", 1, 4, 10)])
    assert record_of(portfolio).trades == 2

    import_rows(
        portfolio, [row("a1", 1, 200, 10, parent_external_id="a", quantity="0.5")]
    )

    assert record_of(portfolio).trades == 2
    assert means(portfolio)[1] == pytest.approx(15 / 1010)


def test_what_was_deleted_by_hand_is_found_and_mended() -> None:
    portfolio = PortfolioFactory()
    trade = book_profit(portfolio, Decimal(10), at=at(1))
    book_profit(portfolio, Decimal(-10), at=at(2))
    record_of(portfolio)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM trades WHERE trade_id = %s", [trade.pk])

    drift = {(one.of, one.figure) for one in find_drift([portfolio.pk])}
    assert ("record of all strategies", "trades") in drift
    assert (f"record of strategy {trade.strategy_id}", "trades") in drift
    mend_drift(portfolio.pk, NOW)
    assert record_of(portfolio).trades == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [("equity", 1), ("sum_squares", 9), ("sum_cubes", 0), ("best_growth", 5)],
)
def test_each_kept_figure_is_proved(column: str, value: int) -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(10), at=at(1))
    book_profit(portfolio, Decimal(-20), at=at(2))
    record_of(portfolio)
    Kept.objects.filter(strategy_id="").update(**{column: value})

    assert [one.figure for one in find_drift([portfolio.pk])] == [column]


def test_a_portfolio_deleted_by_hand_takes_its_records_along() -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(10), at=at(1))
    record_of(portfolio)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM trades WHERE portfolio_id = %s", [portfolio.pk])
        cursor.execute("DELETE FROM portfolios WHERE portfolio_id = %s", [portfolio.pk])

    assert not Kept.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"trades": 0},
        {"wins": -1},
        {"wins": 2},
        {"sum_losses": 1},
        {"sum_growth": 7},
        {"best_growth": None},
        {"worst_growth": 9},
        {"sum_squares": -1},
        {"sum_cubes": -1},
        {"sum_cubes": 1},
    ],
)
def test_the_database_refuses_sums_that_cannot_be(changes: dict[str, Any]) -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(10), at=at(1))
    record_of(portfolio)
    with pytest.raises(IntegrityError), transaction.atomic():
        Kept.objects.filter(strategy_id="").update(**changes)


def test_a_long_record_is_told_by_its_last_trades(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And each growth is what it is in the whole record."""
    portfolio = PortfolioFactory()
    for number in range(12):
        for hour in (7, 9, 9, 15):  # some at the same instant, days with several
            profit = Decimal(number * 7 % 5 * 10 - 15 + hour)
            book_profit(portfolio, profit, at=at(24 * number + hour))
        if number % 3 == 0:
            record_cash_flow(
                user=portfolio.user,
                portfolio=portfolio.pk,
                amount=Decimal(50),
                at=at(24 * number + 10),
                now=NOW,
            )
    whole = load_growths(portfolio, NOW)
    assert len(whole) == 48
    for most in (1, 2, 3, 4, 5, 17, 46, 47, 48, 60):
        monkeypatch.setattr(records, "MOST_GROWTHS", most)
        # A portfolio has a user with an empty one besides.
        assert load_growths(portfolio, NOW).tolist() == whole[-most:].tolist()


def test_a_sample_has_the_times_of_each_trade_in_one_statement() -> None:
    """So trades that were open at once are known, and their parts count once."""
    portfolio = PortfolioFactory()
    for number in range(24):
        opened = at(24 * (number // 3) + number % 3)
        trade = TradeFactory(portfolio=portfolio, entry_time=opened)
        closed = at(24 * (number // 3) + 10 + number % 3)
        quantities = [Decimal("0.01"), None] if number == 5 else [None]
        for hours, quantity in enumerate(quantities):
            close_trade(
                user=portfolio.user,
                trade_id=trade.pk,
                quantity=quantity,
                exit_price=Decimal(50000 + 100 * (number % 5 - 2)),
                exit_time=closed + timedelta(minutes=hours),
                now=NOW,
            )
    with count_statements() as asked:
        sample = load_sample(portfolio, NOW)
    assert len(asked) == 1
    assert sample.growths.size == 24
    held = (sample.closed - sample.opened) * 24
    assert held.min() == pytest.approx(10)
    assert held.max() == pytest.approx(10 + 1 / 60)
    first = (DAY_ONE - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(days=1)
    assert sample.opened.min() == pytest.approx(first)
    assert sample.edge is not None
    # Three a day: ten bunches at least, of two trades each of 24 at most.
    assert sample.edge.trades_a_step == pytest.approx(24 / 16)


def test_a_long_performance_says_from_when_on_it_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portfolio = PortfolioFactory()
    for number in range(6):
        book_profit(portfolio, Decimal(10 * number - 20), at=at(24 * number))
    name = Trade.objects.filter(portfolio=portfolio)[0].strategy_id
    span = Span(until_at=NOW, portfolio_id=portfolio.pk)

    def answer(asked: Span = span) -> Performance:
        return load_performances(portfolio.user, [name], asked)[name]

    whole = answer()
    assert (whole.trades, whole.since) == (6, None)
    since_third = answer(replace(span, from_at=at(48)))
    assert (since_third.trades, since_third.since) == (4, None)
    assert since_third.money[0].profit_loss == 60
    monkeypatch.setattr(performance, "MOST_WALKED", 3)
    last = answer()
    assert (last.trades, last.since) == (3, at(48))
    assert last.money[0].profit_loss == 60
    assert answer(replace(span, from_at=at(96))).since is None


def test_a_kept_sample_is_read_again_after_a_trade_and_after_a_void() -> None:
    portfolio = PortfolioFactory()

    def look() -> list[float]:
        portfolio.refresh_from_db()
        record = load_record(portfolio.user, portfolio, NOW)
        with CaptureQueriesContext(connection) as found:
            sample = keep_sample(portfolio, NOW, record)
            keep_sample(portfolio, NOW, record)
        assert len(found) <= 1
        return [round(float(growth), 6) for growth in sample.growths]

    book_profit(portfolio, Decimal(10), DAY_ONE)
    assert look() == [0.01]
    trade = book_profit(portfolio, Decimal(0), DAY_ONE + timedelta(days=1))
    assert look() == [0.01, 0]
    void_trade(user=portfolio.user, trade_id=trade.pk, reason="wrong", now=NOW)
    assert look() == [0.01]


COPIES = """
INSERT INTO trades SELECT (jsonb_populate_record(t, jsonb_build_object(
    'trade_id', nextval(pg_get_serial_sequence('trades', 'trade_id')),
    'ledger_key', nextval('ledger_keys'),
    'external_id', NULL, 'parent_trade_id', %s::bigint,
    'exit_time', t.exit_time + n * interval '1 minute'))).*
FROM trades t, generate_series(1, %s) n WHERE t.trade_id = %s
RETURNING trade_id
"""
READ_SO_FAR = """
SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
WHERE relname = 'trades'
"""


def read_by_growths(portfolio: Portfolio, trades: int) -> int:
    """How many rows of trades the growths of so many made the database read."""
    with connection.cursor() as cursor:
        cursor.execute(READ_SO_FAR)
        [before] = cursor.fetchone()
        cursor.execute(
            "SELECT count(*) FROM portfolio_growths(%s, '-infinity', 0, %s, 10000)",
            [portfolio.pk, NOW],
        )
        assert cursor.fetchone() == (trades,)
        cursor.execute(READ_SO_FAR)
        [after] = cursor.fetchone()
    return int(after - before)


def test_growths_of_parts_read_few_rows_where_statistics_know_of_no_part():
    trade = book_profit(PortfolioFactory(), 5, at(0))
    with connection.cursor() as cursor:
        cursor.execute(COPIES, [None, 300, trade.pk])
        roots = [key for (key,) in cursor.fetchall()]
        cursor.execute("ANALYZE trades")
        for root in roots:
            cursor.execute(COPIES, [root, 4, root])
    read = read_by_growths(trade.portfolio, 1 + len(roots))
    # Itself, its root, its root's four other parts; each trade of 1,501.
    assert read < 8 * (1 + 5 * len(roots))


def test_growths_of_a_portfolio_read_no_trade_of_another():
    one, other = (book_profit(PortfolioFactory(), 5, at(0)) for _ in range(2))
    with connection.cursor() as cursor:
        cursor.execute(COPIES, [None, 1000, one.pk])
        cursor.execute(COPIES, [None, 1000, other.pk])
        cursor.execute("ANALYZE trades")
    # Its own, twice at the most; with the other's it would be three times as many.
    assert read_by_growths(one.portfolio, 1001) <= 2 * 1001
