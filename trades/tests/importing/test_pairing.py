"""Pairing fills: first in, first out, nothing lost, however the files are cut."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastertrade.values.money import exactly
from trades.decisions.lots import PositionLot
from trades.enums import FillKind, Side
from trades.importing.lots import Lot, LotQueue
from trades.importing.pairing import Execution, Market, PairedFill, Pairing
from trades.importing.rows import Refusal, TradeRow

SPOT = Market("SOLUSDT", "USDT", quantity_column="Executed")
SWAP = Market("SOL/USDT:USDT", "USDT", may_short=True)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
D = Decimal
ONE = D(1)


def fill(
    number: int, side: str, quantity: str, price: str = "10", **more: Any
) -> Execution:
    answer = {
        "at": NOON + timedelta(minutes=number),
        "fees": D(0),
        "base_fee": D(0),
        **more,
    }
    return Execution(
        line=number,
        external_id=f"x:{number}",
        key=str(number),
        is_buy=side == "buy",
        quantity=D(quantity),
        price=D(price),
        **answer,
    )


class Book:
    """A ledger as far as pairing knows it: rows by id, fills in their order."""

    def __init__(self, market: Market = SPOT) -> None:
        self.market = market
        self.rows: dict[str, TradeRow] = {}
        self.paired: list[PairedFill] = []
        self.refusals: list[Refusal] = []

    def bring(self, *executions: Execution) -> "Book":
        """One file of fills."""
        queue = LotQueue(in_memory=2)
        for paired in self.paired:
            row = self.rows.get(paired.execution.external_id)
            if row is not None and row.exit_price is None:
                queue.push(self._lot(row))
        pairing = Pairing(self.market, queue)
        for execution in executions:
            self._put(pairing.take(execution))
        self._put(pairing.finish())
        queue.close()
        return self

    def _lot(self, row: TradeRow) -> Lot:
        return Lot(
            external_id=row.external_id,
            line=row.line,
            side=row.side,
            position=PositionLot(
                row.quantity, row.entry_price, None, row.entry_fees, row.funding
            ),
            opened_at=row.entry_time,
            fx_rate=row.fx_rate or D(1),
            unbooked=row.unbooked_profit or D(0),
            is_known=True,
        )

    def _put(self, outcomes: Iterable[TradeRow | Refusal | PairedFill]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Refusal):
                self.refusals.append(outcome)
            elif isinstance(outcome, PairedFill):
                self.paired.append(outcome)
            else:
                assert outcome.updates_open_trade == (outcome.external_id in self.rows)
                self.rows[outcome.external_id] = outcome

    @property
    def figures(self) -> dict[str, TradeRow]:
        """The rows, apart from where they stood in their file."""
        return {
            name: replace(row, line=0, updates_open_trade=False)
            for name, row in self.rows.items()
        }

    def quantities(self) -> dict[str, tuple[Decimal, bool]]:
        return {
            name: (row.quantity, row.exit_price is not None)
            for name, row in self.rows.items()
        }


def test_a_purchase_and_its_sale_are_one_trade() -> None:
    book = Book().bring(
        fill(1, "buy", "2", "10", fees=D("0.02")),
        fill(2, "sell", "2", "11", fees=D("0.03")),
    )
    (row,) = book.rows.values()
    assert (row.external_id, row.side, row.quantity) == ("x:1", Side.LONG, 2)
    assert (row.entry_price, row.exit_price) == (10, 11)
    assert (row.entry_fees, row.exit_fees) == (D("0.02"), D("0.03"))
    assert row.profit_loss == D("1.95")
    assert [(one.kind, one.trade_id) for one in book.paired] == [
        (FillKind.ENTRY, "x:1"),
        (FillKind.EXIT, "x:1"),
    ]


def test_lots_are_closed_in_the_order_in_which_they_were_opened() -> None:
    book = Book().bring(
        fill(1, "buy", "1", "10"),
        fill(2, "buy", "1", "20"),
        fill(3, "sell", "1.5", "30", fees=D("0.00000100")),
    )
    assert book.quantities() == {
        "x:1": (1, True),
        "x:2>3": (D("0.5"), True),
        "x:2": (D("0.5"), False),
    }
    part = book.rows["x:2>3"]
    assert (part.parent_external_id, part.entry_price) == ("x:2", 20)
    # Two thirds of the fee, rounded down, and the rest.
    assert book.rows["x:1"].exit_fees == D("0.00000066")
    assert part.exit_fees == D("0.00000034")
    assert book.paired[-1].trade_id == "x:2>3"


def test_the_last_part_is_the_lots_own_row_with_the_rest_of_its_fees() -> None:
    book = Book().bring(
        fill(1, "buy", "3", "10", fees=D("0.00000100")),
        fill(2, "sell", "1", "11"),
        fill(3, "sell", "1", "12"),
        fill(4, "sell", "1", "13"),
    )
    fees = {name: row.entry_fees for name, row in book.rows.items()}
    assert fees == {
        "x:1>2": D("0.00000033"),
        "x:1>3": D("0.00000033"),
        "x:1": D("0.00000034"),
    }
    assert book.rows["x:1"].exit_time == NOON + timedelta(minutes=4)


def test_a_sale_of_more_than_was_bought_is_refused_beyond_that() -> None:
    book = Book().bring(
        fill(1, "buy", "1"), fill(2, "sell", "3", fees=D("0.3")), fill(3, "sell", "1")
    )
    assert book.quantities() == {"x:1": (1, True)}
    assert book.rows["x:1"].exit_fees == D("0.1")
    assert [(one.line, one.column) for one in book.refusals] == [
        (2, "Executed"),
        (3, "Executed"),
    ]
    assert "sells 2 more than was bought" in book.refusals[0].reason
    assert [(one.quantity, one.surplus) for one in book.paired] == [(1, 0), (1, 2)]


def test_a_sale_waits_for_the_purchases_of_its_instant() -> None:
    book = Book().bring(
        fill(1, "sell", "2", at=NOON),
        fill(2, "sell", "1", "12", at=NOON),
        fill(3, "buy", "3", at=NOON),
        fill(4, "buy", "1", at=NOON + timedelta(seconds=1)),
    )
    assert book.refusals == []
    assert book.quantities() == {
        "x:3>1": (2, True),
        "x:3": (1, True),
        "x:4": (1, False),
    }
    assert book.rows["x:3"].exit_price == 12


def test_a_fee_in_the_base_leaves_no_dust_and_loses_no_value() -> None:
    bought = fill(1, "buy", "1", "100", base_fee=D("0.001"), fees=D("0.1"))
    book = Book().bring(bought, fill(2, "sell", "0.999", "110"))
    (row,) = book.rows.values()
    assert (row.quantity, row.exit_price) == (D("0.999"), 110)
    assert row.profit_loss == D("0.999") * 110 - 100


@pytest.mark.parametrize(
    ("held", "left", "profit"),
    [
        # The fee is taken from the lot: 0.01 at 9, and 1 sold for 10.
        ("2", "0.99", D("10") - D("1.01") * 9),
        # None is left to pay it with: it came from elsewhere, at the sale's price.
        ("1", None, D("10") - D("0.01") * 10 - 9),
    ],
)
def test_a_sales_fee_in_the_base_is_taken_as_far_as_lots_reach(
    held: str, left: str | None, profit: Decimal
) -> None:
    book = Book().bring(
        fill(1, "buy", held, "9"),
        fill(2, "sell", "1", "10", base_fee=D("0.01"), fees=D("0.1")),
    )
    assert book.refusals == []
    closed = [row for row in book.rows.values() if row.exit_price is not None]
    assert sum(row.profit_loss or 0 for row in closed) == profit
    still = [row.quantity for row in book.rows.values() if row.exit_price is None]
    assert still == ([] if left is None else [D(left)])


def test_a_rebate_is_money_received() -> None:
    book = Book().bring(
        fill(1, "buy", "2", fees=D("-0.2")), fill(2, "sell", "1", fees=D("-0.05"))
    )
    part, rest = book.rows["x:1>2"], book.rows["x:1"]
    assert (part.funding, part.entry_fees, part.exit_fees) == (D("0.15"), 0, 0)
    assert (part.profit_loss, rest.funding) == (D("0.15"), D("0.1"))


def test_a_contract_may_be_short_and_turn_in_one_fill() -> None:
    book = Book(SWAP).bring(
        fill(1, "sell", "2", "10"),
        fill(2, "buy", "5", "9", fees=D("0.00000005")),
        fill(3, "sell", "3", "11"),
    )
    first, second = book.rows["x:1"], book.rows["x:2"]
    assert (first.side, first.profit_loss) == (Side.SHORT, D("1.99999998"))
    assert (second.side, second.quantity) == (Side.LONG, 3)
    assert second.entry_fees == D("0.00000003")
    assert second.profit_loss == D("5.99999997")
    assert book.paired[1].trade_id == "x:2"


def test_profits_of_parts_add_up_to_the_whole() -> None:
    """A rate that makes every part end between two places."""
    rate = {"fx_rate": D("0.123456789012")}
    book = Book(replace(SPOT, is_foreign=True)).bring(
        fill(1, "buy", "3", "10.00000001", **rate),
        *(fill(number, "sell", "1", "10.10000003", **rate) for number in (2, 3, 4)),
    )
    with_rest = sum(row.profit_loss for row in book.rows.values())
    exact = 3 * (D("10.10000003") - D("10.00000001")) * D("0.123456789012")
    assert with_rest + book.rows["x:1"].unbooked_profit == exact
    assert abs(book.rows["x:1"].unbooked_profit) <= D("5e-9")


def test_a_lot_of_an_earlier_file_is_settled_by_a_later_one() -> None:
    book = Book().bring(fill(1, "buy", "4", fees=D("0.4")))
    book.bring(fill(2, "sell", "1"))
    assert book.quantities() == {"x:1": (3, False), "x:1>2": (1, True)}
    assert book.rows["x:1"].updates_open_trade
    book.bring(fill(3, "sell", "3"))
    assert book.quantities() == {"x:1": (3, True), "x:1>2": (1, True)}
    assert book.rows["x:1"].entry_fees == D("0.3")


def test_a_lot_that_no_fill_touches_is_not_told_again() -> None:
    book = Book().bring(fill(1, "buy", "1"), fill(2, "buy", "1"))
    book.rows["x:2"] = untouched = replace(book.rows["x:2"], line=99)
    book.bring(fill(3, "sell", "0.5"))
    assert book.rows["x:2"] is untouched


# Any history, cut anywhere.

QUANTITIES = st.integers(1, 40).map(lambda n: D(n) / 8)
PRICES = st.decimals(D("0.00000001"), D(1000), places=8)
FEES = st.decimals(D("-0.00000009"), D("0.1"), places=8)


@st.composite
def histories(draw: Any, may_short: bool, fx_rate: Decimal = ONE) -> list[Execution]:
    """Executions in the order of their times; spot never sells what it has not.

    Contracts are funded while some are open.
    """
    held = D(0)
    at = NOON
    answer = []
    for number in range(draw(st.integers(1, 14))):
        at += timedelta(seconds=draw(st.integers(0, 2)))
        quantity = draw(QUANTITIES)
        is_buy = draw(st.booleans())
        base_fee = D(0)
        is_funding = may_short and held != 0 and draw(st.booleans())
        if may_short:
            held += D(0) if is_funding else quantity if is_buy else -quantity
        else:
            is_buy = is_buy or held == 0
            if is_buy:
                base_fee = draw(st.sampled_from([D(0), quantity / 1000]))
            else:
                quantity = draw(st.sampled_from([min(quantity, held), held]))
            held += quantity - base_fee if is_buy else -quantity
        answer.append(
            fill(
                number,
                "buy" if is_buy else "sell",
                str(quantity),
                str(draw(PRICES)),
                at=at,
                fees=draw(FEES),
                base_fee=base_fee,
                fx_rate=fx_rate,
                is_funding=is_funding,
            )
        )
    return answer


@st.composite
def cut_histories(draw: Any) -> tuple[Market, list[Execution], list[int]]:
    market = draw(st.sampled_from([SPOT, SWAP]))
    rate = draw(st.sampled_from([None, D("0.923456789012")]))
    answer = draw(histories(market.may_short, rate or D(1)))
    cuts = draw(st.lists(st.integers(0, len(answer)), max_size=4))
    return replace(market, is_foreign=rate is not None), answer, sorted(cuts)


@pytest.mark.slow
@settings(max_examples=300)
@given(cut_histories())
def test_however_a_history_is_cut_into_files_the_trades_are_the_same(
    case: tuple[Market, list[Execution], list[int]],
) -> None:
    market, answer, cuts = case
    whole = Book(market).bring(*answer)
    pieces = Book(market)
    for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True):
        pieces.bring(*answer[start:end])
    assert whole.refusals == pieces.refusals == []
    assert pieces.figures == whole.figures


@pytest.mark.slow
@settings(max_examples=200)
@given(cut_histories())
@exactly
def test_quantities_fees_and_money_are_conserved(
    case: tuple[Market, list[Execution], list[int]],
) -> None:
    market, answer, _ = case
    book = Book(market).bring(*answer)
    rate = answer[0].fx_rate
    rows = list(book.rows.values())
    traded = [one for one in answer if not one.is_funding]
    position = sum(
        (one.quantity - one.base_fee if one.is_buy else -one.quantity) for one in traded
    )
    still = [row for row in rows if row.exit_price is None]
    assert sum(row.quantity * row.side.sign for row in still) == position
    paid = sum(row.entry_fees + row.exit_fees - row.funding for row in rows)
    assert paid == sum(one.fees for one in answer)
    # What came in less what went out, and what the open lots cost.
    money = sum(
        (-1 if one.is_buy else 1) * one.quantity * one.price
        - one.fees
        + (one.base_fee * one.price)  # is in the fees, and was not paid in money
        for one in traded
    ) - sum(one.fees for one in answer if one.is_funding)
    cost = sum(row.quantity * row.entry_price * row.side.sign for row in still)
    unpaid = sum(row.entry_fees - row.funding for row in still)
    booked = sum((row.profit_loss or 0) for row in rows)
    unbooked = sum((row.unbooked_profit or 0) for row in rows)
    assert booked + unbooked == (money + cost + unpaid) * rate


@pytest.mark.slow
@settings(max_examples=100)
@given(histories(may_short=False), st.integers(0, 14))
def test_what_is_refused_is_refused_however_files_are_cut(
    answer: list[Execution], skipped: int
) -> None:
    """Histories that lack a purchase, cut between two instants."""
    answer = [one for one in answer if one.line != skipped]
    whole = Book().bring(*answer)
    cuts = [
        place
        for place in range(1, len(answer))
        if answer[place - 1].at < answer[place].at
    ]
    pieces = Book()
    for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True):
        pieces.bring(*answer[start:end])
    assert pieces.figures == whole.figures
    assert pieces.refusals == whole.refusals


def test_funding_is_shared_by_all_that_is_open_then() -> None:
    book = Book(SWAP).bring(
        fill(1, "buy", "1"),
        fill(2, "buy", "2"),
        fill(3, "buy", "3", fees=D("-0.00000010"), is_funding=True),
        fill(4, "sell", "1"),
        fill(5, "sell", "2", fees=D("0.3"), is_funding=True),
        fill(6, "sell", "2"),
    )
    assert [row.funding for row in book.rows.values()] == [
        D("0.00000003"),
        D("0.00000007") - D("0.3"),
    ]
    assert [row.quantity for row in book.rows.values()] == [1, 2]
    assert [paired.kind for paired in book.paired] == [
        *["entry", "entry", "funding", "exit", "funding", "exit"]
    ]


def test_funding_of_nothing_open_is_refused() -> None:
    book = Book(SWAP).bring(fill(1, "sell", "1", fees=D(1), is_funding=True))
    assert not book.rows
    (refused,) = book.refusals
    assert "nothing of it is open" in refused.reason


def test_a_rate_by_day_is_that_of_the_exit_and_a_fixed_one_that_of_the_entry() -> None:
    rates = {"entry": D(10), "exit": D(20)}
    for by_day, profit in ((True, D(40)), (False, D(20))):
        book = Book(replace(SPOT, is_foreign=True)).bring(
            fill(1, "buy", "2", "10", fx_rate=rates["entry"], by_day=by_day),
            fill(2, "sell", "2", "11", fx_rate=rates["exit"], by_day=by_day),
        )
        assert book.rows["x:1"].profit_loss == profit
        assert book.rows["x:1"].fx_rate == profit / 2


def test_a_long_queue_keeps_its_order_and_its_quantity() -> None:
    queue = LotQueue(in_memory=3)
    for number in range(50):
        queue.push(
            Lot(
                str(number), number, Side.LONG, PositionLot(D(1), D(10)), opened_at=NOON
            )
        )
        if number % 4 == 0:
            queue.lessen_first(None) if queue.first() else None
    seen = []
    while (lot := queue.first()) is not None:
        seen.append(int(lot.external_id))
        queue.lessen_first(None)
    queue.close()
    assert seen == list(range(13, 50))
    assert queue.quantity == 0
