"""Answers about what a goal may come to."""

from typing import Any

from rest_framework import serializers

from goals.projection.goal_projection import PROBABILITY
from mastertrade.values.money import MONEY, PERCENT, RATIO
from mastertrade.web.api_fields import DecimalColumnField


class ProjectedEdgeSerializer(serializers.Serializer[Any]):
    """Growth per trade at factor 1 (ratios); `lower`, `upper`: one-sided 80 %."""

    trades = serializers.IntegerField(source="bounds.trades")
    mean = DecimalColumnField(RATIO, source="bounds.mean")
    shrunk_mean = DecimalColumnField(RATIO)
    lower = DecimalColumnField(RATIO, source="bounds.lower")
    upper = DecimalColumnField(RATIO, source="bounds.upper")
    best = DecimalColumnField(RATIO)


class SuggestionsSerializer(serializers.Serializer[Any]):
    """What would make the probability 50 %; null where nothing would."""

    trades = serializers.IntegerField(
        allow_null=True, source="figures.suggested_trades"
    )
    deadline = serializers.DateTimeField(allow_null=True, source="suggested_deadline")
    target_value = DecimalColumnField(MONEY, allow_null=True, source="suggested_target")


class PacePointSerializer(serializers.Serializer[Any]):
    """The progress expected at an even pace."""

    at = serializers.DateTimeField()
    progress_pct = DecimalColumnField(PERCENT)


class FanPointSerializer(serializers.Serializer[Any]):
    """The 5, 25, 50, 75 and 95 % quantiles of the simulated paths."""

    at = serializers.DateTimeField()
    trades = serializers.IntegerField()
    p5 = DecimalColumnField(MONEY)
    p25 = DecimalColumnField(MONEY)
    p50 = DecimalColumnField(MONEY)
    p75 = DecimalColumnField(MONEY)
    p95 = DecimalColumnField(MONEY)


class ProjectionSerializer(serializers.Serializer[Any]):
    """Probabilities as ratios; `probability_low`, `_high`: 10 and 90 % quantiles.

    `required_per_trade` and `required_per_day` are log-growths (ratios). While trading
    is halted `probability` is that without another trade, `reason` says so, and
    `probability_if_resumed` what it would be if trading were resumed now; the other
    figures assume that.
    """

    goal_id = serializers.IntegerField(source="goal.goal_id")
    as_of = serializers.DateTimeField()
    meaning = serializers.CharField()
    probability = DecimalColumnField(PROBABILITY, allow_null=True)
    probability_low = DecimalColumnField(
        PROBABILITY, allow_null=True, source="band.low"
    )
    probability_high = DecimalColumnField(
        PROBABILITY, allow_null=True, source="band.high"
    )
    probability_if_resumed = DecimalColumnField(
        PROBABILITY, allow_null=True, source="if_resumed.probability"
    )
    reason = serializers.CharField(allow_null=True)
    confidence = serializers.ChoiceField(
        choices=[(word, word) for word in ("none", "low_confidence", "confident")]
    )
    policy = serializers.CharField(source="goal.policy")
    progress_pct = DecimalColumnField(PERCENT, source="progress.progress_pct")
    trades_per_day = DecimalColumnField(RATIO)
    trades_left = DecimalColumnField(PERCENT, allow_null=True)
    required_per_trade = DecimalColumnField(
        RATIO, allow_null=True, source="figures.required_per_trade"
    )
    required_per_day = DecimalColumnField(RATIO, allow_null=True)
    edge = ProjectedEdgeSerializer(allow_null=True)
    unreachable = serializers.BooleanField(source="is_unreachable")
    unreachable_reason = serializers.CharField(allow_null=True, source="unreachable")
    suggestions = SuggestionsSerializer(source="*")
    pace_line = PacePointSerializer(many=True)
    fan = FanPointSerializer(many=True)
