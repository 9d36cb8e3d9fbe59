"""A portfolio's value of a period that is over, and not rolled over yet."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from goals.models import FinancialGoal, Portfolio
from goals.services.rollover import roll_goals
from goals.tests.factories import GoalFactory, PortfolioFactory
from trades.booking.add import add_to_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift, mend_drift
from trades.booking.void import void_trade
from trades.models import Trade
from trades.tests.factories import ENTRY, TradeFactory, book_profit

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LATER = ENTRY + 21 * DAY
Behind = Callable[[Portfolio, Trade], object]


def mark(portfolio: Portfolio, price: int, days: int) -> None:
    at = ENTRY + days * DAY
    marks = [Mark("BTCUSDT", Decimal(price), at)]
    mark_positions(
        user=portfolio.user, portfolio=portfolio.portfolio_id, marks=marks, now=at
    )


def add(portfolio: Portfolio, trade: Trade) -> None:
    add_to_trade(
        user=portfolio.user,
        trade_id=trade.trade_id,
        quantity=Decimal(1),
        entry_price=Decimal(50_010),
        now=LATER,
    )


BEHIND: dict[str, Behind] = {
    "nothing": lambda portfolio, _: None,
    "a mark": lambda portfolio, _: mark(portfolio, 50_020, 21),
    "an addition": add,
    "a close": lambda portfolio, _: book_profit(portfolio, Decimal(7), at=LATER),
    "the roll-over": lambda *_: roll_goals(as_of=LATER),
}


@pytest.mark.parametrize("profits", [[], [10]], ids=["no entries", "an entry"])
@pytest.mark.parametrize("behind", BEHIND.values(), ids=list(BEHIND))
def test_what_comes_behind_its_end_is_neither_drift_nor_its_value(
    behind: Behind, profits: list[int]
) -> None:
    portfolio = PortfolioFactory()
    goal = GoalFactory(
        portfolio=portfolio,
        goal_type="portfolio_value",
        target_value=Decimal(1200),
        start_date=date(2026, 3, 2),
        target_date=date(2026, 3, 8),
    )
    booked = [book_profit(portfolio, Decimal(profit), at=ENTRY) for profit in profits]
    held = TradeFactory(
        portfolio=portfolio, entry_time=ENTRY + DAY, quantity=Decimal(1), now=LATER
    )
    mark(portfolio, 50_060, 2)
    behind(portfolio, held)
    assert list(find_drift([portfolio.pk])) == []
    mend_drift(portfolio.pk, LATER)
    value_of = FinancialGoal.objects.values_list("current_value", flat=True)
    assert value_of.get(pk=goal.pk) == 1060 + sum(profits)
    for trade in booked:
        void_trade(
            user=goal.user, trade_id=trade.trade_id, reason="mistaken", now=LATER
        )
    if behind is not add:  # what was open is not known apart from it
        assert value_of.get(pk=goal.pk) == 1060
    assert list(find_drift([portfolio.pk])) == []
