"""Import trades from a file, as often as you like: what is known adds nothing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from mastertrade.terminal import open_console, printable
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.messages import counted
from trades.enums import DateOrder
from trades.importing.formats import FORMAT_NAMES
from trades.importing.formats.freqtrade import open_database
from trades.importing.formats.mapped import MAPPED
from trades.importing.formats.own import OWN_CSV
from trades.importing.import_trades import catch_up_imported, import_trades
from trades.importing.mapped.mapping import ColumnMapping
from trades.importing.options import (
    FILE_FLAGS,
    FLAGS,
    REPEATED_FLAGS,
    EqualFills,
    ImportOptions,
)
from trades.importing.previewing import ImportReport
from trades.importing.rates import DayRates, read_day_rates, read_rates
from trades.management.importing import add_portfolio_arguments, find_user
from trades.services.mappings import find_mapping

SHOWN = 20
# The names of options in a message. Those that columns have, too, only where the option
# is asked for: at the beginning, and "in" it.
OPTION = re.compile(
    r"\b(?:fx_rates|fx_rates_file|fee_rates|contract_sizes|date_order|equal_fills)\b"
    r"|^strategy_id\b|(?<=\bin )(?:quote|fee)_currency\b"
)
FORMAT = re.compile(rf"\bformat (?=(?:{'|'.join(FORMAT_NAMES)})\b)")


class Command(BaseCommand):
    help = (
        "Import trades from FILE into a portfolio. Importing twice adds nothing. "
        "If a row is refused nothing is imported, unless --partial."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--format", choices=FORMAT_NAMES, help="default: mastertrade-csv"
        )
        parser.add_argument(
            "--mapping",
            metavar="NAME",
            help="a mapping of columns that the user stored; the format is mapped",
        )
        add_portfolio_arguments(parser)
        parser.add_argument("--strategy", help="of rows that name none")
        parser.add_argument(
            "--account", default="main", help="distinguishes accounts of one venue"
        )
        parser.add_argument("--venue", help="where the fills come from")
        parser.add_argument(
            "--fx-rate",
            action="append",
            default=[],
            metavar="USDT=0.92",
            help="units of the portfolio's currency for one of another",
        )
        parser.add_argument(
            "--fee-rate",
            action="append",
            default=[],
            metavar="BNB=300",
            help="the same for one of a coin that only fees are paid in",
        )
        parser.add_argument(
            "--fx-rates",
            type=Path,
            metavar="FILE",
            help="rates by day: a CSV with date,currency,rate or date,BTC,EUR",
        )
        parser.add_argument(
            "--quote-currency", help="the currency of prices that name none (USD)"
        )
        parser.add_argument(
            "--fee-currency", help="the currency of fees that name none (USDT)"
        )
        parser.add_argument(
            "--contract-size",
            action="append",
            default=[],
            metavar="BTC/USDT:USDT=0.01",
            help="units of the base for one contract, where no cost gives it",
        )
        parser.add_argument(
            "--date-order",
            type=DateOrder,
            choices=list(DateOrder),
            help="of dates with a two-digit year, or one that does not come first",
        )
        parser.add_argument(
            "--equal-fills",
            type=EqualFills,
            choices=list(EqualFills),
            default=EqualFills.REFUSE,
            help="what equals a fill from another source: refuse it (default), "
            "it is known, or it is new",
        )
        parser.add_argument(
            "--partial", action="store_true", help="import what is not refused"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        console = open_console()
        options["format"] = options["format"] or (
            MAPPED.name if options["mapping"] else OWN_CSV.name
        )
        report = self._import(console, options)
        with console.status("Adding up …"):
            user = find_user(options["user"])
            catch_up_imported(user, options["portfolio"], report, timezone.now())
        _show(console, report)
        if report.refused and not report.created:
            rows = counted(report.refused, "row")
            raise CommandError(f"{rows} refused, so nothing was imported.")

    def _import(self, console: Console, options: dict[str, Any]) -> ImportReport:
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            console=console,
            transient=True,
        )
        with bar, _open(path, options["format"]) as source:
            mapping = _find_mapping(options)
            task = bar.add_task(printable(path.name), total=path.stat().st_size or 1)

            def advance(size: int) -> None:
                bar.advance(task, size)
                if size == 0:
                    bar.update(task, description="Booking …")

            try:
                return import_trades(
                    user=find_user(options["user"]),
                    source=source,
                    file_name=path.name,
                    format_name=options["format"],
                    now=timezone.now(),
                    portfolio=options["portfolio"],
                    partial=options["partial"],
                    progress=advance,
                    options=_read_options(options, mapping),
                )
            except DomainError as refused:
                raise CommandError(by_flags(str(refused))) from refused


@contextmanager
def _open(path: Path, format_name: str) -> Iterator[BinaryIO]:
    opened = open_database(path) if format_name == "freqtrade" else path.open("rb")
    try:
        with opened as source:
            yield source
    except InvalidInput as refused:
        raise CommandError(by_flags(str(refused))) from refused


def by_flags(said: str) -> str:
    """What is said of a file of trades, with the options of its reading as flags."""
    said = FORMAT.sub("--format ", said)
    flags = FLAGS | REPEATED_FLAGS | FILE_FLAGS
    return printable(OPTION.sub(lambda name: flags[name[0]], said))


def _find_mapping(options: dict[str, Any]) -> ColumnMapping | None:
    name = options["mapping"]
    if name is None:
        return None
    if options["format"] != MAPPED.name:
        raise CommandError(f"--mapping goes with --format {MAPPED.name}.")
    try:
        return find_mapping(find_user(options["user"]), name)
    except InvalidInput as unknown:
        raise CommandError(printable(unknown.detail)) from unknown


def _read_options(
    options: dict[str, Any], mapping: ColumnMapping | None
) -> ImportOptions:
    return ImportOptions(
        strategy_id=options["strategy"],
        account=options["account"],
        venue=options["venue"],
        fx_rates=read_rates("fx-rate", options["fx_rate"]),
        fee_rates=read_rates("fee-rate", options["fee_rate"]),
        day_rates=_read_day_rates(options["fx_rates"]),
        quote_currency=options["quote_currency"],
        fee_currency=options["fee_currency"],
        contract_sizes=read_rates("contract-size", options["contract_size"]),
        date_order=options["date_order"],
        equal_fills=options["equal_fills"],
        mapping=mapping,
    )


def _read_day_rates(path: Path | None) -> DayRates:
    if path is None:
        return DayRates()
    if not path.is_file():
        raise CommandError(f"There is no file {path}.")
    with path.open("rb") as source:
        return read_day_rates("fx-rates", source)


def _show(console: Console, report: ImportReport) -> None:
    console.print(
        f"{report.created} created, {report.known} already known, "
        f"{report.refused} refused."
    )
    for warning in report.warnings:
        console.print(by_flags(f"Note: {warning}"))
    if not report.refusals:
        return
    table = Table("line", "column", "reason")
    for refusal in report.refusals[:SHOWN]:
        table.add_row(
            str(refusal.line), printable(refusal.column), by_flags(refusal.reason)
        )
    console.print(table)
    if report.refused > SHOWN:
        console.print(f"… and {report.refused - SHOWN} more.")
