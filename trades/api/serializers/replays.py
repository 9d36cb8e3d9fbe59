"""Answers about replays."""

from typing import Any

from rest_framework import serializers

from goals.api.serializers import PORTFOLIO_KINDS
from trades.models import ReplayRun


class ReplayListSerializer(serializers.ModelSerializer[ReplayRun]):
    """A finished replay: two portfolios over the same prices."""

    replay_id = serializers.IntegerField(source="run_id", read_only=True)
    kind = serializers.ChoiceField(
        PORTFOLIO_KINDS, source="policy_portfolio.kind", read_only=True
    )
    policy_portfolio_id = serializers.IntegerField(read_only=True)
    constant_portfolio_id = serializers.IntegerField(read_only=True)

    class Meta:
        model = ReplayRun
        fields: tuple[str, ...] = (
            "replay_id",
            "kind",
            "symbol",
            "policy_portfolio_id",
            "constant_portfolio_id",
            "created_at",
        )
        read_only_fields = fields


class ReplaySerializer(ReplayListSerializer):
    """The same with its report: every figure of both runs, period by period."""

    report: Any = serializers.DictField(read_only=True)

    class Meta(ReplayListSerializer.Meta):
        fields = (*ReplayListSerializer.Meta.fields, "report")
        read_only_fields = fields
