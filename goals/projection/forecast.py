"""How probable a goal is, how sure of that one may be, and what would be. Pure.

Everything here starts from an `Edge`; without one (fewer than 20 trades) there is no
projection. Equity is in units of the equity at the goal's start, the goal lies at
1 + goal_return, the stop at 1 - stop_loss; growths and probabilities are ratios.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import exp, log, log1p
from statistics import NormalDist

import numpy as np

from goals.projection.deadline import check_question
from goals.projection.edge import Edge
from goals.projection.evaluate import (
    Policy,
    Stop,
    as_function,
    evaluate_policy,
    level_of,
)
from goals.projection.grouping import MOST_SINGLE, sum_of
from goals.projection.outcomes import take_outcomes
from goals.projection.simulation import SimulatedPaths, simulate_policy
from mastertrade.values import in_text
from mastertrade.values.exceptions import InvalidInput

# What the posterior's deviation is widened by: trades are less alike than assumed.
WIDENED = 1.25
BAND_QUANTILES = (0.1, 0.9)
# Below this probability at the upper end of the band a goal is unreachable.
UNREACHABLE = 0.05
# A smaller probability is written as less than this one.
LEAST_SHOWN = Decimal("0.0001")
RESAMPLES = 400
# Nodes of a grid where a fifth of a percentage point is of no account.
COARSE_NODES = 400
# And of many trades for the ends of a band.
BAND_NODES = 200
FAN_PATHS = 10_000
FAN_STEPS = 60
# How far above the unreachable limit the cheap estimate must be to be believed: no
# record is a normal distribution.
SURELY_REACHABLE = 0.15
# The upper end of the band, in standard deviations.
UPPER_END = NormalDist().inv_cdf(BAND_QUANTILES[1])


@dataclass(frozen=True, slots=True)
class Chance:
    """The probability to touch the goal, and its band."""

    probability: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Projection:
    """What may come of a goal by its deadline (probabilities as ratios).

    `probability` is that of touching the goal by the deadline, `low` and `high` its
    10 % and 90 % quantiles, given how little the record knows of the edge.
    `required_per_trade` is the log-growth each trade left must bring.
    `unreachable_reason` is None while the goal can be reached.
    """

    probability: float
    low: float
    high: float
    unreachable_reason: str | None
    required_per_trade: float | None

    @property
    def unreachable(self) -> bool:
        """Whether the goal is given up."""
        return self.unreachable_reason is not None


def project(
    edge: Edge,
    policy: Policy,
    *,
    trades_left: int,
    goal_return: float,
    equity: float = 1.0,
    stop_loss: Stop = None,
    max_factor: float = 1.0,
    seed: int = 0,
) -> Projection:
    """The probability to touch the goal by the deadline under this policy, with a band.

    The band is a Bayesian bootstrap of the mean growth, `draw_means`: the policy is
    evaluated at its 10 % and 90 % quantiles. The same `seed` gives the same band.
    """
    found = measure_chance(
        edge,
        policy,
        trades_left=trades_left,
        goal_return=goal_return,
        equity=equity,
        stop_loss=stop_loss,
        seed=seed,
    )
    return Projection(
        probability=found.probability,
        low=found.low,
        high=found.high,
        # The next trade is one of those left, so sizing it asks about one at least.
        unreachable_reason=is_unreachable(
            edge,
            trades_left=max(trades_left, 1),
            goal_return=goal_return,
            equity=equity,
            max_factor=max_factor,
            stop_loss=stop_loss,
        ),
        required_per_trade=required_growth(trades_left, goal_return, equity),
    )


def measure_chance(
    edge: Edge,
    policy: Policy,
    *,
    trades_left: int,
    goal_return: float,
    equity: float = 1.0,
    stop_loss: Stop = None,
    seed: int = 0,
) -> Chance:
    """The probability and its band alone: three inductions, and no suggestion."""
    check_question(trades_left, goal_return, level_of(stop_loss), 0.0, equity)

    def chance(mean: float, nodes: int) -> float:
        return evaluate_policy(
            policy,
            *edge.tilted(mean),
            1.0,
            trades_left,
            goal_return,
            stop_loss,
            equity,
            nodes=nodes,
            grouped=True,
            stops=False,
        ).probability

    nodes = COARSE_NODES if trades_left <= MOST_SINGLE else BAND_NODES
    point = chance(edge.shrunk_mean, COARSE_NODES)
    return Chance(point, *_band(edge, lambda mean: chance(mean, nodes), point, seed))


def draw_means(edge: Edge, seed: int, count: int = RESAMPLES) -> "np.ndarray":
    """Draws of the mean growth: a Bayesian bootstrap, scaled to what is known of it.

    Dirichlet weights over the sample's outcomes (n trades' worth of them) give the
    shape; centre and deviation are the shrunk mean and its posterior deviation, the
    deviation widened by `WIDENED`. Source: Rubin, D. B. (1981), *The Bayesian
    bootstrap*, Annals of Statistics 9.
    """
    centre = edge.shrunk_mean
    generator = np.random.default_rng(seed)
    weights = generator.gamma(
        edge.bounds.trades * edge.probabilities, size=(count, edge.growths.size)
    )
    drawn = (weights @ edge.growths) / weights.sum(axis=1)
    spread = float(drawn.std())
    if spread == 0 or edge.posterior_deviation == 0:
        return np.full(count, centre)
    scaled = (drawn - drawn.mean()) / spread
    return np.asarray(centre + scaled * WIDENED * edge.posterior_deviation)


def _band(
    edge: Edge, chance: Callable[[float], float], point: float, seed: int
) -> tuple[float, float]:
    """The band's ends; they hold the point estimate between them."""
    means = draw_means(edge, seed)
    low, high = np.quantile(means, BAND_QUANTILES)
    if low == high:
        return point, point
    # A probability grows with the mean: its quantiles are those of the mean.
    return min(chance(float(low)), point), max(chance(float(high)), point)


