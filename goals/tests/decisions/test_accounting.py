"""Units, unit value and drawdown, as in a fund."""

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.decisions.accounting import (
    Account,
    book_profit,
    measure_drawdown_pct,
    open_account,
)
from goals.decisions.accounting import book_cash_flow as book_valued_flow
from goals.decisions.progress import Baseline, PortfolioFigures, measure_value
from goals.enums import Measure
from mastertrade.values.exceptions import InsufficientEquity, OutOfRange
from mastertrade.values.money import PERCENT, quantum


def book_cash_flow(account, amount):
    booked, _ = book_valued_flow(account, amount)
    return booked


ULP = Fraction(1, 10**18)
money_amounts = st.decimals(
    min_value=Decimal("0.00000001"), max_value=Decimal(10) ** 9, places=8
)
openings = st.decimals(min_value=Decimal(1), max_value=Decimal(10) ** 9, places=8)
small_openings = st.decimals(min_value=Decimal(0), max_value=Decimal(3000), places=8)
# A trade's return as a ratio; a cash flow as a share of the equity.
ratios = st.decimals(min_value=Decimal("-0.5"), max_value=Decimal("0.5"), places=6)
steps = st.lists(
    st.tuples(st.sampled_from(["trade", "flow"]), ratios), min_size=1, max_size=30
)
# Any figures, ruin and refusals included.
wild_steps = st.lists(
    st.tuples(
        st.sampled_from(["trade", "flow"]),
        st.decimals(min_value=Decimal(-2000), max_value=Decimal(2000), places=8),
    ),
    min_size=1,
    max_size=30,
)


@dataclass(frozen=True)
class Step:
    kind: str
    amount: Decimal
    before: Account
    after: Account


def walk(opening, relative_steps):
    """Book shares of the equity; the account never comes near ruin."""
    account, walked = open_account(opening), []
    for kind, ratio in relative_steps:
        amount = (account.equity * ratio).quantize(quantum((24, 8)))
        if abs(account.equity + amount) > 10**14 or account.equity + amount < 1:
            continue
        book = book_profit if kind == "trade" else book_cash_flow
        before, account = account, book(account, amount)
        walked.append(Step(kind, amount, before, account))
    return account, walked


def walk_wild(opening, wild):
    account, walked = open_account(opening), []
    for kind, amount in wild:
        book = book_profit if kind == "trade" else book_cash_flow
        try:
            after = book(account, amount)
        except (InsufficientEquity, OutOfRange):
            continue
        walked.append(Step(kind, amount, account, after))
        account = after
    return account, walked


def account_of(**fields):
    return replace(open_account(Decimal(1000)), **fields)


# Opening


def test_the_opening_balance_buys_units_at_one():
    account = open_account(Decimal("1000.5"))
    assert (account.units, account.unit_value, account.equity) == (
        Decimal("1000.5"),
        1,
        Decimal("1000.5"),
    )


def test_an_opening_balance_of_zero_is_unfunded_and_no_ruin():
    account = open_account(Decimal(0))
    assert (account.units, account.unit_value, account.is_ruined) == (0, 1, False)


def test_the_first_deposit_funds_an_unfunded_account_at_one():
    account = book_cash_flow(open_account(Decimal(0)), Decimal(250))
    assert (account.units, account.unit_value, account.run) == (250, 1, 1)


# Trades and cash flows


def test_the_seed_example_makes_two_percent():
    account = book_profit(open_account(Decimal(1000)), Decimal(20))
    assert (account.equity, account.unit_value, account.units) == (
        1020,
        Decimal("1.02"),
        1000,
    )


def test_a_deposit_after_a_profit_buys_at_the_present_unit_value():
    account = book_profit(open_account(Decimal(1000)), Decimal(250))
    assert book_cash_flow(account, Decimal(125)).units == 1100


def test_a_withdrawal_sells_units_at_the_present_unit_value():
    account = book_profit(open_account(Decimal(1000)), Decimal(250))
    assert book_cash_flow(account, Decimal(-625)).units == 500


@given(openings, steps)
def test_the_unit_value_is_unchanged_by_cash_flows(opening, relative_steps):
    _, walked = walk(opening, relative_steps)
    flows = [step for step in walked if step.kind == "flow"]
    assert all(flow.after.unit_value == flow.before.unit_value for flow in flows)


@given(openings, steps)
def test_units_are_unchanged_by_trades(opening, relative_steps):
    _, walked = walk(opening, relative_steps)
    booked = [step for step in walked if step.kind == "trade"]
    assert all(trade.after.units == trade.before.units for trade in booked)


