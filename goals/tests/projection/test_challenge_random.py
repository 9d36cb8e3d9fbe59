"""Random rules and outcomes: every state in fractions, and independent walks."""

from typing import Any

import numpy as np
import pytest

from goals.projection import ChallengeRules, evaluate_challenge, solve_challenge
from goals.tests.projection.challenge_references import exact, walk

PATHS = 100_000
# Three standard errors of so many walks.
LUCK = 3 * 0.5 / PATHS**0.5


def draw_rules(random: np.random.Generator) -> ChallengeRules:
    mode = str(random.choice(["static", "end_of_day", "trailing"]))
    hard = float(random.integers(3, 11)) / 100
    rules: dict[str, Any] = {"drawdown_of": str(random.choice(["start", "peak"]))}
    if mode != "static" and random.random() < 0.5:
        rules["locks_at"] = float(random.choice([1.0, 1.02]))
    if random.random() < 0.5:
        rules["daily_loss"] = float(random.integers(2, 5)) / 100
        rules["daily_loss_of"] = str(random.choice(["start", "day_start"]))
        rules["daily_on_breach"] = str(random.choice(["fail", "halt_day"]))
    if random.random() < 0.2:
        rules["soft_drawdown"] = hard / 2
    return ChallengeRules(mode, hard, **rules)  # type: ignore[arg-type]


def draw_outcomes(random: np.random.Generator, kinds: int) -> tuple[Any, Any]:
    """Losses and wins in R, their mean near nothing."""
    wins = random.uniform(0.3, 3, kinds // 2)
    losses = -np.append(random.uniform(0.3, 2, (kinds - 1) // 2), 1.0)
    losing = random.dirichlet(np.full(losses.size, 3.0))
    winning = random.dirichlet(np.full(wins.size, 3.0))
    edge = random.uniform(-0.03, 0.15)
    share = (edge - losses @ losing) / (wins @ winning - losses @ losing)
    return (
        np.concatenate([losses, wins]),
        np.concatenate([losing * (1 - share), winning * share]),
    )


@pytest.mark.parametrize("seed", range(12))
def test_any_rules_on_a_lattice_are_solved_exactly(seed: int) -> None:
    random = np.random.default_rng(seed)
    rules, win = draw_rules(random), int(random.integers(1, 4))
    share = float(random.uniform(0.9, 1.2)) / (win + 1)
    asked: dict[str, Any] = {
        "base_risk": 0.01,
        "factors": [[0.5, 1, 1.5], [1, 2], [0.5, 2]][int(random.integers(3))],
        "goal_return": float(random.integers(2, 6)) / 100,
        "days": int(random.integers(1, 4)),
        "trades_per_day": int(random.integers(1, 4)),
        "stop_penalty": float(random.choice([0.0, 0.3, 1.0])),
    }
    world = [win, -1], [share, 1 - share]
    solved = solve_challenge(*world, rules=rules, risk_of="start", **asked)
    true = exact(*world, rules=rules, **asked)
    found = solved.value, solved.probability, solved.breach_probability
    assert found == pytest.approx(true, abs=1e-9)
    came = evaluate_challenge(solved, *world, rules=rules, risk_of="start", **asked)
    assert came.probability == pytest.approx(true[1], abs=1e-9)


@pytest.mark.parametrize(
    "seed",
    [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 8))],
)
def test_no_policy_that_guards_lower_beats_the_solved_one(seed: int) -> None:
    """Few factors under headroom, or a soft fall: each is lowered to the cap."""
    random = np.random.default_rng(500 + seed)
    share = float(random.choice([0.2, 0.35, 0.5]))
    hard = float(random.choice([0.03, 0.05]))
    mode: Any = str(random.choice(["static", "end_of_day", "trailing"]))
    rules = ChallengeRules(
        mode,
        hard,
        headroom_share=share if seed % 4 else None,
        soft_drawdown=None if seed % 4 else hard / 4,
    )
    factors = np.array([[1.5], [0.6, 2.0], [0.5, 0.9, 1.6]][seed % 3])
    asked: dict[str, Any] = {
        "base_risk": 0.01,
        "factors": factors,
        "goal_return": float(random.integers(4, 9)) / 100,
        "days": 10,
        "trades_per_day": 3,
        "rules": rules,
        "risk_of": str(random.choice(["equity", "start"])),
    }
    world = draw_outcomes(random, int(random.choice([2, 5])))
    solved = solve_challenge(*world, **asked)
    came = evaluate_challenge(solved, *world, **asked)
    assert came.probability == pytest.approx(solved.value, abs=0.005)
    behind, ahead = float(factors[-1]), float(factors[0])

    def ladder(left: int, trades: int, equity: Any, *_: Any) -> Any:
        return np.where(equity < 1.02, behind, ahead)

    def ladder_up(left: int, trades: int, equity: Any, *_: Any) -> Any:
        return np.where(equity < 1.0, ahead, behind)

    for policy in (*factors.tolist(), ladder, ladder_up):
        other = evaluate_challenge(policy, *world, **asked)
        assert solved.value >= other.probability - 0.005


@pytest.mark.walks
@pytest.mark.parametrize("seed", range(40))
def test_any_rules_and_outcomes_walk_to_their_values(seed: int) -> None:
    random = np.random.default_rng(1_000 + seed)
    rules = draw_rules(random)
    outcomes, probabilities = world = draw_outcomes(
        random, int(random.choice([2, 3, 5, 10]))
    )
    risk_of: Any = str(random.choice(["equity", "start"]))
    asked: dict[str, Any] = {
        "base_risk": float(random.choice([0.005, 0.01])),
        "goal_return": float(random.integers(3, 11)) / 100,
        "days": int(random.choice([8, 15, 30])),
        "trades_per_day": int(random.choice([1, 2, 4])),
        "rules": rules,
    }
    more: dict[str, Any] = {
        "factors": np.linspace(0.3, random.uniform(1, 2), 6),
        "stop_penalty": float(random.choice([0.0, 0.2, 1.0])),
        "risk_of": risk_of,
    }
    extra = (rules.drawdown_mode != "static") + (rules.daily_loss is not None)
    bound = (0.005, 0.005, 0.01)[extra]
    of_start = risk_of == "start"
    solved = solve_challenge(outcomes, probabilities, **asked, **more)
    passed, breached, _ = walk(
        solved.factor_at, *world, of_start=of_start, paths=PATHS, **asked
    )
    luck = LUCK * (1 + more["stop_penalty"])
    worth = passed - more["stop_penalty"] * breached
    assert worth == pytest.approx(solved.value, abs=bound + luck)
    came = evaluate_challenge(1.0, outcomes, probabilities, **asked, **more)
    passed, breached, _ = walk(
        lambda *_: 1.0, *world, of_start=of_start, paths=PATHS, **asked
    )
    assert came.probability == pytest.approx(passed, abs=0.005 + LUCK)
    assert came.breach_probability == pytest.approx(breached, abs=0.005 + LUCK)
