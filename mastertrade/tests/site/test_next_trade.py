"""From the next trade's size to its record and its close, on the first page."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlparse

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from goals.models import FinancialGoal, GoalAdjustmentLog, Portfolio, User
from goals.services.resuming import halt_trading
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from mastertrade.tests.site.test_today import text_of
from strategies.models import StrategyInstance, StrategySelectionLog
from tests.http import make_trader, nothing_changes
from trades.models import Position, Trade
from trades.tests.factories import TradeFactory, ensure_strategy

pytestmark = pytest.mark.django_db
FAR = date(2199, 12, 31)
HTMX = {"HX-Request": "true"}
ASKED = {
    "symbol": "ETH/USDT",
    "side": "LONG",
    "price": "3148",
    "stop_price": "3054",
    "size_by": "risk",
    "risk_pct": "0.7",
    "base_size": "",
    "strategy": "",
    "lot_step": "",
}
RECORDED = {
    "symbol": "ETH/USDT",
    "side": "LONG",
    "quantity": "1.5",
    "entry_price": "3148",
}


def panel_of(client: Client, portfolio: Portfolio, **asked: str) -> str:
    """What the panel answers, as text."""
    address = reverse("site:next-trade", args=[portfolio.pk])
    answer = client.post(address, {**ASKED, **asked}, headers=HTMX)
    assert answer.status_code in {200, 422}
    return text_of(answer.content.decode())


@pytest.fixture
def portfolio(client: Client) -> Portfolio:
    """Of a signed-in user, with a goal of 5 % and one strategy."""
    goal = GoalFactory(target_date=FAR)
    ensure_strategy(goal.portfolio)
    client.force_login(goal.user)
    found: Portfolio = goal.portfolio
    return found


# The next trade


def test_the_panel_answers_what_the_services_decide(
    client: Client, portfolio: Portfolio
) -> None:
    panel = panel_of(client, portfolio)

    decision = GoalAdjustmentLog.objects.get()
    chosen = StrategySelectionLog.objects.get()
    assert decision.strategy_id == chosen.strategy_id
    assert decision.symbol == "ETH/USDT"
    assert decision.asked["risk_pct"] == "0.7"
    assert decision.asked["side"] == "LONG"
    assert "Buy 0.0968085 ETH/USDT" in panel
    assert "304.75 USDT" in panel
    assert "risks 9.10 USDT (0.91 %)" in panel
    assert "Ladder 1.3" in panel
    assert "Headroom off" in panel
    assert "the ladder policy gives 1.3" in panel
    assert "the factor 1.3 is given on the benefit of the doubt" in panel


def test_a_strategy_that_is_named_is_the_one_sized_for(
    client: Client, portfolio: Portfolio
) -> None:
    strategy = StrategyInstance.objects.get()

    panel_of(
        client,
        portfolio,
        strategy=strategy.strategy_id,
        size_by="size",
        base_size="500",
    )

    decision = GoalAdjustmentLog.objects.get()
    assert decision.strategy_id == strategy.strategy_id
    assert decision.base_size == 500
    assert not StrategySelectionLog.objects.exists()


def test_without_a_strategy_the_portfolio_s_record_is_judged(client: Client) -> None:
    goal = GoalFactory(target_date=FAR)
    client.force_login(goal.user)

    assert "Buy" in panel_of(client, goal.portfolio)
    assert GoalAdjustmentLog.objects.get().strategy_id is None


def test_a_guard_that_bound_says_so(client: Client, portfolio: Portfolio) -> None:
    halt_trading(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        reason="gone sailing",
        now=timezone.now(),
    )

    panel = panel_of(client, portfolio)

    assert "block" in panel
    assert "No trade" in panel
    assert "Drawdown 0.0 bound" in panel
    assert "gone sailing" in panel
    assert "Record this trade" not in panel


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"price": "much"}, "Must be a number, such as 2500.50."),
        ({"price": ""}, "This field is required."),
        (
            {"stop_price": ""},
            "Is missing: “Risk of equity” is what is lost at it.",
        ),
        ({"side": "SHORT"}, "Is SHORT, but a “Stop” below the price is that of a LONG"),
        ({"size_by": "size"}, "Is missing"),
        ({"risk_pct": "1e400"}, "Must have at most 14 digits."),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_at_its_field_and_decides_nothing(
    client: Client, portfolio: Portfolio, wrong: dict[str, str], said: str
) -> None:
    with nothing_changes():
        panel = panel_of(client, portfolio, **wrong)
    assert said in panel


def test_without_a_goal_or_money_the_one_action_is_named(client: Client) -> None:
    user = UserFactory()
    client.force_login(user)
    funded = PortfolioFactory(user=user)
    assert "is running, so nothing says how large" in panel_of(client, funded)
    main = user.portfolios.get(name="main")
    GoalFactory(portfolio=main, target_date=FAR)
    assert "main has no money to trade with, so there is no size. Deposit" in panel_of(
        client, main
    )


def test_without_script_the_whole_page_answers(
    client: Client, portfolio: Portfolio
) -> None:
    address = reverse("site:next-trade", args=[portfolio.pk])

    page = client.post(address, ASKED).content.decode()

    assert "<h1>Today</h1>" in page
    assert "Record this trade" in page


# The record


def test_the_panel_s_trade_is_recorded_with_its_decision(
    client: Client, portfolio: Portfolio
) -> None:
    address = reverse("site:next-trade", args=[portfolio.pk])
    panel = client.post(address, ASKED, headers=HTMX).content.decode()
    link = re.search(r'href="(/trades/new/[^"]+)"', panel)
    assert link
    where = link[1].replace("&amp;", "&")
    decision = GoalAdjustmentLog.objects.get()
    assert parse_qs(urlparse(where).query)["adjustment_id"] == [str(decision.pk)]

    form = client.get(where).context["form"]
    shown = {name: form[name].value() for name in form.fields}
    assert shown["symbol"] == "ETH/USDT"
    assert shown["entry_price"] == "3148"
    assert shown["stop_price"] == "3054"
    assert Decimal(shown["quantity"]) == Decimal(decision.answer["quantity"])
    body = {name: value for name, value in shown.items() if value not in (None, "")}
    for _ in range(2):  # sent twice
        answer = client.post(where, body)

    assert answer.status_code == 302, answer.context["form"].errors
    trade = Trade.objects.get()
    assert trade.adjustment == decision
    assert trade.strategy_id == decision.strategy_id
    assert Position.objects.get().symbol == "ETH/USDT"


def test_a_trade_is_recorded_by_hand_under_a_new_strategy(client: Client) -> None:
    user: User = UserFactory(time_zone="Europe/Berlin")
    portfolio = PortfolioFactory(user=user)
    client.force_login(user)
    address = f"{reverse('site:trade-new')}?portfolio={portfolio.pk}"
    assert "In Europe/Berlin" in client.get(address).content.decode()

    answer = client.post(
        address,
        {
            **RECORDED,
            "portfolio": portfolio.pk,
            "new_strategy": "Breakouts",
            "entry_time": "2026-03-05T10:00",
            "exit_price": "3248",
            "exit_time": "2026-03-05T12:00",
            "fees": "2",
        },
        follow=True,
    )

    trade = Trade.objects.get()
    assert (trade.strategy_id, trade.profit_loss) == ("Breakouts", 148)
    assert trade.entry_time == datetime(2026, 3, 5, 9, tzinfo=UTC)
    assert "was closed with +148.00 USDT" in text_of(answer.content.decode())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"new_strategy": ""}, "strategy_id"),
        ({"quantity": "-1"}, "quantity"),
        ({"quantity": "many"}, "quantity"),
        ({"entry_time": "2199-01-01T10:00"}, "entry_time"),
        ({"stop_price": "4000"}, "stop_price"),
        ({"exit_time": "2026-03-05T12:00"}, "exit_time"),
        ({"quote_currency": "EUR"}, "fx_rate"),
        ({"adjustment_id": "1"}, "adjustment_id"),
        ({"portfolio": "0"}, "portfolio"),
        ({"new_strategy": "performance"}, "new_strategy"),
        ({"new_strategy": "Swing 1/2"}, "new_strategy"),
    ],
    ids=str,
)
def test_a_trade_that_is_refused_changes_nothing_and_says_where(
    client: Client, portfolio: Portfolio, body: dict[str, str], field: str
) -> None:
    given = {**RECORDED, "portfolio": portfolio.pk, "new_strategy": "Breakouts"}
    with nothing_changes():
        answer = client.post(reverse("site:trade-new"), {**given, **body})
    assert list(answer.context["form"].errors) == [field]


def test_while_halted_a_trade_is_recorded_only_where_a_person_says_so(
    client: Client, portfolio: Portfolio
) -> None:
    halt_trading(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        reason="gone sailing",
        now=timezone.now(),
    )
    address = f"{reverse('site:trade-new')}?portfolio={portfolio.pk}"
    assert 'name="override"' in client.get(address).content.decode()
    body = {**RECORDED, "portfolio": portfolio.pk, "new_strategy": "Breakouts"}
    refused = client.post(address, body)
    assert "gone sailing" in refused.content.decode()
    assert not Trade.objects.exists()
    assert not StrategyInstance.objects.filter(strategy_id="Breakouts").exists()

    client.post(address, {**body, "override": "on"})

    assert Trade.objects.get().override_halt.reason == "gone sailing"


# The close


def close_form(client: Client, trade: Trade) -> dict[str, str]:
    form = client.get(reverse("site:trade-close", args=[trade.pk])).context["form"]
    shown = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in shown.items() if value not in (None, "")}


@pytest.fixture
def trade(client: Client, portfolio: Portfolio) -> Trade:
    at = timezone.now() - timedelta(minutes=1)
    made: Trade = TradeFactory(portfolio=portfolio, entry_time=at, now=at)
    return made


def test_after_a_close_the_goal_moves_without_a_reload(
    client: Client, trade: Trade
) -> None:
    marks = reverse("site:marks", args=[trade.portfolio_id])
    marked = client.post(marks, {"price_0": "51000"}, headers=HTMX)
    assert "1 position marked." in marked.content.decode()
    assert "+20.00" in text_of(marked.content.decode())
    body = close_form(client, trade)
    assert body["exit_price"] == "51000"

    close = reverse("site:trade-close", args=[trade.pk])
    answer = client.post(close, body, headers=HTMX)

    parts = answer.content.decode()
    assert (answer["HX-Trigger"], answer["HX-Reswap"]) == ("done", "none")
    assert "Closed 0.02 BTCUSDT at 51,000: +20.00 USDT." in text_of(parts)
    assert "40 % of the way" in text_of(parts)
    assert FinancialGoal.objects.get().progress_pct == 40


def test_without_script_a_close_leads_back_to_the_first_page(
    client: Client, trade: Trade
) -> None:
    close = reverse("site:trade-close", args=[trade.pk])
    answer = client.post(close, {"exit_price": "51000"}, follow=True)

    assert answer.redirect_chain == [(f"/?portfolio={trade.portfolio_id}", 302)]
    assert "40 % of the way" in text_of(answer.content.decode())


def test_a_part_is_closed_and_the_rest_stays_open(client: Client, trade: Trade) -> None:
    close = reverse("site:trade-close", args=[trade.pk])
    body = {**close_form(client, trade), "exit_price": "51000", "quantity": "0.005"}
    for _ in range(2):  # sent twice
        client.post(close, body)

    trade.refresh_from_db()
    assert (trade.status, trade.quantity) == ("open", Decimal("0.015"))
    assert trade.parts.get().profit_loss == 5


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"exit_price": ""}, "exit_price"),
        ({"exit_price": "0"}, "exit_price"),
        ({"quantity": "9"}, "quantity"),
        ({"exit_time": "2199-01-01T10:00"}, "exit_time"),
        ({"fees": "-1"}, "fees"),
    ],
    ids=str,
)
def test_a_close_that_is_refused_stays_in_the_dialog(
    client: Client, trade: Trade, body: dict[str, str], field: str
) -> None:
    close = reverse("site:trade-close", args=[trade.pk])
    with nothing_changes():
        answer = client.post(close, {"exit_price": "51000", **body}, headers=HTMX)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert "<html" not in answer.content.decode()


@pytest.mark.parametrize("price", ["much", "-1", "0", "1e-30", "9" * 30, "NaN"])
def test_a_mark_that_is_refused_is_named_by_its_symbol(
    client: Client, trade: Trade, price: str
) -> None:
    at = trade.entry_time
    TradeFactory(portfolio=trade.portfolio, symbol="ETHUSDT", entry_time=at, now=at)
    marks = reverse("site:marks", args=[trade.portfolio_id])
    with nothing_changes():
        answer = client.post(marks, {"price_0": "5", "price_1": price}, headers=HTMX)
    assert answer.status_code == 422
    form = answer.context["form"]
    assert list(form.errors) == ["price_1"]
    assert form["price_1"].label == "ETHUSDT"


def test_marks_without_a_price_ask_for_one(client: Client, trade: Trade) -> None:
    marks = reverse("site:marks", args=[trade.portfolio_id])
    with nothing_changes():
        answer = client.post(marks, {"price_0": ""}, headers=HTMX)
    assert answer.status_code == 422
    assert "Give the price of at least one symbol." in answer.content.decode()


def test_nothing_of_another_user_is_asked_recorded_or_closed(client: Client) -> None:
    theirs = make_trader(username="mallory")
    theirs.post("/api/goals/{goal_id}/sizing/", {"base_size": "100"})
    portfolio = Portfolio.objects.get(pk=theirs["portfolio_id"])
    opened = TradeFactory(portfolio=portfolio, now=timezone.now())
    decision = GoalAdjustmentLog.objects.get()
    mine = PortfolioFactory()
    client.force_login(mine.user)
    addresses = [
        reverse("site:next-trade", args=[portfolio.pk]),
        reverse("site:marks", args=[portfolio.pk]),
        reverse("site:trade-close", args=[opened.pk]),
        f"{reverse('site:trade-new')}?adjustment_id={decision.pk}",
        f"{reverse('site:trade-new')}?portfolio={portfolio.pk}",
    ]
    with nothing_changes():
        for address in addresses:
            for headers in ({}, HTMX):
                answer = client.post(address, ASKED, headers=headers)
                assert answer.status_code == 404, address
        body = {**RECORDED, "new_strategy": "Breakouts", "portfolio": portfolio.pk}
        refused = client.post(reverse("site:trade-new"), body)
    assert list(refused.context["form"].errors) == ["portfolio"]
    assert "momentum_001" not in refused.content.decode()


@pytest.mark.parametrize("name", ["next-trade", "marks", "trade-close", "trade-new"])
def test_a_visitor_or_a_form_of_another_site_does_nothing(
    trade: Trade, name: str
) -> None:
    keys = {"trade-close": [trade.pk], "trade-new": []}
    address = reverse(f"site:{name}", args=keys.get(name, [trade.portfolio_id]))
    body = {**ASKED, "exit_price": "1", "price_0": "1"}
    with nothing_changes():
        visitor = Client().post(address, body)
        assert visitor["Location"].startswith(reverse("site:login"))
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(trade.user)
    with nothing_changes():
        assert strict.post(address, body).status_code == 403
