"""Fills come to the same trades in whatever portions their files tell them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F, Sum
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from goals.models import Portfolio
from goals.tests.factories import PortfolioFactory
from tests.examples import examples
from trades.models import Trade, TradeFill
from trades.tests.importing.test_import_fills import (
    assert_no_drift,
    bring_ccxt,
    figures,
    fill,
    positions,
)

SPOT, SWAP = "SOL/USDT", "BTC/USDT:USDT"
D = Decimal
RATES = {"fee_rates": {"BNB": D("312.5")}}
steps = st.tuples(
    st.sampled_from([SPOT, SPOT, SWAP]),
    st.booleans(),
    st.integers(1, 3000),  # thousandths
    st.integers(1, 10**6),  # price, in ten-thousandths
    st.sampled_from(["none", "quote", "base", "BNB"]),
    st.integers(0, 2),  # minutes after the fill before
    st.booleans(),  # funding, where it can be
)


def make_fills(answer: list[Any]) -> Iterator[dict[str, Any]]:
    """Fills in the order of their times; spot never sells more than it holds."""
    minute, held, swapped = 0, D(0), D(0)
    for number, one_told in enumerate(answer):
        symbol, is_buy, thousandths, price, fee, later, is_funding = one_told
        minute += later
        quantity = D(thousandths) / 1000
        is_spot = symbol == SPOT
        if is_funding and not is_spot and swapped:
            told_fee = (str(quantity / -7)[:20], "USDT")
            one = fill(minute, "buy", "1", key=str(number), fee=told_fee, symbol=symbol)
            yield {**one, "info": {"execType": "Funding"}}
            continue
        swapped += 0 if is_spot else quantity if is_buy else -quantity
        if is_spot and not is_buy:
            quantity = min(quantity, held)
            if not quantity:
                continue
        paid = {
            "none": None,
            "quote": (str(quantity / 7)[:20], "USDT"),
            "base": (str(quantity / 1000), symbol.partition("/")[0]),
            "BNB": ("0.00012345", "BNB"),
        }[fee]
        if is_spot and not is_buy and fee == "base":
            paid = None
        if is_spot:
            in_base = quantity / 1000 if fee == "base" and is_buy else D(0)
            held += quantity - in_base if is_buy else -quantity
        yield fill(
            minute,
            "buy" if is_buy else "sell",
            str(quantity),
            str(D(price) / 10000),
            key=str(number),
            fee=paid,
            symbol=symbol,
        )


def kept(portfolio: Portfolio) -> list[tuple[Any, ...]]:
    answer = ("external_id", "kind", "quantity", "price", "fees", "trade__external_id")
    fills = TradeFill.objects.filter(portfolio=portfolio).order_by("external_id")
    return list(fills.values_list(*answer))


@pytest.mark.slow
class Portions(TestCase):
    @examples(25)
    @given(st.lists(steps, min_size=2, max_size=25), st.sets(st.integers(1, 24)))
    def test_any_portions_make_the_trades_of_one_file(
        self, answer: list[Any], cuts: set[int]
    ) -> None:
        fills = list(make_fills(answer))
        whole = PortfolioFactory(opening_balance=D(10**9))
        portions = PortfolioFactory(user=whole.user, opening_balance=D(10**9))
        bring_ccxt(whole, fills, **RATES)
        begin = 0
        for end in [*sorted(cut for cut in cuts if cut < len(fills)), len(fills)]:
            report = bring_ccxt(portions, fills[begin:end], **RATES)
            assert (report.created, report.refused) == (end - begin, 0)
            begin = end
        assert figures(portions) == figures(whole)
        assert positions(portions) == positions(whole)
        assert kept(portions) == kept(whole)
        for portfolio in (whole, portions):
            assert_no_drift(portfolio)
        assert_nothing_is_lost(whole, fills)


def assert_nothing_is_lost(portfolio: Portfolio, fills: list[dict[str, Any]]) -> None:
    trades = Trade.objects.filter(portfolio=portfolio)
    rows = TradeFill.objects.filter(portfolio=portfolio)
    assert rows.count() == len(fills)
    paid = trades.aggregate(all=Sum(F("entry_fees") + F("exit_fees") - F("funding")))
    of_fills = rows.aggregate(all=Sum(F("fees") - F("funding")))
    assert (paid["all"] or 0) == (of_fills["all"] or 0)
    bought = D(0)
    for one in fills:
        if one["symbol"] == SPOT and one["side"] == "buy":
            in_base = one["fee"] and one["fee"]["currency"] == "SOL"
            bought += D(one["amount"]) - (D(one["fee"]["cost"]) if in_base else 0)
    spot = trades.filter(symbol=SPOT).aggregate(all=Sum("quantity"))["all"] or 0
    assert spot == bought
