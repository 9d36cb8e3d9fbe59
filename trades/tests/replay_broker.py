"""A desk made of dictionaries, and bars made of numbers, for the replay's tests."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from goals.enums import GoalStatus, ProgressBand, Verdict
from trades.enums import Side
from trades.replay.bars import Bar, PriceSeries
from trades.replay.broker import Plan, PlanRequest
from trades.replay.report import GoalOutcome

DAY = timedelta(days=1)
START = datetime(2020, 1, 1, tzinfo=UTC)
FACTORS = {
    ProgressBand.BEHIND: Decimal("1.3"),
    ProgressBand.ON_TRACK: Decimal(1),
    ProgressBand.NEAR_TARGET: Decimal("0.7"),
    ProgressBand.ACHIEVED: Decimal("0.5"),
}


def make_bar(index: int, open_: str, high: str, low: str, close: str) -> Bar:
    opened_at = START + index * DAY
    return Bar(
        opened_at=opened_at,
        at=opened_at + DAY - timedelta(seconds=1),
        open=Decimal(open_),
        high=Decimal(high),
        low=Decimal(low),
        close=Decimal(close),
        volume=Decimal(1000),
    )


def make_series(closes: Sequence[float], symbol: str = "TEST") -> PriceSeries:
    """Bars that open at the close before and reach 1 % beyond both."""
    bars, before = [], closes[0]
    for index, close in enumerate(closes):
        high, low = max(before, close) * 1.01, min(before, close) * 0.99
        numbers = (f"{number:.6f}" for number in (before, high, low, close))
        bars.append(make_bar(index, *numbers))
        before = close
    return PriceSeries(symbol, tuple(bars), DAY)


@dataclass
class MonthGoal:
    first: date
    last: date
    start_equity: Decimal
    reached: bool = False


@dataclass
class OpenTrade:
    side: Side
    quantity: Decimal
    price: Decimal
    fees: Decimal


@dataclass
class MemoryDesk:
    """Keeps equity and monthly goals of `target_pct`; records every call."""

    uses_ladder: bool = True
    equity_value: Decimal = Decimal(10_000)
    target_pct: Decimal = Decimal(5)
    blocks: bool = False
    halt: datetime | None = None  # a test's desk halts and resumes as it is told
    calls: list[tuple[str, datetime, Any]] = field(default_factory=list)
    requests: list[PlanRequest] = field(default_factory=list)
    goals: list[MonthGoal] = field(default_factory=list)
    trades: dict[int, OpenTrade] = field(default_factory=dict)

    def advance(self, at: datetime) -> None:
        self.calls.append(("advance", at, None))
        if not self.goals or at.date() > self.goals[-1].last:
            first = at.date().replace(day=1)
            last = first.replace(day=calendar.monthrange(at.year, at.month)[1])
            self.goals.append(MonthGoal(first, last, self.equity_value))

    def halted_at(self) -> datetime | None:
        return self.halt

    def has_goal(self) -> bool:
        return True

    def resume(self, *, at: datetime, reason: str) -> None:
        self.calls.append(("resume", at, reason))
        self.halt = None

    def equity(self) -> Decimal:
        return self.equity_value

    def plan(self, request: PlanRequest) -> Plan:
        self.calls.append(("plan", request.at, request))
        self.requests.append(request)
        band = self.band()
        factor = FACTORS[band] if self.uses_ladder else Decimal(1)
        quantity = request.base_size * factor / request.price
        return Plan(
            strategy_id=min(request.candidates),
            quantity=quantity.quantize(Decimal("0.0001")),
            factor=factor,
            band=band,
            verdict=Verdict.BLOCK if self.blocks else Verdict.ALLOW,
            reason=f"{band}: factor {factor}",
        )

    def open(
        self,
        plan: Plan,
        *,
        symbol: str,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        at: datetime,
        fees: Decimal,
    ) -> int:
        self.calls.append(("open", at, (side, quantity, price, fees)))
        trade_id = sum(name == "open" for name, _, _ in self.calls)
        self.trades[trade_id] = OpenTrade(side, quantity, price, fees)
        return trade_id

    def close(
        self, trade_id: int, *, price: Decimal, at: datetime, fees: Decimal
    ) -> Decimal:
        self.calls.append(("close", at, (price, fees)))
        trade = self.trades.pop(trade_id)
        move = trade.side.sign * (price - trade.price)
        profit_loss = trade.quantity * move - trade.fees - fees
        self.equity_value += profit_loss
        if self.progress_pct(self.goals[-1]) >= 100:
            self.goals[-1].reached = True
        return profit_loss

    def progress_pct(self, goal: MonthGoal, end: Decimal | None = None) -> Decimal:
        equity = self.equity_value if end is None else end
        return (equity / goal.start_equity - 1) * 100 / self.target_pct * 100

    def band(self) -> ProgressBand:
        progress = self.progress_pct(self.goals[-1])
        if progress < 30:
            return ProgressBand.BEHIND
        if progress < 80:
            return ProgressBand.ON_TRACK
        if progress < 100:
            return ProgressBand.NEAR_TARGET
        return ProgressBand.ACHIEVED

    def outcomes(self) -> list[GoalOutcome]:
        """The months as a ledger would leave them; the last one is open."""
        ends = [goal.start_equity for goal in self.goals[1:]] + [self.equity_value]
        missed = [GoalStatus.MISSED] * (len(self.goals) - 1) + [GoalStatus.ACTIVE]
        return [
            GoalOutcome(
                start_date=goal.first,
                target_date=goal.last,
                target_value=self.target_pct,
                progress_pct=self.progress_pct(goal, end),
                status=GoalStatus.ACHIEVED if goal.reached else status,
            )
            for goal, end, status in zip(self.goals, ends, missed, strict=True)
        ]
