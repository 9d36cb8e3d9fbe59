"""Halts by what the ledger says now: written where missing, withdrawn where wrong."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from goals.decisions.breaches import Breach
from goals.decisions.guards.day_rules import find_day_rule_breaches
from goals.enums import HaltCause
from goals.models import Portfolio, TradingHalt
from goals.models.halts import FOR_A_WHILE
from goals.services.confirming import BY_FLOORS
from goals.services.failing import follow_failures
from goals.services.halts import follow_halts, withdraw
from goals.services.ledger import GoalMove
from goals.services.risk_state import read_conditions, read_figures

NEVER = datetime.max.replace(tzinfo=UTC)
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
    causes: Collection[HaltCause] = BY_FLOORS,
) -> list[GoalMove]:
    """Make the halts of these causes what the ledger says from `since` on.

    `breaches` are all that the ledger and the stored marks show from `since` (None: the
    beginning) on; one that a halt in force at its time covers is no new one. A missing
    halt is dated at its breach, and resumed where a person resumed trading later; a
    halt that no breach justifies is withdrawn, and `reason` says why. The state and
    the goals follow; returns the goals that turned, `moves` changing in place.
    """
    stored = list(portfolio.halts.order_by("halted_at", "halt_id"))
    rows = [halt for halt in stored if halt.withdrawn_at is None]
    by_cause = {
        cause: [halt for halt in rows if halt.cause == cause] for cause in causes
    }
    resumed = [halt for halt in stored if halt.resumed_at is not None]
    resumes = sorted(resumed, key=_ends)
    earlier = [halt for halt in rows if since is not None and halt.halted_at < since]
    justified = {halt.halt_id for halt in earlier}
    for breach in sorted(breaches, key=lambda one: one.at):
        halt = _justify(breach, portfolio, by_cause[breach.cause], resumes, justified)
        justified.add(halt.halt_id)
    for halt in rows:
        # One of before limits were dated stands: nobody knows by what it was judged.
        is_judged = halt.cause in causes and "fails" in halt.figures
        if is_judged and halt.halt_id not in justified:
            withdraw(halt, now, reason)
    withdraw_day_halts(portfolio, now, reason)
    return follow_failures(portfolio, since=since, now=now, reason=reason, moves=moves)


def withdraw_day_halts(portfolio: Portfolio, now: datetime, reason: str) -> None:
    """Withdraw halts in force by rules of the day that did not stop entries then.

    The state follows. Asked of the time each began, for what came later ends none.
    """
    for halt in portfolio.halts.unresumed(now).filter(cause__in=FOR_A_WHILE):
        figures = read_figures(portfolio, halt.halted_at)
        rules = find_day_rule_breaches(read_conditions(figures, now))
        if all(rule.cause != halt.cause for rule in rules):
            withdraw(halt, now, reason)
    follow_halts(portfolio, now)


def _justify(
    breach: Breach,
    portfolio: Portfolio,
    halts: list[TradingHalt],
    resumes: Sequence[TradingHalt],
    justified: Collection[int],
) -> TradingHalt:
    """The halt of this breach: one that covers it, one to be dated by it, or new.

    `halts` of the cause, the oldest first; a new one is put among them.
    """
    resume = next((halt for halt in resumes if _ends(halt) > breach.at), None)
    ends_at = breach.until if resume is None else resume.resumed_at
    for halt in halts:
        is_justified = halt.halt_id in justified
        covers = halt.halted_at <= breach.at < _ends(halt)
        if covers and (is_justified or halt.halted_at == breach.at):
            return halt
        began_late = halt.halted_at > breach.at
        is_same = ends_at is None or halt.halted_at <= ends_at
        if is_justified or halt.halted_until != breach.until:
            continue
        if covers or (began_late and is_same):
            return _date(halt, breach)
    new = TradingHalt(
        portfolio=portfolio,
        cause=breach.cause,
        halted_at=breach.at,
        halted_until=breach.until,
        reason=breach.reason,
        figures={"fails": breach.fails},
    )
    if resume is not None and _ends(resume) < _ends(new):
        for name in RESUMED:
            setattr(new, name, getattr(resume, name))
    new.save(force_insert=True)
    portfolio.last_halted_at = max(portfolio.last_halted_at or breach.at, breach.at)
    portfolio.save(update_fields=["last_halted_at"])
    halts.append(new)
    halts.sort(key=lambda halt: halt.halted_at)
    return new


def _ends(halt: TradingHalt) -> datetime:
    """When it was resumed, or ends by itself."""
    ends = (halt.resumed_at, halt.halted_until)
    return min((end for end in ends if end is not None), default=NEVER)


def _date(halt: TradingHalt, breach: Breach) -> TradingHalt:
    """Let it begin with the breach, which was learned later."""
    halt.halted_at, halt.reason = breach.at, breach.reason
    halt.figures = {**halt.figures, "fails": breach.fails}
    halt.save(update_fields=["halted_at", "reason", "figures"])
    return halt
