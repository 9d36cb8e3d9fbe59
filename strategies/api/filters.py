"""Filters of the strategies' list."""

from goals.api.filters import KindFilter
from mastertrade.web.filters import FilterSet
from strategies.models import StrategyInstance


class StrategyFilter(FilterSet):
    """`kind`: those a replay made for itself are simulations or demos."""

    kind = KindFilter("kind")

    class Meta:
        model = StrategyInstance
        fields = ("strategy_type", "risk_profile", "status")
