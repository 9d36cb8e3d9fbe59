"""The probability that is stored with each running goal, by the daily job."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db.models import F, Min, Q
from django.db.models.functions import Coalesce

from goals.enums import GoalStatus, PortfolioKind
from goals.models import FinancialGoal, Portfolio, TradingHalt
from goals.projection.forecast import why_unreachable
from goals.projection.goal_projection import Chances, measure_chances
from goals.services.alerting import Occasion, alert_goals, standing
from goals.services.figures_at import FiguresAt, read_figures
from goals.services.goals import PROJECTED_BY
from goals.services.risk_state import find_halt
from goals.services.trade_forecasts import TradeForecast
from mastertrade.db.transactions import atomic
from trades.sizing_calls.forecasts import compose, policy_of
from trades.sizing_calls.records import load_record, load_sample
from trades.sizing_calls.trade_frequency import load_trades_per_day

FIELDS = (
    "probability",
    "probability_low",
    "probability_high",
    "projected_trades",
    "projected_at",
    "projected_figures_at",
    "unreachable",
)
# What of a goal its projection answers; with another one it is another question.
ASKED = (*PROJECTED_BY, "start_value")
# Time passes too: a projection is out of date after a day whatever was booked.
PROJECTED_FOR = timedelta(days=1)
NEVER = datetime.min.replace(tzinfo=UTC)


def find_projectable(as_of: datetime, keys: Sequence[int] | None = None) -> list[int]:
    """The keys of the live portfolios with a projection that is out of date.

    Of those named, or of all; the one that has waited longest comes first.
    """
    goals = FinancialGoal.objects.filter(
        is_projectable(as_of), is_out_of_date(as_of), portfolio__kind=PortfolioKind.LIVE
    )
    if keys is not None:
        goals = goals.filter(portfolio_id__in=keys)
    oldest = Min(Coalesce("projected_at", NEVER))
    found = goals.order_by().values("portfolio_id").annotate(oldest=oldest)
    return [one["portfolio_id"] for one in found.order_by("oldest", "portfolio_id")]


def is_out_of_date(
    as_of: datetime,
    made: str = "projected_at",
    figures: str = "projected_figures_at",
    goal: str = "",
) -> Q:
    """Goals whose projection is missing, a day old, or made before the last change.

    Of their portfolio: a trade, a flow, a mark, a halt, a limit. What a goal itself is
    projected by takes its projection with it. A later one than `as_of` stays. The same
    of rows with a `goal__`, by the columns of when they were `made` and of what.
    """
    changed = ~Q(**{figures: F(f"{goal}portfolio__updated_at")})
    is_old = Q(**{f"{made}__lte": as_of - PROJECTED_FOR})
    return Q(**{made: None}) | is_old | (changed & Q(**{f"{made}__lte": as_of}))


def is_projectable(as_of: datetime, goal: str = "") -> Q:
    """The goals that the daily run projects; the same of rows with a `goal__`."""
    runs = {
        "status__in": (GoalStatus.ACTIVE, GoalStatus.PAUSED),
        "achieved_at": None,
        "ended_at": None,
        "period_starts_at__lte": as_of,
        "period_ends_at__gt": as_of,
    }
    return Q(**{goal + name: value for name, value in runs.items()})


def refresh_projections(*, as_of: datetime, portfolio_id: int | None = None) -> int:
    """Store probability and `unreachable` with every running goal; how many.

    A portfolio's goals share its record.
    """
    keys = find_projectable(as_of) if portfolio_id is None else [portfolio_id]
    return sum(_refresh(key, as_of) for key in keys)


def _refresh(portfolio_id: int, as_of: datetime) -> int:
    """What takes long is done between two transactions, and holds no lock."""
    goals, figures, forecast, halt = _read(portfolio_id, as_of)
    for goal in goals:
        found, goal.unreachable = _judge(goal, figures, forecast, as_of, halt)
        goal.probability = found.probability if found else None
        goal.probability_low = found.low if found else None
        goal.probability_high = found.high if found else None
        goal.projected_trades = forecast.record.trades
        goal.projected_at = as_of
        # What was booked after `as_of` is not in it.
        goal.projected_figures_at = min(forecast.portfolio.updated_at, as_of)
    return _write(portfolio_id, goals, as_of)


@atomic
def _read(
    portfolio_id: int, as_of: datetime
) -> tuple[list[FinancialGoal], FiguresAt, TradeForecast, TradingHalt | None]:
    portfolio = _lock(portfolio_id)
    mine = FinancialGoal.objects.filter(portfolio_id=portfolio_id)
    goals = list(mine.filter(is_projectable(as_of)).order_by("pk"))
    for goal in goals:
        goal.portfolio = portfolio
    sample = load_sample(portfolio, as_of)
    halt = find_halt(portfolio, as_of)
    forecast = TradeForecast(
        portfolio=portfolio,
        record=load_record(portfolio.user, portfolio, as_of),
        trades_per_day=load_trades_per_day(portfolio, as_of, sample.growths.size),
        read_sample=lambda: sample,
        now=as_of,
    )
    return goals, read_figures(portfolio, as_of), forecast, halt


@atomic
def _write(portfolio_id: int, judged: list[FinancialGoal], as_of: datetime) -> int:
    """All but the goals that became others meanwhile; the next run projects those.

    A projection of a later time stays, which another worker has written.
    Alerts of what their health turned by it.
    """
    portfolio = _lock(portfolio_id)
    mine = FinancialGoal.objects.locked().filter(portfolio_id=portfolio_id)
    now = {goal.pk: goal for goal in mine.filter(is_projectable(as_of))}
    same = []
    for goal in judged:
        found = now.get(goal.pk)
        if found is None or (found.projected_at or NEVER) > as_of:
            continue
        if all(getattr(goal, one) == getattr(found, one) for one in ASKED):
            for name in FIELDS:
                setattr(found, name, getattr(goal, name))
            same.append(found)
    FinancialGoal.objects.bulk_update(same, FIELDS)
    alert_goals(portfolio, standing(same), Occasion(as_of, as_of))
    return len(same)


def _lock(portfolio_id: int) -> Portfolio:
    return Portfolio.objects.locked().select_related("user").get(pk=portfolio_id)


def _judge(
    goal: FinancialGoal,
    figures: FiguresAt,
    forecast: TradeForecast,
    as_of: datetime,
    halt: TradingHalt | None,
) -> tuple[Chances | None, bool]:
    """What is stored of a goal: its chances, and whether it is unreachable."""
    found = compose(
        goal,
        figures,
        forecast.sample,
        forecast.edge,
        forecast.trades_per_day,
        halt,
        as_of,
    )
    # Nothing is walked yet: what is known without, as it is answered.
    known, asked = found.probability, found.asked
    chances = None if known is None else Chances(known, known, known)
    if asked is None:
        return chances, found.unreachable is not None
    # Halted: whether it were reachable if trading resumed.
    why = why_unreachable(
        asked.edge,
        trades_left=forecast.measure_left(asked.days_left, as_of),
        goal_return=float(asked.path.goal_return),
        equity=float(asked.path.equity),
        max_factor=float(goal.max_factor),
        stop_loss=asked.stop_loss,
    )
    if chances is None:
        chances = measure_chances(
            asked.edge,
            policy_of(goal, asked, as_of, forecast),
            trades_left=asked.trades_left,
            stop_loss=asked.stop_loss,
            dispersion=asked.dispersion,
        )
    return chances, why is not None
