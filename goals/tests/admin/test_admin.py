"""The operator's view of portfolios, goals and their logs: looked at, acted on."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from goals.admin.base import MOST_REFUSALS, NEWEST, column, in_lines
from goals.enums import GoalStatus
from goals.models import (
    ApiToken,
    CashFlow,
    FinancialGoal,
    GoalAdjustmentLog,
    Portfolio,
    TradingHalt,
    User,
)
from goals.models.users import USERNAME_IS_FIXED
from goals.services.goals import cancel_goal
from goals.services.portfolios import record_cash_flow
from goals.services.resuming import halt_trading
from goals.services.snapshots import snapshot_goals
from goals.tests.factories import (
    START,
    GoalFactory,
    PortfolioFactory,
    UserFactory,
    fail,
)
from tests.admin_pages import act, page_of, text_of
from tests.http import nothing_changes
from trades.tests.factories import book_profit

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
GOALS = reverse("admin:goals_financialgoal_changelist")
PORTFOLIOS = reverse("admin:goals_portfolio_changelist")
FLOWS = reverse("admin:goals_cashflow_changelist")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goals.admin.base.timezone.now", lambda: NOW)


def set_progress(goal: FinancialGoal, progress_pct: str) -> FinancialGoal:
    """Progress as a ledger would leave it, without one."""
    FinancialGoal.objects.filter(pk=goal.pk).update(progress_pct=Decimal(progress_pct))
    goal.refresh_from_db()
    return goal


def listed(client: Client, query: str, address: str = GOALS) -> list[Any]:
    answer = client.get(f"{address}?{query}")
    return list(answer.context["cl"].result_list)


# What is shown


def test_the_goal_list_shows_progress_and_health(operator: Client) -> None:
    goal = set_progress(GoalFactory(), "-20")

    page = text_of(operator, "goals_financialgoal_changelist")

    assert f"{goal} {goal.portfolio} -20 at risk active" in page


def test_the_goal_page_has_its_history_and_decisions(operator: Client) -> None:
    goal = set_progress(GoalFactory(), "42.5")
    for minute in range(NEWEST + 5):
        snapshot_goals(as_of=NOW + timedelta(minutes=minute), goal_ids=[goal.pk])

    answer = operator.get(page_of(goal))

    page = text_of(operator, "goals_financialgoal_change", goal.pk)
    assert "Health: on pace" in page
    assert "Pace: 42.5 % of the way after 50 % of the time" in page
    history, decisions = answer.context["inline_admin_formsets"]
    assert decisions.opts.model is GoalAdjustmentLog
    newest = [form.instance.effective_at for form in history.formset.forms]
    assert len(newest) == NEWEST
    assert newest == sorted(newest, reverse=True)
    assert newest[0] == NOW + timedelta(minutes=NEWEST + 4)


def test_a_failed_goal_s_page_says_when_and_why(operator: Client) -> None:
    goal = fail(GoalFactory())

    page = text_of(operator, "goals_financialgoal_change", goal.pk)

    assert f"Failed at: {goal.failed_at:%Y-%m-%d %H:%M:%S} UTC" in page
    assert f"Failure: {TradingHalt.objects.get().reason}" in page
    assert "Health: -" in page


def test_a_portfolio_s_page_has_its_limits_and_halts(operator: Client) -> None:
    portfolio = PortfolioFactory(now=START, max_trades_per_day=4)
    book_profit(portfolio, Decimal(-300))

    page = text_of(operator, "goals_portfolio_change", portfolio.pk)

    assert "Equity: 700 " in page
    assert "Drawdown pct: 30 " in page
    assert "Max trades per day: 4" in page
    assert "Trading: halted" in page
    assert TradingHalt.objects.get().reason in page


def test_a_day_s_halt_that_is_over_is_not_listed_as_halted(operator: Client) -> None:
    """By the clock: it still stands in the column."""
    portfolio = PortfolioFactory(now=START)
    TradingHalt(
        portfolio=portfolio,
        cause="daily_loss",
        halted_at=START,
        halted_until=START + timedelta(hours=3),
        reason="a bad day",
        figures={"daily_loss_pct": "5.000000"},
    ).save()
    Portfolio.objects.update(trading_state="halted")

    assert portfolio not in listed(operator, "trading_state=halted", PORTFOLIOS)
    assert portfolio in listed(operator, "trading_state=active", PORTFOLIOS)


def test_goals_are_searched_by_username_portfolio_and_id(operator: Client) -> None:
    alice = UserFactory(username="alice")
    mine = GoalFactory(portfolio=PortfolioFactory(user=alice, name="growth"))
    GoalFactory()

    for word in ("alice", "growth", str(mine.pk)):
        assert mine in listed(operator, f"q={word}")
    assert listed(operator, "q=growth") == [mine]


def test_goals_are_ordered_by_progress_when_asked(operator: Client) -> None:
    for progress_pct in ("50", "-10", "120"):
        set_progress(GoalFactory(), progress_pct)

    shown = [goal.progress_pct for goal in listed(operator, "o=3")]

    assert shown == [Decimal(-10), Decimal(50), Decimal(120)]


def test_a_decimal_carries_no_zeros_and_a_time_its_zone() -> None:
    portfolio = Portfolio(equity=Decimal("1052.31000000"), created_at=NOW)

    assert column(Portfolio._meta, "equity")(portfolio) == "1052.31"
    assert column(Portfolio._meta, "created_at")(portfolio) == "2026-03-16 12:00:00 UTC"
    assert column(Portfolio._meta, "marked_at")(portfolio) == "-"
    assert column(Portfolio._meta, "name") == "name"


def test_logged_json_is_a_line_a_figure() -> None:
    logged = {"goals": [{"factor": "1.3"}, {"factor": "1"}], "none": None, "no": []}

    assert in_lines(logged).split("\n") == [
        "goals.0.factor: 1.3",
        "goals.1.factor: 1",
        "none: None",
        "no: -",
    ]


def test_logged_json_is_escaped(operator: Client) -> None:
    portfolio = PortfolioFactory(now=START)
    halt = TradingHalt.objects.create(
        portfolio=portfolio,
        cause="person",
        halted_at=START,
        halted_by="ada",
        reason="a look",
        figures={"<b>": "<script>"},
    )

    page = operator.get(page_of(halt)).content.decode()

    assert "&lt;b&gt;: &lt;script&gt;" in page


# What nobody does here


def test_no_row_is_added_changed_or_deleted(operator: Client, rf: Any) -> None:
    """But users, groups, the tokens that are revoked and replays that go whole."""
    request = rf.get("/")
    request.user = User.objects.get(username="operator")
    pages = {
        model: page
        for model, page in admin.site._registry.items()
        if model._meta.app_label in {"goals", "strategies", "trades", "procrastinate"}
        and model is not User
    }
    assert len(pages) > 20
    for model, page in pages.items():
        assert page.has_view_permission(request), model
        assert not page.has_add_permission(request), model
        assert not page.has_change_permission(request), model
        deleted = model._meta.label in {"goals.ApiToken", "trades.ReplayRun"}
        assert page.has_delete_permission(request) == deleted, model
        assert ("delete_selected" in page.get_actions(request)) == deleted, model


def test_a_form_that_is_sent_all_the_same_changes_nothing(operator: Client) -> None:
    goal = GoalFactory()
    rows = (goal, goal.portfolio, goal.history.first())
    with nothing_changes():
        for row in rows:
            body = {"target_value": "1", "name": "x", "progress_pct": "99"}
            assert operator.post(page_of(row), body).status_code == 403
            meta = row._meta
            name = f"admin:{meta.app_label}_{meta.model_name}"
            assert operator.post(reverse(f"{name}_add"), body).status_code == 403
            address = reverse(f"{name}_delete", args=[row.pk])
            assert operator.post(address, {"post": "yes"}).status_code == 403


# Actions


def test_a_snapshot_is_taken_of_the_selected_goals_alone(operator: Client) -> None:
    one, other = GoalFactory.create_batch(2)

    assert act(operator, GOALS, "snapshot_now", one) == ["Snapshots taken: 1."]

    assert one.history.filter(kind="snapshot", recorded_at=NOW).count() == 1
    assert not other.history.filter(kind="snapshot").exists()


def test_a_goal_is_paused_and_resumed(operator: Client) -> None:
    goal = GoalFactory()

    act(operator, GOALS, "pause", goal)
    goal.refresh_from_db()
    assert goal.status == GoalStatus.PAUSED
    act(operator, GOALS, "resume", goal)
    goal.refresh_from_db()
    assert goal.status == GoalStatus.ACTIVE


def test_a_refusal_is_told_and_leaves_the_others_done(operator: Client) -> None:
    ended, running = GoalFactory.create_batch(2)
    cancel_goal(user=ended.user, goal_id=ended.pk, as_of=NOW)

    told = act(operator, GOALS, "pause", ended, running)

    running.refresh_from_db()
    assert running.status == GoalStatus.PAUSED
    assert told[0] == "Paused: 1."
    assert told[1].startswith(f"{ended}: ")


def test_many_refusals_are_only_counted(operator: Client) -> None:
    ended = GoalFactory.create_batch(MOST_REFUSALS + 2)
    for goal in ended:
        cancel_goal(user=goal.user, goal_id=goal.pk, as_of=NOW)

    told = act(operator, GOALS, "pause", *ended)

    assert len(told) == MOST_REFUSALS + 1
    assert told[-1] == "2 more were refused."


def test_a_goal_is_cancelled_at_the_requests_time(operator: Client) -> None:
    goal = GoalFactory()

    act(operator, GOALS, "cancel", goal)

    goal.refresh_from_db()
    assert (goal.status, goal.ended_at) == (GoalStatus.CANCELLED, NOW)


def test_several_portfolios_are_halted_and_resumed_with_one_reason(
    operator: Client,
) -> None:
    mine = [PortfolioFactory(now=START) for _ in range(2)]

    refused = act(operator, PORTFOLIOS, "halt", *mine)
    assert refused == [f"{one}: Reason: must not be empty." for one in mine]
    done = act(operator, PORTFOLIOS, "halt", *mine, reason="exchange is down")
    assert done == ["Halted: 2."]
    halts = TradingHalt.objects.values_list("halted_by", "reason")
    assert list(halts) == [("operator", "exchange is down")] * 2
    assert act(operator, PORTFOLIOS, "resume", *mine, reason="up") == ["Resumed: 2."]
    resumed = TradingHalt.objects.values_list("resumed_by", "resume_reason")
    assert list(resumed) == [("operator", "up")] * 2


def test_a_second_halt_is_refused_and_its_reason_not_dropped_in_silence(
    operator: Client,
) -> None:
    portfolio = PortfolioFactory(now=START)
    act(operator, PORTFOLIOS, "halt", portfolio, reason="a look")
    with nothing_changes():
        (told,) = act(operator, PORTFOLIOS, "halt", portfolio, reason="it is down")
    assert "is halted already since" in told
    assert "a look" in told


def test_a_cash_flow_is_voided_with_a_reason_by_the_operator(operator: Client) -> None:
    portfolio = PortfolioFactory(now=START)
    record_cash_flow(
        user=portfolio.user, portfolio=portfolio.pk, amount=Decimal(50), now=NOW
    )
    flow = CashFlow.objects.get()

    (refused,) = act(operator, FLOWS, "void", flow)
    assert refused.endswith("Reason: must not be empty.")
    assert act(operator, FLOWS, "void", flow, reason="twice") == ["Voided: 1."]

    flow.refresh_from_db()
    assert (flow.void_reason, flow.updated_by) == ("twice", "operator")
    portfolio.refresh_from_db()
    assert portfolio.equity == 1000


# Rights


def clerk_with(client: Client, *codes: str) -> Client:
    """A browser of staff who hold these permissions and no others."""
    clerk = UserFactory(is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=codes))
    client.force_login(clerk)
    return client


@pytest.mark.parametrize(
    ("address", "code", "action", "make"),
    [
        (GOALS, "financialgoal", "cancel", GoalFactory),
        (PORTFOLIOS, "portfolio", "halt", PortfolioFactory),
    ],
)
def test_who_may_only_look_is_offered_no_action_and_does_none(
    client: Client, address: str, code: str, action: str, make: Callable[[], Any]
) -> None:
    row = make()
    clerk_with(client, f"view_{code}")
    assert "_selected_action" not in client.get(address).content.decode()
    with nothing_changes():
        act(client, address, action, row, reason="a look")
    clerk_with(client, f"view_{code}", f"change_{code}")
    assert act(client, address, action, row, reason="a look")[0].endswith(": 1.")


def test_who_may_view_goals_sees_no_rows_of_other_tables(client: Client) -> None:
    goal = GoalFactory()
    clerk_with(client, "view_financialgoal", "view_goalprogresshistory")

    inlines = client.get(page_of(goal)).context["inline_admin_formsets"]

    assert [one.opts.model._meta.model_name for one in inlines] == [
        "goalprogresshistory"
    ]
    other = client.get(page_of(goal.portfolio))
    assert other.status_code == 403


@pytest.mark.parametrize(("is_staff", "status"), [(True, 403), (False, 302)])
def test_without_permissions_nobody_gets_in(
    client: Client, is_staff: bool, status: int
) -> None:
    goal = GoalFactory()
    client.force_login(UserFactory(is_staff=is_staff))
    for address in (GOALS, page_of(goal), page_of(goal.portfolio)):
        assert client.get(address).status_code == status


def test_a_halt_of_an_owner_is_not_the_operator_s(operator: Client) -> None:
    portfolio = PortfolioFactory(now=START)
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="sailing", now=START
    )

    page = text_of(operator, "goals_tradinghalt_changelist")

    assert "sailing" in page
    assert str(portfolio) in page


# Users and tokens


def test_a_user_added_in_the_admin_gets_the_portfolio_main(operator: Client) -> None:
    body = {
        "username": "alice",
        "usable_password": "true",
        "password1": "a-Rather-long-1",
        "password2": "a-Rather-long-1",
    }

    operator.post(reverse("admin:goals_user_add"), body)

    alice = User.objects.get(username="alice")
    assert [portfolio.name for portfolio in alice.portfolios.all()] == ["main"]


def test_a_username_is_read_only_and_the_page_says_why(operator: Client) -> None:
    alice = UserFactory(username="alice")

    page = operator.get(page_of(alice)).content.decode()
    operator.post(page_of(alice), {"username": "renamed", "is_active": "on"})

    assert USERNAME_IS_FIXED in page
    assert 'name="username"' not in page
    alice.refresh_from_db()
    assert alice.username == "alice"


def test_no_user_is_deleted(operator: Client) -> None:
    alice = UserFactory(username="alice")
    address = reverse("admin:goals_user_delete", args=[alice.pk])
    assert operator.post(address, {"post": "yes"}).status_code == 403
    users = reverse("admin:goals_user_changelist")
    act(operator, users, "delete_selected", alice, post="yes")
    assert User.objects.filter(pk=alice.pk).exists()


def test_a_token_is_revoked_and_never_made_in_the_admin(operator: Client) -> None:
    token, _ = ApiToken.objects.create(UserFactory())

    assert operator.get(reverse("admin:goals_apitoken_add")).status_code == 403
    address = reverse("admin:goals_apitoken_delete", args=[token.pk])
    operator.post(address, {"post": "yes"})

    assert not ApiToken.objects.exists()


def test_no_page_of_a_token_shows_it_or_its_digest(operator: Client) -> None:
    token, secret = ApiToken.objects.create(UserFactory())

    for address in (reverse("admin:goals_apitoken_changelist"), page_of(token)):
        page = operator.get(address).content.decode()
        assert secret[:8] in page
        assert token.token_key not in page
        assert secret not in page
