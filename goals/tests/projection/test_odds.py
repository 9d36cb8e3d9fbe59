"""What a challenge comes to under each policy."""

import pytest

from goals.projection import ChallengeRules, evaluate_challenge
from goals.projection.comparison_cases import find_case
from goals.projection.odds import Trial, best_constant, measure_odds
from mastertrade.values.exceptions import InvalidInput

RULES = ChallengeRules("static", hard_drawdown=0.03)


def trial(**changes):
    given = {
        "outcomes": find_case("2R/-1R, edge 0.08").at_risk(0.01),
        "rules": RULES,
        "goal_return": 0.03,
        "days": 4,
        "trades_per_day": 2,
        "min_factor": 0.5,
        "max_factor": 2.0,
    }
    return Trial(**{**given, **changes})


def test_a_constant_s_row_is_that_of_the_evaluation():
    rows, _ = measure_odds(trial())
    row = next(one for one in rows if one.factor == 1)
    found = evaluate_challenge(
        1.0,
        [2, -1],
        [0.36, 0.64],
        base_risk=0.01,
        factors=[1.0],
        goal_return=0.03,
        days=4,
        trades_per_day=2,
        rules=RULES,
    )
    assert row.probability == pytest.approx(found.probability)
    assert row.breach_probability == pytest.approx(found.breach_probability)
    assert row.days == found.days
    assert row.unfinished == pytest.approx(
        1 - found.probability - found.breach_probability
    )


@pytest.mark.slow
def test_the_solved_row_is_at_least_as_good_as_every_other():
    rows, solved = measure_odds(trial())
    assert [row.name for row in rows[-3:]] == ["ladder", "pace", "solved"]
    assert rows[-1].probability == pytest.approx(solved.probability, abs=0.005)
    assert rows[-1].probability >= best_constant(rows).probability
    assert rows[-1].probability >= max(row.probability for row in rows) - 0.005


@pytest.mark.slow
def test_no_size_lies_outside_the_bounds():
    rows, solved = measure_odds(trial(min_factor=0.5, max_factor=1.0))
    assert [row.factor for row in rows if row.factor] == [0.5, 0.75, 1.0]
    assert float(solved.factor_at(4, 2, 0.98)) <= 1.0


@pytest.mark.slow
def test_a_fixed_policy_goes_on_at_its_target_while_trading_days_are_missing():
    """Days that are needed pass only with a trade."""
    few = trial(goal_return=0.01, rules=ChallengeRules("static", 0.5))
    many = trial(
        goal_return=0.01, rules=ChallengeRules("static", 0.5, min_trading_days=3)
    )
    ladders = [
        next(row for row in measure_odds(one)[0] if row.name == "ladder")
        for one in (few, many)
    ]
    assert 0.3 < ladders[1].probability < ladders[0].probability


@pytest.mark.parametrize(
    ("text", "outcomes", "wins"),
    [
        ("2R/-1R, edge 0.08", (-1, 2), 0.36),
        ("+1.5r / -1r, edge -0.1R", (-1, 1.5), 0.36),
        ("1/-1, edge 0", (-1, 1), 0.5),
    ],
)
def test_a_case_may_be_written_out(text, outcomes, wins):
    case = find_case(text)
    assert case.outcomes == outcomes
    assert case.probabilities[1] == pytest.approx(wins)


@pytest.mark.parametrize(
    "text", ["2R/1R, edge 0.1", "2R/-1R, edge 3", "0R/-1R, edge 0", "2R/-1R", "hope"]
)
def test_another_case_is_refused(text):
    with pytest.raises(InvalidInput):
        find_case(text)
