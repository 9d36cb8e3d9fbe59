"""What a user does on the site to own portfolios, and to no other."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from goals.models import Portfolio, TradingHalt
from goals.services.resuming import halt_trading
from goals.tests.factories import START, GoalFactory, PortfolioFactory, UserFactory
from mastertrade.site.urls import ACTIONS
from tests.http import nothing_changes
from trades.tests.factories import book_profit, import_profits

pytestmark = pytest.mark.django_db
FAR = date(2199, 12, 31)
HOME = reverse("site:home")
BODIES = {
    "deposit": {"amount": "5"},
    "halt": {"reason": "a look"},
    "resume": {},
}
OFFERED = "Work out the probability now"
PATHS = [*ACTIONS, "project"]


def page_of(action: str, portfolio: Portfolio) -> str:
    return reverse(f"site:{action}", args=[portfolio.pk])


def halted() -> Portfolio:
    portfolio: Portfolio = PortfolioFactory(now=START)
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="away", now=START
    )
    return portfolio


def test_every_action_has_a_body_here() -> None:
    assert list(BODIES) == list(ACTIONS)


@pytest.mark.parametrize("action", PATHS)
def test_another_user_s_portfolio_is_not_found(client: Client, action: str) -> None:
    theirs = halted()
    GoalFactory(portfolio=theirs, target_date=FAR)
    client.force_login(UserFactory())
    with nothing_changes():
        answer = client.post(page_of(action, theirs), BODIES.get(action, {}))
    assert answer.status_code == 404
    assert client.get(page_of(action, theirs)).status_code in {404, 405}


@pytest.mark.parametrize("action", PATHS)
def test_a_visitor_is_asked_to_sign_in(client: Client, action: str) -> None:
    portfolio = halted()
    with nothing_changes():
        answer = client.post(page_of(action, portfolio), BODIES.get(action, {}))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("site:login"))


@pytest.mark.parametrize("action", PATHS)
def test_a_form_of_another_site_does_nothing(action: str) -> None:
    portfolio = halted()
    client = Client(enforce_csrf_checks=True)
    client.force_login(portfolio.user)
    answer = client.post(page_of(action, portfolio), BODIES.get(action, {}))
    assert answer.status_code == 403


def test_trading_is_halted_and_resumed_from_the_page(client: Client) -> None:
    portfolio = PortfolioFactory()
    client.force_login(portfolio.user)
    halt, resume = page_of("halt", portfolio), page_of("resume", portfolio)
    page = client.get(HOME, {"portfolio": portfolio.pk}).content.decode()
    assert halt in page
    assert resume not in page
    page = client.post(halt, {"reason": "a look"}, follow=True).content.decode()
    assert resume in page
    assert halt not in page
    row = TradingHalt.objects.get()
    assert (row.reason, row.halted_by) == ("a look", portfolio.user_id)
    page = client.post(resume, {}, follow=True).content.decode()
    assert halt in page
    row.refresh_from_db()
    assert row.resumed_by == portfolio.user_id
    answer = client.get(resume, follow=True)
    assert answer.redirect_chain[-1][0] == HOME
    words = f"portfolio {portfolio.name} is not halted; there is nothing to resume."
    assert words in answer.content.decode()


def test_a_goal_that_was_never_projected_says_what_does_it(client: Client) -> None:
    goal = GoalFactory(target_date=FAR)
    now = timezone.now()
    import_profits(
        goal.portfolio,
        [(now - timedelta(hours=20 - n), Decimal(n % 3 - 1)) for n in range(20)],
    )
    client.force_login(goal.user)
    page = client.get(HOME, {"portfolio": goal.portfolio_id}).content.decode()
    project = page_of("project", goal.portfolio)
    assert "it is projected once a day" in page
    assert f'action="{project}"' in page
    assert OFFERED in page
    page = client.post(project, follow=True).content.decode()
    assert "it is projected once a day" not in page
    assert OFFERED not in page
    goal.refresh_from_db()
    projected_at = goal.projected_at
    assert projected_at is not None
    client.post(project)
    goal.refresh_from_db()
    assert goal.projected_at == projected_at


@pytest.mark.parametrize("goal", ["achieved", "not begun"])
def test_only_what_the_daily_run_projects_is_offered(client: Client, goal: str) -> None:
    today = timezone.now().date()
    begins = today + timedelta(days=3) if goal == "not begun" else today
    made = GoalFactory(start_date=begins, target_date=FAR, target_value=Decimal(1))
    if goal == "achieved":
        book_profit(made.portfolio, Decimal(500), at=timezone.now())
    client.force_login(made.user)
    page = client.get(HOME, {"portfolio": made.portfolio_id}).content.decode()
    assert OFFERED not in page
