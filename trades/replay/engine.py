"""The walk: real bars, one by one, through the decisions of live trading.

At a bar's close the signals up to that bar decide; what they decide is done at the next
bar's open, at that open plus slippage. So no decision can know a price it could not
have known. One position is open at a time. What is still open at the last close is
closed there, and marked so.

Money is the broker's: profit and equity are read back from it, never recomputed. The
one exception is the value of an open position at a bar's close, for the equity curve.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from mastertrade.values.money import MONEY, PRICE, exactly, quantum, round_to
from strategies.decisions.signals import PriceArrays, average_ranges, compute_signals
from trades.enums import Side
from trades.replay.bars import Bar, PriceSeries
from trades.replay.broker import Broker, PlanRequest
from trades.replay.execution import base_size_of, executed_price, fees_of
from trades.replay.halts import HaltWatch
from trades.replay.options import Costs, ReplaySettings, ReplayStrategy
from trades.replay.records import (
    BookedTrade,
    Decision,
    EquityPoint,
    ExitCause,
    ReplayResult,
)

Progress = Callable[[int, int], None]  # bars done, bars in all
SMALLEST_PRICE = quantum(PRICE)


def replay(
    series: PriceSeries,
    strategies: Sequence[ReplayStrategy],
    broker: Broker,
    costs: Costs,
    settings: ReplaySettings,
    *,
    progress: Progress | None = None,
) -> ReplayResult:
    """Walk the series through the broker, bar by bar, and report what was booked.

    `progress` is called after each bar with the bars done and their total.
    """
    if not strategies:
        raise ValueError("a replay needs at least one strategy")
    if len({strategy.strategy_id for strategy in strategies}) < len(strategies):
        raise ValueError("the strategies of a replay must have different ids")
    walk = BarLoop(series, strategies, broker, costs, settings)
    last = len(series.bars) - 1
    for index in range(last + 1):
        walk.open_bar(index)
        walk.close_bar(index, is_last=index == last)
        if progress is not None:
            progress(index + 1, last + 1)
    return walk.result()


@dataclass(frozen=True, slots=True)
class _Position:
    trade_id: int
    decision: Decision
    side: Side
    opened_index: int
    opened_at: datetime
    price: Decimal
    fees: Decimal
    stop_price: Decimal | None

    @exactly
    def value_change(self, price: Decimal) -> Decimal:
        """The unrealised profit at `price`, less the entry's fees."""
        move = price - self.price if self.side is Side.LONG else self.price - price
        return round_to(self.decision.plan.quantity * move - self.fees, MONEY)

    def is_stopped(self, close: Decimal) -> bool:
        if self.stop_price is None:
            return False
        if self.side is Side.LONG:
            return close <= self.stop_price
        return close >= self.stop_price


@dataclass(frozen=True, slots=True)
class _EntryOrder:
    decision: Decision
    side: Side
    decided_index: int


@dataclass(frozen=True, slots=True)
class _ExitOrder:
    cause: ExitCause
    reason: str


