"""Request bodies and answers of positions and their marks."""

from typing import Any

from rest_framework import serializers

from mastertrade.values.money import PRICE
from mastertrade.web.api_fields import (
    DecimalColumnField,
    InstantField,
    StrictSerializer,
)
from trades.api.serializers.trades import GoalMoveSerializer, SymbolField
from trades.models import Position


class PositionSerializer(serializers.ModelSerializer[Position]):
    user_id = serializers.CharField(read_only=True)
    portfolio_id = serializers.IntegerField(read_only=True)
    trade_id = serializers.IntegerField(read_only=True)

    class Meta:
        model = Position
        fields = (
            "position_id",
            "trade_id",
            "user_id",
            "portfolio_id",
            "symbol",
            "side",
            "quantity",
            "entry_price",
            "current_price",
            "unrealized_pnl",
            "status",
            "opened_at",
            "marked_at",
            "updated_at",
        )
        read_only_fields = fields


class MarkSerializer(StrictSerializer):
    """The price of a symbol in the quote currency of its trades; `at` is now."""

    symbol = SymbolField()
    price = DecimalColumnField(PRICE, above=0)
    at = InstantField(required=False, allow_null=True)


class MarkedSerializer(serializers.Serializer[Any]):
    """How many positions were marked, symbols without an open one, and the goals."""

    positions = serializers.IntegerField()
    unmarked = serializers.ListField(child=serializers.CharField())
    goals = GoalMoveSerializer(many=True, source="moves")
