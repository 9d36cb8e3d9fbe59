"""Dataclasses and figures as plain JSON and back, exact: decimals as text."""

from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

NO_COLUMNS: Mapping[str, tuple[int, int]] = {}

Kind = TypeVar("Kind")


def show(value: Decimal, column: tuple[int, int]) -> str:
    """A decimal as the API shows it: plain, with its column's places."""
    return f"{value:z.{column[1]}f}"  # half to even, as all is rounded; never -0


def to_plain(value: Any, columns: Mapping[str, tuple[int, int]] = NO_COLUMNS) -> Any:
    """Anything a decision or a report is made of, as JSON: exact decimals as strings.

    The decimals named in `columns` come with their column's places.
    """
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (date, time)):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, str):
        return str(value)  # a word, or a sentence without its marks
    if is_dataclass(value):
        value = {one.name: getattr(value, one.name) for one in fields(value)}
    if isinstance(value, Mapping):
        return {
            key: show(item, columns[key]) if key in columns else to_plain(item, columns)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [to_plain(item, columns) for item in value]
    return value


def from_plain(kind: type[Kind], stored: Any) -> Kind:
    """What `to_plain` made of a dataclass. Raises `ValueError` for broken data.

    A field that is not stored has its default.
    """
    try:
        read: Kind = _read(kind, stored)
    except (KeyError, TypeError, ArithmeticError) as error:
        raise ValueError(
            f"{kind.__name__}: stored data is broken: {error!r}"
        ) from error
    return read


@cache
def _hints_of(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, value: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        wanted = next(one for one in get_args(kind) if one is not NoneType)
        return None if value is None else _read(wanted, value)
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], item) for item in value)
    if is_dataclass(kind):
        hints = _hints_of(cast(Hashable, kind))
        known = {
            name: _read(hints[name], value[name]) for name in hints if name in value
        }
        return kind(**known)  # type: ignore[operator]
    if issubclass(kind, (date, time)):
        return kind.fromisoformat(value)
    if issubclass(kind, Decimal) or (issubclass(kind, str) and isinstance(value, str)):
        return kind(value)
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
