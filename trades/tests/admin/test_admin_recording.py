"""What an operator records in the admin: money, halts, trades, by the services."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from goals.models import CashFlow, Portfolio, TradingHalt, User
from goals.services.portfolios import record_cash_flow
from goals.services.resuming import halt_trading
from goals.tests.factories import START, GoalFactory, PortfolioFactory, UserFactory
from strategies.tests.factories import StrategyFactory
from tests.admin_pages import text_of
from tests.http import nothing_changes
from trades.models import Trade
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import TradeFactory, ensure_strategy

pytestmark = pytest.mark.django_db
DEPOSIT = reverse("admin:goals_cashflow_add")
HALT = reverse("admin:goals_tradinghalt_add")
RECORD = reverse("admin:trades_trade_add")
PORTFOLIOS = reverse("admin:goals_portfolio_changelist")


def page_of(row: Any) -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def errors_of(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200, answer.headers
    form = answer.context["adminform"].form
    return {name: list(texts) for name, texts in form.errors.items()}


def form_id(client: Client, address: str) -> str:
    """The id that an opened form sends along."""
    page = client.get(address).content.decode()
    found = re.search(r'name="form_id" value="(form-[^"]+)"', page)
    assert found is not None
    return found[1]


def trade_body(portfolio: Portfolio, **fields: object) -> dict[str, object]:
    return {
        "portfolio": portfolio.pk,
        "strategy_id": ensure_strategy(portfolio).strategy_id,
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": "0.02",
        "entry_price": "50000",
        **fields,
    }


@pytest.fixture
def portfolio() -> Portfolio:
    made: Portfolio = PortfolioFactory(now=START)
    return made


@pytest.fixture
def empty() -> Portfolio:
    made: Portfolio = UserFactory().portfolios.get(name="main")
    return made


def clerk_with(client: Client, *codes: str) -> Client:
    """A browser of staff who hold these permissions and no others."""
    clerk = UserFactory(username="clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=codes))
    client.force_login(clerk)
    return client


# Money


def test_a_deposit_is_booked_by_the_operator_for_the_owner(
    operator: Client, empty: Portfolio
):
    page = text_of(operator, "goals_portfolio_change", empty.pk)
    assert "has no money to trade with" in page
    assert "Or use “Deposit or withdraw” on this page" in page
    answer = operator.post(DEPOSIT, {"portfolio": empty.pk, "amount": "1000"})
    flow = CashFlow.objects.get()
    assert answer["Location"] == page_of(empty)
    assert (flow.portfolio, flow.amount) == (empty, 1000)
    assert flow.created_by == "operator"
    empty.refresh_from_db()
    assert (empty.equity, empty.units) == (1000, 1000)
    assert "has no money" not in text_of(operator, "goals_portfolio_change", empty.pk)


def test_a_deposit_sent_twice_is_booked_once(operator: Client, empty: Portfolio):
    body = {
        "portfolio": empty.pk,
        "amount": "1000",
        "form_id": form_id(operator, DEPOSIT),
    }
    operator.post(DEPOSIT, body)
    operator.post(DEPOSIT, body)
    assert CashFlow.objects.count() == 1
    assert form_id(operator, DEPOSIT) != body["form_id"]


def test_a_deposit_may_be_dated(operator: Client, portfolio: Portfolio):
    body = {"flowed_at_0": "2026-03-02", "flowed_at_1": "12:00:00"}
    operator.post(DEPOSIT, {"portfolio": portfolio.pk, "amount": "5", **body})
    assert f"{CashFlow.objects.get().flowed_at:%F %T}" == "2026-03-02 12:00:00"


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("amount", "0", "must not be 0."),
        ("amount", "", "This field is required."),
        ("flowed_at", ("2199-01-01", "00:00:00"), "is in the future"),
        ("__all__", "-2000", ""),
    ],
)
def test_what_a_deposit_refuses_shows_at_its_field(
    operator: Client, portfolio: Portfolio, field: str, value: Any, error: str
):
    body: dict[str, object] = {"portfolio": portfolio.pk, "amount": "5"}
    if field == "flowed_at":
        body |= {f"{field}_{place}": part for place, part in enumerate(value)}
    else:
        body["amount"] = value
    with nothing_changes():
        errors = errors_of(operator.post(DEPOSIT, body))
    assert list(errors) == [field]
    if field != "__all__":
        assert errors[field][0].startswith(error)


# Halting and resuming


def test_trading_is_halted_and_resumed_on_the_portfolio_s_page(
    operator: Client, portfolio: Portfolio
):
    page = operator.get(page_of(portfolio))
    tools = dict(page.context["tools"])
    assert list(tools) == ["Deposit or withdraw", "Halt trading", "Record a trade"]
    body = {"portfolio": portfolio.pk, "reason": "news at noon"}
    answer = operator.post(tools["Halt trading"], body)
    assert answer["Location"] == page_of(portfolio)
    halt = TradingHalt.objects.get()
    assert (halt.halted_by, halt.reason) == ("operator", "news at noon")
    page = operator.get(page_of(portfolio))
    tools = dict(page.context["tools"])
    assert list(tools) == ["Deposit or withdraw", "Resume trading", "Record a trade"]
    form = operator.get(tools["Resume trading"]).context["adminform"].form
    assert form["reason"].value() is None  # not that of the halt
    answer = operator.post(tools["Resume trading"], {"reason": "calm again"})
    assert answer["Location"] == page_of(portfolio)
    halt.refresh_from_db()
    assert (halt.resumed_by, halt.resume_reason) == ("operator", "calm again")


def test_a_halt_needs_a_reason(operator: Client, portfolio: Portfolio):
    with nothing_changes():
        answer = operator.post(HALT, {"portfolio": portfolio.pk, "reason": " "})
    assert errors_of(answer) == {"reason": ["This field is required."]}


def test_a_second_halt_is_refused_and_its_reason_not_dropped_in_silence(
    operator: Client, portfolio: Portfolio
):
    operator.post(HALT, {"portfolio": portfolio.pk, "reason": "a look"})
    body = {"portfolio": portfolio.pk, "reason": "the exchange is down"}
    with nothing_changes():
        (error,) = errors_of(operator.post(HALT, body))["__all__"]
        assert "is halted already since" in error
        assert "a look" in error
        body |= {"action": "halt", "_selected_action": [portfolio.pk]}
        answer = operator.post(PORTFOLIOS, body, follow=True)
        assert [str(one) for one in answer.context["messages"]] == [error]


def test_a_halt_that_is_over_is_only_looked_at(operator: Client, portfolio: Portfolio):
    operator.post(HALT, {"portfolio": portfolio.pk, "reason": "a look"})
    halt = TradingHalt.objects.get()
    assert operator.post(page_of(halt), {"reason": ""}).status_code == 302
    with nothing_changes():
        assert operator.post(page_of(halt), {"reason": ""}).status_code == 403
    assert operator.get(page_of(halt)).context["verb"] is None


def test_the_list_halts_and_resumes_several_with_one_reason(operator: Client):
    mine = [PortfolioFactory(now=START) for _ in range(2)]
    body = {"_selected_action": [one.pk for one in mine], "reason": "exchange is down"}

    def act(**more: object) -> list[str]:
        answer = operator.post(PORTFOLIOS, {**body, **more}, follow=True)
        return [str(message) for message in answer.context["messages"]]

    assert act(action="halt", reason="") == ["reason: must not be empty."] * 2
    assert act(action="halt") == [f"{one} halted." for one in mine]
    halts = TradingHalt.objects.values_list("halted_by", "reason")
    assert list(halts) == [("operator", "exchange is down")] * 2
    assert act(action="resume", reason="up") == [f"{one} resumed." for one in mine]
    assert {one.resume_reason for one in TradingHalt.objects.all()} == {"up"}


# Trades


def test_a_trade_is_recorded_with_the_decision_that_sized_it(
    operator: Client, portfolio: Portfolio
):
    goal = GoalFactory(portfolio=portfolio)
    row, _ = size_for_goal(
        user=goal.user, goal_id=goal.pk, now=START, base_size=Decimal(1000)
    )
    body = trade_body(portfolio, adjustment_id=row.pk, fees="1.5", stop_price="49000")
    answer = operator.post(RECORD, body)
    trade = Trade.objects.get()
    assert answer["Location"] == page_of(trade)
    assert (trade.user_id, trade.created_by) == (portfolio.user_id, "operator")
    assert (trade.adjustment_id, trade.entry_fees) == (row.pk, Decimal("1.5"))
    assert (trade.stop_price, trade.status) == (49000, "open")


def test_a_trade_that_is_over_is_recorded_closed(
    operator: Client, portfolio: Portfolio
):
    operator.post(RECORD, trade_body(portfolio, exit_price="51000"))
    trade = Trade.objects.get()
    assert (trade.status, trade.profit_loss) == ("closed", 20)
    portfolio.refresh_from_db()
    assert portfolio.equity == 1020


def test_a_trade_sent_twice_is_recorded_once(operator: Client, portfolio: Portfolio):
    body = trade_body(portfolio, form_id=form_id(operator, RECORD))
    operator.post(RECORD, body)
    operator.post(RECORD, body)
    assert Trade.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "fields", "error"),
    [
        ("strategy_id", {"strategy_id": "nobody's"}, "You have no strategy nobody's"),
        ("adjustment_id", {"adjustment_id": "77"}, "has no decision 77"),
        ("quantity", {"quantity": "0"}, "must be above 0."),
        (
            "exit_time",
            {"exit_time_0": "2026-03-02", "exit_time_1": "12:00"},
            "needs an exit price",
        ),
        ("symbol", {"symbol": "BTC\u202e"}, "must not contain control"),
    ],
)
def test_what_a_trade_refuses_shows_at_its_field(
    operator: Client,
    portfolio: Portfolio,
    field: str,
    fields: dict[str, str],
    error: str,
):
    body = trade_body(portfolio, **fields)
    with nothing_changes():
        errors = errors_of(operator.post(RECORD, body))
    assert list(errors) == [field]
    assert error in errors[field][0]


def test_all_that_is_wrong_with_a_trade_shows_at_once(
    operator: Client, portfolio: Portfolio
):
    body = trade_body(
        portfolio,
        symbol="BTC\u202e",
        quantity="0",
        entry_price="-1",
        fees="-2",
        stop_price="0",
        adjustment_id="77",
        exit_price="5",
        entry_time_0="2026-03-02",
        entry_time_1="12:00",
        exit_time_0="2026-03-01",
        exit_time_1="12:00",
    )
    with nothing_changes():
        errors = errors_of(operator.post(RECORD, body))
    assert set(errors) == {
        "symbol",
        "quantity",
        "entry_price",
        "fees",
        "stop_price",
        "adjustment_id",
        "exit_time",
    }
    assert all(len(texts) == 1 for texts in errors.values())


def test_all_that_is_wrong_with_a_close_shows_at_once(
    operator: Client, portfolio: Portfolio
):
    trade = TradeFactory(portfolio=portfolio)
    body = {
        "exit_price": "0",
        "quantity": "99999",
        "fees": "-1",
        "exit_time_0": "2999-01-01",
        "exit_time_1": "12:00",
    }
    with nothing_changes():
        errors = errors_of(operator.post(page_of(trade), body))
    assert set(errors) == {"exit_price", "quantity", "fees", "exit_time"}


@pytest.mark.parametrize("owned", [True, False])
def test_all_that_is_wrong_with_a_portfolio_shows_at_once(
    operator: Client, portfolio: Portfolio, owned: bool
):
    address = reverse("admin:goals_portfolio_add")
    form = operator.get(address).context["adminform"].form
    initial = {
        name: "" if field.initial is None else field.initial
        for name, field in form.fields.items()
    }
    wrong = {
        "user": portfolio.user_id if owned else "",
        "name": "42",
        "currency": "usd",
        "time_zone": "Nowhere",
        "opening_balance": "-5",
        "hard_drawdown_pct": "120",
        "daily_loss_limit_pct": "0",
        "drawdown_locks_at": "0",
        "pause_minutes": "5",
        "max_trades_per_day": "0",
    }
    with nothing_changes():
        errors = errors_of(operator.post(address, {**initial, **wrong}))
    assert set(errors) == wrong.keys() - ({"user"} if owned else set())


def test_the_portfolio_s_own_strategies_are_offered(
    operator: Client, portfolio: Portfolio
):
    own = trade_body(portfolio)["strategy_id"]
    StrategyFactory(strategy_id="theirs")
    StrategyFactory(user=portfolio.user, strategy_id="of_a_replay", kind="simulation")

    def offered(address: str) -> set[str]:
        form = operator.get(address).context["adminform"].form
        return {value for value, _ in form.fields["strategy_id"].widget.choices}

    assert offered(f"{RECORD}?portfolio={portfolio.pk}") == {"", own}
    for unknown in ("", "?portfolio=0", "?portfolio=no", "?portfolio=²"):
        assert offered(RECORD + unknown) == {""}
    simulated = PortfolioFactory(user=portfolio.user, kind="simulation")
    both = {"", own, "of_a_replay"}
    assert offered(f"{RECORD}?portfolio={simulated.pk}") == both


def test_another_owner_s_strategy_and_decision_are_unknown(
    operator: Client, portfolio: Portfolio
):
    goal = GoalFactory()
    row, _ = size_for_goal(
        user=goal.user, goal_id=goal.pk, now=START, base_size=Decimal(1000)
    )
    theirs = StrategyFactory(user=goal.user, strategy_id="theirs")
    own = trade_body(portfolio)
    for field, value in (
        ("strategy_id", theirs.strategy_id),
        ("adjustment_id", row.pk),
    ):
        with nothing_changes():
            answer = operator.post(RECORD, own | {field: value})
        assert list(errors_of(answer)) == [field]


def test_while_halted_a_trade_opens_only_with_the_override(
    operator: Client, portfolio: Portfolio
):
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="a look", now=START
    )
    body = trade_body(portfolio)
    with nothing_changes():
        (refusal,) = errors_of(operator.post(RECORD, body))["__all__"]
    assert "is halted" in refusal
    operator.post(RECORD, {**body, "override": "on"})
    assert Trade.objects.get().override_halt == TradingHalt.objects.get()


def test_a_trade_is_closed_in_part_and_then_whole(
    operator: Client, portfolio: Portfolio
):
    goal = GoalFactory(portfolio=portfolio)
    trade = TradeFactory(portfolio=portfolio)
    part = {"exit_price": "51000", "quantity": "0.005", "fees": "0.5"}
    part |= {"exit_time_0": "2026-03-02", "exit_time_1": "12:00"}
    answer = operator.post(page_of(trade), part)
    assert answer["Location"] == page_of(trade)
    closed = Trade.objects.get(parent_trade=trade)
    assert (closed.quantity, closed.profit_loss) == (Decimal("0.005"), Decimal("4.5"))
    trade.refresh_from_db()
    assert (trade.status, trade.quantity) == ("open", Decimal("0.015"))
    form = operator.get(page_of(trade)).context["adminform"].form
    assert Decimal(form["quantity"].value()) == trade.quantity
    operator.post(
        page_of(trade), {**part, "exit_price": "52000", "quantity": "0.015", "fees": ""}
    )
    trade.refresh_from_db()
    assert (trade.status, trade.profit_loss, trade.updated_by) == (
        "closed",
        30,
        "operator",
    )
    goal.refresh_from_db()
    portfolio.refresh_from_db()
    assert (portfolio.equity, goal.current_value) == (
        Decimal("1034.5"),
        Decimal("3.45"),
    )


def test_a_part_sent_twice_is_closed_once(operator: Client):
    trade = TradeFactory()
    part = {
        "exit_price": "51000",
        "quantity": "0.005",
        "form_id": form_id(operator, page_of(trade)),
    }
    operator.post(page_of(trade), part)
    operator.post(page_of(trade), part)
    assert Trade.objects.filter(parent_trade=trade).count() == 1


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("quantity", "9", "is more than the trade's 0.02"),
        ("exit_price", "0", "must be above 0."),
        ("exit_price", "", "This field is required."),
        ("fees", "-1", "must not be negative."),
    ],
)
def test_what_a_close_refuses_shows_at_its_field(
    operator: Client, field: str, value: str, error: str
):
    trade = TradeFactory()
    with nothing_changes():
        answer = operator.post(page_of(trade), {"exit_price": "51000", field: value})
    assert error in errors_of(answer)[field][0]


# Rights


@pytest.mark.parametrize(
    ("address", "code"),
    [
        (DEPOSIT, "add_cashflow"),
        (HALT, "change_portfolio"),
        (RECORD, "add_trade"),
    ],
)
def test_each_form_needs_its_permission(client: Client, address: str, code: str):
    every = {"add_cashflow", "change_portfolio", "add_trade", "change_trade"}
    browser = clerk_with(client, *(every - {code}))
    assert browser.get(address).status_code == 403
    with nothing_changes():
        assert browser.post(address, {"amount": "5"}).status_code == 403
    User.objects.get(username="clerk").user_permissions.add(
        Permission.objects.get(codename=code)
    )
    assert browser.get(address).status_code == 200


def test_who_may_view_alone_neither_closes_nor_resumes(
    client: Client, portfolio: Portfolio
):
    trade = TradeFactory(portfolio=portfolio)
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="a look", now=START
    )
    halt = TradingHalt.objects.get()
    views = ("view_trade", "view_tradinghalt", "view_portfolio", "view_financialgoal")
    browser = clerk_with(client, *views)
    assert browser.get(page_of(portfolio)).context["tools"] == []
    for row, body in ((trade, {"exit_price": "51000"}), (halt, {"reason": "x"})):
        assert browser.get(page_of(row)).context["verb"] is None
        with nothing_changes():
            assert browser.post(page_of(row), body).status_code == 403


def test_a_trader_who_is_no_staff_records_nothing_here(client: Client):
    trade = TradeFactory()
    client.force_login(trade.user)
    for address in (DEPOSIT, HALT, RECORD, page_of(trade)):
        with nothing_changes():
            assert client.post(address, {"exit_price": "1"}).status_code == 302


# Statements


def statements(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_no_form_takes_a_statement_a_portfolio_or_a_trade(operator: Client):
    trade = TradeFactory()
    pages = (DEPOSIT, HALT, RECORD, page_of(trade), page_of(trade.portfolio))
    few = [statements(operator, page) for page in pages]
    for _ in range(5):
        other = PortfolioFactory(user=trade.user)
        TradeFactory(portfolio=other)
        TradeFactory(portfolio=trade.portfolio)
    assert [statements(operator, page) for page in pages] == few


# Goals on portfolios without money


def test_a_goal_on_a_portfolio_without_money_says_so_and_leads_to_the_deposit(
    operator: Client, empty: Portfolio
):
    now = timezone.now()
    goal = GoalFactory(portfolio=empty, start_date=now.date(), as_of=now)
    page = operator.get(page_of(goal))
    assert "has no money to trade with" in page.content.decode()
    (label, address) = page.context["tools"][0]
    assert label == "Deposit or withdraw"
    form = operator.get(address).context["adminform"].form
    assert str(form["portfolio"].value()) == str(empty.pk)
    record_cash_flow(user=empty.user, amount=Decimal(5), now=START)
    assert "has no money" not in operator.get(page_of(goal)).content.decode()


def test_a_goal_created_on_one_is_told_at_once(operator: Client, empty: Portfolio):
    body = {
        "portfolio": empty.pk,
        "goal_type": "monthly_return",
        "target_value": "5",
        "priority": "5",
        "policy": "ladder",
        "min_factor": "0.5",
        "max_factor": "1.3",
        "after_achieved": "protect",
    }
    address = reverse("admin:goals_financialgoal_add")
    answer = operator.post(address, body, follow=True)
    given = [str(message) for message in answer.context["messages"]]
    assert any("has no money to trade with" in one for one in given)
