"""Growth records from their sums, against the plain formulas over the sample."""

from decimal import Decimal
from fractions import Fraction
from statistics import NormalDist, mean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.decisions.trade_record import NO_RECORD, GrowthRecord, make_record
from mastertrade.values.money import exactly

GROWTHS = st.lists(
    st.decimals(min_value=-1, max_value=2, places=6), min_size=2, max_size=150
)


@exactly
def record_of(growths: list[Decimal]) -> GrowthRecord:
    losses = [growth for growth in growths if growth < 0]
    return make_record(
        trades=len(growths),
        sum_growth=sum(growths, Decimal(0)),
        sum_squares=sum((growth**2 for growth in growths), Decimal(0)),
        losses=len(losses),
        sum_losses=sum(losses, Decimal(0)),
        sum_cubes=sum((growth**3 for growth in growths), Decimal(0)),
        best=max(growths, default=Decimal(0)),
        worst=min(growths, default=Decimal(0)),
    )


@given(growths=GROWTHS)
def test_the_bounds_are_the_normal_ones_of_the_mean(growths: list[Decimal]) -> None:
    record = record_of(growths)
    sample = [float(growth) for growth in growths]
    margin = NormalDist().inv_cdf(0.8) * stdev(sample) / len(sample) ** 0.5

    assert float(record.mean) == pytest.approx(mean(sample), abs=1e-11)
    assert float(record.lower) == pytest.approx(mean(sample) - margin, abs=1e-7)
    assert float(record.upper) == pytest.approx(mean(sample) + margin, abs=1e-7)


@given(growths=GROWTHS)
def test_shrinking_never_makes_an_edge_larger_nor_turns_it(
    growths: list[Decimal],
) -> None:
    record = record_of(growths)

    assert abs(record.shrunk_mean) <= abs(record.mean) + Decimal("1e-9")
    assert record.shrunk_mean * record.mean >= 0


def test_the_mean_shrinks_by_what_the_deviation_is_in_fifths_of_typical_losses() -> (
    None
):
    growths = [Decimal("0.02"), Decimal("-0.01")] * 20
    record = record_of(growths)
    deviation = stdev(float(growth) for growth in growths)
    prior_trades = (deviation / 0.002) ** 2

    assert record.typical_loss == Decimal("0.01")
    assert float(record.shrunk_mean) == pytest.approx(
        0.005 * 40 / (40 + prior_trades), abs=1e-12
    )


@pytest.mark.parametrize(
    ("trades", "judged", "low_confidence"),
    [(0, False, True), (19, False, True), (20, True, True), (100, True, False)],
)
def test_nothing_is_judged_below_twenty_trades_and_little_relied_on_below_a_hundred(
    trades: int, judged: bool, low_confidence: bool
) -> None:
    record = record_of([Decimal("-0.01"), Decimal("-0.02")] * 50)
    record = GrowthRecord(trades=trades, upper=record.upper)

    assert record.judged is judged
    assert record.disproved is judged
    assert record.low_confidence is low_confidence


@given(growths=GROWTHS)
def test_the_skewness_is_the_third_central_moment_by_the_deviation_cubed(
    growths: list[Decimal],
) -> None:
    sample = [Fraction(growth) for growth in growths]
    centre = sum(sample) / len(sample)
    second, third = (
        sum((growth - centre) ** power for growth in sample) / len(sample)
        for power in (2, 3)
    )
    skewness = record_of(growths).skewness

    assert skewness is not None
    expected = float(third) / float(second) ** 1.5 if second else 0
    assert float(skewness) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_skewness_far_from_zero_growths_loses_nothing_to_cancellation() -> None:
    """The sums are a million times larger than the moments that they differ by."""
    growths = [Decimal(1000) + Decimal(one) / 10**9 for one in (1, 2, 2, 9, 4)]

    moved = [growth - 1000 for growth in growths]
    assert record_of(growths).skewness == record_of(moved).skewness


@given(growths=GROWTHS)
def test_losses_are_counted_measured_and_the_worst_counted_once_more(
    growths: list[Decimal],
) -> None:
    record = record_of(growths)
    losses = [growth for growth in growths if growth < 0]

    assert record.losses == len(losses)
    assert float(record.mean_loss) == pytest.approx(
        -float(mean(losses)) if losses else 0, abs=1e-11
    )
    assert record.worst == min(growths)
    assert record.lower_if_worse == record_of([*growths, min(growths)]).lower


def test_a_record_of_no_trades_says_nothing() -> None:
    assert record_of([]) == NO_RECORD
    assert not NO_RECORD.judged


def test_without_a_loss_the_typical_loss_is_the_mean_growth() -> None:
    assert record_of([Decimal("0.01"), Decimal("0.03")]).typical_loss == Decimal("0.02")


@pytest.mark.parametrize("upper", ["0", "0.000000000001"])
def test_a_record_whose_upper_bound_is_not_below_zero_is_not_disproved(
    upper: str,
) -> None:
    assert not GrowthRecord(trades=30, upper=Decimal(upper)).disproved
