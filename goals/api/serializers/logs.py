"""The logs of a goal: its progress, and the decisions it took part in."""

from rest_framework import serializers

from goals.models import (
    GoalAdjustmentLog,
    GoalProgressHistory,
)


class GoalProgressSerializer(serializers.ModelSerializer[GoalProgressHistory]):
    goal_id = serializers.IntegerField(read_only=True)

    class Meta:
        model = GoalProgressHistory
        fields = (
            "goal_id",
            "kind",
            "snapshot_date",
            "effective_at",
            "recorded_at",
            "current_value",
            "target_value",
            "progress_pct",
            "note",
        )
        read_only_fields = fields


class GoalAdjustmentSerializer(serializers.ModelSerializer[GoalAdjustmentLog]):
    """A decision: `request` is what was sent about the size, in strings.

    `quantity` is null without a price, `risk_amount` and `risk_pct` without a stop.
    """

    goal_id = serializers.IntegerField(read_only=True)
    portfolio_id = serializers.IntegerField(read_only=True)
    guards = serializers.JSONField(source="answer.guards", read_only=True)
    warnings = serializers.JSONField(read_only=True)
    request = serializers.DictField(
        child=serializers.CharField(), source="asked", read_only=True
    )
    quantity = serializers.SerializerMethodField()
    risk_amount = serializers.SerializerMethodField()
    risk_pct = serializers.SerializerMethodField()

    class Meta:
        model = GoalAdjustmentLog
        fields = (
            "adjustment_id",
            "goal_id",
            "portfolio_id",
            "as_of",
            "request",
            "base_size",
            "adjusted_size",
            "quantity",
            "risk_amount",
            "risk_pct",
            "adjustment_factor",
            "verdict",
            "reason",
            "band",
            "progress_pct",
            "portfolio_value",
            "policy",
            "policy_version",
            "policy_factor",
            "guards",
            "warnings",
            "strategy_id",
            "symbol",
            "request_id",
            "created_at",
        )
        read_only_fields = fields

    def get_quantity(self, row: GoalAdjustmentLog) -> str | None:
        return _answered(row, "quantity")

    def get_risk_amount(self, row: GoalAdjustmentLog) -> str | None:
        return _answered(row, "risk_amount")

    def get_risk_pct(self, row: GoalAdjustmentLog) -> str | None:
        return _answered(row, "risk_pct")


def _answered(row: GoalAdjustmentLog, name: str) -> str | None:
    found: str | None = row.answer.get(name)
    return found
