"""The one sentence of a goal, from its figures. Pure wording.

Each number links to what it was made from. What is unknown is said in words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from goals.decisions.alerts import HEALTH_WORDS
from goals.decisions.trade_record import FEWEST_TRADES
from goals.enums import AfterAchieved, GoalStatus, HaltCause, Health, Measure
from goals.models.halts import LIMITS
from mastertrade.site import figures
from mastertrade.site.figures import words
from mastertrade.values.money import round_to

# Where attention is needed: the tone of the pill.
PILLS = {Health.LAGGING: "warn", Health.AT_RISK: "warn", Health.UNREACHABLE: "bad"}
# Why a guard holds the next trade below what the policy asks for.
GUARD_WORDS = {
    "bounds": "by the bounds of the goals together",
    "drawdown": "while the soft drawdown lasts",
    "day_rules": "by the rules of the day",
    "edge": "as the record does not speak for more",
    "headroom": "as the floor is near",
    "exposure": "as the largest position allows no more",
}
# And why it lets nothing be traded, where that is another reason.
STOP_WORDS = {
    "bounds": "until the period of a reached goal ends",
    "drawdown": "while trading is halted",
    "exposure": "as too little is left to trade",
}
AFTER_WORDS = {
    AfterAchieved.PROTECT: "to protect it",
    AfterAchieved.CONTINUE: "as before",
    AfterAchieved.STOP: "no trade until its period ends",
}
FLOOR_WORDS = {
    "daily_loss": "to today\N{RIGHT SINGLE QUOTATION MARK}s limit",
    "hard_drawdown": "to the hard floor",
}
# Most urgent first: what can still be mended, then what runs well, then what is over.
URGENCY = {
    Health.AT_RISK: 0,
    Health.UNREACHABLE: 1,
    Health.LAGGING: 2,
    Health.ON_PACE: 3,
    Health.AHEAD: 3,
}


@dataclass(frozen=True, slots=True)
class Links:
    """The goal's page, and where the numbers of its sentence lead."""

    page: str
    chart: str
    odds: str
    decisions: str
    what_if: str
    conditions: str
    limits: str


@dataclass(frozen=True, slots=True)
class Odds:
    """The chance last projected, a ratio, its band, and from how many closed trades.

    `probability` is None below the fewest trades, and before the first projection
    (`trades` is None then).
    """

    probability: Decimal | None
    low: Decimal | None
    high: Decimal | None
    trades: int | None

    @property
    def band(self) -> str:
        return figures.chance_band(self.low, self.high)

    @property
    def lack(self) -> str:
        """What an unknown chance waits for; empty where nothing brings it."""
        if self.trades is None:
            return "it is projected once a day"
        if self.trades < FEWEST_TRADES:
            closed = figures.number(self.trades)
            return f"{closed} of the {FEWEST_TRADES} closed trades it needs"
        return ""


@dataclass(frozen=True, slots=True)
class NextFactor:
    """The factor that a size asked for now would have, of base.

    `asked`: what the policy wants; `guard` names the guard that holds it lower.
    `refusal`: why there is no answer, in words; the factor says nothing then. It may be
    only that the trade's stop has to be given.
    """

    factor: Decimal
    asked: Decimal
    guard: str = ""
    refusal: str | SafeString = ""
    needs_stop: bool = False


@dataclass(frozen=True, slots=True)
class Headroom:
    """How many average losing trades reach the nearest floor; None without a loss."""

    limit: str
    losing_trades: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalFigures:
    """What the sentence of one goal is made of; money in `currency`.

    `gap`: progress less pace in the goal's measure, points or money, None without a
    deadline. `begins_at` only while it has not begun. `decided_by`: the goal that sets
    the factor in its place, and why it comes first. `joined`: the first day of its
    period (a month, "month"), where it was made later than on that. `halted_until` only
    where trading is `halted`; None: a person has to resume it.
    """

    status: GoalStatus
    health: Health | None
    measure: Measure
    currency: str
    current_value: Decimal
    target_value: Decimal
    progress_pct: Decimal
    links: Links
    gap: Decimal | None = None
    expected_pct: Decimal | None = None
    required_per_day: Decimal | None = None
    begins_at: datetime | None = None
    joined: date | None = None
    period: str = "period"
    ended_at: datetime | None = None
    is_over: bool = False
    achieved_at: datetime | None = None
    after_achieved: AfterAchieved = AfterAchieved.PROTECT
    failed_at: datetime | None = None
    failed_by: HaltCause | None = None
    open_conditions: tuple[str, ...] = ()
    odds: Odds | None = None
    next_factor: NextFactor | None = None
    decided_by: SafeString | None = None
    decided_because: str = ""
    headroom: Headroom | None = None
    halted: bool = False
    halted_until: datetime | None = None
    lacks_money: bool = False


def pill_of(goal: GoalFigures) -> SafeString:
    """Where attention is needed; empty for a goal that is well, paused or over."""
    if goal.status is GoalStatus.FAILED:
        return figures.pill("bad", "failed")
    if goal.status is not GoalStatus.ACTIVE or goal.begins_at or goal.health is None:
        return SafeString("")
    tone = PILLS.get(goal.health)
    if tone is None:
        return SafeString("")
    return figures.pill(tone, HEALTH_WORDS[goal.health])


