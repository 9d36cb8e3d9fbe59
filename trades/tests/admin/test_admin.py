"""The operator's view of trades, where they came from, and replays."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from goals.enums import GoalType
from goals.models import GoalAdjustmentLog
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from tests.admin_pages import act, page_of, text_of
from tests.http import nothing_changes
from trades.booking.add import add_to_trade
from trades.booking.close import close_trade
from trades.models import Trade, TradeImport
from trades.replay.options import ReplaySettings
from trades.services.replay import ReplayQuestion, run_replay
from trades.sizing_calls.decide import plan_next_trade
from trades.tests.factories import ENTRY, TradeFactory, book_profit, ensure_strategy
from trades.tests.importing.test_import_fills import bring, csv_of
from trades.tests.prices import wander

pytestmark = pytest.mark.django_db

TRADES = reverse("admin:trades_trade_changelist")
ROUND_TRIP = csv_of(
    "2026-01-05 10:00:00,SOLUSDT,BUY,100,2SOL,200USDT,0.2USDT",
    "2026-01-06 10:00:00,SOLUSDT,SELL,110,2SOL,220USDT,0.2USDT",
)


def listed(client: Client, query: str) -> list[Any]:
    return list(client.get(f"{TRADES}?{query}").context["cl"].result_list)


def test_a_decisions_page_shows_guards_inputs_and_answer(operator: Client) -> None:
    goal = GoalFactory()
    ensure_strategy(goal.portfolio)
    plan_next_trade(
        user=goal.user,
        portfolio=goal.portfolio_id,
        now=ENTRY,
        base_size=Decimal(100),
        symbol="BTCUSDT",
    )
    decision = GoalAdjustmentLog.objects.get()

    page = text_of(operator, "goals_goaladjustmentlog_change", decision.pk)

    assert ".name: exposure" in page
    assert "request.base_size: 100" in page
    assert "Adjusted size: 130 " in page
    assert "{&#x27;" not in page


def test_a_trades_page_has_its_parts_and_fills(operator: Client) -> None:
    trade = TradeFactory(quantity=Decimal(3))
    add_to_trade(
        user=trade.user,
        trade_id=trade.pk,
        quantity=Decimal(1),
        entry_price=Decimal(50_000),
        now=ENTRY,
    )
    close_trade(
        user=trade.user,
        trade_id=trade.pk,
        exit_price=Decimal(51_000),
        quantity=Decimal(1),
        now=ENTRY,
    )

    parts, fills = operator.get(page_of(trade)).context["inline_admin_formsets"]

    (part,) = parts.formset.forms
    assert (part.instance.status, part.instance.profit_loss) == ("closed", 1000)
    (fill,) = fills.formset.forms
    assert fill.instance.quantity == 1


def test_trades_are_filtered_by_portfolio_and_searched_by_symbol(
    operator: Client,
) -> None:
    mine = TradeFactory(symbol="ETHUSDT")
    TradeFactory()

    for query in (f"portfolio={mine.portfolio_id}", "q=ETH"):
        assert listed(operator, query) == [mine]


def test_a_trade_is_voided_with_a_reason_by_the_operator(operator: Client) -> None:
    portfolio = PortfolioFactory()
    trade = book_profit(portfolio, Decimal(20))

    with nothing_changes():
        (refused,) = act(operator, TRADES, "void", trade)
    assert refused.endswith("Reason: must not be empty.")
    assert act(operator, TRADES, "void", trade, reason="twice") == ["Voided: 1."]

    trade.refresh_from_db()
    assert (trade.status, trade.void_reason) == ("void", "twice")
    assert (trade.updated_by, trade.user_id) == ("operator", portfolio.user_id)
    portfolio.refresh_from_db()
    assert portfolio.equity == 1000
    change = text_of(operator, "goals_ledgerchange_changelist")
    assert "voided operator" in change


def test_a_part_that_is_voided_names_the_operator_at_its_trade(
    operator: Client,
) -> None:
    trade = TradeFactory(quantity=Decimal(3))
    close_trade(
        user=trade.user,
        trade_id=trade.pk,
        exit_price=Decimal(51_000),
        quantity=Decimal(1),
        now=ENTRY,
    )
    act(operator, TRADES, "void", Trade.objects.get(parent_trade=trade), reason="no")
    trade.refresh_from_db()
    assert (trade.quantity, trade.updated_by) == (3, "operator")


def test_an_import_leads_to_the_trades_it_made(operator: Client) -> None:
    portfolio = PortfolioFactory()
    bring(portfolio, ROUND_TRIP)
    imported = TradeImport.objects.get()
    TradeFactory()

    page = operator.get(page_of(imported)).content.decode()

    query = f"source_import={imported.pk}"
    assert f'href="{TRADES}?{query}"' in page
    assert {one.source_import_id for one in listed(operator, query)} == {imported.pk}


@pytest.mark.slow
def test_a_replay_says_what_the_policy_did(operator: Client) -> None:
    run = run_replay(
        user=UserFactory(),
        question=ReplayQuestion(
            GoalType.MONTHLY_RETURN,
            Decimal(3),
            settings=ReplaySettings(base_size_pct=Decimal(400), resume_after_days=30),
        ),
        series=wander(150),
        now=datetime(2026, 3, 2, tzinfo=UTC),
    )

    page = text_of(operator, "trades_replayrun_change", run.pk)

    assert "3 % return per month" in page
    assert "at its hard drawdown (" in page
