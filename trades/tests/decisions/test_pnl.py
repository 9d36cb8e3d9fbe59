"""Profit and loss in the portfolio's currency."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastertrade.values.exceptions import InvalidInput
from trades.decisions.pnl import (
    Rates,
    measure_notional,
    resolve_rates,
)
from trades.enums import Side
from trades.tests.profits import measure_profit_loss

prices = st.decimals(
    min_value=Decimal("0.000000000001"), max_value=Decimal(10) ** 19, places=12
)
moderate_prices = st.decimals(
    min_value=Decimal("0.01"), max_value=Decimal(10) ** 6, places=2
)
fees = st.decimals(min_value=Decimal(0), max_value=Decimal(10) ** 6, places=8)
rates = st.builds(Rates, quote=prices, fee=prices)


def profit(side=Side.LONG, fees="0", rates=None, **figures):
    given_figures = {
        "quantity": "0.02",
        "entry_price": "50000",
        "exit_price": "51000",
        **figures,
    }
    return measure_profit_loss(
        side=side,
        fees=Decimal(fees),
        rates=rates or Rates(),
        **{name: Decimal(value) for name, value in given_figures.items()},
    )


@pytest.mark.parametrize(
    ("side", "exit_price", "expected"),
    [
        (Side.LONG, "51000", "20"),
        (Side.LONG, "49000", "-20"),
        (Side.LONG, "50000", "0"),
        (Side.SHORT, "49000", "20"),
        (Side.SHORT, "51000", "-20"),
    ],
)
def test_a_long_earns_when_the_price_rises_and_a_short_when_it_falls(
    side, exit_price, expected
):
    assert profit(side, exit_price=exit_price) == Decimal(expected)


@pytest.mark.parametrize(("side", "expected"), [("LONG", "18.5"), ("SHORT", "-21.5")])
def test_fees_lower_the_profit_of_either_side(side, expected):
    assert profit(Side(side), fees="1.5") == Decimal(expected)


@given(prices, prices, prices, rates)
def test_without_fees_the_profit_of_a_long_is_the_loss_of_a_short(
    quantity, entry, exit_price, rates
):
    long, short = (
        measure_profit_loss(
            side=side,
            quantity=quantity,
            entry_price=entry,
            exit_price=exit_price,
            fees=Decimal(0),
            rates=rates,
        )
        for side in Side
    )
    assert long.compare(short.copy_negate()) == 0


@given(moderate_prices, moderate_prices, moderate_prices, fees)
def test_fees_are_subtracted_exactly(quantity, entry, exit_price, charged):
    figures = {"quantity": quantity, "entry_price": entry, "exit_price": exit_price}
    assert profit(fees=charged, **figures) == profit(**figures) - charged


@given(prices, prices, prices, rates)
def test_a_profit_has_eight_places(quantity, entry, exit_price, rates):
    measured = profit(
        quantity=quantity, entry_price=entry, exit_price=exit_price, rates=rates
    )
    assert measured.as_tuple().exponent == -8


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("0.000000005", "0"),
        ("0.000000015", "0.00000002"),
        ("0.000000025", "0.00000002"),
    ],
)
def test_a_profit_is_rounded_half_to_even(quantity, expected):
    measured = profit(quantity=quantity, entry_price="1", exit_price="2")
    assert measured == Decimal(expected)


def test_no_digit_of_large_figures_is_lost():
    measured = profit(
        quantity="1234567.123456789012", entry_price="1", exit_price="1000000001"
    )
    assert measured == Decimal("1234567123456789.01200000")


def test_prices_and_fees_have_their_own_rates():
    rates = Rates(quote=Decimal("1.1"), fee=Decimal(600))
    assert profit(fees="0.01", rates=rates) == Decimal(16)


def test_a_notional_is_not_rounded():
    notional = measure_notional(
        Decimal("0.000000000001"), Decimal("0.000000000001"), Rates()
    )
    assert notional == Decimal("1E-24")


# Rates


@pytest.mark.parametrize(
    ("quote", "fee", "fx_rate", "fee_fx_rate", "expected"),
    [
        ("USD", "USD", None, None, ("1", "1")),
        # A rate of 1 says nothing that is not so.
        ("USD", "USD", "1", None, ("1", "1")),
        ("EUR", "USD", "1.1", None, ("1.1", "1")),
        ("EUR", "EUR", "1.1", None, ("1.1", "1.1")),
        ("USD", "BNB", "600", None, ("1", "600")),
        ("USD", "BNB", None, "600", ("1", "600")),
        ("EUR", "BNB", "1.1", "600", ("1.1", "600")),
    ],
)
def test_a_rate_belongs_to_the_foreign_currency(
    quote, fee, fx_rate, fee_fx_rate, expected
):
    rates = resolve_rates(
        portfolio_currency="USD",
        quote_currency=quote,
        fee_currency=fee,
        fx_rate=fx_rate and Decimal(fx_rate),
        fee_fx_rate=fee_fx_rate and Decimal(fee_fx_rate),
    )
    assert rates == Rates(*map(Decimal, expected))


@pytest.mark.parametrize(
    ("quote", "fee", "fx_rate", "fee_fx_rate", "field", "missing"),
    [
        ("EUR", "USD", None, None, "fx_rate", "EUR"),
        ("EUR", "EUR", None, None, "fx_rate", "EUR"),
        ("EUR", "EUR", None, "1.1", "fx_rate", "EUR"),
        ("USD", "BNB", None, None, "fx_rate", "BNB"),
        ("EUR", "BNB", "1.1", None, "fee_fx_rate", "BNB"),
        ("EUR", "BNB", None, "600", "fx_rate", "EUR"),
    ],
)
def test_a_rate_that_is_missing_is_named(
    quote, fee, fx_rate, fee_fx_rate, field, missing
):
    with pytest.raises(
        InvalidInput, match=f"units of USD for one {missing}"
    ) as refused:
        resolve_rates(
            portfolio_currency="USD",
            quote_currency=quote,
            fee_currency=fee,
            fx_rate=fx_rate and Decimal(fx_rate),
            fee_fx_rate=fee_fx_rate and Decimal(fee_fx_rate),
        )
    assert refused.value.field == field


def test_a_rate_that_nothing_would_use_is_refused():
    with pytest.raises(InvalidInput, match="fx_rate: is not needed"):
        resolve_rates(
            portfolio_currency="USD",
            quote_currency="USD",
            fee_currency="USD",
            fx_rate=Decimal("1.1"),
        )


def test_a_fee_rate_is_only_for_a_third_currency():
    with pytest.raises(InvalidInput, match="fee_fx_rate: is only for"):
        resolve_rates(
            portfolio_currency="USD",
            quote_currency="EUR",
            fee_currency="EUR",
            fx_rate=Decimal("1.1"),
            fee_fx_rate=Decimal("1.1"),
        )


def test_a_rate_beside_the_fees_own_is_refused():
    with pytest.raises(InvalidInput, match="fx_rate: is not needed"):
        resolve_rates(
            portfolio_currency="EUR",
            quote_currency="EUR",
            fee_currency="BNB",
            fx_rate=Decimal(5),
            fee_fx_rate=Decimal(500),
        )
