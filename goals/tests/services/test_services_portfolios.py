"""Portfolios, what freezes them, and cash flows."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from unittest.mock import patch
from zoneinfo import available_timezones

import pytest

from goals.models import CashFlow, FinancialGoal, LedgerDay, LedgerEntry, Portfolio
from goals.services.portfolios import (
    create_portfolio,
    record_cash_flow,
    update_portfolio,
)
from goals.tests.factories import START, GoalFactory, PortfolioFactory, UserFactory
from mastertrade.tests.schema import fetch
from mastertrade.values.exceptions import (
    IdempotencyConflict,
    InsufficientEquity,
    InvalidInput,
    PortfolioFrozen,
)
from trades.tests.factories import TradeFactory, book_profit

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def flow(portfolio, amount, now=NOW, **fields):
    return record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.portfolio_id,
        amount=Decimal(amount),
        now=now,
        **fields,
    )


def change(portfolio, **fields):
    return update_portfolio(
        portfolio_id=portfolio.pk, user=portfolio.user, now=NOW, **fields
    )


def fresh(row):
    return type(row).objects.get(pk=row.pk)


# Portfolios


def test_the_opening_balance_buys_units_at_one():
    portfolio = fresh(PortfolioFactory(opening_balance=Decimal(2500)))
    assert (portfolio.equity, portfolio.units, portfolio.unit_value) == (2500, 2500, 1)


def test_an_unused_portfolio_may_change_everything():
    portfolio = PortfolioFactory()
    change(
        portfolio,
        currency="EUR",
        time_zone="Asia/Tokyo",
        opening_balance=Decimal(50),
    )
    portfolio = fresh(portfolio)
    assert (
        portfolio.currency,
        portfolio.time_zone,
        portfolio.equity,
        portfolio.units,
    ) == ("EUR", "Asia/Tokyo", 50, 50)


USES = {
    "goal": lambda portfolio: GoalFactory(portfolio=portfolio),
    "open trade": lambda portfolio: TradeFactory(portfolio=portfolio),
    "closed trade": lambda portfolio: book_profit(portfolio, Decimal(1)),
    "cash flow": lambda portfolio: flow(portfolio, 5),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    "frozen",
    [
        {"currency": "EUR"},
        {"time_zone": "Asia/Tokyo"},
        {"opening_balance": Decimal(1)},
    ],
)
def test_currency_zone_and_opening_balance_are_frozen_by(use, frozen):
    portfolio = PortfolioFactory()
    USES[use](portfolio)
    with pytest.raises(PortfolioFrozen, match=next(iter(frozen))):
        change(portfolio, **frozen)


def test_a_frozen_field_may_be_sent_as_it_is():
    portfolio = PortfolioFactory()
    GoalFactory(portfolio=portfolio)
    change(portfolio, currency="USDT", opening_balance=Decimal("1000.00"))
    assert fresh(portfolio).equity == 1000


def test_settings_of_a_used_portfolio_may_change():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(100))
    change(portfolio, name="renamed", max_position_pct=Decimal(25))
    portfolio = fresh(portfolio)
    assert (portfolio.name, portfolio.max_position_pct, portfolio.equity) == (
        "renamed",
        25,
        1100,
    )


def test_the_portfolio_main_keeps_its_name():
    main = UserFactory().portfolios.get()
    with pytest.raises(InvalidInput, match="cannot be renamed"):
        change(main, name="other")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("opening_balance", 1000.0),
        ("opening_balance", Decimal("-0.00000001")),
        ("opening_balance", Decimal("1e16")),
        ("opening_balance", Decimal("0.000000001")),
        ("soft_drawdown_pct", 5.0),
        ("soft_drawdown_pct", Decimal(0)),
        ("soft_drawdown_pct", Decimal("20.000001")),
        ("soft_drawdown_pct", None),
        ("hard_drawdown_pct", Decimal("100.000001")),
        ("daily_loss_limit_pct", 2.5),
        ("daily_loss_limit_pct", Decimal(0)),
        ("max_position_pct", 25.0),
        ("max_position_pct", Decimal(0)),
        ("max_position_pct", Decimal("0.0000001")),
        ("max_position_pct", Decimal("1e8")),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "localtime"),
        ("time_zone", ""),
        ("name", "12"),
        ("equity", Decimal(5)),
        ("trading_state", "halted"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(field, value):
    with pytest.raises(InvalidInput) as refused:
        PortfolioFactory(**{field: value})
    assert refused.value.field == field


def test_the_same_name_twice_is_refused():
    portfolio = PortfolioFactory()
    with pytest.raises(InvalidInput, match="already have"):
        create_portfolio(user=portfolio.user, name=portfolio.name, now=NOW)


def test_two_users_may_use_the_same_name():
    portfolio = PortfolioFactory(name="growth")
    assert PortfolioFactory(name="growth").pk != portfolio.pk


def test_the_database_knows_every_time_zone_that_is_accepted():
    """Snapshots ask the database for the local date: one unknown would stop all."""
    known = {name for (name,) in fetch("SELECT name FROM pg_timezone_names")}
    unknown = available_timezones() - known
    for zone in unknown:
        with pytest.raises(InvalidInput):
            PortfolioFactory(time_zone=zone)


@pytest.mark.parametrize("reference", [0, "0", "none", 10**30, "²"])
def test_a_portfolio_that_is_not_there_is_refused_as_a_reference(reference):
    with pytest.raises(InvalidInput) as refused:
        record_cash_flow(
            user=UserFactory(), portfolio=reference, amount=Decimal(1), now=NOW
        )
    assert refused.value.field == "portfolio"


def test_the_portfolio_of_another_user_does_not_exist_for_you():
    with pytest.raises(InvalidInput) as refused:
        record_cash_flow(
            user=UserFactory(),
            portfolio=PortfolioFactory().pk,
            amount=Decimal(1),
            now=NOW,
        )
    assert refused.value.field == "portfolio"


def test_a_portfolio_left_out_is_main():
    user = UserFactory()
    booked, _ = record_cash_flow(user=user, amount=Decimal(5), now=NOW)
    assert booked.portfolio == user.portfolios.get(name="main")


# Cash flows


def test_a_deposit_buys_units_and_leaves_the_unit_value():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(250))
    flow(portfolio, 125)
    portfolio = fresh(portfolio)
    assert (portfolio.equity, portfolio.units, portfolio.unit_value) == (
        1375,
        1100,
        Decimal("1.25"),
    )


def test_a_cash_flow_leaves_one_ledger_entry():
    booked, is_new = flow(PortfolioFactory(), "-250.5")
    entry = LedgerEntry.objects.get(cash_flow=booked)
    assert is_new
    assert (entry.amount, entry.kind, entry.effective_at) == (
        Decimal("-250.5"),
        "cash_flow",
        NOW,
    )


def test_a_withdrawal_of_everything_is_no_ruin():
    portfolio = PortfolioFactory()
    flow(portfolio, -1000)
    portfolio = fresh(portfolio)
    assert (portfolio.units, portfolio.unit_value) == (0, 1)


def test_a_withdrawal_above_the_equity_changes_nothing():
    portfolio = PortfolioFactory()
    with pytest.raises(InsufficientEquity):
        flow(portfolio, "-1000.00000001")
    assert fresh(portfolio).equity == 1000
    assert not CashFlow.objects.exists()


@pytest.mark.parametrize(
    "amount", [1.5, 5, Decimal(0), Decimal("0.000000001"), Decimal("NaN")]
)
def test_an_amount_that_is_no_exact_figure_is_refused(amount):
    portfolio = PortfolioFactory()
    with pytest.raises(InvalidInput) as refused:
        record_cash_flow(
            user=portfolio.user, portfolio=portfolio.pk, amount=amount, now=NOW
        )
    assert refused.value.field == "amount"


@pytest.mark.parametrize(
    "at", [NOW + timedelta(microseconds=1), NOW.replace(tzinfo=None)]
)
def test_a_time_in_the_future_or_without_a_zone_is_refused(at):
    with pytest.raises(InvalidInput) as refused:
        flow(PortfolioFactory(), 5, at=at)
    assert refused.value.field == "at"


def test_a_flow_at_exactly_the_newest_entry_is_booked_after_it():
    portfolio = PortfolioFactory()
    flow(portfolio, 5, at=NOW)
    flow(portfolio, 7, at=NOW)
    entries = LedgerEntry.objects.order_by("effective_at", "entry_id")
    assert [entry.amount for entry in entries] == [5, 7]
    assert fresh(portfolio).equity == 1012


def test_a_flow_without_a_time_is_never_late():
    portfolio = PortfolioFactory()
    flow(portfolio, 5, at=NOW)
    booked, _ = flow(portfolio, 5, now=NOW - timedelta(seconds=1))
    assert booked.flowed_at == NOW


def test_the_same_external_id_with_the_same_figures_is_the_same_flow():
    portfolio = PortfolioFactory()
    first, _ = flow(portfolio, 5, external_id="a")
    again, is_new = flow(portfolio, "5.00", external_id="a", now=NOW + timedelta(1))
    assert (again.pk, is_new, fresh(portfolio).equity) == (first.pk, False, 1005)


@pytest.mark.parametrize("other", [{"amount": 6}, {"amount": 5, "at": NOW}])
def test_the_same_external_id_with_other_figures_is_a_conflict(other):
    portfolio = PortfolioFactory()
    flow(portfolio, 5, external_id="a")
    with pytest.raises(IdempotencyConflict):
        flow(portfolio, external_id="a", **other)
    assert fresh(portfolio).equity == 1005


def test_an_external_id_belongs_to_its_portfolio():
    first = PortfolioFactory()
    second = PortfolioFactory(user=first.user)
    one, _ = flow(first, 5, external_id="a")
    other, is_new = flow(second, 6, external_id="a")
    assert is_new
    assert one.pk != other.pk


def test_a_failure_in_the_middle_books_nothing():
    goal = GoalFactory(goal_type="portfolio_value", target_value=Decimal(2000))
    with (
        patch("goals.services.ledger.write_figures", side_effect=RuntimeError),
        pytest.raises(RuntimeError),
    ):
        flow(goal.portfolio, 500)
    assert fresh(goal.portfolio).equity == 1000
    assert not CashFlow.objects.exists()
    assert not LedgerEntry.objects.exists()


# Goals


@pytest.mark.parametrize("kind", ["monthly_return", "monthly_income"])
@pytest.mark.parametrize("amount", ["500", "-500"])
def test_returns_and_incomes_are_not_moved_by_cash_flows(kind, amount):
    goal = GoalFactory(goal_type=kind, target_value=Decimal(50))
    book_profit(goal.portfolio, Decimal(20))
    before = fresh(goal).progress
    flow(goal.portfolio, amount)
    assert fresh(goal).progress == before


def test_a_portfolio_value_is_moved_by_cash_flows():
    goal = GoalFactory(goal_type="portfolio_value", target_value=Decimal(2000))
    flow(goal.portfolio, 250)
    goal = fresh(goal)
    assert (goal.current_value, goal.progress_pct) == (1250, 25)


def test_a_portfolio_value_can_be_reached_by_a_deposit():
    goal = GoalFactory(goal_type="portfolio_value", target_value=Decimal(2000))
    flow(goal.portfolio, 1000)
    goal = fresh(goal)
    assert (goal.status, goal.achieved_at) == ("achieved", NOW)


def test_only_the_goals_that_a_flow_moved_get_a_history_row():
    portfolio = PortfolioFactory()
    value = GoalFactory(
        portfolio=portfolio,
        goal_type="portfolio_value",
        target_value=Decimal(2000),
        start_date=None,
    )
    earned = GoalFactory(portfolio=portfolio)
    flow(portfolio, 250)
    kinds = [
        list(goal.history.values_list("kind", flat=True)) for goal in (value, earned)
    ]
    assert kinds == [["start", "cash_flow"], ["start"]]


def test_a_deposit_before_its_start_leaves_a_return_goal_at_zero():
    goal = GoalFactory(start_date=date(2026, 4, 1))
    book_profit(goal.portfolio, Decimal(100))
    flow(goal.portfolio, 500)
    book_profit(goal.portfolio, Decimal(32), at=datetime(2026, 4, 2, tzinfo=UTC))
    # 32 of 1600, whatever happened before April.
    assert fresh(goal).current_value == 2


# Ruin


def test_after_ruin_a_deposit_starts_a_new_run_and_returns_stay_at_minus_100():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(-1200))
    flow(goal.portfolio, 700)
    book_profit(goal.portfolio, Decimal(50), at=NOW)
    portfolio, goal = fresh(goal.portfolio), fresh(goal)
    assert (portfolio.unit_run, portfolio.units, portfolio.unit_value) == (
        2,
        500,
        Decimal("1.1"),
    )
    assert (goal.current_value, goal.status) == (-100, "active")


def test_the_next_periods_return_is_measured_from_the_new_run():
    goal = GoalFactory(start_date=date(2026, 4, 1))
    book_profit(goal.portfolio, Decimal(-1000))
    flow(goal.portfolio, 500)
    book_profit(goal.portfolio, Decimal(10), at=datetime(2026, 4, 2, tzinfo=UTC))
    assert fresh(goal).current_value == 2


@pytest.mark.parametrize("starts_at", [time(0), time(12)])
def test_equity_and_cache_follow_the_ledger_through_everything(starts_at):
    portfolio = PortfolioFactory(opening_balance=Decimal(0), day_starts_at=starts_at)
    flow(portfolio, 400, now=START)
    book_profit(portfolio, Decimal("-33.33333333"))
    flow(portfolio, "-66.66666667", now=NOW)
    book_profit(portfolio, Decimal("120.5"), at=NOW)
    portfolio = Portfolio.objects.get(pk=portfolio.pk)
    newest = LedgerDay.objects.order_by("day", "part").last()
    assert portfolio.equity == Decimal("420.5")
    assert (
        newest.equity,
        newest.units,
        newest.unit_value,
        newest.realized_pnl,
        newest.peak_unit_value,
        newest.last_entry_at,
    ) == (
        portfolio.equity,
        portfolio.units,
        portfolio.unit_value,
        portfolio.realized_pnl,
        portfolio.peak_unit_value,
        portfolio.last_entry_at,
    )


def test_a_goal_of_another_portfolio_is_not_moved():
    goal = GoalFactory(goal_type="portfolio_value", target_value=Decimal(2000))
    flow(PortfolioFactory(user=goal.user), 500)
    assert FinancialGoal.objects.get().current_value == 1000


def test_a_hard_limit_below_the_soft_one_says_to_give_the_soft_one_too() -> None:
    with pytest.raises(InvalidInput, match="give soft_drawdown_pct too, at most 5"):
        PortfolioFactory(hard_drawdown_pct=Decimal(5))
