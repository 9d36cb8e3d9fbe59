"""Solved and evaluated challenges against exact states and independent walks."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from goals.projection import ChallengeRules, evaluate_challenge, solve_challenge
from goals.tests.projection.challenge_references import EPSILON, exact, walk
from tests.examples import crossed

R = ChallengeRules
DICE = ([2, -1], [0.36, 0.64])
SMALL: dict[str, Any] = {
    "base_risk": 0.01,
    "factors": [0.5, 1, 1.5],
    "goal_return": 0.03,
    "days": 3,
    "trades_per_day": 2,
    "stop_penalty": 0.3,
}
# Half of the headroom halves at each loss: so few trades end on parts of a step.
SHORT = SMALL | {"days": 2}
FLOORS = [
    ("static", "start", None),
    *product(
        ("end_of_day", "trailing", "trailing_closed"), ("start", "peak"), (None, 1)
    ),
]
DAILY: list[dict[str, Any]] = [
    {},
    {"daily_loss": 0.02},
    {"daily_loss": 0.02, "daily_on_breach": "halt_day"},
    {"daily_loss": 0.02, "daily_on_breach": "halt_day", "daily_loss_of": "day_start"},
]


def joined(value: Any) -> str:
    return "-".join(map(str, value.values() if isinstance(value, dict) else value))


TEN = (
    [-2.2, -1.3, -1.0, -0.8, -0.4, 0.3, 0.6, 1.2, 1.7, 2.9],
    [0.1] * 10,
)
EIGHT = (
    [-1.1, -1, -0.9, -0.5, 0.2, 0.9, 1.7, 3.1],
    [0.1, 0.3, 0.1, 0.08, 0.1, 0.12, 0.12, 0.08],
)
LARGE: dict[str, Any] = {
    "base_risk": 0.01,
    "factors": list(np.linspace(0.3, 1.5, 8)),
    "goal_return": 0.1,
    "days": 30,
    "trades_per_day": 4,
    "stop_penalty": 0.2,
}
# States beside equity, and how far a value may be off (ratios).
ONE, TWO = 0.005, 0.01


@crossed("floor, daily", FLOORS, DAILY, ids=joined)
def test_the_optimum_on_a_lattice_is_that_over_every_state(
    floor: tuple[Any, Any, Any], daily: dict[str, Any]
) -> None:
    mode, of, lock = floor
    for soft, share, needed in product((None, 0.01), (None, 0.5), (0, 2)):
        if share is not None and (soft is None) is (needed == 0):
            continue  # to save time
        rules = R(
            mode,
            0.03,
            of,
            lock,
            soft,
            headroom_share=share,
            min_trading_days=needed,
            **daily,
        )
        asked = SMALL if share is None else SHORT
        solved = solve_challenge(*DICE, rules=rules, risk_of="start", **asked)
        found = solved.value, solved.probability, solved.breach_probability
        near = 1e-9 if share is None else 1e-6
        assert found == pytest.approx(exact(*DICE, rules=rules, **asked), abs=near)


@crossed("floor, daily", FLOORS, DAILY, ids=joined)
def test_constants_and_solved_policies_walk_to_their_exact_chances(
    floor: tuple[Any, Any, Any], daily: dict[str, Any]
) -> None:
    mode, of, lock = floor
    for needed, share in product((0, 2), (None, 0.5)):
        rules = R(
            mode, 0.03, of, lock, headroom_share=share, min_trading_days=needed, **daily
        )
        near, small = (1e-9, SMALL) if share is None else (1e-6, SHORT)
        asked: dict[str, Any] = {"rules": rules, "risk_of": "start", **small}
        solved = solve_challenge(*DICE, **asked)
        came = evaluate_challenge(solved, *DICE, **asked)
        assert came.probability == pytest.approx(solved.probability, abs=near)
        assert came.breach_probability == pytest.approx(
            solved.breach_probability, abs=near
        )
        if share is None:
            came = evaluate_challenge(1.0, *DICE, **asked)
            true = exact(*DICE, rules=rules, constant=1.0, **SMALL)
            assert (came.probability, came.breach_probability) == pytest.approx(
                true[1:], abs=1e-9
            )


REAL = [
    (R("static", 0.08), ONE),
    (R("trailing", 0.05, "peak"), ONE),
    (R("trailing", 0.06, "start", 1.0, soft_drawdown=0.03), ONE),
    (R("end_of_day", 0.05, "start", 1.0), ONE),
    (R("static", 0.1, daily_loss=0.04), ONE),
    (R("static", 0.08, min_trading_days=5), ONE),
    (
        R(
            "static",
            0.08,
            daily_loss=0.03,
            daily_loss_of="day_start",
            daily_on_breach="halt_day",
        ),
        ONE,
    ),
    (R("trailing", 0.06, "start", 1.0, daily_loss=0.03), TWO),
    (R("end_of_day", 0.05, daily_loss=0.03), TWO),
]


ASKED = {key: LARGE[key] for key in LARGE if key not in ("factors", "stop_penalty")}
# Three standard errors of a probability over so many walks, where they are few.
MANY, FEW, FEW_MISS = 200_000, 10_000, 0.015


@pytest.mark.walks
@pytest.mark.parametrize(("rules", "bound"), REAL, ids=str)
@pytest.mark.parametrize("risk_of", ["equity", "start"])
def test_a_solved_policy_walked_independently_gives_its_value(
    rules: ChallengeRules, bound: float, risk_of: Any
) -> None:
    assert_walks_to_value(rules, bound, risk_of, paths=MANY)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "risk_of"), [(0, "equity"), (1, "start"), (3, "equity"), (4, "start")]
)
def test_a_solved_policy_walked_a_few_times_gives_about_its_value(
    case: int, risk_of: Any
) -> None:
    rules, bound = REAL[case]
    assert_walks_to_value(rules, bound + FEW_MISS, risk_of, paths=FEW)


def assert_walks_to_value(
    rules: ChallengeRules, bound: float, risk_of: Any, *, paths: int
) -> None:
    solved = solve_challenge(*TEN, rules=rules, risk_of=risk_of, **LARGE)
    passed, breached, _ = walk(
        solved.factor_at,
        *TEN,
        rules=rules,
        of_start=risk_of == "start",
        paths=paths,
        **ASKED,
    )
    assert passed - 0.2 * breached == pytest.approx(solved.value, abs=bound)


@pytest.mark.walks
@pytest.mark.parametrize(("rules", "bound"), REAL, ids=str)
def test_constants_come_to_what_independent_walks_come_to(
    rules: ChallengeRules, bound: float
) -> None:
    passed, breached, days = walk(
        lambda *_: 1.1, *TEN, rules=rules, of_start=False, paths=MANY, **ASKED
    )
    came = evaluate_challenge(1.1, *TEN, rules=rules, **LARGE)
    assert came.probability == pytest.approx(passed, abs=0.005)
    assert came.breach_probability == pytest.approx(breached, abs=0.005)
    assert came.days == pytest.approx(tuple(np.quantile(days, [0.1, 0.5, 0.9])), abs=1)


@pytest.mark.parametrize(
    ("rules", "goal", "constant", "best", "narrow"),
    [
        (R("static", 0.1, daily_loss=0.05), 0.1, 0.643, 0.731, 0.695),
        (R("end_of_day", 0.04, locks_at=1.0), 0.06, 0.458, 0.644, 0.561),
    ],
    ids=["static with a daily limit", "end of day with a lock"],
)
def test_rule_aware_sizing_is_worth_what_is_published(
    rules: ChallengeRules, goal: float, constant: float, best: float, narrow: float
) -> None:
    """Thirty days of four trades, +2 R or -1 R at an edge of 0.08 R, 1 % risk."""
    asked: dict[str, Any] = {
        "base_risk": 0.01,
        "goal_return": goal,
        "days": 30,
        "trades_per_day": 4,
        "rules": rules,
        "risk_of": "start",
    }
    wide, few = np.arange(0.25, 2.01, 0.25), np.arange(0.5, 1.26, 0.25)
    constants = [
        evaluate_challenge(factor, *DICE, factors=few, **asked).probability
        for factor in few
    ]
    assert max(constants) == pytest.approx(constant, abs=6e-4)
    for factors, worth in ((wide, best), (few, narrow)):
        solved = solve_challenge(*DICE, factors=factors, **asked)
        assert solved.value == pytest.approx(worth, abs=6e-4)


@pytest.mark.parametrize("cost", [0.002, 0.01])
def test_without_a_deadline_the_policy_walks_to_its_value(cost: float) -> None:
    asked: dict[str, Any] = {
        "base_risk": 0.01,
        "factors": [0.5, 1, 1.5],
        "goal_return": 0.04,
        "days": None,
        "trades_per_day": 2,
        "rules": R(hard_drawdown=0.04),
        "risk_of": "start",
        "stop_penalty": 0.1,
        "day_cost": cost,
    }
    solved = solve_challenge(*DICE, **asked)
    came = evaluate_challenge(solved, *DICE, **asked)
    assert came.probability == pytest.approx(solved.probability, abs=1e-3)
    parts = solved.probability - 0.1 * solved.breach_probability
    assert solved.value == pytest.approx(parts - cost * solved.expected_days, abs=1e-9)
    long = solve_challenge(*DICE, **(asked | {"days": 400, "day_cost": 0.0}))
    assert solved.value < long.value


@pytest.mark.parametrize(
    ("cost", "rules", "value"),
    [
        (0.002, R(hard_drawdown=0.04), 0.63217),
        (0.01, R("trailing", 0.04), 0.50169),
        (0.002, R("trailing", 0.03, locks_at=1.0), 0.46041),
        (0.01, R(hard_drawdown=0.04, daily_loss=0.02), 0.54521),
    ],
)
def test_without_a_deadline_the_value_is_that_of_a_long_recursion(
    cost: float, rules: ChallengeRules, value: float
) -> None:
    """Over each state of a lattice, day by day until nothing changes by 1e-9."""
    solved = solve_challenge(
        *DICE,
        base_risk=0.01,
        factors=[0.5, 1, 1.5],
        goal_return=0.04,
        days=None,
        trades_per_day=2,
        rules=rules,
        risk_of="start",
        stop_penalty=0.1,
        day_cost=cost,
    )
    assert solved.value == pytest.approx(value, abs=5e-4)


def test_value_is_probability_less_what_a_breach_costs() -> None:
    solved = solve_challenge(*TEN, rules=R("trailing", 0.05), **(LARGE | {"days": 5}))
    parts = solved.probability - 0.2 * solved.breach_probability
    assert solved.value == pytest.approx(parts, abs=1e-12)


def test_factors_broadcast_over_all_that_is_asked() -> None:
    rules = R("trailing", 0.05, daily_loss=0.03)
    solved = solve_challenge(*DICE, rules=rules, risk_of="start", **SMALL)
    found = solved.factor_at(3, [2, 1], np.full((4, 1), 1.01), 0.0, 1.02)
    assert found.shape == (4, 2)
    assert found[0, 1] == solved.factor_at(3, 1, 1.01, 0.0, 1.02)
    assert set(found.ravel()) <= {0.0, 0.5, 1.0, 1.5}


def test_no_trade_is_taken_where_nothing_is_left_to_decide() -> None:
    rules = R("static", 0.03, daily_loss=0.02, daily_on_breach="halt_day")
    solved = solve_challenge(*DICE, rules=rules, risk_of="start", **SMALL)
    passed, breached = solved.factor_at(3, 1, [1.03, 0.97])
    assert passed == breached == solved.factor_at(3, 1, 0.98, day_profit=-0.02) == 0


def test_no_trade_is_taken_where_no_trades_left_reach_the_goal() -> None:
    asked = LARGE | {"days": 10, "stop_penalty": 0.0}
    solved = solve_challenge(*TEN, rules=R("trailing", 0.05), **asked)
    # The best of the ten at the largest factor makes 4.35 %.
    assert solved.factor_at(1, 2, 1.008) == 0
    assert solved.factor_at(1, 2, 1.02) > 0


def test_a_high_water_counts_as_what_it_must_be_at_least() -> None:
    asked = LARGE | {"days": 10, "trades_per_day": 2}
    equity = np.linspace(0.98, 1.09, 12)
    for mode, trades in (("trailing", 1), ("trailing", 2), ("end_of_day", 2)):
        solved = solve_challenge(*TEN, rules=R(mode, 0.05), **asked)  # type: ignore[arg-type]
        least = solved.factor_at(5, trades, equity, 0.0, np.maximum(equity, 1.0))
        for water in (0.0, 0.97, 1.0):
            found = solved.factor_at(5, trades, equity, 0.0, water)
            assert np.array_equal(found, least)


def test_many_levels_that_lie_close_are_solved_one_by_one() -> None:
    """A win and a loss of the equity's 1 % are no way back; by an exact recursion."""
    asked: dict[str, Any] = {
        "base_risk": 0.01,
        "factors": [0.5, 1, 1.5],
        "goal_return": 0.05,
        "days": 5,
        "trades_per_day": 2,
        "rules": R("trailing", 0.04),
    }
    world = [1.0, -1.0], [0.53, 0.47]
    solved = solve_challenge(*world, **asked)
    came = evaluate_challenge(solved, *world, **asked)
    assert (solved.value, came.probability) == pytest.approx(
        (0.33087, 0.33087), abs=5e-6
    )


