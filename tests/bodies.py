"""A valid body for every operation that takes one, with every optional field.

A new field or operation without one here fails `test_every_field_is_covered`.
"""

from collections.abc import Callable
from typing import Any

from tests.http import FILLS_BY_NAME, PASSWORD, Trader, Upload, ago, open_body


def channel_settings(trader: Trader) -> dict[str, Any]:
    return {
        "address": "http://127.0.0.1:9/another",
        "secret": "correct-horse-battery",
        "name": "desk",
        "kinds": ["halted", "milestone"],
        "quiet_hours": "22:00-07:00",
        "time_zone": "Europe/Vienna",
        "digest": "daily",
        "digest_at": "08:30",
        "per_minute": 30,
        "is_active": True,
    }


def sizing(trader: Trader) -> dict[str, Any]:
    return {
        "base_size": "1000",
        "base_pct": None,
        "risk_amount": None,
        "risk_pct": None,
        "symbol": "BTCUSDT",
        "price": "50000",
        "stop_price": "49000",
        "side": "LONG",
        "cost_pct": "0.2",
        "max_size": "1250",
        "min_size": "10",
        "lot_step": "0.00001",
        "as_of": ago(seconds=0),
        "strategy_id": "momentum_001",
        "request_id": "bar-1",
    }


def portfolio_sizing(trader: Trader) -> dict[str, Any]:
    return {**sizing(trader), "request_id": "bar-2", "portfolio": "crypto"}


def next_trade(trader: Trader) -> dict[str, Any]:
    by_risk = {"base_size": None, "risk_pct": "1"}
    body = {**portfolio_sizing(trader), **by_risk, "candidates": ["momentum_001"]}
    del body["strategy_id"], body["request_id"]
    return body


def portfolio_settings(trader: Trader) -> dict[str, Any]:
    return {
        "name": "crypto renamed",
        "currency": "USDT",
        "time_zone": "UTC",
        "opening_balance": "1000",
        "soft_drawdown_pct": "5",
        "hard_drawdown_pct": "15.5",
        "daily_loss_limit_pct": "3",
        "max_position_pct": "250",
        "edge_guard": "strict",
        "drawdown_mode": "end_of_day",
        "end_of_day_of": "live",
        "drawdown_of": "start",
        "drawdown_locks_at": "1.002",
        "floor_in": "money",
        "floor_reference": {"start_equity": "1000", "peak_equity": "1010"},
        "daily_loss_of": "start",
        "daily_loss_anchor": "higher",
        "day_starts_at": "00:00",
        "daily_profit_lock_pct": "4",
        "max_trades_per_day": 20,
        "pause_after_losses": 3,
        "pause_minutes": 60,
        "headroom_share_pct": "50",
        "on_breach": "fail",
        "daily_on_breach": "fail",
    }


def goal_settings(trader: Trader) -> dict[str, Any]:
    return {
        "target_value": "6",
        "target_date": "2199-12-31",
        "priority": 2,
        "recurring": True,
        "policy": "constant",
        "min_factor": "0.6",
        "max_factor": "1.2",
        "after_achieved": "continue",
        "min_trading_days": 5,
        "best_day_max_pct": "40",
        "stop_penalty": "2",
    }


def trade(trader: Trader) -> dict[str, Any]:
    return open_body(
        entry_time=ago(seconds=0),
        fees="1.5",
        stop_price="49000",
        adjustment_id=trader["adjustment_id"],
        external_id="order-1",
        quote_currency="EUR",
        fee_currency="BNB",
        fx_rate="1.1",
        fee_fx_rate="600",
        leverage="3",
        funding="-2",
        exit_price="51000",
        exit_time=ago(seconds=0),
        profit_loss="-880.2",
        override=True,
    )


def strategy_settings(trader: Trader) -> dict[str, Any]:
    return {
        "strategy_name": "Momentum, 20 bars",
        "strategy_type": "momentum",
        "risk_profile": "aggressive",
        "parameters": {"period": 20, "deep": [{"a": [1.5, None, True, "x"]}]},
        "status": "paused",
    }


