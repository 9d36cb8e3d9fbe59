"""Halts by what the ledger says now: written where missing, withdrawn where wrong."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.decisions.breaches import Breach
from goals.enums import GoalStatus, HaltCause, OnBreach, TradingState
from goals.models import FinancialGoal, Portfolio, TradingHalt
from goals.services.restating import apply_breaches
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.factories import GoalFactory, PortfolioFactory
from tests.examples import crossed
from trades.tests.factories import ENTRY, book_profit
from trades.tests.races import fresh

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2026, 3, 3, tzinfo=ENTRY.tzinfo)
NOW = ENTRY + 9 * HOUR


@pytest.fixture
def portfolio() -> Portfolio:
    return GoalFactory(portfolio=PortfolioFactory()).portfolio


def hard(hours: float, **more: Any) -> Breach:
    return Breach(HaltCause.HARD_DRAWDOWN, ENTRY + hours * HOUR, None, "fell", **more)


def daily(hours: float) -> Breach:
    at = ENTRY + hours * HOUR
    return Breach(HaltCause.DAILY_LOSS, at, MIDNIGHT, "fell")


def apply(portfolio: Portfolio, *breaches: Breach, since: Any = None) -> list[Any]:
    return apply_breaches(
        fresh(portfolio), breaches, since=since, now=NOW, reason="A trade came late"
    )


def halts() -> list[tuple[str, datetime, datetime | None]]:
    rows = TradingHalt.objects.filter(withdrawn_at=None).order_by("halted_at", "cause")
    return list(rows.values_list("cause", "halted_at", "resumed_at"))


def lose(portfolio: Portfolio, hours: float) -> None:
    book_profit(fresh(portfolio), Decimal(-250), at=ENTRY + hours * HOUR)


def resume(portfolio: Portfolio, hours: float) -> None:
    resume_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, now=ENTRY + hours * HOUR
    )


def test_a_missing_halt_is_dated_at_its_breach_and_in_force(portfolio: Any) -> None:
    apply(portfolio, hard(1))
    assert halts() == [("hard_drawdown", ENTRY + HOUR, None)]
    assert fresh(portfolio).trading_state == TradingState.HALTED


def test_further_breaches_of_a_halt_in_force_are_none(portfolio: Any) -> None:
    lose(portfolio, 1)
    apply(portfolio, hard(1), hard(2), hard(3))
    assert halts() == [("hard_drawdown", ENTRY + HOUR, None)]


def test_a_halt_before_the_time_in_question_covers_and_stays(portfolio: Any) -> None:
    lose(portfolio, 1)
    apply(portfolio, hard(2), since=ENTRY + 2 * HOUR)
    assert halts() == [("hard_drawdown", ENTRY + HOUR, None)]


def test_a_halt_that_began_too_late_begins_with_its_breach(portfolio: Any) -> None:
    lose(portfolio, 2)
    apply(portfolio, hard(1))
    assert halts() == [("hard_drawdown", ENTRY + HOUR, None)]
    assert TradingHalt.objects.get().reason == "fell"


@crossed(
    "mode, floor_in", ["trailing_closed", "trailing", "static"], ["units", "money"]
)
def test_a_halt_has_the_figures_of_its_breach_however_it_was_found(
    mode: str, floor_in: str
) -> None:
    """By the hard floor, the day's and a rule of the day: in order, late, redated."""
    limits = {"drawdown_mode": mode, "floor_in": floor_in, "pause_after_losses": 1}
    orders = {"in order": (1, 2, 3), "late": (3, 2, 1), "redated": (2, 1, 3)}
    profits = {1: Decimal(-250), 2: Decimal(-20), 3: Decimal(5)}
    found = {}
    for name, order in orders.items():
        portfolio = PortfolioFactory(daily_loss_limit_pct=Decimal(2), **limits)
        for hours in order:
            at = ENTRY + hours * HOUR
            book_profit(fresh(portfolio), profits[hours], at=at, override=True)
        stored = portfolio.halts.filter(withdrawn_at=None).order_by("cause")
        found[name] = [
            (halt.cause, halt.halted_at, figured(halt.figures)) for halt in stored
        ]
    causes = [(cause, at) for cause, at, _ in found["in order"]]
    assert causes == [
        (cause, ENTRY + HOUR)
        for cause in ("daily_loss", "hard_drawdown", "losses_in_a_row")
    ]
    assert found["late"] == found["redated"] == found["in order"]
    assert found["late"][0][2] | {"fails": False} == {
        "drawdown_pct": 25,
        "daily_loss_pct": 25,
        "unit_value": Decimal("0.75"),
        "live_unit_value": Decimal("0.75"),
        "equity": 750,
        "unrealized_pnl": 0,
        "fails": False,
    }


