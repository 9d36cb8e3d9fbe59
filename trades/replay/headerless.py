"""Which column is which in a file without a header, where it can only be one thing.

The first column is a time (or two: a date and a time of day), the next four are prices.
The highest of them is the high and the lowest the low. Of the other two the open is the
one that stands nearer to the other one of the bar before. What is left must not look
like a fifth price.
"""

from collections.abc import Iterable, Sequence
from itertools import islice, pairwise
from statistics import median
from typing import NoReturn

from trades.replay.bars import BarsError
from trades.replay.columns import CLOCK, Columns, Row
from trades.replay.layout import Layout
from trades.replay.numerals import DecimalMark, is_null, is_number, parse_number
from trades.replay.times import is_time, parse_stamp

PRICES = 4
# Of the bars whose two candidates differ, this many must agree on which is the open.
FEWEST_VOTES, LEAST_AGREEMENT = 20, 0.6
# A fifth column within low … high in half of the bars could be a price too.
MOST_WITHIN = 0.5
# An adjusted close follows the close: their ratio moves by a tenth of what it does.
ADJUSTED_RATIOS = (0.001, 1.01)
ADJUSTED_STEADINESS = 0.1
LARGEST_RANGE = 2.0  # high / low of the usual bar
SAMPLE_ROWS = 5000


def price_places(first: Row) -> range:
    """The places of the four prices; none where the first line does not allow it."""
    fields = [field.strip() for field in first.fields]
    if not is_time(fields[0]):
        return range(0)
    start = 2 if CLOCK.fullmatch(fields[1]) and ":" in fields[1] else 1
    if start == 1 and fields[1].isdigit() and _is_date_alone(fields[0]):
        start = 2 if _is_compact_clock(fields[1]) else 1
    places = range(start, start + PRICES)
    if len(fields) < places.stop or not all(is_number(fields[i]) for i in places):
        return range(0)
    return places


def find_columns(
    source: str, layout: Layout, rows: Iterable[Row], mark: DecimalMark
) -> Columns:
    """Name the columns by what they hold. Raises `BarsError` where two fit."""
    table: list[list[float]] = []
    stamps: list[str] = []
    places = range(0)
    for row in islice(rows, SAMPLE_ROWS):
        if not places:
            places = price_places(row)
            if not places:
                _refuse(source, row.line, "its columns cannot be distinguished")
        if any(is_null(row.fields[i]) for i in places):
            continue
        table.append(_numbers(source, row, places, mark))
        if len(stamps) < 2:
            stamps.append(row.fields[0].strip())
    if _is_newest_first(stamps):
        table.reverse()
    prices = [[values[i] for values in table] for i in range(PRICES)]
    order = _price_order(prices)
    if order is None:
        _refuse(
            source,
            layout.first_line,
            f"columns {places.start + 1} to {places.stop} cannot be distinguished",
        )
    rivals = _rivals(table, order)
    if rivals:
        _refuse(
            source,
            layout.first_line,
            f"column {places.start + rivals[0] + 1} could be a price too",
        )
    return _columns(source, places, order, width=places.start + len(table[0]))


def _refuse(source: str, line: int, reason: str) -> NoReturn:
    raise BarsError(
        source,
        f"there is no header, and {reason}; write one above: "
        "Date,Open,High,Low,Close,Volume in the file's order",
        line=line,
    )


def _is_date_alone(text: str) -> bool:
    return (len(text) in (8, 10) and not text.isdigit()) or len(text) == 8


def _is_compact_clock(text: str) -> bool:
    return (
        len(text) in (4, 6)
        and text[:2] < "24"
        and text[2:4] < "60"
        and text[-2:] < "60"
    )


def _is_newest_first(stamps: Sequence[str]) -> bool:
    try:
        first, second = (parse_stamp(text).utc for text in stamps)
    except ValueError:
        return False
    return second < first


def _numbers(source: str, row: Row, places: range, mark: DecimalMark) -> list[float]:
    """The prices, and what follows them as far as it is a number (else 0)."""
    values = []
    for i in range(places.start, len(row.fields)):
        text = row.fields[i].strip()
        try:
            values.append(float(parse_number(text, mark)))
        except ArithmeticError:
            if i in places:
                raise BarsError(
                    source,
                    f"{text!r} is not a number",
                    line=row.line,
                    column=str(i + 1),
                ) from None
            values.append(0.0)
    return values


def _price_order(prices: Sequence[Sequence[float]]) -> dict[str, int] | None:
    """Each role's place among the four; None where two orders fit."""
    sums = [sum(column) for column in prices]
    ranked = sorted(range(PRICES), key=sums.__getitem__)
    low, first, second, high = ranked
    if sums[low] >= sums[first] or sums[second] >= sums[high]:
        return None
    pairs = zip(prices[high], prices[low], strict=True)
    if median(top / bottom for top, bottom in pairs if bottom) > LARGEST_RANGE:
        return None
    first, second = sorted((first, second))
    votes = _votes(prices[first], prices[second])
    cast = sum(votes)
    if cast < FEWEST_VOTES or max(votes) < LEAST_AGREEMENT * cast:
        return None
    opening, closing = (first, second) if votes[0] > votes[1] else (second, first)
    return {"open": opening, "high": high, "low": low, "close": closing}


def _votes(first: Sequence[float], second: Sequence[float]) -> tuple[int, int]:
    """In how many bars the first column, or the second, continues the other one."""
    ahead = behind = 0
    for (first_before, second_before), (first_now, second_now) in pairwise(
        zip(first, second, strict=True)
    ):
        gap = abs(first_now - second_before) - abs(second_now - first_before)
        ahead += gap < 0
        behind += gap > 0
    return ahead, behind


def _rivals(table: Sequence[Sequence[float]], order: dict[str, int]) -> list[int]:
    """Columns after the four that could be a price, such as an adjusted close."""
    rivals = []
    for place in range(PRICES, len(table[0])):
        within = sum(
            values[order["low"]] <= values[place] <= values[order["high"]]
            for values in table
        )
        if within >= MOST_WITHIN * len(table) or _follows(
            [values[place] for values in table],
            [values[order["close"]] for values in table],
        ):
            rivals.append(place)
    return rivals


def _follows(column: Sequence[float], closes: Sequence[float]) -> bool:
    """Whether the column moves with the closes, a little below them."""
    ratios = [value / close for value, close in zip(column, closes, strict=True)]
    low, high = ADJUSTED_RATIOS
    if not all(low < ratio < high for ratio in ratios):
        return False
    return _usual_move(ratios) < ADJUSTED_STEADINESS * _usual_move(closes)


def _usual_move(values: Sequence[float]) -> float:
    return median(abs(after / before - 1) for before, after in pairwise(values))


def _columns(
    source: str, places: range, order: dict[str, int], *, width: int
) -> Columns:
    roles = {places.start + place: role for role, place in order.items()}
    roles[0] = "time"
    if places.start == 2:
        roles |= {0: "date", 1: "time"}
    names = tuple(
        f"{i + 1} ({roles[i]})" if i in roles else str(i + 1) for i in range(width)
    )
    return Columns(
        source,
        names,
        {role: places.start + place for role, place in order.items()},
        times=tuple(range(places.start)),
        splits_time=places.start == 2,
    )
