"""Answers about the limits of a portfolio."""

from dataclasses import asdict, replace
from typing import Any

from rest_framework import serializers

from goals.api.serializers.floor_references import ShownReferenceSerializer
from goals.api.serializers.halts import WaitingSerializer
from goals.api.serializers.portfolios import MINUTES, PortfolioSerializer
from goals.decisions.floor_reference import reference_in_money
from goals.models import Portfolio, TradingHalt
from goals.models.portfolios import LIMIT_KINDS
from mastertrade.values.money import MONEY, PERCENT, RATIO
from mastertrade.web.api_fields import DecimalColumnField
from trades.sizing_calls.limits import LimitsNow

FLOORS = ("soft_drawdown", "hard_drawdown", "daily_loss")


class FloorSerializer(serializers.Serializer[Any]):
    """A floor in money, and how far the equity is above it.

    `reached`: the equity is at the floor, or below it by `shortfall`; `headroom` is 0
    then. `headroom_pct` of live equity, null without any. `losing_trades`: as many mean
    losing trades at the factor that sizing gives now (1 without a goal) reach it; null
    without a losing trade, or while more than 100,000 trades are missing from the
    record. `binding`: of the floors at which trading stops, the nearest
    one. `checked`: `closes` where the last mark of an open position is older than 15
    minutes: the floor is checked at closes only.
    """

    limit = serializers.ChoiceField(choices=FLOORS)
    floor_equity = DecimalColumnField(MONEY)
    reached = serializers.BooleanField()
    headroom = DecimalColumnField(MONEY)
    shortfall = DecimalColumnField(MONEY)
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


class HaltInForceSerializer(serializers.ModelSerializer[TradingHalt]):
    """What stops entries, since when and until when; null: until a person resumes."""

    class Meta:
        model = TradingHalt
        fields = ("halt_id", "cause", "halted_at", "halted_until", "reason")
        read_only_fields = fields


class _Settings(serializers.ModelSerializer[Any]):
    day_starts_at = serializers.TimeField(format=MINUTES, read_only=True)

    class Meta:
        model = Portfolio
        fields = tuple(LIMIT_KINDS)
        read_only_fields = fields


class NowSerializer(_Settings):
    """The limits in force, what they are measured from, and where they are.

    `floors` is empty before the first money and after ruin. `day` is null where what
    the day began with cannot be read. `halts` are those in force, the longest first; a
    limit that was relaxed or turned off since leaves its halt in force.
    """

    floor_reference = ShownReferenceSerializer(read_only=True)
    floors = FloorSerializer(many=True, read_only=True)
    day = DaySerializer(allow_null=True, read_only=True)
    halts = HaltInForceSerializer(many=True, read_only=True)
    waiting = WaitingSerializer(allow_null=True, read_only=True)

    class Meta(_Settings.Meta):
        fields = (
            *_Settings.Meta.fields,
            "floor_reference",
            "floors",
            "day",
            "halts",
            "waiting",
        )
        read_only_fields = fields

    def to_representation(self, found: LimitsNow) -> dict[str, Any]:
        reference = reference_in_money(
            found.limits, found.reference, found.money_per_value
        )
        if not found.has_floor:
            reference = replace(reference, floor_equity=None)
        shown = {"set_at": found.reference.set_at, **asdict(reference)}
        waiting = found.waiting
        return {
            **_Settings(found.limits).data,
            "floor_reference": ShownReferenceSerializer(shown).data,
            "floors": FloorSerializer(found.floors, many=True).data,
            "day": None if found.day is None else DaySerializer(found.day).data,
            "halts": HaltInForceSerializer(found.halts, many=True).data,
            "waiting": None if waiting is None else WaitingSerializer(waiting).data,
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
