"""Limits of before are floors that stand where they stood, and go back again."""

from collections.abc import Iterator
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.enums import DrawdownMode, FloorIn, PortfolioKind
from goals.models import LedgerDay, LimitChange, Portfolio
from goals.services.portfolios import record_cash_flow, update_portfolio
from goals.services.resuming import resume_trading
from goals.tests.factories import START, GoalFactory, PortfolioFactory
from mastertrade.tests.schema import execute, fetch, migrate
from trades.tests.factories import book_profit
from trades.tests.models.test_upgrade import RELEASED

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def go_back() -> None:
    migrate(("trades", "0018"), ("goals", "0014"))


@pytest.fixture(autouse=True)
def ahead() -> Iterator[None]:
    """The database as it is, afterwards too."""
    yield
    migrate()


def book(portfolio: Portfolio, hours: int, *profits: int) -> None:
    for number, profit in enumerate(profits):
        at = START + (hours + number) * HOUR
        book_profit(portfolio, Decimal(profit), at=at, override=True)


def resume(portfolio: Portfolio, hours: int) -> None:
    now = START + hours * HOUR
    resume_trading(user=portfolio.user, portfolio_id=portfolio.pk, now=now)


def floor_of(portfolio: Portfolio) -> list[Any]:
    fresh = Portfolio.objects.get(pk=portfolio.pk)
    assert fresh.limits.drawdown_mode == "trailing_closed"
    return [fresh.floor_set_at, fresh.floor_start_value, fresh.floor_peak_value]


@pytest.mark.migrations
def test_todays_limit_is_carried_over_as_a_floor_below_the_same_peak():
    plain = PortfolioFactory()
    book(plain, 1, 100, -50)
    resumed = PortfolioFactory(hard_drawdown_pct=Decimal(15))
    book(resumed, 1, 100, -200)
    record_cash_flow(
        user=resumed.user,
        portfolio=resumed.pk,
        amount=Decimal(900),
        now=START + 5 * HOUR,
    )
    resume(resumed, 4)
    # The highest is inside the day of the resume, and behind it it fell.
    book(resumed, 6, 90, -60)
    book(resumed, 50, -20)
    silent = PortfolioFactory(kind=PortfolioKind.SIMULATION)
    book(silent, 1, -300)
    resume(silent, 4)
    ruined = PortfolioFactory()
    book(ruined, 1, -250)
    resume(ruined, 4)
    book(ruined, 5, -750)
    record_cash_flow(
        user=ruined.user,
        portfolio=ruined.pk,
        amount=Decimal(500),
        now=START + 9 * HOUR,
    )

    go_back()
    migrate()

    assert floor_of(plain) == [None, 1, Decimal("1.1")]
    # A resume takes effect behind every entry: the deposit of 5 hours.
    assert floor_of(resumed) == [START + 5 * HOUR, Decimal("0.9"), Decimal("0.945")]
    assert floor_of(silent) == [START + 4 * HOUR, Decimal("0.7"), Decimal("0.7")]
    assert floor_of(ruined) == [None, 1, 1]
    assert not LimitChange.objects.filter(portfolio=plain).exists()
    opening, change = LimitChange.objects.filter(portfolio=resumed).order_by("pk")
    assert (opening.cause, opening.start_value, opening.unit_run) == ("opening", 1, 1)
    assert opening.settings["hard_drawdown_pct"] == "15.000000"
    assert (change.cause, change.start_value, change.changed_by) == (
        "resume",
        Decimal("0.9"),
        resumed.user_id,
    )


@pytest.mark.migrations
def test_what_the_tables_of_before_have_no_word_for_goes_back_too():
    portfolio = PortfolioFactory(day_starts_at=time(2, 30))
    goal = GoalFactory(portfolio=portfolio)
    book(portfolio, 1, 40, -20, 10)
    parts = LedgerDay.objects.filter(portfolio=portfolio).order_by("part")
    assert [(row.part, row.entries) for row in parts] == [(0, 2), (1, 1)]
    execute("UPDATE financial_goals SET status = 'failed', failed_at = now()")
    execute(
        """
        INSERT INTO trading_halts (portfolio_id, cause, halted_at, halted_until,
            halted_by, reason, figures, resumed_by, resume_reason)
        VALUES (%s, 'profit_lock', now(), 'infinity', '', 'enough', '{}', '', '')
        """,
        portfolio.pk,
    )

    go_back()

    days = fetch("SELECT day, entries, equity, high_equity FROM ledger_days")
    assert days == [(START.date(), 3, 1030, 1040)]
    assert fetch("SELECT count(*) FROM trading_halts") == [(0,)]
    assert fetch("SELECT goal_id, status FROM financial_goals") == [(goal.pk, "active")]


