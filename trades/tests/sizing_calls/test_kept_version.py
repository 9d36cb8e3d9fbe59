"""What is kept is of a version: the figures of one goal, as each answered them."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from goals.models import FinancialGoal
from mastertrade.values.jsonable import to_plain
from trades.sizing_calls.forecast_answers import VERSION
from trades.sizing_calls.forecasts import frontier_of, project
from trades.tests.factories import import_profits
from trades.tests.sizing_calls.test_trade_forecasts import NOW, funded

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
ANSWERS = Path(__file__).with_name(f"kept_answers_{VERSION}.json")
# By random walks, whose seed hangs on the last bit of the record's figures.
DRAWN = {"fan", "streaks", "fall_10_probability", "breach_probability", "median_days"}

# Of so few walks that arrive there may be none, and no median.
RARE = 0.01


def made(number: int) -> Decimal:
    """Of all sizes, so that the solver's grid is asked."""
    return Decimal((number * 37 % 101 - 48) * 17) / 100


def answers() -> dict[str, Any]:
    portfolio, goal = funded(policy="deadline_optimal", target_value=Decimal(30))
    import_profits(
        portfolio, [(NOW - HOUR * one, made(one)) for one in range(24, 0, -1)]
    )
    goal = FinancialGoal.objects.select_related("portfolio").get(pk=goal.pk)
    found = project(goal, NOW)
    plain = to_plain({"projection": found.answer, "frontier": frontier_of(found)})
    for answer in plain.values():
        del answer["goal_id"]
    plain["projection"]["fan"] = plain["projection"]["fan"][-1:]
    del plain["frontier"]["verdict"]  # words about what is drawn
    found = json.loads(json.dumps(plain))
    for one in found["frontier"]["constants"] + found["frontier"]["policies"]:
        if one["probability"] < RARE:
            del one["median_days"]
    return dict(found)


def differ(held: Any, now: Any, place: str = "", within: float = 1e-6) -> list[str]:
    """Where two answers differ."""
    if isinstance(held, dict) and isinstance(now, dict) and held.keys() == now.keys():
        return [
            line
            for key in held
            for line in differ(
                held[key],
                now[key],
                f"{place}.{key}",
                0.25 if key in DRAWN else within,
            )
        ]
    if isinstance(held, list) and isinstance(now, list) and len(held) == len(now):
        pairs = enumerate(zip(held, now, strict=True))
        return [
            line
            for number, (one, other) in pairs
            for line in differ(one, other, f"{place}[{number}]", within)
        ]
    try:
        least = min(within, 0.02)
        same = float(Decimal(now)) == pytest.approx(
            float(Decimal(held)), rel=within, abs=least
        )
    except (ArithmeticError, TypeError, ValueError):
        same = held == now
    return [] if same else [f"{place}: {held} was held, {now} is answered"]


def test_other_figures_or_fields_are_of_another_version() -> None:
    """Else what was kept before would be answered as if it were made now.

    After such a change: raise `VERSION`, and write `answers()` to the file of its name.
    """
    assert differ(json.loads(ANSWERS.read_text(encoding="utf-8")), answers()) == []
