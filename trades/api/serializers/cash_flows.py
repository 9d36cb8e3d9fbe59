"""Request bodies of cash flows."""

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from goals.api.serializers.portfolios import CashFlowSerializer
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import MONEY
from mastertrade.web.api_fields import (
    DecimalColumnField,
    InstantField,
    StrictSerializer,
    VisibleTextField,
    WholeNumberField,
)
from trades.booking.cash_flows import UnrealizedProfit, find_wrong_trades

# No portfolio holds more open trades than a request may value.
MOST_VALUED = 1000


class UnrealizedProfitSerializer(StrictSerializer):
    """What an open trade had made when the cash flowed, before fees and funding.

    As `positions` shows it, in the portfolio's currency, of all that was open then.
    """

    trade_id = WholeNumberField(min_value=1, max_value=2**63 - 1)
    unrealized_pnl = DecimalColumnField(MONEY)


class CashFlowCreationSerializer(StrictSerializer):
    """A positive amount deposits, a negative one withdraws."""

    answered = CashFlowSerializer.Meta.fields

    amount = DecimalColumnField(MONEY)
    at = InstantField(required=False, allow_null=True)
    external_id = VisibleTextField(max_length=200, required=False, allow_null=True)
    unrealized = serializers.ListField(
        child=UnrealizedProfitSerializer(), required=False, max_length=MOST_VALUED
    )

    def find_wrong(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        if fields.get("amount") == 0:
            yield InvalidInput("amount", "must not be 0.")

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        named = [one["trade_id"] for one in fields.get("unrealized", ())]
        return find_wrong_trades(self.context["portfolio_id"], named)

    def validate_unrealized(
        self, given: list[dict[str, Any]]
    ) -> list[UnrealizedProfit]:
        return [UnrealizedProfit(**one) for one in given]
