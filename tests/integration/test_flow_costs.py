"""What the flows cost: statements however many trades there are."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.integration.test_goal_trading_flow import MOMENTUM, Flow
from tests.integration.traders import Trader
from trades.tests.factories import book_profit

TRANSACTION_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
# A close that causes an alert has one more.
SIZING, OPENING, CLOSING = 7, 6, 6 + 1


def count(captured: CaptureQueriesContext) -> int:
    return sum(
        not query["sql"].startswith(TRANSACTION_CONTROL)
        for query in captured.captured_queries
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("earlier_trades", [0, 60])
@pytest.mark.slow
def test_a_trade_costs_few_statements_however_many_came_before(
    trader: Trader, earlier_trades: int
) -> None:
    flow = Flow(trader)
    portfolio = trader.user.portfolios.get(pk=flow.portfolio)
    start = datetime.now(UTC) - timedelta(seconds=earlier_trades + 1)
    for second in range(earlier_trades):
        book_profit(portfolio, Decimal("0.1"), start + timedelta(seconds=second))

    with CaptureQueriesContext(connection) as sizing:
        size = flow.size(
            strategy_id=MOMENTUM,
            symbol="BTCUSDT",
            price=Decimal(50000),
            max_size=Decimal(900),
            request_id="one question",
        )
    with CaptureQueriesContext(connection) as opening:
        trade_id = flow.open(
            size["quantity"],
            adjustment_id=size["adjustment_id"],
            external_id="one order",
        )
    with CaptureQueriesContext(connection) as closing:
        trader.close(trade_id, exit_price=Decimal(50010), fees=Decimal("0.1"))

    assert count(sizing) <= SIZING
    assert count(opening) <= OPENING
    assert count(closing) <= CLOSING
