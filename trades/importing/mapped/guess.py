"""A first mapping of a file: by the names of its columns and by what is in them. Pure.

A person looks at it before anything is read by it. What the rows do not say is left
open, and asked for.
"""

import io
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from mastertrade.values.money import format_plain
from mastertrade.values.validation import HIDDEN
from trades.importing.mapped.forms import (
    CLOCK,
    find_date_order,
    find_decimal_sign,
    is_empty,
    plain_number,
    read_time,
)
from trades.importing.mapped.mapping import (
    FIELDS,
    LONGEST_TEXT,
    NUMBERS,
    TIMES,
    ColumnMapping,
    FeeSign,
    MappedKind,
    SideWord,
)
from trades.importing.mapped.table import Table, open_table
from trades.importing.numbers import read_suffixed

SAMPLE_ROWS = 500
SHOWN_ROWS = 5
MOST_WORDS, MOST_FEES = 12, 6
LONGEST_SHOWN = 60
FORMS = ("decimal_sign", "date_order")
IN_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")
NO_LETTER = re.compile(r"[^a-z0-9]")
CLOCK_ALONE = re.compile(rf"\s*{CLOCK}\s*", re.ASCII)
# What exports call their columns, small letters and digits only; the first that a file
# has is taken.
NAMES: dict[str, str] = {
    "symbol": "symbol instrument pair market ticker contracts contract product item "
    "asset underlying security",
    "side": "side bs buysell direction closingdirection action type transactiontype "
    "tradetype",
    "quantity": "quantity qty filledqty filledquantity executed executedqty execqty "
    "quantitytransacted size positionsize sizeqty positionsizeqty vol volume lots "
    "shares units amount contracts filled",
    "price": "price fillprice avgfillprice avgprice averageprice avgfilledprice "
    "tprice tradeprice filledprice execprice priceattransaction "
    "spotpriceattransaction priceusd priceusdt priceeur",
    "total": "total cost value proceeds grossamount subtotal execvalue",
    "time": "time datetime dateandtime timestamp date createdat filltime exectime "
    "transactiontime tradetime closingtime ordertime createtime",
    "fees": "fee fees commission commfee feepaid ibcommission feesandorspread comm "
    "execfee commissionfee tradingfee openingfee closingfee openfee closefee",
    "fee_currency": "feecurrency feecoin feeasset ibcommissioncurrency",
    "quote_currency": "quotecurrency pricecurrency spotpricecurrency "
    "pricefeetotalunit currencyprimary currency",
    "contract_size": "multiplier contractmultiplier contractsize",
    "id": "fillid tradeid transactionid execid executionid txid deal position ticket "
    "id",
    "order": "orderid ordertxid orderno order",
    "entry_price": "entryprice openprice avgopen avgentryprice priceopen openrate "
    "averageentryprice",
    "entry_time": "entrytime opentime openedat opendate entrydate entrytimestamp "
    "openingtime openingdate",
    "exit_price": "exitprice closeprice avgclose avgexitprice priceclose closerate "
    "averageexitprice",
    "exit_time": "exittime closetime closedat closedate exitdate closedtime "
    "closingdate closingtime exittimestamp tradetime",
    "buy_price": "buyprice boughtprice",
    "buy_time": "boughttimestamp buytime buytimestamp boughtat",
    "sell_price": "sellprice soldprice",
    "sell_time": "soldtimestamp selltime selltimestamp soldat",
    "profit_loss": "profitloss pnl netpnl profit netpl pl closedpl closedpnl "
    "realizedpnl realizedpl netprofit",
    "funding": "swap funding fundingfee",
    "stop_price": "stopprice stoploss sl initialstop",
    "leverage": "leverage",
    "strategy_id": "strategyid",
}
KNOWN = {name for names in NAMES.values() for name in names.split()}
BUYS = (
    "buy b bot bought long l buytoopen buytoclose bto btc buytocover cover open "
    "entrylong exitshort openlong closeshort purchase advancedtradebuy"
)
SELLS = (
    "sell s sld sold short selltoclose selltoopen stc sto shortsell sellshort "
    "entryshort exitlong openshort closelong sale advancedtradesell"
)
# Of whole trades: which way the trade went, not what the order did.
LONGS, SHORTS = "closelong exitlong", "closeshort exitshort"
FILL_WORDS = {
    **dict.fromkeys(BUYS.split(), SideWord.BUY),
    **dict.fromkeys(SELLS.split(), SideWord.SELL),
}
TRADE_WORDS = {
    **FILL_WORDS,
    **dict.fromkeys(LONGS.split(), SideWord.BUY),
    **dict.fromkeys(SHORTS.split(), SideWord.SELL),
}
OPPOSITE = {
    SideWord.BUY: SideWord.SELL,
    SideWord.SELL: SideWord.BUY,
    SideWord.SKIP: SideWord.SKIP,
}
# Columns that say whether a row is a trade at all, and the words of those that are.
FILTERS = {
    "status": {"filled", "executed", "complete"},
    "datadiscriminator": {"order"},
    "type": {"trade"},
    "transactiontype": {"trade"},
}


