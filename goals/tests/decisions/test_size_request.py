"""The base size of a percentage or a risk, and what a size loses at its stop."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given, reject
from hypothesis import strategies as st

from goals.decisions.guards.base import Exposure, RiskState, SizingInputs
from goals.decisions.size_request import (
    LARGEST_BASE_SIZE,
    NoLiveEquity,
    SizeRequest,
    find_wrong_request,
)
from goals.decisions.sizing import SizingDecision, decide_size
from goals.decisions.trade_record import NO_RECORD
from goals.enums import Verdict
from goals.tests.decisions.test_arbitration import goal_state
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import exactly

LIVE_EQUITY = Decimal(2000)
CALM = RiskState(Decimal(0), Decimal(10), Decimal(20), NO_RECORD)
LONG: dict[str, Any] = {"price": Decimal(50000), "stop_price": Decimal(49000)}
SHORT = {"price": Decimal(50000), "stop_price": Decimal(51000)}


def decide(progress: object = "30", **fields: Any) -> SizingDecision:
    return decide_size(
        SizingInputs(
            SizeRequest(**fields),
            (goal_state(progress=progress),),
            Exposure(LIVE_EQUITY, None, None, currency="USD"),
            CALM,
        )
    )


@pytest.mark.parametrize(
    ("asked", "base_size"),
    [
        ({"base_size": Decimal("123.45")}, "123.45"),
        ({"base_pct": Decimal(50)}, "1000"),
        ({"base_pct": Decimal(150)}, "3000"),
        ({"base_pct": Decimal("0.000333")}, "0.00666"),
        ({"risk_amount": Decimal(20), **LONG}, "1000"),
        ({"risk_amount": Decimal(20), **SHORT}, "1000"),
        ({"risk_pct": Decimal(1), **LONG}, "1000"),
        # 2 % to the stop and 0.5 % of costs: 20 / 0.025.
        ({"risk_pct": Decimal(1), "cost_pct": Decimal("0.5"), **LONG}, "800"),
        # A third of the price to the stop: no rounding on the way to 60.
        ({"risk_pct": Decimal(2), "price": Decimal(3), "stop_price": Decimal(1)}, "60"),
        # 20 / (1/3 - 1/3e12 ...) is cut off, not rounded.
        ({"risk_pct": Decimal(1), "price": Decimal(7), "stop_price": Decimal(4)},
         "46.66666666"),
        # A stop of a short may be farther away than the price is high.
        ({"risk_amount": Decimal(20), "price": Decimal(1), "stop_price": Decimal(5)},
         "5"),
    ],
    ids=str,
)  # fmt: skip
def test_the_base_size_is_what_loses_the_risk_at_the_stop(
    asked: dict[str, Any], base_size: str
) -> None:
    assert decide(**asked).base_size == Decimal(base_size)


def test_the_factor_scales_the_risk_and_the_answer_gives_it() -> None:
    for progress, factor in (("0", "1.3"), ("30", "1"), ("90", "0.7")):
        decision = decide(progress, risk_pct=Decimal(1), **LONG)
        assert decision.adjustment_factor == Decimal(factor)
        assert decision.risk_amount == 20 * Decimal(factor)
        assert decision.risk_pct == Decimal(factor)


def test_a_base_size_with_a_stop_is_answered_with_its_risk() -> None:
    decision = decide(base_size=Decimal(1000), cost_pct=Decimal("0.5"), **LONG)
    assert (decision.risk_amount, decision.risk_pct) == (25, Decimal("1.25"))
    without = decide(base_size=Decimal(1000), price=Decimal(50000))
    assert (without.risk_amount, without.risk_pct) == (None, None)


def test_the_risk_is_that_of_the_quantity_after_lots_and_limits() -> None:
    asked = {"risk_amount": Decimal(20), "lot_step": Decimal("0.015"), **LONG}
    decision = decide(**asked)
    assert (decision.quantity, decision.risk_amount) == (Decimal("0.015"), 15)
    held = decide(**asked, max_size=Decimal(700))
    assert (held.verdict, held.risk_amount, held.risk_pct) == (Verdict.BLOCK, 0, 0)


amounts = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(10) ** 9, places=8)
prices = st.decimals(
    min_value=Decimal("0.000000000001"), max_value=Decimal(10) ** 7, places=12
)
percentages = st.decimals(
    min_value=Decimal("0.000001"), max_value=Decimal(100), places=6
)


@given(
    risk=amounts | percentages,
    by=st.sampled_from(["risk_amount", "risk_pct"]),
    price=prices,
    stop_price=prices,
    cost_pct=st.none() | percentages,
    lot_step=st.none() | prices,
    progress=st.decimals(-50, 150, places=6),
    bound=st.sampled_from(["0.1", "0.6", "1.2345", "2"]),
    position=st.none() | percentages,
)
@example(
    risk=Decimal(1),
    by="risk_pct",
    price=Decimal(3),
    stop_price=Decimal(1),
    cost_pct=None,
    lot_step=None,
    progress=Decimal(0),
    bound="2",
    position=None,
)
def test_no_size_loses_more_than_the_risk_times_the_factor(
    risk: Decimal,
    by: str,
    price: Decimal,
    stop_price: Decimal,
    cost_pct: Decimal | None,
    lot_step: Decimal | None,
    progress: Decimal,
    bound: str,
    position: Decimal | None,
) -> None:
    assume(price != stop_price)
    risk = min(risk, Decimal(100)) if by == "risk_pct" else risk
    request = SizeRequest(
        risk_amount=risk if by == "risk_amount" else None,
        risk_pct=risk if by == "risk_pct" else None,
        price=price,
        stop_price=stop_price,
        cost_pct=cost_pct,
        lot_step=lot_step,
    )
    goal = replace(goal_state(progress=progress), max_factor=Decimal(bound))
    exposure = Exposure(LIVE_EQUITY, position, Decimal(0))
    try:
        decision = decide_size(SizingInputs(request, (goal,), exposure, CALM))
    except InvalidInput:
        reject()  # a base size of 0 or out of range, see below

    @exactly
    def loss_and_most() -> tuple[Decimal, Decimal]:
        quantity = decision.quantity or Decimal(0)
        loss = quantity * (abs(price - stop_price) + price * (cost_pct or 0) / 100)
        asked = risk if by == "risk_amount" else LIVE_EQUITY * risk / 100
        # A limit of the size holds it exactly; its factor is cut off at four places.
        is_held = decision.guards[-1].factor_after < decision.guards[-1].factor_before
        return loss, asked * decision.guards[-1 - is_held].factor_after

    loss, most = loss_and_most()
    assert loss <= most
    assert decision.risk_amount is not None
    assert decision.risk_pct is not None
    assert decision.risk_amount <= loss < decision.risk_amount + Decimal("1e-8")
    assert decision.risk_pct <= loss / LIVE_EQUITY * 100 + Decimal("1e-20")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"base_pct": Decimal("0.000001"), "live": "0.00009"}, "base_pct"),
        ({"risk_amount": Decimal("1e-8"), **LONG, "cost_pct": Decimal(100),
          "price": Decimal(1), "stop_price": Decimal(9)}, "risk_amount"),
        ({"base_pct": Decimal(90_000_000), "live": "1e15"}, "base_pct"),
        ({"risk_pct": Decimal(1), "price": Decimal(50000),
          "stop_price": Decimal("50000.000000000001")}, "stop_price"),
    ],
    ids=str,
)  # fmt: skip
def test_a_base_size_of_0_or_out_of_range_names_the_field(
    asked: dict[str, Any], field: str
) -> None:
    live = Decimal(asked.pop("live", LIVE_EQUITY))
    with pytest.raises(InvalidInput) as refused:
        SizeRequest(**asked).measure_base_size(live)
    assert refused.value.field == field


@pytest.mark.parametrize("live", ["0", "-5"])
def test_there_is_no_percentage_of_nothing(live: str) -> None:
    for asked in ({"base_pct": Decimal(1)}, {"risk_pct": Decimal(1), **LONG}):
        with pytest.raises(NoLiveEquity):
            SizeRequest(**asked).measure_base_size(Decimal(live))
    by_amount = SizeRequest(risk_amount=Decimal(2), **LONG)
    assert by_amount.measure_base_size(Decimal(live)) == 100


def test_the_largest_base_size_is_allowed() -> None:
    request = SizeRequest(risk_amount=LARGEST_BASE_SIZE / 50, **LONG)
    assert request.measure_base_size(Decimal(1)) == LARGEST_BASE_SIZE


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, {"base_size": "send exactly one of base_size, base_pct, risk_amount"}),
        ({"base_size": 1, "risk_pct": 1, **LONG}, {"risk_pct": "with base_size"}),
        ({"base_size": 1, "base_pct": 1}, {"base_pct": "send exactly one of"}),
        ({"risk_pct": 1, "risk_amount": 1, **LONG}, {"risk_pct": "with risk_amount"}),
        ({"risk_pct": 1}, {"stop_price": "is missing", "price": "is missing"}),
        ({"risk_pct": 1, "price": 1}, {"stop_price": "risk_pct is what is lost"}),
        ({"base_size": 1, "stop_price": 1}, {"price": "is missing"}),
        ({"base_size": 1, "lot_step": 1}, {"lot_step": "needs a price"}),
        ({"base_size": 1, "side": "LONG"}, {"side": "needs a stop_price"}),
        ({"base_size": 1, "cost_pct": 1}, {"cost_pct": "needs a stop_price"}),
        ({"risk_pct": 1, "price": 2, "stop_price": 2}, {"stop_price": "must differ"}),
        ({"risk_pct": 1, **LONG, "side": "SHORT"}, {"side": "below the price"}),
        ({"risk_pct": 1, **SHORT, "side": "LONG"}, {"side": "above the price"}),
        ({"risk_pct": 1, **SHORT, "side": "SHORT", "base_pct": None}, {}),
    ],
    ids=str,
)
def test_what_fields_say_together_is_checked(
    fields: dict[str, Any], wrong: dict[str, str]
) -> None:
    found = {one.field: one.detail for one in find_wrong_request(fields)}
    assert found.keys() == wrong.keys()
    assert all(words in found[name] for name, words in wrong.items())