def state_of_limits() -> list[Any]:
    """Everything that limits are judged by, as the tables have it."""
    portfolios = fetch(
        "SELECT portfolio_id, floor_set_at, floor_start_value, floor_peak_value, "
        "floor_locked, limits_changed_at FROM portfolios ORDER BY portfolio_id"
    )
    changes = fetch("SELECT to_jsonb(c) FROM limit_changes c ORDER BY limit_change_id")
    days = fetch("SELECT to_jsonb(d) FROM ledger_days d ORDER BY portfolio_id, day")
    marks = fetch(
        "SELECT portfolio_id, role, at, open_pnl FROM limit_marks "
        "WHERE role = 'reference' ORDER BY portfolio_id, at"
    )
    return [portfolios, changes, days, marks]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(RELEASED, marks=pytest.mark.slow, id="released"),
        *(
            pytest.param([(app, name)], marks=pytest.mark.migrations, id=name)
            for app, name in (("trades", "0020"), ("trades", "0019"), ("goals", "0015"))
        ),
    ],
)
def test_a_step_goes_back_and_on_again_and_leaves_the_limits_as_they_are(step):
    for mode in DrawdownMode:
        for floor_in in FloorIn:
            limits = {"drawdown_mode": mode, "floor_in": floor_in}
            book(PortfolioFactory(**limits), 1, 100, -50)
            portfolio = PortfolioFactory()
            book(portfolio, 1, 100, -300)
            resume(portfolio, 4)
            book(portfolio, 5, 20, -10)
            update_portfolio(
                user=portfolio.user,
                portfolio_id=portfolio.pk,
                now=START + 8 * HOUR,
                **limits,
            )
            book(portfolio, 9, 30, -10)
    execute("UPDATE limit_marks SET open_pnl = limit_mark_id WHERE role = 'reference'")
    before = state_of_limits()
    migrate(*step)
    migrate()
    assert state_of_limits() == before


@pytest.mark.slow
def test_the_best_day_of_earlier_days_is_measured_for_goals_there_are():
    portfolio = PortfolioFactory(time_zone="America/New_York")
    Portfolio.objects.filter(pk=portfolio.pk).update(day_starts_at=time(17))
    portfolio.refresh_from_db()
    for kind, target in (("monthly_return", 70), ("monthly_income", 700)):
        GoalFactory(
            portfolio=portfolio,
            goal_type=kind,
            target_value=Decimal(target),
            best_day_max_pct=Decimal(40),
        )
    for hours, profit in ((0, 7), (2, 30), (24, 11), (30, -5), (48, 80)):
        book(portfolio, 30 + hours, profit)
    asked = "SELECT earlier_best_day, best_day FROM financial_goals ORDER BY goal_id"
    measured = fetch(asked)
    assert all(0 < earlier < best for earlier, best in measured)
    migrate(("goals", "0019_marks_of_limits"))
    migrate()
    assert fetch(asked) == measured


@pytest.mark.slow
def test_a_live_high_of_before_has_two_marks_and_goes_back_to_the_lower():
    portfolio = PortfolioFactory(drawdown_mode=DrawdownMode.TRAILING)
    execute(
        """
        INSERT INTO limit_marks (portfolio_id, role, at, open_pnl, by_trade, first_at,
            first_open_pnl, first_by_trade)
        SELECT %s, 'high', at, made, '{}', at - interval '7 seconds', 30, '{}'
        FROM (VALUES (%s::timestamptz, 20), (%s::timestamptz, 40)) AS h(at, made)
        """,
        portfolio.pk,
        START,
        START + HOUR,
    )
    migrate(("goals", "0024_held_losses"))
    lower = fetch("SELECT at, open_pnl FROM limit_marks ORDER BY at")
    assert lower == [(START, 20), (START + HOUR - timedelta(seconds=7), 30)]
    migrate()
    marks = fetch(
        "SELECT at, open_pnl, at - first_at, first_open_pnl FROM limit_marks "
        "ORDER BY at"
    )
    gap = timedelta(seconds=5)
    assert marks == [(at, made, gap, made) for at, made in lower]
