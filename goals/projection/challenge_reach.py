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
    if question.days is None:
        return rules
    trades = question.trades or question.days * question.trades_per_day
    steps = question.steps(question.factors[-1:])[0]
    worst, chances = max(-float(steps.min()), 0.0), question.outcomes.probabilities

    def after(levels: Floats, fall: float) -> Floats:
        if question.of_start:
            return levels - fall
        return np.asarray(levels * np.exp(-fall))

    def are_far(levels: Floats, floors: Floats) -> bool:
        """Whether all are above their floors, and what headroom allows is enough."""
        free = levels - floors
        if rules.headroom_share is not None:
            free = free * rules.headroom_share - (levels - after(levels, worst))
        return bool((free > TOUCH).all())

    ends = np.array(bounds(question))
    bottom, top = ends if question.of_start else np.exp(ends)
    if rules.daily_loss is not None:
        opened = np.array([bottom, top, question.equity])
        # With headroom what is left before a day's last trade counts.
        a_day = question.trades_per_day - (rules.headroom_share is not None)
        left = after(opened, worst * a_day)
        opened[-1] = question.opening
        if are_far(left, rules.daily_floor(opened)):
            rules = replace(rules, daily_loss=None)
    if rules.moves:
        fall = worst * trades
        if np.isfinite(worst):
            spread = float(np.sqrt(chances @ steps**2)) * trades**0.5
            likely = max(-float(chances @ steps), 0.0) * trades
            fall = min(fall, likely + DEPTH_DEVIATIONS * spread)
        now = question.high_water
        water = np.array([now, max(top, now), now])
        lowest = after(np.append(water[:2], question.equity), fall)
        floors = rules.floor(water)
        is_soft = bool(rules.is_soft(water, lowest).any()) and question.factors[-1] > 1
        if are_far(lowest, floors) and 0 < floors[0] < 1 and not is_soft:
            rules = replace(
                rules,
                drawdown_mode="static",
                hard_drawdown=1 - float(floors[0]),
                drawdown_of="start",
                locks_at=None,
                soft_drawdown=None,
            )
    return rules
