"""An alert as a person reads it: title, what happened, figures, what is done now, link.

As text and as HTML. What happened is stored with the alert; the rest is by its kind.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from django.conf import settings
from django.template.loader import render_to_string

from goals.enums import AfterAchieved, AlertKind, GoalStatus
from goals.models import GoalAlert
from goals.models.halts import WHAT_STOPS
from mastertrade.values import in_text
from mastertrade.values.in_text import call, say

UNTIL_RESUMED = "They go on when a person resumes trading"
ADJUSTS = "Sizes follow the goal's policy, inside the guards; nothing else is done."
OPERATES = "Whoever runs the system looks at its log."
# What the system does now, and what a person can do.
NOW = {
    AlertKind.MILESTONE: ADJUSTS,
    AlertKind.HEALTH_LAGGING: ADJUSTS,
    AlertKind.HEALTH_AT_RISK: ADJUSTS,
    AlertKind.HEALTH_UNREACHABLE: "The goal's factor stays at 1. Its projection says "
    "which deadline, or which target, has a probability of 50 %.",
    AlertKind.GOAL_MISSED: "It decides no size any more. A recurring goal is followed "
    "by the next period's.",
    AlertKind.GOAL_FAILED: "It stands until what caused it is voided or corrected.",
    AlertKind.FLOOR_NEAR: "At the floor trading is halted until a person resumes it.",
    AlertKind.DAILY_LIMIT_NEAR: "At the limit entries stop for the day.",
    AlertKind.DRAWDOWN_SOFT: "No size is above its base size while it is there.",
    AlertKind.DRAWDOWN_HARD: f"{WHAT_STOPS} {UNTIL_RESUMED}. This is sent again once a "
    "day until it is acknowledged.",
    AlertKind.DAILY_LOSS: f"{WHAT_STOPS} This is sent again once a day until it is "
    "acknowledged.",
    AlertKind.HALTED: f"{WHAT_STOPS} This is sent again once a day until it is "
    "acknowledged.",
    AlertKind.RESUMED: "Entries are sized again.",
    AlertKind.DECISION_OVERRIDDEN: "The trade is booked; trading stays halted.",
    AlertKind.IMPORT_REFUSALS: "Correct these rows and import the file again: what "
    "is known adds nothing.",
    AlertKind.JOB_FAILED: f"It is not tried again. {OPERATES}",
    AlertKind.DAILY_RUN_FAILED: f"The rest is done; the next run tries it again. "
    f"{OPERATES}",
    AlertKind.MARKS_STALE: say(
        "Floors and live equity go by old prices until positions are marked{}.",
        call(": POST /api/positions/marks/"),
    ),
    AlertKind.DRIFT: "Nothing was changed. `manage.py reconcile --fix` makes the "
    "figures again from the ledger.",
}
OWN_JOB = "It is not tried again by itself. Mend what it says, and ask for it again."
AT_TARGET = {
    AfterAchieved.PROTECT: "From now on the factor is 0.5 until the period ends.",
    AfterAchieved.CONTINUE: "From now on the factor is 1 until the period ends.",
    AfterAchieved.STOP: "No new trade is sized until the period ends.",
}
OF_LIMITS = (AlertKind.FLOOR_NEAR, AlertKind.DAILY_LIMIT_NEAR, AlertKind.DRAWDOWN_SOFT)
OF_HALTS = (AlertKind.DRAWDOWN_HARD, AlertKind.DAILY_LOSS, AlertKind.HALTED)
# Words that others say already, or that only programs read.
NOT_SHOWN = ("portfolio", "unit", "currency", "after_achieved", "fails")


@dataclass(frozen=True, slots=True)
class AlertText:
    """`html` has the title in it, `text` has not."""

    title: str
    text: str
    html: str


def render(alert: GoalAlert, *, repeats: bool = False) -> AlertText:
    """One alert; `repeats`: it was sent before and nobody has acknowledged it."""
    title = f"Still: {alert.title}" if repeats else alert.title
    given = {
        "title": title,
        "happened": alert.text,
        "figures": list(shown_figures(alert)),
        "now": what_now(alert),
        "link": link_of(alert),
        "at": f"{alert.occurred_at:%Y-%m-%d %H:%M} UTC",
    }
    return AlertText(
        title=title,
        text=render_to_string("alerts/alert.txt", given).strip(),
        html=render_to_string("alerts/alert.html", given).strip(),
    )


def what_now(alert: GoalAlert) -> str:
    """What the system does now."""
    figures = alert.figures
    if alert.kind == AlertKind.MILESTONE and figures.get("status") == str(
        GoalStatus.ACHIEVED
    ):
        return AT_TARGET[AfterAchieved(figures["after_achieved"])]
    if alert.kind == AlertKind.JOB_FAILED and "job_id" in figures:
        return OWN_JOB
    return NOW[AlertKind(alert.kind)]


def link_of(alert: GoalAlert) -> str:
    """Where a person looks, or acts; empty where the site's address is not set."""
    if not settings.SITE_URL:
        return ""
    page = ""
    if alert.portfolio_id is not None and alert.kind in OF_HALTS:
        page = f"portfolios/{alert.portfolio_id}/resume/"
    elif alert.portfolio_id is not None and alert.kind in OF_LIMITS:
        page = f"settings/portfolios/{alert.portfolio_id}/"
    return f"{settings.SITE_URL}/{page}"


def shown_figures(alert: GoalAlert) -> Iterator[tuple[str, str]]:
    """Names and figures in words; what is not known is left out."""
    for name, value in alert.figures.items():
        if name in NOT_SHOWN or value is None or isinstance(value, (dict, list)):
            continue
        shown = _shown(name, str(value), alert)
        yield name.removesuffix("_pct").replace("_", " "), shown


def _shown(name: str, value: str, alert: GoalAlert) -> str:
    if name.endswith(("_at", "_until", "_since")):
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M} UTC"
    try:
        figure = Decimal(value)
    except InvalidOperation:
        return value.replace("_", " ")
    if name.endswith("unit_value"):
        return in_text.unit_value(figure)
    if name.endswith("_pct"):
        return in_text.percent(figure)
    if name == "probability":
        return in_text.ratio(figure)
    unit = alert.figures.get("unit") or alert.figures.get("currency")
    if unit is None:
        return value
    if unit == "%":
        return in_text.percent(figure)
    return f"{in_text.money(figure, unit)} {unit}"
