"""The headroom guard: what a trade may lose of what is left to the nearest floor."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from goals.decisions.guards.base import (
    Exposure,
    LongsWithoutStop,
    OpenRisk,
    RiskState,
    SizingInputs,
)
from goals.decisions.guards.headroom import (
    HeadroomUnknown,
    StopPriceRequired,
    guard_headroom,
)
from goals.decisions.limits import FloorFigures, Limits
from goals.decisions.size_request import SizeRequest
from goals.decisions.sizing import SizingDecision, decide_size
from goals.decisions.trade_record import NO_RECORD, GrowthRecord
from goals.enums import Verdict
from goals.tests.decisions.test_arbitration import goal_state
from mastertrade.values.money import exactly

# 1000 units at 1: 100 to the hard floor.
FLOORS = FloorFigures(
    closed=Decimal(1),
    live=Decimal(1),
    hard=Decimal("0.9"),
    soft=Decimal("0.95"),
    daily=None,
    money_per_value=Decimal(1000),
    is_live=True,
)
NOTHING_OPEN = OpenRisk(Decimal(0), Decimal(0))
STOP = {"price": Decimal(50000), "stop_price": Decimal(49000)}
# The worst trade lost 4 % at factor 1.
LOSING = GrowthRecord(trades=20, lower=Decimal("0.01"), worst=Decimal("-0.04"))


def ask(
    share: str | None = "50",
    open_risk: OpenRisk | None = NOTHING_OPEN,
    record: GrowthRecord = NO_RECORD,
    floors: FloorFigures | None = FLOORS,
    progress: str = "30",
    **fields: Any,
) -> SizingInputs:
    """Of 1000 by a goal that wants the base size as it is."""
    return SizingInputs(
        SizeRequest(**{"base_size": Decimal(10_000), **fields}),
        (goal_state(progress=progress),),
        Exposure(
            Decimal(1000),
            None,
            None,
            open_risk=open_risk,
        ),
        RiskState(
            Decimal(0),
            Decimal(10),
            Decimal(20),
            record,
            floors=floors,
            limits=Limits(headroom_share_pct=None if share is None else Decimal(share)),
        ),
    )


def decide(**asked: Any) -> SizingDecision:
    return decide_size(ask(**asked))


def test_the_loss_at_the_stop_takes_its_share_of_what_is_left() -> None:
    decision = decide(**STOP)
    # 50 % of 100, at 2 % of the size.
    assert (decision.adjusted_size, decision.risk_amount) == (2500, 50)
    assert decision.adjustment_factor == Decimal("0.25")
    assert decision.verdict is Verdict.REDUCE
    guard = next(one for one in decision.guards if one.name == "headroom")
    assert guard.reason == (
        "held at 2500: headroom_share_pct 50 % of the 100 left to the hard drawdown "
        "floor; at its stop the trade loses 2 % of its size"
    )


def test_costs_count_and_a_share_of_100_is_all() -> None:
    assert decide(**STOP, cost_pct=Decimal("0.5")).adjusted_size == 2000
    assert decide(share="100", **STOP).adjusted_size == 5000
    assert decide(base_size=Decimal(2500), **STOP).verdict is Verdict.ALLOW


def test_open_trades_lose_first_what_they_lose_at_their_stops() -> None:
    decision = decide(open_risk=OpenRisk(Decimal(60), Decimal(60)), **STOP)
    assert decision.adjusted_size == 1000
    assert "of the 40 left to the hard drawdown floor after 60 that" in decision.reason


@pytest.mark.parametrize(
    ("live", "open_risk", "left"),
    [
        # One trade is 50 above its entry and loses 30 below that at its stop.
        ("1.05", OpenRisk(Decimal(30), Decimal(80)), 70),
        # It is 50 above its entry, and its stop at the entry: nothing of it is lost.
        ("1.05", OpenRisk(Decimal(0), Decimal(50)), 100),
        # It is 50 below its entry already, with the stop 30 farther below.
        ("0.95", OpenRisk(Decimal(80), Decimal(30)), 20),
        # A winner of 100 whose stop is near hides no loser that is closed first.
        ("1.05", OpenRisk(Decimal(80), Decimal(40)), 20),
    ],
)
def test_closed_and_live_value_lose_each_its_own(
    live: str, open_risk: OpenRisk, left: int
) -> None:
    floors = replace(FLOORS, live=Decimal(live))
    decision = decide(share="100", floors=floors, open_risk=open_risk, **STOP)
    assert decision.risk_amount == left


def test_the_daily_floor_counts_where_it_is_nearer() -> None:
    floors = replace(FLOORS, daily=Decimal("0.98"))
    decision = decide(floors=floors, **STOP)
    assert decision.risk_amount == 10
    assert "of the 20 left to the daily loss floor" in decision.reason


def test_floors_in_money_leave_money() -> None:
    floors = FloorFigures(
        closed=Decimal(1000),
        live=Decimal(1000),
        hard=Decimal(900),
        soft=Decimal(950),
        daily=None,
        money_per_value=Decimal(1),
        is_live=True,
    )
    assert decide(floors=floors, **STOP).risk_amount == 50


def test_nothing_left_blocks() -> None:
    decision = decide(open_risk=OpenRisk(Decimal(100), Decimal(0)), **STOP)
    assert (decision.verdict, decision.adjusted_size) == (Verdict.BLOCK, 0)
    assert "held at 0: headroom_share_pct 50 % of the 0 left" in decision.reason


def test_without_a_stop_the_worst_recorded_loss_counts() -> None:
    # 4 % of 1000 at factor 1, which is a base size of 500.
    assert decide(record=LOSING, base_size=Decimal(500)).verdict is Verdict.ALLOW
    held = decide(record=LOSING, base_size=Decimal(500), share="20")
    assert held.adjusted_size == 250
    assert "the worst recorded loss is 40 at factor 1" in held.reason


@pytest.mark.parametrize(
    "record",
    [NO_RECORD, replace(LOSING, trades=19), replace(LOSING, worst=Decimal("0.001"))],
    ids=["none", "19 trades", "no loss"],
)
def test_without_stop_and_record_there_is_no_size(record: GrowthRecord) -> None:
    with pytest.raises(StopPriceRequired, match="send price and stop_price"):
        decide(record=record)
    assert decide(record=record, **STOP).adjusted_size == 2500


def test_an_open_trade_without_a_stop_loses_as_the_worst_or_all() -> None:
    open_risk = OpenRisk(Decimal(0), Decimal(0), Decimal(90), Decimal("1.5"))
    assert decide(open_risk=open_risk, **STOP).risk_amount == 5  # of 100 - 90
    known = decide(open_risk=open_risk, record=LOSING, **STOP)
    assert known.risk_amount == 20  # of 100 - 1.5 * 40


def test_an_open_long_without_a_stop_loses_its_notional_at_most() -> None:
    """Of factor 1 each: one of 1, one of 39, one of 500 and a SHORT of 1."""
    longs = [LongsWithoutStop(Decimal(base), Decimal(1)) for base in (1, 39, 500)]
    open_risk = OpenRisk(
        Decimal(0), Decimal(0), Decimal(541), Decimal(4), longs_without_stop=(*longs,)
    )
    floors = replace(FLOORS, hard=Decimal("0.8"))  # the worst was 40 at factor 1
    held = decide(open_risk=open_risk, floors=floors, record=LOSING, **STOP)
    assert held.risk_amount == (200 - (1 + 39 + 40 + 40)) / 2
    assert "after 120 that open trades may lose" in held.reason


def test_what_cannot_be_read_is_an_error() -> None:
    for asked in ({"floors": None}, {"open_risk": None}):
        with pytest.raises(HeadroomUnknown):
            decide(**asked, **STOP)
        assert decide(share=None, **asked, **STOP).adjusted_size == 10_000


def test_a_halted_portfolio_is_blocked_without_a_stop_too() -> None:
    assert guard_headroom(Decimal(0), ask(floors=None)).factor == 0


def test_a_size_held_exactly_is_within_the_caller_s_limit_and_min_size() -> None:
    """Both guards hold the size to more than the four places of a factor."""
    asked = {**STOP, "share": "0.333333", "base_size": Decimal(1_000_000)}
    alone = decide(**asked)
    assert alone.adjustment_factor == 0
    assert alone.adjusted_size == Decimal("16.66665")
    between = decide(**asked, max_size=Decimal("16.5"))
    assert between.adjusted_size == Decimal("16.5")
    assert decide(**asked, min_size=Decimal(17)).verdict is Verdict.BLOCK


amounts = st.decimals(min_value=0, max_value=200, places=8)


@given(
    share=st.decimals(min_value=Decimal("0.000001"), max_value=100, places=6),
    closed=amounts,
    live=amounts,
    stop=st.decimals(min_value=1, max_value=99_999, places=6),
    lot_step=st.none() | st.decimals(min_value="0.00001", max_value=1, places=5),
    progress=st.sampled_from(["0", "30", "90"]),
    max_size=st.none() | amounts,
)
@example(
    share=Decimal(100),
    closed=Decimal(0),
    live=Decimal(0),
    stop=Decimal(3),
    lot_step=None,
    progress="0",
    max_size=None,
)
def test_no_loss_at_the_stop_takes_more_than_its_share(
    share: Decimal,
    closed: Decimal,
    live: Decimal,
    stop: Decimal,
    lot_step: Decimal | None,
    progress: str,
    max_size: Decimal | None,
) -> None:
    assume(stop != 50_000)
    decision = decide(
        share=str(share),
        open_risk=OpenRisk(closed, live),
        progress=progress,
        price=Decimal(50_000),
        stop_price=stop,
        lot_step=lot_step,
        max_size=max_size,
    )

    @exactly
    def loss_and_most() -> tuple[Decimal, Decimal]:
        left = max(Decimal(100) - max(closed, live), Decimal(0))
        quantity = decision.quantity or Decimal(0)
        return quantity * abs(50_000 - stop), left * share / 100

    loss, most = loss_and_most()
    assert loss <= most
    assert max_size is None or decision.adjusted_size <= max_size
