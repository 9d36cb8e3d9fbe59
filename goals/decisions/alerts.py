"""Which alerts a change causes: thresholds with hysteresis, and words. Pure.

What was alerted is remembered by the portfolio and the goal (`FloorAlerted`, a goal's
health), so that a figure that trembles at a threshold is one alert. A milestone is one
for each target. Whatever the rules find, a user has one alert for each cause.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from goals.decisions.progress import health_for
from goals.decisions.size_warnings import STALE_MARKS_HOURS
from goals.enums import AfterAchieved, AlertKind, GoalStatus, Health, Severity
from mastertrade.values import in_text
from mastertrade.values.in_text import Text, join, say, unstopped
from mastertrade.values.money import HUNDRED, PERCENT, ZERO, exactly, round_to

MILESTONES_PCT = (Decimal(25), Decimal(50), Decimal(75), HUNDRED)
# In percent of the way from the peak to a floor, or of a daily limit.
NEAR_PCT = Decimal(80)
# A threshold of the way alerts again once the value has come back by this much.
REARM_WAY_PCT = Decimal(20)
# A health alerts again once it would be better by this much: points, and a ratio.
REARM_GAP_PCT = Decimal(5)
REARM_PROBABILITY = Decimal("0.05")
REPEATS_EVERY = timedelta(days=1)
# Marks of open positions older than that are stale, as for the warnings of a size.
STALE_AFTER = timedelta(hours=STALE_MARKS_HOURS)

HEALTH_KINDS = {
    Health.LAGGING: AlertKind.HEALTH_LAGGING,
    Health.AT_RISK: AlertKind.HEALTH_AT_RISK,
    Health.UNREACHABLE: AlertKind.HEALTH_UNREACHABLE,
}
HEALTH_WORDS = {
    Health.LAGGING: "lagging",
    Health.AT_RISK: "at risk",
    Health.UNREACHABLE: "out of reach",
}
BY_BADNESS = (None, *HEALTH_KINDS)
ENDINGS = {
    GoalStatus.MISSED: AlertKind.GOAL_MISSED,
    GoalStatus.FAILED: AlertKind.GOAL_FAILED,
}
# These repeat until they are acknowledged, while their halt is in force.
REPEATED = (AlertKind.DRAWDOWN_HARD, AlertKind.DAILY_LOSS, AlertKind.HALTED)


@dataclass(frozen=True, slots=True)
class Alert:
    """What a user has to know of.

    `cause` names it for good: the same one again adds nothing. `figures` are plain JSON
    with decimals as text; names end in `_pct` (percent), or are money in `currency`.
    """

    kind: AlertKind
    cause: str
    severity: Severity
    title: str
    text: str
    figures: Mapping[str, Any]
    occurred_at: datetime
    portfolio_id: int | None = None
    goal_id: int | None = None


@dataclass(frozen=True, slots=True)
class GoalChange:
    """A goal before and after a change.

    `unit` is % or a currency. `at` is when the change took effect. `alerted` is the
    worst health alerted since it was well; `pace_gap_pct`, `probability` (a ratio) and
    `unreachable` say what it is at `known_at`, where the goal has one. `still_open`:
    what keeps a goal at its target from being achieved.
    """

    goal_id: int
    portfolio_id: int
    name: str
    portfolio: str
    unit: str
    target_value: Decimal
    current_value: Decimal
    before_pct: Decimal
    after_pct: Decimal
    status_before: GoalStatus
    status: GoalStatus
    after_achieved: AfterAchieved
    at: datetime
    known_at: datetime
    is_over: bool = False
    still_open: tuple[str, ...] = ()
    alerted: Health | None = None
    pace_gap_pct: Decimal | None = None
    probability: Decimal | None = None
    unreachable: bool = False
    reason: str = ""

    def show(self, value: Decimal) -> Text:
        if self.unit == "%":
            return in_text.percent(value)
        return in_text.amount(value, self.unit)

    @property
    def figures(self) -> dict[str, Any]:
        return {
            "portfolio": self.portfolio,
            "current_value": f"{self.current_value:f}",
            "target_value": f"{self.target_value:f}",
            "unit": self.unit,
            "progress_pct": f"{self.after_pct:f}",
        }


def find_goal_alerts(
    change: GoalChange, *, rearms: bool = True
) -> tuple[list[Alert], Health | None]:
    """The alerts of a goal's change, and the health that counts as alerted from now on.

    `rearms` False: the change is none of the present (a ledger was rebuilt), and lets
    nothing alert again.
    """
    alerts = [*_milestones(change), *_ending(change)]
    alerted = change.alerted
    if change.status is GoalStatus.ACTIVE and change.pace_gap_pct is not None:
        alerted = latch_health(
            change.alerted,
            change.pace_gap_pct,
            change.probability,
            unreachable=change.unreachable,
            rearms=rearms,
        )
        if BY_BADNESS.index(alerted) > BY_BADNESS.index(change.alerted):
            assert alerted is not None
            alerts.append(_health(change, alerted))
    return alerts, alerted


def latch_health(
    alerted: Health | None,
    pace_gap_pct: Decimal,
    probability: Decimal | None,
    *,
    unreachable: bool,
    rearms: bool = True,
) -> Health | None:
    """The worst health that counts as alerted after these figures.

    Worse than before: that is an alert. It falls only where the health would be better
    with 5 points of the gap, and 5 % of probability, less; from unreachable only once
    the goal is not at risk either.
    """
    now = _bad(health_for(pace_gap_pct, probability, unreachable=unreachable))
    if BY_BADNESS.index(now) >= BY_BADNESS.index(alerted) or not rearms:
        return max(now, alerted, key=BY_BADNESS.index)
    less_likely = None if probability is None else probability - REARM_PROBABILITY
    held = _bad(health_for(pace_gap_pct - REARM_GAP_PCT, less_likely))
    if alerted is Health.UNREACHABLE and held is Health.AT_RISK:
        return alerted
    return min(alerted, held, key=BY_BADNESS.index)


def _bad(health: Health) -> Health | None:
    return health if health in HEALTH_KINDS else None


def _milestones(change: GoalChange) -> Iterator[Alert]:
    """One for each target: a goal whose target was changed passes them once more."""
    if change.status is GoalStatus.CANCELLED:
        return
    for milestone in MILESTONES_PCT:
        if not change.before_pct < milestone <= change.after_pct:
            continue
        if change.is_over and milestone < HUNDRED:
            continue
        yield Alert(
            kind=AlertKind.MILESTONE,
            cause=f"goal:{change.goal_id}:milestone:{milestone}"
            f":of:{change.target_value.normalize():f}",
            severity=Severity.INFO,
            title=_milestone_title(change, milestone),
            text=_milestone_text(change),
            figures={
                **change.figures,
                "milestone_pct": f"{milestone:f}",
                "status": str(change.status),
                "after_achieved": str(change.after_achieved),
            },
            occurred_at=change.at,
            portfolio_id=change.portfolio_id,
            goal_id=change.goal_id,
        )


def _milestone_title(change: GoalChange, milestone: Decimal) -> Text:
    if milestone < HUNDRED:
        return say("{}: {} % of the way", change.name, milestone)
    if change.still_open:
        return say("{}: target shown, a condition is open", change.name)
    return say("{}: target reached", change.name)


def _milestone_text(change: GoalChange) -> Text:
    still_open = "; ".join(change.still_open)
    return say(
        "The goal is at {} of {}: {} of the way, from {}.{}",
        change.show(change.current_value),
        change.show(change.target_value),
        in_text.percent(change.after_pct),
        in_text.percent(change.before_pct),
        f" Still open: {still_open}." if still_open else "",
    )


def _ending(change: GoalChange) -> Iterator[Alert]:
    kind = ENDINGS.get(change.status)
    if kind is None or change.status is change.status_before:
        return
    is_missed = kind is AlertKind.GOAL_MISSED
    how = "Its period ended" if is_missed else "A limit failed it"
    yield Alert(
        kind=kind,
        cause=f"goal:{change.goal_id}:{change.status}",
        severity=Severity.WARNING,
        title=say("{}: {}", change.name, change.status),
        text=say(
            "{} at {} of the way: {} of {}.{}",
            how,
            in_text.percent(change.after_pct, HUNDRED),
            change.show(change.current_value),
            change.show(change.target_value),
            say(" {}.", unstopped(change.reason)) if change.reason else "",
        ),
        figures=change.figures,
        occurred_at=change.at,
        portfolio_id=change.portfolio_id,
        goal_id=change.goal_id,
    )


def _health(change: GoalChange, health: Health) -> Alert:
    gap = change.pace_gap_pct or ZERO
    why = [say("{} percentage points against the pace", in_text.decimals(gap))]
    if change.probability is not None:
        chance = in_text.ratio(change.probability)
        why.append(say("probability to reach it {}", chance))
    return Alert(
        kind=HEALTH_KINDS[health],
        cause=f"goal:{change.goal_id}:health:{health}:{change.at.isoformat()}",
        severity=Severity.WARNING,
        title=say("{}: {}", change.name, HEALTH_WORDS[health]),
        text=say(
            "The goal is at {} of the way, {}.",
            in_text.percent(change.after_pct),
            join(", ", why),
        ),
        figures={
            **change.figures,
            "health": str(health),
            "pace_gap_pct": f"{gap:f}",
            "probability": None
            if change.probability is None
            else f"{change.probability:f}",
        },
        occurred_at=change.known_at,
        portfolio_id=change.portfolio_id,
        goal_id=change.goal_id,
    )


@dataclass(frozen=True, slots=True)
class FloorAlerted:
    """What a portfolio has alerted and not come back from: since when.

    `day` is what the trading day was measured from when its limit was nearly used up.
    """

    soft: datetime | None = None
    near: datetime | None = None
    day: datetime | None = None


@dataclass(frozen=True, slots=True)
class FloorWay:
    """Where a portfolio is on its way to its floors.

    Percent of the way from the peak to the soft and to the hard floor; money for the
    words. `day_used_pct` is the share of the daily limit that is used up, of the day
    measured from `day_since`; None without such a limit.
    """

    portfolio_id: int
    portfolio: str
    currency: str
    at: datetime
    to_soft_pct: Decimal
    to_hard_pct: Decimal
    equity: Decimal
    soft_equity: Decimal
    hard_equity: Decimal
    day_since: datetime | None = None
    day_used_pct: Decimal | None = None


@exactly
def measure_way_pct(peak: Decimal, floor: Decimal, value: Decimal) -> Decimal:
    """Percent of the way from the peak to the floor, 100 at or below the floor."""
    if value <= floor:
        return HUNDRED
    if value >= peak:
        return ZERO
    return round_to((peak - value) / (peak - floor) * HUNDRED, PERCENT)


def is_latched(
    was: bool, way_pct: Decimal, alerts_at: Decimal, *, rearms: bool = True
) -> bool:
    """Whether a threshold of the way counts as alerted."""
    if way_pct >= alerts_at:
        return True
    return was and (not rearms or way_pct > alerts_at - REARM_WAY_PCT)


def find_floor_alerts(
    way: FloorWay, alerted: FloorAlerted, *, rearms: bool = True
) -> tuple[list[Alert], FloorAlerted]:
    """The alerts on the way to a floor, and what counts as alerted from now on."""
    alerts = []
    soft, near = alerted.soft, alerted.near
    if not is_latched(soft is not None, way.to_soft_pct, HUNDRED, rearms=rearms):
        soft = None
    elif soft is None:
        soft = way.at
        alerts.append(_soft(way))
    if not is_latched(near is not None, way.to_hard_pct, NEAR_PCT, rearms=rearms):
        near = None
    elif near is None:
        near = way.at
        alerts.append(_near(way))
    found = replace(alerted, soft=soft, near=near)
    used = way.day_used_pct
    if used is not None and used >= NEAR_PCT and alerted.day != way.day_since:
        found = replace(found, day=way.day_since)
        alerts.append(_near_daily_limit(way))
    return alerts, found


def _soft(way: FloorWay) -> Alert:
    return _of_floor(
        way,
        AlertKind.DRAWDOWN_SOFT,
        f"portfolio:{way.portfolio_id}:soft:{way.at.isoformat()}",
        f"Portfolio {way.portfolio}: soft drawdown",
        say(
            "Its equity of {} is at or below the soft floor of {}.",
            _money(way, way.equity),
            _money(way, way.soft_equity),
        ),
        {},
    )


def _near(way: FloorWay) -> Alert:
    return _of_floor(
        way,
        AlertKind.FLOOR_NEAR,
        f"portfolio:{way.portfolio_id}:near:{way.at.isoformat()}",
        f"Portfolio {way.portfolio}: near its floor",
        say(
            "Its equity of {} has gone {} of the way from its peak to the floor of {}, "
            "where trading is halted.",
            _money(way, way.equity),
            in_text.percent(way.to_hard_pct, NEAR_PCT),
            _money(way, way.hard_equity),
        ),
        {"used_pct": f"{way.to_hard_pct:f}"},
    )


def _near_daily_limit(way: FloorWay) -> Alert:
    used = way.day_used_pct or ZERO
    since = (way.day_since or way.at).isoformat()
    return _of_floor(
        way,
        AlertKind.DAILY_LIMIT_NEAR,
        f"portfolio:{way.portfolio_id}:daily_limit:{since}",
        f"Portfolio {way.portfolio}: daily loss limit nearly used up",
        say(
            "The day's loss has used {} of the daily loss limit; equity is {}.",
            in_text.percent(used, NEAR_PCT),
            _money(way, way.equity),
        ),
        {"used_pct": f"{used:f}", "day_since": since},
    )


def _of_floor(
    way: FloorWay,
    kind: AlertKind,
    cause: str,
    title: str,
    text: str,
    figures: Mapping[str, Any],
) -> Alert:
    return Alert(
        kind=kind,
        cause=cause,
        severity=Severity.WARNING,
        title=title,
        text=text,
        figures={
            "portfolio": way.portfolio,
            "currency": way.currency,
            "equity": f"{way.equity:f}",
            "soft_floor": f"{way.soft_equity:f}",
            "hard_floor": f"{way.hard_equity:f}",
            **figures,
        },
        occurred_at=way.at,
        portfolio_id=way.portfolio_id,
    )


def _money(way: FloorWay, value: Decimal) -> Text:
    return in_text.amount(value, way.currency)


def repetition_due(
    created_at: datetime, repeated_on: date | None, now: datetime
) -> date | None:
    """The day of the repetition that is due; None where none is.

    One for every whole 24 hours since the alert, however late it is asked: what was
    slept through is not made up for.
    """
    whole = (now - created_at) // REPEATS_EVERY
    if whole < 1:
        return None
    day = (created_at + whole * REPEATS_EVERY).date()
    return None if repeated_on is not None and day <= repeated_on else day
