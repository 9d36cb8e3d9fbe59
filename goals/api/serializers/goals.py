"""Goals: as they stand, and as they are set and changed."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from goals.decisions.conditions import Condition
from goals.decisions.policies import HIGHEST_FACTOR, LOWEST_FACTOR, PolicyName
from goals.enums import (
    AfterAchieved,
    ConditionName,
    GoalStatus,
    GoalType,
    Health,
    ProgressBand,
)
from goals.models import (
    FinancialGoal,
)
from goals.models.goals import (
    CONDITIONS,
    HIGHEST_STOP_PENALTY,
    MOST_TRADING_DAYS,
    SIZED_BY,
)
from goals.services.funding import find_lack_of_money
from goals.services.goals import (
    EARLIEST_DATE,
    LATEST_DATE,
    find_wrong_change,
    find_wrong_goal,
)
from mastertrade.db.model_fields import choices
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import FACTOR, MONEY, PERCENT
from mastertrade.web.api_fields import (
    ChoiceField,
    DecimalColumnField,
    PortfolioReferenceField,
    StrictSerializer,
    TrueOrFalseField,
    WholeNumberField,
)

GOAL_STATUSES = choices(GoalStatus)
GOAL_TYPES = choices(GoalType)
GOAL_SWITCHES = choices([GoalStatus.ACTIVE, GoalStatus.PAUSED])


class WarningSerializer(serializers.Serializer[Any]):
    """What prevents it, and what to do about it."""

    code = serializers.CharField()
    message = serializers.CharField()


class ConditionSerializer(serializers.Serializer[Any]):
    """What a goal asks for besides its target, as it stands.

    `min_trading_days` in days (counted up to those required), `best_day_max_pct` in
    percent of the profit: `current` is null while there is none.
    """

    name = serializers.ChoiceField(choices(ConditionName))
    required = DecimalColumnField(PERCENT)  # type: ignore[assignment]  # a field here
    current = DecimalColumnField(PERCENT, allow_null=True)
    met = serializers.BooleanField()

    def to_representation(self, instance: Condition) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if instance.name is ConditionName.MIN_TRADING_DAYS:  # a count, not a percentage
            counts = {"required": instance.required, "current": instance.current}
            shown |= {name: f"{count:f}" for name, count in counts.items()}
        return shown


class GoalSerializer(serializers.ModelSerializer[FinancialGoal]):
    """A goal as of the time of the request.

    `status` is by that clock, also where the daily run is late; `band` and
    `health` are null once the goal is over or failed, `health` once it is achieved. A
    goal is achieved when its progress is 100 and its `conditions` hold; where it bounds
    its best day, `target_in_force` is the value at which that day would be small
    enough, if that is above `target_value`. `probability`, its band and `unreachable`
    are what the daily run stored, as of `projected_at`; null before it and below 20
    trades.
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
    target_in_force = DecimalColumnField(MONEY, read_only=True)
    conditions = ConditionSerializer(many=True, read_only=True)
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
            "probability",
            "probability_low",
            "probability_high",
            "unreachable",
            "projected_at",
            "priority",
            "recurring",
            *SIZED_BY,
            *CONDITIONS,
            "target_in_force",
            "conditions",
            "achieved_at",
            "failed_at",
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
        lack = find_lack_of_money(goal.portfolio)
        return [] if lack is None else [{"code": lack.code, "message": lack.detail}]


def show_optional(value: Any) -> str | None:
    return None if value is None else f"{value:f}"


class DayField(serializers.DateField):
    """A day that a goal's period may begin or end with."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        words = f"Must be from {EARLIEST_DATE} to {LATEST_DATE}."
        self.validators += [
            MinValueValidator(EARLIEST_DATE, words),
            MaxValueValidator(LATEST_DATE, words),
        ]


class GoalSettingsSerializer(StrictSerializer):
    """What can be changed while a goal runs."""

    answered = GoalSerializer.Meta.fields
    judged_with = {
        "min_factor": ("max_factor",),
        "min_trading_days": ("start_date", "target_date", "goal_type"),
        "recurring": ("target_date", "goal_type"),
        "start_value": ("goal_type",),
        "target_date": ("start_date", "goal_type"),
        "target_value": ("goal_type", "start_value"),
    }

    target_value = DecimalColumnField(MONEY, required=False)
    target_date = DayField(required=False, allow_null=True)
    priority = WholeNumberField(min_value=1, max_value=10, required=False)
    recurring = TrueOrFalseField(required=False)
    policy = ChoiceField(choices=choices(PolicyName), required=False)
    min_factor = DecimalColumnField(
        FACTOR, min_value=LOWEST_FACTOR, max_value=HIGHEST_FACTOR, required=False
    )
    max_factor = DecimalColumnField(
        FACTOR, min_value=LOWEST_FACTOR, max_value=HIGHEST_FACTOR, required=False
    )
    stop_penalty = DecimalColumnField(
        FACTOR,
        min_value=0,
        max_value=HIGHEST_STOP_PENALTY,
        required=False,
        help_text="What a breach of a floor counts against reaching the goal, which "
        "counts 1: read by the policy deadline_optimal alone. 0: only reaching counts.",
    )
    after_achieved = ChoiceField(choices=choices(AfterAchieved), required=False)
    min_trading_days = WholeNumberField(
        min_value=1,
        max_value=MOST_TRADING_DAYS,
        required=False,
        allow_null=True,
        help_text="Achieved only with an entry on this many trading days.",
    )
    best_day_max_pct = DecimalColumnField(
        PERCENT,
        above=0,
        max_value=100,
        required=False,
        allow_null=True,
        help_text="Achieved only while the best trading day made at most this share "
        "of the profit, in percent.",
    )


class GoalCreationSerializer(GoalSettingsSerializer):
    """`portfolio` by key or name (default `main`); dates default to the period."""

    fixed = {
        "portfolio_id": "Unknown field. Did you mean portfolio? It takes the key too.",
        "status": "A new goal is active; pause it with PATCH once it exists.",
    }

    goal_type = ChoiceField(choices=GOAL_TYPES)
    target_value = DecimalColumnField(MONEY)
    start_date = DayField(required=False, allow_null=True)
    start_value = DecimalColumnField(MONEY, required=False, allow_null=True)
    portfolio = PortfolioReferenceField()

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        return find_wrong_goal(self.context["user"], fields, timezone.now())


class GoalChangeSerializer(GoalSettingsSerializer):
    """`status` pauses (paused) and resumes (active)."""

    fixed = dict.fromkeys(
        ("goal_type", "start_date", "start_value", "portfolio", "portfolio_id"),
        "cannot be changed after the goal was created: cancel it and create another.",
    )
    # The goal has its type and its start, whatever is sent of them.
    judged_with = {
        "min_factor": ("max_factor",),
        "min_trading_days": ("target_date",),
        "recurring": ("target_date",),
    }

    status = ChoiceField(choices=GOAL_SWITCHES, required=False)

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        goal_id = self.context["goal_id"]
        user, now = self.context["user"], timezone.now()
        return find_wrong_change(user, goal_id, fields, now)
