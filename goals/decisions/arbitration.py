"""Several goals, one decision: which goal's factor decides, and what they limit. Pure.

The factor comes from the highest priority, then the nearest deadline, then the
lowest key. Limits come from all goals, the tightest one winning.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from goals.decisions.policies import (
    AFTER_ACHIEVED_FACTORS,
    FALLBACK,
    PolicyName,
    ladder,
)
from goals.decisions.policies.base import PolicyAnswer, PolicyInputs
from goals.decisions.progress import band_for, describe_band, show_progress
from goals.decisions.trade_record import FEWEST_TRADES
from goals.enums import AfterAchieved, ProgressBand
from mastertrade.values import in_text
from mastertrade.values.in_text import Text, exact, join, say, setting

# There is nothing to catch up with; so nothing is traded larger for it.
FROZEN_FACTOR = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalState(PolicyInputs):
    """What a sizing decision knows of one goal, next to what its policy looks at.

    `achieved`: the goal has been achieved, now or before. `deadline` is the end of
    its period, None without one. `priority` 1 is the highest. A goal that is not
    `reachable` whatever is traded (its run of units ended in ruin) asks for 1; so does
    one that is `unreachable`, for the reason that says. Where what its policy needs is
    not known, the policy is the ladder. `postponed`: what costs work was not done for
    it in this call, as it does not decide. `stop_penalty` is what a breach counts where
    the policy looks at it, else None. `still_open`: the conditions, in words, that
    keep a goal at its target from being achieved.
    """

    goal_id: int
    achieved: bool
    priority: int
    deadline: datetime | None
    policy: PolicyName
    after_achieved: AfterAchieved
    reachable: bool = True
    unreachable: str | None = None
    postponed: bool = False
    still_open: tuple[str, ...] = ()
    stop_penalty: Decimal | None = None

    @property
    def band(self) -> ProgressBand:
        return band_for(self.progress_pct)

    @property
    def is_frozen(self) -> bool:
        return not self.reachable or self.unreachable is not None

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


@dataclass(frozen=True, slots=True)
class Arbitration:
    """Which goal decides, every goal's own factor, and whether they disagree.

    There is a conflict when one goal wants to trade larger than the base size and
    another one smaller.
    """

    decider: GoalState
    factors: tuple[GoalFactor, ...]
    conflict: bool
    reason: Text

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
    version, factor = _ask_policy(goal)
    limited = goal.achieved or goal.is_frozen
    floored = max(factor, Decimal(0) if limited else goal.min_factor)
    return GoalFactor(
        goal_id=goal.goal_id,
        band=goal.band,
        policy=goal.policy,
        policy_version=version,
        policy_factor=factor,
        floored_factor=floored,
        factor=min(floored, goal.max_factor),
    )


def _ask_policy(goal: GoalState) -> tuple[str, Decimal]:
    """The version of what answers, and its factor."""
    if goal.achieved:
        factor = AFTER_ACHIEVED_FACTORS[goal.after_achieved]
        return f"after-achieved-{goal.after_achieved}", factor
    if goal.is_frozen:
        return "unreachable", FROZEN_FACTOR
    _, answer = _ask_own_policy(goal, goal.policy)
    return answer.version, answer.factor


def _ask_own_policy(
    goal: GoalState, policy: PolicyName
) -> tuple[PolicyName, PolicyAnswer]:
    answer = policy.rule.ask(goal)
    return _ask_own_policy(goal, FALLBACK) if answer is None else (policy, answer)


def say_factor(goal: GoalState) -> Text:
    """What the goal's own factor goes by, in words."""
    own, which = measure_goal_factor(goal), in_text.goal(goal.goal_id)
    progress, gives = show_progress(goal.progress_pct), exact(own.policy_factor)
    if goal.achieved:
        after = say("{} gives {}", goal.after_achieved, gives)
        words = say("{} is reached (now {} of the way): {}", which, progress, after)
    elif goal.is_frozen:
        why_not = goal.unreachable or "its units are worth nothing"
        way = say("now {} of the way: {}", progress, why_not)
        frozen = "{} can no longer be reached ({}): its factor is frozen at {}"
        words = say(frozen, which, way, gives)
    elif goal.still_open:
        lacks, policy = " and ".join(goal.still_open), _say_policy(goal)
        at_target = "{} is at its target ({}), not reached yet: {}; {}"
        words = say(at_target, which, progress, lacks, policy)
    else:
        # The band is the ladder's.
        is_ladder = own.policy_version == ladder.TABLE.version
        band = f" ({describe_band(goal.band)})" if is_ladder else ""
        way = say("{} is at {} of the way{}", which, progress, band)
        words = join(": ", (way, _say_policy(goal)))
    if own.floored_factor == own.policy_factor:
        return words
    lowest = setting("min_factor", own.floored_factor)
    return say("{}, lifted to its {}", words, lowest)


def _say_policy(goal: GoalState) -> Text:
    policy, answer = _ask_own_policy(goal, goal.policy)
    rule = "the {} policy gives {}{}"
    words = say(rule, in_text.name(policy), exact(answer.factor), answer.why)
    if policy is goal.policy:
        return words
    lack = say("the {} policy {}", in_text.name(goal.policy), _say_lack(goal))
    return join(": ", (lack, words))


def _say_lack(goal: GoalState) -> str:
    """Why there is nothing to go by but the ladder."""
    if goal.deadline is None:
        return "needs a deadline; without one the ladder decides"
    if goal.edge is None:
        return f"needs {FEWEST_TRADES} closed trades; until then the ladder decides"
    if goal.postponed:
        return "is not solved here, as the goal does not decide: the ladder is used"
    return "lacks its inputs, so the ladder decides"


def rank(goal: GoalState) -> tuple[int, bool, float, int]:
    """Who decides: the lowest first."""
    # A deadline's order only; no figure is computed from this float.
    seconds = goal.deadline.timestamp() if goal.deadline else 0.0
    return goal.priority, goal.deadline is None, seconds, goal.goal_id


def _explain(
    ordered: list[GoalState], factors: tuple[GoalFactor, ...], conflict: bool
) -> Text:
    if len(ordered) == 1:
        return say_factor(ordered[0])
    winner, runner_up = ordered[0], ordered[1]
    if winner.priority != runner_up.priority:
        why = f"it has the highest priority ({winner.priority})"
    elif winner.deadline != runner_up.deadline:
        why = "it has the nearest deadline among equal priorities"
    else:
        why = "it has the lowest key among equals"
    wants = [
        part
        for one in factors
        for part in (in_text.goal(one.goal_id), exact(one.factor))
    ]
    listed = say(", ".join(["{} wants {}"] * len(factors)), *wants)
    tension = "they pull in different directions" if conflict else "no conflict"
    return say(
        "{}; {} decides among {} because {} ({}: {})",
        say_factor(winner),
        in_text.goal(winner.goal_id),
        len(ordered),
        why,
        listed,
        tension,
    )
