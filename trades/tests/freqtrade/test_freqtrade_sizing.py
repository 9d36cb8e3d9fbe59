"""The strategy mixin for freqtrade, against the server and against a bad network."""

import ast
import importlib.util
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from goals.enums import AfterAchieved, GoalType
from goals.models import GoalAdjustmentLog, Portfolio
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio
from goals.tests.factories import UserFactory
from strategies.services import create_strategy
from tests.http import unthrottled
from trades.booking.open import record_closed_trade
from trades.enums import Side

__all__ = ["unthrottled"]

DOCS = Path(__file__).resolve().parents[3] / "docs/integrations"
FILE = DOCS / "freqtrade/mastertrade_sizing.py"
PAGE = (DOCS / "freqtrade.md").read_text(encoding="utf-8")
CANDLE = datetime(2024, 5, 6, 12, tzinfo=UTC)
NOBODY = "http://127.0.0.1:9"
OK = b'{"adjusted_size": "70.00000000", "verdict": "reduce", "reason": "near target"}'


def load_mixin() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mastertrade_sizing", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


MIXIN = load_mixin()


class Strategy:
    """What of freqtrade's strategies matters here."""

    timeframe = "1h"

    def __init__(self, runmode: str = "backtest") -> None:
        self.config = {"runmode": runmode, "bot_name": "bot one"}

    def custom_stake_amount(self, proposed_stake: float, **call: Any) -> float:
        return proposed_stake


class Sized(MIXIN.MasterTradeSizing, Strategy):  # type: ignore[misc, name-defined]
    mastertrade_portfolio = "crypto"
    mastertrade_timeout = 2.0


def stake_of(strategy: Any, pair: str = "BTC/USDT", **given: Any) -> float:
    """As freqtrade asks."""
    call = {
        "current_time": CANDLE,
        "current_rate": 64000.0,
        "proposed_stake": 100.0,
        "min_stake": 10.0,
        "max_stake": 1000.0,
        "leverage": 1.0,
        "entry_tag": "breakout",
        "side": "long",
    }
    stake: float = strategy.custom_stake_amount(pair=pair, **{**call, **given})
    return stake


def decisions() -> QuerySet[GoalAdjustmentLog]:
    return GoalAdjustmentLog.objects.order_by("adjustment_id")


@pytest.fixture
def portfolio(transactional_db: None) -> Portfolio:
    """A goal of 5 % since 2024, nothing earned yet: the ladder gives 1.3."""
    user = UserFactory()
    now = timezone.now()
    create_strategy(user=user, strategy_id="bot", strategy_type="momentum", now=now)
    portfolio = create_portfolio(
        user=user,
        name="crypto",
        currency="USDT",
        opening_balance=Decimal(1000),
        now=now,
    )
    create_goal(
        user=user,
        goal_type=GoalType.YEARLY_RETURN,
        target_value=Decimal(5),
        start_date=date(2024, 1, 1),
        target_date=date(2199, 12, 31),
        after_achieved=AfterAchieved.STOP,
        portfolio=portfolio.portfolio_id,
        as_of=now,
    )
    return portfolio


@pytest.fixture
def strategy(portfolio: Portfolio, live_server: Any) -> Any:
    return connect(Sized(), portfolio, live_server.url)


def connect(strategy: Any, portfolio: Portfolio, address: str) -> Any:
    from goals.models import ApiToken

    _, token = ApiToken.objects.create(user=portfolio.user)
    strategy.mastertrade_url, strategy.mastertrade_token = address, token
    return strategy


def earn(portfolio: Portfolio, profit: int, at: datetime) -> None:
    record_closed_trade(
        user=portfolio.user,
        now=timezone.now(),
        portfolio=portfolio.portfolio_id,
        strategy_id="bot",
        symbol="BTC/USDT",
        side=Side.LONG,
        quantity=Decimal(1),
        entry_price=Decimal(100),
        entry_time=at,
        exit_price=Decimal(100 + profit),
        exit_time=at,
    )


