"""A file of trades, from the disk to the ledger and back, in the browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from goals.tests.factories import PortfolioFactory
from tests.browser.pages import look_at, sign_in_by_cookie
from trades.models import Trade, UserJob
from trades.tests.importing import layouts
from trades.tests.jobs.worker import do

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> None:
    settings.JOB_FILES = tmp_path / "jobs"


def test_a_file_is_mapped_looked_at_imported_and_undone(
    page: Page, complaints: list[str], live_server: Any, tmp_path: Path
) -> None:
    portfolio = PortfolioFactory(currency="USD")
    sign_in_by_cookie(page.context, portfolio.user, live_server.url)
    path = tmp_path / "kraken.csv"
    path.write_text(layouts.KRAKEN_TRADES)
    page.goto("/trades/import/")
    look_at(page, "import-file")
    page.get_by_label("Drop a file here, or choose one").set_input_files(path)
    page.get_by_role("button", name="Look at the file").click()
    expect(page.get_by_role("heading", name="Columns")).to_be_visible()
    page.get_by_label("Keep this mapping as").fill("Kraken")
    look_at(page, "import-check")
    page.get_by_role("button", name="Import 2 new").first.click()
    expect(page.get_by_text("Waiting for the worker")).to_be_visible()
    look_at(page, "import-waiting")

    do(UserJob.objects.get().pk)

    expect(page.get_by_role("heading", name="Imported", exact=True)).to_be_visible()
    look_at(page, "import-done")
    assert Trade.objects.get().status == "closed"
    page.get_by_role("button", name="Undo it").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Undo it").click()
    expect(page.get_by_text("kraken.csv is undone: 1 trade is void.")).to_be_visible()
    look_at(page, "import-undone")
    assert complaints == []
