"""What guards look at, and what they answer. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from goals.decisions.arbitration import GoalState
from goals.decisions.limits import DayFigures, FloorFigures, Limits
from goals.decisions.size_request import SizeRequest
from goals.decisions.trade_record import GrowthRecord
from goals.enums import EdgeGuard, HaltCause
from mastertrade.values import in_text
from mastertrade.values.in_text import Mark, Text, name, say
from mastertrade.values.money import ZERO

# What a guard says that has nothing to hold.
NO_DAY_RULE = Text("no rule of the day is set")
NO_HEADROOM_SHARE = say("{} is not set", name("headroom_share_pct"))
NO_SIZE_LIMIT = Text("no size limit is set")
NOTHING_SET = (NO_DAY_RULE, NO_HEADROOM_SHARE, NO_SIZE_LIMIT)


@dataclass(frozen=True, slots=True)
class LongsWithoutStop:
    """LONGs of one base size: the sum of their effective factors.

    None can lose more than its notional, its factor times the base size: that of its
    entry, or where it has risen that at its last mark.
    """

    base_size: Decimal
    factors: Decimal


@dataclass(frozen=True, slots=True)
class OpenRisk:
    """What the open trades may still lose, in the portfolio's currency.

    At their stops: `closed` from their entries, `live` from their last marks; one that
    wins there counts as 0. Of those without a stop the entry notional, and the sum of
    their effective factors (entry notional / base size of the decision, 1 without one);
    `longs_without_stop` are part of both.
    """

    closed: Decimal
    live: Decimal
    notional_without_stop: Decimal = ZERO
    factors_without_stop: Decimal = ZERO
    longs_without_stop: tuple[LongsWithoutStop, ...] = ()


@dataclass(frozen=True, slots=True)
class Exposure:
    """What the headroom and the exposure guard need to know of the portfolio.

    Money in the portfolio's `currency`, which only the reasons need. `open_notional`
    is that of the symbol asked about; without a symbol, of the symbol that has the most
    (`symbol_assumed`): not knowing must not be cheaper than knowing.
    `oldest_mark_seconds`: the age of the oldest last mark of an open position, rounded
    up; None where none is open. `open_risk` is read only where the limits in force
    then bound what a trade may lose by `headroom_share_pct`.
    """

    live_equity: Decimal
    max_position_pct: Decimal | None
    open_notional: Decimal | None
    symbol_assumed: bool = False
    oldest_mark_seconds: int | None = None
    currency: str = ""
    open_risk: OpenRisk | None = None

    def in_words(self, amount: Decimal, against: Decimal | None = None) -> Text:
        return in_text.money(amount, self.currency, against)


@dataclass(frozen=True, slots=True)
class Halt:
    """Trading is halted: since when, until when (None: until a person resumes), why.

    `marks` are those of the reason's figures.
    """

    cause: HaltCause
    since: datetime
    until: datetime | None
    reason: str
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class RiskState:
    """What the drawdown and the edge guard look at. Percentages.

    `drawdown_pct` is the fall below the guard's reference peak, the worse of realised
    and live; `daily_loss_pct` that of the live unit value since local midnight. None
    means that it could not be read. `record` is that of the strategy named by
    `record_of`, or without one the portfolio's; None: it was not read. `floors` and
    `day` are None in decisions logged before there were floors. `limits` are those in
    force then, given where there are rules of the day. `suspected_at`: the first mark
    at or below a floor, while no second one has confirmed it.
    """

    drawdown_pct: Decimal | None
    soft_drawdown_pct: Decimal
    hard_drawdown_pct: Decimal
    record: GrowthRecord | None
    edge_guard: EdgeGuard = EdgeGuard.BENEFIT_OF_DOUBT
    halt: Halt | None = None
    daily_loss_pct: Decimal | None = None
    daily_loss_limit_pct: Decimal | None = None
    record_of: str | None = None
    floors: FloorFigures | None = None
    day: DayFigures | None = None
    limits: Limits | None = None
    suspected_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SizingInputs:
    """All that a size follows from; the log stores it, and it is decided again from it.

    `goals`, never empty, are those that take part. `tables`: by its hash, what each
    solved table that a goal looked at was solved from, as plain JSON.
    """

    request: SizeRequest
    goals: tuple[GoalState, ...]
    exposure: Exposure
    risk_state: RiskState
    tables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def base_size(self) -> Decimal:
        """The notional asked about, or what it is at the live equity and the stop."""
        return self.request.base_size or self.request.measure_base_size(
            self.exposure.live_equity
        )


@dataclass(frozen=True, slots=True)
class GuardAnswer:
    """The factor a guard leaves, never above the one it got, and why.

    `largest_size`: the notional at which it holds the size, where a factor of four
    places would hold it lower than need be; None where the factor says all.
    """

    factor: Decimal
    reason: Text
    largest_size: Decimal | None = None


Guard: TypeAlias = Callable[[Decimal, SizingInputs], GuardAnswer]


@dataclass(frozen=True, slots=True)
class GuardResult:
    """What one guard did to the factor, and why."""

    name: str
    factor_before: Decimal
    factor_after: Decimal
    reason: Text

    @property
    def binds(self) -> bool:
        return self.factor_after < self.factor_before

    @property
    def is_set(self) -> bool:
        """Whether there is anything for it to hold."""
        return self.reason not in NOTHING_SET
