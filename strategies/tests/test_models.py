"""What the database itself refuses of strategies and choices."""

import pytest

from goals.tests.factories import START, GoalFactory
from mastertrade.tests.schema import constraint_that_refuses, constraints_of, execute
from strategies.models import StrategySelectionLog
from strategies.tests.factories import StrategyFactory

pytestmark = [pytest.mark.django_db, pytest.mark.tables]

TABLES = ("strategy_instances", "strategy_selection_log")
REFUSED = [
    ("strategy_instances_strategy_id_not_empty", "strategy_instances", "strategy_id"),
    ("strategy_instances_name_not_empty", "strategy_instances", "strategy_name"),
    (
        "strategy_instances_strategy_type_word",
        "strategy_instances",
        "strategy_type",
    ),
    ("strategy_instances_kind", "strategy_instances", "kind"),
    ("strategy_instances_risk_profile", "strategy_instances", "risk_profile"),
    ("strategy_instances_status", "strategy_instances", "status"),
    ("strategy_instances_user_fk", "strategy_instances", "user_id"),
    ("strategy_selection_log_stance", "strategy_selection_log", "stance"),
]
UNIQUE = "strategy_instances_strategy_id_unique"
GOAL = "strategy_selection_log_goal_fk"


def choose(goal):
    return StrategySelectionLog.objects.create(
        goal=goal,
        strategy_id="a",
        stance="balanced",
        progress_pct=0,
        reason="fits",
        ranking=[],
        as_of=START,
        created_at=START,
    )


@pytest.mark.parametrize(("name", "table", "column"), REFUSED)
def test_the_database_refuses_an_empty(name, table, column):
    goal = GoalFactory()
    StrategyFactory(user=goal.user)
    choose(goal)
    assert constraint_that_refuses(f"UPDATE {table} SET {column} = ''") == name


@pytest.mark.parametrize("word", ["Momentum", "mean-reversion", "1st", "a b", "_x"])
def test_a_strategy_type_is_one_small_word(word):
    StrategyFactory()
    statement = "UPDATE strategy_instances SET strategy_type = %s"
    refused_by = constraint_that_refuses(statement, word)
    assert refused_by == "strategy_instances_strategy_type_word"


def test_a_strategy_id_is_unique_per_user():
    first = StrategyFactory()
    StrategyFactory(user=first.user)
    statement = "UPDATE strategy_instances SET strategy_id = %s"
    assert constraint_that_refuses(statement, first.strategy_id) == UNIQUE


def test_two_users_may_have_the_same_strategy_id():
    first = StrategyFactory()
    assert StrategyFactory(strategy_id=first.strategy_id).pk != first.pk


def test_a_choice_belongs_to_a_goal():
    choose(GoalFactory())
    statement = "UPDATE strategy_selection_log SET goal_id = 0"
    assert constraint_that_refuses(statement) == GOAL


def test_deleting_a_goal_takes_its_choices_with_it():
    goal = GoalFactory()
    choose(goal)
    execute("DELETE FROM financial_goals WHERE goal_id = %s", goal.pk)
    assert not StrategySelectionLog.objects.exists()


def test_every_constraint_of_the_tables_is_proven():
    proven = {name for name, *_ in REFUSED} | {UNIQUE, GOAL}
    assert constraints_of(TABLES) == proven
