"""Request parameters and answers of imports."""

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from mastertrade.db.model_fields import choices
from mastertrade.values.exceptions import InvalidInput
from mastertrade.web.api_fields import ChoiceField, StrictSerializer
from trades.booking.references import find_unknown
from trades.enums import DateOrder
from trades.importing.formats import FORMAT_NAMES
from trades.importing.formats.mapped import MAPPED
from trades.importing.options import EqualFills, split_pairs
from trades.importing.rates import read_rates
from trades.models import TradeImport
from trades.models.mappings import LONGEST_MAPPING_NAME
from trades.services.mappings import find_mapping

# Fields of pairs such as USDT=0.92,BTC=60000.
PAIRS = ("fx_rates", "fee_rates", "contract_sizes")


NAME_WANTED: dict[str, Any] = {
    "invalid": "Must be up to 50 letters, digits, dots, - or _."
}


class ImportUploadSerializer(StrictSerializer):
    """A file of trades, and how to read it."""

    file = serializers.FileField(allow_empty_file=True)
    format = ChoiceField(choices=choices(FORMAT_NAMES))
    portfolio = serializers.CharField(max_length=100, required=False)
    strategy_id = serializers.CharField(max_length=100, required=False)
    account = serializers.RegexField(
        r"^[\w.-]{1,50}$", required=False, error_messages=NAME_WANTED
    )
    venue = serializers.RegexField(
        r"^[\w.-]{1,50}$", required=False, error_messages=NAME_WANTED
    )
    fx_rates = serializers.CharField(
        max_length=1000, required=False, help_text="Such as USDT=0.92,BTC=60000."
    )
    fee_rates = serializers.CharField(
        max_length=1000, required=False, help_text="Such as BNB=300."
    )
    fx_rates_file = serializers.FileField(
        required=False,
        help_text="Rates by day: a CSV with date,currency,rate or date,BTC,EUR.",
    )
    quote_currency = serializers.CharField(
        max_length=10,
        required=False,
        help_text="The currency of prices that name none.",
    )
    fee_currency = serializers.CharField(
        max_length=10, required=False, help_text="The currency of fees that name none."
    )
    contract_sizes = serializers.CharField(
        max_length=1000,
        required=False,
        help_text="Size of a contract in units of the base: BTC/USDT:USDT=0.01.",
    )
    date_order = ChoiceField(
        choices=choices(DateOrder),
        required=False,
        help_text="Of dates with a two-digit year, or one that does not come first.",
    )
    mapping = serializers.CharField(
        max_length=LONGEST_MAPPING_NAME,
        required=False,
        help_text="The name of a mapping of columns, where the format is mapped.",
    )
    equal_fills = ChoiceField(
        choices=choices(EqualFills),
        required=False,
        help_text="What to do with a fill equal to one from another source; default: "
        "refuse.",
    )

    def find_wrong(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        for name in PAIRS:
            try:
                read_rates(name, split_pairs(fields.get(name, "")))
            except InvalidInput as wrong:
                yield wrong
        is_mapped = fields.get("format") == MAPPED.name
        if is_mapped and "mapping" not in fields:
            yield InvalidInput("mapping", "is needed: the name of a mapping.")
        if "mapping" in fields and "format" in fields and not is_mapped:
            yield InvalidInput("mapping", f"goes with format={MAPPED.name}.")

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        user = self.context["user"]
        yield from find_unknown(user, fields)
        if "mapping" in fields:
            try:
                find_mapping(user, fields["mapping"])
            except InvalidInput as unknown:
                yield unknown


class RefusalSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    column = serializers.CharField()
    reason = serializers.CharField()


class ImportReportSerializer(serializers.Serializer[Any]):
    """How many rows were created, known or refused; `refusals` are the first refused.

    `warnings` name values that were read differently from how they are written.
    """

    import_id = serializers.IntegerField(allow_null=True)
    created = serializers.IntegerField()
    known = serializers.IntegerField()
    refused = serializers.IntegerField()
    refusals = RefusalSerializer(many=True)
    warnings = serializers.ListField(child=serializers.CharField())


class TradeImportSerializer(serializers.ModelSerializer[TradeImport]):
    user_id = serializers.CharField(read_only=True)
    portfolio_id = serializers.IntegerField(read_only=True)

    class Meta:
        model = TradeImport
        fields = (
            "import_id",
            "user_id",
            "portfolio_id",
            "format",
            "file_name",
            "content_sha256",
            "created_count",
            "known_count",
            "refused_count",
            "created_at",
            "created_by",
            "undone_at",
        )
        read_only_fields = fields
