"""The sizes that most probably pass a challenge, by backward induction. Pure."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from goals.projection.challenge_grid import States, bounds
from goals.projection.challenge_rules import (
    TOUCH,
    BadArgument,
    ChallengeRules,
    Question,
    Seen,
    ask,
)
from goals.projection.challenge_walk import ChallengeOutcome, FactorAt, Walk
from goals.projection.outcomes import read_number
from goals.projection.grid import Grid, find_unit
from goals.projection.stencils import Landing, land
from goals.projection.types import Flags, Floats, Indices, Numbers

# Factors whose values are closer than this are equally good.
TIE = 1e-9
LOOK = False


class _Trade:
    """One trade at each factor from all states: which nodes are read, how much."""

    def __init__(self, states: States) -> None:
        self.states, question = states, states.question
        chances = question.outcomes.probabilities
        steps = question.steps(question.factors)
        grid = Grid(states.lowest, states.step, states.nodes, states.today, 0.0, None)
        landing = land(steps, chances, grid)
        self.below = int(max(-landing.cells.min(), 0)) + 1
        self.above = int(max(landing.cells.max(), 0)) + 1
        self.to = states.landings(self.below, self.above)
        self.taps = [
            _taps(cells, share, chances)
            for cells, share in zip(landing.cells, landing.share, strict=True)
        ]
        self.jumps = [
            self._jumps(landing, factor, chances)
            for factor in range(question.factors.size)
        ]
        rows, wide = self.to.shape
        self.own = np.arange(rows)[:, None] * wide + self.below + np.arange(states.width)

    def _jumps(
        self, landing: Landing, factor: int, chances: Floats
    ) -> list[tuple[Indices, Indices, Floats, int]]:
        """What is read wrongly in the cells that hold the floor or the goal.

        There a step reaches the end if it does, exactly, and else the node on this side
        of it. Per kind: the states, the places around rows whose value counts, how much
        of the end's difference to it, and which end.
        """
        states = self.states
        question, rules = states.question, states.question.rules
        stop = states.hard
        if rules.daily_on_breach == "fail":
            stop = np.maximum(stop, states.daily)
        first, wide = states.first.reshape(-1), self.to.shape[1]
        floor = (states.to_x(stop.reshape(-1) + TOUCH) - states.lowest) / states.step
        goal = (states.to_x(np.array(question.goal - TOUCH)) - states.lowest) / states.step
        found = []
        for kind, level in ((1, floor), (0, np.full(first.shape, goal))):
            cell = np.floor(level).astype(np.intp)
            coefficient = np.zeros((first.size, states.width))
            for cells, share, exact, chance in zip(
                landing.cells[factor],
                landing.share[factor],
                landing.exact[factor],
                chances,
                strict=True,
            ):
                column = cell - cells - first
                rows = np.flatnonzero((column >= 0) & (column < states.width))
                beyond = exact - cells > (level - cell)[rows]
                # Read as 1 - share of the lower node, share of the upper.
                wrong = (1 - beyond) - (1 - share) if kind else beyond - share
                coefficient[rows, column[rows]] += chance * wrong
            rows, columns = np.nonzero(np.abs(coefficient) > 1e-15)
            side = cell[rows] + (1 if kind else 0) - first[rows] + self.below
            side = np.clip(side, 0, wide - 1)
            blocks = np.arange(states.blocks) if kind else [states.blocks - 1]
            row = (np.array(blocks)[:, None] * first.size + rows).ravel()
            times = len(blocks)
            found.append(
                (
                    row * states.width + np.tile(columns, times),
                    row * wide + np.tile(side, times),
                    np.tile(coefficient[rows, columns], times),
                    kind,
                )
            )
        return found

    def choose(
        self, around: Floats, ends: tuple[float, float], most: Indices
    ) -> tuple[Floats, Indices]:
        """The best expected values over all factors, and which (1 …), (rows, width)."""
        states = self.states
        best = np.full((self.to.shape[0], states.width), -np.inf)
        chosen = np.zeros(best.shape, dtype=np.int8)
        part, read = np.empty_like(best), np.empty_like(best)
        limited = int(most.min())
        flat = around.reshape(-1)
        for factor, (cells, weights) in enumerate(self.taps):
            read[:] = 0.0
            for cell, weight in zip(cells, weights, strict=True):
                begin = self.below + cell
                np.multiply(around[:, begin : begin + states.width], weight, out=part)
                read += part
            for state, side, coefficient, kind in self.jumps[factor]:
                read.reshape(-1)[state] += coefficient * (ends[kind] - flat[side])
            if factor >= limited:
                np.copyto(read, -np.inf, where=most <= factor)
            better = read > best + TIE if factor else read > best
            np.copyto(best, read, where=better)
            chosen[better] = factor + 1
        return best, chosen

    def follow(
        self, around: Floats, ends: tuple[float, float], chosen: Indices
    ) -> Floats:
        """Expected values at the chosen factors, (rows, width)."""
        flat, own = around.reshape(-1), self.own.reshape(-1)
        which = chosen.reshape(-1)
        expected = np.zeros(which.size)
        for factor, (cells, weights) in enumerate(self.taps):
            states = np.flatnonzero(which == factor + 1)
            if not states.size:
                continue
            at = own[states]
            read = np.zeros(states.size)
            for cell, weight in zip(cells, weights, strict=True):
                read += weight * flat.take(at + cell)
            expected[states] = read
            for state, side, coefficient, kind in self.jumps[factor]:
                here = which[state] == factor + 1
                wrong = coefficient * (ends[kind] - flat[side])
                expected[state[here]] += wrong[here]
        return expected.reshape(chosen.shape)


def _taps(cells: Indices, share: Floats, chances: Floats) -> tuple[list[int], list[float]]:
    weights: dict[int, float] = {}
    for cell, part, chance in zip(cells.tolist(), share, chances, strict=True):
        weights[cell] = weights.get(cell, 0.0) + chance * (1 - part)
        if part > 0:
            weights[cell + 1] = weights.get(cell + 1, 0.0) + chance * part
    return list(weights), [float(weight) for weight in weights.values()]


class _Induction:
    """Values of all states, day by day back from the deadline.

    Each channel is an expected value: of passing less penalties, of a breach and,
    without a deadline, of days. `ends` are its values of a pass and of a breach.
    """

    def __init__(self, states: States) -> None:
        self.states, self.trade = states, _Trade(states)
        question = states.question
        self.ends = [(1.0, -question.stop_penalty), (0.0, 1.0)]
        self.a_day = [-question.day_cost, 0.0]
        if question.days is None:
            self.ends.append((0.0, 0.0))
            self.a_day.append(1.0)
        self.values = [np.zeros(states.size) for _ in self.ends]
        self.rows = (2 * states.blocks - 1) * states.layers
        self.most = np.tile(states.most, (states.blocks, 1))

    def step_back(self, choices: Indices, most_last: Indices, kept) -> None:
        """One day back; `choices` of shape (trades a day, rows, width) are filled."""
        states = self.states
        mornings = [states.mornings(values) for values in self.values]
        following = []
        for morning, ends in zip(mornings, self.ends, strict=True):
            pool = states.pool(np.zeros(states.size), morning, ends)
            following.append(
                np.concatenate([pool.take(to).ravel() for to in states.evenings])
            )
        trades = len(choices)
        for left in range(trades):
            most = most_last if left == trades - 1 else self.most
            following = self._trade(following, mornings, choices[left], most)
            kept[left] = following[0]
        self.values = [
            values + cost for values, cost in zip(following, self.a_day, strict=True)
        ]

    def _trade(
        self,
        following: list[Floats],
        mornings: list[Floats],
        choices: Indices,
        most: Indices,
    ) -> list[Floats]:
        states, trade = self.states, self.trade
        around = [
            states.pool(values, morning, ends).take(trade.to)
            for values, morning, ends in zip(
                following, mornings, self.ends, strict=True
            )
        ]
        best, chosen = trade.choose(around[0], self.ends[0], most)
        # The blocks of days without a trade so far may begin with the same trades.
        both = self._twice(best) > following[0] + TIE
        choices[:] = (self._twice(chosen) * both).reshape(choices.shape)
        traded = [best] + [
            trade.follow(values, ends, chosen)
            for values, ends in zip(around[1:], self.ends[1:], strict=True)
        ]
        return [
            np.where(both, self._twice(new), old)
            for new, old in zip(traded, following, strict=True)
        ]

    def _twice(self, values: Floats) -> Floats:
        flat = values.ravel()
        part = self.states.days_needed * self.states.layers * self.states.width
        return np.concatenate([flat, flat[:part]]) if part else flat


@dataclass(frozen=True, slots=True, eq=False)
class ChallengePolicy:
    """What to risk at any state of a challenge, and what comes of it from the start.

    `value` is probability - stop_penalty · breach_probability, without a deadline less
    day_cost · expected days. Probabilities are ratios: of passing, of a breach.
    `choices` has shape (days, trades a day, rows, width): 0 is no trade, n the n-th
    factor; without a deadline it has one day, which holds always.
    """

    value: float
    probability: float
    breach_probability: float
    expected_days: float | None
    states: States
    choices: Indices
    values: Floats

    def look(self, seen: Seen, day: int, trades: int, has_traded: Flags) -> Indices:
        q = self.states.question
        best = self._after(seen, day, trades - 1, has_traded)
        choice = np.zeros(best.shape, dtype=np.intp)
        cap = seen.cap
        for i, factor in enumerate(q.factors):
            expected = np.zeros(best.shape)
            for outcome, chance in zip(q.outcomes.values, q.outcomes.probabilities):
                of = 1.0 if q.of_start else seen.equity
                equity = seen.equity + q.outcomes.base_risk * factor * outcome * of
                water = q.rules.raise_high_water(seen.high_water, equity, False)
                after = replace(seen, equity=equity, high_water=water)
                value = self._after(after, day, trades - 1, np.ones_like(has_traded))
                if q.rules.daily_loss is not None and q.rules.daily_on_breach != "fail":
                    ended = self._after(after, day, 0, np.ones_like(has_traded))
                    value = np.where(after.halted, ended, value)
                value = np.where(after.breached, -q.stop_penalty, value)
                expected += chance * np.where(after.passed, 1.0, value)
            better = (expected > best + TIE) & (factor <= cap)
            best = np.where(better, expected, best)
            choice[better] = i + 1
        return choice

    def _after(self, seen: Seen, day: int, trades: int, traded: Flags) -> Floats:
        q = self.states.question
        if trades == 0:
            k = np.minimum(seen.days_traded + traded, q.rules.min_trading_days)
            water = q.rules.raise_high_water(seen.high_water, seen.equity, True)
            seen = Seen(q, seen.equity, seen.equity, water, k)
            value = np.zeros(seen.equity.shape)
            if day > 1:
                value = self._after(seen, day - 1, q.trades_per_day, np.zeros_like(traded))
            return np.where(seen.passed, 1.0, value)
        place, above, share = self.states.nearest(seen, traded, share=True)
        values = self.values[day - 1, trades - 1]
        low = values.take(place)
        return low + share * (values.take(above) - low)

    def factor_at(
        self,
        days_left: Any,
        trades_left: Any,
        equity: Any,
        day_profit: Any = 0.0,
        high_water: Any = 1.0,
        days_traded: Any = 0,
    ) -> Floats:
        """The factors at these states; all arguments broadcast.

        `days_left` and `trades_left` (today) count the present one, from 1; equity,
        profit of the day and high water in units of the start; `days_traded` are those
        before today. 0 is no trade: also where the challenge, or its day, is over.
        """
        question = self.states.question
        given = (days_left, trades_left, equity, day_profit, high_water, days_traded)
        asked = np.broadcast_arrays(*(np.asarray(one, np.float64) for one in given))
        names = ("days_left", "trades_left", "equity", "day_profit", "high_water")
        for name, one in zip((*names, "days_traded"), asked, strict=True):
            if not np.isfinite(one).all():
                raise BadArgument(name, "must be finite numbers.")
        days, trades, at, profit, water, traded = (one.ravel() for one in asked)
        most_days = question.days or np.inf
        for name, one, most in (
            ("days_left", days, most_days),
            ("trades_left", trades, question.trades_per_day),
        ):
            if (one < 1).any() or (one > most).any() or (one % 1 != 0).any():
                raise BadArgument(name, f"must be whole numbers from 1 to {most:g}.")
        if question.rules.trails:
            water = np.maximum(water, at)
        seen = Seen(question, at, at - profit, np.maximum(water, 1.0), traded)
        # Whether the day has had a trade shows in its profit alone.
        has_traded = (trades < question.trades_per_day) & (np.abs(profit) > TOUCH)
        place = self.states.nearest(seen, has_traded)
        rows = days if question.days else np.ones_like(days)
        choice = self.choices.reshape(*self.choices.shape[:2], -1)[
            rows.astype(np.intp) - 1, trades.astype(np.intp) - 1, place
        ]
        if LOOK and days.min() == days.max() and trades.min() == trades.max():
            choice = self.look(seen, int(days[0]), int(trades[0]), has_traded)
        allowed = np.searchsorted(question.factors, seen.cap, side="right")
        over = seen.passed | seen.breached | seen.halted
        choice = np.where(over, 0, np.minimum(choice, allowed))
        return np.append(0.0, question.factors)[choice].reshape(asked[0].shape)


def solve_challenge(
    outcomes: Numbers,
    probabilities: Numbers,
    *,
    base_risk: float,
    factors: Numbers,
    goal_return: float,
    days: int | None,
    trades_per_day: int,
    rules: ChallengeRules,
    max_factor_now: float | None = None,
    stop_penalty: float = 0.0,
    risk_of: Literal["equity", "start"] = "equity",
    day_cost: float = 0.0,
) -> ChallengePolicy:
    question = ask(
        outcomes,
        probabilities,
        base_risk=base_risk,
        factors=factors,
        goal_return=goal_return,
        days=days,
        trades_per_day=trades_per_day,
        rules=rules,
        max_factor_now=max_factor_now,
        stop_penalty=stop_penalty,
        risk_of=risk_of,
        day_cost=day_cost,
    )
    return solve(question, lay_states(question))


def solve(question: Question, states: States) -> ChallengePolicy:
    induction = _Induction(states)
    most_now = np.searchsorted(question.factors, question.max_factor_now + TOUCH, side="right")
    first = np.minimum(induction.most, most_now)
    trades = question.trades_per_day
    if question.days is None:
        raise NotImplementedError
    shape = (question.days, trades, induction.rows, states.width)
    choices = np.zeros(shape, dtype=np.int8)
    values = np.zeros((question.days, trades, states.size), dtype=np.float32)
    for day in range(question.days):
        last = day == question.days - 1
        induction.step_back(choices[day], first if last else induction.most, values[day])
    start = states.place(
        *np.array([0 if not states.days_needed else states.days_needed + 1, 0,
        int(np.searchsorted(states.opening_nodes, states.today)), states.today])
    )
    value, breach = (float(values[start]) for values in induction.values[:2])
    return ChallengePolicy(
        value=value,
        probability=value + question.stop_penalty * breach,
        breach_probability=breach,
        expected_days=None,
        states=states,
        choices=choices,
        values=values,
    )


def lay_states(question: Question, step: float | None = None, stride: int = 1) -> States:
    bottom, top = bounds(question)
    unit = find_unit(question.steps(question.factors), (top - bottom) / 2000)
    if step and not unit:
        start = 1.0 if question.of_start else 0.0
        to_goal = (question.goal - 1 if question.of_start else np.log(question.goal))
        step = to_goal / max(round(to_goal / step), 1)
    return States(question, step or unit, stride)


def evaluate_challenge(
    policy: "ChallengePolicy | FactorAt | float",
    outcomes: Numbers,
    probabilities: Numbers,
    *,
    seed: int = 0,
    **question: Any,
) -> ChallengeOutcome:
    asked = ask(outcomes, probabilities, **question)
    if isinstance(policy, ChallengePolicy):
        choose: FactorAt = policy.factor_at
    elif callable(policy):
        choose = policy
    else:
        constant = read_number(policy)
        choose = lambda *_: np.asarray(constant)
    foreign = callable(policy) and not isinstance(policy, ChallengePolicy)
    return Walk(asked, choose, seed, foreign=foreign).run()
