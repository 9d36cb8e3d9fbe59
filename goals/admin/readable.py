"""Logged JSON as people read it: tables instead of one long line."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from goals.admin import figures

DECIMAL = re.compile(r"-?\d+\.\d+")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*")
# Names that a user chose: shown as they are, whatever they look like.
NAMES = ("symbol", "strategy_id", "request_id")
# A list of objects with more keys is turned on its side: a page is not that wide.
MOST_COLUMNS = 8


def readable(value: Any, key: str = "") -> SafeString:
    """Nested JSON as nested tables; a list of like objects as one table with a head."""
    if isinstance(value, Mapping):
        return _pairs(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _list(value)
    return _scalar(value, key)


def guards_table(guards: Sequence[Mapping[str, Any]]) -> SafeString:
    """What each guard did to the factor, in the order they were asked."""
    return readable(
        [
            {
                "guard": guard["name"],
                "before": guard["factor_before"],
                "after": guard["factor_after"],
                "reason": guard["reason"],
            }
            for guard in guards
        ]
    )


def _pairs(value: Mapping[str, Any]) -> SafeString:
    if not value:
        return figures.NOTHING
    rows = format_html_join(
        "",
        "<tr><th>{}</th><td>{}</td></tr>",
        ((figures.words(key), readable(item, key)) for key, item in value.items()),
    )
    return format_html('<table class="readable">{}</table>', rows)


def _list(value: Sequence[Any]) -> SafeString:
    if not value:
        return figures.NOTHING
    if not all(isinstance(item, Mapping) for item in value):
        return format_html_join(", ", "{}", ((readable(item),) for item in value))
    keys = list(dict.fromkeys(key for item in value for key in item))
    if len(keys) > MOST_COLUMNS:
        return _sideways(keys, value)
    head = format_html_join("", "<th>{}</th>", ((figures.words(key),) for key in keys))
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        (
            (
                format_html_join(
                    "",
                    "<td>{}</td>",
                    ((readable(item.get(key), key),) for key in keys),
                ),
            )
            for item in value
        ),
    )
    return format_html(
        '<table class="readable"><thead><tr>{}</tr></thead>{}</table>', head, body
    )


def _sideways(keys: Sequence[str], value: Sequence[Mapping[str, Any]]) -> SafeString:
    rows = format_html_join(
        "",
        "<tr><th>{}</th>{}</tr>",
        (
            (
                figures.words(key),
                format_html_join(
                    "",
                    "<td>{}</td>",
                    ((readable(item.get(key), key),) for item in value),
                ),
            )
            for key in keys
        ),
    )
    return format_html('<table class="readable">{}</table>', rows)


def _scalar(value: Any, key: str) -> SafeString:
    if value is None:
        return figures.NOTHING
    if isinstance(value, bool):
        return format_html("{}", "yes" if value else "no")
    if isinstance(value, str) and key not in NAMES:
        if DECIMAL.fullmatch(value):
            return figures.quantity(Decimal(value))
        if INSTANT.fullmatch(value):
            return figures.instant(datetime.fromisoformat(value))
    return format_html("{}", value)
