"""Recording trades: opened now, or known whole."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from goals.models import LedgerEntry
from goals.services.goals import cancel_goal
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from mastertrade.values.exceptions import (
    IdempotencyConflict,
    InvalidInput,
    PortfolioRuined,
)
from strategies.tests.factories import StrategyFactory
from trades.booking.close import close_trade
from trades.booking.open import open_trade, record_closed_trade
from trades.models import Position, Trade
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import ENTRY, TradeFactory, book_profit, ensure_strategy

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def count_statements(captured):
    control = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "ROLLBACK")
    return len([q for q in captured if not q["sql"].startswith(control)])


def trade_input(portfolio, /, **fields):
    return {
        "user": portfolio.user,
        "portfolio": portfolio.portfolio_id,
        "strategy_id": ensure_strategy(portfolio).strategy_id,
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": Decimal("0.02"),
        "entry_price": Decimal(50000),
        "now": NOW,
        **fields,
    }


def record_closed(portfolio, **fields):
    return record_closed_trade(
        **trade_input(portfolio, **{"exit_price": Decimal(51000), **fields})
    )


def test_an_opened_trade_is_open_and_has_a_position():
    trade, is_new = open_trade(**trade_input(PortfolioFactory()))
    position = Position.objects.get(trade=trade)
    assert is_new
    assert (trade.status, trade.profit_loss, trade.exit_time) == ("open", None, None)
    assert (
        position.status,
        position.quantity,
        position.current_price,
        position.unrealized_pnl,
        position.user_id,
    ) == ("open", Decimal("0.02"), 50000, 0, trade.user_id)


def test_an_open_trade_is_no_ledger_entry():
    trade = TradeFactory()
    trade.portfolio.refresh_from_db()
    assert not LedgerEntry.objects.exists()
    assert trade.portfolio.equity == 1000


@pytest.mark.parametrize(
    "field",
    ["quantity", "entry_price", "fees", "stop_price", "fx_rate", "fee_fx_rate"],
)
def test_a_float_is_refused(field):
    with pytest.raises(InvalidInput, match="not float") as refused:
        open_trade(**trade_input(PortfolioFactory(), **{field: 1.5}))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", Decimal(0)),
        ("quantity", Decimal("0.0000000000001")),
        ("entry_price", Decimal(-1)),
        ("entry_price", Decimal("1e20")),
        ("fees", Decimal("-0.00000001")),
        ("stop_price", Decimal(0)),
        ("symbol", "  "),
        ("side", "long"),
        ("side", "BOTH"),
        ("strategy_id", "unknown"),
        ("adjustment_id", 10**9),
        ("entry_time", NOW + timedelta(microseconds=1)),
        ("entry_time", NOW.replace(tzinfo=None)),
        ("portfolio", "nowhere"),
    ],
)
def test_what_no_column_or_rule_takes_is_refused_by_its_name(field, value):
    with pytest.raises(InvalidInput) as refused:
        open_trade(**trade_input(PortfolioFactory(), **{field: value}))
    assert refused.value.field == field
    assert not Trade.objects.exists()


def test_a_notional_out_of_range_is_refused():
    with pytest.raises(InvalidInput, match="out of range"):
        open_trade(
            **trade_input(
                PortfolioFactory(), quantity=Decimal("1e10"), entry_price=Decimal("1e6")
            )
        )


def test_the_strategy_of_another_user_does_not_exist_for_you():
    StrategyFactory(strategy_id="theirs")
    with pytest.raises(InvalidInput, match="no strategy theirs"):
        open_trade(**trade_input(PortfolioFactory(), strategy_id="theirs"))


def test_the_portfolio_of_another_user_does_not_exist_for_you():
    portfolio = PortfolioFactory()
    with pytest.raises(InvalidInput) as refused:
        open_trade(**trade_input(portfolio, user=UserFactory()))
    assert refused.value.field == "portfolio"


def test_the_decision_of_another_portfolio_does_not_exist_for_this_one():
    goal = GoalFactory()
    decision, _ = size_for_goal(
        user=goal.user, goal_id=goal.pk, base_size=Decimal(1000), now=NOW
    )
    other = PortfolioFactory(user=goal.user)
    with pytest.raises(InvalidInput) as refused:
        open_trade(**trade_input(other, adjustment_id=decision.pk))
    assert refused.value.field == "adjustment_id"


def test_a_trade_remembers_the_decision_that_sized_it():
    goal = GoalFactory()
    decision, _ = size_for_goal(
        user=goal.user, goal_id=goal.pk, base_size=Decimal(1000), now=NOW
    )
    trade, _ = open_trade(**trade_input(goal.portfolio, adjustment_id=decision.pk))
    assert Trade.objects.get(pk=trade.pk).adjustment == decision


def test_no_trade_opens_on_a_ruined_portfolio():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(-1000))
    with pytest.raises(PortfolioRuined):
        open_trade(**trade_input(portfolio))


def test_an_entry_without_a_time_is_now():
    trade, _ = open_trade(**trade_input(PortfolioFactory()))
    assert trade.entry_time == NOW


def test_an_entry_without_a_time_is_never_before_the_newest_entry():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(5), at=NOW)
    trade, _ = open_trade(**trade_input(portfolio, now=NOW - timedelta(seconds=1)))
    assert trade.entry_time == NOW


def test_a_trade_may_have_been_entered_before_the_newest_entry():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(5), at=NOW)
    trade, _ = open_trade(**trade_input(portfolio, entry_time=ENTRY))
    assert trade.entry_time == ENTRY


# Currencies


def test_currencies_left_out_are_the_portfolios():
    trade, _ = open_trade(**trade_input(PortfolioFactory(currency="EUR")))
    assert (trade.quote_currency, trade.fee_currency, trade.fx_rate) == (
        "EUR",
        "EUR",
        1,
    )


def test_another_currency_needs_a_rate():
    with pytest.raises(InvalidInput) as refused:
        open_trade(**trade_input(PortfolioFactory(), quote_currency="EUR"))
    assert refused.value.field == "fx_rate"


def test_rates_convert_the_profit_into_the_portfolios_currency():
    closed, _ = record_closed(
        PortfolioFactory(),
        quote_currency="EUR",
        fee_currency="BNB",
        fx_rate=Decimal("1.1"),
        fee_fx_rate=Decimal(600),
        fees=Decimal("0.01"),
    )
    assert closed.profit_loss == 16  # 0.02 * 1000 * 1.1 - 0.01 * 600


# Idempotency


def test_the_same_external_id_with_the_same_figures_is_the_same_trade():
    portfolio = PortfolioFactory()
    first, _ = open_trade(**trade_input(portfolio, external_id="a"))
    again, is_new = open_trade(
        **trade_input(
            portfolio,
            external_id="a",
            quantity=Decimal("0.0200"),
            now=NOW + timedelta(days=1),
        )
    )
    assert (again.pk, is_new, Trade.objects.count()) == (first.pk, False, 1)


@pytest.mark.parametrize(
    ("side", "stop"),
    [("LONG", 90000), ("LONG", 50000), ("SHORT", 10000), ("SHORT", 50000)],
)
def test_a_stop_at_which_a_new_trade_loses_nothing_is_refused(side, stop):
    portfolio, prices = PortfolioFactory(), {"stop_price": Decimal(stop)}
    asked = trade_input(portfolio, side=side, entry_price=Decimal(50000), **prices)
    with pytest.raises(InvalidInput, match="the entry_price of a") as refused:
        open_trade(**asked)
    assert refused.value.field == "stop_price"
    assert not Trade.objects.exists()
    # What an exchange has made already is booked: its stop may have trailed there.
    open_trade(**asked, is_fill=True)


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": Decimal("0.03")},
        {"entry_price": Decimal(50001)},
        {"side": "SHORT"},
        {"symbol": "ETHUSDT"},
        {"fees": Decimal(1)},
        {"entry_time": ENTRY},
        {"stop_price": Decimal(49000)},
    ],
)
def test_the_same_external_id_with_other_figures_is_a_conflict(other):
    portfolio = PortfolioFactory()
    open_trade(**trade_input(portfolio, external_id="a"))
    with pytest.raises(IdempotencyConflict):
        open_trade(**trade_input(portfolio, external_id="a", **other))


def test_the_same_external_id_returns_the_trade_after_it_was_closed():
    portfolio = PortfolioFactory()
    trade, _ = open_trade(**trade_input(portfolio, external_id="a"))
    close_trade(user=trade.user, trade_id=trade.pk, exit_price=Decimal(51000), now=NOW)
    again, is_new = open_trade(**trade_input(portfolio, external_id="a"))
    assert (again.pk, again.status, is_new) == (trade.pk, "closed", False)


def test_the_same_external_id_returns_the_trade_after_its_goal_ended():
    goal = GoalFactory()
    trade, _ = open_trade(**trade_input(goal.portfolio, external_id="a"))
    cancel_goal(user=goal.user, goal_id=goal.pk, as_of=NOW)
    again, is_new = open_trade(**trade_input(goal.portfolio, external_id="a"))
    assert (again.pk, is_new) == (trade.pk, False)


def test_the_same_external_id_returns_the_trade_on_a_ruined_portfolio():
    portfolio = PortfolioFactory()
    trade, _ = open_trade(**trade_input(portfolio, external_id="a", entry_time=ENTRY))
    book_profit(portfolio, Decimal(-1000))
    again, _ = open_trade(**trade_input(portfolio, external_id="a", entry_time=ENTRY))
    assert again.pk == trade.pk


def test_an_external_id_belongs_to_its_portfolio():
    portfolio = PortfolioFactory()
    open_trade(**trade_input(portfolio, external_id="a"))
    other = PortfolioFactory(user=portfolio.user)
    _, is_new = open_trade(**trade_input(other, external_id="a", quantity=Decimal(1)))
    assert is_new


# Closed at once


def test_a_trade_that_is_over_is_recorded_and_booked_in_one_step():
    goal = GoalFactory()
    closed, is_new = record_closed(goal.portfolio)
    goal.refresh_from_db()
    goal.portfolio.refresh_from_db()
    assert is_new
    assert (closed.trade.status, closed.profit_loss) == ("closed", 20)
    assert (goal.portfolio.equity, goal.progress_pct) == (1020, 40)
    assert Position.objects.get().status == "closed"


def test_a_profit_that_agrees_with_the_figures_is_taken():
    closed, _ = record_closed(PortfolioFactory(), profit_loss=Decimal("20.00"))
    assert closed.profit_loss == 20


def test_a_profit_that_disagrees_is_refused_and_nothing_is_booked():
    portfolio = PortfolioFactory()
    with pytest.raises(InvalidInput) as refused:
        record_closed(portfolio, profit_loss=Decimal("20.00000001"))
    portfolio.refresh_from_db()
    assert refused.value.field == "profit_loss"
    assert (portfolio.equity, Trade.objects.count()) == (1000, 0)


def test_a_trade_that_ended_before_it_began_is_refused():
    with pytest.raises(InvalidInput) as refused:
        record_closed(PortfolioFactory(), entry_time=NOW, exit_time=ENTRY)
    assert refused.value.field == "exit_time"


@pytest.mark.parametrize("field", ["entry_time", "exit_time"])
def test_a_trade_of_the_future_is_refused(field):
    with pytest.raises(InvalidInput) as refused:
        record_closed(PortfolioFactory(), **{field: NOW + timedelta(seconds=1)})
    assert refused.value.field == field


def test_a_closed_trade_is_recorded_once():
    portfolio = PortfolioFactory()
    first, _ = record_closed(portfolio, external_id="a")
    again, is_new = record_closed(portfolio, external_id="a")
    portfolio.refresh_from_db()
    assert (again.trade.pk, is_new, portfolio.equity) == (first.trade.pk, False, 1020)


@pytest.mark.parametrize("other", [{"exit_price": Decimal(52000)}, {"exit_time": NOW}])
def test_a_closed_trade_with_other_figures_is_a_conflict(other):
    portfolio = PortfolioFactory()
    record_closed(portfolio, external_id="a")
    with pytest.raises(IdempotencyConflict):
        record_closed(portfolio, external_id="a", **other)


# All or nothing, and how many statements


def test_a_failure_in_the_middle_leaves_no_trade():
    portfolio = PortfolioFactory()
    with (
        patch.object(Position.objects.__class__, "create", side_effect=RuntimeError),
        pytest.raises(RuntimeError),
    ):
        open_trade(**trade_input(portfolio))
    assert not Trade.objects.exists()


def test_a_failure_while_booking_leaves_no_trade():
    goal = GoalFactory()
    with (
        patch("goals.services.ledger.write_figures", side_effect=RuntimeError),
        pytest.raises(RuntimeError),
    ):
        record_closed(goal.portfolio)
    goal.portfolio.refresh_from_db()
    assert (Trade.objects.count(), goal.portfolio.equity) == (0, 1000)


@pytest.mark.parametrize("earlier", [1, 200])
def test_opening_takes_at_most_six_statements(earlier):
    goal = GoalFactory()
    decision, _ = size_for_goal(
        user=goal.user, goal_id=goal.pk, base_size=Decimal(1000), now=ENTRY
    )
    template = book_profit(goal.portfolio, Decimal(0))
    Trade.objects.bulk_create(
        [copy_of(template) for _ in range(earlier - 1)],
    )
    whole = trade_input(
        goal.portfolio,
        external_id="a",
        adjustment_id=decision.pk,
        fees=Decimal(1),
        stop_price=Decimal(1),
        entry_time=NOW,
        quote_currency="EUR",
        fee_currency="BNB",
        fx_rate=Decimal(1),
        fee_fx_rate=Decimal(1),
    )
    with CaptureQueriesContext(connection) as captured:
        open_trade(**whole)
    assert count_statements(captured) <= 6


def copy_of(trade):
    fields = {
        field.attname: getattr(trade, field.attname)
        for field in Trade._meta.concrete_fields
        if field.attname not in {"trade_id", "ledger_key"}
    }
    return Trade(**fields)


def test_a_currency_spelled_out_is_the_same_trade_as_one_left_out():
    portfolio = PortfolioFactory(currency="USDT")
    first, _ = open_trade(**trade_input(portfolio, external_id="a"))

    again, is_new = open_trade(
        **trade_input(
            portfolio, external_id="a", quote_currency="USDT", fee_currency="USDT"
        )
    )

    assert (again, is_new) == (first, False)


def test_a_repeated_trade_with_another_profit_is_a_conflict():
    portfolio = PortfolioFactory()
    record_closed(portfolio, external_id="a", profit_loss=Decimal(20))

    with pytest.raises(IdempotencyConflict, match="another profit_loss"):
        record_closed(portfolio, external_id="a", profit_loss=Decimal(21))
    _, is_new = record_closed(portfolio, external_id="a", profit_loss=Decimal(20))
    assert not is_new
