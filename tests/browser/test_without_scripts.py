"""Pages in a browser that runs no scripts: nothing waits for ever, nothing is dead."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

import mastertrade.site
from goals.enums import PortfolioKind
from goals.models import FinancialGoal, Portfolio
from tests.browser.test_content_security import sign_in
from tests.http import make_busy_trader
from trades.services.demo import find_demo

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TEMPLATES = Path(mastertrade.site.__file__).parent / "templates"


@pytest.fixture
def plain(browser: Browser, live_server) -> Iterator[Page]:
    context = browser.new_context(
        base_url=live_server.url,
        java_script_enabled=False,
        viewport={"width": 360, "height": 800},
    )
    yield context.new_page()
    context.close()


def test_whatever_asks_before_it_acts_is_a_link_to_what_it_asks() -> None:
    opening = re.compile(r"<(\w+)\b[^>]*\bdata-dialog=\"([^\"]*)\"[^>]*>")
    found = [
        one
        for path in TEMPLATES.rglob("*.html")
        for one in opening.finditer(path.read_text())
    ]
    assert len(found) > 10
    for one in found:
        assert one[1] == "a", one[0]
        assert f'href="{one[2]}"' in one[0]


def test_the_demo_is_removed_after_asking_once(plain: Page) -> None:
    trader = make_busy_trader()
    made = Portfolio.objects.create(
        user=trader.user,
        name="demo",
        kind=PortfolioKind.DEMO,
        created_at=timezone.now(),
        updated_at=timezone.now(),
    )
    assert find_demo(trader.user) == made
    sign_in(plain, trader.user.username)
    plain.goto(reverse("site:welcome"))
    sure = plain.get_by_role("button", name="Remove it")
    expect(sure).to_be_hidden()
    plain.get_by_role("button", name="Remove the demo").click()
    expect(sure).to_be_visible()
    expect(plain.get_by_role("button", name="Keep it")).to_be_hidden()
    sure.click()
    expect(plain.get_by_text("The demo is removed")).to_be_visible()
    assert find_demo(trader.user) is None


def test_a_goal_says_what_needs_scripts_and_waits_for_nothing(plain: Page) -> None:
    trader = make_busy_trader()
    sign_in(plain, trader.user.username)
    goal = FinancialGoal.objects.filter(user=trader.user, status="active").first()
    plain.goto(reverse("site:goal", args=[goal.pk]))
    shown = plain.locator("main").inner_text()
    assert "The chart needs scripts" in shown
    assert "The comparison needs scripts" in shown
    for waiting in ("at work", "being compared", "being drawn"):
        assert waiting not in shown
