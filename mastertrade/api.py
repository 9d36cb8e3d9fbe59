"""What every endpoint shares: parsing, fields, pages, and one exception handler."""

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import IO, Any

from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, InterfaceError, OperationalError
from drf_spectacular.utils import extend_schema_field
from psycopg.errors import UniqueViolation
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from mastertrade.exceptions import DomainError, InvalidInput, NotFound
from mastertrade.validation import EARLIEST_YEAR

MAX_JSON_DEPTH = 20
# A body may hold an object that deep, and itself.
MAX_BODY_DEPTH = MAX_JSON_DEPTH + 10
PLAIN_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class DatabaseUnreachable(APIException):
    """The database does not answer; nothing was done."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The database does not answer; nothing was done. Try again."
    default_code = "database_unavailable"


class BodyTooLarge(APIException):
    """The body is larger than the site reads."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"


class AlreadyExists(DomainError):
    """Another request made the same thing at the same time, and was first."""

    code = "already_exists"


def handle_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what the domain refuses into the contract's answers.

    Bad input 400 with the field's name, an unknown object 404, anything else that the
    state refuses 409 with its code.
    """
    response = _respond(error, context)
    if response is not None:
        response.data = _without_surrogates(response.data)
    return response


def _respond(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, IntegrityError) and isinstance(
        error.__cause__, UniqueViolation
    ):
        error = AlreadyExists("Another request made the same just now; see its result.")
    if isinstance(error, InvalidInput):
        body: dict[str, Any] = {error.field: [error.detail]}
        return _answer(body, status.HTTP_400_BAD_REQUEST)
    if isinstance(error, NotFound):
        body = {"detail": error.detail, "code": error.code}
        return _answer(body, status.HTTP_404_NOT_FOUND)
    if isinstance(error, DomainError):
        body = {"code": error.code, "detail": error.detail}
        return _answer(body, status.HTTP_409_CONFLICT)
    if isinstance(error, DjangoValidationError):
        error = serializers.ValidationError(serializers.as_serializer_error(error))
    if isinstance(error, (OperationalError, InterfaceError)):
        error = DatabaseUnreachable()
    if isinstance(error, RequestDataTooBig):
        error = BodyTooLarge()
    return exception_handler(error, context)


def _answer(body: dict[str, Any], status_code: int) -> Response:
    return Response(body, status=status_code)


def _without_surrogates(data: Any) -> Any:
    """An answer may repeat what was sent, and is UTF-8, which cannot hold it all."""
    if isinstance(data, Mapping):
        return {
            _without_surrogates(key): _without_surrogates(value)
            for key, value in data.items()
        }
    if isinstance(data, (list, tuple)):
        return [_without_surrogates(value) for value in data]
    if isinstance(data, str):
        return data.encode("utf-8", "replace").decode("utf-8")
    return data


class ExactJSONParser(JSONParser):
    """JSON whose numbers stay exact: 0.1 is read as the decimal 0.1, not as a float.

    A field that comes twice is refused (which of them would count?), and so is deep
    nesting.
    """

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            data = json.loads(
                stream.read().decode("utf-8"),
                parse_float=_read_decimal,
                parse_constant=_refuse_constant,
                object_pairs_hook=_read_object,
            )
        except (ValueError, RecursionError) as error:
            raise ParseError(f"JSON parse error: {error}") from None
        _refuse_deep_nesting(data)
        return data


def _read_decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text} is not a number this interface can read") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice} comes more than once")
    return read


def _refuse_deep_nesting(data: Any) -> None:
    level, depth = [data], 0
    while level:
        if depth > MAX_BODY_DEPTH:
            raise ParseError(f"Nested deeper than {MAX_BODY_DEPTH} levels.")
        depth += 1
        level = [
            item
            for value in level
            if isinstance(value, (dict, list))
            for item in (value.values() if isinstance(value, dict) else value)
        ]


class Pages(PageNumberPagination):
    """`?page=` and `?page_size=`, 50 rows a page, 500 at most."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500

    def get_page_size(self, request: Request) -> int | None:
        wanted = request.query_params.get("page_size")
        is_number = wanted is None or (wanted.isascii() and wanted.isdecimal())
        if not is_number or (wanted and not wanted.strip("0")) or wanted == "":
            raise InvalidInput("page_size", "must be a whole number above 0.")
        if wanted is not None and len(wanted) > len(str(self.max_page_size)):
            return self.max_page_size
        return super().get_page_size(request)


class StrictSerializer(serializers.Serializer[Any]):
    """A request body in which every field counts: an unknown one is refused.

    A misspelt `max_szie` must not silently size a trade without its limit.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            unknown = sorted(str(name) for name in data if name not in known)
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
        if data == "":
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
