"""From the last released version: its data, by its own code, and every step since.

`files/upgrade/0.1.0.sql.gz` is what `pg_dump --data-only` wrote of a database that the
services of that version filled: three portfolios with other limits, 77 trades (in
parts, added to, late, void), marks, cash flows next to an open trade, a halt of each
kind, a resume, recurring goals and decisions.
"""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from mastertrade.tests.schema import fetch, migrate
from trades.tests.models.test_models import schema_of_ours

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

RELEASED = [("goals", "0019"), ("strategies", "0003"), ("trades", "0021")]
DATA = Path(__file__).parents[1] / "files" / "upgrade" / "0.1.0.sql.gz"
COPY = re.compile(r"^(COPY \S+ \([^\n]*\) FROM stdin);\n(.*?)^\\\.\n", re.M | re.S)
SEQUENCE = re.compile(r"^SELECT pg_catalog\.setval\(.*\);$", re.M)
# What users see of it; none of it may be another number afterwards.
FIGURES = {
    "portfolios": "portfolio_id, name, equity, units, unit_value, peak_unit_value, "
    "realized_pnl, unrealized_pnl, drawdown_pct, trading_state, hard_drawdown_pct",
    "financial_goals": "goal_id, status, current_value, progress_pct, policy, "
    "target_value, period_starts_at, period_ends_at",
    "trades": "trade_id, status, quantity, profit_loss, exit_fees, exit_time",
    "positions": "position_id, symbol, quantity, unrealized_pnl",
    "ledger_days": "portfolio_id, day, entries, equity, unit_value",
    "trading_halts": "halt_id, cause, halted_at, resumed_at, withdrawn_at",
    "goal_adjustment_log": "adjustment_id, adjusted_size, verdict, reason",
}


@pytest.fixture
def released() -> Iterator[None]:
    """The tables and the data of that version, by the way back; today's afterwards."""
    migrate(*RELEASED)
    try:
        load(gzip.decompress(DATA.read_bytes()).decode())
        yield
    finally:
        migrate()


def load(text: str) -> None:
    with connection.cursor() as cursor:
        for statement, rows in COPY.findall(text):
            with cursor.copy(statement) as copy:
                copy.write(rows)
        for statement in SEQUENCE.findall(text):
            if "procrastinate" not in statement:
                cursor.execute(statement)


def read_figures() -> dict[str, list[Any]]:
    return {
        table: fetch(f"SELECT {columns} FROM {table} ORDER BY {columns}")
        for table, columns in FIGURES.items()
    }


@pytest.fixture
def tables_of_today(transactional_db: None) -> list[Any]:
    return schema_of_ours()


def test_an_upgrade_leaves_every_figure_and_reconciles(
    tables_of_today: list[Any], released: None, capsys
) -> None:
    before = read_figures()
    assert all(before.values())
    assert len(before["trades"]) == 77

    migrate()

    assert read_figures() == before
    assert schema_of_ours() == tables_of_today
    call_command("reconcile")
    assert "every figure equals the ledger's" in capsys.readouterr().out
