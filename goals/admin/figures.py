"""Figures as people read them, in HTML: money, percentages, times, progress bars."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from goals.admin.forms import in_page_words
from goals.decisions.periods import Period
from goals.decisions.progress import band_for, show_progress
from goals.decisions.trade_record import FEWEST_TRADES
from goals.enums import GoalStatus, Measure, PortfolioKind
from goals.models import FinancialGoal, Portfolio
from mastertrade.values import in_text
from mastertrade.values.money import HUNDRED, MONEY, format_plain, round_down, round_to

NOTHING = SafeString('<span class="none">—</span>')
SHOWN_SHARE = (MONEY[0], 2)  # of a bar's length
SHOWN_CHANCE = (MONEY[0], 1)
LEAST_CHANCE = Decimal("0.001")  # as a ratio: what one place still shows
# What the bar shows outside 0 to 100 %, in percentage points, on either side.
BAR_MARGIN = Decimal(6)
SLIVER = Decimal(2)
DEMO_NOTICE = (
    "Demo: recorded daily prices of AAPL, FB, GOOG, IBM and MSFT from January 2012 to "
    "March 2013, moved forward by whole weeks to end on the last weekday before it was "
    "made ({}). Its rules, goals and limits were chosen with hindsight, so that there "
    "is much to see. It says nothing about the future, and none of it counts towards a "
    "live portfolio."
)
REPLAY_NOTICE = (
    "Part of a replay: recorded prices run through the decisions of live trading. None "
    "of it counts towards a live portfolio."
)
UNITS_OF_TIME = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)


def kind_notice(portfolio: Portfolio | None) -> str:
    """What a portfolio that is not live is; empty for a live one, and without any."""
    if portfolio is None or portfolio.is_live:
        return ""
    if portfolio.shown_kind is PortfolioKind.DEMO:
        return DEMO_NOTICE.format(f"{portfolio.created_at:%Y-%m-%d}")
    return REPLAY_NOTICE


def number(value: Decimal | None) -> str:
    """Shortest plain notation with thousands set apart: 1000000.50 as 1,000,000.5."""
    return "—" if value is None else f"{Decimal(format_plain(value)):,f}"


def figure(
    shown: str, exact: Decimal, unit: str = "", *, signed: bool = False
) -> SafeString:
    """A figure as it is read; the exact one shows when pointed at."""
    unit = f" {unit}" if unit else ""
    words = f"{Decimal(shown):{'+' if signed and exact > 0 else ''},f}{unit}"
    title = f"{number(exact)}{unit}"
    return format_html('<span class="figure" title="{}">{}</span>', title, words)


def money(value: Decimal | None, currency: str) -> SafeString:
    """An amount, to the places of its currency."""
    if value is None:
        return NOTHING
    return figure(in_text.money(value, currency), value, currency)


def price(value: Decimal | None, currency: str) -> SafeString:
    """Six digits, cents at the least: currencies are quoted to the fifth place."""
    return NOTHING if value is None else figure(in_text.price(value), value, currency)


def quantity(value: Decimal) -> SafeString:
    return figure(in_text.quantity(value), value)


def gain(value: Decimal | None, currency: str) -> SafeString:
    """A profit or loss: signed and coloured."""
    if value is None:
        return NOTHING
    word = "gain" if value > 0 else "loss" if value < 0 else "even"
    sign = "+" if value > 0 else ""
    return format_html(
        '<span class="{}">{}{}</span>', word, sign, money(value, currency)
    )


def unit_value(value: Decimal) -> SafeString:
    return figure(in_text.unit_value(value), value)


def value_and_progress(goal: FinancialGoal, expected_pct: Decimal | None) -> SafeString:
    """The bar with its figure, and below it the value in the goal's measure."""
    return format_html(
        "{}<br> <small>{}</small>",
        progress(goal.progress_pct, expected_pct),
        in_measure(goal.current_value, goal),
    )


def percent(value: Decimal | None) -> SafeString:
    if value is None:
        return NOTHING
    return figure(in_text.decimals(value), value, "%")


def progress_percent(value: Decimal) -> SafeString:
    """79.999 % is not shown as 80 %, which is another band."""
    return figure(show_progress(value).removesuffix(" %"), value, "%")


