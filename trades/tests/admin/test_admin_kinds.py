"""The admin's lists hold live rows unless another kind is asked for."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.test import Client, RequestFactory
from django.urls import reverse

from goals.enums import PortfolioKind
from goals.models import CashFlow, LedgerChange, Portfolio, TradingHalt, User
from goals.services.portfolios import record_cash_flow
from goals.services.resuming import halt_trading
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from strategies.tests.factories import StrategyFactory
from tests.http import count_statements, make_replay
from trades.admin import ReplayRunAdmin
from trades.booking.add import add_to_trade
from trades.freqtrade.tokens import issue_webhook
from trades.models import TradeFill, TradeImport
from trades.sizing_calls.decide import select_strategy, size_for_goal
from trades.sizing_calls.records import load_record
from trades.tests.factories import TradeFactory, book_profit

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LISTS = (
    "goals_portfolio",
    "goals_financialgoal",
    "goals_goalprogresshistory",
    "goals_goaladjustmentlog",
    "goals_ledgerentry",
    "goals_ledgerday",
    "goals_cashflow",
    "goals_ledgerchange",
    "goals_tradinghalt",
    "strategies_strategyinstance",
    "strategies_strategyselectionlog",
    "trades_trade",
    "trades_position",
    "trades_tradeimport",
    "trades_tradefill",
    "trades_webhooktoken",
    "trades_growthrecord",
)
COUNT = re.compile(r"(\d+) [a-z ]+\s*</p>|(\d+) result")

pytestmark = pytest.mark.django_db


def fill(kind: PortfolioKind) -> Portfolio:
    """A portfolio of that kind with a row in every list."""
    portfolio = PortfolioFactory(kind=kind, name=f"a {kind}")
    user = portfolio.user
    strategy = StrategyFactory(user=user, kind=kind, strategy_type="grid")
    goal = GoalFactory(portfolio=portfolio)
    held = TradeFactory(portfolio=portfolio)
    add_to_trade(
        user=user,
        trade_id=held.pk,
        quantity=Decimal(1),
        entry_price=Decimal(50000),
        now=NOW,
    )
    book_profit(portfolio, Decimal(5), at=NOW)
    record_cash_flow(user=user, portfolio=portfolio.pk, amount=Decimal(1), now=NOW)
    size_for_goal(user=user, goal_id=goal.pk, now=NOW, base_size=Decimal(10))
    select_strategy(user=user, goal_id=goal.pk, now=NOW)
    load_record(user, portfolio, NOW)
    halt_trading(user=user, portfolio_id=portfolio.pk, reason="a look", now=NOW)
    issue_webhook(
        user=user,
        bot="bot",
        strategy_id=strategy.strategy_id,
        now=NOW,
        portfolio=portfolio.pk,
    )
    TradeImport.objects.create(
        user=user,
        portfolio=portfolio,
        format="mastertrade-csv",
        file_name=f"{kind}.csv",
        content_sha256="0" * 64,
        created_count=1,
        known_count=0,
        refused_count=0,
        created_at=NOW,
        created_by=user.username,
    )
    return portfolio


def rows(operator: Client, name: str, **asked: str) -> set[str]:
    """The keys of the rows a list shows, without its page."""
    model = apps.get_model(name.replace("_", ".", 1))
    request = RequestFactory().get("/", asked)
    request.user = User.objects.get(pk=operator.session["_auth_user_id"])
    listed = site.get_model_admin(model).get_changelist_instance(request)
    return {str(row.pk) for row in listed.queryset}


def count_of_page(operator: Client, name: str, **asked: str) -> int:
    with count_statements() as statements:
        page = operator.get(reverse(f"admin:{name}_changelist"), asked)
    assert page.status_code == 200
    return len(statements)


def test_a_list_holds_live_rows_unless_another_kind_is_asked(
    operator: Client, subtests: Any
) -> None:
    simulated = fill(PortfolioKind.SIMULATION)
    fill(PortfolioKind.LIVE)
    assert TradeFill.objects.exists()
    assert CashFlow.objects.exists()
    assert LedgerChange.objects.exists()
    assert TradingHalt.objects.exists()

    for name in LISTS:
        with subtests.test(name):
            live = rows(operator, name)
            of_simulation = rows(operator, name, kind="simulation")
            assert live
            assert of_simulation
            assert not live & of_simulation
            assert rows(operator, name, kind="live") == live
            assert rows(operator, name, kind="demo") == set()
            assert rows(operator, name, kind="all") == live | of_simulation
            default = count_of_page(operator, name)
            assert count_of_page(operator, name, kind="all") == default
            if name.startswith("goals_portfolio"):
                named = rows(operator, name, portfolio_id=str(simulated.pk))
                assert named == {str(simulated.pk)}


def test_a_replay_of_the_demo_is_listed_as_a_simulation(
    operator: Client, subtests: Any
) -> None:
    """Of a kind exactly its rows; strategies have a kind of their own."""
    replayed = fill(PortfolioKind.DEMO)
    of_replay = {name: rows(operator, name, kind="demo") for name in LISTS}
    Portfolio.objects.filter(pk=replayed.pk).update(finished_at=NOW)
    fill(PortfolioKind.DEMO)
    for name in LISTS:
        with subtests.test(name):
            demo = rows(operator, name, kind="demo")
            if name == "strategies_strategyinstance":
                assert len(demo) == 2 * len(of_replay[name])
                continue
            assert demo
            assert not demo & of_replay[name]
            assert rows(operator, name, kind="simulation") == of_replay[name]
            assert rows(operator, name, kind="all") >= demo | of_replay[name]


def test_replays_are_listed_by_who_ran_them(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = (PortfolioKind.DEMO, PortfolioKind.SIMULATION)
    runs = {kind: make_replay(UserFactory(), kind=kind) for kind in kinds}
    shown = ("run", "kind")  # their reports are empty
    monkeypatch.setattr(ReplayRunAdmin, "list_display", shown)
    for kind, run in runs.items():
        assert rows(operator, "trades_replayrun", kind=kind) == {str(run.pk)}
    assert len(rows(operator, "trades_replayrun")) == 2
