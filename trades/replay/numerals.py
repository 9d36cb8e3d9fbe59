"""Numbers as price files spell them: 1234.5, 1,234.5, 1234,5 or 1.234,5."""

import re
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

# Spellings of "no value".
NULLS = frozenset({"", "null", "nan", "none", "nil", "na", "n/a", "#n/a", "-"})
NUMBER = re.compile(r"[+-]?(?=[.,]?\d)[\d.,]+(?:[eE][+-]?\d+)?", re.ASCII)
# Only a decimal comma is written so; only a decimal point next to commas is.
COMMA_ONLY = re.compile(
    r"[+-]?(?:\d+,(?!\d{3}$)\d*|0*,\d+|0\d*,\d+|\d{4,},\d+|\d{1,3}(?:\.\d{3})+,\d+)"
)
POINT_ONLY = re.compile(
    r"[+-]?(?:\d+\.(?!\d{3}$)\d*|0*\.\d+|0\d*\.\d+|\d{4,}\.\d+"
    r"|\d{1,3}(?:,\d{3})+\.\d+|\d{1,3}(?:,\d{3}){2,})"
)
# What Python, too, reads in figures: other digits than 0 to 9, and what parts them.
OTHERS = re.compile(r"_|[^\D0-9]")
WITH_POINT = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")
WITH_COMMA = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)?(?:,\d*)?(?:[eE][+-]?\d+)?")


class DecimalMark(StrEnum):
    """What stands before the decimals."""

    POINT = "point"
    COMMA = "comma"


class MarkEvidence:
    """What the numbers of one file say of their decimal mark, one after the other."""

    def __init__(self) -> None:
        self.with_comma: str | None = None
        self.proofs: dict[DecimalMark, str] = {}

    def add(self, texts: Iterable[str]) -> None:
        for text in texts:
            if "," in text:
                if self.with_comma is None:
                    self.with_comma = text
                if COMMA_ONLY.fullmatch(text):
                    self.proofs.setdefault(DecimalMark.COMMA, text)
            if POINT_ONLY.fullmatch(text):
                self.proofs.setdefault(DecimalMark.POINT, text)

    def decide(self) -> DecimalMark:
        """The one mark that all numbers allow. Raises `ValueError` where two do."""
        if self.with_comma is None:
            return DecimalMark.POINT
        if len(self.proofs) == 1:
            return next(iter(self.proofs))
        if self.proofs:
            raise ValueError(
                f"{self.proofs[DecimalMark.POINT]!r} has a decimal point and "
                f"{self.proofs[DecimalMark.COMMA]!r} a decimal comma; write all prices "
                "with a decimal point"
            )
        text = self.with_comma
        raise ValueError(
            f"{text!r} may be {text.replace(',', '')} or {text.replace(',', '.')}: "
            "no price of the file says which; write prices with a decimal point, or "
            "give decimal_comma"
        )


def is_null(text: str) -> bool:
    """Whether the field says that there is no value."""
    return text.strip().lower() in NULLS


def is_number(text: str) -> bool:
    """Whether it may be a number, with either mark, or says that there is none."""
    return NUMBER.fullmatch(text.strip()) is not None or is_null(text)


def parse_number(text: str, mark: DecimalMark) -> Decimal:
    """Read a number. Raises `decimal.InvalidOperation` when it is none."""
    if OTHERS.search(text):
        return Decimal("")
    if mark is DecimalMark.COMMA:
        if not WITH_COMMA.fullmatch(text):
            return Decimal("")
        return Decimal(text.replace(".", "").replace(",", "."))
    if "," in text and WITH_POINT.fullmatch(text):
        return Decimal(text.replace(",", ""))
    return Decimal(text)
