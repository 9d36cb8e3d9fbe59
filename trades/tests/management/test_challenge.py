"""manage.py challenge: what it prints, what it rests on, and that it stores nothing."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from goals.models import Portfolio, User
from goals.projection.odds import Odds
from goals.projection.presets import PRESETS, Phase, find_preset
from trades.management.challenges import Evidence, PhaseOdds, conclude
from trades.management.challenges_plot import draw
from trades.models import Trade

SHORT = ["--days", "3", "--trades-per-day", "1"]
HEAD = "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time"


@pytest.fixture
def ask(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words):
        call_command("challenge", *words, stdout=StringIO())
        return capsys.readouterr().out

    return run


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_answered_in_80_columns(ask, preset):
    said = ask(preset, "--case", "2R/-1R, edge 0.08", *SHORT)
    assert max(len(line) for line in said.splitlines()) <= 80
    assert "The firm's page is authoritative" in said
    assert "lower bound" in said
    for name in ("constant 1", "constant 1.25", "ladder", "pace", "solved"):
        assert f"\n {name} " in said
    assert ("best-day rule" in said) is (preset == "topstep-combine-50k")
    assert ("All phases" in said) is (preset == "ftmo-2-step-100k")
    assert "Do not buy it" not in said


@pytest.mark.slow
def test_without_an_edge_it_says_so_and_no_factor_is_above_1(ask):
    said = ask("e8-one-100k", "--case", "2R/-1R, edge 0", *SHORT)
    assert "the edge guard stays" in " ".join(said.split())
    assert "constant 1.25" not in said


# What is concluded from rows that are known.


def concluded(mean=0.001, preset="e8-one-100k", passing=(0.5,), **money):
    """The sentences for phases that pass so often."""
    chosen = find_preset(preset)
    evidence = Evidence("a case", mean, None)
    phases = [
        PhaseOdds(
            phase, None, (Odds("solved", None, chance, 0.1, (1, 2, 3)),), None, None
        )
        for phase, chance in zip(chosen.phases, passing, strict=True)
    ]
    fee, payout = money.get("fee"), money.get("payout")
    return " ".join(conclude(chosen, evidence, phases, fee, payout))


def test_a_fee_is_weighed_against_what_a_passed_account_brings():
    assert "from a payout of 200.00 on" in concluded(fee=100.0)
    rich = concluded(fee=100.0, payout=250.0)
    assert "50.0 % of 250.00, less 100.00, is +25.00" in rich
    assert "your own estimate" in rich
    assert "It loses money" not in rich
    poor = concluded(fee=100.0, payout=150.0)
    assert "It loses money on average: do not buy it." in poor
    assert "from no payout on" in concluded(fee=100.0, passing=(0.0,))


def test_phases_are_passed_one_after_the_other():
    said = concluded(preset="ftmo-2-step-100k", passing=(0.5, 0.6), fee=30.0)
    assert "30.0 %" in said
    assert "a payout of 100.00" in said


@pytest.mark.parametrize(("mean", "warns"), [(0.001, False), (0.0, True), (-0.1, True)])
def test_without_an_edge_a_larger_probability_only_spends_money(mean, warns):
    said = concluded(mean=mean)
    assert ("only spends the firm's money" in said) is warns
    assert ("no factor above 1" in said) is warns
    assert "a lower bound" in said


def write(path, trades):
    """So many trades, one a day: two wins of 2 % to each loss of 1 %."""
    rows = [
        f"t{n},X,LONG,1,100,2020-01-{n + 1:02}T10:00:00Z,"
        f"{99 if n % 3 == 2 else 102},2020-01-{n + 1:02}T12:00:00Z"
        for n in range(trades)
    ]
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    return str(path)


@pytest.mark.slow
@pytest.mark.django_db
def test_a_file_s_trades_are_read_by_the_importers_and_not_stored(ask, tmp_path):
    before = [model.objects.count() for model in (User, Portfolio, Trade)]
    file = write(tmp_path / "trades.csv", 24)
    said = ask("e8-one-100k", "--trades", file, "--equity", "100", "--days", "3")
    words = " ".join(said.split())
    assert "24 closed trades of trades.csv, +" in words
    assert "3 trading days (the firm sets no limit) of 1 trade;" in words
    assert "lower and upper 80 % bound" in words
    assert [model.objects.count() for model in (User, Portfolio, Trade)] == before


@pytest.mark.django_db
def test_below_20_trades_there_is_no_figure(ask, tmp_path):
    file = write(tmp_path / "trades.csv", 19)
    with pytest.raises(CommandError, match="19 closed trades; below 20 there is no"):
        ask("e8-one-100k", "--trades", file)


@pytest.mark.django_db
def test_a_refused_row_is_named(ask, tmp_path):
    file = tmp_path / "trades.csv"
    file.write_text(f"{HEAD}\nt1,X,LONG,-1,100,2020-01-01T10:00:00Z,99,\n")
    with pytest.raises(CommandError, match="line 2"):
        ask("e8-one-100k", "--trades", str(file))


@pytest.mark.django_db
def test_a_file_of_another_format_is_blamed_on_its_own_option(ask):
    with pytest.raises(CommandError, match=r"^--trades: "):
        ask("e8-one-100k", "--trades", "docs/samples/MSFT-2012.csv")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--case", "hope"], "--case"),
        (["--case", "no-edge", "--payout", "5"], "--payout: needs --fee"),
        (["--case", "no-edge", "--equity", "5"], "--equity"),
        (["--case", "no-edge", "--phase", "2"], "--phase"),
        (["--case", "no-edge", "--days", "0"], "--days"),
        (["--case", "no-edge", "--trades-per-day", "1000"], "--trades-per-day"),
        (["--case", "no-edge", "--trades-per-day", "0"], "--trades-per-day"),
        (["--case", "no-edge", "--phase", "0"], "--phase"),
        (["--trades", "nowhere.csv", "--equity", "-5"], "--equity: must be above 0"),
        (["--trades", "nowhere.csv", "--equity", "0"], "--equity: must be above 0"),
        (["--case", "no-edge", "--risk", "0"], "--risk"),
        (["--case", "no-edge", "--plot", "plot.gif"], "--plot"),
        (["--trades", "nowhere.csv"], "--trades"),
        (["--trades", "docs"], "--trades: docs is a directory"),
        (["--case", "2R/1R, edge 0.08"], '--case: .*"2R/-1R, edge 0.08"'),
        (["--trades", "nowhere.csv", "--risk", "1"], "--risk"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_option(ask, words, named):
    with pytest.raises(CommandError, match=named):
        ask("e8-one-100k", *words)


def test_the_frontier_is_drawn_against_breaches_and_against_days(tmp_path):
    """What never passes has no days."""
    file = tmp_path / "frontier.svg"
    rows = (
        Odds("constant 1", 1.0, 0.0, 0.1, None),
        Odds("solved", None, 0.5, 0, (3, 7, 20)),
    )
    draw([PhaseOdds(Phase("One", Decimal(5)), None, rows, None, None)], file)
    drawn = file.read_text()
    assert "P(breach), %" in drawn
    assert "days by which half of the passes" in drawn
    assert (drawn.count(">solved<"), drawn.count(">1<")) == (2, 1)
