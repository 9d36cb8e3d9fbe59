"""HTTP: how well strategies have done."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.api.filters import read_span
from goals.models import Portfolio
from goals.services.portfolios import find_portfolio
from mastertrade.values.exceptions import InvalidInput
from mastertrade.web.api_lists import ListView
from strategies.models import StrategyInstance
from trades.api.filters import PerformanceFilter
from trades.api.serializers.performance import (
    PerformanceSerializer,
    StrategyPerformance,
)
from trades.services.performance import Span, load_performances

UTC = "UTC"
INSTANT_OR_DATE = (
    "Trades that ended then or {}. An instant, or a date of the portfolio's time zone "
    "(UTC without `portfolio`); included."
)
SPAN = [
    OpenApiParameter(
        "from", OpenApiTypes.STR, description=INSTANT_OR_DATE.format("later")
    ),
    OpenApiParameter(
        "to", OpenApiTypes.STR, description=INSTANT_OR_DATE.format("before")
    ),
]
PORTFOLIO = OpenApiParameter(
    "portfolio", OpenApiTypes.STR, description="Only its trades; key or name."
)


class PerformanceListView(ListView[StrategyInstance]):
    """How well each of the user's strategies has done; see that of one strategy."""

    parameters = {"GET": ("from", "to")}
    serializer_class = PerformanceSerializer
    filterset_class = PerformanceFilter
    ordering_fields = ("strategy_id", "strategy_type", "created_at")
    ordering = ("strategy_id",)

    def get_queryset(self) -> QuerySet[StrategyInstance]:
        return StrategyInstance.objects.filter(user_id=self.request.user.get_username())

    @extend_schema(parameters=SPAN)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        now = timezone.now()
        mine = self.filter_queryset(self.get_queryset())
        portfolio = _find_portfolio(request)
        span = _read_span(request, portfolio, now)
        page = list(self.paginate_queryset(mine) or ())
        names = [one.strategy_id for one in page]
        performances = load_performances(signed_in(request), names, span)
        rows = [StrategyPerformance(one, performances[one.strategy_id]) for one in page]
        return self.get_paginated_response(PerformanceSerializer(rows, many=True).data)


class PerformanceView(APIView):
    parameters = {"GET": ("portfolio", "from", "to")}

    @extend_schema(parameters=[PORTFOLIO, *SPAN], responses=PerformanceSerializer)
    def get(self, request: Request, strategy_id: str) -> Response:
        """How well a strategy has done: money, edge, Kelly fraction.

        Over its trades that are fully closed, in all live portfolios, or in the
        `portfolio` named, of whatever kind. Money is given separately for each
        currency of the portfolios, fees included; edge and
        Kelly fraction are growths per trade at factor 1, which have no currency. Kelly:
        `continuous` is mean/variance (Thorp 2006), `fraction` the f that maximises the
        mean of log(1 + f·growth) over the sample (Kelly 1956); their bands are the
        Bayesian bootstrap's, widened by 1.25.
        """
        now = timezone.now()
        mine = StrategyInstance.objects.filter(user_id=request.user.get_username())
        strategy = get_object_or_404(mine, strategy_id=strategy_id)
        portfolio = _find_portfolio(request)
        span = _read_span(request, portfolio, now)
        performances = load_performances(signed_in(request), [strategy_id], span)
        shown = StrategyPerformance(strategy, performances[strategy_id])
        return Response(PerformanceSerializer(shown).data)


def _find_portfolio(request: Request) -> Portfolio | None:
    """The one asked for; None if none is."""
    asked = request.query_params.get("portfolio")
    if not asked:
        return None
    if "\0" in asked:
        raise InvalidInput("portfolio", "Null characters are not allowed.")
    return find_portfolio(signed_in(request), asked)


def _read_span(request: Request, portfolio: Portfolio | None, now: datetime) -> Span:
    first, until = read_span(
        request.query_params.get("from"),
        request.query_params.get("to"),
        UTC if portfolio is None else portfolio.time_zone,
    )
    return Span(
        until_at=now if until is None else min(until, now),
        from_at=first,
        portfolio_id=None if portfolio is None else portfolio.portfolio_id,
    )
