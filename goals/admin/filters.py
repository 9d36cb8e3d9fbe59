"""Filters of the goal list, with the thresholds of `goals.progress`."""

from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import (
    DateTimeField,
    DecimalField,
    ExpressionWrapper,
    F,
    Func,
    Q,
    QuerySet,
    Value,
)
from django.db.models.functions import Coalesce, Greatest, Least, Round
from django.http import HttpRequest

from goals.admin.base import now_of
from goals.enums import GoalStatus, Health, ProgressBand
from goals.models import FinancialGoal, Portfolio
from goals.progress import (
    AHEAD_GAP_PCT,
    AT_RISK_GAP_PCT,
    AT_RISK_PROBABILITY,
    BAND_FLOORS_PCT,
    HUNDRED,
    LAGGING_GAP_PCT,
    describe_band,
)
from mastertrade.money import PERCENT

Goals = QuerySet[FinancialGoal]
Choices = Iterable[tuple[str, str]]
MOST_PORTFOLIOS = 50


class BandFilter(admin.SimpleListFilter):
    title = "band"
    parameter_name = "band"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [
            (band, f"{band.replace('_', ' ')}: {describe_band(band)}")
            for band in ProgressBand
        ]

    def queryset(self, request: HttpRequest, queryset: Goals) -> Goals:
        if self.value() not in set(ProgressBand):
            return queryset
        floors = [None, *BAND_FLOORS_PCT.values(), None]
        index = list(ProgressBand).index(ProgressBand(str(self.value())))
        low, high = floors[index], floors[index + 1]
        if low is not None:
            queryset = queryset.filter(progress_pct__gte=low)
        return queryset if high is None else queryset.filter(progress_pct__lt=high)


class Seconds(Func):
    """The exact seconds of an interval."""

    template = "EXTRACT(EPOCH FROM (%(expressions)s))"
    output_field: Any = DecimalField()


def pace_gap_at(now: datetime) -> Any:
    """The pace gap as `goals.progress.measure_pace` has it, in SQL; null: no pace."""
    clock = Value(now, DateTimeField())
    at = Least(clock, Coalesce(F("ended_at"), clock))
    within = Greatest(Least(at, F("period_ends_at")), F("period_starts_at"))
    elapsed = Seconds(within - F("period_starts_at"))
    whole = Seconds(F("period_ends_at") - F("period_starts_at"))
    expected = Round(elapsed * Value(HUNDRED) / whole, precision=PERCENT[1])
    return ExpressionWrapper(F("progress_pct") - expected, output_field=DecimalField())


# What the projection said counts only of a goal that runs.
RUNS = Q(
    status__in=(GoalStatus.ACTIVE, GoalStatus.PAUSED),
    achieved_at=None,
    ended_at=None,
    period_ends_at__isnull=False,
)
GIVEN_UP = RUNS & Q(unreachable=True)
DOUBTFUL = RUNS & Q(probability__isnull=False, probability__lt=AT_RISK_PROBABILITY)
BY_PACE = ~GIVEN_UP & ~DOUBTFUL
HEALTH_CONDITIONS = {
    Health.AHEAD: BY_PACE & Q(pace_gap__gte=AHEAD_GAP_PCT),
    Health.ON_PACE: BY_PACE
    & (
        Q(pace_gap__isnull=True)
        | Q(pace_gap__gt=LAGGING_GAP_PCT, pace_gap__lt=AHEAD_GAP_PCT)
    ),
    Health.LAGGING: BY_PACE
    & Q(pace_gap__gt=AT_RISK_GAP_PCT, pace_gap__lte=LAGGING_GAP_PCT),
    Health.AT_RISK: ~GIVEN_UP & (DOUBTFUL | Q(pace_gap__lte=AT_RISK_GAP_PCT)),
    Health.UNREACHABLE: GIVEN_UP,
}


class HealthFilter(admin.SimpleListFilter):
    title = "health"
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(health, health.replace("_", " ")) for health in HEALTH_CONDITIONS]

    def queryset(self, request: HttpRequest, queryset: Goals) -> Goals:
        if self.value() not in set(HEALTH_CONDITIONS):
            return queryset
        condition = HEALTH_CONDITIONS[Health(str(self.value()))]
        return queryset.alias(pace_gap=pace_gap_at(now_of(request))).filter(condition)


class DeadlineFilter(admin.SimpleListFilter):
    """By the period's last date; weeks begin on Monday, dates are those of UTC."""

    title = "deadline"
    parameter_name = "deadline"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [
            ("week", "this week"),
            ("month", "this month"),
            ("overdue", "overdue: period over, not ended yet"),
            ("none", "none"),
        ]

    def queryset(self, request: HttpRequest, queryset: Goals) -> Goals:
        now = now_of(request)
        today = now.astimezone(UTC).date()
        match self.value():
            case "week":
                monday = today - timedelta(days=today.weekday())
                return queryset.filter(
                    target_date__range=(monday, monday + timedelta(days=6))
                )
            case "month":
                return queryset.filter(target_date__range=_month_of(today))
            case "overdue":
                return queryset.filter(period_ends_at__lte=now, ended_at=None)
            case "none":
                return queryset.filter(target_date=None)
        return queryset


def _month_of(day: date) -> tuple[date, date]:
    last = monthrange(day.year, day.month)[1]
    return day.replace(day=1), day.replace(day=last)


class PortfolioFilter(admin.SimpleListFilter):
    """The first portfolios by owner; beyond those, search."""

    title = "portfolio"
    parameter_name = "portfolio"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        found = Portfolio.objects.order_by("user_id", "name")[:MOST_PORTFOLIOS]
        return [(str(portfolio.pk), str(portfolio)) for portfolio in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None or not value.isdigit():
            return queryset
        return queryset.filter(portfolio_id=int(value))
