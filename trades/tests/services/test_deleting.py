"""Simulations and demos are deleted whole, and nothing else."""

from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from goals.decisions.policies import PolicyName
from goals.enums import DrawdownMode, GoalType, MarkRole, PortfolioKind
from goals.models import LimitMark, Portfolio, User
from goals.services.portfolios import update_portfolio
from goals.tests.factories import PortfolioFactory, UserFactory
from mastertrade.values.exceptions import NotFound, PortfolioIsLive
from strategies.models import StrategyInstance
from tests.http import (
    all_rows,
    make_busy_trader,
    make_newcomer,
    make_replay,
    make_trader,
    nothing_changes,
    read,
)
from trades.models import ReplayRun
from trades.services import deleting
from trades.services.deleting import delete_replay, delete_simulation
from trades.services.replay import ReplayQuestion, run_replay
from trades.tests.factories import book_profit
from trades.tests.prices import wander

NOW = datetime(2026, 3, 2, tzinfo=UTC)
# Solved tables are a cache that names no portfolio; the daily run forgets them.
CACHES = ("policy_tables",)

pytestmark = pytest.mark.django_db


def replay(
    user: User, *, kind: PortfolioKind = PortfolioKind.SIMULATION, seed: int = 7
) -> ReplayRun:
    return run_replay(
        user=user,
        question=ReplayQuestion(
            GoalType.MONTHLY_RETURN, Decimal(3), policy=PolicyName.PACE
        ),
        series=wander(150, seed=seed),
        now=NOW,
        kind=kind,
    )


def everything() -> dict[str, Any]:
    return {table: rows for table, rows in all_rows().items() if table not in CACHES}


@pytest.fixture
def reports(settings: Any, tmp_path: Path) -> Path:
    """The reports directory, empty."""
    settings.VAR_DIR = tmp_path
    deleting.reports_directory().mkdir()
    return deleting.reports_directory()


@pytest.mark.slow
def test_a_deleted_replay_leaves_every_table_as_it_was():
    trader = make_busy_trader()
    delete_replay(user=trader.user, run_id=trader["replay_id"])
    replay(UserFactory())
    before = everything()

    for kind in (PortfolioKind.SIMULATION, PortfolioKind.DEMO):
        finished = replay(trader.user, kind=kind)
        assert everything() != before
        deleted = delete_replay(user=trader.user, run_id=finished.pk)
        assert deleted.trades > 5
        assert everything() == before


@pytest.mark.slow
def test_a_deleted_replay_leaves_the_next_one_and_its_strategies():
    user = UserFactory()
    first = replay(user)
    before = everything()
    second = replay(user, seed=8)

    delete_replay(user=user, run_id=second.pk)
    assert everything() == before
    delete_replay(user=user, run_id=first.pk)
    assert not StrategyInstance.objects.filter(user=user).exists()
    again = replay(user, seed=8)
    assert again.policy_portfolio.name != second.policy_portfolio.name


def test_either_half_takes_the_whole_replay_with_it():
    user = UserFactory()
    before = everything()
    for half in ("policy_portfolio_id", "constant_portfolio_id"):
        finished = replay(user)
        delete_simulation(user=user, portfolio_id=getattr(finished, half))
        assert everything() == before


@pytest.mark.parametrize("kind", [PortfolioKind.SIMULATION, PortfolioKind.DEMO])
def test_what_limits_were_judged_by_goes_with_the_portfolio(kind: PortfolioKind):
    user = UserFactory()
    before = everything()
    portfolio = PortfolioFactory(user=user, kind=kind, day_starts_at=time(17))
    update_portfolio(
        user=user,
        portfolio_id=portfolio.pk,
        now=NOW,
        drawdown_mode=DrawdownMode.STATIC,
    )
    LimitMark.objects.create(portfolio=portfolio, role=MarkRole.BREACH, at=NOW)
    book_profit(portfolio, Decimal(-300), at=NOW)
    assert portfolio.halts.exists()

    delete_simulation(user=user, portfolio_id=portfolio.pk)
    StrategyInstance.objects.filter(user=user).delete()
    assert everything() == before


def test_a_live_portfolio_is_never_deleted():
    portfolio = PortfolioFactory()

    with nothing_changes(), pytest.raises(PortfolioIsLive, match="is live"):
        delete_simulation(user=portfolio.user, portfolio_id=portfolio.pk)


def test_nobody_deletes_anothers_replay():
    finished, stranger = make_replay(UserFactory()), UserFactory()

    with nothing_changes():
        with pytest.raises(NotFound):
            delete_replay(user=stranger, run_id=finished.pk)
        with pytest.raises(NotFound):
            delete_simulation(user=stranger, portfolio_id=finished.policy_portfolio_id)


def test_a_deletion_that_fails_on_the_way_deletes_nothing(
    monkeypatch: pytest.MonkeyPatch,
):
    finished = replay(UserFactory())
    monkeypatch.setattr(deleting, "UNUSED_STRATEGIES", "SELECT 1 / 0")

    with nothing_changes(), pytest.raises(Exception, match="division by zero"):
        delete_replay(user=finished.user, run_id=finished.pk)


