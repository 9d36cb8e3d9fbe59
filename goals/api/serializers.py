"""Request bodies and answers of portfolios, cash flows, goals and their logs."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, cast

from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from goals.decisions.conditions import Condition
from goals.decisions.floor_reference import GivenReference
from goals.decisions.policies import HIGHEST_FACTOR, LOWEST_FACTOR, PolicyName
from goals.enums import (
    AfterAchieved,
    ConditionName,
    DailyLossAnchor,
    DailyLossOf,
    DailyOnBreach,
    DrawdownMode,
    DrawdownOf,
    EdgeGuard,
    FloorIn,
    GoalStatus,
    GoalType,
    HaltCause,
    Health,
    OnBreach,
    PortfolioKind,
    ProgressBand,
    TradingState,
    ValuedBy,
)
from goals.models import (
    CashFlow,
    FinancialGoal,
    GoalAdjustmentLog,
    GoalProgressHistory,
    Portfolio,
    TradingHalt,
)
from goals.models.goals import (
    CONDITIONS,
    HIGHEST_STOP_PENALTY,
    MOST_TRADING_DAYS,
    SIZED_BY,
)
from goals.models.portfolios import HIGHEST_LOCK, LARGEST_COUNT, LIMIT_KINDS
from goals.projection.presets import MOST_PHASES, PRESETS
from goals.services.funding import find_lack_of_money
from goals.services.goals import (
    EARLIEST_DATE,
    LATEST_DATE,
    find_wrong_change,
    find_wrong_goal,
)
from goals.services.limit_changes import floor_in_money
from goals.services.portfolio_settings import find_wrong_settings
from goals.services.resuming import PRESENT
from goals.services.trading_state import find_waiting, trading_state_of
from mastertrade.db.model_fields import choices
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import FACTOR, MONEY, PERCENT, RATIO
from mastertrade.values.validation import CURRENCY_PATTERN
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
PORTFOLIO_KINDS = choices(PortfolioKind)
HALT_CAUSES = choices(HaltCause)
# How a time of day is written.
MINUTES = "%H:%M"
GOAL_SWITCHES = choices([GoalStatus.ACTIVE, GoalStatus.PAUSED])


NOT_A_REFERENCE = "Must be an object with start_equity, peak_equity or floor_equity."


def _says_something(data: Mapping[str, Any]) -> bool:
    return any(value is not None for value in data.values())


class FloorReferenceSerializer(StrictSerializer):
    """What the floor is measured from, in money; what is not given stays.

    `floor_equity` is where the hard floor is today; the peak follows from it (under
    `drawdown_mode` static the start too).
    """

    answered = ("set_at",)

    start_equity = DecimalColumnField(MONEY, above=0, required=False, allow_null=True)
    peak_equity = DecimalColumnField(MONEY, above=0, required=False, allow_null=True)
    floor_equity = DecimalColumnField(MONEY, above=0, required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError([NOT_A_REFERENCE])
        given: dict[str, Any] = super().to_internal_value(data)
        if not _says_something(data):
            raise serializers.ValidationError([NOT_A_REFERENCE])
        return given


class ShownReferenceSerializer(serializers.Serializer[Any]):
    """What the floor is measured from, in money at the present units; where it is.

    `set_at` null: since the opening. `floor_equity` null: there is no floor, before the
    first money and after ruin.
    """

    set_at = serializers.DateTimeField(allow_null=True)
    start_equity = DecimalColumnField(MONEY)
    peak_equity = DecimalColumnField(MONEY)
    floor_equity = DecimalColumnField(MONEY, allow_null=True)


class WaitingSerializer(serializers.Serializer[Any]):
    """Entries are refused `since` then: one mark is at or below this floor.

    A second mark at least 5 seconds later that shows it too, or none that does not
    `until` then, halts trading.
    """

    cause = serializers.ChoiceField(HALT_CAUSES)
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()


class PortfolioSerializer(serializers.ModelSerializer[Portfolio]):
    user_id = serializers.CharField(read_only=True)
    live_equity = DecimalColumnField(MONEY, read_only=True)
    trading_state = serializers.SerializerMethodField()
    day_starts_at = serializers.TimeField(format=MINUTES, read_only=True)
    floor_reference = serializers.SerializerMethodField()
    successor_id = serializers.IntegerField(read_only=True, allow_null=True)
    predecessor_id = serializers.SerializerMethodField()

    def get_predecessor_id(self, portfolio: Portfolio) -> int | None:
        """Read with a list, asked for with a single one."""
        if hasattr(portfolio, "predecessor_key"):
            return cast("int | None", portfolio.predecessor_key)
        return portfolio.predecessors.values_list("pk", flat=True).first()

    waiting = serializers.SerializerMethodField()

    @extend_schema_field(ShownReferenceSerializer)
    def get_floor_reference(self, portfolio: Portfolio) -> dict[str, Any]:
        in_money = floor_in_money(portfolio, timezone.now())
        shown = {"set_at": portfolio.floor_set_at, **asdict(in_money)}
        return dict(ShownReferenceSerializer(shown).data)

    @extend_schema_field(WaitingSerializer(allow_null=True))
    def get_waiting(self, portfolio: Portfolio) -> dict[str, Any] | None:
        waiting = find_waiting(portfolio, timezone.now())
        return None if waiting is None else dict(WaitingSerializer(waiting).data)

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
            "successor_id",
            "predecessor_id",
            "waiting",
            *LIMIT_KINDS,
            "floor_reference",
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
            "withdrawn_at",
            "withdrawn_reason",
        )
        read_only_fields = fields


class HaltSerializer(StrictSerializer):
    """Why a person halts trading."""

    reason = serializers.CharField(max_length=500)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": [PRESENT]},
            {"$ref": "#/components/schemas/FloorReference"},
        ]
    }
)
class ResumeReferenceField(serializers.Field[Any, Any, Any, Any]):
    """What a person says the hard floor is measured from: an object, or `present`."""

    default_error_messages = {
        "invalid": 'Must be "present", or an object with start_equity, peak_equity or '
        "floor_equity."
    }

    def to_internal_value(self, data: Any) -> GivenReference | str:
        if data == PRESENT:
            return PRESENT
        if not isinstance(data, Mapping) or not _says_something(data):
            self.fail("invalid")
        given = FloorReferenceSerializer(data=data)
        given.is_valid(raise_exception=True)
        return GivenReference(**given.validated_data)


class ResumeSerializer(StrictSerializer):
    """Why a person resumes trading, and what the floor is measured from; optional.

    `floor_reference` is needed after a halt at a static hard floor: `present` measures
    it from the present equity.
    """

    reason = serializers.CharField(max_length=500, required=False, allow_null=True)
    floor_reference = ResumeReferenceField(required=False, allow_null=True)


def _count(**options: Any) -> serializers.IntegerField:
    """How many, from 1; null is off."""
    return WholeNumberField(
        min_value=1, max_value=LARGEST_COUNT, required=False, allow_null=True, **options
    )


class PortfolioSettingsSerializer(StrictSerializer):
    """What can be changed.

    Currency, time zone, opening balance and the day's start only until first use.
    A change of `drawdown_mode`, `drawdown_of`, `drawdown_locks_at` or `floor_in`
    measures the floor from the present value on, or from `floor_reference`.
    """

    answered = PortfolioSerializer.Meta.fields
    judged_with = {
        "soft_drawdown_pct": ("hard_drawdown_pct",),
        "pause_minutes": ("pause_after_losses",),
    }

    name = serializers.CharField(max_length=100, required=False)
    currency = serializers.RegexField(
        CURRENCY_PATTERN,
        required=False,
        error_messages={"invalid": "Must be 2 to 10 capital letters or digits."},
    )
    time_zone = serializers.CharField(max_length=64, required=False)
    opening_balance = DecimalColumnField(MONEY, min_value=0, required=False)
    soft_drawdown_pct = DecimalColumnField(
        PERCENT, above=0, max_value=100, required=False
    )
    hard_drawdown_pct = DecimalColumnField(
        PERCENT, above=0, max_value=100, required=False
    )
    drawdown_mode = ChoiceField(
        choices=choices(DrawdownMode),
        required=False,
        help_text="What raises the peak: closes; live highs that a second mark "
        "confirms; the value at a trading day's end; nothing.",
    )
    end_of_day_of = ChoiceField(
        choices=choices(ValuedBy),
        required=False,
        help_text="Which value counts at a day's end; only read with end_of_day.",
    )
    drawdown_of = ChoiceField(
        choices=choices(DrawdownOf),
        required=False,
        help_text="What the drawdown's percentages are of.",
    )
    drawdown_locks_at = DecimalColumnField(
        RATIO,
        above=0,
        max_value=HIGHEST_LOCK,
        required=False,
        allow_null=True,
        help_text="The floor never rises above this multiple of the start.",
    )
    floor_in = ChoiceField(
        choices=choices(FloorIn),
        required=False,
        help_text="Whether a cash flow moves the floor in money (units) or not.",
    )
    floor_reference = FloorReferenceSerializer(required=False, allow_null=True)
    daily_loss_limit_pct = DecimalColumnField(
        PERCENT, above=0, max_value=100, required=False, allow_null=True
    )
    daily_loss_of = ChoiceField(choices=choices(DailyLossOf), required=False)
    daily_loss_anchor = ChoiceField(
        choices=choices(DailyLossAnchor),
        required=False,
        help_text="What the day's loss is measured from: the live value, the closed "
        "one, or the higher, when the day began.",
    )
    day_starts_at = serializers.TimeField(
        format=MINUTES,
        input_formats=[MINUTES, "%H:%M:%S"],
        required=False,
        help_text="When a trading day begins, in time_zone.",
    )
    daily_profit_lock_pct = DecimalColumnField(
        PERCENT,
        above=0,
        required=False,
        allow_null=True,
        help_text="A day's profit at which entries stop until the next day.",
    )
    max_trades_per_day = _count()
    pause_after_losses = _count()
    pause_minutes = _count(
        help_text="Null: entries pause until the next day. Needs pause_after_losses."
    )
    headroom_share_pct = DecimalColumnField(
        PERCENT, above=0, max_value=100, required=False, allow_null=True
    )
    on_breach = ChoiceField(choices=choices(OnBreach), required=False)
    daily_on_breach = ChoiceField(choices=choices(DailyOnBreach), required=False)
    max_position_pct = DecimalColumnField(
        PERCENT, above=0, required=False, allow_null=True
    )
    edge_guard = ChoiceField(choices=choices(EdgeGuard), required=False)
    successor = PortfolioReferenceField(
        help_text="The portfolio of a challenge's next phase, by key or name: one made "
        "after this one, in which nothing was booked yet. Null: none."
    )

    def validate_floor_reference(self, given: Any) -> GivenReference | None:
        return None if not given else GivenReference(**given)

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        of_portfolio = self.context.get("portfolio_id")
        return find_wrong_settings(self.context["user"], of_portfolio, fields)


class PortfolioCreationSerializer(PortfolioSettingsSerializer):
    """A new portfolio; only `name` is required.

    With a `preset` it has that challenge's limits and, in the same call, the goal of
    its `phase` (default 1); fields sent with it go before the preset's.
    """

    fixed = {
        "successor": "A later portfolio is the successor: name this one in a PATCH of "
        "the portfolio of the phase before it."
    }

    successor = None  # type: ignore[assignment]  # takes the field away
    name = serializers.CharField(max_length=100)
    preset = ChoiceField(
        choices=choices(PRESETS),
        required=False,
        help_text="A firm's challenge, as docs/challenges.md describes it: the firm's "
        "page is authoritative.",
    )
    phase = serializers.IntegerField(
        min_value=1,
        max_value=MOST_PHASES,
        required=False,
        help_text="Which phase of the preset; each begins on a portfolio of its own.",
    )

    def find_wrong(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        yield from super().find_wrong(fields)
        if "phase" in fields and "preset" not in fields:
            yield InvalidInput("phase", "needs a preset: name one, or leave it out.")


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
    """Why a record is taken out of the ledger."""

    reason = serializers.CharField(max_length=500)


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
