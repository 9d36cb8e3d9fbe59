"""What a body names that its user does not have, or that does not go together.

Asked only for a body that was refused, so that one answer names everything.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from goals.enums import PortfolioKind
from goals.models import FinancialGoal, GoalAdjustmentLog, Portfolio, User
from goals.services.portfolios import find_portfolio
from mastertrade.values.exceptions import InvalidInput
from strategies.models import StrategyInstance
from strategies.services import no_strategy
from trades.booking.add import wrong_in_addition
from trades.booking.close import wrong_in_exit
from trades.decisions.pnl import resolve_rates
from trades.models import Trade


def find_unknown(
    user: User, fields: Mapping[str, Any], goal_id: int | None = None
) -> Iterator[InvalidInput]:
    """The portfolio, strategies and decision that are not the user's."""
    portfolio = None
    try:
        portfolio = _portfolio(user, fields, goal_id)
    except InvalidInput as unknown:
        yield unknown
    mine = StrategyInstance.objects.filter(
        user_id=user.username, kind=PortfolioKind.LIVE
    )
    if portfolio is not None:
        mine = StrategyInstance.objects.tradable_in(portfolio)
    strategy_id = fields.get("strategy_id")
    if strategy_id and not mine.filter(strategy_id=strategy_id).exists():
        yield no_strategy("strategy_id", mine, strategy_id)
    named = set(fields.get("candidates") or ())
    found = mine.filter(strategy_id__in=named).values_list("strategy_id", flat=True)
    unknown_names = sorted(named - set(found))
    if unknown_names:
        yield no_strategy("candidates", mine, *unknown_names)
    decision = fields.get("adjustment_id")
    if portfolio is not None and decision is not None:
        of_portfolio = GoalAdjustmentLog.objects.filter(portfolio=portfolio)
        if not of_portfolio.filter(pk=decision).exists():
            yield no_decision(portfolio, decision)


def find_wrong_rates(user: User, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
    """The rate that the currencies of a trade need, or that nothing uses."""
    try:
        portfolio = find_portfolio(user, fields.get("portfolio"))
    except InvalidInput:
        return  # `find_unknown` names it
    try:
        resolve_rates(
            portfolio_currency=portfolio.currency,
            quote_currency=fields.get("quote_currency") or portfolio.currency,
            fee_currency=fields.get("fee_currency") or portfolio.currency,
            fx_rate=fields.get("fx_rate"),
            fee_fx_rate=fields.get("fee_fx_rate"),
        )
    except InvalidInput as wrong:
        yield wrong


def find_wrong_exit(
    user: User, trade_id: int, fields: Mapping[str, Any]
) -> Iterator[InvalidInput]:
    """What the trade that is to be closed contradicts."""
    for trade in Trade.objects.filter(user_id=user.username, pk=trade_id):
        if trade.is_open:
            quantity, at = fields.get("quantity"), fields.get("exit_time")
            yield from wrong_in_exit(trade, quantity, at)


def find_wrong_addition(
    user: User, trade_id: int, fields: Mapping[str, Any]
) -> Iterator[InvalidInput]:
    """What the trade that is to be added to contradicts."""
    for trade in Trade.objects.filter(user_id=user.username, pk=trade_id):
        yield from wrong_in_addition(trade, fields.get("at"))


def no_decision(portfolio: Portfolio, adjustment_id: int) -> InvalidInput:
    """For a decision that none of the portfolio's has the key of."""
    return InvalidInput(
        "adjustment_id",
        f"Portfolio {portfolio.name} has no decision {adjustment_id}. The answer to "
        "a sizing request has the adjustment_id.",
    )


def _portfolio(
    user: User, fields: Mapping[str, Any], goal_id: int | None
) -> Portfolio | None:
    if goal_id is None:
        return find_portfolio(user, fields.get("portfolio"))
    mine = FinancialGoal.objects.filter(user_id=user.username, pk=goal_id)
    goal = mine.select_related("portfolio").first()
    return None if goal is None else goal.portfolio