@given(openings, steps)
def test_the_product_of_trade_returns_is_the_unit_value(opening, relative_steps):
    """However flows and trades are mixed, up to the rounding of 18 places.

    A trade rounds the unit value by half a unit of the last place at most, a cash
    flow the units it buys; both as shares of what they round. The product carries
    each of these errors on, so they add up relative to the result.
    """
    account, walked = walk(opening, relative_steps)
    product, error = Fraction(1), Fraction(0)
    for step in walked:
        if step.kind == "trade":
            product *= 1 + Fraction(step.amount) / Fraction(step.before.equity)
            error += ULP / 2 / Fraction(step.after.unit_value)
        else:
            # What the flow bought or sold is off by the unit value's own error too.
            share = abs(Fraction(step.amount)) / Fraction(step.after.equity)
            error += ULP / 2 / Fraction(step.after.units)
            error += share * ULP / 2 / Fraction(step.after.unit_value)
    assert abs(Fraction(account.unit_value) - product) <= 2 * error * product


@given(openings, steps)
def test_the_unit_value_is_the_equity_by_units_up_to_its_last_place(
    opening, relative_steps
):
    _, walked = walk(opening, relative_steps)
    for step in walked:
        if step.kind == "trade":
            exact = Fraction(step.after.equity) / Fraction(step.after.units)
            assert abs(Fraction(step.after.unit_value) - exact) <= ULP / 2


@given(small_openings, wild_steps)
def test_equity_is_opening_plus_flows_plus_profits_exactly(opening, wild):
    account, walked = walk_wild(opening, wild)
    assert Fraction(account.equity) == Fraction(opening) + sum(
        Fraction(step.amount) for step in walked
    )


@given(small_openings, wild_steps)
def test_realized_pnl_is_the_sum_of_profits_exactly(opening, wild):
    account, walked = walk_wild(opening, wild)
    assert Fraction(account.realized_pnl) == sum(
        Fraction(step.amount) for step in walked if step.kind == "trade"
    )


@given(small_openings, wild_steps)
def test_the_peak_never_falls_within_a_run(opening, wild):
    _, walked = walk_wild(opening, wild)
    assert all(
        step.after.peak_unit_value >= step.before.peak_unit_value
        for step in walked
        if step.after.run == step.before.run
    )


@given(small_openings, wild_steps)
def test_the_peak_is_never_below_the_unit_value(opening, wild):
    _, walked = walk_wild(opening, wild)
    assert all(step.after.peak_unit_value >= step.after.unit_value for step in walked)


@given(small_openings, wild_steps)
def test_the_drawdown_lies_between_0_and_100(opening, wild):
    _, walked = walk_wild(opening, wild)
    assert all(0 <= step.after.drawdown_pct <= 100 for step in walked)


@given(small_openings, wild_steps)
def test_units_are_never_negative(opening, wild):
    _, walked = walk_wild(opening, wild)
    assert all(step.after.units >= 0 for step in walked)


@given(small_openings, wild_steps)
def test_a_ruined_unit_value_stays_at_zero_for_its_run(opening, wild):
    _, walked = walk_wild(opening, wild)
    assert all(
        step.after.unit_value == 0 or step.after.run == step.before.run + 1
        for step in walked
        if step.before.is_ruined
    )


@given(small_openings, wild_steps)
def test_only_a_trade_ruins_and_only_a_deposit_starts_anew(opening, wild):
    _, walked = walk_wild(opening, wild)
    for step in walked:
        if step.after.is_ruined and not step.before.is_ruined:
            assert step.kind == "trade"
            assert step.after.equity <= 0
        if step.after.run != step.before.run:
            assert step.kind == "flow"
            assert step.amount > 0


@given(small_openings, wild_steps)
def test_no_cash_flow_leaves_less_than_nothing(opening, wild):
    _, walked = walk_wild(opening, wild)
    assert all(
        step.after.equity >= 0
        for step in walked
        if step.kind == "flow" and step.amount < 0
    )


# Ruin


@pytest.mark.parametrize("loss", ["-1000", "-1000.00000001", "-5000"])
def test_equity_at_or_below_zero_by_a_trade_is_ruin(loss):
    account = book_profit(open_account(Decimal(1000)), Decimal(loss))
    assert (account.is_ruined, account.unit_value, account.drawdown_pct) == (
        True,
        0,
        100,
    )


def test_one_cent_left_is_no_ruin():
    account = book_profit(open_account(Decimal(1000)), Decimal("-999.99"))
    assert account.unit_value == Decimal("0.00001")


def test_a_profit_after_ruin_is_booked_and_leaves_the_unit_value_at_zero():
    ruined = book_profit(open_account(Decimal(1000)), Decimal(-1500))
    account = book_profit(ruined, Decimal(900))
    assert (account.equity, account.unit_value, account.run) == (400, 0, 1)


