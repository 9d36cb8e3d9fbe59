"""The edge guard over many records is the one that decides, whatever their shape."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from bench import edge_guard
from bench.edge_guard import SHAPES as SHAPES_OF_BENCH
from bench.edge_guard import SYMMETRIC, count_passed
from goals.decisions.guards.edge import guard_edge
from goals.decisions.trade_record import GrowthRecord
from goals.enums import EdgeGuard
from goals.projection.edge import estimate_edge
from goals.projection.edge_guard import Records, allow_more, guard_factors
from goals.tests.decisions.test_guards_trading import asking
from goals.tests.decisions.test_records import record_of
from goals.tests.decisions.test_sizing import CALM

# In hundredths of a percent: what a trade brings, each as likely as the others.
SHAPES = {
    "symmetric": (-100, -50, 10, 50, 100),
    "2R/-1R": (-100, 200),
    "seller of insurance": (*(30,) * 9, -200),
    "trend follower": (*(-30,) * 7, 400),
    "never a loss": (0, 20, 30),
    "never a win": (-20, -30, 0),
}


def drawn(shape: str, trades: int, count: int = 60) -> np.ndarray:
    generator = np.random.default_rng([trades, len(shape)])
    return generator.choice(SHAPES[shape], (trades, count))


def exact(hundredths: np.ndarray) -> GrowthRecord:
    return record_of([Decimal(int(one)) / 10_000 for one in hundredths])


@pytest.mark.parametrize("edge_guard", EdgeGuard)
@pytest.mark.parametrize("trades", [0, 1, 19, 20, 21, 60])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_guard_over_many_records_is_the_one_that_decides(shape, trades, edge_guard):
    growths = drawn(shape, trades)
    factors = np.array([0.0, 0.7, 1.0, 1.3])
    for place in range(growths.shape[1]):
        met = replace(CALM, record=exact(growths[:, place]), edge_guard=edge_guard)
        decided = [
            float(guard_edge(Decimal(str(factor)), asking(met)).factor)
            for factor in factors
        ]
        records = Records.of(growths[:, [place]] / 10_000)
        assert guard_factors(factors, records, edge_guard).tolist() == decided


@pytest.mark.parametrize("shape", SHAPES)
def test_the_guard_of_a_sample_is_that_of_its_record(shape):
    growths = drawn(shape, 25)
    for place in range(growths.shape[1]):
        edge = estimate_edge(growths[:, place] / 10_000)
        assert edge is not None
        assert edge.allows_more is exact(growths[:, place]).allows_more


@pytest.mark.parametrize("shape", ["symmetric", "2R/-1R", "seller of insurance"])
def test_some_of_these_records_pass_and_some_do_not(shape):
    """So the tests above compare more than refusals."""
    passed = allow_more(Records.of(drawn(shape, 60) / 10_000))
    assert 0 < passed.sum() < passed.size


@pytest.mark.parametrize("shape", SHAPES)
def test_a_record_that_grows_trade_by_trade_is_the_whole_one(shape):
    growths = drawn(shape, 30) / 10_000
    grown = Records.of(growths[:12])
    for row in growths[12:]:
        grown = grown.after(row)
    whole = Records.of(growths)
    assert grown.trades == whole.trades == 30
    for name in ("total", "squares", "cubes", "losses", "worst"):
        assert getattr(grown, name) == pytest.approx(getattr(whole, name), abs=1e-15)


@pytest.mark.parametrize("shape", SHAPES_OF_BENCH)
def test_at_most_24_percent_pass_without_an_edge_whatever_the_shape(shape):
    draw = SHAPES_OF_BENCH[shape]
    for passed in count_passed(draw, 0.0, 20_000).values():
        assert passed.guard <= 24
    if shape in SYMMETRIC:
        for passed in count_passed(draw, 0.1, 20_000).values():
            assert passed.bound - passed.guard <= 3


def test_the_benchmark_has_a_row_for_each_shape_and_what_is_lost(monkeypatch):
    monkeypatch.setattr(edge_guard, "RECORDS", 500)
    rows = edge_guard.measure()
    counts, asked = len(edge_guard.COUNTS), len(SHAPES_OF_BENCH) + 1
    assert len(rows) == len(SHAPES_OF_BENCH) * counts + len(SYMMETRIC) + asked
