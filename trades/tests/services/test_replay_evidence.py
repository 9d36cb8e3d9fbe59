"""What is simulated is evidence for its own portfolio alone."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection

from goals.decisions.policies import PolicyName
from goals.enums import GoalType, PortfolioKind
from goals.models import (
    FinancialGoal,
    GoalAdjustmentLog,
    GoalProgressHistory,
    Portfolio,
    TradingHalt,
    User,
)
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio
from goals.services.snapshots import snapshot_goals
from goals.tests.factories import UserFactory
from mastertrade.values.exceptions import InvalidInput, NoActiveStrategy
from strategies.models import StrategyInstance, StrategySelectionLog
from strategies.services import create_strategy, load_candidates, update_strategy
from tests.http import nothing_changes
from trades.booking.mark import Mark, mark_positions
from trades.booking.open import open_trade
from trades.models import ReplayRun, Trade
from trades.replay.bars import PriceSeries
from trades.replay.options import ReplaySettings
from trades.services.daily import run_day
from trades.services.performance import Span, load_performances
from trades.services.replay import STRATEGIES, ReplayQuestion, run_replay
from trades.sizing_calls.decide import (
    plan_next_trade,
    select_strategy,
    size_for_goal,
    size_for_portfolio,
)
from trades.sizing_calls.forecasts import project
from trades.tests.factories import book_profit
from trades.tests.prices import wander

NOW = datetime(2026, 3, 2, tzinfo=UTC)
QUESTION = ReplayQuestion(
    GoalType.MONTHLY_RETURN, Decimal(3), settings=ReplaySettings(resume_after_days=5)
)
PRICES = wander(400, seed=11)
OTHERS = wander(500, symbol="OTHER", seed=5)
# What names a row: it differs from replay to replay.
KEYS = re.compile(r"(?i)\b(goal|portfolio|decision|trade|replay) \d+")

pytestmark = [pytest.mark.django_db]


def run(
    user: User,
    series: PriceSeries = PRICES,
    kind: PortfolioKind = PortfolioKind.SIMULATION,
    question: ReplayQuestion = QUESTION,
) -> ReplayRun:
    return run_replay(user=user, question=question, series=series, now=NOW, kind=kind)


def without_keys(value: Any) -> Any:
    """The same with every row's key out of it."""
    if isinstance(value, dict):
        return {
            name: without_keys(item)
            for name, item in value.items()
            if not name.endswith("_id") or name == "strategy_id"
        }
    if isinstance(value, list):
        return [without_keys(item) for item in value]
    return KEYS.sub(r"\1 #", value) if isinstance(value, str) else value


def everything_of(finished: ReplayRun) -> list[Any]:
    """The report and every figure and word its portfolios hold, without keys."""
    found: list[Any] = [without_keys(finished.report)]
    for portfolio in (finished.policy_portfolio, finished.constant_portfolio):
        of = {"portfolio": portfolio}
        found.append(
            Portfolio.objects.values_list(
                "equity", "units", "unit_value", "peak_unit_value", "trading_state"
            ).get(pk=portfolio.pk)
        )
        for rows, figures in (
            (
                GoalAdjustmentLog.objects.filter(**of).order_by("pk"),
                ("as_of", "reason", "adjustment_factor", "guards", "answer", "inputs"),
            ),
            (
                StrategySelectionLog.objects.filter(goal__portfolio=portfolio).order_by(
                    "pk"
                ),
                ("as_of", "strategy_id", "reason", "ranking"),
            ),
            (
                Trade.objects.filter(**of).order_by("pk"),
                ("entry_time", "exit_time", "strategy_id", "quantity", "profit_loss"),
            ),
            (
                FinancialGoal.objects.filter(**of).order_by("pk"),
                ("start_date", "current_value", "progress_pct", "achieved_at"),
            ),
            (
                GoalProgressHistory.objects.filter(goal__portfolio=portfolio).order_by(
                    "pk"
                ),
                ("effective_at", "kind", "current_value", "progress_pct"),
            ),
            (
                TradingHalt.objects.filter(**of).order_by("pk"),
                ("halted_at", "reason", "figures", "resumed_at", "resumed_unit_value"),
            ),
        ):
            found.append(
                [without_keys(list(row)) for row in rows.values_list(*figures)]
            )
    return found


@pytest.mark.slow
def test_a_replay_gets_the_same_figures_whatever_was_replayed_before():
    alone, busy = UserFactory(), UserFactory()
    first = everything_of(run(alone))
    assert any("edge" in str(part) for part in first)

    assert everything_of(run(alone)) == first
    run(busy, OTHERS)
    run(busy, OTHERS, PortfolioKind.DEMO)
    assert everything_of(run(busy)) == first
    assert everything_of(run(busy, kind=PortfolioKind.DEMO)) == first


@pytest.mark.slow
def test_a_replay_gets_the_same_figures_beside_a_users_own_strategies_and_trades():
    user = UserFactory()
    expected = everything_of(run(UserFactory()))
    for strategy in STRATEGIES:
        create_strategy(
            user=user,
            strategy_id=strategy.strategy_id,
            strategy_type="grid",
            risk_profile="conservative",
            now=NOW - timedelta(days=9000),
        )
    portfolio = create_portfolio(
        user=user,
        name="own",
        opening_balance=Decimal(1000),
        now=NOW - timedelta(days=9000),
    )
    for day in range(30):
        book_profit(
            portfolio,
            Decimal(-5 - day % 3),
            PRICES.bars[0].at - timedelta(days=100 - day),
            strategy_id=STRATEGIES[0].strategy_id,
        )
    update_strategy(
        user=user, strategy_id=STRATEGIES[1].strategy_id, status="paused", now=NOW
    )

    assert everything_of(run(user)) == expected
    assert set(
        StrategyInstance.objects.filter(user=user).values_list("kind", "strategy_type")
    ) == {("live", "grid")}


