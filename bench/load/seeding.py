"""Users, portfolios and trades in bulk: one by the services, the others its copies."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.utils import timezone

from bench.people import (
    EVEN_TRADES,
    POSITIONS,
    POSITIONS_OF,
    Trader,
    fill,
    make_trader,
    vacuum,
)
from goals.models import ApiToken, FinancialGoal, User
from trades.sizing_calls.catch_up import catch_up

TEMPLATE = "load"
# Of each portfolio that is one of many: enough for a record that allows an estimate.
TRADES_EACH = 30
TABLES = ("portfolios", "financial_goals", "trades", "positions", "ledger_days")
COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
  AND attname <> ALL(%s) ORDER BY attnum
"""
COPY = """
INSERT INTO {table} ({columns})
SELECT {values}
FROM generate_series(%(first)s, %(last)s) n CROSS JOIN {table} t {joined}
WHERE t.{owner} = %(template)s
"""
NAME = "%(template)s || '-' || n"
# The portfolio of the copied user that has the name of the template's.
OF_PORTFOLIO = f"""
JOIN portfolios o ON o.portfolio_id = t.portfolio_id
JOIN portfolios c ON c.user_id = {NAME} AND c.name = o.name
"""
ITS = {"user_id": NAME, "portfolio_id": "c.portfolio_id"}
COPIED_POSITIONS = POSITIONS_OF.format(
    chosen="user_id IN (SELECT %(template)s || '-' || n "
    "FROM generate_series(%(first)s, %(last)s) n)"
)


@dataclass(frozen=True, slots=True)
class Account:
    """What a bot asks with, and about."""

    token: str
    portfolio_id: int
    goal_id: int


def make_template() -> Trader:
    """A user with a portfolio of `TRADES_EACH` trades, which others are copies of."""
    return make_account(TEMPLATE, TRADES_EACH)


def make_account(name: str, trades: int) -> Trader:
    """A user of one portfolio with so many trades, one a second until now.

    Its records are up to them, as after a daily run.
    """
    until = timezone.now()
    trader = make_trader(name, since=until - timedelta(seconds=trades + 86_400))
    fill(trader, EVEN_TRADES, POSITIONS, trades=trades, until=until)
    catch_up(trader.portfolio.portfolio_id, until)
    vacuum(*TABLES, "growth_records")
    return trader


@transaction.atomic
def copy_template(first: int, last: int) -> None:
    """Users `load-FIRST` to `load-LAST`, each with what the template has."""
    numbers: dict[str, str | int] = {"template": TEMPLATE, "first": first, "last": last}
    name = {"username": NAME, "is_staff": "false", "is_superuser": "false"}
    _copy("users", numbers, name, leave=("id",), owner="username")
    _copy("portfolios", numbers, {"user_id": NAME}, leave=("portfolio_id",))
    _copy("strategy_instances", numbers, {"user_id": NAME}, leave=("id",))
    _copy("financial_goals", numbers, ITS, leave=("goal_id",), joined=OF_PORTFOLIO)
    leave = ("trade_id", "ledger_key")
    _copy("trades", numbers, ITS, leave=leave, joined=OF_PORTFOLIO)
    with connection.cursor() as cursor:
        cursor.execute(COPIED_POSITIONS, numbers)


def _copy(
    table: str,
    numbers: Mapping[str, str | int],
    changed: Mapping[str, str],
    *,
    leave: tuple[str, ...],
    joined: str = "",
    owner: str = "user_id",
) -> None:
    """Its rows once for each number; what is in `leave` gets its default."""
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [table, list(leave)])
        names = [name for (name,) in cursor.fetchall()]
        statement = COPY.format(
            table=table,
            columns=", ".join(names),
            values=", ".join(changed.get(name, f"t.{name}") for name in names),
            joined=joined,
            owner=owner,
        )
        cursor.execute(statement, numbers)


def account_of(username: str) -> Account:
    user = User.objects.get(username=username)
    _, token = ApiToken.objects.create(user=user)
    goal = FinancialGoal.objects.filter(user_id=username).earliest("goal_id")
    return Account(token, goal.portfolio_id, goal.goal_id)


def cookie_of(username: str) -> str:
    """A browser in which an operator of that name is signed in."""
    user = User.objects.get(username=username)
    user.is_staff = user.is_superuser = True
    user.save(update_fields=["is_staff", "is_superuser"])
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
