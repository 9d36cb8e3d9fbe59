"""`{% load replay %}`: what a report says, in words and as a drawing.

Numbers are written in the form of the user whose request it is, dates in words.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import template

from goals.enums import HaltCause
from mastertrade.site.figures import in_format
from trades.replay import wording
from trades.replay.halts import HaltSpan
from trades.replay.report import InstrumentReport

register = template.Library()
IN_WORDS = wording.DateForm("%-d %b %Y", "%b %Y")


def in_users_form(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def shown(*args: Any) -> Any:
        numbers = wording.number_form.set(in_format)
        dates = wording.date_form.set(IN_WORDS)
        try:
            return function(*args)
        finally:
            wording.number_form.reset(numbers)
            wording.date_form.reset(dates)

    return shown


for name in (
    "chart_words",
    "day_name",
    "factor_range",
    "goal_words",
    "halt_figures",
    "halt_sentences",
    "lasting_halts",
    "notes_of",
    "period_name",
    "period_word",
    "plain_number",
    "reached_words",
    "run_name",
    "title_of",
    "verdict_words",
):
    register.filter(name, in_users_form(getattr(wording, name)))
register.filter("days_until", HaltSpan.days)


@register.filter
def limit_name(cause: HaltCause | None) -> str:
    """What halted a run; reports of before there were several limits name none."""
    return wording.LIMITS[cause or HaltCause.HARD_DRAWDOWN]


@register.filter
def chart(report: InstrumentReport, size: str) -> str:
    """The drawing as an address that holds it."""
    # Here, so that nothing but drawing loads matplotlib.
    from trades.replay.charts import embed_chart

    return embed_chart(report, size)
