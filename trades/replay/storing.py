"""A replay's report as plain JSON values and back, decimals as text."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from trades.replay.report import ReplayReport

FORMAT_VERSION = 1


def report_to_dict(report: ReplayReport) -> dict[str, Any]:
    """Turn the report into what `json.dumps` takes; nothing is rounded."""
    return {"version": FORMAT_VERSION, **_encode(report)}


def report_from_dict(stored: Mapping[str, Any]) -> ReplayReport:
    """Read a report back. Raises `ValueError` for another version or broken data."""
    if stored.get("version") != FORMAT_VERSION:
        raise ValueError(
            f"a replay report of version {stored.get('version')} cannot be read, "
            f"only {FORMAT_VERSION}"
        )
    try:
        report: ReplayReport = _decode(ReplayReport, stored)
    except (KeyError, TypeError, ArithmeticError) as error:
        raise ValueError(f"the stored replay report is broken: {error!r}") from error
    return report


def _encode(value: Any) -> Any:
    if is_dataclass(value):
        return {item.name: _encode(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    return value


def _decode(kind: Any, value: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        wanted = next(item for item in get_args(kind) if item is not type(None))
        return None if value is None else _decode(wanted, value)
    if get_origin(kind) is tuple:
        return tuple(_decode(get_args(kind)[0], item) for item in value)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        # What a report of before did not have yet is left to its default.
        known = {
            name: _decode(hints[name], value[name]) for name in hints if name in value
        }
        return kind(**known)  # type: ignore[operator]
    if kind in (datetime, date):
        return kind.fromisoformat(value)
    if kind is Decimal or issubclass(kind, StrEnum):
        return kind(value)
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
