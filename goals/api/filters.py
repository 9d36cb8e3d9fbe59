"""Filters of the goals' lists."""

import datetime as dt
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from goals.decisions.periods import local_midnight
from goals.decisions.policies import PolicyName
from goals.decisions.progress import BAND_FLOORS_PCT
from goals.enums import (
    DailyOnBreach,
    DrawdownMode,
    EdgeGuard,
    FloorIn,
    GoalStatus,
    GoalType,
    HaltCause,
    OnBreach,
    PortfolioKind,
    ProgressBand,
    TradingState,
)
from goals.models import (
    CashFlow,
    FinancialGoal,
    GoalProgressHistory,
    Portfolio,
    TradingHalt,
)
from goals.services.portfolios import find_portfolio
from mastertrade.db.model_fields import choices
from mastertrade.values.exceptions import InvalidInput
from mastertrade.web.filters import DateFilter, FilterSet, WordFilter, WordsFilter


class _BooleanField(forms.Field):
    """Django's own takes any word for "not asked"."""

    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        try:
            return {"true": True, "false": False}[str(value).lower()]
        except KeyError:
            raise forms.ValidationError("Must be true or false.") from None


@extend_schema_field(OpenApiTypes.BOOL)
class BooleanFilter(django_filters.Filter):
    """`true` or `false`; anything else is refused."""

    field_class = _BooleanField


@extend_schema_field(OpenApiTypes.INT64)
class WholeNumberFilter(django_filters.Filter):
    """A whole number that a key may be; no 1.5, which would be read as 1."""

    field_class = forms.IntegerField

    def __init__(self, **options: Any) -> None:
        wrong = {"invalid": "Must be a whole number, such as 5."}
        super().__init__(
            max_value=2**63 - 1, min_value=0, error_messages=wrong, **options
        )


class _InstantField(forms.Field):
    def to_python(self, value: Any) -> dt.datetime | None:
        if value in self.empty_values:
            return None
        try:
            return _read_instant(str(value), "UTC")[0]
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class InstantFilter(django_filters.Filter):
    """An instant with its offset, or a date: its first instant in UTC."""

    field_class = _InstantField


class _PortfolioField(forms.CharField):
    owner: Any  # whose portfolios are looked through

    def clean(self, value: Any) -> Any:
        """The user's portfolio; None: not asked."""
        reference = super().clean(value)
        if not reference:
            return None
        try:
            return find_portfolio(self.owner, reference)
        except InvalidInput as unknown:
            words = {"words": unknown.detail}  # which may hold a %
            raise forms.ValidationError("%(words)s", params=words) from None


class PortfolioFilter(django_filters.CharFilter):
    """One of the user's portfolios by its key or by its name; another is refused."""

    parent: FilterSet  # which it is a filter of
    field_class = _PortfolioField

    def __init__(self, help_text: str = "Key or name.") -> None:
        super().__init__(max_length=100, help_text=help_text)

    @property
    def field(self) -> Any:
        field: Any = super().field
        request: Any = self.parent.request
        field.owner = request.user
        return field

    def filter(self, qs: QuerySet[Any], value: Portfolio | None) -> QuerySet[Any]:
        return qs if value is None else qs.filter(portfolio=value.pk)


