"""What the first page shows of a portfolio, read by a constant number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Prefetch
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.decisions.alerts import NEAR_PCT
from goals.decisions.arbitration import rank
from goals.enums import GoalStatus, Severity
from goals.models import (
    AlertDelivery,
    FinancialGoal,
    GoalAdjustmentLog,
    GoalAlert,
    Portfolio,
    TradingHalt,
    User,
)
from goals.models.halts import WHAT_STOPS
from goals.services.funding import find_lack_of_money
from mastertrade.site.alerts import say_delivery
from mastertrade.site.figures import show, when
from mastertrade.site.gauges import Gauge, draw_gauge
from mastertrade.site.goal_decisions import DecisionLine, lines_of
from mastertrade.site.goal_lines import GoalLine, read_lines, running_goals, title_of
from mastertrade.site.shell import SHOWN_IN_SWITCH
from mastertrade.site.wording import kind_notice, name_alert
from mastertrade.values.exceptions import DomainError
from mastertrade.values.money import HUNDRED, ZERO, exactly
from trades.booking.exits import measure_open_pnl
from trades.enums import TradeStatus
from trades.models import Position
from trades.sizing_calls.limits import OLDEST_LIVE_MARK, LimitsNow, measure_limits

MOST_GOALS = 12
MOST_POSITIONS = 50
MOST_DECISIONS = 5
MOST_ALERTS = 4
MOST_DELIVERIES = 4
# Of a portfolio's goals, those whose decisions are looked through: the newest.
MOST_GOALS_OF_DECISIONS = 60
TONES = {Severity.CRITICAL: "bad", Severity.WARNING: "warn"}


@dataclass(frozen=True, slots=True)
class PositionRow:
    """An open trade at its last mark. Money in the portfolio's currency.

    `profit` is what closing at the mark would book, before the exit's fees; `to_stop`
    what it would lose from there to its stop. None: no mark, or no stop, is known.
    """

    position: Position
    profit: Decimal | None
    to_stop: Decimal | None
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Positions:
    """`stale_since`: of the oldest mark that is too old for the limits."""

    rows: tuple[PositionRow, ...]
    more: bool
    is_stale: bool
    stale_since: datetime | None
    profit: Decimal | None
    to_stop: Decimal | None


@dataclass(frozen=True, slots=True)
class AlertRow:
    alert: GoalAlert
    tone: str
    kind: str
    text: SafeString
    sent: tuple[SafeString, ...]


@dataclass(frozen=True, slots=True)
class State:
    """Where the portfolio is: equity, headroom, and what stops entries."""

    portfolio: Portfolio
    limits: LimitsNow
    gauges: dict[str, Gauge]
    lack: DomainError | None
    notice: str
    next_phase: str | None
    phase_before: str | None

    @property
    def halts(self) -> Sequence[TradingHalt]:
        return self.limits.halts

    @property
    def is_soft(self) -> bool:
        """Whether the soft limit is passed, and the hard one is not."""
        reached = {one.limit for one in self.limits.floors if one.reached}
        return "soft_drawdown" in reached and "hard_drawdown" not in reached


def read_today(
    user: User, portfolio: Portfolio, mine: list[Portfolio], now: datetime
) -> dict[str, Any]:
    """What the page shows of a portfolio; as many statements whatever it holds."""
    state = _read_state(user, portfolio, now)
    is_money = state.lack is None
    running = running_goals(portfolio, now)
    goals = read_lines(user, portfolio, running, now, state.limits, MOST_GOALS)
    return {
        "now": now,
        "portfolio": portfolio,
        "switch": mine,
        "further": max(len(mine) - SHOWN_IN_SWITCH, 0),
        "halts": [say_halt(halt, now) for halt in state.halts],
        "state": state,
        "goals": goals,
        "sizer": _name_sizer(state.limits, running),
        "is_new": not (is_money or goals or portfolio.last_entry_at),
        "more_goals": len(running) - len(goals),
        "not_projected": is_money and any(map(_waits_for_odds, goals)),
        "positions": _read_positions(portfolio, now),
        "decisions": _read_decisions(portfolio),
        "alerts": _read_alerts(portfolio, now),
    }


def _name_sizer(
    limits: LimitsNow, running: Sequence[FinancialGoal]
) -> SafeString | None:
    """The title of the goal that decides the next size."""
    if limits.next_size is None or not limits.next_size.states:
        return None
    decider = min(limits.next_size.states, key=rank).goal_id
    return next((title_of(goal) for goal in running if goal.pk == decider), None)


def _waits_for_odds(line: GoalLine) -> bool:
    odds = line.figures.odds
    runs = line.figures.status is GoalStatus.ACTIVE and line.figures.begins_at is None
    return runs and odds is not None and odds.trades is None


def _read_state(user: User, portfolio: Portfolio, now: datetime) -> State:
    limits = measure_limits(
        user=user,
        portfolio_id=portfolio.pk,
        now=now,
        with_day=False,
        with_next_size=True,
    )
    phases = Portfolio.objects.filter(pk=portfolio.pk).values_list(
        "successor__name", "predecessors__name"
    )
    next_phase, phase_before = phases[0]
    return State(
        portfolio=portfolio,
        limits=limits,
        gauges=_draw_gauges(limits),
        lack=find_lack_of_money(portfolio),
        notice=kind_notice(portfolio),
        next_phase=next_phase,
        phase_before=phase_before,
    )


@exactly
def _draw_gauges(limits: LimitsNow) -> dict[str, Gauge]:
    """By the limit's name, the day's first."""
    floors = {one.limit: one for one in limits.floors}
    ticks = {}
    if (soft := floors.get("soft_drawdown")) is not None:
        ticks["hard_drawdown"] = soft.allowed
    if (daily := floors.get("daily_loss")) is not None:
        ticks["daily_loss"] = daily.allowed * NEAR_PCT / HUNDRED
    return {
        name: draw_gauge(floors[name], floors[name].allowed, ticks.get(name))
        for name in ("daily_loss", "hard_drawdown")
        if name in floors
    }


@exactly
def _read_positions(portfolio: Portfolio, now: datetime) -> Positions:
    held = Position.objects.filter(portfolio=portfolio, status=TradeStatus.OPEN)
    newest = held.select_related("trade").order_by("-position_id")
    found = list(newest[: MOST_POSITIONS + 1])
    rows = tuple(_show_position(one, now) for one in found[:MOST_POSITIONS])
    more = len(found) > MOST_POSITIONS
    profits = [row.profit for row in rows]
    stops = [row.to_stop for row in rows]
    marked = [row.position.marked_at for row in rows if row.is_stale]
    return Positions(
        rows=rows,
        more=more,
        is_stale=any(row.is_stale for row in rows),
        stale_since=min((at for at in marked if at is not None), default=None),
        profit=None if more or None in profits else sum(filter(None, profits), ZERO),
        to_stop=None if more or None in stops else sum(filter(None, stops), ZERO),
    )


@exactly
def _show_position(position: Position, now: datetime) -> PositionRow:
    trade, marked_at = position.trade, position.marked_at
    profit = to_stop = None
    if marked_at is not None:
        profit = measure_open_pnl(trade, position.current_price)
        if trade.stop_price is not None:
            to_stop = measure_open_pnl(trade, trade.stop_price) - profit
    seen_at = marked_at or position.opened_at
    return PositionRow(position, profit, to_stop, now - seen_at > OLDEST_LIVE_MARK)


def _read_decisions(portfolio: Portfolio) -> list[DecisionLine]:
    """The newest, by the index of each goal's."""
    logged = GoalAdjustmentLog.objects.filter(goal=OuterRef("pk"))
    last = logged.order_by("-adjustment_id").values("pk")[:MOST_DECISIONS]
    goals = FinancialGoal.objects.filter(portfolio=portfolio).order_by("-goal_id")
    keys = goals.values_list(ArraySubquery(last), flat=True)[:MOST_GOALS_OF_DECISIONS]
    found = GoalAdjustmentLog.objects.filter(pk__in=[one for of in keys for one in of])
    newest = found.order_by("-adjustment_id")[:MOST_DECISIONS]
    return lines_of(newest)


def _read_alerts(portfolio: Portfolio, now: datetime) -> list[AlertRow]:
    newest = AlertDelivery.objects.select_related("channel").order_by("-delivery_id")
    sent = Prefetch("deliveries", newest[:MOST_DELIVERIES], to_attr="newest")
    mine = GoalAlert.objects.filter(user_id=portfolio.user_id, portfolio=portfolio)
    listed = mine.prefetch_related(sent).order_by("-alert_id")[:MOST_ALERTS]
    return [
        AlertRow(
            alert=one,
            tone=TONES.get(Severity(one.severity), ""),
            kind=name_alert(one.kind),
            text=show(one.shown_text, now),
            sent=tuple(say_delivery(delivery, now) for delivery in one.newest),
        )
        for one in listed
    ]


def say_halt(halt: TradingHalt, now: datetime) -> SafeString:
    """Since when and until when, by what, why, and what goes on."""
    until = SafeString("until a person resumes it")
    if halt.halted_until is not None:
        until = format_html("until {}", when(halt.halted_until, now))
    return format_html(
        "since {}, {}, by {}: {}. {}",
        when(halt.halted_at, now),
        until,
        halt.who,
        show(halt.why, now),
        WHAT_STOPS,
    )
