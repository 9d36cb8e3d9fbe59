"""Alerts of what happens once: halts, resumes, overrides, refusals, failures. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from goals.decisions.alerts import Alert
from goals.decisions.size_warnings import STALE_MARKS_HOURS
from goals.enums import AlertKind, HaltCause, Severity
from mastertrade.values.in_text import MINUTE, instant, say, unstopped
from mastertrade.values.messages import counted

HALT_KINDS = {
    HaltCause.HARD_DRAWDOWN: AlertKind.DRAWDOWN_HARD,
    HaltCause.DAILY_LOSS: AlertKind.DAILY_LOSS,
}
# A failure's own words may be pages.
LONGEST_WORDS = 2_000
MOST_LISTED = 10


@dataclass(frozen=True, slots=True)
class HaltFacts:
    """A halt of a portfolio; `until` None: until a person resumes trading."""

    halt_id: int
    portfolio_id: int
    portfolio: str
    cause: HaltCause
    who: str
    at: datetime
    until: datetime | None
    reason: str
    currency: str
    figures: Mapping[str, Any]


def halted(halt: HaltFacts) -> Alert:
    """One for each halt, whatever it is dated later."""
    until: str = "a person resumes it"
    if halt.until is not None:
        until = instant(halt.until, MINUTE)
    return Alert(
        kind=HALT_KINDS.get(halt.cause, AlertKind.HALTED),
        cause=halt_cause(halt.halt_id),
        severity=Severity.CRITICAL,
        title=f"Portfolio {halt.portfolio}: trading halted",
        text=say(
            "Halted by {}, until {}: {}.", halt.who, until, unstopped(halt.reason)
        ),
        figures={
            "portfolio": halt.portfolio,
            "currency": halt.currency,
            "cause": str(halt.cause),
            "halted_at": halt.at.isoformat(),
            "halted_until": None if halt.until is None else halt.until.isoformat(),
            **halt.figures,
        },
        occurred_at=halt.at,
        portfolio_id=halt.portfolio_id,
    )


def halt_cause(halt_id: int | str) -> str:
    """The cause of the alert of a halt, which repeats while that is in force."""
    return f"halt:{halt_id}"


def resumed(halt: HaltFacts, at: datetime, how: str, why: str) -> Alert:
    """Entries go on; `how` in one word: resumed, withdrawn or over."""
    return Alert(
        kind=AlertKind.RESUMED,
        cause=f"{halt_cause(halt.halt_id)}:{how}",
        severity=Severity.INFO,
        title=f"Portfolio {halt.portfolio}: trading goes on",
        text=say(
            "The halt of {} is {}: {}.", instant(halt.at, MINUTE), how, unstopped(why)
        ),
        figures={
            "portfolio": halt.portfolio,
            "cause": str(halt.cause),
            "halted_at": halt.at.isoformat(),
        },
        occurred_at=at,
        portfolio_id=halt.portfolio_id,
    )


def overridden(
    halt: HaltFacts, trade_id: int, trade: str, by: str, at: datetime
) -> Alert:
    """A trade was opened though entries were stopped."""
    return Alert(
        kind=AlertKind.DECISION_OVERRIDDEN,
        cause=f"trade:{trade_id}:override",
        severity=Severity.WARNING,
        title=f"Portfolio {halt.portfolio}: a halt was overridden",
        text=say(
            "{} opened trade {} ({}) while entries were stopped: {}.",
            by,
            trade_id,
            trade,
            unstopped(halt.reason),
        ),
        figures={
            "portfolio": halt.portfolio,
            "trade_id": trade_id,
            "by": by,
            "cause": str(halt.cause),
        },
        occurred_at=at,
        portfolio_id=halt.portfolio_id,
    )


def import_refused(
    *,
    portfolio_id: int,
    portfolio: str,
    file_name: str,
    file_id: str,
    created: int,
    refused: int,
    first: Sequence[str],
    at: datetime,
) -> Alert:
    """Once for each import; for a file that was refused whole, once for its content."""
    outcome = (
        f"{counted(created, 'trade')} imported" if created else "nothing was imported"
    )
    rows = counted(refused, "row")
    listed = "\n".join(first[:MOST_LISTED])
    return Alert(
        kind=AlertKind.IMPORT_REFUSALS,
        cause=f"import:{portfolio_id}:{file_id}",
        severity=Severity.WARNING,
        title=f"Portfolio {portfolio}: {rows} of an import refused",
        text=_cut(f"Of {file_name} {rows} refused; {outcome}.\n{listed}"),
        figures={
            "portfolio": portfolio,
            "file": file_name,
            "created": created,
            "refused": refused,
        },
        occurred_at=at,
        portfolio_id=portfolio_id,
    )


def job_failed(job: str, key: int | str, error: str, at: datetime) -> Alert:
    """A job was given up; once for a `key`: a row's, or a day."""
    return Alert(
        kind=AlertKind.JOB_FAILED,
        cause=f"job:{job}:{key}",
        severity=Severity.WARNING,
        title=f"The job {job} failed"[:200],
        text=_cut(f"It was tried for the last time: {error}"),
        figures={"job": job, "key": key},
        occurred_at=at,
    )


