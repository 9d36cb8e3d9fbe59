"""The first page in a real browser: ask, record, close, and nothing is loaded anew."""

from decimal import Decimal

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.pages import serious_violations
from tests.browser.test_content_security import sign_in
from tests.http import make_trader
from trades.booking.mark import Mark, mark_positions
from trades.models import Trade
from trades.tests.factories import TradeFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def trader(transactional_db: None, page: Page):
    """Signed in, on the page of a portfolio with a goal."""
    made = make_trader()
    sign_in(page, made.user.username)
    page.wait_for_url("**/")
    page.goto(f"/?portfolio={made['portfolio_id']}")
    return made


def test_a_trade_is_sized_recorded_and_closed_and_the_goal_moves(
    page: Page, trader, complaints: list[str]
) -> None:
    panel = page.locator("#next")
    panel.get_by_label("Symbol").fill("ETH/USDT")
    panel.get_by_label("Price", exact=True).fill("100")
    panel.get_by_label("Stop", exact=True).fill("90")
    panel.get_by_role("button", name="Ask").click()
    expect(panel.get_by_text("Buy 1.3 ETH/USDT")).to_be_visible()
    # The decision is in the list without a reload.
    expect(page.locator("#log").get_by_text("ETH/USDT")).to_be_visible()
    panel.get_by_role("link", name="Record this trade").click()
    page.get_by_role("button", name="Record it").click()
    expect(page.get_by_text("Recorded: long 1.3 ETH/USDT is open.")).to_be_visible()
    page.evaluate("window.isSamePage = true")

    page.get_by_role("link", name="Close ETH/USDT").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Exit price").fill("0")
    dialog.get_by_role("button", name="Close it").click()
    expect(dialog.get_by_text("must be above 0")).to_be_visible()
    dialog.get_by_label("Exit price").fill("110")
    dialog.get_by_role("button", name="Close it").click()

    expect(dialog).to_have_count(0)
    said = "Closed 1.3 ETH/USDT at 110: +13.00 USDT."
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.locator("#goals").get_by_text("26 % of the way")).to_be_visible()
    assert page.evaluate("window.isSamePage") is True
    assert Trade.objects.get().adjustment_id is not None
    assert [one for one in complaints if "422" not in one] == []


def test_the_page_follows_a_mark_and_is_else_answered_with_304(
    page: Page, trader, complaints: list[str]
) -> None:
    portfolio = trader.user.portfolios.get(pk=trader["portfolio_id"])
    trade = TradeFactory(portfolio=portfolio)
    answers: list[int] = []

    def hear(response: Response) -> None:
        if response.url.endswith("/live/"):
            answers.append(response.status)

    page.on("response", hear)
    refresh = "htmx.trigger(document.querySelector('[data-poll]'), 'refresh')"
    for _ in range(2):
        with page.expect_response("**/live/"):
            page.evaluate(refresh)
        page.wait_for_timeout(100)
    expect(page.locator("#open").get_by_text("none yet")).to_be_visible()
    marks = [Mark("BTCUSDT", Decimal(51000))]
    mark_positions(
        user=trader.user, portfolio=portfolio.pk, marks=marks, now=trade.created_at
    )
    page.evaluate(refresh)

    expect(page.locator("#open").get_by_text("+20.00")).to_be_visible()
    assert answers == [200, 304, 200]
    assert complaints == []


@pytest.mark.parametrize("width", [360, 1280])
def test_a_screen_reader_finds_its_way(page: Page, trader, width: int) -> None:
    portfolio = trader.user.portfolios.get(pk=trader["portfolio_id"])
    TradeFactory(portfolio=portfolio)
    page.set_viewport_size({"width": width, "height": 900})
    for address in ("/", "/trades/new/"):
        page.goto(address)
        assert serious_violations(page) == []


def test_a_site_that_does_not_answer_is_said(page: Page, trader) -> None:
    page.route("**/live/", lambda route: route.abort())
    page.evaluate("htmx.trigger(document.querySelector('[data-poll]'), 'refresh')")
    expect(page.get_by_text("The site does not answer.")).to_be_visible()
    page.get_by_role("link", name="Halt trading").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("lunch")
    page.route("**/halt/", lambda route: route.fulfill(status=503))
    dialog.get_by_role("button", name="Halt trading").click()
    expect(dialog.get_by_text("No answer came.")).to_be_visible()
    page.unroute("**/halt/")
    page.unroute("**/live/")
    dialog.get_by_role("button", name="Halt trading").click()

    expect(page.get_by_text("is halted since")).to_be_visible()
    page.evaluate("htmx.trigger(document.querySelector('[data-poll]'), 'refresh')")
    expect(page.get_by_text("The site does not answer.")).to_be_hidden()
