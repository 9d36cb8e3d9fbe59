"""Every list: pages, order, filters, and a number of statements that stays the same."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import resolve as resolve_address
from django.utils import timezone

from goals.decisions.alerts import Alert
from goals.enums import AlertKind, Severity
from goals.models import AlertChannel, ApiToken, Portfolio
from goals.services.alerts import write_alerts
from goals.services.portfolios import record_cash_flow
from goals.services.resuming import halt_trading, resume_trading
from goals.services.snapshots import snapshot_goals
from goals.tests.channel_factories import make_delivery
from goals.tests.factories import GoalFactory, PortfolioFactory
from strategies.tests.factories import StrategyFactory
from tests.http import (
    Trader,
    count_statements,
    made_once,
    make_busy_trader,
    make_job,
    make_mapping,
    make_replay,
    make_trader,
    operations,
    read,
    unthrottled,  # noqa: F401
)
from trades.booking.void import void_trade
from trades.enums import JobState
from trades.freqtrade.tokens import issue_webhook
from trades.models import Trade, TradeImport, UserJob
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import TradeFactory

LISTS = {one.path: one for one in operations().values() if one.is_list}


def portfolio_of(trader: Trader) -> Portfolio:
    return Portfolio.objects.get(pk=trader["portfolio_id"])


def add_portfolio(trader: Trader, number: int) -> None:
    PortfolioFactory(user=trader.user)


def add_goal(trader: Trader, number: int) -> None:
    GoalFactory(portfolio=portfolio_of(trader), target_value=Decimal(number + 1))


def add_cash_flow(trader: Trader, number: int) -> None:
    record_cash_flow(
        user=trader.user,
        portfolio=trader["portfolio_id"],
        amount=Decimal(number + 1),
        now=timezone.now(),
    )


def add_snapshot(trader: Trader, number: int) -> None:
    snapshot_goals(as_of=timezone.now())


def add_decision(trader: Trader, number: int) -> None:
    size_for_goal(
        user=trader.user,
        goal_id=trader["goal_id"],
        now=timezone.now(),
        base_size=Decimal(number + 1),
    )


def add_strategy(trader: Trader, number: int) -> None:
    StrategyFactory(user=trader.user, strategy_id=f"breakout_{number}")


def add_token(trader: Trader, number: int) -> None:
    ApiToken.objects.create(user=trader.user)


def add_trade(trader: Trader, number: int) -> None:
    TradeFactory(portfolio=portfolio_of(trader), quantity=Decimal(number + 1))


def add_change(trader: Trader, number: int) -> None:
    trade = TradeFactory(portfolio=portfolio_of(trader))
    void_trade(
        user=trader.user, trade_id=trade.pk, reason="mistaken", now=timezone.now()
    )


def add_import(trader: Trader, number: int) -> None:
    TradeImport.objects.create(
        user=trader.user,
        portfolio_id=trader["portfolio_id"],
        format="mastertrade-csv",
        file_name=f"{number}.csv",
        content_sha256=f"{number:064}",
        created_count=1,
        known_count=0,
        refused_count=0,
        created_at=timezone.now(),
        created_by=trader.user.username,
    )


def add_mapping(trader: Trader, number: int) -> None:
    make_mapping(trader.user, f"mapping {number}")


def add_webhook(trader: Trader, number: int) -> None:
    issue_webhook(
        user=trader.user,
        now=timezone.now(),
        bot=f"bot-{number}",
        strategy_id="momentum_001",
        portfolio=trader["portfolio_id"],
    )


def add_replay(trader: Trader, number: int) -> None:
    make_replay(trader.user, f"OTHER{number}")


def add_halt(trader: Trader, number: int) -> None:
    of_portfolio = {"user": trader.user, "portfolio_id": trader["portfolio_id"]}
    halt_trading(**of_portfolio, reason=f"reason {number}", now=timezone.now())
    resume_trading(**of_portfolio, now=timezone.now())


def add_alert(trader: Trader, number: int) -> None:
    add_halt(trader, number)  # one of the halt, one of the resume
    add_delivery(trader, number)


def add_channel(trader: Trader, number: int) -> None:
    """More than a user may make."""
    channel = AlertChannel.objects.get(pk=trader["channel_id"])
    channel.pk, channel._state.adding = None, True
    channel.save()
    make_delivery(channel)


def add_delivery(trader: Trader, number: int) -> None:
    make_delivery(AlertChannel.objects.get(pk=trader["channel_id"]))


def add_job(trader: Trader, number: int) -> None:
    """As one that was cancelled, so that there may be any number."""
    job = make_job(trader.user)
    UserJob.objects.filter(pk=job.pk).update(
        state=JobState.CANCELLED, finished_at=timezone.now()
    )


MAKERS: dict[str, Callable[[Trader, int], None]] = {
    "/api/portfolios/": add_portfolio,
    "/api/portfolios/{portfolio_id}/cash-flows/": add_cash_flow,
    "/api/portfolios/{portfolio_id}/halts/": add_halt,
    "/api/goals/": add_goal,
    "/api/goals/{goal_id}/progress/": add_snapshot,
    "/api/goals/{goal_id}/adjustments/": add_decision,
    "/api/strategies/": add_strategy,
    "/api/strategies/performance/": add_strategy,
    "/api/tokens/": add_token,
    "/api/trades/": add_trade,
    "/api/positions/": add_trade,
    "/api/changes/": add_change,
    "/api/trades/imports/": add_import,
    "/api/trades/mappings/": add_mapping,
    "/api/webhooks/": add_webhook,
    "/api/replays/": add_replay,
    "/api/alerts/": add_alert,
    "/api/channels/": add_channel,
    "/api/channels/{channel_id}/deliveries/": add_delivery,
    "/api/jobs/": add_job,
}


trader_of_module = made_once(make_trader)
busy_of_module = made_once(make_busy_trader)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


@pytest.fixture
def busy(db: None, busy_of_module: Trader) -> Trader:
    return busy_of_module.for_one_test()


def test_every_list_is_covered() -> None:
    assert set(MAKERS) == set(LISTS)


@pytest.mark.parametrize("path", MAKERS)
@pytest.mark.slow
def test_thirty_rows_cost_as_many_statements_as_two(path: str, trader: Trader) -> None:
    for number in range(2):
        MAKERS[path](trader, number)
    with count_statements() as few:
        trader.get(path)
    for number in range(2, 30):
        MAKERS[path](trader, number)
    with count_statements() as many:
        rows = trader.get(path)["results"]
    assert len(rows) >= 30
    assert len(many) == len(few) <= 4


@pytest.mark.parametrize("path", MAKERS)
@pytest.mark.slow
def test_pages_hold_every_row_once_in_every_order(path: str, trader: Trader) -> None:
    for number in range(5):
        MAKERS[path](trader, number)
    whole = {key_of(row) for row in trader.get(path)["results"]}
    for order in ("", *offered_orders(trader, path)):
        shown: list[Any] = []
        page: str | None = trader.address(path) + f"?page_size=2&ordering={order}"
        while page:
            answer = read(trader.client.get(page), 200)
            shown += [key_of(row) for row in answer["results"]]
            page = answer["next"]
        assert len(shown) == answer["count"] >= 5
        assert set(shown) == whole
        assert len(set(shown)) == len(shown)


def key_of(row: dict[str, Any]) -> Any:
    return row.get("effective_at") or next(iter(row.values()))


def offered_orders(trader: Trader, path: str) -> list[str]:
    view: Any = resolve_address(trader.address(path)).func
    names = view.view_class.ordering_fields
    return [sign + name for name in names for sign in ("", "-")]


@pytest.mark.parametrize("path", MAKERS)
def test_an_order_orders_and_a_minus_reverses_it(path: str, busy: Trader) -> None:
    for number in range(3):
        MAKERS[path](busy, number)
    for order in offered_orders(busy, path):
        rows = busy.get(path, ordering=order)["results"]
        name = SHOWN_AS.get(order.removeprefix("-"), order.removeprefix("-"))
        values = [sortable(row[name]) for row in rows if row.get(name) is not None]
        assert values == sorted(values, reverse=order.startswith("-")), order


# What a row calls the column it is ordered by.
SHOWN_AS = {
    "flowed_at": "at",
    "created": "created_at",
    "run_id": "replay_id",
    "expiry": "expires_at",
    "history_id": "recorded_at",
}


def sortable(value: Any) -> Any:
    try:
        return Decimal(value)
    except (ArithmeticError, TypeError, ValueError):
        return value


@pytest.mark.parametrize(
    "order",
    ["nonsense", "-", "user__password", "user_id", "?", "a\0b", "pk", "x" * 5000],
)
def test_an_unknown_order_is_refused(order: str, trader: Trader) -> None:
    for path in MAKERS:
        assert list(refuse(trader, path, ordering=order)) == ["ordering"], path


@pytest.mark.parametrize("page", ["0", "-1", "99", "x", "1.5", "9" * 5000, "\0", "²"])
def test_a_page_that_does_not_exist_is_not_found(page: str, trader: Trader) -> None:
    for path in MAKERS:
        refuse(trader, path, 404, page=page)


@pytest.mark.parametrize("size", ["0", "00", "-1", "x", "1.5", "", "1e3", "\0", "²"])
def test_a_page_size_that_is_no_number_is_refused(size: str, trader: Trader) -> None:
    assert list(refuse(trader, "/api/goals/", page_size=size)) == ["page_size"]


@pytest.mark.parametrize("size", ["501", "100000", "9" * 5000])
def test_a_page_holds_500_rows_at_most(size: str, trader: Trader) -> None:
    ApiToken.objects.bulk_create(
        ApiToken(digest=f"{number:0128}", token_key="x", user=trader.user)
        for number in range(500)
    )
    page = trader.get("/api/tokens/", page_size=size)
    assert (page["count"], len(page["results"])) == (501, 500)


def test_a_page_holds_50_rows_unless_asked(trader: Trader) -> None:
    ApiToken.objects.bulk_create(
        ApiToken(digest=f"{number:0128}", token_key="x", user=trader.user)
        for number in range(50)
    )
    page = trader.get("/api/tokens/")
    assert (page["count"], len(page["results"])) == (51, 50)


# For every filter: a value, and a condition that exactly the rows found meet.
SINCE, UNTIL = "2020-01-01", "2199-12-31"
FILTERS: dict[str, dict[str, tuple[str, Callable[[Any, Trader], bool]]]] = {
    "/api/portfolios/": {
        "kind": ("live", lambda row, _: True),
        "name": ("crypto", lambda row, _: row["name"] == "crypto"),
        "currency": ("USDT", lambda row, _: row["currency"] == "USDT"),
        "trading_state": ("active", lambda row, _: row["trading_state"] == "active"),
        "drawdown_mode": (
            "trailing_closed",
            lambda row, _: "closed" in row["drawdown_mode"],
        ),
        "floor_in": ("units", lambda row, _: row["floor_in"] == "units"),
        "on_breach": ("halt", lambda row, _: row["on_breach"] == "halt"),
        "daily_on_breach": (
            "halt_day",
            lambda row, _: row["daily_on_breach"] == "halt_day",
        ),
        "edge_guard": ("benefit_of_doubt", lambda row, _: "doubt" in row["edge_guard"]),
    },
    "/api/portfolios/{portfolio_id}/cash-flows/": {
        "external_id": ("flow-1", lambda row, _: row["external_id"] == "flow-1"),
        "voided": ("true", lambda row, _: row["voided_at"] is not None),
    },
    "/api/portfolios/{portfolio_id}/halts/": {
        "cause": ("person", lambda row, _: row["cause"] == "person"),
        "resumed": ("true", lambda row, _: row["resumed_at"] is not None),
        "withdrawn": ("false", lambda row, _: row["withdrawn_at"] is None),
    },
    "/api/goals/": {
        "kind": ("live", lambda row, _: True),
        "status": ("paused", lambda row, _: row["status"] == "paused"),
        "goal_type": ("portfolio_value", lambda row, _: "value" in row["goal_type"]),
        "policy": ("constant", lambda row, _: row["policy"] == "constant"),
        "band": ("behind", lambda row, _: row["band"] == "behind"),
        "portfolio": ("main", lambda row, t: row["portfolio_id"] != t["portfolio_id"]),
        "priority": ("2", lambda row, _: row["priority"] == 2),
        "recurring": ("true", lambda row, _: row["recurring"]),
        "target_date_after": ("2199-01-01", lambda row, _: is_late(row["target_date"])),
        "target_date_before": (
            "2199-01-01",
            lambda row, _: row["target_date"] and not is_late(row["target_date"]),
        ),
    },
    "/api/goals/{goal_id}/progress/": {
        "kind": ("start", lambda row, _: row["kind"] == "start"),
        "from": (SINCE, lambda row, _: True),
        "to": (UNTIL, lambda row, _: True),
    },
    "/api/goals/{goal_id}/adjustments/": {
        "verdict": ("allow", lambda row, _: row["verdict"] == "allow"),
        "band": ("behind", lambda row, _: row["band"] == "behind"),
        "policy": ("ladder", lambda row, _: row["policy"] == "ladder"),
        "strategy_id": ("momentum_001", lambda row, _: row["strategy_id"]),
        "symbol": ("ETHUSDT", lambda row, _: row["symbol"] == "ETHUSDT"),
    },
    "/api/strategies/": {
        "kind": ("live", lambda row, _: True),
        "strategy_type": (
            "momentum",
            lambda row, _: row["strategy_type"] == "momentum",
        ),
        "risk_profile": ("aggressive", lambda row, _: row["risk_profile"][0] == "a"),
        "status": ("paused", lambda row, _: row["status"] == "paused"),
    },
    "/api/strategies/performance/": {
        "kind": ("live", lambda row, _: True),
        "strategy_type": (
            "momentum",
            lambda row, _: row["strategy_type"] == "momentum",
        ),
        "risk_profile": ("aggressive", lambda row, _: row["status"] == "paused"),
        "status": ("paused", lambda row, _: row["status"] == "paused"),
        "portfolio": ("crypto", lambda row, _: True),
        "from": (SINCE, lambda row, _: True),
        "to": (UNTIL, lambda row, _: True),
    },
    "/api/tokens/": {},
    "/api/trades/": {
        "kind": ("live", lambda row, _: True),
        "portfolio": ("main", lambda row, t: row["portfolio_id"] != t["portfolio_id"]),
        "side": ("SHORT", lambda row, _: row["side"] == "SHORT"),
        "status": ("closed", lambda row, _: row["status"] == "closed"),
        "strategy_id": (
            "mean_reversion_001",
            lambda row, _: row["strategy_id"] == "mean_reversion_001",
        ),
        "symbol": ("ETHUSDT", lambda row, _: row["symbol"] == "ETHUSDT"),
        "external_id": ("order-7", lambda row, _: row["external_id"] == "order-7"),
        "entry_time_after": (
            "2026-03-01",
            lambda row, _: row["entry_time"] > "2026-03",
        ),
        "entry_time_before": (
            "2026-03-01T00:00:00Z",
            lambda row, _: row["entry_time"] < "2026-03",
        ),
        "exit_time_after": (SINCE, lambda row, _: row["exit_time"] is not None),
        "exit_time_before": (
            "2026-03-01T00:00:00+05:00",
            lambda row, _: row["exit_time"] and row["exit_time"] < "2026-03",
        ),
        "overridden": ("true", lambda row, _: row["override_halt_id"] is not None),
        "parent_trade_id": (
            "{trade_id}",
            lambda row, t: row["parent_trade_id"] == t["trade_id"],
        ),
        "source_import_id": (
            "{import_id}",
            lambda row, t: row["source_import_id"] == t["import_id"],
        ),
    },
    "/api/trades/imports/": {
        "kind": ("live", lambda row, _: True),
        "portfolio": ("crypto", lambda row, t: row["portfolio_id"]),
        "file_name": ("trades.csv", lambda row, _: row["file_name"] == "trades.csv"),
        "content_sha256": ("0" * 64, lambda row, _: row["content_sha256"][0] == "0"),
    },
    "/api/trades/mappings/": {
        "name": ("My broker", lambda row, _: row["name"] == "My broker"),
    },
    "/api/webhooks/": {
        "kind": ("live", lambda row, _: True),
        "bot": ("freqtrade", lambda row, _: row["bot"] == "freqtrade"),
        "strategy_id": ("momentum_001", lambda row, _: "mom" in row["strategy_id"]),
    },
    "/api/channels/": {
        "kind": ("webhook", lambda row, _: row["kind"] == "webhook"),
        "digest": ("off", lambda row, _: row["digest"] == "off"),
    },
    "/api/channels/{channel_id}/deliveries/": {
        "state": ("waiting", lambda row, _: row["state"] == "waiting"),
    },
    "/api/replays/": {
        "kind": ("simulation", lambda row, _: row["kind"] == "simulation"),
        "symbol": ("TEST", lambda row, _: row["symbol"] == "TEST"),
    },
    "/api/jobs/": {
        "kind": ("comparison", lambda row, _: row["kind"] == "comparison"),
        "state": ("waiting", lambda row, _: row["state"] == "waiting"),
    },
    "/api/alerts/": {
        "kind": ("resumed", lambda row, _: row["kind"] == "resumed"),
        "severity": ("critical", lambda row, _: row["severity"] == "critical"),
        "state": ("read", lambda row, _: row["state"] == "read"),
        "portfolio": (
            "main",
            lambda row, t: row["portfolio_id"] not in {None, t["portfolio_id"]},
        ),
        "goal": ("{goal_id}", lambda row, t: row["goal_id"] == t["goal_id"]),
    },
    "/api/changes/": {
        "kind": ("live", lambda row, _: True),
        "trade_id": ("{trade_id}", lambda row, t: row["trade_id"] == t["trade_id"]),
        "cash_flow_id": ("{flow_id}", lambda row, t: row["cash_flow_id"] is not None),
        "action": ("voided", lambda row, _: row["action"] == "voided"),
        "changed_by": (
            "{name}",
            lambda row, t: row["changed_by"] == t.user.username,
        ),
        "changed_at_after": (SINCE, lambda row, _: True),
        "changed_at_before": (UNTIL, lambda row, _: True),
    },
    "/api/positions/": {
        "kind": ("live", lambda row, _: True),
        "portfolio": ("main", lambda row, t: row["portfolio_id"] != t["portfolio_id"]),
        "side": ("SHORT", lambda row, _: row["side"] == "SHORT"),
        "status": ("closed", lambda row, _: row["status"] == "closed"),
        "symbol": ("ETHUSDT", lambda row, _: row["symbol"] == "ETHUSDT"),
    },
}


def is_late(date: str | None) -> bool:
    return date is not None and date >= "2199-01-01"


@pytest.fixture
def varied(busy: Trader) -> Trader:
    """For every filter a row that it finds."""
    main = Portfolio.objects.get(user=busy.user, name="main")
    main.opening_balance = main.equity = main.units = Decimal(1000)
    main.save()
    busy.post(
        "/api/portfolios/{portfolio_id}/cash-flows/",
        {"amount": "1", "external_id": "flow-1"},
        201,
    )
    long_goal = {"target_date": "2199-12-31", "priority": 2, "recurring": True}
    value = {"goal_type": "portfolio_value", "target_value": "5000"}
    busy.post("/api/goals/", {**value, **long_goal, "policy": "constant"}, 201)
    goal = busy.post("/api/goals/", value, 201)
    busy.patch(f"/api/goals/{goal['goal_id']}/", {"status": "paused"})
    question = {"base_size": "10", "symbol": "ETHUSDT", "strategy_id": "momentum_001"}
    busy.post("/api/goals/{goal_id}/sizing/", question)
    busy.patch(
        "/api/strategies/mean_reversion_001/",
        {"risk_profile": "aggressive", "status": "paused"},
    )
    trade = {"symbol": "ETHUSDT", "side": "SHORT", "quantity": "1", "entry_price": "10"}
    early = datetime(2026, 2, 1, tzinfo=UTC).isoformat()
    busy.post(
        "/api/trades/",
        {
            **trade,
            "strategy_id": "mean_reversion_001",
            "external_id": "order-7",
            "entry_time": early,
            "exit_time": early,
            "exit_price": "9",
        },
        201,
    )
    halted = f"/api/portfolios/{main.pk}"
    busy.post(f"{halted}/halt/", {"reason": "a holiday"})
    order = {**trade, "strategy_id": "momentum_001", "override": True}
    busy.post("/api/trades/", {**order, "symbol": "BTCUSDT"}, 201)
    busy.post(f"{halted}/resume/", {})
    imported = TradeImport.objects.create(
        user=busy.user,
        portfolio_id=busy["portfolio_id"],
        format="mastertrade-csv",
        file_name="trades.csv",
        content_sha256="0" * 64,
        created_count=1,
        known_count=0,
        refused_count=0,
        created_at=early,
        created_by=busy.user.username,
    )
    Trade.objects.filter(symbol="ETHUSDT").update(source_import=imported)
    flow = busy.post(
        "/api/portfolios/{portfolio_id}/cash-flows/", {"amount": "2"}, 201
    )["cash_flow_id"]
    busy.post(
        f"/api/portfolios/{busy['portfolio_id']}/cash-flows/{flow}/void/",
        {"reason": "mistaken"},
    )
    halt_trading(
        user=busy.user, portfolio_id=main.pk, reason="a look", now=timezone.now()
    )
    write_alerts([milestone_of(busy)], user_id=busy.user.username, now=timezone.now())
    busy.post("/api/alerts/{alert_id}/read/", None)
    busy.ids.update(import_id=imported.pk, flow_id=flow, name=busy.user.username)
    return busy


def milestone_of(trader: Trader) -> Alert:
    return Alert(
        kind=AlertKind.MILESTONE,
        cause="a milestone",
        severity=Severity.INFO,
        title="Half of the way",
        text="The goal is at 50 %.",
        figures={},
        occurred_at=timezone.now(),
        portfolio_id=trader["portfolio_id"],
        goal_id=trader["goal_id"],
    )


def test_every_filter_is_covered() -> None:
    assert {path: set(filters) for path, filters in FILTERS.items()} == {
        path: set(one.query) - {"page", "page_size", "ordering"}
        for path, one in LISTS.items()
    }


def test_a_filter_finds_exactly_the_rows_it_means(varied: Trader) -> None:
    wrong = []
    for path, filters in FILTERS.items():
        rows = varied.get(path)["results"]
        for name, (value, condition) in filters.items():
            expected = [row for row in rows if condition(row, varied)]
            found = varied.get(path, **{name: varied.address(value)})["results"]
            if not expected or pace_apart(found) != pace_apart(expected):
                wrong.append((path, name, len(found), len(expected), len(rows)))
    assert wrong == []


def pace_apart(rows: list[Any]) -> list[Any]:
    """Without what goes with the clock, and figures of the trades that count."""
    clock = {"expected_progress_pct", "pace_gap_pct", "required_per_day", "health"}
    figures = {"trades", "counted_trades", "wins", "win_rate", "money", "reason"}
    return [{k: v for k, v in row.items() if k not in clock | figures} for row in rows]


def test_a_portfolio_may_be_filtered_by_key_too(busy: Trader) -> None:
    for path in ("/api/goals/", "/api/trades/", "/api/positions/"):
        by_name = busy.get(path, portfolio="crypto")["count"]
        by_key = busy.get(path, portfolio=busy["portfolio_id"])["count"]
        assert by_key == by_name > 0


def test_a_status_may_be_given_more_than_once(busy: Trader) -> None:
    both = busy.get("/api/goals/", status=["active", "paused"])
    assert both["count"] == 1


TOO_LONG = "9" * 5000
BAD_FILTERS = {
    "enum": ["nonsense", "\0", "ACTIVE", "x" * 5000],
    "integer": ["x", "1.5", "-1", "NaN", "1e400", "-1e999999999", TOO_LONG, "\0", "²"],
    "boolean": ["maybe", "2", "\0", "1e400"],
    "date": ["x", "2026-02-30", "0000-00-00", "\0", "20260302T", TOO_LONG, "NaN"],
    "date-time": [
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-03-02T12:00:00",
        "x",
        "2026-02-30T00:00:00Z",
        "0000-00-00",
        "\0",
        TOO_LONG,
        "NaN",
    ],
    "string": ["\0", "a\0b"],
}
INSTANTS = {"from", "to"}


def test_a_bad_filter_value_is_refused_by_name(busy: Trader) -> None:
    wrong = []
    for path, one in LISTS.items():
        for name, described in one.query.items():
            if name in {"page", "page_size", "ordering"}:
                continue
            kind = "date-time" if name in INSTANTS else kind_of(described)
            for value in BAD_FILTERS[kind]:
                answer = busy.client.get(busy.address(path), {name: value})
                if answer.status_code != 400 or name not in answer.json():
                    said = answer.content[:80]
                    wrong.append((path, name, value[:20], answer.status_code, said))
    assert wrong == []


def kind_of(described: dict[str, Any]) -> str:
    if described["type"] == "array":
        return kind_of(described["items"])
    if "enum" in described:
        return "enum"
    kind = str(described.get("format") or described["type"])
    return "integer" if kind == "int64" else kind


ODD = ["%", "_", "'", '"', "😀", "null", "x" * 100, "٣", "0" * 90, "9" * 90]


@pytest.mark.parametrize("value", ODD)
def test_an_odd_text_finds_nothing(value: str, busy: Trader) -> None:
    for path, one in LISTS.items():
        texts = [
            name
            for name, described in one.query.items()
            if kind_of(described) == "string"
            and name not in {"ordering", "portfolio", *INSTANTS}
        ]
        if texts:
            assert busy.get(path, **dict.fromkeys(texts, value))["count"] == 0, path
        if "portfolio" in one.query:
            refused = busy.client.get(busy.address(path), {"portfolio": value})
            (words,) = read(refused, 400)["portfolio"]
            assert words.startswith(f"You have no portfolio {value}.")


def test_bytes_that_are_no_text_are_no_error_of_the_server(busy: Trader) -> None:
    for path in LISTS:
        answer = busy.client.get(busy.address(path) + "?symbol=%FF%00&ordering=%FF")
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "instant",
    [
        "2026-03-02T12:00:00",
        "9999-12-31T23:59:59",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "9999-12-31T23:59:60Z",
    ],
)
def test_the_history_is_asked_by_instants_that_exist(
    instant: str, trader: Trader
) -> None:
    for name in INSTANTS:
        answer = refuse(trader, "/api/goals/{goal_id}/progress/", **{name: instant})
        assert list(answer) == [name]


@pytest.mark.parametrize(
    "instant",
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-01-01", "2026-W10-1"],
)
def test_the_history_may_be_asked_from_long_ago(instant: str, trader: Trader) -> None:
    for name in INSTANTS:
        trader.get("/api/goals/{goal_id}/progress/", **{name: instant})


def test_the_history_is_cut_at_whole_local_days(trader: Trader) -> None:
    """Both ends belong to it; a day is the portfolio's."""
    snapshot_goals(as_of=timezone.now())
    today = timezone.now().date()
    path = "/api/goals/{goal_id}/progress/"
    whole = trader.get(path)["results"]
    days = {row["snapshot_date"] for row in whole}
    last = [row for row in whole if row["snapshot_date"] == max(days)]
    tomorrow = today + timedelta(days=1)
    assert trader.get(path, **{"from": max(days)})["results"] == last
    assert trader.get(path, to=max(days))["results"] == whole
    assert trader.get(path, **{"from": tomorrow.isoformat()})["results"] == []
    at = last[-1]["effective_at"]
    assert trader.get(path, **{"from": at, "to": at})["results"] == last[-1:]


def refuse(trader: Trader, path: str, status: int = 400, **query: str) -> Any:
    return read(trader.client.get(trader.address(path), query), status)