class BarLoop:
    """The state between two bars: one position or none, one order or none.

    Several walks may share a broker, each on its own prices: all open a bar before any
    closes it.
    """

    def __init__(
        self,
        series: PriceSeries,
        strategies: Sequence[ReplayStrategy],
        broker: Broker,
        costs: Costs,
        settings: ReplaySettings,
    ) -> None:
        self.series, self.broker = series, broker
        self.costs, self.settings = costs, settings
        prices = price_arrays(series)
        self.signals = {
            strategy.strategy_id: compute_signals(
                strategy.kind, prices, strategy.parameters
            )
            for strategy in strategies
        }
        self.ranges = average_ranges(prices, settings.range_bars)
        self.halts = HaltWatch(broker, settings.resume_after_days)
        self.position: _Position | None = None
        self.entry: _EntryOrder | None = None
        self.exit: _ExitOrder | None = None
        self.decisions: list[Decision] = []
        self.trades: list[BookedTrade] = []
        self.points: list[EquityPoint] = []
        self.unfunded_signals = 0
        self.opening_equity = broker.equity()

    def open_bar(self, index: int) -> None:
        """Do what was decided at the close before."""
        bar = self.series.bars[index]
        self.halts.advance(bar.opened_at)
        self._execute_orders(index, bar)

    def close_bar(self, index: int, *, is_last: bool = False) -> None:
        """Decide; at the last bar, close what is open."""
        bar = self.series.bars[index]
        self.halts.advance(bar.at)
        if self.position is None:
            if not is_last:
                self.entry = self._decide_entry(index, bar)
        elif is_last:
            order = _ExitOrder(ExitCause.END_OF_DATA, "the prices end here")
            self._close(self.position, order, bar.close, bar.at)
        else:
            self.exit = self._decide_exit(self.position, index, bar)
        self._record_equity(bar)

    def result(self) -> ReplayResult:
        return ReplayResult(
            symbol=self.series.symbol,
            bars=len(self.series.bars),
            opening_equity=self.opening_equity,
            decisions=tuple(self.decisions),
            trades=tuple(self.trades),
            equity=tuple(self.points),
            unfunded_signals=self.unfunded_signals,
            halts=self.halts.spans(),
        )

    def _execute_orders(self, index: int, bar: Bar) -> None:
        entry, self.entry = self.entry, None
        leave, self.exit = self.exit, None
        if self.position is not None and leave is not None:
            self._close(self.position, leave, bar.open, bar.opened_at)
        elif entry is not None and self.broker.halted_at() is None:
            # Another walk's exit at this very open may have halted trading.
            self._open(entry, index, bar)

    def _decide_entry(self, index: int, bar: Bar) -> _EntryOrder | None:
        candidates = self._candidates(index)
        if not candidates or not self.broker.has_goal():
            return None
        base_size = base_size_of(self.broker.equity(), self.settings.base_size_pct)
        if base_size <= 0:
            self.unfunded_signals += 1
            return None
        request = PlanRequest(
            at=bar.at,
            symbol=self.series.symbol,
            candidates=candidates,
            price=bar.close,
            base_size=base_size,
            stop_price=self._asked_stop(candidates, index, bar.close),
        )
        plan = self.broker.plan(request)
        if plan.strategy_id not in candidates:
            raise ValueError(f"{plan.strategy_id!r} was planned but has no signal")
        side = candidates[plan.strategy_id]
        signal = f"enter_{side.lower()}"
        decision = Decision(
            at=bar.at,
            base_size=base_size,
            candidates=tuple(candidates),
            signal=self.signals[plan.strategy_id].reason(signal, index),
            plan=plan,
        )
        self.decisions.append(decision)
        return None if plan.is_blocked else _EntryOrder(decision, side, index)

    def _candidates(self, index: int) -> dict[str, Side]:
        return {
            strategy_id: Side.LONG if signals.enter_long[index] else Side.SHORT
            for strategy_id, signals in self.signals.items()
            if signals.enter_long[index] or signals.enter_short[index]
        }

    def _decide_exit(
        self, position: _Position, index: int, bar: Bar
    ) -> _ExitOrder | None:
        if position.is_stopped(bar.close):
            return _ExitOrder(
                ExitCause.STOP, f"close {bar.close} is beyond {position.stop_price}"
            )
        signals = self.signals[position.decision.plan.strategy_id]
        is_long = position.side is Side.LONG
        column = signals.exit_long if is_long else signals.exit_short
        if column[index]:
            name = "exit_long" if is_long else "exit_short"
            return _ExitOrder(ExitCause.SIGNAL, signals.reason(name, index))
        held = index - position.opened_index + 1
        if held >= self.settings.max_holding_bars:
            return _ExitOrder(ExitCause.HOLDING_LIMIT, f"held for {held} bars")
        return None

    def _open(self, order: _EntryOrder, index: int, bar: Bar) -> None:
        plan = order.decision.plan
        is_buy = order.side is Side.LONG
        price = executed_price(bar.open, self.costs, is_buy=is_buy)
        fees = fees_of(plan.quantity, price, self.costs)
        trade_id = self.broker.open(
            plan,
            symbol=self.series.symbol,
            side=order.side,
            quantity=plan.quantity,
            price=price,
            at=bar.opened_at,
            fees=fees,
        )
        self.position = _Position(
            trade_id=trade_id,
            decision=order.decision,
            side=order.side,
            opened_index=index,
            opened_at=bar.opened_at,
            price=price,
            fees=fees,
            stop_price=self._stop_price(order.side, order.decided_index, price),
        )

    def _stop_price(
        self, side: Side, decided_index: int, entry_price: Decimal
    ) -> Decimal | None:
        true_range = float(self.ranges[decided_index])
        if self.settings.stop_ranges is None or not math.isfinite(true_range):
            return None
        distance = self.settings.stop_ranges * Decimal(true_range)
        if side is Side.LONG:
            return round_to(entry_price - distance, PRICE)
        return round_to(entry_price + distance, PRICE)

    def _asked_stop(
        self, candidates: Mapping[str, Side], index: int, close: Decimal
    ) -> Decimal | None:
        """The stop that the size is asked with: a price, and another than the close.

        One that no price reaches loses all there is.
        """
        side = Side.SHORT if Side.SHORT in candidates.values() else Side.LONG
        stop_price = self._stop_price(side, index, close)
        if stop_price is None:
            return None
        if stop_price == close:
            stop_price -= side.sign * SMALLEST_PRICE
        return max(stop_price, SMALLEST_PRICE)

    def _close(
        self, position: _Position, order: _ExitOrder, market: Decimal, at: datetime
    ) -> None:
        is_buy = position.side is Side.SHORT
        price = executed_price(market, self.costs, is_buy=is_buy)
        fees = fees_of(position.decision.plan.quantity, price, self.costs)
        profit_loss = self.broker.close(
            position.trade_id, price=price, at=at, fees=fees
        )
        self.trades.append(
            BookedTrade(
                trade_id=position.trade_id,
                decision=position.decision,
                side=position.side,
                opened_at=position.opened_at,
                entry_price=position.price,
                closed_at=at,
                exit_price=price,
                fees=position.fees + fees,
                profit_loss=profit_loss,
                cause=order.cause,
                exit_reason=order.reason,
            )
        )
        self.position = None

    def _record_equity(self, bar: Bar) -> None:
        equity = live = self.broker.equity()
        if self.position is not None:
            live += self.position.value_change(bar.close)
        self.points.append(EquityPoint(bar.at, equity, live))


def price_arrays(series: PriceSeries) -> PriceArrays:
    """The series as columns of floats, for indicators only."""
    bars = series.bars
    return PriceArrays(
        high=np.array([float(bar.high) for bar in bars]),
        low=np.array([float(bar.low) for bar in bars]),
        close=np.array([float(bar.close) for bar in bars]),
    )
