"""What a goal may come to: all figures of a projection, as values. Pure."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256

import numpy as np

from goals.decisions.policies import PolicyName
from goals.projection.edge import Edge
from goals.projection.evaluate import Stop
from goals.projection.forecast import (
    fan,
    measure_chance,
    project_policy,
    required_growth,
)
from goals.projection.frontier import (
    Frontier,
    Sizing,
    judge,
    measure_frontier,
    spread_factors,
)
from goals.projection.policy_functions import GoalPolicy
from goals.projection.policy_tables import DeadlineTable, solve
from goals.projection.streaks import Streaks, measure_streaks
from goals.projection.suggestions import FEW_EXPECTED, MOST_SUGGESTED, suggest
from goals.projection.trades_left import TradesLeft
from mastertrade.values.money import RATIO, round_to

PROBABILITY = (8, 6)
# More trades are projected as this many.
MOST_TRADES_AHEAD = 2_000
HUNDREDTHS = 100
# Answers of some 10 kB each.
MOST_KEPT = 200
# The same as `MOST_SUGGESTED` where each number of trades has a table to solve.
MOST_SOLVED = 400
NO_EVIDENCE = (
    "The record is no evidence of an edge: a larger size then buys probability with "
    "deeper falls, and the guard allows no factor above 1."
)


@dataclass(frozen=True, slots=True)
class ProjectionFigures:
    """Probabilities and growths are ratios; suggestions in trades and as a ratio.

    `streaks` is None where no trade is expected. `fan` has a row for some numbers of
    trades done: that number and the equities (in units of that at the start) that 5,
    25, 50, 75 and 95 % of the walks are below.
    """

    probability: Decimal
    low: Decimal
    high: Decimal
    unreachable: str | None
    required_per_trade: Decimal | None
    suggested_trades: int | None
    suggested_return: Decimal | None
    fan: tuple[tuple[int, "np.ndarray"], ...]
    streaks: Streaks | None = None


def project_goal(
    edge: Edge,
    policy: GoalPolicy,
    *,
    trades_left: Decimal,
    stop_loss: Stop,
    dispersion: float = 1.0,
) -> ProjectionFigures:
    """Project a goal under its own policy; the same question gives the same answer.

    `trades_left` are expected, with that `dispersion` (`TradesLeft`). The last
    `MOST_KEPT` answers are kept. With less than one trade expected there is neither a
    target to suggest nor a fan.
    """
    trades = as_random(trades_left, dispersion)
    seed = _seed(edge, policy, trades, stop_loss)
    figures = _answer(_Question(seed, edge, policy, trades, stop_loss))
    needed = required_growth(
        float(trades_left), float(policy.path.goal_return), float(policy.path.equity)
    )
    return replace(figures, required_per_trade=growth(needed))


def as_random(trades_left: Decimal, dispersion: float) -> TradesLeft:
    """Expected trades as they are projected, so that an answer is found again."""
    expected = float(trades_left)
    if expected >= FEW_EXPECTED:
        expected = in_steps(trades_left)
    elif expected >= 1:
        expected = round(expected, 1)
    return TradesLeft(expected, round(dispersion, 2))


def in_steps(trades_left: Decimal) -> int:
    """Trades as they are projected: many of them in steps of a hundredth.

    So an answer is found again though time goes on.
    """
    trades = min(round(trades_left), MOST_TRADES_AHEAD)
    step = max(trades // HUNDREDTHS, 1)
    return trades // step * step


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked; two are the same if their seeds are, which stand for the rest."""

    seed: int
    edge: Edge = field(compare=False)
    policy: GoalPolicy = field(compare=False)
    trades: TradesLeft = field(compare=False)
    stop_loss: Stop = field(compare=False)


@lru_cache(maxsize=MOST_KEPT)
def _answer(asked: _Question) -> ProjectionFigures:
    edge, policy, trades = asked.edge, asked.policy, asked.trades
    seed, stop_loss = asked.seed, asked.stop_loss
    path, choose = policy.path, policy.as_function()
    goal_return, equity = float(path.goal_return), float(path.equity)
    found = project_policy(
        edge,
        choose,
        trades_left=trades,
        goal_return=goal_return,
        equity=equity,
        stop_loss=stop_loss,
        max_factor=float(policy.max_factor),
        reads_time=policy.reads_time,
    )
    better = suggest(
        edge,
        lambda trades, target: _policy_toward(policy, trades, target).as_function(),
        trades_left=trades,
        goal_return=goal_return,
        equity=equity,
        stop_loss=stop_loss,
        most_trades=MOST_SUGGESTED if policy.table is None else MOST_SOLVED,
        probability=found.probability,
        reads_time=policy.reads_time,
    )
    is_part = trades.expected < 1
    return ProjectionFigures(
        probability=ratio(found.probability),
        low=ratio(found.low),
        high=ratio(found.high),
        unreachable=found.unreachable_reason,
        required_per_trade=None,
        suggested_trades=better.trades_left,
        suggested_return=None if is_part else growth(better.goal_return),
        fan=() if is_part else _fan(edge, policy, round(trades.expected), seed),
        streaks=measure_streaks(
            edge,
            choose,
            probability=found.probability,
            trades_left=trades,
            goal_return=goal_return,
            equity=equity,
            stop_loss=stop_loss,
            reads_time=policy.reads_time,
            seed=seed,
        )
        if trades.expected
        else None,
    )


