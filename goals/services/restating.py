"""Halts by what the ledger says now: written where missing, withdrawn where wrong."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from goals.decisions.breaches import Breach
from goals.enums import HaltCause
from goals.models import Portfolio, TradingHalt
from goals.models.halts import FOR_A_WHILE
from goals.services.alerting import alert_halts, alert_resumed
from goals.services.failing import follow_failures
from goals.services.halts import follow_halts, withdraw
from goals.services.ledger import GoalMove
from mastertrade.values.in_text import marks_of
from mastertrade.values.jsonable import to_plain

END_OF_TIME = datetime.max.replace(tzinfo=UTC)
DATED = ("halted_at", "halted_until", "reason", "marks", "figures")
RESUMED = (
    "resumed_at",
    "resumed_by",
    "resume_reason",
    "resumed_unit_value",
    "resumed_unit_run",
)


def apply_breaches(
    portfolio: Portfolio,
    breaches: Iterable[Breach],
    *,
    since: datetime | None,
    now: datetime,
    reason: str,
    moves: Sequence[GoalMove] = (),
) -> list[GoalMove]:
    """Make the halts by limits what the ledger says from `since` on.

    `breaches` are all that the ledger and the stored marks show from `since` (None: the
    beginning) on; one that a halt in force at its time covers is no new one. A missing
    halt is dated at its breach, and resumed where a person resumed trading later; a
    halt that no breach justifies is withdrawn, and `reason` says why. The state and
    the goals follow; returns the goals that turned, `moves` changing in place.
    """
    stored = list(portfolio.halts.order_by("halted_at", "halt_id"))
    rows = [halt for halt in stored if halt.withdrawn_at is None]
    by_cause = {
        cause: deque(halt for halt in rows if halt.cause == cause)
        for cause in HaltCause
    }
    untils = {halt.halt_id: halt.halted_until for halt in rows}
    resumed = [halt for halt in stored if halt.resumed_at is not None]
    resumes = sorted(resumed, key=_ends)
    earlier = [halt for halt in rows if since is not None and halt.halted_at < since]
    justified = {id(halt) for halt in earlier}
    new, dated = [], []
    for breach in sorted(breaches, key=lambda one: one.at):
        # By an entry a rule of the day is reached before a resume of that instant.
        find_place = bisect_left if breach.cause in FOR_A_WHILE else bisect_right
        place = find_place(resumes, breach.at, key=_ends)
        resume = resumes[place] if place < len(resumes) else None
        halt = _justify(breach, by_cause[breach.cause], resume, justified)
        if halt is None:
            halt = _write(breach, portfolio, resume)
            by_cause[breach.cause].appendleft(halt)
            new.append(halt)
        elif id(halt) not in justified and _date(halt, breach):
            dated.append(halt)
        justified.add(id(halt))
    undone = []
    for halt in rows:
        # One of before limits were dated stands: nobody knows by what it was judged.
        is_judged = halt.cause != HaltCause.PERSON and "fails" in halt.figures
        if is_judged and id(halt) not in justified:
            if halt.resumed_at is None and halt.stops_at(now):
                undone.append(halt)
            withdraw(halt, now, reason)
    _save(dated, untils)
    TradingHalt.objects.bulk_create(new)
    if new:
        times = [portfolio.last_halted_at, *(halt.halted_at for halt in new)]
        portfolio.last_halted_at = max(at for at in times if at is not None)
        portfolio.save(update_fields=["last_halted_at"])
    follow_halts(portfolio, now)
    alert_halts(portfolio, new, now)
    alert_resumed(portfolio, undone, now, "withdrawn", reason)
    return follow_failures(portfolio, since=since, now=now, reason=reason, moves=moves)


def _justify(
    breach: Breach,
    halts: deque[TradingHalt],
    resume: TradingHalt | None,
    justified: Collection[int],
) -> TradingHalt | None:
    """The halt of this breach: one that covers it, or one to be dated by it.

    `halts` of the cause, the oldest first; those that were over by then are dropped.
    """
    ends_at = breach.until if resume is None else resume.resumed_at
    while halts and _ends(halts[0]) < breach.at:
        halts.popleft()
    for halt in halts:
        is_justified = id(halt) in justified
        covers = halt.halted_at <= breach.at < _ends(halt)
        if covers if is_justified else halt.halted_at == breach.at:
            return halt
        began_late = halt.halted_at > breach.at
        is_same = ends_at is None or halt.halted_at <= ends_at
        if is_justified or halt.halted_until != breach.until:
            continue
        if covers or (began_late and is_same):
            return halt
    return None


def _write(
    breach: Breach, portfolio: Portfolio, resume: TradingHalt | None
) -> TradingHalt:
    """A new halt, unsaved; resumed where a person resumed trading while it lasted."""
    new = TradingHalt(
        portfolio=portfolio,
        cause=breach.cause,
        halted_at=breach.at,
        halted_until=breach.until,
        reason=breach.reason,
        marks=to_plain(marks_of(breach.reason)),
        figures=_figures_of(breach),
    )
    if resume is not None and _ends(resume) < _ends(new):
        for name in RESUMED:
            setattr(new, name, getattr(resume, name))
    return new


def _figures_of(breach: Breach) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain({**breach.figures, "fails": breach.fails})
    return plain


def _save(dated: Iterable[TradingHalt], untils: Mapping[int, datetime | None]) -> None:
    """Save halts of other dates; no two of a cause have the same end at any time.

    The newest first of those that last longer, then the oldest first of the others.
    """
    longer = [
        halt
        for halt in dated
        if (halt.halted_until or END_OF_TIME) > (untils[halt.halt_id] or END_OF_TIME)
    ]
    others = [one for one in dated if one not in longer]
    for halt in [*reversed(longer), *others]:
        halt.save(update_fields=DATED)


def _ends(halt: TradingHalt) -> datetime:
    """When it was resumed, or ends by itself."""
    ends = (halt.resumed_at, halt.halted_until)
    return min((end for end in ends if end is not None), default=END_OF_TIME)


def _date(halt: TradingHalt, breach: Breach) -> bool:
    """Let it begin, and end, with the breach; whether that is another time."""
    if (halt.halted_at, halt.halted_until) == (breach.at, breach.until):
        return False
    halt.halted_at, halt.halted_until = breach.at, breach.until
    halt.reason, halt.marks = breach.reason, to_plain(marks_of(breach.reason))
    halt.figures = _figures_of(breach)
    return True
