"""Numeric model fields and CHECK helpers that every table shares.

No models here: the tables live in their apps.
"""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.lookups import Exact

from mastertrade.values.money import (
    CARRIED,
    COST,
    FACTOR,
    GROWTH,
    GROWTH_CUBE,
    GROWTH_SQUARE,
    MONEY,
    PERCENT,
    PRICE,
    RATIO,
    REST,
    UNIT_VALUE,
    UNITS,
)


def money(**options: Any) -> "models.DecimalField[Any, Any]":
    """numeric(24,8)"""
    return _decimal(MONEY, options)


def price(**options: Any) -> "models.DecimalField[Any, Any]":
    """numeric(32,12), for prices and quantities"""
    return _decimal(PRICE, options)


def percent(**options: Any) -> "models.DecimalField[Any, Any]":
    """numeric(14,6), in percent: 5 means 5 %"""
    return _decimal(PERCENT, options)


def ratio(**options: Any) -> "models.DecimalField[Any, Any]":
    """numeric(40,12)"""
    return _decimal(RATIO, options)


def factor(**options: Any) -> "models.DecimalField[Any, Any]":
    """numeric(8,4)"""
    return _decimal(FACTOR, options)


def unit_value(**options: Any) -> "models.DecimalField[Any, Any]":
    """numeric(38,18)"""
    return _decimal(UNIT_VALUE, options)


def units(**options: Any) -> "models.DecimalField[Any, Any]":
    """numeric(56,18)"""
    return _decimal(UNITS, options)


def carried(**options: Any) -> "models.DecimalField[Any, Any]":
    """numeric(38,18): what open trades carry, in money"""
    return _decimal(CARRIED, options)


def cost(**options: Any) -> "models.DecimalField[Any, Any]":
    """numeric(64,24): a quantity times a price, exact"""
    return _decimal(COST, options)


def rounding_carry(**options: Any) -> "models.DecimalField[Any, Any]":
    """numeric(44,36): what rounding to money left over, exact"""
    return _decimal(REST, options)


def growth(**options: Any) -> "models.DecimalField[Any, Any]":
    """numeric(40,18): growths of trades as ratios, exact"""
    return _decimal(GROWTH, options)


def growth_square(**options: Any) -> "models.DecimalField[Any, Any]":
    """numeric(64,36): sums of squared growths, exact"""
    return _decimal(GROWTH_SQUARE, options)


def growth_cube(**options: Any) -> "models.DecimalField[Any, Any]":
    """numeric(88,54): sums of cubed growths, exact"""
    return _decimal(GROWTH_CUBE, options)


class ExactDecoder(json.JSONDecoder):
    """Numbers with decimal places come back as they are written, never as floats."""

    def __init__(self, **options: Any) -> None:
        super().__init__(parse_float=str, **options)


class ExactJSONField(models.JSONField):
    """A column of JSON that the database itself writes, its decimals read as texts."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, decoder=ExactDecoder)

    def deconstruct(self) -> Any:
        """As any column of JSON: how it is read is nothing to the database."""
        name, _, arguments, options = super().deconstruct()
        del options["decoder"]
        return name, "django.db.models.JSONField", arguments, options


def check(name: str, condition: Q) -> models.CheckConstraint:
    """A named CHECK; names are `<table>_<rule>`."""
    return models.CheckConstraint(condition=condition, name=name)


def check_words(name: str, field: str, words: Iterable[str]) -> models.CheckConstraint:
    """The column holds one of the enumeration's words."""
    return check(name, Q(**{f"{field}__in": [str(word) for word in words]}))


def choices(words: Iterable[str]) -> list[tuple[str, str]]:
    """An enumeration as the admin and the API offer it."""
    return [(str(word), str(word).replace("_", " ")) for word in words]


def at_least(field: str, bound: Decimal | int | str) -> Q:
    return Q(**{f"{field}__gte": _operand(bound)})


def at_most(field: str, bound: Decimal | int | str) -> Q:
    return Q(**{f"{field}__lte": _operand(bound)})


def above(field: str, bound: Decimal | int | str) -> Q:
    return Q(**{f"{field}__gt": _operand(bound)})


def is_null(field: str) -> Q:
    return Q(**{f"{field}__isnull": True})


def is_set(field: str) -> Q:
    return Q(**{f"{field}__isnull": False})


def is_object(field: str) -> Q:
    """The JSON column holds an object."""
    kind = Func(F(field), function="jsonb_typeof", output_field=models.TextField())
    return Q(Exact(kind, Value("object")))


def is_whole_minute(field: str) -> Q:
    """The column's time of day has no seconds."""
    template = "EXTRACT(SECOND FROM %(expressions)s)"
    seconds = Func(F(field), template=template, output_field=models.DecimalField())
    return Q(Exact(seconds, Value(0)))


def _operand(bound: Decimal | int | str) -> Any:
    """A string names another column."""
    return F(bound) if isinstance(bound, str) else bound


def _decimal(
    column: tuple[int, int], options: dict[str, Any]
) -> "models.DecimalField[Any, Any]":
    digits, places = column
    return models.DecimalField(max_digits=digits, decimal_places=places, **options)
