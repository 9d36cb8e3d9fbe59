"""Warnings of a size: when each is there, and that it changes nothing."""

from dataclasses import replace
from decimal import Decimal

import pytest

from goals.decisions.guards.base import Exposure, RiskState, SizingInputs
from goals.decisions.size_request import SizeRequest
from goals.decisions.size_warnings import WARNING_CODES
from goals.decisions.sizing import decide_size
from goals.decisions.trade_record import NO_RECORD, GrowthRecord
from goals.enums import EdgeGuard, Verdict
from goals.tests.decisions.test_arbitration import goal_state

DAY = 24 * 3600
JUDGED = GrowthRecord(trades=20, mean=Decimal("0.01"), lower=Decimal("0.005"))
KNOWN = RiskState(Decimal(0), Decimal(10), Decimal(20), JUDGED)
EXPOSURE = Exposure(Decimal(1000), None, None)


def decide(base="1000", progress="30", exposure=EXPOSURE, risk_state=KNOWN):
    request = SizeRequest(base_size=Decimal(base))
    return decide_size(
        SizingInputs(request, (goal_state(progress=progress),), exposure, risk_state)
    )


def codes(decision):
    return [warning.code for warning in decision.warnings]


@pytest.mark.parametrize(
    ("base", "expected"),
    [("1000", []), ("1000.00000001", ["above_live_equity"])],
)
def test_a_size_above_live_equity_is_warned_of(base, expected):
    assert codes(decide(base)) == expected


def test_the_warning_says_size_equity_and_leverage():
    """What was an \"allow\" without a word."""
    decision = decide("1000000", progress="0")
    assert decision.verdict is Verdict.ALLOW
    message = decision.warnings[0].message
    assert "The size 1300000 is above the live equity 1000" in message
    assert "a leverage of 1300" in message


@pytest.mark.parametrize(
    ("base", "leverage"),
    [
        ("1000.00000001", "1.00000000001"),
        ("1000.3", "1.0003"),
        ("1001", "1.001"),
        ("1234.5", "1.24"),
        ("1300000.01", "1300.01"),
    ],
)
def test_the_leverage_is_rounded_up_and_never_1(base: str, leverage: str) -> None:
    message = decide(base).warnings[0].message
    assert f"it needs a leverage of {leverage}. Ask" in message


@pytest.mark.parametrize("live_equity", ["0", "-3000"])
def test_a_size_of_0_needs_no_leverage(live_equity: str) -> None:
    exposure = replace(EXPOSURE, live_equity=Decimal(live_equity))
    fallen = replace(KNOWN, drawdown_pct=Decimal(100))
    decision = decide(exposure=exposure, risk_state=fallen)
    assert (decision.adjusted_size, codes(decision)) == (0, [])


def test_the_size_after_the_guards_is_compared_not_the_base_size():
    assert codes(decide("1200", progress="90")) == []


@pytest.mark.parametrize(
    ("trades", "progress", "expected"),
    [(19, "0", ["no_record"]), (20, "0", []), (0, "30", []), (0, "90", [])],
)
def test_a_factor_above_one_without_a_record_is_warned_of(trades, progress, expected):
    risk_state = replace(KNOWN, record=replace(JUDGED, trades=trades))
    assert codes(decide("100", progress, risk_state=risk_state)) == expected


def test_the_warning_names_the_strategy_whose_record_it_is():
    risk_state = replace(KNOWN, record=NO_RECORD, record_of="breakout")
    message = decide("100", "0", risk_state=risk_state).warnings[0].message
    assert message.startswith("Strategy breakout has 0 of the 20 closed trades")


def test_a_strict_edge_guard_leaves_nothing_to_warn_of():
    risk_state = replace(KNOWN, record=NO_RECORD, edge_guard=EdgeGuard.STRICT)
    assert codes(decide("100", "0", risk_state=risk_state)) == []


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, []), (DAY, []), (DAY + 1, ["stale_marks"])],
)
def test_marks_older_than_24_hours_are_warned_of(seconds, expected):
    exposure = replace(EXPOSURE, oldest_mark_seconds=seconds)
    assert codes(decide(exposure=exposure)) == expected


@pytest.mark.parametrize(
    ("seconds", "hours"),
    [(DAY + 1, 24), (DAY + 3600, 24), (DAY + 3601, 25)],
)
def test_the_warning_says_more_than_how_many_hours(seconds: int, hours: int) -> None:
    exposure = replace(EXPOSURE, oldest_mark_seconds=seconds)
    (warning,) = decide(exposure=exposure).warnings
    assert f"last marked more than {hours} hours ago" in warning.message


def test_warnings_change_neither_size_nor_factor_nor_verdict():
    risk_state = replace(KNOWN, record=NO_RECORD)
    stale = replace(EXPOSURE, live_equity=Decimal(1), oldest_mark_seconds=9 * DAY)
    warned = decide("1000", "0", stale, risk_state)
    quiet = decide("1000", "0")
    assert codes(warned) == list(WARNING_CODES)
    assert codes(quiet) == ["above_live_equity"]
    assert replace(warned, warnings=(), guards=()) == replace(
        quiet, warnings=(), guards=()
    )
