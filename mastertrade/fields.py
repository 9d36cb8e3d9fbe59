"""Fields of request bodies and answers, and the body in which every field counts."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mastertrade.parsing import MAX_JSON_DEPTH
from mastertrade.validation import EARLIEST_YEAR

PLAIN_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class StrictSerializer(serializers.Serializer[Any]):
    """A request body in which every field counts: an unknown one is refused.

    A misspelt `max_szie` must not silently size a trade without its limit.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            unknown = [str(name) for name in data if name not in known]
            if unknown:
                raise serializers.ValidationError(
                    {name: ["This field cannot be set here."] for name in unknown}
                )
        return super().to_internal_value(data)


class DecimalColumnField(serializers.DecimalField):
    """An exact decimal, as wide as its column; a string in the answer."""

    def __init__(self, column: tuple[int, int], **options: Any) -> None:
        digits, places = column
        super().__init__(max_digits=digits, decimal_places=places, **options)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """An empty string is no number, nor is it null: `max_size` "" is no limit?"""
        if isinstance(data, str) and not data.strip():
            return False, data
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Decimal:
        is_number = isinstance(data, (int, Decimal)) and not isinstance(data, bool)
        if not is_number and not (
            isinstance(data, str) and PLAIN_NUMBER.fullmatch(data.strip())
        ):
            self.fail("invalid")
        number = super().to_internal_value(data)
        return number or abs(number)  # -0 would be shown with its sign


class InstantField(serializers.DateTimeField):
    """An RFC 3339 instant. One without an offset is ambiguous and refused."""

    default_error_messages = {
        "naive": "An instant needs an offset, such as 2026-03-02T12:00:00Z.",
        "early": f"Instants before {EARLIEST_YEAR} are not supported.",
    }

    def enforce_timezone(self, value: Any) -> Any:
        if value.tzinfo is None:
            self.fail("naive")
        return super().enforce_timezone(value)

    def to_internal_value(self, value: Any) -> Any:
        instant = super().to_internal_value(value)
        if instant.year < EARLIEST_YEAR:
            self.fail("early")
        return instant


@extend_schema_field({"type": "object", "additionalProperties": {}})
class JSONObjectField(serializers.JSONField):
    """A JSON object that PostgreSQL can keep."""

    default_error_messages = {
        "not_an_object": "Must be a JSON object.",
        "unstorable": "Must not contain NUL characters or lone surrogates.",
        "too_large": "Must not contain numbers that large.",
        "too_deep": f"Must not be nested deeper than {MAX_JSON_DEPTH} levels.",
    }

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            self.fail("not_an_object")
        return self._plain(data, MAX_JSON_DEPTH)

    def _plain(self, value: Any, depth: int) -> Any:
        if depth == 0:
            self.fail("too_deep")
        if isinstance(value, Mapping):
            return {
                self._plain(key, depth - 1): self._plain(item, depth - 1)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._plain(item, depth - 1) for item in value]
        if isinstance(value, Decimal):
            number = float(value)  # a strategy's parameter, not money
            if not math.isfinite(number):
                self.fail("too_large")
            return number
        if isinstance(value, str) and not _is_storable(value):
            self.fail("unstorable")
        return value


def _is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep the text: no NUL, no lone surrogate."""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


@extend_schema_field(
    {"oneOf": [{"type": "integer"}, {"type": "string"}], "default": "main"}
)
class PortfolioReferenceField(serializers.Field[Any, Any, Any, Any]):
    """A portfolio by its key or by its name; `main` if left out."""

    default_error_messages = {"invalid": "Must be a portfolio's key or its name."}

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, allow_null=True, **options)

    def to_internal_value(self, data: Any) -> int | str:
        if isinstance(data, bool) or not isinstance(data, (int, str)) or data == "":
            self.fail("invalid")
        if isinstance(data, str) and not (len(data) <= 100 and _is_storable(data)):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        return value
