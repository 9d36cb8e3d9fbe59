"""The operator's view of where trades came from, and of what became of one."""

import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from goals.models import Portfolio, User
from goals.tests.factories import PortfolioFactory
from trades.booking.add import add_to_trade
from trades.booking.close import close_trade
from trades.booking.void import void_trade
from trades.freqtrade.tokens import issue_webhook
from trades.models import Trade, TradeFill, TradeImport
from trades.tests.factories import ENTRY, TradeFactory, ensure_strategy
from trades.tests.importing.test_import_fills import bring, csv_of

pytestmark = pytest.mark.django_db

LISTS = [
    reverse(f"admin:trades_{name}_changelist")
    for name in ("tradeimport", "tradefill", "webhooktoken")
]
ROUND_TRIP = csv_of(
    "2026-01-05 10:00:00,SOLUSDT,BUY,100,2SOL,200USDT,0.2USDT",
    "2026-01-06 10:00:00,SOLUSDT,SELL,110,2SOL,220USDT,0.2USDT",
)


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator"))
    return client


def arrive(portfolio: Portfolio) -> TradeImport:
    bring(portfolio, ROUND_TRIP)
    issue_webhook(
        user=portfolio.user,
        portfolio=portfolio.pk,
        bot="bot",
        strategy_id=ensure_strategy(portfolio).strategy_id,
        now=ENTRY,
    )
    return TradeImport.objects.get(portfolio=portfolio)


def sections_of(client: Client, trade: Trade) -> dict[str, list[list[object]]]:
    address = reverse("admin:trades_trade_change", args=[trade.pk])
    pages = client.get(address).context["section_pages"]
    return {turned.section.key: turned.rows for turned in pages}


@pytest.mark.parametrize("address", LISTS)
@pytest.mark.slow
def test_a_list_asks_as_many_queries_for_nine_arrivals_as_for_two(operator, address):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert operator.get(address).status_code == 200
        return len(queries)

    for _ in range(2):
        arrive(PortfolioFactory())
    count()
    few = count()
    for _ in range(7):
        arrive(PortfolioFactory())
    assert count() == few


def test_an_import_leads_to_the_trades_it_made(operator):
    imported = arrive(PortfolioFactory())
    TradeFactory()
    page = reverse("admin:trades_tradeimport_change", args=[imported.pk])
    assert "those it made" in operator.get(page).content.decode()
    query = f"?source_import__import_id={imported.pk}"
    answer = operator.get(reverse("admin:trades_trade_changelist") + query)
    found = {trade.source_import_id for trade in answer.context["cl"].result_list}
    assert found == {imported.pk}


def test_every_arrival_has_a_page(operator):
    arrive(PortfolioFactory())
    fill = TradeFill.objects.first()
    page = reverse("admin:trades_tradefill_change", args=[fill.pk])
    assert operator.get(page).status_code == 200


def test_a_trades_page_tells_its_parts_fills_and_changes(operator):
    trade = TradeFactory(quantity=Decimal(3))
    user = trade.user
    add_to_trade(
        user=user,
        trade_id=trade.pk,
        quantity=Decimal(1),
        entry_price=Decimal(50_000),
        now=ENTRY,
    )
    close_trade(
        user=user,
        trade_id=trade.pk,
        exit_price=Decimal(51_000),
        quantity=Decimal(1),
        now=ENTRY,
    )
    void_trade(user=user, trade_id=trade.pk, reason="a test", now=ENTRY)
    given = sections_of(operator, trade)
    assert [len(given[key]) for key in ("parts", "fills")] == [1, 1]
    actions = [str(row[1]) for row in given["changes"]]
    assert ["enlarged" in action for action in actions].count(True) == 1
    assert "voided" in actions[0]
    changed = str(given["changes"][0][3])
    assert "a test" in changed
    assert "void since" in changed
    assert "_" not in re.sub(r"<[^>]+>", "", changed)  # a column's own name


def test_a_trades_page_asks_as_many_queries_for_six_parts_as_for_two(operator):
    def count(parts: int) -> int:
        trade = TradeFactory(quantity=Decimal(parts + 1))
        for _ in range(parts):
            close_trade(
                user=trade.user,
                trade_id=trade.pk,
                exit_price=Decimal(51_000),
                quantity=Decimal(1),
                now=ENTRY,
            )
        with CaptureQueriesContext(connection) as queries:
            sections_of(operator, trade)
        return len(queries)

    count(2)
    assert count(6) == count(2)
