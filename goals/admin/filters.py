"""Filters of the goal list, with the thresholds of `goals.decisions.progress`."""

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
from goals.api.filters import filter_by_band
from goals.decisions.progress import (
    AHEAD_GAP_PCT,
    AT_RISK_GAP_PCT,
    AT_RISK_PROBABILITY,
    LAGGING_GAP_PCT,
    describe_band,
)
from goals.enums import GoalStatus, Health, PortfolioKind, ProgressBand
from goals.models import FinancialGoal, Portfolio
from mastertrade.values.money import HUNDRED, PERCENT

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
        return filter_by_band(queryset, ProgressBand(str(self.value())))


class StatusFilter(admin.SimpleListFilter):
    """By the clock, as it is shown."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(str(status), str(status)) for status in GoalStatus]

    def queryset(self, request: HttpRequest, queryset: Goals) -> Goals:
        if self.value() not in set(GoalStatus):
            return queryset
        return queryset.filter(Q(**{"status_now": self.value()}))  # annotated


class Seconds(Func):
    """The exact seconds of an interval."""

    template = "EXTRACT(EPOCH FROM (%(expressions)s))"
    output_field: Any = DecimalField()


def pace_gap_at(now: datetime) -> Any:
    """What `goals.decisions.progress.measure_pace` gives, in SQL; null: no pace."""
    clock = Value(now, DateTimeField())
    at = Least(clock, Coalesce(F("ended_at"), clock))
    within = Greatest(Least(at, F("period_ends_at")), F("period_starts_at"))
    elapsed = Seconds(within - F("period_starts_at"))
    whole = Seconds(F("period_ends_at") - F("period_starts_at"))
    expected = Round(elapsed * Value(HUNDRED) / whole, precision=PERCENT[1])
    return ExpressionWrapper(F("progress_pct") - expected, output_field=DecimalField())


# A stored projection counts only for a goal that runs.
IS_OPEN = Q(**{"open_now": True})  # annotated, as `status_now` is
HAS_HEALTH = IS_OPEN & ~Q(**{"status_now": GoalStatus.FAILED})
RUNS = (
    IS_OPEN
    & Q(**{"status_now__in": (GoalStatus.ACTIVE, GoalStatus.PAUSED)})
    & Q(achieved_at=None, period_ends_at__isnull=False)
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
        gaps = queryset.alias(pace_gap=pace_gap_at(now_of(request)))
        return gaps.filter(condition, HAS_HEALTH)


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


class KindFilter(admin.SimpleListFilter):
    """Rows of live portfolios unless another kind, or a portfolio, is asked for.

    By `Portfolio.shown_kind`: the demo's replays are simulations.
    """

    title = "kind of portfolio"
    parameter_name = "kind"
    path = "portfolio__"
    ALL = "all"
    DEFAULT = str(PortfolioKind.LIVE)
    NAMING: tuple[str, ...] = ("portfolio", "portfolio_id", "source_import__import_id")

    def __init__(
        self, request: HttpRequest, params: Any, model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.is_named = any(name in request.GET for name in self.NAMING)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        words = [str(kind) for kind in PortfolioKind]
        return [(word, word) for word in (*words, self.ALL)]

    def value(self) -> str:
        """What is shown: the kind asked for, else the default."""
        asked = super().value()
        known = [word for word, _ in self.lookup_choices]
        default = self.ALL if self.is_named else self.DEFAULT
        return asked if asked in known else default

    def choices(self, changelist: Any) -> Any:
        """As they are, without Django's own "All": one of them is always chosen."""
        yield from list(super().choices(changelist))[1:]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.value()
        if wanted == self.ALL:
            return queryset
        return self.of_kind(queryset, wanted)

    def of_kind(self, queryset: QuerySet[Any], kind: str) -> QuerySet[Any]:
        return queryset.filter(is_shown_as(kind, self.path))


def is_shown_as(kind: str, path: str = "") -> Q:
    """`Portfolio.shown_kind` in SQL; `path` leads to the portfolio."""
    of_demo = Q(**{f"{path}kind": PortfolioKind.DEMO})
    replayed = Q(**{f"{path}finished_at__isnull": False})
    if kind == PortfolioKind.DEMO:
        return of_demo & ~replayed
    own = Q(**{f"{path}kind": kind})
    return own | (of_demo & replayed) if kind == PortfolioKind.SIMULATION else own


class OwnKindFilter(KindFilter):
    path = ""


class GoalKindFilter(KindFilter):
    path = "goal__portfolio__"


class PortfolioFilter(admin.SimpleListFilter):
    """The first live portfolios by owner; beyond those, search."""

    title = "portfolio"
    parameter_name = "portfolio"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        live = Portfolio.objects.filter(kind=PortfolioKind.LIVE)
        found = live.order_by("user_id", "name")[:MOST_PORTFOLIOS]
        return [(str(portfolio.pk), str(portfolio)) for portfolio in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None or not value.isdecimal():
            return queryset
        return queryset.filter(portfolio_id=int(value))
