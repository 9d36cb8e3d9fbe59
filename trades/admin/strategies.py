"""The strategies' page, a floor below, with what trades know of them."""

from django.contrib import admin
from django.db.models import (
    CharField,
    Count,
    ExpressionWrapper,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from goals.enums import PortfolioKind
from strategies.admin import StrategyAdmin
from strategies.models import StrategyInstance
from trades.enums import TradeStatus
from trades.models import Trade

admin.site.unregister(StrategyInstance)


@admin.register(StrategyInstance)
class StrategyWithTradesAdmin(StrategyAdmin):
    """The strategies' page, with how many closed trades each has: live, if it is."""

    list_display: tuple[str, ...] = (*StrategyAdmin.list_display, "closed_trades")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StrategyInstance]:
        closed = (
            Trade.objects.filter(
                user_id=OuterRef("user_id"),
                strategy_id=OuterRef("strategy_id"),
                status=TradeStatus.CLOSED,
            )
            .annotate(strategy_kind=ExpressionWrapper(OuterRef("kind"), CharField()))
            .filter(
                Q(portfolio__kind=PortfolioKind.LIVE)
                | ~Q(strategy_kind=PortfolioKind.LIVE)
            )
            .order_by()
            .values("strategy_id")
            .annotate(count=Count("pk"))
        )
        count = Coalesce(Subquery(closed.values("count")), 0)
        return super().get_queryset(request).annotate(closed_trades=count)

    @admin.display(description="closed trades", ordering="closed_trades")
    def closed_trades(self, strategy: StrategyInstance) -> int:
        return int(strategy.closed_trades)  # type: ignore[attr-defined]  # annotated
