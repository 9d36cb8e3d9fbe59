"""A replay as people ask for it: the question, and the prices between two days."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from goals.decisions.policies import PolicyName
from goals.enums import GoalType
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.validation import EARLIEST_YEAR
from trades.replay.bars import BarsError, PriceSeries
from trades.replay.options import Costs, ReplaySettings
from trades.replay.parsing import ReadingOptions
from trades.replay.reading import MINIMUM_BARS, load_prices
from trades.services.replay import ReplayQuestion

DAY = timedelta(days=1)
READING = ("allow_gaps", "skip_null_rows", "tolerate_closes", "decimal_comma")
# Limits of both runs' portfolios that a request may set.
LIMITS: dict[str, Callable[[Any], Any]] = {
    "soft_drawdown_pct": Decimal,
    "hard_drawdown_pct": Decimal,
    "daily_loss_limit_pct": Decimal,
    "max_trades_per_day": int,
}


def question_of(asked: Mapping[str, Any]) -> ReplayQuestion:
    """The question that a request's fields ask, decimals as texts; checked.

    Raises `InvalidInput`.
    """
    settings: dict[str, Any] = {
        name: read(asked[name])
        for name, read in (("base_size_pct", Decimal), ("resume_after_days", int))
        if name in asked
    }
    costs = {
        name: Decimal(asked[name])
        for name in ("fee_bps", "slippage_bps")
        if name in asked
    }
    try:
        more: dict[str, Any] = {
            "policy": PolicyName(asked.get("policy", PolicyName.LADDER)),
            "costs": Costs(**costs),
            "settings": ReplaySettings(**settings),
        }
    except ValueError as wrong:
        name, _, words = str(wrong).partition(" ")
        raise InvalidInput(name, f"{words}.") from wrong
    if "opening_balance" in asked:
        more["opening_balance"] = Decimal(asked["opening_balance"])
    limits = tuple(
        (name, read(asked[name])) for name, read in LIMITS.items() if name in asked
    )
    if "preset" in asked:
        question = ReplayQuestion.of_preset(
            asked["preset"], asked.get("phase", 1), limits, **more
        )
    else:
        question = ReplayQuestion(
            goal_type=GoalType(asked["goal_type"]),
            target_value=Decimal(asked["target_value"]),
            portfolio_settings=tuple(sorted(limits)),
            **more,
        )
    question.validate()
    return question


def prices_of(
    asked: Mapping[str, Any], file: Path | None, now: datetime
) -> PriceSeries:
    """The prices that a request names or brings along. Raises `BarsError`."""
    options = ReadingOptions(
        adjust=not asked.get("raw_prices", False),
        time_zone=asked.get("time_zone"),
        **{name: asked[name] for name in READING if name in asked},
    )
    days = (asked.get("start_date"), asked.get("end_date"))
    first, last = (None if day is None else date.fromisoformat(day) for day in days)
    source = asked["prices"] if file is None else file
    return load_between(source, options, first, last, now)


def count_built_in(name: str, first: date | None, last: date | None) -> int:
    """How many bars of a built-in series are between two days. Raises `BarsError`."""
    days = _built_in_days(name)
    begin = 0 if first is None else bisect_left(days, first)
    end = len(days) if last is None else bisect_right(days, last)
    return max(0, end - begin)


@cache
def _built_in_days(name: str) -> tuple[date, ...]:
    """A process reads each series once for these: that takes half a second."""
    return tuple(bar.opened_at.date() for bar in load_prices(name).bars)


def load_between(
    name_or_path: str | Path,
    options: ReadingOptions,
    first: date | None,
    last: date | None,
    now: datetime,
) -> PriceSeries:
    """The series, cut to the dates asked for. Raises `BarsError`."""
    series = load_prices(name_or_path, options)
    _refuse_times(series, now)
    bars = tuple(
        bar
        for bar in series.bars
        if (first is None or first <= bar.opened_at.date())
        and (last is None or bar.opened_at.date() <= last)
    )
    if len(bars) < MINIMUM_BARS:
        raise BarsError(
            series.symbol,
            f"{len(bars)} bars between these dates; {MINIMUM_BARS} are needed",
        )
    return replace(series, bars=bars)


def _refuse_times(series: PriceSeries, now: datetime) -> None:
    """Bars of a time that no goal and no ledger takes."""
    first, last = series.bars[0].opened_at, series.bars[-1].at
    if first.year < EARLIEST_YEAR:
        raise BarsError(series.symbol, f"bars before {EARLIEST_YEAR}: {first:%Y-%m-%d}")
    if last > now + DAY:
        raise BarsError(series.symbol, f"bars of the future: {last:%Y-%m-%d}")
