"""The trader of the integration tests, and what it leaves behind: nothing."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection

from goals.models import User
from tests.integration.traders import HttpTrader, ServiceTrader, Trader
from trades.tests.jobs.conftest import EMPTY

USERNAME = "test_user_goal_integration"
PASSWORD = "a-long-word-for-tests"

# As an operator would run it by hand, then what the operator would keep.
CLEAN_UP = """
DELETE FROM goal_adjustment_log WHERE goal_id IN
    (SELECT goal_id FROM financial_goals WHERE user_id LIKE 'test_user_%');
DELETE FROM goal_progress_history WHERE goal_id IN
    (SELECT goal_id FROM financial_goals WHERE user_id LIKE 'test_user_%');
DELETE FROM financial_goals WHERE user_id LIKE 'test_user_%';
DELETE FROM trades WHERE user_id LIKE 'test_user_%';
DELETE FROM strategy_instances WHERE strategy_id LIKE 'test_goal_strategy_%';
"""
REST = """
DELETE FROM portfolios WHERE user_id LIKE 'test_user_%';
DELETE FROM knox_authtoken WHERE user_id IN
    (SELECT id FROM users WHERE username LIKE 'test_user_%');
DELETE FROM users WHERE username LIKE 'test_user_%';
DELETE FROM sign_in_counts;
"""


def clean_up() -> None:
    with connection.cursor() as cursor:
        cursor.execute(CLEAN_UP + REST)


def count_rows() -> dict[str, int]:
    """Rows of every table of ours that may hold a trader's rows."""
    tables = [
        table
        for table in connection.introspection.table_names()
        if not table.startswith(("django_", "auth_"))
    ]
    with connection.cursor() as cursor:
        counts = {}
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            counts[table] = cursor.fetchone()[0]
    return counts


@pytest.fixture
def clean_goal_data(transactional_db: None) -> Iterator[None]:
    """Nothing of the test traders before a test, and nothing after it."""
    clean_up()
    with connection.cursor() as cursor:  # unmanaged: other tests may leave jobs
        cursor.execute(EMPTY)
    yield
    call_command("reconcile")  # fails if a figure is not what the ledger says
    clean_up()
    left = {table: count for table, count in count_rows().items() if count}
    assert left == {}


@pytest.fixture
def user(clean_goal_data: None) -> User:
    return User.objects.create_user(USERNAME, password=PASSWORD)


@pytest.fixture(params=["services", "http"])
def trader(request: pytest.FixtureRequest, user: User) -> Trader:
    """The same trader, once through the services and once through HTTP."""
    if request.param == "services":
        return ServiceTrader(user)
    return HttpTrader(user, PASSWORD)
