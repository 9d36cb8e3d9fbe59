"""The sizes that most probably pass a challenge, by backward induction. Pure."""

from dataclasses import replace
from math import ceil, log
from typing import Literal, TypeAlias

import numpy as np

from goals.projection.challenge_grid import States
from goals.projection.challenge_induction import Induction, Turn, choose
from goals.projection.challenge_policy import ChallengePolicy
from goals.projection.challenge_reach import bounds, within_reach
from goals.projection.challenge_rules import (
    MOST_DAYS,
    BadArgument,
    ChallengeRules,
    Question,
    ask,
)
from goals.projection.challenge_steps import (
    A_READING,
    BLOCK,
    Allowed,
    Choices,
    Trade,
)
from goals.projection.challenge_tree import grow
from goals.projection.challenge_walk import ChallengeOutcome, FactorAt, Walk
from goals.projection.grid import find_unit
from goals.projection.grouping import Step, fewer
from goals.projection.outcomes import read_number
from goals.projection.types import Numbers

RiskOf: TypeAlias = Literal["equity", "start"]
# Seconds for none, one, and two or more states next to equity; more are not begun.
SECONDS = (0.1, 0.19, 2.4)
MOST_SECONDS = 30.0
# Of these where that state is the days traded: those without a trade take the rest.
PART_OF_DAYS = 0.8
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
# next one is; and how many nodes high waters lie apart, also under a daily limit.
COARSEST = 6
FINER = 0.85
STRIDE = (4, 4, 3)
STRIDE_DAILY = 2
# Nodes to a unit that all steps are multiples of, but for those of lowered factors, and
# how many lie between layers; the first that there is time for is taken.
FINEST = [(parts, 1) for parts in (16, 8, 4)]
LATTICES = [
    *FINEST,
    *((parts, stride) for parts in (16, 8, 4, 2, 1) for stride in (1, 2, 4)),
]
# Laying a grid out takes as long as so many trades, by states next to equity.
LAID_IN = (25, 25, 60)
# Days are added until the value changes by no more than this, for some days on end.
SETTLED = 2.5e-4
CALM_DAYS = 3


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
    factors, and `MOST_SECONDS` in all.

    Source: as `solve_deadline_policy`; Grossman, S. J. and Zhou, Z. (1993), *Optimal
    investment strategies for controlling drawdowns*, Mathematical Finance 3.
    """
    asked = question = ask(
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
        return replace(solve(question, lay_states(question)), question=asked)

    def lay() -> tuple[States, Choices]:
        found = solve(question, lay_states(question, QUICKLY))
        return found.states, found.choices

    breach = tree.breach_probability
    passing = tree.value + stop_penalty * breach
    return ChallengePolicy(tree.value, passing, breach, None, asked, lay, tree)


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
        question=question,
        lay=lambda: (states, choices),
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
    if extra == 1 and rules.min_trading_days:
        seconds *= PART_OF_DAYS
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

    laid = max(LAID_IN[min(extra, 2)] / trades, 1.0)
    bottom, top = bounds(question)
    unit = find_unit(moves, (top - bottom) / MOST_NODES)
    if unit is not None:
        for parts, stride in LATTICES:
            if parts > 1 and rules.headroom_share is None:
                continue
            if parts > 1 and (top - bottom) * parts > unit * MOST_NODES:
                continue
            states = States(question, unit / parts, stride)
            if measure(states) * (laid if parts > 1 else 1.0) <= seconds:
                return states
    to_x = float if question.of_start else log
    start = to_x(question.equity)
    to_goal = to_x(question.goal) - start
    step = question.outcomes.typical_step(float(question.factors[-1])) / COARSEST
    widest = (top - start) or (start - bottom) or 1.0
    step = min(max(step, (top - bottom) / MOST_NODES), widest)
    daily = rules.daily_loss is not None
    stride = STRIDE_DAILY if daily else STRIDE[min(extra, 2)]
    found = None
    while True:
        # The goal lies on a node wherever it is in reach.
        step = to_goal / ceil(to_goal / step) if to_goal >= step else step
        states = States(question, step, stride)
        cost = measure(states) * laid
        if found and (cost > seconds or states.nodes > MOST_NODES):
            return found
        if cost > MOST_SECONDS or trades * states.size > MOST_CHOICES:
            raise BadArgument(
                "days",
                "leave too much to work out: fewer days, trades a day, factors, "
                "outcomes or trading days that are needed, or a nearer floor.",
            )
        found, step = states, step * FINER
