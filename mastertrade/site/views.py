"""The home page: a user's own portfolios, goals, positions and last decisions.

What is live, and next to it the demo portfolio, which is mixed with nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib.postgres.expressions import ArraySubquery
from django.core.paginator import Page, Paginator
from django.db.models import (
    Exists,
    F,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
)
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from goals.admin import figures
from goals.admin.forms import in_page_words
from goals.admin.halts import past_halt_words, trading_badge, waiting_words
from goals.decisions.limits import FloorFigures
from goals.enums import GoalStatus, Health, PortfolioKind, TradingState
from goals.models import (
    FinancialGoal,
    GoalAdjustmentLog,
    Portfolio,
    TradingHalt,
    User,
)
from goals.models.halts import is_in_force
from goals.services.failing import with_failure
from goals.services.floors import floors_of_each
from goals.services.funding import find_lack_of_money
from goals.services.goal_state import is_open
from goals.services.risk_state import read_figures
from mastertrade.db.queue import find_last_seen, is_missing
from mastertrade.site.shell import page
from mastertrade.values.exceptions import DomainError
from mastertrade.values.money import HUNDRED, exactly, format_plain
from trades.enums import TradeStatus
from trades.models import Position, ReplayRun, Trade
from trades.replay.wording import (
    WHAT_THE_BASELINE_IS,
    WHY_ONE_RUN_SAYS_LITTLE,
    goal_words,
    halt_sentences,
    outcome_words,
    percent,
    years_of,
)
from trades.services.replay import read_report
from trades.sizing_calls.forecasts import is_projectable

MOST_PORTFOLIOS = 12
TRADING_HALTED = TradingState.HALTED
MOST_GOALS = 12
# Of running goals those that are shown: the others say no more than band and health.
SHOWN_STATUSES = (GoalStatus.PAUSED, GoalStatus.FAILED)
MOST_DECISIONS = 5
MOST_REPLAYS = 8
MOST_POSITIONS = 12
MOST_TRADES = 8
MOST_PAST_HALTS = 3
FLOOR_NAMES = {"hard_drawdown": "Hard floor", "daily_loss": "Daily floor"}
Which = Mapping[str, Any]
# Which portfolios belong to a desk.
LIVE: Which = {"kind": PortfolioKind.LIVE}
DEMO: Which = {"kind": PortfolioKind.DEMO, "finished_at": None}


@dataclass(frozen=True, slots=True)
class PortfolioCard:
    portfolio: Portfolio
    equity: SafeString
    unrealized: SafeString
    realized: SafeString
    drawdown: SafeString
    floor_name: str
    floor: SafeString
    headroom: SafeString | None
    headroom_pct: SafeString
    is_locked: bool
    trading: SafeString
    halts: tuple[TradingHalt, ...]
    halt_words: tuple[str, ...]
    waiting: str
    lack: DomainError | None
    next_phase: str | None
    phase_before: str | None


@dataclass(frozen=True, slots=True)
class GoalCard:
    goal: FinancialGoal
    title: SafeString
    bar: SafeString
    progress: SafeString
    value: SafeString
    way: SafeString
    badges: tuple[SafeString, ...]
    pace_gap: SafeString
    required_per_day: SafeString
    probability: SafeString
    probability_band: SafeString
    unreachable: bool
    lacks_money: bool
    not_projected: bool
    policy: str
    deadline: SafeString
    conditions: list[tuple[str, SafeString]]
    failure: SafeString


@dataclass(frozen=True, slots=True)
class ReplayFigures:
    growth: str
    fall: str
    reached: str
    trades: int


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """A replay: the policy's figures, then those at factor 1.0."""

    run: ReplayRun
    goal: str
    years: str
    policy: str
    runs: tuple[ReplayFigures, ...]
    verdict: str
    halts: list[str]


@dataclass(frozen=True, slots=True)
class DecisionRow:
    decision: GoalAdjustmentLog
    time: SafeString
    factor: str
    size: SafeString
    verdict: SafeString


@dataclass(frozen=True, slots=True)
class PositionRow:
    position: Position
    entry: SafeString
    mark: SafeString
    marked: SafeString
    unrealized: SafeString


@dataclass(frozen=True, slots=True)
class TradeRow:
    trade: Trade
    closed: SafeString
    factor: str
    entry: SafeString
    exit: SafeString
    profit: SafeString


@dataclass(frozen=True, slots=True)
class Overview:
    """Portfolios that belong together: the live ones, or the demo's."""

    key: str
    notice: str
    portfolios: list[PortfolioCard]
    page: Page[Portfolio]
    further: int
    past_halts: list[str]
    goals: list[GoalCard]
    positions: list[PositionRow]
    trades: list[TradeRow]
    decisions: list[DecisionRow]


