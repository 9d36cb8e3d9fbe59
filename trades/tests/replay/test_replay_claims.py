"""What a report may claim: when and how it was made, and how little one run says."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console

from goals.decisions.policies import PolicyName
from trades.replay.bars import PriceSeries
from trades.replay.halts import HaltSpan
from trades.replay.holding import hold
from trades.replay.options import Costs
from trades.replay.rendering import print_report
from trades.replay.report import BuyAndHold, CurvePoint, InstrumentReport, ReplayReport
from trades.replay.storing import report_from_dict, report_to_dict
from trades.replay.webpage import render_page
from trades.replay.wording import notes_of, outcome_words, title_of, verdict_words
from trades.tests.prices import DAY, make_bars
from trades.tests.replay.test_replay_report import (
    instrument,  # noqa: F401
    make_run,
)

MADE = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
LIMIT = Decimal(20)


@pytest.fixture
def answer(instrument: InstrumentReport) -> InstrumentReport:  # noqa: F811
    """A run that fell by 34 % under a limit of 20, and was resumed."""
    began = instrument.first_at + timedelta(days=30)
    halts = (HaltSpan(began, began + timedelta(days=30)),)
    return replace(
        instrument,
        symbol="ACME",
        policy_run=replace(make_run(fall="34"), halts=halts, days_halted=30),
        constant_run=replace(make_run(), policy=PolicyName.CONSTANT),
        hard_drawdown_pct=LIMIT,
    )


def whole(*instruments: InstrumentReport) -> ReplayReport:
    return ReplayReport(instruments, MADE, "python manage.py replay --prices ACME")


def shown(report: ReplayReport) -> dict[str, str]:
    """The terminal's text and the page's, with plain spaces."""
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    print_report(console, report)
    texts = {"terminal": console.export_text(), "page": render_page(report)}
    return {
        name: " ".join(text.replace("\u00a0", " ").split())
        for name, text in texts.items()
    }


def test_terminal_and_page_say_what_was_replayed_when_and_how(
    instrument: InstrumentReport,  # noqa: F811
) -> None:
    named = replace(instrument, symbol="ACME")

    for text in shown(whole(named)).values():
        assert "Replay of ACME, 2020 to 2021: 5 % return per month, ladder" in text
        assert "2026-03-02 12:30 UTC by: python manage.py replay --prices ACME" in text
        assert "Factor 1.0 is the baseline: the same strategies" in text
        assert "One run says little; in this one ladder" in text


def test_several_prices_share_one_title(
    instrument: InstrumentReport,  # noqa: F811
) -> None:
    three = [replace(instrument, symbol=name) for name in ("A", "B", "C")]

    assert title_of(whole(*three)).startswith("Replay of A, B and C, 2020 to 2021: ")


def test_no_report_says_that_the_policy_helped_or_that_the_trades_are_the_same(
    answer: InstrumentReport,
) -> None:
    for text in shown(whole(answer)).values():
        for claim in ("helped", " hurt ", "hurt.", "same trades", "same run"):
            assert claim not in re.sub(r"<style>.*?</style>|class=\"[^\"]*\"", "", text)


def test_a_run_that_ends_halted_says_so_before_any_figure(
    answer: InstrumentReport,
) -> None:
    began = answer.last_at - timedelta(days=100)
    halted = replace(make_run(), halted_at=began, halts=(HaltSpan(began, None),))
    report = replace(answer, policy_run=halted)
    words = f"Ladder ends halted: nothing was traded from {began:%Y-%m-%d} to the end"

    assert outcome_words(report).startswith(words)
    assert words not in verdict_words(report)
    for text in shown(whole(report)).values():
        assert words in text
        assert text.index(words) < text.index("Return")


def test_a_fall_beyond_the_limit_is_explained(answer: InstrumentReport) -> None:
    explained = " ".join(notes_of(whole(answer))).replace("\u00a0", " ")

    assert "A drawdown of 34.0 % (ACME, ladder) under a hard limit of 20 %" in explained
    assert "checked when a trade closes" in explained
    assert "two of 20 % make 36 %" in explained
    never = replace(answer, policy_run=make_run(fall="34"))
    assert "resumed" not in " ".join(notes_of(whole(never)))
    within = replace(answer, policy_run=make_run(fall="19"))
    assert "A drawdown of" not in " ".join(notes_of(whole(within)))


def test_buying_and_holding_pays_the_costs_of_a_trade_and_falls_with_the_price() -> (
    None
):
    closes = [Decimal(price) for price in (100, 120, 60, 150)]
    series = PriceSeries("ACME", tuple(make_bars(closes)), DAY)

    free = hold(series, Decimal(1000), Costs(Decimal(0), Decimal(0)))
    assert (free.return_pct, free.max_drawdown_pct) == (50, 50)
    assert [point.equity for point in free.equity] == [1000, 1200, 600, 1500]
    costly = hold(series, Decimal(1000), Costs(Decimal(100), Decimal(0)))
    # 1000 buys 1000 / 101 pieces of 100; the sale at 150 costs 1 % again.
    assert costly.final_equity == Decimal("1470.29702970")


def test_the_report_shows_buy_and_hold(answer: InstrumentReport) -> None:
    held = BuyAndHold(
        Decimal("118.9"), Decimal("60.8"), Decimal(21890), answer.policy_run.equity
    )

    texts = shown(whole(replace(answer, hold=held)))
    assert "buy, hold +118.9 % 60.8 %" in texts["terminal"]
    assert "buy and hold" in texts["page"]
    assert "var(--hold)" in texts["page"]
    for text in texts.values():
        assert "without a goal or a limit" in text
    assert "buy and hold" not in shown(whole(answer))["page"]


def test_a_logarithmic_axis_is_named_so(
    instrument: InstrumentReport,  # noqa: F811
) -> None:
    def text(factor: int) -> str:
        curve = tuple(
            CurvePoint(point.at, point.equity * (factor if index else 1))
            for index, point in enumerate(instrument.policy_run.equity)
        )
        run = replace(instrument.policy_run, equity=curve)
        return shown(whole(replace(instrument, policy_run=run)))["page"]

    assert "log scale" in text(10)
    assert "on a logarithmic scale" in text(10)
    assert "log" not in text(1).split("<body>")[1].replace("</p>", "").split("<svg")[0]
    assert "log scale" not in text(1)


def test_a_report_of_before_is_read_without_what_it_did_not_know(
    answer: InstrumentReport,
) -> None:
    stored = report_to_dict(whole(answer))
    for name in ("made_at", "command"):
        del stored[name]
    for name in ("hold", "hard_drawdown_pct"):
        del stored["instruments"][0][name]

    read = report_from_dict(stored)
    assert read == ReplayReport((replace(answer, hard_drawdown_pct=None),))
    assert "Made" not in shown(read)["terminal"]
