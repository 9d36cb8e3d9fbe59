"""What the database itself refuses of users, portfolios, goals and their logs."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction

from goals.enums import MarkRole
from goals.models import (
    FinancialGoal,
    GoalAdjustmentLog,
    LimitMark,
    Portfolio,
    User,
)
from goals.services.goals import create_goal
from goals.services.portfolios import record_cash_flow, update_portfolio
from goals.services.resuming import halt_trading
from goals.services.voids import void_cash_flow
from goals.tests.factories import START, GoalFactory, PortfolioFactory, UserFactory
from mastertrade.tests.schema import constraint_that_refuses, constraints_of, execute

pytestmark = [pytest.mark.django_db, pytest.mark.tables]

TABLES = (
    "portfolios",
    "cash_flows",
    "ledger_days",
    "ledger_changes",
    "financial_goals",
    "goal_progress_history",
    "goal_adjustment_log",
    "trading_halts",
    "limit_changes",
    "limit_marks",
)
# Names as Django makes them; the rest of each is a hash.
CASH_FLOW_PORTFOLIO = "cash_flows_portfolio_id_bd13e76f_fk_portfolios_portfolio_id"
DAY_PORTFOLIO = "ledger_days_portfolio_fk"
LOG_PORTFOLIO = "goal_adjustment_log_portfolio_id_ca04f6de_fk_portfolio"

# (constraint, table, what an update sets); `{other}` is another user with a portfolio.
REFUSED = [
    ("portfolios_name_not_empty", "portfolios", "name = ''"),
    (
        "portfolios_successor_is_later",
        "portfolios",
        "successor_id = portfolio_id",
    ),
    (
        "portfolios_successor_is_later",
        "portfolios",
        "successor_id = portfolio_id - 1",
    ),
    ("portfolios_successor_fk", "portfolios", "successor_id = portfolio_id + 100000"),
    ("portfolios_currency", "portfolios", "currency = 'usd'"),
    ("portfolios_currency", "portfolios", "currency = 'X'"),
    ("portfolios_time_zone_not_empty", "portfolios", "time_zone = ''"),
    (
        "portfolios_opening_balance_not_negative",
        "portfolios",
        "opening_balance = -0.00000001",
    ),
    ("portfolios_units_not_negative", "portfolios", "units = -1"),
    ("portfolios_unit_value_not_negative", "portfolios", "unit_value = -1"),
    ("portfolios_peak_not_below", "portfolios", "unit_value = 1.000000000000000001"),
    ("portfolios_unit_run_check", "portfolios", "unit_run = -1"),
    ("portfolios_redeemed_value", "portfolios", "redeemed_value = 1"),
    ("portfolios_redeemed_value", "portfolios", "redeemed_value = 0, units = 0"),
    ("portfolios_unit_run_positive", "portfolios", "unit_run = 0"),
    ("portfolios_drawdown_range", "portfolios", "drawdown_pct = -0.000001"),
    ("portfolios_drawdown_range", "portfolios", "drawdown_pct = 100.000001"),
    ("portfolios_kind", "portfolios", "kind = 'paper'"),
    ("portfolios_live_never_finished", "portfolios", "finished_at = now()"),
    ("portfolios_trading_state", "portfolios", "trading_state = 'asleep'"),
    ("portfolios_edge_guard", "portfolios", "edge_guard = 'lax'"),
    ("portfolios_drawdown_limits", "portfolios", "soft_drawdown_pct = 0"),
    ("portfolios_drawdown_limits", "portfolios", "soft_drawdown_pct = 20.000001"),
    ("portfolios_drawdown_limits", "portfolios", "hard_drawdown_pct = 100.000001"),
    ("portfolios_daily_loss_limit_range", "portfolios", "daily_loss_limit_pct = 0"),
    ("portfolios_daily_loss_limit_range", "portfolios", "daily_loss_limit_pct = 101"),
    ("portfolios_max_position_positive", "portfolios", "max_position_pct = 0"),
    ("portfolios_drawdown_mode", "portfolios", "drawdown_mode = 'floating'"),
    ("portfolios_end_of_day_of", "portfolios", "end_of_day_of = 'open'"),
    ("portfolios_drawdown_of", "portfolios", "drawdown_of = 'equity'"),
    ("portfolios_drawdown_locks_at_range", "portfolios", "drawdown_locks_at = 0"),
    ("portfolios_floor_in", "portfolios", "floor_in = 'shares'"),
    ("portfolios_floor_values", "portfolios", "floor_start_value = -1"),
    ("portfolios_floor_values", "portfolios", "floor_peak_value = -1"),
    ("portfolios_daily_loss_of", "portfolios", "daily_loss_of = 'peak'"),
    ("portfolios_daily_loss_anchor", "portfolios", "daily_loss_anchor = 'lower'"),
    ("portfolios_profit_lock_positive", "portfolios", "daily_profit_lock_pct = 0"),
    ("portfolios_max_trades_range", "portfolios", "max_trades_per_day = 0"),
    ("portfolios_max_trades_range", "portfolios", "max_trades_per_day = 1000001"),
    ("portfolios_pause_after_range", "portfolios", "pause_after_losses = 1000001"),
    (
        "portfolios_pause_minutes_range",
        "portfolios",
        "pause_after_losses = 2, pause_minutes = 1000001",
    ),
    ("portfolios_day_starts_at_a_minute", "portfolios", "day_starts_at = '17:00:30'"),
    (
        "portfolios_day_starts_at_a_minute",
        "portfolios",
        "day_starts_at = '17:00:00.000001'",
    ),
    ("portfolios_pending_high_is_complete", "portfolios", "pending_high_pnl = 1"),
    ("portfolios_pending_high_is_complete", "portfolios", "pending_high_at = now()"),
    ("portfolios_floor_values", "portfolios", "floor_start_value = 2"),
    ("portfolios_max_trades_per_day_check", "portfolios", "max_trades_per_day = -1"),
    ("portfolios_pause_after_range", "portfolios", "pause_after_losses = 0"),
    ("portfolios_pause_after_losses_check", "portfolios", "pause_after_losses = -1"),
    (
        "portfolios_pause_minutes_range",
        "portfolios",
        "pause_after_losses = 2, pause_minutes = 0",
    ),
    ("portfolios_pause_minutes_range", "portfolios", "pause_minutes = 30"),
    ("portfolios_pause_minutes_check", "portfolios", "pause_minutes = -1"),
    ("portfolios_headroom_share_range", "portfolios", "headroom_share_pct = 0"),
    ("portfolios_headroom_share_range", "portfolios", "headroom_share_pct = 101"),
    ("portfolios_on_breach", "portfolios", "on_breach = 'warn'"),
    ("portfolios_daily_on_breach", "portfolios", "daily_on_breach = 'halt'"),
    ("cash_flows_amount_not_zero", "cash_flows", "amount = 0"),
    ("cash_flows_external_id_not_empty", "cash_flows", "external_id = ''"),
    (CASH_FLOW_PORTFOLIO, "cash_flows", "portfolio_id = 0"),
    ("cash_flows_void_has_reason", "cash_flows", "voided_at = flowed_at"),
    ("cash_flows_void_has_reason", "cash_flows", "void_reason = 'twice'"),
    ("ledger_days_entries_positive", "ledger_days", "entries = 0"),
    ("ledger_days_entries_check", "ledger_days", "entries = -1"),
    ("ledger_days_unit_run_check", "ledger_days", "unit_run = -1"),
    ("ledger_days_unit_run_positive", "ledger_days", "unit_run = 0"),
    ("ledger_days_part_range", "ledger_days", "part = 2"),
    ("ledger_days_part_check", "ledger_days", "part = -1"),
    ("ledger_days_units_not_negative", "ledger_days", "units = -1"),
    ("ledger_days_lows", "ledger_days", "low_unit_value = unit_value + 1"),
    (
        "ledger_days_unit_value_range",
        "ledger_days",
        "unit_value = -1, low_unit_value = -1",
    ),
    ("ledger_days_unit_value_range", "ledger_days", "peak_unit_value = 0.9"),
    ("ledger_days_highs", "ledger_days", "high_equity = equity - 1"),
    ("ledger_days_highs", "ledger_days", "high_unit_value = unit_value - 1"),
    ("ledger_days_highs", "ledger_days", "high_realized_pnl = realized_pnl - 1"),
    (DAY_PORTFOLIO, "ledger_days", "portfolio_id = 0"),
    ("ledger_changes_one_subject", "ledger_changes", "cash_flow_id = NULL"),
    ("ledger_changes_one_subject", "ledger_changes", "trade_id = 1"),
    ("ledger_changes_cash_flow_fk", "ledger_changes", "cash_flow_id = 0"),
    ("ledger_changes_portfolio_fk", "ledger_changes", "portfolio_id = 0"),
    (
        "ledger_changes_trade_fk",
        "ledger_changes",
        "cash_flow_id = NULL, trade_id = 0",
    ),
    ("financial_goals_goal_type", "financial_goals", "goal_type = 'hourly_return'"),
    ("financial_goals_status", "financial_goals", "status = 'done'"),
    ("financial_goals_policy", "financial_goals", "policy = 'martingale'"),
    ("financial_goals_after_achieved", "financial_goals", "after_achieved = 'party'"),
    ("financial_goals_target_above_start", "financial_goals", "target_value = 0"),
    ("financial_goals_start_value_zero", "financial_goals", "start_value = 1"),
    ("financial_goals_dates_in_order", "financial_goals", "target_date = '2026-02-28'"),
    (
        "financial_goals_period_in_order",
        "financial_goals",
        "period_ends_at = period_starts_at",
    ),
    ("financial_goals_deadline_pair", "financial_goals", "period_ends_at = NULL"),
    (
        "financial_goals_deadline_pair",
        "financial_goals",
        "goal_type = 'portfolio_value', target_date = NULL",
    ),
    (
        "financial_goals_deadline_set",
        "financial_goals",
        "target_date = NULL, period_ends_at = NULL",
    ),
    (
        "financial_goals_recurring_has_deadline",
        "financial_goals",
        "goal_type = 'portfolio_value', target_date = NULL, period_ends_at = NULL, "
        "recurring = true",
    ),
    ("financial_goals_achieved_at_set", "financial_goals", "status = 'achieved'"),
    ("financial_goals_failed_at_set", "financial_goals", "status = 'failed'"),
    (
        "financial_goals_min_trading_days_range",
        "financial_goals",
        "min_trading_days = 0",
    ),
    (
        "financial_goals_min_trading_days_range",
        "financial_goals",
        "min_trading_days = 367",
    ),
    ("financial_goals_failed_has_status", "financial_goals", "failed_at = now()"),
    (
        "financial_goals_failed_has_status",
        "financial_goals",
        "failed_at = now(), status = 'missed'",
    ),
    (
        "financial_goals_min_trading_days_check",
        "financial_goals",
        "min_trading_days = -1",
    ),
    ("financial_goals_trading_days_check", "financial_goals", "trading_days = -1"),
    ("financial_goals_trading_days_counted", "financial_goals", "trading_days = 1"),
    (
        "financial_goals_trading_days_counted",
        "financial_goals",
        "min_trading_days = 2, trading_days = 2",
    ),
    ("financial_goals_best_day_not_negative", "financial_goals", "best_day = -1"),
    ("financial_goals_earlier_best_day", "financial_goals", "earlier_best_day = -1"),
    ("financial_goals_earlier_best_day", "financial_goals", "earlier_best_day = 1"),
    ("financial_goals_best_day_range", "financial_goals", "best_day_max_pct = 0"),
    ("financial_goals_best_day_range", "financial_goals", "best_day_max_pct = 101"),
    ("financial_goals_priority_check", "financial_goals", "priority = -1"),
    ("financial_goals_priority_range", "financial_goals", "priority = 0"),
    ("financial_goals_priority_range", "financial_goals", "priority = 11"),
    ("financial_goals_factor_bounds", "financial_goals", "min_factor = 0.0999"),
    (
        "financial_goals_alerted_health",
        "financial_goals",
        "alerted_health = 'on_pace'",
    ),
    (
        "financial_goals_stop_penalty_range",
        "financial_goals",
        "stop_penalty = -0.0001",
    ),
    (
        "financial_goals_stop_penalty_range",
        "financial_goals",
        "stop_penalty = 100.0001",
    ),
    ("financial_goals_factor_bounds", "financial_goals", "max_factor = 2.0001"),
    ("financial_goals_factor_bounds", "financial_goals", "min_factor = 1.3001"),
    ("financial_goals_start_unit_run_check", "financial_goals", "start_unit_run = -1"),
    (
        "financial_goals_start_unit_run_positive",
        "financial_goals",
        "start_unit_run = 0",
    ),
    ("financial_goals_user_fk", "financial_goals", "user_id = 'nobody'"),
    ("financial_goals_portfolio_fk", "financial_goals", "user_id = '{other}'"),
    ("financial_goals_portfolio_fk", "financial_goals", "portfolio_id = 0"),
    ("financial_goals_previous_goal_fk", "financial_goals", "previous_goal_id = 0"),
    ("goal_progress_history_kind", "goal_progress_history", "kind = 'guess'"),
    ("goal_progress_history_goal_fk", "goal_progress_history", "goal_id = 0"),
    ("goal_adjustment_log_verdict", "goal_adjustment_log", "verdict = 'perhaps'"),
    ("goal_adjustment_log_band", "goal_adjustment_log", "band = 'lost'"),
    ("goal_adjustment_log_policy", "goal_adjustment_log", "policy = 'martingale'"),
    ("goal_adjustment_log_base_size_positive", "goal_adjustment_log", "base_size = 0"),
    (
        "goal_adjustment_log_factor_range",
        "goal_adjustment_log",
        "adjustment_factor = -0.0001",
    ),
    (
        "goal_adjustment_log_factor_range",
        "goal_adjustment_log",
        "adjustment_factor = 2.0001",
    ),
    ("goal_adjustment_log_block_is_zero", "goal_adjustment_log", "verdict = 'block'"),
    ("goal_adjustment_log_block_is_zero", "goal_adjustment_log", "adjusted_size = 0"),
    ("goal_adjustment_log_block_is_zero", "goal_adjustment_log", "adjusted_size = -1"),
    (
        "goal_adjustment_log_request_id_not_empty",
        "goal_adjustment_log",
        "request_id = ''",
    ),
    ("goal_adjustment_log_goal_fk", "goal_adjustment_log", "goal_id = 0"),
    (LOG_PORTFOLIO, "goal_adjustment_log", "portfolio_id = 0"),
]
REFUSED += [
    ("trading_halts_cause", "trading_halts", "cause = 'mood', halted_by = ''"),
    ("trading_halts_reason_not_empty", "trading_halts", "reason = ''"),
    ("trading_halts_day_has_an_end", "trading_halts", "halted_until = 'infinity'"),
    (
        "trading_halts_ends_after_it_began",
        "trading_halts",
        "cause = 'daily_loss', halted_by = '', halted_until = halted_at",
    ),
    ("trading_halts_person_is_named", "trading_halts", "halted_by = ''"),
    ("trading_halts_resumed_is_complete", "trading_halts", "resumed_by = 'ada'"),
    (
        "financial_goals_probability_range",
        "financial_goals",
        "probability = 2, projected_at = created_at",
    ),
    ("financial_goals_probability_dated", "financial_goals", "probability = 0.5"),
    (
        "financial_goals_probability_band",
        "financial_goals",
        "probability = 0.5, probability_low = 0.4, projected_at = created_at",
    ),
    ("trading_halts_portfolio_fk", "trading_halts", "portfolio_id = 0"),
    (
        "trading_halts_withdrawn_is_complete",
        "trading_halts",
        "withdrawn_at = halted_at",
    ),
    (
        "trading_halts_withdrawn_is_complete",
        "trading_halts",
        "withdrawn_reason = 'voided'",
    ),
    ("limit_changes_cause", "limit_changes", "cause = 'mood'"),
    ("limit_changes_opening_is_undated", "limit_changes", "effective_at = now()"),
    ("limit_changes_opening_is_undated", "limit_changes", "effective_at = NULL"),
    ("limit_changes_reference_is_complete", "limit_changes", "start_value = NULL"),
    ("limit_changes_reference_is_complete", "limit_changes", "peak_value = -1"),
    (
        "limit_changes_reference_is_complete",
        "limit_changes",
        "peak_value = start_value - 0.1",
    ),
    ("limit_changes_reference_is_complete", "limit_changes", "unit_run = 0"),
    (
        "limit_changes_one_opening",
        "limit_changes",
        "cause = 'opening', effective_at = NULL, start_value = 1, peak_value = 1, "
        "unit_run = 1",
    ),
    ("limit_changes_settings_are_an_object", "limit_changes", "settings = '[]'"),
    ("limit_marks_by_trade_is_an_object", "limit_marks", "by_trade = '[]'"),
    ("limit_changes_portfolio_fk", "limit_changes", "portfolio_id = 0"),
    ("limit_marks_first_is_complete", "limit_marks", "role = 'high'"),
    ("limit_marks_first_is_complete", "limit_marks", "first_at = at"),
    (
        "limit_marks_first_is_complete",
        "limit_marks",
        "role = 'high', first_at = at, first_open_pnl = 0, first_by_trade = '{}'",
    ),
    (
        "limit_marks_first_is_complete",
        "limit_marks",
        "role = 'high', first_at = at - interval '1 second', first_open_pnl = 0, "
        "first_by_trade = '[]'",
    ),
    ("limit_marks_role", "limit_marks", "role = 'guess'"),
    ("limit_marks_portfolio_fk", "limit_marks", "portfolio_id = 0"),
]
# Two rows that may not be equal in these columns.
UNIQUE = [
    ("portfolios_name_unique", "portfolios", "user_id, name"),
    ("cash_flows_external_id_unique", "cash_flows", "portfolio_id, external_id"),
    (
        "cash_flows_ledger_order",
        "cash_flows",
        "portfolio_id, flowed_at, ledger_key",
    ),
    ("ledger_days_unique", "ledger_days", "portfolio_id, day, part"),
    (
        "financial_goals_previous_goal_id_key",
        "financial_goals",
        "previous_goal_id",
    ),
    ("limit_marks_one_day_start", "limit_marks", "portfolio_id, at"),
    (
        "goal_adjustment_log_request_id_unique",
        "goal_adjustment_log",
        "portfolio_id, request_id",
    ),
]
PROVEN_ELSEWHERE = {
    # Below: a portfolio without goals shows it.
    "portfolios_user_fk",
    # Below: only a later portfolio can be a successor.
    "portfolios_one_predecessor",
    # portfolio_id alone is unique; it exists for foreign keys to point at.
    "portfolios_owner_unique",
    # Every row that breaks it breaks goal_adjustment_log_block_is_zero before.
    "goal_adjustment_log_size_not_negative",
    # Every row that breaks it breaks limit_changes_reference_is_complete before.
    "limit_changes_unit_run_check",
    # trades/tests/booking/test_halts.py
    "trading_halts_one_in_force",
    "trading_halts_one_a_day",
    # trades/tests/booking/test_limit_marks.py
    "limit_marks_one_pending",
}


def make_adjustment(goal, **fields):
    return GoalAdjustmentLog.objects.create(
        **{
            "goal": goal,
            "portfolio": goal.portfolio,
            "adjustment_factor": Decimal("1.3"),
            "base_size": Decimal(1000),
            "adjusted_size": Decimal(1300),
            "progress_pct": Decimal(0),
            "portfolio_value": Decimal(1000),
            "reason": "behind",
            "verdict": "allow",
            "band": "behind",
            "policy": "ladder",
            "policy_version": "ladder-1",
            "policy_factor": Decimal("1.3"),
            "guards": [],
            "inputs": {},
            "answer": {},
            "as_of": START,
            "request_fingerprint": "",
            "created_at": START,
            **fields,
        }
    )


def make_flow(portfolio):
    record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(10),
        now=START,
        external_id=f"flow {portfolio.pk}",
    )


def void_flow(portfolio):
    void_cash_flow(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        cash_flow_id=portfolio.cash_flows.get().pk,
        reason="twice",
        now=START,
    )


def make_mark(portfolio, role):
    LimitMark.objects.create(portfolio=portfolio, role=role, at=START)


def make_rows():
    """One row in each table, all of one portfolio."""
    goal = GoalFactory()
    make_flow(goal.portfolio)
    make_adjustment(goal, request_id=f"request {goal.pk}")
    make_mark(goal.portfolio, MarkRole.DAY_START)
    return goal


def make_row(table):
    """A portfolio with no more than a row of that table needs."""
    portfolio = PortfolioFactory()
    if table in {"cash_flows", "ledger_days", "ledger_changes"}:
        make_flow(portfolio)
        if table == "ledger_changes":
            void_flow(portfolio)
    elif table == "trading_halts":
        halt_trading(
            user=portfolio.user, portfolio_id=portfolio.pk, reason="tired", now=START
        )
    elif table == "limit_changes":
        update_portfolio(
            user=portfolio.user,
            portfolio_id=portfolio.pk,
            now=START,
            hard_drawdown_pct=Decimal(15),
        )
    elif table == "limit_marks":
        make_mark(portfolio, MarkRole.BREACH)
    elif table != "portfolios":
        goal = GoalFactory(portfolio=portfolio)
        if table == "goal_adjustment_log":
            make_adjustment(goal)
    return portfolio


KEYS = {
    "portfolios": "portfolio_id",
    "cash_flows": "cash_flow_id",
    "ledger_days": "ledger_day_id",
    "ledger_changes": "change_id",
    "financial_goals": "goal_id",
    "goal_progress_history": "history_id",
    "goal_adjustment_log": "adjustment_id",
    "limit_marks": "limit_mark_id",
}


@pytest.mark.parametrize(("name", "table", "change"), REFUSED)
def test_the_database_refuses(name, table, change):
    portfolio = make_row(table)
    if "{other}" in change:
        change = change.format(other=PortfolioFactory().user_id)
    which = "portfolio_id = %s"
    if table == "goal_progress_history":
        which = "goal_id IN (SELECT goal_id FROM financial_goals WHERE " + which + ")"
    statement = f"UPDATE {table} SET {change} WHERE {which}"
    assert constraint_that_refuses(statement, portfolio.pk) == name


@pytest.mark.parametrize(("name", "table", "columns"), UNIQUE)
def test_the_database_refuses_a_second(name, table, columns):
    first, second = make_rows(), make_rows()
    if table == "financial_goals":
        execute(
            "UPDATE financial_goals SET previous_goal_id = goal_id WHERE goal_id = %s",
            first.pk,
        )
    key = KEYS[table]
    named = ", ".join(f"t.{column.strip()}" for column in columns.split(","))
    statement = (
        f"UPDATE {table} SET ({columns}) = ROW({named}) FROM {table} t "
        f"WHERE t.portfolio_id = %s AND {table}.{key} IN "
        f"(SELECT max({key}) FROM {table} WHERE portfolio_id = %s)"
    )
    assert (
        constraint_that_refuses(statement, first.portfolio_id, second.portfolio_id)
        == name
    )


def test_every_constraint_of_the_tables_is_proven():
    proven = {name for name, *_ in (*REFUSED, *UNIQUE)} | PROVEN_ELSEWHERE
    assert constraints_of(TABLES) == proven


def test_a_portfolio_follows_one_other():
    one = PortfolioFactory()
    two, three = PortfolioFactory(user=one.user), PortfolioFactory(user=one.user)
    Portfolio.objects.filter(pk=one.pk).update(successor=three)
    with pytest.raises(IntegrityError, match="portfolios_one_predecessor"):
        Portfolio.objects.filter(pk=two.pk).update(successor=three)


def test_several_rows_without_an_external_id_are_fine():
    goal = make_rows()
    assert execute("UPDATE cash_flows SET external_id = NULL") == 1
    for _ in range(2):
        record_cash_flow(
            user=goal.user, portfolio=goal.portfolio_id, amount=Decimal(1), now=START
        )


# Users


def has_main(user):
    return Portfolio.objects.filter(user=user, name="main").count() == 1


def test_a_user_made_by_create_user_has_a_portfolio():
    assert has_main(User.objects.create_user("trader"))


def test_a_user_made_by_createsuperuser_has_a_portfolio():
    call_command(
        "createsuperuser", interactive=False, username="root", email="", verbosity=0
    )
    assert has_main(User.objects.get(username="root"))


def test_a_user_made_by_save_has_a_portfolio():
    user = User(username="trader")
    user.save()
    assert has_main(user)


def test_a_user_made_by_get_or_create_has_a_portfolio():
    user, _ = User.objects.get_or_create(username="trader")
    assert has_main(user)


def test_saving_a_user_again_makes_no_second_portfolio():
    user = UserFactory()
    user.first_name = "Ada"
    user.save()
    assert has_main(user)


def test_a_user_without_a_portfolio_is_never_half_made(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(Portfolio, "save", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        User.objects.create_user("trader")
    assert not User.objects.filter(username="trader").exists()


def test_the_main_portfolio_is_unfunded_in_utc():
    main = UserFactory().portfolios.get()
    assert (main.opening_balance, main.units, main.unit_value, main.time_zone) == (
        0,
        0,
        1,
        "UTC",
    )


def test_save_refuses_to_rename_a_user():
    user = UserFactory()
    user.username = "renamed"
    with pytest.raises(ValidationError, match="cannot be changed"):
        user.save()


def test_save_refuses_to_rename_a_user_by_update_fields():
    user = UserFactory()
    user.username = "renamed"
    with pytest.raises(ValidationError, match="cannot be changed"):
        user.save(update_fields=["username"])


def test_other_fields_of_a_user_can_be_saved():
    user = UserFactory()
    user.email = "ada@example.com"
    user.save(update_fields=["email"])
    user.refresh_from_db()
    assert user.email == "ada@example.com"


def test_the_database_refuses_a_portfolio_of_nobody():
    portfolio = PortfolioFactory()
    name = constraint_that_refuses(
        "UPDATE portfolios SET user_id = 'nobody' WHERE portfolio_id = %s", portfolio.pk
    )
    assert name == "portfolios_user_fk"


def test_the_database_refuses_to_rename_a_user_that_is_referred_to():
    user = UserFactory()
    name = constraint_that_refuses(
        "UPDATE users SET username = 'renamed' WHERE username = %s", user.username
    )
    assert name == "portfolios_user_fk"


def test_the_database_refuses_to_delete_a_user_that_is_referred_to():
    user = UserFactory()
    name = constraint_that_refuses(
        "DELETE FROM users WHERE username = %s", user.username
    )
    assert name == "portfolios_user_fk"


def test_the_database_refuses_to_delete_a_portfolio_with_goals():
    goal = GoalFactory()
    name = constraint_that_refuses(
        "DELETE FROM portfolios WHERE portfolio_id = %s", goal.portfolio_id
    )
    assert name == "financial_goals_portfolio_fk"


# Goals


def test_deleting_a_goal_takes_its_logs_with_it():
    goal = make_rows()
    execute("DELETE FROM financial_goals WHERE goal_id = %s", goal.pk)
    assert not goal.history.exists()
    assert not goal.adjustments.exists()


def test_deleting_a_goal_makes_its_successor_forget_it():
    goal = make_rows()
    following = create_goal(
        user=goal.user,
        portfolio=goal.portfolio_id,
        goal_type="monthly_return",
        target_value=Decimal(5),
        start_date=date(2026, 4, 1),
        as_of=START,
    )
    FinancialGoal.objects.filter(pk=following.pk).update(previous_goal=goal)
    execute("DELETE FROM financial_goals WHERE goal_id = %s", goal.pk)
    following.refresh_from_db()
    assert following.previous_goal_id is None


def test_saving_a_wrong_goal_through_the_model_is_refused_too():
    goal = GoalFactory()
    goal.priority = 99
    with pytest.raises(IntegrityError, match="financial_goals_priority_range"):
        goal.save()
