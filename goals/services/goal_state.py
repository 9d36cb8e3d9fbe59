"""Where goals stand by the clock, for lists: as `goals.decisions.progress` has one.

The columns follow with the roll-over; until then a period that is over still stands in
them as running.
"""

from datetime import datetime

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Value,
    When,
)

from goals.enums import GoalStatus
from goals.models import FinancialGoal
from goals.services.conditions import CONDITIONS_HOLD
from mastertrade.values.money import HUNDRED


def is_open(now: datetime) -> Q:
    """The goals that have not ended, by the clock; those still to begin among them."""
    return Q(ended_at=None) & (Q(period_ends_at=None) | Q(period_ends_at__gt=now))


def with_status(
    goals: QuerySet[FinancialGoal], now: datetime
) -> QuerySet[FinancialGoal]:
    """The same goals, each with its status at `now` as `status_now`.

    `open_now`: it has not ended; it has a band unless it failed, and a health unless it
    was reached or failed.
    """
    begun = Q(period_starts_at__lte=now)
    shows_target = begun & Q(progress_pct__gte=HUNDRED) & CONDITIONS_HOLD
    reached = Q(achieved_at__isnull=False) | shows_target
    failed = Q(failed_at__isnull=False) & (
        Q(achieved_at=None) | Q(failed_at__lt=F("achieved_at"))
    )
    is_settled = Q(ended_at__isnull=False) | Q(status=GoalStatus.CANCELLED)
    status = Case(
        When(is_settled, then=F("status")),
        When(~is_open(now) & failed, then=Value(str(GoalStatus.FAILED))),
        When(~is_open(now) & reached, then=Value(str(GoalStatus.ACHIEVED))),
        When(~is_open(now), then=Value(str(GoalStatus.MISSED))),
        When(
            Q(status=GoalStatus.ACTIVE) & reached,
            then=Value(str(GoalStatus.ACHIEVED)),
        ),
        default=F("status"),
        output_field=CharField(),
    )
    still = ExpressionWrapper(is_open(now), output_field=BooleanField())
    return goals.annotate(status_now=status, open_now=still)