class KindFilter(WordsFilter):
    """Rows of portfolios of these kinds; not asked, of live ones.

    Who names a portfolio (or what belongs to one) gets its rows, whatever its kind.
    """

    parent: FilterSet  # which it is a filter of
    ALL = "all"
    NAMING: tuple[str, ...] = ("portfolio", "trade_id", "cash_flow_id")

    def __init__(self, field_name: str = "portfolio__kind") -> None:
        kinds = [*PortfolioKind, self.ALL]
        super().__init__(
            field_name,
            choices=choices(kinds),
            help_text=(
                "Only rows of portfolios of this kind; may be repeated. Default: "
                "live, or the kind of the portfolio named."
            ),
        )

    def filter(self, qs: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        given = self.parent.form.cleaned_data
        is_named = any(given.get(name) not in (None, "") for name in self.NAMING)
        if self.ALL in value or (is_named and not value):
            return qs
        return self.of_kinds(qs, value or [str(PortfolioKind.LIVE)])

    def of_kinds(self, qs: QuerySet[Any], kinds: list[str]) -> QuerySet[Any]:
        return qs.filter(**{f"{self.field_name}__in": kinds})


class CashFlowFilter(FilterSet):
    """`voided=false` leaves out what was taken back."""

    voided = BooleanFilter("voided_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = CashFlow
        fields = ("external_id",)


class HaltFilter(FilterSet):
    """`resumed=false`: no person ended it; `withdrawn=false`: the ledger shows it."""

    cause = WordFilter(choices=choices(HaltCause))
    resumed = BooleanFilter("resumed_at", lookup_expr="isnull", exclude=True)
    withdrawn = BooleanFilter("withdrawn_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = TradingHalt
        fields = ()


class PortfolioListFilter(FilterSet):
    """`trading_state` by the clock, as it is answered."""

    kind = KindFilter("kind")
    trading_state = WordFilter("state_now", choices=choices(TradingState))
    drawdown_mode = WordFilter(choices=choices(DrawdownMode))
    floor_in = WordFilter(choices=choices(FloorIn))
    on_breach = WordFilter(choices=choices(OnBreach))
    daily_on_breach = WordFilter(choices=choices(DailyOnBreach))
    edge_guard = WordFilter(choices=choices(EdgeGuard))

    class Meta:
        model = Portfolio
        fields = ("name", "currency")


class GoalFilter(FilterSet):
    """`status` and `band` by the clock; `portfolio` by key or name."""

    kind = KindFilter()
    status = WordsFilter("status_now", choices=choices(GoalStatus))
    goal_type = WordsFilter(choices=choices(GoalType))
    policy = WordFilter(choices=choices(PolicyName))
    band = WordFilter(choices=choices(ProgressBand), method="filter_band")
    portfolio = PortfolioFilter()
    priority = WholeNumberFilter()
    recurring = BooleanFilter()
    target_date_after = DateFilter("target_date", "gte")
    target_date_before = DateFilter("target_date", "lte")

    class Meta:
        model = FinancialGoal
        fields = ()

    def filter_band(
        self, goals: QuerySet[FinancialGoal], name: str, value: str
    ) -> QuerySet[FinancialGoal]:
        return filter_by_band(goals, ProgressBand(value))


FAILED_NOW = Q(**{"status_now": GoalStatus.FAILED})  # annotated, as `open_now` is


def filter_by_band(
    goals: QuerySet[FinancialGoal], band: ProgressBand
) -> QuerySet[FinancialGoal]:
    """Of goals read `with_status` those that have a band, and lie in this one."""
    goals = goals.filter(Q(**{"open_now": True}) & ~FAILED_NOW)
    bands = list(ProgressBand)
    index = bands.index(band)
    if band in BAND_FLOORS_PCT:
        goals = goals.filter(progress_pct__gte=BAND_FLOORS_PCT[band])
    if index + 1 < len(bands):
        goals = goals.filter(progress_pct__lt=BAND_FLOORS_PCT[bands[index + 1]])
    return goals


def filter_by_time(
    history: QuerySet[GoalProgressHistory],
    time_zone: str,
    first: str | None,
    last: str | None,
) -> QuerySet[GoalProgressHistory]:
    """Rows that took effect from `first` to `last`, both included.

    Each is an instant, or a date of the portfolio's time zone (whole days).
    """
    if first:
        history = history.filter(effective_at__gte=_read("from", first, time_zone)[0])
    if last:
        end, is_day = _read("to", last, time_zone)
        if is_day:
            history = history.filter(effective_at__lt=end)
        else:
            history = history.filter(effective_at__lte=end)
    return history


def read_span(
    first: str | None, last: str | None, time_zone: str
) -> tuple[dt.datetime | None, dt.datetime | None]:
    """The first and the last instant that `from` and `to` include; None: not asked.

    Each is an instant, or a date of the time zone (whole days).
    """
    begin = _read("from", first, time_zone)[0] if first else None
    if not last:
        return begin, None
    end, is_day = _read("to", last, time_zone)
    return begin, end - dt.timedelta(microseconds=1) if is_day else end


def _read(field: str, text: str, time_zone: str) -> tuple[dt.datetime, bool]:
    """An instant; for a date its first instant, or for `to` the next day's."""
    try:
        return _read_instant(text, time_zone, days=1 if field == "to" else 0)
    except ValueError as error:
        raise InvalidInput(field, str(error)) from None


def _read_instant(text: str, time_zone: str, days: int = 0) -> tuple[dt.datetime, bool]:
    """The instant, and whether it was given as a date (and moved by `days`)."""
    try:
        day = parse_date(text) if len(text) <= len("2026-03-02") else None
        if day is not None:
            return local_midnight(day + dt.timedelta(days=days), time_zone), True
        instant = parse_datetime(text)
        if instant is not None and instant.tzinfo is not None:
            return instant.astimezone(dt.UTC), False
    except (ValueError, OverflowError):
        pass  # a day or an instant that does not exist
    raise ValueError("must be a date, or an instant such as 2026-03-02T12:00:00Z.")
