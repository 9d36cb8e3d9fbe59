"""CPU time of the heaviest requests, over a portfolio with 218,000 trades.

The time of the web process and of its PostgreSQL session together: what one request can
take from everybody else. The first request is one after a trade, the next is the same
again.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from time import process_time
from typing import Any

from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from bench.history import TABLES
from bench.people import (
    POSITIONS,
    STRATEGY,
    TRADES,
    Trader,
    fill,
    make_trader,
    vacuum,
)
from bench.rows import Row, Target
from bench.timing import show
from goals.decisions.policies import PolicyName
from goals.enums import GoalType
from goals.models import ApiToken, FinancialGoal, Portfolio
from goals.services.goals import create_goal

MANY = 218_000
# At that rate 24,463 trades are left in 45 days.
PER_DAY = 543.6
DAYS_LEFT = 45
# Percent: near, far, and of goals that nobody asked about yet.
TARGETS = (1, 5, 60)
COLD_TARGETS = range(6, 26)
RARE_TARGETS = (3, 10, 40, 200)
MOST_CPU = Target(500, at_least=False, unit=" ms")
# What a close leaves there.
CHANGES = """
INSERT INTO ledger_changes
    (portfolio_id, trade_id, action, changed_at, changed_by, before, after)
SELECT portfolio_id, trade_id, 'closed', exit_time, user_id,
       '{"status": "open", "exit_price": null, "profit_loss": null, "exit_time": null}',
       jsonb_build_object('status', status, 'exit_price', exit_price,
                          'profit_loss', profit_loss, 'exit_time', exit_time)
FROM trades WHERE portfolio_id = %(portfolio_id)s
"""
USUAL = """sin(n * 12.9898) * 20 + cos(n * 4.1414)
                     + CASE WHEN n %% 7 = 0 THEN 9 ELSE 0.02 END"""
# Small losses, and now and then a win of hundreds of them.
RARE = "CASE WHEN n %% 331 = 0 THEN 3000 + n %% 997 ELSE -9 - sin(n) END"


def ledger(won: str = USUAL) -> str:
    """Skewed profits of as many sizes as trades, a tick at a time to one day."""
    apart = "(interval '1 day' / %(per_day)s::float8)"
    return TRADES.format(profit=f"round(({won})::numeric, 2)", apart=apart)


def measure(trades: int = MANY) -> Iterator[Row]:
    trader = trader_with(trades)
    client = _client_of(trader)
    _cpu(partial(client.get, "/api/goals/"))  # what a process does once
    for what, path, parameters in questions(trader):
        yield _measure(
            f"{what}, {trades:,} trades", partial(client.get, path, parameters)
        )
    for what, path, body in decisions(trader):
        ask = partial(client.post, path, body, format="json")
        batches: list[float] = []
        while not is_answered(batches, ask):
            pass
        if batches:
            what_else = f"{what}: a request that works at the record"
            yield _row(what_else, max(batches), batches[-1])
        yield _measure(f"{what}, {trades:,} trades", ask)
    since = timezone.now() - timedelta(days=trades / PER_DAY)
    first, again = (_book_late(client, trader, since) for _ in range(2))
    yield _row(f"a late trade at the beginning of {trades:,}", first, again)
    rare = trader_with(trades, name="rare", won=RARE, targets=RARE_TARGETS)
    for goal in rare.goals:
        path = f"/api/goals/{goal.goal_id}/projection/"
        what = f"{goal.policy} to {goal.target_value:.0f} % by rare large wins"
        yield _measure(what, partial(_client_of(rare).get, path))


def _measure(what: str, ask: Callable[[], Any]) -> Row:
    return _row(what, *(_cpu(ask) for _ in range(2)))


def _row(what: str, first: float, again: float) -> Row:
    ours, floor = show(first), f"{show(again)} again"
    return Row(f"CPU of {what}", ours, floor, None, MOST_CPU, max(first, again) * 1_000)


def is_answered(batches: list[float], ask: Callable[[], Any]) -> bool:
    """Whether it is; else what its part of the work cost is added to `batches`."""
    answers = []

    def once() -> Any:
        answers.append(ask())
        return answers[0]

    seconds = _cpu(once, allowed=(HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE))
    if answers[0].status_code == HTTPStatus.OK:
        return True
    batches.append(seconds)
    return False


def _book_late(client: APIClient, trader: Trader, since: datetime) -> float:
    """A trade closed when the ledger began."""
    body = {
        "portfolio": trader.portfolio.portfolio_id,
        "strategy_id": STRATEGY,
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": "1",
        "entry_price": "50000",
        "entry_time": since.isoformat(),
    }
    opened = client.post("/api/trades/", body, format="json").json()
    path = f"/api/trades/{opened['trade_id']}/close/"
    closed = {"exit_price": "50010", "exit_time": since.isoformat()}
    return _cpu(partial(client.post, path, closed, format="json"))


def _client_of(trader: Trader) -> APIClient:
    client = APIClient(SERVER_NAME="localhost")
    _, token = ApiToken.objects.create(user=trader.user)
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


def questions(trader: Trader) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for goal in trader.goals:
        path = f"/api/goals/{goal.goal_id}/projection/"
        target = f"{goal.target_value:.0f} %"
        yield f"a projection under {goal.policy} to {target}", path, {}
    goal = trader.goals[-1]
    path = f"/api/goals/{goal.goal_id}/projection/"
    yield "a projection by one strategy", path, {"strategy_id": STRATEGY}
    past = (timezone.now() - timedelta(days=9)).isoformat()
    yield "a projection as of the past", path, {"as_of": past}
    path = f"/api/strategies/{STRATEGY}/performance/"
    since = (timezone.now() - timedelta(days=200)).isoformat()
    yield "a strategy's performance", path, {}
    yield "the same of 200 days", path, {"from": since}
    yield "the same until the past", path, {"to": past}
    yield "performances of all strategies", "/api/strategies/performance/", {}
    for name in ("trades", "goals", "portfolios", "changes"):
        yield f"a list of {name}", f"/api/{name}/", {"page_size": 500}
    yield "the last page of trades", "/api/trades/", {"page_size": 500, "page": "last"}


def decisions(trader: Trader) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Sizes for a goal whose table is not solved yet, and for all of them at once."""
    goals = _goals(trader, COLD_TARGETS, PolicyName.DEADLINE_OPTIMAL)
    size = {"base_size": "1000", "symbol": "BTCUSDT"}
    plain = f"/api/goals/{trader.goals[0].goal_id}/sizing/"
    yield "a size, the record made from nothing", plain, size
    one = f"/api/goals/{goals[-1].goal_id}/sizing/"
    yield "a size under deadline_optimal", one, size | {"strategy_id": STRATEGY}
    whole = size | {"portfolio": str(trader.portfolio.portfolio_id)}
    number = len(trader.goals) + len(goals)
    yield f"a size over {number} goals", "/api/sizing/", whole
    next_trade = whole | {"candidates": [STRATEGY]}
    yield "the next trade", "/api/next-trade/", next_trade
    for days in (0.01, 9, 200, 395):
        past = {"as_of": (timezone.now() - timedelta(days=days)).isoformat()}
        yield f"a size as of {days} days ago", "/api/sizing/", whole | past
        yield (
            f"the next trade as of {days} days ago",
            "/api/next-trade/",
            next_trade | past,
        )


