"""A report as a file: what it says and in which order, and that it stands alone."""

import re
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.template.loader import get_template
from django.utils.html import strip_tags

from goals.decisions.policies import PolicyName
from trades.replay.charts import SIZES, draw_chart
from trades.replay.halts import HaltSpan
from trades.replay.report import (
    BuyAndHold,
    CurvePoint,
    InstrumentReport,
    ReplayReport,
)
from trades.services.replay_reports import render_file
from trades.tests.replay.test_replay_report import instrument, make_run  # noqa: F401

MADE = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def answer(instrument: InstrumentReport) -> InstrumentReport:  # noqa: F811
    """Runs of known figures; the policy's was halted and resumed."""
    began = instrument.first_at + timedelta(days=30)
    halts = (HaltSpan(began, began + timedelta(days=30)),)
    return replace(
        instrument,
        policy_run=replace(
            instrument.policy_run,
            return_pct=Decimal(12),
            max_drawdown_pct=Decimal(34),
            halts=halts,
            days_halted=30,
        ),
        constant_run=replace(
            instrument.constant_run,
            policy=PolicyName.CONSTANT,
            return_pct=Decimal(10),
            max_drawdown_pct=Decimal(20),
        ),
    )


def whole(*instruments: InstrumentReport) -> ReplayReport:
    return ReplayReport(instruments, MADE, "python manage.py replay --prices ACME")


@pytest.fixture(scope="module")
def page(answer: InstrumentReport) -> str:
    return render_file(whole(answer))


def shown(*instruments: InstrumentReport) -> str:
    """The text of the template's part with a chart of its own address."""
    part = get_template("site/parts/replay_report.html")
    context = {"report": whole(*instruments), "charts": "/chart/", "most": None}
    return words(f"<body>{part.render(context)}")


def words(page: str) -> str:
    body = page.partition("<body>")[2].replace("<", " <")
    return " ".join(strip_tags(body).replace("\u00a0", " ").split())


def test_it_says_what_was_replayed_when_and_how(page: str) -> None:
    text = words(page)

    assert "5 % return per month, ladder" in text
    assert "Made 2 Mar 2026 12:30 UTC by: python manage.py replay --prices ACM" in text
    assert "Factor 1.0 is the baseline: the same strategies" in text
    assert "One run says little; in this one ladder" in text


def test_simulated_is_said_before_any_figure(page: str) -> None:
    text = words(page)

    assert text.index("Simulated.") < text.index("Max drawdown")


def test_what_went_against_it_comes_first(page: str) -> None:
    text = words(page)

    assert text.index("Max drawdown") < text.index("Halted") < text.index("Return")
    assert text.index("Worse: max drawdown 34.0 % (20.0 %)") < text.index("Better: ")


def test_the_worst_prices_come_first(answer: InstrumentReport) -> None:
    gained = replace(answer, symbol="GAINED")
    lost = replace(
        answer,
        symbol="LOST",
        policy_run=replace(answer.policy_run, return_pct=Decimal(-40)),
    )
    text = shown(gained, lost)

    assert text.index("LOST", text.index("The runs")) < text.index(
        "GAINED", text.index("The runs")
    )


def test_a_run_that_ends_halted_says_so_before_any_figure(
    answer: InstrumentReport,
) -> None:
    began = answer.last_at - timedelta(days=100)
    halted = replace(answer.policy_run, halted_at=began, halts=(HaltSpan(began, None),))
    text = shown(replace(answer, policy_run=halted))
    said = f"Ladder ends halted: nothing was traded from {began:%-d %b %Y} to the end"

    assert text.index(said) < text.index("Max drawdown")


def test_it_claims_neither_that_the_policy_helped_nor_that_trades_are_the_same(
    page: str,
) -> None:
    text = words(page)

    for claim in ("helped", " hurt ", "hurt.", "same trades", "same run"):
        assert claim not in text


def test_buy_and_hold_is_shown_where_it_is_known(answer: InstrumentReport) -> None:
    held = BuyAndHold(
        Decimal("118.9"), Decimal("60.8"), Decimal(21890), answer.policy_run.equity
    )
    text = shown(replace(answer, hold=held))

    assert "buy and hold 60.8 % +118.9 % 21,890.00" in text
    assert "without a goal or a limit" in text
    assert "buy and hold" not in shown(answer)


def test_every_halt_and_every_period_has_a_line(
    answer: InstrumentReport, page: str
) -> None:
    (halt,) = answer.policy_run.halts
    text = words(page)

    assert (
        f"ladder hard drawdown {halt.began:%-d %b %Y} {halt.ended:%-d %b %Y} 30" in text
    )
    names = re.findall(r'<th role="rowheader" scope="row" class="nowrap">([^<]+)', page)
    months = [f"{one.start_date:%b %Y}" for one in answer.policy_run.periods]
    assert names == months[::-1]


def test_a_logarithmic_axis_is_named_so(answer: InstrumentReport) -> None:
    def text(factor: int) -> str:
        curve = tuple(
            CurvePoint(point.at, point.equity * (factor if index else 1))
            for index, point in enumerate(answer.policy_run.equity)
        )
        run = replace(answer.policy_run, equity=curve)
        return shown(replace(answer, policy_run=run))

    assert "on a logarithmic scale" in text(10)
    assert "logarithmic" not in text(1)


def test_nothing_is_loaded_and_nothing_runs(page: str) -> None:
    loaded = re.findall(r'(?:src|srcset|href)="([^"]{0,20})', page)

    assert len(loaded) == len(SIZES)
    assert {one[:19] for one in loaded} == {"data:image/svg+xml;"}
    assert not re.search(r"https?:|<script|<link|@import|<iframe|style=", page)


def test_names_are_escaped(page: str) -> None:
    assert "ACME &amp; &lt;Co&gt;" in page
    assert "<Co>" not in page


def test_every_cell_names_its_column_for_narrow_screens(page: str) -> None:
    cells = re.findall(r"<td [^>]*>[^<]", page)

    assert cells
    assert all("data-label=" in cell for cell in cells)


def test_the_same_report_gives_the_same_file(
    answer: InstrumentReport, page: str
) -> None:
    assert render_file(whole(answer)) == page


def test_the_drawing_has_the_colours_of_both_schemes_and_its_text_as_text(
    page: str,
) -> None:
    address = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)[0]
    svg = b64decode(address).decode()

    assert "@media(prefers-color-scheme:dark)" in svg
    body = svg.partition("</style>")[2]
    assert {"policy", "constant", "ink"} <= set(re.findall(r"var\(--(\w+)\)", body))
    assert not re.search("#0[1-8]0[1-8]0[1-8]", body)
    assert re.search(r"<text[^>]*>equity</text>", body)


@pytest.mark.parametrize("size", SIZES)
def test_every_size_is_drawn_to_its_width(answer: InstrumentReport, size: str) -> None:
    width, height = SIZES[size]

    assert f'width="{width}" height="{height}"'.encode() in draw_chart(answer, size)


def test_a_run_without_a_trade_is_drawn(answer: InstrumentReport) -> None:
    idle = replace(make_run(), policy=PolicyName.CONSTANT)

    assert b"<svg" in draw_chart(replace(answer, constant_run=idle), "narrow")
