"""Whether a portfolio may trade, by the clock.

The column follows at the next call that looks at the limits; until then a day's halt
that is over still stands in it.
"""

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

from goals.enums import TradingState
from goals.models import Portfolio, TradingHalt


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
