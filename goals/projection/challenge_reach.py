"""How far the trades of a challenge come, and which of its rules they touch. Pure."""

from dataclasses import replace

import numpy as np

from goals.projection.challenge_rules import TOUCH, ChallengeRules, Question
from goals.projection.grid import DEPTH_DEVIATIONS
from goals.projection.types import Floats


def bounds(question: Question) -> tuple[float, float]:
    """The lowest and the highest x that count."""
    to_x = float if question.of_start else np.log
    rules, largest = question.rules, float(question.factors[-1])
    worst = question.steps(question.factors[:1]).min()
    best = float(question.steps(question.factors[-1:]).max())
    start, goal = float(to_x(question.equity)), float(to_x(question.goal))
    deepest = float(to_x(rules.floor(np.array(question.high_water))))
    spare = max(-float(worst), 0.0) * rules.min_trading_days
    if rules.min_trading_days:
        goal += spare + max(best, 0.0)
    if question.days is None:
        return deepest, goal
    trades = question.trades or question.days * question.trades_per_day
    reach = question.outcomes.reach(largest, trades, DEPTH_DEVIATIONS)
    fall = question.outcomes.fall(largest, trades, DEPTH_DEVIATIONS)
    return max(deepest, start - fall), min(goal, start + reach + spare)


def within_reach(question: Question) -> ChallengeRules:
    """The rules without what is not touched: a floor then stands, which moved.

    A state less is as exact and quicker, or finer in the same time. A fall of more than
    `DEPTH_DEVIATIONS`, or of all losses, is none.
    """
    rules = question.rules
    lowers = rules.headroom_share is not None or rules.soft_drawdown is not None
    if question.days is None or lowers:
        return rules
    trades = question.trades or question.days * question.trades_per_day
    steps = question.steps(question.factors[-1:])[0]
    worst, chances = max(-float(steps.min()), 0.0), question.outcomes.probabilities
    bottom, top = bounds(question)

    def after(levels: Floats, fall: float) -> Floats:
        if question.of_start:
            return levels - fall
        return np.asarray(levels * np.exp(-fall))

    now = question.equity
    if rules.daily_loss is not None:
        ends = np.array([bottom, top])
        opened = np.append(ends if question.of_start else np.exp(ends), now)
        left = after(opened, worst * question.trades_per_day)
        opened[-1] = question.opening
        if (left > rules.daily_floor(opened) + TOUCH).all():
            rules = replace(rules, daily_loss=None)
    if rules.moves:
        fall = worst * trades
        if np.isfinite(worst):
            spread = float(np.sqrt(chances @ steps**2)) * trades**0.5
            likely = max(-float(chances @ steps), 0.0) * trades
            fall = min(fall, likely + DEPTH_DEVIATIONS * spread)
        highest = top if question.of_start else float(np.exp(top))
        water = np.array([question.high_water, max(highest, question.high_water)])
        floors, floor = rules.floor(water), float(rules.floor(water)[0])
        far = after(water, fall) > floors + TOUCH
        if far.all() and 0 < floor < 1 and after(np.array(now), fall) > floor + TOUCH:
            rules = replace(
                rules,
                drawdown_mode="static",
                hard_drawdown=1 - floor,
                drawdown_of="start",
                locks_at=None,
            )
    return rules
