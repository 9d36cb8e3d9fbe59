"""The page of one goal, and what it shows of itself apart: chart, table, log."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import conditional_page, require_safe

from goals.decisions.progress import Pace
from goals.enums import ConditionName, GoalStatus, Measure
from goals.models import FinancialGoal
from mastertrade.site import figures
from mastertrade.site.goal_chart import ends_at, read_chart, read_days
from mastertrade.site.goal_decisions import DecisionLine, read_decisions
from mastertrade.site.goal_find import find_goal
from mastertrade.site.goal_forms import (
    value_of,
)
from mastertrade.site.goal_lines import (
    GoalLine,
    read_lines,
    short_date,
    title_of,
)
from mastertrade.site.goal_periods import read_periods
from mastertrade.site.sentences import GoalFigures
from mastertrade.site.shell import page
from mastertrade.site.what_if_sliders import sliders_of
from mastertrade.site.wording import kind_notice
from mastertrade.values.money import HUNDRED, exactly

DECISIONS = 8
MORE_DECISIONS = 50
MOST_ROWS = 60
MOST_DIGITS = 18
TRADING_DAYS = ConditionName.MIN_TRADING_DAYS
CONDITION_NAMES = {
    TRADING_DAYS: "Trading days with an entry",
    ConditionName.BEST_DAY_MAX_PCT: "Share of the best day in the profit",
}


@dataclass(frozen=True, slots=True)
class StripFigure:
    """One of the four figures at the top of a goal's page."""

    label: str
    shown: SafeString | str
    unit: str
    note: SafeString | str


@require_safe
@page
def show_goal(request: HttpRequest, goal_id: int) -> HttpResponse:
    """GET /goals/{id}/"""
    goal, now = find_goal(request, goal_id), timezone.now()
    status = goal.status_at(now)
    head = _head(goal, now)
    runs = head["runs"]
    decisions, older = read_decisions(goal, DECISIONS)
    context = {
        **head,
        "notice": kind_notice(goal.portfolio),
        "settings": _settings(goal),
        "projects": runs and goal.period_ends_at is not None,
        "can_change": runs or (status is GoalStatus.ACHIEVED and not goal.is_over(now)),
        "is_paused": status is GoalStatus.PAUSED,
        "conditions": _conditions(goal),
        "decisions": decisions,
        "older": older,
        "periods": read_periods(goal),
        "calendar": goal.kind.calendar,
        "separators": "".join(figures.SEPARATORS[figures.number_format.get()]),
        "what_if": sliders_of(goal) if runs and goal.target_date else None,
    }
    return render(request, "site/goal.html", context)


@require_safe
@conditional_page
@page
def head_of_goal(request: HttpRequest, goal_id: int) -> HttpResponse:
    """GET /goals/{id}/head/: where it stands, asked again while the page is open."""
    goal = find_goal(request, goal_id)
    context = _head(goal, timezone.now())
    answer = render(request, "site/parts/goal_head.html", context)
    patch_cache_control(answer, private=True, no_cache=True)
    return answer


def _head(goal: FinancialGoal, now: datetime) -> dict[str, Any]:
    portfolio = goal.portfolio
    (line,) = read_lines(portfolio.user, portfolio, [goal], now)
    going = goal.status_at(now) in {GoalStatus.ACTIVE, GoalStatus.PAUSED}
    return {
        "goal": goal,
        "portfolio": portfolio,
        "line": line,
        "strip": _strip(goal, line, goal.pace_at(now), now),
        "runs": going and not goal.is_over(now),
    }


@exactly
def _strip(
    goal: FinancialGoal, line: GoalLine, pace: Pace, now: datetime
) -> list[StripFigure]:
    """Made so far, should be by now, needed from here, chance to arrive."""
    of = line.figures
    made = value_of(goal, goal.current_value, signed=True)
    target = value_of(goal, goal.target_value)
    way = f"{figures.percent(goal.progress_pct)} of the way"
    made_note = format_html("of {}; {}", target, way)
    if goal.target_in_force != goal.target_value:
        in_force = value_of(goal, goal.target_in_force)
        made_note = format_html("{}; {} in force by its best day", made_note, in_force)
    return [
        StripFigure("Made so far", made, "", made_note),
        _should_be(goal, pace),
        _needed(goal, pace, of),
        _chance(goal, of, now),
    ]


def _should_be(goal: FinancialGoal, pace: Pace) -> StripFigure:
    label = "Should be by now"
    expected = pace.expected_progress_pct
    if expected is None:
        return StripFigure(label, "no pace", "", "it has no deadline")
    way = goal.target_value - goal.start_value
    value = goal.start_value + way * expected / HUNDRED
    note = f"{figures.percent(expected)} of the time has passed"
    return StripFigure(label, value_of(goal, value, signed=True), "", note)


def _needed(goal: FinancialGoal, pace: Pace, of: GoalFigures) -> StripFigure:
    label = "Needed from here"
    if of.status is GoalStatus.ACHIEVED:
        return StripFigure(label, "nothing", "", "it is reached")
    if of.status in {GoalStatus.FAILED, GoalStatus.MISSED, GoalStatus.CANCELLED}:
        return StripFigure(label, "nothing", "", f"it {_ended_as(of.status)}")
    if of.is_over or pace.required_per_day is None:
        over = "it has ended" if of.is_over else "it has no deadline"
        return StripFigure(label, "nothing", "", over)
    if goal.current_value >= goal.target_value:
        return StripFigure(label, "nothing", "", "it is at its target")
    left = goal.target_value - goal.current_value
    shown = value_of(goal, pace.required_per_day)
    note = format_html("{} in all", value_of(goal, left))
    return StripFigure(label, shown, " a day", note)


