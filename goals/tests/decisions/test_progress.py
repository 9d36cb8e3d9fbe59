"""How far a goal is: value, progress, band, pace, health, status."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.decisions.periods import Period
from goals.decisions.progress import (
    PROGRESS_BOUND_PCT,
    Baseline,
    GoalProgress,
    PortfolioFigures,
    band_for,
    describe_band,
    health_for,
    measure_pace,
    measure_progress,
    measure_progress_pct,
    measure_value,
    stands_failed,
    status_after,
    status_at_end,
    status_by_clock,
    status_rebuilt,
)
from goals.enums import GoalStatus, Health, Measure, ProgressBand

START = datetime(2026, 3, 1, tzinfo=UTC)
MARCH = Period(START, datetime(2026, 4, 1, tzinfo=UTC))
ENDLESS = Period(START, None)

money_values = st.decimals(
    min_value=Decimal("-9999999999999999"),
    max_value=Decimal("9999999999999999"),
    places=8,
)


def baseline(start_value="0", unit_value="1", realized_pnl="0", run=1):
    return Baseline(
        Decimal(start_value), Decimal(unit_value), Decimal(realized_pnl), run
    )


def portfolio_figures(unit_value="1", realized_pnl="0", live_equity="1000", run=1):
    return PortfolioFigures(
        Decimal(unit_value), Decimal(realized_pnl), Decimal(live_equity), run
    )


def progress(pct, value="0"):
    return GoalProgress(Decimal(value), Decimal(pct))


@pytest.mark.parametrize(
    ("pct", "band"),
    [
        ("-100", ProgressBand.BEHIND),
        ("-0.000001", ProgressBand.BEHIND),
        ("-0", ProgressBand.BEHIND),
        ("0", ProgressBand.BEHIND),
        ("29.999999", ProgressBand.BEHIND),
        ("30", ProgressBand.ON_TRACK),
        ("30.000001", ProgressBand.ON_TRACK),
        ("79.999999", ProgressBand.ON_TRACK),
        ("80", ProgressBand.NEAR_TARGET),
        ("99.999999", ProgressBand.NEAR_TARGET),
        ("100", ProgressBand.ACHIEVED),
        ("100.000001", ProgressBand.ACHIEVED),
        ("99999999", ProgressBand.ACHIEVED),
    ],
)
def test_each_floor_belongs_to_the_band_above_it(pct, band):
    assert band_for(Decimal(pct)) is band


@pytest.mark.parametrize(
    ("current", "band"),
    [
        ("29.99999949", ProgressBand.BEHIND),
        ("29.9999996", ProgressBand.ON_TRACK),
        ("79.99999949", ProgressBand.ON_TRACK),
        ("79.9999996", ProgressBand.NEAR_TARGET),
        ("99.99999949", ProgressBand.NEAR_TARGET),
        ("99.9999996", ProgressBand.ACHIEVED),
    ],
)
def test_progress_is_rounded_to_six_places_before_a_threshold_is_asked(current, band):
    pct = measure_progress_pct(Decimal(current), Decimal(0), Decimal(100))
    assert band_for(pct) is band


@pytest.mark.parametrize(
    ("band", "words"),
    [
        (ProgressBand.BEHIND, "below 30 %"),
        (ProgressBand.ON_TRACK, "from 30 to below 80 %"),
        (ProgressBand.NEAR_TARGET, "from 80 to below 100 %"),
        (ProgressBand.ACHIEVED, "from 100 %"),
    ],
)
def test_a_band_is_described_by_its_own_floors(band, words):
    assert describe_band(band) == words


@pytest.mark.parametrize(
    ("current", "start", "target", "pct"),
    [
        ("2", "0", "5", "40"),
        ("0", "0", "5", "0"),
        ("-1", "0", "5", "-20"),
        ("7.5", "0", "5", "150"),
        ("1250", "1000", "2000", "25"),
        ("900", "1000", "2000", "-10"),
        ("1", "0", "3", "33.333333"),
        ("2", "0", "3", "66.666667"),
        ("-50", "-100", "0", "50"),
    ],
)
def test_progress_is_the_share_of_the_way_from_start_to_target(
    current, start, target, pct
):
    measured = measure_progress_pct(Decimal(current), Decimal(start), Decimal(target))
    assert measured == Decimal(pct)


@pytest.mark.parametrize(
    ("current", "pct"),
    [("9999999999999999", "99999999"), ("-9999999999999999", "-99999999")],
)
def test_a_progress_outside_is_held_at_the_bound(current, pct):
    tiny_target = Decimal("0.00000001")
    assert measure_progress_pct(Decimal(current), Decimal(0), tiny_target) == Decimal(
        pct
    )


@given(current=money_values, start=money_values, target=money_values)
def test_every_progress_fits_its_column(current, start, target):
    start, target = min(start, target), max(start, target) + Decimal("0.00000001")
    assert abs(measure_progress_pct(current, start, target)) <= PROGRESS_BOUND_PCT


@given(st.lists(money_values, min_size=2, max_size=2))
def test_a_larger_value_is_never_less_progress(values):
    low, high = sorted(values)
    target = Decimal("12345.678")
    assert measure_progress_pct(low, Decimal(0), target) <= measure_progress_pct(
        high, Decimal(0), target
    )


@pytest.mark.parametrize(
    ("start", "now", "value"),
    [("1", "1.02", "2"), ("1.25", "1", "-20"), ("2", "2", "0"), ("1", "0", "-100")],
)
def test_a_return_is_the_change_of_the_unit_value_in_percent(start, now, value):
    measured = measure_value(
        Measure.RETURN, baseline(unit_value=start), portfolio_figures(unit_value=now)
    )
    assert measured == Decimal(value)


def test_a_return_below_the_last_place_is_no_negative_zero():
    measured = measure_value(
        Measure.RETURN,
        baseline(unit_value="1.000000000000000001"),
        portfolio_figures(unit_value="1"),
    )
    assert str(measured) == "0E-8"


def test_the_return_of_a_ruined_run_stays_at_minus_100_after_a_new_deposit():
    measured = measure_value(
        Measure.RETURN, baseline(run=1), portfolio_figures(unit_value="1.5", run=2)
    )
    assert measured == -100


def test_a_return_from_a_ruined_start_is_minus_100():
    measured = measure_value(
        Measure.RETURN, baseline(unit_value="0"), portfolio_figures(unit_value="0")
    )
    assert measured == -100


def test_an_income_is_the_profit_realised_since_the_start():
    measured = measure_value(
        Measure.INCOME,
        baseline(realized_pnl="30"),
        portfolio_figures(realized_pnl="12.5"),
    )
    assert measured == Decimal("-17.5")


def test_an_income_goes_on_through_ruin():
    measured = measure_value(
        Measure.INCOME, baseline(run=1), portfolio_figures(realized_pnl="-1000", run=2)
    )
    assert measured == -1000


def test_a_portfolio_value_is_the_live_equity():
    measured = measure_value(
        Measure.VALUE, baseline(), portfolio_figures(live_equity="1020.5")
    )
    assert measured == Decimal("1020.5")


def test_the_seed_example_is_at_forty_percent():
    measured = measure_progress(
        Measure.RETURN, Decimal(5), baseline(), portfolio_figures(unit_value="1.02")
    )
    assert measured == GoalProgress(Decimal("2.00000000"), Decimal("40.000000"))


@pytest.mark.parametrize(
    ("gap", "health"),
    [
        ("99999999", Health.AHEAD),
        ("10", Health.AHEAD),
        ("9.999999", Health.ON_PACE),
        ("0", Health.ON_PACE),
        ("-9.999999", Health.ON_PACE),
        ("-10", Health.LAGGING),
        ("-24.999999", Health.LAGGING),
        ("-25", Health.AT_RISK),
        ("-99999999", Health.AT_RISK),
    ],
)
def test_health_follows_the_pace_gap(gap, health):
    assert health_for(Decimal(gap)) is health


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (START - timedelta(days=1), "0"),
        (START, "0"),
        (START + timedelta(days=31) / 4, "25"),
        (START + timedelta(days=31) / 2, "50"),
        (START + timedelta(days=31), "100"),
        (START + timedelta(days=40), "100"),
    ],
)
def test_expected_progress_is_the_elapsed_share_of_the_period(at, expected):
    pace = measure_pace(
        progress=progress("0"), target_value=Decimal(5), period=MARCH, at=at
    )
    assert pace.expected_progress_pct == Decimal(expected)


def test_the_pace_gap_is_progress_less_expected():
    pace = measure_pace(
        progress=progress("40"),
        target_value=Decimal(5),
        period=MARCH,
        at=START + timedelta(days=31) / 2,
    )
    assert (pace.pace_gap_pct, pace.health) == (Decimal(-10), Health.LAGGING)


@pytest.mark.parametrize(
    ("at", "value", "required"),
    [
        (START, "0", "1"),
        (START + timedelta(days=30), "16", "15"),
        # Within the last day no more than what is left.
        (START + timedelta(days=30, hours=12), "30", "1"),
        (MARCH.ends_at - timedelta(microseconds=1), "0", "31"),
        (START, "31", "0"),
        (START, "40", "0"),
    ],
)
def test_required_per_day_is_what_is_left_by_day_left(at, value, required):
    pace = measure_pace(
        progress=progress("0", value), target_value=Decimal(31), period=MARCH, at=at
    )
    assert pace.required_per_day == Decimal(required)


def test_nothing_is_required_once_the_period_is_over():
    pace = measure_pace(
        progress=progress("0"), target_value=Decimal(5), period=MARCH, at=MARCH.ends_at
    )
    assert pace.required_per_day is None


def test_required_per_day_is_held_at_the_columns_bound():
    pace = measure_pace(
        progress=progress("0", "-9999999999999999"),
        target_value=Decimal(9999999999999999),
        period=MARCH,
        at=MARCH.ends_at - timedelta(microseconds=1),
    )
    assert pace.required_per_day == Decimal("9999999999999999.99999999")


def test_a_goal_without_a_deadline_has_no_pace_and_is_on_pace():
    pace = measure_pace(
        progress=progress("-50"), target_value=Decimal(5), period=ENDLESS, at=START
    )
    assert (
        pace.expected_progress_pct,
        pace.pace_gap_pct,
        pace.required_per_day,
        pace.health,
    ) == (None, None, None, Health.ON_PACE)


@pytest.mark.parametrize(
    ("status", "was_achieved", "pct", "expected"),
    [
        ("active", False, "99.999999", ("active", False)),
        ("active", False, "100", ("achieved", True)),
        ("active", True, "50", ("achieved", True)),
        ("achieved", True, "-20", ("achieved", True)),
        ("paused", False, "120", ("paused", True)),
        ("paused", False, "99", ("paused", False)),
        ("missed", False, "100", ("achieved", True)),
        ("missed", False, "99", ("missed", False)),
        ("cancelled", False, "100", ("cancelled", True)),
    ],
)
def test_a_goal_is_achieved_the_first_time_progress_reaches_100(
    status, was_achieved, pct, expected
):
    measured = status_after(
        GoalStatus(status), was_achieved=was_achieved, progress_pct=Decimal(pct)
    )
    assert measured == expected


@pytest.mark.parametrize(
    ("status", "was_achieved", "expected"),
    [
        ("active", False, "missed"),
        ("achieved", True, "achieved"),
        ("paused", False, "missed"),
        ("paused", True, "achieved"),
        ("cancelled", False, "cancelled"),
        ("cancelled", True, "cancelled"),
    ],
)
def test_at_its_end_a_goal_is_achieved_or_missed(status, was_achieved, expected):
    assert status_at_end(GoalStatus(status), was_achieved=was_achieved) == expected


# A limit that fails


BREACH = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failed_at", "achieved_at", "failed"),
    [
        (None, None, False),
        (None, BREACH, False),
        (BREACH, None, True),
        (BREACH, BREACH - timedelta(1), False),  # achieved first: it stays
        (BREACH, BREACH, False),  # by the same entry
        (BREACH, BREACH + timedelta(1), True),
    ],
)
def test_a_goal_stands_failed_by_a_breach_before_it_was_achieved(
    failed_at, achieved_at, failed
):
    assert stands_failed(failed_at, achieved_at) == failed


@pytest.mark.parametrize("achieved", [False, True])
@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("status", GoalStatus)
def test_failed_stands_but_for_what_the_user_decided(status, over, achieved):
    judged = {"achieved": achieved, "ended": over, "failed": True}
    kept = {GoalStatus.CANCELLED, GoalStatus.PAUSED}
    expected = status if status in kept else GoalStatus.FAILED
    assert status_rebuilt(status, **judged) == expected
    at_end = status_at_end(status, was_achieved=achieved, failed=True)
    assert at_end == (status if status is GoalStatus.CANCELLED else GoalStatus.FAILED)
    by_clock = status_by_clock(
        status, reached=achieved, ended=False, over=True, failed=True
    )
    assert by_clock == at_end


def test_progress_after_it_failed_achieves_nothing():
    status, achieved = status_after(
        GoalStatus.FAILED, was_achieved=False, progress_pct=Decimal(120)
    )
    assert (status, achieved) == (GoalStatus.FAILED, True)