def urgency_of(
    status: GoalStatus,
    health: Health | None,
    *,
    has_begun: bool = True,
    is_over: bool = False,
) -> int:
    """The lower, the sooner a person should look."""
    if is_over or status is GoalStatus.CANCELLED:
        return 9
    if status is GoalStatus.FAILED:
        return 2
    if status is GoalStatus.ACHIEVED:
        return 5
    if status is GoalStatus.PAUSED:
        return 6
    if not has_begun:
        return 7
    return 3 if health is None else URGENCY[health]


def health_of(goal: GoalFigures) -> str:
    """The goal's one word: its health, or its status where it has ended."""
    if goal.status is GoalStatus.ACHIEVED:
        return "reached"
    if goal.begins_at is not None:
        return "not begun"
    if goal.status is not GoalStatus.ACTIVE or goal.health is None:
        return goal.status
    if _has_just_started(goal):
        return "just started"
    return HEALTH_WORDS.get(goal.health, words(goal.health))


def goal_sentence(goal: GoalFigures) -> SafeString:
    """The goal's sentence, in HTML."""
    pieces = list(_pieces(goal))
    return format_html("{}.", format_html_join("; ", "{}", ((one,) for one in pieces)))


def in_measure(
    value: Decimal, goal: GoalFigures, *, signed: bool = False
) -> SafeString:
    """A value of the goal: percent, or money and its currency."""
    signed = signed and goal.measure is not Measure.VALUE
    return figures.in_measure(value, goal.measure, goal.currency, signed=signed)


def _pieces(goal: GoalFigures) -> Iterator[SafeString]:
    status = goal.status
    if status is GoalStatus.CANCELLED:
        yield _at("Cancelled", goal.ended_at)
        yield _made(goal)
    elif status is GoalStatus.FAILED:
        yield _failed(goal)
    elif status is GoalStatus.MISSED:
        yield _missed(goal)
    elif status is GoalStatus.ACHIEVED:
        yield from _reached(goal)
    elif goal.begins_at is not None:
        yield format_html("Begins {}", figures.when(goal.begins_at))
    elif status is GoalStatus.PAUSED:
        yield SafeString("Paused, so it is measured and sizes no trade")
        yield from _standing(goal, lower=True)
        yield from _odds(goal)
    else:
        yield from _running(goal)


def _running(goal: GoalFigures) -> Iterator[SafeString]:
    yield from _standing(goal)
    if goal.lacks_money:
        yield SafeString("no money to trade with, so there is no size and no chance")
        return
    yield from _odds(goal)
    yield from _sizes(goal)


def _standing(goal: GoalFigures, *, lower: bool = False) -> Iterator[SafeString]:
    """Ahead or behind, or at the target with what keeps it from being reached."""
    if goal.open_conditions:
        yield _cased("At its target, not reached yet: ", lower) + _link(
            goal.links.conditions, " and ".join(goal.open_conditions)
        )
        return
    if goal.health is Health.UNREACHABLE:
        start = _cased("Out of reach ", lower)
        yield start + SafeString("even at its largest size")
        lower = True
    if goal.gap is None:
        made = figures.percent(goal.progress_pct)
        way = _link(goal.links.chart, made)
        yield format_html("{} of the way, without a deadline", way)
        return
    if _has_just_started(goal):
        yield _cased("Just started", lower)
        return
    shown = _gap(goal)
    if shown is None:
        yield _cased("On ", lower) + _link(goal.links.chart, "pace")
        return
    word = "Ahead by " if goal.gap > 0 else "Behind by "
    yield _cased(word, lower) + _link(goal.links.chart, shown)
    if goal.gap < 0 and goal.joined is not None:
        yield format_html("its {} began on {}", goal.period, figures.day(goal.joined))


def _gap(goal: GoalFigures) -> SafeString | None:
    """The distance to the pace; None where it rounds to nothing."""
    gap = abs(goal.gap or Decimal(0))
    if goal.measure is Measure.RETURN:
        return (
            format_html("{}", figures.points(gap)) if gap >= Decimal("0.05") else None
        )
    # A whole amount says it, where there is one.
    whole = round_to(gap, (60, 0))
    shown = whole if whole >= 100 else gap
    return in_measure(shown, goal) if round_to(gap, (60, 2)) else None


def _has_just_started(goal: GoalFigures) -> bool:
    return (
        goal.expected_pct is not None
        and goal.expected_pct < 1
        and not goal.progress_pct
        and goal.health is Health.ON_PACE
    )


def _odds(goal: GoalFigures) -> Iterator[SafeString]:
    odds = goal.odds
    if odds is None or goal.gap is None or goal.health is Health.UNREACHABLE:
        return
    link = goal.links.odds
    if goal.halted and goal.halted_until is None:
        return  # what was projected is not what halted trading comes to
    if odds.probability is None:
        said = "no probability yet" if odds.lack else "no probability"
        lack = format_html(", {}", odds.lack) if odds.lack else SafeString("")
        yield _link(link, said) + lack
        return
    shown, band = figures.chance(odds.probability), odds.band
    with_band = f"{shown} ({band})" if band else shown
    yield _link(link, with_band) + SafeString(" to arrive")


