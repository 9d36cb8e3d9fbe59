"""Changes and growth records of before find their portfolio and their block."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from goals.models import LedgerChange
from goals.services.portfolios import record_cash_flow
from goals.services.voids import void_cash_flow
from goals.tests.factories import PortfolioFactory
from mastertrade.tests.schema import migrate
from trades.booking.reconcile import find_drift
from trades.booking.void import void_trade
from trades.models import GrowthRecord
from trades.sizing_calls.records import load_record
from trades.tests.factories import book_profit
from trades.tests.growths import plain_record

BEFORE = [("goals", "0013_daily_and_weekly_goals"), ("trades", "0016_finish_replays")]
BEFORE_CUBES = [("trades", "0018_webhooks_of_tokens")]
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
NOW = BEGIN + timedelta(days=9)


@pytest.mark.migrations
@pytest.mark.django_db(transaction=True)
def test_what_was_stored_before_is_found_by_portfolio_and_block():
    one, other = PortfolioFactory(now=BEGIN), PortfolioFactory(now=BEGIN)
    flow, _ = record_cash_flow(
        user=other.user, portfolio=other.pk, amount=Decimal(5), now=BEGIN
    )
    trade = book_profit(one, Decimal(10), at=BEGIN + timedelta(days=1))
    book_profit(one, Decimal(-4), at=BEGIN + timedelta(days=2))
    void_trade(user=one.user, trade_id=trade.pk, reason="mistaken", now=NOW)
    try:
        migrate(*BEFORE)
        migrate()
        void_cash_flow(
            user=other.user,
            portfolio_id=other.pk,
            cash_flow_id=flow.pk,
            reason="mistaken",
            now=NOW,
        )
        of = {change.portfolio_id for change in LedgerChange.objects.all()}
        assert of == {one.pk, other.pk}
        assert load_record(one.user, one, NOW) == plain_record([one], NOW)
        assert GrowthRecord.objects.get(strategy_id="").block == 0
        assert list(find_drift([one.pk, other.pk])) == []
    finally:
        migrate()


@pytest.mark.migrations
@pytest.mark.django_db(transaction=True)
def test_records_stored_before_cubes_were_are_made_again():
    portfolio = PortfolioFactory(now=BEGIN)
    for day, profit in enumerate((10, -4, 7), start=1):
        book_profit(portfolio, Decimal(profit), at=BEGIN + timedelta(days=day))
    load_record(portfolio.user, portfolio, NOW)
    try:
        migrate(*BEFORE_CUBES)  # keeps what is stored, without its cubes
        with connection.cursor() as cursor:
            cursor.execute("SELECT sum(trades) FROM growth_records")
            assert cursor.fetchone() == (6,)  # of all and of the strategy
        migrate()
        assert load_record(portfolio.user, portfolio, NOW) == plain_record(
            [portfolio], NOW
        )
        assert list(find_drift([portfolio.pk])) == []
    finally:
        migrate()
