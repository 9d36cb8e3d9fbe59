"""How goals stand, next to what their portfolio's trades say of the time left."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from json import dumps
from typing import Any

from goals.decisions.arbitration import GoalState, rank
from goals.decisions.periods import MICROSECOND
from goals.decisions.policies import PolicyName
from goals.decisions.policies.base import Needs, SolvedFactor
from goals.decisions.policies.deadline_optimal import DEADLINE_VERSION
from goals.decisions.progress import (
    GoalProgress,
    PortfolioFigures,
    can_still_move,
)
from goals.decisions.trade_record import GrowthRecord
from goals.enums import AfterAchieved, Measure
from goals.models import FinancialGoal, Portfolio
from goals.projection.barrier import Barrier
from goals.projection.edge import Edge
from goals.projection.feasibility import barrier_on, find_unreachable
from goals.projection.goal_path import GoalPath, goal_path
from goals.projection.goal_projection import MOST_TRADES_AHEAD, as_random
from goals.projection.policy_tables import (
    MOST_TABLE_TRADES,
    TRADES_STEP,
    DeadlineInputs,
    DeadlineTable,
    anchor_of,
    make_inputs,
)
from goals.projection.trade_sample import TradeSample
from goals.projection.trades_left import TradesLeft
from goals.services.figures_at import FiguresAt
from goals.services.floors import reference_now
from goals.services.policy_tables import find_table
from mastertrade.values.exceptions import DomainError
from mastertrade.values.jsonable import to_plain
from mastertrade.values.money import EXACT, RATIO, exactly, round_to

# One call works out so many goals: solves a table, or looks closely at whether the goal
# can be reached. Others are read from what is stored, or wait for a later call.
MOST_WORKED_OUT = 3
DAY_MICROSECONDS = 86_400_000_000
DAY_SECONDS = 86_400


class EdgeUnknown(DomainError):
    """The trades that make a record could not be read, so no size is safe."""

    code = "edge_unknown"


@dataclass(eq=False)
class TradeForecast:
    """What a portfolio's closed trades say, as of the time of a decision.

    `trades_per_day` is the frequency to expect. `read_sample` reads the trades
    themselves and is asked at most once, where the record's sums do not do. `tables`
    collects the solved tables that were looked at, by their hash; `worked_out` the
    goals that cost work, at most `most_worked_out`.
    """

    portfolio: Portfolio
    record: GrowthRecord
    trades_per_day: Decimal
    read_sample: Callable[[], TradeSample]
    now: datetime
    tables: dict[str, DeadlineInputs] = field(default_factory=dict)
    worked_out: set[int] = field(default_factory=set)
    most_worked_out: int = MOST_WORKED_OUT

    @cached_property
    def sample(self) -> TradeSample:
        return self.read_sample()

    @property
    def edge(self) -> Edge | None:
        return self.sample.edge

    def measure_left(self, days: Decimal, at: datetime) -> TradesLeft:
        """The trades of so many days from `at` on, at least one: a random number."""
        left = max(trades_in(days, self.trades_per_day), Decimal(1))
        return as_random(left, dispersion_in(self.sample, days, at))

    def may_work_out(self, goal_id: int) -> bool:
        """Whether this call may do more for the goal than read what is stored."""
        if len(self.worked_out) < self.most_worked_out:
            self.worked_out.add(goal_id)
        return goal_id in self.worked_out


def days_until(until: datetime, from_at: datetime) -> Decimal:
    """Days, with their fraction; 0 where `until` is past."""
    left = Decimal(max((until - from_at) // MICROSECOND, 0))
    return EXACT.divide(left, DAY_MICROSECONDS)


def trades_in(days: Decimal, trades_per_day: Decimal) -> Decimal:
    """The trades to expect at the frequency of the last days, to 6 decimals."""
    return round_to(EXACT.multiply(trades_per_day, days), RATIO)


def dispersion_in(sample: TradeSample, days: Decimal, at: datetime) -> float:
    """The dispersion of the trades in so many days, by those that ended up to `at`."""
    return sample.dispersion(float(days), at.timestamp() / DAY_SECONDS)


def needs_forecast(goal: FinancialGoal, as_of: datetime) -> bool:
    """Whether what trades say can matter to the goal's factor at all."""
    achieved = goal.achieved_at is not None and goal.achieved_at <= as_of
    has_deadline = goal.period_ends_at is not None
    needs = PolicyName(goal.policy).rule.needs
    return has_deadline and not achieved and needs is not Needs.NOTHING


