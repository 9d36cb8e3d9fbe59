"""The words and figures that the terminal and the page share."""

import re
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from goals.decisions.policies import PolicyName
from goals.enums import CalendarPeriod, GoalType, HaltCause, Measure
from trades.replay.report import (
    Effect,
    InstrumentReport,
    PeriodSummary,
    ReplayReport,
    RunSummary,
    shown_difference,
)

NOTHING = "-"
UNIT_SPACE = "\u00a0"  # keeps a number and its unit on one line
# What stops entries, as it is named in a sentence.
LIMITS = {
    HaltCause.HARD_DRAWDOWN: "hard drawdown",
    HaltCause.DAILY_LOSS: "daily loss limit",
    HaltCause.PROFIT_LOCK: "daily profit lock",
    HaltCause.TRADES_PER_DAY: "trades a day",
    HaltCause.LOSSES_IN_A_ROW: "pause after losses",
    HaltCause.PERSON: "own hand",
}
TIMES = {1: "once", 2: "twice"}
BASELINE = "factor 1.0"
EFFECT_WORDS = {
    Effect.HELPED: "did better than the baseline",
    Effect.HURT: "did worse than the baseline",
    Effect.MIXED: "did better than the baseline in some respects and worse in others",
    Effect.NONE: "made no difference",
}
WHAT_THE_BASELINE_IS = (
    f"{BASELINE.capitalize()} is the baseline: the same strategies, prices, costs and "
    "limits, with every size the base size. Its trades are not the policy's: after the "
    "first other size equity, halts and the goal's band differ, and with them which "
    "signals are traded and by which strategy."
)
MOST_NAMES = 5  # in a title
ISO_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
WHY_ONE_RUN_SAYS_LITTLE = (
    "A report says what happened in this run. One run is one path of prices: another "
    "period or instrument may show the opposite, so it is not evidence that a policy "
    "helps or harms."
)


def _with_commas(plain: str) -> str:
    return f"{Decimal(plain):{'+' if plain[0] == '+' else ''},f}"


# How a plain "-1234.50" is written; a page sets its reader's form.
number_form: ContextVar[Callable[[str], str]] = ContextVar(
    "number_form", default=_with_commas
)


@dataclass(frozen=True, slots=True)
class DateForm:
    """How a day and a month are written, as `strftime` takes it."""

    day: str = "%Y-%m-%d"
    month: str = "%Y-%m"


ISO = DateForm()
# A page writes both in words.
date_form: ContextVar[DateForm] = ContextVar("date_form", default=ISO)


def day_name(at: date) -> str:
    return f"{at:{date_form.get().day}}"


def percent(value: Decimal | None, *, signed: bool = False, places: int = 1) -> str:
    """As 12.3 %, with thousands separated; a dash for None."""
    return figure(value, signed=signed, places=places, unit=f"{UNIT_SPACE}%")


def figure(
    value: Decimal | None, *, signed: bool = False, places: int = 0, unit: str = ""
) -> str:
    """A number rounded for reading; a dash for None."""
    if value is None:
        return NOTHING
    rounded = round(value, places) + 0  # no negative zero
    sign = "+" if signed and rounded else ""
    return f"{number_form.get()(f'{rounded:{sign}.{places}f}')}{unit}"


def plain_number(value: Decimal) -> str:
    """At most two decimals, and none that say nothing: 5, 2.5, 4,000."""
    return figure(value, places=2).rstrip("0").rstrip(".,")


def factor_range(period: PeriodSummary) -> str:
    """The smallest and largest factor decided in the period."""
    low, high = period.factor_min, period.factor_max
    if low is None or high is None:
        return NOTHING
    ends = dict.fromkeys(figure(one, places=2) for one in (low, high))
    return " to ".join(ends)


def period_word(goal_type: GoalType) -> str:
    """What one period of the goal is called."""
    return goal_type.calendar or "goal"


def period_name(period: PeriodSummary, goal_type: GoalType) -> str:
    """2005-03-31, 2005-W13, 2005-03, 2005 Q1, 2005, or the span of the goal."""
    start = period.start_date
    match goal_type.calendar:
        case CalendarPeriod.DAY:
            return day_name(start)
        case CalendarPeriod.WEEK:
            return f"{start:%G-W%V}"
        case CalendarPeriod.MONTH:
            return f"{start:{date_form.get().month}}"
        case CalendarPeriod.QUARTER:
            return f"{start.year} Q{(start.month + 2) // 3}"
        case CalendarPeriod.YEAR:
            return str(start.year)
    end = period.target_date
    return f"{day_name(start)} to {'no deadline' if end is None else day_name(end)}"


