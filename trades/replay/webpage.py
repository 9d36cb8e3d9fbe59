"""The report as one HTML file: no script, nothing loaded from elsewhere.

`write_page` draws with matplotlib, which is imported only when it is called.
"""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from goals.enums import HaltCause
from trades.replay.report import (
    BuyAndHold,
    InstrumentReport,
    PeriodSummary,
    ReplayReport,
    RunSummary,
)
from trades.replay.wording import (
    LIMITS,
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
    reached_words,
    run_name,
    title_of,
    verdict_words,
)

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --page: #ffffff; --soft: #57606a;
  --line: #d0d7de; --grid: #e1e5ea; --policy: #0b62c4; --constant: #8a929b;
  --hold: #b3812d;
  --reached: #1a8f4c; --missed: #e3b5ae; --open: #d9c27a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --page: #14171b;
  --soft: #9aa4af; --line: #363c44; --grid: #2a2f36; --policy: #5aa9ff;
  --constant: #7f8994; --hold: #d9a94e; --reached: #3fb96f; --missed: #6e3a35;
  --open: #7d6b2c; } }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: var(--ink);
  background: var(--page); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { margin: 2.5rem 0 .2rem; }
p { margin: .4rem 0; } .soft { color: var(--soft); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; margin: 1rem 0; }
th, td { padding: .25rem .5rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; } .text { text-align: left; }
tr.baseline td { color: var(--soft); }
svg { width: 100%; height: auto; color: var(--soft); }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
  margin: 0 .3em 0 1em; } .key:first-child { margin-left: 0; }
.verdict { border-left: 4px solid var(--line); padding: .3rem .8rem; }
.helped { border-color: var(--reached); } .hurt { border-color: #c4443a; }
.mixed { border-color: #c99a1c; }
summary { cursor: pointer; color: var(--soft); }
@media (max-width: 62rem) { thead { display: none; } table, tbody { display: block; }
  tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr));
    gap: 0 1rem; padding: .4rem 0; border-bottom: 1px solid var(--line); }
  td, td.text { border: 0; padding: 0; text-align: left; white-space: normal; }
  td:empty { display: none; }
  td::before { content: attr(data-name) " "; color: var(--soft); } }
""".strip()
KEYS = (
    ("reached", "goal reached"),
    ("missed", "goal missed"),
    ("open", "still open"),
)
TEXT_COLUMNS = frozenset({"Prices", "Run", "Period", "Outcome", "Factor", "Strategies"})


def write_page(path: Path, report: ReplayReport) -> None:
    """Write the page, replacing a file that is there."""
    path.write_text(render_page(report), encoding="utf-8")


def render_page(report: ReplayReport) -> str:
    """The whole page as text."""
    sections = "\n".join(
        _section(instrument, f"chart{number}")
        for number, instrument in enumerate(report.instruments)
    )
    title = escape(title_of(report))
    notes = "\n".join(
        f'<p class="soft">{escape(note)}</p>' for note in notes_of(report)
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · MasterTrade</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<p class="soft">{escape(origin_of(report))}</p>
{_ends_halted(report)}
{_summary(report)}
{notes}
{sections}
</body>
</html>
"""


def _ends_halted(report: ReplayReport) -> str:
    return "\n".join(
        f'<p class="verdict hurt"><strong>{escape(item.symbol)}</strong>: '
        f"{escape(words)}</p>"
        for item in report.instruments
        for words in lasting_halts(item)
    )


def _summary(report: ReplayReport) -> str:
    heads = ["Prices", "Run", "Return", "Max drawdown", "Reached", "Trades"]
    heads += ["Win rate", "Factor", "Halted", "Fees", "Equity"]
    rows: list[tuple[str, list[str]]] = []
    for instrument in report.instruments:
        runs = (instrument.policy_run, instrument.constant_run)
        for run, name, style in zip(
            runs, (instrument.symbol, ""), ("", "baseline"), strict=True
        ):
            rows.append((style, [name, *_run_cells(run)]))
        if instrument.hold is not None:
            rows.append(("baseline", ["", *_hold_cells(instrument.hold)]))
    return _table(heads, rows)


def _run_cells(run: RunSummary) -> list[str]:
    return [
        run_name(run),
        percent(run.return_pct, signed=True),
        percent(run.max_drawdown_pct),
        reached_words(run),
        str(run.trades),
        percent(run.win_rate_pct, places=0),
        figure(run.mean_factor, places=2),
        halt_figures(run),
        figure(run.fees),
        figure(run.final_equity),
    ]


