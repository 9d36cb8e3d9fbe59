"""A portfolio's performance, as its ledger and its decisions have it."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from goals.enums import PortfolioKind
from goals.models import CashFlow, Portfolio
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.factories import START, GoalFactory, PortfolioFactory
from strategies.tests.factories import StrategyFactory
from tests.examples import fewer
from trades.booking.add import add_to_trade
from trades.booking.cash_flows import record_valued_cash_flow
from trades.booking.close import close_trade
from trades.booking.void import void_trade
from trades.decisions.obedience import (
    Sized,
    SizedDay,
    how_sized,
    measure_obedience,
)
from trades.decisions.returns import fall_pct
from trades.decisions.streaks import find_streaks
from trades.models import Trade
from trades.services import own_performance
from trades.services.own_performance import OwnPerformance, measure_performance
from trades.services.performance import Span, load_performances
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import TradeFactory, book_profit, import_profits

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
NOW = START + 100 * DAY


def measure(portfolio: Portfolio, now: datetime = NOW) -> OwnPerformance:
    found = measure_performance(Portfolio.objects.get(pk=portfolio.pk), now)
    assert found is not None
    return found


def deposit(portfolio: Portfolio, amount: int, at: datetime) -> None:
    record_valued_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(amount),
        at=at,
        now=at,
    )


def test_nothing_booked_is_no_performance() -> None:
    assert measure_performance(PortfolioFactory(), NOW) is None


def test_a_deposit_moves_neither_the_unit_return_nor_the_money_made() -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(100), START + DAY)
    deposit(portfolio, 1100, START + 2 * DAY)
    book_profit(portfolio, Decimal(-220), START + 3 * DAY)

    found = measure(portfolio)

    assert (found.unit_return_pct, found.money_made) == (-1, -120)
    assert [fall_pct(one) for one in found.values] == [0, 0, 10]
    assert found.flows == [(date(2026, 3, 3), 1100)]
    assert found.money_weighted.pct is not None
    assert -10 < found.money_weighted.pct < -1


def test_without_flows_both_returns_are_the_same() -> None:
    portfolio = PortfolioFactory()
    for day, profit in ((1, 80), (5, -30), (9, 111)):
        book_profit(portfolio, Decimal(profit), START + day * DAY)

    found = measure(portfolio)

    assert found.unit_return_pct == found.money_weighted.pct == Decimal("16.1")


def test_a_year_is_named_from_a_year_on() -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(100), START)

    year = measure(portfolio, START + timedelta(days=365))

    assert year.money_weighted.yearly_pct == 10
    assert measure(portfolio).money_weighted.yearly_pct is None


def test_days_count_closes_and_not_cash_flows() -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(10), START + DAY)
    book_profit(portfolio, Decimal(-4), START + DAY)
    deposit(portfolio, 50, START + DAY)
    deposit(portfolio, 50, START + 2 * DAY)

    days = [(one.day.day, one.profit, one.closes) for one in measure(portfolio).days]

    assert days == [(2, 6, 2), (3, 0, 0)]


def test_trading_days_begin_when_the_portfolio_says() -> None:
    portfolio = PortfolioFactory(time_zone="America/Chicago", day_starts_at=time(17))
    for hour in (16, 18, 33):  # local: before the day begins, in it, and next noon
        at = datetime(2026, 3, 2, 6, tzinfo=UTC) + timedelta(hours=hour)
        book_profit(portfolio, Decimal(hour), at)
        deposit(portfolio, 1, at)

    days = [(one.day.day, one.profit, one.closes) for one in measure(portfolio).days]

    assert days == [(1, 16, 1), (2, 51, 2)]


def test_values_are_of_the_run_of_units_under_way() -> None:
    portfolio = PortfolioFactory(hard_drawdown_pct=Decimal(100))
    book_profit(portfolio, Decimal(-1000), START + DAY)
    deposit(portfolio, 500, START + 2 * DAY)
    book_profit(portfolio, Decimal(50), START + 3 * DAY, override=True)

    found = measure(portfolio)

    assert found.unit_return_pct == 10
    assert (found.began, found.run_began) == (date(2026, 3, 2), date(2026, 3, 3))
    assert [one.unit_value for one in found.values] == [1, Decimal("1.1")]
    assert found.money_made == -950


def advised(portfolio: Portfolio, at: datetime) -> Any:
    """A decision that advises 1,300: behind, by the ladder."""
    goal = portfolio.goals.first() or GoalFactory(portfolio=portfolio)
    decision, _ = size_for_goal(
        user=portfolio.user, goal_id=goal.pk, now=at, base_size=Decimal(1000)
    )
    assert decision.adjusted_size == 1300
    return decision


def trade_of(portfolio: Portfolio, at: datetime, quantity: str, **fields: Any) -> Any:
    """Opened at 50,000 a unit."""
    return TradeFactory(
        portfolio=portfolio, quantity=Decimal(quantity), entry_time=at, now=at, **fields
    )


def close(trade: Any, at: datetime, **fields: Any) -> None:
    close_trade(
        user=trade.user,
        trade_id=trade.pk,
        exit_price=Decimal(50100),
        exit_time=at,
        now=at,
        **fields,
    )


def kinds(portfolio: Portfolio) -> dict[Sized | None, int]:
    lines = measure(portfolio).obedience
    return {one.sized: one.trades for one in lines if one.trades and one.sized}


@pytest.mark.parametrize(
    ("quantity", "sized"),
    [
        ("0.026", Sized.AS_ADVISED),
        ("0.03", Sized.LARGER),
        ("0.02", Sized.SMALLER),
    ],
)
def test_a_trade_is_held_against_the_decision_that_sized_it(
    quantity: str, sized: Sized
) -> None:
    portfolio, at = PortfolioFactory(), START + DAY
    decision = advised(portfolio, at)
    trade = trade_of(portfolio, at, quantity, adjustment_id=decision.pk)
    close(trade, at + DAY)

    assert kinds(portfolio) == {sized: 1}


def test_parts_are_one_trade_of_what_was_entered_in_all() -> None:
    portfolio, at = PortfolioFactory(), START + DAY
    decision = advised(portfolio, at)
    trade = trade_of(portfolio, at, "0.026", adjustment_id=decision.pk)
    close(trade, at + DAY, quantity=Decimal("0.016"))
    close(trade, at + 2 * DAY)

    assert kinds(portfolio) == {Sized.AS_ADVISED: 1}
    assert measure(portfolio).obedience[0].profit == Decimal("2.6")


def test_adding_to_a_trade_makes_it_larger() -> None:
    portfolio, at = PortfolioFactory(), START + DAY
    decision = advised(portfolio, at)
    trade = trade_of(portfolio, at, "0.026", adjustment_id=decision.pk)
    add_to_trade(
        user=portfolio.user,
        trade_id=trade.pk,
        quantity=Decimal("0.01"),
        entry_price=Decimal(50000),
        now=at,
    )
    close(trade, at + DAY)

    assert kinds(portfolio) == {Sized.LARGER: 1}


def test_nobody_asked_and_overridden_are_lines_of_their_own() -> None:
    portfolio, at = PortfolioFactory(), START + DAY
    book_profit(portfolio, Decimal(5), at)
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="news", now=at + DAY
    )
    book_profit(portfolio, Decimal(-7), at + 2 * DAY, override=True)

    lines = {one.sized: one.profit for one in measure(portfolio).obedience}

    assert lines[Sized.WITHOUT_ASKING] == 5
    assert lines[Sized.OVERRIDDEN] == -7
    assert lines[None] == -2


def test_an_open_or_void_trade_counts_nowhere() -> None:
    portfolio, at = PortfolioFactory(), START + DAY
    book_profit(portfolio, Decimal(5), at)
    wrong = book_profit(portfolio, Decimal(900), at)
    void_trade(user=portfolio.user, trade_id=wrong.pk, reason="twice", now=at)
    trade_of(portfolio, at, "0.01")

    found = measure(portfolio)

    assert (found.trades, found.money_made) == (1, 5)
    assert (found.streaks.now, found.streaks.trades) == (1, 1)


@pytest.mark.parametrize("kind", PortfolioKind)
def test_strategies_and_streaks_are_those_of_the_portfolio_alone(
    kind: PortfolioKind,
) -> None:
    portfolio = PortfolioFactory()
    other = PortfolioFactory(user=portfolio.user, kind=kind)
    book_profit(other, Decimal(-900), START + DAY)
    for day, profit in ((1, 5), (2, -1), (3, -1)):
        book_profit(portfolio, Decimal(profit), START + day * DAY)

    found = measure(portfolio)

    (line,) = found.strategies
    assert (line.trades, line.wins, line.profit) == (3, 1, 3)
    assert (found.streaks.now, found.streak_began) == (-2, START + 2 * DAY)


def test_more_trades_are_no_more_statements_and_the_newest_are_walked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(1), START)
    with CaptureQueriesContext(connection) as few:
        measure(portfolio)
    profits = [(START + (1 + n) * DAY, Decimal(n % 3 - 1)) for n in range(30)]
    import_profits(portfolio, profits)
    deposit(portfolio, 10, START + 40 * DAY)
    monkeypatch.setattr(own_performance, "MOST_WALKED", 10)

    with CaptureQueriesContext(connection) as many:
        found = measure(portfolio)

    assert len(many) == len(few)
    assert found.trades == 10
    assert found.since is not None
    assert len(found.days) == 32


# One statement says what each trade says.


def book_at_random(portfolio: Portfolio, seed: int) -> None:
    """Trades of two strategies: advised or not, split, enlarged, void, at one time."""
    random = Random(seed)
    names = [StrategyFactory(user=portfolio.user).strategy_id for _ in range(2)]
    given = [advised(portfolio, START + number * DAY).pk for number in range(2)]
    decisions = [None, *given]
    for number in range(40):
        at = START + (3 + number // 3) * DAY
        if number % 9 == 4:
            deposit(portfolio, 70 * number, at)
        halts = number % 13 == 6
        if halts:
            halt_trading(
                user=portfolio.user, portfolio_id=portfolio.pk, reason="news", now=at
            )
        trade = trade_of(
            portfolio,
            at,
            random.choice(["0.026", "0.0273", "0.02731", "0.0247", "0.01"]),
            adjustment_id=random.choice(decisions),
            strategy_id=random.choice(names),
            override=halts,
        )
        if halts:
            resume_trading(user=portfolio.user, portfolio_id=portfolio.pk, now=at)
        if number % 7 == 0:
            add_to_trade(
                user=portfolio.user,
                trade_id=trade.pk,
                quantity=Decimal("0.003"),
                entry_price=Decimal(49000),
                now=at,
            )
        end_at_random(trade, at, number, random)


def end_at_random(trade: Any, at: datetime, number: int, random: Random) -> None:
    def leave(**fields: Any) -> Any:
        price = Decimal(50000 + 100 * random.randint(-2, 2))
        return close_trade(
            user=trade.user,
            trade_id=trade.pk,
            exit_price=price,
            exit_time=at,
            now=at,
            **fields,
        ).booked

    ended = [leave(quantity=Decimal("0.002")) for _ in range(number % 4)]
    if number % 11 != 10:
        ended.append(leave())
    if number % 8 == 3:
        wrong = random.choice(ended)
        void_trade(user=trade.user, trade_id=wrong.pk, reason="twice", now=at)


def told_by_each(
    portfolio: Portfolio,
) -> tuple[str, list[SizedDay], dict[str, tuple[int, int, Decimal]]]:
    """The results in order, the days of each way of sizing, and the strategies."""
    closed = list(
        Trade.objects.filter(portfolio=portfolio, status="closed").order_by(
            "exit_time", "ledger_key"
        )
    )
    flows = list(CashFlow.objects.filter(portfolio=portfolio))
    roots = {one.pk: one for one in Trade.objects.filter(portfolio=portfolio)}
    groups: dict[int, list[Trade]] = {}
    for one in closed:
        groups.setdefault(one.parent_trade_id or one.pk, []).append(one)
    ended = [
        (parts[-1], roots[key], parts)
        for key, parts in groups.items()
        if roots[key].status != "open"
    ]
    results, days, strategies = "", [], {}
    for last, root, parts in sorted(
        ended, key=lambda one: (one[0].exit_time, one[0].ledger_key)
    ):
        place = (last.exit_time, last.ledger_key)
        profit = sum((one.profit_loss for one in parts), Decimal(0))
        made = [one.profit_loss for one in closed if _place(one) <= place]
        put_in = [
            one.amount for one in flows if (one.flowed_at, one.ledger_key) <= place
        ]
        before = portfolio.opening_balance + sum(made) + sum(put_in) - profit
        entered = sum(
            (one.entry_notional or one.quantity * one.entry_price) * one.fx_rate
            for one in parts
        )
        results += "+" if profit > 0 else "-" if profit < 0 else "0"
        sized = how_sized(
            notional=entered,
            advised=root.adjustment and root.adjustment.adjusted_size,
            overridden=root.override_halt_id is not None,
        )
        pct = profit * 100 / before
        days.append(SizedDay(sized, last.exit_time.date(), 1, profit, 1, pct))
        trades, wins, total = strategies.get(root.strategy_id, (0, 0, Decimal(0)))
        strategies[root.strategy_id] = (trades + 1, wins + (profit > 0), total + profit)
    return results, sorted(days, key=lambda one: one.day), strategies


def _place(trade: Trade) -> tuple[Any, int]:
    return trade.exit_time, trade.ledger_key


@pytest.mark.parametrize("seed", fewer(range(3)))
def test_one_statement_sums_up_what_each_trade_says(seed: int) -> None:
    portfolio = PortfolioFactory(opening_balance=Decimal(5000))
    book_at_random(portfolio, seed)
    results, days, strategies = told_by_each(portfolio)
    assert set(results) >= {"+", "-"}
    assert {one.sized for one in days} == set(Sized)

    found = measure(portfolio)

    assert found.streaks == find_streaks(results)
    assert [replace(one, mean_pct=None) for one in found.obedience] == [
        replace(one, mean_pct=None) for one in measure_obedience(days)
    ]
    assert {
        one.strategy.strategy_id: (one.trades, one.wins, one.profit)
        for one in found.strategies
    } == strategies
    span = Span(until_at=NOW, portfolio_id=portfolio.pk)
    records = load_performances(portfolio.user, list(strategies), span)
    for one in found.strategies:
        assert one.record == records[one.strategy.strategy_id].record


def test_the_row_under_way_began_with_its_first_trade() -> None:
    portfolio = PortfolioFactory()
    assert measure_after(portfolio, []) is None
    assert measure_after(portfolio, [3, 2]) == START
    assert measure_after(portfolio, [-1, -2]) == START + 2 * DAY
    assert measure_after(portfolio, [0]) is None


def measure_after(portfolio: Portfolio, profits: list[int]) -> datetime | None:
    """When the row of results began that these end."""
    booked = Trade.objects.filter(portfolio=portfolio).count()
    for number, profit in enumerate(profits, booked):
        book_profit(portfolio, Decimal(profit), START + number * DAY)
    found = measure_performance(portfolio, NOW)
    return None if found is None else found.streak_began


def test_most_strategies_are_shown_and_the_others_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(own_performance, "MOST_STRATEGIES", 2)
    portfolio = PortfolioFactory()
    names = [StrategyFactory(user=portfolio.user).strategy_id for _ in range(4)]
    for place, count in enumerate((1, 3, 2, 1)):
        for number in range(count):
            at = START + number * DAY
            book_profit(portfolio, Decimal(place), at, strategy_id=names[place])

    found = measure(portfolio)

    assert [one.strategy.strategy_id for one in found.strategies] == [
        names[2],
        names[1],
    ]
    assert found.left_out == 2


def test_deposits_of_a_day_count_each_from_its_time_on() -> None:
    portfolio = PortfolioFactory(opening_balance=Decimal(0))
    deposit(portfolio, 1000, START)
    deposit(portfolio, 1000, START + timedelta(hours=12))
    book_profit(portfolio, Decimal(310), START + timedelta(hours=23))

    found = measure(portfolio, START + DAY)

    # 1000 g + 1000 √g = 2310, for √g = 1.1
    assert found.money_weighted.pct == 21
    assert found.flows == [(START.date(), 2000)]
