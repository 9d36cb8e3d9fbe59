"""What was booked before flows were valued at marks stays, and says so."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from goals.models import CashFlow, Portfolio
from goals.services.portfolios import record_cash_flow
from goals.tests.factories import PortfolioFactory
from mastertrade.tests.schema import migrate
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift
from trades.tests.factories import TradeFactory, book_profit

BEFORE = [("goals", "0007_probability_band"), ("trades", "0010_growths_of_parts")]
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.migrations
@pytest.mark.django_db(transaction=True)
def test_flows_of_before_stay_and_say_that_marks_are_unknown():
    portfolio = PortfolioFactory(now=BEGIN)
    plain = flow(portfolio, 250, day=1)
    book_profit(portfolio, Decimal(125), at=BEGIN + timedelta(days=2))
    TradeFactory(portfolio=portfolio, fees=Decimal(3), entry_time=BEGIN)
    beside = flow(portfolio, 110, day=3)
    marks = [Mark("BTCUSDT", Decimal(51000), BEGIN + timedelta(days=4))]
    mark_positions(user=portfolio.user, marks=marks, now=BEGIN + timedelta(days=4))
    try:
        migrate(*BEFORE)
        with connection.cursor() as cursor:
            cursor.execute("SELECT unrealized_pnl FROM portfolios ORDER BY 1 DESC")
            assert cursor.fetchone()[0] == 20
        migrate()
        stored = CashFlow.objects.order_by("pk").values_list(
            "pk", "units", "marks_unknown"
        )
        # The trade was entered before both flows.
        assert list(stored) == [(plain.pk, 250, True), (beside.pk, 100, True)]
        row = Portfolio.objects.get(pk=portfolio.pk)
        assert (row.unrealized_pnl, row.unit_value) == (17, Decimal("1.1"))
        assert [str(drift) for drift in find_drift([portfolio.pk])] == []
    finally:
        migrate()


def flow(portfolio: Portfolio, amount: int, *, day: int) -> CashFlow:
    at = BEGIN + timedelta(days=day)
    flow, _ = record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(amount),
        at=at,
        now=at,
    )
    return flow
