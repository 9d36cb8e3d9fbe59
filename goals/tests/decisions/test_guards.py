"""Guards lower a factor and say why; none raises it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.decisions.arbitration import arbitrate, measure_goal_factor
from goals.decisions.guards.base import Exposure, SizingInputs
from goals.decisions.guards.bounds import guard_bounds
from goals.decisions.guards.exposure import (
    ExposureUnknown,
    SizeCap,
    cap_by_max_size,
    cap_by_position,
    hold_within_caps,
)
from goals.decisions.size_request import SizeRequest
from goals.enums import AfterAchieved
from goals.tests.decisions.test_arbitration import goal_state
from goals.tests.decisions.test_sizing import CALM
from mastertrade.values.in_text import Text
from mastertrade.values.money import exactly

factors = st.decimals(min_value=Decimal(0), max_value=Decimal(2), places=4)
sizes = st.decimals(
    min_value=Decimal("0.00000001"), max_value=Decimal(10) ** 12, places=8
)
caps = st.builds(
    SizeCap,
    size=st.decimals(min_value=Decimal(0), max_value=Decimal(10) ** 12, places=8),
    reason=st.just("a limit"),
)
goals_with_limits = st.builds(
    goal_state,
    goal_id=st.integers(1, 1000),
    progress=st.decimals(min_value=Decimal(-50), max_value=Decimal(150), places=6),
    achieved=st.booleans(),
    max_factor=st.sampled_from([Decimal("0.5"), Decimal("0.9"), Decimal(2)]),
    after_achieved=st.sampled_from(AfterAchieved),
)


def bounds_of(*goals):
    return bounds_after(measure_goal_factor(goals[0]).floored_factor, *goals)


def bounds_after(factor, *goals):
    return guard_bounds(
        factor, SizingInputs(SizeRequest(Decimal(1000)), goals, exposure(), CALM)
    )


def exposure(**fields):
    return Exposure(
        **{
            "live_equity": Decimal(1000),
            "max_position_pct": Decimal(50),
            "open_notional": Decimal(0),
            **fields,
        }
    )


@given(
    st.lists(goals_with_limits, min_size=1, max_size=5, unique_by=lambda g: g.goal_id)
)
def test_the_bounds_never_exceed_any_goals_max_factor(goals):
    assert bounds_of(*goals).factor <= min(goal.max_factor for goal in goals)


@given(
    st.lists(goals_with_limits, min_size=1, max_size=5, unique_by=lambda g: g.goal_id)
)
def test_the_limits_of_other_goals_only_lower_the_deciders_factor(goals):
    own = measure_goal_factor(goals[0])
    assert bounds_after(own.floored_factor, *goals).factor <= own.factor


def test_the_tightest_max_factor_of_all_goals_wins():
    result = bounds_of(
        goal_state(1),
        goal_state(2, max_factor=Decimal("0.9")),
        goal_state(3, max_factor=Decimal("1.1")),
    )
    assert (result.factor, result.reason) == (
        Decimal("0.9"),
        "held at goal 2's max_factor 0.9",
    )


def test_one_goal_that_stops_after_success_stops_all_trading():
    stopping = goal_state(2, "100", achieved=True, after_achieved=AfterAchieved.STOP)
    result = bounds_of(goal_state(1), stopping)
    assert result.factor == 0


def test_a_stop_names_the_goal_that_stops():
    stopping = goal_state(2, "100", achieved=True, after_achieved=AfterAchieved.STOP)
    assert bounds_of(goal_state(1), stopping).reason.startswith("goal 2 is reached")


def test_a_goal_that_is_not_achieved_does_not_stop():
    waiting = goal_state(2, "99.999999", after_achieved=AfterAchieved.STOP)
    assert bounds_of(goal_state(1), waiting).factor == Decimal("1.3")


def test_min_factor_of_the_decider_lifts_its_policy_before_the_guards():
    result = bounds_of(goal_state(1, "90", min_factor=Decimal("0.9")))
    assert result.factor == Decimal("0.9")


def test_a_factor_that_min_factor_lifted_says_so():
    chosen = arbitrate((goal_state(1, "90", min_factor=Decimal("0.9")),))
    own = chosen.deciding_factor
    assert (own.policy_factor, own.factor) == (Decimal("0.7"), Decimal("0.9"))
    assert chosen.reason.endswith("gives 0.7, lifted to its min_factor 0.9")


def test_min_factor_of_another_goal_lifts_nothing():
    other = goal_state(2, "0", min_factor=Decimal("1.2"))
    assert bounds_of(goal_state(1, "90"), other).factor == Decimal("0.7")


def test_max_size_is_a_cap():
    assert cap_by_max_size(Decimal(500)) == SizeCap(Decimal(500), Text("max_size 500"))
    exact = Decimal("100000.12345678")
    assert cap_by_max_size(exact, "USD") == SizeCap(exact, Text("max_size 100000.12"))


def test_no_max_size_is_no_cap():
    assert cap_by_max_size(None) is None


def test_no_position_limit_is_no_cap():
    assert cap_by_position(exposure(max_position_pct=None, open_notional=None)) is None


@pytest.mark.parametrize(
    ("equity", "pct", "open_notional", "room"),
    [
        ("1000", "50", "0", "500"),
        ("1000", "50", "200", "300"),
        ("1000", "50", "500", "0"),
        ("1000", "50", "900", "0"),
        ("1000", "150", "0", "1500"),
        ("0.01", "0.000001", "0", "0.0000000001"),
    ],
)
def test_a_position_has_the_room_that_the_open_notional_leaves(
    equity, pct, open_notional, room
):
    cap = cap_by_position(
        exposure(
            live_equity=Decimal(equity),
            max_position_pct=Decimal(pct),
            open_notional=Decimal(open_notional),
        )
    )
    assert cap.size == Decimal(room)


def test_an_open_notional_that_cannot_be_read_is_an_error_not_a_guess():
    with pytest.raises(ExposureUnknown):
        cap_by_position(exposure(open_notional=None))


@pytest.mark.parametrize(
    ("assumed", "words"),
    [(False, "200 already open"), (True, "200 of the largest open symbol")],
)
def test_the_cap_says_whose_notional_counted(assumed, words):
    cap = cap_by_position(exposure(open_notional=Decimal(200), symbol_assumed=assumed))
    assert words in cap.reason


@given(factors, sizes, st.lists(caps, max_size=3))
def test_the_exposure_guard_only_lowers(factor, base_size, caps):
    assert hold_within_caps(factor, base_size, tuple(caps)).factor <= factor


@given(factors, sizes, st.lists(caps, min_size=1, max_size=3))
def test_after_the_exposure_guard_the_size_is_within_every_cap(factor, base_size, caps):
    after = hold_within_caps(factor, base_size, tuple(caps)).factor

    @exactly
    def size() -> Decimal:
        return base_size * after

    assert size() <= min(cap.size for cap in caps)


@given(factors, sizes, st.lists(caps, max_size=3))
def test_a_guard_that_changes_nothing_keeps_the_very_factor(factor, base_size, caps):
    result = hold_within_caps(factor, base_size, tuple(caps))
    assert result.factor == factor or result.reason.startswith("held at")


@pytest.mark.parametrize(
    ("cap", "after"),
    [("1300", "1.3"), ("1299.99999999", "1.2999"), ("650", "0.65"), ("0", "0")],
)
def test_the_factor_is_rounded_down_to_four_places(cap, after):
    result = hold_within_caps(
        Decimal("1.3"), Decimal(1000), (SizeCap(Decimal(cap), Text("max_size")),)
    )
    assert result.factor == Decimal(after)


def test_without_a_cap_the_guard_says_so():
    result = hold_within_caps(Decimal("1.3"), Decimal(1000), ())
    assert result.reason == "no size limit is set"


def test_the_tightest_cap_is_the_one_named():
    result = hold_within_caps(
        Decimal(1),
        Decimal(1000),
        (
            SizeCap(Decimal(900), Text("the looser")),
            SizeCap(Decimal(800), Text("the tighter")),
        ),
    )
    assert result.reason == "held at 800: the tighter"
