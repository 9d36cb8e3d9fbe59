"""Limits in a trader's words: labels, what each does, what it comes to in money."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

from goals.decisions.limits import Limits
from goals.enums import (
    DailyLossOf,
    DailyOnBreach,
    DrawdownMode,
    DrawdownOf,
    FloorIn,
    OnBreach,
    ValuedBy,
)
from goals.models import Portfolio
from goals.projection.presets import Phase, Preset
from mastertrade.site import figures
from mastertrade.values.money import HUNDRED, exactly
from trades.sizing_calls.limits import FloorNow, LimitsNow

# Of each field of the form: its label, and what it does.
WORDS: dict[str, tuple[str, str]] = {
    "name": ("Name", ""),
    "currency": ("Currency", "2 to 10 capital letters or digits, such as USDT."),
    "time_zone": (
        "Time zone",
        "Its days and months begin there; type to search, such as Vienna.",
    ),
    "opening_balance": ("It begins with", "The money that is in the account now."),
    "successor": (
        "Next phase",
        "Of a challenge: a portfolio made after this one, in which nothing is booked.",
    ),
    "hard_drawdown_pct": (
        "Stop trading at a loss of (%)",
        "The floor: at it entries stop until you resume. Open trades stay yours to "
        "close.",
    ),
    "soft_drawdown_pct": (
        "Trade no larger from a loss of (%)",
        "From there on no trade is larger than its base size. At most the one above.",
    ),
    "on_breach": (
        "At that floor",
        "A firm's challenge is failed there.",
    ),
    "daily_loss_limit_pct": (
        "Stop for the day at a loss of (%)",
        "Open losses count. Empty: no limit.",
    ),
    "daily_on_breach": (
        "At that loss",
        "A firm's challenge may be failed there.",
    ),
    "daily_profit_lock_pct": (
        "Stop for the day at a profit of (%)",
        "Keeps a good day. Empty: no limit.",
    ),
    "max_trades_per_day": ("Trades in a day", "Then entries stop. Empty: no limit."),
    "pause_after_losses": (
        "Pause after losing trades in a row",
        "Empty: no pause.",
    ),
    "pause_minutes": ("Minutes of that pause", "Empty: until the next day."),
    "day_starts_at": ("A day begins at", "In the portfolio's time zone."),
    "headroom_share_pct": (
        "One trade may lose, of what is left (%)",
        "Of what is left to the nearest floor, at its stop. Empty: no limit.",
    ),
    "max_position_pct": (
        "One symbol may hold, of the equity (%)",
        "Without leverage up to 100. Empty: no limit.",
    ),
    "edge_guard": (
        "Without a proven edge",
        "Before 20 closed trades show one.",
    ),
    "drawdown_mode": (
        "What moves the floor up",
        "What counts as a new peak.",
    ),
    "end_of_day_of": (
        "Value at a day's end",
        "Read only where the day's end moves the floor.",
    ),
    "drawdown_of": (
        "The loss is a percentage of",
        "Of what it began with it is always the same amount.",
    ),
    "drawdown_locks_at": (
        "The floor stops rising at",
        "As a multiple of the start: 1 is what it began with. Empty: never.",
    ),
    "floor_in": (
        "Deposits and withdrawals",
        "At a firm they leave the floor.",
    ),
    "daily_loss_of": ("The day's loss is a percentage of", ""),
    "daily_loss_anchor": (
        "A day's loss is measured from",
        "As it was when the day began.",
    ),
    "start_equity": ("It began with", "For an account that began elsewhere."),
    "peak_equity": ("Its highest equity", "What counts as the peak."),
    "floor_equity": (
        "Its floor is at",
        "Where a firm says it is today. Empty: where the limits put it.",
    ),
}
# What a field's words mean, by field and word.
CHOICES: dict[str, dict[str, str]] = {
    "on_breach": {"halt": "Entries stop until I resume", "fail": "Goals fail, too"},
    "daily_on_breach": {
        "halt_day": "Entries stop until the next day",
        "fail": "Goals fail, and I resume",
    },
    "edge_guard": {
        "benefit_of_doubt": "Trades may grow from the first on",
        "strict": "No trade above its base size",
    },
    "drawdown_mode": {
        "trailing_closed": "Each new high after a close",
        "trailing": "Each new high, open profits too",
        "end_of_day": "The value at a day's end",
        "static": "Nothing",
    },
    "end_of_day_of": {"closed": "By closed trades", "live": "Open profits too"},
    "drawdown_of": {"peak": "Its highest value", "start": "What it began with"},
    "floor_in": {"units": "Move the floor", "money": "Leave the floor where it is"},
    "daily_loss_of": {
        "day_start": "What the day began with",
        "start": "What the account began with",
    },
    "daily_loss_anchor": {
        "equity": "The live value",
        "balance": "The closed value",
        "higher": "The higher of both",
    },
}
# The form's parts, in their order; the last are folded away.
BASICS = ("name", "currency", "time_zone", "opening_balance", "successor")
IN_ALL = ("hard_drawdown_pct", "on_breach", "soft_drawdown_pct")
IN_A_DAY = (
    "daily_loss_limit_pct",
    "daily_on_breach",
    "daily_profit_lock_pct",
    "max_trades_per_day",
    "pause_after_losses",
    "pause_minutes",
    "day_starts_at",
)
IN_A_TRADE = ("headroom_share_pct", "max_position_pct", "edge_guard")
OF_THE_FLOOR = (
    "drawdown_mode",
    "end_of_day_of",
    "drawdown_of",
    "drawdown_locks_at",
    "floor_in",
    "daily_loss_of",
    "daily_loss_anchor",
    "start_equity",
    "peak_equity",
    "floor_equity",
)
FLOOR_NAMES = {
    "hard_drawdown": "Trading stops at",
    "soft_drawdown": "No larger trades from",
    "daily_loss": "The day ends at",
}
RISES = {
    DrawdownMode.TRAILING_CLOSED: "The floor rises with each new high after a close.",
    DrawdownMode.TRAILING: "The floor rises with each new high, open profits included.",
    DrawdownMode.STATIC: "The floor never moves.",
}


@dataclass(frozen=True, slots=True)
class InMoney:
    """A limit now: where it is, and what that leaves."""

    name: str
    at: SafeString
    left: SafeString
    reached: bool = False


@exactly
def limits_in_money(portfolio: Portfolio, found: LimitsNow) -> list[InMoney]:
    """What each limit that is set comes to now, the tightest kinds first."""
    currency = portfolio.currency
    lines = [_floor_line(one, currency) for one in reversed(found.floors)]
    return [*lines, *_day_lines(portfolio, found), *_trade_lines(portfolio, found)]


def _floor_line(floor: FloorNow, currency: str) -> InMoney:
    name = FLOOR_NAMES[floor.limit]
    at = figures.amount(floor.floor_equity, currency)
    if floor.reached:
        below = figures.amount(floor.shortfall, currency)
        return InMoney(name, at, format_html("reached, {} below", below), reached=True)
    left = format_html(
        "{} left ({})",
        figures.amount(floor.headroom, currency),
        figures.percent(floor.headroom_pct),
    )
    if floor.losing_trades is not None:
        count = figures.decimals(floor.losing_trades)
        left = format_html("{}, {} average losing trades", left, count)
    return InMoney(name, at, left)


def _day_lines(portfolio: Portfolio, found: LimitsNow) -> Iterator[InMoney]:
    limits, day = found.limits, found.day
    currency = portfolio.currency
    if limits.daily_profit_lock_pct is not None:
        share = portfolio.equity * limits.daily_profit_lock_pct / HUNDRED
        made = figures.gain(day.profit, currency) if day else figures.UNKNOWN
        at = format_html("about {}", figures.amount(share, currency))
        yield InMoney("A day's profit is kept at", at, format_html("{} today", made))
    if limits.max_trades_per_day is not None and day is not None:
        left = max(limits.max_trades_per_day - day.trades, 0)
        yield InMoney(
            "Trades in a day",
            conditional_escape(figures.number(limits.max_trades_per_day)),
            conditional_escape(f"{figures.number(left)} left today"),
        )
    if limits.pause_after_losses is not None and day is not None:
        yield InMoney(
            "Losing trades in a row",
            conditional_escape(figures.number(limits.pause_after_losses)),
            conditional_escape(f"{figures.number(day.losses_in_a_row)} now"),
        )


def _trade_lines(portfolio: Portfolio, found: LimitsNow) -> Iterator[InMoney]:
    currency, share = portfolio.currency, found.limits.headroom_share_pct
    stopping = [one for one in found.floors if one.limit != "soft_drawdown"]
    if share is not None and stopping:
        left = min(one.headroom for one in stopping) * share / HUNDRED
        yield InMoney(
            "One trade may lose",
            figures.amount(left, currency),
            SafeString("less what open trades lose at their stops"),
        )
    if portfolio.max_position_pct is not None:
        most = max(portfolio.live_equity, Decimal(0)) * portfolio.max_position_pct
        held = figures.amount(most / HUNDRED, currency)
        yield InMoney("One symbol may hold", held, SafeString("without leverage"))


def limit_sentences(
    limits: Limits, currency: str, start: Decimal, time_zone: str
) -> Iterator[str | SafeString]:
    """What the limits mean, for an account that begins with `start`."""
    yield _of_drawdown(limits, currency, start)
    if limits.soft_drawdown_pct < limits.hard_drawdown_pct:
        soft = figures.percent(limits.soft_drawdown_pct)
        yield f"From a loss of {soft} on no trade is larger than its base size."
    yield from _of_floor(limits, currency, start)
    yield from _of_day(limits, currency, start)
    if limits.has_day_rules or limits.daily_loss_limit_pct is not None:
        yield f"A day begins at {limits.day_starts_at:%H:%M} in {time_zone}."
    if limits.headroom_share_pct is not None:
        share = figures.percent(limits.headroom_share_pct)
        yield f"One trade may lose {share} of what is left to the nearest floor."


def _of_drawdown(limits: Limits, currency: str, start: Decimal) -> SafeString:
    of_start = limits.drawdown_of is DrawdownOf.START
    share = limits.hard_drawdown_pct
    then = (
        "and goals that run fail"
        if limits.on_breach is OnBreach.FAIL
        else "until you resume it"
    )
    return format_html(
        "Trading stops at a loss of {} of {}, {}at first, {}.",
        figures.percent(share),
        "what it began with" if of_start else "its highest value",
        format_html("{} ", figures.amount(start * share / HUNDRED, currency)),
        then,
    )


def _of_floor(
    limits: Limits, currency: str, start: Decimal
) -> Iterator[str | SafeString]:
    if limits.drawdown_mode is DrawdownMode.END_OF_DAY:
        of_live = limits.end_of_day_of is ValuedBy.LIVE
        value = "open profits included" if of_live else "by closed trades"
        yield f"The floor rises with the value at each day's end, {value}."
    else:
        yield RISES[limits.drawdown_mode]
    lock = limits.drawdown_locks_at
    if lock is not None and limits.drawdown_mode is not DrawdownMode.STATIC:
        yield format_html(
            "It stops rising at {}.", figures.amount(start * lock, currency)
        )
    if limits.floor_in is FloorIn.MONEY:
        yield "Deposits and withdrawals do not move it."


def _of_day(
    limits: Limits, currency: str, start: Decimal
) -> Iterator[str | SafeString]:
    if limits.daily_loss_limit_pct is not None:
        of_start = limits.daily_loss_of is DailyLossOf.START
        fails = limits.daily_on_breach is DailyOnBreach.FAIL
        yield format_html(
            "A day may lose {} of {}, {} at first; then {}.",
            figures.percent(limits.daily_loss_limit_pct),
            "what the account began with" if of_start else "what the day began with",
            figures.amount(start * limits.daily_loss_limit_pct / HUNDRED, currency),
            "goals that run fail" if fails else "entries stop until the next day",
        )
    if limits.daily_profit_lock_pct is not None:
        share = figures.percent(limits.daily_profit_lock_pct)
        yield f"At a day's profit of {share} entries stop until the next day."
    if limits.max_trades_per_day is not None:
        yield f"A day has at most {limits.max_trades_per_day} trades."
    if limits.pause_after_losses is not None:
        minutes = limits.pause_minutes
        how_long = f"for {minutes} minutes" if minutes else "until the next day"
        yield f"After {limits.pause_after_losses} losses in a row it pauses {how_long}."


def phase_sentence(phase: Phase, preset: Preset) -> str:
    """What a phase of the challenge asks for."""
    parts = [f"{phase.name}: reach {figures.percent(phase.target_pct)}"]
    parts.append(
        f"within {preset.days} days" if preset.days else "without a limit of days"
    )
    if phase.min_trading_days:
        parts.append(f"on at least {phase.min_trading_days} trading days")
    if phase.best_day_max_pct is not None:
        share = figures.percent(phase.best_day_max_pct)
        parts.append(f"with at most {share} of the profit made on the best day")
    return f"{', '.join(parts)}."
