"""docs/integrations/freqtrade.md: what a user copies from it works."""

import json
import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.http import (
    client_with,
    make_trader,
    read,
    unthrottled,  # noqa: F401
)
from trades.freqtrade.messages import CLOCK_TOLERANCE, KINDS, read_message
from trades.freqtrade.webhook_decisions import SIZE_TOLERANCE, WINDOW
from trades.models import Trade

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "integrations" / "freqtrade.md").read_text(encoding="utf-8")
RECORDED: list[dict[str, str]] = json.loads(
    (Path(__file__).parents[1] / "files" / "freqtrade_messages.json").read_text()
)["messages"]
# What freqtrade's messages say besides.
OTHERS = {
    "exchange": "Binance",
    "buy_tag": None,
    "limit": 1.0,
    "order_type": "limit",
    "base_currency": "BTC",
    "quote_currency": "USDT",
    "fiat_currency": "USD",
    "sub_trade": False,
}


def block() -> dict[str, Any]:
    found = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    blocks = [json.loads(text) for text in found if '"webhook"' in text]
    assert len(blocks) == 1
    webhook: dict[str, Any] = blocks[0]["webhook"]
    return webhook


def render(message: dict[str, Any]) -> dict[str, str]:
    """As freqtrade renders it: each value of the block, with the message's fields."""
    wanted = block()[message["type"]]
    return {key: value.format(**message) for key, value in wanted.items()}


def test_the_recorded_messages_are_those_of_the_block() -> None:
    for message in RECORDED:
        assert list(message) == list(block()[message["type"]])


@pytest.mark.django_db
def test_the_block_rendered_as_freqtrade_does_books_a_trade() -> None:
    trader = make_trader()
    issued = {"bot": "bot-1", "portfolio": "crypto", "strategy_id": "momentum_001"}
    path = trader.post("/api/webhooks/", issued, 201)["path"]
    assert block()["url"] == f"https://mastertrade.example{path}".replace(
        path.split("/")[-2], "TOKEN"
    )
    now = timezone.now()
    shared: dict[str, Any] = {
        **OTHERS,
        "trade_id": 7,
        "pair": "BTC/USDT",
        "direction": "Short",
        "leverage": 2.0,
        "amount": 0.0123,
        "open_rate": 64250.37,
        "current_rate": None,
        "stake_amount": 0.0123 * 64250.37 / 2,
        "stake_currency": "USDT",
        "enter_tag": None,
        "open_date": now,
    }
    sold = {
        "close_rate": 64000.1,
        "profit_amount": 1.50090006,
        "cumulative_profit": 1.50090006,
        "close_date": now,
        "exit_reason": "roi",
        "is_final_exit": True,
    }
    for message in ({"type": "entry_fill"}, {"type": "exit_fill", **sold}):
        sent = render({**shared, **message})
        answer = client_with().post(path, sent, format="json")
        assert read(answer, 200)["outcome"] == "booked"
    trade = Trade.objects.get()
    assert (trade.external_id, trade.side) == ("freqtrade:bot-1:7", "SHORT")
    assert trade.profit_loss == Decimal("1.50090006")


def test_every_key_but_those_that_the_page_excepts_is_read() -> None:
    excepted = set(re.findall(r"needed but `(\w+)`, `(\w+)`\s+and `(\w+)`", PAGE)[0])
    now = datetime.fromisoformat("2026-02-01T00:00:00+00:00")
    for message in RECORDED:
        seen = read_message(message, now).given
        unread = set(message) - set(seen)
        # Of an exit, the entry's price is the trade's here.
        assert unread <= excepted | {"open_rate"}


def test_how_long_a_bot_is_held_up() -> None:
    settings = block()
    longest = (settings["retries"] + 1) * settings["timeout"] + (
        settings["retries"] * settings["retry_delay"]
    )
    assert f"at most {longest} seconds a fill" in PAGE


def test_figures_of_the_page_are_the_codes() -> None:
    assert CLOCK_TOLERANCE.total_seconds() == 60
    assert "up to a minute ahead" in PAGE
    assert WINDOW.total_seconds() == 3600
    assert re.search(r"newest of the last\s+hour", PAGE)
    assert f"within {SIZE_TOLERANCE * 100:.0f} %" in PAGE
    assert set(KINDS) == {key for key in block() if key.endswith("_fill")}