def _sizes(goal: GoalFigures) -> Iterator[SafeString]:
    if goal.halted:
        until = (
            SafeString("until you resume it")
            if goal.halted_until is None
            else format_html("until {}", figures.when(goal.halted_until))
        )
        halted = _link(goal.links.limits, "trading is halted")
        yield format_html("{} {}, so no trade is sized", halted, until)
        return
    if goal.decided_by is not None:
        if goal.required_per_day:
            needs = in_measure(goal.required_per_day, goal)
            yield format_html("needs {} a day", _link(goal.links.chart, needs))
        yield format_html(
            "it waits: \N{LEFT DOUBLE QUOTATION MARK}{}\N{RIGHT DOUBLE QUOTATION MARK} "
            "{} and sets the factor",
            goal.decided_by,
            goal.decided_because,
        )
        return
    if goal.next_factor is not None:
        yield _next(goal, goal.next_factor)
    if goal.headroom is not None and goal.headroom.losing_trades is not None:
        count = figures.decimals(goal.headroom.losing_trades)
        plural = "" if count == "1" else "s"
        yield format_html(
            "{} {}",
            _link(goal.links.limits, f"{count} average losing trade{plural}"),
            FLOOR_WORDS[goal.headroom.limit],
        )


def _next(goal: GoalFigures, size: NextFactor) -> SafeString:
    link = goal.links.decisions
    if size.needs_stop:
        return format_html("next trade: {} to size it", _link(link, "give its stop"))
    if size.refusal:
        return format_html("{}: {}", _link(link, "no size now"), size.refusal)
    if not size.factor:
        why = _linked_guard(goal, size)
        return format_html("{} {}", _link(link, "no next trade"), why)
    shown = _link(link, f"{factor(size.factor)} of base")
    if size.factor >= size.asked or not size.guard:
        return format_html("next trade at {}", shown)
    return format_html(
        "next trade at {}, not {}, {}",
        shown,
        factor(size.asked),
        _linked_guard(goal, size),
    )


def factor(value: Decimal) -> str:
    """ "1.0", "1.15"."""
    shown = figures.number(round_to(value, (8, 2)))
    return shown if not shown.isdigit() else figures.in_format(f"{shown}.0")


def hold_words(guard: str, after: Decimal) -> str:
    """Why a guard leaves no more than that factor."""
    words = GUARD_WORDS if after else {**GUARD_WORDS, **STOP_WORDS}
    return words.get(guard, "by a limit")  # a log outlives its guards


def _linked_guard(goal: GoalFigures, size: NextFactor) -> SafeString:
    if size.guard == "drawdown" and size.factor:
        return format_html(
            "while the {} lasts", _link(goal.links.limits, "soft drawdown")
        )
    return format_html("{}", hold_words(size.guard, size.factor))


def _reached(goal: GoalFigures) -> Iterator[SafeString]:
    yield _at("Reached", goal.achieved_at)
    yield _made(goal)
    if goal.is_over:
        return
    if goal.after_achieved is AfterAchieved.STOP:
        yield conditional_escape(AFTER_WORDS[goal.after_achieved])
        return
    if goal.halted or goal.decided_by is not None:
        yield from _sizes(goal)
    elif goal.next_factor is not None:
        shown = _next(goal, goal.next_factor)
        yield format_html("{} {}", shown, AFTER_WORDS[goal.after_achieved])


def _missed(goal: GoalFigures) -> SafeString:
    return format_html(
        "Missed: {} of {} when its period ended",
        _link(goal.links.chart, in_measure(goal.current_value, goal, signed=True)),
        in_measure(goal.target_value, goal),
    )


def _failed(goal: GoalFigures) -> SafeString:
    by = LIMITS.get(goal.failed_by, "a person") if goal.failed_by else "a limit"
    return format_html(
        "{} by {}, at {}; it stands until what caused it is voided or corrected",
        _at("Failed", goal.failed_at),
        _link(goal.links.limits, by),
        _link(goal.links.chart, in_measure(goal.current_value, goal, signed=True)),
    )


def _made(goal: GoalFigures) -> SafeString:
    return format_html(
        "at {} of {}",
        _link(goal.links.chart, in_measure(goal.current_value, goal)),
        in_measure(goal.target_value, goal),
    )


def _at(word: str, at: datetime | None) -> SafeString:
    return (
        format_html("{} {}", word, figures.when(at)) if at else conditional_escape(word)
    )


def _cased(words: str, lower: bool) -> SafeString:
    # As safe as `words` is: only the case of a letter changes.
    return SafeString(words[0].lower() + words[1:] if lower else words)  # nosec B703


def _link(address: str, shown: str | SafeString) -> SafeString:
    return format_html('<a href="{}">{}</a>', address, shown)