def share(ratio: Decimal) -> str:
    """A probability in percent: what is not certain reads as neither 0 nor 100."""
    if 0 < ratio < LEAST_CHANCE:
        return "below 0.1 %"
    if 1 - LEAST_CHANCE < ratio < 1:
        return "above 99.9 %"
    return f"{number(round_to(ratio * 100, SHOWN_CHANCE))} %"


def chance(goal: FinancialGoal, now: datetime, *, idle: bool = False) -> SafeString:
    """The probability last stored with the goal, or why there is none.

    `idle`: trading is halted beyond the goal's deadline, whatever was stored before.
    """
    if goal.status_at(now) is GoalStatus.ACHIEVED:
        return SafeString("reached")
    if goal.has_failed(now):
        return SafeString('<span class="none">failed</span>')
    if idle and goal.period_ends_at is not None and not goal.is_over(now):
        return SafeString('<span class="figure">0 %</span> without another trade')
    if goal.probability is None or goal.is_over(now):
        return format_html('<span class="none">{}</span>', _why_no_chance(goal, now))
    return format_html(
        '<span class="figure" title="touched by the deadline; as of {}">{}</span> {}',
        goal.projected_at.isoformat() if goal.projected_at else "",
        share(goal.probability),
        badge("low_confidence") if goal.low_confidence else "",
    )


def chance_band(goal: FinancialGoal, now: datetime) -> SafeString:
    """The band and the trades behind the probability; empty where there is none."""
    low, high = goal.probability_low, goal.probability_high
    is_shown = goal.probability is not None and goal.achieved_at is None
    if (
        goal.has_failed(now)
        or goal.is_over(now)
        or not is_shown
        or low is None
        or high is None
    ):
        return SafeString("")
    if goal.projected_trades is None:
        return format_html("{} to {}", share(low), share(high))
    return format_html(
        '<span title="at the 10 % and the 90 % bound of the edge">{} to {}</span>, '
        "from {} trades",
        share(low),
        share(high),
        number(Decimal(goal.projected_trades)),
    )


def _why_no_chance(goal: FinancialGoal, now: datetime) -> str:
    if goal.period_ends_at is None:
        return "no deadline"
    if goal.is_over(now):
        return "over"
    if goal.projected_at is None:
        return "not projected yet: the daily run projects it"
    trades = goal.projected_trades
    if trades is not None and trades < FEWEST_TRADES:
        return f"{trades} of {FEWEST_TRADES} trades"
    return "none"


def failure(goal: FinancialGoal, now: datetime) -> SafeString:
    """When a goal failed, and by which limit; empty where it has not.

    The goal is read by `goals.services.failing.with_failure`.
    """
    if not goal.has_failed(now):
        return SafeString("")
    why = in_page_words(goal.failure or "")  # type: ignore[attr-defined]  # annotated
    return format_html("{}<br> <small>{}</small>", instant(goal.failed_at), why)


def losing_trades(count: Decimal | None) -> SafeString:
    """How many mean losing trades reach a floor; nothing without a losing trade."""
    return NOTHING if count is None else figure(in_text.decimals(count), count)


def r(multiple: Decimal) -> SafeString:
    """A profit in units of what was at risk: "+1.5 R"."""
    return figure(in_text.decimals(multiple), multiple, "R", signed=True)


def in_measure(value: Decimal | None, goal: FinancialGoal) -> SafeString:
    """A value of the goal in its own measure: percent or money."""
    if goal.kind.measures is Measure.RETURN:
        return percent(value)
    return money(value, goal.portfolio.currency)


def words(code: str) -> str:
    """An enumeration's word for people: `on_track` as "on track"."""
    return code.replace("_", " ")


def badge(code: str | None) -> SafeString:
    """A status, band or health in its colour; a dash where there is none."""
    if code is None:
        return NOTHING
    return format_html('<span class="badge badge-{}">{}</span>', code, words(code))


def instant(at: datetime | None) -> SafeString:
    """A time in UTC, labelled so."""
    if at is None:
        return NOTHING
    return format_html(
        '<time datetime="{}" title="{}">{} <small>UTC</small></time>',
        at.isoformat(),
        at.isoformat(),
        f"{at:%Y-%m-%d %H:%M}",
    )


