"""The home page and signing in."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from goals.admin.forms import in_page_words
from goals.enums import GoalType
from goals.models import CashFlow, FinancialGoal, Portfolio, TradingHalt, User
from goals.services.portfolios import update_portfolio
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.factories import (
    START,
    GoalFactory,
    PortfolioFactory,
    UserFactory,
    fail,
)
from mastertrade.site.site import MasterTradeAdminSite
from mastertrade.site.views import MOST_PORTFOLIOS, MOST_TRADES
from trades.services.replay import ReplayQuestion, run_replay
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import book_profit
from trades.tests.prices import wander

# A deadline that lies ahead whenever the tests run.
FAR = date(2199, 12, 31)

pytestmark = pytest.mark.django_db

HOME = reverse("site:home")
LOGIN = reverse("site:login")


def decide(goal: FinancialGoal) -> None:
    size_for_goal(user=goal.user, goal_id=goal.pk, now=START, base_size=Decimal(1234))


def home_of(client: Client, user: User) -> str:
    client.force_login(user)
    answer = client.get(HOME)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_visitor_is_sent_to_sign_in(client: Client) -> None:
    answer = client.get(HOME)

    assert answer.status_code == 302
    assert answer["Location"] == f"{LOGIN}?next={HOME}"


def test_a_user_who_is_not_staff_signs_in_and_out(client: Client) -> None:
    User.objects.create_user("alice", password="secret")

    signed_in = client.post(LOGIN, {"username": "alice", "password": "secret"})
    assert signed_in["Location"] == HOME
    assert client.get(HOME).status_code == 200

    client.post(reverse("site:logout"))
    assert client.get(HOME).status_code == 302


def test_a_wrong_password_is_told(client: Client) -> None:
    answer = client.post(LOGIN, {"username": "alice", "password": "wrong"})

    assert "Please enter a correct username and password" in answer.content.decode()


def test_the_home_page_shows_a_goal_with_bar_band_and_pace(client: Client) -> None:
    goal = GoalFactory(target_date=FAR)
    decide(goal)

    page = home_of(client, goal.user)

    assert "monthly return" in page
    assert 'class="progress-bar"' in page
    assert "badge-behind" in page
    assert "Pace gap" in page
    assert goal.adjustments.get().reason in page


def test_the_home_page_shows_nothing_of_other_users(client: Client) -> None:
    other = UserFactory(username="mallory")
    goal = GoalFactory(
        target_date=FAR, portfolio=PortfolioFactory(user=other, name="theirs")
    )
    decide(goal)

    page = home_of(client, UserFactory())

    assert "theirs" not in page
    assert "monthly return" not in page
    assert "1,604.2" not in page
    assert "mallory" not in page


def test_it_says_that_no_worker_was_seen_for_some_time(client: Client) -> None:
    user = UserFactory()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_periodic_defers")
        assert "No worker has run yet" in home_of(client, user)
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
        assert "No worker" not in home_of(client, user)
        cursor.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = '2026-01-02 03:04Z'"
        )
    assert "The worker has been silent for" in home_of(client, user)


def test_only_staff_get_the_link_to_the_admin(client: Client) -> None:
    address = reverse("admin:index")

    assert f'href="{address}"' not in home_of(client, UserFactory())
    assert f'href="{address}"' in home_of(client, UserFactory(is_staff=True))


def test_the_home_page_asks_as_many_queries_for_twelve_goals_as_for_two(
    client: Client,
) -> None:
    user = UserFactory()

    def count_after_adding(count: int) -> int:
        portfolio = PortfolioFactory(user=user)
        for target in range(count):
            decide(
                GoalFactory(
                    target_value=Decimal(5 + target),
                    target_date=FAR,
                    portfolio=portfolio,
                )
            )
        home_of(client, user)
        with CaptureQueriesContext(connection) as queries:
            client.get(HOME)
        return len(queries)

    assert count_after_adding(2) == count_after_adding(10)


def test_failed_goals_say_when_and_why_in_constant_statements(client: Client) -> None:
    user = UserFactory()

    def count_after_failing(count: int) -> int:
        for _ in range(count):
            fail(GoalFactory(portfolio=PortfolioFactory(user=user), target_date=FAR))
        home_of(client, user)
        with CaptureQueriesContext(connection) as queries:
            client.get(HOME)
        return len(queries)

    assert count_after_failing(1) == count_after_failing(3)
    text = text_of(home_of(client, user))
    goal, halt = FinancialGoal.objects.all()[0], TradingHalt.objects.all()[0]
    assert (
        f"Failed {goal.failed_at:%Y-%m-%d %H:%M} UTC {in_page_words(halt.reason)}"
        in text
    )
    for words in (
        "Required per day",
        "Pace gap",
        "not projected yet",
        "at risk",
        "hard_drawdown",
    ):
        assert words not in text


def test_the_last_closed_trades_of_all_own_portfolios_take_constant_statements(
    client: Client,
) -> None:
    user = UserFactory()

    def count_after_closing(count: int, *, shown: int) -> int:
        portfolio = PortfolioFactory(user=user)
        for profit in range(count):
            book_profit(portfolio, Decimal(profit + 1))
        page = home_of(client, user)
        assert "Last closed trades" in page
        assert page.count('data-label="Closed"') == shown
        with CaptureQueriesContext(connection) as queries:
            client.get(HOME)
        return len(queries)

    few = count_after_closing(2, shown=2)
    assert count_after_closing(10, shown=MOST_TRADES) == few
    book_profit(PortfolioFactory(), Decimal(77_777))
    assert "77,777" not in home_of(client, user)


@pytest.mark.parametrize("address", [HOME, LOGIN])
def test_a_page_runs_under_a_strict_content_security_policy(
    client: Client, address: str
) -> None:
    """No inline script or style, nothing from another site."""
    if address == HOME:
        goal = GoalFactory(target_date=FAR)
        decide(goal)
        client.force_login(goal.user)

    page = client.get(address).content.decode()

    assert page.count("<script") == page.count('<script src="/static/')
    assert not re.search(r"<style|\bstyle=|\bon\w+=|https?://", page)


def test_the_admin_lists_goals_first(admin_user: User) -> None:
    site = MasterTradeAdminSite()
    site._registry = admin.site._registry
    request = RequestFactory().get("/")
    request.user = admin_user

    labels = [app["app_label"] for app in site.get_app_list(request)]

    assert labels == ["goals", "trades", "strategies", "auth", "procrastinate"]


def test_a_goal_whose_period_is_over_is_no_longer_running(client: Client) -> None:
    goal = GoalFactory()

    assert "No goal is running" in home_of(client, goal.user)


def test_a_replay_is_shown_beside_its_twin(client: Client) -> None:
    user = UserFactory()
    run_replay(
        user=user,
        question=ReplayQuestion(GoalType.MONTHLY_RETURN, Decimal(3)),
        series=wander(120),
        now=START,
    )

    page = home_of(client, user)

    assert "factor 1.0" in page
    assert "3 % return per month" in page
    assert "replay 1" not in page.split("Portfolios")[1].split("Replays")[0]


def test_a_halted_portfolio_says_why_since_when_and_how_to_resume(
    client: Client,
) -> None:
    portfolio = PortfolioFactory(now=START)
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="gone sailing", now=START
    )

    page = home_of(client, portfolio.user)

    assert f"Halted by {portfolio.user_id} since" in page
    assert "until it is resumed: gone sailing." in page
    assert f"/api/portfolios/{portfolio.pk}/resume/" in page
    assert "badge-halted" in page

    resume_trading(user=portfolio.user, portfolio_id=portfolio.pk, now=START)
    assert "gone sailing" not in home_of(client, portfolio.user)


PROJECTED = {
    "probability": Decimal("0.41267"),
    "probability_low": Decimal("0.2"),
    "probability_high": Decimal("0.70004"),
    "projected_at": START,
}


def project_to(goal: FinancialGoal, **kept: object) -> None:
    FinancialGoal.objects.filter(pk=goal.pk).update(**{**PROJECTED, **kept})


def text_of(page: str) -> str:
    """The words alone, as they are read."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_a_goal_shows_its_kept_probability_with_its_band(client: Client) -> None:
    goal = GoalFactory(target_date=FAR)
    assert "Probability not projected yet" in text_of(home_of(client, goal.user))

    project_to(goal, projected_trades=100)

    page = home_of(client, goal.user)
    assert "Probability 41.3 % 20 % to 70 % , from 100 trades" in text_of(page)
    assert "badge-low_confidence" not in page