def own_job_failed(kind: str, job_id: int, error: str, at: datetime) -> Alert:
    """What a user asked for in the background was not done; once for each."""
    return Alert(
        kind=AlertKind.JOB_FAILED,
        cause=f"user_job:{job_id}",
        severity=Severity.WARNING,
        title=f"Your {kind} failed",
        text=_cut(f"Job {job_id}, {kind}, failed and did nothing: {error}"),
        figures={"job": kind, "job_id": job_id},
        occurred_at=at,
    )


def daily_run_failed(step: str, failures: Sequence[str], at: datetime) -> Alert:
    """Once a day for each step, however often the run comes by."""
    listed = "\n".join(failures[:MOST_LISTED])
    return Alert(
        kind=AlertKind.DAILY_RUN_FAILED,
        cause=f"daily:{at:%Y-%m-%d}:{step}",
        severity=Severity.WARNING,
        title=f"Daily run: {step} failed"[:200],
        text=_cut(f"{len(failures)} failed in the step {step}:\n{listed}"),
        figures={"step": step, "failures": len(failures)},
        occurred_at=at,
    )


def marks_stale(
    *,
    portfolio_id: int,
    portfolio: str,
    symbols: Sequence[str],
    oldest: datetime,
    at: datetime,
) -> Alert:
    """Once for each oldest mark; `symbols` are those whose marks are stale."""
    names = ", ".join(symbols[:MOST_LISTED])
    if len(symbols) > MOST_LISTED:
        names += f" and {len(symbols) - MOST_LISTED} more"
    return Alert(
        kind=AlertKind.MARKS_STALE,
        cause=f"portfolio:{portfolio_id}:marks:{oldest.isoformat()}",
        severity=Severity.WARNING,
        title=f"Portfolio {portfolio}: marks are stale",
        text=say(
            "The last marks of {} are older than {} hours; the oldest is of {}.",
            names,
            STALE_MARKS_HOURS,
            instant(oldest, MINUTE),
        ),
        figures={
            "portfolio": portfolio,
            "symbols": len(symbols),
            "oldest_mark_at": oldest.isoformat(),
        },
        occurred_at=at,
        portfolio_id=portfolio_id,
    )


def drift_found(
    portfolio_id: int, portfolio: str, drift: Sequence[str], at: datetime
) -> Alert:
    """Once for the same figures, however often they are found."""
    digest = sha256("\n".join(sorted(drift)).encode()).hexdigest()
    listed = "\n".join(drift[:MOST_LISTED])
    return Alert(
        kind=AlertKind.DRIFT,
        cause=f"portfolio:{portfolio_id}:drift:{digest}",
        severity=Severity.WARNING,
        title=f"Portfolio {portfolio}: figures differ from the ledger",
        text=_cut(f"{len(drift)} figures are not what the ledger says:\n{listed}"),
        figures={"portfolio": portfolio, "figures": len(drift)},
        occurred_at=at,
        portfolio_id=portfolio_id,
    )


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST_WORDS else f"{words[: LONGEST_WORDS - 1]}…"