def test_a_page_goes_with_the_last_replay_on_it(
    reports: Path, django_capture_on_commit_callbacks: Any
):
    user = UserFactory()
    both = [make_replay(user), make_replay(user)]
    page, other = reports / "both.html", reports / "other.html"
    for path in (page, other):
        path.write_text("a page")
    ReplayRun.objects.update(page=page.name)

    with django_capture_on_commit_callbacks(execute=True):
        delete_replay(user=user, run_id=both[0].pk)
    assert page.exists()
    with django_capture_on_commit_callbacks(execute=True):
        delete_replay(user=user, run_id=both[1].pk)
    assert not page.exists()
    assert other.exists()


def test_a_page_is_removed_from_the_reports_directory_only(reports: Path):
    outside = reports.parent / "kept.html"
    outside.write_text("mine")

    deleting.remove_pages({"../kept.html", str(outside), ""})

    assert outside.exists()


def test_the_api_deletes_a_replay_and_refuses_a_live_portfolio():
    trader, stranger = make_trader(), make_busy_trader()
    first, second = make_replay(trader.user), make_replay(trader.user)
    listed = trader.get("/api/replays/")["results"]
    assert [row["replay_id"] for row in listed] == [second.pk, first.pk]
    assert "report" not in listed[0]
    shown = trader.get(f"/api/replays/{first.pk}/")
    assert shown["kind"] == "simulation"
    assert shown["report"] == first.report

    address = f"/api/replays/{first.pk}/"
    with nothing_changes():
        read(stranger.client.get(address), 404)
        read(stranger.client.delete(address), 404)
        half = f"/api/portfolios/{second.policy_portfolio_id}/"
        read(stranger.client.delete(half), 404)
        live = trader.client.delete(f"/api/portfolios/{trader['portfolio_id']}/")
        assert read(live, 409)["code"] == "portfolio_is_live"
    assert trader.client.delete(address).status_code == 204
    read(trader.client.get(address), 404)
    assert trader.client.delete(half).status_code == 204
    assert trader.get("/api/replays/")["count"] == 0


def test_replays_are_listed_by_kind():
    trader = make_newcomer()
    for kind in (PortfolioKind.SIMULATION, PortfolioKind.DEMO):
        make_replay(trader.user, kind=kind)

    def kinds(**asked: Any) -> list[str]:
        rows = trader.get("/api/replays/", **asked)["results"]
        return [row["kind"] for row in rows]

    assert kinds() == ["demo", "simulation"]
    assert kinds(kind="all") == ["demo", "simulation"]
    assert kinds(kind="demo") == ["demo"]
    refused = read(trader.client.get("/api/replays/", {"kind": "live"}), 400)
    assert refused == {"kind": ["Must be one of simulation, demo, all."]}


def test_the_command_deletes_what_is_named_and_shows_it_before(
    capsys: pytest.CaptureFixture[str],
):
    own, others = UserFactory(), UserFactory()
    first, second, third = map(make_replay, (own, own, others))

    with nothing_changes():
        call_command("delete_replays", "--all", "--dry-run")
    assert "3 replays would be deleted." in capsys.readouterr().out
    call_command("delete_replays", "--run", str(second.pk), "--user", own.username)
    assert list(ReplayRun.objects.order_by("pk")) == [first, third]
    call_command("delete_replays", "--user", own.username)
    assert list(ReplayRun.objects.all()) == [third]
    call_command("delete_replays", "--all")
    assert not Portfolio.objects.exclude(kind=PortfolioKind.LIVE).exists()


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ([], "Say which"),
        (["--run", "99"], "no replay 99"),
        (["--user", "nobody"], "no user nobody"),
        (["--all", "--user", "nobody"], "goes with neither"),
    ],
)
def test_the_command_refuses_what_names_nothing(words: list[str], refusal: str):
    make_replay(UserFactory())
    with nothing_changes(), pytest.raises(CommandError, match=refusal):
        call_command("delete_replays", *words)


def test_the_admin_asks_before_it_deletes(operator: Client):
    finished, other = replay(UserFactory()), replay(UserFactory())
    address = reverse("admin:trades_replayrun_changelist")
    asked = {"action": "delete_selected", "_selected_action": [finished.pk]}

    with nothing_changes():
        page = operator.post(address, asked)
    assert b"Are you sure" in page.content
    assert f"replay {finished.pk} of TEST with its portfolios".encode() in page.content
    assert f"replay {other.pk} of".encode() not in page.content
    done = operator.post(address, {**asked, "post": "yes"}, follow=True)
    assert b"Successfully deleted 1 replay run." in done.content
    assert list(ReplayRun.objects.all()) == [other]
    page_of_other = reverse("admin:trades_replayrun_delete", args=[other.pk])
    operator.post(page_of_other, {"post": "yes"})
    assert not ReplayRun.objects.exists()
    assert not Portfolio.objects.filter(kind="simulation").exists()


def test_the_admin_offers_no_deletion_to_who_may_only_look(client: Client):
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.add(*view_permissions())
    client.force_login(looker)
    finished = replay(UserFactory())
    address = reverse("admin:trades_replayrun_changelist")
    asked = {"action": "delete_selected", "_selected_action": [finished.pk]}

    with nothing_changes():
        page = client.post(address, {**asked, "post": "yes"}, follow=True)
    assert b"delete_selected" not in page.content


def view_permissions() -> Any:
    from django.contrib.auth.models import Permission

    return Permission.objects.filter(codename__startswith="view_")
