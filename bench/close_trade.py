"""Closing a trade: the service, against raw psycopg and against one statement."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from typing import Any

import psycopg
from django.db import connection, transaction
from django.utils import timezone

from bench.one_statement import CLOSE_TRADE
from bench.people import STRATEGY, Trader, make_trader
from bench.rows import Row, Target
from bench.statements import Statement, captured, run_raw
from bench.timing import Pair, in_turn, show, timed
from trades.booking.close import close_trade
from trades.booking.open import open_trade
from trades.enums import Side
from trades.models import Trade

CLOSES = 100
WARM_UP = 10
ENTRY_PRICE = Decimal(50_000)
EXIT_FEES = Decimal("1.2")
REACH = Target(0.5, at_least=True)
# What a close leaves behind; two ways of closing are to leave the same.
OUTCOME = """
SELECT p.equity, p.unit_value, p.peak_unit_value, p.drawdown_pct, p.realized_pnl,
       t.status, t.profit_loss, o.status, o.current_price, d.entries, d.unit_value,
       array_agg((g.status, g.current_value, g.progress_pct,
                  h.current_value, h.progress_pct, h.snapshot_date) ORDER BY g.goal_id)
FROM trades t
JOIN portfolios p ON p.portfolio_id = t.portfolio_id
JOIN positions o ON o.trade_id = t.trade_id
JOIN ledger_days d ON d.portfolio_id = t.portfolio_id AND d.day = t.exit_time::date
JOIN financial_goals g ON g.portfolio_id = t.portfolio_id
JOIN goal_progress_history h ON h.goal_id = g.goal_id
    AND h.effective_at = t.exit_time AND h.kind = 'trade'
WHERE t.trade_id = %s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""


def measure() -> Iterator[Row]:
    trader = make_trader("close_trade")
    closing = Closing(trader)
    closing.check_one_statement()
    with psycopg.connect(conninfo(), autocommit=True) as raw:
        same = in_turn(
            closing.by_service,
            lambda: closing.by_raw_statements(raw),
            times=CLOSES,
            warm_up=WARM_UP,
        )
        yield _row("close_trade, against the same SQL in psycopg", same, REACH)
        single = in_turn(
            closing.by_service,
            lambda: closing.by_one_statement(raw),
            times=CLOSES,
            warm_up=WARM_UP,
        )
        yield _row("close_trade, against one CTE statement", single)


def _row(what: str, pair: Pair, target: Target | None = None) -> Row:
    return Row(what, show(pair.ours), show(pair.floor), pair.reach, target)


def conninfo() -> str:
    known: dict[str, Any] = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    return psycopg.conninfo.make_conninfo(
        **{name: known[name] for name in names if known.get(name)}
    )


class Closing:
    """Opens a trade, untimed, and closes it in one way or another, timed."""

    def __init__(self, trader: Trader) -> None:
        self.user, self.portfolio = trader.user, trader.portfolio
        self.prices = count(1)

    def by_service(self) -> float:
        figures = self._figures(self.open())
        return timed(lambda: self.close(figures))

    def by_raw_statements(self, raw: "psycopg.Connection[Any]") -> float:
        """What the service says for this trade, rehearsed and taken back first."""
        _, statements = self.rehearse(raw=True)
        return timed(lambda: run_raw(raw, statements))

    def rehearse(self, *, raw: bool) -> tuple[dict[str, Any], list[Statement]]:
        """An open trade, how it is to be closed, and what the service says for it.

        The statements are rehearsed and taken back, if `raw` asks for them.
        """
        figures = self._figures(self.open())
        if not raw:
            return figures, []
        with transaction.atomic(), captured() as statements:
            self.close(figures)
            transaction.set_rollback(True)
        return figures, statements

    def close(self, figures: dict[str, Any]) -> None:
        close_trade(user=self.user, **figures)

    def by_one_statement(self, raw: "psycopg.Connection[Any]") -> float:
        figures = self._figures(self.open())
        return timed(lambda: self._run_one_statement(raw, figures))

    def open(self) -> Trade:
        trade, _ = open_trade(
            user=self.user,
            portfolio=self.portfolio.portfolio_id,
            strategy_id=STRATEGY,
            symbol="BTCUSDT",
            side=Side.LONG,
            quantity=Decimal("0.02"),
            entry_price=ENTRY_PRICE,
            now=timezone.now(),
        )
        return trade

    def _figures(self, trade: Trade) -> dict[str, Any]:
        """Gains and losses in turn, so that the goals neither stand still nor end."""
        move = Decimal(next(self.prices) % 7 - 3)
        return {
            "trade_id": trade.trade_id,
            "exit_price": ENTRY_PRICE + move * 100,
            "fees": EXIT_FEES,
            "now": timezone.now(),
        }

    def _run_one_statement(
        self, raw: "psycopg.Connection[Any]", figures: dict[str, Any]
    ) -> None:
        with raw.cursor() as cursor:
            cursor.execute(CLOSE_TRADE, {**figures, "user_id": self.user.username})

    def check_one_statement(self) -> None:
        """The floor does the same work: it leaves what the service leaves."""
        figures = self._figures(self.open())
        outcomes = []
        for close in (self.close, self._by_one_statement_here):
            with transaction.atomic():
                close(figures)
                outcomes.append(_outcome(figures["trade_id"]))
                transaction.set_rollback(True)
        if outcomes[0] != outcomes[1] or not outcomes[0]:
            raise AssertionError(f"the floor differs: {outcomes[0]} and {outcomes[1]}")

    def _by_one_statement_here(self, figures: dict[str, Any]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(CLOSE_TRADE, {**figures, "user_id": self.user.username})


def _outcome(trade_id: int) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(OUTCOME, [trade_id])
        return cursor.fetchone()
