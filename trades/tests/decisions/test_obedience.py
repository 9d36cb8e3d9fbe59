"""The obedience ledger: how trades were sized, and what that is evidence of."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from trades.decisions.obedience import (
    FEWEST_DAYS,
    Evidence,
    ObedienceLine,
    Sized,
    SizedDay,
    bootstrap_mean,
    how_sized,
    measure_obedience,
)

DAY = date(2026, 3, 2)
ONE_TRADE = SizedDay(Sized.AS_ADVISED, DAY, 1, Decimal(10), 1, Decimal(1))


def made(*profits: int, days: int = 1000) -> list[SizedDay]:
    """As advised, one a day of 1,000, going round after `days`."""
    found: dict[int, SizedDay] = {}
    for place, one in enumerate(profits):
        number = place % days
        before = found.get(number) or replace(
            ONE_TRADE,
            day=DAY + timedelta(days=number),
            trades=0,
            profit=Decimal(0),
            counted=0,
            sum_pct=Decimal(0),
        )
        found[number] = replace(
            before,
            trades=before.trades + 1,
            profit=before.profit + one,
            counted=before.counted + 1,
            sum_pct=before.sum_pct + Decimal(one) / 10,
        )
    return list(found.values())


def line(days: list[SizedDay], kind: Sized = Sized.AS_ADVISED) -> ObedienceLine:
    return next(one for one in measure_obedience(days) if one.sized is kind)


@pytest.mark.parametrize(
    ("notional", "advised", "sized"),
    [
        ("100", "100", Sized.AS_ADVISED),
        ("105", "100", Sized.AS_ADVISED),
        ("105.01", "100", Sized.LARGER),
        ("95", "100", Sized.AS_ADVISED),
        ("94.99", "100", Sized.SMALLER),
        ("1", "0", Sized.LARGER),
    ],
)
def test_a_size_within_a_twentieth_of_the_advice_follows_it(
    notional: str, advised: str, sized: Sized
) -> None:
    found = how_sized(
        notional=Decimal(notional), advised=Decimal(advised), overridden=False
    )

    assert found is sized


@pytest.mark.parametrize("advised", [None, Decimal(100), Decimal(0)])
def test_without_a_decision_nobody_asked_and_an_override_comes_first(
    advised: Decimal | None,
) -> None:
    alone = {"notional": Decimal(100), "advised": None}

    assert how_sized(**alone, overridden=False) is Sized.WITHOUT_ASKING
    alone["advised"] = advised
    assert how_sized(**alone, overridden=True) is Sized.OVERRIDDEN


def test_each_kind_has_its_line_and_all_of_them_the_last() -> None:
    larger = SizedDay(Sized.LARGER, DAY, 2, Decimal(-60), 2, Decimal(-6))

    lines = measure_obedience([ONE_TRADE, larger])

    assert [one.sized for one in lines] == [*Sized, None]
    assert [(one.trades, one.profit) for one in lines] == [
        (1, 10),
        (2, -60),
        (0, 0),
        (0, 0),
        (0, 0),
        (3, -50),
    ]
    assert [one.mean_pct for one in lines] == [
        1, -3, None, None, None, Decimal("-1.666667"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("profits", "evidence"),
    [
        ([20, 10] * 20, Evidence.MADE_MONEY),
        ([-20, -10] * 20, Evidence.COST_MONEY),
        ([10, -10] * 20, Evidence.NONE),
    ],
)
def test_an_interval_that_holds_0_is_no_evidence(
    profits: list[int], evidence: Evidence
) -> None:
    found = line(made(*profits))

    assert found.low_pct is not None
    assert found.low_pct < found.mean_pct < found.high_pct
    assert found.evidence is evidence


def test_fewer_trades_than_an_edge_needs_are_no_evidence() -> None:
    few, enough = line(made(*[20, 10] * 9, 20)), line(made(*[20, 10] * 10))

    assert (few.trades, few.low_pct, few.evidence) == (19, None, Evidence.NONE)
    assert few.lacks_trades
    assert enough.evidence is Evidence.MADE_MONEY


def test_many_trades_of_few_days_are_no_evidence() -> None:
    few = line(made(*[20, 10] * 30, days=FEWEST_DAYS - 1))
    enough = line(made(*[20, 10] * 30, days=FEWEST_DAYS))

    assert (few.trades, few.evidence) == (60, Evidence.NONE)
    assert not few.lacks_trades
    assert enough.evidence is Evidence.MADE_MONEY


def test_a_trade_on_nothing_counts_in_money_alone() -> None:
    found = line([replace(ONE_TRADE, trades=2, profit=Decimal(6))])

    assert (found.trades, found.profit, found.mean_pct) == (2, 6, 1)


def test_the_interval_is_that_of_the_mean_and_always_the_same() -> None:
    sums = np.random.default_rng(3).normal(0.2, 1.0, 400)

    low, high = bootstrap_mean(sums, np.ones(400))

    margin = 1.96 * sums.std(ddof=1) / 20
    assert low == pytest.approx(sums.mean() - margin, abs=0.02)
    assert high == pytest.approx(sums.mean() + margin, abs=0.02)
    assert bootstrap_mean(sums, np.ones(400)) == (low, high)


def test_trades_of_one_day_are_drawn_together() -> None:
    days = np.random.default_rng(4).normal(0.0, 1.0, 60)

    alone = bootstrap_mean(days, np.ones(60))
    repeated = bootstrap_mean(days * 10, np.full(60, 10.0))

    assert repeated == pytest.approx(alone)


def test_a_record_without_an_edge_rarely_looks_like_evidence() -> None:
    random = np.random.default_rng(5)
    tries = 300

    found = 0
    for _ in range(tries):
        made = random.choice([2.0, -1.0], p=[1 / 3, 2 / 3], size=40)
        low, high = bootstrap_mean(made, np.ones(40))
        found += low > 0 or high < 0

    assert found / tries < 0.1