class Trader:
    """A user with a live portfolio, a record and a goal, who asks all there is."""

    def __init__(self, *strategy_ids: str) -> None:
        self.user = UserFactory()
        began = NOW - timedelta(days=40)
        for name in strategy_ids:
            create_strategy(
                user=self.user, strategy_id=name, strategy_type="breakout", now=began
            )
        self.portfolio = create_portfolio(
            user=self.user, name="own", opening_balance=Decimal(1000), now=began
        )
        for day in range(25):
            book_profit(
                self.portfolio,
                Decimal(4) if day % 3 else Decimal(-7),
                began + timedelta(days=day),
                strategy_id=strategy_ids[0],
            )
        self.goal = create_goal(
            user=self.user,
            portfolio=self.portfolio.pk,
            goal_type=GoalType.MONTHLY_RETURN,
            target_value=Decimal(5),
            policy=PolicyName.PACE,
            as_of=NOW - timedelta(days=1),
        )

    def ask(self, *strategy_ids: str) -> list[Any]:
        """Every answer, without the keys of its rows."""
        goal_id, portfolio = self.goal.pk, self.portfolio.pk
        asked = {"user": self.user, "now": NOW, "base_size": Decimal(100)}
        chosen = select_strategy(user=self.user, goal_id=goal_id, now=NOW)
        planned = plan_next_trade(**asked, portfolio=portfolio)
        rows = [size_for_goal(**asked, goal_id=goal_id)[0], planned.decision]
        rows.append(size_for_portfolio(**asked, portfolio=portfolio)[0])
        rows += [
            size_for_goal(**asked, goal_id=goal_id, strategy_id=name)[0]
            for name in strategy_ids
        ]
        given = [without_keys([r.reason, r.guards, r.answer, r.inputs]) for r in rows]
        given.append([chosen.row.reason, chosen.row.ranking])
        given.append([planned.selection.reason, planned.selection.ranking])
        whole = project(self.goal, NOW)
        given.append([whole.probability, whole.trades_per_day, whole.edge is None])
        given.append(load_performances(self.user, strategy_ids, Span(NOW)))
        return given


@pytest.mark.slow
def test_a_live_decision_is_word_for_word_the_same_before_and_after_any_replay():
    trader = Trader("own_breakout", "breakout_daily")
    names = ("own_breakout", "breakout_daily")
    before = trader.ask(*names)

    run(trader.user)
    assert trader.ask(*names) == before
    run(trader.user, OTHERS, PortfolioKind.DEMO)
    assert trader.ask(*names) == before


def test_the_daily_run_leaves_simulations_and_demos_as_they_are():
    user = UserFactory()
    for kind in (PortfolioKind.SIMULATION, PortfolioKind.DEMO):
        finished = run(user, wander(120), kind)
        assert finished.policy_portfolio.goals.filter(ended_at=None).exists()

    with nothing_changes():
        assert not [one for one in run_day(as_of=NOW) if one.done.failures]
        snapshot_goals(as_of=finished.policy_portfolio.goals.latest("pk").created_at)


def test_a_replays_strategies_are_none_of_the_users():
    user = UserFactory()
    main = user.portfolios.get()
    run(user, wander(120))
    name = STRATEGIES[0].strategy_id

    with pytest.raises(NoActiveStrategy, match="You have no strategy yet"):
        load_candidates(main)
    with pytest.raises(InvalidInput, match=f"you have no strategy {name}"):
        open_trade(
            user=user,
            now=NOW,
            strategy_id=name,
            symbol="X",
            side="LONG",
            quantity=Decimal(1),
            entry_price=Decimal(1),
        )
    own = create_strategy(user=user, strategy_id=name, strategy_type="grid", now=NOW)
    assert (own.kind, own.strategy_name) == (PortfolioKind.LIVE, name)
    assert [one.strategy_type for one in load_candidates(main)] == ["grid"]
    with pytest.raises(InvalidInput, match="already"):
        create_strategy(user=user, strategy_id=name, strategy_type="grid", now=NOW)


def test_a_mark_moves_open_positions_of_simulations_only_where_it_names_them():
    user = UserFactory()
    simulated = create_portfolio(
        user=user,
        name="simulated",
        kind=PortfolioKind.SIMULATION,
        opening_balance=Decimal(1000),
        now=NOW,
    )
    create_strategy(user=user, strategy_id="s", strategy_type="grid", now=NOW)
    open_trade(
        user=user,
        portfolio=simulated.pk,
        now=NOW,
        strategy_id="s",
        symbol="X",
        side="LONG",
        quantity=Decimal(1),
        entry_price=Decimal(100),
    )
    marks = [Mark("X", Decimal(110))]

    later = NOW + timedelta(hours=1)
    assert mark_positions(user=user, marks=marks, now=later).unmarked == ("X",)
    marked = mark_positions(user=user, marks=marks, now=later, portfolio=simulated.pk)
    assert marked.positions == 1


def test_the_kind_of_a_portfolio_is_fixed_in_the_database_too():
    portfolio = UserFactory().portfolios.get()
    with (
        connection.cursor() as cursor,
        pytest.raises(IntegrityError, match=r"kind of portfolio \d+ is fixed"),
    ):
        cursor.execute(
            "UPDATE portfolios SET kind = 'demo' WHERE portfolio_id = %s",
            [portfolio.pk],
        )
