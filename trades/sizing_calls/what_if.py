"""What would be, were a goal or its limits others: by the solver that sizes trades.

Nothing is booked, decided or changed.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np

from goals.decisions.limits import measure_floor, money_per_value
from goals.decisions.periods import period_of
from goals.decisions.policies import PolicyName
from goals.decisions.trade_record import FEWEST_TRADES
from goals.enums import Measure
from goals.models import FinancialGoal, Portfolio
from goals.projection.feasibility import barrier_on
from goals.projection.frontier import (
    EXACT,
    ROUGH,
    FrontierPoint,
    Sizing,
    measure_frontier,
)
from goals.projection.goal_projection import (
    Chances,
    as_random,
    measure_chances,
)
from goals.projection.trade_sample import TradeSample
from goals.services.figures_at import FiguresAt, read_figures
from goals.services.floors import ReferenceNow, reference_now
from goals.services.funding import find_lack_of_money
from goals.services.trade_forecasts import (
    days_until,
    dispersion_in,
    goal_path_of,
    trades_in,
    whole_trades,
)
from mastertrade.db.transactions import snapshot
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import HUNDRED, MONEY, ONE, ZERO, exactly, round_to
from trades.sizing_calls.forecasts import policy_of
from trades.sizing_calls.projection import Asked
from trades.sizing_calls.records import load_sample
from trades.sizing_calls.trade_frequency import load_trades_per_day

OWN = "own"
# Of what is kept between the moves of a slider.
MOST_KEPT = 32
# The same draws for all that are compared.
SEED = 20_261
WORST_GROWTH = -0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What would be otherwise; None leaves it. `base_risk` 1.5: half as much again."""

    target_value: Decimal | None = None
    target_date: date | None = None
    policy: PolicyName | None = None
    stop_penalty: Decimal | None = None
    hard_drawdown_pct: Decimal | None = None
    daily_loss_limit_pct: Decimal | None = None
    base_risk: Decimal = ONE

    @property
    def of_goal(self) -> Mapping[str, Any]:
        """The changed settings of the goal, by their columns."""
        names = ("target_value", "target_date", "policy", "stop_penalty")
        found = {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def of_limits(self) -> Mapping[str, Any]:
        """The changed limits of the portfolio, by their columns."""
        names = ("hard_drawdown_pct", "daily_loss_limit_pct")
        found = {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class WhatIfOutcome:
    """What a way to size comes to by the deadline. Chances are ratios.

    `low` and `high` are the band's ends, None where they were not asked for. `factor`
    is the next one, before guards that look at the trade. `mean_loss` is what an
    average losing trade costs, in money, and `losing_trades` how many of them reach
    the nearest floor; None without a loss.
    """

    probability: float
    low: float | None
    high: float | None
    fall_10: float
    breach: float
    median_days: float | None
    factor: Decimal
    mean_loss: Decimal | None
    losing_trades: Decimal | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """As it is, with the change, and with the change at factor 1.0.

    All None where `reason` says why nothing can be said. `trades_left` are expected
    until the changed deadline, `required_per_day` is in the goal's measure.
    """

    as_it_is: WhatIfOutcome | None
    changed: WhatIfOutcome | None
    at_one: WhatIfOutcome | None
    reason: str
    trades: int
    trades_left: Decimal | None
    required_per_day: Decimal | None


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is read once; all else follows from it."""

    figures: FiguresAt
    sample: TradeSample
    per_day: Decimal
    now: datetime

    @property
    def trades(self) -> int:
        return int(self.sample.growths.size)


@snapshot
def ask_what_if(
    goal: FinancialGoal,
    change: Change,
    now: datetime,
    *,
    compared: bool = True,
    rough: bool = False,
) -> WhatIf:
    """The goal under the change; it may be one that is not saved yet.

    `compared`: also as it is now. `rough`, while a slider moves: without a band, a
    policy that must be solved on a coarser grid, and one that reads the trades left
    walked once. A constant number of statements.
    """
    portfolio = goal.portfolio
    figures = read_figures(portfolio, now)
    ledger, minute = _Ledger.of(portfolio, now), _minute_of(now)
    sample = _load_sample(ledger)
    per_day = _load_frequency(ledger, minute)
    known = _Known(figures, sample, per_day, now)
    altered = _alter(goal, change)
    days = None
    if altered.period_ends_at is not None:
        days = days_until(altered.period_ends_at, max(now, altered.period_starts_at))
    left = None if days is None else trades_in(days, per_day)
    required = _required_per_day(altered, figures, days)
    reason = _find_reason(altered, known, left)
    if reason:
        return WhatIf(None, None, None, reason, known.trades, left, required)
    try:
        changed, at_one = _solve(altered, change, known, rough=rough)
        as_it_is = None
        if compared:
            as_it_is = _solve_now(_Standing.of(goal, known, rough=rough))
    except InvalidInput as refused:
        return WhatIf(None, None, None, refused.detail, known.trades, left, required)
    return WhatIf(as_it_is, changed, at_one, "", known.trades, left, required)


def _minute_of(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class _Ledger:
    """What a portfolio's trades say follows from this.

    `until` only where there are later entries: then these come with time.
    """

    portfolio_id: int
    last_entry_at: datetime | None
    updated_at: datetime
    equity: Decimal
    realized_pnl: Decimal
    until: datetime | None
    portfolio: Portfolio = field(compare=False)
    now: datetime = field(compare=False)

    @classmethod
    def of(cls, portfolio: Portfolio, now: datetime) -> "_Ledger":
        newest = portfolio.last_entry_at
        return cls(
            portfolio.pk,
            newest,
            portfolio.updated_at,
            portfolio.equity,
            portfolio.realized_pnl,
            _minute_of(now) if newest is not None and newest > now else None,
            portfolio,
            now,
        )


@lru_cache(maxsize=MOST_KEPT)
def _load_sample(ledger: _Ledger) -> TradeSample:
    return load_sample(ledger.portfolio, ledger.now)


@lru_cache(maxsize=MOST_KEPT)
def _load_frequency(ledger: _Ledger, minute: datetime) -> Decimal:
    """The trades a day, asked once a minute."""
    trades = _load_sample(ledger).growths.size
    return load_trades_per_day(ledger.portfolio, ledger.now, trades)


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the outcome of a goal as it is follows from."""

    ledger: _Ledger
    minute: datetime
    goal_id: int | None
    goal_updated_at: datetime
    unrealized_pnl: Decimal
    rough: bool
    goal: FinancialGoal = field(compare=False)
    known: "_Known" = field(compare=False)

    @classmethod
    def of(cls, goal: FinancialGoal, known: "_Known", *, rough: bool) -> "_Standing":
        portfolio = goal.portfolio
        return cls(
            _Ledger.of(portfolio, known.now),
            _minute_of(known.now),
            goal.pk,
            goal.updated_at,
            portfolio.unrealized_pnl,
            rough,
            goal,
            known,
        )


@lru_cache(maxsize=MOST_KEPT)
def _solve_now(standing: _Standing) -> WhatIfOutcome:
    goal, known = standing.goal, standing.known
    return _solve(goal, Change(), known, rough=standing.rough)[0]


def _alter(goal: FinancialGoal, change: Change) -> FinancialGoal:
    altered = copy(goal)
    for name, value in change.of_goal.items():
        setattr(altered, name, value)
    if change.target_date is not None:
        zone = goal.portfolio.time_zone
        period = period_of(goal.start_date, change.target_date, zone)
        altered.period_ends_at = period.ends_at
    return altered


@exactly
def _required_per_day(
    goal: FinancialGoal, figures: FiguresAt, days: Decimal | None
) -> Decimal | None:
    if not days:
        return None
    progress = goal.measure_by(figures.portfolio_figures)
    left = max(goal.target_value - progress.current_value, ZERO)
    return round_to(left / max(days, ONE), MONEY)


def _find_reason(goal: FinancialGoal, known: _Known, left: Decimal | None) -> str:
    lack = find_lack_of_money(goal.portfolio, known.figures)
    if lack is not None:
        return "there is no money to trade with: make a deposit first"
    if left is None:
        return "without a deadline there is no probability"
    if known.sample.edge is None:
        return (
            f"no probability yet: it needs {FEWEST_TRADES} closed trades, and there "
            f"are {known.trades}"
        )
    if left <= 0:
        return "no trade is expected until the deadline"
    return ""


def _solve(
    goal: FinancialGoal, change: Change, known: _Known, *, rough: bool
) -> tuple[WhatIfOutcome, WhatIfOutcome]:
    """The outcome under the goal's policy, and at factor 1.0."""
    figures, now = known.figures, known.now
    progress = goal.measure_by(figures.portfolio_figures)
    path = goal_path_of(goal, progress, figures.portfolio_figures.live_equity)
    sample = _stake(known.sample, change.base_risk)
    edge = sample.edge
    if path is None or edge is None or goal.period_ends_at is None:
        raise InvalidInput("goal", "nothing leads to it at the last marks.")
    if progress.progress_pct >= HUNDRED:
        raise InvalidInput("target_value", "the target is reached already.")
    days = days_until(goal.period_ends_at, max(now, goal.period_starts_at))
    left = trades_in(days, known.per_day)
    state = reference_now(figures, now, closed=goal.kind.measures is Measure.RETURN)
    state = state.under(replace(state.limits, **change.of_limits), now)
    floor, headroom = _headroom(state, figures)
    if headroom <= 0:
        raise InvalidInput(
            "hard_drawdown_pct", f"the {floor} would be reached already."
        )
    barrier = barrier_on(
        path,
        state.limits,
        state.reference,
        value=state.value,
        opening=state.opening,
        trades_per_day=known.per_day,
    )
    dispersion = dispersion_in(known.sample, days, now)
    asked = Asked(edge, path, left, days, barrier, dispersion)
    policy = policy_of(goal, asked, now, rough=rough)
    choose, chances, probability = policy.as_function(), None, None
    if not rough:
        chances = measure_chances(
            edge, policy, trades_left=left, stop_loss=barrier, dispersion=dispersion
        )
        probability = float(chances.probability)
    found = measure_frontier(
        edge,
        {OWN: Sizing(choose, policy.reads_time and not rough, probability)},
        [1.0],
        trades_left=as_random(left, dispersion),
        days_left=float(days),
        goal_return=float(path.goal_return),
        equity=float(path.equity),
        stop_loss=barrier,
        seed=SEED,
        fineness=ROUGH if rough else EXACT,
    )
    here = np.array([float(path.equity)])
    factor = choose(whole_trades(left), here)[0]
    loss = _mean_loss(sample, figures)
    own = _outcome(
        found.policies[OWN],
        chances,
        round_to(Decimal(float(factor)), (8, 2)),
        loss,
        headroom,
    )
    return own, _outcome(found.constants[0][1], None, ONE, loss, headroom)


def _stake(sample: TradeSample, base_risk: Decimal) -> TradeSample:
    """The same trades with so much more, or less, at stake in each."""
    if base_risk == 1:
        return sample
    growths = np.maximum(sample.growths * float(base_risk), WORST_GROWTH)
    return replace(sample, growths=growths)


@exactly
def _headroom(state: ReferenceNow, figures: FiguresAt) -> tuple[str, Decimal]:
    """The nearest floor by name, and how far away it is, in money."""
    limits, value, daily = state.limits, state.value, state.daily_floor
    rooms = {"hard floor": value - measure_floor(limits, state.reference)}
    if daily is not None:
        rooms["daily limit"] = value - daily
    name = min(rooms, key=lambda one: rooms[one])
    return name, rooms[name] * money_per_value(limits.floor_in, figures.account)


def _mean_loss(sample: TradeSample, figures: FiguresAt) -> Decimal | None:
    """Of an average losing trade at factor 1, in money, as the limits have it.

    Of the trades as they were: an edge weighs them by what is believed of the mean.
    """
    lost = sample.growths[sample.growths < 0]
    if not lost.size:
        return None
    mean = Decimal(float(-lost.mean()))
    return round_to(figures.portfolio_figures.live_equity * mean, MONEY)


@exactly
def _outcome(
    point: FrontierPoint,
    chances: Chances | None,
    factor: Decimal,
    loss: Decimal | None,
    headroom: Decimal,
) -> WhatIfOutcome:
    cost = None if loss is None else loss * factor
    return WhatIfOutcome(
        probability=point.probability,
        low=None if chances is None else float(chances.low),
        high=None if chances is None else float(chances.high),
        fall_10=point.fall_10_probability,
        breach=point.breach_probability,
        median_days=point.median_days,
        factor=factor,
        mean_loss=None if cost is None else round_to(cost, MONEY),
        losing_trades=None if not cost else round_to(headroom / cost, (20, 2)),
    )
