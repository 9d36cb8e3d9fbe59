"""The words and figures that the terminal and the page share."""

from collections.abc import Sequence
from decimal import Decimal

from goals.enums import GoalType, Measure, PolicyName
from trades.replay.report import (
    Effect,
    HaltSpan,
    InstrumentReport,
    PeriodSummary,
    RunSummary,
    shown_difference,
)

NOTHING = "-"
UNIT_SPACE = "\u00a0"  # keeps a number and its unit on one line
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
    return " ".join([*sentences, *risk, *_halt_sentences(policy, constant)])


def _halt_sentences(policy: RunSummary, constant: RunSummary) -> list[str]:
    """Which run the drawdown guard halted, when, and for how long."""
    resumed = [
        f"{_halted_words(run.halts)}: {run_name(run)}."
        for run in (policy, constant)
        if any(halt.ended for halt in run.halts)
    ]
    return resumed + [
        f"Halted at its hard drawdown on {run.halted_at:%Y-%m-%d} and traded no more: "
        f"{run_name(run)}."
        for run in (policy, constant)
        if run.halted_at is not None
    ]


def _halted_words(halts: Sequence[HaltSpan]) -> str:
    """The halts that somebody ended: when each began, and their days in all."""
    spans = [(halt.began, halt.ended) for halt in halts if halt.ended is not None]
    began = [f"{start:%Y-%m-%d}" for start, _ in spans]
    days = sum((end - start).days for start, end in spans)
    dates = " and ".join(filter(None, [", ".join(began[:-1]), began[-1]]))
    all_of_them = " in all" if len(spans) > 1 else ""
    return (
        f"Halted at its hard drawdown on {dates}, resumed by hand after {days} days"
        f"{all_of_them}"
    )


def _risk_sentence(policy: RunSummary, constant: RunSummary) -> list[str]:
    """What the size alone explains: more size is more of both, gain and fall."""
    if policy.mean_factor is None:
        return []
    sentence = f"Mean size {figure(policy.mean_factor, places=2)} times the base"
    if policy.max_drawdown_pct > 0 and constant.max_drawdown_pct > 0:
        own = policy.return_pct / policy.max_drawdown_pct
        twin = constant.return_pct / constant.max_drawdown_pct
        sentence += (
            f", return per point of fall {figure(own, places=2)} "
            f"({figure(twin, places=2)})"
        )
    return [f"{sentence}."]