def _goals(
    trader: Trader, targets: Sequence[int], *policies: PolicyName
) -> list[FinancialGoal]:
    now = timezone.now()
    return [
        create_goal(
            user=trader.user,
            portfolio=trader.portfolio.portfolio_id,
            goal_type=GoalType.MONTHLY_RETURN,
            target_value=Decimal(target),
            policy=policy,
            start_date=now.date(),
            target_date=now.date() + timedelta(days=DAYS_LEFT),
            as_of=now,
        )
        for policy in policies
        for target in targets
    ]


def trader_with(
    trades: int,
    *,
    name: str = "heavy",
    won: str = USUAL,
    targets: Sequence[int] = TARGETS,
) -> Trader:
    """With goals under every policy, and a hard stop at a drawdown of 60 %."""
    now = timezone.now()
    first = now - timedelta(days=trades / PER_DAY + 1)
    trader = make_trader(name, since=first)
    Portfolio.objects.filter(pk=trader.portfolio.pk).update(hard_drawdown_pct=60)
    asked = {"trades": trades, "per_day": PER_DAY}
    fill(trader, ledger(won), POSITIONS, CHANGES, until=now, **asked)
    goals = _goals(trader, targets, *PolicyName)
    vacuum(*TABLES, "growth_records", "ledger_changes")
    return Trader(trader.user, trader.portfolio, tuple(goals))


def _cpu(
    ask: Callable[[], Any],
    allowed: Sequence[int] = (HTTPStatus.OK, HTTPStatus.CREATED),
) -> float:
    before = process_time() + _of_session()
    answer = ask()
    after = process_time() + _of_session()
    assert answer.status_code in allowed, answer.content
    return after - before


def _of_session() -> float:
    """CPU seconds of the PostgreSQL process that serves this one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / float(os.sysconf("SC_CLK_TCK"))
