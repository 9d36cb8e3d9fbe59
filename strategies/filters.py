"""Filters of the strategies' list."""

import django_filters

from goals.filters import KindFilter
from strategies.models import StrategyInstance


class StrategyFilter(django_filters.FilterSet):
    """`kind`: those a replay made for itself are simulations or demos."""

    kind = KindFilter("kind")

    class Meta:
        model = StrategyInstance
        fields = ("strategy_type", "risk_profile", "status")