# Only whole trades have these.
ENTRIES = ("entry_price", "buy_price", "sell_price")


@dataclass(frozen=True, slots=True)
class ColumnFound:
    """A column, what its first rows hold, and what of them can be read.

    `words` are the different cells where there are few; `read` of `given` cells, and
    `as_read` the first of them as it is understood; "" where it is text.
    """

    name: str
    first: str
    words: tuple[str, ...]
    given: int
    read: int
    as_read: str


@dataclass(frozen=True, slots=True)
class FileFound:
    """A file's table, its first `rows`, and the mapping it is offered.

    `open` names those of `FORMS` that the rows leave open.
    """

    separator: str
    header_line: int
    columns: tuple[ColumnFound, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    count: int
    is_whole: bool
    mapping: ColumnMapping
    open: tuple[str, ...]
    notes: tuple[str, ...] = ()


def look_at(
    head: bytes, chosen: ColumnMapping | None = None, find: Collection[str] = FORMS
) -> FileFound:
    """The table in the beginning of a file; `chosen` in place of the first mapping.

    Of the forms of figures (`FORMS`) those in `find` are as the rows show them.
    Raises `InvalidInput` for `file` where there is none.
    """
    source: io.BufferedReader[Any] = io.BufferedReader(io.BytesIO(head))
    needed = chosen.needed if chosen is not None else ()
    table = open_table(source, needed, _rate)
    rows: list[tuple[int, list[str]]] = []
    for row in table.rows:
        if len(rows) == SAMPLE_ROWS:
            break
        rows.append(row)
    samples = {
        name: [cells[place] for _, cells in rows if not is_empty(cells[place])]
        for place, name in enumerate(table.names)
    }
    mapping = chosen or _guess(table, samples, len({tuple(row) for _, row in rows}))
    kept = {
        name: [
            cells[place]
            for _, cells in rows
            if _is_kept(cells, table.names, mapping) and not is_empty(cells[place])
        ]
        for place, name in enumerate(table.names)
    }
    mapping, doubts = _find_forms(mapping, kept, find)
    return FileFound(
        separator=table.separator,
        header_line=table.header_line,
        columns=tuple(
            _show(name, kept, samples, mapping, _markets(samples, mapping))
            for name in table.names
        ),
        rows=tuple((line, tuple(cells)) for line, cells in rows[:SHOWN_ROWS]),
        count=len(rows),
        is_whole=len(rows) < SAMPLE_ROWS,
        mapping=mapping,
        open=doubts,
        notes=tuple(table.notes),
    )


def _plain(name: str) -> str:
    return NO_LETTER.sub("", IN_BRACKETS.sub("", name).casefold())


def _rate(names: Sequence[str]) -> int:
    return len({_plain(name) for name in names} & KNOWN)


def _is_kept(
    cells: Sequence[str], names: Sequence[str], mapping: ColumnMapping
) -> bool:
    return all(
        cells[names.index(column)].casefold() in {word.casefold() for word in words}
        for column, words in mapping.only.items()
        if column in names
    )


def _guess(
    table: Table, samples: dict[str, list[str]], different: int
) -> ColumnMapping:
    """`different` rows there are: the same row twice has the same id."""
    plain = {name: _plain(name) for name in table.names}
    kind = _guess_kind(set(plain.values()), table.names)
    only = _guess_filters(plain, samples, table.names)
    columns: dict[str, str] = {}
    for field in FIELDS[kind]:
        named = NAMES[field].split()
        found = [
            name
            for known in named
            for name, own in plain.items()
            if own == known and name not in columns and name not in only
        ]
        if field == "side":
            found = [name for name in found if _has_sides(samples[name], kind)]
        if field == "id":
            found = [one for one in found if len(set(samples[one])) == different]
        columns |= dict.fromkeys(found[: MOST_FEES if field == "fees" else 1], field)
    _add_second_columns(columns, table.names, kind)
    _add_days(columns, plain, samples)
    in_order = {name: columns[name] for name in table.names if name in columns}
    mapping = ColumnMapping(kind=kind, columns=in_order)
    sides = mapping.columns_of("side")
    words = samples[sides[0]] if sides else []
    return replace(
        mapping,
        only=only,
        sides=find_sides(words, kind, sides[0] if sides else ""),
        signed=not sides and _has_negative(mapping, samples),
        fee_sign=_guess_fee_sign(mapping, samples),
    )


def _guess_kind(plain: set[str], names: Sequence[str]) -> MappedKind:
    """Trades where a row has a price of its entry, or two prices and two times."""
    prices = {name for field in ENTRIES for name in NAMES[field].split()}
    is_twice = {"Price (2)", "Time (2)"} <= set(names)
    return MappedKind.TRADES if plain & prices or is_twice else MappedKind.FILLS


def _add_second_columns(
    columns: dict[str, str], names: Sequence[str], kind: MappedKind
) -> None:
    """Time and Price of MetaTrader, twice each: of the entry and of the exit."""
    if kind is not MappedKind.TRADES:
        return
    for name, entry, leave in (
        ("Time", "entry_time", "exit_time"),
        ("Price", "entry_price", "exit_price"),
    ):
        if name in names and f"{name} (2)" in names:
            columns[name], columns[f"{name} (2)"] = entry, leave


def _add_days(
    columns: dict[str, str], plain: dict[str, str], samples: dict[str, list[str]]
) -> None:
    """The column of the day, next to a time that is a clock alone."""
    for name, field in list(columns.items()):
        cells = samples[name]
        if (
            field not in TIMES
            or not cells
            or not all(map(CLOCK_ALONE.fullmatch, cells))
        ):
            continue
        days = [one for one in plain if "date" in plain[one] and one not in columns]
        days.sort(key=lambda one: plain[one] != plain[name].replace("time", "date"))
        columns |= dict.fromkeys(days[:1], field)


def _guess_filters(
    plain: dict[str, str], samples: dict[str, list[str]], names: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    only: dict[str, tuple[str, ...]] = {}
    if len(names) > 1 and plain[names[1]] == "header" and "Data" in samples[names[1]]:
        only[names[0]], only[names[1]] = (names[0],), ("Data",)
    for name, own in plain.items():
        words = _words(samples[name])
        trading = [word for word in words if word.casefold() in FILTERS.get(own, ())]
        if trading:
            only[name] = tuple(trading)
    return only


def _words(cells: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(cells))


def _has_sides(cells: list[str], kind: MappedKind) -> bool:
    """Whether some of its few words are sides."""
    words = _words(cells)
    return len(words) <= MOST_WORDS and any(
        _plain(word) in TRADE_WORDS for word in words
    )


def find_sides(
    cells: Iterable[str], kind: MappedKind, column: str = ""
) -> dict[str, SideWord]:
    """What the words of a side mean; those that no export uses trade nothing.

    In a column of closing directions a sale closes a long trade. What no mapping may
    hold is no word: its rows are refused.
    """
    known = FILL_WORDS if kind is MappedKind.FILLS else TRADE_WORDS
    closes = kind is MappedKind.TRADES and _plain(column).startswith("clos")
    sides: dict[str, SideWord] = {}
    for word in _words(cells)[:MOST_WORDS]:
        if len(word) > LONGEST_TEXT or HIDDEN.search(word):
            continue
        side = known.get(_plain(word), SideWord.SKIP)
        turned = closes and _plain(word) in {"buy", "sell"}
        sides[word.casefold()] = OPPOSITE[side] if turned else side
    return sides


def _has_negative(mapping: ColumnMapping, samples: dict[str, list[str]]) -> bool:
    columns = mapping.columns_of("quantity")
    return bool(columns) and any(_is_negative(cell) for cell in samples[columns[0]])


def _is_negative(cell: str) -> bool:
    return plain_number(cell, ".").startswith("-")


def _guess_fee_sign(mapping: ColumnMapping, samples: dict[str, list[str]]) -> FeeSign:
    cells = [cell for name in mapping.columns_of("fees") for cell in samples[name]]
    paid = [cell for cell in cells if re.search("[1-9]", cell)]
    negative = sum(map(_is_negative, paid))
    return FeeSign.NEGATIVE if negative * 2 > len(paid) else FeeSign.POSITIVE


def _find_forms(
    mapping: ColumnMapping, kept: dict[str, list[str]], find: Collection[str]
) -> tuple[ColumnMapping, tuple[str, ...]]:
    """With the decimal sign and the order of dates that the rows show."""
    numbers = [
        cell
        for name, field in mapping.columns.items()
        if field in NUMBERS
        for cell in kept.get(name, [])
    ]
    times = [
        cell
        for name, field in mapping.columns.items()
        if field in TIMES
        for cell in kept.get(name, [])
    ]
    sign, orders = find_decimal_sign(numbers), find_date_order(times)
    if sign is not None and "decimal_sign" in find:
        mapping = replace(mapping, decimal_sign=sign)
    if len(orders) == 1 and "date_order" in find:
        mapping = replace(mapping, date_order=orders[0])
    is_open = {"decimal_sign": sign is None, "date_order": len(orders) != 1}
    return mapping, tuple(name for name in FORMS if name in find and is_open[name])


def _show(
    name: str,
    kept: dict[str, list[str]],
    samples: dict[str, list[str]],
    mapping: ColumnMapping,
    markets: str,
) -> ColumnFound:
    cells = kept[name]
    words = _words(samples[name])
    field = mapping.columns.get(name, "")
    read = (_as_read(cell, field, mapping, markets) for cell in cells)
    understood = [one for one in read if one]
    return ColumnFound(
        name=name,
        first=next(iter(cells or samples[name]), "")[:LONGEST_SHOWN],
        words=tuple(words) if len(words) <= MOST_WORDS else (),
        given=len(cells),
        read=len(understood) if field in NUMBERS | TIMES else len(cells),
        as_read=understood[0] if understood else "",
    )


def _markets(samples: dict[str, list[str]], mapping: ColumnMapping) -> str:
    """All that is traded, and what it is paid in: the coins behind figures."""
    names = mapping.columns_of("symbol") + mapping.columns_of("quote_currency")
    cells = {cell for name in names for cell in samples.get(name, ())}
    return " ".join([*cells, mapping.quote_currency or ""]).upper()


def _as_read(cell: str, field: str, mapping: ColumnMapping, markets: str) -> str:
    """A cell as it is understood; "" where it is not, or is a text."""
    if field in NUMBERS:
        amount = read_suffixed(plain_number(cell, mapping.decimal_sign), ())
        if amount is None or (field != "fees" and amount.coin not in markets):
            return ""
        return format_plain(amount.value)
    if field in TIMES:
        zone = ZoneInfo(mapping.time_zone)
        at = read_time(cell, mapping.date_order, zone)
        return "" if isinstance(at, str) else f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return ""
