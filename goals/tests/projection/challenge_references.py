"""A challenge worked out in two other ways: every state in fractions, and by walks."""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import inf
from typing import Any

import numpy as np

from goals.projection import ChallengeRules

Chances = tuple[float, float, float]
EPSILON = 1e-9


def floor_of(rules: ChallengeRules, high: Any, share: float) -> Any:
    if rules.drawdown_mode == "static":
        return 1 - share + 0 * high
    return high * (1 - share) if rules.drawdown_of == "peak" else high - share


def hard_floor(rules: ChallengeRules, high: Any) -> Any:
    lock = inf if rules.locks_at is None else rules.locks_at
    return np.minimum(floor_of(rules, high, rules.hard_drawdown), lock)


def daily_floor(rules: ChallengeRules, opening: Any) -> Any:
    if rules.daily_loss is None:
        return -inf + 0 * opening
    of = 1.0 if rules.daily_loss_of == "start" else opening
    return opening - rules.daily_loss * of


def exact(
    outcomes: list[int],
    chances: list[float],
    *,
    base_risk: float,
    factors: list[float],
    goal_return: float,
    days: int,
    trades_per_day: int,
    rules: ChallengeRules,
    max_factor_now: float = inf,
    stop_penalty: float = 0.0,
    constant: float | None = None,
) -> Chances:
    """Value, P(pass), P(breach); risk of the start, every state by itself.

    What soft fall and headroom forbid is lowered to what they allow.
    """
    unit = Fraction(str(base_risk))
    choices = [Fraction(0), *(Fraction(str(factor)) for factor in sorted(factors))]
    if constant is not None:
        choices = [Fraction(str(constant))]
    goal = 1 + Fraction(str(goal_return))
    needed, trails = rules.min_trading_days, rules.drawdown_mode.startswith("trailing")

    def cap(equity: Fraction, high: Fraction, day: Fraction) -> Fraction:
        at, peak = float(equity), float(high)
        soft = rules.soft_drawdown
        is_soft = soft is not None and at <= floor_of(rules, peak, soft) + EPSILON
        most = Fraction(1) if is_soft else choices[-1]
        if rules.headroom_share is None:
            return most
        left = at - max(hard_floor(rules, peak), daily_floor(rules, float(day)))
        room = rules.headroom_share * max(left, 0.0) / -min(outcomes)
        return min(most, Fraction(room / base_risk).limit_denominator(10**8))

    @cache
    def evening(left: int, equity: Fraction, high: Fraction, traded: int) -> Chances:
        if equity >= goal and traded >= needed:
            return 1.0, 1.0, 0.0
        if rules.drawdown_mode == "end_of_day":
            high = max(high, equity)
        if left == 1:
            return 0.0, 0.0, 0.0
        return value(left - 1, trades_per_day, equity, high, equity, traded, False)

    def go_on(
        left: int,
        trades: int,
        equity: Fraction,
        high: Fraction,
        day: Fraction,
        traded: int,
        today: bool,
    ) -> Chances:
        if trades > 1:
            return value(left, trades - 1, equity, high, day, traded, today)
        return evening(left, equity, high, min(traded + today, needed))

    def close(
        left: int,
        trades: int,
        equity: Fraction,
        high: Fraction,
        day: Fraction,
        traded: int,
    ) -> Chances:
        if trails:
            high = max(high, equity)
        if equity >= goal and traded >= needed:
            return 1.0, 1.0, 0.0
        if float(equity) <= hard_floor(rules, float(high)) + EPSILON:
            return -stop_penalty, 0.0, 1.0
        if float(equity) <= daily_floor(rules, float(day)) + EPSILON:
            if rules.daily_on_breach == "fail":
                return -stop_penalty, 0.0, 1.0
            return evening(left, equity, high, min(traded + 1, needed))
        return go_on(left, trades, equity, high, day, traded, True)

    @cache
    def value(
        left: int,
        trades: int,
        equity: Fraction,
        high: Fraction,
        day: Fraction,
        traded: int,
        today: bool,
    ) -> Chances:
        best: Chances | None = None
        most = cap(equity, high, day)
        if (left, trades) == (days, trades_per_day) and max_factor_now < inf:
            most = min(most, Fraction(str(max_factor_now)))
        for factor in sorted({min(factor, most) for factor in choices}):
            if factor == 0:
                found = go_on(left, trades, equity, high, day, traded, today)
            else:
                ways = [
                    close(left, trades, equity + unit * factor * one, high, day, traded)
                    for one in outcomes
                ]
                found = tuple(np.array(chances) @ np.array(ways))
            if best is None or found[0] > best[0] + 1e-12:
                best = found
        assert best is not None
        return best

    one = Fraction(1)
    return value(days, trades_per_day, one, one, one, 0, False)


def walk(
    choose: Callable[..., Any],
    outcomes: Any,
    chances: Any,
    *,
    base_risk: float,
    goal_return: float,
    days: int,
    trades_per_day: int,
    rules: ChallengeRules,
    paths: int,
    of_start: bool,
    seed: int = 1,
) -> tuple[float, float, Any]:
    """P(pass), P(breach) and the passing days of many walks of a policy."""
    random = np.random.default_rng(seed)
    equity, high, opening = np.ones((3, paths))
    days_traded = np.zeros(paths)
    state = np.zeros(paths, dtype=int)  # 1: passed, 2: breached
    passed_on = np.zeros(paths, dtype=int)

    def look() -> None:
        going = state == 0
        at_goal = equity >= 1 + goal_return - EPSILON
        passes = going & at_goal & (days_traded >= rules.min_trading_days)
        state[passes] = 1
        passed_on[passes] = day
        fails = equity <= hard_floor(rules, high) + EPSILON
        if rules.daily_on_breach == "fail":
            fails |= equity <= daily_floor(rules, opening) + EPSILON
        state[going & ~passes & fails] = 2

    for day in range(1, days + 1):
        opening, traded = equity.copy(), np.zeros(paths, dtype=bool)
        halted = np.zeros(paths, dtype=bool)
        for left in range(trades_per_day, 0, -1):
            profit = equity - opening
            factor = choose(
                days - day + 1, left, equity, profit, high, days_traded
            ) * np.ones(paths)
            if rules.soft_drawdown is not None:
                soft = equity <= floor_of(rules, high, rules.soft_drawdown) + EPSILON
                factor = np.where(soft, np.minimum(factor, 1), factor)
            factor = np.where((state == 0) & ~halted, factor, 0.0)
            of = 1.0 if of_start else equity
            drawn = random.choice(outcomes, paths, p=chances)
            equity = equity + base_risk * factor * drawn * of
            traded |= factor > 0
            if rules.drawdown_mode.startswith("trailing"):
                high = np.maximum(high, equity)
            look()
            halted |= equity <= daily_floor(rules, opening) + EPSILON
        days_traded = days_traded + traded
        if rules.drawdown_mode == "end_of_day":
            high = np.maximum(high, np.where(state == 0, equity, high))
        look()
    return float((state == 1).mean()), float((state == 2).mean()), passed_on[state == 1]
