"""A replay in a real browser: asked for, followed, read, compared, deleted."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from goals.tests.factories import PortfolioFactory
from tests.browser.pages import look_at, sign_in_by_cookie
from trades.models import ReplayRun, UserJob
from trades.tests.jobs.worker import do

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> None:
    settings.JOB_FILES = tmp_path / "jobs"


def test_a_replay_is_run_read_compared_and_deleted(
    page: Page, complaints: list[str], live_server: Any
) -> None:
    portfolio = PortfolioFactory(currency="USD")
    sign_in_by_cookie(page.context, portfolio.user, live_server.url)
    page.goto("/")
    page.get_by_role("link", name="Replays").first.click()
    expect(page.get_by_text("No replay has been made yet.")).to_be_visible()
    page.get_by_role("link", name="New replay").click()
    page.get_by_label("Prices", exact=True).select_option("MSFT")
    page.get_by_label("From", exact=True).fill("2008-07-01")
    page.get_by_label("To", exact=True).fill("2009-06-30")
    page.get_by_label("Pace: as large as the time left needs").check()
    page.get_by_label("How much", exact=True).fill("-3")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("Must be above 0.")).to_be_visible()
    expect(page.get_by_label("From", exact=True)).to_have_value("2008-07-01")
    look_at(page, "replays-form")
    page.get_by_label("How much", exact=True).fill("3")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("2 replays are under way.")).to_be_visible()
    expect(page.get_by_text("Waiting for the worker")).to_have_count(2)
    look_at(page, "replays-under-way")

    for job in UserJob.objects.order_by("pk"):
        do(job.pk)

    expect(page.get_by_role("heading", name="Under way")).to_have_count(0)
    look_at(page, "replays-list")
    page.get_by_role("link", name="MSFT", exact=True).first.click()
    expect(page.get_by_text("Simulated.")).to_be_visible()
    page.get_by_text("Every month, the newest first").click()
    look_at(page, "replays-report")
    page.get_by_role("link", name="Replays").first.click()

    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Show the chosen together").click()
    expect(page.get_by_role("heading", name="2 replays together")).to_be_visible()
    look_at(page, "replays-together")

    page.get_by_role("link", name="Replays").first.click()
    page.get_by_role("link", name="Compare the policies").click()
    look_at(page, "replays-comparison-form")
    page.get_by_label("On the outcomes of").select_option("case:modest-edge")
    page.get_by_text("Factors, guard, and how many walks").click()
    page.get_by_label("Simulated walks of each").fill("2000")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("Waiting for the worker")).to_be_visible()
    do(UserJob.objects.latest("pk").pk)
    expect(page.get_by_role("rowheader", name="Deadline optimal")).to_have_count(2)
    look_at(page, "replays-comparison")

    page.get_by_role("link", name="Replays").first.click()
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("The replay is deleted")).to_be_visible()
    assert ReplayRun.objects.count() == 1
    assert [one for one in complaints if "422" not in one] == []
