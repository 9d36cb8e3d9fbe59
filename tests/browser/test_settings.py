"""The settings in a real browser: looked at, typed into, and no page at fault."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from goals.models import ApiToken, Portfolio
from tests.browser.pages import WIDER_THAN_THE_SCREEN, serious_violations
from tests.browser.test_content_security import sign_in
from tests.http import PASSWORD, make_busy_trader

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NARROW, WIDE = {"width": 360, "height": 800}, {"width": 1280, "height": 900}


@pytest.fixture
def operator(page: Page, transactional_db: None):
    """A superuser with one of everything, signed in."""
    trader = make_busy_trader()
    trader.user.is_staff = trader.user.is_superuser = True
    trader.user.save()
    sign_in(page, trader.user.username)
    page.wait_for_url("**/")
    return trader


def pages_of(portfolio: Portfolio) -> list[str]:
    names = (
        "settings",
        "portfolios",
        "portfolio-new",
        "tokens",
        "webhooks",
        "account",
        "password",
        "data",
        "invitations",
    )
    new, own = (
        reverse("site:portfolio-new"),
        reverse("site:portfolio", args=[portfolio.pk]),
    )
    preset = "?preset=topstep-combine-50k"
    return [reverse(f"site:{name}") for name in names] + [own, new + preset]


def test_every_page_fits_reads_and_is_within_the_policy(
    page: Page, operator, complaints: list[str]
) -> None:
    """Those without a preset are looked at on a wide screen by `test_pages`."""
    *addresses, preset = pages_of(
        Portfolio.objects.get(user=operator.user, name="crypto")
    )
    wrong = []
    for size, address in [
        *((NARROW, one) for one in (*addresses, preset)),
        (WIDE, preset),
    ]:
        page.set_viewport_size(size)
        page.goto(address)
        if page.evaluate(WIDER_THAN_THE_SCREEN):
            wrong.append((address, size["width"], "too wide"))
        wrong += [(address, size["width"], one) for one in serious_violations(page)]
    assert wrong == []
    assert complaints == []


def test_a_token_is_made_copied_and_revoked(
    page: Page, operator, complaints: list[str]
) -> None:
    page.goto(reverse("site:tokens"))
    page.get_by_label("What it is for").fill("freqtrade")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator("#secret")).to_have_text(re.compile("^[0-9a-f]{64}$"))
    page.get_by_role("button", name="Revoke freqtrade").click()
    dialog = page.get_by_role("dialog", name="Revoke this token?")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Revoke freqtrade").press("Space")
    dialog.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_role("status")).to_contain_text("Revoked: freqtrade.")
    assert not ApiToken.objects.filter(name="freqtrade").exists()
    assert complaints == []


def test_limits_are_in_money_while_they_are_typed(
    page: Page, operator, complaints: list[str]
) -> None:
    portfolio = Portfolio.objects.get(user=operator.user, name="crypto")
    page.goto(reverse("site:portfolio", args=[portfolio.pk]))
    panel = page.locator("#in-money")
    expect(panel).to_contain_text("In money, now")
    page.get_by_label("Stop trading at a loss of").fill("30")
    page.get_by_label("Trade no larger").focus()
    expect(panel).to_contain_text("if you saved them now")
    portfolio.refresh_from_db()
    assert portfolio.hard_drawdown_pct == 20
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved: crypto.")
    portfolio.refresh_from_db()
    assert portfolio.hard_drawdown_pct == 30
    assert complaints == []


def test_the_theme_is_chosen_and_stays(page: Page, operator) -> None:
    page.goto(reverse("site:account"))
    page.get_by_role("button", name="Dark").click()
    page.goto(reverse("site:data"))
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.goto(reverse("site:account"))
    dark = page.get_by_role("button", name="Dark")
    expect(dark).to_have_attribute("aria-pressed", "true")


def test_a_wrong_password_deletes_no_account_and_asks_again(
    page: Page, operator
) -> None:
    page.goto(reverse("site:data"))
    page.get_by_role("button", name="Delete the account").click()
    page.get_by_label("Your password").fill(f"{PASSWORD}!")
    page.get_by_role("button", name="Delete everything").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This is not your password.")
    operator.user.refresh_from_db()
