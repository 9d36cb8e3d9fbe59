"""The first page: what it says of a portfolio, and that it stays quick."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from goals.models import CashFlow, Portfolio, User
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory, fail
from mastertrade.site.day import MOST_GOALS, MOST_POSITIONS
from mastertrade.site.figures import MINUS
from tests.http import TRANSACTION_CONTROL, make_busy_trader, make_trader
from trades.booking.mark import Mark, mark_positions
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import TradeFactory, book_profit

pytestmark = pytest.mark.django_db
HOME = reverse("site:home")
FAR = date(2199, 12, 31)
MOST_STATEMENTS = 25


def text_of(page: str) -> str:
    """The words alone, as they are read."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def page_of(client: Client, portfolio: Portfolio) -> str:
    client.force_login(portfolio.user)
    answer = client.get(HOME, {"portfolio": portfolio.pk})
    assert answer.status_code == 200
    return answer.content.decode()


def part_of(page: str, name: str) -> str:
    """A section of the page by its id, as text."""
    found = re.search(rf'<section[^>]* id="{name}".*?</section>', page, re.DOTALL)
    assert found, name
    return text_of(found[0])


def count_statements(client: Client, portfolio: Portfolio) -> int:
    page_of(client, portfolio)  # the first time the session learns the portfolio
    with CaptureQueriesContext(connection) as asked:
        page_of(client, portfolio)
    said = [one["sql"] for one in asked]
    # Signing in is the test's.
    of_session = ('INSERT INTO "django_session"', 'UPDATE "users"')
    return len(
        [one for one in said if not one.startswith((*TRANSACTION_CONTROL, *of_session))]
    )


def halted(reason: str = "gone sailing", **fields: object) -> Portfolio:
    portfolio: Portfolio = PortfolioFactory(**fields)
    halt_trading(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        reason=reason,
        now=timezone.now(),
    )
    return portfolio


# What it says


def test_a_goal_is_shown_with_its_sentence_and_its_way(client: Client) -> None:
    goal = GoalFactory(target_date=FAR)

    goals = part_of(page_of(client, goal.portfolio), "goals")

    assert "5 % by 31 Dec 2199" in goals
    assert "next trade at 1.3 of base" in goals
    assert "0 % of the way" in goals


def test_a_decision_is_shown_with_its_short_reason(client: Client) -> None:
    goal = GoalFactory(target_date=FAR)
    size_for_goal(
        user=goal.user, goal_id=goal.pk, now=timezone.now(), base_size=Decimal(1234)
    )

    log = part_of(page_of(client, goal.portfolio), "log")

    assert "1,604.20" in log
    assert "0 % of the way, so larger" in log


def test_an_alert_is_shown_with_what_became_of_sending_it(client: Client) -> None:
    trader = make_trader()
    portfolio = Portfolio.objects.get(pk=trader["portfolio_id"])
    trader.patch(f"/api/channels/{trader['channel_id']}/", {"kinds": None})
    halt_trading(
        user=trader.user, portfolio_id=portfolio.pk, reason="lunch", now=timezone.now()
    )

    alerts = part_of(page_of(client, portfolio), "alerts")

    assert "halted" in alerts
    assert "lunch" in alerts
    assert "waits for the worker" in alerts


def test_a_position_shows_its_mark_its_profit_and_what_is_lost_at_its_stop(
    client: Client,
) -> None:
    now = timezone.now()
    trade = TradeFactory(stop_price=Decimal(49000), now=now)
    before = part_of(page_of(client, trade.portfolio), "open")
    assert "none yet" in before  # no mark, so nothing is known of its profit
    assert before.count("not known") == 2

    mark_positions(
        user=trade.user,
        portfolio=trade.portfolio_id,
        marks=[Mark("BTCUSDT", Decimal(51000))],
        now=now,
    )

    row = part_of(page_of(client, trade.portfolio), "open")
    assert "51,000" in row
    assert "+20.00" in row
    assert f"{MINUS}40.00" in row
    assert "old" not in row


