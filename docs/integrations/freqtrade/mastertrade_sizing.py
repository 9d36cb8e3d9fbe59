"""MasterTrade decides how large every entry of a freqtrade strategy is.

Copy this file beside your strategies; it needs nothing but Python:

    from freqtrade.strategy import IStrategy
    from mastertrade_sizing import MasterTradeSizing


    class MyStrategy(MasterTradeSizing, IStrategy):
        mastertrade_portfolio = "crypto"

`MasterTradeSizing` comes first. What the other bases (or freqtrade) propose as the
stake is the base size that MasterTrade multiplies; a stake of 0 opens nothing. The
strategy's `stoploss` goes along, so that the answer says what the trade risks. With
`mastertrade_risk_pct = 1` the base size is what loses 1 % of the live equity there.

freqtrade trades its own stake when `custom_stake_amount` raises, which would be no
protection at all. So nothing is ever raised here: `mastertrade_fail_open` says what is
traded while MasterTrade does not answer.
"""

import json
import logging
import os
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

logger = logging.getLogger(__name__)

CENT = Decimal("0.00000001")  # MasterTrade's places of money
TICK = Decimal("0.000000000001")  # and of prices
PERCENT = Decimal("0.000001")  # and of percentages
LARGEST_ANSWER = 1_000_000  # bytes
LONGEST_WAIT = 60.0  # seconds, where a backtest asks faster than is allowed
TRIES_OF_A_BACKTEST = 3
TOO_MANY_REQUESTS = 429
SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 2_592_000}


class NoAnswer(Exception):
    """MasterTrade was not there: `mastertrade_fail_open` decides."""

    def __init__(self, why: object, wait: float = 1.0) -> None:
        super().__init__(why)
        self.wait = wait


