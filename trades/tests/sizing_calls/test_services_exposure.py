"""The open notional that a decision looks at."""

from datetime import timedelta
from decimal import Decimal

import pytest

from goals.decisions.size_request import SizeRequest
from goals.models import Portfolio
from goals.services.decision_log import SizingCall
from goals.services.figures_at import read_figures
from goals.tests.factories import PortfolioFactory
from trades.booking.close import close_trade
from trades.booking.void import void_trade
from trades.sizing_calls.inputs import read_inputs
from trades.tests.factories import ENTRY, TradeFactory

HOUR = timedelta(hours=1)


def open_notional(portfolio: Portfolio, **asked: object) -> Decimal | None:
    at = asked.pop("at", ENTRY + 4 * HOUR)
    call = SizingCall(SizeRequest(Decimal(1000)), at, at, fingerprint="", **asked)
    inputs, _ = read_inputs(
        portfolio.user, read_figures(portfolio, at), [], call, strategy_ids=[]
    )
    return inputs.exposure.open_notional


@pytest.fixture
def portfolio(db: None) -> Portfolio:
    """BTCUSDT open with 1000 twice, once until two hours after; ETHUSDT with 500."""
    portfolio = PortfolioFactory(max_position_pct=Decimal(50))
    TradeFactory(portfolio=portfolio)
    closed = TradeFactory(portfolio=portfolio)
    TradeFactory(portfolio=portfolio, symbol="ETHUSDT", quantity=Decimal("0.01"))
    close_trade(
        user=portfolio.user,
        trade_id=closed.trade_id,
        exit_price=Decimal(50000),
        exit_time=ENTRY + 2 * HOUR,
        now=ENTRY + 3 * HOUR,
    )
    portfolio.refresh_from_db()
    return portfolio


@pytest.mark.parametrize(
    ("symbol", "expected"), [("BTCUSDT", 1000), ("ETHUSDT", 500), ("SOLUSDT", 0)]
)
def test_a_symbol_counts_what_is_open_of_it(
    portfolio: Portfolio, symbol: str, expected: int
) -> None:
    assert open_notional(portfolio, symbol=symbol) == expected


def test_without_a_symbol_the_largest_one_counts(portfolio: Portfolio) -> None:
    assert open_notional(portfolio) == 1000


def test_at_a_past_time_counts_what_was_open_then(portfolio: Portfolio) -> None:
    an_hour_in = ENTRY + HOUR

    assert open_notional(portfolio, symbol="BTCUSDT", at=an_hour_in) == 2000
    assert open_notional(portfolio, at=ENTRY - HOUR) == 0


def test_a_voided_trade_was_never_open(portfolio: Portfolio) -> None:
    mistaken = portfolio.trades.get(exit_time=ENTRY + 2 * HOUR)
    void_trade(
        user=portfolio.user,
        trade_id=mistaken.pk,
        reason="mistaken",
        now=ENTRY + 5 * HOUR,
    )
    portfolio.refresh_from_db()

    assert open_notional(portfolio, symbol="BTCUSDT", at=ENTRY + HOUR) == 1000


def test_without_a_limit_nothing_is_counted(portfolio: Portfolio) -> None:
    portfolio.max_position_pct = None
    strategy_id = portfolio.trades.first().strategy_id

    assert open_notional(portfolio, strategy_id=strategy_id) is None


def test_another_currency_counts_at_its_rate(portfolio: Portfolio) -> None:
    TradeFactory(
        portfolio=portfolio,
        symbol="SAP",
        quantity=Decimal(10),
        entry_price=Decimal(200),
        quote_currency="EUR",
        fx_rate=Decimal("1.1"),
    )

    assert open_notional(portfolio, symbol="SAP") == 2200