def _hold_cells(hold: BuyAndHold) -> list[str]:
    figures = [percent(hold.return_pct, signed=True), percent(hold.max_drawdown_pct)]
    return ["buy and hold", *figures, *[NOTHING] * 6, figure(hold.final_equity)]


def _section(report: InstrumentReport, prefix: str) -> str:
    # Here, so that nothing but writing a page loads matplotlib.
    from trades.replay.charts import draw_chart

    symbol = escape(report.symbol)
    lines: tuple[tuple[str, str], ...] = (
        ("policy", run_name(report.policy_run)),
        ("constant", run_name(report.constant_run)),
    )
    if report.hold is not None:
        lines = (*lines, ("hold", "buy and hold"))
    keys = "".join(
        f'<span class="key" style="background: var(--{colour})"></span>{escape(name)}'
        for colour, name in (*lines, *KEYS)
    )
    return f"""<section>
<h2>{symbol}</h2>
<p class="soft">{escape(goal_words(report))}; {report.bars:,} bars from
{report.first_at:%Y-%m-%d} to {report.last_at:%Y-%m-%d}</p>
<p class="verdict {report.comparison.effect}">{escape(verdict_words(report))}</p>
{_halt_lines(report)}
{_halts(report)}
<figure role="img" aria-label="Equity, factors and goals of {symbol}"
style="margin: 1rem 0">{draw_chart(report, prefix)}</figure>
<p class="soft">{keys}{_scale(report)}</p>
{_periods(report)}
</section>"""


def _scale(report: InstrumentReport) -> str:
    from trades.replay.charts import is_logarithmic

    if not is_logarithmic(report):
        return ""
    return ". Equity on a logarithmic scale: equal distances are equal percentages."


def _halt_lines(report: InstrumentReport) -> str:
    return "\n".join(
        f'<p class="soft">{escape(words)}</p>' for words in halt_sentences(report)
    )


def _halts(report: InstrumentReport) -> str:
    """Every halt of both runs: when it began, when somebody resumed, its days."""
    rows = [
        (
            "",
            [
                run_name(run),
                LIMITS[halt.cause or HaltCause.HARD_DRAWDOWN].capitalize(),
                f"{halt.began:%Y-%m-%d}",
                "not resumed" if halt.ended is None else f"{halt.ended:%Y-%m-%d}",
                str(halt.days(report.last_at)),
            ],
        )
        for run in (report.policy_run, report.constant_run)
        for halt in run.halts
    ]
    if not rows:
        return ""
    table = _table(["Run", "By its", "Halted", "Resumed by hand", "Days"], rows)
    return f"<details><summary>Every halt</summary>{table}</details>"


def _periods(report: InstrumentReport) -> str:
    baselines = {item.start_date: item for item in report.constant_run.periods}
    heads = ["Period", "Goal", "Outcome", "Progress at end", "Baseline at end"]
    heads += ["Trades", "Factor", "Strategies"]
    rows = [
        ("", _period_cells(report, period, baselines.get(period.start_date)))
        for period in report.policy_run.periods
    ]
    word = period_word(report.goal_type)
    return f"""<details><summary>Every {word}</summary>
<p class="soft">Trades are those closed in the {word}; factor and strategies are what
was decided in it.</p>
{_table(heads, rows)}</details>"""


def _period_cells(
    report: InstrumentReport, period: PeriodSummary, baseline: PeriodSummary | None
) -> list[str]:
    return [
        period_name(period, report.goal_type),
        plain_number(period.target_value),
        period.outcome.value,
        percent(period.progress_pct, places=0),
        NOTHING if baseline is None else percent(baseline.progress_pct, places=0),
        str(period.trades),
        factor_range(period),
        ", ".join(period.strategies) or NOTHING,
    ]


def _table(heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    styles = ['class="text"' if head in TEXT_COLUMNS else "" for head in heads]
    head = "".join(
        f'<th scope="col" {style}>{escape(name)}</th>'
        for style, name in zip(styles, heads, strict=True)
    )
    body = "\n".join(
        f'<tr class="{row_style}">'
        + "".join(
            f'<td {style} data-name="{escape(name)}">{escape(cell)}</td>'
            for style, name, cell in zip(styles, heads, cells, strict=True)
        )
        + "</tr>"
        for row_style, cells in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )
