"""Portfolio arithmetic, as in a fund: units, unit value, drawdown. Pure.

A cash flow buys or sells units at the present unit value; profit and loss moves the
unit value. The unit value is therefore the time-weighted return of closed trades
(the unit method of collective funds; see the GIPS standards on time-weighted
returns), and a deposit is never a profit.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from mastertrade.exceptions import InsufficientEquity, OutOfRange
from mastertrade.money import (
    MONEY,
    PERCENT,
    UNIT_VALUE,
    UNITS,
    exactly,
    fits,
    format_plain,
    round_to,
)

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Account:
    """A portfolio's figures after its newest ledger entry.

    Money in the portfolio's currency. `run` counts the runs of units: it grows when
    a deposit starts anew after ruin, and figures of two runs do not compare.
    """

    equity: Decimal
    units: Decimal
    unit_value: Decimal
    realized_pnl: Decimal
    peak_unit_value: Decimal
    run: int

    @property
    def is_ruined(self) -> bool:
        """Trading took the equity to zero or below; the run is over."""
        return self.unit_value == 0

    @property
    def drawdown_pct(self) -> Decimal:
        return measure_drawdown_pct(self.unit_value, self.peak_unit_value)


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
def book_profit(account: Account, profit_loss: Decimal) -> Account:
    """Book a closed trade's profit or loss, fees included.

    Equity at or below zero is ruin: the unit value is 0 and stays 0 for this run,
    as a product of returns does. Profit of a portfolio without units (everything
    was withdrawn while the trade was open) has no capital to be a return on: it
    buys units, as a deposit would.
    """
    equity = account.equity + profit_loss
    units = account.units
    unit_value = account.unit_value
    if account.is_ruined:
        pass
    elif equity < 0 or (equity == 0 and profit_loss < 0):
        unit_value = ZERO
    elif units == 0:
        units = round_to(equity / unit_value, UNITS)
    else:
        unit_value = round_to(equity / units, UNIT_VALUE)
    return _within_range(
        replace(
            account,
            equity=equity,
            units=units,
            unit_value=unit_value,
            realized_pnl=account.realized_pnl + profit_loss,
            peak_unit_value=max(account.peak_unit_value, unit_value),
        )
    )


@exactly
def book_cash_flow(account: Account, amount: Decimal) -> Account:
    """Book a deposit (positive) or a withdrawal (negative) at the present unit value.

    Raises `InsufficientEquity` for a withdrawal above the equity. A deposit that
    lifts a ruined account above zero starts a new run of units at 1.
    """
    equity = account.equity + amount
    if amount < 0 and equity < 0:
        raise InsufficientEquity(
            f"A withdrawal of {format_plain(-amount)} is above the equity of "
            f"{format_plain(account.equity)}."
        )
    if account.is_ruined:
        account = _start_new_run(account, equity, amount)
    elif equity == 0:
        account = replace(account, units=ZERO)
    else:
        bought = round_to(amount / account.unit_value, UNITS)
        account = replace(account, units=account.units + bought)
        if account.units <= 0:
            raise OutOfRange("So small a rest of equity has no units to hold it.")
    return _within_range(replace(account, equity=equity))


def _start_new_run(account: Account, equity: Decimal, amount: Decimal) -> Account:
    if amount <= 0 or equity <= 0:
        return account
    return replace(
        account,
        units=round_to(equity, UNITS),
        unit_value=ONE,
        peak_unit_value=ONE,
        run=account.run + 1,
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
    lowest = measure_lowest_unit_value(account, unrealized_pnl)
    return measure_drawdown_pct(lowest, account.peak_unit_value)


@exactly
def measure_live_unit_value(account: Account, unrealized_pnl: Decimal) -> Decimal:
    """What a unit is worth with open positions at their last mark; 0 at least."""
    if account.units <= 0 or account.is_ruined:
        return account.unit_value
    live = (account.equity + unrealized_pnl) / account.units
    return round_to(max(ZERO, live), UNIT_VALUE)


@exactly
def measure_lowest_unit_value(account: Account, unrealized_pnl: Decimal) -> Decimal:
    """The worse of the realised and the live unit value."""
    live = measure_live_unit_value(account, unrealized_pnl)
    return min(account.unit_value, live)


@exactly
def measure_trade_return(equity_before: Decimal, profit_loss: Decimal) -> Decimal:
    """Growth of the equity by one trade, as a ratio (0.02 is 2 %), not rounded."""
    return profit_loss / equity_before


def _within_range(account: Account) -> Account:
    if (
        fits(account.equity, MONEY)
        and fits(account.realized_pnl, MONEY)
        and fits(account.units, UNITS)
        and fits(account.unit_value, UNIT_VALUE)
    ):
        return account
    raise OutOfRange("This booking would leave the range of figures the ledger holds.")
