"""Sizes: policy, guards, rounding down, verdict."""

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from goals.decisions.guards import GUARDS
from goals.decisions.guards.base import Exposure, RiskState, SizingInputs
from goals.decisions.policies import PolicyName
from goals.decisions.size_request import SizeRequest
from goals.decisions.sizing import decide_size
from goals.decisions.trade_record import NO_RECORD
from goals.enums import AfterAchieved, Verdict
from goals.tests.decisions.test_arbitration import goal_state
from mastertrade.values.money import exactly

UNLIMITED = Exposure(Decimal(1000), None, None)
CALM = RiskState(Decimal(0), Decimal(10), Decimal(20), NO_RECORD)
sizes = st.decimals(
    min_value=Decimal("0.00000001"), max_value=Decimal(10) ** 12, places=8
)
steps = st.decimals(
    min_value=Decimal("0.000000000001"), max_value=Decimal(10) ** 7, places=12
)
# A quantity at a lower price is out of range.
prices = st.decimals(
    min_value=Decimal("0.0000001"), max_value=Decimal(10) ** 7, places=12
)
goals = st.lists(
    st.builds(
        goal_state,
        goal_id=st.integers(1, 1000),
        progress=st.decimals(min_value=Decimal(-50), max_value=Decimal(150), places=6),
        priority=st.integers(1, 10),
        achieved=st.booleans(),
        policy=st.sampled_from([PolicyName.LADDER, PolicyName.CONSTANT]),
        after_achieved=st.sampled_from(AfterAchieved),
        max_factor=st.sampled_from([Decimal("0.6"), Decimal("1.3"), Decimal(2)]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda goal: goal.goal_id,
).map(tuple)
requests = st.builds(
    SizeRequest,
    base_size=sizes,
    price=st.none() | prices,
    max_size=st.none() | sizes,
    min_size=st.none() | sizes,
).flatmap(
    lambda request: st.builds(
        SizeRequest,
        base_size=st.just(request.base_size),
        price=st.just(request.price),
        max_size=st.just(request.max_size),
        min_size=st.just(request.min_size),
        lot_step=st.none() if request.price is None else st.none() | steps,
    )
)
exposures = st.builds(
    Exposure,
    live_equity=sizes,
    max_position_pct=st.none()
    | st.decimals(min_value=Decimal("0.01"), max_value=Decimal(300), places=6),
    open_notional=st.decimals(
        min_value=Decimal(0), max_value=Decimal(10) ** 9, places=8
    ),
)


def decide(progress="0", exposure=UNLIMITED, achieved=False, after="protect", **fields):
    request = SizeRequest(**{"base_size": Decimal(1000), **fields})
    goal = goal_state(
        progress=progress, achieved=achieved, after_achieved=AfterAchieved(after)
    )
    return decide_size(SizingInputs(request, (goal,), exposure, CALM))


@pytest.mark.parametrize(
    ("progress", "factor", "size", "verdict"),
    [
        ("0", "1.3", "1300", Verdict.ALLOW),
        ("29.999999", "1.3", "1300", Verdict.ALLOW),
        ("30", "1", "1000", Verdict.ALLOW),
        ("40", "1", "1000", Verdict.ALLOW),
        ("79.999999", "1", "1000", Verdict.ALLOW),
        ("80", "0.7", "700", Verdict.REDUCE),
        ("90", "0.7", "700", Verdict.REDUCE),
        ("99.999999", "0.7", "700", Verdict.REDUCE),
    ],
)
def test_the_size_follows_the_progress(progress, factor, size, verdict):
    decision = decide(progress)
    assert (
        decision.adjustment_factor,
        decision.adjusted_size,
        decision.verdict,
    ) == (Decimal(factor), Decimal(size), verdict)


@pytest.mark.parametrize(
    ("after", "size", "verdict"),
    [
        ("protect", "500", Verdict.REDUCE),
        ("continue", "1000", Verdict.ALLOW),
        ("stop", "0", Verdict.BLOCK),
    ],
)
def test_after_success_the_goal_protects_continues_or_stops(after, size, verdict):
    decision = decide("100", achieved=True, after=after)
    assert (decision.adjusted_size, decision.verdict) == (Decimal(size), verdict)


@given(requests, goals, exposures)
def test_the_size_is_never_above_max_size(request, goals, exposure):
    decision = decide_size(SizingInputs(request, goals, exposure, CALM))
    assert request.max_size is None or decision.adjusted_size <= request.max_size


@given(requests, goals, exposures)
def test_the_size_is_never_above_what_the_position_limit_leaves(
    request, goals, exposure
):
    @exactly
    def room() -> Decimal | None:
        if exposure.max_position_pct is None:
            return None
        allowed = exposure.live_equity * exposure.max_position_pct / 100
        return max(allowed - exposure.open_notional, Decimal(0))

    size = decide_size(SizingInputs(request, goals, exposure, CALM)).adjusted_size
    assert room() is None or size <= room()


@given(requests, goals, exposures)
def test_the_size_is_never_above_the_base_size_times_the_bounded_factor(
    request, goals, exposure
):
    decision = decide_size(SizingInputs(request, goals, exposure, CALM))

    @exactly
    def wanted() -> Decimal:
        return request.base_size * decision.guards[0].factor_after

    assert decision.adjusted_size <= wanted()


@given(requests, goals, exposures)
def test_the_quantity_never_costs_more_than_may_be_spent(request, goals, exposure):
    decision = decide_size(SizingInputs(request, goals, exposure, CALM))

    @exactly
    def cost_and_limit() -> tuple[Decimal, Decimal]:
        limits = [request.base_size * decision.guards[0].factor_after]
        limits += [request.max_size] if request.max_size is not None else []
        return decision.quantity * request.price, min(limits)

    if decision.quantity is not None:
        cost, limit = cost_and_limit()
        assert decision.adjusted_size <= cost <= limit


@given(requests, goals, exposures)
def test_the_quantity_is_a_whole_number_of_lot_steps(request, goals, exposure):
    decision = decide_size(SizingInputs(request, goals, exposure, CALM))

    @exactly
    def rest() -> Decimal:
        return decision.quantity % request.lot_step

    assert request.lot_step is None or rest() == 0


@given(requests, goals, exposures)
def test_each_guard_only_lowers_what_the_deciding_goal_wants(request, goals, exposure):
    decision = decide_size(SizingInputs(request, goals, exposure, CALM))
    factors = [guard.factor_after for guard in decision.guards]
    assert decision.arbitration.deciding_factor.factor >= factors[0]
    assert factors == sorted(factors, reverse=True)
    assert decision.adjustment_factor == factors[-1]


@given(requests, goals, exposures)
def test_block_means_zero_and_nothing_else_does(request, goals, exposure):
    decision = decide_size(SizingInputs(request, goals, exposure, CALM))
    assert (decision.verdict is Verdict.BLOCK) is (decision.adjusted_size == 0)


@given(requests, goals, exposures)
def test_a_size_is_nothing_or_at_least_min_size(request, goals, exposure):
    size = decide_size(SizingInputs(request, goals, exposure, CALM)).adjusted_size
    least = request.min_size or Decimal(0)
    if request.price is not None and request.lot_step is None:
        least -= _last_place_of(request.price)
    assert size == 0 or size >= least


@exactly
def _last_place_of(price):
    """What rounding a quantity and its cost at their last places takes at most."""
    return price * Decimal("1e-12") + Decimal("1e-8")


@given(sizes, prices)
@example(size=Decimal("1e-8"), price=Decimal("3e-12"))
def test_a_base_size_of_min_size_is_not_blocked_by_its_quantity_s_last_place(
    size, price
):
    """At a factor of 1, without a lot, at any price where it is next to nothing."""
    request = SizeRequest(base_size=size, min_size=size, price=price)
    decision = decide_size(
        SizingInputs(request, (goal_state(progress=30),), UNLIMITED, CALM)
    )
    if decision.verdict is Verdict.BLOCK:
        is_costly = price * Decimal("1e-12") > size * Decimal("1e-6") or size < price
        assert is_costly or size <= _last_place_of(price)
        assert re.search("nothing is left|is below min_size", decision.reason)
    else:
        assert decision.adjustment_factor == 1
        assert size - _last_place_of(price) <= decision.adjusted_size <= size
        assert size - decision.adjusted_size <= size / 10**6 + Decimal("1e-8")


@pytest.mark.parametrize(
    ("size", "price", "verdict"),
    [
        ("1.9", "1e12", Verdict.BLOCK),  # the last place costs 1
        ("1.000002", "1e7", Verdict.BLOCK),  # 0.000002 of it
        ("1.000001", "1e7", Verdict.ALLOW),  # 0.000001 of it
        ("0.001", "0.00003", Verdict.ALLOW),  # a portfolio in BTC
    ],
)
def test_the_last_place_of_a_quantity_may_cost_a_millionth_of_min_size(
    size: str, price: str, verdict: Verdict
) -> None:
    request = SizeRequest(Decimal(size), price=Decimal(price), min_size=Decimal(size))
    decision = decide_size(
        SizingInputs(request, (goal_state(progress=30),), UNLIMITED, CALM)
    )
    assert decision.verdict is verdict
    below = f"is below min_size {size}" in decision.reason
    assert below == (verdict is Verdict.BLOCK)


def test_a_lot_can_make_a_size_too_small():
    request = {"price": Decimal(3), "min_size": Decimal(1000)}
    assert decide("30", **request).verdict is Verdict.ALLOW
    in_lots = decide("30", lot_step=Decimal("0.01"), **request)
    assert "999.99 is below min_size 1000" in in_lots.reason


@given(requests, goals, exposures)
def test_a_factor_below_one_is_never_allowed_as_it_is(request, goals, exposure):
    decision = decide_size(SizingInputs(request, goals, exposure, CALM))
    assert decision.adjustment_factor >= 1 or decision.verdict is not Verdict.ALLOW


@given(requests, st.tuples(*[st.decimals(-50, 99, places=6)] * 2), exposures)
def test_more_progress_is_never_a_larger_size(request, pair, exposure):
    low, high = sorted(pair)
    at_low = decide_size(
        SizingInputs(request, (goal_state(progress=low),), exposure, CALM)
    )
    at_high = decide_size(
        SizingInputs(request, (goal_state(progress=high),), exposure, CALM)
    )
    assert at_high.adjusted_size <= at_low.adjusted_size


def test_with_a_price_the_quantity_is_told():
    decision = decide("0", price=Decimal(50000))
    assert (decision.quantity, decision.adjusted_size) == (
        Decimal("0.026"),
        Decimal(1300),
    )


def test_without_a_price_there_is_no_quantity():
    assert decide("0").quantity is None


def test_the_quantity_is_rounded_down_to_the_lot_step_and_the_size_is_its_cost():
    decision = decide("0", price=Decimal(70), lot_step=Decimal(5))
    assert (decision.quantity, decision.adjusted_size) == (Decimal(15), Decimal(1050))


def test_without_a_lot_step_the_quantity_has_the_columns_places():
    decision = decide("30", price=Decimal(3))
    assert decision.quantity == Decimal("333.333333333333")


def test_a_cap_below_one_lot_blocks():
    decision = decide("0", price=Decimal(2000), lot_step=Decimal(1))
    assert (decision.adjusted_size, decision.quantity, decision.verdict) == (
        0,
        0,
        Verdict.BLOCK,
    )


@pytest.mark.parametrize(
    ("min_size", "verdict"),
    [("1300", Verdict.ALLOW), ("1300.00000001", Verdict.BLOCK)],
)
def test_below_min_size_the_verdict_is_block(min_size, verdict):
    assert decide("0", min_size=Decimal(min_size)).verdict is verdict


def test_a_block_below_min_size_says_so():
    decision = decide("0", min_size=Decimal(2000))
    assert "1300 is below min_size 2000; verdict block." in decision.reason


def test_a_max_size_of_zero_blocks():
    assert decide("0", max_size=Decimal(0)).verdict is Verdict.BLOCK


def test_a_cap_reduces_below_what_the_policy_gave():
    decision = decide("0", max_size=Decimal(1200))
    assert (
        decision.adjusted_size,
        decision.adjustment_factor,
        decision.verdict,
    ) == (Decimal(1200), Decimal("1.2"), Verdict.REDUCE)


def test_a_cap_that_does_not_bind_is_allowed():
    assert decide("0", max_size=Decimal(1300)).verdict is Verdict.ALLOW


def test_the_size_itself_is_not_rounded_to_the_factors_places():
    decision = decide("0", max_size=Decimal("1234.56789012"))
    assert (decision.adjusted_size, decision.adjustment_factor) == (
        Decimal("1234.56789012"),
        Decimal("1.2345"),
    )


def test_the_reason_names_policy_guard_and_verdict():
    assert decide("0", max_size=Decimal(1200)).reason == (
        "Goal 1 is at 0 % of the way (below 30 %): the ladder policy gives 1.3; "
        "exposure 1.3 → 1.2: held at 1200: max_size 1200; verdict reduce."
    )


def test_guards_come_in_their_order():
    """The bounds come first; the last one also answers for a size left too small."""
    names = [guard.name for guard in decide("0").guards]
    assert names == list(GUARDS)
    assert (names[0], names[-1]) == ("bounds", "exposure")


def test_a_bound_below_what_the_policy_gave_is_a_reduction():
    goal = goal_state(progress="0", max_factor=Decimal("1.2"))

    decision = decide_size(
        SizingInputs(SizeRequest(Decimal(1000)), (goal,), UNLIMITED, CALM)
    )

    assert decision.adjustment_factor == Decimal("1.2")
    assert decision.verdict is Verdict.REDUCE
