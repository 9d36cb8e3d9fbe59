"""What the pages call an alert and a strategy, and say of a portfolio."""

from collections import Counter
from collections.abc import Iterable

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.enums import AlertKind, PortfolioKind
from goals.models import Portfolio
from mastertrade.site.figures import day, when, words

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
# What pages call the parts of an import's mapping and its options.
IMPORT_LABELS = {
    "time_zone": "Times in the file are in",
    "quote_currency": "Prices are in",
    "fee_currency": "Fees are in",
    "fee_sign": "A fee that was paid is written",
    "contract_size": "Units for one of the quantity",
    "contract_sizes": "Sizes of contracts, by symbol",
    "fx_rates": "Rates of other currencies",
    "fx_rates_file": "fx_rates_file of the API",
    "fee_rates": "Rates of coins that fees are paid in",
    "equal_fills": "What equals a fill from another source",
    "date_order": "Dates are written",
    "decimal_sign": "Numbers are written",
}
DEMO_NOTICE = (
    "Demo: daily prices of AAPL, FB, GOOG, IBM and MSFT, January 2012 to March 2013, "
    "moved forward by whole weeks to end just before {}. Its rules, goals and limits "
    "were chosen with hindsight: it says nothing about the future, and counts towards "
    "no live portfolio."
)
REPLAY_NOTICE = (
    "Part of a replay: recorded prices run through the decisions of live trading. None "
    "of it counts towards a live portfolio."
)


def name_alert(kind: str) -> str:
    """What an alert is about, in a person's words."""
    return ALERT_NAMES.get(AlertKind(kind), words(kind))


def name_strategies(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names by short names; with the short name where several have one name."""
    names = dict(pairs)
    count = Counter(names.values())
    return {
        short: name if count[name] == 1 else f"{name} ({short})"
        for short, name in names.items()
    }


def kind_notice(portfolio: Portfolio) -> str:
    """What a portfolio that is not live is; empty for a live one."""
    if portfolio.is_live:
        return ""
    if portfolio.shown_kind is PortfolioKind.DEMO:
        return DEMO_NOTICE.format(day(timezone.localtime(portfolio.created_at)))
    return REPLAY_NOTICE


def waiting_words(portfolio: Portfolio) -> str | SafeString:
    """What a floor that one mark shows waits for; empty where nothing waits."""
    if portfolio.suspected_at is None:
        return ""
    return format_html(
        "Entries wait since {}: one mark is at or below a floor. A second one at least "
        "5 seconds later, or 60 seconds without a better one, halts trading. Exits, "
        "stops and imports go on.",
        when(portfolio.suspected_at),
    )
