"""Growths and records in plain Python, over the whole ledger, one row at a time."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from goals.decisions.trade_record import GrowthRecord, make_record
from goals.models import CarriedProfit, CashFlow, GoalAdjustmentLog, Portfolio
from mastertrade.values.money import exactly
from trades.models import Trade

PLACES = 10**18


def list_growths(
    portfolio: Portfolio, as_of: datetime
) -> list[tuple[datetime, str | None, Decimal]]:
    """Of each trade that counts: when it ended, its strategy and its growth."""
    trades = {trade.pk: trade for trade in Trade.objects.filter(portfolio=portfolio)}
    families: dict[int, list[Trade]] = {}
    for trade in trades.values():
        if trade.status != "void":
            families.setdefault(trade.parent_trade_id or trade.pk, []).append(trade)
    found = []
    for root_id, family in families.items():
        if any(row.is_open or row.exit_time > as_of for row in family):
            continue
        growth = measure_growth(portfolio, trades[root_id], family)
        if growth is not None:
            last = max(family, key=place_of)
            found.append((place_of(last), trades[root_id].strategy_id, growth))
    return [(place[0], name, growth) for place, name, growth in sorted(found)]


def place_of(row: Trade) -> tuple[datetime, int]:
    assert row.exit_time is not None
    row.refresh_from_db(fields=["ledger_key"])
    return row.exit_time, row.ledger_key


def measure_growth(
    portfolio: Portfolio, root: Trade, family: list[Trade]
) -> Decimal | None:
    """What the trade did to the unit value at factor 1; None if it does not count."""
    places = sorted(place_of(row) for row in family)
    units = {place: measure_units(portfolio, place) for place in places}
    gained = sum(
        (
            (
                measure_worth(portfolio, place)
                - measure_worth(portfolio, place, before=True)
            )
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
    began = measure_worth(portfolio, last) / units[last] - gained
    if began <= 0:
        return None
    exact = gained / (began * factor)
    cut = int(abs(exact) * PLACES) * (1 if exact >= 0 else -1)
    return max(Decimal(-1000000), min(Decimal(1000000), Decimal(cut) / PLACES))


def measure_worth(
    portfolio: Portfolio, place: tuple[datetime, int], *, before: bool = False
) -> Fraction:
    """Equity and what open trades carry, after the entry at a place, or before it."""

    def counts(other: tuple[datetime, int]) -> bool:
        return other < place or (other == place and not before)

    worth = Fraction(portfolio.opening_balance)
    for row in Trade.objects.filter(portfolio=portfolio, status="closed"):
        if counts(place_of(row)):
            worth += Fraction(row.profit_loss or 0)
            released = CarriedProfit.objects.filter(closed_trade_id=row.pk)
            worth += sum((Fraction(one.change) for one in released), Fraction(0))
    for flow in CashFlow.objects.filter(portfolio=portfolio, voided_at=None):
        if counts((flow.flowed_at, flow.ledger_key)):
            worth += Fraction(flow.amount)
            carried = flow.carried_profits.all()
            worth += sum((Fraction(one.change) for one in carried), Fraction(0))
    return worth


def measure_units(portfolio: Portfolio, place: tuple[datetime, int]) -> Fraction:
    flows = CashFlow.objects.filter(portfolio=portfolio, voided_at=None)
    return Fraction(portfolio.opening_balance) + sum(
        (
            Fraction(flow.units)
            for flow in flows
            if (flow.flowed_at, flow.ledger_key) < place
        ),
        Fraction(0),
    )


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
