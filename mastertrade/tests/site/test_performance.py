"""The performance page: what it says, of whom, and at what cost."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from goals.models import Portfolio
from goals.services.resuming import resume_trading
from goals.tests.factories import PortfolioFactory, UserFactory
from mastertrade.site.performance_chart import SIZES
from tests.http import spaced, words
from trades.decisions.obedience import FEWEST_DAYS
from trades.tests.factories import TradeFactory, book_profit, import_profits

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
PATH = reverse("site:performance")


@pytest.fixture
def portfolio() -> Portfolio:
    """Opened at noon, 41 days ago: day 40 is over at any hour."""
    begun = timezone.now().replace(hour=12, minute=0, second=0) - 41 * DAY
    return PortfolioFactory(now=begun)


@pytest.fixture
def mine(client: Client, portfolio: Portfolio) -> Client:
    client.force_login(portfolio.user)
    return client


def day(portfolio: Portfolio, number: int) -> object:
    return portfolio.created_at + number * DAY


def page_of(client: Client, portfolio: Portfolio, **asked: str) -> str:
    answer = client.get(PATH, {"portfolio": portfolio.pk, **asked})
    assert answer.status_code == 200
    return answer.content.decode()


def test_another_users_portfolio_is_not_found(
    client: Client, portfolio: Portfolio
) -> None:
    client.force_login(UserFactory())

    assert client.get(PATH, {"portfolio": portfolio.pk}).status_code == 404


def test_another_users_trades_are_in_no_figure(
    mine: Client, portfolio: Portfolio
) -> None:
    book_profit(PortfolioFactory(), Decimal(777))
    book_profit(portfolio, Decimal(5), day(portfolio, 1))

    page = page_of(mine, portfolio)

    assert "777" not in page


def test_a_visitor_is_sent_to_sign_in(client: Client) -> None:
    assert client.get(PATH)["Location"].startswith(reverse("site:login"))


def test_nothing_booked_is_said_and_what_to_do(
    mine: Client, portfolio: Portfolio
) -> None:
    page = page_of(mine, portfolio)

    assert "Nothing was booked in" in words(page)
    assert reverse("site:trade-new") in page
    assert "0 %" not in page


def test_three_returns_each_with_its_sentence(
    mine: Client, portfolio: Portfolio
) -> None:
    book_profit(portfolio, Decimal(161), day(portfolio, 1))

    page = words(page_of(mine, portfolio))

    assert "Unit return +16.1 % What one USDT put in" in page
    assert "Money made +161.00 USDT All closed trades together" in page
    assert "Money-weighted return +16.1 % The rate your own deposits earned" in page


def test_open_trades_are_named_as_left_out(mine: Client, portfolio: Portfolio) -> None:
    at = day(portfolio, 1)
    book_profit(portfolio, Decimal(161), at)
    TradeFactory(portfolio=portfolio, entry_time=at, now=at)

    assert "1 open trade is not in it" in words(page_of(mine, portfolio))


def test_few_trades_are_no_evidence(mine: Client, portfolio: Portfolio) -> None:
    book_profit(portfolio, Decimal(161), day(portfolio, 1))

    page = words(page_of(mine, portfolio))

    assert "There is no evidence yet that following the advice paid" in page
    assert "Without asking no decision is stored with the trade 1 +161.00" in page
    assert "too few trades" in page
    assert "no evidence yet: 1 of 20 trades" in page


def test_evidence_is_a_sentence(mine: Client, portfolio: Portfolio) -> None:
    profits = [
        (day(portfolio, 1 + n % (2 * FEWEST_DAYS)), Decimal(4 + n % 3))
        for n in range(40)
    ]
    import_profits(portfolio, sorted(profits))

    page = words(page_of(mine, portfolio))

    assert "Trades opened without asking made" in page
    assert "over 40 trades, and the interval stays above zero." in page
    assert "made money" in page


def test_a_row_of_losses_is_put_in_proportion(
    mine: Client, portfolio: Portfolio
) -> None:
    for number, profit in enumerate((5, 5, 5, -1, -1, -1)):
        book_profit(portfolio, Decimal(profit), day(portfolio, number))

    page = words(page_of(mine, portfolio))

    assert "Losses in a row now 3" in page
    assert "3 trades in a row all lose about once in 8 tries" in page


def test_the_calendar_shows_the_month_asked_for_and_leads_to_its_neighbours(
    mine: Client, portfolio: Portfolio
) -> None:
    first, last = day(portfolio, 0), day(portfolio, 40)
    book_profit(portfolio, Decimal(12), first)
    book_profit(portfolio, Decimal(-34), last)

    newest = page_of(mine, portfolio)
    oldest = page_of(mine, portfolio, month=f"{first:%Y-%m}")

    assert f"{last:%B %Y}" in words(newest)
    assert f"?month={first:%Y-%m}" in oldest or f"{first:%B %Y}" in words(oldest)
    assert 'title="12 USDT">+12<' in oldest
    assert "\N{MINUS SIGN}34<" in newest
    assert "\N{MINUS SIGN}34<" not in oldest


@pytest.mark.parametrize(
    "month", ["", "no", "2026-13", "1000-01", "9999-12", "²026-01"]
)
def test_a_month_that_is_none_is_the_nearest_there_is(
    mine: Client, portfolio: Portfolio, month: str
) -> None:
    book_profit(portfolio, Decimal(12), day(portfolio, 40))

    page = page_of(mine, portfolio, month=month)

    assert f"{day(portfolio, 40):%B %Y}" in words(page)


def test_one_day_is_said_and_not_drawn(mine: Client, portfolio: Portfolio) -> None:
    book_profit(portfolio, Decimal(10), day(portfolio, 1))
    page = page_of(mine, portfolio)
    assert "One day has closed trades" in words(page)
    assert 'class="chart' not in page

    book_profit(portfolio, Decimal(10), day(portfolio, 2))
    page = page_of(mine, portfolio)
    assert "One day has closed trades" not in words(page)
    assert page.count('class="chart') == len(SIZES)


def test_there_is_a_drawing_for_each_width_that_says_itself(
    mine: Client, portfolio: Portfolio
) -> None:
    for number, profit in ((1, 100), (2, -55), (3, 20)):
        book_profit(portfolio, Decimal(profit), day(portfolio, number))

    page = page_of(mine, portfolio)

    label = "Unit return +6.5 %; now 3.2 % below the peak; deepest 5 %."
    assert spaced(page).count(f'aria-label="{label}"') == len(SIZES)
    assert "style=" not in page


@pytest.mark.parametrize("profits", [(15, -6), (150, -90), (99_000, -50_000)])
def test_no_tick_of_the_drawing_is_cut_at_its_left(
    mine: Client, portfolio: Portfolio, profits: tuple[int, ...]
) -> None:
    """A minus that is cut away makes a fall look like a rise."""
    for number, profit in enumerate(profits, 1):
        book_profit(portfolio, Decimal(profit), day(portfolio, number))

    page = page_of(mine, portfolio)

    labels = re.findall(r'x="([\d.]+)" y="[\d.-]+" text-anchor="end">([^<]+%)<', page)
    assert len(labels) > 2 * len(SIZES)
    assert [(x, words) for x, words in labels if float(x) < 7 * len(words)] == []


def test_limits_hang_from_the_peak_until_a_resume_sets_a_lower_one(
    mine: Client, portfolio: Portfolio
) -> None:
    book_profit(portfolio, Decimal(100), day(portfolio, 1))
    before = page_of(mine, portfolio)
    book_profit(portfolio, Decimal(-300), day(portfolio, 2))
    resume_trading(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        reason="new plan",
        now=day(portfolio, 3),
    )

    assert "soft limit at 10 %, hard floor at 20 %" in words(before)
    assert "hard floor at" not in words(page_of(mine, portfolio))


def test_a_demo_is_said_to_be_one(mine: Client, portfolio: Portfolio) -> None:
    demo = PortfolioFactory(user=portfolio.user, kind="demo")
    book_profit(demo, Decimal(5))

    assert 'class="banner warn' in page_of(mine, demo)


def test_more_trades_are_no_more_statements(mine: Client, portfolio: Portfolio) -> None:
    book_profit(portfolio, Decimal(5), day(portfolio, 0))
    page_of(mine, portfolio)  # the session is written once
    with CaptureQueriesContext(connection) as few:
        page_of(mine, portfolio)
    profits = [(day(portfolio, 1 + n), Decimal(n % 5 - 2)) for n in range(30)]
    import_profits(portfolio, profits)

    with CaptureQueriesContext(connection) as many:
        page_of(mine, portfolio)

    assert len(many) == len(few)
