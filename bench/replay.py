"""Replayed bars a second: the services, against a broker that only remembers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

from django.db import transaction

from bench.rows import Row
from bench.timing import in_turn, timed
from goals.enums import GoalType
from goals.models import User
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio
from strategies.services import create_strategy
from trades.enums import Side
from trades.replay.bars import PriceSeries
from trades.replay.broker import Broker, Plan, PlanRequest
from trades.replay.engine import replay
from trades.replay.options import Costs, ReplaySettings
from trades.replay.reading import load_prices
from trades.replay.records import ReplayResult
from trades.services.live_broker import LiveBroker
from trades.services.replay import STRATEGIES

PRICES = "AAPL"
PAIRS = 3
Answer = TypeVar("Answer")


@dataclass
class Recorder:
    """Passes every call on to another broker, and keeps the answers in order."""

    broker: Broker
    answers: list[Any] = field(default_factory=list)

    def advance(self, at: datetime) -> None:
        self.broker.advance(at)

    def halted_at(self) -> datetime | None:
        return self.broker.halted_at()

    def resume(self, *, at: datetime, reason: str) -> None:
        self.broker.resume(at=at, reason=reason)

    def equity(self) -> Decimal:
        return self._keep(self.broker.equity())

    def plan(self, request: PlanRequest) -> Plan:
        return self._keep(self.broker.plan(request))

    def open(self, plan: Plan, **trade: Any) -> int:
        return self._keep(self.broker.open(plan, **trade))

    def close(
        self, trade_id: int, *, price: Decimal, at: datetime, fees: Decimal
    ) -> Decimal:
        closed = self.broker.close(trade_id, price=price, at=at, fees=fees)
        return self._keep(closed)

    def _keep(self, answer: Answer) -> Answer:
        self.answers.append(answer)
        return answer


class Memory:
    """Gives the recorded answers again: the engine takes the same way, for nothing."""

    def __init__(self, answers: list[Any]) -> None:
        self._next: Callable[[], Any] = iter(answers).__next__

    def advance(self, at: datetime) -> None:
        pass

    def halted_at(self) -> datetime | None:
        return None  # nobody resumes in a benchmark: a block answers for itself

    def resume(self, *, at: datetime, reason: str) -> None:
        pass

    def equity(self) -> Decimal:
        equity: Decimal = self._next()
        return equity

    def plan(self, request: PlanRequest) -> Plan:
        plan: Plan = self._next()
        return plan

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
        trade_id: int = self._next()
        return trade_id

    def close(
        self, trade_id: int, *, price: Decimal, at: datetime, fees: Decimal
    ) -> Decimal:
        profit_loss: Decimal = self._next()
        return profit_loss


def measure() -> Iterator[Row]:
    series = load_prices(PRICES)
    brokers = Brokers(series)
    recorder = Recorder(brokers.open_services())
    with transaction.atomic():
        result = walk(series, recorder)

    def by_services() -> float:
        broker = brokers.open_services()
        with transaction.atomic():
            return timed(lambda: walk(series, broker))

    def in_memory() -> float:
        broker = Memory(recorder.answers)
        return timed(lambda: walk(series, broker))

    pair = in_turn(by_services, in_memory, times=PAIRS)
    bars = len(series.bars)
    yield Row(
        f"replay of {bars:,} bars with {len(result.trades):,} trades, "
        "against the engine alone",
        f"{bars / pair.ours:,.0f} bars/s",
        f"{bars / pair.floor:,.0f} bars/s",
        pair.reach,
    )


def walk(series: PriceSeries, broker: Broker) -> ReplayResult:
    return replay(series, STRATEGIES, broker, Costs(), ReplaySettings())


class Brokers:
    """Portfolios of one user, each with a monthly goal as of the first bar."""

    def __init__(self, series: PriceSeries) -> None:
        self.start = series.bars[0].opened_at
        self.user = User.objects.create_user("replay")
        self.numbers = count(1)
        for strategy in STRATEGIES:
            create_strategy(
                user=self.user,
                strategy_id=strategy.strategy_id,
                strategy_type=str(strategy.kind),
                now=self.start,
            )

    def open_services(self) -> LiveBroker:
        portfolio = create_portfolio(
            user=self.user,
            name=f"replay {next(self.numbers)}",
            opening_balance=Decimal(10_000),
            now=self.start,
        )
        create_goal(
            user=self.user,
            portfolio=portfolio.portfolio_id,
            goal_type=GoalType.MONTHLY_RETURN,
            target_value=Decimal(5),
            recurring=True,
            as_of=self.start,
        )
        return LiveBroker(self.user, portfolio, STRATEGIES)
