"""What a goal asks for besides its target: trading days, a bounded best day. Pure."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from goals.decisions.progress import Baseline, PortfolioFigures
from goals.enums import ConditionName, Measure
from mastertrade.values import in_text
from mastertrade.values.money import (
    HUNDRED,
    MONEY,
    PERCENT,
    ZERO,
    exactly,
    format_plain,
    hold_within,
    quantum,
    round_to,
)

ROUNDING = quantum(MONEY)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as it stands: what is required, what there is, whether it holds.

    Days, or percent of the profit; `current` is None while there is no profit.
    """

    name: ConditionName
    required: Decimal
    current: Decimal | None
    met: bool

    @property
    def words(self) -> str:
        """How it stands, for people."""
        if self.name is ConditionName.MIN_TRADING_DAYS:
            return f"{self.current} of {self.required} trading days"
        if self.current is None:
            return f"no profit yet, its best day at most {_pct(self.required)} of it"
        shown = in_text.percent(self.current, self.required)
        return f"best day {shown} of the profit, at most {_pct(self.required)}"


@dataclass(slots=True)
class DayProfits:
    """The largest profit of a trading day, fed with figures in order.

    `value` is the figure that a goal's profit is a difference of: the realised P&L,
    or the unit value. A day without a profit counts as 0.
    """

    value: Decimal
    day_began_at: Decimal
    largest_before: Decimal = ZERO
    day: date | None = None

    @classmethod
    def since(cls, measure: Measure, baseline: Baseline) -> "DayProfits":
        """At the start of a goal's period."""
        value = baseline.realized_pnl
        if measure is Measure.RETURN:
            value = baseline.unit_value
        return cls(value=value, day_began_at=value)

    def add(self, day: date, value: Decimal) -> None:
        """The figure after an entry, or after the last one, of this trading day."""
        if day != self.day:
            self.largest_before = self.largest
            self.day, self.day_began_at = day, self.value
        self.value = value

    @property
    def largest(self) -> Decimal:
        return max(self.largest_before, self.value - self.day_began_at)


def _pct(value: Decimal) -> str:
    return f"{format_plain(value)} %"


def profit_figure(measure: Measure, figures: PortfolioFigures) -> Decimal:
    """The figure whose differences are profits: realised P&L or unit value."""
    if measure is Measure.RETURN:
        return figures.unit_value
    return figures.realized_pnl


@exactly
def measure_best_day(measure: Measure, baseline: Baseline, largest: Decimal) -> Decimal:
    """A day's profit in the goal's measure: percent of its start, or money."""
    if measure is Measure.RETURN:
        if baseline.unit_value == 0:
            return ZERO
        largest = largest / baseline.unit_value * HUNDRED
    return round_to(hold_within(largest, MONEY), MONEY)


@exactly
def measure_target_in_force(
    start_value: Decimal,
    target_value: Decimal,
    best_day: Decimal,
    best_day_max_pct: Decimal | None,
) -> Decimal:
    """The larger of the target and the start + best day / its largest share."""
    if best_day_max_pct is None:
        return target_value
    needed = start_value + best_day * HUNDRED / best_day_max_pct
    return max(target_value, round_to(hold_within(needed, MONEY), MONEY))


def measure_trading_days(required: int, days: int, *, met: bool) -> Condition:
    """Trading days with an entry; counted up to what is required."""
    name = ConditionName.MIN_TRADING_DAYS
    return Condition(name, Decimal(required), Decimal(days), met)


@exactly
def measure_best_day_share(
    max_pct: Decimal, best_day: Decimal, profit: Decimal
) -> Condition:
    """The best day's share of the profit since the goal's start.

    Both are rounded to `MONEY`; what that may have added to the day's does not count.
    """
    share = None
    if profit > 0:
        share = round_to(hold_within(best_day / profit * HUNDRED, PERCENT), PERCENT)
    return Condition(
        ConditionName.BEST_DAY_MAX_PCT,
        max_pct,
        share,
        met=(best_day - ROUNDING) * HUNDRED <= max_pct * max(profit, ZERO),
    )