def distance(at: datetime, now: datetime) -> str:
    """How far away a time is: "in 12 days", "3 hours ago"."""
    delta = abs(at - now)
    for unit, name in UNITS_OF_TIME:
        count = delta // unit
        if count:
            plural = "" if count == 1 else "s"
            text = f"{count} {name}{plural}"
            return f"in {text}" if at > now else f"{text} ago"
    return "now"


def deadline(target_date: date | None, period: Period, now: datetime) -> SafeString:
    """When the period ends, relative and by its last date."""
    if target_date is None or period.ends_at is None:
        return format_html('<span class="none">{}</span>', "no deadline")
    return format_html(
        '<span class="deadline">{}<br> <small>{}</small></span>',
        distance(period.ends_at, now),
        f"{target_date:%Y-%m-%d}",
    )


def goal_title(goal: FinancialGoal) -> SafeString:
    """What the goal is: "monthly return 5 %"."""
    return format_html(
        "{} {}", words(goal.goal_type), in_measure(goal.target_value, goal)
    )


def way(goal: FinancialGoal) -> SafeString:
    """From where to where the goal leads."""
    shown = format_html(
        "from {} to {}",
        in_measure(goal.start_value, goal),
        in_measure(goal.target_value, goal),
    )
    if goal.target_in_force == goal.target_value:
        return shown
    in_force = in_measure(goal.target_in_force, goal)
    return format_html("{}; {} in force by its best day", shown, in_force)


def conditions(goal: FinancialGoal) -> list[tuple[str, SafeString]]:
    """How each condition stands in words, and whether it is met or open."""
    return [
        (condition.words, badge("met" if condition.met else "open"))
        for condition in goal.conditions
    ]


def points(value: Decimal | None) -> SafeString:
    """A difference of percentages: signed, in percentage points."""
    return (
        NOTHING
        if value is None
        else figure(in_text.decimals(value), value, "pp", signed=True)
    )


def progress_bar(progress_pct: Decimal, expected_pct: Decimal | None) -> SafeString:
    """A bar from 0 to 100 % with a mark where the goal should be by now.

    What lies below 0 or above 100 % runs over the bar's ends, up to `BAR_MARGIN`.
    Drawn as SVG: a strict content security policy forbids inline styles.
    """
    filled = max(Decimal(0), min(progress_pct, HUNDRED))
    under = _overrun(-progress_pct)
    over = _overrun(progress_pct - HUNDRED)
    label = show_progress(progress_pct)
    if expected_pct is not None:
        label += f", expected {in_text.percent(expected_pct)}"
    parts = [
        _rect("track", BAR_MARGIN, HUNDRED),
        _rect(f"fill fill-{band_for(progress_pct)}", BAR_MARGIN, filled),
        _rect("under", BAR_MARGIN - under, under),
        _rect("over", BAR_MARGIN + HUNDRED, over),
    ]
    if expected_pct is not None:
        parts.append(_rect("expected", BAR_MARGIN + expected_pct - 1, Decimal(1)))
    return format_html(
        '<svg class="progress-bar" viewBox="0 0 {} 10" preserveAspectRatio="none" '
        'role="img" aria-label="{}"><title>{}</title>{}</svg>',
        HUNDRED + 2 * BAR_MARGIN,
        label,
        label,
        format_html_join("", "{}", ((part,) for part in parts)),
    )


def progress(progress_pct: Decimal, expected_pct: Decimal | None) -> SafeString:
    """The bar with its figure next to it."""
    return format_html(
        '<span class="progress">{}{}</span>',
        progress_bar(progress_pct, expected_pct),
        progress_percent(progress_pct),
    )


def _overrun(beyond: Decimal) -> Decimal:
    return min(max(beyond, SLIVER), BAR_MARGIN) if beyond > 0 else Decimal(0)


def _rect(kind: str, x: Decimal, width: Decimal) -> SafeString:
    if not width:
        return SafeString("")
    return format_html(
        '<rect class="{}" x="{}" y="0" width="{}" height="10"/>',
        kind,
        format_plain(round_down(x, SHOWN_SHARE)),
        format_plain(round_down(width, SHOWN_SHARE)),
    )