def test_the_file_needs_nothing_but_python() -> None:
    tree = ast.parse(FILE.read_text(encoding="utf-8"))
    names = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names
    assert names <= sys.stdlib_module_names


def test_the_stake_is_the_base_times_the_factor_as_of_the_candle(
    strategy: Any, portfolio: Portfolio
) -> None:
    steps = ((20, 1), (25, 2), (10, 3))  # to 40, 90 and 110 % of the way
    for profit, month in steps:
        earn(portfolio, profit, CANDLE + timedelta(days=30 * month - 1))
    stakes = [
        stake_of(strategy, current_time=CANDLE + timedelta(days=30 * month))
        for month in range(4)
    ]
    assert stakes == [130.0, 100.0, 70.0, 0.0]
    rows = list(decisions())
    assert [row.adjustment_factor for row in rows] == [
        Decimal("1.3"),
        Decimal(1),
        Decimal("0.7"),
        Decimal(0),
    ]
    assert rows[0].as_of == CANDLE
    assert rows[0].base_size == 100
    assert rows[0].symbol == "BTC/USDT"
    assert (rows[0].request_id or "").startswith("freqtrade:bot one:")


def test_sizes_are_notional_and_stakes_are_not(strategy: Any) -> None:
    assert stake_of(strategy, leverage=3.0, side="short") == 130.0
    assert decisions().get().base_size == 300


