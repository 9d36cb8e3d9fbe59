"""`python -m tests.faults.seed USERNAME PORTFOLIOS TRADES`: prints what it made."""

import json
import os
import sys
from datetime import timedelta
from decimal import Decimal

OPENING_BALANCE = Decimal(100_000)
STRATEGY = "momentum_001"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastertrade.settings")
    import django

    django.setup()
    username, portfolios, trades = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(make_trader(username, portfolios, trades)))


def make_trader(username: str, portfolios: int, trades: int) -> dict[str, object]:
    from django.utils import timezone

    from goals.models import ApiToken, User
    from goals.services.portfolios import create_portfolio
    from strategies.services import create_strategy

    now = timezone.now()
    user = User.objects.create_user(username)
    create_strategy(user=user, strategy_id=STRATEGY, strategy_type="momentum", now=now)
    made = [
        create_portfolio(
            user=user,
            name=f"portfolio {number}",
            currency="USDT",
            opening_balance=OPENING_BALANCE,
            now=now,
        )
        for number in range(portfolios)
    ]
    goals = [add_goals(user, portfolio.portfolio_id, now) for portfolio in made]
    opened = [
        open_one(user, portfolio.portfolio_id, number, now)
        for portfolio in made
        for number in range(trades)
    ]
    _, token = ApiToken.objects.create(user=user)
    return {
        "username": username,
        "token": token,
        "strategy_id": STRATEGY,
        "portfolios": [portfolio.portfolio_id for portfolio in made],
        "goals": goals,
        "trades": opened,
    }


def add_goals(user, portfolio_id, now):
    """A return, an income and a value to reach; the key of the first."""
    from goals.enums import GoalType
    from goals.services.goals import create_goal

    targets = {
        GoalType.MONTHLY_RETURN: {"target_value": Decimal(50), "recurring": True},
        GoalType.MONTHLY_INCOME: {"target_value": Decimal(50_000), "recurring": True},
        GoalType.PORTFOLIO_VALUE: {"target_value": Decimal(1_000_000)},
    }
    goals = [
        create_goal(
            user=user,
            portfolio=portfolio_id,
            goal_type=goal_type,
            as_of=now,
            start_date=now.date() - timedelta(days=1),
            **fields,
            **(
                {"target_date": now.date() + timedelta(days=20)}
                if goal_type is not GoalType.PORTFOLIO_VALUE
                else {}
            ),
        )
        for goal_type, fields in targets.items()
    ]
    return goals[0].goal_id


def open_one(user, portfolio_id, number, now):
    from trades.booking.open import open_trade

    trade, _ = open_trade(
        user=user,
        portfolio=portfolio_id,
        strategy_id=STRATEGY,
        symbol=("BTCUSDT", "ETHUSDT")[number % 2],
        side="LONG",
        quantity=Decimal("0.02"),
        entry_price=Decimal(50_000),
        entry_time=now - timedelta(hours=30),
        now=now,
    )
    return trade.trade_id


if __name__ == "__main__":
    main()
