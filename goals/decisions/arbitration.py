"""Several goals, one decision: which goal's factor decides, and what they limit. Pure.

The factor comes from the highest priority, then the nearest deadline, then the
lowest key. Limits come from all goals, the tightest one winning.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from goals.decisions.policies import (
    AFTER_ACHIEVED_FACTORS,
    PACE_VERSION,
    TABLES,
    pace_factor,
)
from goals.decisions.progress import band_for, describe_band, show_progress
from goals.decisions.trade_record import FEWEST_TRADES
from goals.enums import AfterAchieved, PolicyName, ProgressBand
from mastertrade.values import in_text
from mastertrade.values.money import format_plain, round_to

# There is nothing to catch up with; so nothing is traded larger for it.
FROZEN_FACTOR = Decimal(1)


@dataclass(frozen=True, slots=True)
class SolvedFactor:
    """What a solved table answers: the factor, and the probability it comes with.

    `table` is the hash of all the table was solved from.
    """

    factor: Decimal
    probability: Decimal
    table: str
    version: str


@dataclass(frozen=True, slots=True)
class GoalState:
    """What a sizing decision knows of one goal.

    `achieved`: the goal has been achieved, now or before. `deadline` is the end of
    its period, None without one. `priority` 1 is the highest. A goal that is not
    `reachable` whatever is traded (its run of units ended in ruin) asks for 1; so does
    one that is `unreachable`, for the reason that says.

    `trades_left` until the deadline, `need` the log-growth each of them must still
    bring, `edge` the shrunk mean growth per trade (ratios), `equity` today's in units
    of that at the goal's start, `solved` for `deadline_optimal` alone: None where they
    are not known, and a policy that needs them is then the ladder. `postponed`: what
    costs work was not done for it in this call, as it does not decide.
    """

    goal_id: int
    progress_pct: Decimal
    achieved: bool
    priority: int
    deadline: datetime | None
    policy: PolicyName
    min_factor: Decimal
    max_factor: Decimal
    after_achieved: AfterAchieved
    time_left_ratio: Decimal = Decimal(1)
    reachable: bool = True
    need: Decimal | None = None
    edge: Decimal | None = None
    trades_left: Decimal | None = None
    equity: Decimal | None = None
    solved: SolvedFactor | None = None
    unreachable: str | None = None
    postponed: bool = False

    @property
    def band(self) -> ProgressBand:
        return band_for(self.progress_pct)

    @property
    def stops_trading(self) -> bool:
        return self.achieved and self.after_achieved is AfterAchieved.STOP


@dataclass(frozen=True, slots=True)
class GoalFactor:
    """A goal's own factor: what its policy gives, then inside its own bounds."""

    goal_id: int
    band: ProgressBand
    policy: PolicyName
    policy_version: str
    policy_factor: Decimal
    floored_factor: Decimal  # not below min_factor
    factor: Decimal  # nor above max_factor
    reason: str


@dataclass(frozen=True, slots=True)
class Arbitration:
    """Which goal decides, every goal's own factor, and whether they disagree.

    There is a conflict when one goal wants to trade larger than the base size and
    another one smaller.
    """

    decider: GoalState
    factors: tuple[GoalFactor, ...]
    conflict: bool
    reason: str

    @property
    def deciding_factor(self) -> GoalFactor:
        return next(f for f in self.factors if f.goal_id == self.decider.goal_id)


def arbitrate(goals: tuple[GoalState, ...]) -> Arbitration:
    """Pick the goal that decides; `goals` must not be empty."""
    ordered = sorted(goals, key=rank)
    decider = ordered[0]
    factors = tuple(measure_goal_factor(goal) for goal in ordered)
    conflict = any(f.factor > 1 for f in factors) and any(f.factor < 1 for f in factors)
    return Arbitration(decider, factors, conflict, _explain(ordered, factors, conflict))


def measure_goal_factor(goal: GoalState) -> GoalFactor:
    """The goal's policy, or what it wants after it is achieved, inside its bounds.

    `min_factor` lifts a policy's factor only: protecting an achieved goal and freezing
    one that cannot be reached are limits, and a limit is never lifted.
    """
    version, factor, reason = _ask_policy(goal)
    is_frozen = not goal.reachable or goal.unreachable is not None
    limited = goal.achieved or is_frozen
    low = Decimal(0) if limited else goal.min_factor
    floored = max(factor, low)
    if floored > factor:
        reason += f", lifted to its min_factor {format_plain(floored)}"
    return GoalFactor(
        goal_id=goal.goal_id,
        band=goal.band,
        policy=goal.policy,
        policy_version=version,
        policy_factor=factor,
        floored_factor=floored,
        factor=min(floored, goal.max_factor),
        reason=reason,
    )


