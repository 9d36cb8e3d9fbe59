"""What is chosen about a file before it is imported: read from a form, and shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import QueryDict

from goals.models import Portfolio
from goals.services.portfolios import find_portfolio
from mastertrade.site.figures import show
from mastertrade.site.record import BY_HAND
from mastertrade.site.wording import IMPORT_LABELS
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.in_text import cased, say
from strategies.models import StrategyInstance
from strategies.services import create_strategy
from trades.enums import DateOrder
from trades.importing.formats import FORMATS
from trades.importing.formats.mapped import MAPPED
from trades.importing.mapped.forms import COMMA, POINT
from trades.importing.mapped.guess import FORMS, FileFound, find_sides, look_at
from trades.importing.mapped.mapping import (
    FIELDS,
    NUMBERS,
    TIMES,
    ColumnMapping,
    MappedKind,
    SideWord,
    find_missing,
    read_mapping,
    show_mapping,
)
from trades.importing.mapped.table import fold
from trades.importing.options import EqualFills
from trades.importing.rates import read_rates
from trades.importing.recognising import recognise, refuse_unreadable
from trades.models import ImportUpload, UserJob
from trades.services.mappings import find_fitting
from trades.services.uploads import read_head

FILTER_ROWS = 3
# Of every file; texts, as an upload to the API gives them.
OPTIONS = ("venue", "fx_rates", "fee_rates", "contract_sizes", "equal_fills")
# Of a file whose columns are known; a mapping has its own.
OF_THE_FILE = ("quote_currency", "fee_currency", "date_order")
PAIRS = ("fx_rates", "fee_rates", "contract_sizes")
TEXTS = ("symbol", "quote_currency", "fee_currency", "contract_size", "time_zone")
WORDS = {
    "decimal_sign": ((POINT, "1,234.56"), (COMMA, "1.234,56")),
    "date_order": (
        ("ymd", "year, month, day"),
        ("dmy", "day, month, year"),
        ("mdy", "month, day, year"),
    ),
}
# What becomes of a column where fills turn out to be trades, and the other way round.
SAME = {
    "trades": {"price": "entry_price", "time": "entry_time"},
    "fills": {"entry_price": "price", "entry_time": "time"},
}
SIDE_WORDS = {
    SideWord.BUY: {MappedKind.TRADES: "Long", MappedKind.FILLS: "Buy"},
    SideWord.SELL: {MappedKind.TRADES: "Short", MappedKind.FILLS: "Sell"},
    SideWord.SKIP: {MappedKind.TRADES: "No trade", MappedKind.FILLS: "No trade"},
}


def in_import_words(refused: DomainError | str) -> str:
    """A refusal with parts and options by the names that the page has for them."""
    if isinstance(refused, str):
        return show(refused, labels=IMPORT_LABELS)
    about, detail = getattr(refused, "field", ""), refused.detail
    said = refused.on_page
    if about == "mapping":
        said = detail
    elif about == "file":
        said = say("The file {}", detail)
    elif about in IMPORT_LABELS:
        said = say("“{}” {}", IMPORT_LABELS[about], detail)
    return show(cased(said), labels=IMPORT_LABELS)


def said_of(job: UserJob, most: int) -> dict[str, Any]:
    """What an import says, with so many refusals at most, by the page's names."""
    result = job.result or {}
    return {
        "error": in_import_words(job.error),
        "warnings": [in_import_words(one) for one in result.get("warnings", [])],
        "refusals": [
            {**one, "reason": in_import_words(one["reason"])}
            for one in result.get("refusals", [])[:most]
        ],
    }


def require_strategy(portfolio: Portfolio, name: str, now: datetime) -> None:
    """Make a strategy of the name where the user has none."""
    known = StrategyInstance.objects.tradable_in(portfolio)
    if not known.filter(strategy_id=name).exists():
        create_strategy(
            user=portfolio.user, strategy_id=name, strategy_type=BY_HAND, now=now
        )


