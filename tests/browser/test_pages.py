"""Every page of the site: for every reader, at every width, from this site alone."""

from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page

from tests.browser.pages import (
    DRAWN,
    HEIGHT,
    PICTURES,
    THEMES,
    WIDER_THAN_THE_SCREEN,
    WIDTHS,
    foreign_requests,
    pages_of,
    serious_violations,
    sign_in_by_cookie,
)
from tests.http import Trader, make_busy_trader
from trades.management.demo_portfolio import load_recorded
from trades.services.demo import renew_demo

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WITHOUT_A_USER = ["/login/", "/nothing/"]


@pytest.fixture
def trader(transactional_db: None) -> Trader:
    """One of everything, and the rights to see the pages of operators."""
    made = make_busy_trader()
    made.user.is_staff = made.user.is_superuser = True
    made.user.save()
    if PICTURES:
        show_the_demo(made)
    return made


def show_the_demo(trader: Trader) -> None:
    """Its rows instead: a picture of one trade shows little."""
    made = renew_demo(user=trader.user, now=timezone.now(), load=load_recorded)
    portfolio = made.portfolio
    goal = portfolio.goals.latest("pk")
    trade = portfolio.trades.latest("pk")
    trader.ids.update(portfolio_id=portfolio.pk, goal_id=goal.pk, trade_id=trade.pk)


def test_no_page_is_wider_than_its_screen_inaccessible_or_loads_from_elsewhere(
    page: Page, trader: Trader, complaints: list[str], live_server
) -> None:
    """With MASTERTRADE_SCREENSHOTS=DIR a picture of each is left there."""
    sign_in_by_cookie(page.context, trader.user, live_server.url)
    violations: dict[str, list[str]] = {}
    wide = []
    addresses = pages_of(trader)
    with foreign_requests(page, live_server.url) as foreign:
        for address in [*addresses, "/nothing/"]:
            page.goto(address)
            if serious := serious_violations(page):
                violations[address] = serious
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": HEIGHT})
                for theme in THEMES if PICTURES else ("light",):
                    page.emulate_media(color_scheme=theme)
                    if PICTURES:
                        page.wait_for_function(DRAWN)
                        name = address.strip("/").replace("/", "-") or "today"
                        target = Path(PICTURES) / f"{name}-{width}-{theme}.png"
                        page.screenshot(path=target, full_page=True)
                if page.evaluate(WIDER_THAN_THE_SCREEN):
                    wide.append((address, width))
    assert len(addresses) > 5
    assert violations == {}
    assert wide == []
    assert foreign == []
    assert [one for one in complaints if "404" not in one] == []


def test_the_pages_without_a_user_are_accessible(page: Page, db: None) -> None:
    for address in WITHOUT_A_USER:
        page.goto(address)
        assert serious_violations(page) == [], address
