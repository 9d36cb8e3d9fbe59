"""Answers about what a goal may come to."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from rest_framework import serializers

from goals.decisions.progress import measure_pace
from goals.decisions.trade_record import CONFIDENT_TRADES, RATIO
from goals.projection.edge import Edge
from goals.projection.goal_path import GoalPath
from goals.projection.goal_projection import FAN_PCT, MEANING, PROBABILITY
from mastertrade.values.jsonable import show
from mastertrade.values.money import MONEY, PERCENT, hold_within, round_to
from mastertrade.web.api_fields import DecimalColumnField
from trades.sizing_calls.forecasts import GoalProjection

LATEST = timedelta(days=36_500)


class ProjectedEdgeSerializer(serializers.Serializer[Any]):
    """Growth per trade at factor 1 (ratios); `lower`, `upper`: one-sided 80 %."""

    trades = serializers.IntegerField()
    mean = DecimalColumnField(RATIO)
    shrunk_mean = DecimalColumnField(RATIO)
    lower = DecimalColumnField(RATIO)
    upper = DecimalColumnField(RATIO)
    best = DecimalColumnField(RATIO)


class SuggestionsSerializer(serializers.Serializer[Any]):
    """What would make the probability 50 %; null where nothing would."""

    trades = serializers.IntegerField(allow_null=True)
    deadline = serializers.DateTimeField(allow_null=True)
    target_value = DecimalColumnField(MONEY, allow_null=True)


class PacePointSerializer(serializers.Serializer[Any]):
    """The progress expected at an even pace."""

    at = serializers.DateTimeField()
    progress_pct = DecimalColumnField(PERCENT)


class FanPointSerializer(serializers.Serializer[Any]):
    """The 5, 25, 50, 75 and 95 % quantiles of the simulated paths."""

    at = serializers.DateTimeField()
    trades = serializers.IntegerField()
    p5 = DecimalColumnField(MONEY)
    p25 = DecimalColumnField(MONEY)
    p50 = DecimalColumnField(MONEY)
    p75 = DecimalColumnField(MONEY)
    p95 = DecimalColumnField(MONEY)


class ProjectionSerializer(serializers.Serializer[Any]):
    """Probabilities as ratios; `probability_low`, `_high`: 10 and 90 % quantiles.

    `required_per_trade` and `required_per_day` are log-growths (ratios). While trading
    is halted `probability` is that without another trade, `reason` says so, and
    `probability_if_resumed` what it would be if trading were resumed now; the other
    figures assume that.
    """

    goal_id = serializers.IntegerField()
    as_of = serializers.DateTimeField()
    meaning = serializers.CharField()
    probability = DecimalColumnField(PROBABILITY, allow_null=True)
    probability_low = DecimalColumnField(PROBABILITY, allow_null=True)
    probability_high = DecimalColumnField(PROBABILITY, allow_null=True)
    probability_if_resumed = DecimalColumnField(PROBABILITY, allow_null=True)
    reason = serializers.CharField(allow_null=True)
    confidence = serializers.ChoiceField(
        choices=[(word, word) for word in ("none", "low_confidence", "confident")]
    )
    policy = serializers.CharField()
    progress_pct = DecimalColumnField(PERCENT)
    trades_per_day = DecimalColumnField(RATIO)
    trades_left = DecimalColumnField(PERCENT, allow_null=True)
    required_per_trade = DecimalColumnField(RATIO, allow_null=True)
    required_per_day = DecimalColumnField(RATIO, allow_null=True)
    edge = ProjectedEdgeSerializer(allow_null=True)
    unreachable = serializers.BooleanField()
    unreachable_reason = serializers.CharField(allow_null=True)
    suggestions = SuggestionsSerializer()
    pace_line = PacePointSerializer(many=True)
    fan = FanPointSerializer(many=True)


def show_projection(found: GoalProjection) -> dict[str, Any]:
    figures = found.figures
    band = None if found.is_halted else figures
    resumed = figures if found.is_halted else None
    return {
        "goal_id": found.goal.goal_id,
        "as_of": found.as_of,
        "meaning": MEANING,
        "probability": _show(found.probability, PROBABILITY),
        "probability_low": _show(band.low if band else None, PROBABILITY),
        "probability_high": _show(band.high if band else None, PROBABILITY),
        "probability_if_resumed": _show(
            resumed.probability if resumed else None, PROBABILITY
        ),
        "reason": found.reason,
        "confidence": _confidence(found.edge),
        "policy": found.goal.policy,
        "progress_pct": show(found.progress.progress_pct, PERCENT),
        "trades_per_day": show(found.trades_per_day, RATIO),
        "trades_left": _show(found.trades_left, PERCENT),
        "required_per_trade": _show(
            figures.required_per_trade if figures else None, RATIO
        ),
        "required_per_day": _show(found.required_per_day, RATIO),
        "edge": _show_edge(found.edge),
        "unreachable": found.unreachable is not None,
        "unreachable_reason": found.unreachable,
        "suggestions": _show_suggestions(found),
        "pace_line": _show_pace_line(found),
        "fan": _show_fan(found),
    }


def _confidence(edge: Edge | None) -> str:
    if edge is None:
        return "none"
    few = edge.bounds.trades < CONFIDENT_TRADES
    return "low_confidence" if few else "confident"


def _show_edge(edge: Edge | None) -> dict[str, Any] | None:
    if edge is None:
        return None
    bounds = edge.bounds
    figures = {
        "mean": bounds.mean,
        "shrunk_mean": edge.shrunk_mean,
        "lower": bounds.lower,
        "upper": bounds.upper,
        "best": edge.best,
    }
    shown = {name: show(Decimal(value), RATIO) for name, value in figures.items()}
    return {"trades": bounds.trades, **shown}


def _show_suggestions(found: GoalProjection) -> dict[str, Any]:
    figures, trades = found.figures, None
    deadline, target = None, None
    if figures is not None:
        trades = figures.suggested_trades
        if trades is not None and found.trades_per_day > 0:
            ahead = timedelta(days=float(trades / found.trades_per_day))
            deadline = found.as_of + ahead if ahead < LATEST else None
        if figures.suggested_return is not None and found.path is not None:
            equity = np.array([1 + float(figures.suggested_return)])
            target = _values(found, found.path, equity)[0]
    return {"trades": trades, "deadline": deadline, "target_value": target}


def _show_pace_line(found: GoalProjection) -> list[dict[str, Any]]:
    goal = found.goal
    if goal.period_ends_at is None:
        return []
    inside = goal.period_starts_at < found.as_of < goal.period_ends_at
    instants = [goal.period_starts_at, goal.period_ends_at]
    if inside:
        instants.insert(1, found.as_of)
    return [{"at": at, "progress_pct": _expected(found, at)} for at in instants]


def _expected(found: GoalProjection, at: datetime) -> str | None:
    pace = measure_pace(
        progress=found.progress,
        target_value=found.goal.target_value,
        period=found.goal.period,
        at=at,
    )
    return _show(pace.expected_progress_pct, PERCENT)


def _show_fan(found: GoalProjection) -> list[dict[str, Any]]:
    figures, ends_at = found.figures, found.goal.period_ends_at
    if figures is None or found.path is None or ends_at is None or not figures.fan:
        return []
    trades = figures.fan[-1][0]
    names = [f"p{percent}" for percent in FAN_PCT]
    return [
        {
            "at": found.as_of + (ends_at - found.as_of) * done / trades,
            "trades": done,
            **dict(zip(names, _values(found, found.path, equity), strict=True)),
        }
        for done, equity in figures.fan
    ]


def _values(found: GoalProjection, path: GoalPath, equity: "np.ndarray") -> list[str]:
    goal = found.goal
    values = path.value_at(equity, goal.start_value, goal.target_value)
    decimals = [hold_within(Decimal(float(value)), MONEY) for value in values]
    return [f"{round_to(value, MONEY):f}" for value in decimals]


def _show(value: Decimal | None, column: tuple[int, int]) -> str | None:
    return None if value is None else show(value, column)
