"""Portfolios and their settings, and cash flows."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, cast

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from goals.api.serializers.floor_references import (
    FloorReferenceSerializer,
    ShownReferenceSerializer,
)
from goals.api.serializers.halts import WaitingSerializer
from goals.decisions.floor_reference import GivenReference
from goals.enums import (
    DailyLossAnchor,
    DailyLossOf,
    DailyOnBreach,
    DrawdownMode,
    DrawdownOf,
    EdgeGuard,
    FloorIn,
    OnBreach,
    PortfolioKind,
    TradingState,
    ValuedBy,
)
from goals.models import (
    CashFlow,
    Portfolio,
)
from goals.models.portfolios import HIGHEST_LOCK, LARGEST_COUNT, LIMIT_KINDS
from goals.projection.presets import MOST_PHASES, PRESETS
from goals.services.limit_changes import floor_in_money
from goals.services.portfolio_settings import find_wrong_settings
from goals.services.trading_state import find_waiting, trading_state_of
from mastertrade.db.model_fields import choices
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import MONEY, PERCENT, RATIO
from mastertrade.values.validation import CURRENCY_PATTERN
from mastertrade.web.api_fields import (
    ChoiceField,
    DecimalColumnField,
    PortfolioReferenceField,
    StrictSerializer,
    WholeNumberField,
)

PORTFOLIO_KINDS = choices(PortfolioKind)
# How a time of day is written.
MINUTES = "%H:%M"


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
