"""Request bodies and answers of strategies."""

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from mastertrade.db.model_fields import choices
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.in_text import cased
from mastertrade.values.validation import STRATEGY_ID_PATTERN, STRATEGY_TYPE_PATTERN
from mastertrade.web.api_fields import (
    ChoiceField,
    JSONObjectField,
    StrictSerializer,
    VisibleTextField,
)
from strategies.enums import RiskProfile, StrategyStatus
from strategies.models import StrategyInstance
from strategies.services import WRONG_ID, wrong_in_strategy_id

STRATEGY_STATUSES = choices(StrategyStatus)


class StrategySerializer(serializers.ModelSerializer[StrategyInstance]):
    user_id = serializers.CharField(read_only=True)

    class Meta:
        model = StrategyInstance
        fields = (
            "strategy_id",
            "user_id",
            "kind",
            "strategy_name",
            "strategy_type",
            "risk_profile",
            "parameters",
            "status",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class StrategyChangeSerializer(StrictSerializer):
    """What can be changed of a strategy; a paused one is not selected."""

    answered = StrategySerializer.Meta.fields
    fixed = {
        "strategy_id": "cannot be changed after the strategy was created: create "
        "another.",
    }

    strategy_name = VisibleTextField(max_length=200, required=False)
    strategy_type = serializers.RegexField(
        STRATEGY_TYPE_PATTERN,
        max_length=50,
        required=False,
        error_messages={
            "invalid": "Must be a word such as momentum or mean_reversion."
        },
    )
    risk_profile = ChoiceField(choices=choices(RiskProfile), required=False)
    parameters = JSONObjectField(required=False)
    status = ChoiceField(choices=STRATEGY_STATUSES, required=False)


class StrategyCreationSerializer(StrategyChangeSerializer):
    """`strategy_id` is your own name for it, and cannot be changed later."""

    fixed = {}

    strategy_id = serializers.RegexField(
        STRATEGY_ID_PATTERN,
        max_length=100,
        error_messages={"invalid": cased(WRONG_ID)},
    )
    strategy_type = serializers.RegexField(
        STRATEGY_TYPE_PATTERN,
        max_length=50,
        error_messages={
            "invalid": "Must be a word such as momentum or mean_reversion."
        },
    )

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        if "strategy_id" in fields:
            yield from wrong_in_strategy_id(self.context["user"], fields["strategy_id"])
