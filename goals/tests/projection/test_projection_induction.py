"""Parts of the induction: what a step keeps, and monotone tables beside all others."""

from itertools import combinations_with_replacement, product

import numpy as np
import pytest

from goals.projection.grid import Grid
from goals.projection.grouping import Step, Stretch
from goals.projection.induction import solve
from goals.projection.monotone import choose_monotone
from goals.projection.outcomes import Outcomes, take_outcomes
from goals.projection.stencils import Stencils, land, make_stencils

FACTORS = np.array([0.4, 0.9, 1.6])
TRADES = 4
RISK = 0.02


def make_case(seed: int) -> tuple[Outcomes, Grid, float]:
    """Nine nodes, a stop below them, and a penalty for it."""
    random = np.random.default_rng(seed)
    kinds = int(random.integers(2, 4))
    values = [-1.0, *random.uniform(-0.5, 0.5, kinds - 2), random.choice([1.0, 2.0])]
    today, step = int(random.integers(2, 8)), float(random.choice([0.008, 0.012]))
    stop = -(today + float(random.uniform(0.1, 1.0))) * step
    grid = Grid(-today * step, step, 9, today, (8.5 - today) * step, stop)
    outcomes = take_outcomes(values, random.dirichlet(np.full(kinds, 3.0)), RISK)
    return outcomes, grid, float(random.choice([0.0, 1.0, 2.0]))


def best_of_all_monotone(stencils: Stencils, grid: Grid, penalty: float) -> float:
    """Every monotone row for every trade left: their values, all together."""
    rows = np.array(
        [
            row[::-1]
            for row in combinations_with_replacement(range(FACTORS.size), grid.size)
        ]
    )
    nodes = np.arange(grid.size)
    values = np.zeros((1, grid.size))
    for _ in range(TRADES - 1):
        expected = [stencils.expect(value, 1.0, -penalty) for value in values]
        found = np.array(expected)[:, rows, nodes].reshape(-1, grid.size)
        # What differs by rounding alone is looked at once.
        values = np.unique(found.round(10), axis=0)
    return max(
        float(stencils.expect(value, 1.0, -penalty)[:, grid.today].max())
        for value in values
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_monotone_table_is_near_the_best_of_all_monotone_ones(seed: int) -> None:
    outcomes, grid, penalty = make_case(seed)
    stencils = make_stencils(outcomes, FACTORS, grid)
    best = best_of_all_monotone(stencils, grid, penalty)
    stretches = [Stretch(Step(1, outcomes))] * TRADES
    solved = solve(stretches, FACTORS, grid, penalty, monotone=True)
    stopped = solved.stopped[grid.today]
    worth = solved.reached[-1, grid.today] - penalty * stopped
    assert best - 0.005 <= worth <= best + 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_the_best_monotone_row_is_found(seed: int) -> None:
    random = np.random.default_rng(seed)
    expected = random.integers(-3, 4, (3, 6)).astype(float)
    nodes = np.arange(6)
    best = max(
        expected[list(row), nodes].sum()
        for row in product(range(3), repeat=6)
        if list(row) == sorted(row, reverse=True)
    )
    chosen = choose_monotone(expected)
    assert (np.diff(chosen) <= 0).all()
    assert expected[chosen, nodes].sum() == best


@pytest.mark.parametrize("seed", range(10))
def test_visits_are_carried_where_values_are_read(seed: int) -> None:
    outcomes, grid, _ = make_case(seed)
    stencils = make_stencils(outcomes, FACTORS, grid)
    random = np.random.default_rng(seed)
    visits, values = random.random((2, grid.size))
    chosen = random.integers(0, FACTORS.size, grid.size)
    read = stencils.expect_chosen(values, chosen, 0.0, 0.0)
    everywhere = stencils.expect(values, 0.0, 0.0)
    assert read == pytest.approx(everywhere[chosen, np.arange(grid.size)])
    carried = stencils.carry(visits, chosen)
    assert carried @ values == pytest.approx(visits @ read)


def test_a_step_keeps_its_mean_and_its_variance_between_nodes() -> None:
    grid = Grid(-0.05, 0.0007, 200, 71, 0.09, None)
    outcomes = take_outcomes([-1, 0.3, 4], [0.6, 0.25, 0.15], 0.01)
    steps = outcomes.log_steps(np.array([0.3, 0.7, 1.5]))
    landing = land(steps, outcomes.probabilities, grid)
    places = landing.cells + landing.share
    mean = places @ outcomes.probabilities
    added = landing.share * (1 - landing.share)
    squares = (places - mean[:, None]) ** 2 + added
    exact = steps / grid.step
    wanted = exact @ outcomes.probabilities
    apart = (exact - wanted[:, None]) ** 2
    assert mean == pytest.approx(wanted)
    variance = apart @ outcomes.probabilities
    assert squares @ outcomes.probabilities == pytest.approx(variance, rel=1e-3)
