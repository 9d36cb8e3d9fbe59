"""The report for the terminal: one summary of all runs, and the goals period by period.

`summary_table` and `period_table` fit 80 columns; colour only repeats what the text
says.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from goals.decisions.periods import place_in_year
from goals.enums import GoalType
from trades.replay.report import (
    BuyAndHold,
    Effect,
    InstrumentReport,
    PeriodOutcome,
    PeriodSummary,
    ReplayReport,
    RunSummary,
)
from trades.replay.wording import (
    NOTHING,
    factor_range,
    figure,
    goal_words,
    halt_figures,
    halt_sentences,
    lasting_halts,
    notes_of,
    origin_of,
    percent,
    period_name,
    period_word,
    plain_number,
    run_name,
    title_of,
    verdict_words,
    years_of,
)

MARKS = {
    PeriodOutcome.REACHED: ("●", "green"),
    PeriodOutcome.MISSED: ("·", "red"),
    PeriodOutcome.OPEN: ("?", "yellow"),
}
EFFECT_STYLES = {
    Effect.HELPED: "green",
    Effect.HURT: "red",
    Effect.MIXED: "yellow",
    Effect.NONE: "dim",
}
WIDE = 110  # from this many columns on, tables have room for more


def print_report(
    console: Console, report: ReplayReport, *, periods: int | None = 12
) -> None:
    """Print title, notes and summary, and for each instrument its goals.

    `periods`: how many of the last periods get a line of their own; None for all,
    0 for none. The strip above them always shows all.
    """
    console.print(Text(title_of(report), "bold"))
    if origin_of(report):
        console.print(Text(origin_of(report), "dim"), soft_wrap=True)
    for instrument in report.instruments:
        for words in lasting_halts(instrument):
            console.print(Text(f"{instrument.symbol}: {words}", "yellow"))
    console.print()
    console.print(summary_table(report, wide=console.width >= WIDE))
    console.print()
    for instrument in report.instruments:
        console.print(verdict(instrument))
    for note in notes_of(report):
        console.print()
        console.print(Text(note, "dim"))
    for instrument in report.instruments:
        console.print()
        console.print(goal_strips(instrument))
        if periods != 0:
            console.print(period_table(instrument, last=periods))


def summary_table(report: ReplayReport, *, wide: bool = False) -> Table:
    """Every instrument's run, its baseline and buy-and-hold."""
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True
    )
    # A long name goes on in the next line, so that no figure is cut.
    table.add_column("Prices", overflow="fold", max_width=None if wide else 9)
    table.add_column("Run", no_wrap=True)
    table.caption = (
        "Max DD: largest drawdown of equity from its peak. Reached: goals, of the "
        "periods that ended. Factor: mean size of the trades, in base sizes."
    )
    if wide:
        table.caption += " Halted: how often, and the days of all halts."
    table.caption_justify = "left"
    headings = ["Return", "Max DD", "Reached", "Trades", "Win %", "Factor"]
    for heading in [*headings, *(["Halted", "Fees", "Equity"] if wide else [])]:
        table.add_column(heading, justify="right", no_wrap=True)
    for instrument in report.instruments:
        years = years_of(instrument)
        policy, constant = instrument.policy_run, instrument.constant_run
        policy_cells = _run_cells(policy, wide=wide)
        table.add_row(Text(instrument.symbol, "bold"), *policy_cells)
        table.add_row(Text(years, "dim"), *_run_cells(constant, wide=wide))
        table.add_row("", *_difference_cells(instrument, wide=wide))
        if instrument.hold is not None:
            table.add_row("", *_hold_cells(instrument.hold, wide=wide))
        table.add_section()
    return table


def verdict(report: InstrumentReport) -> RenderableType:
    """What a reader can take away, and below it each run's halts."""
    text = Text(f"{report.symbol}: ", "bold")
    text.append(verdict_words(report), EFFECT_STYLES[report.comparison.effect])
    for sentence in halt_sentences(report):
        text.append(f"\n  {sentence}", "yellow")
    return text


def goal_strips(report: InstrumentReport) -> RenderableType:
    """All periods as marks, a line a year: ● reached, · missed, ? still open."""
    title = Text(f"{report.symbol}: {goal_words(report)}", "bold")
    legend = Text("● reached  · missed  ? open", "dim")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Year", no_wrap=True)
    runs = (report.policy_run, report.constant_run)
    for run in runs:
        table.add_column(run_name(run), overflow="fold")
        table.add_column("reached", justify="right", no_wrap=True)
    years = [dict(_by_year(run)) for run in runs]
    for year in sorted(set(years[0]) | set(years[1])):
        cells: list[RenderableType] = []
        for of_year in years:
            periods = of_year.get(year, [])
            outcomes = [item.outcome for item in periods]
            ended = len(outcomes) - outcomes.count(PeriodOutcome.OPEN)
            reached = outcomes.count(PeriodOutcome.REACHED)
            cells += [_marks(periods, report.goal_type), f"{reached}/{ended}"]
        table.add_row(str(year), *cells)
    return Group(title, legend, table)


