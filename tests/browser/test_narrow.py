"""On a telephone no page is wider than the screen: a table scrolls in its own box.

The admin's pages are opened here alone, so that this also holds them to their
Content-Security-Policy.
"""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from goals.enums import GoalType
from mastertrade.db.queue import defer
from strategies.tests.factories import StrategyFactory
from tests.browser.pages import WIDER_THAN_THE_SCREEN
from tests.browser.test_content_security import sign_in
from tests.http import make_busy_trader
from trades.enums import JobKind, JobState
from trades.models import ReplayRun, Trade, UserJob
from trades.services.replay import ReplayQuestion, read_reports, run_replay
from trades.services.replay_reports import render_file
from trades.tests.factories import TradeFactory
from trades.tests.prices import wander

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NARROW = {"width": 380, "height": 800}


@pytest.fixture
def operator(transactional_db: None):
    """A superuser with one of everything, and a replay that has figures."""
    trader = make_busy_trader()
    ReplayRun.objects.all().delete()
    run_replay(
        user=trader.user,
        question=ReplayQuestion(GoalType.MONTHLY_RETURN, Decimal(3)),
        series=wander(400),
        now=timezone.now() - timedelta(days=1),
    )
    trader.user.is_staff = trader.user.is_superuser = True
    trader.user.save()
    return trader


def addresses_of(operator) -> list[str]:
    """The pages of the site and of the admin that this operator may see."""
    browser = Client()
    browser.force_login(operator.user)
    found = [
        "/",
        "/settings/account/",
        "/settings/data/",
        "/nothing/",
        reverse("admin:index"),
        reverse("admin:auth_user_password_change", args=[operator.user.pk]),
    ]
    found += ["/welcome/", "/alerts/", "/settings/channels/"]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        listed = [reverse(f"{name}_changelist"), reverse(f"{name}_add")]
        row = model.objects.first()
        if row is not None:
            views = ("change", "history", "delete")
            listed += [reverse(f"{name}_{view}", args=[row.pk]) for view in views]
        found += [one for one in listed if browser.get(one).status_code == 200]
    return found


def test_no_page_is_wider_than_a_telephone_or_breaks_its_policy(
    page: Page, operator, complaints: list[str]
) -> None:
    defer("prune", timestamp=1)
    with connection.cursor() as cursor:  # so that the queue has waited in many words
        cursor.execute("UPDATE procrastinate_events SET at = at - interval '69 days'")
    page.set_viewport_size(NARROW)
    sign_in(page, operator.user.username)
    page.wait_for_url("**/")
    addresses = addresses_of(operator)
    wide = []
    for address in addresses:
        answer = page.goto(address)
        assert answer is not None
        assert answer.headers["content-security-policy"]
        if page.evaluate(WIDER_THAN_THE_SCREEN):
            wide.append(address)
    assert len(addresses) > 40
    assert wide == []
    (missing,) = complaints  # of /nothing/ alone
    assert "404" in missing


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_a_long_name_wraps_and_widens_no_page(page: Page, operator, width: int) -> None:
    """Without a space in it, as files and bots name things."""
    operator.user.portfolios.filter(pk=operator.ids["portfolio_id"]).update(
        name="p" * 60
    )
    StrategyFactory(user=operator.user, strategy_id="x" * 100, strategy_name="y" * 200)
    UserJob.objects.create(
        user=operator.user,
        kind=JobKind.REPLAY,
        arguments={"policy": "ladder"},
        state=JobState.FAILED,
        error=f"{'z' * 200}.csv: the file is empty",
        created_at=timezone.now(),
        finished_at=timezone.now(),
    )
    sign_in(page, operator.user.username)
    page.wait_for_url("**/")
    page.set_viewport_size({"width": width, "height": 800})
    for name in ("home", "goals", "strategies", "replays", "trade-new"):
        page.goto(reverse(f"site:{name}"))
        assert not page.evaluate(WIDER_THAN_THE_SCREEN), name