def is_unreachable(
    edge: Edge,
    *,
    trades_left: int,
    goal_return: float,
    equity: float = 1.0,
    max_factor: float = 1.0,
    stop_loss: Stop = None,
    seed: int = 0,
) -> str | None:
    """Why the goal cannot be reached any more; None if it can.

    It cannot if not even the best trade ever seen, at `max_factor`, by every trade left
    would do, or if the band's upper end at constant `max_factor` is below 5 %. What a
    normal distribution says to be far from that is not looked at any closer.
    """
    check_question(trades_left, goal_return, None, 0.0, equity)
    require_factor(max_factor)
    needed = log(1 + goal_return) - log(equity)
    if needed <= 0:
        return None
    most = trades_left * log(1 + max(edge.best, 0.0) * max_factor)
    if most < needed - 1e-12:
        trades = f"{trades_left} trades" if trades_left > 1 else "one trade"
        return (
            f"not even {trades} like the best one yet, at factor {max_factor:g}, would "
            f"reach it"
        )
    chance = estimate_chance(
        edge,
        trades_left=trades_left,
        goal_return=goal_return,
        equity=equity,
        factor=max_factor,
        stop_loss=stop_loss,
    )
    if chance >= SURELY_REACHABLE:
        return None
    means = draw_means(edge, seed)
    best_mean = float(np.quantile(means, BAND_QUANTILES[1]))
    upper = evaluate_policy(
        max_factor,
        *edge.tilted(best_mean),
        1.0,
        trades_left,
        goal_return,
        stop_loss,
        equity,
        nodes=COARSE_NODES,
        grouped=True,
        stops=False,
    ).probability
    if upper < UNREACHABLE:
        return (
            f"even at factor {max_factor:g} and the upper bound of the edge, the "
            f"probability is {_below_unreachable(upper)}"
        )
    return None


def _below_unreachable(probability: float) -> str:
    """0.0213 as "2.13 %, below 5 %"."""
    exact, limit = Decimal(str(probability)), Decimal(str(UNREACHABLE))
    if exact < LEAST_SHOWN:
        return f"less than {in_text.ratio(LEAST_SHOWN)}"
    return f"{in_text.ratio(exact, limit)}, below {in_text.ratio(limit)}"


def estimate_chance(
    edge: Edge,
    *,
    trades_left: int,
    goal_return: float,
    equity: float,
    factor: float,
    stop_loss: Stop,
) -> float:
    """A cheap estimate of the upper end of the band, from the edge's sums alone.

    How often a Brownian motion touches the goal in time, by the reflection principle,
    less how often it touches the stop.
    """
    upper = edge.shrunk_mean + UPPER_END * WIDENED * edge.posterior_deviation
    spread = edge.bounds.deviation * factor
    drift = upper * factor - spread**2 / 2
    up = log1p(goal_return) - log(equity)
    touches = _touch(up, drift, spread, trades_left)
    level = level_of(stop_loss)
    if level is None:
        return touches
    down = log(equity) - log1p(-level)
    return touches - _touch(down, -drift, spread, trades_left)


def _touch(distance: float, drift: float, spread: float, steps: int) -> float:
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
    steps = min(trades_left, FAN_STEPS)
    each = trades_left / steps if steps else 1.0
    outcomes = take_outcomes(edge.growths, edge.probabilities, 1.0)
    if each > 1:
        outcomes = sum_of(outcomes, each)
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