def goal_words(report: InstrumentReport) -> str:
    """The goal as a person would say it: 5 % return per month."""
    if report.policy_run.challenge:
        return report.policy_run.challenge.partition(":")[0]
    target = plain_number(report.target_value)
    word = period_word(report.goal_type)
    match report.goal_type.measures:
        case Measure.RETURN:
            return f"{target} % return per {word}"
        case Measure.INCOME:
            return f"{target} income per {word}"
        case Measure.VALUE:
            return f"a portfolio value of {target}"


def title_of(report: ReplayReport) -> str:
    """What was replayed: the prices, the years, the goal and its policy."""
    first = report.instruments[0]
    names = [item.symbol for item in report.instruments]
    symbols = listed_briefly(names, MOST_NAMES)
    years = sorted(
        {at.year for item in report.instruments for at in (item.first_at, item.last_at)}
    )
    span = str(years[0]) if len(years) == 1 else f"{years[0]} to {years[-1]}"
    policy = run_name(first.policy_run)
    return f"Replay of {symbols}, {span}: {goal_words(first)}, {policy}"


def notes_of(report: ReplayReport) -> list[str]:
    """What a reader must know of the figures, each in one paragraph."""
    notes = [WHY_ONE_RUN_SAYS_LITTLE, WHAT_THE_BASELINE_IS]
    if any(item.hold for item in report.instruments):
        notes.append(
            "Buy and hold: all equity bought at the first open and sold at the last "
            "close, with the same costs, without a goal or a limit."
        )
    deep = next(filter(None, map(_deep_fall, report.instruments)), None)
    return notes if deep is None else [*notes, deep]


def _deep_fall(report: InstrumentReport) -> str | None:
    """Why a drawdown is larger than the limit; None where none is."""
    limit = report.hard_drawdown_pct
    if limit is None:
        return None
    deepest = max(report.runs, key=lambda run: run.max_drawdown_pct)
    if deepest.max_drawdown_pct <= limit:
        return None
    words = (
        f"A drawdown of {percent(deepest.max_drawdown_pct)} ({report.symbol}, "
        f"{run_name(deepest)}) under a hard limit of {plain_number(limit)} % is "
        "possible: the limit is checked when a trade closes and then stops new trades, "
        "so the loss that crosses it is taken whole. The drawdown is measured at every "
        "bar, with the open position, from the highest equity of the whole run."
    )
    if not any(halt.ended for halt in deepest.halts):
        return words
    both = (1 - (1 - limit / 100) ** 2) * 100
    return (
        f"{words} And the limit starts again from the equity at which trading was "
        f"resumed, so drawdowns add up: two of {plain_number(limit)} % make "
        f"{plain_number(both)} %."
    )


def run_name(run: RunSummary) -> str:
    """The policy's name; the baseline by its factor."""
    return BASELINE if run.policy is PolicyName.CONSTANT else run.policy.value


def reached_words(run: RunSummary) -> str:
    """How many of the periods that ended were reached: 30 of 155."""
    return f"{run.periods_reached} of {run.periods_ended}"


def outcome_words(report: InstrumentReport) -> str:
    """The verdict where it stands alone: a halt that lasts comes first."""
    return " ".join([*lasting_halts(report), verdict_words(report)])


def verdict_words(report: InstrumentReport) -> str:
    """What was better and what worse in this run, and how little that says."""
    policy, constant = report.runs
    comparison = report.comparison
    word = period_word(report.goal_type)
    measured = [
        (
            shown_difference(comparison.return_points),
            f"return {percent(policy.return_pct, signed=True)} "
            f"(factor 1.0: {percent(constant.return_pct, signed=True)})",
        ),
        (
            -shown_difference(comparison.drawdown_points),
            f"max drawdown {percent(policy.max_drawdown_pct)} "
            f"({percent(constant.max_drawdown_pct)})",
        ),
        (
            shown_difference(comparison.reached_points),
            f"{word}s reached {reached_words(policy)} ({constant.periods_reached})",
        ),
    ]
    worse = "; ".join(words for gain, words in measured if gain < 0)
    better = "; ".join(words for gain, words in measured if gain > 0)
    same = "; ".join(words for gain, words in measured if gain == 0)
    sentences = [
        "One run says little; in this one "
        f"{policy.policy.value} {EFFECT_WORDS[comparison.effect]}.",
    ]
    for label, words in (("Worse", worse), ("Better", better), ("Same", same)):
        if words:
            sentences.append(f"{label}: {words}.")
    risk = _risk_sentence(policy, constant)
    return " ".join([*sentences, *risk])


