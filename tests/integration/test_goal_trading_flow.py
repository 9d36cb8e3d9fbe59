"""The four flows of goal-oriented trading, on a real PostgreSQL.

Each runs through the services and again through HTTP. Progress always comes from
trades that were booked; no figure of a decision is computed here.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from django.db import connection

from goals.models import FinancialGoal, GoalAdjustmentLog, Portfolio
from tests.integration.traders import Trader
from trades.booking import close as closing
from trades.models import Trade

MOMENTUM = "test_goal_strategy_momentum_001"
REVERSION = "test_goal_strategy_mean_reversion_001"
BREAKOUT = "test_goal_strategy_breakout_001"
TYPES = {MOMENTUM: "momentum", REVERSION: "mean_reversion", BREAKOUT: "breakout"}
# 5 % of 1000 is 50: what each percent of the way is worth.
PER_PERCENT = Decimal("0.5")
ENTRY = Decimal(50000)


class Flow:
    """A trader with three strategies and the goal of 5 % a month on 1000."""

    def __init__(self, trader: Trader, strategies: tuple[str, ...] = tuple(TYPES)):
        self.trader = trader
        self.portfolio = trader.open_portfolio(
            name="flow", currency="USDT", opening_balance=Decimal(1000)
        )
        for strategy_id in strategies:
            trader.add_strategy(
                strategy_id=strategy_id, strategy_type=TYPES[strategy_id]
            )
        goal = trader.set_goal(
            goal_type="monthly_return",
            target_value=Decimal(5),
            portfolio=self.portfolio,
        )
        self.goal_id: int = goal["goal_id"]

    def size(self, **fields: Any) -> dict[str, Any]:
        return self.trader.size(self.goal_id, base_size=Decimal(1000), **fields)

    def open(self, quantity: Decimal | str, **fields: Any) -> int:
        trade = self.trader.open(
            portfolio=self.portfolio,
            strategy_id=MOMENTUM,
            symbol="BTCUSDT",
            side="LONG",
            quantity=Decimal(quantity),
            entry_price=ENTRY,
            **fields,
        )
        return int(trade["trade_id"])

    def advance_to(self, progress_pct: int) -> None:
        """Trade what is missing to a progress; the booking says where it is."""
        goal = self.trader.read_goal(self.goal_id)
        missing = Decimal(progress_pct) - goal["progress_pct"]
        if missing == 0:
            return
        trade_id = self.open("1")
        closed = self.trader.close(trade_id, exit_price=ENTRY + missing * PER_PERCENT)
        assert closed["goals"][0]["progress_pct"] == progress_pct

    def choose(self) -> dict[str, Any]:
        return self.trader.choose(self.goal_id)


@pytest.mark.django_db(transaction=True)
def test_complete_goal_trading_flow(trader: Trader) -> None:
    flow = Flow(trader)

    behind = flow.size()
    assert Decimal(behind["adjustment_factor"]) == Decimal("1.3")
    assert Decimal(behind["adjusted_size"]) == 1300
    assert behind["verdict"] == "allow"

    # The size asked for is the size traded: 1000 at 50000 is 0.02 BTC.
    capped = flow.size(max_size=Decimal(1000), price=ENTRY, strategy_id=MOMENTUM)
    trade_id = flow.open(capped["quantity"], adjustment_id=capped["adjustment_id"])
    trade = Trade.objects.get(pk=trade_id)
    assert trade.quantity == Decimal("0.02")
    assert trade.quantity * trade.entry_price == Decimal(capped["adjusted_size"])
    assert trade.adjustment_id == capped["adjustment_id"]

    closed = trader.close(trade_id, exit_price=Decimal(51000))
    assert closed["status"] == "closed"
    assert closed["profit_loss"] == 20
    goal = trader.read_goal(flow.goal_id)
    assert goal["current_value"] == 2
    assert goal["progress_pct"] == 40
    assert goal["status"] == "active"

    on_track = flow.size(price=ENTRY)
    assert Decimal(on_track["adjustment_factor"]) == 1
    assert Decimal(on_track["adjusted_size"]) == 1000

    trade_id = flow.open(on_track["quantity"], adjustment_id=on_track["adjustment_id"])
    closed = trader.close(trade_id, exit_price=Decimal(51250))
    assert closed["profit_loss"] == 25
    goal = trader.read_goal(flow.goal_id)
    assert goal["current_value"] == Decimal("4.5")
    assert goal["progress_pct"] == 90

    near_target = flow.size()
    assert Decimal(near_target["adjustment_factor"]) == Decimal("0.7")
    assert Decimal(near_target["adjusted_size"]) == 700
    assert near_target["verdict"] == "reduce"

    portfolio = Portfolio.objects.get(pk=flow.portfolio)
    assert portfolio.equity == 1045
    assert portfolio.unit_value == Decimal("1.045")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "stored",
    [(MOMENTUM, REVERSION, BREAKOUT), (BREAKOUT, REVERSION, MOMENTUM)],
    ids=["stored in one order", "stored in the other"],
)
def test_strategy_selection_based_on_goal_progress(
    trader: Trader, stored: tuple[str, ...]
) -> None:
    flow = Flow(trader, stored)

    flow.advance_to(10)
    behind = flow.choose()
    assert behind["strategy_type"] in {"momentum", "breakout"}
    assert behind["stance"] == "aggressive"
    assert [ranked["strategy_id"] for ranked in behind["ranking"]] == [
        BREAKOUT,
        MOMENTUM,
        REVERSION,
    ]
    assert "Below 30 % of the way an aggressive strategy" in behind["reason"]

    flow.advance_to(50)
    tied = flow.choose()
    assert tied["stance"] == "balanced"
    assert {Decimal(ranked["fit"]) for ranked in tied["ranking"]} == {Decimal("0.5")}
    assert tied["selected_strategy"] == BREAKOUT
    assert "the first by name is taken" in tied["reason"]

    trader.change_strategy(MOMENTUM, risk_profile="conservative")
    balanced = flow.choose()
    assert balanced["selected_strategy"] == MOMENTUM
    assert Decimal(balanced["ranking"][0]["fit"]) == Decimal("0.75")
    assert Decimal(balanced["ranking"][1]["fit"]) == Decimal("0.5")
    assert "From 30 to below 80 % of the way a balanced strategy" in balanced["reason"]

    flow.advance_to(85)
    near_target = flow.choose()
    assert near_target["selected_strategy"] == REVERSION
    assert near_target["strategy_type"] == "mean_reversion"
    assert near_target["stance"] == "conservative"
    assert [ranked["strategy_id"] for ranked in near_target["ranking"]] == [
        REVERSION,
        MOMENTUM,
        BREAKOUT,
    ]


@pytest.mark.django_db(transaction=True)
def test_risk_adjustment_triggers(trader: Trader) -> None:
    flow = Flow(trader)
    expected = {0: "1.3", 25: "1.3", 50: "1", 80: "0.7", 95: "0.7"}

    for count, (progress_pct, factor) in enumerate(expected.items(), 1):
        flow.advance_to(progress_pct)
        answer = flow.size()
        assert Decimal(answer["progress_pct"]) == progress_pct
        assert Decimal(answer["adjustment_factor"]) == Decimal(factor)

        decisions = trader.read_decisions(flow.goal_id)
        assert len(decisions) == count
        newest = decisions[0]
        assert newest["adjustment_id"] == answer["adjustment_id"]
        assert newest["progress_pct"] == progress_pct
        assert newest["adjustment_factor"] == Decimal(factor)
        assert newest["base_size"] == 1000
        assert newest["adjusted_size"] == 1000 * Decimal(factor)
        assert newest["reason"] == answer["reason"]

    assert GoalAdjustmentLog.objects.filter(goal_id=flow.goal_id).count() == 5


@pytest.mark.django_db(transaction=True)
def test_goal_progress_history_logging(trader: Trader) -> None:
    flow = Flow(trader)
    for progress_pct in (20, 40, 60, 80, 100):
        flow.advance_to(progress_pct)

    history = trader.read_history(flow.goal_id)
    assert [row["progress_pct"] for row in history] == [0, 20, 40, 60, 80, 100]
    assert [row["current_value"] for row in history] == [0, 1, 2, 3, 4, 5]
    assert {row["target_value"] for row in history} == {5}
    learned = [row["recorded_at"] for row in history]
    assert learned == sorted(set(learned))
    took_effect = [row["effective_at"] for row in history]
    assert took_effect == sorted(set(took_effect))

    goal = trader.read_goal(flow.goal_id)
    assert goal["progress_pct"] == 100
    assert goal["status"] == "achieved"


@pytest.mark.django_db(transaction=True)
def test_goal_progress_history_loses_nothing_when_two_trades_close_at_once(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = Flow(trader)
    trades = [flow.open("1"), flow.open("1")]
    met = make_race_certain(monkeypatch)

    def close(trade_id: int) -> Decimal:
        try:
            closed = trader.close(trade_id, exit_price=ENTRY + 20 * PER_PERCENT)
        finally:
            connection.close()
        return Decimal(closed["goals"][0]["progress_pct"])

    with ThreadPoolExecutor(2) as pool:
        seen = sorted(pool.map(close, trades))

    assert met == [], "two closes of one portfolio ran side by side"
    assert seen == [20, 40]
    history = trader.read_history(flow.goal_id)
    assert [row["progress_pct"] for row in history] == [0, 20, 40]
    goal = FinancialGoal.objects.get(pk=flow.goal_id)
    assert goal.progress_pct == 40
    portfolio = Portfolio.objects.get(pk=flow.portfolio)
    assert portfolio.equity == 1020
    assert portfolio.realized_pnl == 20


def make_race_certain(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Hold each close inside its lock until the other arrives, which it must not.

    Returns a list that fills only if two closes are inside at the same time.
    """
    barrier = Barrier(2, timeout=0.5)
    met: list[int] = []
    apply_exit = closing.apply_exit

    def settle_late(*figures: Any) -> None:
        with suppress(BrokenBarrierError):  # nobody else came: the row was locked
            met.append(barrier.wait())
        apply_exit(*figures)

    monkeypatch.setattr(closing, "apply_exit", settle_late)
    return met
