"""Cash flows next to open trades: the return is that of the live values between."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.decisions.accounting import (
    OpenTrade,
    book_cash_flow,
    book_profit,
    measure_drawdown_pct,
    measure_live_unit_value,
    open_account,
)
from mastertrade.values.exceptions import InsufficientEquity

NEARLY = Fraction(1, 10**12)


def flow(account, amount, *marked):
    return book_cash_flow(account, Decimal(amount), marked)


def mark(open_pnl, carried=0, trade_id=1):
    return OpenTrade(trade_id, Decimal(open_pnl), Decimal(carried))


def opened(balance="1000"):
    return open_account(Decimal(balance))


# The figures of docs/rules.md


def test_a_withdrawal_next_to_a_winning_trade_leaves_a_return_of_20_percent():
    account, (trade,) = flow(opened(), -900, mark(200))
    assert account.unit_value == 1
    closed = book_profit(account, Decimal(200), trade.carried)
    assert (closed.unit_value, closed.equity) == (Decimal("1.2"), 300)


def test_a_deposit_next_to_a_losing_trade_leaves_the_live_drawdown():
    account, _ = flow(opened(), 1000, mark(-190))
    assert measure_live_unit_value(account, Decimal(-190)) == Decimal("0.81")
    live = measure_live_unit_value(account, Decimal(-250))
    assert measure_drawdown_pct(live, Decimal(1)) == Decimal("21.685083")


def test_a_withdrawal_next_to_a_losing_trade_leaves_a_fall_of_20_percent():
    account, (trade,) = flow(opened(), -700, mark(-200))
    closed = book_profit(account, Decimal(-200), trade.carried)
    assert closed.drawdown_pct == 20


def test_a_deposit_of_a_cent_leaves_a_return_of_nearly_nothing():
    account, (trade,) = flow(opened(), "0.01", mark(250))
    closed = book_profit(account, Decimal(0), trade.carried)
    assert abs(closed.unit_value - 1) < Decimal("0.00001")


# Edges


@pytest.mark.parametrize(
    ("open_pnl", "amount"), [(-190, "-810.00000001"), (200, "-1000.00000001")]
)
def test_no_more_than_the_smaller_of_equity_and_live_equity_is_withdrawn(
    open_pnl, amount
):
    with pytest.raises(InsufficientEquity):
        flow(opened(), amount, mark(open_pnl))


def test_withdrawing_the_equity_next_to_open_profit_is_no_ruin():
    account, (trade,) = flow(opened(), -1000, mark(200))
    assert (account.equity, account.unit_value, account.is_ruined) == (0, 1, False)
    closed = book_profit(account, Decimal(200), trade.carried)
    assert abs(closed.unit_value - Decimal("1.2")) < Decimal("1e-15")


def test_withdrawing_all_that_a_losing_trade_leaves_keeps_the_loss():
    account, (trade,) = flow(opened(), -810, mark(-190))
    assert (account.units, account.unit_value, trade.carried) == (0, 1, -190)
    assert measure_live_unit_value(account, Decimal(-190)) == Decimal("0.81")
    closed = book_profit(account, Decimal(-190), trade.carried)
    assert (closed.equity, closed.unit_value, closed.is_ruined) == (
        0,
        Decimal("0.81"),
        False,
    )


def test_what_a_trade_then_makes_buys_units_at_the_last_value():
    account, (trade,) = flow(opened(), -810, mark(-190))
    closed = book_profit(account, Decimal(-109), trade.carried)
    assert (closed.units, closed.unit_value) == (100, Decimal("0.81"))


def test_a_trade_that_then_loses_what_is_not_there_is_ruin():
    account, (trade,) = flow(opened(), -810, mark(-190))
    assert book_profit(account, Decimal(-191), trade.carried).is_ruined


def test_a_deposit_where_the_marks_left_nothing_begins_a_new_run():
    account, (trade,) = flow(opened(), 500, mark(-1000))
    assert (account.run, account.unit_value, account.units) == (2, 1, 500)
    assert trade.carried == -1000
    closed = book_profit(account, Decimal(-1000), trade.carried)
    assert (closed.unit_value, closed.equity) == (1, 500)


def test_a_deposit_that_the_marks_swallow_ends_the_run():
    account, _ = flow(opened(), 500, mark(-1500))
    assert (account.is_ruined, account.run, account.equity) == (True, 1, 1500)


def test_ruin_is_equity_with_what_is_carried_at_nothing():
    account, (trade, _) = flow(opened(), -1000, mark(200), mark(300, trade_id=2))
    assert book_profit(account, Decimal(-300), trade.carried).is_ruined


def test_an_unmarked_trade_is_worth_what_it_carries():
    account, _ = flow(opened(), -900, mark(200))
    again, _ = flow(account, 100)
    assert again.units == account.units + 100  # at the unit value of 1
    assert again.unit_value == 1


# Any story, in plain fractions

PROFITS = st.decimals(min_value=Decimal(-300), max_value=Decimal(300), places=8)
SHARES = st.decimals(min_value=Decimal("-0.9"), max_value=Decimal(2), places=4)
STORIES = st.lists(
    st.one_of(
        st.tuples(st.just("mark"), st.integers(0, 3), PROFITS),
        st.tuples(st.just("flow"), st.just(0), SHARES),
        st.tuples(st.just("close"), st.integers(0, 3), PROFITS),
        st.tuples(st.just("part"), st.integers(0, 3), SHARES),
    ),
    max_size=40,
)


class Fund:
    """The same story as sub-periods between flows, each by its live values."""

    def __init__(self, balance):
        self.cash, self.open = Fraction(balance), {}
        self.growth, self.began_with = Fraction(1), Fraction(balance)

    @property
    def nav(self):
        return self.cash + sum(self.open.values(), Fraction(0))

    @property
    def value(self):
        return self.growth * self.nav / self.began_with

    def flow(self, amount):
        self.growth = self.value
        self.cash += Fraction(amount)
        self.began_with = self.nav


def close_to(decimal, fraction):
    return abs(Fraction(decimal) - fraction) < NEARLY * max(1, fraction)


@given(STORIES)
def test_the_return_is_the_product_over_the_live_values_between_flows(story):
    account, fund = opened("10000"), Fund(10000)
    trades: dict[int, OpenTrade] = {}
    for what, key, number in story:
        if fund.nav < 2000 or account.equity + account.carried < 2000:
            return  # near ruin other rules hold
        before = account
        if what == "mark":
            known = trades.get(key, OpenTrade(key, Decimal(0)))
            trades[key] = replace(known, open_pnl=number)
            fund.open[key] = Fraction(number)
        elif what == "flow":
            amount = (account.equity * number).quantize(Decimal("0.01"))
            if amount == 0 or fund.nav + Fraction(amount) < 2000:
                continue
            live_before = live(account, trades)
            account, carrying = book_cash_flow(account, amount, [*trades.values()])
            trades = {trade.trade_id: trade for trade in carrying}
            fund.flow(amount)
            assert account.unit_value == before.unit_value
            assert account.peak_unit_value == before.peak_unit_value
            assert close_to(live(account, trades), Fraction(live_before))
        elif what == "part" and key in trades:
            trade, share = trades[key], abs(number) % 1
            profit = (trade.open_pnl * share).quantize(Decimal("0.00000001"))
            released = (trade.carried * share).quantize(Decimal("1e-18"))
            account = book_profit(account, profit, released)
            trades[key] = replace(
                trade,
                open_pnl=trade.open_pnl - profit,
                carried=trade.carried - released,
            )
            fund.cash += Fraction(profit)
            fund.open[key] -= Fraction(profit)
        elif what == "close" and key in trades:
            trade = trades.pop(key)
            account = book_profit(account, number, trade.carried)
            fund.open.pop(key)
            fund.cash += Fraction(number)
        assert close_to(live(account, trades), fund.value)
        assert account.carried == sum(trade.carried for trade in trades.values())
    for trade in trades.values():
        account = book_profit(account, trade.open_pnl, trade.carried)
    if not account.is_ruined and account.equity > 2000:
        assert close_to(account.unit_value, fund.value)
        assert account.carried == 0


def live(account, trades):
    total = sum((trade.open_pnl for trade in trades.values()), Decimal(0))
    return measure_live_unit_value(account, total)
