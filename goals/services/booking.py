"""One more entry in the ledger: behind all others, or in between."""

from datetime import datetime

from goals.models import Portfolio
from goals.services.halts import enforce_limits
from goals.services.ledger import ClosedProfit, Flow, GoalMove, append_entry
from goals.services.rebuilding import rebuild_ledger


def book_entry(
    *,
    portfolio: Portfolio,
    entry: ClosedProfit | Flow,
    effective_at: datetime,
    recorded_at: datetime,
    what: str,
) -> list[GoalMove]:
    """Book a closed trade's profit or a cash flow; move every goal it touches.

    `portfolio` must be locked by the caller, in whose transaction this runs and who
    has written the trade or the cash flow; `what` names it. Behind all others the cost
    does not depend on how many entries there are; an entry that arrives late rebuilds
    what it touches. Where the portfolio falls to a limit, trading is halted.
    """
    reason = f"{what} of {effective_at:%Y-%m-%d %H:%M} UTC arrived late"
    moves = append_entry(
        portfolio=portfolio,
        entry=entry,
        effective_at=effective_at,
        recorded_at=recorded_at,
        reason=reason,
    )
    if moves is not None:
        enforce_limits(portfolio, recorded_at, at=effective_at, moves=moves)
        return moves
    return rebuild_ledger(
        portfolio,
        since=effective_at,
        now=recorded_at,
        reason=reason,
        flow=entry.cash_flow if isinstance(entry, Flow) else None,
    )