@exactly
def read_goal_states(
    goals: Sequence[FinancialGoal], figures: FiguresAt, forecast: TradeForecast | None
) -> tuple[GoalState, ...]:
    """How each goal stands at the time of the figures, for the pure decision.

    Without a forecast, a policy that needs what the portfolio's trades say is the
    ladder.
    """
    portfolio_figures, at = figures.portfolio_figures, figures.at
    progress = {goal: goal.measure_by(portfolio_figures) for goal in goals}
    states = {
        goal: _goal_state_of(goal, progress[goal], portfolio_figures, at)
        for goal in goals
    }
    if forecast is not None:
        # The deciding goal first: what is worked out in one call is bounded.
        for goal in sorted(goals, key=lambda goal: rank(states[goal])):
            states[goal] = with_forecast(
                states[goal], goal, progress[goal], figures, forecast
            )
    return tuple(states.values())


def _goal_state_of(
    goal: FinancialGoal,
    progress: GoalProgress,
    portfolio_figures: PortfolioFigures,
    as_of: datetime,
) -> GoalState:
    """How the goal stands at `as_of`, without what trades say of the time left."""
    time_left_ratio = Decimal(1)
    if goal.period_ends_at is not None:
        whole = goal.period_ends_at - goal.period_starts_at
        left = goal.period_ends_at - as_of
        time_left_ratio = Decimal(left // MICROSECOND) / Decimal(whole // MICROSECOND)
    return GoalState(
        goal_id=goal.goal_id,
        progress_pct=progress.progress_pct,
        achieved=goal.achieved_at is not None and goal.achieved_at <= as_of,
        priority=goal.priority,
        deadline=goal.period_ends_at,
        policy=PolicyName(goal.policy),
        min_factor=goal.min_factor,
        max_factor=goal.max_factor,
        after_achieved=AfterAchieved(goal.after_achieved),
        time_left_ratio=time_left_ratio,
        stop_penalty=goal.stop_penalty
        if goal.policy == PolicyName.DEADLINE_OPTIMAL
        else None,
        reachable=can_still_move(goal.kind.measures, goal.baseline, portfolio_figures),
        still_open=tuple(
            condition.words for condition in goal.find_open_at_target(progress)
        ),
    )


def with_forecast(
    goal_state: GoalState,
    goal: FinancialGoal,
    progress: GoalProgress,
    figures: FiguresAt,
    forecast: TradeForecast,
) -> GoalState:
    """The state with what its policy needs: trades left, need, edge, solved factor.

    Without 20 trades or a deadline nothing is added but what is known. Goals are asked
    about in the order in which they decide: `MOST_WORKED_OUT` of them may cost work.
    """
    if not needs_forecast(goal, figures.at) or not goal_state.reachable:
        return goal_state
    assert goal.period_ends_at is not None  # `needs_forecast` says so
    days = days_until(goal.period_ends_at, figures.at)
    left = trades_in(days, forecast.trades_per_day)
    path = None
    if forecast.record.judged:
        live_equity = figures.portfolio_figures.live_equity
        path = goal_path_of(goal, progress, live_equity)
    if path is None:  # too few trades, or no equity at the last marks
        edge = forecast.record.shrunk_mean if forecast.record.judged else None
        return replace(goal_state, trades_left=left, edge=edge)
    barrier = barrier_of(goal, path, figures, forecast.now, forecast.trades_per_day)
    postponed = False

    def may_work() -> bool:
        nonlocal postponed
        postponed = not forecast.may_work_out(goal.goal_id)
        return not postponed

    unreachable = find_unreachable(
        forecast.record,
        path,
        expected=as_random(max(left, Decimal(1)), 1.0).expected,
        max_factor=goal.max_factor,
        stop_loss=barrier,
        read_edge=lambda: forecast.edge if may_work() else None,
        measure_left=lambda: forecast.measure_left(days, figures.at),
    )
    ahead = replace(
        goal_state,
        trades_left=left,
        need=path.need(left),
        edge=forecast.record.shrunk_mean,
        equity=path.equity,
        unreachable=unreachable,
        postponed=postponed,
    )
    is_solved = goal_state.policy.rule.needs is Needs.SOLVED_TABLE
    if not is_solved or unreachable is not None:
        return ahead
    table = solve_for(goal, path, left, barrier, forecast, may_work)
    return (
        replace(ahead, postponed=True) if table is None else apply_table(ahead, table)
    )


def apply_table(goal_state: GoalState, table: DeadlineTable) -> GoalState:
    """The state with what a solved table says of its trades left and equity."""
    if goal_state.trades_left is None or goal_state.equity is None:
        raise EdgeUnknown(f"Goal {goal_state.goal_id} has no place in its table.")
    trades = whole_trades(goal_state.trades_left)
    solved = SolvedFactor(
        factor=table.factor_at(trades, goal_state.equity),
        probability=table.probability_at(trades, goal_state.equity),
        table=table.inputs.digest,
        version=table.inputs.version,
    )
    return replace(goal_state, solved=solved)


def goal_path_of(
    goal: FinancialGoal, progress: GoalProgress, live_equity: Decimal
) -> GoalPath | None:
    """The goal's way in the projection's units; None where nothing leads there."""
    return goal_path(
        goal.kind.measures,
        progress=progress,
        start_value=goal.start_value,
        target_value=goal.target_value,
        live_equity=live_equity,
    )


def barrier_of(
    goal: FinancialGoal,
    path: GoalPath,
    figures: FiguresAt,
    now: datetime,
    trades_per_day: Decimal,
) -> Barrier:
    """The limits in force then as the goal's walk meets them: see `barrier_on`.

    A return is measured by closed trades; what is money by the live value.
    """
    is_closed = goal.kind.measures is Measure.RETURN
    state = reference_now(figures, now, closed=is_closed)
    return barrier_on(
        path,
        state.limits,
        state.reference,
        value=state.value,
        opening=state.opening,
        trades_per_day=trades_per_day,
    )


def whole_trades(trades_left: Decimal) -> int:
    """Trades as projections count them; the one asked about is one of them."""
    return min(max(round(trades_left), 1), MOST_TRADES_AHEAD)


def solve_for(
    goal: FinancialGoal,
    path: GoalPath,
    trades_left: Decimal,
    barrier: Barrier,
    forecast: TradeForecast,
    may_solve: Callable[[], bool] = lambda: True,
) -> DeadlineTable | None:
    """The goal's table, from the cache where the same was asked before.

    None where it is not there and may not be solved.
    """
    asked = table_settings(goal, path, trades_left, barrier)

    def make() -> DeadlineInputs:
        if forecast.edge is None:
            raise EdgeUnknown("The closed trades of this portfolio could not be read.")
        return make_inputs(forecast.edge, **asked)

    question = _name_question(goal.portfolio_id, forecast.record, asked)
    table = find_table(question, make, forecast.now, may_solve)
    if table is not None:
        forecast.tables[table.inputs.digest] = table.inputs
    return table


def table_settings(
    goal: FinancialGoal, path: GoalPath, trades_left: Decimal, barrier: Barrier
) -> dict[str, Any]:
    """What a goal's table is solved for, next to the edge, for `make_inputs`."""
    return {
        "trades_left": whole_trades(trades_left),
        "goal_return": path.goal_return,
        "barrier": barrier,
        "equity": anchor_of(path.equity, path.goal_return),
        "min_factor": goal.min_factor,
        "max_factor": goal.max_factor,
        "stop_penalty": goal.stop_penalty,
    }


def _name_question(
    portfolio_id: int, record: GrowthRecord, asked: dict[str, Any]
) -> str:
    """A portfolio's record changes with each of its trades, so it stands for them."""
    rows = -(-min(int(asked["trades_left"]), MOST_TABLE_TRADES) // TRADES_STEP)
    body = {**asked, "trades_left": rows, "record": record}
    body |= {"portfolio": portfolio_id, "version": DEADLINE_VERSION}
    return sha256(dumps(to_plain(body), sort_keys=True).encode()).hexdigest()
