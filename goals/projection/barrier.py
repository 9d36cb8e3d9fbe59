"""P(reach), and the best factors, under the very barrier that the guards keep. Pure.

The floor in force now moves as it will move; caps of the guards hold. A walk ends at
the goal, and at the floor (or at a daily limit that fails); closes alone are known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import ceil
from typing import Any

import numpy as np

from goals.projection.challenge import Induction, choose
from goals.projection.challenge_grid import States, bounds
from goals.projection.challenge_rules import ChallengeRules, Question
from goals.projection.challenge_steps import Choices, Given, Trade
from goals.projection.grouping import SETTLED, SHARE, Step, Stretch, plan_steps, sum_of
from goals.projection.grouping import fewer as compress
from goals.projection.outcomes import Outcomes
from goals.projection.types import Floats, Numbers

# (trades left, equity, high water, profit of the day) → factors; equity in units of
# that at the goal's start, arrays of one shape.
FactorsAt = Callable[..., Floats]
# More days, or trades, than this are walked several at a time.
MOST_STEPS = 240
# Nodes of equity for a floor that stands, one that moves, and one with a day's limit.
NODES = (400, 200, 80)
STRIDE = (4, 8, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """The limits in force and where the portfolio is between them; ratios.

    `scale` makes units of the limits' start of equities in units of the goal's start.
    `high_water`, and the day's `opening` (None: as now), in units of the limits' start.
    The settings are those of `ChallengeRules`.
    """

    drawdown_mode: str = "static"
    hard_drawdown: float = 0.2
    drawdown_of: str = "start"
    locks_at: float | None = None
    soft_drawdown: float | None = None
    daily_loss: float | None = None
    daily_loss_of: str = "day_start"
    daily_on_breach: str = "halt_day"
    headroom_share: float | None = None
    scale: float = 1.0
    high_water: float = 1.0
    opening: float | None = None
    trades_per_day: float = 1.0

    def rules(self, *, daily: bool = True) -> ChallengeRules:
        return ChallengeRules(
            self.drawdown_mode,  # type: ignore[arg-type]
            self.hard_drawdown,
            self.drawdown_of,  # type: ignore[arg-type]
            self.locks_at,
            self.soft_drawdown,
            self.daily_loss if daily else None,
            self.daily_loss_of,  # type: ignore[arg-type]
            self.daily_on_breach,  # type: ignore[arg-type]
            self.headroom_share,
        )


@dataclass(frozen=True, eq=False)
class Plan:
    """The steps of all trades left, by days, the one before the deadline first."""

    question: Question
    stretches: Sequence[Stretch]

    @cached_property
    def trades(self) -> Floats:
        """How many trades are left before each step, from one step on."""
        return np.cumsum([step.trades for step in self.steps], dtype=np.float64)

    @cached_property
    def steps(self) -> list[Step]:
        return [one.step for one in self.stretches for _ in range(one.times)]


@dataclass(frozen=True, eq=False)
class BarrierChances:
    """What comes of a policy: P(goal) by trades left, as of now, and P(breach).

    `trades` and `probabilities` have shape (steps,), ascending by trades left.
    """

    trades: Floats
    probabilities: Floats
    breach_probability: float

    @property
    def probability(self) -> float:
        return float(self.probabilities[-1])


def evaluate_under(
    barrier: Barrier,
    choose_factors: FactorsAt,
    outcomes: Outcomes,
    *,
    trades_left: int,
    goal_return: float,
    equity: float,
    max_factor: float,
    fineness: float = 1.0,
    share: float = SHARE,
    breaches: bool = False,
) -> BarrierChances:
    """The chances of a policy under a barrier, by backward induction.

    A goal and a policy's equities are in units of the equity at the goal's start. The
    policy is a function as `FactorsAt`; what the guards forbid is lowered to what they
    allow. `fineness` scales the nodes of the grid.
    """
    plan = _plan(barrier, outcomes, trades_left, goal_return, equity, [max_factor], share)
    question = plan.question
    if question.equity >= question.goal - 1e-12 or trades_left == 0:
        sure = float(question.equity >= question.goal - 1e-12)
        return BarrierChances(np.zeros(1), np.array([sure]), 0.0)
    states = _lay(question, fineness)
    seen, cap = states.seen, np.minimum(states.seen.cap, max_factor)
    rooms = {step: Trade(states, question.factors, step) for step in set(plan.steps)}
    scaled = (seen.equity / barrier.scale, seen.high_water / barrier.scale)
    profit = (seen.equity - seen.opening) / barrier.scale
    ends = [(1.0, 0.0), (0.0, 1.0)][: 1 + breaches]
    found: list[float] = []
    given: dict[str, Any] = {"of": None}

    def take(left: int, step: Step) -> Callable[[list[Floats], list[Floats]], list[Floats]]:
        def turn(pools: list[Floats], following: list[Floats]) -> list[Floats]:
            asked = np.asarray(choose_factors(left, *scaled, profit))
            factors = np.minimum(asked, cap)
            if given["of"] is not step or not np.array_equal(given["factors"], factors):
                given.update(of=step, factors=factors)
                given["step"] = Given(rooms[step], step, factors)
            room, reads = rooms[step], given["step"]
            values = [
                reads.expect(room.around(pool), end)
                for pool, end in zip(pools, ends, strict=True)
            ]
            found.append(float(values[0][states.place_now]))
            return values

        return turn

    induction = Induction(states, ends)
    turns = [
        take(round(left), step)
        for left, step in zip(plan.trades, plan.steps, strict=True)
    ]
    days = question.trades_per_day
    for begin in range(0, len(turns), days):
        induction.step_back(turns[begin : begin + days])
    breached = induction.today()[1] if breaches else float("nan")
    return BarrierChances(plan.trades, np.clip(found, 0.0, 1.0), breached)


def solve_under(
    barrier: Barrier,
    outcomes: Outcomes,
    factors: Numbers,
    *,
    trades_left: int,
    goal_return: float,
    equity: float,
    stop_penalty: float,
    fineness: float = 1.0,
) -> tuple[Plan, States, Choices, list[Floats]]:
    """The factors that maximise P(goal) - stop_penalty · P(breach), and their P(goal).

    Choices and probabilities by step and state; a choice is n for the n-th factor, and
    0 where guards allow none of them.
    """
    plan = _plan(barrier, outcomes, trades_left, goal_return, equity, factors, SHARE)
    question = plan.question
    states = _lay(question, fineness)
    ends = [(1.0, -stop_penalty), (0.0, 1.0)]
    forbidden: dict[Step, Any] = {}
    for step in set(plan.steps):
        trade = Trade(states, question.factors, step)
        forbidden[step] = trade, trade.forbid(states.most)
    choices = np.zeros((len(plan.steps), states.layers, states.width), dtype=np.int8)
    chances: list[Floats] = []

    def keep(turn: Any, pools: list[Floats], following: list[Floats]) -> list[Floats]:
        rest = [np.full_like(following[0], -np.inf), following[1]]
        values = turn(pools, rest)
        # Where no factor is allowed nothing is traded.
        none = ~np.isfinite(values[0])
        values = [np.where(none, old, new) for old, new in zip(following, values)]
        chances.append(np.clip(values[0] + stop_penalty * values[1], 0.0, 1.0))
        return values

    turns = [
        partial(keep, choose(*forbidden[step], ends, row))
        for step, row in zip(plan.steps, choices, strict=True)
    ]
    induction = Induction(states, ends)
    for begin in range(0, len(turns), question.trades_per_day):
        induction.step_back(turns[begin : begin + question.trades_per_day])
    return plan, states, choices, chances


def _plan(
    barrier: Barrier,
    outcomes: Outcomes,
    trades_left: int,
    goal_return: float,
    equity: float,
    factors: Numbers,
    share: float,
) -> Plan:
    outcomes = compress(outcomes)
    a_day = max(round(barrier.trades_per_day), 1)
    trades_left = max(trades_left, 1)
    has_days = barrier.drawdown_mode == "end_of_day" or barrier.daily_loss is not None
    a_step, day = 1, 1
    if has_days:
        days = ceil(trades_left / a_day)
        a_step = max(ceil(trades_left / MOST_STEPS), 1)
        day = max(round(a_day / a_step), 1) if days <= MOST_STEPS else 1
    # A day of one trade has no other to halt.
    rules = barrier.rules(daily=day > 1 or barrier.daily_on_breach == "fail")
    at = equity * barrier.scale
    question = Question(
        outcomes=outcomes,
        worst_loss=-outcomes.base_risk * float(outcomes.values.min()),
        factors=np.asarray(factors, dtype=np.float64),
        goal=(1 + goal_return) * barrier.scale,
        days=1,
        trades_per_day=1,
        rules=rules,
        max_factor_now=np.inf,
        stop_penalty=0.0,
        of_start=False,
        day_cost=0.0,
        equity=at,
        high_water=max(barrier.high_water, at if rules.trails else 0.0),
        opening=at if barrier.opening is None else barrier.opening,
        trades=trades_left,
    )
    if not has_days:
        bottom, top = bounds(question)
        here = float(np.log(at))
        nearest, largest = min(top - here, here - bottom), float(question.factors[-1])
        plan = plan_steps(
            outcomes, trades_left, nearest, top - bottom, largest, share
        )
        return _with_days(question, plan, sum(one.times for one in plan))
    step = Step(1, outcomes)
    if a_step > 1:
        summed = sum_of(outcomes, a_step)
        drawn = 0.5826 * outcomes.typical_step(1.0) * (a_step**0.5 - 1)
        step = Step(a_step, summed, drawn)
    return _with_days(question, [Stretch(step, ceil(trades_left / a_step))], day)


def _with_days(question: Question, plan: Sequence[Stretch], day: int) -> Plan:
    steps = sum(one.times for one in plan)
    days = ceil(steps / day)
    return Plan(replace(question, days=days, trades_per_day=day), plan)


def _lay(question: Question, fineness: float) -> States:
    rules = question.rules
    kind = 2 if rules.daily_loss is not None else int(rules.moves)
    bottom, top = bounds(question)
    goal, here = float(np.log(question.goal)), float(np.log(question.equity))
    step = (top - bottom) / (NODES[kind] * fineness)
    if goal - here >= step:
        step = (goal - here) / ceil((goal - here) / step)
    return States(question, max(step, 1e-9), STRIDE[kind])
