"""`manage.py compare_policies`: what it prints, writes and refuses."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from goals.projection.edge import estimate_edge
from goals.tests.factories import PortfolioFactory
from trades.sizing_calls.records import load_growths
from trades.tests.factories import import_profits

DAY_ONE = datetime(2026, 3, 2, 9, tzinfo=UTC)
PAGE = Path(__file__).resolve().parents[3] / "docs" / "policies.md"


def run(*arguments):
    out = StringIO()
    call_command("compare_policies", *arguments, stdout=out)
    return out.getvalue()


def test_json_has_every_policy_with_and_without_the_guard():
    (answer,) = json.loads(run("--case", "no-edge", "--paths", "200", "--json"))
    assert answer["trades"] == 40
    assert answer["goal_return"] == 0.05
    assert [(one["policy"], one["guarded"]) for one in answer["results"]] == [
        (name, guarded)
        for name in ("constant", "ladder", "pace", "deadline_optimal")
        for guarded in (False, True)
    ]


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_table_fits_the_terminal(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    run("--case", "negative-edge", "--paths", "2000")
    shown = capsys.readouterr().out
    assert "deadline_optimal" in shown
    assert "…  " not in shown
    assert all(len(line) <= int(columns) for line in shown.splitlines())
    assert "P(reach) and loses money" in " ".join(shown.split())


@pytest.mark.parametrize("ending", ["svg", "png"])
@pytest.mark.slow
def test_the_plot_is_written_and_is_the_same_twice(ending, tmp_path):
    files = [tmp_path / f"{name}.{ending}" for name in ("one", "two")]
    for file in files:
        run("--case", "no-edge", "--paths", "100", "--markdown", "--plot", str(file))
    first, second = (file.read_bytes() for file in files)
    assert first == second
    assert first.startswith(b"<?xml" if ending == "svg" else b"\x89PNG")


def test_outcomes_of_ones_own():
    asked = ("--outcomes=-1,2", "--probabilities", "0.6,0.4", "--risk", "1")
    (answer,) = json.loads(run(*asked, "--paths", "100", "--json"))
    assert answer["outcomes"] == [-1, 2]
    assert answer["mean_growth"] == pytest.approx(0.002)
    assert answer["speaks_for_edge"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Give one of --user, --case and --outcomes."),
        (["--case", "luck"], "--case: Must be one of strong-edge"),
        (["--case", "no-edge", "--outcomes=1"], "Give one of"),
        (["--case", "no-edge", "--portfolio", "main"], "--portfolio: does not go"),
        (["--user", "ann", "--record", "3"], "--record: does not go with --user"),
        (["--outcomes=-1,2"], "--probabilities: is needed"),
        (["--outcomes=-1,x", "--probabilities", "1"], "--outcomes: -1,x is not a list"),
        (["--outcomes=-1,2", "--probabilities", "1,1"], "--probabilities: must be"),
        (["--outcomes=-1,2", "--probabilities", "1"], "--probabilities: are 1"),
        (["--case", "no-edge", "--risk", "0"], "--risk: must be"),
        (["--case", "no-edge", "--goal", "0"], "--goal: must be"),
        (["--case", "no-edge", "--goal", "nan"], "--goal: must be"),
        (["--case", "no-edge", "--stop", "100"], "--stop: must be"),
        (["--case", "no-edge", "--trades", "0"], "--trades: must be"),
        (["--case", "no-edge", "--trades", "20000"], "--trades: must be"),
        (["--case", "no-edge", "--paths", "0"], "--paths: must be"),
        (["--case", "no-edge", "--seed", "-1"], "--seed: must not"),
        (["--case", "no-edge", "--record", "-1"], "--record: must be"),
        (["--case", "no-edge", "--max-factor", "3"], "--max-factor: must be"),
        (["--case", "no-edge", "--plot", "plot.pdf"], "--plot: plot.pdf must end"),
        (["--case", "no-edge", "--plot", "/none/a.svg"], "--plot: there is no"),
    ],
)
def test_a_bad_option_is_one_line_that_names_it(arguments, words):
    with pytest.raises(CommandError) as refused:
        run(*arguments)
    assert str(refused.value).startswith(words)
    assert "\n" not in str(refused.value)


@pytest.mark.django_db
def test_an_unknown_user_is_refused():
    with pytest.raises(CommandError, match="There is no user nobody"):
        run("--user", "nobody")


@pytest.mark.django_db
def test_too_few_trades_say_nothing():
    portfolio = PortfolioFactory()
    with pytest.raises(CommandError, match="has 0 closed trades, 20 are needed"):
        run("--user", portfolio.user_id, "--portfolio", str(portfolio.pk))


@pytest.mark.django_db
@pytest.mark.parametrize(("profit", "proven"), [("30", True), ("5", False)])
@pytest.mark.slow
def test_a_users_own_trades_are_the_distribution_and_the_record(profit, proven):
    portfolio = PortfolioFactory(opening_balance=Decimal(100_000))
    profits = [Decimal(-10), Decimal(profit)] * 12
    times = [DAY_ONE + timedelta(days=day) for day in range(24)]
    import_profits(portfolio, zip(times, profits, strict=True))

    asked = ("--user", portfolio.user_id, "--portfolio", str(portfolio.pk))
    (answer,) = json.loads(run(*asked, "--paths", "50", "--json"))
    assert answer["record_trades"] == 24
    assert answer["base_risk"] == 1
    assert answer["speaks_for_edge"] is proven
    assert answer["mean_growth"] == pytest.approx(
        estimate_edge(load_growths(portfolio, timezone.now())).shrunk_mean
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--case", "modest-edge", "no-edge", "negative-edge"],
        ["--case", "bell-negative-edge", "--guard", "fixed"],
    ],
    ids=["cases", "bell"],
)
def test_the_pages_tables_are_what_its_commands_give(arguments):
    page = PAGE.read_text(encoding="utf-8")
    assert f"manage.py compare_policies {' '.join(arguments)}" in page
    assert run(*arguments, "--markdown").strip() in page
