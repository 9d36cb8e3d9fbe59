"""The page and the form of a goal in a real browser."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from goals.models import FinancialGoal
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from tests.browser.pages import serious_violations
from tests.browser.test_content_security import sign_in
from tests.http import PASSWORD
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import ensure_strategy, import_profits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# Pixels that were drawn, of all there are.
INKED = """canvas => {
  const {width, height} = canvas;
  const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
  let inked = 0;
  for (let at = 3; at < data.length; at += 4) if (data[at]) inked += 1;
  return inked / (data.length / 4);
}"""

# What is written on canvases, in order.
KEEPS_WORDS = """
  window.words = [];
  const write = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
    words.push(text);
    return write.call(this, text, ...at);
  };
"""


@pytest.fixture
def goal(transactional_db: None) -> FinancialGoal:
    """A running goal with 24 trades of two weeks and a decision."""
    now = timezone.now()
    user = UserFactory(username="ada", password=PASSWORD)
    portfolio = PortfolioFactory(user=user, now=now - timedelta(days=15))
    ensure_strategy(portfolio)
    made = GoalFactory(
        portfolio=portfolio,
        start_date=(now - timedelta(days=14)).date(),
        target_date=(now + timedelta(days=20)).date(),
        as_of=now - timedelta(days=14),
    )
    import_profits(
        portfolio,
        [
            (now - timedelta(hours=13 * n), Decimal(5 if n % 3 else -7))
            for n in range(24, 0, -1)
        ],
    )
    size_for_goal(user=user, goal_id=made.pk, now=now, base_size=Decimal(500))
    return made


def settle(page: Page) -> None:
    """Wait for what the page asks for: the tables are emptied when the test ends."""
    page.wait_for_load_state("networkidle", timeout=60_000)


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_of_a_goal_draws_its_chart_and_answers_what_if(
    page: Page, goal: FinancialGoal, complaints: list[str], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, "ada")
    page.wait_for_url("**/")
    page.goto(f"/goals/{goal.pk}/")

    canvas = page.locator(".goal-chart canvas")
    expect(canvas).to_be_visible()
    expect(page.locator("#what-if-answer caption")).to_contain_text("As it is")
    frontier = page.get_by_role("region", name="Frontier in figures")
    expect(frontier).to_be_visible(timeout=30_000)  # nine sizes and four policies
    assert canvas.evaluate(INKED) > 0.01
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    assert serious_violations(page) == []

    page.get_by_label("Hard floor below the peak").focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#what-if-answer .price")).to_contain_text("to arrive")
    page.get_by_role("button", name="Save as change").click()
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.locator(".banner.good")).to_contain_text("Saved as change")
    goal.portfolio.refresh_from_db()
    assert goal.portfolio.hard_drawdown_pct == 18
    settle(page)
    assert complaints == []


def test_each_day_of_a_chart_is_named_once_in_the_user_s_zone(
    page: Page, goal: FinancialGoal
) -> None:
    user = goal.portfolio.user
    user.time_zone = "Europe/Vienna"
    user.save()
    zone = ZoneInfo(user.time_zone)
    begins, ends = (datetime(2026, 3, day, tzinfo=zone).timestamp() for day in (28, 30))
    none: dict[str, list[Any]] = {
        name: [] for name in ("pace", "hard", "soft", "marks", "factors")
    }
    chart = {"measure": "%", "currency": "USD", "begins": begins, "ends": ends}
    chart |= {"start": 0, "target": 5, "line": [[begins, 0]], "live": None, "now": None}
    page.add_init_script(KEEPS_WORDS)
    page.route("**/chart/", lambda route: route.fulfill(json={**chart, **none}))
    sign_in(page, "ada")
    page.wait_for_url("**/")
    page.goto(f"/goals/{goal.pk}/")
    expect(page.locator(".goal-chart canvas")).to_be_visible()
    settle(page)

    words = page.evaluate("words")
    drawn = words.count("Target +5 %")
    of_time = [one for one in words if re.search(r" Mar|:", one)]
    assert of_time == ["28 Mar", "29 Mar"] * drawn


def test_a_goal_is_made_with_its_pace_and_chance_before_saving(
    page: Page, goal: FinancialGoal, complaints: list[str]
) -> None:
    sign_in(page, "ada")
    page.wait_for_url("**/")
    page.goto(f"/goals/new/?portfolio={goal.portfolio_id}")
    assert serious_violations(page) == []

    page.get_by_label("an income").check()
    page.get_by_label("How much").fill("60")
    page.get_by_label("When").select_option("year")
    ahead = page.locator("#forecast")
    expect(ahead).to_contain_text(re.compile(r"USDT a day"))
    expect(ahead).to_contain_text("from 24 trades")
    page.get_by_role("button", name="Create the goal").click()

    expect(page.locator(".banner.good")).to_contain_text("Created: 60 USDT of income")
    settle(page)
    assert complaints == []


def test_an_answer_that_comes_late_closes_no_dialog(
    page: Page, goal: FinancialGoal
) -> None:
    sign_in(page, "ada")
    page.wait_for_url("**/")
    page.goto(f"/goals/{goal.pk}/")
    expect(page.locator("#what-if-answer caption")).to_contain_text("As it is")
    held: list[Route] = []
    exact = re.compile(r"/what-if/\?(?!.*rough)")
    page.route(exact, lambda route: held.append(route))
    page.get_by_label("Hard floor below the peak").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Save as change").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert len(held) == 1

    with page.expect_response(exact):
        held[0].continue_()
    settle(page)
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Save", exact=True).click()

    expect(page.locator(".banner.good")).to_contain_text("Saved as change")
    settle(page)