@require_safe
@page
def home(request: HttpRequest) -> HttpResponse:
    """GET /, `?page=2` of own portfolios"""
    user, now = cast(User, request.user), timezone.now()
    live, demo = (
        _overview_of(user, now, "live", LIVE, request.GET.get("page")),
        _overview_of(user, now, "demo", DEMO),
    )
    desks = [live, demo] if live and live.goals else [demo, live]
    worker_seen_at = find_last_seen()
    context = {
        "no_worker": is_missing(worker_seen_at, now),
        "worker_seen_at": worker_seen_at,
        "now": now,
        "desks": [overview for overview in desks if overview is not None],
        "what_the_baseline_is": WHAT_THE_BASELINE_IS,
        "why_one_run_says_little": WHY_ONE_RUN_SAYS_LITTLE,
        "replays": [_show_replay(run) for run in _replays_of(user)],
    }
    return render(request, "site/home.html", context)


def _overview_of(
    user: User, now: datetime, key: str, which: Which, page: str | None = None
) -> Overview | None:
    """None where the user has no such portfolio."""
    paged = Paginator(_portfolios_of(user, now, which), MOST_PORTFOLIOS).get_page(page)
    found = list(paged)
    if not found:
        return None
    of_them = {f"portfolio__{name}": value for name, value in which.items()}
    of_them["portfolio__user_id"] = user.username
    demo = None if found[0].is_live else found[0]
    floors = floors_of_each([read_figures(one, now) for one in found], now)
    portfolios = [_show_portfolio(one, floors[one.pk]) for one in found]
    halted = {card.portfolio.pk: card.halts for card in portfolios}
    return Overview(
        key=key,
        notice=figures.kind_notice(demo),
        portfolios=portfolios,
        page=paged,
        further=max(paged.paginator.count - paged.end_index(), 0),
        past_halts=[past_halt_words(halt) for halt in _past_halts_of(demo, now)],
        goals=[_show_goal(goal, now, halted) for goal in _goals_of(of_them, now)],
        positions=[_show_position(one) for one in _positions_of(of_them)],
        trades=[_show_trade(one) for one in _last_trades_of(found)],
        decisions=[_show_decision(one) for one in _decisions_of(of_them)],
    )


def _portfolios_of(user: User, now: datetime, which: Which) -> QuerySet[Portfolio]:
    """The halted ones first, then those that wait for a second mark.

    With what halts them, and the keys of their last trades.

    Replays have a table of their own.
    """
    in_force = TradingHalt.objects.in_force(now)
    halts = Prefetch("halts", in_force.order_by("halt_id"), to_attr="halts_in_force")
    mine = Portfolio.objects.filter(user_id=user.username, **which)
    is_halted = Exists(in_force.filter(portfolio=OuterRef("pk")))
    closed = Trade.objects.filter(portfolio=OuterRef("pk"), status=TradeStatus.CLOSED)
    # Of each portfolio, where an index finds them however many there are.
    last = closed.order_by("-exit_time", "-ledger_key").values("pk")[:MOST_TRADES]
    with_last = mine.annotate(
        last_trades=ArraySubquery(last),
        next_phase=F("successor__name"),
        phase_before=F("predecessors__name"),
    )
    return with_last.prefetch_related(halts).order_by(
        is_halted.desc(), F("suspected_at").desc(nulls_last=True), "portfolio_id"
    )


def _past_halts_of(demo: Portfolio | None, now: datetime) -> list[TradingHalt]:
    if demo is None:
        return []
    over = demo.halts.exclude(is_in_force(now)).order_by("-halt_id")
    return list(over[:MOST_PAST_HALTS])


def _goals_of(of_them: Which, now: datetime) -> list[FinancialGoal]:
    running = FinancialGoal.objects.filter(is_open(now), **of_them)
    running = running.annotate(not_projected=is_projectable(now) & Q(projected_at=None))
    nearest_first = (
        with_failure(running)
        .select_related("portfolio")
        .order_by("period_ends_at", "goal_id")
    )
    return list(nearest_first[:MOST_GOALS])


def _positions_of(of_them: Which) -> list[Position]:
    held = Position.objects.filter(status=TradeStatus.OPEN, **of_them)
    newest = held.select_related("portfolio", "trade").order_by("-position_id")
    return list(newest[:MOST_POSITIONS])


def _last_trades_of(found: list[Portfolio]) -> list[Trade]:
    keys = [key for one in found for key in one.last_trades]  # type: ignore[attr-defined]
    newest = Trade.objects.filter(pk__in=keys).select_related("portfolio", "adjustment")
    return list(newest.order_by("-exit_time", "-ledger_key")[:MOST_TRADES])


def _replays_of(user: User) -> list[ReplayRun]:
    mine = ReplayRun.objects.filter(user_id=user.username)
    return list(mine.order_by("-run_id")[:MOST_REPLAYS])


def _decisions_of(of_them: Which) -> list[GoalAdjustmentLog]:
    decisions = GoalAdjustmentLog.objects.filter(**of_them)
    newest = decisions.select_related("portfolio").order_by("-adjustment_id")
    return list(newest[:MOST_DECISIONS])