def test_of_equal_choices_not_trading_is_taken_and_then_the_smaller() -> None:
    far = SMALL | {"goal_return": 0.5}
    solved = solve_challenge(*DICE, rules=R(), risk_of="start", **far)
    assert solved.factor_at(3, 2, 1.0) == 0
    sure = SMALL | {"goal_return": 0.01, "factors": [1.5, 0.5, 1.0]}
    solved = solve_challenge([2], [1.0], rules=R(), risk_of="start", **sure)
    assert solved.factor_at(1, 1, 1.0) == 0.5
    assert solved.factor_at(2, 1, 1.0) == 0


def test_a_cap_that_holds_now_holds_for_the_first_decision_alone() -> None:
    one_day = SMALL | {"days": 1, "goal_return": 0.06}
    asked = one_day | {"rules": R(), "risk_of": "start", "max_factor_now": 1}
    solved = solve_challenge(*DICE, **asked)
    true = exact(*DICE, rules=R(), max_factor_now=1, **one_day)
    assert solved.value == pytest.approx(true[0], abs=1e-12)
    assert evaluate_challenge(1.5, *DICE, **asked).probability == 0
    assert solved.factor_at(1, 2, 1.0) <= 1


def test_a_cap_of_now_lowers_a_larger_factor_as_a_guard_does() -> None:
    """Also where the lowered trade ends between the others' steps."""
    for cap in (0.6, 0.3):
        asked = SMALL | {"factors": [1, 2], "max_factor_now": cap}
        solved = solve_challenge(*DICE, rules=R(), risk_of="start", **asked)
        true = exact(*DICE, rules=R(), **asked)
        assert solved.value == pytest.approx(true[0], abs=1e-9)
        came = evaluate_challenge(solved, *DICE, rules=R(), risk_of="start", **asked)
        assert came.probability == pytest.approx(true[1], abs=1e-9)
        assert solved.factor_at(3, 2, 1.0) in (0.0, cap)
    must = R(hard_drawdown=0.1)
    one = SMALL | {"days": 1, "trades_per_day": 1, "goal_return": 0.01, "factors": [2]}
    solved = solve_challenge(
        *DICE, rules=must, risk_of="start", max_factor_now=0.6, **one
    )
    assert solved.factor_at(1, 1, 1.0) == 0.6
    assert solved.value == pytest.approx(0.36)


