"""The site works in a real browser, within its Content-Security-Policy."""

import re

import pytest
from playwright.sync_api import Page, expect

from goals.tests.factories import UserFactory
from tests.http import PASSWORD, make_busy_trader

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
VIOLATION = "Content Security Policy"
ANSWERED = ".live-responses-table td.response-col_status:not(.col_header)"


@pytest.fixture
def operator(transactional_db: None):
    """A superuser who has one of everything."""
    trader = make_busy_trader()
    trader.user.is_staff = trader.user.is_superuser = True
    trader.user.save()
    return trader


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.goto("/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_the_site(page: Page, operator, complaints: list[str]) -> None:
    sign_in(page, operator.user.username)
    expect(page.get_by_role("heading", name="Next trade")).to_be_visible()
    page.get_by_role("link", name=operator.user.username).click()
    page.get_by_role("link", name="Change the password").click()
    expect(page.get_by_label(re.compile("Revoke all 2 API tokens"))).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert complaints == []


def test_a_newcomer_deposits_on_the_site(
    page: Page, transactional_db: None, complaints: list[str]
) -> None:
    UserFactory(username="ada", password=PASSWORD)
    sign_in(page, "ada")
    page.get_by_role("link", name="Skip for now").click()
    page.get_by_role("link", name="Deposit", exact=True).click()
    page.get_by_role("dialog").get_by_label("Amount").fill("1000")
    page.get_by_role("button", name="Book it").click()
    expect(page.get_by_text("Booked on main: +1,000.00 USD.")).to_be_visible()
    expect(page.get_by_role("link", name="Deposit", exact=True)).to_have_count(0)
    assert complaints == []


def test_the_page_of_a_form_that_was_not_taken(
    page: Page, db: None, complaints: list[str]
) -> None:
    page.goto("/login/")
    page.context.clear_cookies()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("x")
    page.get_by_role("button", name="Sign in").click()
    expect(
        page.get_by_role("heading", name="The form was not accepted")
    ).to_be_visible()
    assert not [one for one in complaints if VIOLATION in one]


def test_the_page_of_too_many_tries(page: Page, operator) -> None:
    for _ in range(11):
        sign_in(page, operator.user.username, "wrong")
    expect(page.get_by_role("heading", name="Too many wrong passwords")).to_be_visible()
    expect(page.locator("main")).to_have_css("margin-left", re.compile("px"))


def test_the_description_of_the_api(
    page: Page, operator, complaints: list[str]
) -> None:
    """It is shown, unfolded and asked; a POST by session carries its proof."""
    sign_in(page, operator.user.username)
    page.wait_for_url("**/")
    page.goto("/api/docs/")
    listed = page.locator("#operations-goals-goals_list")
    listed.get_by_role("button").first.click()
    listed.get_by_role("button", name="Try it out").click()
    listed.get_by_role("button", name="Execute").click()
    expect(listed.locator(ANSWERED)).to_have_text("200")
    issue = page.locator("#operations-tokens-tokens_create")
    issue.get_by_role("button").first.click()
    issue.get_by_role("button", name="Try it out").click()
    issue.get_by_role("textbox").fill("{}")
    issue.get_by_role("button", name="Execute").click()
    expect(issue.locator(ANSWERED)).to_have_text(re.compile("^201"))
    assert complaints == []


def test_a_violation_would_be_heard(
    page: Page, complaints: list[str], db: None
) -> None:
    page.goto("/login/")
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<p style=color:red>')"
    )
    page.wait_for_timeout(200)
    assert [one for one in complaints if VIOLATION in one]
