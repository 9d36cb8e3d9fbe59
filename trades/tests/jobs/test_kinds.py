"""What each kind of a user's job does: asked over HTTP, done as a worker does it."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_django
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from goals.models import Portfolio
from tests.http import (
    Trader,
    made_once,
    make_trader,
    nothing_changes,
    read,
    unthrottled,  # noqa: F401
)
from trades.models import ReplayRun, Trade, UserJob
from trades.tests.factories import import_profits
from trades.tests.jobs.worker import do
from trades.tests.prices import wander

REPLAY = {
    "prices": "MSFT",
    "goal_type": "monthly_return",
    "target_value": "5",
    "start_date": "2010-01-01",
    "end_date": "2010-04-15",
}
COMPARISON = {"case": "modest-edge", "trades": 10, "paths": 2000}

trader_of_module = made_once(make_trader)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


@pytest.fixture(autouse=True)
def files(settings: pytest_django.Settings, tmp_path: Path) -> Path:
    settings.JOB_FILES = tmp_path / "jobs"
    return tmp_path / "jobs"


def done(trader: Trader, path: str, body: Any) -> Any:
    """The job that was asked for, after a worker did it."""
    answer = trader.client.post(trader.address(path), body)
    do(read(answer, 202)["job_id"])
    return trader.get(answer["Location"])


def price_file() -> SimpleUploadedFile:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["date", "open", "high", "low", "close", "volume"])
    for bar in wander(120).bars:
        prices = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        rows.writerow([f"{bar.opened_at:%Y-%m-%d}", *prices])
    return SimpleUploadedFile("WANDER.csv", text.getvalue().encode())


@pytest.mark.slow
def test_prices_are_replayed_by_name(trader: Trader) -> None:
    job = done(trader, "/api/replays/", REPLAY)
    assert (job["state"], job["error"]) == ("done", "")
    replay = trader.get(f"/api/replays/{job['result']['replay_id']}/")
    assert replay["symbol"] == "MSFT"
    assert replay["policy_portfolio_id"] == job["result"]["policy_portfolio_id"]
    assert replay["report"]["instruments"]


@pytest.mark.slow
def test_the_same_question_gives_the_replay_that_there_is(trader: Trader) -> None:
    first = done(trader, "/api/replays/", REPLAY)
    assert done(trader, "/api/replays/", REPLAY)["result"] == first["result"]
    other = done(trader, "/api/replays/", {**REPLAY, "policy": "pace"})
    assert other["result"]["replay_id"] != first["result"]["replay_id"]
    assert ReplayRun.objects.count() == 2


@pytest.mark.slow
def test_prices_are_replayed_from_a_file(trader: Trader) -> None:
    asked = {name: REPLAY[name] for name in ("goal_type", "target_value")}
    body = {**asked, "file": price_file()}
    answer = trader.client.post("/api/replays/", body, format="multipart")
    do(read(answer, 202)["job_id"])
    job = trader.get(answer["Location"])
    assert (job["state"], job["error"]) == ("done", "")
    assert ReplayRun.objects.get(pk=job["result"]["replay_id"]).symbol == "WANDER"


@pytest.mark.slow
def test_a_replay_keeps_the_limits_it_is_given(trader: Trader) -> None:
    limits = {
        "soft_drawdown_pct": "4",
        "hard_drawdown_pct": "8",
        "daily_loss_limit_pct": "3",
        "max_trades_per_day": 2,
    }
    result = done(trader, "/api/replays/", {**REPLAY, **limits})["result"]
    for half in ("policy", "constant"):
        portfolio = Portfolio.objects.get(pk=result[f"{half}_portfolio_id"])
        stored = {name: getattr(portfolio, name) for name in limits}
        assert stored == {name: Decimal(given) for name, given in limits.items()}


@pytest.mark.slow
def test_a_challenge_is_replayed_by_its_preset(trader: Trader) -> None:
    asked = {name: REPLAY[name] for name in ("prices", "start_date", "end_date")}
    job = done(trader, "/api/replays/", {**asked, "preset": "ftmo-2-step-100k"})
    assert (job["state"], job["error"]) == ("done", "")
    key = job["result"]["policy_portfolio_id"]
    assert Portfolio.objects.get(pk=key).opening_balance == 100_000


def test_a_price_file_that_is_none_fails_in_words(trader: Trader) -> None:
    asked = {name: REPLAY[name] for name in ("goal_type", "target_value")}
    body = {**asked, "file": SimpleUploadedFile("x.csv", b"date,open\n")}
    answer = trader.client.post("/api/replays/", body, format="multipart")
    do(read(answer, 202)["job_id"])
    job = trader.get(answer["Location"])
    assert job["state"] == "failed"
    assert job["error"].startswith("x.csv")
    assert not ReplayRun.objects.exists()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"prices": "/etc/passwd"}, "prices"),
        ({"goal_type": None}, "goal_type"),
        ({"preset": "ftmo-2-step-100k"}, "goal_type"),
        ({"phase": 2}, "phase"),
        ({"fee_bps": "1000"}, "fee_bps"),
        ({"base_size_pct": "0"}, "base_size_pct"),
        ({"resume_after_days": 0}, "resume_after_days"),
        ({"hard_drawdown_pct": "5"}, "soft_drawdown_pct"),
        ({"hard_drawdown_pct": "0"}, "hard_drawdown_pct"),
        ({"daily_loss_limit_pct": "101"}, "daily_loss_limit_pct"),
        ({"max_trades_per_day": 0}, "max_trades_per_day"),
        ({"end_date": "2009-12-31"}, "end_date"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ],
)
def test_a_wrong_replay_is_refused_by_field_at_once(
    trader: Trader, given: dict[str, Any], field: str
) -> None:
    with nothing_changes():
        refused = trader.post("/api/replays/", {**REPLAY, **given}, 400)
    assert field in refused


def test_policies_are_compared_on_a_case_and_nothing_changes(trader: Trader) -> None:
    before = Trade.objects.count(), Portfolio.objects.count()
    job = done(trader, "/api/comparisons/", COMPARISON)
    assert (job["state"], job["error"]) == ("done", "")
    result = job["result"]
    assert (result["name"], len(result["results"])) == ("modest-edge", 8)
    constant = result["results"][0]
    assert (constant["policy"], constant["guarded"]) == ("constant", False)
    exact = Decimal(constant["probability_by_induction"])
    assert abs(Decimal(constant["probability"]) - exact) < Decimal("0.05")
    assert done(trader, "/api/comparisons/", COMPARISON)["result"] == result
    assert (Trade.objects.count(), Portfolio.objects.count()) == before


def record(trader: Trader) -> None:
    begin = timezone.now() - timedelta(days=20)
    profits = [Decimal(20), Decimal(-10)] * 15
    import_profits(
        Portfolio.objects.get(pk=trader["portfolio_id"]),
        [(begin + timedelta(hours=n), one) for n, one in enumerate(profits)],
    )


def test_policies_are_compared_on_ones_own_record(trader: Trader) -> None:
    own = {"portfolio": "crypto", "trades": 10, "paths": 2000}
    record(trader)
    job = done(trader, "/api/comparisons/", own)
    assert (job["state"], job["error"]) == ("done", "")
    assert (job["result"]["name"], job["result"]["record_trades"]) == ("crypto", 30)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"case": "edge-less"}, "case"),
        ({"portfolio": "crypto"}, "portfolio"),
        ({"case": None, "record": 3}, "record"),
        ({"trades": 10_000, "paths": 1001}, "paths"),
        ({"trades": 1, "paths": 1_000_001}, "paths"),
        ({"min_factor": "1.2", "max_factor": "1.1"}, "min_factor"),
    ],
)
def test_a_wrong_comparison_is_refused_by_field_at_once(
    trader: Trader, given: dict[str, Any], field: str
) -> None:
    with nothing_changes():
        refused = trader.post("/api/comparisons/", {**COMPARISON, **given}, 400)
    assert list(refused) == [field]


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"portfolio": "crypto"}, "portfolio", "crypto has 0 closed trades"),
        ({}, "portfolio", "0 closed trades"),
        (
            {"portfolio": "crypto", "strategy_id": "momentum_001"},
            "strategy_id",
            "momentum_001 has 0 closed trades",
        ),
    ],
)
def test_a_comparison_on_too_few_trades_is_refused_at_once(
    trader: Trader, asked: dict[str, Any], field: str, words: str
) -> None:
    with nothing_changes():
        refused = trader.post("/api/comparisons/", asked, 400)
    assert list(refused) == [field]
    assert words in refused[field][0]
    assert "20 are needed" in refused[field][0]
    assert not UserJob.objects.exists()


@pytest.mark.parametrize(
    ("start", "end", "field", "count"),
    [
        ("2010-01-01", "2010-02-15", "start_date", 29),
        ("2013-02-01", None, "start_date", 20),
        (None, "2000-04-01", "end_date", 23),
        ("2020-01-01", None, "start_date", 0),
        (None, "1999-12-31", "end_date", 0),
    ],
)
def test_a_replay_of_too_few_bars_is_refused_at_once(
    trader: Trader, start: str | None, end: str | None, field: str, count: int
) -> None:
    dates = {"start_date": start, "end_date": end}
    given = {name: day for name, day in dates.items() if day is not None}
    asked = {name: one for name, one in REPLAY.items() if name not in dates}
    with nothing_changes():
        refused = trader.post("/api/replays/", {**asked, **given}, 400)
    assert refused == {field: [f"leaves {count} bars of MSFT; 60 are needed."]}


def test_anothers_portfolio_is_no_record(trader: Trader) -> None:
    eve = make_trader(username="eve")
    with nothing_changes():
        body = {"portfolio": eve["portfolio_id"]}
        assert list(trader.post("/api/comparisons/", body, 400)) == ["portfolio"]


OF_A_GOAL = pytest.mark.parametrize(
    "path", ["/api/goals/{goal_id}/projection/", "/api/goals/{goal_id}/frontier/"]
)


@OF_A_GOAL
def test_what_is_asked_of_a_goal_is_what_the_request_answers(
    trader: Trader, path: str
) -> None:
    record(trader)
    as_of = {"as_of": timezone.now().isoformat()}
    job = done(trader, path, as_of)
    assert (job["state"], job["error"]) == ("done", "")
    answered = trader.get(path, **as_of)
    assert answered == job["result"]
    assert answered.get("probability") or answered["policies"]


@OF_A_GOAL
def test_what_is_asked_of_anothers_goal_is_not_found(trader: Trader, path: str) -> None:
    eve = make_trader(username="eve")
    assert trader.client.post(eve.address(path), {}).status_code == 404
    job = trader.post(path, {}, 202)
    UserJob.objects.update(arguments={"goal_id": eve["goal_id"]})
    do(job["job_id"])
    failed = trader.get(f"/api/jobs/{job['job_id']}/")
    assert (failed["state"], failed["result"]) == ("failed", None)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/replays/", REPLAY),
        ("/api/comparisons/", COMPARISON),
        ("/api/goals/{goal_id}/projection/", {}),
        ("/api/goals/{goal_id}/frontier/", {}),
    ],
)
def test_what_takes_a_while_is_never_waited_for(
    trader: Trader, path: str, body: dict[str, Any]
) -> None:
    assert list(trader.post(f"{path}?background=0", body, 400)) == ["background"]
    trader.post(f"{path}?background=1", body, 202)
