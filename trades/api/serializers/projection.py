"""Answers about what a goal may come to."""

from typing import Any

from rest_framework import serializers

from goals.projection.goal_projection import PROBABILITY
from mastertrade.values.money import FACTOR, MONEY, PERCENT, RATIO
from mastertrade.web.api_fields import DecimalColumnField


class ProjectedEdgeSerializer(serializers.Serializer[Any]):
    """Growth per trade at factor 1 (ratios); `lower`, `upper`: one-sided 80 %.

    `trades_at_once` are drawn together, on average: those that were open at once.
    """

    trades = serializers.IntegerField()
    mean = DecimalColumnField(RATIO)
    shrunk_mean = DecimalColumnField(RATIO)
    lower = DecimalColumnField(RATIO)
    upper = DecimalColumnField(RATIO)
    best = DecimalColumnField(RATIO)
    trades_at_once = DecimalColumnField(PERCENT)


class SuggestionsSerializer(serializers.Serializer[Any]):
    """What would make the probability 50 %; null where nothing would."""

    trades = serializers.IntegerField(allow_null=True)
    deadline = serializers.DateTimeField(allow_null=True)
    target_value = DecimalColumnField(MONEY, allow_null=True)


class StreaksSerializer(serializers.Serializer[Any]):
    """The probability if trades come in streaks as they did in the record.

    `difference` is in streaks less independently (a ratio), by walks in blocks of
    `block` draws on average; `differ`: by more than 5 points, and `words` say so.
    """

    probability = DecimalColumnField(PROBABILITY)
    difference = DecimalColumnField(PROBABILITY)
    block = DecimalColumnField(PERCENT)
    differ = serializers.BooleanField()
    words = serializers.CharField(allow_null=True)


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
    """Probabilities as ratios, of touching the goal by the deadline.

    `probability_low` and `_high` are those at the 10 % and the 90 % confidence bound of
    the unshrunk mean, widened to hold `probability`. `trades_left` are expected; their
    variance is `dispersion` times that.

    `required_per_trade` and `required_per_day` are log-growths (ratios). While trading
    is halted `probability` is that without another trade, `reason` says so, and
    `probability_if_resumed` what it would be if trading were resumed now; the other
    figures assume that.
    """

    goal_id = serializers.IntegerField()
    as_of = serializers.DateTimeField()
    out_of_date = serializers.BooleanField()
    meaning = serializers.CharField()
    probability = DecimalColumnField(PROBABILITY, allow_null=True)
    probability_low = DecimalColumnField(PROBABILITY, allow_null=True)
    probability_high = DecimalColumnField(PROBABILITY, allow_null=True)
    probability_if_resumed = DecimalColumnField(PROBABILITY, allow_null=True)
    reason = serializers.CharField(allow_null=True)
    confidence = serializers.ChoiceField(
        choices=[(word, word) for word in ("none", "low_confidence", "confident")]
    )
    policy = serializers.CharField()
    progress_pct = DecimalColumnField(PERCENT)
    trades_per_day = DecimalColumnField(RATIO)
    trades_left = DecimalColumnField(PERCENT, allow_null=True)
    dispersion = DecimalColumnField(PERCENT, allow_null=True)
    required_per_trade = DecimalColumnField(RATIO, allow_null=True)
    required_per_day = DecimalColumnField(RATIO, allow_null=True)
    edge = ProjectedEdgeSerializer(allow_null=True)
    unreachable = serializers.BooleanField()
    unreachable_reason = serializers.CharField(allow_null=True)
    streaks = StreaksSerializer(allow_null=True)
    suggestions = SuggestionsSerializer()
    pace_line = PacePointSerializer(many=True)
    fan = FanPointSerializer(many=True)


class FrontierPointSerializer(serializers.Serializer[Any]):
    """By the deadline, as ratios; `median_days` of the walks that reach the goal."""

    probability = DecimalColumnField(PROBABILITY)
    fall_10_probability = DecimalColumnField(PROBABILITY)
    breach_probability = DecimalColumnField(PROBABILITY)
    median_days = DecimalColumnField(PERCENT, allow_null=True)


class ConstantPointSerializer(FrontierPointSerializer):
    factor = DecimalColumnField(FACTOR)


class PolicyPointSerializer(FrontierPointSerializer):
    policy = serializers.CharField()


class FrontierSerializer(serializers.Serializer[Any]):
    """What constant sizes and every policy come to; `verdict` of the goal's own.

    `fall_10_probability` is that of falling more than 10 % below the highest equity
    before the goal, the floor or the deadline, `breach_probability` that of touching
    the floor. While there is nothing to project the lists are empty, `verdict` is null
    and `reason` says why.
    """

    goal_id = serializers.IntegerField()
    as_of = serializers.DateTimeField()
    out_of_date = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True)
    policy = serializers.CharField()
    constants = ConstantPointSerializer(many=True)
    policies = PolicyPointSerializer(many=True)
    verdict = serializers.CharField(allow_null=True)
