"""What a report may claim: what was replayed, and how little one run says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from goals.decisions.policies import PolicyName
from trades.replay.bars import PriceSeries
from trades.replay.halts import HaltSpan
from trades.replay.holding import hold
from trades.replay.options import Costs
from trades.replay.report import InstrumentReport, ReplayReport
from trades.replay.storing import report_from_dict, report_to_dict
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


def test_several_prices_share_one_title(
    instrument: InstrumentReport,  # noqa: F811
) -> None:
    three = [replace(instrument, symbol=name) for name in ("A", "B", "C")]

    assert title_of(whole(*three)) == (
        "Replay of A, B and C, 2020 to 2021: 5 % return per month, ladder"
    )


def test_a_run_that_ends_halted_says_so_first(answer: InstrumentReport) -> None:
    began = answer.last_at - timedelta(days=100)
    halted = replace(make_run(), halted_at=began, halts=(HaltSpan(began, None),))
    report = replace(answer, policy_run=halted)
    words = f"Ladder ends halted: nothing was traded from {began:%Y-%m-%d} to the end"

    assert outcome_words(report).startswith(words)
    assert words not in verdict_words(report)


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