def _chance(goal: FinancialGoal, of: GoalFigures, now: datetime) -> StripFigure:
    label = "Chance to arrive"
    if of.status is GoalStatus.ACHIEVED:
        at = format_html("reached {}", figures.when(goal.achieved_at, now))
        return StripFigure(label, "reached", "", at)
    if of.status in {GoalStatus.FAILED, GoalStatus.MISSED, GoalStatus.CANCELLED}:
        return StripFigure(label, "none", "", f"it {_ended_as(of.status)}")
    if of.odds is None:
        return StripFigure(label, "not known", "", "without a deadline there is none")
    if of.halted and of.halted_until is None:
        note = "trading is halted: without another trade it does not move"
        return StripFigure(label, "not while halted", "", note)
    if of.odds.probability is None:
        return StripFigure(label, "not yet", "", of.odds.lack)
    note = "touched in time inside every floor"
    if of.odds.trades is not None:
        note += f", from {figures.number(of.odds.trades)} trades"
    chance = figures.chance(of.odds.probability)
    return StripFigure(label, chance, f" {of.odds.band}", note)


def _ended_as(status: GoalStatus) -> str:
    return {
        GoalStatus.CANCELLED: "was cancelled",
        GoalStatus.FAILED: "has failed",
        GoalStatus.MISSED: "was missed",
    }[status]


def _settings(goal: FinancialGoal) -> str:
    """ "1 to 30 November · every month anew · ladder, 0.5 to 1.3 · priority 1"."""
    dates = f"from {short_date(goal.start_date)}"
    if goal.target_date is not None:
        dates = f"{short_date(goal.start_date)} to {short_date(goal.target_date)}"
    anew = ""
    if goal.recurring and goal.kind.calendar is not None:
        anew = f"every {goal.kind.calendar} anew"
    low, high = figures.number(goal.min_factor), figures.number(goal.max_factor)
    sizes = f"{goal.policy.replace('_', ' ')}, {low} to {high}"
    parts = [dates, anew, sizes, f"priority {goal.priority}"]
    return " \N{MIDDLE DOT} ".join(part for part in parts if part)


def _conditions(goal: FinancialGoal) -> list[dict[str, Any]]:
    """What it asks for besides its target, and how far each is."""
    return [
        {
            "name": CONDITION_NAMES[one.name],
            "words": one.words,
            "met": one.met,
            "is_known": one.current is not None,
            "whole": one.required if one.name == TRADING_DAYS else HUNDRED,
            "current": one.current or 0,
        }
        for one in goal.conditions
    ]


@require_safe
@page
def chart_of_goal(request: HttpRequest, goal_id: int) -> JsonResponse:
    """GET /goals/{id}/chart/: the series of the chart, but for the fan."""
    goal, now = find_goal(request, goal_id), timezone.now()
    return JsonResponse(read_chart(goal, now))


@require_safe
@page
def table_of_goal(request: HttpRequest, goal_id: int) -> HttpResponse:
    """GET /goals/{id}/table/: the chart's days as a table, the newest first."""
    goal, now = find_goal(request, goal_id), timezone.now()
    days = read_days(goal, now)[::-1]
    shown = Paginator(days, MOST_ROWS).get_page(request.GET.get("page"))
    rows = [
        {
            "at": day.at,
            "value": _cell(goal, day.value),
            "pace": _cell(goal, _pace_at(goal, day.at)),
            "hard": _cell(goal, day.hard),
            "soft": _cell(goal, day.soft),
        }
        for day in shown
    ]
    context = {"goal": goal, "title": title_of(goal), "rows": rows, "page": shown}
    context["until"] = ends_at(goal, now)
    context["unit"] = _unit_of(goal)
    return render(request, "site/goal_table.html", context)


def _unit_of(goal: FinancialGoal) -> str:
    return "%" if goal.kind.measures is Measure.RETURN else goal.portfolio.currency


def _cell(goal: FinancialGoal, value: Decimal | None) -> SafeString | str:
    """Without its unit, which is the table's."""
    if value is None:
        return "none"
    if goal.kind.measures is Measure.RETURN:
        return figures.fine_percent(value, signed=True).removesuffix(
            figures.PERCENT_SIGN
        )
    is_worth = goal.kind.measures is Measure.VALUE
    return figures.money(value, goal.portfolio.currency, signed=not is_worth)


@exactly
def _pace_at(goal: FinancialGoal, at: datetime) -> Decimal | None:
    expected = goal.pace_at(at).expected_progress_pct
    if expected is None:
        return None
    way = goal.target_value - goal.start_value
    return Decimal(goal.start_value + way * expected / HUNDRED)


@require_safe
@page
def decisions_of_goal(request: HttpRequest, goal_id: int) -> HttpResponse:
    """GET /goals/{id}/decisions/: the log with every guard; `?before=ID` for older."""
    goal = find_goal(request, goal_id)
    before = request.GET.get("before", "")
    asked = int(before) if before.isascii() and before.isdigit() else None
    if asked is not None and len(before) > MOST_DIGITS:
        raise Http404
    found, older = read_decisions(goal, MORE_DECISIONS, before=asked)
    decisions: list[DecisionLine] = found
    context = {"goal": goal, "title": title_of(goal), "decisions": decisions}
    context |= {"older": older, "portfolio": goal.portfolio}
    return render(request, "site/goal_decisions.html", context)
