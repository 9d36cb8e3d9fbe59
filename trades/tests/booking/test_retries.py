"""A service that is tried again does all it was asked, whatever was read before."""

import io
from datetime import UTC, datetime

import pytest
from django.db import connection

from goals.tests.factories import PortfolioFactory
from trades.booking.reconcile import find_drift
from trades.importing.import_trades import import_trades
from trades.importing.options import ImportOptions
from trades.models import Trade, TradeImport
from trades.tests.factories import ensure_strategy

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 4, 20, tzinfo=UTC)
# The first attempt is given up at the very end, when everything else is done.
GIVE_UP_ONCE = """
CREATE SEQUENCE attempts;
CREATE FUNCTION give_up_once() RETURNS trigger AS $$
BEGIN
    IF nextval('attempts') = 1 THEN
        RAISE EXCEPTION 'given up' USING ERRCODE = '40001';
    END IF;
    RETURN new;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER give_up_once BEFORE UPDATE ON portfolios
    FOR EACH ROW EXECUTE FUNCTION give_up_once();
"""
CLEAN_UP = "DROP FUNCTION give_up_once CASCADE; DROP SEQUENCE attempts"
HEADER = "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time"
ROW = "{},BTCUSDT,LONG,0.02,50000,2026-03-02T09:00:00Z,51000,2026-03-02T10:00:00Z"


def run(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_an_import_reads_its_file_again():
    portfolio = PortfolioFactory()
    options = ImportOptions(strategy_id=ensure_strategy(portfolio).strategy_id)
    lines = "\n".join([HEADER, *(ROW.format(number) for number in range(50))])
    run(GIVE_UP_ONCE)
    try:
        report = import_trades(
            user=portfolio.user,
            portfolio=portfolio.pk,
            source=io.BytesIO(lines.encode()),
            file_name="trades.csv",
            format_name="mastertrade-csv",
            now=NOW,
            options=options,
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT last_value FROM attempts")
            assert cursor.fetchone() == (2,)
    finally:
        run(CLEAN_UP)
    assert (report.created, report.known, report.refused) == (50, 0, 0)
    assert (Trade.objects.count(), TradeImport.objects.count()) == (50, 1)
    assert list(find_drift()) == []
