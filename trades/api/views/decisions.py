"""HTTP: how large, and with which strategy."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.decisions.guards.day_rules import DayUnknown
from goals.decisions.guards.drawdown import DailyLossUnknown, DrawdownUnknown
from goals.decisions.guards.edge import RecordUnknown
from goals.decisions.guards.exposure import ExposureUnknown
from goals.decisions.guards.headroom import HeadroomUnknown, StopPriceRequired
from goals.decisions.size_request import NoLiveEquity
from goals.models import FinancialGoal, GoalAdjustmentLog
from goals.services.trade_forecasts import EdgeUnknown
from mastertrade.values.exceptions import (
    GoalNotActive,
    IdempotencyConflict,
    NoActiveGoal,
    NoActiveStrategy,
    OutOfRange,
    PortfolioRuined,
    PortfolioUnfunded,
    StrategyNotActive,
)
from mastertrade.web.api_fields import read_body
from mastertrade.web.metrics import DECISIONS
from trades.api.serializers.decisions import (
    GoalSizingRequestSerializer,
    NextTradeAnswerSerializer,
    NextTradeRequestSerializer,
    PortfolioSizingRequestSerializer,
    SizingAnswerSerializer,
    StrategyAnswerSerializer,
    StrategyRequestSerializer,
    show_decision,
    show_selection,
)
from trades.sizing_calls.decide import (
    plan_next_trade,
    select_strategy,
    size_for_goal,
    size_for_portfolio,
)

BASE_1000 = OpenApiExample(
    "A base size of 1000 at 50000 a coin",
    value={
        "base_size": "1000",
        "symbol": "BTCUSDT",
        "price": "50000",
        "lot_step": "0.00001",
        "request_id": "bar-2026-03-02T12:00Z",
    },
    request_only=True,
)
AT_RISK = "1 % of live equity at risk, with a stop and 0.2 % costs"
RISK_1_PCT = OpenApiExample(
    AT_RISK,
    value={
        "risk_pct": "1",
        "symbol": "BTCUSDT",
        "price": "50000",
        "stop_price": "49000",
        "cost_pct": "0.2",
    },
    request_only=True,
)
RISK_OF_PORTFOLIO = OpenApiExample(
    AT_RISK,
    value={**RISK_1_PCT.value, "portfolio": "crypto"},
    request_only=True,
)
BASE_OF_PORTFOLIO = OpenApiExample(
    "The same over all goals of a portfolio",
    value={"portfolio": "crypto", "base_size": "1000", "symbol": "BTCUSDT"},
    request_only=True,
)
BEHIND = OpenApiExample(
    "At 0 % progress",
    value={
        "adjustment_id": 1,
        "goal_id": 1,
        "base_size": "1000.00000000",
        "adjusted_size": "1300.00000000",
        "quantity": "0.026000000000",
        "adjustment_factor": "1.3000",
        "verdict": "allow",
        "reason": "Goal 1 is at 0 % of the way (below 30 %): the ladder policy gives "
        "1.3; verdict allow.",
        "band": "behind",
        "progress_pct": "0.000000",
        "policy": "ladder",
        "guards": [
            {
                "name": "bounds",
                "factor_before": "1.3000",
                "factor_after": "1.3000",
                "reason": "inside the bounds",
            }
        ],
        "warnings": [
            {
                "code": "no_record",
                "message": "The portfolio has 0 of the 20 closed trades that a "
                "record needs: the factor 1.3 is given on the benefit of the doubt. "
                "Set the portfolio's edge_guard to strict to hold it at 1.",
            }
        ],
        "goals": [
            {"goal_id": 1, "factor": "1.3000", "band": "behind", "decides": True}
        ],
        "conflict": False,
    },
    response_only=True,
)


def answer_and_count(row: GoalAdjustmentLog) -> dict[str, Any]:
    """The decision as it is answered, counted for /metrics."""
    DECISIONS.labels(row.verdict).inc()
    return show_decision(row)


# What forbids any decision about a size.
UNSIZED = (
    DailyLossUnknown,
    DayUnknown,
    DrawdownUnknown,
    EdgeUnknown,
    ExposureUnknown,
    HeadroomUnknown,
    NoLiveEquity,
    OutOfRange,
    PortfolioRuined,
    PortfolioUnfunded,
    RecordUnknown,
    StopPriceRequired,
)


class GoalSizingView(APIView):
    subject = (FinancialGoal, "user_id")
    refusals = {
        "POST": (*UNSIZED, GoalNotActive, IdempotencyConflict, StrategyNotActive)
    }

    @extend_schema(
        request=GoalSizingRequestSerializer,
        responses=SizingAnswerSerializer,
        examples=[BASE_1000, RISK_1_PCT, BEHIND],
    )
    def post(self, request: Request, goal_id: int) -> Response:
        """How large to trade, for one goal."""
        body = read_body(self, GoalSizingRequestSerializer)
        row, _ = size_for_goal(
            user=signed_in(request),
            goal_id=goal_id,
            now=timezone.now(),
            **body,
        )
        return Response(answer_and_count(row))


class PortfolioSizingView(APIView):
    refusals = {
        "POST": (*UNSIZED, IdempotencyConflict, NoActiveGoal, StrategyNotActive)
    }

    @extend_schema(
        request=PortfolioSizingRequestSerializer,
        responses=SizingAnswerSerializer,
        examples=[BASE_OF_PORTFOLIO, RISK_OF_PORTFOLIO, BEHIND],
    )
    def post(self, request: Request) -> Response:
        """How large to trade, over all active goals of a portfolio."""
        body = read_body(self, PortfolioSizingRequestSerializer)
        row, _ = size_for_portfolio(user=signed_in(request), now=timezone.now(), **body)
        return Response(answer_and_count(row))


class GoalStrategyView(APIView):
    subject = (FinancialGoal, "user_id")
    refusals = {
        "POST": (
            GoalNotActive,
            NoActiveStrategy,
            PortfolioRuined,
            PortfolioUnfunded,
            RecordUnknown,
        )
    }

    @extend_schema(
        request=StrategyRequestSerializer,
        responses=StrategyAnswerSerializer,
        examples=[
            OpenApiExample(
                "Two candidates",
                value={"candidates": ["momentum_001", "mean_reversion_001"]},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, goal_id: int) -> Response:
        """Which strategy fits the goal's progress, with the whole ranking."""
        body = read_body(self, StrategyRequestSerializer)
        choice = select_strategy(
            user=signed_in(request),
            goal_id=goal_id,
            now=timezone.now(),
            **body,
        )
        return Response(show_selection(choice.row))


class NextTradeView(APIView):
    refusals = {"POST": (*UNSIZED, NoActiveGoal, NoActiveStrategy)}

    @extend_schema(
        request=NextTradeRequestSerializer,
        responses=NextTradeAnswerSerializer,
        examples=[
            OpenApiExample(
                "The next trade",
                value={
                    "portfolio": "crypto",
                    "base_size": "1000",
                    "symbol": "BTCUSDT",
                    "price": "50000",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Strategy and size in one decision."""
        body = read_body(self, NextTradeRequestSerializer)
        planned = plan_next_trade(user=signed_in(request), now=timezone.now(), **body)
        chosen = show_selection(planned.selection)
        return Response(
            {
                **answer_and_count(planned.decision),
                "selected_strategy": chosen["selected_strategy"],
                "strategy_type": chosen["strategy_type"],
                "stance": chosen["stance"],
                "strategy_reason": chosen["reason"],
                "ranking": chosen["ranking"],
            }
        )
