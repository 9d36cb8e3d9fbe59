"""freqtrade without a network: `python offline.py backtesting …`, in its environment.

The exchange's list of markets comes from `markets.json`. Every connection to another
machine fails, so that what works here needs none.
"""

import ipaddress
import json
import socket
from pathlib import Path
from typing import Any

import ccxt.pro

MARKETS = Path(__file__).with_name("markets.json")
EXCHANGE = ccxt.pro.binance


def list_markets(exchange: Any) -> list[dict[str, Any]]:
    """The markets as ccxt describes them: spot, no fewest and no most."""
    return [
        exchange.safe_market_structure(
            {
                **answer,
                "id": answer["symbol"].replace("/", ""),
                "baseId": answer["base"],
                "quoteId": answer["quote"],
                "type": "spot",
                "spot": True,
                "active": True,
                "contract": False,
                "taker": 0.001,
                "maker": 0.001,
                "precision": {"amount": 1e-8, "price": 1e-4},
                "info": {"status": "TRADING"},
            }
        )
        for answer in json.loads(MARKETS.read_text(encoding="utf-8"))
    ]


def replace_exchange() -> None:
    async def fetch_markets(self: Any, params: Any = None) -> list[dict[str, Any]]:
        return list_markets(self)

    async def fetch_currencies(self: Any, params: Any = None) -> dict[str, Any]:
        return {}

    EXCHANGE.fetch_markets = fetch_markets
    EXCHANGE.fetch_currencies = fetch_currencies


def cut_the_network() -> None:
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connect_here(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            refuse_elsewhere(address[0])
        connect(self, address)

    def look_up_here(host: Any, *rest: Any, **more: Any) -> Any:
        refuse_elsewhere(host)
        return look_up(host, *rest, **more)

    socket.socket.connect = connect_here  # type: ignore[method-assign]
    socket.getaddrinfo = look_up_here


def refuse_elsewhere(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in {None, "", "localhost"}:
        return
    try:
        here = ipaddress.ip_address(name).is_loopback
    except ValueError:
        here = False
    if not here:
        raise OSError(f"There is no network: {name} is another machine.")


def main() -> None:
    cut_the_network()
    replace_exchange()
    from freqtrade.main import main as run

    run()


if __name__ == "__main__":
    main()
