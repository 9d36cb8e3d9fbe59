"""Request bodies and answers of portfolios, cash flows, goals and their logs."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from goals.enums import (
    AfterAchieved,
    EdgeGuard,
    GoalStatus,
    GoalType,
    Health,
    PolicyName,
    PortfolioKind,
    ProgressBand,
    TradingState,
)
from goals.models import (
    CashFlow,
    FinancialGoal,
    GoalAdjustmentLog,
    GoalProgressHistory,
    Portfolio,
    TradingHalt,
)
from goals.services.funding import find_lack_of_money
from goals.services.trading_state import trading_state_of
from mastertrade.columns import choices
from mastertrade.fields import (
    DecimalColumnField,
    PortfolioReferenceField,
    StrictSerializer,
)
from mastertrade.money import FACTOR, MONEY, PERCENT
from mastertrade.validation import CURRENCY_PATTERN

GOAL_STATUSES = choices(GoalStatus)
PORTFOLIO_KINDS = choices(PortfolioKind)
GOAL_SWITCHES = choices([GoalStatus.ACTIVE, GoalStatus.PAUSED])


class PortfolioSerializer(serializers.ModelSerializer[Portfolio]):
    user_id = serializers.CharField(read_only=True)
    live_equity = DecimalColumnField(MONEY, read_only=True)
    trading_state = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(choices(TradingState)))
    def get_trading_state(self, portfolio: Portfolio) -> str:
        return trading_state_of(portfolio)

    class Meta:
        model = Portfolio
        fields = (
            "portfolio_id",
            "user_id",
            "name",
            "kind",
            "currency",
            "time_zone",
            "opening_balance",
            "equity",
            "live_equity",
            "units",
            "unit_value",
            "peak_unit_value",
            "realized_pnl",
            "drawdown_pct",
            "trading_state",
            "soft_drawdown_pct",
            "hard_drawdown_pct",
            "daily_loss_limit_pct",
            "max_position_pct",
            "edge_guard",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class TradingHaltSerializer(serializers.ModelSerializer[TradingHalt]):
    portfolio_id = serializers.IntegerField(read_only=True)

    class Meta:
        model = TradingHalt
        fields = (
            "halt_id",
            "portfolio_id",
            "cause",
            "halted_at",
            "halted_until",
            "halted_by",
            "reason",
            "figures",
            "resumed_at",
            "resumed_by",
            "resume_reason",
            "resumed_unit_value",
        )
        read_only_fields = fields


class HaltSerializer(StrictSerializer):
    """Why a person halts trading."""

    reason = serializers.CharField(max_length=500)


class ResumeSerializer(StrictSerializer):
    """Why a person resumes trading, if they say so."""

    reason = serializers.CharField(max_length=500, required=False, allow_null=True)


class PortfolioSettingsSerializer(StrictSerializer):
    """What can be changed; currency, time zone and balance until first use."""

    name = serializers.CharField(max_length=100, required=False)
    currency = serializers.RegexField(
        CURRENCY_PATTERN,
        required=False,
        error_messages={"invalid": "Must be 2 to 10 capital letters or digits."},
    )
    time_zone = serializers.CharField(max_length=64, required=False)
    opening_balance = DecimalColumnField(MONEY, min_value=0, required=False)
    soft_drawdown_pct = DecimalColumnField(PERCENT, required=False)
    hard_drawdown_pct = DecimalColumnField(PERCENT, required=False)
    daily_loss_limit_pct = DecimalColumnField(PERCENT, required=False, allow_null=True)
    max_position_pct = DecimalColumnField(PERCENT, required=False, allow_null=True)
    edge_guard = serializers.ChoiceField(choices=choices(EdgeGuard), required=False)


class PortfolioCreationSerializer(PortfolioSettingsSerializer):
    name = serializers.CharField(max_length=100)


class CashFlowSerializer(serializers.ModelSerializer[CashFlow]):
    """A deposit or a withdrawal.

    `units` is what it bought, or sold, at the live unit value. `marks_unknown`: trades
    were open, and it was booked before cash flows were valued at their marks.
    """

    portfolio_id = serializers.IntegerField(read_only=True)
    at = serializers.DateTimeField(source="flowed_at", read_only=True)

    class Meta:
        model = CashFlow
        fields = (
            "cash_flow_id",
            "portfolio_id",
            "amount",
            "at",
            "units",
            "marks_unknown",
            "external_id",
            "created_at",
            "created_by",
            "voided_at",
            "void_reason",
        )
        read_only_fields = fields


class VoidSerializer(StrictSerializer):
    """Why something that was recorded is taken out of the ledger."""

    reason = serializers.CharField(max_length=500)


class WarningSerializer(serializers.Serializer[Any]):
    """What stands in the way, and what to do about it."""

    code = serializers.CharField()
    message = serializers.CharField()


class GoalSerializer(serializers.ModelSerializer[FinancialGoal]):
    """A goal as of the request's one reading of the clock.

    `status` is by that clock, also before the daily run has come by; `band` and
    `health` are null once the goal is over.
    """

    user_id = serializers.CharField(read_only=True)
    portfolio_id = serializers.IntegerField(read_only=True)
    previous_goal_id = serializers.IntegerField(read_only=True, allow_null=True)
    next_goal_id = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField()
    band = serializers.SerializerMethodField()
    health = serializers.SerializerMethodField()
    expected_progress_pct = serializers.SerializerMethodField()
    pace_gap_pct = serializers.SerializerMethodField()
    required_per_day = serializers.SerializerMethodField()
    warnings = serializers.SerializerMethodField()

    class Meta:
        model = FinancialGoal
        fields = (
            "goal_id",
            "user_id",
            "portfolio_id",
            "goal_type",
            "target_value",
            "start_value",
            "current_value",
            "progress_pct",
            "start_date",
            "target_date",
            "status",
            "band",
            "health",
            "expected_progress_pct",
            "pace_gap_pct",
            "required_per_day",
            "priority",
            "recurring",
            "policy",
            "min_factor",
            "max_factor",
            "after_achieved",
            "achieved_at",
            "ended_at",
            "previous_goal_id",
            "next_goal_id",
            "warnings",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def to_representation(self, instance: FinancialGoal) -> dict[str, Any]:
        self._pace = instance.pace_at(self.context["now"])
        return super().to_representation(instance)

    def get_next_goal_id(self, goal: FinancialGoal) -> int | None:
        return getattr(goal, "following_id", None)

    @extend_schema_field(serializers.ChoiceField(GOAL_STATUSES))
    def get_status(self, goal: FinancialGoal) -> str:
        return str(goal.status_at(self.context["now"]))

    @extend_schema_field(
        serializers.ChoiceField(choices(ProgressBand), allow_null=True)
    )
    def get_band(self, goal: FinancialGoal) -> str | None:
        return goal.band_at(self.context["now"])

    @extend_schema_field(serializers.ChoiceField(choices(Health), allow_null=True))
    def get_health(self, goal: FinancialGoal) -> str | None:
        return self._pace.health

    def get_expected_progress_pct(self, goal: FinancialGoal) -> str | None:
        return show_optional(self._pace.expected_progress_pct)

    def get_pace_gap_pct(self, goal: FinancialGoal) -> str | None:
        return show_optional(self._pace.pace_gap_pct)

    def get_required_per_day(self, goal: FinancialGoal) -> str | None:
        return show_optional(self._pace.required_per_day)

    @extend_schema_field(WarningSerializer(many=True))
    def get_warnings(self, goal: FinancialGoal) -> list[dict[str, str]]:
        """What keeps the goal from sizing a trade: a portfolio without money."""
        if goal.is_over(self.context["now"]):
            return []
        lack = find_lack_of_money(goal.portfolio, goal.portfolio.reading)
        return [] if lack is None else [{"code": lack.code, "message": lack.detail}]


def show_optional(value: Any) -> str | None:
    return None if value is None else f"{value:f}"


class GoalSettingsSerializer(StrictSerializer):
    target_value = DecimalColumnField(MONEY, required=False)
    target_date = serializers.DateField(required=False, allow_null=True)
    priority = serializers.IntegerField(min_value=1, max_value=10, required=False)
    recurring = serializers.BooleanField(required=False)
    policy = serializers.ChoiceField(choices=choices(PolicyName), required=False)
    min_factor = DecimalColumnField(FACTOR, required=False)
    max_factor = DecimalColumnField(FACTOR, required=False)
    after_achieved = serializers.ChoiceField(
        choices=choices(AfterAchieved), required=False
    )


class GoalCreationSerializer(GoalSettingsSerializer):
    """`portfolio` by key or name, `main` if left out; dates default to the period."""

    goal_type = serializers.ChoiceField(choices=choices(GoalType))
    target_value = DecimalColumnField(MONEY)
    start_date = serializers.DateField(required=False, allow_null=True)
    start_value = DecimalColumnField(MONEY, required=False, allow_null=True)
    portfolio = PortfolioReferenceField()


class GoalChangeSerializer(GoalSettingsSerializer):
    """`status` pauses (paused) and resumes (active)."""

    status = serializers.ChoiceField(choices=GOAL_SWITCHES, required=False)


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
    goal_id = serializers.IntegerField(read_only=True)
    portfolio_id = serializers.IntegerField(read_only=True)
    guards = serializers.JSONField(source="answer.guards", read_only=True)
    warnings = serializers.JSONField(read_only=True)

    class Meta:
        model = GoalAdjustmentLog
        fields = (
            "adjustment_id",
            "goal_id",
            "portfolio_id",
            "as_of",
            "base_size",
            "adjusted_size",
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
