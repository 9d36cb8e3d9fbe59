"""Two clicks book once, and the back button shows nothing to send again."""

from time import sleep

import pytest
from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware
from playwright.sync_api import Page, expect

from goals.models import ApiToken, CashFlow, FinancialGoal
from strategies.models import StrategyInstance
from tests.browser.pages import sign_in_by_cookie
from tests.http import Trader, make_busy_trader
from trades.enums import TradeStatus
from trades.models import ImportUpload, Trade, UserJob

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAUSE = 0.05  # seconds
FILLS = b"Symbol,Side,Qty,Price,Time\nABC/USD,buy,1,5,2026-03-02 09:00:00\n"


def click_twice(page: Page, button: str) -> None:
    """As a hand does: the first is on its way when the second comes."""
    found = page.get_by_role("button", name=button, exact=True)
    found.dblclick(no_wait_after=True, delay=1000 * PAUSE)


@pytest.fixture
def trader(page: Page, live_server, settings, tmp_path) -> Trader:
    """Signed in."""
    settings.JOB_FILES = tmp_path
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


@pytest.fixture
def slow_posts(monkeypatch: pytest.MonkeyPatch) -> None:
    check = CsrfViewMiddleware._check_token

    def check_slowly(self: CsrfViewMiddleware, request: HttpRequest) -> None:
        sleep(6 * PAUSE)
        check(self, request)

    monkeypatch.setattr(CsrfViewMiddleware, "_check_token", check_slowly)


@pytest.mark.usefixtures("slow_posts")
def test_two_clicks_make_what_a_form_makes_once(
    page: Page, trader: Trader, complaints: list[str]
) -> None:
    user, portfolio = trader.user, trader["portfolio_id"]
    counted = {
        "goals": FinancialGoal.objects.filter(portfolio=portfolio).count,
        "strategies": StrategyInstance.objects.filter(user=user).count,
        "tokens": ApiToken.objects.filter(user=user).count,
        "jobs": UserJob.objects.filter(user=user).count,
        "cash flows": CashFlow.objects.filter(portfolio=portfolio).count,
        "files": ImportUpload.objects.filter(user=user).count,
    }
    before = {name: count() for name, count in counted.items()}

    page.goto(f"/goals/new/?portfolio={portfolio}")
    page.get_by_label("How much", exact=True).fill("7")
    page.get_by_label("By", exact=True).fill("2040-12-31")
    click_twice(page, "Create the goal")
    expect(page.get_by_text("Created:")).to_be_visible()

    page.goto("/strategies/new/")
    page.get_by_label("Short name").fill("twice")
    page.get_by_label("Type", exact=True).fill("momentum")
    click_twice(page, "Make it")
    expect(page.get_by_role("rowheader", name="twice")).to_be_visible()

    page.goto("/settings/tokens/")
    page.get_by_label("What it is for").fill("twice")
    click_twice(page, "Make it")
    expect(page.locator("#secret")).to_be_visible()

    page.goto("/replays/new/")
    page.get_by_label("Prices", exact=True).select_option("MSFT")
    page.get_by_label("How much", exact=True).fill("3")
    click_twice(page, "Replay")
    expect(page.get_by_text("Waiting for the worker")).to_be_visible()

    page.goto(f"/portfolios/{portfolio}/deposit/")
    page.get_by_label("Amount").fill("50")
    click_twice(page, "Book it")
    expect(page.get_by_text("Booked on")).to_be_visible()

    page.goto(f"/trades/import/?portfolio={portfolio}")
    page.get_by_label("Drop a file here, or choose one").set_input_files(
        {"name": "a.csv", "mimeType": "text/csv", "buffer": FILLS}
    )
    click_twice(page, "Look at the file")
    page.wait_for_url("**/trades/import/*/")

    made = {name: count() - before[name] for name, count in counted.items()}
    assert made == dict.fromkeys(counted, 1)
    assert complaints == []