def test_a_probability_from_few_trades_is_of_low_confidence(client: Client) -> None:
    goal = GoalFactory(target_date=FAR)
    project_to(goal, projected_trades=99)

    assert "41.3 % low confidence" in text_of(home_of(client, goal.user))


def test_below_twenty_trades_the_count_stands_for_the_probability(
    client: Client,
) -> None:
    goal = GoalFactory(target_date=FAR)
    nothing = dict.fromkeys(("probability", "probability_low", "probability_high"))
    project_to(goal, **nothing, projected_trades=7)

    assert "Probability 7 of 20 trades" in text_of(home_of(client, goal.user))


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        ("0", "0 %"),
        ("0.0004", "below 0.1 %"),
        ("0.9999", "above 99.9 %"),
        ("1", "100 %"),
    ],
)
def test_what_is_not_certain_reads_as_neither_0_nor_100(
    client: Client, ratio: str, shown: str
) -> None:
    goal = GoalFactory(target_date=FAR)
    chance = Decimal(ratio)
    project_to(
        goal, probability=chance, probability_low=chance, probability_high=chance
    )

    assert f"Probability {shown} " in text_of(home_of(client, goal.user))


def test_an_unreachable_goal_says_so_and_links_to_its_projection(
    client: Client,
) -> None:
    goal = GoalFactory(target_date=FAR)
    project_to(goal, unreachable=True, probability=0, probability_low=0)

    page = home_of(client, goal.user)

    assert "badge-unreachable" in page
    assert f'href="/api/goals/{goal.pk}/projection/"' in page


