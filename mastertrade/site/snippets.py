"""Calls of the API to paste, with the token in them."""

import json
from dataclasses import dataclass
from typing import Any

from goals.models import Portfolio


@dataclass(frozen=True, slots=True)
class Snippet:
    name: str
    code: str


def make_snippets(
    base_url: str, token: str, portfolio: Portfolio | None
) -> list[Snippet]:
    """For curl, Python and freqtrade; they ask for a size in `portfolio`.

    `base_url` ends in a slash. Without a portfolio that has a goal there is no size
    yet: then curl and Python ask which portfolios there are.
    """
    body = None if portfolio is None else _question(portfolio)
    address = f"{base_url}api/{'portfolios' if body is None else 'sizing'}/"
    return [
        Snippet("curl", _curl(address, token, body)),
        Snippet("Python", _python(address, token, body)),
        Snippet("freqtrade", _freqtrade(base_url.rstrip("/"), token, portfolio)),
    ]


def _question(portfolio: Portfolio) -> dict[str, Any]:
    return {
        "portfolio": portfolio.pk,
        "symbol": f"BTC/{portfolio.currency}",
        "price": "50000",
        "stop_price": "49000",
        "risk_pct": "1",
    }


def _curl(address: str, token: str, body: dict[str, Any] | None) -> str:
    lines = [f"curl -sS {address}", f"  -H 'Authorization: Token {token}'"]
    if body is not None:
        short = json.dumps(body, separators=(",", ":"))
        lines += ["  -H 'Content-Type: application/json'", f"  -d '{short}'"]
    return " \\\n".join(lines)


def _python(address: str, token: str, body: dict[str, Any] | None) -> str:
    lines = ["import json", "import urllib.request", ""]
    headers = {"Authorization": f"Token {token}"}
    data = ""
    if body is not None:
        headers["Content-Type"] = "application/json"
        fields = "".join(f'    "{name}": {json.dumps(body[name])},\n' for name in body)
        lines.append(f"asked = {{\n{fields}}}")
        data = "    data=json.dumps(asked).encode(),\n"
    given = "".join(f'        "{name}": "{headers[name]}",\n' for name in headers)
    lines += [
        "request = urllib.request.Request(",
        f'    "{address}",\n{data}    headers={{\n{given}    }},\n)',
        "answer = json.load(urllib.request.urlopen(request, timeout=10))",
    ]
    if body is None:
        lines.append("print(answer)")
    else:
        lines.append(
            'print(answer["verdict"], answer.get("quantity"), answer["reason"])'
        )
    return "\n".join(lines)


def _freqtrade(base_url: str, token: str, portfolio: Portfolio | None) -> str:
    name = "main" if portfolio is None else portfolio.pk
    return f"""\
from freqtrade.strategy import IStrategy
from mastertrade_sizing import MasterTradeSizing


class Sized(MasterTradeSizing, IStrategy):
    mastertrade_url = "{base_url}"
    mastertrade_token = "{token}"
    mastertrade_portfolio = {json.dumps(name)}
    # … your strategy goes on here"""
