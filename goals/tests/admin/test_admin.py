"""The operator's view of users, portfolios, goals and their logs."""

import html
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from goals.admin import FinancialGoalAdmin, figures
from goals.admin.filters import HAS_HEALTH, HEALTH_CONDITIONS, pace_gap_at
from goals.admin.forms import in_page_words
from goals.admin.readable import readable
from goals.enums import GoalStatus, GoalType, Health
from goals.models import (
    ApiToken,
    FinancialGoal,
    GoalAdjustmentLog,
    GoalProgressHistory,
    Portfolio,
    TradingHalt,
    User,
)
from goals.models.users import USERNAME_IS_FIXED
from goals.services.goal_state import with_status
from goals.services.goals import cancel_goal
from goals.services.portfolios import record_cash_flow
from goals.services.snapshots import snapshot_goals
from goals.tests.factories import (
    GoalFactory,
    PortfolioFactory,
    UserFactory,
    achieve,
    fail,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
GOALS = reverse("admin:goals_financialgoal_changelist")
OUR_APPS = {"goals", "strategies", "trades"}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goals.admin.base.timezone.now", lambda: NOW)


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator"))
    return client


def page_of(goal: FinancialGoal) -> str:
    return reverse("admin:goals_financialgoal_change", args=[goal.pk])


def count_queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def act(client: Client, action: str, *goals: FinancialGoal) -> list[str]:
    """Run an action on goals; returns the messages it left."""
    body = {"action": action, "_selected_action": [goal.pk for goal in goals]}
    answer = client.post(GOALS, body, follow=True)
    return [str(message) for message in answer.context["messages"]]


def set_progress(goal: FinancialGoal, progress_pct: str) -> FinancialGoal:
    """Progress as a ledger would leave it, without one."""
    FinancialGoal.objects.filter(pk=goal.pk).update(progress_pct=Decimal(progress_pct))
    goal.refresh_from_db()
    return goal


def listed(client: Client, query: str) -> set[int]:
    answer = client.get(f"{GOALS}?{query}")
    return {goal.pk for goal in answer.context["cl"].result_list}


# The list


def test_the_goal_list_asks_as_many_queries_for_twelve_goals_as_for_two(
    operator: Client,
) -> None:
    GoalFactory.create_batch(2)
    few = count_queries(operator, GOALS)
    GoalFactory.create_batch(10)

    assert count_queries(operator, GOALS) == few


def test_the_goal_list_shows_progress_band_health_gap_and_deadline(
    operator: Client,
) -> None:
    set_progress(GoalFactory(), "42.5")

    page = operator.get(GOALS).content.decode()

    assert "42.5 %" in page
    assert "badge-on_track" in page
    assert "badge-on_pace" in page
    assert "-7.5 pp" in page
    assert "in 15 days" in page


@pytest.mark.parametrize(
    ("progress_pct", "band"),
    [
        ("-5", "behind"),
        ("29.999999", "behind"),
        ("30", "on_track"),
        ("79.999999", "on_track"),
        ("80", "near_target"),
        ("100", "achieved"),
        ("250", "achieved"),
    ],
)
def test_the_band_filter_has_the_bands_of_the_rules(
    operator: Client, progress_pct: str, band: str
) -> None:
    goal = set_progress(GoalFactory(), progress_pct)

    bands = ("behind", "on_track", "near_target", "achieved")
    assert [one for one in bands if listed(operator, f"band={one}")] == [band]
    assert goal.progress.band == band


@pytest.mark.parametrize("at", [NOW, NOW + timedelta(microseconds=123457)])
def test_the_health_filter_agrees_with_the_health_that_is_shown(at: datetime) -> None:
    gaps = [-26, -25, -24, -11, -10, -9, 0, 9, 10, 11, 150]
    elapsed = Decimal(50)  # NOW is the middle of March
    for gap in gaps:
        set_progress(GoalFactory(), str(elapsed + gap))
    GoalFactory(goal_type=GoalType.PORTFOLIO_VALUE, target_value=Decimal(2000))
    set_progress(GoalFactory(), "200")
    cancel = GoalFactory()
    cancel_goal(user=cancel.user, goal_id=cancel.pk, as_of=NOW - timedelta(days=9))
    set_progress(GoalFactory(start_date=NOW.date() + timedelta(days=9)), "-3")
    fail(GoalFactory())

    goals = with_status(FinancialGoal.objects.all(), at)
    measured = goals.alias(pace_gap=pace_gap_at(at))

    for health, condition in HEALTH_CONDITIONS.items():
        in_sql = set(measured.filter(condition, HAS_HEALTH))
        in_python = {
            goal
            for goal in FinancialGoal.objects.all()
            if goal.pace_at(at).health is health
        }
        assert in_sql == in_python, health


def test_the_pace_gap_in_sql_is_the_one_that_is_shown() -> None:
    set_progress(GoalFactory(), "33.333333")

    goal = FinancialGoal.objects.annotate(gap=pace_gap_at(NOW)).get()

    assert goal.gap == goal.pace_at(NOW).pace_gap_pct


def test_the_health_filter_knows_every_health() -> None:
    assert set(HEALTH_CONDITIONS) == set(Health)


def test_deadlines_are_filtered_by_week_month_overdue_and_none(
    operator: Client,
) -> None:
    week = GoalFactory(target_date=date(2026, 3, 22))
    month = GoalFactory()
    over = GoalFactory(target_date=date(2026, 3, 10))
    none = GoalFactory(goal_type=GoalType.PORTFOLIO_VALUE, target_value=Decimal(2000))

    assert listed(operator, "deadline=week") == {week.pk}
    assert listed(operator, "deadline=month") == {week.pk, month.pk, over.pk}
    assert listed(operator, "deadline=overdue") == {over.pk}
    assert listed(operator, "deadline=none") == {none.pk}


def test_goals_are_searched_by_username_portfolio_and_id(operator: Client) -> None:
    alice = UserFactory(username="alice")
    mine = GoalFactory(portfolio=PortfolioFactory(user=alice, name="growth"))
    GoalFactory()

    for word in ("alice", "growth", str(mine.pk)):
        assert mine.pk in listed(operator, f"q={word}")
    assert listed(operator, "q=growth") == {mine.pk}


def test_goals_are_ordered_by_progress_when_asked(operator: Client) -> None:
    for progress_pct in ("50", "-10", "120"):
        set_progress(GoalFactory(), progress_pct)

    answer = operator.get(f"{GOALS}?o=3")

    shown = [goal.progress_pct for goal in answer.context["cl"].result_list]
    assert shown == [Decimal(-10), Decimal(50), Decimal(120)]


# The bar


def test_a_bar_below_zero_fills_nothing_and_runs_out_on_the_left() -> None:
    bar = figures.progress_bar(Decimal(-40), Decimal(50))

    assert 'class="fill' not in bar
    assert '<rect class="under" x="0" y="0" width="6"' in bar


def test_a_bar_above_one_hundred_is_full_and_runs_out_on_the_right() -> None:
    bar = figures.progress_bar(Decimal(250), None)

    assert 'width="100" height="10"/><rect class="over" x="106" y="0" width="6"' in bar


def test_a_progress_just_below_a_band_is_never_rounded_into_it() -> None:
    assert "79.999999 %</span>" in figures.progress_percent(Decimal("79.999999"))


def test_figures_carry_no_trailing_zeros() -> None:
    assert ">1,052.31 EUR<" in figures.money(Decimal("1052.31000000"), "EUR")
    assert figures.number(Decimal("1.3000")) == "1.3"


# The page


def test_the_goal_page_shows_its_figures_and_its_history(operator: Client) -> None:
    page = operator.get(page_of(set_progress(GoalFactory(), "42.5"))).content.decode()

    for label in ("Progress", "Pace gap", "Expected by now", "Required per day"):
        assert f"<dt>{label}</dt>" in page
    assert 'class="expected"' in page
    assert 'id="history"' in page


def test_the_history_is_newest_first_and_turns_its_own_pages(operator: Client) -> None:
    goal = GoalFactory()
    for minute in range(30):
        snapshot_goals(as_of=NOW + timedelta(minutes=minute), goal_ids=[goal.pk])

    answer = operator.get(f"{page_of(goal)}?history=2&decisions=1")

    (history,) = [
        turned
        for turned in answer.context["section_pages"]
        if turned.section.key == "history"
    ]
    assert history.page.paginator.count == 31
    assert len(history.rows) == 6
    assert ("By", "start") in history.rows[-1]
    assert history.newer == "?history=1&decisions=1#history"
    assert history.older == ""


def test_the_goal_page_asks_as_many_queries_for_twelve_rows_as_for_two(
    operator: Client,
) -> None:
    goal = GoalFactory()
    snapshot_goals(as_of=NOW, goal_ids=[goal.pk])
    few = count_queries(operator, page_of(goal))
    for _ in range(10):
        snapshot_goals(as_of=NOW, goal_ids=[goal.pk])

    assert count_queries(operator, page_of(goal)) == few


def test_a_goal_that_is_over_is_only_looked_at(operator: Client) -> None:
    goal = GoalFactory()
    cancel_goal(user=goal.user, goal_id=goal.pk, as_of=NOW)

    page = operator.get(page_of(goal))

    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()


# Creating and changing


def goal_form(portfolio: Portfolio, **changes: object) -> dict[str, object]:
    return {
        "portfolio": portfolio.pk,
        "goal_type": "monthly_return",
        "target_value": "5",
        "priority": "5",
        "policy": "ladder",
        "min_factor": "0.5",
        "max_factor": "1.3",
        "after_achieved": "protect",
        **changes,
    }


def test_a_goal_created_in_the_admin_has_its_period_and_first_history_row(
    operator: Client,
) -> None:
    portfolio = PortfolioFactory()

    operator.post(reverse("admin:goals_financialgoal_add"), goal_form(portfolio))

    goal = FinancialGoal.objects.get()
    assert goal.user_id == portfolio.user_id
    assert goal.target_date == date(2026, 3, 31)
    assert goal.created_at == NOW
    assert goal.history.exists()


def test_what_create_goal_refuses_shows_at_its_field(operator: Client) -> None:
    body = goal_form(PortfolioFactory(), min_factor="1.4")

    answer = operator.post(reverse("admin:goals_financialgoal_add"), body)

    assert answer.context["adminform"].form.errors == {
        "min_factor": ["1.4 must not be above “Max factor”, 1.3."]
    }
    assert not FinancialGoal.objects.exists()


def test_what_the_state_refuses_shows_above_the_form(operator: Client) -> None:
    ruined = PortfolioFactory()
    Portfolio.objects.filter(pk=ruined.pk).update(unit_value=0)

    answer = operator.post(reverse("admin:goals_financialgoal_add"), goal_form(ruined))

    (error,) = answer.context["adminform"].form.non_field_errors()
    assert "is ruined" in error


def test_changing_a_goal_measures_it_and_leaves_a_history_row(
    operator: Client,
) -> None:
    goal = GoalFactory()
    body = goal_form(goal.portfolio, target_value="4", target_date="2026-03-31")

    operator.post(page_of(goal), body)

    goal.refresh_from_db()
    assert goal.target_value == 4
    assert goal.history.filter(kind="change", target_value=4).count() == 1


@pytest.mark.parametrize("settle", [fail, achieve])
def test_what_a_settled_goal_asks_for_is_only_looked_at(
    operator: Client, settle: Callable[[FinancialGoal], FinancialGoal]
) -> None:
    goal = settle(GoalFactory())
    page = operator.get(page_of(goal))
    offered = set(page.context["adminform"].form.fields)
    asked = {"target_value", "target_date", "min_trading_days", "best_day_max_pct"}
    assert not offered & asked
    assert {"priority", "recurring"} <= offered
    assert "5 %" in page.content.decode()


def test_a_failed_goal_s_page_and_list_say_when_and_why(operator: Client) -> None:
    goal = fail(GoalFactory())
    FinancialGoal.objects.update(probability="0.7", projected_at=NOW)
    for page in (page_of(goal), reverse("admin:goals_financialgoal_changelist")):
        text = operator.get(page).content.decode()
        assert "70 %" not in text
        assert "not projected yet" not in text
    text = operator.get(page_of(goal)).content.decode()
    assert f"{goal.failed_at:%Y-%m-%d %H:%M}" in text
    assert in_page_words(TradingHalt.objects.get().reason) in html.unescape(text)
    assert "Required per day" not in text


def test_a_goal_cannot_be_deleted(operator: Client) -> None:
    goal = GoalFactory()

    address = reverse("admin:goals_financialgoal_delete", args=[goal.pk])
    assert operator.post(address, {"post": "yes"}).status_code == 403
    act(operator, "delete_selected", goal)

    assert FinancialGoal.objects.filter(pk=goal.pk).exists()


# Actions


def test_a_snapshot_is_taken_of_the_selected_goals_alone(operator: Client) -> None:
    one, other = GoalFactory.create_batch(2)

    assert act(operator, "snapshot_now", one) == ["Snapshots taken: 1."]

    assert one.history.filter(kind="snapshot", recorded_at=NOW).count() == 1
    assert not other.history.filter(kind="snapshot").exists()


def test_a_goal_is_paused_and_resumed(operator: Client) -> None:
    goal = GoalFactory()

    act(operator, "pause", goal)
    goal.refresh_from_db()
    assert goal.status == GoalStatus.PAUSED
    act(operator, "resume", goal)
    goal.refresh_from_db()
    assert goal.status == GoalStatus.ACTIVE


def test_one_goals_refusal_is_told_and_leaves_the_others_done(
    operator: Client,
) -> None:
    ended, running = GoalFactory.create_batch(2)
    cancel_goal(user=ended.user, goal_id=ended.pk, as_of=NOW)

    messages = act(operator, "pause", ended, running)

    running.refresh_from_db()
    assert running.status == GoalStatus.PAUSED
    assert messages[0] == "Goals paused: 1."
    assert messages[1].startswith(f"Goal {ended.pk}: ")


def test_a_goal_is_cancelled_at_the_requests_time(operator: Client) -> None:
    goal = GoalFactory()

    act(operator, "cancel", goal)

    goal.refresh_from_db()
    assert (goal.status, goal.ended_at) == (GoalStatus.CANCELLED, NOW)


# Portfolios


def test_the_portfolio_list_asks_as_many_queries_for_twelve_as_for_two(
    operator: Client,
) -> None:
    address = reverse("admin:goals_portfolio_changelist")
    GoalFactory()
    few = count_queries(operator, address)
    GoalFactory.create_batch(10)

    assert count_queries(operator, address) == few


@pytest.mark.parametrize(
    "model", ["goalprogresshistory", "ledgerentry", "cashflow", "user"]
)
def test_a_list_asks_as_many_queries_for_twelve_rows_as_for_two(
    operator: Client, model: str
) -> None:
    address = reverse(f"admin:goals_{model}_changelist")

    def add_rows(count: int) -> None:
        for goal in GoalFactory.create_batch(count):
            record_cash_flow(
                user=goal.user, amount=Decimal(5), now=NOW, portfolio=goal.portfolio_id
            )

    add_rows(2)
    few = count_queries(operator, address)
    add_rows(10)

    assert count_queries(operator, address) == few


def test_the_portfolio_page_asks_as_many_queries_for_twelve_entries_as_for_two(
    operator: Client,
) -> None:
    portfolio = PortfolioFactory()
    address = reverse("admin:goals_portfolio_change", args=[portfolio.pk])

    def deposit(times: int) -> None:
        for _ in range(times):
            record_cash_flow(
                user=portfolio.user,
                amount=Decimal(10),
                now=NOW,
                portfolio=portfolio.pk,
            )

    deposit(2)
    few = count_queries(operator, address)
    deposit(10)

    assert count_queries(operator, address) == few


def portfolio_form(**changes: object) -> dict[str, object]:
    return {
        "name": "growth",
        "currency": "EUR",
        "time_zone": "UTC",
        "opening_balance": "1000",
        "soft_drawdown_pct": "10",
        "hard_drawdown_pct": "20",
        "drawdown_mode": "trailing_closed",
        "end_of_day_of": "closed",
        "drawdown_of": "peak",
        "floor_in": "units",
        "daily_loss_of": "day_start",
        "daily_loss_anchor": "equity",
        "day_starts_at": "00:00",
        "on_breach": "halt",
        "daily_on_breach": "halt_day",
        "edge_guard": "benefit_of_doubt",
        **changes,
    }


def test_a_portfolio_created_in_the_admin_has_units(operator: Client) -> None:
    body = portfolio_form(user=UserFactory(username="alice").username)

    operator.post(reverse("admin:goals_portfolio_add"), body)

    portfolio = Portfolio.objects.get(name="growth")
    assert (portfolio.user_id, portfolio.units) == ("alice", 1000)


def test_what_the_service_refuses_is_an_error_of_its_field(operator: Client) -> None:
    body = portfolio_form(user=UserFactory().username, currency="eur")

    answer = operator.post(reverse("admin:goals_portfolio_add"), body)

    (error,) = answer.context["adminform"].form.errors["currency"]
    assert "capital letters" in error


def test_the_frozen_fields_of_a_used_portfolio_are_read_only(
    operator: Client,
) -> None:
    portfolio = GoalFactory().portfolio
    address = reverse("admin:goals_portfolio_change", args=[portfolio.pk])
    body = portfolio_form(name="renamed", currency="GBP", opening_balance="9")

    operator.post(address, body)

    portfolio.refresh_from_db()
    assert portfolio.name == "renamed"
    assert (portfolio.currency, portfolio.opening_balance) == ("USDT", 1000)


def test_the_currency_of_an_unused_portfolio_can_be_changed(
    operator: Client,
) -> None:
    portfolio = PortfolioFactory()
    address = reverse("admin:goals_portfolio_change", args=[portfolio.pk])

    operator.post(address, portfolio_form(currency="GBP"))

    portfolio.refresh_from_db()
    assert portfolio.currency == "GBP"


LIMITS = {
    "drawdown_mode": "static",
    "floor_in": "money",
    "daily_loss_limit_pct": "3",
    "max_trades_per_day": "4",
    "pause_after_losses": "2",
    "pause_minutes": "30",
    "headroom_share_pct": "50",
    "on_breach": "fail",
    "edge_guard": "strict",
}


def test_a_new_portfolio_gets_every_limit_and_the_floor_of_today(
    operator: Client,
) -> None:
    body = portfolio_form(user=UserFactory().username, **LIMITS)

    operator.post(
        reverse("admin:goals_portfolio_add"),
        {**body, "day_starts_at": "17:00", "floor_equity": "760"},
    )

    portfolio = Portfolio.objects.get(name="growth")
    for name, value in LIMITS.items():
        assert str(getattr(portfolio, name)).removesuffix(".000000") == value
    assert portfolio.day_starts_at == time(17)
    assert portfolio.floor_start_value == 950


def test_a_changed_limit_of_main_is_dated_and_says_who_changed_it(
    operator: Client,
) -> None:
    main = UserFactory().portfolios.get()
    address = reverse("admin:goals_portfolio_change", args=[main.pk])
    body = portfolio_form(name="main", currency="USD", opening_balance="0", **LIMITS)

    operator.post(address, body)

    opening, change = main.limit_changes.order_by("pk")
    assert (opening.changed_by, change.changed_by) == (main.user_id, "operator")
    page = operator.get(address).content.decode()
    assert "drawdown_mode static, " in page
    assert "edge guard" in page.lower()


def test_a_floor_that_cannot_be_is_an_error_of_its_field(operator: Client) -> None:
    body = portfolio_form(user=UserFactory().username, floor_equity="700")

    answer = operator.post(reverse("admin:goals_portfolio_add"), body)

    (error,) = answer.context["adminform"].form.errors["floor_equity"]
    assert "“Start of the floor”" in error


# Logs, users, tokens, permissions


def test_nothing_of_ours_can_be_deleted_in_the_admin(rf, admin_user) -> None:
    request = rf.get("/")
    request.user = admin_user
    for model, page in admin.site._registry.items():
        if model._meta.app_label in OUR_APPS and model is not ApiToken:
            assert not page.has_delete_permission(request), model
            assert "delete_selected" not in page.get_actions(request), model


@pytest.mark.parametrize("model", [GoalProgressHistory, GoalAdjustmentLog])
def test_logs_are_neither_added_nor_changed(rf, admin_user, model) -> None:
    request = rf.get("/")
    request.user = admin_user
    page = admin.site._registry[model]

    assert page.has_view_permission(request)
    assert not page.has_add_permission(request)
    assert not page.has_change_permission(request)


def test_a_log_row_is_shown_and_not_taken_back(operator: Client) -> None:
    row = GoalFactory().history.first()
    address = reverse("admin:goals_goalprogresshistory_change", args=[row.pk])

    assert operator.get(address).status_code == 200
    assert operator.post(address, {"progress_pct": "99"}).status_code == 403


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
    address = reverse("admin:goals_user_change", args=[alice.pk])

    page = operator.get(address).content.decode()
    operator.post(address, {"username": "renamed", "is_active": "on"})

    assert USERNAME_IS_FIXED in page
    assert 'name="username"' not in page
    alice.refresh_from_db()
    assert alice.username == "alice"


def test_a_token_is_revoked_and_never_made_in_the_admin(operator: Client) -> None:
    token, _ = ApiToken.objects.create(UserFactory())

    assert operator.get(reverse("admin:goals_apitoken_add")).status_code == 403
    address = reverse("admin:goals_apitoken_delete", args=[token.pk])
    operator.post(address, {"post": "yes"})

    assert not ApiToken.objects.exists()


def test_the_list_of_tokens_shows_neither_token_nor_digest(operator: Client) -> None:
    token, secret = ApiToken.objects.create(UserFactory())

    page = operator.get(reverse("admin:goals_apitoken_changelist")).content.decode()

    assert secret[:8] in page
    assert token.token_key not in page
    assert secret not in page


def test_staff_without_permissions_see_no_goals(client: Client) -> None:
    client.force_login(UserFactory(is_staff=True))

    assert client.get(GOALS).status_code == 403


def test_staff_who_may_view_goals_see_no_section_of_other_tables(
    client: Client,
) -> None:
    staff = UserFactory(is_staff=True)
    staff.user_permissions.set(
        Permission.objects.filter(
            codename__in=["view_financialgoal", "view_goalprogresshistory"]
        )
    )
    client.force_login(staff)

    answer = client.get(page_of(GoalFactory()))

    keys = [turned.section.key for turned in answer.context["section_pages"]]
    assert keys == ["history"]
    assert 'name="_save"' not in answer.content.decode()


def test_a_user_who_is_not_staff_does_not_get_in(client: Client) -> None:
    client.force_login(UserFactory())

    assert client.get(GOALS).status_code == 302


def test_floors_above_add_their_sections_to_the_goal_page() -> None:
    keys = [section.key for section in FinancialGoalAdmin.sections]

    assert keys == ["history", "decisions", "selections", "trades"]


def test_logged_json_is_shown_as_tables_with_plain_figures() -> None:
    shown = readable({"goals": [{"factor": "1.3000", "symbol": "1.50"}], "none": None})

    assert "<th>factor</th>" in shown
    assert ">1.3<" in shown
    assert "<td>1.50</td>" in shown


def test_a_list_too_wide_for_a_page_is_turned_on_its_side() -> None:
    wide = {f"key_{number}": number for number in range(9)}

    shown = readable([wide, wide])

    assert "<thead>" not in shown
    assert "<tr><th>key 3</th><td>3</td><td>3</td></tr>" in shown


def test_logged_json_is_escaped() -> None:
    assert "<script>" not in readable({"<script>": "<script>"})
