"""How a file writes numbers and times: found from its rows, then read. Pure."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from datetime import time as clock_time
from decimal import Decimal

from trades.enums import DateOrder

POINT, COMMA = ".", ","
MINUS = "\N{MINUS SIGN}"
# A currency's sign, with letters before it: $, US$, R$, €.
CURRENCY_SIGN = re.compile(r"[A-Z]{0,3}[$€£¥₹₩₽₿]")
BRACKETS = re.compile(r"\(([^()]*)\)")
GROUPS = re.compile(r"(?<=\d)[\s'\u2019](?=\d{3}(?!\d))")
AFTER_SIGN = re.compile(r"^([+-])\s+")
FIGURE = re.compile(r"[+-]?\d[\d.,]*", re.ASCII)
EMPTY = {"", "-", "--", "n/a", "nan", "null", "none"}
MONTHS = (
    "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905
)
DAY_FIRST = re.compile(
    r"(\d{1,2})[ -]([A-Za-z]{3})[a-z]*\.?[ -](\d{4})\b(.*)", re.ASCII
)
MONTH_FIRST = re.compile(r"([A-Za-z]{3})[a-z]*\.? (\d{1,2}),? (\d{4})\b(.*)", re.ASCII)
COMPACT = re.compile(
    r"(\d{4})(\d{2})(\d{2})(?:[;T ]?(\d{2}):?(\d{2}):?(\d{2}))?", re.ASCII
)
DATE = r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})"
CLOCK = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?: ?([AaPp])\.?[Mm]\.?)?"
ZONE = r"(Z|(?:UTC|GMT)?(?:[+-]\d{1,2}(?::?\d{2})?)?)"
TIME = re.compile(rf"{DATE}(?:[T ,;]\s*{CLOCK})?\s*{ZONE}", re.ASCII)
OFFSET = re.compile(r"([+-])(\d{1,2})(?::?(\d{2}))?", re.ASCII)
STAMP = re.compile(r"\d{10}(?:\d{3}){0,2}(?:\.\d+)?", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CENTURY = 2000


def is_empty(text: str) -> bool:
    """Whether a cell holds nothing; some exports write a dash for that."""
    return text.strip().lower() in EMPTY


def plain_number(text: str, sign: str) -> str:
    """The text of a number as `numbers.read_amount` reads it.

    Signs of currencies, brackets of negative amounts and gaps between thousands are
    taken out; `sign` is the decimal sign, and the other one stands between thousands.
    """
    text = CURRENCY_SIGN.sub("", text.replace(MINUS, "-").strip()).strip()
    text = BRACKETS.sub(r"-\1", text)
    text = AFTER_SIGN.sub(r"\1", GROUPS.sub("", text)).removeprefix("+")
    return text.translate(SWAPPED) if sign == COMMA else text


SWAPPED = str.maketrans({POINT: COMMA, COMMA: POINT})


def find_decimal_sign(texts: Iterable[str]) -> str | None:
    """The decimal sign of numbers; None where the rows do not say, or disagree."""
    found: set[str] = set()
    doubtful: set[str] = set()
    for text in texts:
        figure = FIGURE.match(plain_number(text, POINT))
        if figure is None:
            continue
        sign, certain = _decimal_sign(figure[0].lstrip("+-"))
        (found if certain else doubtful).add(sign)
    found.discard("")
    if len(found) == 1:
        return found.pop()
    # Programs write a point and no thousands: 1.234 by itself is that, 1,234 nothing.
    return None if found or COMMA in doubtful else POINT


def _decimal_sign(figure: str) -> tuple[str, bool]:
    """The sign and whether that is certain; "" where there is none."""
    signs = [letter for letter in figure if letter in {POINT, COMMA}]
    if not signs:
        return "", True
    last = signs[-1]
    other = COMMA if last == POINT else POINT
    if len(set(signs)) > 1:
        return last, True
    if len(signs) > 1:
        return other, True
    whole, _, places = figure.partition(last)
    is_thousands = len(places) == 3 and 1 <= len(whole) <= 3 and whole[0] != "0"
    return last, not is_thousands


def find_date_order(texts: Iterable[str]) -> tuple[DateOrder, ...]:
    """The orders that all dates can be read in; a year in front leaves one."""
    possible, is_dated = tuple(DateOrder), False
    for text in texts:
        found = TIME.fullmatch(_with_numbers(text))
        if found is None:
            continue
        parts = (found[1], found[3], found[4])
        if len(parts[0]) == 4:
            continue
        is_dated = True
        possible = tuple(one for one in possible if _day(parts, one) is not None)
    return possible if is_dated else (DateOrder.YMD,)


def _day(parts: tuple[str, str, str], order: DateOrder) -> tuple[int, int, int] | None:
    """Year, month and day, or None; a year in front shows by its four digits."""
    places = DateOrder.YMD.value if len(parts[0]) == 4 else order.value
    year, month, day = (parts[places.index(letter)] for letter in "ymd")
    if len(year) not in {2, 4} or len(month) > 2 or len(day) > 2:
        return None
    given = (int(year) + (CENTURY if len(year) == 2 else 0), int(month), int(day))
    try:
        date(*given)
    except ValueError:
        return None
    return given


def _with_numbers(text: str) -> str:
    """2 Mar 2026 and March 2, 2026 as 2026-3-2."""
    text = text.strip()
    if found := DAY_FIRST.fullmatch(text):
        day, name, year, rest = found.groups()
    elif found := MONTH_FIRST.fullmatch(text):
        name, day, year, rest = found.groups()
    else:
        return text
    if name.lower() not in MONTHS:
        return text
    return f"{year}-{MONTHS.index(name.lower()) + 1}-{day}{rest}"


def read_time(text: str, order: DateOrder, zone: tzinfo) -> datetime | str:
    """The instant in UTC, or the reason why it is none.

    `zone` is that of times without an offset. A day without a clock begins at 00:00.
    """
    text = text.strip()
    if STAMP.fullmatch(text):
        return _of_stamp(text)
    if compact := COMPACT.fullmatch(text):
        year, month, day, *clock = compact.groups()
        return _instant((int(year), int(month), int(day)), clock, "", zone, text)
    found = TIME.fullmatch(_with_numbers(text))
    if found is None:
        return f"{text!r} is not a time such as 2026-03-02 12:34:56."
    first, _, second, third, hour, minute, seconds, fraction, half, offset = (
        found.groups()
    )
    day_found = _day((first, second, third), order)
    if day_found is None:
        return f"{text!r} is not a date in the order {order}."
    micro = (fraction or "")[:6].ljust(6, "0")
    if half and hour is not None:
        if not 1 <= int(hour) <= 12:
            return f"{text!r} is not a time of 12 hours."
        hour = str(int(hour) % 12 + (12 if half.lower() == "p" else 0))
    return _instant(day_found, [hour, minute, seconds, micro], offset, zone, text)


def _of_stamp(text: str) -> datetime:
    """Seconds since 1970 have 10 digits, milliseconds 13, microseconds 16."""
    unit = 10 ** (16 - len(text.partition(".")[0]))
    return EPOCH + timedelta(microseconds=int(Decimal(text) * unit))


def _instant(
    day: tuple[int, int, int],
    clock: list[str | None],
    offset: str,
    zone: tzinfo,
    text: str,
) -> datetime | str:
    try:
        hour, minute, second, micro = (int(part or 0) for part in [*clock, None][:4])
        at = datetime.combine(
            date(*day),
            clock_time(hour, minute, second, micro),
            _offset(offset) if offset else zone,
        )
        inside = at.astimezone(UTC)
    except (ValueError, OverflowError):
        return f"{text!r} is not a day and hour that exists."
    if not offset and inside.astimezone(zone).replace(tzinfo=None) != at.replace(
        tzinfo=None
    ):
        return f"{text!r} does not exist in {zone}: clocks were put forward."
    return inside


def _offset(text: str) -> tzinfo:
    found = OFFSET.search(text)
    if found is None:
        return UTC
    sign = -1 if found[1] == "-" else 1
    away = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(sign * away)
