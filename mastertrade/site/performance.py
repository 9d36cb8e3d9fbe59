"""How a portfolio has done, and whether following the advice paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from goals.decisions.trade_record import FEWEST_TRADES, GrowthRecord
from goals.enums import DrawdownMode, DrawdownOf
from goals.models import Portfolio, User
from mastertrade.site import figures
from mastertrade.site.goal_lines import short_date
from mastertrade.site.performance_chart import draw_interval, draw_return
from mastertrade.site.shell import choose_portfolio, page
from mastertrade.site.wording import kind_notice
from mastertrade.values.money import HUNDRED, ZERO, exactly
from strategies.models import StrategyInstance
from trades.decisions.obedience import (
    FEWEST_DAYS,
    Evidence,
    ObedienceLine,
    Sized,
)
from trades.decisions.returns import DayProfit, MonthSum, deepest, fall_pct, sum_month
from trades.decisions.streaks import tries_for_losses
from trades.enums import TradeStatus
from trades.models import Position
from trades.services.own_performance import (
    OwnPerformance,
    StrategyLine,
    measure_performance,
)

WEEK = 7
SIZED = {
    Sized.AS_ADVISED: ("As advised", "entered within 5 % of the size advised"),
    Sized.LARGER: ("Larger than advised", "a trade against a block, too"),
    Sized.SMALLER: ("Smaller than advised", ""),
    Sized.WITHOUT_ASKING: ("Without asking", "no decision is stored with the trade"),
    Sized.OVERRIDDEN: ("Overridden during a halt", "whatever its size"),
    None: ("All", ""),
}
# What each way of not following is called in a sentence.
IN_SENTENCE = {
    Sized.AS_ADVISED: "sized as advised",
    Sized.LARGER: "sized larger than advised",
    Sized.SMALLER: "sized smaller than advised",
    Sized.WITHOUT_ASKING: "opened without asking",
    Sized.OVERRIDDEN: "opened during a halt",
}
RESULTS = {
    Evidence.MADE_MONEY: ("up", "good", "made money"),
    Evidence.COST_MONEY: ("down", "down", "cost money"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table with an interval; `whisk` is None where none is known."""

    name: str
    sub: str
    trades: int
    won: str
    profit: SafeString
    mean: str
    interval: str
    whisk: SafeString | None
    tone: str
    icon: str
    says: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A day of the calendar; `day` None: of another month."""

    day: date | None
    found: DayProfit | None = None
    ahead: bool = False
    now: bool = False

    @property
    def tone(self) -> str:
        if self.day is None:
            return "void"
        tone = "ahead" if self.ahead else ""
        if self.found is not None and self.found.profit:
            tone = "win" if self.found.profit > 0 else "loss"
        return f"{tone} now" if self.now else tone


@dataclass(frozen=True, slots=True)
class Month:
    first: date
    weeks: list[list[Cell]]
    sums: MonthSum
    before: date | None
    after: date | None


@require_safe
@page
def performance(request: HttpRequest) -> HttpResponse:
    """GET, `?portfolio=ID`, `?month=2026-11` of the calendar."""
    portfolio, portfolios = choose_portfolio(request)
    if portfolio is None:
        return redirect("/welcome/")
    portfolio.user = cast(User, request.user)
    now = timezone.now()
    found = measure_performance(portfolio, now)
    context = {
        "portfolio": portfolio,
        "portfolios": portfolios,
        "notice": kind_notice(portfolio),
        "found": found,
    }
    if found is not None:
        month = _month_asked(request.GET.get("month", ""), portfolio, found, now)
        context |= _show(portfolio, found, month, now)
    return render(request, "site/performance.html", context)


def _show(
    portfolio: Portfolio, found: OwnPerformance, month: Month, now: datetime
) -> dict[str, object]:
    currency = portfolio.currency
    limits = _limits(portfolio)
    deposits = [
        (day, _flow_words(amount, currency)) for day, amount in found.flows if amount
    ]
    worst = deepest(found.values)
    held = Position.objects.filter(portfolio=portfolio, status=TradeStatus.OPEN)
    return {
        "drawings": draw_return(found.values, deposits, limits)
        if len(found.values) > 1
        else [],
        "fall": fall_pct(found.values[-1]),
        "worst": worst if worst is not None and fall_pct(worst) else None,
        "worst_pct": None if worst is None else fall_pct(worst),
        "limits": limits,
        "began": short_date(found.began),
        "run_began": short_date(found.run_began),
        "obedience": _obedience_rows(found.obedience, currency),
        "verdict": _verdict(found.obedience, currency),
        "strategies": _strategy_rows(found.strategies, currency),
        "tries": tries_for_losses(found.streaks, max(-found.streaks.now, 0)),
        "won_pct": _share(found.streaks.wins, found.streaks.trades),
        "now_row": abs(found.streaks.now),
        "month": month,
        "fewest": FEWEST_TRADES,
        "fewest_days": FEWEST_DAYS,
        "open_trades": held.count(),
    }


def _limits(portfolio: Portfolio) -> list[tuple[str, Decimal]]:
    """The limits that stand at a fixed fall below the peak of closed values.

    None after a resume, which sets a lower reference, until there is a new peak.
    """
    if (
        portfolio.floor_peak_value != portfolio.peak_unit_value
        or portfolio.drawdown_of != DrawdownOf.PEAK
        or portfolio.drawdown_mode != DrawdownMode.TRAILING_CLOSED
        or portfolio.drawdown_locks_at is not None
    ):
        return []
    return [
        ("soft", portfolio.soft_drawdown_pct),
        ("hard", portfolio.hard_drawdown_pct),
    ]


def _flow_words(amount: Decimal, currency: str) -> str:
    shown = figures.plain(figures.money(abs(amount), currency))
    return f"{'deposit' if amount > 0 else 'withdrawal'} {shown} {currency}"


def _share(part: int, whole: int) -> Decimal | None:
    return Decimal(part * 100) / whole if whole else None


def _widest(ends: Sequence[Decimal | None]) -> Decimal:
    return max((abs(one) for one in ends if one is not None), default=ZERO)


def show_interval(low: Decimal, high: Decimal) -> str:
    return (
        f"{figures.fine_percent(low, signed=True)} to "
        f"{figures.fine_percent(high, signed=True)}"
    )


def _obedience_rows(lines: Sequence[ObedienceLine], currency: str) -> list[Row]:
    widest = _widest([end for one in lines for end in (one.low_pct, one.high_pct)])
    return [_obedience_row(one, currency, widest) for one in lines]


def _obedience_row(line: ObedienceLine, currency: str, widest: Decimal) -> Row:
    name, sub = SIZED[line.sized]
    mean, low, high = line.mean_pct, line.low_pct, line.high_pct
    interval, whisk = "", None
    if mean is not None and low is not None and high is not None:
        interval = show_interval(low, high)
        whisk = draw_interval(mean, low, high, widest)
    elif line.trades:
        interval = "too few trades" if line.lacks_trades else "too few days"
    tone, icon, says = RESULTS.get(line.evidence, ("", "", "no evidence yet"))
    return Row(
        name=name,
        sub=sub,
        trades=line.trades,
        won="",
        profit=figures.gain(line.profit, currency),
        mean="" if mean is None else figures.fine_percent(mean, signed=True),
        interval=interval,
        whisk=whisk,
        tone=tone,
        icon=icon,
        says=says if line.trades else "none yet",
    )


def _verdict(lines: Sequence[ObedienceLine], currency: str) -> SafeString:
    """What is evidence, in a sentence; that nothing is, otherwise."""
    said = SafeString("")
    for line in lines:
        if line.sized is None or line.evidence is Evidence.NONE:
            continue
        verb = "made" if line.evidence is Evidence.MADE_MONEY else "cost"
        side = "above" if line.evidence is Evidence.MADE_MONEY else "below"
        if (line.profit > 0) is not (line.evidence is Evidence.MADE_MONEY):
            continue  # small trades won and large ones lost: the table has both
        said += format_html(
            "Trades {} {} {} over {} trades, and the interval stays {} zero. ",
            IN_SENTENCE[line.sized],
            verb,
            figures.amount(abs(line.profit), currency),
            line.trades,
            side,
        )
    if not said:
        return SafeString(
            "There is no evidence yet that following the advice paid, nor that it "
            "did not."
        )
    return said + SafeString("For the others there is no evidence yet.")


def _strategy_rows(lines: Sequence[StrategyLine], currency: str) -> list[Row]:
    judged = [one.record for one in lines if one.record.judged]
    widest = _widest([end for one in judged for end in (one.lower, one.upper)])
    return [_strategy_row(one, currency, widest * HUNDRED) for one in lines]


@exactly
def _strategy_row(line: StrategyLine, currency: str, widest: Decimal) -> Row:
    record = line.record
    interval, whisk = "", None
    if record.judged:
        low, high = record.lower * HUNDRED, record.upper * HUNDRED
        interval = show_interval(low, high)
        sure = record.allows_more or record.disproved
        whisk = draw_interval(record.mean * HUNDRED, low, high, widest, sure=sure)
    won = _share(line.wins, line.trades)
    tone, icon, says = record_words(record)
    return Row(
        name=line.strategy.strategy_name or line.strategy.strategy_id,
        sub=about_strategy(line.strategy),
        trades=line.trades,
        won="" if won is None else figures.number(round(won)) + figures.PERCENT_SIGN,
        profit=figures.gain(line.profit, currency),
        mean=figures.fine_percent(record.mean * HUNDRED, signed=True)
        if record.trades
        else "",
        interval=interval,
        whisk=whisk,
        tone=tone,
        icon=icon,
        says=says,
    )


def about_strategy(strategy: StrategyInstance) -> str:
    """Its short name where it has another, its type and its risk profile."""
    short = strategy.strategy_id
    parts = (
        "" if short == strategy.strategy_name else short,
        strategy.strategy_type.replace("_", " "),
        strategy.risk_profile,
    )
    return ", ".join(filter(None, parts))


def record_words(record: GrowthRecord) -> tuple[str, str, str]:
    if not record.judged:
        return "", "", f"no evidence yet: {record.trades} of {FEWEST_TRADES} trades"
    if record.disproved:
        return "down", "down", "speaks against it, ranks last"
    if record.allows_more:
        return "up", "good", "speaks for it"
    if record.lower > 0 and record.lacks_losses:
        return "", "", "no loss seen yet"
    if record.lower > 0 and record.is_skewed:
        return "", "", "one more loss like the worst undoes it"
    return "", "", "no evidence yet"


def _month_asked(
    asked: str, portfolio: Portfolio, found: OwnPerformance, now: datetime
) -> Month:
    """The month asked for, held between the first one with an entry and this one."""
    today = portfolio.trading_day(now)
    earliest, newest = found.days[0].day.replace(day=1), today.replace(day=1)
    latest = max(newest, found.days[-1].day.replace(day=1))
    try:
        first = date.fromisoformat(f"{asked}-01")
    except ValueError:
        first = found.days[-1].day.replace(day=1)
    first = min(max(first, earliest), latest)
    after = (first + timedelta(days=32)).replace(day=1)
    days = {one.day: one for one in found.days if first <= one.day < after}
    cells = [Cell(None)] * first.weekday()
    for place in range((after - first).days):
        day = first + timedelta(days=place)
        cells.append(Cell(day, days.get(day), day > today, day == today))
    cells += [Cell(None)] * (-len(cells) % WEEK)
    before = (first - timedelta(days=1)).replace(day=1)
    return Month(
        first=first,
        weeks=[cells[at : at + WEEK] for at in range(0, len(cells), WEEK)],
        sums=sum_month(list(days.values())),
        before=before if before >= earliest else None,
        after=after if after <= latest else None,
    )
