"""A session that ends while a form is filled in: nothing is lost without a word."""

import pytest
from playwright.sync_api import Page, expect

from mastertrade.tests.site.test_sign_in import PASSWORD
from tests.browser.pages import sign_in_by_cookie
from tests.http import Trader, make_busy_trader

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def trader(page: Page, live_server) -> Trader:
    """Signed in."""
    trader = make_busy_trader()
    trader.user.set_password(PASSWORD)
    trader.user.save()
    sign_in_by_cookie(page.context, trader.user, live_server.url)
    return trader


def sign_in_again(page: Page, trader: Trader) -> None:
    page.get_by_label("Username").fill(trader.user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_what_a_form_sent_is_said_to_be_lost_and_one_comes_back_to_it(
    page: Page, trader: Trader
) -> None:
    address = f"/portfolios/{trader['portfolio_id']}/halt/"
    page.goto(address)
    page.get_by_label("Reason").fill("lunch")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Halt trading").click()

    expect(page.get_by_role("status")).to_contain_text(
        "signed out before this was sent"
    )
    sign_in_again(page, trader)
    page.wait_for_url(f"**{address}")


def test_a_panel_keeps_what_was_typed_and_goes_on_after_signing_in_in_another_tab(
    page: Page, trader: Trader
) -> None:
    page.goto("/")
    panel = page.locator("#next")
    panel.get_by_label("Symbol").fill("ETHUSDT")
    panel.get_by_label("Price", exact=True).fill("100")
    panel.get_by_label("Stop", exact=True).fill("90")
    page.context.clear_cookies(name="sessionid")
    panel.get_by_role("button", name="Ask").click()

    banner = page.locator("#signed-out")
    expect(banner).to_be_visible()
    expect(panel.get_by_label("Symbol")).to_have_value("ETHUSDT")
    with page.context.expect_page() as opened:
        banner.get_by_role("link").click()
    sign_in_again(opened.value, trader)
    opened.value.wait_for_url("**/")

    panel.get_by_role("button", name="Ask").click()
    expect(panel.get_by_role("link", name="Record this trade")).to_be_visible()
    expect(banner).to_be_hidden()


def test_the_banner_is_seen_again_after_the_dialog_that_showed_it_was_closed(
    page: Page, trader: Trader
) -> None:
    page.goto(f"/?portfolio={trader['portfolio_id']}")
    page.get_by_role("link", name="Close ").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Exit price").fill("110")
    page.context.clear_cookies(name="sessionid")
    dialog.get_by_role("button", name="Close it").click()
    banner = page.locator("#signed-out")
    expect(banner).to_be_visible()
    page.keyboard.press("Escape")
    expect(banner).to_be_hidden()

    panel = page.locator("#next")
    panel.get_by_label("Symbol").fill("ETHUSDT")
    panel.get_by_label("Price", exact=True).fill("100")
    panel.get_by_label("Stop", exact=True).fill("90")
    panel.get_by_role("button", name="Ask").click()
    expect(banner).to_be_visible()
