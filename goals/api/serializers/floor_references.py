"""What a floor is measured from, as it is given and shown."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from goals.decisions.floor_reference import GivenReference
from goals.services.resuming import PRESENT
from mastertrade.values.money import MONEY
from mastertrade.web.api_fields import (
    DecimalColumnField,
    StrictSerializer,
)

NOT_A_REFERENCE = "Must be an object with start_equity, peak_equity or floor_equity."


def _says_something(data: Mapping[str, Any]) -> bool:
    return any(value is not None for value in data.values())


class FloorReferenceSerializer(StrictSerializer):
    """What the floor is measured from, in money; what is not given stays.

    `floor_equity` is where the hard floor is today; the peak follows from it (under
    `drawdown_mode` static the start too).
    """

    answered = ("set_at",)

    start_equity = DecimalColumnField(MONEY, above=0, required=False, allow_null=True)
    peak_equity = DecimalColumnField(MONEY, above=0, required=False, allow_null=True)
    floor_equity = DecimalColumnField(MONEY, above=0, required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError([NOT_A_REFERENCE])
        given: dict[str, Any] = super().to_internal_value(data)
        if not _says_something(data):
            raise serializers.ValidationError([NOT_A_REFERENCE])
        return given


class ShownReferenceSerializer(serializers.Serializer[Any]):
    """What the floor is measured from, in money at the present units; where it is.

    `set_at` null: since the opening. `floor_equity` null: there is no floor, before the
    first money and after ruin.
    """

    set_at = serializers.DateTimeField(allow_null=True)
    start_equity = DecimalColumnField(MONEY)
    peak_equity = DecimalColumnField(MONEY)
    floor_equity = DecimalColumnField(MONEY, allow_null=True)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": [PRESENT]},
            {"$ref": "#/components/schemas/FloorReference"},
        ]
    }
)
class ResumeReferenceField(serializers.Field[Any, Any, Any, Any]):
    """What a person says the hard floor is measured from: an object, or `present`."""

    default_error_messages = {
        "invalid": 'Must be "present", or an object with start_equity, peak_equity or '
        "floor_equity."
    }

    def to_internal_value(self, data: Any) -> GivenReference | str:
        if data == PRESENT:
            return PRESENT
        if not isinstance(data, Mapping) or not _says_something(data):
            self.fail("invalid")
        given = FloorReferenceSerializer(data=data)
        given.is_valid(raise_exception=True)
        return GivenReference(**given.validated_data)
