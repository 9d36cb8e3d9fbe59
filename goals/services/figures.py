"""The one statement that writes figures: of portfolios, goals and goals' history."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from goals.enums import HistoryKind
from goals.models import FinancialGoal, Portfolio
from mastertrade.db.raw_sql import execute

# An account, with its columns' types.
ACCOUNT_FIGURES = {
    "equity": "numeric",
    "units": "numeric",
    "unit_value": "numeric",
    "unit_run": "int",
    "realized_pnl": "numeric",
    "peak_unit_value": "numeric",
    "carried": "numeric",
    "redeemed_value": "numeric",
}
# What follows from the ledger alone.
LEDGER_FIGURES = ACCOUNT_FIGURES | {
    "drawdown_pct": "numeric",
    "last_entry_at": "timestamptz",
}
# And with the last marks of open positions.
PORTFOLIO_FIGURES = LEDGER_FIGURES | {
    "unrealized_pnl": "numeric",
    "marked_at": "timestamptz",
    "revalued_day": "date",
    "midnight_unrealized_pnl": "numeric",
}
# What floors are measured from, and a high that waits for a second mark.
PORTFOLIO_FIGURES |= {
    "floor_set_at": "timestamptz",
    "floor_start_value": "numeric",
    "floor_peak_value": "numeric",
    "floor_locked": "boolean",
    "floor_paid_in": "numeric",
    "floor_held_pnl": "numeric",
    "pending_high_at": "timestamptz",
    "pending_high_pnl": "numeric",
}
GOAL_FIGURES = {
    "current_value": "numeric",
    "progress_pct": "numeric",
    "status": "text",
    "achieved_at": "timestamptz",
    "trading_days": "int",
    "trading_days_met_at": "timestamptz",
    "best_day": "numeric",
    "earlier_best_day": "numeric",
    "start_unit_value": "numeric",
    "start_unit_run": "int",
    "start_realized_pnl": "numeric",
}
HISTORY = {
    "goal_id": "bigint",
    "kind": "text",
    "snapshot_date": "date",
    "effective_at": "timestamptz",
    "current_value": "numeric",
    "target_value": "numeric",
    "progress_pct": "numeric",
    "note": "text",
}


def table_of(prefix: str, columns: Mapping[str, str]) -> str:
    """Parameters that are arrays, as a table for FROM; `arrays_of` gives them."""
    arrays = (f"%({prefix}{name})s::{kind}[]" for name, kind in columns.items())
    return f"unnest({', '.join(arrays)})"


def arrays_of(
    prefix: str, columns: Iterable[str], rows: Sequence[Any]
) -> dict[str, list[Any]]:
    """The rows' attributes, column by column, as the parameters of `table_of`."""
    return {
        f"{prefix}{name}": [_plain(getattr(row, name)) for row in rows]
        for name in columns
    }


def _plain(value: Any) -> Any:
    # A list of both words and members of an enumeration is no array.
    return str(value) if isinstance(value, StrEnum) else value


def _update(table: str, key: str, prefix: str, figures: Mapping[str, str]) -> str:
    columns = {key: "bigint", **figures}
    return f"""
    UPDATE {table} t
    SET {", ".join(f"{name} = m.{name}" for name in figures)}, updated_at = %(now)s
    FROM {table_of(prefix, columns)} AS m({", ".join(columns)})
    WHERE t.{key} = m.{key}"""


WRITE = f"""
WITH booked AS ({_update("portfolios", "portfolio_id", "p_", PORTFOLIO_FIGURES)}
    RETURNING t.*
), moved AS ({_update("financial_goals", "goal_id", "g_", GOAL_FIGURES)}
){{also}}
INSERT INTO goal_progress_history ({", ".join(HISTORY)}, recorded_at)
SELECT {", ".join(HISTORY)}, %(now)s
FROM {table_of("h_", HISTORY)} WITH ORDINALITY AS h({", ".join(HISTORY)}, n)
ORDER BY n
"""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One row of a goal's history, of the figures it has or had."""

    goal: FinancialGoal
    kind: HistoryKind
    snapshot_date: date
    effective_at: datetime
    current_value: Decimal
    progress_pct: Decimal
    note: str = ""

    @property
    def goal_id(self) -> int:
        return self.goal.goal_id

    @property
    def target_value(self) -> Decimal:
        target: Decimal = self.goal.target_value
        return target


def write_figures(
    portfolios: Sequence[Portfolio],
    goals: Sequence[FinancialGoal],
    history: Sequence[HistoryRow],
    now: datetime,
    *,
    also: str = "",
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Write the figures that locked rows carry, and rows of history, in one statement.

    `also` are more parts of it (", name AS (…)") with their `parameters`; they see the
    portfolios as they are now in `booked`.
    """
    execute(
        WRITE.format(also=also),
        {
            **arrays_of("p_", ("portfolio_id", *PORTFOLIO_FIGURES), portfolios),
            **arrays_of("g_", ("goal_id", *GOAL_FIGURES), goals),
            **arrays_of("h_", HISTORY, history),
            **(parameters or {}),
            "now": now,
        },
    )