@exactly
def _show_portfolio(portfolio: Portfolio, floors: FloorFigures) -> PortfolioCard:
    currency, nearest = portfolio.currency, floors.nearest
    headroom = floors.headroom()
    live_equity = portfolio.live_equity
    share = headroom / live_equity * HUNDRED if live_equity > 0 else None
    halts: list[TradingHalt] = portfolio.halts_in_force  # type: ignore[attr-defined]
    return PortfolioCard(
        portfolio=portfolio,
        equity=figures.money(portfolio.live_equity, currency),
        unrealized=figures.gain(portfolio.unrealized_pnl, currency),
        realized=figures.gain(portfolio.realized_pnl, currency),
        drawdown=figures.percent(portfolio.drawdown_pct),
        floor_name=FLOOR_NAMES[nearest.limit],
        floor=figures.money(floors.money(nearest.floor), currency),
        headroom=figures.money(headroom, currency) if headroom else None,
        headroom_pct=figures.percent(share),
        is_locked=portfolio.floor_locked and nearest.limit == "hard_drawdown",
        trading=trading_badge(
            portfolio, TRADING_HALTED if halts else TradingState.ACTIVE
        ),
        halts=tuple(halts),
        halt_words=tuple(in_page_words(halt.words) for halt in halts),
        waiting=waiting_words(portfolio),
        lack=find_lack_of_money(portfolio),
        next_phase=portfolio.next_phase,  # type: ignore[attr-defined]  # annotated
        phase_before=portfolio.phase_before,  # type: ignore[attr-defined]
    )


def _show_position(position: Position) -> PositionRow:
    quote, marked_at = position.trade.quote_currency, position.marked_at
    return PositionRow(
        position=position,
        entry=figures.price(position.entry_price, quote),
        mark=figures.price(position.current_price if marked_at else None, quote),
        marked=figures.instant(marked_at),
        unrealized=figures.gain(position.unrealized_pnl, position.portfolio.currency),
    )


def _show_trade(trade: Trade) -> TradeRow:
    decision = trade.adjustment
    return TradeRow(
        trade=trade,
        closed=figures.instant(trade.exit_time),
        factor=format_plain(decision.adjustment_factor) if decision else "",
        entry=figures.price(trade.entry_price, trade.quote_currency),
        exit=figures.price(trade.exit_price, trade.quote_currency),
        profit=figures.gain(trade.profit_loss, trade.portfolio.currency),
    )


def _show_goal(
    goal: FinancialGoal, now: datetime, halted: dict[int, tuple[TradingHalt, ...]]
) -> GoalCard:
    pace, status, band = goal.pace_at(now), goal.status_at(now), goal.band_at(now)
    # At its target with an open condition, its band alone would say "achieved".
    is_open = bool(goal.find_open_at_target(goal.progress))
    says_status = is_open or status in SHOWN_STATUSES
    halts = halted.get(goal.portfolio_id, ())
    idle = any(halt.lasts_beyond(goal.period_ends_at) for halt in halts)
    return GoalCard(
        goal=goal,
        title=figures.goal_title(goal),
        bar=figures.progress_bar(goal.progress_pct, pace.expected_progress_pct),
        progress=figures.progress_percent(goal.progress_pct),
        value=figures.in_measure(goal.current_value, goal),
        way=figures.way(goal),
        badges=(
            *([figures.badge(band)] if band else []),
            *([figures.badge(pace.health)] if pace.health else []),
            *([figures.badge(status)] if says_status else []),
            *([figures.badge(TRADING_HALTED)] if halts else []),
        ),
        pace_gap=figures.points(pace.pace_gap_pct),
        required_per_day=figures.in_measure(pace.required_per_day, goal),
        probability=figures.chance(goal, now, idle=idle),
        probability_band=SafeString("") if idle else figures.chance_band(goal, now),
        unreachable=pace.health is Health.UNREACHABLE,
        lacks_money=find_lack_of_money(goal.portfolio) is not None,
        not_projected=not idle and goal.not_projected,  # type: ignore[attr-defined]
        policy=figures.words(goal.policy),
        deadline=figures.deadline(goal.target_date, goal.period, now),
        conditions=figures.conditions(goal),
        failure=figures.failure(goal, now),
    )


def _show_replay(run: ReplayRun) -> ReplayRow:
    report = read_report(run)
    return ReplayRow(
        run=run,
        goal=goal_words(report),
        years=years_of(report),
        policy=str(report.policy_run.policy),
        runs=tuple(
            ReplayFigures(
                growth=percent(run.return_pct, signed=True),
                fall=percent(run.max_drawdown_pct),
                reached=f"{run.periods_reached} of {run.periods_ended}",
                trades=run.trades,
            )
            for run in (report.policy_run, report.constant_run)
        ),
        verdict=outcome_words(report),
        halts=halt_sentences(report),
    )


def _show_decision(decision: GoalAdjustmentLog) -> DecisionRow:
    return DecisionRow(
        decision=decision,
        time=figures.instant(decision.as_of),
        factor=format_plain(decision.adjustment_factor),
        size=figures.money(decision.adjusted_size, decision.portfolio.currency),
        verdict=figures.badge(decision.verdict),
    )
