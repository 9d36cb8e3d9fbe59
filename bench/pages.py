"""The site's pages with 50 goals, 100,000 trades and 10,000 or 1,000,000 history rows.

Time at the server of the whole request, statements, and what a browser loads for it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from gzip import compress
from pathlib import Path
from time import perf_counter

from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench.history import TABLES
from bench.people import POSITIONS, TRADES, Trader, fill, make_trader, vacuum
from bench.rows import Row, Target
from bench.timing import show
from goals.enums import GoalType, PortfolioKind
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio
from trades.models import ReplayRun, Trade
from trades.replay.parsing import ReadingOptions
from trades.services.replay import ReplayQuestion, run_replay
from trades.services.replay_asked import load_between
from trades.sizing_calls.decide import size_for_portfolio

MANY_TRADES = 100_000
GOALS = 50
FEW_ROWS, MANY_ROWS = 10_000, 1_000_000
REQUESTS, WARM_UP = 40, 3
DECISIONS = 60
# 347 days of trades, one in five minutes.
SPREAD_TRADES = TRADES.format(profit="n %% 21 - 9.9", apart="interval '5 minutes'")
# Of the goal that is looked at, all within its period.
HISTORY = """
INSERT INTO goal_progress_history
    (goal_id, kind, snapshot_date, effective_at, recorded_at, current_value,
     target_value, progress_pct)
SELECT g.goal_id, CASE WHEN n %% 2 = 0 THEN 'trade' ELSE 'snapshot' END, at::date, at,
       at, n %% 7, g.target_value, (n %% 7) * 100 / g.target_value
FROM financial_goals g, generate_series(1, %(rows)s) n,
     LATERAL (SELECT g.period_starts_at
                     + (now() - g.period_starts_at) * n / %(rows)s AS at) t
