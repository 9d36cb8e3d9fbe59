"""The commands `replay`, `demo` and `show_login`."""

import os
import signal
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Count

from goals.models import Portfolio, User
from trades.management.commands import demo
from trades.models import ReplayRun
from trades.replay.reading import load_prices
from trades.services import replay as replay_service
from trades.services.replay import read_report
from trades.tests.demo_prices import shorten_demo
from trades.tests.prices import wander, write_csv

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def var(settings: Any, tmp_path: Path) -> Path:
    """Reports and passwords go where the test can see them."""
    settings.VAR_DIR = tmp_path / "var"
    return tmp_path / "var"


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "prices.csv", wander(150, symbol="prices"))


def call(*words: str) -> None:
    call_command(*words, stdout=StringIO())


@pytest.mark.slow
def test_a_price_file_is_replayed_and_reported(
    prices: Path, var: Path, capsys: pytest.CaptureFixture[str]
):
    call("replay", "--prices", str(prices), "--goal", "monthly_return:5")

    finished = ReplayRun.objects.get()
    assert finished.symbol == "prices"
    assert (var / "reports" / f"replay-{finished.pk}.html").exists()
    printed = capsys.readouterr().out
    assert "factor 1.0" in printed
    assert "5 % return per month" in printed


@pytest.mark.slow
def test_recorded_prices_are_known_by_name(capsys: pytest.CaptureFixture[str]):
    call("replay", "--prices", "MSFT", "--from", "2010-01-01", "--to", "2010-06-30")

    printed = capsys.readouterr().out
    assert "MSFT" in printed
    assert ReplayRun.objects.get().policy_portfolio.goals.count() == 6


@pytest.mark.parametrize(
    ("column", "text", "message"),
    [
        (4, "-1", "line 31, column Close"),
        (4, "NaN", "line 31, column Close"),
        (0, "2020-01-29", "line 31"),
        (0, "2019-01-29", "line 31"),
        (2, "", "line 31, column High"),
    ],
)
def test_a_faulty_line_is_named_and_nothing_is_left(
    prices: Path, column: int, text: str, message: str
):
    lines = prices.read_text().splitlines()
    cells = lines[30].split(",")
    cells[column] = text
    lines[30] = ",".join(cells)
    prices.write_text("\n".join(lines))

    with pytest.raises(CommandError, match=message):
        call("replay", "--prices", str(prices))

    assert not ReplayRun.objects.exists()


def test_a_missing_column_is_named(prices: Path):
    prices.write_text(prices.read_text().replace("Close", "Last", 1))
    with pytest.raises(CommandError, match=r"line 1.*[Cc]lose"):
        call("replay", "--prices", str(prices))


@pytest.mark.parametrize("days", ["0", "-3", "3651"])
def test_days_that_make_no_sense_are_refused_by_name(prices: Path, days: str):
    with pytest.raises(CommandError, match="resume_after_days must be from 1 to 3650"):
        call("replay", "--prices", str(prices), "--resume-after-days", days)
    assert not ReplayRun.objects.exists()


def test_days_that_are_no_number_are_refused_by_name(prices: Path):
    with pytest.raises(CommandError, match="--resume-after-days"):
        call("replay", "--prices", str(prices), "--resume-after-days", "soon")


def test_an_unknown_name_lists_the_names():
    with pytest.raises(CommandError, match="AAPL, GOOG, IBM, MSFT, FB"):
        call("replay", "--prices", "TSLA")


@pytest.mark.parametrize(
    "goal", ["monthly_return", "hourly_return:5", "monthly_return:x"]
)
def test_a_goal_that_is_none_is_explained(prices: Path, goal: str):
    with pytest.raises(CommandError, match="write TYPE:TARGET"):
        call("replay", "--prices", str(prices), "--goal", goal)


def test_a_target_that_is_no_progress_is_refused(prices: Path):
    with pytest.raises(CommandError, match="target above 0"):
        call("replay", "--prices", str(prices), "--goal", "monthly_return:-5")


def test_dates_that_leave_too_few_bars_are_refused(prices: Path):
    with pytest.raises(CommandError, match="60 are needed"):
        call("replay", "--prices", str(prices), "--to", "2020-01-31")


