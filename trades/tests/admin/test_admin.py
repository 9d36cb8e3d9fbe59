"""The operator's view of trades, alone and on the pages of the floors below."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from goals.models import FinancialGoal, GoalAdjustmentLog, User
from goals.services.goals import cancel_goal
from goals.tests.factories import GoalFactory, PortfolioFactory
from strategies.models import StrategySelectionLog
from trades.admin.trades import measure_r_multiple
from trades.models import Position
from trades.sizing_calls.decide import plan_next_trade
from trades.tests.factories import ENTRY, TradeFactory, book_profit, ensure_strategy

pytestmark = pytest.mark.django_db

TRADES = reverse("admin:trades_trade_changelist")
POSITIONS = reverse("admin:trades_position_changelist")
STRATEGIES = reverse("admin:strategies_strategyinstance_changelist")
DECISIONS = reverse("admin:goals_goaladjustmentlog_changelist")


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator"))
    return client


def count_queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def section_of(client: Client, address: str, key: str) -> list[list[object]]:
    pages = client.get(address).context["section_pages"]
    (found,) = [turned for turned in pages if turned.section.key == key]
    return [[cell for _, cell in row] for row in found.rows]


def page_of(goal: FinancialGoal) -> str:
    return reverse("admin:goals_financialgoal_change", args=[goal.pk])


def decide(goal: FinancialGoal, times: int) -> None:
    ensure_strategy(goal.portfolio)
    for _ in range(times):
        plan_next_trade(
            user=goal.user,
            portfolio=goal.portfolio_id,
            now=ENTRY,
            base_size=Decimal(100),
            symbol="BTCUSDT",
        )


@pytest.mark.parametrize("address", [TRADES, POSITIONS, STRATEGIES, DECISIONS])
@pytest.mark.slow
def test_a_list_asks_as_many_queries_for_twelve_rows_as_for_two(
    operator: Client, address: str
) -> None:
    def add_row() -> None:
        goal = GoalFactory()
        decide(goal, 1)
        book_profit(goal.portfolio, Decimal(10))

    for _ in range(2):
        add_row()
    few = count_queries(operator, address)
    for _ in range(10):
        add_row()

    assert count_queries(operator, address) == few


def test_the_goal_page_asks_as_many_queries_for_twelve_of_each_as_for_two(
    operator: Client,
) -> None:
    goal = GoalFactory()

    def add_rows(times: int) -> None:
        decide(goal, times)
        for _ in range(times):
            book_profit(goal.portfolio, Decimal(1))

    add_rows(2)
    few = count_queries(operator, page_of(goal))
    add_rows(10)

    assert count_queries(operator, page_of(goal)) == few


def test_the_portfolio_page_asks_as_many_queries_for_twelve_trades_as_for_two(
    operator: Client,
) -> None:
    goal = GoalFactory()
    address = reverse("admin:goals_portfolio_change", args=[goal.portfolio_id])
    TradeFactory.create_batch(2, portfolio=goal.portfolio)
    few = count_queries(operator, address)
    TradeFactory.create_batch(10, portfolio=goal.portfolio)

    assert count_queries(operator, address) == few
    assert len(section_of(operator, address, "open")) == 12


def test_the_goal_page_lists_the_trades_that_closed_in_its_period(
    operator: Client,
) -> None:
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(10))
    book_profit(goal.portfolio, Decimal(20), at=ENTRY + timedelta(days=60))
    TradeFactory(portfolio=goal.portfolio)

    (row,) = section_of(operator, page_of(goal), "trades")

    assert ">10 USDT<" in str(row[-1])


def test_trades_after_a_goal_was_cancelled_are_not_listed_as_moving_it(
    operator: Client,
) -> None:
    goal = GoalFactory()
    cancel_goal(user=goal.user, goal_id=goal.pk, as_of=ENTRY)
    book_profit(goal.portfolio, Decimal(10), at=ENTRY + timedelta(days=1))

    assert section_of(operator, page_of(goal), "trades") == []


def test_the_goal_page_lists_decisions_and_selections(operator: Client) -> None:
    goal = GoalFactory()
    decide(goal, 1)

    (decision,) = section_of(operator, page_of(goal), "decisions")
    (selection,) = section_of(operator, page_of(goal), "selections")

    assert GoalAdjustmentLog.objects.get().reason == decision[-2]
    assert StrategySelectionLog.objects.get().reason == selection[-1]


def test_a_goal_s_rows_have_their_own_time_not_the_page_s(operator: Client) -> None:
    goal = GoalFactory()
    decide(goal, 1)

    for key in ("decisions", "selections"):
        (row,) = section_of(operator, page_of(goal), key)
        assert ENTRY.isoformat() in str(row[0])


def test_a_decisions_page_shows_guards_and_inputs_as_tables(operator: Client) -> None:
    decide(GoalFactory(), 1)
    decision = GoalAdjustmentLog.objects.get()
    address = reverse("admin:goals_goaladjustmentlog_change", args=[decision.pk])

    page = operator.get(address).content.decode()

    assert "<td>exposure</td>" in page
    assert "<th>base size</th>" in page
    assert "{&#x27;" not in page


def test_a_closed_trade_is_shown_and_no_trade_is_deleted(operator: Client) -> None:
    trade = book_profit(PortfolioFactory(), Decimal(20))
    address = reverse("admin:trades_trade_change", args=[trade.pk])
    delete = reverse("admin:trades_trade_delete", args=[trade.pk])

    assert operator.get(address).status_code == 200
    assert operator.post(address, {"exit_price": "9"}).status_code == 403
    assert operator.post(delete, {"post": "yes"}).status_code == 403


def test_a_position_is_only_looked_at(rf, admin_user) -> None:
    request = rf.get("/")
    request.user = admin_user
    page = admin.site._registry[Position]

    assert page.has_view_permission(request)
    assert not page.has_add_permission(request)
    assert not page.has_change_permission(request)
    assert not page.has_delete_permission(request)


def test_a_position_page_shows_its_trade(operator: Client) -> None:
    position = TradeFactory().position
    address = reverse("admin:trades_position_change", args=[position.pk])

    assert "LONG" in operator.get(address).content.decode()


@pytest.mark.parametrize(
    ("stop_price", "r_multiple"),
    [(None, None), (Decimal(99990), Decimal(2)), (Decimal(100000), None)],
)
def test_the_r_multiple_is_profit_over_what_the_stop_put_at_risk(
    stop_price: Decimal | None, r_multiple: Decimal | None
) -> None:
    goal = GoalFactory()

    trade = book_profit(goal.portfolio, Decimal(20))
    trade.stop_price = stop_price

    assert measure_r_multiple(trade) == r_multiple


def test_an_open_trade_has_no_r_multiple() -> None:
    assert measure_r_multiple(TradeFactory(stop_price=Decimal(49000))) is None


def test_trades_are_filtered_by_portfolio_and_searched_by_symbol(
    operator: Client,
) -> None:
    mine = TradeFactory(symbol="ETHUSDT")
    TradeFactory()

    for query in (f"portfolio={mine.portfolio_id}", "q=ETH"):
        answer = operator.get(f"{TRADES}?{query}")
        assert list(answer.context["cl"].result_list) == [mine]


def test_the_strategy_list_counts_closed_trades(operator: Client) -> None:
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(10))
    book_profit(goal.portfolio, Decimal(10))
    TradeFactory(portfolio=goal.portfolio)

    (strategy,) = operator.get(STRATEGIES).context["cl"].result_list

    assert strategy.closed_trades == 2