def test_old_marks_say_that_limits_are_checked_at_closes_only(client: Client) -> None:
    now = timezone.now()
    trade = TradeFactory(now=now)
    at = now - timedelta(minutes=40)
    marks = [Mark("BTCUSDT", Decimal(51000), at)]
    mark_positions(user=trade.user, portfolio=trade.portfolio_id, marks=marks, now=now)

    page = page_of(client, trade.portfolio)

    assert "The oldest mark is 40 minutes old." in part_of(page, "open")
    assert "checked at closes only" in part_of(page, "state")


def test_headroom_is_shown_at_each_floor_that_ends_trading(client: Client) -> None:
    portfolio = PortfolioFactory(daily_loss_limit_pct=Decimal(5))
    now = timezone.now()
    book_profit(portfolio, Decimal(-20), at=now)
    book_profit(portfolio, Decimal(-20), at=now)
    state = part_of(page_of(client, portfolio), "state")
    assert "10.00 USDT left" in state
    assert "lost today 40.00 of 50.00 floor" in state
    assert "floor 950.00" in state
    assert "160.00 USDT left" in state
    assert "losing trades" in state

    book_profit(portfolio, Decimal(-200), at=now)
    state = part_of(page_of(client, portfolio), "state")
    assert "floor reached 40.00 USDT under it" in state


def test_without_a_losing_trade_there_is_no_count_of_them(client: Client) -> None:
    state = part_of(page_of(client, PortfolioFactory()), "state")

    assert "no losing trade yet to count in" in state
    assert "No daily limit is set." in state


def test_a_halt_is_said_with_its_reason_and_the_way_on(client: Client) -> None:
    portfolio = halted()

    page = page_of(client, portfolio)

    assert "is halted since" in text_of(page)
    assert f"by {portfolio.user_id}: gone sailing. Entries stop" in text_of(page)
    resume = reverse("site:resume", args=[portfolio.pk])
    halt = reverse("site:halt", args=[portfolio.pk])
    assert f'href="{resume}"' in page
    assert f'href="{halt}"' not in page
    resume_trading(user=portfolio.user, portfolio_id=portfolio.pk, now=timezone.now())
    page = page_of(client, portfolio)
    assert "gone sailing" not in part_of(page, "goals")
    assert f'href="{halt}"' in page


def test_a_guard_that_halted_is_named(client: Client) -> None:
    portfolio = PortfolioFactory()
    GoalFactory(portfolio=portfolio, target_date=FAR)
    book_profit(portfolio, Decimal(-300))

    page = text_of(page_of(client, portfolio))

    assert "until a person resumes it, by the hard floor" in page
    assert "reached hard drawdown 20 %." in page
    assert "trading is halted until you resume it, so no trade is sized" in page


def test_halted_portfolios_come_before_those_that_wait_however_many_there_are(
    client: Client,
) -> None:
    user = UserFactory()
    made = [PortfolioFactory(user=user, name=f"p{number:02}") for number in range(30)]
    Portfolio.objects.filter(pk=made[27].pk).update(suspected_at=timezone.now())
    halt_trading(
        user=user, portfolio_id=made[28].pk, reason="sailing", now=timezone.now()
    )

    page = page_of(client, made[3])

    head = re.search(r'id="head".*?</nav>', page, re.DOTALL)
    assert head
    names = re.findall(r"<strong>(\w+)</strong>", head[0])
    assert names[:4] == ["p03", "p28", "p27", "main"]  # the one looked at, first
    assert "waiting" in text_of(head[0])


@pytest.mark.parametrize("chosen", [0, 1, 7])
def test_the_switch_has_one_order_on_every_page(client: Client, chosen: int) -> None:
    """The chosen one is among those that are not folded away."""
    user = UserFactory()
    made = [PortfolioFactory(user=user, name=f"p{number}") for number in range(8)]
    halt_trading(
        user=user, portfolio_id=made[5].pk, reason="sailing", now=timezone.now()
    )

    client.force_login(user)
    orders = []
    for name in ("home", "goals", "trades", "performance", "strategies"):
        asked = {"portfolio": made[chosen].pk}
        page = client.get(reverse(f"site:{name}"), asked).content.decode()
        switch = re.search(r'<nav class="switch".*?</nav>', page, re.DOTALL)
        assert switch
        orders.append(re.findall(r"<strong>(\w+)</strong>", switch[0]))

    assert orders == [orders[0]] * 5
    assert f"p{chosen}" in orders[0][:4]
    assert sorted(orders[0]) == sorted(["main", *(one.name for one in made)])


