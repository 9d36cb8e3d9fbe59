"""What a resume makes the floors, and the day, measured from."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.decisions.floor_reference import GivenReference
from goals.enums import (
    DrawdownMode,
    DrawdownOf,
    FloorIn,
    HaltCause,
    LimitCause,
    Verdict,
)
from goals.models import LimitChange, Portfolio, TradingHalt
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade.values.exceptions import FloorReferenceRequired, InvalidInput
from trades.sizing_calls.decide import size_for_portfolio
from trades.tests.factories import ENTRY, book_profit
from trades.tests.races import fresh

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
LATER = ENTRY + HOUR


def portfolio_with(**fields: Any) -> Portfolio:
    return GoalFactory(portfolio=PortfolioFactory(**fields)).portfolio


def lose(portfolio: Portfolio, amount: Any, hours: int = 0) -> None:
    book_profit(fresh(portfolio), -Decimal(amount), at=ENTRY + hours * HOUR)


def resume(portfolio: Portfolio, given: Any = None, hours: float = 1) -> Portfolio:
    return resume_trading(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        now=ENTRY + hours * HOUR,
        floor_reference=given,
    )


def blocks(portfolio: Portfolio, hours: int) -> bool:
    row, _ = size_for_portfolio(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=ENTRY + hours * HOUR,
        base_size=Decimal(100),
    )
    return row.verdict == Verdict.BLOCK


@pytest.mark.parametrize("floor_in", FloorIn)
@pytest.mark.parametrize("of", DrawdownOf)
def test_a_static_floor_needs_a_new_reference(
    of: DrawdownOf, floor_in: FloorIn
) -> None:
    portfolio = portfolio_with(
        drawdown_mode=DrawdownMode.STATIC, drawdown_of=of, floor_in=floor_in
    )
    lose(portfolio, 250)
    with pytest.raises(FloorReferenceRequired, match="static"):
        resume(portfolio)
    assert TradingHalt.objects.filter(resumed_at=None).count() == 1
    resume(portfolio, "present")
    assert not blocks(portfolio, 1)
    change = LimitChange.objects.get(cause=LimitCause.RESUME)
    value = 750 if floor_in is FloorIn.MONEY else Decimal("0.75")
    assert (change.start_value, change.peak_value) == (value, value)
    lose(portfolio, 140, 2)  # 610 of 750, the floor is at 600
    assert not blocks(portfolio, 2)
    lose(portfolio, 10, 3)
    assert blocks(portfolio, 3)


def test_a_person_says_where_the_floor_is_now() -> None:
    portfolio = portfolio_with()
    lose(portfolio, 250)
    resume(portfolio, GivenReference(floor_equity=Decimal(700)))
    lose(portfolio, 49, 2)
    assert not blocks(portfolio, 2)
    lose(portfolio, 1, 3)
    assert blocks(portfolio, 3)
    assert not LimitChange.objects.get(cause=LimitCause.RESUME).of_present


def test_a_floor_that_would_halt_again_is_refused() -> None:
    portfolio = portfolio_with()
    lose(portfolio, 250)
    with pytest.raises(InvalidInput, match="not below the present equity of 750"):
        resume(portfolio, GivenReference(floor_equity=Decimal(750)))
    assert not LimitChange.objects.exists()


def test_a_reference_is_of_the_hard_floor_only() -> None:
    portfolio = portfolio_with()
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="away", now=ENTRY
    )
    with pytest.raises(InvalidInput, match="halted by person"):
        resume(portfolio, GivenReference(floor_equity=Decimal(700)))
    resume(portfolio, "present")
    assert not LimitChange.objects.exists()


# What each rule of the day is reached by, twice: a profit, and how often.
RULES = {
    HaltCause.DAILY_LOSS: ({"daily_loss_limit_pct": Decimal(5)}, -60, 1),
    HaltCause.PROFIT_LOCK: ({"daily_profit_lock_pct": Decimal(3)}, 35, 1),
    HaltCause.TRADES_PER_DAY: ({"max_trades_per_day": 2}, 1, 2),
    HaltCause.LOSSES_IN_A_ROW: ({"pause_after_losses": 2}, -1, 2),
}


@pytest.mark.parametrize("cause", RULES)
def test_after_a_resume_the_rules_of_the_day_begin_anew(cause: HaltCause) -> None:
    limits, profit, times = RULES[cause]
    portfolio = portfolio_with(**limits)
    hour = 0
    for halts in (1, 2):
        for count in range(times):
            assert not blocks(portfolio, hour), count
            book_profit(fresh(portfolio), Decimal(profit), at=ENTRY + hour * HOUR)
            hour += 1
        assert blocks(portfolio, hour)
        assert [halt.cause for halt in TradingHalt.objects.all()] == [cause] * halts
        resume(portfolio, hours=hour - 0.5)
    assert not blocks(portfolio, hour)
