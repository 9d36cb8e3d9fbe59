"""The pages of goals: list, form, one goal, and what is done to it."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from goals.decisions.policies import PolicyName
from goals.enums import GoalStatus, GoalType, NumberFormat
from goals.models import (
    FinancialGoal,
    GoalProgressHistory,
    LimitChange,
    Portfolio,
    User,
)
from goals.projection.frontier import Frontier, FrontierPoint
from goals.projection.goal_projection import GoalFrontier
from goals.services.goals import cancel_goal
from goals.tests.factories import (
    GoalFactory,
    PortfolioFactory,
    UserFactory,
    achieve,
    fail,
)
from mastertrade.site.figures import number_format
from mastertrade.site.frontier_chart import show_frontier
from tests.http import spaced, words
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import book_profit

pytestmark = pytest.mark.django_db

FAR = date(2199, 12, 31)
PARTS = (
    "",
    "head/",
    "edit/",
    "chart/",
    "fan/",
    "frontier/",
    "what-if/",
    "table/",
    "decisions/",
)
ACTIONS = ("pause/", "resume/", "cancel/", "edit/", "edit/preview/", "what-if/")
NEW = reverse("site:goal-new")
PREVIEW = reverse("site:goal-new-preview")
FORM = {
    "measure": "return",
    "period": "month",
    "target_value": "5",
    "policy": "ladder",
    "min_factor": "0.5",
    "max_factor": "1.3",
    "stop_penalty": "1",
    "after_achieved": "protect",
    "priority": "5",
}


@pytest.fixture
def goal() -> FinancialGoal:
    """5 % of a portfolio by a day far ahead, begun two weeks ago."""
    begun = timezone.now() - timedelta(days=14)
    return GoalFactory(
        portfolio=PortfolioFactory(now=begun),
        start_date=begun.date(),
        target_date=(timezone.now() + timedelta(days=30)).date(),
        as_of=begun,
    )


@pytest.fixture
def mine(client: Client, goal: FinancialGoal) -> Client:
    client.force_login(goal.user)
    return client


def page_of(client: Client, goal: FinancialGoal, part: str = "") -> str:
    answer = client.get(reverse("site:goal", args=[goal.pk]) + part)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("part", PARTS)
def test_another_users_goal_is_not_found_at_any_address(
    client: Client, goal: FinancialGoal, part: str
) -> None:
    client.force_login(UserFactory())

    answer = client.get(reverse("site:goal", args=[goal.pk]) + part)

    assert answer.status_code == 404


@pytest.mark.parametrize("action", ACTIONS)
def test_another_users_goal_is_not_changed(
    client: Client, goal: FinancialGoal, action: str
) -> None:
    client.force_login(UserFactory())
    before = FinancialGoal.objects.values().get(pk=goal.pk)

    answer = client.post(reverse("site:goal", args=[goal.pk]) + action, FORM)

    assert answer.status_code == 404
    assert FinancialGoal.objects.values().get(pk=goal.pk) == before


@pytest.mark.parametrize("path", [reverse("site:goals"), NEW])
def test_a_visitor_is_sent_to_sign_in(client: Client, path: str) -> None:
    assert client.get(path)["Location"].startswith(reverse("site:login"))


def test_the_list_has_running_goals_by_urgency_and_ended_ones_below(
    mine: Client, goal: FinancialGoal
) -> None:
    portfolio = goal.portfolio
    calm = GoalFactory(
        portfolio=portfolio,
        goal_type=GoalType.PORTFOLIO_VALUE,
        target_value=Decimal(9000),
        start_date=None,
        as_of=timezone.now(),
    )
    ended = GoalFactory(portfolio=portfolio, start_date=date(2026, 3, 1))
    FinancialGoal.objects.filter(pk=goal.pk).update(
        probability=Decimal("0.1"), projected_at=timezone.now(), projected_trades=40
    )

    page = mine.get(
        f"{reverse('site:goals')}?portfolio={portfolio.pk}"
    ).content.decode()

    places = [page.index(f"/goals/{one.pk}/") for one in (goal, calm, ended)]
    assert places == sorted(places)
    assert "at risk" in page


def test_an_empty_list_says_what_to_do(client: Client) -> None:
    client.force_login(UserFactory())

    page = client.get(reverse("site:goals")).content.decode()

    assert "No goal is running" in page
    assert NEW in page


def test_the_list_takes_as_many_statements_for_one_goal_as_for_many(
    mine: Client, goal: FinancialGoal
) -> None:
    address = f"{reverse('site:goals')}?portfolio={goal.portfolio_id}"
    mine.get(address)
    with CaptureQueriesContext(connection) as one:
        mine.get(address)
    for number in range(10):
        GoalFactory(
            portfolio=goal.portfolio,
            target_value=Decimal(6 + number),
            start_date=goal.start_date,
            target_date=goal.target_date,
        )
    with CaptureQueriesContext(connection) as many:
        mine.get(address)

    assert len(one) == len(many)


def test_a_new_goal_is_made_in_the_users_words(
    mine: Client, goal: FinancialGoal
) -> None:
    portfolio = goal.portfolio
    asked = {**FORM, "measure": "income", "period": "quarter", "target_value": "400"}

    answer = mine.post(f"{NEW}?portfolio={portfolio.pk}", {**asked, "recurring": "on"})

    made = portfolio.goals.latest("goal_id")
    assert answer["Location"] == reverse("site:goal", args=[made.pk])
    assert made.goal_type == GoalType.QUARTERLY_INCOME
    assert (made.target_value, made.recurring) == (Decimal(400), True)


def test_a_portfolios_worth_may_have_no_last_day(
    mine: Client, goal: FinancialGoal
) -> None:
    asked = {**FORM, "measure": "value", "period": "", "target_value": "5000"}

    mine.post(f"{NEW}?portfolio={goal.portfolio_id}", asked)

    made = goal.portfolio.goals.latest("goal_id")
    assert made.goal_type == GoalType.PORTFOLIO_VALUE
    assert made.target_date is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target_value", "-5"),
        ("target_value", "five"),
        ("target_date", "2020-01-01"),
        ("min_factor", "1.5"),
        ("priority", "11"),
        ("best_day_max_pct", "101"),
        ("policy", "luck"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_made(
    mine: Client, goal: FinancialGoal, field: str, value: str
) -> None:
    asked = {**FORM, field: value}

    answer = mine.post(f"{NEW}?portfolio={goal.portfolio_id}", asked)

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert goal.portfolio.goals.count() == 1


def test_the_pace_is_shown_before_saving_and_nothing_is_saved(
    mine: Client, goal: FinancialGoal
) -> None:
    address = f"{PREVIEW}?portfolio={goal.portfolio_id}"
    last_day = (timezone.now() + timedelta(days=9)).date()

    page = mine.post(address, {**FORM, "target_date": f"{last_day}"}).content.decode()

    assert "a day" in words(page)
    assert "it needs 20 closed trades, and there are 0" in words(page)
    assert FinancialGoal.objects.count() == 1
    assert GoalProgressHistory.objects.exclude(goal=goal).count() == 0


def test_the_chance_of_a_goal_is_shown_before_saving(
    mine: Client, goal: FinancialGoal
) -> None:
    _trade(goal.portfolio)
    last_day = (timezone.now() + timedelta(days=20)).date()
    address = f"{PREVIEW}?portfolio={goal.portfolio_id}"

    page = mine.post(address, {**FORM, "target_date": f"{last_day}"}).content.decode()

    assert "from 24 trades" in words(page)
    assert "at factor 1.0" in words(page)


def test_a_preview_says_what_is_wrong(mine: Client, goal: FinancialGoal) -> None:
    address = f"{PREVIEW}?portfolio={goal.portfolio_id}"

    page = mine.post(address, {**FORM, "max_factor": "9"}).content.decode()

    assert "Largest factor: must be from 0.1 to 2." in words(page)


def test_a_goal_is_edited_and_measured_at_once(
    mine: Client, goal: FinancialGoal
) -> None:
    book_profit(goal.portfolio, Decimal(20), timezone.now() - timedelta(days=1))
    address = reverse("site:goal-edit", args=[goal.pk])
    asked = {**FORM, "target_value": "4", "target_date": f"{goal.target_date}"}

    mine.post(address, asked)

    goal.refresh_from_db()
    assert (goal.target_value, goal.progress_pct) == (Decimal(4), Decimal(50))


def test_an_edit_that_is_refused_changes_nothing(
    mine: Client, goal: FinancialGoal
) -> None:
    address = reverse("site:goal-edit", args=[goal.pk])

    answer = mine.post(address, {**FORM, "target_value": "0"})

    assert answer.status_code == 422
    goal.refresh_from_db()
    assert goal.target_value == 5


@pytest.mark.parametrize(
    ("action", "status"),
    [("pause", GoalStatus.PAUSED), ("cancel", GoalStatus.CANCELLED)],
)
def test_a_goal_is_paused_and_cancelled_by_one_post(
    mine: Client, goal: FinancialGoal, action: str, status: GoalStatus
) -> None:
    page = page_of(mine, goal)
    assert f'id="ask-{action}"' in page

    mine.post(reverse(f"site:goal-{action}", args=[goal.pk]))

    goal.refresh_from_db()
    assert goal.status == status


def test_a_paused_goal_is_resumed(mine: Client, goal: FinancialGoal) -> None:
    mine.post(reverse("site:goal-pause", args=[goal.pk]))
    assert "Paused, so it is measured" in words(page_of(mine, goal))

    mine.post(reverse("site:goal-resume", args=[goal.pk]))

    goal.refresh_from_db()
    assert goal.status == GoalStatus.ACTIVE


def test_what_cannot_be_done_is_said_and_not_done(
    mine: Client, goal: FinancialGoal
) -> None:
    mine.post(reverse("site:goal-cancel", args=[goal.pk]))

    answer = mine.post(reverse("site:goal-pause", args=[goal.pk]), follow=True)

    assert "has ended" in words(answer.content.decode())


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_an_action_is_no_link(mine: Client, goal: FinancialGoal, action: str) -> None:
    answer = mine.get(reverse(f"site:goal-{action}", args=[goal.pk]))

    assert answer.status_code == 405


def test_the_page_has_the_sentence_and_four_figures(
    mine: Client, goal: FinancialGoal
) -> None:
    book_profit(goal.portfolio, Decimal(10), timezone.now() - timedelta(days=1))

    page = words(page_of(mine, goal))

    assert "Behind by" in page
    for label in ("Made so far +1 %", "Should be by now", "Needed from here"):
        assert label in page
    assert "Chance to arrive not yet 1 of the 20 closed trades it needs" in page


def test_the_page_of_a_goal_that_waits_names_the_one_that_decides(
    mine: Client, goal: FinancialGoal
) -> None:
    GoalFactory(
        portfolio=goal.portfolio,
        priority=1,
        target_value=Decimal(7),
        start_date=goal.start_date,
        target_date=goal.target_date,
    )

    page = words(page_of(mine, goal))

    assert "it waits: \N{LEFT DOUBLE QUOTATION MARK} 7 % by" in page
    assert "has the higher priority and sets the factor" in page


def test_what_moves_is_asked_again_and_answered_only_where_it_moved(
    mine: Client, goal: FinancialGoal
) -> None:
    address = reverse("site:goal-head", args=[goal.pk])
    first = mine.get(address)
    assert f'hx-get="{address}"' in first.content.decode()

    book_profit(goal.portfolio, Decimal(20), timezone.now() - timedelta(seconds=1))

    moved = mine.get(address, HTTP_IF_NONE_MATCH=first["ETag"])
    assert "+2 %" in spaced(moved.content.decode())
    same = mine.get(address, HTTP_IF_NONE_MATCH=moved["ETag"])
    assert same.status_code == 304


def test_numbers_are_in_the_users_form_in_the_chart_too(
    mine: Client, goal: FinancialGoal
) -> None:
    User.objects.filter(pk=goal.user.pk).update(number_format=NumberFormat.COMMA)
    book_profit(goal.portfolio, Decimal(15), timezone.now() - timedelta(seconds=1))

    page = page_of(mine, goal)

    assert "+1,5 %" in spaced(page)
    assert 'data-separators=".,"' in page


def test_the_frontier_is_in_the_users_form_too() -> None:
    point = FrontierPoint(0.4, 0.0, 0.001, 12)
    found = Frontier(((0.5, point), (1.0, point)), {"ladder": point})
    verdict = "A constant size of 0.75 reaches it with 40.0 %."
    token = number_format.set(NumberFormat.COMMA)
    try:
        view = show_frontier(GoalFrontier(found, verdict), PolicyName.LADDER)
    finally:
        number_format.reset(token)

    assert view.verdict == "A constant size of 0,75 reaches it with 40,0 %."
    assert [row.name for row in view.rows] == [
        "Constant 0,5",
        "Constant 1,0",
        "Ladder, now",
    ]
    assert ">0,1\xa0%</text>" in view.drawings[0]


def test_a_decision_is_listed_with_every_guard(
    mine: Client, goal: FinancialGoal
) -> None:
    size_for_goal(
        user=goal.user, goal_id=goal.pk, now=timezone.now(), base_size=Decimal(1234)
    )

    page = page_of(mine, goal)

    for guard in ("Bounds", "Drawdown", "Edge", "Headroom", "Exposure"):
        assert f'data-label="{guard}"' in page
    assert "1,604.20" in page


def test_older_decisions_are_on_pages_of_their_own(
    mine: Client, goal: FinancialGoal
) -> None:
    for number in range(10):
        size_for_goal(
            user=goal.user,
            goal_id=goal.pk,
            now=timezone.now(),
            base_size=Decimal(100 + number),
        )
    assert "All of them" in page_of(mine, goal)
    oldest = goal.adjustments.earliest("adjustment_id").pk

    page = page_of(mine, goal, f"decisions/?before={oldest + 1}")

    assert page.count('id="decision-') == 1


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30])
def test_a_wrong_place_in_the_decisions_is_no_error(
    mine: Client, goal: FinancialGoal, before: str
) -> None:
    address = reverse("site:goal-decisions", args=[goal.pk])

    assert mine.get(address, {"before": before}).status_code in {200, 404}


def test_a_goal_that_is_sent_twice_says_that_it_is_there(client: Client) -> None:
    portfolio = PortfolioFactory()
    client.force_login(portfolio.user)
    form = client.get("/goals/new/").context["form"]
    shown = {name: form[name].value() for name in form.fields}
    body = {name: value for name, value in shown.items() if value} | {
        "target_value": "5"
    }
    assert client.post("/goals/new/", body).status_code == 302

    again = client.post("/goals/new/", body)

    assert again.status_code == 422
    assert "has this goal already" in words(again.content.decode())
    assert FinancialGoal.objects.count() == 1


def test_conditions_stand_with_their_progress(client: Client) -> None:
    goal = GoalFactory(
        target_date=FAR, min_trading_days=4, best_day_max_pct=Decimal(40)
    )
    client.force_login(goal.user)

    page = page_of(client, goal)

    assert "0 of 4 trading days" in page
    assert page.count("<progress") == 2
    assert "nothing to share yet Share of the best day" in words(page)
    assert " met " not in words(page)


def test_a_reached_goal_and_a_failed_one_say_so(client: Client) -> None:
    reached = achieve(GoalFactory(target_date=FAR))
    failed = fail(GoalFactory(target_date=FAR))

    client.force_login(reached.user)
    assert "Reached" in words(page_of(client, reached))
    client.force_login(failed.user)
    said = words(page_of(client, failed))
    assert "by the hard floor" in said
    assert "Chance to arrive none" in said


def test_earlier_periods_stand_side_by_side(client: Client) -> None:
    portfolio = PortfolioFactory()
    first = GoalFactory(portfolio=portfolio)
    FinancialGoal.objects.filter(pk=first.pk).update(
        status=GoalStatus.MISSED, ended_at=first.period_ends_at
    )
    book_profit(portfolio, Decimal(10))
    then = GoalFactory(
        portfolio=portfolio,
        start_date=date(2026, 4, 1),
        as_of=timezone.now(),
        target_date=FAR,
    )
    client.force_login(portfolio.user)

    page = page_of(client, then)

    assert "Earlier months" in page
    assert page.count('class="mini"') == 1
    assert "reached 0 of 1" in page


def test_the_table_has_the_days_of_the_chart(mine: Client, goal: FinancialGoal) -> None:
    book_profit(goal.portfolio, Decimal(10), timezone.now() - timedelta(days=3))

    page = words(page_of(mine, goal, "table/"))

    assert "In %, after the last change of each day" in page
    assert " +1 " in page
    assert "Hard floor" in page


def test_a_goals_page_takes_the_same_statements_whatever_its_history(
    mine: Client, goal: FinancialGoal
) -> None:
    book_profit(goal.portfolio, Decimal(1), timezone.now() - timedelta(days=3))
    _ask(goal)
    address = reverse("site:goal", args=[goal.pk])
    mine.get(address)
    counted: list[list[int]] = []
    for _ in range(2):
        counts = []
        for part in ("", "chart/", "table/", "decisions/"):
            with CaptureQueriesContext(connection) as found:
                mine.get(address + part)
            counts.append(len(found))
        counted.append(counts)
        for number in range(6):
            at = timezone.now() - timedelta(days=2, hours=-number)
            book_profit(goal.portfolio, Decimal(1), at)
            _ask(goal)

    assert counted[0] == counted[1]


def test_a_what_if_that_is_saved_changes_goal_and_limits(
    mine: Client, goal: FinancialGoal
) -> None:
    address = reverse("site:goal-what-if", args=[goal.pk])

    mine.post(address, {"target_value": "4", "hard_drawdown_pct": "15"})

    goal.refresh_from_db()
    goal.portfolio.refresh_from_db()
    assert goal.target_value == 4
    assert goal.portfolio.hard_drawdown_pct == 15


def test_a_what_if_that_is_refused_changes_neither(
    mine: Client, goal: FinancialGoal
) -> None:
    address = reverse("site:goal-what-if", args=[goal.pk])
    days = "4000"  # beyond the last date that may be

    answer = mine.post(
        address,
        {"hard_drawdown_pct": "15", "target_value": "-1", "days": days},
        follow=True,
    )

    assert "must be above" in words(answer.content.decode())
    goal.portfolio.refresh_from_db()
    assert goal.portfolio.hard_drawdown_pct == 20
    assert not LimitChange.objects.filter(effective_at__isnull=False).exists()


@pytest.mark.parametrize(
    "asked",
    [
        {"target_value": "x"},
        {"target_value": "NaN"},
        {"target_value": "1e400"},
        {"base_risk": "0"},
        {"base_risk": "1000"},
        {"days": "-1"},
        {"days": "99999999"},
        {"policy": "luck"},
        {"stop_penalty": "-1"},
        {"hard_drawdown_pct": "101"},
    ],
)
def test_a_hostile_what_if_is_refused_in_words(
    mine: Client, goal: FinancialGoal, asked: dict[str, Any]
) -> None:
    address = reverse("site:goal-what-if", args=[goal.pk])

    answer = mine.get(address, asked)

    assert answer.status_code == 422


def test_a_what_if_tells_the_price(mine: Client, goal: FinancialGoal) -> None:
    _trade(goal.portfolio)
    address = reverse("site:goal-what-if", args=[goal.pk])

    page = words(mine.get(address, {"base_risk": "3", "rough": "1"}).content.decode())

    assert "to arrive." in page
    assert "the chance of the floor" in page.lower()


def _ask(goal: FinancialGoal) -> None:
    now = timezone.now()
    size_for_goal(user=goal.user, goal_id=goal.pk, now=now, base_size=Decimal(1))


def _trade(portfolio: Portfolio) -> None:
    """24 closed trades of the last two weeks with a small edge."""
    for number in range(24):
        at = timezone.now() - timedelta(days=13) + timedelta(hours=number * 12)
        book_profit(portfolio, Decimal(4 if number % 3 else -7), at)
    portfolio.refresh_from_db()


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (GoalStatus.ACHIEVED, "it is reached"),
        (GoalStatus.CANCELLED, "it was cancelled"),
        (GoalStatus.FAILED, "it has failed"),
        (GoalStatus.MISSED, "it was missed"),
    ],
)
def test_nothing_is_needed_for_a_goal_that_was_decided(
    mine: Client, goal: FinancialGoal, status: GoalStatus, why: str
) -> None:
    """Also where it is below its target, with days left."""
    if status is GoalStatus.ACHIEVED:
        achieve(goal)
    elif status is GoalStatus.FAILED:
        fail(goal)
    elif status is GoalStatus.CANCELLED:
        cancel_goal(user=goal.user, goal_id=goal.pk, as_of=timezone.now())
    else:
        ended = timezone.now() - timedelta(days=1)
        FinancialGoal.objects.filter(pk=goal.pk).update(
            target_date=ended.date(), period_ends_at=ended
        )
    goal.refresh_from_db()
    assert goal.status_at(timezone.now()) is status
    assert goal.current_value < goal.target_value

    strip = mine.get(reverse("site:goal", args=[goal.pk])).context["strip"]

    (needed,) = [one for one in strip if one.label == "Needed from here"]
    assert (str(needed.shown), str(needed.note)) == ("nothing", why)
