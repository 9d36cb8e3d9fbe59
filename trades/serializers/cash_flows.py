"""Request bodies of cash flows."""

from typing import Any

from rest_framework import serializers

from mastertrade.fields import DecimalColumnField, InstantField, StrictSerializer
from mastertrade.money import MONEY
from trades.services.cash_flows import UnrealizedProfit

# No portfolio holds more open trades than a request may value.
MOST_VALUED = 1000


class UnrealizedProfitSerializer(StrictSerializer):
    """What an open trade had made when the cash flowed, before fees and funding.

    As `positions` shows it, in the portfolio's currency, of all that was open then.
    """

    trade_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    unrealized_pnl = DecimalColumnField(MONEY)


class CashFlowCreationSerializer(StrictSerializer):
    """A positive amount deposits, a negative one withdraws."""

    amount = DecimalColumnField(MONEY)
    at = InstantField(required=False, allow_null=True)
    external_id = serializers.CharField(max_length=200, required=False, allow_null=True)
    unrealized = serializers.ListField(
        child=UnrealizedProfitSerializer(), required=False, max_length=MOST_VALUED
    )

    def validate_unrealized(
        self, given: list[dict[str, Any]]
    ) -> list[UnrealizedProfit]:
        return [UnrealizedProfit(**one) for one in given]
