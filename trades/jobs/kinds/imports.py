"""A file of trades, as `POST /api/trades/import/` takes it."""

from contextlib import nullcontext
from typing import Any

from goals.services.alerts import write_alerts
from goals.services.portfolios import find_portfolio
from mastertrade.terminal import printable
from mastertrade.values.jsonable import to_plain
from mastertrade.values.messages import counted
from trades.importing.import_trades import import_or_undo
from trades.importing.options import read_options
from trades.importing.previewing import ImportReport
from trades.jobs.kinds.base import Given, Kind
from trades.services.jobs import JobFailed
from trades.sizing_calls.catch_up import catch_up

# Of the time that an import takes, about so much is over when the file is read.
READ_SHARE = 0.6
SHOWN_REFUSALS = 200


def run(given: Given) -> dict[str, Any]:
    """Import the file; all of it or nothing, unless `partial`."""
    asked = given.arguments
    path, rates_path = given.files["file"], given.files.get("fx_rates_file")
    size, read = path.stat().st_size or 1, 0

    def advance(count: int) -> None:
        nonlocal read
        read += count
        if count:
            given.report(READ_SHARE * min(read / size, 1), "Reading the file")
        else:
            given.report(READ_SHARE, "Booking what was read")

    with (
        path.open("rb") as source,
        nullcontext() if rates_path is None else rates_path.open("rb") as rates,
    ):
        report, undone = import_or_undo(
            user=given.user,
            source=source,
            file_name=asked["file_name"],
            format_name=asked["format"],
            now=given.now,
            portfolio=asked.get("portfolio"),
            partial=asked["partial"],
            options=read_options(asked, rates),
            progress=advance,
        )
    result = _show(report)
    if report.refused and report.import_id is None and not asked["partial"]:
        raise JobFailed(
            f"{counted(report.refused, 'row')} refused, so nothing was imported.",
            result,
            alert=undone,
        )
    if undone is not None:
        write_alerts([undone], user_id=given.user.username, now=given.now)
    return result


def _show(report: ImportReport) -> dict[str, Any]:
    """As the request would be answered; only the first refusals are kept."""
    shown: dict[str, Any] = to_plain(report)
    shown["refusals"] = [
        {
            "line": one.line,
            "column": printable(one.column),
            "reason": printable(one.reason),
        }
        for one in report.refusals[:SHOWN_REFUSALS]
    ]
    shown["warnings"] = [printable(one) for one in shown["warnings"]]
    return shown


def after(given: Given, result: dict[str, Any]) -> None:
    """Bring the records along, which the next decision would do."""
    if result["import_id"] is not None:
        portfolio = find_portfolio(given.user, given.arguments.get("portfolio"))
        catch_up(portfolio.portfolio_id, given.now)


KIND = Kind(run, after)