@pytest.mark.parametrize("mode", ["static", "end_of_day", "trailing"])
@pytest.mark.parametrize("risk_of", ["start", "equity"])
def test_all_headroom_may_end_on_the_floor_and_counts_as_a_breach(
    mode: Any, risk_of: Any
) -> None:
    """By solver, walk and policy alike: over every state, and on a grid."""
    for days, trades, near in ((2, 2, 1e-9), (20, 2, ONE)):
        asked: dict[str, Any] = {
            "base_risk": 0.03 if days == 2 else 0.01,
            "factors": [0.4, 1.3],
            "goal_return": 0.08,
            "days": days,
            "trades_per_day": trades,
            "stop_penalty": 1.0,
            "rules": R(mode, 0.04, headroom_share=1.0),
            "risk_of": risk_of,
        }
        world = [2, 0.5, -1], [0.28, 0.18, 0.54]
        solved = solve_challenge(*world, **asked)
        came = evaluate_challenge(solved, *world, **asked)
        walked = came.probability - came.breach_probability
        assert walked == pytest.approx(solved.value, abs=near)
        assert came.breach_probability == pytest.approx(
            solved.breach_probability, abs=5 * near
        )


@pytest.mark.parametrize("constant", [1.0, 2.0])
def test_headroom_caps_exactly_so_that_halving_it_hardly_ever_breaches(
    constant: float,
) -> None:
    """A cap that is higher by a hair makes a breach of each long row of losses."""
    asked: dict[str, Any] = {
        "base_risk": 0.01,
        "goal_return": 0.06,
        "days": 30,
        "trades_per_day": 2,
        "rules": R("end_of_day", 0.04, locks_at=1.0, headroom_share=0.5),
    }

    def lowered(_: int, __: int, equity: Any, ___: Any, high: Any, ____: Any) -> Any:
        room = equity - np.minimum(high - 0.04, 1.0)
        return np.clip(0.5 * room / (0.01 * equity), 0, constant)

    passed, breached, _ = walk(lowered, *DICE, of_start=False, paths=FEW, **asked)
    came = evaluate_challenge(constant, *DICE, factors=[constant], **asked)
    assert came.probability == pytest.approx(passed, abs=FEW_MISS)
    assert came.breach_probability == pytest.approx(breached, abs=FEW_MISS)
    daily = R("static", 0.1, daily_loss=0.02, headroom_share=0.3)
    solved = solve_challenge(
        *DICE, rules=daily, risk_of="start", **(SMALL | {"factors": [1.25]})
    )
    assert solved.factor_at(3, 1, 0.995, -0.005) == pytest.approx(0.45, abs=1e-12)


