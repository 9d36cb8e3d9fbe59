"""The import's SQL against `trades.decisions.pnl`: rates, profits, refusals."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from goals.models import Portfolio
from goals.tests.factories import PortfolioFactory
from mastertrade.values.exceptions import InvalidInput
from tests.examples import examples
from trades.decisions.lots import PositionLot
from trades.decisions.pnl import (
    Rates,
    measure_exact_profit,
    resolve_rates,
)
from trades.enums import Side
from trades.importing.import_trades import import_trades
from trades.importing.options import ImportOptions
from trades.importing.previewing import ImportReport
from trades.models import Trade
from trades.tests.factories import ensure_strategy
from trades.tests.profits import measure_profit_loss

NOW = datetime(2026, 4, 20, tzinfo=UTC)
HEADER = (
    "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time,"
    "entry_fees,exit_fees,funding,quote_currency,fee_currency,fx_rate,fee_fx_rate"
)
TIMES = "2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z"
CURRENCIES = (None, "USD", "EUR", "BNB")
RATES = (None, Decimal(1), Decimal("1.1"))


def bring(
    portfolio: Portfolio, rows: list[list[object]], **rates: dict[str, Decimal]
) -> ImportReport:
    lines = [",".join("" if v is None else str(v) for v in row) for row in rows]
    return import_trades(
        user=portfolio.user,
        portfolio=portfolio.pk,
        source=io.BytesIO("\n".join([HEADER, *lines]).encode()),
        file_name="trades.csv",
        format_name="mastertrade-csv",
        now=NOW,
        partial=True,
        options=ImportOptions(
            strategy_id=ensure_strategy(portfolio).strategy_id, **rates
        ),
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("quote", "fee", "written"),
    [
        ("EUR", None, ["1.1", None]),
        ("EUR", "EUR", ["1.1", None]),
        ("EUR", "BNB", ["1.1", "300"]),
        (None, "BNB", ["300", None]),
        ("USD", "EUR", ["1.1", None]),
    ],
)
def test_rows_without_rates_take_those_that_are_given(
    quote: str | None, fee: str | None, written: list[str | None]
) -> None:
    portfolio = PortfolioFactory(currency="USD", opening_balance=Decimal(1000))
    figures = ["X", "LONG", 1, 10, TIMES[0], 11, TIMES[1], "0.01", "0.02", 0]
    rates = {"fx_rates": {"EUR": Decimal("1.1")}, "fee_rates": {"BNB": Decimal(300)}}

    bring(portfolio, [["own", *figures, quote, fee, *written]])
    report = bring(portfolio, [["given", *figures, quote, fee, None, None]], **rates)

    assert report.refused == 0, report.refusals
    names = ("fx_rate", "fee_fx_rate", "profit_loss")
    own, given_rates = Trade.objects.order_by("pk").values_list(*names)
    assert own == given_rates
    assert given_rates[2] not in (None, 1)


@pytest.mark.django_db
def test_a_rate_of_the_row_goes_before_one_that_is_given() -> None:
    portfolio = PortfolioFactory(currency="USD", opening_balance=Decimal(1000))
    row = ["own", "X", "LONG", 1, 10, TIMES[0], 11, TIMES[1], 0, 0, 0]

    bring(portfolio, [[*row, "EUR", None, "1.2", None]], fx_rates={"EUR": Decimal(2)})

    assert Trade.objects.get().fx_rate == Decimal("1.2")


@pytest.mark.django_db
def test_every_combination_of_currencies_and_rates_is_read_alike() -> None:
    portfolio = PortfolioFactory(currency="USD", opening_balance=Decimal(1000))
    cases = list(product(CURRENCIES, CURRENCIES, RATES, RATES))
    rows: list[list[object]] = [
        [n, "X", "LONG", 1, 10, TIMES[0], 11, TIMES[1], 0.1, 0.2, 0, *case]
        for n, case in enumerate(cases)
    ]
    report = bring(portfolio, rows)
    refused = {
        one.line - 2: (one.column, one.reason.replace(" (fx_rates)", ""))
        for one in report.refusals
    }
    for number, (quote, fee, fx_rate, fee_fx_rate) in enumerate(cases):
        rates = read_alike(quote, fee, fx_rate, fee_fx_rate)
        if isinstance(rates, InvalidInput):
            assert refused[number] == (rates.field, rates.detail), cases[number]
            continue
        assert number not in refused, (cases[number], refused[number])
        trade = Trade.objects.get(external_id=str(number))
        assert (trade.fx_rate, trade.fee_fx_rate) == (rates.quote, rates.fee)
        assert trade.profit_loss == measure_exact_profit(
            side=Side.LONG,
            lot=PositionLot(Decimal(1), Decimal(10), entry_fees=Decimal("0.1")),
            exit_price=Decimal(11),
            exit_fees=Decimal("0.2"),
            rates=rates,
        )


def read_alike(
    quote: str | None, fee: str | None, fx_rate: Decimal | None, fee_fx: Decimal | None
) -> Rates | InvalidInput:
    try:
        return resolve_rates(
            portfolio_currency="USD",
            quote_currency=quote or "USD",
            fee_currency=fee or "USD",
            fx_rate=fx_rate,
            fee_fx_rate=fee_fx,
        )
    except InvalidInput as wrong:
        return wrong


def decimals(longest: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(1, 10**longest).map(lambda n: Decimal(n).scaleb(-places))


@pytest.mark.slow
class Profits(TestCase):
    @examples(25)
    @given(
        answer=st.lists(
            st.tuples(
                st.sampled_from(Side),
                decimals(9, 12) | decimals(8, 4) | st.just(Decimal("0.5")),
                decimals(9, 8),
                decimals(9, 8) | st.just(Decimal("0.00000001")),
                decimals(6, 8),
            ),
            min_size=1,
            max_size=20,
        )
    )
    def test_a_profit_is_rounded_half_to_even(
        self, answer: list[tuple[Side, Decimal, Decimal, Decimal, Decimal]]
    ) -> None:
        portfolio = PortfolioFactory(currency="USD", opening_balance=Decimal(10**9))
        rows: list[list[object]] = [
            [
                *(n, "X", side, f"{quantity:f}", f"{entry:f}", TIMES[0], f"{out:f}"),
                *(TIMES[1], f"{fees:f}", 0, f"{-fees:f}", None, None, None, None),
            ]
            for n, (side, quantity, entry, out, fees) in enumerate(answer)
        ]
        assert bring(portfolio, rows).refusals == ()
        for number, (side, quantity, entry, out, fees) in enumerate(answer):
            assert Trade.objects.get(
                portfolio=portfolio, external_id=str(number)
            ).profit_loss == measure_profit_loss(
                side=side,
                quantity=quantity,
                entry_price=entry,
                exit_price=out,
                fees=fees,
                funding=-fees,
                rates=Rates(),
            )
