"""The drawdown and the edge guard: boundaries, order, and nothing without its input."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.decisions.guards import GUARDS
from goals.decisions.guards.base import (
    Exposure,
    GuardAnswer,
    Halt,
    SizingInputs,
)
from goals.decisions.guards.drawdown import (
    DailyLossUnknown,
    DrawdownUnknown,
    guard_drawdown,
)
from goals.decisions.guards.edge import RecordUnknown, guard_edge
from goals.decisions.size_request import SizeRequest
from goals.decisions.sizing import decide_size
from goals.decisions.trade_record import NO_RECORD, GrowthRecord
from goals.enums import EdgeGuard, HaltCause, Verdict
from goals.tests.decisions.test_arbitration import goal_state
from goals.tests.decisions.test_records import record_of
from goals.tests.decisions.test_sizing import CALM, UNLIMITED
from mastertrade.values.in_text import Text
from mastertrade.values.jsonable import from_plain

BEHIND = Decimal("1.3")
factors = st.decimals(min_value=Decimal(0), max_value=Decimal(2), places=4)
percents = st.decimals(min_value=Decimal(0), max_value=Decimal(100), places=6)
records = st.builds(
    GrowthRecord,
    trades=st.integers(0, 60),
    lower=st.decimals(min_value=Decimal("-0.1"), max_value=Decimal("0.1"), places=12),
)
risk_state = st.builds(
    lambda drawdown, record, mode, loss: replace(
        CALM,
        drawdown_pct=drawdown,
        record=record,
        edge_guard=mode,
        daily_loss_pct=loss,
        daily_loss_limit_pct=Decimal(5),
    ),
    percents,
    records,
    st.sampled_from(EdgeGuard),
    percents,
)


def asking(met):
    return SizingInputs(SizeRequest(Decimal(1000)), (goal_state(),), UNLIMITED, met)


@pytest.mark.parametrize(
    ("drawdown", "after"),
    [
        ("0", "1.3"),
        ("9.999999", "1.3"),
        ("10", "1"),
        ("19.999999", "1"),
        ("20", "0"),
        ("100", "0"),
    ],
)
def test_the_soft_limit_caps_and_the_hard_one_halts(drawdown, after):
    met = replace(CALM, drawdown_pct=Decimal(drawdown))
    assert guard_drawdown(BEHIND, asking(met)).factor == Decimal(after)


@pytest.mark.parametrize(
    "drawdown", ["9.999999", "10.000001", "14.996", "19.999999", "20.000001"]
)
def test_a_drawdown_is_shown_on_its_side_of_both_limits(drawdown):
    met = replace(CALM, drawdown_pct=Decimal(drawdown))
    reason = guard_drawdown(BEHIND, asking(met)).reason
    shown = Decimal(reason.removeprefix("drawdown ").split(" %")[0])
    for limit in (met.soft_drawdown_pct, met.hard_drawdown_pct):
        assert (shown < limit) == (Decimal(drawdown) < limit)


@pytest.mark.parametrize(("loss", "after"), [("2.999999", "1.3"), ("3", "0")])
def test_the_days_loss_halts_from_its_limit_on(loss, after):
    met = replace(CALM, daily_loss_limit_pct=Decimal(3), daily_loss_pct=Decimal(loss))
    assert guard_drawdown(BEHIND, asking(met)).factor == Decimal(after)


@pytest.mark.parametrize(
    ("trades", "lower", "mode", "after"),
    [
        (19, "-0.01", "benefit_of_doubt", "1.3"),
        (19, "0.01", "strict", "1"),
        (0, "0", "benefit_of_doubt", "1.3"),
        (0, "0", "strict", "1"),
        (20, "0.000000000001", "strict", "1.3"),
        (20, "0", "benefit_of_doubt", "1"),
        (20, "-0.000000000001", "benefit_of_doubt", "1"),
    ],
)
def test_a_factor_above_one_needs_a_record_for_it(trades, lower, mode, after):
    met = replace(
        CALM,
        record=GrowthRecord(trades=trades, lower=Decimal(lower)),
        edge_guard=EdgeGuard(mode),
    )
    assert guard_edge(BEHIND, asking(met)).factor == Decimal(after)


def record_of_insurance(losses: int, wins: int = 37) -> GrowthRecord:
    return record_of([Decimal("0.004")] * wins + [Decimal("-0.021")] * losses)


def test_a_skewed_record_counts_its_worst_loss_once_more_and_says_so():
    record = record_of_insurance(losses=4)
    assert record.lower > 0
    answer = guard_edge(BEHIND, asking(replace(CALM, record=record)))
    assert answer.factor == 1
    assert answer.reason == (
        "the portfolio has 41 closed trades, few large losses among small gains "
        "(skewness -2.71): one more loss as large as the worst, -2.1 %, is counted, "
        "with 80 % confidence a trade makes -0.004 % or more on average: no factor "
        "above 1"
    )


def test_a_skewed_record_that_bears_one_more_loss_allows_more_than_1():
    answer = guard_edge(BEHIND, asking(replace(CALM, record=record_of_insurance(1))))
    assert answer.factor == BEHIND
    assert "one more loss as large as the worst, -2.1 %, is counted" in answer.reason


@pytest.mark.parametrize("kept_flat", [0, 1])
def test_a_record_without_a_losing_trade_allows_no_factor_above_1(kept_flat):
    growths = [Decimal("0.01"), Decimal("0.02")] * 10 + [Decimal(0)] * kept_flat
    answer = guard_edge(BEHIND, asking(replace(CALM, record=record_of(growths))))
    assert answer.factor == 1
    assert answer.reason == (
        f"the portfolio has {20 + kept_flat} closed trades, none of them a loss: "
        "no factor above 1"
    )


def test_below_20_trades_a_record_without_a_loss_has_the_benefit_of_the_doubt():
    record = record_of([Decimal("0.01")] * 19)
    assert guard_edge(BEHIND, asking(replace(CALM, record=record))).factor == BEHIND


@pytest.mark.parametrize(("skewness", "after"), [("-0.75", "1.3"), ("-0.750001", "1")])
def test_a_record_is_skewed_only_below_its_limit(skewness, after):
    record = GrowthRecord(
        trades=20,
        lower=Decimal("0.001"),
        losses=5,
        skewness=Decimal(skewness),
        lower_if_worse=Decimal("-0.001"),
    )
    answer = guard_edge(BEHIND, asking(replace(CALM, record=record)))
    assert answer.factor == Decimal(after)


def test_a_record_logged_before_skewness_was_known_is_judged_by_its_bound_alone():
    stored = {"trades": 40, "mean": "0.002", "lower": "0.001", "upper": "0.003"}
    record = from_plain(GrowthRecord, stored)
    answer = guard_edge(BEHIND, asking(replace(CALM, record=record)))
    assert answer.factor == BEHIND
    assert answer.reason == (
        "the portfolio has 40 closed trades, with 80 % confidence a trade makes 0.1 % "
        "or more on average"
    )


@pytest.mark.parametrize("guard", GUARDS.values(), ids=GUARDS)
@given(
    factor=factors,
    met=risk_state,
    position=st.none() | percents,
    max_size=st.none() | st.just(Decimal(500)),
)
def test_each_guard_only_lowers_and_says_why(guard, factor, met, position, max_size):
    inputs = replace(
        asking(met),
        request=SizeRequest(Decimal(1000), max_size=max_size),
        exposure=Exposure(Decimal(1000), position, Decimal(100)),
    )
    answer = guard(factor, inputs)
    assert 0 <= answer.factor <= factor
    assert answer.reason


def test_a_guard_that_holds_the_size_exactly_leaves_more_than_its_factor(monkeypatch):
    """A factor has four places; what a guard allows is exact."""
    held = GuardAnswer(Decimal("0.3333"), Text("a third"), Decimal("333.33333333"))
    monkeypatch.setitem(GUARDS, "edge", lambda factor, inputs: held)
    decision = decide_size(
        SizingInputs(SizeRequest(Decimal(1000)), (goal_state(),), UNLIMITED, CALM)
    )
    assert decision.adjusted_size == Decimal("333.33333333")
    assert decision.adjustment_factor == Decimal("0.3333")


def test_a_guard_after_one_that_holds_the_size_lowers_it_further(monkeypatch):
    held = GuardAnswer(Decimal("0.3333"), Text("a third"), Decimal("333.33333333"))
    monkeypatch.setitem(GUARDS, "drawdown", lambda factor, inputs: held)
    lower = GuardAnswer(Decimal("0.1"), Text("a tenth"))
    monkeypatch.setitem(GUARDS, "edge", lambda factor, inputs: lower)
    decision = decide_size(
        SizingInputs(SizeRequest(Decimal(1000)), (goal_state(),), UNLIMITED, CALM)
    )
    assert decision.adjusted_size == Decimal(100)


@given(factors, risk_state)
def test_no_factor_above_one_passes_a_lower_bound_at_or_below_zero(factor, met):
    record = met.record
    if record.judged and record.lower <= 0:
        assert guard_edge(factor, asking(met)).factor <= 1


@given(risk_state)
def test_every_guard_begins_where_the_one_before_it_ended(met):
    decision = decide_size(
        SizingInputs(SizeRequest(Decimal(1000)), (goal_state(),), UNLIMITED, met)
    )
    for before, after in zip(decision.guards, decision.guards[1:], strict=False):
        assert before.factor_after == after.factor_before


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"drawdown_pct": None}, DrawdownUnknown),
        ({"daily_loss_limit_pct": Decimal(3)}, DailyLossUnknown),
        ({"record": None}, RecordUnknown),
    ],
)
def test_what_cannot_be_read_is_an_error_and_never_a_factor(fields, refusal):
    met = replace(CALM, **fields)
    with pytest.raises(refusal):
        decide_size(
            SizingInputs(SizeRequest(Decimal(1000)), (goal_state(),), UNLIMITED, met)
        )


def test_a_halt_blocks_and_says_since_when_and_why():
    halt = Halt(HaltCause.PERSON, datetime(2026, 3, 2, tzinfo=UTC), None, "on holiday")
    met = replace(CALM, halt=halt, record=NO_RECORD)
    decision = decide_size(
        SizingInputs(SizeRequest(Decimal(1000)), (goal_state(),), UNLIMITED, met)
    )
    assert (decision.verdict, decision.adjusted_size) == (Verdict.BLOCK, 0)
    assert "halted since 2026-03-02T00:00:00Z until a person" in decision.reason
    assert "on holiday" in decision.reason
