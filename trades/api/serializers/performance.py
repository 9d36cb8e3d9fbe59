"""Answers about how well strategies have done."""

from typing import Any, NamedTuple

from rest_framework import serializers

from mastertrade.db.model_fields import choices
from mastertrade.values.money import MONEY, RATIO
from mastertrade.web.api_fields import DecimalColumnField
from strategies.enums import StrategyStatus
from strategies.models import StrategyInstance
from trades.decisions.performance import Performance

# What a share, a ratio of two sums or a Kelly fraction is shown with.
SHARE = (40, 6)


class MoneySerializer(serializers.Serializer[Any]):
    """Results of closed trades in one currency; null where nothing is to divide by.

    `average_loss` and `max_drawdown` are sizes: positive.
    """

    currency = serializers.CharField()
    trades = serializers.IntegerField()
    profit_loss = DecimalColumnField(MONEY)
    average_win = DecimalColumnField(MONEY, allow_null=True)
    average_loss = DecimalColumnField(MONEY, allow_null=True)
    payoff = DecimalColumnField(SHARE, allow_null=True)
    expectancy = DecimalColumnField(MONEY, allow_null=True)
    profit_factor = DecimalColumnField(SHARE, allow_null=True)
    max_drawdown = DecimalColumnField(MONEY)


class EdgeSerializer(serializers.Serializer[Any]):
    """Growth per trade at factor 1: ratios of the equity before; 0.01 is 1 %.

    `lower` and `upper` are the one-sided 80 % bounds of the mean.
    """

    mean = DecimalColumnField(RATIO, source="record.mean")
    lower = DecimalColumnField(RATIO, source="record.lower")
    upper = DecimalColumnField(RATIO, source="record.upper")
    shrunk_mean = DecimalColumnField(RATIO, source="record.shrunk_mean")
    best = DecimalColumnField(RATIO, source="record.best")
    worst = DecimalColumnField(RATIO, source="record.worst")
    typical_loss = DecimalColumnField(RATIO, source="record.typical_loss")
    disproved = serializers.BooleanField(source="record.disproved")

    def to_representation(self, instance: Performance) -> Any:
        is_judged = instance.record.judged
        return super().to_representation(instance) if is_judged else None


class KellySerializer(serializers.Serializer[Any]):
    """The factor that would have grown fastest; low and high are its 80 % band.

    `continuous` is mean/variance, `fraction` the maximiser of E log(1 + f·growth) over
    the sample. Null where nothing bounds it: no loss, or no variance.
    """

    continuous = DecimalColumnField(SHARE, allow_null=True)
    continuous_low = DecimalColumnField(SHARE, allow_null=True)
    continuous_high = DecimalColumnField(SHARE, allow_null=True)
    fraction = DecimalColumnField(SHARE, allow_null=True)
    fraction_low = DecimalColumnField(SHARE, allow_null=True)
    fraction_high = DecimalColumnField(SHARE, allow_null=True)


class StrategyPerformance(NamedTuple):
    strategy: StrategyInstance
    performance: Performance


class PerformanceSerializer(serializers.Serializer[Any]):
    """`edge` and `kelly` are null below 20 trades that count; `reason` says so.

    `since` is null unless the record is longer than is counted at once (50,000 entries
    of the ledger): then only trades after it are.
    """

    strategy_id = serializers.CharField(source="strategy.strategy_id")
    strategy_type = serializers.CharField(source="strategy.strategy_type")
    status = serializers.ChoiceField(
        choices=choices(StrategyStatus), source="strategy.status"
    )
    trades = serializers.IntegerField(source="performance.trades")
    counted_trades = serializers.IntegerField(source="performance.record.trades")
    wins = serializers.IntegerField(source="performance.wins")
    losses = serializers.IntegerField(source="performance.losses")
    win_rate = DecimalColumnField(SHARE, allow_null=True, source="performance.win_rate")
    money = MoneySerializer(many=True, source="performance.money")
    edge = EdgeSerializer(allow_null=True, source="performance")
    kelly = KellySerializer(allow_null=True, source="performance.kelly")
    low_confidence = serializers.BooleanField(
        source="performance.record.low_confidence"
    )
    since = serializers.DateTimeField(allow_null=True, source="performance.since")
    reason = serializers.CharField(allow_null=True, source="performance.reason")
