"""Sizing decisions as the pages list them, with what every guard did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from goals.decisions.guards import GUARDS
from goals.decisions.guards.base import GuardResult
from goals.enums import Verdict
from goals.models import FinancialGoal, GoalAdjustmentLog
from goals.services.decision_log import explain, read_guards
from mastertrade.site import figures
from mastertrade.site.asking import is_htmx
from mastertrade.site.goal_find import find_goal
from mastertrade.site.goal_lines import running_goals, title_of
from mastertrade.site.sentences import factor, hold_words
from mastertrade.site.shell import page
from trades.enums import Side

TONES = {Verdict.ALLOW: "good", Verdict.REDUCE: "warn", Verdict.BLOCK: "bad"}
COLUMNS = (
    "adjustment_id",
    "goal_id",
    "as_of",
    "symbol",
    "base_size",
    "policy",
    "policy_version",
    "policy_factor",
    "progress_pct",
    "guards",
    "adjustment_factor",
    "adjusted_size",
    "verdict",
)


@dataclass(frozen=True, slots=True)
class GuardCell:
    """What one guard left of the factor; `hit` where it lowered it."""

    label: str
    hit: bool
    off: bool
    after: str

    @property
    def shown(self) -> str:
        return self.after if self.hit else "off" if self.off else "passed"


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """`short`: what the policy went by, and the guard that bound."""

    adjustment_id: int
    goal_id: int
    at: datetime
    symbol: str
    side: str
    base: Decimal
    policy: str
    asked: str
    guards: tuple[GuardCell, ...]
    factor: str
    size: Decimal
    verdict: SafeString
    short: str


@dataclass(frozen=True, slots=True)
class Why:
    """A decision in sentences; each guard's by its label."""

    reason: SafeString
    warnings: tuple[SafeString, ...]
    guards: tuple[tuple[str, SafeString], ...]


def read_decisions(
    goal: FinancialGoal, most: int, *, before: int | None = None
) -> tuple[list[DecisionLine], int | None]:
    """The newest decisions of a goal, and the key before which there are older ones.

    One statement, whatever the log holds.
    """
    rows = goal.adjustments.order_by("-adjustment_id")
    if before is not None:
        rows = rows.filter(adjustment_id__lt=before)
    found = lines_of(rows[: most + 1])
    older = found[most - 1].adjustment_id if len(found) > most else None
    return found[:most], older


def lines_of(decisions: QuerySet[GoalAdjustmentLog]) -> list[DecisionLine]:
    """By one statement, without what each followed from: that may be long."""
    return [
        _line(row) for row in decisions.values(*COLUMNS, asked=F("inputs__request"))
    ]


def _line(row: Mapping[str, Any]) -> DecisionLine:
    order = list(GUARDS)
    found = read_guards(row["guards"])
    guards = sorted(found, key=lambda one: order.index(one.name))
    return DecisionLine(
        adjustment_id=row["adjustment_id"],
        goal_id=row["goal_id"],
        at=row["as_of"],
        symbol=row["symbol"] or "",
        side=side_of(row["asked"]).capitalize(),
        base=row["base_size"],
        policy=row["policy"].replace("_", " "),
        asked=factor(row["policy_factor"]),
        guards=tuple(
            GuardCell(
                label=figures.words(guard.name).capitalize(),
                hit=guard.binds,
                off=not guard.is_set,
                after=factor(guard.factor_after),
            )
            for guard in guards
        ),
        factor=factor(row["adjustment_factor"]),
        size=row["adjusted_size"],
        verdict=figures.pill(TONES[Verdict(row["verdict"])], row["verdict"]),
        short=_short(row, guards),
    )


def _short(row: Mapping[str, Any], guards: Sequence[GuardResult]) -> str:
    """Where the goal was, and what that raised, or the last guard that bound."""
    version, asked = row["policy_version"], row["policy_factor"]
    where = f"{figures.percent(row['progress_pct'])} of the way"
    if version == "unreachable":
        where = "Out of reach"
    elif version.startswith("after-achieved-"):
        where = "Reached"
    bound = [one for one in guards if one.binds]
    if bound:
        last = bound[-1]
        held = "held" if last.factor_after else "no trade"
        return f"{where}; {held} {hold_words(last.name, last.factor_after)}"
    if asked == 1:
        return f"{where}: the base size"
    size = "larger" if asked > 1 else "smaller" if asked else "no trade"
    return f"{where}, so {size}"


def say_why(decision: GoalAdjustmentLog, goal: FinancialGoal, now: datetime) -> Why:
    """`goal`: the one that decided."""
    why = explain(decision)
    named = [goal, *running_goals(goal.portfolio, now)]
    titles = {one.pk: title_of(one) for one in named}
    return Why(
        reason=figures.show(why.reason, now, titles),
        warnings=tuple(figures.show(one.message, now, titles) for one in why.warnings),
        guards=tuple(
            (
                figures.words(one.name).capitalize(),
                figures.show(one.reason, now, titles),
            )
            for one in why.guards
        ),
    )


@require_safe
@page
def show_decision(
    request: HttpRequest, goal_id: int, adjustment_id: int
) -> HttpResponse:
    """GET /goals/{id}/decisions/{id}/: why it is as it is; to htmx that alone."""
    goal, now = find_goal(request, goal_id), timezone.now()
    decision = get_object_or_404(goal.adjustments, pk=adjustment_id)
    (line,) = lines_of(goal.adjustments.filter(pk=adjustment_id))
    context = {"goal": goal, "title": title_of(goal), "line": line}
    context["why"] = say_why(decision, goal, now)
    part = "site/parts/decision_why.html"
    template = part if is_htmx(request) else "site/goal_decision.html"
    return render(request, template, context)


def side_of(asked: Mapping[str, Any]) -> str:
    """LONG or SHORT, as asked or by the stop; empty where neither says it."""
    side, stop, price = asked.get("side"), asked.get("stop_price"), asked.get("price")
    if not side and stop and price:
        side = Side.SHORT if Decimal(stop) > Decimal(price) else Side.LONG
    return str(side or "")
