"""How large, and with which strategy: asked before every trade, answered with reason.

Each call locks the portfolio, looks at one consistent state of it as of one time,
asks the pure decision and writes its row in the log.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from goals.decisions.arbitration import GoalState, rank
from goals.decisions.guards.base import RiskState, SizeRequest
from goals.decisions.sizing import SizingDecision, decide_size
from goals.models import FinancialGoal, GoalAdjustmentLog, Portfolio, User
from goals.services.decision_log import log_decision
from goals.services.funding import refuse_without_money
from goals.services.halts import conditions_for_decision
from goals.services.portfolios import lock_portfolio, lock_portfolio_of_goal
from goals.services.risk_state import FiguresAt, read_figures
from goals.services.sizing import (
    SizingCall,
    find_known_decision,
    goal_state_of,
    load_participants,
    load_sizable_goal,
    read_portfolio_at,
)
from goals.services.trade_forecasts import TradeForecast, with_forecast
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import MONEY, PRICE
from mastertrade.values.validation import (
    fingerprint,
    require_not_future,
    require_not_negative,
    require_positive,
    require_visible,
)
from strategies.decisions.selection import Candidate, Selection, attach_records
from strategies.decisions.selection import select_strategy as choose
from strategies.models import StrategySelectionLog
from strategies.services import load_candidates, log_selection
from trades.decisions.planning import TradePlan, plan_trade
from trades.sizing_calls.catch_up import catching_up
from trades.sizing_calls.inputs import DecisionInputs, load_decision_inputs
from trades.sizing_calls.records import WHOLE_PORTFOLIO, load_records

LARGEST_BASE_SIZE = Decimal(10) ** 15
NEEDS_PRICE = "needs a price: it rounds the quantity."


@dataclass(frozen=True, slots=True)
class StrategyChoice:
    """The chosen strategy for one goal, and the log row of it."""

    selection: Selection
    progress_pct: Decimal
    row: StrategySelectionLog


@dataclass(frozen=True, slots=True)
class NextTrade:
    """A strategy and a size for it, and the log rows of both."""

    plan: TradePlan
    selection: StrategySelectionLog
    decision: GoalAdjustmentLog


@catching_up
@atomic
def size_for_goal(
    *,
    user: User,
    goal_id: int,
    now: datetime,
    as_of: datetime | None = None,
    request_id: str | None = None,
    strategy_id: str | None = None,
    symbol: str | None = None,
    **sizes: Any,
) -> tuple[GoalAdjustmentLog, bool]:
    """Size a trade for one goal; returns the decision, and whether it is new.

    `sizes` as in `SizeRequest`. The same `request_id` with the same question returns
    the first answer.
    """
    request = _check_request(sizes)
    call = _call(now, as_of, request, request_id, strategy_id, symbol, goal_id=goal_id)
    portfolio = lock_portfolio_of_goal(user=user, goal_id=goal_id)
    known = find_known_decision(portfolio, request_id, call.fingerprint)
    if known is not None:
        return known, False
    goals = [load_sizable_goal(portfolio, goal_id, call.as_of)]
    return _decide(user, portfolio, goals, request, call), True


@catching_up
@atomic
def size_for_portfolio(
    *,
    user: User,
    now: datetime,
    portfolio: int | str | None = None,
    as_of: datetime | None = None,
    request_id: str | None = None,
    strategy_id: str | None = None,
    symbol: str | None = None,
    **sizes: Any,
) -> tuple[GoalAdjustmentLog, bool]:
    """Size a trade over all goals of a portfolio that take part at `as_of`."""
    request = _check_request(sizes)
    call = _call(now, as_of, request, request_id, strategy_id, symbol)
    locked = lock_portfolio(user=user, portfolio=portfolio)
    known = find_known_decision(locked, request_id, call.fingerprint)
    if known is not None:
        return known, False
    goals = load_participants(locked, call.as_of)
    return _decide(user, locked, goals, request, call), True


@catching_up
@atomic
def select_strategy(
    *,
    user: User,
    goal_id: int,
    now: datetime,
    as_of: datetime | None = None,
    candidates: Sequence[str] | None = None,
) -> StrategyChoice:
    """Choose among the user's active strategies the one that fits the goal."""
    at = _as_of(as_of, now)
    portfolio = lock_portfolio_of_goal(user=user, goal_id=goal_id)
    goal = load_sizable_goal(portfolio, goal_id, at)
    goal_state = goal_state_of(goal, read_portfolio_at(portfolio, at), at)
    competing = _load_judged(user, portfolio, at, candidates)
    selection = choose(goal_state.band, competing)
    row = log_selection(
        goal_id=goal_id,
        selection=selection,
        progress_pct=goal_state.progress_pct,
        as_of=at,
        now=now,
    )
    return StrategyChoice(selection, goal_state.progress_pct, row)


