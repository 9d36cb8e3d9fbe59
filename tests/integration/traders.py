"""Two ways to trade: through the services, and through HTTP.

Both have the same methods and give plain figures, so that one flow is written once and
proven twice. Nothing is decided here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

from rest_framework.test import APIClient

from goals.models import FinancialGoal, GoalAdjustmentLog, User
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio
from strategies.services import create_strategy, update_strategy
from trades.booking.close import close_trade
from trades.booking.open import open_trade
from trades.enums import Side
from trades.sizing_calls.decide import select_strategy, size_for_goal


class Trader(Protocol):
    """What a flow does; every answer is a dictionary of the contract's names."""

    user: User

    def open_portfolio(self, **fields: Any) -> int: ...
    def set_goal(self, **fields: Any) -> dict[str, Any]: ...
    def read_goal(self, goal_id: int) -> dict[str, Any]: ...
    def add_strategy(self, **fields: Any) -> None: ...
    def change_strategy(self, strategy_id: str, **changes: Any) -> None: ...
    def size(self, goal_id: int, **fields: Any) -> dict[str, Any]: ...
    def choose(self, goal_id: int, **fields: Any) -> dict[str, Any]: ...
    def open(self, **fields: Any) -> dict[str, Any]: ...
    def close(self, trade_id: int, **fields: Any) -> dict[str, Any]: ...
    def read_history(self, goal_id: int) -> Sequence[dict[str, Any]]: ...
    def read_decisions(self, goal_id: int) -> Sequence[dict[str, Any]]: ...


class ServiceTrader:
    """Calls the services, as a bot in the same process would."""

    def __init__(self, user: User) -> None:
        self.user = user

    def open_portfolio(self, **fields: Any) -> int:
        return create_portfolio(user=self.user, now=now(), **fields).portfolio_id

    def set_goal(self, **fields: Any) -> dict[str, Any]:
        goal = create_goal(user=self.user, as_of=now(), **fields)
        return self.read_goal(goal.goal_id)

    def read_goal(self, goal_id: int) -> dict[str, Any]:
        goal = FinancialGoal.objects.get(pk=goal_id)
        names = ("goal_id", "current_value", "progress_pct", "status")
        return {name: getattr(goal, name) for name in names}

    def add_strategy(self, **fields: Any) -> None:
        create_strategy(user=self.user, now=now(), **fields)

    def change_strategy(self, strategy_id: str, **changes: Any) -> None:
        update_strategy(user=self.user, strategy_id=strategy_id, now=now(), **changes)

    def size(self, goal_id: int, **fields: Any) -> dict[str, Any]:
        row, _ = size_for_goal(user=self.user, goal_id=goal_id, now=now(), **fields)
        return {"adjustment_id": row.adjustment_id, **row.answer}

    def choose(self, goal_id: int, **fields: Any) -> dict[str, Any]:
        choice = select_strategy(
            user=self.user, goal_id=goal_id, now=now(), **fields
        ).selection
        return {
            "selected_strategy": choice.selected.strategy_id,
            "strategy_type": choice.selected.strategy_type,
            "stance": choice.stance,
            "reason": choice.reason,
            "ranking": [
                {"strategy_id": ranked.strategy_id, "fit": ranked.fit}
                for ranked in choice.ranking
            ],
        }

    def open(self, **fields: Any) -> dict[str, Any]:
        fields["side"] = Side(fields["side"])
        trade, _ = open_trade(user=self.user, now=now(), **fields)
        return {"trade_id": trade.trade_id, "status": trade.status}

    def close(self, trade_id: int, **fields: Any) -> dict[str, Any]:
        closed = close_trade(user=self.user, trade_id=trade_id, now=now(), **fields)
        return {
            "trade_id": trade_id,
            "status": closed.trade.status,
            "profit_loss": closed.trade.profit_loss,
            "goals": [
                {"goal_id": move.goal.goal_id, "progress_pct": move.after.progress_pct}
                for move in closed.moves
            ],
        }

    def read_history(self, goal_id: int) -> Sequence[dict[str, Any]]:
        goal = FinancialGoal.objects.get(pk=goal_id)
        return list(goal.history.order_by("effective_at", "history_id").values())

    def read_decisions(self, goal_id: int) -> Sequence[dict[str, Any]]:
        rows = GoalAdjustmentLog.objects.filter(goal_id=goal_id)
        return list(rows.order_by("-adjustment_id").values())


class HttpTrader:
    """Sends requests with a token, as a bot elsewhere would."""

    def __init__(self, user: User, password: str) -> None:
        self.user = user
        self.client = APIClient()
        credentials = {"username": user.username, "password": password}
        token = self._post("/api/tokens/", credentials, 201)["token"]
        self.client.credentials(HTTP_AUTHORIZATION=f"Token {token}")

    def open_portfolio(self, **fields: Any) -> int:
        return int(self._post("/api/portfolios/", fields, 201)["portfolio_id"])

    def set_goal(self, **fields: Any) -> dict[str, Any]:
        return exact(self._post("/api/goals/", fields, 201))

    def read_goal(self, goal_id: int) -> dict[str, Any]:
        return exact(self.client.get(f"/api/goals/{goal_id}/").json())

    def add_strategy(self, **fields: Any) -> None:
        self._post("/api/strategies/", fields, 201)

    def change_strategy(self, strategy_id: str, **changes: Any) -> None:
        answer = self.client.patch(f"/api/strategies/{strategy_id}/", changes)
        assert answer.status_code == 200, answer.content

    def size(self, goal_id: int, **fields: Any) -> dict[str, Any]:
        return self._post(f"/api/goals/{goal_id}/sizing/", fields, 200)

    def choose(self, goal_id: int, **fields: Any) -> dict[str, Any]:
        return self._post(f"/api/goals/{goal_id}/strategy/", fields, 200)

    def open(self, **fields: Any) -> dict[str, Any]:
        return self._post("/api/trades/", fields, 201)

    def close(self, trade_id: int, **fields: Any) -> dict[str, Any]:
        answer = self._post(f"/api/trades/{trade_id}/close/", fields, 200)
        answer["goals"] = [exact(goal) for goal in answer["goals"]]
        return exact(answer)

    def read_history(self, goal_id: int) -> Sequence[dict[str, Any]]:
        return self._read(f"/api/goals/{goal_id}/progress/")

    def read_decisions(self, goal_id: int) -> Sequence[dict[str, Any]]:
        return self._read(f"/api/goals/{goal_id}/adjustments/")

    def _read(self, address: str) -> list[dict[str, Any]]:
        return [exact(row) for row in self.client.get(address).json()["results"]]

    def _post(self, address: str, body: Any, status_code: int) -> dict[str, Any]:
        answer = self.client.post(address, body)
        assert answer.status_code == status_code, answer.content
        result: dict[str, Any] = answer.json()
        return result


NUMBERS = ("current_value", "target_value", "progress_pct", "profit_loss")
FACTORS = ("adjustment_factor", "base_size", "adjusted_size")
INSTANTS = ("recorded_at", "effective_at")


def exact(row: dict[str, Any]) -> dict[str, Any]:
    """The contract's strings as the figures they stand for."""
    numbers = {
        name: Decimal(row[name])
        for name in (*NUMBERS, *FACTORS)
        if row.get(name) is not None
    }
    instants = {
        name: datetime.fromisoformat(row[name]) for name in INSTANTS if name in row
    }
    return {**row, **numbers, **instants}


def now() -> datetime:
    return datetime.now(UTC)
