"""Filters of the trades' lists."""

import django_filters

from goals.filters import InstantFilter, PortfolioFilter
from mastertrade.columns import choices
from trades.enums import Side, TradeStatus
from trades.models import Position, Trade


class TradeFilter(django_filters.FilterSet):
    """`portfolio` by key or name."""

    portfolio = PortfolioFilter()
    side = django_filters.ChoiceFilter(choices=choices(Side))
    status = django_filters.ChoiceFilter(choices=choices(TradeStatus))
    entry_time_after = InstantFilter("entry_time", "gte")
    entry_time_before = InstantFilter("entry_time", "lte")
    exit_time_after = InstantFilter("exit_time", "gte")
    exit_time_before = InstantFilter("exit_time", "lte")

    class Meta:
        model = Trade
        fields = ("strategy_id", "symbol", "external_id")


class PositionFilter(django_filters.FilterSet):
    portfolio = PortfolioFilter()
    side = django_filters.ChoiceFilter(choices=choices(Side))
    status = django_filters.ChoiceFilter(choices=choices(TradeStatus))

    class Meta:
        model = Position
        fields = ("symbol",)