@pytest.mark.slow
def test_days_that_must_be_traded_only_make_a_pass_harder_under_a_daily_limit() -> None:
    """And beyond the goal nothing is risked that no day needs."""
    asked = LARGE | {
        "factors": np.linspace(0.25, 2, 8),
        "goal_return": 0.06,
        "stop_penalty": 0.0,
    }
    free = solve_challenge(*EIGHT, rules=R("static", 0.08, daily_loss=0.03), **asked)
    bound = R("static", 0.08, daily_loss=0.03, min_trading_days=8)
    solved = solve_challenge(*EIGHT, rules=bound, **asked)
    assert solved.value <= free.value + 0.003

    def patient(left: int, trades: int, equity: Any, *more: Any) -> Any:
        profit, days = more[0], more[2]
        below = free.factor_at(left, trades, np.minimum(equity, 1.06 - 1e-6), profit)
        at_goal = 0.25 * ((trades == 4) & (days < 8))
        return np.where(equity >= 1.06 - EPSILON, at_goal, below)

    by_hand = evaluate_challenge(patient, *EIGHT, rules=bound, **asked)
    came = evaluate_challenge(solved, *EIGHT, rules=bound, **asked)
    assert by_hand.probability - 0.005 <= came.probability
    assert came.probability == pytest.approx(solved.value, abs=TWO)
    ahead = np.array([1.065, 1.08, 1.09])
    assert not solved.factor_at(25, 3, ahead, -0.004, days_traded=3).any()