def test_the_log_says_what_mastertrade_warns_of(
    strategy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert stake_of(strategy, proposed_stake=900.0, leverage=3.0, max_stake=9000) > 0
    given = [one.message for one in caplog.records if one.levelname == "WARNING"]
    warned = [warning["message"] for warning in decisions().get().warnings]
    assert "is above the live equity" in warned[0]
    assert given == [f"MasterTrade on BTC/USDT long: {words}" for words in warned]


class Stopped(Sized):
    stoploss = -0.1


@pytest.mark.parametrize(
    ("call", "stop_price", "risk"),
    [
        ({}, "57600", "13"),
        ({"side": "short"}, "70400", "13"),
        # freqtrade's stoploss is a share of the stake: a third of it of the price.
        ({"leverage": 3.0}, "61866.666666666666", "13"),
    ],
)
def test_the_strategy_s_stop_goes_along_and_its_risk_comes_back(
    portfolio: Portfolio,
    live_server: Any,
    caplog: pytest.LogCaptureFixture,
    call: dict[str, Any],
    stop_price: str,
    risk: str,
) -> None:
    caplog.set_level("INFO")
    bot = connect(Stopped(), portfolio, live_server.url)
    assert stake_of(bot, **call) == pytest.approx(130.0, abs=1e-6)
    row = decisions().get()
    asked = row.inputs["request"]
    assert Decimal(asked["price"]) == 64000
    assert float(asked["stop_price"]) == pytest.approx(float(stop_price))
    assert asked["side"] == ("SHORT" if "side" in call else "LONG")
    amount, pct = row.answer["risk_amount"], row.answer["risk_pct"]
    assert float(amount) == pytest.approx(float(risk), abs=1e-6)
    assert f"At its stop it loses {amount}, {pct} % of the live equity." in caplog.text


def test_a_risk_replaces_the_base_size(portfolio: Portfolio, live_server: Any) -> None:
    bot = connect(Stopped(), portfolio, live_server.url)
    bot.mastertrade_risk_pct = 0.5
    # 0.5 % of 1000 is lost at 10 %: 50, times 1.3; whatever the bot proposed.
    assert stake_of(bot, proposed_stake=77.0) == 65.0
    assert stake_of(bot, pair="ETH/USDT", leverage=2.0, side="short") == 65.0
    assert [Decimal(row.answer["risk_pct"]) for row in decisions()] == [
        Decimal("0.65")
    ] * 2
    assert stake_of(bot, pair="SOL/USDT", max_stake=20.0) == 20.0


def test_a_risk_of_any_number_of_places_is_rounded_down(
    portfolio: Portfolio, live_server: Any
) -> None:
    bot = connect(Stopped(), portfolio, live_server.url)
    for number, (risk, sent) in enumerate([(1 / 3, "0.333333"), (2 / 3, "0.666666")]):
        bot.mastertrade_risk_pct = risk
        assert stake_of(bot, pair=f"P{number}/USDT") > 0
        asked = decisions().latest("pk").inputs["request"]
        assert Decimal(asked["risk_pct"]) == Decimal(sent)


@pytest.mark.parametrize("stoploss", [None, -1.0, -1.5])
def test_without_a_stop_there_is_none_to_send_and_no_risk_to_size_by(
    portfolio: Portfolio, live_server: Any, stoploss: float | None
) -> None:
    bot = connect(Stopped(), portfolio, live_server.url)
    bot.stoploss = stoploss
    assert stake_of(bot) == 130.0
    assert decisions().get().inputs["request"]["stop_price"] is None
    bot.mastertrade_risk_pct = 1
    assert stake_of(bot, pair="ETH/USDT") == 0.0
    assert decisions().count() == 1


def test_a_strategy_may_know_its_stop_better(
    portfolio: Portfolio, live_server: Any
) -> None:
    class Knowing(Stopped):
        def mastertrade_stop_price(self, current_rate: float, **call: Any) -> float:
            assert (call["pair"], call["entry_tag"]) == ("BTC/USDT", "breakout")
            return current_rate - 640.0

    bot = connect(Knowing(), portfolio, live_server.url)
    bot.mastertrade_risk_pct = 0.05
    assert stake_of(bot) == 65.0  # 0.5 is lost at 1 %: 50
    # On the wrong side it is no stop of a short: refused.
    assert stake_of(bot, side="short") == 0.0


def test_no_answer_is_used_for_another_question(
    portfolio: Portfolio, live_server: Any
) -> None:
    class Knowing(Stopped):
        stop = 0.99

        def mastertrade_stop_price(self, current_rate: float, **call: Any) -> float:
            return current_rate * self.stop

    bot = connect(Knowing(), portfolio, live_server.url)
    bot.mastertrade_risk_pct = 0.05
    changes: list[tuple[Any, dict[str, Any]]] = [
        (bot, {"stop": 0.9}),
        (bot, {"mastertrade_risk_pct": 0.1}),
        (bot, {"mastertrade_risk_pct": None}),
        (bot, {"mastertrade_portfolio": portfolio.pk}),
        (bot, {"mastertrade_strategy_id": "bot"}),
    ]
    call: dict[str, Any] = {"min_stake": None}
    stakes = [stake_of(bot, **call)]
    for asked, (strategy, change) in enumerate(changes, start=1):
        for name, value in change.items():
            setattr(strategy, name, value)
        stakes.append(stake_of(bot, **call))
        assert decisions().count() == asked + 1, change
        stake_of(bot, **call)
        assert decisions().count() == asked + 1, change
    assert stakes[:4] == [65.0, 6.5, 13.0, 130.0]
    for change in ({"current_rate": 63000.0}, {"leverage": 2.0}):
        asked = decisions().count()
        call |= change
        stake_of(bot, **call)
        assert decisions().count() == asked + 1, change


@pytest.mark.parametrize(
    ("limits", "stake", "size"),
    [
        ({"max_stake": 110.0}, 110.0, 110),
        ({"max_stake": float("inf")}, 130.0, 130),
        ({"min_stake": None}, 130.0, 130),
        # freqtrade would lift 130 to 135: to more than was allowed.
        ({"min_stake": 135.0}, 0.0, 0),
        ({"max_stake": 0.0}, 0.0, 0),
    ],
)
def test_freqtrades_limits_are_kept(
    strategy: Any, limits: dict[str, Any], stake: float, size: int
) -> None:
    assert stake_of(strategy, **limits) == stake
    assert decisions().get().adjusted_size == size


def test_a_candle_is_asked_about_once(strategy: Any) -> None:
    for minutes in (0, 20, 59):
        at = CANDLE + timedelta(minutes=minutes)
        assert stake_of(strategy, current_time=at) == 130.0
    assert decisions().count() == 1
    stake_of(strategy, current_time=CANDLE + timedelta(hours=1))
    assert decisions().count() == 2
    stake_of(strategy, pair="ETH/USDT")
    assert decisions().count() == 3
    assert stake_of(strategy, pair="ETH/USDT", proposed_stake=50.0) == 65.0
    assert decisions().count() == 4
    # What was answered before is held to the limits of now.
    assert (
        stake_of(strategy, pair="ETH/USDT", proposed_stake=50.0, max_stake=60.0) == 60
    )
    assert decisions().count() == 4


def test_a_running_bot_asks_about_now_and_anew_when_the_answer_is_old(
    portfolio: Portfolio, live_server: Any
) -> None:
    bot = connect(Sized("live"), portfolio, live_server.url)
    ahead = timezone.now() + timedelta(minutes=5)  # the bot's clock is fast
    begin = timezone.now()
    assert stake_of(bot, current_time=ahead) == 130.0
    assert begin <= decisions().get().as_of <= timezone.now()
    stake_of(bot, current_time=ahead)
    assert decisions().count() == 1
    bot.mastertrade_cache_seconds = 0.0
    stake_of(bot, current_time=ahead)
    assert decisions().count() == 2


@pytest.mark.parametrize("fail_open", [False, True])
def test_what_mastertrade_refuses_is_not_traded(strategy: Any, fail_open: bool) -> None:
    strategy.mastertrade_fail_open = fail_open
    before_the_goal = datetime(2023, 12, 31, tzinfo=UTC)
    assert stake_of(strategy, current_time=before_the_goal) == 0.0
    strategy.mastertrade_token = "revoked"
    assert stake_of(strategy) == 0.0
    strategy.mastertrade_token = None
    assert stake_of(strategy) == 0.0


def test_the_strategys_own_stake_is_the_base(strategy: Any) -> None:
    class Halving(Strategy):
        def custom_stake_amount(self, proposed_stake: float, **call: Any) -> float:
            assert call["entry_tag"] == "breakout"
            return proposed_stake / 2

    class Both(Sized, Halving):
        pass

    both = Both()
    both.__dict__.update(strategy.__dict__)
    assert stake_of(both) == 65.0


class Broken(Sized):
    def _base_stake(self, **call: Any) -> float:
        raise KeyError("a bug of the strategy")


@pytest.mark.parametrize("fail_open", [False, True])
def test_a_bug_opens_nothing(fail_open: bool) -> None:
    broken = Broken()
    broken.mastertrade_fail_open = fail_open
    assert stake_of(broken) == 0.0
    assert stake_of(broken, leverage=float("nan")) == 0.0


def at_address(address: str, runmode: str = "live", **settings: Any) -> Any:
    strategy = Sized(runmode)
    strategy.mastertrade_url, strategy.mastertrade_token = address, "token"
    for name, value in settings.items():
        setattr(strategy, f"mastertrade_{name}", value)
    return strategy


@pytest.mark.parametrize(("fail_open", "stake"), [(False, 0.0), (True, 100.0)])
def test_without_an_answer_the_choice_decides(fail_open: bool, stake: float) -> None:
    assert stake_of(at_address(NOBODY, fail_open=fail_open)) == stake


Answers = Callable[[int], bytes]


@contextmanager
def network(answer: Answers) -> Iterator[tuple[str, list[bytes]]]:
    """Something that listens; answers by the number of the request, and keeps them."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    asked.append(read_request(connection))
                    connection.sendall(answer(len(asked)))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def read_request(connection: socket.socket) -> bytes:
    text = b""
    while b"\r\n\r\n" not in text:
        text += connection.recv(65536)
    head, _, body = text.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return body


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    "answer",
    [
        b"",  # the connection is lost
        b"SSH-2.0-OpenSSH\r\n",
        http("500 Internal Server Error"),
        http("503 Service Unavailable"),
        http("429 Too Many Requests", b"", "Retry-After: 30"),
        http("302 Found", b"", "Location: http://127.0.0.1:9/"),
        http("200 OK", b"<html>"),
        http("200 OK", b"[]"),
        http("200 OK", OK.replace(b"70.0", b"NaN")),
        http("200 OK", OK.replace(b"70.0", b"-1")),
        http("200 OK", OK.replace(b'"reduce"', b"null")),
        http("200 OK", b"{}"),
    ],
)
def test_an_answer_that_is_none_opens_nothing(answer: bytes) -> None:
    with network(lambda _: answer) as (address, asked):
        assert stake_of(at_address(address)) == 0.0
    assert len(asked) == 1


def test_a_server_that_hangs_holds_the_bot_up_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        bot = at_address(address, timeout=0.2)
        begin = time.monotonic()
        for pair in ("BTC/USDT", "ETH/USDT", "SOL/USDT"):
            assert stake_of(bot, pair=pair) == 0.0
        assert 0.2 <= time.monotonic() - begin < 0.4


def test_a_lost_answer_is_asked_for_again_by_the_same_id() -> None:
    answers = {1: b"", 2: http("200 OK", OK), 3: http("200 OK", OK)}
    with network(answers.__getitem__) as (address, asked):
        bot = at_address(address, pause_seconds=0.0)
        assert stake_of(bot) == 0.0
        assert stake_of(bot, max_stake=900.0) == 70.0
        assert stake_of(bot, pair="ETH/USDT") == 70.0
    bodies = [json.loads(body) for body in asked]
    assert bodies[0] == bodies[1]
    assert bodies[2]["request_id"] != bodies[1]["request_id"]


def test_a_backtest_waits_where_it_asks_too_fast() -> None:
    busy = http("429 Too Many Requests", b"", "Retry-After: 0")
    answers = {1: busy, 2: busy, 3: http("200 OK", OK)}
    with network(answers.__getitem__) as (address, asked):
        assert stake_of(at_address(address, "backtest")) == 70.0
    assert len({bytes(body) for body in asked}) == 1


def test_the_environment_names_server_and_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with network(lambda _: http("200 OK", OK)) as (address, asked):
        monkeypatch.setenv("MASTERTRADE_URL", address + "/")
        monkeypatch.setenv("MASTERTRADE_TOKEN", "secret")
        assert stake_of(Sized("dry_run")) == 70.0
    assert len(asked) == 1


@pytest.mark.parametrize("timeframe", ["1m", "5m", "4h", "1d", "1w", "1M"])
def test_every_timeframe_has_candles(timeframe: str) -> None:
    strategy = Sized()
    strategy.timeframe = timeframe
    # A Thursday at midnight begins a candle of any length here.
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    almost_a_minute = begin + timedelta(seconds=59)
    assert strategy._candle(begin) == strategy._candle(almost_a_minute) == 0
    assert strategy._candle(begin + timedelta(days=31)) > 0


def test_the_page_names_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `(mastertrade_\w+)` \| `([^`]+)` \|", PAGE, re.MULTILINE)
    defaults = {
        name: repr(value)
        for name, value in vars(MIXIN.MasterTradeSizing).items()
        if name.startswith("mastertrade_") and not callable(value)
    }
    assert dict(rows) == defaults
    assert len(rows) == len(defaults)


def test_the_strategies_on_the_page_are_some() -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    for name in re.findall(r"^ +(mastertrade_\w+) = ", code, re.MULTILINE):
        assert hasattr(MIXIN.MasterTradeSizing, name)
    names: dict[str, Any] = {}
    freqtrade = ModuleType("freqtrade.strategy")
    freqtrade.__dict__["IStrategy"] = Strategy
    modules = {"freqtrade": ModuleType("freqtrade"), freqtrade.__name__: freqtrade}
    with pytest.MonkeyPatch.context() as patch:
        for name, module in modules.items():
            patch.setitem(sys.modules, name, module)
        exec(compile(code, "page", "exec"), names)
    mine = names["MyStrategy"]
    assert mine.custom_stake_amount is MIXIN.MasterTradeSizing.custom_stake_amount
