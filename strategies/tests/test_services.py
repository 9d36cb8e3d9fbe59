"""Creating, changing and loading strategies."""

from datetime import timedelta
from decimal import Decimal

import pytest

from goals.enums import ProgressBand
from goals.services.portfolios import find_portfolio
from goals.tests.factories import START, GoalFactory, UserFactory
from mastertrade.values.exceptions import InvalidInput, NoActiveStrategy
from strategies.decisions.selection import Candidate, select_strategy
from strategies.enums import RiskProfile
from strategies.models import StrategyInstance, StrategySelectionLog
from strategies.services import (
    create_strategy,
    load_candidates,
    log_selection,
    update_strategy,
)
from strategies.tests.factories import StrategyFactory

pytestmark = pytest.mark.django_db
LATER = START + timedelta(hours=1)


def test_a_strategy_is_named_by_its_id_unless_it_has_a_name():
    assert StrategyFactory(strategy_id="mine").strategy_name == "mine"


def test_a_strategy_keeps_what_it_was_made_with():
    strategy = StrategyFactory(
        strategy_name="Fast", risk_profile="aggressive", parameters={"window": 14}
    )
    strategy.refresh_from_db()
    assert (strategy.strategy_name, strategy.risk_profile, strategy.parameters) == (
        "Fast",
        "aggressive",
        {"window": 14},
    )


def test_a_second_strategy_of_that_id_is_refused():
    first = StrategyFactory()
    with pytest.raises(InvalidInput, match="already have") as refused:
        create_strategy(
            user=first.user,
            strategy_id=first.strategy_id,
            strategy_type="breakout",
            now=START,
        )
    assert refused.value.field == "strategy_id"


def test_what_is_no_property_of_a_strategy_is_refused():
    with pytest.raises(InvalidInput, match="colour"):
        StrategyFactory(colour="red")


def test_a_change_is_saved_with_its_time():
    strategy = StrategyFactory()
    update_strategy(
        user=strategy.user, strategy_id=strategy.strategy_id, now=LATER, status="paused"
    )
    strategy.refresh_from_db()
    assert (strategy.status, strategy.updated_at) == ("paused", LATER)


def test_the_strategy_of_another_user_does_not_exist_for_you():
    strategy = StrategyFactory()
    with pytest.raises(InvalidInput) as refused:
        update_strategy(
            user=UserFactory(),
            strategy_id=strategy.strategy_id,
            now=LATER,
            status="paused",
        )
    assert refused.value.field == "strategy_id"


def test_only_active_strategies_of_the_user_compete():
    user = UserFactory()
    StrategyFactory(user=user, strategy_id="b", strategy_type="breakout")
    StrategyFactory(user=user, strategy_id="a", risk_profile="aggressive")
    StrategyFactory(user=user, strategy_id="c", status="paused")
    StrategyFactory(user=user, strategy_id="d", status="retired")
    StrategyFactory(strategy_id="e")
    assert load_candidates(find_portfolio(user)) == (
        Candidate("a", "momentum", RiskProfile.AGGRESSIVE),
        Candidate("b", "breakout", RiskProfile.MODERATE),
    )


def test_named_candidates_are_the_only_ones():
    user = UserFactory()
    for strategy_id in "abc":
        StrategyFactory(user=user, strategy_id=strategy_id)
    loaded = load_candidates(find_portfolio(user), only=["c", "a"])
    assert [candidate.strategy_id for candidate in loaded] == ["a", "c"]


def test_an_unknown_candidate_is_refused_by_name():
    user = StrategyFactory(strategy_id="a").user
    StrategyFactory(strategy_id="theirs")
    with pytest.raises(InvalidInput, match="no strategies nope, theirs"):
        load_candidates(find_portfolio(user), only=["a", "theirs", "nope"])


def test_a_named_strategy_that_is_paused_does_not_compete():
    user = StrategyFactory(strategy_id="a", status="paused").user
    StrategyFactory(user=user, strategy_id="b")
    loaded = load_candidates(find_portfolio(user), only=["a", "b"])
    assert [candidate.strategy_id for candidate in loaded] == ["b"]


def test_without_any_strategy_there_is_a_clear_error():
    with pytest.raises(NoActiveStrategy, match="create one first"):
        load_candidates(find_portfolio(UserFactory()))


def test_without_an_active_strategy_there_is_a_clear_error():
    user = StrategyFactory(status="paused").user
    with pytest.raises(NoActiveStrategy, match="None of these"):
        load_candidates(find_portfolio(user))


def test_a_choice_is_logged_with_its_whole_ranking():
    goal = GoalFactory()
    for strategy_id in "ab":
        StrategyFactory(user=goal.user, strategy_id=strategy_id)
    selection = select_strategy(ProgressBand.BEHIND, load_candidates(goal.portfolio))
    log_selection(
        goal_id=goal.pk,
        selection=selection,
        progress_pct=Decimal("12.5"),
        as_of=START,
        now=LATER,
    )
    row = StrategySelectionLog.objects.get()
    assert [(ranked["rank"], ranked["strategy_id"]) for ranked in row.ranking] == [
        (1, "a"),
        (2, "b"),
    ]
    assert (row.strategy_id, row.progress_pct, row.as_of, row.created_at) == (
        "a",
        Decimal("12.5"),
        START,
        LATER,
    )


def test_a_refused_strategy_leaves_nothing_behind():
    user = UserFactory()
    with pytest.raises(InvalidInput, match="risk_profile"):
        StrategyFactory(user=user, risk_profile="reckless")
    assert not StrategyInstance.objects.filter(user=user).exists()