def period_table(report: InstrumentReport, *, last: int | None = None) -> Table:
    """The policy's goals one by one, the baseline's progress next to each."""
    word = period_word(report.goal_type)
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        collapse_padding=True,
        title_justify="left",
    )
    pairs = list(_paired(report))
    shown = pairs if last is None else pairs[-last:]
    some = f"the last {len(shown)} of" if len(shown) < len(pairs) else "all"
    table.title = f"{report.symbol}: {some} {len(pairs)} {word}s"
    table.caption = (
        f"Trades: closed in the {word}. Factor, strategies: decided in it. "
        "At 1.0: the baseline's progress."
    )
    table.caption_justify = "left"
    for heading in (word.capitalize(), "Goal", "Outcome", "At end", "At 1.0", "Trades"):
        is_text = heading in (word.capitalize(), "Outcome")
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=True)
    table.add_column("Factor", no_wrap=True)
    table.add_column("Strategies", min_width=14, overflow="fold")
    for period, baseline in shown:
        table.add_row(*_period_cells(report, period, baseline))
    return table


def _period_cells(
    report: InstrumentReport, period: PeriodSummary, baseline: PeriodSummary | None
) -> list[RenderableType]:
    return [
        period_name(period, report.goal_type),
        plain_number(period.target_value),
        Text(period.outcome.value, MARKS[period.outcome][1]),
        percent(period.progress_pct, places=0),
        NOTHING if baseline is None else percent(baseline.progress_pct, places=0),
        str(period.trades),
        factor_range(period),
        ", ".join(period.strategies) or NOTHING,
    ]


def _run_cells(run: RunSummary, *, wide: bool) -> list[str]:
    cells = [
        run_name(run),
        percent(run.return_pct, signed=True),
        percent(run.max_drawdown_pct),
        f"{run.periods_reached}/{run.periods_ended}",
        str(run.trades),
        percent(run.win_rate_pct, places=0),
        figure(run.mean_factor, places=2),
    ]
    if wide:
        cells += [halt_figures(run), figure(run.fees), figure(run.final_equity)]
    return cells


def _hold_cells(hold: BuyAndHold, *, wide: bool) -> list[str]:
    cells = [
        "buy, hold",
        percent(hold.return_pct, signed=True),
        percent(hold.max_drawdown_pct),
        *[NOTHING] * 4,
    ]
    if wide:
        cells += [NOTHING, NOTHING, figure(hold.final_equity)]
    return cells


def _difference_cells(report: InstrumentReport, *, wide: bool) -> list[Text]:
    """What the policy added or took, in points."""
    policy, constant = report.policy_run, report.constant_run
    comparison = report.comparison
    reached = policy.periods_reached - constant.periods_reached
    cells = [
        "difference",
        figure(comparison.return_points, signed=True, places=1),
        figure(comparison.drawdown_points, signed=True, places=1),
        figure(Decimal(reached), signed=True),
        figure(Decimal(policy.trades - constant.trades), signed=True),
        "",
        "",
    ]
    if wide:
        cells += [
            figure(Decimal(policy.days_halted - constant.days_halted), signed=True),
            figure(policy.fees - constant.fees, signed=True),
            figure(policy.final_equity - constant.final_equity, signed=True),
        ]
    return [Text(cell, EFFECT_STYLES[comparison.effect]) for cell in cells]


def _by_year(run: RunSummary) -> Iterator[tuple[int, list[PeriodSummary]]]:
    for year, periods in groupby(run.periods, key=lambda item: item.start_date.year):
        yield year, list(periods)


def _marks(periods: list[PeriodSummary], goal_type: GoalType) -> Text:
    """One mark a period, the first one under its place in the year."""
    text = Text()
    if periods:
        text.append(" " * place_in_year(goal_type, periods[0].start_date))
    for period in periods:
        text.append(*MARKS[period.outcome])
    return text


def _paired(
    report: InstrumentReport,
) -> Iterator[tuple[PeriodSummary, PeriodSummary | None]]:
    baselines = {item.start_date: item for item in report.constant_run.periods}
    for period in report.policy_run.periods:
        yield period, baselines.get(period.start_date)