WHERE g.goal_id = %(goal_id)s
"""
# Every other trade followed one of the decisions.
ADVISED = """
UPDATE trades SET adjustment_id = %(first)s + trade_id %% %(decisions)s
WHERE portfolio_id = %(portfolio_id)s AND trade_id %% 2 = 0
"""
MOST_P95 = Target(150, at_least=False, unit=" ms")
MOST_ANSWER = Target(200, at_least=False, unit=" ms")
MOST_DRAWN = Target(600, at_least=False, unit=" ms")
# What a slider sends as it moves on.
MOVES: dict[str, Callable[[int], str]] = {
    "the base size": lambda at: f"base_risk={1 + at / 20:g}",
    "the hard floor": lambda at: f"hard_drawdown_pct={10 + at / 2:g}",
    "a solved policy": lambda at: f"policy=deadline_optimal&stop_penalty={at / 10:g}",
}
REPLAYS = 200
PRICES = ("MSFT", date(2008, 1, 1))  # five years and two months
NO_SLOWER = Target(1.25, at_least=False)
LIGHTEST = Target(200, at_least=False, unit=" kB")
STATIC = re.compile(rb'(?:src|href)="/static/([^"]+)"')


def measure() -> Iterator[Row]:
    few, many = _trader_with("few_rows", FEW_ROWS), _trader_with("many_rows", MANY_ROWS)
    vacuum(*TABLES)
    few_browser, many_browser = _browser(few), _browser(many)
    for name, few_path, many_path in _addresses(few, many):
        fewer = _times(few_browser, few_path)
        more = _times(many_browser, many_path)
        with CaptureQueriesContext(connection) as found:
            many_browser.get(many_path)
        p95 = _p95(more)
        rows = f"{MANY_ROWS:,} history rows, {len(found)} statements"
        yield Row(
            f"{name}, p95 with {rows}",
            show(p95),
            "",
            None,
            MOST_P95,
            p95 * 1000,
        )
        yield Row(
            f"{name}, median, against {FEW_ROWS:,} history rows",
            show(_median(more)),
            show(_median(fewer)),
            _median(more) / _median(fewer),
            NO_SLOWER,
        )
    for name, moved in MOVES.items():
        for when, rough in (("while {} moves", "rough=1&"), ("once {} stands", "")):
            asked = f"{_goal_path(many)}what-if/?{rough}"
            times = _times(many_browser, partial(_moved_to, asked, moved))
            yield Row(
                f"what-if {when.format(name)}, p95",
                show(_p95(times)),
                "",
                None,
                MOST_ANSWER if rough else None,
                _p95(times) * 1000,
            )
    replay = _replay(many)
    for name, path, most in (
        (f"list of {REPLAYS} replays", "/replays/", MOST_P95),
        ("a replay's report", replay, MOST_P95),
        ("its drawing, an image of its own", f"{replay}chart/", MOST_DRAWN),
    ):
        p95 = _p95(_times(many_browser, path))
        with CaptureQueriesContext(connection) as found:
            many_browser.get(path)
        yield Row(
            f"{name}, p95 with {len(found)} statements",
            show(p95),
            "",
            None,
            most,
            p95 * 1000,
        )
    for name, path in (
        ("today", "/"),
        ("a goal", _goal_path(many)),
        ("a replay's report", replay),
    ):
        plain, packed = _weigh(many_browser, path)
        yield Row(
            f"what a browser loads for {name}, packed (plain: {plain / 1000:.0f} kB)",
            f"{packed / 1000:.0f} kB",
            "",
            None,
            LIGHTEST,
            packed / 1000,
        )


def _trader_with(name: str, rows: int) -> Trader:
    """50 goals in one portfolio; the first one has all the history."""
    until = timezone.now()
    trader = make_trader(name, since=until - timedelta(days=340))
    for number in range(GOALS - len(trader.goals)):
        create_goal(
            user=trader.user,
            portfolio=trader.portfolio.pk,
            goal_type=GoalType.YEARLY_INCOME,
            target_value=Decimal(10_000 + number),
            target_date=(until + timedelta(days=30 + number)).date(),
            as_of=until,
        )
    fill(trader, SPREAD_TRADES, POSITIONS, trades=MANY_TRADES, until=until)
    with connection.cursor() as cursor:
        cursor.execute(HISTORY, {"rows": rows, "goal_id": trader.goals[0].pk})
    decisions = [
        size_for_portfolio(
            user=trader.user,
            now=timezone.now(),
            portfolio=trader.portfolio.pk,
            base_size=Decimal(1000),
        )[0].pk
        for _ in range(DECISIONS)
    ]
    follow = {
        "first": decisions[0],
        "decisions": DECISIONS,
        "portfolio_id": trader.portfolio.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(ADVISED, follow)
    return trader


def _goal_path(trader: Trader) -> str:
    return f"/goals/{trader.goals[0].pk}/"


def _trade_path(trader: Trader) -> str:
    advised = Trade.objects.filter(portfolio=trader.portfolio, adjustment__isnull=False)
    return f"/trades/{advised.latest('trade_id').pk}/"


def _addresses(few: Trader, many: Trader) -> list[tuple[str, str, str]]:
    found = [
        (
            name,
            f"{path}?portfolio={few.portfolio.pk}",
            f"{path}?portfolio={many.portfolio.pk}",
        )
        for name, path in (
            ("today", "/"),
            (f"list of {GOALS} goals", "/goals/"),
            ("strategies", "/strategies/"),
            ("trades", "/trades/"),
            ("performance", "/performance/"),
        )
    ]
    found.append(("a trade", _trade_path(few), _trade_path(many)))
    for name, part in (
        ("a goal", ""),
        ("its chart", "chart/"),
        ("its table", "table/"),
    ):
        found.append((name, _goal_path(few) + part, _goal_path(many) + part))
    return found


def _replay(trader: Trader) -> str:
    """A replay's address; there are `REPLAYS` of the same report."""
    name, first = PRICES
    now = timezone.now()
    series = load_between(name, ReadingOptions(), first, None, now)
    question = ReplayQuestion(GoalType.MONTHLY_RETURN, Decimal(3))
    run = run_replay(user=trader.user, question=question, series=series, now=now)
    for number in range(REPLAYS - 1):
        policy, constant = (
            create_portfolio(
                user=trader.user,
                name=f"{half} {number}",
                kind=PortfolioKind.SIMULATION,
                now=now,
            )
            for half in ("policy", "constant")
        )
        ReplayRun.objects.create(
            user=trader.user,
            policy_portfolio=policy,
            constant_portfolio=constant,
            symbol=name,
            parameters_digest=run.parameters_digest,
            report=run.report,
            created_at=now,
        )
    return f"/replays/{run.pk}/"


def _browser(trader: Trader) -> Client:
    browser = Client(HTTP_HOST="localhost")
    browser.force_login(trader.user)
    return browser


def _times(browser: Client, asked: str | Callable[[int], str]) -> list[float]:
    times = []
    for number in range(WARM_UP + REQUESTS):
        path = asked if isinstance(asked, str) else asked(number)
        begin = perf_counter()
        answer = browser.get(path)
        took = perf_counter() - begin
        if answer.status_code != 200:
            raise RuntimeError(f"{path} was answered {answer.status_code}")
        if number >= WARM_UP:
            times.append(took)
    return sorted(times)


def _moved_to(asked: str, moved: Callable[[int], str], at: int) -> str:
    return asked + moved(at)


def _p95(times: Sequence[float]) -> float:
    return times[int(len(times) * 0.95)]


def _median(times: Sequence[float]) -> float:
    return times[len(times) // 2]


def _weigh(browser: Client, path: str) -> tuple[int, int]:
    """The page and the static files it names: bytes as they are, and packed."""
    bodies = [browser.get(path).content]
    for name in set(STATIC.findall(bodies[0])):
        # Production's names have a hash before the suffix.
        plain = re.sub(r"\.[0-9a-f]{12}(?=\.\w+$)", "", name.decode())
        place = finders.find(plain)
        if not isinstance(place, str):
            raise RuntimeError(f"{plain} is no static file")
        bodies.append(Path(place).read_bytes())
    packed = sum(len(compress(body)) for body in bodies)
    return sum(map(len, bodies)), packed
