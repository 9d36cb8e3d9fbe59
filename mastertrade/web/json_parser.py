"""Reading a request's body: JSON, exact and strict.

Apart from `mastertrade.web.errors`: the framework loads its parsers before its views.
"""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

MAX_JSON_DEPTH = 20
# Of a whole number; no column holds as many.
MAX_DIGITS = 1_000
# Of what was sent, in characters, when an error repeats it.
MAX_REPEATED = 200
# A body may hold an object that deep, and itself.
MAX_BODY_DEPTH = MAX_JSON_DEPTH + 10


class NestedTooDeep(ParseError):
    default_detail = f"Nested deeper than {MAX_BODY_DEPTH} levels."


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
                parse_int=_read_integer,
                parse_constant=_refuse_constant,
                object_pairs_hook=_read_object,
            )
        except RecursionError:
            raise NestedTooDeep from None
        except ValueError as error:
            raise ParseError(f"JSON parse error: {shorten(str(error))}") from None
        _refuse_deep_nesting(data)
        return data


def shorten(text: str, most: int = MAX_REPEATED) -> str:
    """A text to repeat in an error, cut after `most` characters."""
    return text if len(text) <= most else f"{text[:most]}…"


def _read_decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits is too long")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text} is not a number this interface can read") from None


def _read_integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits is too long")
    return int(text)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, value in pairs:
        if name in read:
            raise ValueError(f"{shorten(name)} is given more than once")
        read[name] = value
    return read


def _refuse_deep_nesting(data: Any) -> None:
    level, depth = [data], 0
    while level:
        if depth > MAX_BODY_DEPTH:
            raise NestedTooDeep
        depth += 1
        level = [
            item
            for value in level
            if isinstance(value, (dict, list))
            for item in (value.values() if isinstance(value, dict) else value)
        ]
