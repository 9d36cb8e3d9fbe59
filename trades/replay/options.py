"""What a replay is run with: strategies, costs and the engine's own rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from strategies.decisions.signals import SignalKind


@dataclass(frozen=True, slots=True)
class ReplayStrategy:
    """A strategy that may trade: its id, the kind of its signals, their parameters."""

    strategy_id: str
    kind: SignalKind
    parameters: Mapping[str, object] = field(default_factory=dict)


# What trades in the demo portfolio; a replay's own are in `trades.services.replay`.
DEMO_STRATEGIES = (
    ReplayStrategy(
        "demo_momentum",
        SignalKind.MOMENTUM,
        {"fast_bars": 6, "slow_bars": 13, "signal_bars": 5},
    ),
    ReplayStrategy(
        "demo_mean_reversion",
        SignalKind.MEAN_REVERSION,
        {"oversold_level": 25, "trend_bars": 50},
    ),
    ReplayStrategy(
        "demo_breakout", SignalKind.BREAKOUT, {"entry_bars": 15, "exit_bars": 8}
    ),
)


@dataclass(frozen=True, slots=True)
class Costs:
    """What a trade costs, in basis points of the notional (1 bps = 0.01 %).

    Both are paid at the entry and again at the exit. Slippage moves the price against
    the trade; fees are charged besides.
    """

    fee_bps: Decimal = Decimal(5)
    slippage_bps: Decimal = Decimal(2)

    def __post_init__(self) -> None:
        for name, bps in (("fee", self.fee_bps), ("slippage", self.slippage_bps)):
            if not (bps.is_finite() and 0 <= bps < 1000):
                raise ValueError(f"{name}_bps must be from 0 to below 1000, was {bps}")


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """The engine's rules next to the strategies' own.

    `base_size_pct`: the notional asked about, in percent of the realised equity. At 75
    the ladder's largest factor (1.3) invests 97.5 %, so nothing is borrowed.
    `stop_ranges`: the protective stop's distance from the entry in average true ranges
    over `range_bars` bars; None for no stop. It is judged at closes.
    `max_holding_bars`: a position is left after that many bars. At 10, half a trading
    month, a monthly goal gets more than one decision, so that it can steer at all.
    `resume_after_days`: days after a halt that only a person ends, somebody
    resumes trading by hand; None: nobody does, and no later price is traded.
    """

    base_size_pct: Decimal = Decimal(75)
    stop_ranges: Decimal | None = Decimal(3)
    range_bars: int = 14
    max_holding_bars: int = 10
    resume_after_days: int | None = None

    def __post_init__(self) -> None:
        if not (self.base_size_pct.is_finite() and 0 < self.base_size_pct <= 1000):
            raise ValueError(
                f"base_size_pct must be above 0 and at most 1000, was "
                f"{self.base_size_pct}"
            )
        stop = self.stop_ranges
        if stop is not None and not (stop.is_finite() and 0 < stop <= 100):
            raise ValueError(f"stop_ranges must be above 0, at most 100, was {stop}")
        if not 2 <= self.range_bars <= 500:
            raise ValueError(f"range_bars must be from 2 to 500, was {self.range_bars}")
        if self.max_holding_bars < 1:
            raise ValueError(
                f"max_holding_bars must be at least 1, was {self.max_holding_bars}"
            )
        days = self.resume_after_days
        if days is not None and not 1 <= days <= 3650:
            raise ValueError(f"resume_after_days must be from 1 to 3650, was {days}")
