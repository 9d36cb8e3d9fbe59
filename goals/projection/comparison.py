"""What each policy makes of the same luck, with and without the edge guard. Pure.

Simulated walks of one goal over a number of trades, all policies on the same draws. A
walk goes on after the goal is reached, by `after_achieved`, and halts at the stop; of
the guards only the one for the edge takes part. Where a policy looks at nothing but
progress and time left, the chance to reach the goal is worked out by induction too.

`pace` and `deadline_optimal` are told the true distribution; a live portfolio knows
only an estimate of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from goals.decisions.policies import (
    AFTER_ACHIEVED_FACTORS,
    DEFAULT_MAX_FACTOR,
    DEFAULT_MIN_FACTOR,
    HIGHEST_FACTOR,
    LOWEST_FACTOR,
    PolicyName,
)
from goals.enums import AfterAchieved, EdgeGuard
from goals.projection.comparison_policies import make_policies
from goals.projection.deadline import check_question
from goals.projection.edge_guard import TOLERANCE, Records, guard_factors
from goals.projection.evaluate import PolicyFunction, evaluate_policy
from goals.projection.outcomes import Outcomes
from goals.projection.types import Floats, Indices
from mastertrade.values.exceptions import InvalidInput

# A fall below the highest equity so far that counts as deep (ratio).
DEEP_FALL = 0.10
LOW_QUANTILE_PCT = 5
# The error of a probability is 0.1 points then; the walks take 100 MB.
MOST_PATHS = 1_000_000
# Paths times trades: about 20 minutes of one core.
MOST_STEPS = 200_000_000
MOST_RECORD = 1_000_000
# Of more trades the induction takes several at once: one by one they are 2.6 GB.
MOST_INDUCED = 1_000
# Walks at a time, and draws at a time where there are many trades.
CHUNK = 1 << 14
CHUNK_DRAWS = 1 << 22

Progress = Callable[[int], None]


class GuardKind(StrEnum):
    """How the edge guard knows what it knows.

    `growing`: from a record that begins with some trades and grows with the walk, as it
    does live. `fixed`: it has decided once, before the first trade.
    """

    GROWING = "growing"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class StartingRecord:
    """The closed trades that the edge guard has seen before the first one.

    `growths` are theirs, of shape (trades,). None: every walk has a past of its own,
    drawn from the same distribution.
    """

    trades: int = 0
    growths: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One goal on one distribution of outcomes; ratios, and factors as multipliers.

    `speaks_for_edge` is what a fixed guard has decided: whether a factor above 1 may
    pass.
    """

    outcomes: Outcomes
    trades: int
    goal_return: float
    stop_loss: float | None = 0.2
    min_factor: float = float(DEFAULT_MIN_FACTOR)
    max_factor: float = float(DEFAULT_MAX_FACTOR)
    after_achieved: AfterAchieved = AfterAchieved.PROTECT
    guard: GuardKind = GuardKind.GROWING
    edge_guard: EdgeGuard = EdgeGuard.BENEFIT_OF_DOUBT
    record: StartingRecord = StartingRecord()
    speaks_for_edge: bool = False

    @property
    def mean_growth(self) -> float:
        """The true mean growth of a trade at factor 1."""
        chances = self.outcomes
        return chances.base_risk * float(chances.values @ chances.probabilities)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one policy. Ratios; ends in units of the equity at the start.

    `probability` and `stop_probability` are shares of the walks; `exact` is the former
    by induction, None where the guard's record makes that impossible. `held_share` are
    the trades before the goal at which the guard lowered the factor.
    """

    policy: PolicyName
    guarded: bool
    probability: float
    exact: float | None
    stop_probability: float
    mean_end: float
    low_end: float
    deep_fall_probability: float
    held_share: float


def compare(
    question: Question, *, paths: int, seed: int, progress: Progress | None = None
) -> tuple[Result, ...]:
    """Every policy without and with the guard; the same seed gives the same figures.

    `progress` is told how many walks were made since it was last told; there are
    `paths` for each policy, without and with the guard.
    """
    _check(question, paths, seed)
    policies = make_policies(question)
    variants = [(name, guarded) for name in policies for guarded in (False, True)]
    found: dict[tuple[PolicyName, bool], list[_Part]] = {one: [] for one in variants}
    for draws in _draw_all(question, paths, seed):
        for name, guarded in variants:
            part = _walk(question, policies[name], draws, guarded=guarded)
            found[name, guarded].append(part)
            if progress is not None:
                progress(part.ends.size)
    return tuple(
        _summarise(name, guarded, parts, _induce(question, policies[name], guarded))
        for (name, guarded), parts in found.items()
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Draws:
    """Luck for some walks: `growths` (trades, walks) at factor 1, and their pasts.

    The sums of `pasts` have shape (walks,), or (1,) where all have the same past.
    """

    growths: Floats
    pasts: Records


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    reached: int
    stopped: int
    fallen: int
    ends: Floats
    held: int
    asked: int


def _draw_all(question: Question, paths: int, seed: int) -> Iterator[_Draws]:
    """The same walks whatever their record: the two are drawn apart."""
    walks, pasts = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    trades, chances = question.trades, question.outcomes
    growths = chances.base_risk * chances.values
    edges = np.cumsum(chances.probabilities)[:-1]
    chunk = max(min(CHUNK, CHUNK_DRAWS // max(trades, 1)), 1)
    for done in range(0, paths, chunk):
        count = min(chunk, paths - done)
        drawn: Indices = np.searchsorted(edges, walks.random((trades, count)), "right")
        yield _Draws(growths[drawn], _draw_past(question, growths, count, pasts))


def _draw_past(
    question: Question, growths: Floats, count: int, generator: np.random.Generator
) -> Records:
    record = question.record
    if record.growths is not None:
        return Records.of(record.growths[:, None])
    chances = question.outcomes.probabilities / question.outcomes.probabilities.sum()
    counts = generator.multinomial(record.trades, chances, size=count)
    return Records(
        trades=record.trades,
        total=counts @ growths,
        squares=counts @ growths**2,
        cubes=counts @ growths**3,
        losses=(counts @ (growths < 0)).astype(np.float64),
        worst=np.where(counts > 0, growths, np.inf).min(axis=1),
    )


def _walk(
    question: Question, choose: PolicyFunction, draws: _Draws, *, guarded: bool
) -> _Part:
    record = draws.pasts
    count = draws.growths.shape[1]
    equity, peak, fall = np.ones(count), np.ones(count), np.zeros(count)
    reached, halted = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    after = float(AFTER_ACHIEVED_FACTORS[question.after_achieved])
    after = min(after, question.max_factor)
    goal = (1 + question.goal_return) * (1 - TOLERANCE)
    stop = 1 - (question.stop_loss or 1.0)
    held = asked = 0
    for step, growth in enumerate(draws.growths):
        wanted = choose(question.trades - step, np.maximum(equity, TOLERANCE))
        factors = wanted
        if guarded:
            factors = _guard(question, wanted, record)
        open_ = ~(reached | halted)
        held += int(((factors < wanted) & open_).sum())
        asked += int(open_.sum())
        factors = np.where(reached, after, factors)
        factors[halted] = 0.0
        equity = np.maximum(equity * (1 + factors * growth), 0.0)
        np.maximum(peak, equity, out=peak)
        np.maximum(fall, 1 - equity / peak, out=fall)
        reached |= equity >= goal
        halted |= equity <= stop + TOLERANCE
        if guarded:
            record = record.after(growth)
    fallen = int((fall > DEEP_FALL + TOLERANCE).sum())
    return _Part(int(reached.sum()), int(halted.sum()), fallen, equity, held, asked)


def _guard(question: Question, factors: Floats, record: Records) -> Floats:
    if question.guard is GuardKind.FIXED:
        return factors if question.speaks_for_edge else np.minimum(factors, 1.0)
    return guard_factors(factors, record, question.edge_guard)


def _summarise(
    policy: PolicyName, guarded: bool, parts: list[_Part], exact: float | None
) -> Result:
    ends = np.concatenate([part.ends for part in parts])
    asked = sum(part.asked for part in parts)
    return Result(
        policy=policy,
        guarded=guarded,
        probability=sum(part.reached for part in parts) / ends.size,
        exact=exact,
        stop_probability=sum(part.stopped for part in parts) / ends.size,
        mean_end=float(ends.mean()),
        low_end=float(np.percentile(ends, LOW_QUANTILE_PCT)),
        deep_fall_probability=sum(part.fallen for part in parts) / ends.size,
        held_share=sum(part.held for part in parts) / max(asked, 1),
    )


def _induce(question: Question, choose: PolicyFunction, guarded: bool) -> float | None:
    """P(reach) by induction; None where it takes more than progress and time left."""
    if guarded and question.guard is GuardKind.GROWING:
        return None
    is_capped = guarded and not question.speaks_for_edge

    def asked(left: int, equity: Floats) -> Floats:
        factors = choose(left, equity)
        return np.minimum(factors, 1.0) if is_capped else factors

    chances = question.outcomes
    return evaluate_policy(
        asked,
        list(chances.values),
        list(chances.probabilities),
        chances.base_risk,
        question.trades,
        question.goal_return,
        question.stop_loss,
        grouped=question.trades > MOST_INDUCED,
    ).probability


def _check(question: Question, paths: int, seed: int) -> None:
    """`InvalidInput` names what makes no sense."""
    check_question(question.trades, question.goal_return, question.stop_loss, 0.0, 1.0)
    if question.trades < 1:
        raise InvalidInput("trades", "must be at least 1.")
    if not 1 <= paths <= MOST_PATHS:
        raise InvalidInput("paths", f"must be from 1 to {MOST_PATHS:,}.")
    if paths * question.trades > MOST_STEPS:
        most = MOST_STEPS // question.trades
        raise InvalidInput("paths", f"must be {most:,} or fewer with so many trades.")
    if seed < 0:
        raise InvalidInput("seed", "must not be negative.")
    if not 0 <= question.record.trades <= MOST_RECORD:
        raise InvalidInput("record", f"must be from 0 to {MOST_RECORD:,} trades.")
    lowest, highest = float(LOWEST_FACTOR), float(HIGHEST_FACTOR)
    bounds = (("min_factor", question.min_factor), ("max_factor", question.max_factor))
    for name, factor in bounds:
        if not lowest <= factor <= highest:
            raise InvalidInput(name, f"must be from {lowest:g} to {highest:g}.")
    if question.min_factor > question.max_factor:
        raise InvalidInput("min_factor", "must not be above max_factor.")
