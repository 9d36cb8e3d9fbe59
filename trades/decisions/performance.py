"""How well a strategy has done: money by currency, its edge, its Kelly fraction. Pure.

Money of two currencies never adds up, so each has figures of its own, in the currency
of the portfolios. Growths (ratios of the unit value, at factor 1) have no currency:
edge and Kelly fraction are over all portfolios together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from goals.decisions.trade_record import FEWEST_TRADES, NO_RECORD, GrowthRecord
from goals.projection.kelly import Kelly
from mastertrade.values.money import exactly


@dataclass(frozen=True, slots=True)
class MoneyFigures:
    """What a strategy's ended trades made in one currency, fees included.

    `gains` and `losses` are sums, the latter negative. `max_drawdown` is the deepest
    fall of their running profit below its height so far, positive.
    """

    currency: str
    trades: int
    wins: int
    lost: int
    gains: Decimal
    losses: Decimal
    max_drawdown: Decimal

    @property
    def profit_loss(self) -> Decimal:
        return self.gains + self.losses

    @property
    def average_win(self) -> Decimal | None:
        return _ratio(self.gains, self.wins)

    @property
    def average_loss(self) -> Decimal | None:
        """The size of the mean loss, positive."""
        return _ratio(-self.losses, self.lost)

    @property
    def payoff(self) -> Decimal | None:
        """Mean win by mean loss; None without either."""
        if self.average_win is None or self.average_loss is None:
            return None
        return _ratio(self.average_win, self.average_loss)

    @property
    def expectancy(self) -> Decimal | None:
        """The mean profit of a trade."""
        return _ratio(self.profit_loss, self.trades)

    @property
    def profit_factor(self) -> Decimal | None:
        """All gains by all losses; None without a loss."""
        return _ratio(self.gains, -self.losses)


@dataclass(frozen=True, slots=True)
class Performance:
    """One strategy's figures.

    Trades that ended up to `since` are not counted; None: all are.
    """

    strategy_id: str
    money: tuple[MoneyFigures, ...] = ()
    record: GrowthRecord = NO_RECORD
    kelly: Kelly | None = None
    since: datetime | None = None

    @property
    def trades(self) -> int:
        """Trades that have wholly ended; not all of them count in the record."""
        return sum(one.trades for one in self.money)

    @property
    def wins(self) -> int:
        return sum(one.wins for one in self.money)

    @property
    def losses(self) -> int:
        return sum(one.lost for one in self.money)

    @property
    def win_rate(self) -> Decimal | None:
        return _ratio(Decimal(self.wins), self.trades)

    @property
    def reason(self) -> str | None:
        """Why there is no edge, or how little it is to be relied on."""
        if not self.record.judged:
            return (
                f"{self.record.trades} trades count; an edge needs at least "
                f"{FEWEST_TRADES}."
            )
        if self.record.low_confidence:
            return f"Only {self.record.trades} trades: the edge is uncertain."
        return None


def sort_money(figures: Sequence[MoneyFigures]) -> tuple[MoneyFigures, ...]:
    """By currency."""
    return tuple(sorted(figures, key=lambda one: one.currency))


@exactly
def _ratio(dividend: Decimal, divisor: Decimal | int) -> Decimal | None:
    return dividend / divisor if divisor else None
