"""What can be moved on a goal's page, and what was moved."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone

from goals.decisions.periods import local_date
from goals.decisions.policies import PolicyName
from goals.enums import Measure
from goals.models import FinancialGoal
from goals.models.goals import HIGHEST_STOP_PENALTY
from mastertrade.site import figures
from mastertrade.site.goal_forms import POLICIES
from mastertrade.site.goal_lines import short_date
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import HUNDRED, ONE, exactly, format_plain, round_to
from trades.sizing_calls.what_if import Change

STEPS = 40
PERCENT = " %"
FARTHEST = timedelta(days=731)


@dataclass(frozen=True, slots=True)
class Slider:
    """A setting that can be moved; values as an `<input type=range>` takes them."""

    name: str
    label: str
    low: str
    high: str
    step: str
    value: str
    shown: str
    low_shown: str
    high_shown: str
    unit: str

    @property
    def is_money(self) -> bool:
        return self.name == "target_value" and self.unit != PERCENT


@exactly
def sliders_of(goal: FinancialGoal) -> dict[str, Any]:
    """What can be moved on the page of a running goal, from where it is now."""
    portfolio = goal.portfolio
    is_return = goal.kind.measures is Measure.RETURN
    unit = PERCENT if is_return else f" {portfolio.currency}"
    start, target = goal.start_value, goal.target_value
    way = target - start
    step = _nice(way / STEPS)
    sliders = [
        _slider(
            "target_value",
            "Target",
            start + _steps(way * Decimal("0.2"), step),
            start + _steps(way * 2, step),
            step,
            target,
            unit,
        ),
        _deadline(goal),
        _slider(
            "base_risk",
            "Base size, as a multiple of now",
            Decimal("0.25"),
            Decimal(3),
            Decimal("0.05"),
            ONE,
            " \u00d7",
        ),
        _slider(
            "hard_drawdown_pct",
            "Hard floor below the peak",
            Decimal(2),
            max(Decimal(30), portfolio.hard_drawdown_pct),
            Decimal("0.5"),
            portfolio.hard_drawdown_pct,
            " %",
        ),
    ]
    if portfolio.daily_loss_limit_pct is not None:
        sliders.append(
            _slider(
                "daily_loss_limit_pct",
                "Daily loss limit",
                Decimal("0.5"),
                max(Decimal(10), portfolio.daily_loss_limit_pct),
                Decimal("0.25"),
                portfolio.daily_loss_limit_pct,
                " %",
            )
        )
    sliders.append(
        _slider(
            "stop_penalty",
            "Cost of hitting the floor, in reached goals (\u03bb)",
            Decimal(0),
            max(Decimal(5), goal.stop_penalty),
            Decimal("0.25"),
            goal.stop_penalty,
            "",
        )
    )
    return {"sliders": sliders, "policies": POLICIES, "policy": goal.policy}


def _slider(
    name: str,
    label: str,
    low: Decimal,
    high: Decimal,
    step: Decimal,
    value: Decimal,
    unit: str,
) -> Slider:
    low = min(low, value)
    return Slider(
        name,
        label,
        format_plain(low),
        format_plain(max(high, value)),
        "any" if (value - low) % step else format_plain(step),
        format_plain(value),
        f"{figures.number(value)}{unit}",
        f"{figures.number(low)}{unit}",
        f"{figures.number(max(high, value))}{unit}",
        unit,
    )


def _deadline(goal: FinancialGoal) -> Slider:
    """Days from the start; the page shows them as dates."""
    target = goal.target_date or goal.start_date
    today = local_date(timezone.now(), goal.portfolio.time_zone)
    first = max(today, goal.start_date)
    length = max(target - first, timedelta(days=10))
    last = min(target + 2 * length, target + FARTHEST)
    return Slider(
        "days",
        "Deadline",
        "0",
        str((last - first).days),
        "1",
        str((target - first).days),
        short_date(target),
        short_date(first),
        short_date(last),
        first.isoformat(),
    )


def _nice(step: Decimal) -> Decimal:
    """The nearest of 1, 2, 2.5 and 5 times a power of ten."""
    if step <= 0:
        return ONE
    power = Decimal(1).scaleb(step.adjusted())
    leads = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
    return min(leads, key=lambda lead: abs(lead * power - step)) * power


def _steps(value: Decimal, step: Decimal) -> Decimal:
    return max(round_to(value / step, (20, 0)), ONE) * step


def read_change(goal: FinancialGoal, asked: Mapping[str, Any]) -> Change:
    """What was moved; raises `InvalidInput` for what is no value of its slider."""
    given: dict[str, Any] = {}
    for name in (
        "target_value",
        "stop_penalty",
        "hard_drawdown_pct",
        "daily_loss_limit_pct",
        "base_risk",
    ):
        value = _number(name, asked.get(name))
        if value is not None:
            given[name] = value
    _require(given, "base_risk", Decimal("0.05"), Decimal(20))
    _require(given, "stop_penalty", Decimal(0), Decimal(HIGHEST_STOP_PENALTY))
    for name in ("hard_drawdown_pct", "daily_loss_limit_pct"):
        _require(given, name, Decimal("0.01"), HUNDRED)
    target = given.get("target_value")
    if target is not None and target <= goal.start_value:
        raise InvalidInput("target_value", "must be above where the goal starts.")
    until = _date(goal, asked.get("days"))
    if until is not None:
        given["target_date"] = until
    policy = asked.get("policy")
    if policy:
        if policy not in set(PolicyName):
            raise InvalidInput("policy", "is none of the policies.")
        given["policy"] = PolicyName(policy)
    return _only_changes(goal, given)


def _only_changes(goal: FinancialGoal, given: dict[str, Any]) -> Change:
    portfolio = goal.portfolio
    for name in ("hard_drawdown_pct", "daily_loss_limit_pct"):
        if given.get(name) == getattr(portfolio, name):
            given.pop(name, None)
    for name in ("target_value", "target_date", "policy", "stop_penalty"):
        if given.get(name) == getattr(goal, name):
            given.pop(name, None)
    return Change(**given)


def _number(name: str, text: str | None) -> Decimal | None:
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise InvalidInput(name, "must be a number.") from None
    if not value.is_finite() or value.adjusted() > 15 or len(text) > 40:
        raise InvalidInput(name, "is out of range.")
    return value


def _require(given: dict[str, Any], name: str, low: Decimal, high: Decimal) -> None:
    value = given.get(name)
    if value is not None and not low <= value <= high:
        raise InvalidInput(name, f"must be from {low} to {high}.")


def _date(goal: FinancialGoal, days: str | None) -> date | None:
    """The last day, so many days after the first that it may be."""
    if not days:
        return None
    if not (days.isascii() and days.isdigit() and len(days) < 5):
        raise InvalidInput("target_date", "must be a number of days.")
    today = local_date(timezone.now(), goal.portfolio.time_zone)
    return max(today, goal.start_date) + timedelta(days=int(days))
