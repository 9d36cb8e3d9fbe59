"""Request bodies and answers of mappings of columns."""

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from mastertrade.values.exceptions import InvalidInput
from mastertrade.web.api_fields import StrictSerializer
from trades.importing.mapped.mapping import read_mapping, require_complete
from trades.models import ImportMapping
from trades.models.mappings import LONGEST_MAPPING_NAME


class MappingSerializer(serializers.ModelSerializer[ImportMapping]):
    mapping: Any = serializers.DictField(source="definition", read_only=True)

    class Meta:
        model = ImportMapping
        fields = ("mapping_id", "name", "mapping", "created_at", "updated_at")
        read_only_fields = fields


class MappingRequestSerializer(StrictSerializer):
    """A mapping and the name it is stored under."""

    name = serializers.CharField(max_length=LONGEST_MAPPING_NAME)
    mapping: Any = serializers.DictField(
        help_text="kind, columns, decimal_sign, date_order, time_zone, sides, signed, "
        "only, symbol, suffixes, quote_currency, fee_currency, contract_size, "
        "fee_sign, may_short and venue."
    )

    def find_wrong(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        if "mapping" in fields:
            try:
                require_complete(read_mapping(fields["mapping"]))
            except InvalidInput as wrong:
                yield wrong