def test_a_deposit_after_ruin_starts_a_new_run_at_one():
    ruined = book_profit(open_account(Decimal(1000)), Decimal(-1500))
    account = book_cash_flow(ruined, Decimal(700))
    assert (
        account.run,
        account.unit_value,
        account.units,
        account.peak_unit_value,
        account.equity,
    ) == (2, 1, 200, 1, 200)


@pytest.mark.parametrize("deposit", ["499.99999999", "500"])
def test_a_deposit_that_does_not_lift_the_equity_above_zero_starts_nothing(deposit):
    ruined = book_profit(open_account(Decimal(1000)), Decimal(-1500))
    assert book_cash_flow(ruined, Decimal(deposit)).is_ruined


@given(openings, money_amounts, st.lists(ratios, max_size=10))
def test_a_return_goal_of_a_ruined_run_stays_at_minus_100(opening, deposit, returns):
    ruined = book_profit(open_account(opening), -opening)
    account = book_cash_flow(ruined, deposit)
    for ratio in returns:
        profit = (account.equity * ratio).quantize(Decimal("0.00000001"))
        account = book_profit(account, profit)
    baseline = Baseline(Decimal(0), Decimal(1), Decimal(0), run=1)
    portfolio_figures = PortfolioFigures(
        account.unit_value, account.realized_pnl, account.equity, account.run
    )
    assert measure_value(Measure.RETURN, baseline, portfolio_figures) == -100


# Withdrawing


def test_withdrawing_everything_is_no_ruin():
    account = book_cash_flow(account_of(), Decimal(-1000))
    assert (account.is_ruined, account.unit_value, account.units) == (False, 1, 0)


@given(openings, steps)
def test_withdrawing_everything_keeps_the_unit_value(opening, relative_steps):
    account, _ = walk(opening, relative_steps)
    emptied = book_cash_flow(account, -account.equity)
    assert (emptied.unit_value, emptied.units) == (account.unit_value, 0)


@given(openings, steps, money_amounts)
def test_a_deposit_after_withdrawing_everything_continues_the_run(
    opening, relative_steps, deposit
):
    account, _ = walk(opening, relative_steps)
    refilled = book_cash_flow(book_cash_flow(account, -account.equity), deposit)
    assert (refilled.unit_value, refilled.run) == (account.unit_value, account.run)


def test_a_loss_after_withdrawing_everything_is_ruin():
    emptied = book_cash_flow(account_of(), Decimal(-1000))
    assert book_profit(emptied, Decimal(-1)).is_ruined


def test_a_profit_after_withdrawing_everything_changes_no_unit_value():
    emptied = book_cash_flow(account_of(), Decimal(-1000))
    account = book_profit(emptied, Decimal(50))
    assert (account.equity, account.unit_value) == (50, 1)


def test_a_trade_without_profit_after_withdrawing_everything_is_no_ruin():
    emptied = book_cash_flow(account_of(), Decimal(-1000))
    assert not book_profit(emptied, Decimal(0)).is_ruined


@pytest.mark.parametrize("amount", ["-1000.00000001", "-99999"])
def test_a_withdrawal_above_the_equity_is_refused(amount):
    with pytest.raises(InsufficientEquity, match="above the equity of 1000"):
        book_cash_flow(account_of(), Decimal(amount))


def test_a_withdrawal_from_a_ruined_account_below_zero_is_refused():
    ruined = book_profit(account_of(), Decimal(-1500))
    with pytest.raises(InsufficientEquity):
        book_cash_flow(ruined, Decimal(-1))


# Bounds and drawdown


@pytest.mark.parametrize("book", [book_profit, book_cash_flow])
def test_a_booking_outside_the_ledgers_columns_is_refused(book):
    rich = open_account(Decimal("9999999999999999.99999999"))
    with pytest.raises(OutOfRange):
        book(rich, Decimal("0.00000001"))


@pytest.mark.parametrize(
    ("unit_value", "peak", "drawdown"),
    [
        ("1", "1", "0"),
        ("0.9", "1", "10"),
        ("0", "1", "100"),
        ("1.5", "2", "25"),
        ("2", "3", "33.333333"),
        ("0", "0", "0"),
    ],
)
def test_the_drawdown_is_the_fall_below_the_peak(unit_value, peak, drawdown):
    measured = measure_drawdown_pct(Decimal(unit_value), Decimal(peak))
    assert measured == Decimal(drawdown)


@given(st.tuples(*[st.decimals(0, 10**6, places=18)] * 2))
def test_the_drawdown_has_the_places_of_its_column(pair):
    low, high = sorted(pair)
    measured = measure_drawdown_pct(low, high)
    assert measured == measured.quantize(quantum(PERCENT))
