"""The demo portfolio: when it is made, made anew, left as it is and deleted."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from goals.enums import GoalType, PortfolioKind
from goals.models import Portfolio, User
from goals.services.goals import create_goal, update_goal
from goals.services.portfolios import (
    create_portfolio,
    record_cash_flow,
    update_portfolio,
)
from goals.services.resuming import halt_trading
from goals.tests.factories import UserFactory
from strategies.models import StrategyInstance
from tests.http import (
    all_rows,
    client_of,
    make_busy_trader,
    make_newcomer,
    nothing_changes,
    read,
    spaced,
)
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.freqtrade.tokens import issue_webhook
from trades.models import Trade
from trades.services.daily import run_day
from trades.services.demo import (
    Demo,
    is_used,
    renew_demo,
)
from trades.services.replay import ReplayQuestion, run_replay
from trades.sizing_calls.decide import select_strategy, size_for_portfolio
from trades.tests.demo_prices import load, load_nothing, shorten_demo
from trades.tests.prices import wander

TUESDAY = datetime(2026, 12, 1, 9, tzinfo=UTC)
WEDNESDAY = TUESDAY + timedelta(days=1)
LATER = TUESDAY + timedelta(hours=1)
HOME = reverse("site:home")
# Solved tables are a cache that names no portfolio; the clients' tokens are not its.
CACHES = ("policy_tables", "api_tokens")

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_demo(monkeypatch)


def make(user: User, now: datetime = TUESDAY) -> Demo:
    return renew_demo(user=user, now=now, load=load)


def everything() -> dict[str, Any]:
    return {table: rows for table, rows in all_rows().items() if table not in CACHES}


def content_of(portfolio: Portfolio) -> list[Any]:
    """What does not depend on keys."""
    trades = portfolio.trades.order_by("entry_time", "symbol").values_list(
        "symbol", "strategy_id", "quantity", "entry_price", "profit_loss", "exit_time"
    )
    decisions = portfolio.adjustments.order_by("pk").values_list(
        "as_of", "adjustment_factor", "adjusted_size", "verdict"
    )
    goals = portfolio.goals.order_by("pk").values_list(
        "start_date", "target_date", "progress_pct", "status", "probability"
    )
    return [list(trades), list(decisions), list(goals), portfolio.equity]


def test_the_same_day_makes_the_same_demo(short: None):
    first, second = make(UserFactory()), make(UserFactory())

    assert first.is_new
    assert second.is_new
    assert content_of(first.portfolio) == content_of(second.portfolio)
    assert first.portfolio.trades.count() > 25


def test_it_is_made_once_and_anew_when_its_prices_end_before_yesterday(short: None):
    user = UserFactory()
    before = everything()
    first = make(user)
    with nothing_changes():
        again = renew_demo(user=user, now=LATER, load=load_nothing)
    assert not again.is_new
    assert again.portfolio == first.portfolio

    second = make(user, WEDNESDAY)

    assert second.is_new
    assert second.last_day == date(2026, 12, 1)
    assert list(Portfolio.objects.filter(kind=PortfolioKind.DEMO)) == [second.portfolio]
    call_delete(user, second.portfolio)
    assert everything() == before


def test_over_a_weekend_the_demo_stays_as_it_is(short: None):
    user = UserFactory()
    saturday = datetime(2026, 12, 5, 9, tzinfo=UTC)
    first = make(user, saturday)
    for days in (1, 2):
        with nothing_changes():
            then = saturday + timedelta(days=days)
            assert not renew_demo(user=user, now=then, load=load_nothing).is_new
    assert make(user, saturday + timedelta(days=3)).portfolio != first.portfolio


def open_trade_of(portfolio: Portfolio) -> Trade:
    return portfolio.trades.filter(status="open").first()


def running_goal_of(portfolio: Portfolio) -> int:
    return portfolio.goals.filter(ended_at=None).latest("pk").pk


OWN_ENTRIES: dict[str, Callable[[dict[str, Any], Portfolio], object]] = {
    "a size": lambda of, it: size_for_portfolio(
        **of, portfolio=it.pk, base_size=Decimal(100)
    ),
    "a strategy chosen": lambda of, it: select_strategy(
        **of, goal_id=running_goal_of(it)
    ),
    "a close": lambda of, it: close_trade(
        **of, trade_id=open_trade_of(it).pk, exit_price=Decimal(30)
    ),
    "a mark": lambda of, it: mark_positions(
        **of,
        portfolio=it.pk,
        marks=[Mark(open_trade_of(it).symbol, Decimal(30), LATER)],
    ),
    "a deposit": lambda of, it: record_cash_flow(
        **of, portfolio=it.pk, amount=Decimal(10)
    ),
    "a halt": lambda of, it: halt_trading(**of, portfolio_id=it.pk, reason="enough"),
    "a limit": lambda of, it: update_portfolio(
        **of, portfolio_id=it.pk, max_position_pct=Decimal(50)
    ),
    "a goal": lambda of, it: create_goal(
        user=of["user"],
        as_of=of["now"],
        portfolio=it.pk,
        goal_type=GoalType.MONTHLY_RETURN,
        target_value=Decimal(1),
    ),
    "a goal changed": lambda of, it: update_goal(
        user=of["user"],
        as_of=of["now"],
        goal_id=running_goal_of(it),
        target_value=Decimal(30_000),
    ),
    "a webhook": lambda of, it: issue_webhook(
        **of, bot="bot", strategy_id="demo_momentum", portfolio=it.pk
    ),
}


def test_one_in_which_somebody_did_something_stays_as_it_is(short: None, subtests: Any):
    from django.db import transaction

    user = UserFactory()
    made = make(user).portfolio
    assert not is_used(made)
    for what, do in OWN_ENTRIES.items():
        with subtests.test(what), transaction.atomic():
            do({"user": user, "now": LATER}, made)
            with nothing_changes():
                left = renew_demo(user=user, now=WEDNESDAY, load=load_nothing)
            assert left.is_used, what
            assert not left.is_new
            transaction.set_rollback(True)


def test_a_portfolio_of_the_users_own_keeps_the_name(short: None):
    user = UserFactory()
    create_portfolio(user=user, name="demo", now=TUESDAY)

    assert make(user).portfolio.name == "demo 2"


def call_delete(user: User, portfolio: Portfolio) -> None:
    deleted = client_of(user).delete(f"/api/portfolios/{portfolio.pk}/")
    assert deleted.status_code == 204


def test_deleted_whole_by_the_api_it_leaves_every_table_as_it_was(short: None):
    trader = make_busy_trader()  # has a replay and strategies of its own
    before = everything()

    made = make(trader.user).portfolio
    trader.post("/api/sizing/", {"base_size": "100", "portfolio": made.pk})
    call_delete(trader.user, made)

    assert everything() == before


def test_the_command_deletes_the_demo_and_its_replays_and_nothing_else(
    short: None, capsys: pytest.CaptureFixture[str], settings: Any, tmp_path: Any
):
    settings.VAR_DIR = tmp_path
    user = User.objects.create_superuser("demo")
    question = ReplayQuestion(GoalType.MONTHLY_RETURN, Decimal(3))
    run_replay(user=user, question=question, series=wander(150), now=TUESDAY)
    before = {k: len(rows) for k, rows in everything().items()}
    make(user)
    run_replay(
        user=user,
        question=question,
        series=wander(150, seed=8),
        now=TUESDAY,
        kind=PortfolioKind.DEMO,
    )

    call_command("demo", "--delete")

    assert "Deleted 3 portfolios of the demo" in capsys.readouterr().out
    assert {k: len(rows) for k, rows in everything().items()} == before


def test_deleting_the_last_replay_leaves_the_demo_its_strategies(short: None):
    trader = make_busy_trader()
    make(trader.user)
    own = StrategyInstance.objects.filter(user=trader.user, kind=PortfolioKind.DEMO)

    read(trader.client.delete(f"/api/replays/{trader['replay_id']}/"), 204)

    assert own.filter(strategy_id__startswith="demo_").count() == 3


def test_the_demo_is_seen_by_its_owner_alone_and_moves_nothing_live(
    short: None, monkeypatch: pytest.MonkeyPatch
):
    trader, stranger = make_busy_trader(), make_newcomer()
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)  # a goal's pace stands still
    lists = ("goals", "trades", "positions", "portfolios", "strategies")
    lists += ("strategies/performance", "changes")
    live = {name: trader.get(f"/api/{name}/")["results"] for name in lists}
    made = make(trader.user).portfolio

    assert {name: trader.get(f"/api/{name}/")["results"] for name in lists} == live
    assert trader.get(f"/api/portfolios/{made.pk}/")["kind"] == "demo"
    with nothing_changes():
        for name in ("goals", "trades", "positions", "portfolios"):
            assert stranger.get(f"/api/{name}/", kind="all")["results"] == (
                [] if name != "portfolios" else stranger.get(f"/api/{name}/")["results"]
            )
        read(stranger.client.get(f"/api/portfolios/{made.pk}/"), 404)
        read(stranger.client.delete(f"/api/portfolios/{made.pk}/"), 404)
        asked = {"base_size": "100", "portfolio": made.pk}
        assert "portfolio" in stranger.post("/api/sizing/", asked, 400)


def test_the_daily_run_leaves_the_demo_as_it_is(short: None):
    make(UserFactory())
    with nothing_changes():
        outcomes = list(run_day(as_of=TUESDAY + timedelta(days=60)))
    assert not any(one.done.failures for one in outcomes)


def compare(*arguments: str) -> Any:
    out = StringIO()
    asked = ("--paths", "50", "--json", *arguments)
    call_command("compare_policies", *asked, stdout=out)
    return json.loads(out.getvalue())[0]


def test_compare_policies_has_trades_of_the_demo_and_says_so(short: None):
    user = UserFactory()
    made = make(user, timezone.now()).portfolio
    closed = made.trades.filter(status="closed").count()

    unnamed, named = (
        compare("--user", user.username),
        compare("--user", user.username, "--portfolio", "demo"),
    )

    assert unnamed == named
    assert closed >= 20
    assert unnamed["record_trades"] == closed
    assert "trades of the demo at shifted prices" in unnamed["name"]
    with pytest.raises(CommandError, match="main has 0 closed trades, 20 are needed"):
        compare("--user", user.username, "--portfolio", "main")
    with pytest.raises(CommandError, match="0 closed trades"):
        compare("--user", UserFactory().username)


def test_the_home_page_shows_the_demo_apart_and_says_what_it_is(
    short: None, client: Client
):
    user = UserFactory()
    client.force_login(user)
    made = make(user, timezone.now()).portfolio
    page = spaced(client.get(HOME).content.decode())  # nothing else has money
    assert "Demo: daily prices" in page
    for words in ("3 %</span> by ", "22,500</span> USD by ", 'data-label="Entry"'):
        assert words in page

    main = user.portfolios.get(name="main")
    record_cash_flow(
        user=user, portfolio=main.pk, amount=Decimal(5), now=timezone.now()
    )
    own = client.get(HOME).content.decode()
    assert "Demo: daily prices" not in own
    assert f'href="?portfolio={made.pk}"' in own
    client.force_login(UserFactory())
    assert f"?portfolio={made.pk}" not in client.get(HOME).content.decode()