BODIES: dict[str, Callable[[Trader], dict[str, Any]]] = {
    "POST /api/portfolios/": lambda trader: {
        **portfolio_settings(trader),
        "name": "stocks",
        "currency": "EUR",
        "time_zone": "Europe/Vienna",
        "preset": "ftmo-2-step-100k",
        "phase": 2,
    },
    "PATCH /api/portfolios/{portfolio_id}/": lambda trader: {
        **portfolio_settings(trader),
        "successor": None,
    },
    "POST /api/portfolios/{portfolio_id}/cash-flows/": lambda trader: {
        "amount": "-5.25",
        "at": ago(seconds=0),
        "external_id": "bank-1",
        "unrealized": [],
    },
    "POST /api/portfolios/{portfolio_id}/halt/": lambda trader: {"reason": "tired"},
    "POST /api/portfolios/{portfolio_id}/resume/": lambda trader: {
        "reason": "rested",
        "floor_reference": None,
    },
    "POST /api/goals/": lambda trader: {
        **goal_settings(trader),
        "goal_type": "portfolio_value",
        "target_value": "2000",
        "start_date": "2026-01-01",
        "start_value": "900",
        "portfolio": "crypto",
    },
    "PATCH /api/goals/{goal_id}/": lambda trader: {
        **goal_settings(trader),
        "status": "paused",
    },
    "POST /api/goals/{goal_id}/sizing/": sizing,
    "POST /api/goals/{goal_id}/strategy/": lambda trader: {
        "candidates": ["momentum_001", "mean_reversion_001"],
        "as_of": ago(seconds=0),
    },
    "POST /api/sizing/": portfolio_sizing,
    "POST /api/next-trade/": next_trade,
    "POST /api/strategies/": lambda trader: {
        **strategy_settings(trader),
        "strategy_id": "breakout:1.5_b-2",
    },
    "PATCH /api/strategies/{strategy_id}/": strategy_settings,
    "POST /api/trades/": trade,
    "POST /api/trades/{trade_id}/close/": lambda trader: {
        "exit_price": "51000",
        "exit_time": ago(seconds=0),
        "fees": "1.5",
        "quantity": "0.01",
        "funding": "-0.25",
        "fee_fx_rate": "1",
        "external_id": "exit-1",
    },
    "POST /api/trades/{trade_id}/add/": lambda trader: {
        "quantity": "0.01",
        "entry_price": "51000",
        "at": ago(seconds=0),
        "fees": "0.5",
        "external_id": "more-1",
    },
    "PATCH /api/trades/{trade_id}/note/": lambda trader: {
        "note": "late entry",
        "tags": ["news"],
        "rating": 4,
    },
    "POST /api/trades/{trade_id}/void/": lambda trader: {"reason": "recorded twice"},
    "POST /api/portfolios/{portfolio_id}/cash-flows/{cash_flow_id}/void/": (
        lambda trader: {"reason": "recorded twice"}
    ),
    "POST /api/positions/marks/": lambda trader: {
        "symbol": "BTCUSDT",
        "price": "51000",
        "at": ago(seconds=0),
    },
    "POST /api/goals/{goal_id}/projection/": lambda trader: {
        "as_of": ago(seconds=0),
        "strategy_id": "momentum_001",
    },
    "POST /api/goals/{goal_id}/frontier/": lambda trader: {"as_of": ago(seconds=0)},
    "POST /api/replays/": lambda trader: {
        "prices": "MSFT",
        "goal_type": "monthly_return",
        "target_value": "5",
        "policy": "pace",
        "preset": None,
        "phase": None,
        "opening_balance": "10000",
        "start_date": "2010-01-01",
        "end_date": "2010-12-31",
        "base_size_pct": "75",
        "resume_after_days": 30,
        "soft_drawdown_pct": "5",
        "hard_drawdown_pct": "10",
        "daily_loss_limit_pct": "3",
        "max_trades_per_day": 4,
        "fee_bps": "5",
        "slippage_bps": "2",
        "raw_prices": False,
        "allow_gaps": True,
        "skip_null_rows": False,
        "tolerate_closes": False,
        "decimal_comma": False,
        "time_zone": "America/New_York",
    },
    "POST /api/comparisons/": lambda trader: {
        "case": "modest-edge",
        "risk_pct": "1",
        "record": 40,
        "portfolio": None,
        "strategy_id": None,
        "trades": 20,
        "goal_pct": "5",
        "stop_pct": "20",
        "min_factor": "0.5",
        "max_factor": "1.3",
        "after_achieved": "protect",
        "guard": "growing",
        "edge_guard": "strict",
        "paths": 1000,
        "seed": 7,
    },
    "POST /api/trades/mappings/": lambda trader: {
        "name": "Another broker",
        "mapping": FILLS_BY_NAME,
    },
    "POST /api/webhooks/": lambda trader: {
        "bot": "freqtrade",
        "portfolio": "crypto",
        "strategy_id": "momentum_001",
    },
    "POST /api/channels/": lambda trader: {
        **channel_settings(trader),
        "kind": "webhook",
    },
    "PATCH /api/channels/{channel_id}/": channel_settings,
    "POST /api/tokens/": lambda trader: {
        "username": trader.user.username,
        "password": PASSWORD,
        "name": "laptop",
        "expires_in_days": 90,
    },
}

CSV = (
    "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time\n"
    "row-1,BTCUSDT,LONG,0.02,50000,2026-03-02T09:00:00Z,51000,2026-03-02T10:00:00Z\n"
)
# What takes a file instead of a body.
UPLOADS: dict[str, Callable[[Trader], Upload]] = {
    "POST /api/trades/import/": lambda trader: Upload(
        CSV.encode(),
        {
            "format": "mastertrade-csv",
            "portfolio": "crypto",
            "strategy_id": "momentum_001",
            "account": "main",
            "venue": "exchange",
            "fx_rates": "EUR=1.1",
            "fee_rates": "BNB=600",
        },
    ),
}