@catching_up
@atomic
def plan_next_trade(
    *,
    user: User,
    now: datetime,
    portfolio: int | str | None = None,
    as_of: datetime | None = None,
    symbol: str | None = None,
    candidates: Sequence[str] | None = None,
    competing: tuple[Candidate, ...] | None = None,
    **sizes: Any,
) -> NextTrade:
    """Strategy and size in one decision, over all goals of a portfolio.

    Among the user's active strategies, all or the `candidates` named; a replay brings
    its own (`competing`), which nothing the user changes can touch.
    """
    request = _check_request(sizes)
    locked = lock_portfolio(user=user, portfolio=portfolio)
    at = _as_of(as_of, now)
    goals = load_participants(locked, at)
    figures = read_figures(locked, at)
    refuse_without_money(figures)
    competing = competing or load_candidates(locked, candidates)
    names = [one.strategy_id for one in competing]
    evidence = load_decision_inputs(
        user, figures, goals, now, strategy_ids=names, symbol=symbol
    )
    goal_states = _goal_states(goals, figures, evidence.forecast)
    plan = plan_trade(
        request=request,
        goals=goal_states,
        candidates=attach_records(competing, evidence.records),
        exposure=evidence.exposure,
        risk_state=conditions_for_decision(figures, now),
        records=evidence.records,
    )
    chosen = plan.selection.selected.strategy_id
    selection = log_selection(
        goal_id=plan.decider.goal_id,
        selection=plan.selection,
        progress_pct=plan.decider.progress_pct,
        as_of=at,
        now=now,
    )
    call = _call(now, as_of, request, None, chosen, symbol)
    row = _log(
        locked,
        plan.sizing,
        goal_states,
        request,
        call,
        evidence,
        plan.risk_state,
    )
    return NextTrade(plan, selection, row)


def _load_judged(
    user: User, locked: Portfolio, at: datetime, only: Sequence[str] | None
) -> tuple[Candidate, ...]:
    """The strategies that compete, each with its record as of then."""
    competing = load_candidates(locked, only)
    names = [one.strategy_id for one in competing]
    return attach_records(competing, load_records(user, names, at, locked=locked))


def _decide(
    user: User,
    portfolio: Portfolio,
    goals: Sequence[FinancialGoal],
    request: SizeRequest,
    call: SizingCall,
) -> GoalAdjustmentLog:
    figures = read_figures(portfolio, call.as_of)
    refuse_without_money(figures)
    of = WHOLE_PORTFOLIO if call.strategy_id is None else call.strategy_id
    evidence = load_decision_inputs(
        user,
        figures,
        goals,
        call.now,
        strategy_ids=[of],
        strategy_id=call.strategy_id,
        symbol=call.symbol,
    )
    goal_states = _goal_states(goals, figures, evidence.forecast)
    risk_state = replace(
        conditions_for_decision(figures, call.now),
        record=evidence.records[of],
        record_of=call.strategy_id,
    )
    decision = decide_size(request, goal_states, evidence.exposure, risk_state)
    return _log(portfolio, decision, goal_states, request, call, evidence, risk_state)


def _log(
    portfolio: Portfolio,
    decision: SizingDecision,
    goal_states: Sequence[GoalState],
    request: SizeRequest,
    call: SizingCall,
    evidence: DecisionInputs,
    risk_state: RiskState,
) -> GoalAdjustmentLog:
    forecast = evidence.forecast
    return log_decision(
        portfolio=portfolio,
        decision=decision,
        goal_states=goal_states,
        request=request,
        call=call,
        context=asdict(evidence.exposure),
        risk_state=risk_state,
        tables=None if forecast is None else forecast.tables,
    )


def _goal_states(
    goals: Sequence[FinancialGoal], figures: FiguresAt, forecast: TradeForecast | None
) -> tuple[GoalState, ...]:
    portfolio_figures, at = figures.portfolio_figures, figures.at
    plain = {goal: goal_state_of(goal, portfolio_figures, at) for goal in goals}
    if forecast is None:
        return tuple(plain.values())
    # The deciding goal first: what is worked out in one call is bounded.
    ahead = {
        goal: with_forecast(plain[goal], goal, portfolio_figures, forecast, at)
        for goal in sorted(goals, key=lambda goal: rank(plain[goal]))
    }
    return tuple(ahead[goal] for goal in goals)


def _as_of(as_of: datetime | None, now: datetime) -> datetime:
    return now if as_of is None else require_not_future("as_of", as_of, now)


def _call(
    now: datetime,
    as_of: datetime | None,
    request: SizeRequest,
    request_id: str | None,
    strategy_id: str | None,
    symbol: str | None,
    goal_id: int | None = None,
) -> SizingCall:
    require_visible("request_id", request_id)
    require_visible("symbol", symbol)
    question = {
        **asdict(request),
        "as_of": as_of,
        "goal_id": goal_id,
        "strategy_id": strategy_id,
        "symbol": symbol,
    }
    return SizingCall(
        as_of=_as_of(as_of, now),
        now=now,
        fingerprint=fingerprint(question),
        request_id=request_id,
        strategy_id=strategy_id,
        symbol=symbol,
    )


def _check_request(sizes: dict[str, Any]) -> SizeRequest:
    request = SizeRequest(**sizes)
    require_positive("base_size", request.base_size, MONEY)
    # Twice the base size must still fit its column.
    if request.base_size > LARGEST_BASE_SIZE:
        raise InvalidInput("base_size", "is out of range.")
    for name in ("price", "lot_step"):
        value = getattr(request, name)
        if value is not None:
            require_positive(name, value, PRICE)
    for name in ("max_size", "min_size"):
        value = getattr(request, name)
        if value is not None:
            require_not_negative(name, value, MONEY)
    if request.lot_step is not None and request.price is None:
        raise InvalidInput("lot_step", NEEDS_PRICE)
    return request
