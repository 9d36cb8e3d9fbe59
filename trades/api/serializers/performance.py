"""Answers about how well strategies have done."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from goals.decisions.trade_record import RATIO
from goals.projection.kelly import Kelly
from mastertrade.db.model_fields import choices
from mastertrade.values.jsonable import show
from mastertrade.values.money import MONEY
from mastertrade.web.api_fields import DecimalColumnField
from strategies.enums import StrategyStatus
from strategies.models import StrategyInstance
from trades.decisions.performance import MoneyFigures, Performance

# What a share, a ratio of two sums or a Kelly fraction is shown with.
SHARE = (40, 6)


class MoneySerializer(serializers.Serializer[Any]):
    """Results of closed trades in one currency; null where nothing is to divide by.

    `average_loss` and `max_drawdown` are sizes: positive.
    """

    currency = serializers.CharField()
    trades = serializers.IntegerField()
    profit_loss = DecimalColumnField(MONEY)
    average_win = DecimalColumnField(MONEY, allow_null=True)
    average_loss = DecimalColumnField(MONEY, allow_null=True)
    payoff = DecimalColumnField(SHARE, allow_null=True)
    expectancy = DecimalColumnField(MONEY, allow_null=True)
    profit_factor = DecimalColumnField(SHARE, allow_null=True)
    max_drawdown = DecimalColumnField(MONEY)


class EdgeSerializer(serializers.Serializer[Any]):
    """Growth per trade at factor 1: ratios of the equity before; 0.01 is 1 %.

    `lower` and `upper` are the one-sided 80 % bounds of the mean.
    """

    mean = DecimalColumnField(RATIO)
    lower = DecimalColumnField(RATIO)
    upper = DecimalColumnField(RATIO)
    shrunk_mean = DecimalColumnField(RATIO)
    best = DecimalColumnField(RATIO)
    worst = DecimalColumnField(RATIO)
    typical_loss = DecimalColumnField(RATIO)
    disproved = serializers.BooleanField()


class KellySerializer(serializers.Serializer[Any]):
    """The factor that would have grown fastest; low and high are its 80 % band.

    `continuous` is mean/variance, `fraction` the maximiser of E log(1 + f·growth) over
    the sample. Null where nothing bounds it: no loss, or no variance.
    """

    continuous = DecimalColumnField(SHARE, allow_null=True)
    continuous_low = DecimalColumnField(SHARE, allow_null=True)
    continuous_high = DecimalColumnField(SHARE, allow_null=True)
    fraction = DecimalColumnField(SHARE, allow_null=True)
    fraction_low = DecimalColumnField(SHARE, allow_null=True)
    fraction_high = DecimalColumnField(SHARE, allow_null=True)


class PerformanceSerializer(serializers.Serializer[Any]):
    """`edge` and `kelly` are null below 20 trades that count; `reason` says so.

    `since` is null unless the record is longer than is counted at once (50,000 entries
    of the ledger): then only trades after it are.
    """

    strategy_id = serializers.CharField()
    strategy_type = serializers.CharField()
    status = serializers.ChoiceField(choices=choices(StrategyStatus))
    trades = serializers.IntegerField()
    counted_trades = serializers.IntegerField()
    wins = serializers.IntegerField()
    losses = serializers.IntegerField()
    win_rate = DecimalColumnField(SHARE, allow_null=True)
    money = MoneySerializer(many=True)
    edge = EdgeSerializer(allow_null=True)
    kelly = KellySerializer(allow_null=True)
    low_confidence = serializers.BooleanField()
    since = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_null=True)


def show_performance(
    strategy: StrategyInstance, performance: Performance
) -> dict[str, Any]:
    return {
        "strategy_id": strategy.strategy_id,
        "strategy_type": strategy.strategy_type,
        "status": strategy.status,
        "trades": performance.trades,
        "counted_trades": performance.record.trades,
        "wins": performance.wins,
        "losses": performance.losses,
        "win_rate": _show(performance.win_rate, SHARE),
        "money": [_show_money(one) for one in performance.money],
        "edge": _show_edge(performance),
        "kelly": None if performance.kelly is None else _show_kelly(performance.kelly),
        "low_confidence": performance.record.low_confidence,
        "since": performance.since,
        "reason": performance.reason,
    }


def _show_money(money: MoneyFigures) -> dict[str, Any]:
    return {
        "currency": money.currency,
        "trades": money.trades,
        "profit_loss": show(money.profit_loss, MONEY),
        "average_win": _show(money.average_win, MONEY),
        "average_loss": _show(money.average_loss, MONEY),
        "payoff": _show(money.payoff, SHARE),
        "expectancy": _show(money.expectancy, MONEY),
        "profit_factor": _show(money.profit_factor, SHARE),
        "max_drawdown": show(money.max_drawdown, MONEY),
    }


def _show_edge(performance: Performance) -> dict[str, Any] | None:
    record = performance.record
    if not record.judged:
        return None
    return {
        "mean": show(record.mean, RATIO),
        "lower": show(record.lower, RATIO),
        "upper": show(record.upper, RATIO),
        "shrunk_mean": show(record.shrunk_mean, RATIO),
        "best": show(record.best, RATIO),
        "worst": show(performance.worst, RATIO),
        "typical_loss": show(record.typical_loss, RATIO),
        "disproved": record.disproved,
    }


def _show_kelly(kelly: Kelly) -> dict[str, Any]:
    return {
        name: None if value is None else show(Decimal(value), SHARE)
        for name, value in asdict(kelly).items()
    }


def _show(value: Decimal | None, column: tuple[int, int]) -> str | None:
    return None if value is None else show(value, column)