def test_a_policy_under_a_daily_limit_is_worth_what_a_finer_grid_gives() -> None:
    """Every equity at which a day may begin counts, not those of some layers alone."""
    halts = R(
        "static",
        0.06,
        daily_loss=0.02,
        daily_loss_of="day_start",
        daily_on_breach="halt_day",
    )
    asked = LARGE | {
        "factors": np.linspace(0.25, 2, 8),
        "goal_return": 0.08,
        "stop_penalty": 0.0,
        "rules": halts,
    }
    solved = solve_challenge(*EIGHT, **asked)
    came = evaluate_challenge(solved, *EIGHT, **asked)
    assert solved.value == pytest.approx(0.586, abs=0.003)
    assert came.probability == pytest.approx(0.586, abs=0.004)


@pytest.mark.slow
def test_a_high_water_and_a_day_to_look_at_leave_a_policy_worth_its_value() -> None:
    rules = R("end_of_day", 0.05, daily_loss=0.03)
    solved = solve_challenge(*TEN, rules=rules, risk_of="start", **LARGE)
    came = evaluate_challenge(solved, *TEN, rules=rules, risk_of="start", **LARGE)
    worth = came.probability - 0.2 * came.breach_probability
    assert worth == pytest.approx(solved.value, abs=0.007)


def halting(mode: Any, hard: float, lock: float, loss: float, of: Any) -> R:
    return R(
        mode,
        hard,
        "peak",
        lock,
        daily_loss=loss,
        daily_loss_of=of,
        daily_on_breach="halt_day",
    )


EVEN = ([1, -1], [0.52, 0.48])


