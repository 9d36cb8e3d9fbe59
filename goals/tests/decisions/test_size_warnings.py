"""Warnings of a size: when each is there, and that it changes nothing."""

from dataclasses import replace
from decimal import Decimal

import pytest

from goals.decisions.guards.base import Exposure, RiskState, SizingInputs
from goals.decisions.limits import FloorFigures
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
MINUTE = 60
# 1000 units at 1, the floor 30 below.
FLOORS = FloorFigures(
    closed=Decimal(1),
    live=Decimal(1),
    hard=Decimal("0.97"),
    soft=Decimal("0.98"),
    daily=None,
    money_per_value=Decimal(1000),
    is_live=True,
)


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


@pytest.mark.parametrize(
    ("seconds", "daily", "expected"),
    [
        (15 * MINUTE, None, None),
        (15 * MINUTE + 1, None, "15 minutes ago: until a newer mark the hard drawdown "
         "floor is checked at closes only."),
        (DAY, "0.98", "1439 minutes ago: until a newer mark the hard drawdown floor "
         "and daily loss floor are checked at closes only."),
        (DAY + 1, None, "24 hours ago: live equity and the limits are based on that "
         "price, and floors are checked at closes only."),
    ],
)  # fmt: skip
def test_marks_older_than_15_minutes_check_floors_at_closes_only(
    seconds: int, daily: str | None, expected: str | None
) -> None:
    exposure = replace(EXPOSURE, oldest_mark_seconds=seconds)
    floors = replace(FLOORS, daily=None if daily is None else Decimal(daily))
    warnings = decide(exposure=exposure, risk_state=replace(KNOWN, floors=floors))
    messages = [warning.message for warning in warnings.warnings]
    assert [expected in message for message in messages] == [True] * bool(expected)


@pytest.mark.parametrize(
    ("mean_loss", "progress", "daily", "expected"),
    [
        ("0.015", "30", None, None),
        ("0.015000000001", "30", None, "The hard drawdown floor is 30 away: 1.9999999"),
        # At a factor of 1.3 the same losses are larger.
        ("0.012", "0", None, "1.92 average losing trades of 15.6 at the factor 1.3."),
        ("0.012", "30", "0.99", "The daily loss floor is 10 away: 0.83 average"),
        ("0", "30", "0.999999", None),
    ],
)
def test_a_floor_within_two_average_losing_trades_is_warned_of(
    mean_loss: str, progress: str, daily: str | None, expected: str | None
) -> None:
    record = replace(JUDGED, losses=5, mean_loss=Decimal(mean_loss))
    floors = replace(FLOORS, daily=None if daily is None else Decimal(daily))
    risk_state = replace(KNOWN, record=record, floors=floors)
    messages = [
        one.message for one in decide("100", progress, EXPOSURE, risk_state).warnings
    ]
    assert [expected in message for message in messages] == [True] * bool(expected)


def test_a_blocked_size_is_near_no_floor() -> None:
    record = replace(JUDGED, losses=5, mean_loss=Decimal("0.5"))
    fallen = replace(KNOWN, record=record, drawdown_pct=Decimal(100))
    assert (
        codes(
            decide(
                risk_state=replace(
                    fallen, floors=replace(FLOORS, live=Decimal(0), closed=Decimal(0))
                )
            )
        )
        == []
    )


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(9 * DAY, "stale_marks"), (9 * MINUTE * 60, "checked_at_closes")],
)
def test_warnings_change_neither_size_nor_factor_nor_verdict(seconds: int, age: str):
    record = GrowthRecord(trades=3, losses=3, mean_loss=Decimal(20))
    risk_state = replace(KNOWN, record=record, floors=FLOORS)
    stale = replace(EXPOSURE, live_equity=Decimal(1), oldest_mark_seconds=seconds)
    warned = decide("1000", "0", stale, risk_state)
    quiet = decide("1000", "0")
    assert codes(warned) == [*WARNING_CODES[:3], age]
    assert codes(quiet) == ["above_live_equity"]
    assert replace(warned, warnings=(), guards=(), reason="") == replace(
        quiet, warnings=(), guards=(), reason=""
    )
