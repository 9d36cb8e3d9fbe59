"""Which strategy each goal would choose now. Nothing is locked, logged or stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from goals.decisions.arbitration import rank
from goals.decisions.trade_record import GrowthRecord
from goals.models import FinancialGoal, Portfolio
from goals.services.figures_at import read_figures
from goals.services.limit_changes import effective_at
from goals.services.trade_forecasts import read_goal_states
from mastertrade.db.transactions import snapshot
from mastertrade.values.exceptions import NoActiveStrategy
from strategies.decisions.selection import Selection, attach_records, select_strategy
from strategies.models import StrategyInstance
from strategies.services import load_candidates
from trades.sizing_calls import record_sql as sql
from trades.sizing_calls.inputs import find_participants
from trades.sizing_calls.records import RecordBehind, ask_records


@dataclass(frozen=True, slots=True)
class GoalChoice:
    """What a goal would choose, and from which ranking."""

    goal: FinancialGoal
    selection: Selection


@dataclass(frozen=True, slots=True)
class StrategiesNow:
    """A portfolio's strategies by name, their records, and what each goal would choose.

    `choices`: of the goals that take part in decisions, that which decides the next
    trade first; none where no strategy is active. `records` is None, and there are no
    choices, while more trades are missing from them than a request walks.
    """

    strategies: tuple[StrategyInstance, ...]
    records: Mapping[str, GrowthRecord] | None
    choices: tuple[GoalChoice, ...]


@snapshot
def rank_strategies(portfolio: Portfolio, now: datetime) -> StrategiesNow:
    """As `select_strategy` and `plan_next_trade` would choose now.

    A constant number of statements.
    """
    at = effective_at(portfolio, now)
    mine = StrategyInstance.objects.tradable_in(portfolio)
    strategies = tuple(mine.order_by("strategy_name", "strategy_id"))
    names = [one.strategy_id for one in strategies]
    try:
        records, _ = ask_records(
            sql.READ, portfolio.user, names, at, locked=portfolio, is_locked=False
        )
    except RecordBehind:
        return StrategiesNow(strategies, None, ())
    try:
        candidates = attach_records(load_candidates(portfolio), records)
    except NoActiveStrategy:
        return StrategiesNow(strategies, records, ())
    goals = {goal.pk: goal for goal in find_participants(portfolio, at)}
    figures = read_figures(portfolio, at)
    states = read_goal_states(list(goals.values()), figures, None)
    choices = tuple(
        GoalChoice(goals[state.goal_id], select_strategy(state.band, candidates))
        for state in sorted(states, key=rank)
    )
    return StrategiesNow(strategies, records, choices)
