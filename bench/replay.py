"""Replayed bars a second: the services, against a broker that only remembers."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from typing import Any, cast

from django.db import transaction

from bench.rows import Row
from bench.timing import in_turn, timed
from goals.enums import GoalType
from goals.models import User
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio
from strategies.services import create_strategy
from trades.replay.bars import PriceSeries
from trades.replay.broker import Broker
from trades.replay.engine import replay
from trades.replay.options import Costs, ReplaySettings
from trades.replay.reading import load_prices
from trades.replay.records import ReplayResult
from trades.services.live_broker import LiveBroker
from trades.services.replay import STRATEGIES

PRICES = "AAPL"
PAIRS = 3


class Recorder:
    """Passes every call on to another broker, and keeps the answers in order."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.answers: list[Any] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            answer = getattr(self.broker, name)(*args, **named)
            self.answers.append(answer)
            return answer

        return call


class Memory:
    """Gives the recorded answers again: the engine takes the same way, for nothing."""

    def __init__(self, answers: list[Any]) -> None:
        self._next = iter(answers).__next__

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._call

    def _call(self, *args: Any, **named: Any) -> Any:
        return self._next()


def measure() -> Iterator[Row]:
    series = load_prices(PRICES)
    brokers = Brokers(series)
    recorder = Recorder(brokers.open_services())
    with transaction.atomic():
        result = walk(series, cast(Broker, recorder))

    def by_services() -> float:
        broker = brokers.open_services()
        with transaction.atomic():
            return timed(lambda: walk(series, broker))

    def in_memory() -> float:
        broker = cast(Broker, Memory(recorder.answers))
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
