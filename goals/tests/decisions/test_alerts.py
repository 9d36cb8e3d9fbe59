"""Which alerts a change causes: one for each crossing, however a figure trembles."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.decisions.alerts import (
    MILESTONES_PCT,
    FloorAlerted,
    FloorWay,
    GoalChange,
    find_floor_alerts,
    find_goal_alerts,
    latch_health,
    measure_way_pct,
    repetition_due,
)
from goals.enums import AfterAchieved, AlertKind, GoalStatus, Health, Severity

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GOAL = GoalChange(
    goal_id=7,
    portfolio_id=3,
    name="monthly return 5 % (goal 7)",
    portfolio="main",
    unit="%",
    target_value=Decimal(5),
    current_value=Decimal(0),
    before_pct=Decimal(0),
    after_pct=Decimal(0),
    status_before=GoalStatus.ACTIVE,
    status=GoalStatus.ACTIVE,
    after_achieved=AfterAchieved.PROTECT,
    at=AT,
    known_at=AT,
)
WAY = FloorWay(
    portfolio_id=3,
    portfolio="main",
    currency="USDT",
    at=AT,
    to_soft_pct=Decimal(0),
    to_hard_pct=Decimal(0),
    equity=Decimal(1000),
    soft_equity=Decimal(900),
    hard_equity=Decimal(800),
)


def kinds(alerts):
    return [alert.kind for alert in alerts]


# Milestones


@pytest.mark.parametrize(
    ("before", "after", "passed"),
    [
        ("0", "24.999999", []),
        ("0", "25", ["25"]),
        ("25", "49", []),
        ("10", "80", ["25", "50", "75"]),
        ("-50", "250", ["25", "50", "75", "100"]),
        ("80", "10", []),
        ("100", "120", []),
    ],
)
def test_each_milestone_that_is_passed_upwards_is_an_alert(before, after, passed):
    change = replace(GOAL, before_pct=Decimal(before), after_pct=Decimal(after))
    alerts, _ = find_goal_alerts(change)
    assert [alert.figures["milestone_pct"] for alert in alerts] == passed
    assert {alert.severity for alert in alerts} <= {Severity.INFO}


steps = st.lists(
    st.decimals(-50, 150, places=2, allow_nan=False), min_size=1, max_size=40
)


@given(steps)
def test_a_progress_that_trembles_has_each_milestone_as_one_cause(values):
    causes, before = set(), Decimal(0)
    for value in values:
        change = replace(GOAL, before_pct=before, after_pct=value)
        causes |= {alert.cause for alert in find_goal_alerts(change)[0]}
        before = value
    highest = max(values)
    assert len(causes) == sum(1 for one in MILESTONES_PCT if one <= highest)


def test_another_target_has_milestones_of_its_own():
    passed = replace(GOAL, after_pct=Decimal(30))
    (first,), _ = find_goal_alerts(passed)
    (other,), _ = find_goal_alerts(replace(passed, target_value=Decimal(6)))
    (same,), _ = find_goal_alerts(replace(passed, target_value=Decimal("5.00")))
    assert first.cause == same.cause != other.cause


def test_a_goal_whose_period_is_over_alerts_only_of_its_target():
    change = replace(GOAL, after_pct=Decimal(100), is_over=True)
    (alert,), _ = find_goal_alerts(change)
    assert alert.figures["milestone_pct"] == "100"


def test_a_target_with_an_open_condition_says_which():
    change = replace(GOAL, after_pct=Decimal(100), still_open=("3 of 5 trading days",))
    alert = find_goal_alerts(change)[0][-1]
    assert "Still open: 3 of 5 trading days." in alert.text
    assert "condition" in alert.title


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (GoalStatus.MISSED, AlertKind.GOAL_MISSED),
        (GoalStatus.FAILED, AlertKind.GOAL_FAILED),
    ],
)
def test_a_goal_that_ends_badly_is_an_alert(status, kind):
    shown = Decimal("99.99999")
    turned = replace(GOAL, status=status, before_pct=shown, after_pct=shown)
    (alert,), _ = find_goal_alerts(turned)
    assert alert.kind is kind
    assert "100 %" not in alert.text
    assert find_goal_alerts(replace(turned, status_before=status))[0] == []


# Health


@pytest.mark.parametrize(
    ("gaps", "alerted"),
    [
        (["-9", "-10", "-9", "-10.5", "-6"], [Health.LAGGING]),
        (["-10", "-4.9", "-10"], [Health.LAGGING, Health.LAGGING]),
        (["-10", "-25", "-24", "-26"], [Health.LAGGING, Health.AT_RISK]),
        (["-30", "-19", "-11"], [Health.AT_RISK]),
        (["-30", "-19", "-30"], [Health.AT_RISK, Health.AT_RISK]),
        (["-30", "0", "-12"], [Health.AT_RISK, Health.LAGGING]),
    ],
)
def test_a_health_alerts_again_only_after_five_points_more(gaps, alerted):
    assert [one.figures["health"] for one in turns(gaps)] == alerted


def turns(gaps, probability=None):
    found, latched = [], None
    for number, gap in enumerate(gaps):
        change = replace(
            GOAL,
            alerted=latched,
            pace_gap_pct=Decimal(gap),
            probability=probability,
            at=AT + number * MINUTE,
        )
        alerts, latched = find_goal_alerts(change)
        found += alerts
    assert len({alert.cause for alert in found}) == len(found)
    return found


@given(st.lists(st.decimals(-40, 20, places=1), min_size=1, max_size=40))
def test_a_health_alerts_once_for_each_crossing_with_hysteresis(gaps):
    """Two thresholds, each with its own way back; the worse one speaks for both."""
    lagging, at_risk = edges(gaps, -10, -5), edges(gaps, -25, -20)
    found = [one.figures["health"] for one in turns(gaps)]
    assert found.count(Health.AT_RISK) == len(at_risk)
    assert found.count(Health.LAGGING) == len(lagging - at_risk)


def edges(gaps, alerts_at, rearms_above):
    """Where the gap comes to the threshold, first or after it was above the other."""
    found, armed = set(), True
    for number, gap in enumerate(gaps):
        if gap <= alerts_at and armed:
            found.add(number)
            armed = False
        elif gap > rearms_above:
            armed = True
    return found


def test_unreachable_alerts_again_only_once_the_goal_is_not_at_risk_either():
    low, better, well = Decimal("0.02"), Decimal("0.26"), Decimal("0.31")
    gap = Decimal(0)
    latched = latch_health(None, gap, low, unreachable=True)
    assert latched is Health.UNREACHABLE
    latched = latch_health(latched, gap, low, unreachable=False)
    assert latched is Health.UNREACHABLE
    assert latch_health(latched, gap, better, unreachable=False) is latched
    assert latch_health(latched, gap, well, unreachable=False) is None


def test_a_rebuild_lets_no_health_alert_again():
    gap = Decimal(0)
    assert (
        latch_health(Health.LAGGING, gap, None, unreachable=False, rearms=False)
        is Health.LAGGING
    )


def test_a_paused_goal_alerts_of_no_health():
    change = replace(GOAL, status=GoalStatus.PAUSED, pace_gap_pct=Decimal(-50))
    assert find_goal_alerts(change) == ([], None)


# The way to a floor


@pytest.mark.parametrize(
    ("value", "way"),
    [("1", "0"), ("1.2", "0"), ("0.9", "50"), ("0.8", "100"), ("0", "100")],
)
def test_the_way_is_measured_from_peak_to_floor(value, way):
    assert measure_way_pct(Decimal(1), Decimal("0.8"), Decimal(value)) == Decimal(way)


def test_a_floor_at_the_peak_is_reached_or_not():
    one = Decimal(1)
    assert measure_way_pct(one, one, one) == 100
    assert measure_way_pct(one, one, one + 1) == 0


ways = st.lists(st.decimals(0, 100, places=1), min_size=1, max_size=40)


@given(ways)
def test_the_way_to_a_floor_alerts_once_for_each_crossing_with_hysteresis(values):
    alerts, _ = walk(values)
    assert kinds(alerts).count(AlertKind.FLOOR_NEAR) == crossings(values, 80)
    assert kinds(alerts).count(AlertKind.DRAWDOWN_SOFT) == crossings(values, 100)
    assert len({alert.cause for alert in alerts}) == len(alerts)


def walk(values, **options):
    alerts, latched = [], FloorAlerted()
    for number, value in enumerate(values):
        way = replace(
            WAY, at=AT + number * MINUTE, to_soft_pct=value, to_hard_pct=value
        )
        found, latched = find_floor_alerts(way, latched, **options)
        alerts += found
    return alerts, latched


def crossings(values, threshold):
    """Times it was reached first, or after it had come back by 20 points."""
    count, armed = 0, True
    for value in values:
        if value >= threshold and armed:
            count, armed = count + 1, False
        elif value <= threshold - 20:
            armed = True
    return count


@given(ways)
def test_a_rebuild_lets_no_floor_alert_again(values):
    alerts, _ = walk(values, rearms=False)
    assert kinds(alerts).count(AlertKind.FLOOR_NEAR) == (max(values) >= 80)


@given(st.lists(st.tuples(st.integers(0, 3), st.decimals(0, 100, places=1))))
def test_a_daily_limit_alerts_once_a_day(days):
    latched, alerts = FloorAlerted(), []
    in_order = sorted(days, key=lambda one: one[0])
    for day, used in in_order:
        since = AT + timedelta(days=day)
        way = replace(WAY, at=since, day_since=since, day_used_pct=used)
        found, latched = find_floor_alerts(way, latched)
        alerts += found
    assert len(alerts) == len({day for day, used in in_order if used >= 80})
    assert set(kinds(alerts)) <= {AlertKind.DAILY_LIMIT_NEAR}


# Repeating


@pytest.mark.parametrize(
    ("hours", "repeated_on", "due"),
    [
        (23.9, None, None),
        (24, None, date(2026, 3, 3)),
        (47, date(2026, 3, 3), None),
        (48, date(2026, 3, 3), date(2026, 3, 4)),
        (24 * 9, date(2026, 3, 3), date(2026, 3, 11)),
    ],
)
def test_a_halt_repeats_once_in_24_hours(hours, repeated_on, due):
    assert repetition_due(AT, repeated_on, AT + timedelta(hours=hours)) == due


@given(st.lists(st.integers(0, 24 * 10), max_size=60))
def test_however_often_it_is_asked_a_halt_repeats_once_a_day(hours):
    repeated_on, repeats = None, []
    for hour in sorted(hours):
        due = repetition_due(AT, repeated_on, AT + timedelta(hours=hour))
        if due is not None:
            repeated_on = due
            repeats.append(due)
    assert len(repeats) == len({hour // 24 for hour in hours} - {0})
