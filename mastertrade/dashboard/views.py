"""The home page: a user's own portfolios, goals and last decisions."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from goals.admin import figures
from goals.enums import GoalStatus, Health, PortfolioKind, TradingState
from goals.models import (
    FinancialGoal,
    GoalAdjustmentLog,
    Portfolio,
    TradingHalt,
    User,
)
from goals.services.conditions import is_in_force
from goals.services.funding import find_lack_of_money
from goals.services.goal_state import is_open
from mastertrade.exceptions import DomainError
from mastertrade.money import format_plain
from trades.models import ReplayRun
from trades.replay.storing import report_from_dict
from trades.replay.wording import (
    WHAT_THE_BASELINE_IS,
    WHY_ONE_RUN_SAYS_LITTLE,
    goal_words,
    halt_sentences,
    outcome_words,
    percent,
    years_of,
)

MOST_PORTFOLIOS = 12
TRADING_HALTED = TradingState.HALTED
MOST_GOALS = 12
MOST_DECISIONS = 5
MOST_REPLAYS = 8


@dataclass(frozen=True, slots=True)
class PortfolioCard:
    portfolio: Portfolio
    equity: SafeString
    unrealized: SafeString
    realized: SafeString
    drawdown: SafeString
    trading: SafeString
    halts: tuple[TradingHalt, ...]
    lack: DomainError | None


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
    policy: str
    deadline: SafeString


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


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """GET /"""
    user, now = cast(User, request.user), timezone.now()
    portfolios = [_show_portfolio(one) for one in _portfolios_of(user, now)]
    halted = {card.portfolio.pk: card.halts for card in portfolios}
    goals = _running_goals_of(user, now)
    context = {
        "now": now,
        "portfolios": portfolios,
        "goals": [_show_goal(goal, now, halted) for goal in goals],
        "what_the_baseline_is": WHAT_THE_BASELINE_IS,
        "why_one_run_says_little": WHY_ONE_RUN_SAYS_LITTLE,
        "replays": [_show_replay(run) for run in _replays_of(user)],
        "decisions": [_show_decision(one) for one in _decisions_of(user)],
    }
    return render(request, "dashboard/home.html", context)


def _portfolios_of(user: User, now: datetime) -> list[Portfolio]:
    """The live ones, the halted ones first, and what halts them.

    Replays have a table of their own.
    """
    in_force = TradingHalt.objects.filter(is_in_force(now))
    halts = Prefetch("halts", in_force.order_by("halt_id"), to_attr="halts_in_force")
    mine = Portfolio.objects.filter(user_id=user.username, kind=PortfolioKind.LIVE)
    is_halted = Exists(in_force.filter(portfolio=OuterRef("pk")))
    ordered = mine.prefetch_related(halts).order_by(is_halted.desc(), "portfolio_id")
    return list(ordered[:MOST_PORTFOLIOS])


def _running_goals_of(user: User, now: datetime) -> list[FinancialGoal]:
    mine = FinancialGoal.objects.filter(
        is_open(now), user_id=user.username, portfolio__kind=PortfolioKind.LIVE
    )
    nearest_first = mine.select_related("portfolio").order_by(
        "period_ends_at", "goal_id"
    )
    return list(nearest_first[:MOST_GOALS])


def _replays_of(user: User) -> list[ReplayRun]:
    mine = ReplayRun.objects.filter(user_id=user.username)
    return list(mine.order_by("-run_id")[:MOST_REPLAYS])


def _decisions_of(user: User) -> list[GoalAdjustmentLog]:
    mine = GoalAdjustmentLog.objects.filter(
        portfolio__user_id=user.username, portfolio__kind=PortfolioKind.LIVE
    )
    newest = mine.select_related("portfolio").order_by("-adjustment_id")
    return list(newest[:MOST_DECISIONS])


def _show_portfolio(portfolio: Portfolio) -> PortfolioCard:
    currency = portfolio.currency
    halts: list[TradingHalt] = portfolio.halts_in_force  # type: ignore[attr-defined]
    return PortfolioCard(
        portfolio=portfolio,
        equity=figures.money(portfolio.live_equity, currency),
        unrealized=figures.gain(portfolio.unrealized_pnl, currency),
        realized=figures.gain(portfolio.realized_pnl, currency),
        drawdown=figures.percent(portfolio.drawdown_pct),
        trading=figures.badge(TradingState.HALTED if halts else TradingState.ACTIVE),
        halts=tuple(halts),
        lack=find_lack_of_money(portfolio, portfolio.reading),
    )


def _show_goal(
    goal: FinancialGoal, now: datetime, halted: dict[int, tuple[TradingHalt, ...]]
) -> GoalCard:
    pace, status = goal.pace_at(now), goal.status_at(now)
    halts = halted.get(goal.portfolio_id, ())
    idle = any(halt.lasts_beyond(goal.period_ends_at) for halt in halts)
    return GoalCard(
        goal=goal,
        title=figures.goal_title(goal),
        bar=figures.progress_bar(goal.progress_pct, pace.expected_progress_pct),
        progress=figures.percent(goal.progress_pct),
        value=figures.in_measure(goal.current_value, goal),
        way=figures.way(goal),
        badges=(
            figures.badge(goal.progress.band),
            figures.badge(pace.health),
            *([figures.badge(status)] if status is GoalStatus.PAUSED else []),
            *([figures.badge(TRADING_HALTED)] if halts else []),
        ),
        pace_gap=figures.points(pace.pace_gap_pct),
        required_per_day=figures.in_measure(pace.required_per_day, goal),
        probability=figures.chance(goal, now, idle=idle),
        probability_band=SafeString() if idle else figures.chance_band(goal, now),
        unreachable=pace.health is Health.UNREACHABLE,
        lacks_money=find_lack_of_money(goal.portfolio, goal.portfolio.reading)
        is not None,
        policy=figures.words(goal.policy),
        deadline=figures.deadline(goal.target_date, goal.period, now),
    )


def _show_replay(run: ReplayRun) -> ReplayRow:
    report = report_from_dict(run.report).instruments[0]
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
