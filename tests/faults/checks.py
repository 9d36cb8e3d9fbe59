"""What must be in the database after a kill, and what must not.

Looked up in SQL, apart from `reconcile`, which is asked as well: every cached figure is
what the ledger says.
"""

from decimal import Decimal
from typing import Any

from tests.faults.bots import Bot, Crowd, Step
from tests.faults.report import Report
from tests.faults.seed import OPENING_BALANCE
from tests.faults.stand import Stand

TRADES = """
SELECT external_id, trade_id, status, parent_trade_id, exit_price FROM trades
WHERE portfolio_id = %s AND external_id IS NOT NULL
"""
FILLS = """
SELECT external_id, trade_id FROM trade_fills
WHERE portfolio_id = %s AND external_id IS NOT NULL
"""
FLOWS = """
SELECT external_id, cash_flow_id FROM cash_flows
WHERE portfolio_id = %s AND external_id IS NOT NULL
"""
SIZES = """
SELECT request_id, adjustment_id FROM goal_adjustment_log
WHERE portfolio_id = %s AND request_id IS NOT NULL
"""
# Each closed trade left one row in the history of each goal that counts trades.
HISTORY = """
SELECT g.goal_id, count(h.*) FILTER (WHERE h.kind = 'trade'),
       (SELECT count(*) FROM trades t
        WHERE t.portfolio_id = g.portfolio_id AND t.status = 'closed')
FROM financial_goals g JOIN goal_progress_history h USING (goal_id)
WHERE g.portfolio_id = %s AND g.goal_type <> 'portfolio_value' GROUP BY g.goal_id
"""
FIGURES = "SELECT equity, realized_pnl FROM portfolios WHERE portfolio_id = %s"


def check_after_fault(stand: Stand, crowd: Crowd, report: Report, when: str) -> int:
    """All that was acknowledged is there, nothing half done.

    Returns how many requests without an answer were done all the same.
    """
    stand.reconcile(report, when)
    done_unheard = 0
    for portfolio_id in sorted({bot.portfolio_id for bot in crowd.bots}):
        bots = [bot for bot in crowd.bots if bot.portfolio_id == portfolio_id]
        found = _Found(stand, portfolio_id)
        for bot in bots:
            lost = [s.key for s in bot.answered if not found.has(bot, s)]
            report.expect_none(lost, f"{when}: acknowledged and lost")
            unheard = [step for step in bot.steps if step.is_open_question]
            done_unheard += sum(found.has(bot, step) for step in unheard)
        sent = {step.key for bot in bots for step in bot.steps if step.tries}
        report.expect_none(
            sorted(found.keys - sent), f"{when}: there, and nobody sent it"
        )
        _check_history(stand, portfolio_id, report, when)
    return done_unheard


def check_at_the_end(stand: Stand, crowd: Crowd, report: Report) -> None:
    """Everything is answered, and the sums are those of the plans."""
    report.expect_none(crowd.wrong, "wrong answers")
    missing = [s.key for bot in crowd.bots for s in bot.steps if s.answer is None]
    report.expect_none(missing, "never answered")
    check_after_fault(stand, crowd, report, "at the end")
    for portfolio_id in sorted({bot.portfolio_id for bot in crowd.bots}):
        bots = [bot for bot in crowd.bots if bot.portfolio_id == portfolio_id]
        profit = sum((bot.profit for bot in bots), Decimal(0))
        flows = sum((bot.flows for bot in bots), Decimal(0))
        [(equity, realized)] = stand.ask_database(FIGURES, portfolio_id)
        report.expect(realized == profit, f"profit is {realized}, not {profit}")
        given = OPENING_BALANCE + profit + flows
        report.expect(equity == given, f"equity is {equity}, not {given}")


class _Found:
    """What the database has of one portfolio, by external id."""

    def __init__(self, stand: Stand, portfolio_id: int) -> None:
        def ask(statement: str) -> dict[str, tuple[Any, ...]]:
            rows = stand.ask_database(statement, portfolio_id)
            return {row[0]: row[1:] for row in rows}

        self.trades, self.fills = ask(TRADES), ask(FILLS)
        self.flows, self.sizes = ask(FLOWS), ask(SIZES)

    @property
    def keys(self) -> set[str]:
        return {*self.trades, *self.fills, *self.flows, *self.sizes}

    def has(self, bot: Bot, step: Step) -> bool:
        """Whether the step is done, and as it was answered, if it was."""
        answer = step.answer or {}
        match step.kind:
            case "open":
                return _same(self.trades, step.key, answer.get("trade_id"))
            case "add":
                return _same(self.fills, step.key, answer.get("trade_id"))
            case "flow":
                return _same(self.flows, step.key, answer.get("cash_flow_id"))
            case "size":
                return _same(self.sizes, step.key, answer.get("adjustment_id"))
            case "part":
                _, status, parent, _ = self.trades.get(step.key, (None,) * 4)
                opened = self.trades.get(step.of or "", (None,))
                return status == "closed" and parent == opened[0]
            case _:
                _, status, _, price = self.trades.get(step.of or "", (None,) * 4)
                wanted = Decimal(step.body["exit_price"])
                return status == "closed" and price == wanted


def _same(rows: dict[str, tuple[Any, ...]], key: str, answered: int | None) -> bool:
    return key in rows and answered in {None, rows[key][0]}


def _check_history(stand: Stand, portfolio_id: int, report: Report, when: str) -> None:
    for goal_id, rows, closed in stand.ask_database(HISTORY, portfolio_id):
        report.expect(
            rows == closed,
            f"{when}: goal {goal_id} has {rows} rows for {closed} closed trades",
        )
