"""What is done once a day: named steps, in order, each of which may be done again.

Each step does what is left to do. So a run that was killed is completed by the next
one, and two runs at once, or on the same day, do nothing twice. `run_daily` does them
one after the other; the jobs of `trades.jobs.daily` do those of portfolios in blocks.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from goals.decisions.alert_events import daily_run_failed
from goals.services.alerts import alert_operators
from goals.services.policy_tables import forget_tables
from goals.services.rollover import find_rollable, roll_portfolios
from goals.services.sign_ins import forget_sessions
from goals.services.snapshots import find_unwritten, snapshot_goals
from trades.sizing_calls.catch_up import catch_up, find_stale
from trades.sizing_calls.kept_forecasts import (
    WANTED_FOR,
    find_wanted,
    forget_forecasts,
    renew_forecasts,
)
from trades.sizing_calls.stored_chances import find_projectable, refresh_projections

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
# A record grows with each trade, and asks for another table.
TABLES_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Done:
    """What a step did, in words, and what failed in it while the rest was done."""

    words: str
    failures: tuple[str, ...] = ()


# Of live portfolios: those with these keys, or all.
Keys = Sequence[int] | None


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    work: Callable[[datetime, Keys], Done]


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """A step that was run, and how long it took."""

    step: Step
    done: Done
    seconds: float


def roll(as_of: datetime, keys: Keys) -> Done:
    """End the periods that are over, open the next ones."""
    rolled = roll_portfolios(as_of=as_of, keys=keys)
    words = f"{count(rolled.ended, 'period')} ended, {len(rolled.opened)} opened"
    return Done(words, tuple(describe(failure) for failure in rolled.failures))


def take_snapshots(as_of: datetime, keys: Keys) -> Done:
    """One history row a running goal, unless it has a snapshot of this local day."""
    written = snapshot_goals(as_of=as_of, keys=keys, once_a_day=True)
    return Done(f"{count(written, 'goal')} written down")


def catch_up_records(as_of: datetime, keys: Keys) -> Done:
    """Growth records up to the ledger, so that no decision has to wait for it."""
    stale = find_stale(as_of, keys)
    _, failures = _each(stale, lambda key: catch_up(key, as_of))
    done = len(stale) - len(failures)
    return Done(f"{count(done, 'portfolio')} caught up", failures)


def forget_old_tables(as_of: datetime, keys: Keys) -> Done:
    """Solved tables of old questions; a logged decision can solve its own again."""
    forgotten = forget_tables(as_of - TABLES_KEPT)
    return Done(f"{count(forgotten, 'old table')} deleted")


def forget_old_sessions(as_of: datetime, keys: Keys) -> Done:
    """Sessions of browsers that are over; they sign in again."""
    return Done(f"{count(forget_sessions(as_of), 'expired session')} deleted")


def project_goals(as_of: datetime, keys: Keys) -> Done:
    """Probability and health of running goals, where what is stored is out of date."""
    refreshed, failures = _each(
        find_projectable(as_of, keys),
        lambda key: refresh_projections(as_of=as_of, portfolio_id=key),
    )
    return Done(f"{count(sum(refreshed), 'goal')} projected", failures)


def renew_kept(as_of: datetime, keys: Keys) -> Done:
    """Kept projections and frontiers that somebody asks for, where out of date."""
    made, failures = _each(
        find_wanted(as_of, keys),
        lambda key: renew_forecasts(as_of=as_of, portfolio_id=key),
    )
    return Done(f"{count(sum(made), 'forecast')} made anew", failures)


def forget_unasked(as_of: datetime, keys: Keys) -> Done:
    """Kept forecasts that nobody has asked for in a week; the next who asks waits."""
    forgotten = forget_forecasts(as_of - WANTED_FOR)
    return Done(f"{count(forgotten, 'forecast')} deleted")


def _each(
    keys: Sequence[int], work: Callable[[int], Result]
) -> tuple[list[Result], tuple[str, ...]]:
    """Do it portfolio by portfolio; one that fails is reported and stops no other."""
    results, failures = [], []
    for key in keys:
        try:
            results.append(work(key))
        except Exception as failure:
            logger.exception("Portfolio %s failed", key)
            failure.add_note(f"portfolio {key}")
            failures.append(describe(failure))
    return results, tuple(failures)


# A step sees what those before it did: the next period's goal has its first snapshot.
# What decisions wait for, in milliseconds a portfolio; what is worked out; the rest.
TURN_OF_DAY = (Step("roll-over", roll), Step("snapshots", take_snapshots))
FORECASTS = (
    Step("records", catch_up_records),
    Step("projections", project_goals),
    Step("forecasts", renew_kept),
)
OF_THE_SITE = (
    Step("policy tables", forget_old_tables),
    Step("unasked forecasts", forget_unasked),
    Step("sessions", forget_old_sessions),
)
STEPS = (*TURN_OF_DAY, *FORECASTS, *OF_THE_SITE)


def find_turning(as_of: datetime) -> list[int]:
    """The portfolios in which the steps of `TURN_OF_DAY` have something to do."""
    return sorted({*find_rollable(as_of), *find_unwritten(as_of)})


def find_outdated(as_of: datetime, keys: Keys = None) -> list[int]:
    """Those in which `FORECASTS` have; what has waited longest comes first."""
    found = find_projectable, find_stale, find_wanted
    return list(dict.fromkeys(key for find in found for key in find(as_of, keys)))


def run_day(
    *, as_of: datetime, steps: tuple[Step, ...] = STEPS, keys: Keys = None
) -> Iterator[StepOutcome]:
    """Run the steps one by one; one that fails is reported and stops no later one.

    Operators are alerted of it, once a day for each step.
    """
    for step in steps:
        began = time.monotonic()
        try:
            done = step.work(as_of, keys)
        except Exception as failure:
            logger.exception("The daily step %s failed", step.name)
            done = Done("failed", (describe(failure),))
        if done.failures:
            alert_operators([daily_run_failed(step.name, done.failures, as_of)], as_of)
        yield StepOutcome(step, done, time.monotonic() - began)


def count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def describe(failure: Exception) -> str:
    """Which portfolio, where it is noted, and what is wrong, in one line."""
    where = ": ".join(getattr(failure, "__notes__", []))
    words = " ".join(str(failure).split())
    what = f"{type(failure).__name__}: {words}" if words else type(failure).__name__
    return f"{where}: {what}" if where else what