@pytest.mark.parametrize(
    ("world", "factors", "days", "risk", "goal", "rules", "value"),
    [
        (
            EVEN,
            [1, 2],
            5,
            0.01,
            0.07,
            halting("trailing", 0.08, 1.0, 0.04, "start"),
            0.46168,
        ),
        (
            DICE,
            [0.5, 1, 1.5],
            10,
            0.02,
            0.03,
            halting("end_of_day", 0.07, 1.02, 0.03, "day_start"),
            0.76030,
        ),
    ],
    ids=["+1R or -1R", "+2R or -1R"],
)
def test_states_too_close_to_tell_apart_are_worth_what_each_by_itself_is(
    world: Any,
    factors: list[float],
    days: int,
    risk: float,
    goal: float,
    rules: ChallengeRules,
    value: float,
) -> None:
    """Risk of equity, 20 trades; exact recursions over millions of states."""
    asked: dict[str, Any] = {
        "base_risk": risk,
        "factors": factors,
        "goal_return": goal,
        "days": days,
        "trades_per_day": 20 // days,
        "rules": rules,
    }
    solved = solve_challenge(*world, **asked)
    came = evaluate_challenge(solved, *world, **asked)
    assert (solved.value, came.probability) == pytest.approx((value, value), abs=0.001)


HAIRS: list[tuple[Any, dict[str, Any], ChallengeRules, float]] = [
    (
        ([2.3, 0.4, -1], [0.3, 0.15, 0.55]),
        {
            "base_risk": 0.01,
            "factors": np.arange(0.5, 2.01, 0.25),
            "goal_return": 0.03,
            "days": 4,
            "trades_per_day": 2,
            "risk_of": "equity",
        },
        R("static", 0.03, daily_loss=0.02),
        0.66196,
    ),
    (
        ([-1.0, -0.92, 2.8], [0.395, 0.31, 0.295]),
        {
            "base_risk": 0.02,
            "factors": np.linspace(0.3, 1.7021541844640153, 7),
            "goal_return": 0.08,
            "days": 4,
            "trades_per_day": 4,
            "risk_of": "start",
        },
        R("static", 0.02, min_trading_days=2),
        0.45942,
    ),
    (
        ([-1.0, 2.5, 3.5], [0.707, 0.232, 0.061]),
        {
            "base_risk": 0.02,
            "factors": [0.48, 0.55, 0.68, 0.93, 1.43, 1.46, 2.07],
            "goal_return": 0.02,
            "days": 2,
            "trades_per_day": 4,
            "risk_of": "start",
        },
        R(
            daily_loss=0.02,
            daily_loss_of="day_start",
            daily_on_breach="halt_day",
        ),
        0.76095,
    ),
]


@pytest.mark.parametrize(
    ("world", "asked", "rules", "value"),
    HAIRS,
    ids=["on a grid", "between close states", "on a fine lattice"],
)
def test_a_goal_that_few_trades_miss_by_a_hair_is_told_apart(
    world: Any, asked: dict[str, Any], rules: ChallengeRules, value: float
) -> None:
    """Exact recursions over up to 1,700,000 states give the values."""
    solved = solve_challenge(*world, rules=rules, **asked)
    came = evaluate_challenge(solved, *world, rules=rules, **asked)
    assert (solved.value, came.probability) == pytest.approx((value, value), abs=0.002)


def test_headroom_under_a_daily_limit_is_near_the_optimum_over_every_state() -> None:
    """Beyond what the tree holds; an exact recursion gives 0.28374."""
    asked = SMALL | {"factors": [0.5, 0.75, 1, 1.25], "days": 5, "stop_penalty": 0.0}
    rules = R("static", 0.05, daily_loss=0.02, headroom_share=0.3)
    world = [2, 0.5, -1], [0.3, 0.1, 0.6]
    solved = solve_challenge(*world, rules=rules, risk_of="start", **asked)
    came = evaluate_challenge(solved, *world, rules=rules, risk_of="start", **asked)
    assert (solved.value, came.probability) == pytest.approx(
        (0.28374, 0.28374), abs=0.004
    )


