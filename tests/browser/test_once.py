"""Two clicks book once, and the back button shows nothing to send again."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import sign_in_by_cookie
from tests.http import Trader, make_busy_trader
from trades.enums import TradeStatus
from trades.models import Trade

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def trader(page: Page, live_server) -> Trader:
    """Signed in."""
    trader = make_busy_trader()
    sign_in_by_cookie(page.context, trader.user, live_server.url)
    return trader


def test_two_clicks_record_and_close_a_trade_once(
    page: Page, trader: Trader, complaints: list[str]
) -> None:
    mine = Trade.objects.filter(symbol="ETH/USDT")
    address = f"/trades/new/?portfolio={trader['portfolio_id']}"
    page.goto(address)
    page.get_by_label("Symbol").fill("ETH/USDT")
    page.get_by_label("Quantity").fill("2")
    page.get_by_label("Entry price").fill("100")
    page.get_by_label("Strategy", exact=True).select_option(index=1)
    page.get_by_role("button", name="Record it").dblclick(no_wait_after=True)
    expect(page.get_by_text("ETH/USDT is open.")).to_be_visible()
    assert mine.count() == 1
    page.go_back()
    page.wait_for_url(f"**{address}")
    for label in ("Quantity", "Entry price"):
        expect(page.get_by_label(label)).to_have_value("")

    page.goto(f"/?portfolio={trader['portfolio_id']}")
    page.get_by_role("link", name="Close ETH/USDT").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Exit price").fill("110")
    dialog.get_by_role("button", name="Close it").dblclick(no_wait_after=True)
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("link", name="Close ETH/USDT")).to_have_count(0)
    assert mine.get().status == TradeStatus.CLOSED
    assert complaints == []
