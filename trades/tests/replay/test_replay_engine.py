"""The walk: when it decides, when it trades, at what price, and what it cannot know."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goals.enums import Verdict
from strategies.decisions.signals import SignalKind
from trades.enums import Side
from trades.replay.bars import PriceSeries
from trades.replay.broker import Plan
from trades.replay.engine import replay
from trades.replay.execution import base_size_of, executed_price, fees_of
from trades.replay.options import Costs, ReplaySettings, ReplayStrategy
from trades.replay.records import ExitCause, ReplayResult
from trades.tests.replay_broker import DAY, MemoryDesk, make_bar, make_series

FREE = Costs(fee_bps=Decimal(0), slippage_bps=Decimal(0))
NO_STOP = ReplaySettings(stop_ranges=None, max_holding_bars=1000)
BREAKOUT = ReplayStrategy("breakout_1", SignalKind.BREAKOUT)
# Flat long enough for every warm-up; the breakout's channel is then 99 … 101.
FLAT = [100.0] * 30
ALL_KINDS = [
    ReplayStrategy("breakout_1", SignalKind.BREAKOUT, {"allow_short": True}),
    ReplayStrategy(
        "reversion_1",
        SignalKind.MEAN_REVERSION,
        {"trend_bars": 30, "allow_short": True},
    ),
    ReplayStrategy("momentum_1", SignalKind.MOMENTUM, {"allow_short": True}),
]


def walk(
    closes, *, broker=None, strategies=(BREAKOUT,), costs=FREE, rules=NO_STOP
) -> ReplayResult:
    broker = MemoryDesk() if broker is None else broker
    return replay(make_series(closes), strategies, broker, costs, rules)


def random_closes(seed: int, length: int) -> list[float]:
    steps = np.random.default_rng(seed).normal(0.0005, 0.02, length)
    return (100 * np.exp(np.cumsum(steps))).tolist()


# When


def test_a_signal_at_a_close_is_traded_at_the_next_open():
    closes = [*FLAT, 110.0, 111.0, 112.0]  # bar 30 breaks out
    series = make_series(closes)

    trade = walk(closes).trades[0]

    assert trade.decision.at == series.bars[30].at
    assert trade.opened_at == series.bars[31].opened_at
    assert trade.entry_price == series.bars[31].open


def test_the_plan_is_asked_with_the_deciding_close():
    broker = MemoryDesk()

    walk([*FLAT, 110.0, 111.0], broker=broker)

    assert broker.requests[0].price == Decimal(110)


def test_an_exit_signal_at_a_close_is_traded_at_the_next_open():
    closes = [*FLAT, 110.0, 111.0, 90.0, 91.0, 92.0]  # bar 32 falls below the channel
    series = make_series(closes)

    trade = walk(closes).trades[0]

    assert trade.cause is ExitCause.SIGNAL
    assert trade.closed_at == series.bars[33].opened_at
    assert trade.exit_price == series.bars[33].open


def test_what_is_open_at_the_end_is_closed_at_the_last_close():
    closes = [*FLAT, 110.0, 111.0, 112.0]
    last = make_series(closes).bars[-1]

    trade = walk(closes).trades[-1]

    assert trade.cause is ExitCause.END_OF_DATA
    assert (trade.closed_at, trade.exit_price) == (last.at, last.close)


def test_a_signal_at_the_last_bar_asks_for_nothing():
    broker = MemoryDesk()

    walk([*FLAT, 110.0], broker=broker)

    assert broker.requests == []


def test_one_position_is_open_at_a_time():
    broker = MemoryDesk()

    walk(random_closes(1, 600), broker=broker, strategies=ALL_KINDS)

    booked = [name for name, _, _ in broker.calls if name in ("open", "close")]
    assert booked == ["open", "close"] * (len(booked) // 2)
    assert len(booked) > 20


def test_the_desk_is_advanced_to_every_time_before_it_acts():
    broker = MemoryDesk()

    walk(random_closes(1, 600), broker=broker, strategies=ALL_KINDS)

    now = None
    for name, at, _ in broker.calls:
        if name == "advance":
            assert now is None or at > now
            now = at
        else:
            assert at == now


def test_progress_is_told_after_every_bar():
    answer = []

    replay(
        make_series(FLAT),
        [BREAKOUT],
        MemoryDesk(),
        FREE,
        NO_STOP,
        progress=lambda done, total: answer.append((done, total)),
    )

    assert answer == [(bar, 30) for bar in range(1, 31)]


# No look-ahead


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    other=st.integers(1001, 2000),
    cut=st.integers(60, 298),
)
@pytest.mark.slow
def test_later_prices_change_no_earlier_call(seed, other, cut):
    past = random_closes(seed, 300)[: cut + 1]
    scale = past[-1] / 100
    futures = [random_closes(which, 299 - cut) for which in (seed + 5000, other)]

    calls = []
    for future in futures:
        broker = MemoryDesk()
        series = make_series([*past, *(scale * price for price in future)])
        replay(series, ALL_KINDS, broker, Costs(), ReplaySettings())
        known_until = series.bars[cut].at
        calls.append([call for call in broker.calls if call[1] <= known_until])

    assert calls[0] == calls[1]


def test_the_look_ahead_test_would_see_trades():
    result = walk(random_closes(3, 300), strategies=ALL_KINDS, rules=ReplaySettings())

    assert len(result.trades) >= 10


# Prices, sizes, costs


def test_slippage_is_paid_both_ways():
    costs = Costs(fee_bps=Decimal(0), slippage_bps=Decimal(10))
    closes = [*FLAT, 110.0, 111.0, 120.0]

    trade = walk(closes, costs=costs).trades[0]

    assert trade.entry_price == Decimal("110.11")
    assert trade.exit_price == Decimal("119.88")


def test_slippage_of_a_short_moves_the_other_way():
    costs = Costs(fee_bps=Decimal(0), slippage_bps=Decimal(10))
    short = ReplayStrategy("short_1", SignalKind.BREAKOUT, {"allow_short": True})

    trade = walk([*FLAT, 90.0, 89.0, 80.0], strategies=[short], costs=costs).trades[0]

    assert trade.side is Side.SHORT
    assert trade.entry_price == Decimal("89.91")
    assert trade.exit_price == Decimal("80.08")


def test_fees_are_charged_on_both_notionals():
    costs = Costs(fee_bps=Decimal(10), slippage_bps=Decimal(0))

    trade = walk([*FLAT, 110.0, 111.0, 120.0], costs=costs).trades[0]

    quantity = trade.decision.plan.quantity
    assert trade.fees == quantity * (Decimal(110) + Decimal(120)) / 1000


def test_the_quantity_planned_is_the_quantity_traded():
    broker = MemoryDesk()

    result = walk([*FLAT, 110.0, 111.0, 120.0], broker=broker)

    opened = next(details for name, _, details in broker.calls if name == "open")
    assert opened[1] == result.decisions[0].plan.quantity


def test_the_profit_is_what_the_desk_booked():
    class OddDesk(MemoryDesk):
        def close(self, trade_id, *, price, at, fees):
            super().close(trade_id, price=price, at=at, fees=fees)
            return Decimal("12.34")

    trade = walk([*FLAT, 110.0, 111.0, 120.0], broker=OddDesk()).trades[0]

    assert trade.profit_loss == Decimal("12.34")


def test_the_base_size_follows_the_equity():
    result = walk(random_closes(1, 600), rules=ReplaySettings())

    last = result.decisions[-1]
    booked = sum(trade.profit_loss for trade in result.trades[:-1])
    assert booked != 0
    assert last.base_size == base_size_of(10_000 + booked, Decimal(75))


def test_a_base_size_is_never_rounded_up():
    assert base_size_of(Decimal("0.00000003"), Decimal(75)) == Decimal("0.00000002")


def test_prices_and_fees_are_rounded_to_the_ledger():
    costs = Costs(fee_bps=Decimal(1), slippage_bps=Decimal(1))

    price = executed_price(Decimal("0.123456789012"), costs, is_buy=True)
    fees = fees_of(Decimal("1.000000000001"), Decimal("1.11"), costs)

    assert price == Decimal("0.123469134691")
    assert fees == Decimal("0.00011100")


# Exits


def test_the_stop_ends_a_trade_at_the_open_after_a_close_beyond_it():
    # The breakout's own exit is the low of 200 bars here: far away.
    patient = ReplayStrategy("patient", SignalKind.BREAKOUT, {"exit_bars": 200})
    rules = ReplaySettings(stop_ranges=Decimal(1), max_holding_bars=1000)
    closes = [*FLAT, 110.0, 111.0, 100.0, 101.0, 102.0]

    trade = walk(closes, strategies=[patient], rules=rules).trades[0]

    assert trade.cause is ExitCause.STOP
    assert trade.closed_at == make_series(closes).bars[33].opened_at


@pytest.mark.parametrize(
    ("stop_ranges", "stop_price"),
    [(None, None), ("0.00000000000001", "109.999999999999"), ("100", "0.000000000001")],
)
def test_the_size_is_asked_with_a_stop_that_is_a_price_of_its_own(
    stop_ranges: str | None, stop_price: str | None
):
    broker = MemoryDesk()
    ranges = None if stop_ranges is None else Decimal(stop_ranges)

    walk([*FLAT, 110.0, 111.0], broker=broker, rules=ReplaySettings(stop_ranges=ranges))

    asked = broker.requests[0].stop_price
    assert asked == (None if stop_price is None else Decimal(stop_price))


def test_the_stop_of_a_short_lies_above():
    patient = ReplayStrategy(
        "patient", SignalKind.BREAKOUT, {"exit_bars": 200, "allow_short": True}
    )
    rules = ReplaySettings(stop_ranges=Decimal(1), max_holding_bars=1000)
    closes = [*FLAT, 90.0, 89.0, 100.0, 101.0]

    trade = walk(closes, strategies=[patient], rules=rules).trades[0]

    assert (trade.side, trade.cause) == (Side.SHORT, ExitCause.STOP)
    assert trade.closed_at == make_series(closes).bars[33].opened_at


def test_without_a_stop_the_same_trade_runs_on():
    patient = ReplayStrategy("patient", SignalKind.BREAKOUT, {"exit_bars": 200})
    closes = [*FLAT, 110.0, 111.0, 100.0, 101.0, 102.0]

    trade = walk(closes, strategies=[patient]).trades[0]

    assert trade.cause is ExitCause.END_OF_DATA


def test_a_trade_is_left_after_the_longest_holding():
    rules = ReplaySettings(stop_ranges=None, max_holding_bars=3)
    closes = [*FLAT, *np.linspace(110, 130, 10).tolist()]
    series = make_series(closes)

    trade = walk(closes, rules=rules).trades[0]

    assert trade.cause is ExitCause.HOLDING_LIMIT
    assert trade.opened_at == series.bars[31].opened_at
    assert trade.closed_at == series.bars[34].opened_at  # bars 31, 32 and 33


# Refusals


def test_a_blocked_plan_is_counted_and_not_traded():
    result = walk([*FLAT, 110.0, 111.0, 112.0], broker=MemoryDesk(blocks=True))

    assert (result.blocked, result.trades) == (1, ())


def test_a_plan_of_quantity_zero_is_blocked():
    class StingyDesk(MemoryDesk):
        def plan(self, request):
            plan = super().plan(request)
            return Plan(
                strategy_id=plan.strategy_id,
                quantity=Decimal(0),
                factor=plan.factor,
                band=plan.band,
                verdict=Verdict.ALLOW,
                reason="below one share",
            )

    result = walk([*FLAT, 110.0, 111.0], broker=StingyDesk())

    assert (result.blocked, result.trades) == (1, ())


def test_without_equity_no_plan_is_asked_for():
    broker = MemoryDesk(equity_value=Decimal(0))

    result = walk([*FLAT, 110.0, 111.0], broker=broker)

    assert (result.unfunded_signals, broker.requests) == (1, [])


def test_only_strategies_with_a_signal_are_candidates():
    broker = MemoryDesk()

    walk([*FLAT, 110.0, 111.0], broker=broker, strategies=ALL_KINDS)

    assert dict(broker.requests[0].candidates) == {"breakout_1": Side.LONG}


def test_a_plan_for_a_strategy_without_a_signal_is_refused():
    class WilfulDesk(MemoryDesk):
        def plan(self, request):
            return Plan(
                strategy_id="another",
                quantity=Decimal(1),
                factor=Decimal(1),
                band=self.band(),
                verdict=Verdict.ALLOW,
                reason="",
            )

    with pytest.raises(ValueError, match="'another' was planned but has no signal"):
        walk([*FLAT, 110.0, 111.0], broker=WilfulDesk())


def test_a_replay_without_strategies_is_refused():
    with pytest.raises(ValueError, match="at least one strategy"):
        walk(FLAT, strategies=())


def test_two_strategies_of_one_id_are_refused():
    with pytest.raises(ValueError, match="different ids"):
        walk(FLAT, strategies=(BREAKOUT, BREAKOUT))


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        ({"base_size_pct": Decimal(0)}, "base_size_pct"),
        ({"base_size_pct": Decimal("NaN")}, "base_size_pct"),
        ({"stop_ranges": Decimal(0)}, "stop_ranges"),
        ({"range_bars": 1}, "range_bars"),
        ({"max_holding_bars": 0}, "max_holding_bars"),
    ],
)
def test_bad_settings_are_refused_by_name(rules, fault):
    with pytest.raises(ValueError, match=fault):
        ReplaySettings(**rules)


@pytest.mark.parametrize("bps", [Decimal(-1), Decimal(1000), Decimal("NaN")])
@pytest.mark.parametrize("name", ["fee_bps", "slippage_bps"])
def test_bad_costs_are_refused_by_name(name, bps):
    with pytest.raises(ValueError, match=name):
        Costs(**{name: bps})


# Equity


def test_the_live_equity_counts_the_open_position_at_the_close():
    costs = Costs(fee_bps=Decimal(10), slippage_bps=Decimal(0))
    broker = MemoryDesk()

    result = walk([*FLAT, 110.0, 111.0, 120.0, 130.0], broker=broker, costs=costs)

    quantity = result.decisions[0].plan.quantity
    entry_fees = quantity * Decimal("0.11")
    point = result.equity[31]  # entered at 110, closed at 111
    assert point.realised == 10_000
    assert point.live == 10_000 + quantity - entry_fees


def test_the_equity_ends_where_the_desk_stands():
    broker = MemoryDesk()

    result = walk(random_closes(4, 400), broker=broker)

    last = result.equity[-1]
    assert last.realised == last.live == broker.equity_value


def test_a_missing_day_delays_the_execution_to_the_next_bar():
    bars = make_series([*FLAT, 110.0]).bars
    late = make_bar(35, "112", "114", "111", "113")
    later = make_bar(36, "113", "114", "111", "113")
    series = PriceSeries("TEST", (*bars, late, later), DAY)

    result = replay(series, [BREAKOUT], MemoryDesk(), FREE, NO_STOP)

    assert result.trades[0].opened_at - result.decisions[0].at > timedelta(days=4)
    assert result.trades[0].entry_price == 112
