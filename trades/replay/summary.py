"""The report's summary: one screen of 80 columns and 22 lines, the worst first."""

from decimal import Decimal
from itertools import accumulate
from math import ceil

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mastertrade.values.money import ZERO
from trades.replay.report import Effect, InstrumentReport, ReplayReport
from trades.replay.wording import (
    BASELINE,
    NOTHING,
    figure,
    halt_figures,
    listed_briefly,
    period_word,
    run_name,
    title_of,
)

# Lines of the table, of which a long name takes several.
MOST_LINES = 7
NAME_WIDTH = 9
MOST_NAMES = 3
THOUSAND = 1_000
# The word of an effect, and its style, which only repeats it.
EFFECTS = {
    Effect.HURT: ("worse", "red"),
    Effect.MIXED: ("mixed", "yellow"),
    Effect.NONE: ("same", "dim"),
    Effect.HELPED: ("better", "green"),
}


def print_summary(console: Console, report: ReplayReport) -> None:
    """One line an instrument: the policy's run, its baseline and buy-and-hold."""
    first = report.instruments[0]
    ranked = report.worst_first
    console.print(Text(title_of(report), "bold"))
    halted = [
        f"{item.symbol} ({run_name(run)})"
        for item in ranked
        for run in item.runs
        if run.halted_at is not None
    ]
    if halted:
        names = listed_briefly(halted, MOST_NAMES)
        console.print(Text(f"Ends halted, and traded no more: {names}.", "yellow"))
    for item in ranked:
        for run in item.runs:
            if run.challenge:
                name = f"{item.symbol}, {run_name(run)}"
                console.print(Text(f"{name}: {run.challenge}."))
    console.print()
    shown = _first_lines(ranked)
    console.print(_table(shown))
    if len(ranked) > len(shown):
        console.print(f"And {len(ranked) - len(shown)} more, in the page.")
    console.print(
        Text(
            "Worst first. Policy: compared with factor 1.0, the same strategies with "
            "every size the base size. Hold: bought and held. Drawdown: the "
            "deepest, in % of the highest equity before. "
            f"Reached: {period_word(first.goal_type)}s of "
            "those that ended. Halted: how often, and the days of all halts.\n"
            "One run is one path of prices, and no evidence that a policy helps or "
            "harms.",
            "dim",
        )
    )


def _first_lines(ranked: list[InstrumentReport]) -> list[InstrumentReport]:
    heights = accumulate(ceil(len(item.symbol) / NAME_WIDTH) for item in ranked)
    count = sum(height <= MOST_LINES for height in heights)
    return ranked[: max(1, count)]


def _return(value: Decimal | None) -> str:
    """In percent, at most six characters: +999.9, +9,999, +999k, +999M, +9e+24."""
    size = ZERO if value is None else abs(value)
    if value is None or round(size, 1) < THOUSAND:
        return figure(value, signed=True, places=1)
    if round(size) < 10 * THOUSAND:
        return figure(value, signed=True)
    for unit, name in ((THOUSAND, "k"), (THOUSAND**2, "M")):
        if round(size / unit) < THOUSAND:
            return figure(value / unit, signed=True, unit=name)
    return f"{value:+.0e}"


def _table(reports: list[InstrumentReport]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=0)
    # A long name goes on in the next line, so that no figure is cut.
    table.add_column(
        "Prices", overflow="fold", min_width=len("Prices"), max_width=NAME_WIDTH
    )
    table.add_column("Policy", no_wrap=True)
    at_1 = BASELINE.replace("factor", "at")
    figures = ("Return %", at_1, "hold", "Drawdown", at_1, "Reached", at_1, "Halted")
    for heading in figures:
        table.add_column(heading, justify="right", no_wrap=True)
    for report in reports:
        own, constant = report.runs
        table.add_row(
            Text(report.symbol, "bold"),
            Text(*EFFECTS[report.comparison.effect]),
            _return(own.return_pct),
            _return(constant.return_pct),
            NOTHING if report.hold is None else _return(report.hold.return_pct),
            figure(own.max_drawdown_pct, places=1),
            figure(constant.max_drawdown_pct, places=1),
            f"{own.periods_reached}/{own.periods_ended}",
            str(constant.periods_reached),
            halt_figures(own),
        )
    return table
