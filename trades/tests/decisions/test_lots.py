"""Taking a part of a stake and adding to one: nothing is lost, to the last digit."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import MONEY, PRICE, exactly, quantum, round_to
from trades.decisions.lots import PositionLot, join_lots, split_lot
from trades.decisions.pnl import Rates, measure_exact_profit
from trades.enums import Side


def figures(column: tuple[int, int], top: int, low: int = 0) -> st.SearchStrategy:
    return st.decimals(min_value=Decimal(low), max_value=Decimal(top), places=column[1])


def positive(column: tuple[int, int], top: int) -> st.SearchStrategy:
    return figures(column, top).map(lambda value: value or quantum(column))


LOTS = st.builds(
    PositionLot,
    quantity=positive(PRICE, 10**6),
    entry_price=positive(PRICE, 10**6),
    entry_fees=figures(MONEY, 10**4),
    funding=figures(MONEY, 10**4, -(10**4)),
)


SHARES = st.lists(st.floats(0.01, 0.99), max_size=5)


@given(LOTS, st.lists(LOTS, max_size=3), SHARES)
@exactly
def test_the_parts_of_a_stake_add_up_to_it(lot, more, shares):
    for other in more:
        lot = join_lots(lot, other)
    rest, parts = lot, []
    for share in shares:
        quantity = round_to(rest.quantity * Decimal(share), PRICE)
        assume(0 < quantity < rest.quantity)
        part, rest = split_lot(rest, quantity)
        parts.append(part)
    parts.append(rest)
    for name in ("quantity", "exact_cost", "entry_fees", "funding"):
        assert sum(getattr(part, name) for part in parts) == getattr(lot, name)


@given(
    LOTS,
    LOTS,
    positive(PRICE, 10**6),
    SHARES,
    st.sampled_from(Side),
    positive(PRICE, 100),
)
@exactly
def test_profits_of_parts_add_up_to_that_of_the_whole(
    one, other, price, shares, side, rate
):
    def profit(of):
        return measure_exact_profit(
            side=side, lot=of, exit_price=price, exit_fees=Decimal(0), rates=rates
        )

    rates = Rates(rate, Decimal("0.123456789012"))
    whole = join_lots(one, other)
    rest, total = whole, Decimal(0)
    for share in shares:
        quantity = round_to(rest.quantity * Decimal(share), PRICE)
        assume(0 < quantity < rest.quantity)
        part, rest = split_lot(rest, quantity)
        total += profit(part)
    assert total + profit(rest) == profit(whole)


def test_an_exact_average_needs_no_cost_of_its_own():
    joined = join_lots(
        PositionLot(Decimal(2), Decimal(10)), PositionLot(Decimal(2), Decimal(20))
    )
    assert (joined.entry_price, joined.cost) == (15, None)


def test_a_rounded_average_keeps_its_cost():
    joined = join_lots(
        PositionLot(Decimal(2), Decimal(1)), PositionLot(Decimal(1), Decimal(2))
    )
    assert (joined.entry_price, joined.cost) == (Decimal("1.333333333333"), 4)


def test_a_position_that_no_column_holds_is_refused():
    huge = PositionLot(Decimal(10) ** 19 * 9, Decimal(1))
    with pytest.raises(InvalidInput) as refused:
        join_lots(huge, huge)
    assert refused.value.field == "quantity"
