"""The replay's summary on the terminal: one screen, the worst first."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from trades.replay.halts import HaltSpan
from trades.replay.report import BuyAndHold, InstrumentReport, ReplayReport
from trades.replay.summary import print_summary
from trades.tests.replay.test_replay_report import instrument, make_run  # noqa: F401


def printed(*instruments: InstrumentReport, terminal: bool = False) -> list[str]:
    file = StringIO()
    print_summary(
        Console(
            file=file,
            width=80,
            force_terminal=terminal,
            color_system="standard" if terminal else "auto",
        ),
        ReplayReport(instruments),
    )
    return file.getvalue().splitlines()


def versus(
    report: InstrumentReport, symbol: str, own: str, baseline: str = "10"
) -> InstrumentReport:
    """Returns of the policy and of factor 1.0, all else the same."""
    return replace(
        report,
        symbol=symbol,
        policy_run=make_run(returned=own),
        constant_run=make_run(returned=baseline),
    )


def rows(lines: list[str]) -> list[str]:
    start = next(number for number, line in enumerate(lines) if line.startswith("──"))
    end = next(number for number, line in enumerate(lines) if line[:5] == "Worst")
    return lines[start + 1 : end]


def test_the_worst_comes_first(instrument: InstrumentReport) -> None:  # noqa: F811
    lines = printed(
        versus(instrument, "GAIN", "12"),
        versus(instrument, "SAME", "10"),
        versus(instrument, "LOSS", "8"),
        versus(instrument, "WORST", "-50"),
    )

    assert [row.split()[:3] for row in rows(lines)] == [
        ["WORST", "worse", "-50.0"],
        ["LOSS", "worse", "+8.0"],
        ["SAME", "same", "+10.0"],
        ["GAIN", "better", "+12.0"],
    ]


@pytest.mark.parametrize("name", ["AAPL", "BINANCE_BTCUSDT_1h_"])
@pytest.mark.parametrize("count", [1, 4, 30])
def test_it_fits_one_screen(
    instrument: InstrumentReport,  # noqa: F811
    count: int,
    name: str,
) -> None:
    """With the blank line and the address of the page that follow it."""
    halt = HaltSpan(instrument.first_at + timedelta(days=3), None)
    run = replace(make_run(), halts=(halt,), halted_at=halt.began, days_halted=1500)
    names = [f"{name}{number}" for number in range(count)]
    lines = printed(*(replace(instrument, symbol=one, policy_run=run) for one in names))

    assert len(lines) + 2 <= 22
    assert max(map(len, lines)) <= 80
    figures = [line for line in rows(lines) if "1 (1,500 d)" in line]
    more = count - len(figures)
    assert figures
    assert (f"And {more} more, in the page." in lines) == (more > 0)


def test_runs_that_end_halted_are_named_before_the_figures(
    instrument: InstrumentReport,  # noqa: F811
) -> None:
    run = replace(instrument.constant_run, halted_at=instrument.first_at)
    named = replace(instrument, symbol="ACME", constant_run=run)

    assert printed(named)[1] == "Ends halted, and traded no more: ACME (factor 1.0)."


@pytest.mark.parametrize(
    ("returned", "shown"),
    [
        ("-999.9", "-999.9"),
        ("-1234.4", "-1,234"),
        ("9999.9", "+10k"),
        ("-999499", "-999k"),
        ("1234567.8", "+1M"),
        ("-9e24", "-9e+24"),
    ],
)
def test_no_figure_of_a_long_name_is_cut(
    instrument: InstrumentReport,  # noqa: F811
    returned: str,
    shown: str,
) -> None:
    run = replace(
        instrument.policy_run,
        return_pct=Decimal(returned),
        max_drawdown_pct=Decimal(100),
        periods_reached=115,
        periods_ended=160,
        halts=(HaltSpan(instrument.first_at, None),) * 12,
        days_halted=1500,
    )
    baseline = replace(instrument.constant_run, return_pct=Decimal(returned))
    hold = BuyAndHold(Decimal(returned), Decimal(100), Decimal(0), ())
    lines = printed(
        replace(
            instrument,
            symbol="BINANCE_BTCUSDT_1h_2024",
            policy_run=run,
            constant_run=baseline,
            hold=hold,
        )
    )
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert text.count(shown) == 3

    assert "Prices" in text
    assert "…" not in text
    assert all(figure in text for figure in (shown, "100.0", "115/160", "(1,500 d)"))


def test_colours_are_for_terminals_alone(instrument: InstrumentReport) -> None:  # noqa: F811
    assert "\x1b" not in "\n".join(printed(instrument))
    assert "\x1b" in "\n".join(printed(instrument, terminal=True))
