"""What to compare the policies on: a named distribution, or a record of trades."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from goals.decisions.trade_record import FEWEST_TRADES
from goals.models import Portfolio, User
from goals.projection.comparison import StartingRecord
from goals.projection.comparison_cases import BASE_RISK, find_case
from goals.projection.edge import estimate_edge
from goals.projection.outcomes import Outcomes, take_outcomes
from goals.services.portfolios import find_portfolio
from mastertrade.values.exceptions import InvalidInput
from trades.sizing_calls.records import load_growths

DEFAULT_RECORD = 40
# A mean growth nearer to 0 is none: binary fractions are.
NO_EDGE = 1e-12


@dataclass(frozen=True, slots=True)
class World:
    """A distribution with its name, and what the edge guard knows of it."""

    name: str
    meaning: str
    outcomes: Outcomes
    record: StartingRecord
    speaks_for_edge: bool


def world_of_case(
    name: str, risk: float = BASE_RISK, record: int = DEFAULT_RECORD
) -> World:
    """A case by its name; `risk` of equity is 1 R. Raises `InvalidInput`."""
    case = find_case(name)
    return world_of(case.name, case.meaning, case.at_risk(risk), record)


def world_of(name: str, meaning: str, outcomes: Outcomes, record: int) -> World:
    """Each walk has a record of its own, of `record` trades at its start."""
    mean = float(outcomes.values @ outcomes.probabilities)
    given = f"{meaning}; 1 R is {outcomes.base_risk * 100:g} % of equity"
    return World(name, given, outcomes, StartingRecord(record), mean > NO_EDGE)


def world_of_own(user: User, asked: Mapping[str, Any], now: datetime) -> World:
    """The record that a request without a case names. Raises `InvalidInput`."""
    portfolio = find_portfolio(user, asked.get("portfolio"))
    strategy_id = asked.get("strategy_id")
    name = strategy_id or str(portfolio.name)
    return world_of_record(portfolio, strategy_id, now, name)


def world_of_record(
    portfolio: Portfolio, strategy_id: str | None, now: datetime, name: str
) -> World:
    """The closed trades of a portfolio, or a strategy's, shrunk.

    Raises `InvalidInput` for `portfolio` or `strategy_id` where they are too few.
    """
    growths = load_growths(portfolio, now, strategy_id=strategy_id)
    edge = estimate_edge(growths)
    if edge is None:
        raise InvalidInput(
            "portfolio" if strategy_id is None else "strategy_id",
            f"{name} has {growths.size} closed trades, {FEWEST_TRADES} are needed.",
        )
    meaning = (
        f"{growths.size} closed trades, {edge.bounds.mean * 100:+.3f} % of equity "
        f"each, shrunk to {edge.shrunk_mean * 100:+.3f} %"
    )
    outcomes = take_outcomes(list(edge.growths), list(edge.probabilities), 1.0)
    record = StartingRecord(growths.size, growths)
    return World(name, meaning, outcomes, record, edge.allows_more)