def test_a_mark_that_waits_for_a_second_one_is_said(client: Client) -> None:
    now = timezone.now()
    trade = TradeFactory(entry_time=now - timedelta(hours=1), now=now)
    mark_positions(user=trade.user, marks=[Mark("BTCUSDT", Decimal(1))], now=now)

    page = text_of(page_of(client, trade.portfolio))

    assert "Entries wait since" in page
    assert "One mark is at or below a floor" in page


def test_a_newcomer_is_led_to_the_first_steps_and_the_deposit(client: Client) -> None:
    user = UserFactory()
    main = user.portfolios.get()

    page = page_of(client, main)

    assert "main has no money to trade with." in text_of(page)
    assert f'href="{reverse("site:deposit", args=[main.pk])}"' in page
    assert 'href="/welcome/"' in page
    assert "No goal is running in main" in page
    assert "Nothing is open." in page
    assert "No size has been asked for yet" in page
    assert "There is no floor until a deposit" in page


def test_without_any_portfolio_the_first_steps_are_shown(client: Client) -> None:
    user = UserFactory()
    user.portfolios.all().delete()
    client.force_login(user)

    assert client.get(HOME)["Location"] == "/welcome/"


def test_the_phases_of_a_challenge_are_named(client: Client) -> None:
    first = PortfolioFactory(name="step 1")
    second = PortfolioFactory(user=first.user, name="step 2")
    Portfolio.objects.filter(pk=first.pk).update(successor=second)

    assert "Next phase: step 2." in part_of(page_of(client, first), "state")
    assert "Phase before: step 1." in part_of(page_of(client, second), "state")


def test_a_failed_goal_says_by_what(client: Client) -> None:
    goal = fail(GoalFactory(target_date=FAR))

    goals = part_of(page_of(client, goal.portfolio), "goals")

    assert "Failed" in goals
    assert "by the hard floor" in goals
    assert "probability" not in goals


