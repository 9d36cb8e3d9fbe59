"""Portfolio arithmetic, as in a fund: units, unit value, drawdown. Pure.

A cash flow buys or sells units at their live value, open trades at their marks
included; profit and loss moves the unit value. The unit value is therefore the exact
time-weighted return (the unit method of collective funds; see the GIPS standards on
time-weighted returns), and a cash flow is never a profit or a loss.

The unit value counts closed trades only. New money pays for its share of what open
trades have made at the marks and the unit value does not show yet; so each open trade
carries on what the flow did not pay for, until it closes and its profit comes:

    NAV = equity + open                 V = NAV / units
    carried -= (amount / NAV) * (open of the trade - carried)
    unit value = (equity + sum of carried) / units
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from mastertrade.values.exceptions import InsufficientEquity, OutOfRange
from mastertrade.values.in_text import exact_money, say
from mastertrade.values.money import (
    CARRIED,
    HUNDRED,
    MONEY,
    ONE,
    PERCENT,
    UNIT_VALUE,
    UNITS,
    ZERO,
    exactly,
    fits,
    round_to,
)


@dataclass(frozen=True, slots=True)
class Account:
    """A portfolio's figures after its newest ledger entry.

    Money in the portfolio's currency. `run` counts the runs of units: it grows when
    a deposit follows ruin, and figures of two runs do not compare. `carried`
    is what all open trades carry. `redeemed_value` is what the last unit was worth when
    everything was withdrawn while trades were open; else None.
    """

    equity: Decimal
    units: Decimal
    unit_value: Decimal
    realized_pnl: Decimal
    peak_unit_value: Decimal
    run: int
    carried: Decimal = ZERO
    redeemed_value: Decimal | None = None

    @property
    def is_ruined(self) -> bool:
        """Trading took the equity to zero or below; the run is over."""
        return self.unit_value == 0

    @property
    @exactly
    def paid_in(self) -> Decimal:
        """Deposits, the opening balance among them, less withdrawals."""
        return self.equity - self.realized_pnl

    @property
    def drawdown_pct(self) -> Decimal:
        return measure_drawdown_pct(self.unit_value, self.peak_unit_value)


@dataclass(frozen=True, slots=True)
class OpenTrade:
    """A trade that is open and marked when cash flows: what it made, what it carries.

    `open_pnl` is what closing at the mark would book, before the exit's fees.
    """

    trade_id: int
    open_pnl: Decimal
    carried: Decimal = ZERO


def open_account(opening_balance: Decimal) -> Account:
    """The opening balance buys units at 1; with 0 the account is unfunded."""
    return Account(
        equity=opening_balance,
        units=opening_balance,
        unit_value=ONE,
        realized_pnl=ZERO,
        peak_unit_value=ONE,
        run=1,
    )


@exactly
def book_profit(
    account: Account, profit_loss: Decimal, released: Decimal = ZERO
) -> Account:
    """Book a closed trade's profit or loss, fees included; `released` it carried.

    Where a trade takes equity and what is carried to zero or below, it is ruin: the
    unit value is 0 and stays 0 for this run, as a product of returns does. Profit of a
    portfolio without units (everything was withdrawn while the trade was open) has no
    capital to be a return on: it buys units, as a deposit would.
    """
    equity = account.equity + profit_loss
    carried = account.carried - released
    value = equity + carried
    units, redeemed_value = account.units, account.redeemed_value
    unit_value = account.unit_value
    if account.is_ruined:
        pass
    elif value < 0 or (value == 0 and profit_loss < released):
        unit_value, redeemed_value = ZERO, None
    elif units == 0:
        if value > 0 or carried == 0:
            unit_value, redeemed_value = redeemed_value or unit_value, None
            units = round_to(value / unit_value, UNITS)
    else:
        unit_value = round_to(value / units, UNIT_VALUE)
    return _within_range(
        replace(
            account,
            equity=equity,
            units=units,
            unit_value=unit_value,
            realized_pnl=account.realized_pnl + profit_loss,
            peak_unit_value=max(account.peak_unit_value, unit_value),
            carried=carried,
            redeemed_value=redeemed_value,
        )
    )


@exactly
def book_cash_flow(
    account: Account, amount: Decimal, marked: Sequence[OpenTrade] = ()
) -> tuple[Account, list[OpenTrade]]:
    """Book a deposit (positive) or a withdrawal (negative) at the live unit value.

    `marked` are the open trades with a mark; one without is worth what it carries.
    Returns the account and what the trades carry on. Neither the unit value nor the
    live unit value moves. Raises `InsufficientEquity` for a withdrawal above the
    smaller of equity and NAV. A deposit where nothing is left, by closed trades or at
    the marks, ends the run of units, and a new one begins at 1.
    """
    nav = account.equity + account.carried
    nav += sum((trade.open_pnl - trade.carried for trade in marked), ZERO)
    available = min(account.equity, nav)
    if amount < 0 and -amount > available:
        which = "equity" if account.equity <= nav else "live equity"
        raise InsufficientEquity(
            say(
                "A withdrawal of {} is above the {} of {}.",
                exact_money(-amount),
                which,
                exact_money(available),
            )
        )
    is_lost = account.is_ruined or nav < 0 or (nav == 0 and account.units > 0)
    left = nav + amount
    if is_lost and (left <= 0 or amount < 0):
        return replace(
            account,
            equity=account.equity + amount,
            unit_value=ZERO,
            redeemed_value=None,
        ), list(marked)
    if is_lost:
        moved = _start_new_run(account, left)
    elif account.units == 0 or left == 0:
        moved = _refound(account, nav, left)
    else:
        moved = _trade_units(account, nav, amount)
    # All that is open at the marks is paid for where units begin anew, or end.
    is_paid = is_lost or account.units == 0 or left == 0
    carrying = [
        replace(
            trade,
            carried=trade.open_pnl if is_paid else _carry_on(trade, nav, amount),
        )
        for trade in marked
    ]
    change = sum((trade.carried for trade in carrying), ZERO)
    change -= sum((trade.carried for trade in marked), ZERO)
    booked = replace(
        moved,
        equity=account.equity + amount,
        carried=account.carried + change,
    )
    return _within_range(booked), carrying


def _carry_on(trade: OpenTrade, nav: Decimal, amount: Decimal) -> Decimal:
    unpaid = trade.open_pnl - trade.carried
    return round_to((trade.carried * nav - amount * unpaid) / nav, CARRIED)


def _trade_units(account: Account, nav: Decimal, amount: Decimal) -> Account:
    value = account.unit_value
    if nav != account.equity + account.carried:
        value = round_to(nav / account.units, UNIT_VALUE)
    units = account.units
    if value > 0:
        units += round_to(amount / value, UNITS)
    if value <= 0 or units <= 0:
        raise OutOfRange("The equity left is too small to be divided into units.")
    return replace(account, units=units)


def _refound(account: Account, nav: Decimal, left: Decimal) -> Account:
    """The last units go, or the first ones come again; the run goes on.

    What is left buys units at what the last one was worth.
    """
    if account.units > 0:
        value = round_to(nav / account.units, UNIT_VALUE)
        is_realised = nav == account.equity + account.carried == account.equity
        redeemed_value = None if is_realised or value <= 0 else value
        return replace(account, units=ZERO, redeemed_value=redeemed_value)
    if left == 0:
        return account
    value = account.redeemed_value or account.unit_value
    return replace(
        account,
        units=round_to(left / value, UNITS),
        unit_value=value,
        peak_unit_value=max(account.peak_unit_value, value),
        redeemed_value=None,
    )


def _start_new_run(account: Account, left: Decimal) -> Account:
    return replace(
        account,
        units=round_to(left, UNITS),
        unit_value=ONE,
        peak_unit_value=ONE,
        run=account.run + 1,
        redeemed_value=None,
    )


@exactly
def measure_drawdown_pct(unit_value: Decimal, peak_unit_value: Decimal) -> Decimal:
    """The fall below the high-water mark, in percent (0 to 100, 6 places)."""
    if peak_unit_value <= 0:
        return round_to(ZERO, PERCENT)
    fall = (ONE - unit_value / peak_unit_value) * HUNDRED
    return round_to(max(ZERO, fall), PERCENT)


@exactly
def measure_live_drawdown_pct(account: Account, unrealized_pnl: Decimal) -> Decimal:
    """The worse of the realised and the live fall below the high-water mark, in %.

    Live, a unit is worth its share of the equity with open positions at their last
    mark; never less than nothing.
    """
    live = measure_live_unit_value(account, unrealized_pnl)
    return measure_drawdown_pct(min(account.unit_value, live), account.peak_unit_value)


@exactly
def measure_live_unit_value(account: Account, unrealized_pnl: Decimal) -> Decimal:
    """What a unit is worth with open positions at their last mark; 0 at least."""
    if account.is_ruined:
        return ZERO
    if account.units == 0:
        return account.redeemed_value or account.unit_value
    live = (account.equity + unrealized_pnl) / account.units
    return round_to(max(ZERO, live), UNIT_VALUE)


def _within_range(account: Account) -> Account:
    if (
        fits(account.equity, MONEY)
        and fits(account.realized_pnl, MONEY)
        and fits(account.units, UNITS)
        and fits(account.unit_value, UNIT_VALUE)
        and fits(account.carried, CARRIED)
    ):
        return account
    raise OutOfRange("This booking would leave the range of figures the ledger holds.")
