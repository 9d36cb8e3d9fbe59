"""How probable a goal is, how sure of that one may be, and what would be. Pure.

Everything here starts from an `Edge`; without one (fewer than 20 trades) there is no
projection. Equity is in units of the equity at the goal's start, the goal lies at
1 + goal_return, the stop at 1 - stop_loss; growths and probabilities are ratios.
Trades left are a random number (`TradesLeft`), or a known one as an int.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from math import exp, log, log1p
from statistics import NormalDist

from goals.projection.deadline import check_question
from goals.projection.edge import Edge
from goals.projection.evaluate import (
    Policy,
    Stop,
    as_barrier,
    as_function,
    level_of,
)
from goals.projection.grouping import MOST_SINGLE, sum_of
from goals.projection.mixture import FEW_NODES, NODES, NODES_OF_MANY, Walked
from goals.projection.outcomes import take_outcomes
from goals.projection.simulation import SimulatedPaths, simulate_policy
from goals.projection.trades_left import TradesLeft, likely_most
from mastertrade.values import in_text
from mastertrade.values.exceptions import InvalidInput

# Below this probability at the upper end of the band a goal is unreachable.
UNREACHABLE = 0.05
# A smaller probability is written as less than this one.
LEAST_SHOWN = Decimal("0.0001")
# Nodes of a grid where a fifth of a percentage point is of no account.
COARSE_NODES = 400
# And of many trades for the ends of a band, and for a policy that reads the time left
# where so many are expected.
BAND_NODES = 200
MANY_EXPECTED = 240
FAN_PATHS = 10_000
FAN_STEPS = 60
# How far above the unreachable limit the cheap estimate must be to be believed: no
# record is a normal distribution.
SURELY_REACHABLE = 0.15
# Upper ends of bands, each with its edge: half a megabyte at most.
MOST_KEPT = 32


@dataclass(frozen=True, slots=True)
class Chance:
    """The probability to touch the goal, and its band."""

    probability: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Projection:
    """What may come of a goal by its deadline (probabilities as ratios).

    `probability` is that of touching the goal by the deadline at the shrunk mean, `low`
    and `high` those at the 10 % and 90 % confidence bound of the unshrunk mean, widened
    to hold `probability`.
    `unreachable_reason` is None while the goal can be reached.
    """

    probability: float
    low: float
    high: float
    unreachable_reason: str | None


def project_policy(
    edge: Edge,
    policy: Policy,
    *,
    trades_left: TradesLeft | int,
    goal_return: float,
    equity: float = 1.0,
    stop_loss: Stop = None,
    max_factor: float = 1.0,
    reads_time: bool = True,
) -> Projection:
    """The probability to touch the goal by the deadline under this policy, with a band.

    `reads_time`: whether the policy's factors depend on the trades left; one that does
    not is walked once.
    """
    found = measure_chance(
        edge,
        policy,
        trades_left=trades_left,
        goal_return=goal_return,
        equity=equity,
        stop_loss=stop_loss,
        reads_time=reads_time,
    )
    return Projection(
        probability=found.probability,
        low=found.low,
        high=found.high,
        # The next trade is one of those left, so sizing it asks about one at least.
        unreachable_reason=why_unreachable(
            edge,
            trades_left=_at_least_one(trades_left),
            goal_return=goal_return,
            equity=equity,
            max_factor=max_factor,
            stop_loss=stop_loss,
        ),
    )


def measure_chance(
    edge: Edge,
    policy: Policy,
    *,
    trades_left: TradesLeft | int,
    goal_return: float,
    equity: float = 1.0,
    stop_loss: Stop = None,
    reads_time: bool = True,
) -> Chance:
    """The probability and its band alone, without a suggestion."""
    expected = expected_trades(trades_left)
    check_question(round(expected), goal_return, level_of(stop_loss), 0.0, equity)
    walked = Walked(
        policy,
        goal_return,
        stop_loss,
        equity,
        edge.trades_a_step,
        reads_time,
        nearer=edge.nearer,
    )
    few = expected <= MOST_SINGLE
    has_days = as_barrier(stop_loss).daily_loss is not None
    roughly = reads_time and expected > MANY_EXPECTED
    point = walked.chance(
        edge.tilted(edge.shrunk_mean),
        trades_left,
        nodes=BAND_NODES if roughly else COARSE_NODES,
        counts=NODES if few and not has_days else NODES_OF_MANY,
    )
    low, high = (
        walked.chance(
            edge.tilted(mean),
            trades_left,
            nodes=COARSE_NODES if few else BAND_NODES,
            counts=FEW_NODES,
        )
        for mean in (edge.lowest_mean, edge.highest_mean)
    )
    return Chance(point, min(low, point), max(high, point))


def _at_least_one(trades_left: TradesLeft | int) -> TradesLeft | int:
    if isinstance(trades_left, TradesLeft):
        return replace(trades_left, expected=max(trades_left.expected, 1.0))
    return max(trades_left, 1)


def expected_trades(trades_left: TradesLeft | int) -> float:
    """How many trades are expected."""
    if isinstance(trades_left, TradesLeft):
        return trades_left.expected
    return trades_left


def why_unreachable(
    edge: Edge,
    *,
    trades_left: TradesLeft | int,
    goal_return: float,
    equity: float = 1.0,
    max_factor: float = 1.0,
    stop_loss: Stop = None,
) -> str | None:
    """Why the goal cannot be reached any more; None if it can.

    It cannot if not even the best trade ever seen, at `max_factor`, by every trade left
    would do (of a random number its 99 % quantile), or if the band's upper end at
    constant `max_factor` is below 5 %. What a normal distribution says to be far from
    that is not looked at any closer.
    """
    expected = expected_trades(trades_left)
    check_question(round(expected), goal_return, None, 0.0, equity)
    require_factor(max_factor)
    needed = log(1 + goal_return) - log(equity)
    if needed <= 0:
        return None
    most = most_trades(trades_left)
    if most * log(1 + max(edge.best, 0.0) * max_factor) < needed - 1e-12:
        trades = f"{most} trades" if most > 1 else "one trade"
        return (
            f"not even {trades} like the best one yet, at factor {max_factor:g}, would "
            f"reach it"
        )
    chance = estimate_chance(
        edge,
        trades_left=expected,
        goal_return=goal_return,
        equity=equity,
        factor=max_factor,
        stop_loss=stop_loss,
    )
    if chance >= SURELY_REACHABLE:
        return None
    walked = Walked(
        max_factor,
        goal_return,
        stop_loss,
        equity,
        edge.trades_a_step,
        nearer=edge.nearer,
    )
    upper = _upper_end(walked, edge, trades_left)
    if upper < UNREACHABLE:
        return (
            f"even at factor {max_factor:g} and the upper bound of the edge, the "
            f"probability is {_below_unreachable(upper)}"
        )
    return None


@lru_cache(maxsize=MOST_KEPT)
def _upper_end(walked: Walked, edge: Edge, trades_left: TradesLeft | int) -> float:
    """Of the band; kept, as a page asks it again while its edge stays."""
    drawn = edge.tilted(edge.highest_mean)
    return walked.chance(drawn, trades_left, nodes=COARSE_NODES)


def most_trades(trades_left: TradesLeft | int) -> int:
    """So many trades at most; of a random number the 99 % quantile of a Poisson count.

    So a decision, which knows no dispersion, says the same as a projection.
    """
    if isinstance(trades_left, TradesLeft):
        return likely_most(trades_left.expected)
    return trades_left


def _below_unreachable(probability: float) -> str:
    """0.0213 as "2.13 %, below 5 %"."""
    exact, limit = Decimal(str(probability)), Decimal(str(UNREACHABLE))
    if exact < LEAST_SHOWN:
        return f"less than {in_text.ratio(LEAST_SHOWN)}"
    return f"{in_text.ratio(exact, limit)}, below {in_text.ratio(limit)}"


def estimate_chance(
    edge: Edge,
    *,
    trades_left: float,
    goal_return: float,
    equity: float,
    factor: float,
    stop_loss: Stop,
) -> float:
    """A cheap estimate of the upper end of the band, from the edge's sums alone.

    How often a Brownian motion touches the goal in time, by the reflection principle,
    less how often it touches the stop.
    """
    upper = edge.highest_mean
    spread = edge.bounds.deviation * factor
    drift = upper * factor - spread**2 / 2
    up = log1p(goal_return) - log(equity)
    touches = _touch(up, drift, spread, trades_left)
    level = level_of(stop_loss)
    if level is None:
        return touches
    down = log(equity) - log1p(-level)
    return touches - _touch(down, -drift, spread, trades_left)


def _touch(distance: float, drift: float, spread: float, steps: float) -> float:
    if distance <= 0:
        return 1.0
    if spread == 0 or steps == 0:
        return float(steps * drift >= distance)
    normal, wide = NormalDist(), spread * steps**0.5
    direct = normal.cdf((steps * drift - distance) / wide)
    mirrored = normal.cdf((-steps * drift - distance) / wide)
    # Above e^50 the mirrored part is 0 in floats anyway.
    return direct + mirrored * exp(min(2 * drift * distance / spread**2, 50.0))


def require_factor(factor: float) -> None:
    """A factor above 0 and finite; `InvalidInput` otherwise."""
    if not 0 < factor < float("inf"):
        raise InvalidInput("max_factor", "must be a number above 0.")


def required_growth(
    periods_left: float, goal_return: float, equity: float = 1.0
) -> float | None:
    """The log-growth that each trade, or each day, left must bring to reach the goal.

    0 at the goal or beyond it; None with nothing left to bring it.
    """
    needed = max(log(1 + goal_return) - log(equity), 0.0)
    if needed == 0:
        return 0.0
    return needed / periods_left if periods_left > 0 else None


def fan(
    edge: Edge,
    policy: Policy,
    *,
    trades_left: int,
    goal_return: float,
    equity: float = 1.0,
    stop_loss: Stop = None,
    paths: int = FAN_PATHS,
    seed: int = 0,
) -> SimulatedPaths:
    """Simulated walks to the deadline; `.fan` are their 5, 25, 50, 75, 95 % quantiles.

    They trade on beyond the goal, so that the fan shows what the account may come to.
    More trades than `FAN_STEPS` are walked in so many steps of equally many trades.
    """
    steps = min(max(round(trades_left / edge.trades_a_step), 1), FAN_STEPS)
    steps = min(steps, trades_left)
    each = trades_left / steps if steps else 1.0
    outcomes = take_outcomes(*edge.tilted(edge.shrunk_mean), 1.0)
    if each > edge.trades_a_step:
        outcomes = sum_of(outcomes, each / edge.trades_a_step)
    choose = as_function(policy)
    return simulate_policy(
        lambda left, at: choose(round(left * each), at),
        outcomes.values,
        outcomes.probabilities,
        1.0,
        steps,
        goal_return,
        level_of(stop_loss),
        equity,
        paths=paths,
        seed=seed,
        fan=True,
        goes_on=True,
    )
