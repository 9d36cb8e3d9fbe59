"""Request bodies and answers of sizing, strategy choice and the next trade."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from goals.decisions.policies import PolicyName
from goals.decisions.size_request import BASES, LARGEST, find_wrong_request
from goals.decisions.size_warnings import WARNING_CODES
from goals.enums import ProgressBand, Verdict
from goals.models import GoalAdjustmentLog
from mastertrade.db.model_fields import choices
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.jsonable import show
from mastertrade.values.money import FACTOR, MONEY, PERCENT, PRICE
from mastertrade.web.api_fields import (
    DecimalColumnField,
    InstantField,
    PortfolioReferenceField,
    StrictSerializer,
    VisibleTextField,
)
from strategies.enums import RiskProfile, Stance
from strategies.models import StrategySelectionLog
from trades.api.serializers.trades import SymbolField
from trades.booking.references import find_unknown
from trades.enums import Side


def _amount(column: tuple[int, int], **bounds: Decimal) -> DecimalColumnField:
    return DecimalColumnField(
        column, above=0, required=False, allow_null=True, **bounds
    )


class SizesSerializer(StrictSerializer):
    """Sizes are notional, in the portfolio's currency; `lot_step` in units.

    Exactly one of `base_size`, `base_pct` (percent of live equity), `risk_amount` and
    `risk_pct` (of live equity). The last two need `price` and `stop_price`: the base
    size is then the notional that loses that amount at the stop, `cost_pct` of the
    notional counted on top. A stop above the price is that of a SHORT. With a
    `stop_price` the answer gives the risk, however the base size was given.
    """

    judged_with = {
        "base_size": BASES,
        "side": ("price", "stop_price"),
        "cost_pct": ("stop_price",),
        "lot_step": ("price",),
    }

    base_size = _amount(MONEY, max_value=LARGEST["base_size"])
    base_pct = _amount(PERCENT)
    risk_amount = _amount(MONEY, max_value=LARGEST["risk_amount"])
    risk_pct = _amount(PERCENT, max_value=LARGEST["risk_pct"])
    symbol = SymbolField(required=False, allow_null=True)
    price = _amount(PRICE)
    stop_price = _amount(PRICE)
    side = serializers.ChoiceField(
        choices=choices(Side), required=False, allow_null=True
    )
    cost_pct = DecimalColumnField(
        PERCENT,
        min_value=0,
        max_value=LARGEST["cost_pct"],
        required=False,
        allow_null=True,
    )
    max_size = DecimalColumnField(MONEY, min_value=0, required=False, allow_null=True)
    min_size = DecimalColumnField(MONEY, min_value=0, required=False, allow_null=True)
    lot_step = _amount(PRICE)
    as_of = InstantField(required=False, allow_null=True)

    def find_wrong(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        return find_wrong_request(fields)

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        of_goal = self.context.get("goal_id")
        return find_unknown(self.context["user"], fields, of_goal)


class GoalSizingRequestSerializer(SizesSerializer):
    """`strategy_id`: whose record the edge guard judges; default: the portfolio's.

    The same `request_id` with the same body answers the first decision.
    """

    strategy_id = serializers.CharField(max_length=100, required=False, allow_null=True)
    request_id = VisibleTextField(max_length=200, required=False, allow_null=True)


class PortfolioSizingRequestSerializer(GoalSizingRequestSerializer):
    """The same over all goals of a `portfolio` (default `main`)."""

    portfolio = PortfolioReferenceField()


class NextTradeRequestSerializer(SizesSerializer):
    """`candidates`: the strategies that compete; default: all active ones."""

    portfolio = PortfolioReferenceField()
    candidates = serializers.ListField(
        child=serializers.CharField(max_length=100),
        min_length=1,
        max_length=1000,
        required=False,
        allow_null=True,
    )


class StrategyRequestSerializer(StrictSerializer):
    """`candidates`: the strategies that compete; default: all active ones."""

    candidates = serializers.ListField(
        child=serializers.CharField(max_length=100),
        min_length=1,
        max_length=1000,
        required=False,
        allow_null=True,
    )
    as_of = InstantField(required=False, allow_null=True)

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        of_goal = self.context["goal_id"]
        return find_unknown(self.context["user"], fields, of_goal)


class GuardSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    factor_before = DecimalColumnField(FACTOR)
    factor_after = DecimalColumnField(FACTOR)
    reason = serializers.CharField()


class SizeWarningSerializer(serializers.Serializer[Any]):
    """What to look at before trading; it changes no size."""

    code = serializers.ChoiceField(choices=[(code, code) for code in WARNING_CODES])
    message = serializers.CharField()


class GoalFactorSerializer(serializers.Serializer[Any]):
    goal_id = serializers.IntegerField()
    factor = DecimalColumnField(FACTOR)
    band = serializers.ChoiceField(choices=choices(ProgressBand))
    decides = serializers.BooleanField()


class SizingAnswerSerializer(serializers.Serializer[Any]):
    """How large, and why.

    `quantity` only where a price was given; with a stop, `risk_amount` is what it loses
    there, costs included, and `risk_pct` that in percent of live equity, rounded down.
    """

    adjustment_id = serializers.IntegerField()
    goal_id = serializers.IntegerField()
    base_size = DecimalColumnField(MONEY)
    adjusted_size = DecimalColumnField(MONEY)
    quantity = DecimalColumnField(PRICE, required=False)
    risk_amount = DecimalColumnField(MONEY, required=False)
    risk_pct = DecimalColumnField(PERCENT, required=False)
    adjustment_factor = DecimalColumnField(FACTOR)
    verdict = serializers.ChoiceField(choices=choices(Verdict))
    reason = serializers.CharField()
    band = serializers.ChoiceField(choices=choices(ProgressBand))
    progress_pct = DecimalColumnField(PERCENT)
    policy = serializers.ChoiceField(choices=choices(PolicyName))
    guards = GuardSerializer(many=True)
    warnings = SizeWarningSerializer(many=True)
    goals = GoalFactorSerializer(many=True)
    conflict = serializers.BooleanField()


class RankedStrategySerializer(serializers.Serializer[Any]):
    """Growths per trade are ratios: 0.01 is 1 %. Null below 20 trades."""

    rank = serializers.IntegerField()
    strategy_id = serializers.CharField()
    strategy_type = serializers.CharField()
    risk_profile = serializers.ChoiceField(choices=choices(RiskProfile))
    posture = serializers.CharField()
    fit = serializers.CharField()
    closed_trades = serializers.IntegerField()
    mean_growth = serializers.CharField()
    mean = serializers.CharField(allow_null=True)
    lower = serializers.CharField(allow_null=True)
    upper = serializers.CharField(allow_null=True)
    disproved = serializers.BooleanField()


class StrategyAnswerSerializer(serializers.Serializer[Any]):
    selection_id = serializers.IntegerField()
    goal_id = serializers.IntegerField()
    selected_strategy = serializers.CharField()
    strategy_type = serializers.CharField()
    stance = serializers.ChoiceField(choices=choices(Stance))
    reason = serializers.CharField()
    progress_pct = DecimalColumnField(PERCENT)
    ranking = RankedStrategySerializer(many=True)


class NextTradeAnswerSerializer(SizingAnswerSerializer):
    """The answers of sizing and of strategy selection in one."""

    selected_strategy = serializers.CharField()
    strategy_type = serializers.CharField()
    stance = serializers.ChoiceField(choices=choices(Stance))
    strategy_reason = serializers.CharField()
    ranking = RankedStrategySerializer(many=True)


def show_decision(row: GoalAdjustmentLog) -> dict[str, Any]:
    """The answer as it was given the first time, with its key.

    A row that is older than warnings has none.
    """
    return {"adjustment_id": row.adjustment_id, "warnings": [], **row.answer}


def show_selection(row: StrategySelectionLog) -> dict[str, Any]:
    return {
        "selection_id": row.selection_id,
        "goal_id": row.goal_id,
        "selected_strategy": row.strategy_id,
        "strategy_type": row.ranking[0]["strategy_type"],
        "stance": str(row.stance),
        "reason": row.reason,
        "progress_pct": show(row.progress_pct, PERCENT),
        "ranking": row.ranking,
    }
