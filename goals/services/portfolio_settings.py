"""The settings of a portfolio: which there are, and what each may be."""

import re
from collections.abc import Iterator, Mapping
from datetime import time
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from goals.enums import EdgeGuard
from goals.models import Portfolio, User
from goals.models.portfolios import HIGHEST_LOCK, LARGEST_COUNT, LIMIT_KINDS
from goals.models.users import MAIN_PORTFOLIO
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.in_text import exact, say
from mastertrade.values.messages import did_you_mean
from mastertrade.values.money import HUNDRED, MONEY, PERCENT, RATIO
from mastertrade.values.validation import (
    CURRENCY_PATTERN,
    refuse,
    require_decimal,
    require_not_negative,
    require_positive,
    wrong_by,
)

FROZEN_ONCE_USED = ("currency", "time_zone", "opening_balance", "day_starts_at")
SETTINGS = (
    "name",
    *(name for name in LIMIT_KINDS if name not in FROZEN_ONCE_USED),
    "max_position_pct",
    "edge_guard",
)
# Files beside the time zones on some machines; the database does not know them.
NOT_TIME_ZONES = {"localtime", "posixrules", "Factory"}
# The words of the settings that are one of a few.
WORDS = {name: kind for name, kind in LIMIT_KINDS.items() if kind is not None}
WORDS["edge_guard"] = EdgeGuard
# Percentages above 0, up to 100 or without a bound; those that may be off.
SHARES = (
    "soft_drawdown_pct",
    "hard_drawdown_pct",
    "daily_loss_limit_pct",
    "headroom_share_pct",
)
PERCENTAGES = (*SHARES, "daily_profit_lock_pct", "max_position_pct")
COUNTS = ("max_trades_per_day", "pause_after_losses", "pause_minutes")
MAY_BE_OFF = frozenset({*PERCENTAGES, *COUNTS, "drawdown_locks_at"}) - {
    "soft_drawdown_pct",
    "hard_drawdown_pct",
}


def require_settings(portfolio: Portfolio) -> None:
    """Every setting is a figure that its column holds."""
    refuse(_wrong_figures(portfolio))


def _wrong_figures(portfolio: Portfolio) -> Iterator[InvalidInput]:
    balance = portfolio.opening_balance
    yield from wrong_by(require_not_negative, "opening_balance", balance, MONEY)
    for name in PERCENTAGES:
        percentage = getattr(portfolio, name)
        if percentage is not None or name not in MAY_BE_OFF:
            yield from wrong_by(require_decimal, name, percentage, PERCENT)
    lock = portfolio.drawdown_locks_at
    if lock is not None:
        yield from wrong_by(require_positive, "drawdown_locks_at", lock, RATIO)
    starts_at: object = portfolio.day_starts_at
    if not isinstance(starts_at, time) or starts_at.second or starts_at.microsecond:
        yield InvalidInput(
            "day_starts_at", "must be a time of day in whole minutes, such as 17:00."
        )


def wrong_in_portfolio(portfolio: Portfolio) -> Iterator[InvalidInput]:
    """What a portfolio's settings say that cannot be; asks for its owner's others."""
    yield from _wrong_name(portfolio)
    if not re.fullmatch(CURRENCY_PATTERN, portfolio.currency):
        yield InvalidInput("currency", "must be 2 to 10 capital letters or digits.")
    if portfolio.time_zone not in time_zones():
        yield _no_time_zone(portfolio.time_zone)
    yield from _wrong_limits(portfolio)


def _wrong_limits(portfolio: Portfolio) -> Iterator[InvalidInput]:
    for name in PERCENTAGES:
        percentage = getattr(portfolio, name)
        if percentage is None:
            continue
        if name in SHARES and not 0 < percentage <= HUNDRED:
            yield InvalidInput(name, "must be above 0 and at most 100.")
        elif percentage <= 0:
            yield InvalidInput(name, "must be above 0.")
    if portfolio.soft_drawdown_pct > portfolio.hard_drawdown_pct:
        soft = exact(portfolio.soft_drawdown_pct)
        hard = exact(portfolio.hard_drawdown_pct)
        words = (
            "{} must not be above hard_drawdown_pct, {}: give soft_drawdown_pct too, "
            "at most {}."
        )
        yield InvalidInput("soft_drawdown_pct", say(words, soft, hard, hard))
    lock = portfolio.drawdown_locks_at
    if lock is not None and not 0 < lock <= HIGHEST_LOCK:
        yield InvalidInput(
            "drawdown_locks_at", f"must be above 0 and at most {HIGHEST_LOCK:,}."
        )
    for name in COUNTS:
        count = getattr(portfolio, name)
        if count is not None and not 1 <= count <= LARGEST_COUNT:
            yield InvalidInput(name, f"must be from 1 to {LARGEST_COUNT:,}.")
    if portfolio.pause_minutes is not None and portfolio.pause_after_losses is None:
        yield InvalidInput(
            "pause_minutes", "needs pause_after_losses: how many losses pause entries."
        )
    if portfolio.day_starts_at.tzinfo is not None:
        yield InvalidInput("day_starts_at", "is in time_zone and has no offset.")


def find_wrong_settings(
    user: User | None, portfolio_id: int | None, fields: Mapping[str, Any]
) -> Iterator[InvalidInput]:
    """What creating a portfolio, or changing one, would refuse in `fields`.

    Some may be missing: those of a new portfolio then have their defaults.
    """
    portfolio = Portfolio(user=user, name="name")
    if user is not None and portfolio_id is not None:
        portfolio = Portfolio.objects.get(user_id=user.username, pk=portfolio_id)
        yield from wrong_renaming(portfolio, fields)
    for name in (*FROZEN_ONCE_USED, *SETTINGS):
        if name in fields:
            setattr(portfolio, name, fields[name])
    wrong = list(_wrong_figures(portfolio))
    yield from wrong
    named = {one.field for one in wrong} | ({"name"} - fields.keys())
    yield from (one for one in wrong_in_portfolio(portfolio) if one.field not in named)


def wrong_renaming(
    portfolio: Portfolio, fields: Mapping[str, Any]
) -> Iterator[InvalidInput]:
    is_main = portfolio.name == MAIN_PORTFOLIO
    if is_main and fields.get("name", MAIN_PORTFOLIO) != MAIN_PORTFOLIO:
        yield InvalidInput("name", "The portfolio main cannot be renamed.")


def _wrong_name(portfolio: Portfolio) -> Iterator[InvalidInput]:
    if not portfolio.name.strip():
        yield InvalidInput("name", "must not be empty.")
    elif portfolio.name.isdecimal():
        yield InvalidInput("name", "must not be a number: numbers are keys.")
    others = Portfolio.objects.filter(user_id=portfolio.user_id, name=portfolio.name)
    if others.exclude(pk=portfolio.pk).exists():
        yield InvalidInput("name", f"You already have a portfolio {portfolio.name}.")


def require_time_zone(name: str) -> None:
    """Refuse what is no name of a time zone."""
    if name not in time_zones():
        raise _no_time_zone(name)


def _no_time_zone(name: str) -> InvalidInput:
    hint = did_you_mean(name, time_zones()) or " Write it like Europe/Vienna."
    return InvalidInput("time_zone", f"There is no time zone {name}.{hint}")


@cache
def time_zones() -> frozenset[str]:
    """The names that are accepted; finding them reads hundreds of files, so once."""
    return frozenset(available_timezones() - NOT_TIME_ZONES)
