"""The sizes that most probably pass a challenge, by backward induction. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil, log
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goals.projection.challenge_grid import States
from goals.projection.challenge_reach import bounds, within_reach
from goals.projection.challenge_rules import (
    MOST_DAYS,
    TOUCH,
    BadArgument,
    ChallengeRules,
    Question,
    Seen,
    ask,
)
from goals.projection.challenge_steps import (
    A_READING,
    BLOCK,
    TIE,
    Allowed,
    Choices,
    Number,
    Trade,
)
from goals.projection.challenge_tree import Tree, grow
from goals.projection.challenge_walk import ChallengeOutcome, FactorAt, Walk
from goals.projection.grid import find_unit
from goals.projection.grouping import Step, fewer
from goals.projection.outcomes import read_number
from goals.projection.types import Flags, Floats, Indices, Numbers

RiskOf: TypeAlias = Literal["equity", "start"]
# Seconds for none, one, and two or more states next to equity; more are not begun.
SECONDS = (0.1, 0.19, 2.4)
MOST_SECONDS = 30.0
# In what share of them a grid is solved for states that are hardly asked about.
QUICKLY = 0.1
# A state's at one factor: what is around it by numbers, and the rest.
SECONDS_A_NUMBER = 1.7e-10
SECONDS_A_CHOICE = 6e-9
# What lies around a row, by node.
SECONDS_AROUND = 4e-9
# One whose factor is lowered to its cap, by outcome.
SECONDS_AT_CAP = 3e-8
# As how many days no deadline counts in these.
LONG = 200
MOST_NODES = 4_000
# Bytes of a policy.
MOST_CHOICES = 1_000_000_000
# Nodes to a typical step at the largest factor on the coarsest grid; how much finer the
# next one is; and how many nodes layers lie apart.
COARSEST = 6
FINER = 0.85
STRIDE = (4, 4, 3)
# Nodes to a unit that all steps are multiples of, but for those of lowered factors, and
# how many lie between layers; the first that there is time for is taken.
FINEST = [(parts, 1) for parts in (16, 8, 4)]
LATTICES = [
    *FINEST,
    *((parts, stride) for parts in (16, 8, 4, 2, 1) for stride in (1, 2, 4)),
]
LAID_IN = 40
# Days are added until the value changes by no more than this, for some days on end.
SETTLED = 2.5e-4
CALM_DAYS = 3


# Values of all states follow from others: those after a trade from those before.
Turn: TypeAlias = Callable[[list[Floats], list[Floats]], list[Floats]]


class Induction:
    """Values of all states, day by day back from the deadline.

    Each channel is an expected value; `ends` are its values of a pass and of a breach,
    and `a_day` what a day adds.
    """

    def __init__(
        self,
        states: States,
        ends: Sequence[tuple[float, float]],
        a_day: Sequence[float] | None = None,
    ) -> None:
        self.states, self.ends = states, ends
        self.a_day = a_day or [0.0] * len(ends)
        self.values = [np.zeros(states.size) for _ in ends]

    def step_back(self, turns: Iterable[Turn]) -> None:
        """One day back; each turn is given the pools and what follows without it."""
        states = self.states
        mornings = [states.mornings(values) for values in self.values]
        following = []
        for morning, ends in zip(mornings, self.ends, strict=True):
            pool = states.pool(np.zeros(states.size), morning, ends)
            following.append(
                np.concatenate([pool.take(to).ravel() for to in states.evenings])
            )
        for turn in turns:
            pools = [
                states.pool(values, morning, ends)
                for values, morning, ends in zip(
                    following, mornings, self.ends, strict=True
                )
            ]
            following = turn(pools, following)
        self.values = [
            values + cost for values, cost in zip(following, self.a_day, strict=True)
        ]

    def today(self) -> list[float]:
        """The values of the channels at the start."""
        return [float(values[self.states.place_now]) for values in self.values]


def choose(
    trade: Trade,
    allowed: Allowed,
    ends: Sequence[tuple[float, float]],
    choices: Choices,
) -> Turn:
    """A trade at the factor that is best by the first channel; fills `choices`."""
    states = trade.states
    part = states.days_needed * states.layers * states.width

    def twice(values: NDArray[Number]) -> NDArray[Number]:
        # The blocks of days without a trade so far may begin with the same trades.
        flat = values.ravel()
        return np.concatenate([flat, flat[:part]]) if part else flat

    row, column = allowed.row, allowed.column

    def turn(pools: list[Floats], following: list[Floats]) -> list[Floats]:
        around = trade.around(pools[0])
        best, chosen = trade.choose(trade.expect(around, ends[0]), allowed.forbidden)
        if row.size:
            at_cap = allowed.given.expect(around, ends[0])
            better = at_cap > best[row, column] + TIE
            lowered = row[better], column[better]
            best[lowered], chosen[lowered] = at_cap[better], allowed.choice[better]
        both = twice(best) > following[0] + TIE
        choices[:] = np.where(both, twice(chosen), 0).reshape(choices.shape)
        traded = [best]
        for pool, end in zip(pools[1:], ends[1:], strict=True):
            around = trade.around(pool)
            traded.append(trade.take(trade.expect(around, end), chosen))
            if row.size:
                traded[-1][lowered] = allowed.given.expect(around, end)[better]
        return [
            np.where(both, twice(new), old)
            for new, old in zip(traded, following, strict=True)
        ]

    return turn


@dataclass(frozen=True, slots=True, eq=False)
class ChallengePolicy:
    """What to risk at any state of a challenge, and what comes of it from the start.

    `value` is probability - stop_penalty · breach_probability, without a deadline less
    day_cost · expected days. Probabilities are ratios: of passing, of a breach.
    `choices` has shape (days, trades a day, rows, width): 0 is no trade, n the n-th
    factor, lowered to what soft fall and headroom allow at the state; without a
    deadline it has one day, which holds always.
    """

    value: float
    probability: float
    breach_probability: float
    expected_days: float | None
    states: States
    choices: Choices
    rules: ChallengeRules | None = None
    tree: Tree | None = None

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
        rules = self.rules or question.rules
        given = (days_left, trades_left, equity, day_profit, high_water, days_traded)
        asked = _take_states(given)
        days, trades, at, profit, water, traded = (one.ravel() for one in asked)
        most_days = question.days or np.inf
        for name, one, most in (
            ("days_left", days, most_days),
            ("trades_left", trades, question.trades_per_day),
        ):
            if (one < 1).any() or (one > most).any() or (one % 1 != 0).any():
                raise BadArgument(name, f"must be whole numbers from 1 to {most:g}.")
        if (traded < 0).any():
            raise BadArgument("days_traded", "must be at least 0.")
        if rules.trails:
            water = np.maximum(water, at)
        seen = Seen(question, at, at - profit, np.maximum(water, 1.0), traded)
        # Whether the day has had a trade shows in its profit alone.
        has_traded = (trades < question.trades_per_day) & (np.abs(profit) > TOUCH)
        row = (
            days.astype(np.intp) - 1 if question.days else np.zeros(days.size, np.intp)
        )
        choice = self._choose(seen, row, trades.astype(np.intp) - 1, has_traded)
        if self.tree is not None:
            best, found = self.tree.find(seen, days, trades, has_traded)
            choice = np.where(found, best, choice)
        if self.rules is not None:  # those in full, of which the grid may have fewer
            seen = replace(seen, question=replace(question, rules=self.rules))
        over = seen.passed | seen.breached | seen.halted
        chosen = np.append(0.0, question.factors)[np.where(over, 0, choice)]
        factors = np.minimum(chosen, seen.cap)
        is_first = (days == question.days) & (trades == question.trades_per_day)
        factors[is_first] = np.minimum(factors[is_first], question.max_factor_now)
        return np.asarray(factors.reshape(asked[0].shape))

    def _choose(
        self, seen: Seen, day: Indices, trade: Indices, traded: Flags
    ) -> Indices:
        """The choice at the nearest state from which it ends alike, by outcome.

        Where there is none, the nearest choice here that breaches no sooner than there.
        """
        table = self.choices.reshape(*self.choices.shape[:2], -1)
        factors = np.append(0.0, self.states.question.factors)
        choice = np.zeros(day.size, dtype=np.intp)
        open_ = np.arange(day.size)
        for layer_below, node_below in ((False, False), (False, True), (True, True)):
            here = seen.take(open_)
            place, at_node = self.states.near(
                here, traded[open_], layer_below=layer_below, node_below=node_below
            )
            found = table[day[open_], trade[open_], place].astype(np.intp)
            choice[open_] = found
            factor, cap = factors[found], self.states.cap
            at_cap = np.minimum(factor, cap.take(place % cap.size))[:, None]
            its = at_node.ends_of(at_cap)
            at_cap = np.minimum(factor, here.cap)[:, None]
            unlike = (found > 0) & (here.ends_of(at_cap) != its).any(axis=(0, 2))
            open_, found, its = open_[unlike], found[unlike], its[:, unlike]
            if not open_.size:
                return choice
        here = seen.take(open_)
        every = np.minimum(factors, here.cap[:, None])
        off = np.abs(np.arange(factors.size) - found[:, None]) / factors.size
        worse = here.ends_of(every) > its
        choice[open_] = np.argmin(worse[0] * 4 + worse[1:].sum(axis=0) + off, axis=1)
        return choice


STATE = ("days_left", "trades_left", "equity", "day_profit", "high_water")


def _take_states(given: Sequence[Any]) -> Sequence[Floats]:
    """The arguments of `factor_at` as arrays of one shape."""
    taken = []
    for name, one in zip((*STATE, "days_traded"), given, strict=True):
        try:
            taken.append(np.asarray(one, np.float64))
        except (TypeError, ValueError):
            raise BadArgument(name, "must be finite numbers.") from None
        if not np.isfinite(taken[-1]).all():
            raise BadArgument(name, "must be finite numbers.")
    try:
        return np.broadcast_arrays(*taken)
    except ValueError:
        shapes = ", ".join(str(one.shape) for one in taken)
        raise BadArgument(
            "equity", f"must have a shape that broadcasts with the others': {shapes}."
        ) from None


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
    risk_of: RiskOf = "equity",
    day_cost: float = 0.0,
) -> ChallengePolicy:
    """Maximise P(pass) - stop_penalty · P(breach) over the factor of each trade.

    Equity is in units of the start, 1. There are `days` days of up to `trades_per_day`
    trades. One at a factor moves equity by `base_risk` · factor · outcome, of the
    start or of the equity before it (`risk_of`), with one of `outcomes` (R or growths)
    by its probability, independently of all others. After it, in this order: equity,
    high water, goal (1 + `goal_return`, and days enough), floor, daily loss; levels
    closer than 1e-9 are one. Not trading (0) is always allowed; of equally good factors
    it is taken first, then the smaller. Only closes are known, so where a firm tests
    open profit the chance of a breach is a lower bound.

    `max_factor_now` caps the first decision alone, as a guard does that judges anew
    before each trade: a larger factor is lowered to it.
    `days` None: no deadline; the value is less `day_cost` · expected days, and days are
    added until it stands within 0.05 points. A day in which the rules leave no trade
    costs as well, so where they can forbid trading for good, nothing settles and
    `day_cost` is refused.

    Exact where all steps are multiples of one unit (risk of the start) and the states
    are few enough; else on a grid, a sample of more than 21 outcomes by 21 of its mean
    and deviation. docs/projection.md has the accuracy. `ValueError` names the argument
    that makes no sense, or asks for more than fits: 200 trades a day, 2,000 days, 100
    factors, and `MOST_WORK` in all.

    Source: as `solve_deadline_policy`; Grossman, S. J. and Zhou, Z. (1993), *Optimal
    investment strategies for controlling drawdowns*, Mathematical Finance 3.
    """
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
    tree = grow(question)
    question = replace(question, outcomes=fewer(question.outcomes))
    halts = rules.daily_on_breach == "halt_day" and rules.headroom_share is None
    if halts and trades_per_day == 1:  # no other trade that day to halt
        question = replace(question, rules=replace(rules, daily_loss=None))
    question = replace(question, rules=within_reach(question))
    if tree is None:
        return replace(solve(question, lay_states(question)), rules=rules)
    # The grid is for states out of the tree's reach alone.
    grid = solve(question, lay_states(question, QUICKLY))
    return replace(
        grid,
        value=tree.value,
        probability=tree.value + stop_penalty * tree.breach_probability,
        breach_probability=tree.breach_probability,
        rules=rules,
        tree=tree,
    )


def solve(question: Question, states: States) -> ChallengePolicy:
    """The same on a given grid."""
    ends, a_day = [(1.0, -question.stop_penalty), (0.0, 1.0)], [0.0, 0.0]
    if question.days is None:
        ends.append((0.0, 0.0))
        a_day = [-question.day_cost, 0.0, 1.0]
    induction = Induction(states, ends, a_day)
    step = Step(1, question.outcomes)
    trade = Trade(states, question.factors, step)
    allowed = Allowed(trade, step)
    rows = (2 * states.blocks - 1) * states.layers
    shape = (question.days or 1, question.trades_per_day, rows, states.width)
    choices = np.zeros(shape, dtype=np.int8)
    days = [[choose(trade, allowed, ends, one) for one in day] for day in choices]
    if question.days is None:
        _settle(induction, days[0])
    else:
        trades_now = question.trades_now or question.trades_per_day
        if question.max_factor_now < question.factors[-1]:
            allowed = Allowed(trade, step, question.max_factor_now)
        first = choose(trade, allowed, ends, choices[-1, trades_now - 1])
        days[-1] = [*days[-1][: trades_now - 1], first]
        for day in days:
            induction.step_back(day)
    value, breach, *spent = induction.today()
    return ChallengePolicy(
        value=value,
        probability=value
        + question.stop_penalty * breach
        + question.day_cost * sum(spent),
        breach_probability=breach,
        expected_days=spent[0] if spent else None,
        states=states,
        choices=choices,
    )


def _settle(induction: Induction, day: list[Turn]) -> None:
    """Days back until the value from the start changes by `SETTLED` at most."""
    cost = np.array([1.0, 1.0, induction.states.question.day_cost])
    before, change, calm = np.array(induction.today()) * cost, np.inf, 0
    for _ in range(MOST_DAYS):
        induction.step_back(day)
        now = np.array(induction.today()) * cost
        last, change = change, float(np.abs(now - before).max())
        shrinks = change / last if last > 0 else 0.0
        # What is still to come, if each day changes it by the same share of the last.
        calm = calm + 1 if change <= SETTLED * max(1 - shrinks, 0.0) else 0
        before = now
        if calm == CALM_DAYS:
            return
    raise BadArgument(
        "day_cost",
        f"leads to no value within {MOST_DAYS:,} days: a challenge must end by itself; "
        "set days, or a larger cost.",
    )


def evaluate_challenge(
    policy: ChallengePolicy | FactorAt | float,
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
    risk_of: RiskOf = "equity",
    day_cost: float = 0.0,
    seed: int = 0,
) -> ChallengeOutcome:
    """The chances of a given policy; arguments as in `solve_challenge`.

    `policy` is a factor for always, what `solve_challenge` returned, or a function
    with the arguments of its `factor_at`: days and trades left as whole numbers, the
    others of shape (n,), for n factors. What the rules forbid (a factor above 1 beyond
    the soft fall, more than the headroom) is lowered to what they allow, as guards do;
    `factors` do not limit a policy. Exact while the states in reach are few; of many
    32,768 walks are drawn evenly, by `seed`: a standard error of 0.1 to 0.25 points.
    Without a deadline it ends with 0.01 % of the walks left, or after 2,000 days.
    """
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
    if isinstance(policy, ChallengePolicy):
        needs_day = rules.min_trading_days > 0
        return Walk(question, policy.factor_at, seed, needs_day=needs_day).run()
    if callable(policy):
        return Walk(question, policy, seed, needs_day=True, counts=True).run()
    constant = np.asarray(read_number(policy))
    return Walk(question, lambda *_: constant, seed, needs_day=False).run()


def lay_states(question: Question, share: float = 1.0) -> States:
    """The exact lattice where one fits, else the finest grid that does.

    In a `share` of the time.
    """
    rules = question.rules
    extra = rules.moves + (rules.daily_loss is not None) + (rules.min_trading_days > 0)
    trades = (question.days or LONG) * question.trades_per_day
    seconds = SECONDS[min(extra, 2)] * share
    known = question.factors
    if rules.soft_drawdown is not None and known[-1] > 1:
        known = np.append(known, 1.0)
    if 0 < question.max_factor_now < known[-1]:
        known = np.append(known, question.max_factor_now)
    moves = question.steps(known)
    wide = float(np.ptp(np.append(moves[np.isfinite(moves)], 0.0)))

    # As far from a floor, or everywhere below a soft fall, factors are lowered.
    narrow, outcomes = question.lowered_within, question.outcomes.values.size

    def measure(states: States) -> float:
        around = min(wide / states.step, 2 * states.nodes)
        numbers = min(around + BLOCK, A_READING * outcomes)
        a_choice = SECONDS_A_CHOICE + SECONDS_A_NUMBER * numbers
        rows = states.layers * states.blocks
        block = min(BLOCK, states.width)
        columns = -(-states.width // block) * block
        lowered = min(narrow / states.step, states.width) * outcomes
        a_row = columns * question.factors.size * a_choice + lowered * SECONDS_AT_CAP
        a_row += (columns + around) * SECONDS_AROUND
        return trades * rows * a_row

    bottom, top = bounds(question)
    unit = find_unit(moves, (top - bottom) / MOST_NODES)
    if unit is not None:
        for parts, stride in LATTICES:
            if parts > 1 and rules.headroom_share is None:
                continue
            if parts > 1 and (top - bottom) * parts > unit * MOST_NODES:
                continue
            states = States(question, unit / parts, stride)
            # Laying a grid out takes as long as some trades on it.
            laid = max(LAID_IN / trades, 1.0) if parts > 1 else 1.0
            if measure(states) * laid <= seconds:
                return states
    to_x = float if question.of_start else log
    start = to_x(question.equity)
    to_goal = to_x(question.goal) - start
    step = question.outcomes.typical_step(float(question.factors[-1])) / COARSEST
    widest = (top - start) or (start - bottom) or 1.0
    step = min(max(step, (top - bottom) / MOST_NODES), widest)
    found = None
    while True:
        # The goal lies on a node wherever it is in reach.
        step = to_goal / ceil(to_goal / step) if to_goal >= step else step
        states = States(question, step, STRIDE[min(extra, 2)])
        cost = measure(states)
        if found and (cost > seconds or states.nodes > MOST_NODES):
            return found
        if cost > MOST_SECONDS or trades * states.size > MOST_CHOICES:
            raise BadArgument(
                "days",
                "leave too much to work out: fewer days, trades a day, factors, "
                "outcomes or trading days that are needed, or a nearer floor.",
            )
        found, step = states, step * FINER
