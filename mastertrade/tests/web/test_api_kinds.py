"""Lists hold live rows unless asked; a single object is its owner's, of any kind."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from goals.enums import GoalType, PortfolioKind
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio, record_cash_flow
from strategies.services import create_strategy
from tests.http import Trader, count_statements, made_once, make_trader, read
from trades.booking.close import close_trade
from trades.booking.open import open_trade
from trades.freqtrade.tokens import issue_webhook
from trades.models import Trade, TradeImport

# Every list that has rows of portfolios, and the key of its rows.
LISTS = {
    "/api/portfolios/": "portfolio_id",
    "/api/goals/": "goal_id",
    "/api/strategies/": "strategy_id",
    "/api/strategies/performance/": "strategy_id",
    "/api/trades/": "trade_id",
    "/api/trades/imports/": "import_id",
    "/api/positions/": "position_id",
    "/api/changes/": "change_id",
    "/api/webhooks/": "webhook_id",
}
OF_A_PORTFOLIO = [
    "/api/goals/",
    "/api/strategies/performance/",
    "/api/trades/",
    "/api/trades/imports/",
    "/api/positions/",
]
KINDS = [str(kind) for kind in PortfolioKind]


def fill(trader: Trader, kind: str) -> int:
    """A portfolio of that kind with a row in every list; its key."""
    now, user = timezone.now(), trader.user
    portfolio = create_portfolio(
        user=user,
        name=f"a {kind}",
        kind=PortfolioKind(kind),
        opening_balance=Decimal(1000),
        now=now - timedelta(days=2),
    ).portfolio_id
    create_strategy(
        user=user,
        strategy_id=f"s_{kind}",
        strategy_type="grid",
        kind=PortfolioKind(kind),
        now=now,
    )
    create_goal(
        user=user,
        portfolio=portfolio,
        goal_type=GoalType.MONTHLY_RETURN,
        target_value=Decimal(5),
        as_of=now,
    )
    for symbol in ("HELD", "SOLD"):
        trade, _ = open_trade(
            user=user,
            portfolio=portfolio,
            now=now,
            strategy_id=f"s_{kind}",
            symbol=symbol,
            side="LONG",
            quantity=Decimal(1),
            entry_price=Decimal(100),
        )
    close_trade(
        user=user, trade_id=trade.pk, exit_price=Decimal(101), exit_time=now, now=now
    )
    record_cash_flow(user=user, portfolio=portfolio, amount=Decimal(1), now=now)
    issue_webhook(
        user=user, now=now, bot=kind, strategy_id=f"s_{kind}", portfolio=portfolio
    )
    TradeImport.objects.create(
        user=user,
        portfolio_id=portfolio,
        format="mastertrade-csv",
        file_name=f"{kind}.csv",
        content_sha256="0" * 64,
        created_count=1,
        known_count=0,
        refused_count=0,
        created_at=now,
        created_by=user.username,
    )
    return portfolio


def make_trader_of_kinds() -> Trader:
    """One with rows of every kind; `ids` hold the portfolios by their kind."""
    trader = make_trader()
    trader.ids.update({kind: fill(trader, kind) for kind in KINDS})
    return trader


trader_of_module = made_once(make_trader_of_kinds)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


def keys(trader: Trader, path: str, **asked: Any) -> set[Any]:
    return {row[LISTS[path]] for row in trader.get(path, **asked)["results"]}


@pytest.mark.parametrize("path", LISTS)
def test_a_list_holds_live_rows_unless_other_kinds_are_asked(
    path: str, trader: Trader
) -> None:
    of = {kind: keys(trader, path, kind=kind) for kind in KINDS}

    assert all(of.values())
    assert keys(trader, path) == of["live"]
    assert len(set.union(*of.values())) == sum(len(found) for found in of.values())
    assert keys(trader, path, kind="all") == set.union(*of.values())
    assert keys(trader, path, kind=["demo", "simulation"]) == (
        of["demo"] | of["simulation"]
    )


@pytest.mark.parametrize("path", OF_A_PORTFOLIO)
def test_naming_a_portfolio_asks_for_its_rows_whatever_its_kind(
    path: str, trader: Trader
) -> None:
    named = keys(trader, path, portfolio=trader["simulation"])

    assert named >= keys(trader, path, kind="simulation")
    assert keys(trader, path, portfolio="a simulation") == named


def test_changes_of_a_trade_that_is_named_are_shown_whatever_its_kind(
    trader: Trader,
) -> None:
    sold = Trade.objects.get(portfolio_id=trader["demo"], symbol="SOLD")

    assert trader.get("/api/changes/", trade_id=sold.pk)["count"] == 1


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("value", ["paper", "LIVE", "", "live,demo"])
def test_another_kind_is_refused_and_the_kinds_named(
    path: str, value: str, trader: Trader
) -> None:
    refused = read(trader.client.get(path, {"kind": value}), 400)

    (words,) = refused["kind"]
    assert words.startswith("Must be one of live, simulation, demo, all.")


@pytest.mark.parametrize("path", LISTS)
def test_a_kind_costs_no_statement(path: str, trader: Trader) -> None:
    with count_statements() as default:
        trader.get(path)
    with count_statements() as asked:
        trader.get(path, kind="all")

    assert len(default) == len(asked) <= 4


def test_a_single_object_is_its_owners_whatever_its_kind(trader: Trader) -> None:
    goal = trader.get("/api/goals/", kind="demo")["results"][0]["goal_id"]
    trade = trader.get("/api/trades/", kind="demo")["results"][0]["trade_id"]
    stranger = make_trader()
    for address in (
        f"/api/portfolios/{trader['demo']}/",
        f"/api/portfolios/{trader['demo']}/cash-flows/",
        f"/api/portfolios/{trader['demo']}/halts/",
        f"/api/goals/{goal}/",
        f"/api/goals/{goal}/progress/",
        f"/api/goals/{goal}/projection/",
        f"/api/trades/{trade}/",
    ):
        read(trader.client.get(address), 200)
        read(stranger.client.get(address), 404)
    assert trader.get(f"/api/portfolios/{trader['demo']}/")["kind"] == "demo"


def test_nobody_makes_or_changes_a_kind_through_the_api(trader: Trader) -> None:
    refused = trader.post("/api/portfolios/", {"name": "x", "kind": "demo"}, 400)
    assert list(refused) == ["kind"]
    address = f"/api/portfolios/{trader['live']}/"
    assert list(trader.patch(address, {"kind": "demo"}, 400)) == ["kind"]


def test_the_performance_of_a_strategy_is_live_unless_a_portfolio_is_named(
    trader: Trader,
) -> None:
    address = "/api/strategies/s_simulation/performance/"

    assert trader.get(address)["trades"] == 0
    assert trader.get(address, portfolio="a simulation")["trades"] == 1
    assert trader.get(address, portfolio="a demo")["trades"] == 0