class Refused(Exception):
    """MasterTrade was there and refused: nothing is traded."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token is for the address that was configured, not for another."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


@dataclass
class _Question:
    """What was asked for a pair in its newest candle, and what came back.

    `key` is all that was asked but freqtrade's limits, which hold for every answer.
    """

    key: tuple[Any, ...]
    body: dict[str, str]
    asked_at: float
    answer: dict[str, Any] | None = None


class MasterTradeSizing:
    """Put it before `IStrategy`; the settings are class attributes."""

    # Where MasterTrade is, and a token of yours (`manage.py issue_token`). None: the
    # environment's MASTERTRADE_URL and MASTERTRADE_TOKEN.
    mastertrade_url: str | None = None
    mastertrade_token: str | None = None
    # The portfolio whose goals decide, in the bot's stake currency; None: `main`.
    mastertrade_portfolio: str | int | None = None
    # Whose record the edge guard judges; None: the whole portfolio's.
    mastertrade_strategy_id: str | None = None
    # In place of the base size: what a trade may lose at its stop, in percent of the
    # live equity, before the factor. The bot's own stake is then only its `fail_open`.
    mastertrade_risk_pct: float | None = None
    # While MasterTrade does not answer: False opens nothing, True trades the base size.
    mastertrade_fail_open: bool = False
    # For connecting and for every further read.
    mastertrade_timeout: float = 2.0
    # A running bot uses an answer again in the same candle, but not when it is older.
    mastertrade_cache_seconds: float = 60.0
    # For so long it is not asked again after it did not answer: a bot must not stall.
    mastertrade_pause_seconds: float = 15.0

    def custom_stake_amount(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_stake: float,
        min_stake: float | None,
        max_stake: float,
        leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """The stake that MasterTrade allows; 0 opens nothing. Never raises."""
        base = 0.0
        try:
            base = self._base_stake(
                pair=pair,
                current_time=current_time,
                current_rate=current_rate,
                proposed_stake=proposed_stake,
                min_stake=min_stake,
                max_stake=max_stake,
                leverage=leverage,
                entry_tag=entry_tag,
                side=side,
                **kwargs,
            )
            if not base or base <= 0:
                return 0.0
            stop = self.mastertrade_stop_price(
                pair=pair,
                current_time=current_time,
                current_rate=current_rate,
                leverage=leverage,
                entry_tag=entry_tag,
                side=side,
            )
            limits = min_stake or 0.0, max_stake
            prices = current_rate, stop
            return self._decide(
                pair, side, current_time, base, limits, leverage, prices
            )
        except NoAnswer as why:
            stake = base if self.mastertrade_fail_open else 0.0
            logger.error(
                "No answer from MasterTrade (%s); %s stakes %s", why, pair, stake
            )
            return stake
        except Refused as why:
            logger.warning("MasterTrade refused to size %s: %s", pair, why)
            return 0.0
        except Exception:
            # Whatever is wrong, raising would make freqtrade trade its own stake.
            logger.exception("Sizing %s by MasterTrade failed; nothing is opened", pair)
            return 0.0

    def mastertrade_stop_price(
        self, current_rate: float, leverage: float, side: str, **call: Any
    ) -> float | None:
        """Where the trade will be stopped; None where it has no stop.

        By the strategy's `stoploss`, a share of the stake: the widest stop there is,
        as a `custom_stoploss` (which needs an open trade) only draws it nearer. A
        strategy that knows better overrides this.
        """
        share = getattr(self, "stoploss", None)
        if share is None:
            return None
        distance = abs(float(share)) / float(leverage or 1)
        return current_rate * (1 + distance if side == "short" else 1 - distance)

    def _base_stake(self, proposed_stake: float, **call: Any) -> float:
        other = getattr(super(), "custom_stake_amount", None)
        if other is None:
            return proposed_stake
        stake: float = other(proposed_stake=proposed_stake, **call)
        return stake

    def _decide(
        self,
        pair: str,
        side: str,
        at: datetime,
        base: float,
        limits: tuple[float, float],
        leverage: float,
        prices: tuple[float, float | None],
    ) -> float:
        lever = Decimal(repr(float(leverage or 1)))
        body = {
            # MasterTrade's sizes are notional: the stake times the leverage.
            "base_size": _money(base, lever, ROUND_HALF_EVEN),
            "symbol": pair,
            **_stop(prices, side),
        }
        if self.mastertrade_risk_pct is not None:
            if "stop_price" not in body:
                raise Refused("mastertrade_risk_pct needs a stop, and there is none")
            del body["base_size"]
            risk = Decimal(repr(float(self.mastertrade_risk_pct)))
            body["risk_pct"] = f"{risk.quantize(PERCENT, ROUND_FLOOR):f}"
        if self.mastertrade_portfolio is not None:
            body["portfolio"] = str(self.mastertrade_portfolio)
        if self.mastertrade_strategy_id is not None:
            body["strategy_id"] = self.mastertrade_strategy_id
        key = self._candle(at), leverage, *body.items()
        answer = self._answer(pair, side, at, key, body | _limits(limits, lever))
        stake = float(Decimal(answer["adjusted_size"]) / lever)
        smallest, largest = limits
        # freqtrade would lift a stake that is somewhat too small: to more than allowed.
        if answer["verdict"] == "block" or stake < smallest:
            stake = 0.0
        stake = min(stake, largest)
        logger.info(
            "MasterTrade stakes %s for %s %s, of %s: %s%s",
            *(stake, pair, side, base, answer["reason"], _risk_in_words(answer)),
        )
        for warning in answer.get("warnings") or ():
            logger.warning("MasterTrade on %s %s: %s", pair, side, warning["message"])
        return stake

    def _answer(
        self,
        pair: str,
        side: str,
        at: datetime,
        key: tuple[Any, ...],
        body: dict[str, str],
    ) -> dict[str, Any]:
        """The answer to this candle's question, asked once."""
        asked: dict[tuple[str, str], _Question] = self.__dict__.setdefault(
            "_mastertrade_asked", {}
        )
        known, now = asked.get((pair, side)), time.monotonic()
        if known is None or known.key != key or self._is_old(known, now):
            known = asked[pair, side] = _Question(key, self._complete(body, at), now)
        if known.answer is None:
            # The same body with the same id as before, if it went unanswered.
            known.answer = self._ask_patiently(known.body)
        return known.answer

    def _complete(self, body: dict[str, str], at: datetime) -> dict[str, str]:
        """The question with its id and its time."""
        bot = self._config().get("bot_name") or "freqtrade"
        body = {**body, "request_id": f"freqtrade:{bot[:100]}:{uuid.uuid4()}"}
        if not self._is_running_bot():
            # A running bot asks about now, and whose clock is right is no question.
            moment = at if at.tzinfo else at.replace(tzinfo=UTC)
            body["as_of"] = moment.isoformat()
        return body

    def _ask_patiently(self, body: dict[str, str]) -> dict[str, Any]:
        """A bot asks once; a backtest has time and asks again. Then both pause."""
        if time.monotonic() < self.__dict__.get("_mastertrade_paused_until", 0.0):
            raise NoAnswer("it did not answer a moment ago")
        tries = 1 if self._is_running_bot() else TRIES_OF_A_BACKTEST
        while True:
            tries -= 1
            try:
                return self._ask(body)
            except NoAnswer as why:
                if not tries:
                    until = time.monotonic() + self.mastertrade_pause_seconds
                    self.__dict__["_mastertrade_paused_until"] = until
                    raise
                time.sleep(min(why.wait, LONGEST_WAIT))

    def _ask(self, body: dict[str, str]) -> dict[str, Any]:
        address = self.mastertrade_url or os.environ.get("MASTERTRADE_URL")
        token = self.mastertrade_token or os.environ.get("MASTERTRADE_TOKEN")
        if not address or not token:
            raise Refused("mastertrade_url and mastertrade_token are not set")
        request = urllib.request.Request(
            f"{address.rstrip('/')}/api/sizing/",
            data=json.dumps(body).encode(),
            headers={
                "Authorization": f"Token {token}",
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
        )
        try:
            opener = urllib.request.build_opener(_NoRedirects)
            with opener.open(request, timeout=self.mastertrade_timeout) as response:
                return _read(response.read(LARGEST_ANSWER))
        except urllib.error.HTTPError as error:
            raise _problem(error) from error
        except OSError as error:  # refused, unreachable, timed out
            raise NoAnswer(error) from error
        except Exception as error:  # not HTTP, or not what MasterTrade answers
            raise NoAnswer(f"{type(error).__name__}: {error}") from error

    def _is_old(self, known: _Question, now: float) -> bool:
        age = now - known.asked_at
        return self._is_running_bot() and age > self.mastertrade_cache_seconds

    def _is_running_bot(self) -> bool:
        return str(self._config().get("runmode")) in {"live", "dry_run"}

    def _config(self) -> dict[str, Any]:
        return getattr(self, "config", None) or {}

    def _candle(self, at: datetime) -> int:
        """Which candle of the strategy's timeframe it is."""
        text = str(getattr(self, "timeframe", None) or "1m")
        return int(at.timestamp()) // (int(text[:-1]) * SECONDS[text[-1]])


def _money(stake: float, leverage: Decimal, rounding: str) -> str:
    size = (Decimal(repr(float(stake))) * leverage).quantize(CENT, rounding)
    return f"{size:f}"


def _limits(limits: tuple[float, float], leverage: Decimal) -> dict[str, str]:
    """freqtrade's limits of the stake as MasterTrade's of the size."""
    smallest, largest = limits
    found = {}
    if smallest > 0:
        found["min_size"] = _money(smallest, leverage, ROUND_CEILING)
    if largest < 1e15 / float(leverage):  # infinite where the exchange has none
        found["max_size"] = _money(max(largest, 0.0), leverage, ROUND_FLOOR)
    return found


def _stop(prices: tuple[float, float | None], side: str) -> dict[str, str]:
    """The prices of entry and stop; nothing where there is no stop above 0."""
    price, stop = (
        None if one is None else Decimal(repr(float(one))).quantize(TICK)
        for one in prices
    )
    if not price or stop is None or stop <= 0 or stop == price:
        return {}
    return {
        "price": f"{price:f}",
        "stop_price": f"{stop:f}",
        "side": "SHORT" if side == "short" else "LONG",
    }


def _risk_in_words(answer: dict[str, Any]) -> str:
    if "risk_amount" not in answer:
        return ""
    amount, pct = answer["risk_amount"], answer.get("risk_pct")
    return f" At its stop it loses {amount}, {pct} % of the live equity."


def _read(content: bytes) -> dict[str, Any]:
    """The answer's figures, checked before anything is traded on them."""
    answer: dict[str, Any] = json.loads(content)
    size = Decimal(answer["adjusted_size"])
    if not size.is_finite() or size < 0 or not isinstance(answer["verdict"], str):
        raise ValueError(f"no size: {answer['adjusted_size']!r}")
    return {**answer, "reason": str(answer["reason"])}


def _problem(error: urllib.error.HTTPError) -> Exception:
    """A refusal in MasterTrade's own words, or no answer at all."""
    if error.code == TOO_MANY_REQUESTS or error.code >= 500:
        wait = str(error.headers.get("Retry-After") or "")
        return NoAnswer(f"HTTP {error.code}", float(wait) if wait.isdigit() else 1.0)
    return Refused(f"HTTP {error.code}: {error.read(2_000).decode(errors='replace')}")
