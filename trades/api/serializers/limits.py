"""Answers about the limits of a portfolio."""

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from goals.api.serializers import MINUTES, PortfolioSerializer, ShownReferenceSerializer
from goals.decisions.floor_reference import reference_in_money
from goals.models import Portfolio
from goals.models.portfolios import LIMIT_KINDS
from mastertrade.values.money import MONEY, PERCENT, RATIO
from mastertrade.web.api_fields import DecimalColumnField
from trades.sizing_calls.limits import LimitsNow

FLOORS = ("soft_drawdown", "hard_drawdown", "daily_loss")


class FloorSerializer(serializers.Serializer[Any]):
    """A floor in money, and how far the equity is above it.

    `headroom_pct` of live equity, null without any. `losing_trades`: as many mean
    losing trades at the factor that sizing gives now (1 without a goal) reach it; null
    without a losing trade. `binding`: of the floors at which trading stops, the nearest
    one. `checked`: `closes` where the last mark of an open position is older than 15
    minutes: the floor is checked at closes only.
    """

    limit = serializers.ChoiceField(choices=FLOORS)
    floor_equity = DecimalColumnField(MONEY)
    headroom = DecimalColumnField(MONEY)
    headroom_pct = DecimalColumnField(PERCENT, allow_null=True)
    losing_trades = DecimalColumnField(RATIO, allow_null=True)
    binding = serializers.BooleanField()
    checked = serializers.ChoiceField(choices=("live", "closes"))


class DaySerializer(serializers.Serializer[Any]):
    """The trading day so far; `profit` by live values, in money."""

    began_at = serializers.DateTimeField()
    profit = DecimalColumnField(MONEY)
    trades = serializers.IntegerField()
    losses_in_a_row = serializers.IntegerField()


class _Settings(serializers.ModelSerializer[Any]):
    day_starts_at = serializers.TimeField(format=MINUTES, read_only=True)

    class Meta:
        model = Portfolio
        fields = tuple(LIMIT_KINDS)
        read_only_fields = fields


class NowSerializer(_Settings):
    """The limits in force, what they are measured from, and where they are.

    `day` is null where what the day began with cannot be read.
    """

    floor_reference = ShownReferenceSerializer(read_only=True)
    floors = FloorSerializer(many=True, read_only=True)
    day = DaySerializer(allow_null=True, read_only=True)

    class Meta(_Settings.Meta):
        fields = (*_Settings.Meta.fields, "floor_reference", "floors", "day")
        read_only_fields = fields

    def to_representation(self, found: LimitsNow) -> dict[str, Any]:
        reference = reference_in_money(
            found.limits, found.reference, found.money_per_value
        )
        shown = {"set_at": found.reference.set_at, **asdict(reference)}
        return {
            **_Settings(found.limits).data,
            "floor_reference": ShownReferenceSerializer(shown).data,
            "floors": FloorSerializer(found.floors, many=True).data,
            "day": None if found.day is None else DaySerializer(found.day).data,
        }


class LimitsSerializer(NowSerializer):
    """The same at `as_of`."""

    as_of = serializers.DateTimeField(read_only=True)

    class Meta(NowSerializer.Meta):
        fields = ("as_of", *NowSerializer.Meta.fields)
        read_only_fields = fields

    def to_representation(self, found: LimitsNow) -> dict[str, Any]:
        at = self.fields["as_of"].to_representation(found.as_of)
        return {"as_of": at, **super().to_representation(found)}


class PortfolioWithLimitsSerializer(PortfolioSerializer):
    """A portfolio, the figures that follow from its ledger, and its limits now."""

    limits = NowSerializer(read_only=True)

    class Meta(PortfolioSerializer.Meta):
        fields = (*PortfolioSerializer.Meta.fields, "limits")
        read_only_fields = fields