@pytest.fixture
def short_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo, on one instrument and a few months; its portfolio, a few months."""
    shorten_demo(monkeypatch)
    monkeypatch.setattr(demo, "INSTRUMENTS", ("AAPL",))
    monkeypatch.setattr(demo, "FIRST_DAY", load_prices("AAPL").bars[-90].opened_at)


@pytest.mark.slow
def test_the_demo_does_not_repeat_a_finished_run(
    short_demo: None, var: Path, capsys: pytest.CaptureFixture[str]
):
    call("demo")
    first = capsys.readouterr().out
    page = var / "reports" / "demo.html"
    written = page.stat()
    call("demo")

    assert ReplayRun.objects.count() == 1
    assert page.stat() == written
    again = capsys.readouterr().out
    assert "Replay of AAPL" in first
    assert again.partition("Replay of")[2] == first.partition("Replay of")[2]


@pytest.mark.slow
def test_the_page_of_the_demo_is_written_again_where_it_cannot_be_the_same(
    short_demo: None, var: Path, monkeypatch: pytest.MonkeyPatch, subtests: Any
):
    call("demo")
    page = var / "reports" / "demo.html"

    with subtests.test("it was deleted"):
        page.unlink()
        call("demo")
        assert page.exists()
    with subtests.test("the code that writes it is younger"):
        os.utime(page, (0, 0))
        call("demo")
        assert page.stat().st_mtime > 0
    with subtests.test("its run was made anew"):
        page.write_text("of another run")
        monkeypatch.setattr(replay_service, "ENGINE_VERSION", "replay-next")
        call("demo")
        assert page.read_text() != "of another run"


def test_the_log_in_that_is_shown_works_and_stays(
    short_demo: None, capsys: pytest.CaptureFixture[str], client: Any
):
    call("show_login")
    first = capsys.readouterr().out
    call("show_login")
    assert capsys.readouterr().out == first

    password = first.split("Password")[1].split()[0]
    assert client.login(username="demo", password=password)


def test_a_password_somebody_changed_is_not_shown(
    capsys: pytest.CaptureFixture[str],
):
    call("show_login")
    user = User.objects.get(username="demo")
    user.set_password("another-word")
    user.save()
    capsys.readouterr()

    call("show_login")

    assert "(as you set it)" in capsys.readouterr().out


def test_only_its_owner_reads_the_stored_password(var: Path):
    call("show_login")
    assert (var / "demo-password").stat().st_mode & 0o777 == 0o600


def test_an_unknown_user_is_no_new_account(prices: Path):
    with pytest.raises(CommandError, match="no user nobody"):
        call("replay", "--prices", str(prices), "--user", "nobody")
    assert not User.objects.filter(username="nobody").exists()


def test_a_page_that_is_a_directory_is_refused_before_the_work(
    prices: Path, tmp_path: Path
):
    with pytest.raises(CommandError, match="is a directory"):
        call("replay", "--prices", str(prices), "--page", str(tmp_path))
    assert not ReplayRun.objects.exists()


def test_bars_of_the_future_are_refused(prices: Path):
    prices.write_text(prices.read_text().replace("2020-", "2120-"))
    with pytest.raises(CommandError, match="bars of the future"):
        call("replay", "--prices", str(prices))


def test_a_gap_is_taken_when_it_is_allowed(prices: Path):
    lines = prices.read_text().splitlines()
    prices.write_text("\n".join([*lines[:40], *lines[70:]]))
    with pytest.raises(CommandError, match="give --allow-gaps"):
        call("replay", "--prices", str(prices))

    call("replay", "--prices", str(prices), "--allow-gaps")

    assert ReplayRun.objects.count() == 1


def months_of(run: ReplayRun) -> list[tuple[Any, ...]]:
    return [
        (month.start_date, month.target_date, month.progress_pct, month.trades)
        for month in read_report(run).policy_run.periods
    ]


@pytest.mark.slow
def test_the_months_of_daily_bars_are_those_of_their_written_dates(
    prices: Path, tmp_path: Path
):
    lines = prices.read_text().splitlines()[:96]
    prices.write_text("\n".join(lines))
    elsewhere = tmp_path / "elsewhere.csv"
    times = [f"{line[:10]} 00:00:00+09:00{line[10:]}" for line in lines[1:]]
    elsewhere.write_text("\n".join([lines[0], *times]))

    call("replay", "--prices", str(prices), str(elsewhere), "--from", "2020-01-05")

    here, there = ReplayRun.objects.order_by("run_id")
    assert months_of(there) == months_of(here)
    assert sum(month[-1] for month in months_of(here)) > 0
    assert there.policy_portfolio.time_zone == "Etc/GMT-9"
    first, last = read_report(there).first_at, read_report(there).last_at
    assert (str(first.date()), str(last.date())) == ("2020-01-05", "2020-04-04")


def test_what_was_done_to_read_a_file_is_printed(
    prices: Path, capsys: pytest.CaptureFixture[str]
):
    lines = prices.read_text().splitlines()[:80]
    lines[5] = f"{lines[5][:10]},null,null,null,null,0"
    lines[9] = f"{lines[9][:10]},10,12,9,13,0"
    prices.write_text("\n".join(lines))

    call(
        *("replay", "--prices", str(prices), "--skip-null-rows"),
        *("--tolerate-out-of-range-closes", "--time-zone", "Asia/Kolkata"),
    )

    printed = " ".join(capsys.readouterr().out.split())
    assert "prices: skipped 1 row without a price, the first is line 6" in printed
    assert (
        "1 row with an open or close outside low … high, by at most 8.33 %" in printed
    )
    assert ReplayRun.objects.get().policy_portfolio.time_zone == "Asia/Kolkata"


def test_a_symbol_is_a_name_and_no_markup(
    prices: Path, capsys: pytest.CaptureFixture[str]
):
    header, *lines = prices.read_text().splitlines()[:80]
    rows = [f"[/red]:bug:,{line}" for line in lines]
    prices.write_text("\n".join([f"Symbol,{header}", *rows]))

    call("replay", "--prices", str(prices))

    assert capsys.readouterr().out.count("[/red]:b") > 1


def test_a_time_zone_that_is_none_is_refused(prices: Path):
    with pytest.raises(CommandError, match="Did you mean Asia/Tokyo"):
        call("replay", "--prices", str(prices), "--time-zone", "Tokyo")


@pytest.mark.slow
def test_a_demo_beside_another_is_refused_in_one_line(short_demo: None):
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_lock({demo.LOCK})")
        with pytest.raises(CommandError, match="Another make demo") as refused:
            call("demo")
        # The server notices a closed connection a moment later.
        cursor.execute(f"SELECT pg_advisory_unlock({demo.LOCK})")
    other.close()

    assert "\n" not in str(refused.value)
    assert not ReplayRun.objects.exists()
    call("demo")
    assert ReplayRun.objects.count() == 1


@pytest.mark.slow
def test_the_demo_replaces_one_of_another_version(
    short_demo: None, monkeypatch: pytest.MonkeyPatch
):
    call("demo")
    first = ReplayRun.objects.get()
    call("replay", "--user", "demo", "--prices", "MSFT", "--from", "2012-10-01")
    own = ReplayRun.objects.latest("pk")
    monkeypatch.setattr(replay_service, "ENGINE_VERSION", "replay-next")

    call("demo")

    assert first not in ReplayRun.objects.all()
    assert own in ReplayRun.objects.all()
    assert ReplayRun.objects.count() == 2
    kinds = Portfolio.objects.values_list("kind").annotate(count=Count("pk"))
    assert dict(kinds) == {"live": 1, "demo": 3, "simulation": 2}


class Replaced(Exception):
    """This process would be another program now."""


@pytest.mark.django_db(transaction=True)
def test_the_site_is_served_after_the_demo_in_the_same_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    masks: list[Any] = []

    def become(program: str, command: list[str]) -> None:
        raise Replaced(program, *command)

    monkeypatch.setattr(os, "execv", become)
    monkeypatch.setattr(signal, "pthread_sigmask", lambda *mask: masks.append(mask))

    with pytest.raises(Replaced) as replaced:
        demo.serve(8123)

    python = sys.executable
    command = ["-m", "mastertrade.serve", "8123"]
    assert replaced.value.args == (python, python, *command)
    assert masks == [(signal.SIG_BLOCK, {signal.SIGINT})]
    assert "Password" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (
            ("demo",),
            "Finished replays are stored; the next start continues from there.",
        ),
        (
            ("replay", "--prices", "MSFT", "--from", "2012-10-01"),
            "Nothing of the unfinished replay is stored.",
        ),
    ],
)
def test_an_interrupted_replay_says_what_is_left(
    short_demo: None,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    remedy: str,
):
    def interrupt(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(replay_service, "_finish", interrupt)

    with pytest.raises(KeyboardInterrupt, match=remedy):
        call(*words)

    assert not ReplayRun.objects.exists()
    assert not Portfolio.objects.exclude(kind="live").exclude(name="demo").exists()


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (["hard_drawdown_pct=5"], r" Add --set soft_drawdown_pct=…"),
        (["hard_drawdown_pct=5", "soft_drawdown_pct=6"], ""),
        (["pause_minutes=5"], ""),
    ],
)
def test_a_setting_that_lacks_another_says_how_to_give_it(
    prices: Path, given: list[str], hint: str
):
    words = [word for setting in given for word in ("--set", setting)]
    with pytest.raises(CommandError) as refused:
        call("replay", "--prices", str(prices), *words)
    assert str(refused.value).endswith(f".{hint}")
    assert ("--set" in str(refused.value)) is bool(hint)
    assert not ReplayRun.objects.exists()


def test_a_setting_given_twice_is_refused(prices: Path):
    twice = ("--set", "hard_drawdown_pct=10", "--set", "hard_drawdown_pct=12")
    with pytest.raises(CommandError, match="--set hard_drawdown_pct is given more"):
        call("replay", "--prices", str(prices), *twice)
    assert not ReplayRun.objects.exists()
