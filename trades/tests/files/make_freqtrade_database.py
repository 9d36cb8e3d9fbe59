"""Make `freqtrade.sqlite` and `freqtrade_messages.json` by freqtrade's own code.

    python -m venv /tmp/freqtrade && /tmp/freqtrade/bin/pip install freqtrade
    /tmp/freqtrade/bin/python trades/tests/files/make_freqtrade_database.py

freqtrade is no dependency of the project, so this runs in a virtual environment of its
own. Its models keep the trades and measure their profit, its bot words the messages of
their fills, its webhook renders them with the configuration block of
`docs/integrations/freqtrade.md`. Only the exchange's answers are made up here.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from freqtrade import __version__, freqtradebot
from freqtrade.enums import TradingMode
from freqtrade.persistence import Order, Trade, init_db, trade_model
from freqtrade.rpc.webhook import Webhook

HERE = Path(__file__).resolve().parent
DATABASE = HERE / "freqtrade.sqlite"
MESSAGES = HERE / "freqtrade_messages.json"
PAGE = HERE.parents[2] / "docs" / "integrations" / "freqtrade.md"
FEE = 0.001
CLOCK = {"now": datetime(2026, 1, 5, 8, tzinfo=UTC)}


@dataclass
class Fill:
    """One order that the exchange filled; `side` is entry, exit or stoploss."""

    side: str
    amount: float
    rate: float
    funding: float = 0.0
    fee_base: float | None = None
    filled: bool = True


@dataclass
class Story:
    """A trade and its fills, one an hour."""

    pair: str
    fills: list[Fill]
    strategy: str = "MomentumBot"
    enter_tag: str | None = "breakout"
    is_short: bool = False
    leverage: float = 1.0
    mode: TradingMode = TradingMode.SPOT
    fee_close: float | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)


def enter(amount: float, rate: float, **more: Any) -> Fill:
    return Fill("entry", amount, rate, **more)


def leave(amount: float, rate: float, **more: Any) -> Fill:
    return Fill("exit", amount, rate, **more)


FUTURES = {"mode": TradingMode.FUTURES}
STORIES = [
    # A whole profit, a whole loss, and a fee that the exchange took in the coin.
    Story("BTC/USDT", [enter(0.0123, 64250.37), leave(0.0123, 65999.99)]),
    Story("SOL/USDT", [enter(7.31, 143.17), leave(7.31, 139.02)], enter_tag=None),
    Story(
        "ETH/USDT",
        [enter(0.4, 2511.11, fee_base=0.0004), leave(0.3996, 2600.01)],
        fee_close=0.00075,
    ),
    # Three entries, two partial exits between and after them.
    Story(
        "ADA/USDT",
        [
            enter(1000, 0.3333),
            enter(777.7, 0.3111),
            leave(500, 0.3512),
            enter(333.3, 0.2999),
            leave(611.1, 0.3402),
            leave(999.9, 0.36),
        ],
        strategy="GridBot",
    ),
    # Entries and exits that are alike and yet several.
    Story(
        "DOGE/USDT",
        [
            enter(100, 0.12),
            enter(100, 0.12),
            enter(100, 0.12),
            leave(75, 0.13),
            leave(75, 0.13),
            leave(150, 0.11),
        ],
        strategy="GridBot",
        enter_tag="grid",
    ),
    # A short with leverage and funding, in parts.
    Story(
        "ETH/USDT:USDT",
        [
            enter(1.5, 2555.5),
            leave(0.5, 2500.25, funding=0.3127),
            leave(1.0, 2611.75, funding=-0.7751),
        ],
        is_short=True,
        leverage=3.0,
        **FUTURES,
    ),
    # A long with leverage whose funding earned more than its fees cost.
    Story(
        "BTC/USDT:USDT",
        [enter(0.02, 61000.1), leave(0.02, 61000.2, funding=9.5)],
        leverage=5.0,
        **FUTURES,
    ),
    # Ended by the stop loss that lay on the exchange.
    Story("XRP/USDT", [enter(412.3, 0.5512), Fill("stoploss", 412.3, 0.5101)]),
    # Open: whole; less a part of it, with funding; and one not filled yet.
    Story("LTC/USDT", [enter(3.21, 81.34)]),
    Story(
        "SOL/USDT:USDT",
        [
            enter(10, 140.5),
            enter(5, 150.25, funding=-0.021),
            leave(6, 155.125, funding=-0.113),
        ],
        leverage=2.0,
        **FUTURES,
    ),
    Story("DOT/USDT", [enter(40, 6.02, filled=False)]),
]


def configuration() -> dict[str, Any]:
    """The block that users copy."""
    block = re.search(r"```json\n(\{\n *\"webhook\".*?)```", PAGE.read_text(), re.S)
    assert block is not None
    return json.loads(block.group(1))


def bot_of(story: Story, config: dict[str, Any]) -> Any:
    """As much of a bot as its messages need."""
    bot = SimpleNamespace(
        config={**config, "stake_currency": "USDT", "fiat_display_currency": "USD"},
        exchange=SimpleNamespace(
            get_rate=lambda pair, **_: 1.0 + CLOCK["now"].hour / 7,
            get_pair_base_currency=lambda pair: pair.split("/")[0],
            get_pair_quote_currency=lambda pair: pair.split("/")[1].split(":")[0],
        ),
        handle_protections=lambda *_: None,
    )
    webhook = Webhook(None, bot.config)
    webhook._send_msg = story.messages.append
    bot.rpc = webhook
    for name in ("_notify_enter", "_notify_exit"):
        setattr(bot, name, getattr(freqtradebot.FreqtradeBot, name).__get__(bot))
    return bot


def play(story: Story, number: int, config: dict[str, Any]) -> None:
    """Let freqtrade live through the trade."""
    bot = bot_of(story, config)
    trade = make_trade(story)
    for place, fill in enumerate(story.fills):
        CLOCK["now"] += timedelta(hours=1, microseconds=1234)
        side = {"entry": trade.entry_side, "exit": trade.exit_side}.get(fill.side)
        answer = answer_of(fill, side or trade.exit_side, f"{number}-{place}")
        order = Order.parse_from_ccxt_object(
            answer, story.pair, side or "stoploss", fill.amount, fill.rate
        )
        order.ft_fee_base = fill.fee_base
        if story.mode is TradingMode.FUTURES:
            trade.set_funding_fees(fill.funding)
        trade.orders.append(order)
        trade.recalc_trade_from_orders()
        Trade.session.add(trade)
        Trade.commit()
        if not fill.filled:
            continue
        if fill.side == "exit":
            trade.exit_reason = "exit_signal"
        trade.update_trade(order)
        Trade.commit()
        notify(bot, trade, order, stoploss=fill.side == "stoploss")


def make_trade(story: Story) -> Trade:
    first = story.fills[0]
    trade = Trade(
        pair=story.pair,
        base_currency=story.pair.split("/")[0],
        stake_currency="USDT",
        stake_amount=first.amount * first.rate / story.leverage,
        amount=0,
        is_open=True,
        amount_requested=first.amount,
        fee_open=FEE,
        fee_close=story.fee_close or FEE,
        open_rate=first.rate,
        open_rate_requested=first.rate,
        open_date=CLOCK["now"],
        exchange="binance",
        strategy=story.strategy,
        enter_tag=story.enter_tag,
        timeframe=60,
        leverage=story.leverage,
        is_short=story.is_short,
        trading_mode=story.mode,
        interest_rate=0.0,
        funding_fees=0.0,
        amount_precision=8,
        price_precision=8,
        precision_mode=2,
        precision_mode_price=2,
        contract_size=1.0,
    )
    trade.adjust_stop_loss(trade.open_rate, -0.10, initial=True)
    return trade


def answer_of(fill: Fill, side: str, key: str) -> dict[str, Any]:
    """What the exchange says of the order, as ccxt words it."""
    at = int(CLOCK["now"].timestamp() * 1000)
    return {
        "id": f"order-{key}",
        "status": "closed" if fill.filled else "open",
        "symbol": None,
        "type": "limit",
        "side": side,
        "price": fill.rate,
        "average": fill.rate if fill.filled else None,
        "amount": fill.amount,
        "filled": fill.amount if fill.filled else 0.0,
        "remaining": 0.0 if fill.filled else fill.amount,
        "cost": fill.amount * fill.rate,
        "timestamp": at - 1000,
        "lastTradeTimestamp": at,
    }


def notify(bot: Any, trade: Trade, order: Order, *, stoploss: bool) -> None:
    if stoploss:
        trade.exit_reason = "stoploss_on_exchange"
        Trade.commit()
        bot._notify_exit(trade, "stoploss", True)
    else:
        freqtradebot.FreqtradeBot.order_close_notify(bot, trade, order, False, True)


class Clock(datetime):
    """freqtrade reads the wall clock; here it reads the story's."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return CLOCK["now"] if tz else CLOCK["now"].replace(tzinfo=None)


def record(database: Path, config: dict[str, Any]) -> None:
    """Let freqtrade live through all trades; the file must not be there yet."""
    freqtradebot.datetime = trade_model.datetime = Clock
    init_db(f"sqlite:///{database}")
    for number, story in enumerate(STORIES, start=1):
        play(story, number, config)
    Trade.commit()
    engine = Trade.session.get_bind()
    Trade.session.remove()
    engine.dispose()  # the last to leave writes the log of changes into the file


def main() -> None:
    for end in ("", "-wal", "-shm"):
        DATABASE.with_name(DATABASE.name + end).unlink(missing_ok=True)
    record(DATABASE, configuration())
    given = [message for story in STORIES for message in story.messages]
    text = json.dumps({"freqtrade": __version__, "messages": given}, indent=1)
    MESSAGES.write_text(text + "\n", encoding="utf-8")
    print(f"{len(STORIES)} trades, {len(given)} messages of freqtrade {__version__}")


if __name__ == "__main__":
    main()
