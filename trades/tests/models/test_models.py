"""What the database itself refuses of trades, and how all its tables are made."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from goals.enums import MarkRole
from goals.models import GoalAdjustmentLog, LedgerEntry, LimitMark, Portfolio, User
from goals.services.portfolios import record_cash_flow, update_portfolio
from goals.services.snapshots import snapshot_goals
from goals.tests.factories import START, GoalFactory, PortfolioFactory, UserFactory
from mastertrade.tests.schema import (
    constraint_that_refuses,
    constraints_of,
    execute,
    fetch,
    migrate,
)
from strategies.models import StrategyInstance
from strategies.tests.factories import StrategyFactory
from trades.booking.add import add_to_trade
from trades.models import ReplayRun, Trade, TradeImport
from trades.sizing_calls.decide import select_strategy, size_for_goal
from trades.tests.factories import ENTRY, TradeFactory, book_profit

pytestmark = [pytest.mark.django_db, pytest.mark.tables]

TABLES = ("trades", "positions", "trade_imports", "trade_fills", "replay_runs")
FILL_PORTFOLIO = "trade_fills_portfolio_fk"
CLOSED = "status = 'closed', exit_price = 1, exit_time = entry_time, profit_loss = 0"
# What a complete close sets, less one.
UNPRICED = "status = 'closed', exit_time = entry_time, profit_loss = 0"
UNTIMED = "status = 'closed', exit_price = 1, profit_loss = 0"
UNPAID = "status = 'closed', exit_price = 1, exit_time = entry_time"
REFUSED = [
    ("trades_side", "trades", "side = 'long'"),
    ("trades_closed_is_complete", "trades", "status = 'pending'"),
    ("trades_exit_fee_rate_positive", "trades", "exit_fee_fx_rate = 0"),
    ("trades_leverage_range", "trades", "leverage = 0.9999"),
    ("trades_entry_notional_positive", "trades", "entry_notional = 0"),
    ("trades_void_has_reason", "trades", "status = 'void'"),
    ("trades_void_has_reason", "trades", "voided_at = entry_time"),
    ("trades_void_has_reason", "trades", "void_reason = 'mistaken'"),
    ("trades_part_is_not_open", "trades", "parent_trade_id = trade_id"),
    ("trades_parent_trade_fk", "trades", f"{CLOSED}, parent_trade_id = 0"),
    ("trades_source_import_fk", "trades", "source_import_id = 0"),
    ("trade_imports_user_fk", "trade_imports", "user_id = 'nobody'"),
    ("trade_imports_portfolio_fk", "trade_imports", "portfolio_id = 0"),
    ("trade_imports_created_count_check", "trade_imports", "created_count = -1"),
    ("trade_imports_known_count_check", "trade_imports", "known_count = -1"),
    ("trade_imports_refused_count_check", "trade_imports", "refused_count = -1"),
    ("trade_fills_kind", "trade_fills", "kind = 'both'"),
    ("trade_fills_quantity_positive", "trade_fills", "quantity = 0"),
    ("trade_fills_price_positive", "trade_fills", "price = 0"),
    ("trade_fills_fees_not_negative", "trade_fills", "fees = -1"),
    ("trade_fills_external_id_not_empty", "trade_fills", "external_id = ''"),
    ("trade_fills_order_id_not_empty", "trade_fills", "order_id = ''"),
    ("trade_fills_trade_fk", "trade_fills", "trade_id = 0"),
    ("trade_fills_source_import_fk", "trade_fills", "source_import_id = 0"),
    (FILL_PORTFOLIO, "trade_fills", "portfolio_id = 0"),
    ("trades_symbol_not_empty", "trades", "symbol = ''"),
    ("trades_quantity_positive", "trades", "quantity = 0"),
    ("trades_entry_price_positive", "trades", "entry_price = 0"),
    ("trades_exit_price_positive", "trades", f"{UNPRICED}, exit_price = 0"),
    ("trades_stop_price_positive", "trades", "stop_price = 0"),
    ("trades_fees_not_negative", "trades", "entry_fees = -0.00000001"),
    ("trades_fees_not_negative", "trades", f"{CLOSED}, exit_fees = -1"),
    ("trades_rates_positive", "trades", "fx_rate = 0"),
    ("trades_rates_positive", "trades", "fee_fx_rate = 0"),
    ("trades_closed_is_complete", "trades", "status = 'closed'"),
    ("trades_closed_is_complete", "trades", UNPRICED),
    ("trades_closed_is_complete", "trades", UNTIMED),
    ("trades_closed_is_complete", "trades", UNPAID),
    ("trades_closed_is_complete", "trades", "exit_price = 1"),
    ("trades_closed_is_complete", "trades", "exit_time = entry_time"),
    ("trades_closed_is_complete", "trades", "profit_loss = 0"),
    ("trades_closed_is_complete", "trades", "exit_fees = 1"),
    (
        "trades_times_in_order",
        "trades",
        f"{UNTIMED}, exit_time = entry_time - interval '1 microsecond'",
    ),
    ("trades_external_id_not_empty", "trades", "external_id = ''"),
    ("trades_user_fk", "trades", "user_id = 'nobody'"),
    ("trades_portfolio_fk", "trades", "portfolio_id = 0"),
    ("trades_portfolio_fk", "trades", "user_id = '{other}', strategy_id = NULL"),
    ("trades_strategy_fk", "trades", "strategy_id = 'nothing'"),
    ("trades_strategy_fk", "trades", "strategy_id = 'theirs'"),
    ("trades_adjustment_fk", "trades", "adjustment_id = 0"),
    ("trades_override_halt_fk", "trades", "override_halt_id = 0"),
    ("positions_side", "positions", "side = 'BOTH'"),
    ("positions_status", "positions", "status = 'pending'"),
    ("positions_quantity_positive", "positions", "quantity = 0"),
    ("positions_prices_positive", "positions", "entry_price = 0"),
    ("positions_prices_positive", "positions", "current_price = 0"),
    (
        "positions_closed_has_no_unrealized",
        "positions",
        "status = 'closed', unrealized_pnl = 1",
    ),
    ("positions_trade_fk", "positions", "trade_id = 0"),
    ("positions_user_fk", "positions", "user_id = 'nobody'"),
    ("positions_portfolio_fk", "positions", "portfolio_id = 0"),
    ("positions_portfolio_fk", "positions", "user_id = '{other}'"),
    (
        "replay_runs_policy_portfolio_id_32fc81fe_fk_portfolio",
        "replay_runs",
        "policy_portfolio_id = 0",
    ),
    (
        "replay_runs_constant_portfolio_i_699fe0c1_fk_portfolio",
        "replay_runs",
        "constant_portfolio_id = 0",
    ),
    (
        "replay_runs_user_id_d7780995_fk_users_username",
        "replay_runs",
        "user_id = 'nobody'",
    ),
]
UNIQUE = [
    ("trades_external_id_unique", "trades", "portfolio_id, external_id"),
    ("trade_fills_external_id_unique", "trade_fills", "portfolio_id, external_id"),
    ("positions_trade_id_key", "positions", "trade_id"),
    ("replay_runs_policy_portfolio_id_key", "replay_runs", "policy_portfolio_id"),
    ("replay_runs_constant_portfolio_id_key", "replay_runs", "constant_portfolio_id"),
]
# Every row that breaks it breaks trades_closed_is_complete before.
SHADOWED = {"trades_status"}
# Below, on two closed trades of one portfolio.
PROVEN_BELOW = {"trades_ledger_order"}


def make_rows(table=None):
    """An open trade with its position, and what is asked about besides."""
    trade = TradeFactory(external_id="one")
    if table == "trade_fills":
        add_to_trade(
            user=trade.user,
            trade_id=trade.pk,
            quantity=Decimal(1),
            entry_price=Decimal(1),
            external_id="more",
            now=ENTRY + timedelta(days=365),
        )
    if table == "trade_imports":
        TradeImport.objects.create(
            user=trade.user,
            portfolio=trade.portfolio,
            format="mastertrade-csv",
            file_name="trades.csv",
            content_sha256="",
            created_count=1,
            known_count=0,
            refused_count=0,
            created_at=ENTRY,
            created_by=trade.user_id,
        )
    if table != "replay_runs":
        return trade
    ReplayRun.objects.create(
        user=trade.user,
        policy_portfolio=trade.portfolio,
        constant_portfolio=PortfolioFactory(user=trade.user),
        symbol="AAPL",
        parameters_digest="",
        report={},
        created_at=ENTRY,
    )
    return trade


OF_USER = dict.fromkeys(TABLES, "user_id = %s") | {
    "trade_fills": (
        "portfolio_id IN (SELECT p.portfolio_id FROM portfolios p WHERE p.user_id = %s)"
    )
}


@pytest.mark.parametrize(("name", "table", "change"), REFUSED)
def test_the_database_refuses(name, table, change):
    trade = make_rows(table)
    if "other" in change or "theirs" in change:
        change = change.format(other=StrategyFactory(strategy_id="theirs").user_id)
    statement = f"UPDATE {table} SET {change} WHERE {OF_USER[table]}"
    assert constraint_that_refuses(statement, trade.user_id) == name


@pytest.mark.parametrize(("name", "table", "columns"), UNIQUE)
def test_the_database_refuses_a_second(name, table, columns):
    first, second = make_rows(table), make_rows(table)
    named = ", ".join(f"t.{column.strip()}" for column in columns.split(","))
    statement = (
        f"UPDATE {table} SET ({columns}) = ROW({named}) FROM {table} t "
        f"WHERE t.{OF_USER[table]} AND {table}.{OF_USER[table]}"
    )
    refused_by = constraint_that_refuses(statement, first.user_id, second.user_id)
    assert refused_by == name


def test_no_two_closed_trades_share_a_place_in_the_ledger():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(1))
    book_profit(portfolio, Decimal(2))
    statement = "UPDATE trades SET ledger_key = (SELECT min(ledger_key) FROM trades)"
    assert constraint_that_refuses(statement) == "trades_ledger_order"


def test_every_constraint_of_the_tables_is_proven():
    proven = {name for name, *_ in (*REFUSED, *UNIQUE)} | SHADOWED | PROVEN_BELOW
    assert constraints_of(TABLES) == proven


# Columns

MONEY, PRICE = "numeric(24,8)", "numeric(32,12)"
PERCENT, FACTOR = "numeric(14,6)", "numeric(8,4)"
TEXT, KEY, DAY, TIME = "varchar", "int8", "date", "timestamptz"
COLUMNS = {
    "financial_goals": {
        "goal_id": KEY,
        "user_id": TEXT,
        "goal_type": TEXT,
        "target_value": MONEY,
        "current_value": MONEY,
        "progress_pct": PERCENT,
        "start_date": DAY,
        "target_date": DAY,
        "status": TEXT,
        "created_at": TIME,
        "updated_at": TIME,
        "start_value": MONEY,
        "min_factor": FACTOR,
        "max_factor": FACTOR,
        "start_unit_value": "numeric(38,18)",
    },
    "goal_progress_history": {
        "goal_id": KEY,
        "snapshot_date": DAY,
        "recorded_at": TIME,
        "current_value": MONEY,
        "target_value": MONEY,
        "progress_pct": PERCENT,
        "effective_at": TIME,
    },
    "goal_adjustment_log": {
        "goal_id": KEY,
        "adjustment_factor": FACTOR,
        "base_size": MONEY,
        "adjusted_size": MONEY,
        "progress_pct": PERCENT,
        "portfolio_value": MONEY,
        "reason": "text",
        "created_at": TIME,
    },
    "strategy_instances": {
        "strategy_id": TEXT,
        "user_id": TEXT,
        "strategy_name": TEXT,
        "strategy_type": TEXT,
        "risk_profile": TEXT,
        "parameters": "jsonb",
        "status": TEXT,
    },
    "trades": {
        "trade_id": KEY,
        "user_id": TEXT,
        "strategy_id": TEXT,
        "symbol": TEXT,
        "side": TEXT,
        "quantity": PRICE,
        "entry_price": PRICE,
        "exit_price": PRICE,
        "profit_loss": MONEY,
        "entry_time": TIME,
        "exit_time": TIME,
        "status": TEXT,
    },
    "positions": {
        "user_id": TEXT,
        "symbol": TEXT,
        "side": TEXT,
        "quantity": PRICE,
        "entry_price": PRICE,
        "current_price": PRICE,
        "unrealized_pnl": MONEY,
        "status": TEXT,
    },
    "portfolios": {
        "user_id": TEXT,
        "opening_balance": MONEY,
        "equity": MONEY,
        "realized_pnl": MONEY,
        "unit_value": "numeric(38,18)",
        "peak_unit_value": "numeric(38,18)",
        "drawdown_pct": PERCENT,
    },
    "cash_flows": {"amount": MONEY, "flowed_at": TIME},
}
OUR_TABLES = {
    model._meta.db_table
    for label in ("goals", "strategies", "trades")
    for model in apps.get_app_config(label).get_models(include_auto_created=True)
}


@pytest.mark.parametrize("table", COLUMNS)
def test_the_table_has_the_columns_that_others_read(table):
    rows = fetch(
        """
        SELECT column_name, udt_name, numeric_precision, numeric_scale
        FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name = %s
        """,
        table,
    )
    found = {
        name: f"numeric({digits},{places})" if kind == "numeric" else kind
        for name, kind, digits, places in rows
    }
    assert {name: found.get(name) for name in COLUMNS[table]} == COLUMNS[table]


def test_no_column_is_a_float():
    assert (
        fetch(
            """
            SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND udt_name IN ('float4', 'float8', 'money')
            """
        )
        == []
    )


def test_every_instant_knows_its_zone():
    # A time of day, in the row's time zone, is no instant.
    assert fetch(
        """
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND udt_name IN ('timestamp', 'time')
        ORDER BY table_name, column_name
        """
    ) == [
        ("alert_channels", "digest_at"),
        ("alert_channels", "quiet_from"),
        ("alert_channels", "quiet_until"),
        ("portfolios", "day_starts_at"),
    ]


def test_every_numeric_column_says_its_places():
    assert (
        fetch(
            """
            SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND udt_name = 'numeric'
              AND numeric_precision IS NULL
            """
        )
        == []
    )


# Foreign keys

RESTRICT, CASCADE, SET_NULL, NO_ACTION = "r", "c", "n", "a"
ON_DELETE = {
    "carried_profits_portfolio_fk": CASCADE,
    "carried_profits_cash_flow_fk": CASCADE,
    "carried_profits_trade_fk": CASCADE,
    "carried_profits_closed_trade_fk": CASCADE,
    "api_tokens_user_fk": CASCADE,
    "known_addresses_user_fk": CASCADE,
    "invitations_invited_by_fk": CASCADE,
    "portfolios_user_fk": RESTRICT,
    "portfolios_successor_fk": SET_NULL,
    "financial_goals_user_fk": RESTRICT,
    "financial_goals_portfolio_fk": RESTRICT,
    "financial_goals_previous_goal_fk": SET_NULL,
    "goal_forecasts_goal_fk": CASCADE,
    "goal_progress_history_goal_fk": CASCADE,
    "goal_adjustment_log_goal_fk": CASCADE,
    "strategy_instances_user_fk": RESTRICT,
    "strategy_selection_log_goal_fk": CASCADE,
    "trades_user_fk": RESTRICT,
    "trades_portfolio_fk": RESTRICT,
    "trades_strategy_fk": SET_NULL,
    "trades_adjustment_fk": SET_NULL,
    "positions_trade_fk": CASCADE,
    "positions_user_fk": RESTRICT,
    "positions_portfolio_fk": RESTRICT,
    "trades_parent_trade_fk": SET_NULL,
    "trades_source_import_fk": SET_NULL,
    "trade_imports_user_fk": RESTRICT,
    "trade_imports_portfolio_fk": CASCADE,
    "ledger_days_portfolio_fk": CASCADE,
    "trading_halts_portfolio_fk": CASCADE,
    "limit_changes_portfolio_fk": CASCADE,
    "limit_marks_portfolio_fk": CASCADE,
    "trades_override_halt_fk": SET_NULL,
    "growth_records_portfolio_fk": CASCADE,
    "trade_fills_portfolio_fk": CASCADE,
    "trade_fills_trade_fk": CASCADE,
    "trade_fills_source_import_fk": SET_NULL,
    "webhook_tokens_user_fk": RESTRICT,
    "webhook_tokens_api_token_fk": CASCADE,
    "webhook_tokens_portfolio_fk": CASCADE,
    "webhook_tokens_strategy_fk": CASCADE,
    "webhook_fills_portfolio_fk": CASCADE,
    "webhook_fills_trade_fk": CASCADE,
    "ledger_changes_cash_flow_fk": CASCADE,
    "ledger_changes_portfolio_fk": CASCADE,
    "ledger_changes_trade_fk": CASCADE,
    "goal_alerts_user_fk": CASCADE,
    "goal_alerts_portfolio_fk": CASCADE,
    "goal_alerts_goal_fk": CASCADE,
    "alert_channels_user_fk": CASCADE,
    "goal_alert_deliveries_alert_fk": CASCADE,
    "goal_alert_deliveries_channel_fk": CASCADE,
    "import_mappings_user_fk": CASCADE,
    "import_uploads_user_fk": CASCADE,
    "trade_notes_trade_fk": CASCADE,
    "jobs_user_fk": CASCADE,
    "job_errors_job_fk": CASCADE,
}
# Made by Django, deferred, never in the way of the clean-up.
PLAIN = {
    ("cash_flows", "portfolios"),
    ("goal_adjustment_log", "portfolios"),
    ("replay_runs", "portfolios"),
    ("replay_runs", "users"),
    ("users_groups", "users"),
    ("users_groups", "auth_group"),
    ("users_user_permissions", "users"),
    ("users_user_permissions", "auth_permission"),
}


def foreign_keys(named):
    rows = fetch(
        """
        SELECT conname::text, conrelid::regclass::text, confrelid::regclass::text,
               confdeltype, condeferrable, conkey, confdelsetcols
        FROM pg_constraint
        WHERE contype = 'f' AND conrelid::regclass::text = ANY(%s)
        """,
        list(OUR_TABLES),
    )
    return [row for row in rows if (row[0] in ON_DELETE) is named]


def test_every_named_foreign_key_says_what_a_delete_does():
    found = {name: on_delete for name, _, _, on_delete, *_ in foreign_keys(named=True)}
    assert found == ON_DELETE


def test_named_foreign_keys_are_checked_at_once():
    assert not any(
        deferrable for _, _, _, _, deferrable, *_ in foreign_keys(named=True)
    )


def test_every_other_foreign_key_is_known_and_deletes_nothing():
    found = foreign_keys(named=False)
    assert {(table, target) for _, table, target, *_ in found} == PLAIN
    assert {on_delete for _, _, _, on_delete, *_ in found} == {NO_ACTION}


def test_a_deleted_strategy_clears_only_its_own_column():
    [(columns,)] = fetch(
        """
        SELECT array_agg(attname::text)
        FROM pg_constraint, unnest(confdelsetcols) number
        JOIN pg_attribute ON attnum = number AND attrelid = 'trades'::regclass
        WHERE conname = 'trades_strategy_fk'
        """
    )
    assert columns == ["strategy_id"]


# The clean-up, run by hand

CLEAN_UP = """
DELETE FROM goal_adjustment_log WHERE goal_id IN (SELECT goal_id FROM financial_goals WHERE user_id LIKE 'test_user_%');
DELETE FROM goal_progress_history WHERE goal_id IN (SELECT goal_id FROM financial_goals WHERE user_id LIKE 'test_user_%');
DELETE FROM financial_goals WHERE user_id LIKE 'test_user_%';
DELETE FROM trades WHERE user_id LIKE 'test_user_%';
DELETE FROM strategy_instances WHERE strategy_id LIKE 'test_goal_strategy_%';
"""  # noqa: E501


def live_through_everything(username):
    """Rows in every table, linked as they are in life."""
    user = UserFactory(username=username)
    portfolio = PortfolioFactory(user=user)
    strategy_id = "test_goal_strategy_momentum_001"
    StrategyFactory(user=user, strategy_id=strategy_id)
    goal = GoalFactory(portfolio=portfolio)
    GoalFactory(portfolio=portfolio, start_date=datetime(2026, 4, 1, tzinfo=UTC).date())
    decision, _ = size_for_goal(
        user=user, goal_id=goal.pk, base_size=Decimal(1000), now=ENTRY
    )
    select_strategy(user=user, goal_id=goal.pk, now=ENTRY)
    book_profit(
        portfolio, Decimal(20), strategy_id=strategy_id, adjustment_id=decision.pk
    )
    record_cash_flow(user=user, portfolio=portfolio.pk, amount=Decimal(5), now=ENTRY)
    TradeFactory(
        portfolio=portfolio, strategy_id=strategy_id, adjustment_id=decision.pk
    )
    snapshot_goals(as_of=ENTRY)
    update_portfolio(
        user=user,
        portfolio_id=portfolio.pk,
        now=ENTRY,
        hard_drawdown_pct=Decimal(15),
    )
    LimitMark.objects.create(portfolio=portfolio, role=MarkRole.BREACH, at=ENTRY)
    return portfolio


@pytest.fixture
def cleaned():
    """A test user's and another user's rows, after the clean-up."""
    mine = live_through_everything("test_user_goal_integration")
    theirs = live_through_everything("somebody")
    with connection.cursor() as cursor:
        cursor.execute(CLEAN_UP)
    return mine, theirs


@pytest.mark.parametrize(
    "table",
    ["financial_goals", "trades", "positions", "strategy_instances"],
)
def test_the_clean_up_leaves_no_row_of_a_test_user(cleaned, table):
    rows = fetch(f"SELECT count(*) FROM {table} WHERE user_id LIKE %s", "test_user_%")
    assert rows == [(0,)]


@pytest.mark.parametrize(
    ("table", "left"),
    [
        ("goal_adjustment_log", 1),
        ("goal_progress_history", 4),
        ("strategy_selection_log", 1),
        ("financial_goals", 2),
        ("trades", 2),
        ("positions", 2),
        ("cash_flows", 2),
        ("limit_changes", 4),
        ("limit_marks", 2),
    ],
)
def test_the_clean_up_leaves_the_rows_of_others(cleaned, table, left):
    assert fetch(f"SELECT count(*) FROM {table}") == [(left,)]


def test_reconcile_corrects_the_figures_that_the_clean_up_leaves(cleaned):
    mine, _ = cleaned
    with pytest.raises(CommandError, match="of 1 of 4 portfolios had drifted"):
        call_command("reconcile")
    call_command("reconcile", fix=True)
    call_command("reconcile")
    mine.refresh_from_db()
    assert (mine.realized_pnl, mine.equity) == (0, mine.opening_balance + 5)


def test_the_trades_of_others_only_forget_the_strategy(cleaned):
    _, theirs = cleaned
    rows = Trade.objects.filter(portfolio=theirs).values_list(
        "user_id", "strategy_id", "adjustment_id"
    )
    adjustment = GoalAdjustmentLog.objects.get().pk
    assert list(rows) == [("somebody", None, adjustment)] * 2


def test_the_clean_up_takes_booked_trades_out_of_the_ledger(cleaned):
    mine, theirs = cleaned
    kinds = [
        list(
            LedgerEntry.objects.filter(portfolio=one)
            .order_by("entry_id")
            .values_list("kind", flat=True)
        )
        for one in (mine, theirs)
    ]
    assert kinds == [["cash_flow"], ["trade", "cash_flow"]]


def test_the_users_and_portfolios_stay(cleaned):
    assert User.objects.filter(username="test_user_goal_integration").exists()
    assert Portfolio.objects.filter(pk=cleaned[0].pk).exists()


def test_a_strategy_of_another_name_is_kept(cleaned):
    StrategyFactory(strategy_id="momentum")
    with connection.cursor() as cursor:
        cursor.execute(CLEAN_UP)
    assert StrategyInstance.objects.filter(strategy_id="momentum").exists()


def test_deleting_a_decision_makes_its_trades_forget_it():
    portfolio = live_through_everything("somebody")
    execute("DELETE FROM goal_adjustment_log")
    trades = Trade.objects.filter(portfolio=portfolio)
    assert {trade.adjustment_id for trade in trades} == {None}


# Indexes

INDEXES = {
    "import_uploads_directory_81bc2596_like",
    "import_uploads_user_id_284cf0cc_like",
    "carried_profits_by_portfolio",
    "carried_profits_by_trade",
    "api_tokens_digest_ae1e312f_like",
    "api_tokens_token_key_3a85d49f",
    "api_tokens_token_key_3a85d49f_like",
    "api_tokens_user_id_2db24e1c",
    "alert_channels_by_user",
    "goal_alerts_by_user",
    "goal_alerts_goal_id_423ec700",
    "goal_alerts_open_by_kind",
    "goal_alerts_portfolio_id_da5d1822",
    "goal_alert_deliveries_open",
    "goal_alert_deliveries_tried",
    "invitations_by_inviter",
    "jobs_by_end",
    "jobs_by_user",
    "jobs_unfinished",
    "financial_goals_by_period",
    "financial_goals_by_user",
    "financial_goals_running",
    "goal_adjustment_log_by_goal",
    "goal_forecasts_by_asked",
    "goal_progress_history_by_time",
    "ledger_changes_by_cash_flow",
    "ledger_changes_by_portfolio",
    "ledger_changes_by_trade",
    "policy_tables_table_hash_89056d6f_like",
    "positions_by_user",
    "positions_open_by_symbol",
    "sign_in_counts_by_end",
    "sign_in_counts_key_d60c1618_like",
    "replay_runs_by_question",
    "strategy_selection_log_by_goal",
    "limit_changes_by_time",
    "limit_marks_by_time",
    "trades_by_entry",
    "trades_by_adjustment",
    "trades_by_override_halt",
    "trading_halts_by_portfolio",
    "trade_fills_by_symbol",
    "trade_fills_trade_id_7fab6e13",
    "trade_imports_by_user",
    "webhook_fills_trade_id_a8772df4",
    "webhook_tokens_api_token_id_9bc05e58",
    "webhook_tokens_api_token_id_9bc05e58_like",
    "webhook_tokens_by_strategy",
    "webhook_tokens_portfolio_id_daf65548",
    "trades_by_parent",
    "trades_parts",
    "trades_by_strategy",
    "trades_by_user",
    "trades_open_by_symbol",
}
QUERIES = {
    "trades_by_user": (
        "SELECT * FROM trades WHERE user_id = 'u7' ORDER BY trade_id DESC LIMIT 3"
    ),
    "trades_by_strategy": (
        "SELECT * FROM trades WHERE user_id = 'u7' AND strategy_id = 's7'"
    ),
    "trades_open_by_symbol": (
        "SELECT sum(quantity) FROM trades "
        "WHERE portfolio_id = 7 AND symbol = 'S7' AND status = 'open'"
    ),
    "trades_ledger_order": (
        "SELECT sum(amount) FROM ledger_entries "
        "WHERE portfolio_id = 7 AND effective_at > '2026-03-01'"
    ),
    "trades_by_parent": "SELECT * FROM trades WHERE parent_trade_id = 7",
    "trades_parts": (
        "SELECT count(*) FROM trades WHERE portfolio_id = 7 AND status = 'closed' "
        "AND coalesce(parent_trade_id, 0) > 0 AND exit_time > '2026-03-01'"
    ),
    "trades_by_adjustment": "SELECT * FROM trades WHERE adjustment_id = 7",
    "goal_progress_history_by_time": (
        "SELECT * FROM goal_progress_history WHERE goal_id = 7 "
        "ORDER BY effective_at, history_id LIMIT 50"
    ),
    "financial_goals_by_period": (
        "SELECT * FROM financial_goals "
        "WHERE portfolio_id = 7 AND period_ends_at > '2026-03-01'"
    ),
    "trades_by_entry": (
        "SELECT count(*) FROM trade_entries "
        "WHERE portfolio_id = 7 AND entered_at >= '2026-03-20'"
    ),
    "limit_changes_by_time": (
        "SELECT * FROM limit_changes WHERE portfolio_id = 7 "
        "AND effective_at <= '2026-02-01' "
        "ORDER BY effective_at DESC, limit_change_id DESC LIMIT 1"
    ),
    "limit_marks_by_time": (
        "SELECT * FROM limit_marks WHERE portfolio_id = 7 AND role = 'breach' "
        "AND at <= '2026-02-01' ORDER BY at DESC, limit_mark_id DESC LIMIT 1"
    ),
    "financial_goals_running": (
        "SELECT DISTINCT portfolio_id FROM financial_goals "
        "WHERE ended_at IS NULL AND period_ends_at <= '2026-01-05'"
    ),
}


def test_the_indexes_are_these_and_no_others():
    rows = fetch(
        """
        SELECT indexrelid::regclass::text FROM pg_index
        WHERE NOT indisunique AND indrelid::regclass::text = ANY(%s)
        """,
        list(OUR_TABLES - {"users", "users_groups", "users_user_permissions"}),
    )
    assert {name for (name,) in rows} == INDEXES


@pytest.fixture
def many_rows():
    """2000 rows of 100 portfolios in each large table; foreign keys do not look."""
    if fetch("SELECT usesuper FROM pg_user WHERE usename = current_user") != [(True,)]:
        pytest.skip("only a superuser can fill tables without their foreign keys")
    execute("SET LOCAL session_replication_role = replica")
    execute(
        """
        INSERT INTO trades (user_id, portfolio_id, strategy_id, symbol, side, quantity,
            entry_price, exit_price, profit_loss, entry_fees, exit_fees, quote_currency,
            fee_currency, fx_rate, fee_fx_rate, entry_time, exit_time, status,
            adjustment_id, request_fingerprint, created_at, updated_at, leverage,
            funding, unbooked_profit, created_by, updated_by, void_reason,
            parent_trade_id)
        SELECT 'u' || n %% 100, n %% 100, 's' || n %% 1000, 'S' || n %% 50, 'LONG',
            1, 1,
            CASE WHEN n %% 5 > 0 THEN 1 END, CASE WHEN n %% 5 > 0 THEN 0 END, 0, 0,
            'USD', 'USD', 1, 1, t, CASE WHEN n %% 5 > 0 THEN t END,
            CASE WHEN n %% 5 > 0 THEN 'closed' ELSE 'open' END,
            CASE WHEN n %% 10 = 0 THEN n END, '', t, t, 1, 0, 0, '', '', '',
            CASE WHEN n %% 10 = 1 THEN n END
        FROM generate_series(1, 2000) n,
             LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 hour' AS t) x
        """
    )
    execute(
        """
        INSERT INTO goal_progress_history (goal_id, kind, snapshot_date, effective_at,
            recorded_at, current_value, target_value, progress_pct)
        SELECT n %% 100, 'trade', '2026-01-01', t, t, 0, 5, 0
        FROM generate_series(1, 2000) n,
             LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 hour' AS t) x
        """
    )
    execute(
        """
        INSERT INTO financial_goals (user_id, portfolio_id, goal_type, target_value,
            start_value, current_value, progress_pct, start_date, target_date,
            period_starts_at, period_ends_at, status, priority, recurring, policy,
            min_factor, max_factor, after_achieved, start_unit_value, start_unit_run,
            start_realized_pnl, ended_at, created_at, updated_at)
        SELECT 'u' || n %% 100, n %% 100, 'monthly_return', 5, 0, 0, 0, '2026-01-01',
            '2026-01-31', '2026-01-01', t, 'active', 5, false, 'ladder', 0.5, 1.3,
            'protect', 1, 1, 0, CASE WHEN n %% 4 > 0 THEN t END, t, t
        FROM generate_series(1, 2000) n,
             LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 hour' AS t) x
        """
    )
    execute(
        """
        INSERT INTO limit_changes (portfolio_id, cause, effective_at, changed_at,
            changed_by, settings)
        SELECT n %% 100, 'change', t, t, 'u', '{}'
        FROM generate_series(1, 2000) n,
             LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 hour' AS t) x
        """
    )
    execute(
        """
        INSERT INTO limit_marks (portfolio_id, role, at, open_pnl, by_trade)
        SELECT n %% 100, 'breach', t, 0, '{}'
        FROM generate_series(1, 2000) n,
             LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 hour' AS t) x
        """
    )
    execute(
        "ANALYZE trades, goal_progress_history, financial_goals, limit_changes, "
        "limit_marks"
    )


def test_each_index_serves_its_query(many_rows):
    unused = {
        name: plan
        for name, query in QUERIES.items()
        if name not in (plan := "\n".join(r for (r,) in fetch(f"EXPLAIN {query}")))
    }
    assert unused == {}


# Migrations


@pytest.mark.migrations
@pytest.mark.django_db(transaction=True)
def test_migrations_run_backwards_and_forwards():
    before = schema_of_ours()
    migrate(("trades", None), ("strategies", None), ("goals", None))
    emptied = schema_of_ours()
    migrate()
    assert emptied == []
    assert schema_of_ours() == before


def test_models_and_migrations_agree():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def schema_of_ours():
    return fetch(
        """
        SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE conrelid::regclass::text = ANY(%s)
        UNION ALL
        SELECT tablename, indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)
        ORDER BY 1, 2, 3
        """,
        list(OUR_TABLES),
        list(OUR_TABLES),
    )


# The two clocks of a trade


def test_a_trade_may_end_at_its_very_entry():
    trade = make_rows()
    statement = f"UPDATE trades SET {CLOSED} WHERE trade_id = %s"
    assert execute(statement, trade.pk) == 1


def test_the_position_of_a_deleted_trade_is_gone():
    trade = make_rows()
    execute("DELETE FROM trades WHERE trade_id = %s", trade.pk)
    assert fetch("SELECT count(*) FROM positions") == [(0,)]


def test_two_portfolios_may_use_the_same_external_id():
    first = TradeFactory(external_id="one", entry_time=START, now=START)
    other = PortfolioFactory(user=first.user)
    later = START + timedelta(hours=1)
    second = TradeFactory(
        portfolio=other, external_id="one", entry_time=later, now=later
    )
    assert first.pk != second.pk
