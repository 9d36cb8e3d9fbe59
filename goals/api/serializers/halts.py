"""Halts: why trading stopped, and how it is resumed."""

from typing import Any

from rest_framework import serializers

from goals.api.serializers.floor_references import ResumeReferenceField
from goals.enums import (
    HaltCause,
)
from goals.models import (
    TradingHalt,
)
from mastertrade.db.model_fields import choices
from mastertrade.web.api_fields import (
    StrictSerializer,
)

HALT_CAUSES = choices(HaltCause)


class WaitingSerializer(serializers.Serializer[Any]):
    """Entries are refused `since` then: one mark is at or below this floor.

    A second mark at least 5 seconds later that shows it too, or none that does not
    `until` then, halts trading.
    """

    cause = serializers.ChoiceField(HALT_CAUSES)
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()


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


class ResumeSerializer(StrictSerializer):
    """Why a person resumes trading, and what the floor is measured from; optional.

    `floor_reference` is needed after a halt at a static hard floor: `present` measures
    it from the present equity.
    """

    reason = serializers.CharField(max_length=500, required=False, allow_null=True)
    floor_reference = ResumeReferenceField(required=False, allow_null=True)