def first_choices(
    portfolio: Portfolio, strategy_id: str, head: bytes
) -> dict[str, Any]:
    """The format of a file, or a mapping of its columns, by its beginning.

    Raises `InvalidInput` for `file` where it is no table.
    """
    chosen = {"portfolio": portfolio.pk, "strategy_id": strategy_id, "options": {}}
    refuse_unreadable(head, MAPPED.name)
    looks_like = recognise(head)
    if looks_like in FORMATS:
        return {**chosen, "format": looks_like}
    return {**chosen, **map_columns(portfolio, head)}


def map_columns(portfolio: Portfolio, head: bytes) -> dict[str, Any]:
    """A mapping of the user's that fits, else the first one of what was found."""
    found = look_at(head)
    names = {fold(column.name) for column in found.columns}
    known = find_fitting(portfolio.user, names)
    if known is not None:
        return {
            "format": MAPPED.name,
            "mapping": known.definition,
            "name": known.name,
            "find": [],
        }
    return {
        "format": MAPPED.name,
        "mapping": show_mapping(found.mapping),
        "name": "",
        "find": list(FORMS),
    }


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """A line of the table of columns."""

    name: str
    first: str
    field: str
    read_as: str
    is_partial: bool


@dataclass(frozen=True, slots=True)
class Columns:
    """The part of the page that maps columns."""

    found: FileFound
    plain: Mapping[str, Any]
    rows: tuple[ColumnRow, ...]
    fields: tuple[tuple[str, str], ...]
    sides: tuple[tuple[str, str], ...]
    side_words: tuple[tuple[str, str], ...]
    only: tuple[tuple[str, str], ...]
    forms: tuple[tuple[str, str, str, tuple[tuple[str, str], ...]], ...]
    missing: tuple[str, ...]
    name: str

    @property
    def is_complete(self) -> bool:
        return not self.missing and not self.found.open


def show_columns(upload: ImportUpload) -> Columns:
    """As the choices of an upload say; raises `InvalidInput` for `file`."""
    choices = upload.choices
    mapping = read_mapping(choices["mapping"])
    head, find = read_head(upload), choices.get("find", ())
    found = look_at(head, mapping, find)
    mapping, kind = found.mapping, found.mapping.kind
    rows = tuple(_row(found, place, mapping) for place in range(len(found.columns)))
    only = [(name, ", ".join(words)) for name, words in mapping.only.items()]
    return Columns(
        found=found,
        plain=show_mapping(mapping),
        rows=rows,
        fields=tuple(FIELDS[kind].items()),
        sides=tuple((word, str(side)) for word, side in mapping.sides.items()),
        side_words=tuple((str(side), SIDE_WORDS[side][kind]) for side in SideWord),
        only=tuple((only + [("", "")] * FILTER_ROWS)[: max(FILTER_ROWS, len(only))]),
        forms=tuple(_form(name, mapping, find, found) for name in FORMS),
        missing=tuple(find_missing(mapping)),
        name=choices.get("name", ""),
    )


def _row(found: FileFound, place: int, mapping: ColumnMapping) -> ColumnRow:
    column = found.columns[place]
    field = mapping.columns.get(column.name, "")
    if not field:
        words = "only some rows are read" if column.name in mapping.only else "not read"
    elif field in NUMBERS | TIMES:
        words = f"{column.read} of {column.given} read"
        words += f", as {column.as_read}" if column.as_read else ""
    else:
        words = f"{column.given} given"
    return ColumnRow(
        name=column.name,
        first=column.first,
        field=field,
        read_as=words,
        is_partial=bool(field) and column.read < column.given,
    )


def _form(
    name: str, mapping: ColumnMapping, find: Any, found: FileFound
) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
    """A form of figures: its name, what is chosen ("" where it is found), the words."""
    given = str(getattr(mapping, name))
    shown = dict(WORDS[name])[given]
    words = "choose one" if name in found.open else f"as in the rows: {shown}"
    return (
        name,
        "" if name in find else given,
        {"decimal_sign": "Numbers are written", "date_order": "Dates are written"}[
            name
        ],
        (("", words), *WORDS[name]),
    )