def test_factors_lowered_to_a_cap_are_solved_over_every_state() -> None:
    rules = R(
        "trailing_closed", 0.04, locks_at=1.01, soft_drawdown=0.012, headroom_share=0.5
    )
    asked: dict[str, Any] = {
        "base_risk": 0.03,
        "factors": [0.5, 1, 1.5],
        "goal_return": 0.08,
        "days": 4,
        "trades_per_day": 1,
        "rules": rules,
    }
    world = [2, 0, -1], [0.19, 0.54, 0.27]
    solved = solve_challenge(*world, risk_of="start", **asked)
    assert solved.value == pytest.approx(exact(*world, **asked)[0], abs=1e-6)
    assert solved.value == pytest.approx(0.1104, abs=5e-5)


@pytest.mark.parametrize("breach", ["fail", "halt_day"])
def test_headroom_with_a_day_for_each_trade_walks_to_its_value(breach: Any) -> None:
    asked: dict[str, Any] = {
        "base_risk": 0.01,
        "factors": [0.5, 1, 1.5],
        "goal_return": 0.03,
        "days": 60,
        "trades_per_day": 1,
        "rules": R(
            hard_drawdown=0.08,
            daily_loss=0.03,
            daily_loss_of="day_start",
            daily_on_breach=breach,
            headroom_share=0.2,
        ),
        "risk_of": "start",
    }
    outcomes = [-1.77, -0.48, -0.37, -0.1, -0.01, 0.74, 0.96, 1.39]
    chances = [0.14, 0.09, 0.1, 0.15, 0.14, 0.06, 0.14, 0.18]
    solved = solve_challenge(outcomes, chances, **asked)
    came = evaluate_challenge(solved, outcomes, chances, **asked)
    assert came.probability == pytest.approx(solved.value, abs=ONE)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("base_risk", 0),
        ("base_risk", True),
        ("factors", [0]),
        ("goal_return", -0.1),
        ("days", 0),
        ("days", 2.5),
        ("days", True),
        ("trades_per_day", 0),
        ("stop_penalty", -1),
        ("risk_of", "x"),
        ("max_factor_now", -1),
        ("day_cost", 0.1),
        ("rules", None),
    ],
)
def test_a_bad_argument_is_refused_by_its_name(argument: str, value: Any) -> None:
    asked: dict[str, Any] = {"rules": R(), **SMALL, argument: value}
    with pytest.raises(ValueError, match=argument):
        solve_challenge(*DICE, **asked)
    with pytest.raises(ValueError, match=argument):
        evaluate_challenge(1, *DICE, **asked)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("drawdown_mode", "x"),
        ("hard_drawdown", 1),
        ("drawdown_of", "x"),
        ("locks_at", 0.5),
        ("soft_drawdown", 0),
        ("daily_loss", 2),
        ("daily_loss_of", "x"),
        ("daily_on_breach", "x"),
        ("headroom_share", 1.5),
        ("min_trading_days", -1),
    ],
)
def test_a_bad_rule_is_refused_by_its_name(rule: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rule):
        R(**{rule: value})


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ((0, 1, 1.0), "days_left"),
        ((1, 3, 1.0), "trades_left"),
        ((1, 1, "nan"), "equity"),
        ((1, 1, "much"), "equity"),
        ((1, 1, [1.0, 1.0], [0.0, 0.0, 0.0]), "equity"),
        ((1, 1, 1.0, 0.0, 1.0, -1), "days_traded"),
    ],
)
def test_a_state_that_cannot_be_is_refused_by_its_name(state: Any, name: str) -> None:
    solved = solve_challenge(*DICE, rules=R(), risk_of="start", **SMALL)
    with pytest.raises(ValueError, match=name):
        solved.factor_at(*state)


def test_what_would_take_too_long_is_refused_at_once() -> None:
    asked = LARGE | {"days": 2_000, "trades_per_day": 200}
    with pytest.raises(ValueError, match="days"):
        solve_challenge(*TEN, rules=R("trailing", 0.05, daily_loss=0.03), **asked)


def test_a_challenge_that_never_ends_is_refused() -> None:
    asked = SMALL | {"days": None, "day_cost": 0.01}
    with pytest.raises(ValueError, match="day_cost"):
        solve_challenge(
            *DICE,
            rules=R(headroom_share=0.5, hard_drawdown=0.02),
            risk_of="start",
            **asked,
        )


@pytest.mark.parametrize("bad", [-1.0, [1.0, 2.0, 3.0], float("nan")])
def test_a_policy_must_give_a_factor_for_each_state(bad: Any) -> None:
    with pytest.raises(ValueError, match="policy"):
        evaluate_challenge(lambda *_: bad, *DICE, rules=R(), **SMALL)
