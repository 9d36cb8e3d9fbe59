"""The admin's lists: live rows unless another kind is asked for, and no N+1."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.test import Client, RequestFactory
from django.urls import reverse

from goals.enums import PortfolioKind
from goals.models import ApiToken, Portfolio, User
from goals.services.portfolios import record_cash_flow
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.channel_factories import make_channel, make_delivery
from goals.tests.factories import GoalFactory, PortfolioFactory
from strategies.tests.factories import StrategyFactory
from tests.admin_pages import page_of
from tests.http import count_statements, make_replay
from trades.booking.add import add_to_trade
from trades.booking.close import close_trade
from trades.enums import JobKind
from trades.freqtrade.tokens import issue_webhook
from trades.models import ReplayRun, TradeImport, UserJob
from trades.sizing_calls.decide import select_strategy, size_for_goal
from trades.sizing_calls.records import load_record
from trades.tests.factories import TradeFactory, book_profit

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BY_KIND = (
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
LISTS = (
    *BY_KIND,
    "goals_user",
    "goals_apitoken",
    "goals_goalalert",
    "goals_alertchannel",
    "goals_alertdelivery",
    "trades_replayrun",
    "trades_userjob",
)

pytestmark = pytest.mark.django_db


def fill(portfolio: Portfolio) -> None:
    """A row in every list, of the portfolio or of its user."""
    user = portfolio.user
    strategy = StrategyFactory(user=user, kind=portfolio.kind, strategy_type="grid")
    goal = GoalFactory(
        portfolio=portfolio, target_value=Decimal(5 + portfolio.goals.count())
    )
    held = TradeFactory(portfolio=portfolio, quantity=Decimal("0.02"))
    add_to_trade(
        user=user,
        trade_id=held.pk,
        quantity=Decimal("0.01"),
        entry_price=Decimal(50000),
        now=NOW,
    )
    close_trade(
        user=user,
        trade_id=held.pk,
        exit_price=Decimal(50100),
        quantity=Decimal("0.005"),
        now=NOW,
    )
    book_profit(portfolio, Decimal(5), at=NOW)
    record_cash_flow(user=user, portfolio=portfolio.pk, amount=Decimal(1), now=NOW)
    size_for_goal(user=user, goal_id=goal.pk, now=NOW, base_size=Decimal(10))
    select_strategy(user=user, goal_id=goal.pk, now=NOW)
    load_record(user, portfolio, NOW)
    halt_trading(user=user, portfolio_id=portfolio.pk, reason="a look", now=NOW)
    resume_trading(user=user, portfolio_id=portfolio.pk, now=NOW)
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
        file_name=f"{portfolio.kind}.csv",
        content_sha256="0" * 64,
        created_count=1,
        known_count=0,
        refused_count=0,
        created_at=NOW,
        created_by=user.username,
    )
    ApiToken.objects.create(user)
    make_delivery(make_channel(user))
    make_replay(user)
    UserJob.objects.create(user=user, kind=JobKind.IMPORT, arguments={}, created_at=NOW)


def listed(operator: Client, name: str, **asked: str) -> set[str]:
    """The keys of the rows a list shows, without its page."""
    model = apps.get_model(name.replace("_", ".", 1))
    request = RequestFactory().get("/", asked)
    request.user = User.objects.get(pk=operator.session["_auth_user_id"])
    changes = site.get_model_admin(model).get_changelist_instance(request)
    return {str(row.pk) for row in changes.queryset}


def statements(operator: Client, address: str) -> int:
    with count_statements() as found:
        assert operator.get(address).status_code == 200, address
    return len(found)


@pytest.mark.slow
def test_a_list_holds_live_rows_unless_another_kind_is_asked(
    operator: Client, subtests: Any
) -> None:
    simulated = PortfolioFactory(kind=PortfolioKind.SIMULATION)
    fill(simulated)
    fill(PortfolioFactory())
    for name in BY_KIND:
        with subtests.test(name):
            live = listed(operator, name)
            of_simulation = listed(operator, name, kind="simulation")
            assert live
            assert of_simulation
            assert not live & of_simulation
            assert listed(operator, name, kind="live") == live
            assert listed(operator, name, kind="demo") == set()
            assert listed(operator, name, kind="all") >= live | of_simulation
    of_one = listed(operator, "trades_trade", portfolio=str(simulated.pk))
    assert of_one == listed(operator, "trades_trade", kind="simulation")


@pytest.mark.slow
def test_no_list_and_no_page_takes_a_statement_a_row(
    operator: Client, subtests: Any
) -> None:
    """A list of several owners' rows; a page of a row that many others belong to."""
    models = [apps.get_model(name.replace("_", ".", 1)) for name in LISTS]

    def measure() -> dict[str, int]:
        of_lists = {
            name: statements(operator, reverse(f"admin:{name}_changelist"))
            for name in LISTS
        }
        oldest = [
            model.objects.order_by("pk")[0]
            for model in models
            if model is not ReplayRun  # the reports of these are empty
        ]
        of_pages = {
            row._meta.label: statements(operator, page_of(row)) for row in oldest
        }
        return of_lists | of_pages

    first = PortfolioFactory()
    fill(first)
    fill(first)
    fill(PortfolioFactory())
    measure()  # content types are read once
    few = measure()
    for portfolio in (first, first, first, *PortfolioFactory.create_batch(3)):
        fill(portfolio)
    for name, count in measure().items():
        with subtests.test(name):
            assert count == few[name]
