"""The day's profit lock, its number of trades, and pauses after losses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.decisions.breaches import find_breaches
from goals.decisions.guards.base import RiskState
from goals.decisions.guards.day_rules import (
    DayUnknown,
    find_day_rule_breaches,
    guard_day_rules,
)
from goals.decisions.limits import DayFigures, FloorFigures, Limits
from goals.enums import DailyOnBreach, HaltCause, OnBreach
from goals.tests.decisions.test_guards_trading import asking

BEGAN = datetime(2026, 3, 2, 23, tzinfo=UTC)
ENDS = BEGAN + timedelta(days=1)
NOON = BEGAN + timedelta(hours=13)
MINUTE = timedelta(minutes=1)


def risk(day: dict[str, Any] | None = None, **limits: Any) -> RiskState:
    figures = DayFigures(
        began_at=BEGAN,
        ends_at=ENDS,
        anchor_live=Decimal(1),
        anchor_closed=Decimal(1),
        high_closed=Decimal(1),
        at=NOON,
    )
    return RiskState(
        drawdown_pct=Decimal(0),
        soft_drawdown_pct=Decimal(10),
        hard_drawdown_pct=Decimal(20),
        record=None,
        day=replace(figures, **(day or {})),
        limits=Limits(**limits),
    )


@pytest.mark.parametrize(
    ("high", "locked"), [("1.01999999", False), ("1.02", True), ("1.5", True)]
)
def test_a_days_profit_locks_at_its_percentage(high: str, locked: bool) -> None:
    state = risk({"high_closed": Decimal(high)}, daily_profit_lock_pct=Decimal(2))
    found = list(find_day_rule_breaches(state))
    expected = [(HaltCause.PROFIT_LOCK, ENDS)] if locked else []
    assert [(one.cause, one.until) for one in found] == expected


@pytest.mark.parametrize(("high", "locked"), [("1.01", False), ("1.02", True)])
def test_after_a_resume_profit_is_measured_from_the_closed_value_of_then(
    high: str, locked: bool
) -> None:
    resumed = {
        "anchor_closed": Decimal("0.95"),
        "resumed_closed": Decimal(1),
        "high_closed": Decimal(high),
    }
    state = risk(resumed, daily_profit_lock_pct=Decimal(2))
    assert bool(list(find_day_rule_breaches(state))) is locked


def test_a_day_that_began_with_nothing_locks_no_profit() -> None:
    nothing = {"anchor_closed": Decimal(0), "high_closed": Decimal(1)}
    state = risk(nothing, daily_profit_lock_pct=Decimal(2))
    assert list(find_day_rule_breaches(state)) == []


@pytest.mark.parametrize(("trades", "full"), [(2, False), (3, True), (4, True)])
def test_a_day_takes_so_many_trades(trades: int, full: bool) -> None:
    found = list(find_day_rule_breaches(risk({"trades": trades}, max_trades_per_day=3)))
    expected = [(HaltCause.TRADES_PER_DAY, ENDS)] if full else []
    assert [(one.cause, one.until) for one in found] == expected


@pytest.mark.parametrize(
    ("losses", "minutes", "minutes_ago", "until"),
    [
        (1, None, 1, None),
        (2, None, 600, ENDS),
        (2, 30, 29, NOON + MINUTE),
        (2, 30, 30, None),
        (3, 30, 1, NOON + 29 * MINUTE),
        (2, 2000, 1, NOON + 1999 * MINUTE),  # beyond the day's end
    ],
)
def test_losses_in_a_row_pause(
    losses: int, minutes: int | None, minutes_ago: int, until: datetime | None
) -> None:
    day = {
        "losses_in_a_row": losses,
        "last_loss_at": NOON - minutes_ago * MINUTE,
    }
    found = list(
        find_day_rule_breaches(risk(day, pause_after_losses=2, pause_minutes=minutes))
    )
    assert [one.until for one in found] == ([] if until is None else [until])


def test_the_guard_blocks_and_says_until_when_and_what_goes_on() -> None:
    state = risk({"trades": 3}, max_trades_per_day=3)
    answer = guard_day_rules(Decimal("1.3"), asking(state))
    assert answer.factor == 0
    assert answer.reason == (
        "3 trades of the day reached max_trades_per_day 3, until 2026-03-03T23:00:00Z: "
        "entries stop, exits, stops and imports go on"
    )


@pytest.mark.parametrize("limits", [{}, {"max_trades_per_day": 3}])
def test_within_the_rules_the_factor_stays(limits: dict[str, Any]) -> None:
    inputs = asking(risk(**limits))
    assert guard_day_rules(Decimal("1.3"), inputs).factor == Decimal("1.3")


def test_a_day_that_was_not_read_is_an_error() -> None:
    state = replace(risk(max_trades_per_day=3), day=None)
    with pytest.raises(DayUnknown):
        guard_day_rules(Decimal(1), asking(state))


def test_a_decision_of_before_there_were_limits_is_taken_again_as_it_was() -> None:
    state = replace(risk({"trades": 3}), limits=None, day=None)
    assert guard_day_rules(Decimal(1), asking(state)).factor == 1


@pytest.mark.parametrize("fails", [False, True])
def test_breaches_say_until_when_and_whether_goals_fail(fails: bool) -> None:
    limits = Limits(
        daily_loss_limit_pct=Decimal(5),
        on_breach=OnBreach.FAIL if fails else OnBreach.HALT,
        daily_on_breach=DailyOnBreach.FAIL if fails else DailyOnBreach.HALT_DAY,
        max_trades_per_day=1,
    )
    state = replace(
        risk({"trades": 1}),
        limits=limits,
        drawdown_pct=Decimal(25),
        daily_loss_pct=Decimal(25),
        daily_loss_limit_pct=Decimal(5),
        floors=FloorFigures(
            closed=Decimal("0.75"),
            live=Decimal("0.75"),
            hard=Decimal("0.8"),
            soft=Decimal("0.9"),
            daily=Decimal("0.95"),
            money_per_value=Decimal(1000),
            is_live=True,
        ),
    )
    found = list(find_breaches(limits, state, NOON, ENDS))
    assert [(one.cause, one.until, one.fails) for one in found] == [
        (HaltCause.HARD_DRAWDOWN, None, fails),
        (HaltCause.DAILY_LOSS, None if fails else ENDS, fails),
        (HaltCause.TRADES_PER_DAY, ENDS, False),
    ]
    assert {one.at for one in found} == {NOON}