def test_no_page_without_a_user_is_wider_than_a_telephone(page: Page, db: None) -> None:
    page.set_viewport_size(NARROW)
    for address in ("/login/", "/nothing/", "/api/docs/"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert not page.evaluate(WIDER_THAN_THE_SCREEN), address


def test_the_page_of_a_replay_is_no_wider_than_a_telephone(
    page: Page, operator, tmp_path: Path
) -> None:
    report = tmp_path / "replay.html"
    report.write_text(render_file(read_reports(list(ReplayRun.objects.all()))))
    page.set_viewport_size(NARROW)
    page.goto(report.as_uri())
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)


def test_a_page_begins_at_its_top_and_shows_where_it_is(page: Page, operator) -> None:
    """What is hidden takes no space, and the list of pages is at the one shown."""
    page.set_viewport_size(NARROW)
    sign_in(page, operator.user.username)
    page.wait_for_url("**/")
    for address in ("/", "/goals/", "/performance/", "/settings/"):
        page.goto(address)
        top, shown = page.evaluate(
            """() => {
              const parts = [...document.querySelector("main").children];
              const here = document.querySelector(".top nav [aria-current]");
              const { left, right } = here.getBoundingClientRect();
              const seen = getComputedStyle(parts.find(one => one.offsetHeight));
              return [seen.marginTop, left >= 0 && right <= innerWidth];
            }"""
        )
        assert (top, shown) == ("0px", True), address


def test_a_long_run_of_a_replay_scrolls_in_its_own_box(page: Page, operator) -> None:
    run = ReplayRun.objects.first()
    page.set_viewport_size({"width": 768, "height": 800})
    sign_in(page, operator.user.username)
    page.wait_for_url("**/")
    page.goto(reverse("site:replay", args=[run.pk]))
    page.evaluate(
        """() => document.querySelectorAll("td.n").forEach(
          cell => cell.textContent = "12,345,678.90")"""
    )
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)


# Of a record's cell: its text is wider than the cell, so it lies over the next one.
OVERFLOWING = """() => [...document.querySelectorAll(".rows td, .rows th, select")]
  .filter(cell => cell.clientWidth && cell.scrollWidth > cell.clientWidth + 1)
  .map(cell => cell.textContent)"""
# Of several choices side by side, words are cut where they need more lines.
OVERFULL = """() => [...document.querySelectorAll(".seg, .seg label")]
  .filter(one => one.clientHeight && one.scrollHeight > one.clientHeight + 1)
  .map(one => one.textContent)"""
# The chosen text of a list is cut where its own width is more than the field's.
CUT = """() => [...document.querySelectorAll("select")].filter(field => {
  const copy = field.cloneNode(true);
  copy.style.cssText = "position: absolute; width: auto; visibility: hidden";
  document.body.append(copy);
  const wide = copy.getBoundingClientRect().width;
  copy.remove();
  return field.clientWidth && wide > field.getBoundingClientRect().width + 1;
}).map(field => field.id)"""


def test_no_figure_lies_over_another_and_no_choice_is_cut(page: Page, operator) -> None:
    opened = Trade.objects.filter(portfolio__user=operator.user, status="open").first()
    now = timezone.now()
    TradeFactory.create_batch(2, portfolio=opened.portfolio, entry_time=now, now=now)
    page.set_viewport_size({"width": 360, "height": 800})
    sign_in(page, operator.user.username)
    page.wait_for_url("**/")
    goal = opened.portfolio.goals.first()
    here = f"?portfolio={opened.portfolio_id}"
    page.goto(f"/{here}")
    assert page.locator("#open tfoot").count() == 1
    assert page.evaluate(OVERFLOWING) == []
    for address in (
        f"/goals/{goal.pk}/",
        f"/goals/new/{here}",
        "/welcome/?change=goal",
    ):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate(CUT) == [], address
        assert page.evaluate(OVERFULL) == [], address
