"""Make ccxt_spot.json and ccxt_swap.jsonl by ccxt's own code, offline.

In a virtual environment with ccxt 4.5: `python make_ccxt_fills.py`. The answers of the
exchange are made up, in the form that its documentation gives them.
"""

import json
from pathlib import Path
from typing import Any

import ccxt

HERE = Path(__file__).parent
SPOT = [
    # id, milliseconds, is buyer, price, quantity, quote quantity, fee, fee's asset
    (285173221, 1705312205123, True, "96.41", "5.2", "501.332", "0.0052", "SOL"),
    (285173222, 1705312205123, True, "96.42", "4.8", "462.816", "0.0048", "SOL"),
    (286900017, 1705746000000, False, "101.05", "7", "707.35", "0.70735", "USDT"),
    (287000555, 1705832400001, False, "103.3", "0.00001", "0.001033", "0", "BNB"),
]
SWAP = [
    (698759, 1705900000000, False, "43210.50", "0.020", "864.2100", "0.34568400"),
    (698760, 1705986400000, True, "42800.10", "0.012", "513.6012", "-0.05136012"),
    (698999, 1706072800500, True, "43000.00", "0.018", "774.0000", "0.30960000"),
]


def market(exchange: Any, symbol: str, **fields: Any) -> Any:
    base, _, quote = symbol.partition(":")[0].partition("/")
    answer = {
        "id": base + quote,
        "symbol": symbol,
        "base": base,
        "quote": quote,
        "baseId": base,
        "quoteId": quote,
        "precision": {"amount": 1e-8, "price": 1e-8},
        "limits": {},
        **fields,
    }
    return exchange.safe_market_structure(answer)


def make() -> None:
    exchange = ccxt.binance()
    swap = {"type": "swap", "swap": True, "contract": True, "linear": True}
    settled = {"settle": "USDT", "settleId": "USDT", "contractSize": 1, "spot": False}
    exchange.set_markets(
        [
            market(exchange, "SOL/USDT", type="spot", spot=True, contract=False),
            market(exchange, "BTC/USDT:USDT", **swap, **settled),
        ]
    )
    spot = exchange.parse_trades(
        [answer_spot(*fill) for fill in SPOT], exchange.market("SOL/USDT")
    )
    text = json.dumps(spot, indent=1)
    (HERE / "ccxt_spot.json").write_text(text + "\n")
    swaps = exchange.parse_trades(
        [answer_swap(*fill) for fill in SWAP], exchange.market("BTC/USDT:USDT")
    )
    lines = "\n".join(json.dumps(trade) for trade in swaps)
    (HERE / "ccxt_swap.jsonl").write_text(lines + "\n")


def answer_spot(
    key: int,
    time: int,
    is_buyer: bool,
    price: str,
    quantity: str,
    total: str,
    fee: str,
    coin: str,
) -> dict[str, Any]:
    return {
        "symbol": "SOLUSDT",
        "id": key,
        "orderId": key * 7 // 3,
        "orderListId": -1,
        "price": price,
        "qty": quantity,
        "quoteQty": total,
        "commission": fee,
        "commissionAsset": coin,
        "time": time,
        "isBuyer": is_buyer,
        "isMaker": False,
        "isBestMatch": True,
    }


def answer_swap(
    key: int, time: int, is_buyer: bool, price: str, quantity: str, total: str, fee: str
) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "id": key,
        "orderId": key * 37,
        "side": "BUY" if is_buyer else "SELL",
        "price": price,
        "qty": quantity,
        "realizedPnl": "0",
        "quoteQty": total,
        "commission": fee,
        "commissionAsset": "USDT",
        "time": time,
        "positionSide": "BOTH",
        "buyer": is_buyer,
        "maker": fee.startswith("-"),
    }


if __name__ == "__main__":
    make()
