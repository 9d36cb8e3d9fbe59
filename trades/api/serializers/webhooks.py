"""Request bodies and answers of webhooks."""

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from mastertrade.db.model_fields import choices
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import MONEY
from mastertrade.web.api_fields import (
    DecimalColumnField,
    PortfolioReferenceField,
    StrictSerializer,
)
from trades.booking.references import find_unknown
from trades.freqtrade.webhook import BookedFill, WebhookOutcome
from trades.models import WebhookToken
from trades.models.webhooks import BOT_PATTERN


class WebhookSerializer(serializers.ModelSerializer[WebhookToken]):
    portfolio_id = serializers.IntegerField(read_only=True)
    api_token_key = serializers.CharField(
        source="api_token.token_key", read_only=True, allow_null=True
    )

    class Meta:
        model = WebhookToken
        fields = (
            "webhook_id",
            "bot",
            "portfolio_id",
            "strategy_id",
            "token_key",
            "api_token_key",
            "created_at",
            "last_used_at",
        )
        read_only_fields = fields


class IssuedWebhookSerializer(WebhookSerializer):
    """`path` holds the secret; it cannot be read again."""

    path = serializers.CharField(read_only=True)

    class Meta:
        model = WebhookToken
        fields = (*WebhookSerializer.Meta.fields, "path")
        read_only_fields = fields


class WebhookRequestSerializer(StrictSerializer):
    """The bot's name is part of the ids of its trades."""

    answered = IssuedWebhookSerializer.Meta.fields
    fixed = {
        "portfolio_id": "Unknown field. Did you mean portfolio? It takes the key too.",
    }

    bot = serializers.RegexField(
        BOT_PATTERN,
        error_messages={
            "invalid": "Must be up to 50 letters, digits, dots or dashes, such as "
            "freqtrade-1."
        },
    )
    portfolio = PortfolioReferenceField()
    strategy_id = serializers.CharField(max_length=100)

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        return find_unknown(self.context["user"], fields)


class BookedFillSerializer(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=choices(WebhookOutcome))
    detail = serializers.CharField()
    trade_id = serializers.IntegerField(required=False, source="trade.trade_id")
    profit_loss = DecimalColumnField(MONEY, required=False)

    def to_representation(self, instance: BookedFill) -> dict[str, Any]:
        shown = super().to_representation(instance)
        return {name: value for name, value in shown.items() if value is not None}
