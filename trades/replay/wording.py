"""The words and figures that the terminal and the page share."""

from collections.abc import Sequence
from decimal import Decimal

from goals.enums import GoalType, Measure, PolicyName
from trades.replay.report import (
    Effect,
    InstrumentReport,
    PeriodSummary,
    RunSummary,
    shown_difference,
)

NOTHING = "-"
UNIT_SPACE = "\u00a0"  # keeps a number and its unit on one line
TIMES = {1: "once", 2: "twice"}
PERIOD_WORDS = {1: "month", 3: "quarter", 12: "year", None: "goal"}
EFFECT_WORDS = {
    Effect.HELPED: "helped",
    Effect.HURT: "hurt",
    Effect.MIXED: "both helped and hurt",
    Effect.NONE: "made no difference",
}


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
    return f"{rounded:{sign},.{places}f}{unit}"


def plain_number(value: Decimal) -> str:
    """At most two decimals, and none that say nothing: 5, 2.5, 4,000."""
    return figure(value, places=2).rstrip("0").rstrip(".")


def factor_range(period: PeriodSummary) -> str:
    """The smallest and largest factor decided in the period."""
    low, high = period.factor_min, period.factor_max
    if low is None or high is None:
        return NOTHING
    if low == high:
        return figure(low, places=2)
    return f"{low:.2f}-{high:.2f}"


def period_word(goal_type: GoalType) -> str:
    """What one period of the goal is called."""
    return PERIOD_WORDS[goal_type.months]


def period_name(period: PeriodSummary, goal_type: GoalType) -> str:
    """2005-03, 2005 Q1, 2005, or the span of a goal of another length."""
    start = period.start_date
    match goal_type.months:
        case 1:
            return f"{start:%Y-%m}"
        case 3:
            return f"{start.year} Q{(start.month + 2) // 3}"
        case 12:
            return str(start.year)
    end = "no deadline" if period.target_date is None else f"{period.target_date}"
    return f"{start} to {end}"


def goal_words(report: InstrumentReport) -> str:
    """The goal as a person would say it: 5 % return a month."""
    target = plain_number(report.target_value)
    word = period_word(report.goal_type)
    match report.goal_type.measures:
        case Measure.RETURN:
            return f"{target} % return a {word}"
        case Measure.INCOME:
            return f"{target} income a {word}"
        case Measure.VALUE:
            return f"a portfolio value of {target}"


def run_name(run: RunSummary) -> str:
    """The policy's name, and for the twin what it does."""
    return "factor 1.0" if run.policy is PolicyName.CONSTANT else run.policy.value


def reached_words(run: RunSummary) -> str:
    """How many of the periods that ended were reached: 30 of 155."""
    return f"{run.periods_reached} of {run.periods_ended}"


def verdict_words(report: InstrumentReport) -> str:
    """Say plainly whether the policy helped or hurt, and by what."""
    policy, constant = report.policy_run, report.constant_run
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
            f"deepest fall {percent(policy.max_drawdown_pct)} "
            f"({percent(constant.max_drawdown_pct)})",
        ),
        (
            shown_difference(comparison.reached_points),
            f"{word}s reached {reached_words(policy)} ({constant.periods_reached})",
        ),
    ]
    better = "; ".join(words for gain, words in measured if gain > 0)
    worse = "; ".join(words for gain, words in measured if gain < 0)
    same = "; ".join(words for gain, words in measured if gain == 0)
    sentences = [
        f"{policy.policy.value.capitalize()} {EFFECT_WORDS[comparison.effect]}."
    ]
    for label, words in (("Better", better), ("Worse", worse), ("Same", same)):
        if words:
            sentences.append(f"{label}: {words}.")
    risk = _risk_sentence(policy, constant)
    return " ".join([*sentences, *risk])


def halt_sentences(report: InstrumentReport) -> list[str]:
    """Which run was halted, how often, from when and for how long."""
    runs = [run for run in (report.policy_run, report.constant_run) if run.halts]
    return [f"{run_name(run).capitalize()}: {halt_words(run)}." for run in runs]


def halt_words(run: RunSummary) -> str:
    """Halted so often, from when, and how somebody went on; empty without a halt."""
    if not run.halts:
        return ""
    count = TIMES.get(len(run.halts), f"{len(run.halts)} times")
    dates = _listed([f"{halt.began:%Y-%m-%d}" for halt in run.halts])
    words = f"halted {count} at its hard drawdown ({dates})"
    waits = [halt.days(halt.ended) for halt in run.halts if halt.ended is not None]
    if waits:
        each = " each time" if len(waits) > 1 else ""
        words += f", resumed by hand after {_day_range(waits)}{each}"
    if run.halts[-1].ended is None:
        words += f", {'then ' if waits else ''}not resumed until the prices end"
    if len(run.halts) == 1 and waits:
        return words
    return f"{words}; {_days(run.days_halted)} halted in all"


def halt_figures(run: RunSummary) -> str:
    """How often and how long, for a column: 2 (60 d); a dash without a halt."""
    return f"{len(run.halts)} ({run.days_halted:,} d)" if run.halts else NOTHING


def _day_range(waits: Sequence[int]) -> str:
    low, high = min(waits), max(waits)
    return _days(low) if low == high else f"{low} to {_days(high)}"


def _days(count: int) -> str:
    return f"{count:,} day{'' if count == 1 else 's'}"


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
        twin = constant.return_pct / constant.max_drawdown_pct
        sentence += (
            f", return per point of fall {figure(own, places=2)} "
            f"({figure(twin, places=2)})"
        )
    return [f"{sentence}."]
