"""Whether a portfolio may trade, by the clock.

The column follows at the next call that looks at the limits; until then a day's halt
that is over still stands in it.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import (
    Case,
    CharField,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)

from goals.decisions.breaches import CONFIRMED_AFTER
from goals.enums import HaltCause, TradingState
from goals.models import Portfolio, TradingHalt
from goals.services.figures_at import read_figures
from goals.services.floors import drawdown_floors
from goals.services.limit_changes import effective_at


@dataclass(frozen=True, slots=True)
class Waiting:
    """Entries are refused since a mark showed this floor reached.

    A second mark, or none that says otherwise `until` then, halts trading.
    """

    cause: HaltCause
    since: datetime
    until: datetime


def find_waiting(portfolio: Portfolio, now: datetime) -> Waiting | None:
    """What waits for a second mark; no statement."""
    since = portfolio.suspected_at
    if since is None:
        return None
    at = effective_at(portfolio, now)
    is_hard = drawdown_floors(read_figures(portfolio, at), at).is_at_hard
    cause = HaltCause.HARD_DRAWDOWN if is_hard else HaltCause.DAILY_LOSS
    return Waiting(cause, since, since + CONFIRMED_AFTER)


def with_trading_state(
    portfolios: QuerySet[Portfolio], now: datetime
) -> QuerySet[Portfolio]:
    """The same portfolios, each with its state at `now` as `state_now`."""
    lasting = TradingHalt.objects.unresumed(now).filter(portfolio=OuterRef("pk"))
    is_over = Q(trading_state=TradingState.HALTED) & ~Exists(lasting)
    state = Case(
        When(is_over, then=Value(str(TradingState.ACTIVE))),
        default=F("trading_state"),
        output_field=CharField(),
    )
    return portfolios.annotate(state_now=state)


def trading_state_of(portfolio: Portfolio) -> str:
    """By the clock where it was read so; else the column, which a call just set."""
    return str(getattr(portfolio, "state_now", portfolio.trading_state))
