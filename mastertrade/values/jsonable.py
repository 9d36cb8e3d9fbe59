"""Figures as plain JSON, exact: decimals as text."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

NO_COLUMNS: Mapping[str, tuple[int, int]] = {}


def show(value: Decimal, column: tuple[int, int]) -> str:
    """A decimal as the API shows it: plain, with its column's places."""
    return f"{value:z.{column[1]}f}"  # half to even, as all is rounded; never -0


def to_plain(value: Any, columns: Mapping[str, tuple[int, int]] = NO_COLUMNS) -> Any:
    """Anything a decision is made of, as JSON: exact decimals as strings.

    The decimals named in `columns` come with their column's places.
    """
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return str(value)
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
