"""Buy and hold: what a report's runs are measured against besides each other. Pure."""

from decimal import Decimal

from mastertrade.values.money import MONEY, exactly, round_to
from trades.replay.bars import PriceSeries
from trades.replay.execution import executed_price, fees_of
from trades.replay.options import Costs
from trades.replay.records import EquityPoint
from trades.replay.report import (
    BuyAndHold,
    curve_of,
    max_drawdown_pct,
    percent_of,
)


@exactly
def hold(series: PriceSeries, opening: Decimal, costs: Costs) -> BuyAndHold:
    """All of `opening` bought at the first open and sold at the last close.

    With the costs of the runs; what the entry's fee leaves is invested.
    """
    price = executed_price(series.bars[0].open, costs, is_buy=True)
    fee_ratio = fees_of(Decimal(1), Decimal(1), costs)
    quantity = opening / (price * (1 + fee_ratio))
    points = [
        EquityPoint(bar.at, value, value)
        for bar in series.bars
        for value in (round_to(quantity * bar.close, MONEY),)
    ]
    last = executed_price(series.bars[-1].close, costs, is_buy=False)
    final = round_to(quantity * last - fees_of(quantity, last, costs), MONEY)
    points[-1] = EquityPoint(points[-1].at, final, final)
    return BuyAndHold(
        return_pct=percent_of(final - opening, opening),
        max_drawdown_pct=max_drawdown_pct(opening, points),
        final_equity=final,
        equity=curve_of(points),
    )