def figured(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        name: Decimal(one) if isinstance(one, str) else one
        for name, one in figures.items()
    }


def test_a_breach_before_a_resume_is_resumed_by_it(portfolio: Any) -> None:
    """By a halt of another cause, which ended all there were."""
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="away", now=ENTRY
    )
    resume(portfolio, 2)
    apply(portfolio, hard(1), hard(3))
    assert halts() == [
        ("person", ENTRY, ENTRY + 2 * HOUR),
        ("hard_drawdown", ENTRY + HOUR, ENTRY + 2 * HOUR),
        ("hard_drawdown", ENTRY + 3 * HOUR, None),
    ]
    first = TradingHalt.objects.get(cause="hard_drawdown", resumed_at__isnull=False)
    assert first.resumed_by == portfolio.user.username


def test_a_halt_that_nothing_justifies_is_withdrawn_and_says_why(
    portfolio: Any,
) -> None:
    lose(portfolio, 1)
    apply(portfolio)
    assert halts() == []
    halt = TradingHalt.objects.get()
    assert (halt.withdrawn_at, halt.withdrawn_reason) == (NOW, "A trade came late")
    assert fresh(portfolio).trading_state == TradingState.ACTIVE


def test_what_a_person_halted_stays(portfolio: Any) -> None:
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="away", now=ENTRY
    )
    apply(portfolio)
    assert halts() == [("person", ENTRY, None)]


def test_a_days_halt_that_is_over_is_written_and_halts_nothing(portfolio: Any) -> None:
    apply_breaches(
        fresh(portfolio),
        [daily(1), daily(2)],
        since=None,
        now=MIDNIGHT + HOUR,
        reason="late",
    )
    assert halts() == [("daily_loss", ENTRY + HOUR, None)]
    assert fresh(portfolio).trading_state == TradingState.ACTIVE


def test_two_causes_are_two_halts(portfolio: Any) -> None:
    apply(portfolio, daily(1), hard(2))
    assert [cause for cause, *_ in halts()] == ["daily_loss", "hard_drawdown"]


def test_applying_the_same_again_changes_nothing(portfolio: Any) -> None:
    breaches = daily(1), hard(2), hard(4)
    apply(portfolio, *breaches)
    before = list(TradingHalt.objects.order_by("pk").values())
    apply(portfolio, *reversed(breaches))
    assert list(TradingHalt.objects.order_by("pk").values()) == before


def test_goals_fail_and_stand_again_with_the_halts_that_fail() -> None:
    portfolio = PortfolioFactory(on_breach=OnBreach.FAIL)
    goal = GoalFactory(portfolio=portfolio)
    [move] = apply(portfolio, hard(1, fails=True))
    assert (move.goal.status, move.goal.failed_at) == ("failed", ENTRY + HOUR)
    assert apply(portfolio, hard(2, fails=True)) == []  # failed by then, not before
    assert FinancialGoal.objects.get(pk=goal.pk).failed_at == ENTRY + 2 * HOUR
    [move] = apply(portfolio)
    assert move.turned == "failed turned active."
    assert FinancialGoal.objects.get(pk=goal.pk).status == GoalStatus.ACTIVE