def test_a_halt_from_the_dialog_is_on_the_page_at_once(client: Client) -> None:
    portfolio = PortfolioFactory()
    page_of(client, portfolio)
    halt = reverse("site:halt", args=[portfolio.pk])
    asked = client.get(halt, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in asked
    assert f'hx-post="{halt}"' in asked

    answer = client.post(halt, {"reason": "lunch"}, headers={"HX-Request": "true"})

    assert answer["HX-Trigger"] == "done"
    assert "is halted since" in text_of(answer.content.decode())


# Whose it is


def test_nothing_of_another_user_is_shown(client: Client) -> None:
    theirs = make_busy_trader(username="mallory")
    portfolio = Portfolio.objects.get(pk=theirs["portfolio_id"])
    client.force_login(UserFactory())

    page = client.get(HOME).content.decode()

    for words in ("mallory", "crypto", "BTCUSDT"):
        assert words not in page
    assert client.get(HOME, {"portfolio": portfolio.pk}).status_code == 404
    live = reverse("site:live", args=[portfolio.pk])
    assert client.get(live).status_code == 404


def test_the_portfolio_that_was_chosen_stays(client: Client) -> None:
    user = UserFactory()
    second = PortfolioFactory(user=user, name="second")
    page_of(client, second)

    assert 'aria-current="true"><strong>second<' in client.get(HOME).content.decode()


# How it is answered


def test_it_runs_under_a_strict_content_security_policy(client: Client) -> None:
    """No inline script or style, nothing from another site."""
    trader = make_busy_trader()
    portfolio = Portfolio.objects.get(pk=trader["portfolio_id"])

    page = page_of(client, portfolio)

    assert page.count("<script") == page.count('<script src="/static/')
    assert not re.search(r"<style|\bstyle=|\bon\w+=|https?://", page)


def test_the_live_parts_are_answered_with_304_until_something_moves(
    client: Client,
) -> None:
    trade = TradeFactory(now=timezone.now())
    page_of(client, trade.portfolio)
    live = reverse("site:live", args=[trade.portfolio_id])
    first = client.get(live)
    assert "csrf" not in first.content.decode()

    again = client.get(live, headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304
    assert not again.content

    marks = [Mark("BTCUSDT", Decimal(51000))]
    mark_positions(
        user=trade.user,
        portfolio=trade.portfolio_id,
        marks=marks,
        now=timezone.now(),
    )
    moved = client.get(live, headers={"If-None-Match": first["ETag"]})
    assert moved.status_code == 200
    assert 'id="state"' in moved.content.decode()
    assert moved.content.count(b'hx-swap-oob="true"') == 7


def more_goals(portfolio: Portfolio, count: int) -> None:
    for _ in range(count):
        target = Decimal(portfolio.goals.count() + 5)
        goal = GoalFactory(portfolio=portfolio, target_value=target, target_date=FAR)
        size_for_goal(
            user=goal.user,
            goal_id=goal.pk,
            now=timezone.now(),
            base_size=Decimal(10),
        )


def more_failed_goals(portfolio: Portfolio, count: int) -> None:
    more_goals(portfolio, count)
    if not portfolio.halts.exists():
        fail(portfolio.goals.latest("goal_id"))
    failed = portfolio.goals.filter(status="failed")[0]
    portfolio.goals.update(status=failed.status, failed_at=failed.failed_at)


def more_positions(portfolio: Portfolio, count: int) -> None:
    for _ in range(count):
        TradeFactory(portfolio=portfolio, quantity=Decimal("0.001"))


def more_trades(portfolio: Portfolio, count: int) -> None:
    for _ in range(count):
        book_profit(portfolio, Decimal(1))


def more_portfolios(portfolio: Portfolio, count: int) -> None:
    for _ in range(count):
        PortfolioFactory(user=portfolio.user, daily_loss_limit_pct=Decimal(4))


def more_halts(portfolio: Portfolio, count: int) -> None:
    for number in range(count):
        now = timezone.now()
        call = {"user": portfolio.user, "portfolio_id": portfolio.pk}
        halt_trading(**call, reason=f"{number}", now=now)
        resume_trading(**call, now=now)
    halt_trading(**call, reason="last", now=timezone.now())


@pytest.mark.parametrize(
    "add",
    [
        more_goals,
        more_failed_goals,
        more_positions,
        more_trades,
        more_portfolios,
        more_halts,
    ],
)
def test_it_takes_as_many_statements_however_much_there_is(
    client: Client, add: Callable[[Portfolio, int], None]
) -> None:
    portfolio = PortfolioFactory(daily_loss_limit_pct=Decimal(50))
    more_goals(portfolio, 1)
    add(portfolio, 2)
    few = count_statements(client, portfolio)

    add(portfolio, 8)

    assert count_statements(client, portfolio) == few
    # The day on which a person resumed trading is walked.
    assert few < (40 if add is more_halts else MOST_STATEMENTS)


def test_what_it_lists_is_bounded(client: Client) -> None:
    portfolio = PortfolioFactory()
    more_goals(portfolio, MOST_GOALS + 2)
    more_positions(portfolio, MOST_POSITIONS + 1)

    page = page_of(client, portfolio)

    assert page.count('<article class="goal">') == MOST_GOALS
    assert "2 more are on" in part_of(page, "goals")
    assert page.count('data-label="Quantity"') == MOST_POSITIONS
    assert f"The newest {MOST_POSITIONS} are shown." in part_of(page, "open")


def test_a_deposit_is_said_on_the_page_and_booked_once(client: Client) -> None:
    user: User = UserFactory()
    client.force_login(user)
    main = user.portfolios.get()
    address = reverse("site:deposit", args=[main.pk])
    form = client.get(address).context["form"]
    body = {"amount": "1000", "form_id": form["form_id"].value()}
    for _ in range(2):  # sent twice
        answer = client.post(address, body, follow=True)
    page = text_of(answer.content.decode())
    assert "Booked on main: +1,000.00 USD." in page
    assert "no money to trade with" not in page
    flow = CashFlow.objects.get()
    assert (flow.amount, flow.created_by) == (1000, user.username)