def test_a_guard_that_halted_is_named(client: Client) -> None:
    portfolio = PortfolioFactory(now=START)
    GoalFactory(portfolio=portfolio, target_date=FAR)
    book_profit(portfolio, Decimal(-300))

    page = text_of(home_of(client, portfolio.user))
    badges = page.split("Portfolios")[0]

    assert "halted" in badges.split("Value")[0]

    assert "Halted by the drawdown guard since" in page
    assert "reached “Hard drawdown in %” 20 %." in page


def test_a_halted_portfolio_is_shown_however_many_there_are(client: Client) -> None:
    user = UserFactory()
    for _ in range(MOST_PORTFOLIOS):
        PortfolioFactory(user=user, now=START)
    last = PortfolioFactory(user=user, now=START)
    GoalFactory(portfolio=last, target_date=FAR)
    halt_trading(user=user, portfolio_id=last.pk, reason="gone sailing", now=START)

    page = home_of(client, user)

    assert "gone sailing" in page
    assert page.count("badge-halted") == 2  # the portfolio's and its goal's


def test_a_portfolio_that_waits_for_a_second_mark_comes_after_the_halted_ones(
    client: Client,
) -> None:
    """Of 27: the 25th waits, the 26th is halted; 15 are on further pages."""
    user = UserFactory()
    main = user.portfolios.get()
    made = [PortfolioFactory(user=user, name=f"p{number:02}") for number in range(26)]
    waiting, halted = made[23:25]
    Portfolio.objects.filter(pk=waiting.pk).update(suspected_at=START)
    halt_trading(user=user, portfolio_id=halted.pk, reason="gone sailing", now=START)

    first = home_of(client, user)
    names = re.findall(r"<h3>(main|p\d\d)</h3>", first)
    assert names[:4] == [halted.name, waiting.name, main.name, "p00"]
    assert len(names) == MOST_PORTFOLIOS
    assert ">15 more portfolios</a>" in first
    address = re.findall(r'href="(\?page=2[^"]*)"', first)[0]
    second = client.get(f"{HOME}{address}").content.decode()
    assert ">3 more portfolios</a>" in second
    third = client.get(f"{HOME}?page=3").content.decode()
    assert "more portfolio" not in third
    further = re.findall(r"<h3>(main|p\d\d)</h3>", second + third)
    assert sorted(names + further) == sorted(["main", *(one.name for one in made)])
    assert client.get(f"{HOME}?page=x").status_code == 200


def test_the_first_page_shows_the_nearest_floor_at_which_trading_stops(
    client: Client,
) -> None:
    user = UserFactory()
    now = timezone.now()
    made = now - timedelta(days=2)
    portfolio = PortfolioFactory(
        user=user, daily_loss_limit_pct=Decimal(5), max_trades_per_day=50, now=made
    )
    book_profit(portfolio, Decimal(-45), at=now)
    assert "Daily floor 950 USDT , 5 USDT" in text_of(home_of(client, user))
    # The day is walked where limits changed within it.
    update_portfolio(
        user=user,
        portfolio_id=portfolio.pk,
        now=timezone.now(),
        daily_loss_limit_pct=Decimal(30),
    )
    assert "Hard floor 800 USDT , 155 USDT" in text_of(home_of(client, user))
    update_portfolio(
        user=user,
        portfolio_id=portfolio.pk,
        now=timezone.now(),
        daily_loss_limit_pct=Decimal(5),
    )
    assert "Daily floor 950 USDT , 5 USDT" in text_of(home_of(client, user))


# Money


def deposit_page(portfolio: Portfolio) -> str:
    return reverse("site:deposit", args=[portfolio.pk])