def lasting_halts(report: InstrumentReport) -> list[str]:
    """The runs that end halted: what they earned later is nothing, so this is first."""
    sentences = []
    for run in report.runs:
        if run.halted_at is not None:
            days = _days((report.last_at - run.halted_at).days)
            sentences.append(
                f"{run_name(run).capitalize()} ends halted: nothing was traded from "
                f"{day_name(run.halted_at)} to the end, {days}."
            )
    return sentences


def halt_sentences(report: InstrumentReport) -> list[str]:
    """What came of a challenge; which run was halted, how often and for how long."""
    return [
        f"{run_name(run).capitalize()}: {words}."
        for run in report.runs
        for words in (_dated(run.challenge), halt_words(run), stop_words(run))
        if words
    ]


def _dated(words: str) -> str:
    """What was stored as a sentence, with its days as they are written now."""
    return ISO_DAY.sub(lambda day: day_name(date.fromisoformat(day[0])), words)


def stop_words(run: RunSummary) -> str:
    """How often entries stopped for a day or a while, and by which limit."""
    if not run.stops:
        return ""
    by_limit = [f"{LIMITS[stop.cause]} ({stop.count:,})" for stop in run.stops]
    return f"entries stopped for a day or a while by {_listed(by_limit)}"


def halt_words(run: RunSummary) -> str:
    """Halted so often, from when, and how somebody went on; empty without a halt."""
    if not run.halts:
        return ""
    count = TIMES.get(len(run.halts), f"{len(run.halts)} times")
    dates = _listed([day_name(halt.began) for halt in run.halts])
    causes = dict.fromkeys(halt.cause or HaltCause.HARD_DRAWDOWN for halt in run.halts)
    where = _listed([f"its {LIMITS[cause]}" for cause in causes])
    words = f"halted {count} at {where} ({dates})"
    waits = [halt.days(halt.ended) for halt in run.halts if halt.ended is not None]
    if waits:
        each = " each time" if len(waits) > 1 else ""
        words += f", resumed by hand after {_day_range(waits)}{each}"
    if run.halts[-1].ended is None:
        words += f", {'then ' if waits else ''}not resumed until the prices end"
    if len(run.halts) == 1 and waits:
        return words
    return f"{words}; {_days(run.days_halted)} halted in all"


def chart_words(report: InstrumentReport) -> str:
    """What the chart shows, for whom it is read to."""
    ends = [(run_name(run), run.final_equity) for run in report.runs]
    if report.hold is not None:
        ends.append(("buy and hold", report.hold.final_equity))
    ended = _listed([f"{name} at {figure(equity)}" for name, equity in ends])
    return (
        f"Equity of {report.symbol} bar by bar: {ended}. Beneath it the policy's "
        f"factors, and which {period_word(report.goal_type)}s each run reached."
    )


def halt_figures(run: RunSummary) -> str:
    """How often and how long, for a column: 2 (60 d)."""
    return f"{len(run.halts)} ({run.days_halted:,} d)" if run.halts else "never"


def _day_range(waits: Sequence[int]) -> str:
    low, high = min(waits), max(waits)
    return _days(low) if low == high else f"{low} to {_days(high)}"


def _days(count: int) -> str:
    return f"{count:,} day{'' if count == 1 else 's'}"


def listed_briefly(items: Sequence[str], most: int) -> str:
    """The first of them, and how many more: one, two and 28 more."""
    more = len(items) - most
    return _listed([*items[:most], f"{more} more"] if more > 1 else items)


def _listed(items: Sequence[str]) -> str:
    """One, two and three."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


def _risk_sentence(policy: RunSummary, constant: RunSummary) -> list[str]:
    """What the size alone explains: more size is more of both, gain and fall."""
    if policy.mean_factor is None:
        return []
    sentence = f"Mean size {figure(policy.mean_factor, places=2)} times the base"
    runs = (policy, constant)
    # Of two losses the one per deeper fall would look better.
    if all(run.max_drawdown_pct > 0 and run.return_pct >= 0 for run in runs):
        own = policy.return_pct / policy.max_drawdown_pct
        baseline = constant.return_pct / constant.max_drawdown_pct
        sentence += (
            f", return per point of drawdown {figure(own, places=2)} "
            f"({figure(baseline, places=2)})"
        )
    return [f"{sentence}."]
