"""Voiding cash flows: kept, marked, and their effect reversed."""

from datetime import datetime

from goals.models import CashFlow, User
from goals.services.ledger import GoalMove
from goals.services.portfolios import lock_portfolio
from goals.services.rebuilding import rebuild_ledger
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import InvalidInput, NotFound

LONGEST_REASON = 500


def require_reason(reason: str) -> str:
    """Why something is voided, in words; for the audit trail, so never empty."""
    stripped = reason.strip()
    if not stripped:
        raise InvalidInput("reason", "must not be empty.")
    if len(stripped) > LONGEST_REASON:
        raise InvalidInput("reason", f"is longer than {LONGEST_REASON} characters.")
    return stripped


@atomic
def void_cash_flow(
    *,
    user: User,
    portfolio_id: int,
    cash_flow_id: int,
    reason: str,
    now: datetime,
    by: str | None = None,
) -> tuple[CashFlow, list[GoalMove]]:
    """Take a cash flow that was recorded by mistake out of the ledger.

    It stays readable; everything since then is made again. Raises
    `InsufficientEquity` where a later withdrawal would then be above the equity. A
    void one stays as it is. `by` is the user's name unless somebody else does it.
    """
    reason = require_reason(reason)
    try:
        portfolio = lock_portfolio(user=user, portfolio=portfolio_id)
    except InvalidInput as unknown:
        raise NotFound(unknown.detail) from unknown
    flow = (
        CashFlow.objects.select_for_update(no_key=True)
        .filter(portfolio=portfolio, pk=cash_flow_id)
        .first()
    )
    if flow is None:
        raise NotFound(f"Portfolio {portfolio.name} has no cash flow {cash_flow_id}.")
    if flow.voided_at is not None:
        return flow, []
    flow.voided_at = flow.updated_at = now
    flow.void_reason = reason
    flow.updated_by = by or user.username
    flow.save(update_fields=["voided_at", "void_reason", "updated_at", "updated_by"])
    moves = rebuild_ledger(
        portfolio,
        since=flow.flowed_at,
        now=now,
        reason=f"Cash flow {cash_flow_id} was voided: {reason}",
        flow=flow,
    )
    return flow, moves
