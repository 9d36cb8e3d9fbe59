"""Growths and records in plain Python, over the whole ledger, one row at a time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from goals.decisions.trade_record import GrowthRecord, make_record
from goals.models import CarriedProfit, CashFlow, GoalAdjustmentLog, Portfolio
from mastertrade.values.money import exactly
from trades.models import Trade

PLACES = 10**18
Place = tuple[datetime, int]


@dataclass(frozen=True)
class Entry:
    """A row of the ledger: what it changed of the worth, and of the units."""

    place: Place
    worth: Fraction
    units: Fraction


@dataclass(frozen=True)
class Ledger:
    opening_balance: Fraction
    entries: list[Entry]


def read_ledger(portfolio: Portfolio, trades: Iterable[Trade]) -> Ledger:
    """Equity and what open trades carry, entry by entry."""
    profits = list(CarriedProfit.objects.filter(portfolio=portfolio))

    def carried(**of: int) -> Fraction:
        ((name, key),) = of.items()
        changes = [one.change for one in profits if getattr(one, name) == key]
        return sum(map(Fraction, changes), Fraction(0))

    entries = [
        Entry(
            place_of(row),
            Fraction(row.profit_loss or 0) + carried(closed_trade_id=row.pk),
            Fraction(0),
        )
        for row in trades
        if row.status == "closed"
    ]
    entries += [
        Entry(
            (flow.flowed_at, flow.ledger_key),
            Fraction(flow.amount) + carried(cash_flow_id=flow.pk),
            Fraction(flow.units),
        )
        for flow in CashFlow.objects.filter(portfolio=portfolio, voided_at=None)
    ]
    return Ledger(Fraction(portfolio.opening_balance), entries)


def list_growths(
    portfolio: Portfolio, as_of: datetime
) -> list[tuple[datetime, str | None, Decimal]]:
    """Of each trade that counts: when it ended, its strategy and its growth."""
    trades = {trade.pk: trade for trade in Trade.objects.filter(portfolio=portfolio)}
    ledger = read_ledger(portfolio, trades.values())
    families: dict[int, list[Trade]] = {}
    for trade in trades.values():
        if trade.status != "void":
            families.setdefault(trade.parent_trade_id or trade.pk, []).append(trade)
    found = []
    for root_id, family in families.items():
        if any(row.is_open or row.exit_time > as_of for row in family):
            continue
        growth = measure_growth(ledger, trades[root_id], family)
        if growth is not None:
            last = max(family, key=place_of)
            found.append((place_of(last), trades[root_id].strategy_id, growth))
    return [(place[0], name, growth) for place, name, growth in sorted(found)]


def place_of(row: Trade) -> Place:
    assert row.exit_time is not None
    return row.exit_time, row.ledger_key


def measure_growth(ledger: Ledger, root: Trade, family: list[Trade]) -> Decimal | None:
    """What the trade did to the unit value at factor 1; None if it does not count."""
    places = sorted(place_of(row) for row in family)
    units = {place: measure_units(ledger, place) for place in places}
    gained = sum(
        (
            (measure_worth(ledger, place) - measure_worth(ledger, place, before=True))
            / units[place]
            for place in places
            if units[place] > 0
        ),
        Fraction(0),
    )
    last = places[-1]
    factor = measure_factor(root, family)
    if units[last] <= 0 or factor is None:
        return None
    began = measure_worth(ledger, last) / units[last] - gained
    if began <= 0:
        return None
    exact = gained / (began * factor)
    cut = int(abs(exact) * PLACES) * (1 if exact >= 0 else -1)
    return max(Decimal(-1000000), min(Decimal(1000000), Decimal(cut) / PLACES))


def measure_worth(ledger: Ledger, place: Place, *, before: bool = False) -> Fraction:
    """Equity and what open trades carry, after the entry at a place, or before it."""
    changes = (
        entry.worth
        for entry in ledger.entries
        if entry.place < place or (entry.place == place and not before)
    )
    return ledger.opening_balance + sum(changes, Fraction(0))


def measure_units(ledger: Ledger, place: Place) -> Fraction:
    changes = (entry.units for entry in ledger.entries if entry.place < place)
    return ledger.opening_balance + sum(changes, Fraction(0))


def measure_factor(root: Trade, family: list[Trade]) -> Fraction | None:
    """Entry notional by base size; 1 without a decision, None of a size of 0."""
    decision = GoalAdjustmentLog.objects.filter(pk=root.adjustment_id or 0).first()
    if decision is None:
        return Fraction(1)
    if decision.adjusted_size == 0:
        return None
    notional = Fraction(0)
    for row in family:
        cost = row.entry_notional
        if cost is None:
            cost = row.quantity * row.entry_price
        notional += Fraction(cost) * Fraction(row.fx_rate)
    return notional / Fraction(decision.base_size)


@exactly
def record_from(growths: list[Decimal]) -> GrowthRecord:
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


def plain_record(
    portfolios: list[Portfolio], as_of: datetime, strategy_id: str | None = None
) -> GrowthRecord:
    """The record that these portfolios' ledgers make."""
    return record_from(
        [
            growth
            for portfolio in portfolios
            for _, name, growth in list_growths(portfolio, as_of)
            if strategy_id is None or name == strategy_id
        ]
    )