def test_a_newcomer_without_money_is_led_to_the_deposit(client: Client) -> None:
    user = UserFactory()
    main = user.portfolios.get(name="main")
    GoalFactory(portfolio=main, target_date=FAR)
    page = home_of(client, user)
    assert "Portfolio main has no money to trade with" in page
    assert "No money to trade with: no trade is sized until you deposit." in page
    assert page.count(f'href="{deposit_page(main)}"') == 2
    assert "1000" not in page
    form = client.get(deposit_page(main)).context["form"]
    body = {"amount": "1000", "form_id": form["form_id"].value()}
    for _ in range(2):  # sent twice, booked once
        answer = client.post(deposit_page(main), body, follow=True)
    page = answer.content.decode()
    assert "Booked on main: 1,000 USD." in page
    assert "no money to trade with" not in page.lower()
    flow = CashFlow.objects.get()
    assert (flow.amount, flow.created_by) == (1000, user.username)


@pytest.mark.parametrize("amount", ["0", "", "-1", "much", "1e30"])
def test_what_a_deposit_refuses_is_said_and_books_nothing(
    client: Client, amount: str
) -> None:
    user = UserFactory()
    client.force_login(user)
    page = client.post(deposit_page(user.portfolios.get()), {"amount": amount})
    assert page.status_code == 200
    assert page.context["form"].errors
    assert "error" in page.content.decode()
    assert not CashFlow.objects.exists()


def test_another_user_s_portfolio_takes_no_deposit(client: Client) -> None:
    theirs = PortfolioFactory()
    client.force_login(UserFactory())
    assert client.get(deposit_page(theirs)).status_code == 404
    assert client.post(deposit_page(theirs), {"amount": "5"}).status_code == 404
    assert not CashFlow.objects.exists()


def test_a_visitor_deposits_nothing(client: Client) -> None:
    answer = client.post(deposit_page(PortfolioFactory()), {"amount": "5"})
    assert answer["Location"].startswith(LOGIN)
    assert not CashFlow.objects.exists()


def test_a_deposit_needs_the_page_s_own_token() -> None:
    portfolio = PortfolioFactory()
    client = Client(enforce_csrf_checks=True)
    client.force_login(portfolio.user)
    assert client.post(deposit_page(portfolio), {"amount": "5"}).status_code == 403


def test_links_into_the_admin_are_shown_to_those_who_may_follow(
    client: Client,
) -> None:
    user = PortfolioFactory().user
    assert reverse("admin:trades_trade_add") not in home_of(client, user)
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    page = home_of(client, User.objects.get(pk=user.pk))
    for name in (
        "trades_trade_add",
        "goals_financialgoal_add",
    ):
        assert reverse(f"admin:{name}") in page


def test_the_first_page_says_where_the_floors_are(
    client: Client,
) -> None:
    user = UserFactory()
    client.force_login(user)

    def count_with(number: int) -> int:
        for _ in range(number):
            PortfolioFactory(user=user, daily_loss_limit_pct=Decimal(4))
        home_of(client, user)
        with CaptureQueriesContext(connection) as queries:
            client.get(HOME)
        return len(queries)

    assert count_with(1) == count_with(3)
    portfolio = Portfolio.objects.latest("pk")
    for number in range(24):
        at = START + number * timedelta(days=1)
        book_profit(portfolio, Decimal(1 if number % 3 == 2 else -4), at=at)
    home = text_of(home_of(client, user))
    assert "Daily floor 906.24 USDT , 37.76 USDT ( 4 % ) below the equity" in home
    book_profit(portfolio, Decimal(-144), at=START + timedelta(days=30))
    assert "Hard floor 800 USDT , reached" in text_of(home_of(client, user))


def test_a_goal_with_conditions_is_made_on_the_site(client: Client) -> None:
    portfolio = PortfolioFactory()
    client.force_login(portfolio.user)
    address = reverse("site:new-goal", args=[portfolio.pk])
    body = {
        "goal_type": "portfolio_value",
        "target_value": "2000",
        "target_date": f"{FAR:%F}",
        "policy": "ladder",
        "stop_penalty": "0",
        "min_trading_days": "3",
        "best_day_max_pct": "40",
    }
    client.post(address, body)
    goal = FinancialGoal.objects.get()
    assert goal.stop_penalty == 0
    assert (goal.min_trading_days, goal.best_day_max_pct) == (3, 40)


def test_the_first_page_names_the_phases_next_to_a_portfolio(client: Client) -> None:
    first = PortfolioFactory(name="step 1")
    second = PortfolioFactory(user=first.user, name="step 2")
    Portfolio.objects.filter(pk=first.pk).update(successor=second)
    client.force_login(first.user)
    (desk,) = client.get("/").context["desks"]
    cards = {card.portfolio.name: card for card in desk.portfolios}
    assert cards["step 1"].next_phase == "step 2"  # and it has none before it
    assert cards["step 1"].phase_before is None
    assert cards["step 2"].phase_before == "step 1"
