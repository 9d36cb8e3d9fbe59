"""Challenges: portfolios with a preset's limits and its goal."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from goals.decisions.periods import local_date
from goals.decisions.policies import PolicyName
from goals.enums import AfterAchieved, GoalType
from goals.models import Portfolio, User
from goals.projection.presets import Phase, Preset, find_preset
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio
from mastertrade.db.transactions import atomic
from mastertrade.values.money import ZERO

# A return goal needs a deadline; a firm without one gets a year.
LONGEST_DAYS = 365


@atomic
def create_challenge(
    *, user: User, name: str, preset: str, now: datetime, phase: int = 1, **fields: Any
) -> Portfolio:
    """A portfolio with the preset's limits, and the goal of one of its phases.

    `fields` are a portfolio's, and go before the preset's. The goal begins today, stops
    trading once it is achieved, and counts only that: its `stop_penalty` is 0.
    """
    chosen = find_preset(preset)
    portfolio = create_portfolio(
        user=user, name=name, now=now, **{**portfolio_settings(chosen), **fields}
    )
    today = local_date(now, portfolio.time_zone)
    create_goal(
        user=user,
        portfolio=portfolio.pk,
        target_date=today + timedelta(days=(chosen.days or LONGEST_DAYS) - 1),
        as_of=now,
        **goal_settings(chosen, chosen.phase(phase)),
    )
    portfolio.refresh_from_db()
    return portfolio


def portfolio_settings(preset: Preset) -> dict[str, Any]:
    """What a portfolio of the preset is made with, by column."""
    money = ("currency", "opening_balance", "time_zone")
    return {**asdict(preset.limits), **{name: getattr(preset, name) for name in money}}


def goal_settings(preset: Preset, phase: Phase) -> dict[str, Any]:
    """What the goal of a phase is made with, but for its period."""
    return {
        "goal_type": GoalType.YEARLY_RETURN,
        "target_value": phase.target_pct,
        "policy": PolicyName.DEADLINE_OPTIMAL,
        "min_factor": preset.min_factor,
        "max_factor": preset.max_factor,
        "stop_penalty": ZERO,
        "after_achieved": AfterAchieved.STOP,
        "min_trading_days": phase.min_trading_days,
        "best_day_max_pct": phase.best_day_max_pct,
    }
