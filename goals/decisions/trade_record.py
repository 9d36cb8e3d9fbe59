"""What closed trades say about the next one, as a decision may use it. Pure.

A growth is what one trade did to the unit value, at factor 1: a
ratio, 0.01 is 1 %. Bounds and shrinkage are worked out in floats from the sums;
each figure is rounded to a Decimal once, so that a logged decision replays to it.
"""

from dataclasses import dataclass
from decimal import Decimal
from statistics import NormalDist

from mastertrade.values.money import RATIO, ZERO, exactly, round_to

FEWEST_TRADES = 20
CONFIDENT_TRADES = 100
# Prior deviation of the mean, in typical losses. Source: docs/projection.md.
PRIOR_DEVIATION_LOSSES = 0.2
# A record more skewed to the left than this may lack the loss that makes it so.
SKEWED_BELOW = Decimal("-0.75")
ONE_SIDED_80 = NormalDist().inv_cdf(0.8)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The mean growth of a record with its one-sided 80 % bounds (ratios).

    Mean ∓ 0.8416 standard errors: the classical bounds for a normal mean.
    """

    trades: int
    mean: float
    deviation: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class GrowthRecord:
    """The record of a strategy or a portfolio; ratios at factor 1, of 12 places.

    `lower` and `upper` are the one-sided 80 % bounds of `mean`; `typical_loss` is
    positive. Below `FEWEST_TRADES` trades the figures are there and say nothing: ask
    `judged` first. `losses` counts the losing trades, `mean_loss` is their mean size
    (positive; 0 without one), `worst` the smallest growth. `skewness` is
    m₃ / m₂^1.5; None in a record of before it was known. `lower_if_worse` is the lower
    bound with one more trade like the worst.
    """

    trades: int = 0
    mean: Decimal = ZERO
    lower: Decimal = ZERO
    upper: Decimal = ZERO
    shrunk_mean: Decimal = ZERO
    best: Decimal = ZERO
    typical_loss: Decimal = ZERO
    losses: int = 0
    mean_loss: Decimal = ZERO
    worst: Decimal = ZERO
    skewness: Decimal | None = None
    lower_if_worse: Decimal = ZERO

    @property
    def judged(self) -> bool:
        """Whether there are trades enough to say anything."""
        return self.trades >= FEWEST_TRADES

    @property
    def disproved(self) -> bool:
        """Whether even an optimistic reading of the record shows a loss."""
        return self.judged and self.upper < 0

    @property
    def is_skewed(self) -> bool:
        """Whether the worst loss counts once more before a factor above 1.

        Many small wins and few large losses look better than they are for as long as
        the next large loss has not come.
        """
        return self.skewness is not None and self.skewness < SKEWED_BELOW

    @property
    def lacks_losses(self) -> bool:
        """Whether no trade has lost, so that nobody knows what a loss would cost."""
        return self.skewness is not None and self.losses == 0

    @property
    def allows_more(self) -> bool:
        """Whether a record that is `judged` allows a factor above 1."""
        lower = self.lower_if_worse if self.is_skewed else self.lower
        return lower > 0 and not self.lacks_losses

    @property
    def low_confidence(self) -> bool:
        """Whether there are too few trades to rely on the figures."""
        return self.trades < CONFIDENT_TRADES


NO_RECORD = GrowthRecord()


@exactly
def make_record(
    *,
    trades: int,
    sum_growth: Decimal,
    sum_squares: Decimal,
    losses: int,
    sum_losses: Decimal,
    sum_cubes: Decimal,
    best: Decimal,
    worst: Decimal,
) -> GrowthRecord:
    """The record from the exact sums over its trades' growths.

    `sum_losses` is negative; without losses the typical loss is the mean growth.
    """
    if trades == 0:
        return NO_RECORD
    bounds = measure_bounds(trades, float(sum_growth), float(sum_squares))
    mean_loss = _mean_size(sum_losses, losses)
    typical_loss = mean_loss or _mean_size(sum_growth, trades)
    shrunk = shrink_mean(bounds, float(typical_loss))
    worse = measure_bounds(
        trades + 1,
        float(sum_growth + worst),
        float(sum_squares + worst**2),
    )
    return GrowthRecord(
        trades=trades,
        mean=_mean(sum_growth, trades),
        lower=_ratio(bounds.lower),
        upper=_ratio(bounds.upper),
        shrunk_mean=_ratio(shrunk),
        best=round_to(best, RATIO),
        typical_loss=round_to(typical_loss, RATIO),
        losses=losses,
        mean_loss=round_to(mean_loss, RATIO),
        worst=round_to(worst, RATIO),
        skewness=_skewness(trades, sum_growth, sum_squares, sum_cubes),
        lower_if_worse=_ratio(worse.lower),
    )


def _mean(total: Decimal, count: int) -> Decimal:
    return round_to(total / count, RATIO)


def _mean_size(total: Decimal, count: int) -> Decimal:
    return abs(total) / count if count else ZERO


def _skewness(
    trades: int, sum_growth: Decimal, sum_squares: Decimal, sum_cubes: Decimal
) -> Decimal:
    """m₃ / m₂^1.5, 0 where all growths are equal; n²·m₂ and n³·m₃ are exact."""
    second = trades * sum_squares - sum_growth**2
    if second <= 0:
        return ZERO
    third = (
        trades**2 * sum_cubes
        - 3 * trades * sum_growth * sum_squares
        + 2 * sum_growth**3
    )
    return round_to(third / (second * second.sqrt()), RATIO)


def _ratio(value: float) -> Decimal:
    return round_to(Decimal(value), RATIO)


def measure_bounds(trades: int, total: float, total_squares: float) -> Bounds:
    """The mean and its bounds from the count, the sum and the sum of squares."""
    if trades == 0:
        return Bounds(0, 0.0, 0.0, 0.0, 0.0)
    mean = total / trades
    variance = 0.0
    if trades > 1:
        variance = max(total_squares - trades * mean**2, 0.0) / (trades - 1)
    deviation = variance**0.5
    margin = ONE_SIDED_80 * deviation / trades**0.5
    return Bounds(trades, mean, deviation, mean - margin, mean + margin)


def shrink_mean(bounds: Bounds, typical_loss: float) -> float:
    """The mean shrunk towards 0.

    Normal prior of mean 0 and deviation τ = 0.2 typical losses: the mean counts with
    n / (n + s²/τ²), s the sample's deviation.
    """
    prior = PRIOR_DEVIATION_LOSSES * typical_loss
    if bounds.deviation == 0 or prior == 0:
        return bounds.mean if prior else 0.0
    counts = bounds.trades + (bounds.deviation / prior) ** 2
    return bounds.mean * bounds.trades / counts
