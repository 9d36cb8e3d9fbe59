"""The trades that an edge is estimated from, with their times. Pure."""

from dataclasses import dataclass
from functools import cached_property

from goals.projection.edge import Edge, estimate_edge
from goals.projection.trades_left import measure_dispersion
from goals.projection.types import Floats


@dataclass(frozen=True, eq=False)
class TradeSample:
    """Growths at factor 1 in the order of closes, all of shape (trades,).

    `opened` and `closed` are the times of each trade, in days.
    """

    growths: Floats
    opened: Floats
    closed: Floats

    @cached_property
    def edge(self) -> Edge | None:
        return estimate_edge(self.growths, self.opened, self.closed)

    def dispersion(self, days_left: float, until: float) -> float:
        """Of the trades in so many days, by the record up to `until` (in days)."""
        return measure_dispersion(self.closed, days_left, until)
