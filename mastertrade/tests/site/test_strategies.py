"""The page of strategies: the ranking as selection sees it, and what is done to one."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from goals.models import FinancialGoal, Portfolio
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from strategies.enums import StrategyStatus
from strategies.models import StrategyInstance
from strategies.services import update_strategy
from strategies.tests.factories import StrategyFactory
from tests.http import make_replay, nothing_changes, spaced, words
from trades.sizing_calls import records
from trades.sizing_calls.decide import plan_next_trade, select_strategy
from trades.tests.factories import book_profit, import_profits

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
PATH = reverse("site:strategies")
NEW = reverse("site:strategy-new")
NEWCOMER = {
    "strategy_id": "swing",
    "strategy_name": "Swing",
    "strategy_type": "momentum",
    "risk_profile": "moderate",
    "parameters": '{"period": 20}',
}


@pytest.fixture
def portfolio() -> Portfolio:
    return PortfolioFactory(now=timezone.now() - 60 * DAY)


@pytest.fixture
def goal(portfolio: Portfolio) -> FinancialGoal:
    begun = timezone.now() - 20 * DAY
    return GoalFactory(
        portfolio=portfolio,
        start_date=begun.date(),
        target_date=(timezone.now() + 30 * DAY).date(),
        as_of=begun,
    )


@pytest.fixture
def mine(client: Client, portfolio: Portfolio) -> Client:
    client.force_login(portfolio.user)
    return client


def make(portfolio: Portfolio, strategy_id: str, **fields: Any) -> StrategyInstance:
    return StrategyFactory(user=portfolio.user, strategy_id=strategy_id, **fields)


def page_of(client: Client, portfolio: Portfolio, **asked: Any) -> str:
    answer = client.get(PATH, {"portfolio": portfolio.pk, **asked})
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_ranking_is_that_of_the_sizing_call(
    mine: Client, portfolio: Portfolio, goal: FinancialGoal
) -> None:
    make(portfolio, "reverting", strategy_type="mean_reversion")
    make(portfolio, "grown", strategy_type="momentum")
    make(portfolio, "careful", strategy_type="momentum", risk_profile="conservative")
    for number in range(25):
        at = timezone.now() - (25 - number) * timedelta(hours=3)
        profit = Decimal(3 if number % 3 else -4)
        book_profit(portfolio, profit, at, strategy_id="grown")

    with nothing_changes():
        page = page_of(mine, portfolio)

    now = timezone.now()
    choice = select_strategy(user=portfolio.user, goal_id=goal.pk, now=now)
    names = [one.strategy_id for one in choice.selection.ranking]
    planned = plan_next_trade(
        user=portfolio.user, portfolio=portfolio.pk, now=now, base_size=Decimal(100)
    )
    assert names[0] == "grown" == planned.plan.selection.selected.strategy_id
    keys = dict(StrategyInstance.objects.values_list("strategy_id", "pk"))
    places = [page.index(f"/strategies/{keys[name]}/edit/") for name in names]
    assert places == sorted(places)
    text = words(page)
    assert "grown (momentum, moderate) fits best with 1" in text
    assert text.count("chosen") >= 1


def test_why_each_is_or_is_not_chosen(
    mine: Client, portfolio: Portfolio, goal: FinancialGoal
) -> None:
    make(portfolio, "a", strategy_type="momentum")
    make(portfolio, "b", strategy_type="momentum")
    make(portfolio, "less", strategy_type="mean_reversion")
    make(portfolio, "lost", strategy_type="momentum")
    make(portfolio, "paused", status=StrategyStatus.PAUSED)
    for number in range(25):
        at = timezone.now() - (25 - number) * timedelta(hours=3)
        book_profit(portfolio, Decimal(-1 - number % 2), at, strategy_id="lost")

    text = words(page_of(mine, portfolio))

    assert "the same figures; the first by name is chosen" in text
    assert "fits less" in text
    assert "ruled out: even the upper bound of its record is a loss" in text
    assert "paused: it takes no part" in text
    assert "speaks against it, ranks last" in text


def test_of_several_with_one_name_each_is_shown_with_its_short_name(
    mine: Client, portfolio: Portfolio, goal: FinancialGoal
) -> None:
    for short in ("first", "second"):
        make(portfolio, short, strategy_name="Breakout")
    make(portfolio, "third", strategy_name="Alone")

    found = words(page_of(mine, portfolio))
    choices = mine.get("/", {"portfolio": portfolio.pk}).context["form"].strategies

    assert "Breakout (first)" in found
    assert "Pause first" in found
    assert choices == {
        "third": "Alone",
        "first": "Breakout (first)",
        "second": "Breakout (second)",
    }


def test_one_without_a_record_is_said_to_count_as_no_growth(
    mine: Client, portfolio: Portfolio, goal: FinancialGoal
) -> None:
    make(portfolio, "a", strategy_type="momentum")
    make(portfolio, "grown", strategy_type="momentum")
    for number in range(25):
        at = timezone.now() - (25 - number) * timedelta(hours=3)
        profit = Decimal(-4 if number % 3 == 0 else 3)
        book_profit(portfolio, profit, at, strategy_id="grown")

    text = words(page_of(mine, portfolio))

    assert "fits as well; counts as no growth until it has a record" in text
    assert "its growth ranks lower" not in text


def test_below_the_limit_there_is_no_evidence(
    mine: Client, portfolio: Portfolio, goal: FinancialGoal
) -> None:
    make(portfolio, "young")
    book_profit(portfolio, Decimal(5), timezone.now() - DAY, strategy_id="young")

    text = words(page_of(mine, portfolio))

    assert "no evidence yet: 1 of 20 trades" in text
    assert "Below 20 trades a record says nothing" in text


def test_live_and_simulated_trades_are_counted_apart(
    mine: Client, portfolio: Portfolio, goal: FinancialGoal
) -> None:
    make(portfolio, "both")
    run = make_replay(portfolio.user)
    at = timezone.now() - DAY
    book_profit(portfolio, Decimal(5), at, strategy_id="both")
    for hours in (1, 2):
        late = run.created_at + timedelta(milliseconds=hours)
        book_profit(run.policy_portfolio, Decimal(5), late, strategy_id="both")

    page = page_of(mine, portfolio)

    assert 'data-label="Live trades" class="n">1<' in page
    assert 'data-label="Simulated" class="n">2<' in page
    assert "no evidence yet: 1 of 20 trades" in page


def test_the_goal_that_decides_comes_first_and_another_can_be_looked_at(
    mine: Client, portfolio: Portfolio, goal: FinancialGoal
) -> None:
    make(portfolio, "only")
    first = GoalFactory(
        portfolio=portfolio,
        priority=1,
        start_date=goal.start_date,
        target_date=goal.target_date,
        target_value=Decimal(9),
        as_of=goal.created_at,
    )

    page = page_of(mine, portfolio)
    other = page_of(mine, portfolio, goal=goal.pk)

    assert "Ranking for 9 %" in words(page)
    assert f"&amp;goal={goal.pk}#h-rank" in page
    assert "Ranking for 5 %" in words(other)
    assert f"&amp;goal={first.pk}#h-rank" in other
    first_line, second_line = re.findall('<div class="title">(.*?)</div>', spaced(page))
    assert "9 %" in first_line
    assert "decides the next trade" in first_line
    assert "5 %" in second_line
    assert "decides" not in second_line


@pytest.mark.parametrize("asked", ["x", "-1", "999999999999999999999"])
def test_a_goal_that_there_is_not_is_not_found(
    mine: Client, portfolio: Portfolio, goal: FinancialGoal, asked: str
) -> None:
    make(portfolio, "only")

    assert mine.get(PATH, {"goal": asked}).status_code == 404


def test_without_a_goal_and_without_a_strategy_it_says_what_to_do(
    mine: Client, portfolio: Portfolio
) -> None:
    nothing = page_of(mine, portfolio)
    make(portfolio, "only")
    no_goal = page_of(mine, portfolio)
    update_strategy(
        user=portfolio.user, strategy_id="only", status="paused", now=timezone.now()
    )
    none_active = page_of(mine, portfolio)

    assert "You have no strategy yet" in words(nothing)
    assert NEW in nothing
    assert "takes part in decisions. Set a goal" in words(no_goal)
    assert "none of the strategies is active" in words(none_active)


def test_records_that_are_far_behind_are_said_to_be(
    mine: Client,
    portfolio: Portfolio,
    goal: FinancialGoal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_profits(
        portfolio,
        [
            (timezone.now() - n * timedelta(hours=1), Decimal(1))
            for n in range(9, 0, -1)
        ],
    )
    monkeypatch.setattr(records, "MOST_AT_ONCE", 3)

    text = words(page_of(mine, portfolio))

    assert "The records are being worked out anew" in text
    assert "being worked out anew" in text


def test_the_page_asks_a_constant_number_of_statements(
    mine: Client, portfolio: Portfolio, goal: FinancialGoal
) -> None:
    def count() -> int:
        page_of(mine, portfolio)
        with CaptureQueriesContext(connection) as asked:
            page_of(mine, portfolio)
        return len(asked)

    make(portfolio, "first")
    book_profit(portfolio, Decimal(1), timezone.now() - DAY, strategy_id="first")
    before = count()
    for number in range(4):
        make(portfolio, f"more_{number}")
        GoalFactory(
            portfolio=portfolio,
            start_date=goal.start_date,
            target_date=goal.target_date,
            target_value=Decimal(20 + number),
            as_of=goal.created_at,
        )
        book_profit(
            portfolio,
            Decimal(1),
            timezone.now() - DAY,
            strategy_id=f"more_{number}",
        )
    assert count() == before


def test_it_is_made_paused_and_activated(mine: Client, portfolio: Portfolio) -> None:
    made = mine.post(NEW, NEWCOMER, follow=True)
    assert "Swing is there, and active." in words(made.content.decode())
    strategy = StrategyInstance.objects.get()
    assert (strategy.strategy_id, strategy.parameters) == ("swing", {"period": 20})

    for action, status in (("pause", "paused"), ("activate", "active")):
        answer = mine.post(reverse(f"site:strategy-{action}", args=[strategy.pk]))
        assert answer["Location"] == PATH
        strategy.refresh_from_db()
        assert strategy.status == status


def test_it_is_changed_and_keeps_what_another_page_changed_meanwhile(
    mine: Client, portfolio: Portfolio
) -> None:
    made = make(portfolio, "swing", strategy_name="Swing", parameters={"period": 20})
    path = reverse("site:strategy-edit", args=[made.pk])
    form = mine.get(path).context["form"]
    shown = {one.name: one.value() for one in form}
    hidden = {f"initial-{name}": value for name, value in shown.items()}
    update_strategy(
        user=portfolio.user, strategy_id="swing", status="paused", now=timezone.now()
    )

    answer = mine.post(path, {**shown, **hidden, "strategy_name": "Swing, daily"})

    assert answer["Location"] == PATH
    strategy = StrategyInstance.objects.get()
    assert strategy.strategy_name == "Swing, daily"
    assert strategy.status == StrategyStatus.PAUSED
    assert strategy.parameters == {"period": 20}


@pytest.mark.parametrize(
    ("field", "given", "says"),
    [
        ("strategy_id", "a b", "Must be letters, digits"),
        ("strategy_id", "", "This field is required."),
        ("strategy_id", "performance", "reserved"),
        ("strategy_type", "Mean Reversion", "Must be a word such as momentum"),
        ("risk_profile", "wild", "Select a valid choice"),
        ("parameters", "[1]", "Must be a JSON object"),
        ("parameters", "{", "JSON parse error"),
        ("parameters", '{"a":' * 25 + "1" + "}" * 25, "deeper than 20 levels"),
        ("parameters", '{"a":' * 40 + "1" + "}" * 40, "deeper than 20 levels"),
        ("parameters", "[" * 4000 + "]" * 4000, "deeper than 20 levels"),
        ("parameters", '{"a": NaN}', "NaN is not JSON"),
    ],
)
def test_what_is_wrong_shows_at_its_field_and_what_was_typed_stays(
    mine: Client, portfolio: Portfolio, field: str, given: str, says: str
) -> None:
    with nothing_changes():
        answer = mine.post(NEW, {**NEWCOMER, field: given})

    assert answer.status_code == 422
    form = answer.context["form"]
    assert says in str(form.errors[field])
    assert form["strategy_name"].value() == "Swing"


def test_an_id_that_there_is_already_is_refused(
    mine: Client, portfolio: Portfolio
) -> None:
    make(portfolio, "swing")

    answer = mine.post(NEW, NEWCOMER)

    assert answer.status_code == 422
    assert "You already have a strategy swing" in words(answer.content.decode())


def test_nothing_of_another_is_shown_or_touched(
    client: Client, portfolio: Portfolio, goal: FinancialGoal
) -> None:
    hers = make(portfolio, "adas_own")
    eve = PortfolioFactory(user=UserFactory())
    client.force_login(eve.user)

    with nothing_changes():
        assert client.get(PATH, {"portfolio": portfolio.pk}).status_code == 404
        assert client.get(PATH, {"goal": goal.pk}).status_code == 404
        assert "adas_own" not in client.get(PATH).content.decode()
        edit = reverse("site:strategy-edit", args=[hers.pk])
        assert client.get(edit).status_code == 404
        assert client.post(edit, NEWCOMER).status_code == 404
        for action in ("pause", "activate"):
            address = reverse(f"site:strategy-{action}", args=[hers.pk])
            assert client.post(address).status_code == 404


def test_a_short_name_that_is_no_part_of_an_address_is_shown_and_edited(
    mine: Client, portfolio: Portfolio
) -> None:
    made = make(portfolio, "EMA")  # named before names had a rule
    StrategyInstance.objects.filter(pk=made.pk).update(strategy_id="EMA 9/21 %?#")

    assert "EMA 9/21 %?#" in page_of(mine, portfolio)
    edit = reverse("site:strategy-edit", args=[made.pk])
    assert mine.get(edit).status_code == 200


def test_a_visitor_is_sent_to_sign_in(client: Client) -> None:
    for address in (PATH, NEW):
        assert client.get(address)["Location"].startswith(reverse("site:login"))