@dataclass(frozen=True, slots=True)
class GoalFrontier:
    """The ways to size a goal, and in words what its own is worth."""

    frontier: Frontier
    verdict: str


def measure_goal_frontier(
    edge: Edge,
    policy: GoalPolicy,
    *,
    trades_left: Decimal,
    days_left: float,
    stop_loss: Stop,
    dispersion: float = 1.0,
    table: DeadlineTable | None,
) -> GoalFrontier:
    """Constant sizes and every policy for a goal; kept as `project_goal`'s answers are.

    No size is above the guard's cap. `table` is that of `deadline_optimal`.
    """
    trades = as_random(trades_left, dispersion)
    asked = replace(policy, table=table)
    seed = _seed(edge, asked, trades, stop_loss)
    question = _Question(seed, edge, asked, trades, stop_loss)
    return _answer_frontier(question, round(days_left, 2))


@lru_cache(maxsize=MOST_KEPT)
def _answer_frontier(asked: _Question, days_left: float) -> GoalFrontier:
    policy = asked.policy
    most = policy.max_factor
    if policy.cap is not None:
        most = min(most, policy.cap)
    ways = {name: replace(policy, policy=name) for name in PolicyName}
    found = measure_frontier(
        asked.edge,
        {name: Sizing(way.as_function(), way.reads_time) for name, way in ways.items()},
        spread_factors(float(policy.min_factor), float(most)),
        trades_left=asked.trades,
        days_left=days_left,
        goal_return=float(policy.path.goal_return),
        equity=float(policy.path.equity),
        stop_loss=asked.stop_loss,
        seed=asked.seed,
    )
    verdict = judge(found, policy.policy)
    if not asked.edge.allows_more:
        verdict += f" {NO_EVIDENCE}"
    return GoalFrontier(found, verdict)


@dataclass(frozen=True, slots=True)
class Chances:
    """The probability to touch the goal by its deadline, and its band, as ratios."""

    probability: Decimal
    low: Decimal
    high: Decimal


def measure_chances(
    edge: Edge,
    policy: GoalPolicy,
    *,
    trades_left: Decimal,
    stop_loss: Stop,
    dispersion: float = 1.0,
) -> Chances:
    """The same probability and band as `project_goal`, without the rest of it."""
    found = measure_chance(
        edge,
        policy.as_function(),
        trades_left=as_random(trades_left, dispersion),
        goal_return=float(policy.path.goal_return),
        equity=float(policy.path.equity),
        stop_loss=stop_loss,
        reads_time=policy.reads_time,
    )
    return Chances(ratio(found.probability), ratio(found.low), ratio(found.high))


def _policy_toward(policy: GoalPolicy, trades: int, target: float) -> GoalPolicy:
    """The same policy, were that the goal's target, with `trades_left`."""
    path = policy.path.toward(round_to(Decimal(target), RATIO))
    if policy.table is None:
        return replace(policy, path=path)
    asked, each = policy.table.inputs.toward(trades, path.goal_return).roughly(trades)
    return replace(policy, path=path, table=solve(asked), trades_a_row=each)


def _fan(
    edge: Edge, policy: GoalPolicy, trades: int, seed: int
) -> tuple[tuple[int, "np.ndarray"], ...]:
    walks = fan(
        edge,
        policy.as_function(),
        trades_left=trades,
        goal_return=float(policy.path.goal_return),
        equity=float(policy.path.equity),
        seed=seed,
    )
    if walks.fan is None:
        return ()
    steps = len(walks.fan) - 1
    return tuple(
        (round(trades * step / steps), row) for step, row in enumerate(walks.fan)
    )


def _seed(edge: Edge, policy: GoalPolicy, trades: TradesLeft, stop_loss: Stop) -> int:
    """From the question alone, so that it is answered the same each time."""
    path = policy.path
    text = f"{edge.growths.tolist()} {edge.probabilities.tolist()} {trades} {stop_loss}"
    text += f" {policy.policy} {policy.min_factor} {policy.max_factor} {policy.cap}"
    text += f" {path.goal_return} {path.equity} {path.start_progress_pct}"
    text += f" {edge.bounds} {edge.best} {policy.after_achieved} {policy.edge}"
    text += f" {policy.table and policy.table.inputs.digest}"
    body = text.encode() + edge.drawn.tobytes()
    return int.from_bytes(sha256(body).digest()[:8])


def ratio(value: float) -> Decimal:
    """A probability as a decimal of six places, from 0 to 1."""
    return round_to(Decimal(min(max(value, 0.0), 1.0)), PROBABILITY)


def growth(value: float | None) -> Decimal | None:
    """A growth as a decimal of twelve places."""
    return None if value is None else round_to(Decimal(value), RATIO)