def read_choices(upload: ImportUpload, given: QueryDict) -> dict[str, Any]:
    """The choices of an upload with what a form changes; raises `InvalidInput`."""
    choices = upload.choices
    if choices["format"] != MAPPED.name:
        return {**choices, "options": _read_options(given, *OF_THE_FILE)}
    choices = {**choices, "options": _read_options(given)}
    plain = _read_plain(upload, given)
    mapping = read_mapping(plain)
    find = [name for name in FORMS if not given.get(name)]
    found = look_at(read_head(upload), mapping, find)
    return {
        **choices,
        "mapping": show_mapping(found.mapping),
        "name": given.get("name", "")[:80].strip(),
        "find": find,
    }


def _read_options(given: QueryDict, *more: str) -> dict[str, str]:
    asked = {name: given.get(name, "").strip() for name in (*OPTIONS, *more)}
    asked = {name: text for name, text in asked.items() if text}
    for name in PAIRS:
        read_rates(name, filter(str.strip, asked.get(name, "").split(",")))
    if asked.get("equal_fills", "refuse") not in set(EqualFills):
        raise InvalidInput("equal_fills", "must be refuse, known or new.")
    if asked.get("date_order", DateOrder.YMD) not in set(DateOrder):
        raise InvalidInput("date_order", "must be ymd, dmy or mdy.")
    return asked


def _read_plain(upload: ImportUpload, given: QueryDict) -> dict[str, Any]:
    """The mapping of a form as JSON, whether or not it makes sense."""
    before = read_mapping(upload.choices["mapping"])
    found = look_at(read_head(upload), before)
    kind = MappedKind(_word(given.get("kind"), MappedKind, before.kind))
    columns = {}
    for place, column in enumerate(found.columns):
        field = given.get(f"column-{place}", "")
        if field:
            columns[column.name] = SAME[kind].get(field, field)
    columns = {name: one for name, one in columns.items() if one in FIELDS[kind]}
    only = {}
    for place in range(max(FILTER_ROWS, len(before.only))):
        name, words = given.get(f"only-{place}"), given.get(f"words-{place}", "")
        kept = [word.strip() for word in words.split(",") if word.strip()]
        if name and kept:
            only[name] = kept
    plain = {
        "kind": str(kind),
        "columns": columns,
        "sides": _read_sides(given, found, columns, kind),
        "signed": "signed" in given,
        "only": only,
        "suffixes": given.get("suffixes", "").replace(",", " ").split(),
        "fee_sign": given.get("fee_sign", "positive"),
        "may_short": "may_short" in given,
        "venue": given.get("venue", "").strip() or None,
    }
    plain |= {name: given.get(name, "").strip() or None for name in TEXTS}
    return plain | {name: given[name] for name in FORMS if given.get(name)}


def _word(given: str | None, words: Iterable[str], default: str) -> str:
    return given if given in set(words) else default


def _read_sides(
    given: QueryDict, found: FileFound, columns: Mapping[str, str], kind: MappedKind
) -> dict[str, str]:
    """As chosen for the words of the column that is the side now."""
    chosen = {
        word: given.get(f"side-{place}", "skip")
        for place, word in enumerate(given.getlist("word"))
    }
    name = next((one for one, field in columns.items() if field == "side"), None)
    words = next((one.words for one in found.columns if one.name == name), ())
    guessed = {
        word: str(side) for word, side in find_sides(words, kind, name or "").items()
    }
    return guessed | {word: side for word, side in chosen.items() if word in guessed}


def arguments_of(upload: ImportUpload) -> dict[str, Any]:
    """What is asked of the import, as its job is given it."""
    choices = upload.choices
    asked = {
        "format": choices["format"],
        "portfolio": str(choices["portfolio"]),
        "strategy_id": choices["strategy_id"],
        **choices.get("options", {}),
    }
    if choices["format"] == MAPPED.name:
        asked["mapping"] = choices["mapping"]
    return asked


def portfolio_of(upload: ImportUpload) -> Portfolio:
    return find_portfolio(upload.user, str(upload.choices["portfolio"]))
