"""First use, by a person without a terminal: from the log-in to a mailed alert."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from playwright.sync_api import Browser, Page, expect

from goals.tests.channels.receivers import Mailbox, mail_server
from goals.tests.factories import UserFactory
from mastertrade.tests.schema import execute
from tests.browser.pages import foreign_requests, sign_in_by_cookie
from tests.browser.test_content_security import sign_in
from tests.http import PASSWORD
from trades.models import Trade
from trades.tests.jobs.test_deliver import work

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    """A mail server, and the settings that reach it."""
    with mail_server() as (box, port):
        settings.HAS_MAIL = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        yield box


@pytest.fixture
def queue(transactional_db: None) -> Iterator[None]:
    """Its tables are no models of ours, so that nothing else empties them."""
    execute("TRUNCATE procrastinate_jobs CASCADE")
    yield
    execute("TRUNCATE procrastinate_jobs CASCADE")


def work_off() -> None:
    """All that is in the queue, in a thread: Playwright's loop has this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
        pool.submit(connections.close_all).result()


def test_a_newcomer_goes_from_the_log_in_to_an_alert_and_nobody_else_sees_it(
    page: Page,
    browser: Browser,
    live_server,
    queue: None,
    mailbox: Mailbox,
    complaints: list[str],
) -> None:
    UserFactory(username="ada", password=PASSWORD)
    bob = UserFactory(username="bob", password=PASSWORD)
    with foreign_requests(page, live_server.url) as foreign:
        sign_in(page, "ada")
        page.wait_for_url("**/welcome/")
        set_money_and_limits(page)
        set_a_goal(page)
        ask_record_and_close(page)
        send_a_test_alert(page, mailbox)
    assert foreign == []
    assert complaints == []

    context = browser.new_context(base_url=live_server.url)
    sign_in_by_cookie(context, bob, live_server.url)
    other = context.new_page()
    for address in ("/", "/goals/", "/alerts/", "/settings/channels/", "/welcome/"):
        other.goto(address)
        shown = other.locator("main").inner_text()
        for word in ("20,000", "ETH/USDT", "Swing", "ada@example.org"):
            assert word not in shown, f"{address} shows {word}"
    context.close()


def set_money_and_limits(page: Page) -> None:
    step = page.locator("#money")
    step.get_by_label("I trade with").fill("20000")
    step.get_by_label("Currency").fill("USDT")
    step.get_by_label("May be lost in total").fill("8")
    step.get_by_label("May be lost in a day").fill("2")
    step.get_by_label("No larger trades from").fill("3")
    step.get_by_role("button", name="Save money and limits").click()
    expect(step).to_contain_text("Trading stops 8 % below the peak")
    expect(step).to_contain_text("18,400.00 USDT")
    expect(step).to_contain_text("19,600.00 USDT")


def set_a_goal(page: Page) -> None:
    step = page.locator("#goal")
    step.get_by_label("How much").fill("5")
    ahead = step.locator("#forecast")
    # Before anything is saved: the pace, and that the chance is not known yet.
    expect(ahead).to_contain_text("% a day")
    expect(ahead).to_contain_text("20 closed trades")
    step.get_by_role("button", name="Save this goal").click()
    expect(step).to_contain_text("5 %")


def ask_record_and_close(page: Page) -> None:
    page.goto("/")
    panel = page.locator("#next")
    panel.get_by_label("Symbol").fill("ETH/USDT")
    panel.get_by_label("Price", exact=True).fill("100")
    panel.get_by_label("Stop", exact=True).fill("90")
    panel.get_by_role("button", name="Ask").click()
    panel.get_by_role("link", name="Record this trade").click()
    page.get_by_label("Or a new strategy").fill("Breakout")
    page.get_by_role("button", name="Record it").click()
    expect(page.get_by_text("ETH/USDT is open.")).to_be_visible()
    assert Trade.objects.get().adjustment_id is not None
    page.evaluate("window.isSamePage = true")
    before = page.locator("#goals").inner_text()

    page.get_by_role("link", name="Close ETH/USDT").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Exit price").fill("110")
    dialog.get_by_role("button", name="Close it").click()
    expect(dialog).to_have_count(0)
    expect(page.locator("#goals")).not_to_have_text(before)
    assert page.evaluate("window.isSamePage") is True


def send_a_test_alert(page: Page, mailbox: Mailbox) -> None:
    page.goto("/welcome/")
    step = page.locator("#alert")
    step.get_by_label("Send alerts to").fill("ada@example.org")
    step.get_by_role("button", name="Send a test").click()
    page.wait_for_load_state()
    expect(step).to_contain_text("Sending a test")
    work_off()
    expect(step.locator(".pill")).to_contain_text("delivered")
    assert len(mailbox.mails) == 1
