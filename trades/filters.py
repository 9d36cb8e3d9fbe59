"""Filters of the trades' lists."""

import django_filters

from mastertrade.columns import choices
from trades.enums import Side, TradeStatus
from trades.models import Position, Trade


class TradeFilter(django_filters.FilterSet):
    """`portfolio` by key; times as `entry_time_after`, `entry_time_before`, …"""

    portfolio = django_filters.NumberFilter(field_name="portfolio_id")
    side = django_filters.ChoiceFilter(choices=choices(Side))
    status = django_filters.ChoiceFilter(choices=choices(TradeStatus))
    entry_time = django_filters.IsoDateTimeFromToRangeFilter()
    exit_time = django_filters.IsoDateTimeFromToRangeFilter()

    class Meta:
        model = Trade
        fields = ("strategy_id", "symbol", "external_id")


class PositionFilter(django_filters.FilterSet):
    portfolio = django_filters.NumberFilter(field_name="portfolio_id")
    side = django_filters.ChoiceFilter(choices=choices(Side))
    status = django_filters.ChoiceFilter(choices=choices(TradeStatus))

    class Meta:
        model = Position
        fields = ("symbol",)
