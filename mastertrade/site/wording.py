"""Sentences of the services as a person reads them on a page.

They name goals by their keys, settings by their columns, times in UTC and calls of the
API; here goals have titles, settings the labels of their fields, times the user's zone.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

from goals.decisions.progress import describe_band
from goals.enums import AlertKind, HaltCause, PortfolioKind, ProgressBand
from goals.models import Portfolio
from goals.models.halts import LIMITS
from mastertrade.site.figures import MINUS, amount, when, words
from mastertrade.site.forms import LABELS, in_page_words
from mastertrade.site.sentences import HALT_WORDS

# The stored word for what halted trading, and the pages' one.
GUARD_THAT_HALTS = (
    LIMITS[HaltCause.HARD_DRAWDOWN],
    HALT_WORDS[HaltCause.HARD_DRAWDOWN],
)
# Where the kind's own words are not the ones of the pages.
ALERT_NAMES = {
    AlertKind.HEALTH_LAGGING: "goal lagging",
    AlertKind.HEALTH_AT_RISK: "goal at risk",
    AlertKind.HEALTH_UNREACHABLE: "goal out of reach",
    AlertKind.DRAWDOWN_SOFT: "soft drawdown reached",
    AlertKind.DRAWDOWN_HARD: "hard floor reached",
    AlertKind.DAILY_LOSS: "daily loss limit reached",
    AlertKind.HALTED: "trading halted",
    AlertKind.RESUMED: "trading goes on",
    AlertKind.DECISION_OVERRIDDEN: "halt overridden",
    AlertKind.IMPORT_REFUSALS: "rows of an import refused",
    AlertKind.JOB_FAILED: "background job failed",
    AlertKind.MARKS_STALE: "old marks",
    AlertKind.DRIFT: "figures differ from the ledger",
}
# "goal 12", and in a list "goal 12 wants 1, 13 wants 1.3".
GOAL = re.compile(r"\b[Gg]oal (\d+)\b|(?<=, )(\d+)(?= wants )")
INSTANT = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z| UTC)")
# The part of a sentence that says what a program calls.
CALL = re.compile(r"(?:^|(?<=[.:;]) ?)[^.:;]*/api/\S*[^.]*(?:\.|$)")
# A goal's word is its health; its band is shown where the ladder explains a factor.
BANDS = {one.replace("_", " "): describe_band(one) for one in ProgressBand}
ANY_BAND = "|".join(BANDS)
IN_BAND = re.compile(rf" is (?:{ANY_BAND}) at ([^ ()]+ %)( \([^()]*\))")
STANCE = re.compile(rf"\bA goal that is ({ANY_BAND}) wants (an? \w+ strategy)")
REACHED = re.compile(r" is achieved \(progress ([^ ()]+ %)\)")
# An amount of equity or of a floor that names no currency.
BARE_MONEY = re.compile(
    r"\b(equity|floor of) (-?\d++(?:\.\d++)?+)(?! [A-Z0-9]{2,10}\b| ?%)"
)
NEGATIVE = re.compile(r"(?<![\w.\-])-(?=\d)")
BOUND = re.compile(r"80 % lower bound (\S+ %) per trade")
SKEWNESS = re.compile(r"\bskewness (-?[\d.]+)(?=: one more loss)")
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
QUOTED = "\N{LEFT DOUBLE QUOTATION MARK}%s\N{RIGHT DOUBLE QUOTATION MARK}"


def in_words(
    text: str,
    now: datetime,
    titles: Mapping[int, SafeString] | None = None,
    labels: Mapping[str, str] = LABELS,
    *,
    currency: str = "",
) -> SafeString:
    """The sentence in HTML; a goal without a title keeps its number.

    `currency`: of amounts that name none.
    """
    named = titles or {}

    def name(found: re.Match[str]) -> str:
        title = named.get(int(found[1] or found[2]))
        return found[0] if title is None else QUOTED % title

    def show_time(found: re.Match[str]) -> str:
        stamp = found[0].removesuffix("Z").removesuffix(" UTC")
        return when(datetime.fromisoformat(f"{stamp}+00:00"), now)

    def show_money(found: re.Match[str]) -> str:
        return f"{found[1]} {amount(Decimal(found[2]), currency)}"

    shown = str(conditional_escape(without_calls(text)))
    if currency:
        shown = BARE_MONEY.sub(show_money, shown)
    timed = INSTANT.sub(show_time, in_one_vocabulary(shown))
    # Escaped above; what is put in is safe itself.
    return SafeString(GOAL.sub(name, in_page_words(timed, labels)))  # nosec B703


def in_one_vocabulary(text: str) -> str:
    """How far a goal is, without its band's word next to that of its health."""
    shows_range = "the ladder policy gives" in text

    def say_way(found: re.Match[str]) -> str:
        return f" is at {found[1]} of the way{found[2] if shows_range else ''}"

    def say_stance(found: re.Match[str]) -> str:
        return f"{BANDS[found[1]].capitalize()} of the way {found[2]} is asked for"

    text = STANCE.sub(say_stance, IN_BAND.sub(say_way, text))
    text = SKEWNESS.sub(r"few large losses among small gains (skewness \1)", text)
    text = BOUND.sub(r"with 80 % confidence a trade makes \1 or more on average", text)
    text = text.replace("deadline_optimal policy", "deadline optimal policy")
    text = NEGATIVE.sub(MINUS, text.replace(*GUARD_THAT_HALTS))
    text = REACHED.sub(r" is reached (now \1 of the way)", text)
    return text.replace(", not achieved yet: ", ", not reached yet: ")


def name_alert(kind: str) -> str:
    """What an alert is about, in a person's words."""
    return ALERT_NAMES.get(AlertKind(kind), words(kind))


def kind_notice(portfolio: Portfolio) -> str:
    """What a portfolio that is not live is; empty for a live one."""
    if portfolio.is_live:
        return ""
    if portfolio.shown_kind is PortfolioKind.DEMO:
        return DEMO_NOTICE.format(f"{portfolio.created_at:%Y-%m-%d}")
    return REPLAY_NOTICE


def waiting_words(portfolio: Portfolio) -> str:
    """What a floor that one mark shows waits for; empty where nothing waits."""
    if portfolio.suspected_at is None:
        return ""
    return (
        f"Entries wait since {portfolio.suspected_at:%Y-%m-%d %H:%M:%S} UTC: one mark "
        "is at or below a floor. A second one at least 5 seconds later, or 60 seconds "
        "without a better one, halts trading. Exits, stops and imports go on."
    )


def without_calls(text: str) -> str:
    """Without what a program calls: a person has a button for it."""
    if "/api/" not in text:
        return text
    left = CALL.sub("", text).rstrip(" ;:,")
    return left if not left or left.endswith(".") else f"{left}."
