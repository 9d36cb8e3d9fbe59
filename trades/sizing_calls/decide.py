"""How large, and with which strategy: asked before every trade, answered with reason.

Each call locks the portfolio, reads its inputs as of one time, asks the pure decision
and writes its row in the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from goals.decisions.size_request import (
    LARGEST,
    SizeRequest,
    find_wrong_request,
)
from goals.decisions.sizing import decide_size
from goals.models import GoalAdjustmentLog, User
from goals.services.decision_log import SizingCall, find_known_decision, log_decision
from goals.services.figures_at import read_figures
from goals.services.portfolios import lock_portfolio, lock_portfolio_of_goal
from goals.services.trade_forecasts import read_goal_states
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import MONEY, PERCENT, PRICE
from mastertrade.values.validation import (
    fingerprint,
    refuse,
    require_not_future,
    require_not_negative,
    require_positive,
    require_visible,
    require_word,
)
from strategies.decisions.selection import Candidate, Selection, attach_records
from strategies.decisions.selection import select_strategy as choose
from strategies.models import StrategySelectionLog
from strategies.services import load_candidates, log_selection
from trades.decisions.planning import TradePlan, plan_trade
from trades.enums import Side
from trades.sizing_calls.catch_up import catching_up
from trades.sizing_calls.inputs import (
    load_participants,
    load_plan_inputs,
    load_sizable_goal,
    load_sizing_inputs,
)
from trades.sizing_calls.records import load_records

SIZES = {
    "base_size": (require_positive, MONEY),
    "base_pct": (require_positive, PERCENT),
    "risk_amount": (require_positive, MONEY),
    "risk_pct": (require_positive, PERCENT),
    "price": (require_positive, PRICE),
    "stop_price": (require_positive, PRICE),
    "lot_step": (require_positive, PRICE),
    "max_size": (require_not_negative, MONEY),
    "min_size": (require_not_negative, MONEY),
    "cost_pct": (require_not_negative, PERCENT),
}


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
    *, user: User, goal_id: int, now: datetime, **asked: Any
) -> tuple[GoalAdjustmentLog, bool]:
    """Size a trade for one goal; returns the decision, and whether it is new.

    `asked` as in `_check_call`. The same `request_id` with the same question returns
    the first answer.
    """
    call = _check_call(now, goal_id=goal_id, **asked)
    portfolio = lock_portfolio_of_goal(user=user, goal_id=goal_id)
    known = find_known_decision(portfolio, call)
    if known is not None:
        return known, False
    goals = [load_sizable_goal(portfolio, goal_id, call.as_of)]
    inputs = load_sizing_inputs(user, portfolio, goals, call)
    return log_decision(portfolio, call, inputs, decide_size(inputs)), True


@catching_up
@atomic
def size_for_portfolio(
    *, user: User, now: datetime, portfolio: int | str | None = None, **asked: Any
) -> tuple[GoalAdjustmentLog, bool]:
    """The same over all goals of a portfolio that take part at that time."""
    call = _check_call(now, **asked)
    locked = lock_portfolio(user=user, portfolio=portfolio)
    known = find_known_decision(locked, call)
    if known is not None:
        return known, False
    goals = load_participants(locked, call.as_of)
    inputs = load_sizing_inputs(user, locked, goals, call)
    return log_decision(locked, call, inputs, decide_size(inputs)), True


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
    at = now if as_of is None else require_not_future("as_of", as_of, now)
    portfolio = lock_portfolio_of_goal(user=user, goal_id=goal_id)
    goal = load_sizable_goal(portfolio, goal_id, at)
    (state,) = read_goal_states([goal], read_figures(portfolio, at), None)
    competing = load_candidates(portfolio, candidates)
    names = [one.strategy_id for one in competing]
    records = load_records(user, names, at, locked=portfolio)
    judged = attach_records(competing, records)
    selection = choose(state.band, judged, reached=state.achieved)
    row = log_selection(
        goal_id=goal_id,
        selection=selection,
        progress_pct=state.progress_pct,
        as_of=at,
        now=now,
    )
    return StrategyChoice(selection, state.progress_pct, row)


@catching_up
@atomic
def plan_next_trade(
    *,
    user: User,
    now: datetime,
    portfolio: int | str | None = None,
    candidates: Sequence[str] | None = None,
    competing: tuple[Candidate, ...] | None = None,
    **asked: Any,
) -> NextTrade:
    """Strategy and size in one decision, over all goals of a portfolio.

    Among the user's active strategies, all or the `candidates` named; a replay brings
    its own (`competing`), which nothing the user changes can touch.
    """
    call = _check_call(now, **asked)
    locked = lock_portfolio(user=user, portfolio=portfolio)
    goals = load_participants(locked, call.as_of)
    inputs, judged = load_plan_inputs(
        user, locked, goals, call, only=candidates, competing=competing
    )
    plan = plan_trade(inputs, judged)
    selection = log_selection(
        goal_id=plan.decider.goal_id,
        selection=plan.selection,
        progress_pct=plan.decider.progress_pct,
        as_of=call.as_of,
        now=now,
    )
    call = replace(call, strategy_id=plan.selection.selected.strategy_id)
    row = log_decision(locked, call, plan.inputs, plan.sizing)
    return NextTrade(plan, selection, row)


def _check_call(
    now: datetime,
    *,
    goal_id: int | None = None,
    as_of: datetime | None = None,
    request_id: str | None = None,
    strategy_id: str | None = None,
    symbol: str | None = None,
    **sizes: Any,
) -> SizingCall:
    """The call, all valid; `sizes` as in `SizeRequest`."""
    request = SizeRequest(**sizes)
    for name, (require, column) in SIZES.items():
        if (value := getattr(request, name)) is not None:
            require(name, value, column)
            if name in LARGEST and value > LARGEST[name]:
                raise InvalidInput(name, f"must be {LARGEST[name]:f} or less.")
    if request.side is not None:
        require_word("side", request.side, Side)
    refuse(find_wrong_request(sizes))
    require_visible("request_id", request_id)
    require_visible("symbol", symbol)
    asked = {
        "as_of": as_of,
        "goal_id": goal_id,
        "strategy_id": strategy_id,
        "symbol": symbol,
    }
    return SizingCall(
        request=request,
        as_of=now if as_of is None else require_not_future("as_of", as_of, now),
        now=now,
        fingerprint=fingerprint({**sizes, **asked}),
        request_id=request_id,
        strategy_id=strategy_id,
        symbol=symbol,
    )