def _ask_policy(goal: GoalState) -> tuple[str, Decimal, str]:
    progress = show_progress(goal.progress_pct)
    if goal.achieved:
        factor = AFTER_ACHIEVED_FACTORS[goal.after_achieved]
        words = f"goal {goal.goal_id} is achieved (progress {progress})"
        gives = f"{goal.after_achieved} gives {format_plain(factor)}"
        return f"after-achieved-{goal.after_achieved}", factor, f"{words}: {gives}"
    why_not = goal.unreachable or (
        None if goal.reachable else "its units are worth nothing"
    )
    if why_not is not None:
        words = f"goal {goal.goal_id} can no longer be reached (progress {progress}"
        frozen = f"its factor is frozen at {format_plain(FROZEN_FACTOR)}"
        return "unreachable", FROZEN_FACTOR, f"{words}: {why_not}): {frozen}"
    version, factor, gives = _ask_own_policy(goal)
    words = (
        f"goal {goal.goal_id} is {goal.band.replace('_', ' ')} at {progress} "
        f"({describe_band(goal.band)})"
    )
    return version, factor, f"{words}: {gives}"


def _ask_own_policy(goal: GoalState) -> tuple[str, Decimal, str]:
    """The policy's version, its factor and what it goes by in words."""
    if goal.policy is PolicyName.PACE:
        if goal.need is not None and goal.edge is not None:
            return _ask_pace(goal, goal.need, goal.edge)
    elif goal.policy is PolicyName.DEADLINE_OPTIMAL:
        if goal.solved is not None:
            return _ask_solved(goal, goal.solved)
    else:
        return _ask_table(goal, goal.policy)
    version, factor, gives = _ask_table(goal, PolicyName.LADDER)
    return version, factor, f"the {goal.policy} policy {_say_lack(goal)}: {gives}"


def _ask_table(goal: GoalState, policy: PolicyName) -> tuple[str, Decimal, str]:
    table = TABLES[policy]
    factor = table.factor(goal.progress_pct, goal.time_left_ratio)
    return table.version, factor, f"the {policy} policy gives {format_plain(factor)}"


def _ask_pace(
    goal: GoalState, need: Decimal, edge: Decimal
) -> tuple[str, Decimal, str]:
    factor = pace_factor(
        goal.progress_pct,
        need,
        edge,
        min_factor=goal.min_factor,
        max_factor=goal.max_factor,
    )
    gives = (
        f"the {goal.policy} policy gives {format_plain(factor)} (required "
        f"growth {in_text.ratio(need)} and edge {in_text.ratio(edge)} per trade, "
        f"{_say_trades(goal)})"
    )
    return PACE_VERSION, factor, gives


def _ask_solved(goal: GoalState, solved: SolvedFactor) -> tuple[str, Decimal, str]:
    gives = (
        f"the {goal.policy} policy gives {format_plain(solved.factor)} (P "
        f"{in_text.ratio(solved.probability)} to touch the goal, "
    )
    if goal.need is not None and goal.edge is not None:
        gives += (
            f"required growth {in_text.ratio(goal.need)} and edge "
            f"{in_text.ratio(goal.edge)} per trade, "
        )
    return solved.version, solved.factor, f"{gives}{_say_trades(goal)})"


def _say_lack(goal: GoalState) -> str:
    """Why there is nothing to go by but the ladder."""
    if goal.deadline is None:
        return "needs a deadline; without one the ladder decides"
    if goal.edge is None:
        return f"needs {FEWEST_TRADES} closed trades; until then the ladder decides"
    if goal.postponed:
        return "is not solved here, as the goal does not decide: the ladder is used"
    return "lacks its inputs, so the ladder decides"


def _say_trades(goal: GoalState) -> str:
    left = goal.trades_left or Decimal(0)
    return f"{format_plain(round_to(left, (12, 1)))} trades left"


def rank(goal: GoalState) -> tuple[int, bool, float, int]:
    """Who decides: the lowest first."""
    # A deadline's order only; no figure is computed from this float.
    seconds = goal.deadline.timestamp() if goal.deadline else 0.0
    return goal.priority, goal.deadline is None, seconds, goal.goal_id


def _explain(
    ordered: list[GoalState], factors: tuple[GoalFactor, ...], conflict: bool
) -> str:
    if len(ordered) == 1:
        return factors[0].reason
    winner, runner_up = ordered[0], ordered[1]
    if winner.priority != runner_up.priority:
        why = f"it has the highest priority ({winner.priority})"
    elif winner.deadline != runner_up.deadline:
        why = "it has the nearest deadline among equal priorities"
    else:
        why = "it has the lowest key among equals"
    listed = ", ".join(f"{f.goal_id} wants {format_plain(f.factor)}" for f in factors)
    tension = "they pull in different directions" if conflict else "no conflict"
    return (
        f"{factors[0].reason}; goal {winner.goal_id} decides among {len(ordered)} "
        f"because {why} (goal {listed}: {tension})"
    )
