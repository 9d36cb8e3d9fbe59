"""Headroom as a gauge: what may be lost, of it what is used, and losing trades left."""

from dataclasses import dataclass
from decimal import Decimal

from mastertrade.values.money import HUNDRED, ZERO, exactly
from trades.sizing_calls.limits import FloorNow

WIDTH = Decimal(400)  # of the drawing, whatever its width on the page
GAP = Decimal(2)
# More blocks than this say no more than one bar does.
MOST_BLOCKS = 40


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of a gauge by its left side and its width."""

    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Gauge:
    """A floor as it is drawn. Money in the portfolio's currency.

    `lost` is what is used of `allowed`, negative after a profit; `used_pct` of it from
    0 to 100. `blocks` are average losing trades, or one bar where none is known.
    """

    floor: FloorNow
    allowed: Decimal
    lost: Decimal
    used_pct: Decimal
    used: Bar | None
    blocks: tuple[Bar, ...]
    tick: str | None

    @property
    def gained(self) -> Decimal:
        return max(-self.lost, ZERO)


@exactly
def draw_gauge(floor: FloorNow, allowed: Decimal, tick_at: Decimal | None) -> Gauge:
    """`allowed`: what may be lost in all; `tick_at`: a loss that a tick marks."""
    lost = allowed - floor.headroom + floor.shortfall
    whole = max(allowed, floor.headroom)
    if whole <= 0:
        return Gauge(floor, allowed, lost, HUNDRED, None, (), None)
    used = min(max(lost, ZERO), whole)
    start = WIDTH * used / whole
    count = floor.losing_trades
    size = None if not count else (WIDTH - start) / count
    tick = None
    if tick_at is not None:
        tick = _shown(min(WIDTH * (whole - allowed + tick_at) / whole, WIDTH - GAP))
    return Gauge(
        floor=floor,
        allowed=allowed,
        lost=lost,
        used_pct=HUNDRED * used / whole,
        used=_bar(ZERO, start),
        blocks=tuple(_blocks(start, size)),
        tick=tick,
    )


def _blocks(start: Decimal, size: Decimal | None) -> list[Bar]:
    left = WIDTH - start
    if size is None or size <= GAP or left > size * MOST_BLOCKS:
        bar = _bar(start, left)
        return [] if bar is None else [bar]
    bars = []
    while left > 0:
        bar = _bar(WIDTH - left, min(size, left))
        bars += [] if bar is None else [bar]
        left -= size
    return bars


def _bar(x: Decimal, width: Decimal) -> Bar | None:
    """With a gap after it; None where it would be too narrow to be seen."""
    width -= GAP
    return Bar(_shown(x), _shown(width)) if width >= Decimal("0.5") else None


def _shown(value: Decimal) -> str:
    return f"{value:.1f}"
