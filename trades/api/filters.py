"""Filters of the trades' lists."""

from typing import Any

from django.db.models import QuerySet

from goals.api.filters import (
    BooleanFilter,
    InstantFilter,
    KindFilter,
    PortfolioFilter,
    WholeNumberFilter,
)
from goals.enums import PortfolioKind
from goals.models import LedgerChange, Portfolio
from mastertrade.db.model_fields import choices
from mastertrade.web.filters import FilterSet, WordFilter, WordsFilter
from strategies.models import StrategyInstance
from trades.enums import JobKind, JobState, Side, TradeStatus
from trades.models import (
    ImportMapping,
    Position,
    ReplayRun,
    Trade,
    TradeImport,
    UserJob,
    WebhookToken,
)

REPLAY_KINDS = [PortfolioKind.SIMULATION, PortfolioKind.DEMO, KindFilter.ALL]
POSITION_STATUSES = choices([TradeStatus.OPEN, TradeStatus.CLOSED])


class TradeFilter(FilterSet):
    """`portfolio` by key or name. `overridden`: opened while trading was halted."""

    kind = KindFilter()
    portfolio = PortfolioFilter()
    side = WordFilter(choices=choices(Side))
    status = WordFilter(choices=choices(TradeStatus))
    entry_time_after = InstantFilter("entry_time", "gte")
    entry_time_before = InstantFilter("entry_time", "lte")
    exit_time_after = InstantFilter("exit_time", "gte")
    exit_time_before = InstantFilter("exit_time", "lte")
    overridden = BooleanFilter(
        field_name="override_halt", lookup_expr="isnull", exclude=True
    )
    parent_trade_id = WholeNumberFilter(field_name="parent_trade_id")
    source_import_id = WholeNumberFilter(field_name="source_import_id")

    class Meta:
        model = Trade
        fields = ("strategy_id", "symbol", "external_id")


class ChangeFilter(FilterSet):
    kind = KindFilter()
    trade_id = WholeNumberFilter(field_name="trade_id")
    cash_flow_id = WholeNumberFilter(field_name="cash_flow_id")
    changed_at_after = InstantFilter("changed_at", "gte")
    changed_at_before = InstantFilter("changed_at", "lte")

    class Meta:
        model = LedgerChange
        fields = ("action", "changed_by")


class ImportFilter(FilterSet):
    """`portfolio` by key or name."""

    kind = KindFilter()
    portfolio = PortfolioFilter()

    class Meta:
        model = TradeImport
        fields = ("file_name", "content_sha256")


class MappingFilter(FilterSet):
    class Meta:
        model = ImportMapping
        fields = ("name",)


class JobFilter(FilterSet):
    kind = WordFilter(choices=choices(JobKind))
    state = WordsFilter(choices=choices(JobState))

    class Meta:
        model = UserJob
        fields = ()


class WebhookFilter(FilterSet):
    kind = KindFilter()

    class Meta:
        model = WebhookToken
        fields = ("bot", "strategy_id")


class PositionFilter(FilterSet):
    kind = KindFilter()
    portfolio = PortfolioFilter()
    side = WordFilter(choices=choices(Side))
    status = WordFilter(choices=POSITION_STATUSES)

    class Meta:
        model = Position
        fields = ("symbol",)


class ReplayFilter(FilterSet):
    """Of every kind unless one is asked; none is live."""

    kind = WordsFilter(
        "policy_portfolio__kind",
        choices=choices(REPLAY_KINDS),
        method="filter_kind",
    )

    class Meta:
        model = ReplayRun
        fields = ("symbol",)

    def filter_kind(
        self, runs: QuerySet[ReplayRun], name: str, value: list[str]
    ) -> QuerySet[ReplayRun]:
        if not value or KindFilter.ALL in value:
            return runs
        return runs.filter(**{f"{name}__in": value})


class CountedPortfolioFilter(PortfolioFilter):
    """Which trades count is the view's; here the value is only checked."""

    def __init__(self) -> None:
        super().__init__("Only its trades; key or name.")

    def filter(self, qs: QuerySet[Any], value: Portfolio | None) -> QuerySet[Any]:
        return qs


class PerformanceFilter(FilterSet):
    """`portfolio` counts its trades only.

    Without it live trades count: `kind` says which strategies are listed.
    """

    kind = KindFilter("kind")
    portfolio = CountedPortfolioFilter()

    class Meta:
        model = StrategyInstance
        fields = ("strategy_type", "risk_profile", "status")
