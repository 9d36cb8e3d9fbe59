"""What independence costs: trades that were open at once, and streaks.

No times: records are drawn of days with four trades each that win and lose together, by
a correlation, or of one trade a day that follows the one before it. Of each record the
probability of a goal is worked out, and compared with how often days drawn from the
same process reach it.
"""

from collections.abc import Iterator

import numpy as np

from bench.rows import Row
from bench.trials import trials
from goals.projection.edge import Edge, estimate_edge
from goals.projection.forecast import measure_chance
from goals.projection.mixture import Walked
from goals.projection.streaks import measure_streaks
from goals.projection.trades_left import TradesLeft
from goals.projection.types import Floats

CORRELATIONS = (0.0, 0.3, 0.6)
EACH, DAYS = 4, 15
RISK, EDGE = 0.01, 0.1
GOAL, STOP = 0.05, 0.1
# Where nothing but the way of drawing differs: near, far, and with a near stop.
QUESTIONS = ((0.05, 0.1), (0.1, 0.1), (0.15, 0.1), (0.05, 0.05))
RECORDED_DAYS = (25, 75)
RECORDS, WALKS, LONG = 300, 200_000, 20_000
STREAKS, STREAK_TRADES = 300, 100


def measure() -> Iterator[Row]:
    for correlation in CORRELATIONS:
        for goal, stop in QUESTIONS:
            yield _row_of_cost(correlation, goal, stop)
        for days in RECORDED_DAYS:
            yield _row_of_cover(correlation, days)
    for follows in CORRELATIONS:
        yield _row_of_streaks(follows)


def draw_days(generator: np.random.Generator, correlation: float, days: int) -> Floats:
    """Growths of `days` days with `EACH` trades, normal, of deviation 1 R."""
    common = generator.normal(0, correlation**0.5, (days, 1))
    own = generator.normal(0, (1 - correlation) ** 0.5, (days, EACH))
    return RISK * (EDGE + common + own)


def estimate(growths: Floats, *, together: bool) -> Edge:
    opened = np.repeat(np.arange(len(growths), dtype=np.float64), growths.shape[1])
    closed = opened + (0.9 if together else 0.0)
    edge = estimate_edge(growths.ravel(), opened, closed)
    assert edge is not None
    return edge


def true_chance(correlation: float, goal: float, stop: float) -> float:
    """How often days of the process touch the goal at the close of some trade."""
    generator = np.random.default_rng(5)
    reached, walks = 0, trials(WALKS)
    for _ in range(20):
        drawn = draw_days(generator, correlation, walks // 20 * DAYS)
        equity = np.cumprod(1 + drawn.reshape(-1, DAYS * EACH), axis=1)
        up, down = equity >= 1 + goal, equity <= 1 - stop
        first_up = np.where(up.any(axis=1), up.argmax(axis=1), DAYS * EACH + 1)
        first_down = np.where(down.any(axis=1), down.argmax(axis=1), DAYS * EACH + 1)
        reached += int((first_up < first_down).sum())
    return reached / walks


def _row_of_cost(correlation: float, goal: float, stop: float) -> Row:
    """Of a record so long that nothing but the way of drawing differs."""
    growths = draw_days(np.random.default_rng(1), correlation, LONG)
    truth = true_chance(correlation, goal, stop)
    errors = []
    for together in (False, True):
        edge = estimate(growths, together=together)
        each = edge.trades_a_step
        walked = Walked(1.0, goal, stop, 1.0, each, False, nearer=edge.nearer)
        drawn = edge.tilted(RISK * EDGE)
        found = walked.chance(drawn, DAYS * EACH, nodes=800)
        errors.append((found - truth) * 100)
    return Row(
        f"four trades open at once, correlation {correlation:g}, goal "
        f"{goal * 100:g} %, "
        f"stop {stop * 100:g} %: P(reach) too high by",
        f"{errors[1]:+.1f} points in bunches",
        f"{errors[0]:+.1f} as independent (true {truth * 100:.1f} %)",
        None,
    )


def _row_of_cover(correlation: float, days: int) -> Row:
    truth = true_chance(correlation, GOAL, STOP)
    generator = np.random.default_rng(2)
    held, width, records = np.zeros(2), np.zeros(2), trials(RECORDS)
    for _ in range(records):
        growths = draw_days(generator, correlation, days)
        for place, together in enumerate((False, True)):
            band = measure_chance(
                estimate(growths, together=together),
                1.0,
                trades_left=DAYS * EACH,
                goal_return=GOAL,
                stop_loss=STOP,
                reads_time=False,
            )
            held[place] += band.low <= truth <= band.high
            width[place] += band.high - band.low
    held, width = held / records * 100, width / records * 100
    return Row(
        f"the same, {days * EACH} trades: bands that hold the truth",
        f"{held[1]:.0f} %, {width[1]:.0f} points wide, in bunches",
        f"{held[0]:.0f} %, {width[0]:.0f} wide, as independent",
        None,
    )


def _row_of_streaks(follows: float) -> Row:
    """Records of trades that each follow the one before by this correlation."""
    generator = np.random.default_rng(3)
    found = []
    for seed in range(trials(STREAKS)):
        edge = estimate_edge(RISK * (EDGE + _follow(generator, follows)))
        assert edge is not None
        left = TradesLeft(40)
        streaks = measure_streaks(
            edge,
            1.0,
            probability=0.5,
            trades_left=left,
            goal_return=GOAL,
            stop_loss=STOP,
            reads_time=False,
            seed=seed,
        )
        found.append(streaks.difference * 100)
    differences = np.array(found)
    share = (np.abs(differences) > 5).mean() * 100
    return Row(
        f"streaks: {STREAK_TRADES} trades, each follows the last by {follows:g}: "
        "answers that say so",
        f"{share:.0f} %",
        f"{differences.mean():+.1f} points on average, deviation "
        f"{differences.std():.1f}",
        None,
    )


def _follow(generator: np.random.Generator, follows: float) -> Floats:
    drawn = generator.normal(0, 1, STREAK_TRADES)
    for place in range(1, STREAK_TRADES):
        kept = (1 - follows**2) ** 0.5
        drawn[place] = follows * drawn[place - 1] + kept * drawn[place]
    return np.asarray(drawn)
