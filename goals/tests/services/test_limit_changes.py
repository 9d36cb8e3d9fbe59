"""Changes of limits: dated rows, and what a floor is measured from since then."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.decisions.floor_reference import GivenReference
from goals.decisions.limits import Limits, measure_floor
from goals.enums import DrawdownMode, DrawdownOf, FloorIn
from goals.models import LimitChange, Portfolio
from goals.services.figures_at import read_figures
from goals.services.floors import read_floors
from goals.services.portfolios import record_cash_flow, update_portfolio
from goals.tests.factories import START, PortfolioFactory, UserFactory
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.jsonable import from_plain
from trades.booking.reconcile import find_drift
from trades.tests.factories import book_profit

pytestmark = pytest.mark.django_db

NOW = START + timedelta(days=2)


def change(portfolio: Portfolio, **fields: Any) -> Portfolio:
    now = fields.pop("now", NOW)
    return update_portfolio(
        portfolio_id=portfolio.pk, user=portfolio.user, now=now, **fields
    )


def rows_of(portfolio: Portfolio) -> list[LimitChange]:
    return list(portfolio.limit_changes.order_by("limit_change_id"))


def floor_of(portfolio: Portfolio) -> Decimal:
    portfolio.refresh_from_db()
    return measure_floor(portfolio.limits, portfolio.floor_reference)


def test_a_portfolio_that_was_never_changed_has_no_rows():
    portfolio = PortfolioFactory(hard_drawdown_pct=Decimal(15))
    change(portfolio, name="another")
    change(portfolio, hard_drawdown_pct=Decimal(15))
    assert rows_of(portfolio) == []
    assert floor_of(portfolio) == Decimal("0.85")


def test_the_first_change_writes_what_was_in_force_before_it_too():
    portfolio = PortfolioFactory()
    change(portfolio, hard_drawdown_pct=Decimal(12), changed_by="staff")
    change(portfolio, soft_drawdown_pct=Decimal(6), now=NOW + timedelta(1))
    opening, first, second = rows_of(portfolio)
    assert (opening.cause, opening.effective_at) == ("opening", None)
    assert (opening.start_value, opening.peak_value, opening.unit_run) == (1, 1, 1)
    assert (opening.changed_by, first.changed_by) == (portfolio.user_id, "staff")
    assert (first.cause, first.effective_at, first.start_value) == ("change", NOW, None)
    assert [
        (limits.hard_drawdown_pct, limits.soft_drawdown_pct)
        for limits in (from_plain(Limits, row.settings) for row in (opening, first))
    ] == [(20, 10), (12, 10)]
    portfolio.refresh_from_db()
    assert from_plain(Limits, second.settings) == portfolio.limits


def test_a_percentage_leaves_what_the_floor_is_measured_from():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(-100), at=START + timedelta(days=1))
    change(portfolio, hard_drawdown_pct=Decimal(12))
    assert floor_of(portfolio) == Decimal("0.88")


@pytest.mark.parametrize(
    ("fields", "floor"),
    [
        ({"drawdown_mode": DrawdownMode.STATIC}, "0.72"),
        ({"drawdown_of": DrawdownOf.START}, "0.72"),
        ({"drawdown_locks_at": Decimal("0.5")}, "0.45"),
        ({"floor_in": FloorIn.MONEY}, "720"),
    ],
)
def test_another_measure_begins_at_the_present_value(fields, floor):
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(-100), at=START + timedelta(days=1))
    change(portfolio, **fields)
    assert floor_of(portfolio) == Decimal(floor)
    assert portfolio.floor_set_at == NOW
    row = rows_of(portfolio)[-1]
    assert (row.start_value, row.peak_value) == (
        portfolio.floor_start_value,
        portfolio.floor_peak_value,
    )
    assert (row.unit_run, row.of_present) == (1, True)


def test_the_lower_of_the_live_and_the_closed_value_is_the_present_one():
    portfolio = PortfolioFactory()
    Portfolio.objects.filter(pk=portfolio.pk).update(unrealized_pnl=Decimal(-50))
    change(portfolio, drawdown_mode=DrawdownMode.STATIC)
    assert floor_of(portfolio) == Decimal("0.76")
    assert rows_of(portfolio)[-1].of_present


@pytest.mark.parametrize(
    ("settings", "given", "start", "peak", "floor"),
    [
        ({}, {"start_equity": "500"}, "0.5", "1", "0.8"),
        ({}, {"start_equity": "1200"}, "1.2", "1.2", "0.96"),
        ({}, {"peak_equity": "1200"}, "1", "1.2", "0.96"),
        ({}, {"floor_equity": "900"}, "1", "1.125", "0.9"),
        ({"drawdown_of": "start"}, {"floor_equity": "900"}, "1", "1.1", "0.9"),
        ({"drawdown_mode": "static"}, {"floor_equity": "720"}, "0.9", "0.9", "0.72"),
        (
            {"drawdown_of": "start", "drawdown_mode": "static"},
            {"floor_equity": "720"},
            "0.9",
            "0.9",
            "0.72",
        ),
        ({"drawdown_mode": "static"}, {"peak_equity": "900"}, "0.9", "0.9", "0.72"),
        ({"floor_in": "money"}, {"floor_equity": "960"}, "1000", "1200", "960"),
        (
            {"drawdown_locks_at": "0.99", "hard_drawdown_pct": "10"},
            {"floor_equity": "990"},
            "1",
            "1.1",
            "0.99",
        ),
    ],
)
@pytest.mark.parametrize("is_new", [True, False])
def test_the_floor_is_where_a_person_says_it_is(
    is_new, settings, given, start, peak, floor
):
    words = {
        name: Decimal(value) if value[0].isdigit() else value
        for name, value in settings.items()
    }
    reference = GivenReference(**{name: Decimal(one) for name, one in given.items()})
    if is_new:
        portfolio = PortfolioFactory(**words, floor_reference=reference)
    else:
        portfolio = PortfolioFactory()
        change(portfolio, **words, floor_reference=reference)
    assert floor_of(portfolio) == Decimal(floor)
    assert portfolio.floor_start_value == Decimal(start)
    assert portfolio.floor_peak_value == Decimal(peak)
    newest = rows_of(portfolio)[-1]
    assert newest.cause == ("opening" if is_new else "change")
    assert not newest.of_present
    assert (newest.start_value, newest.peak_value) == (Decimal(start), Decimal(peak))


@pytest.mark.parametrize(
    ("settings", "given", "words"),
    [
        ({}, {"floor_equity": 900, "peak_equity": 1200}, "give one of the two"),
        ({"drawdown_mode": "static"}, {"start_equity": 1, "peak_equity": 1}, "static"),
        ({}, {"peak_equity": 900}, "of 1000 or more, or a start_equity of 900 or"),
        ({}, {"floor_equity": 700}, "of 800 or more, or a start_equity of 875 or less"),
        (
            {"drawdown_of": "start"},
            {"floor_equity": 700},
            "of 800 or more, or a start_equity of 875 or less",
        ),
        ({}, {"floor_equity": "1249.99999999"}, "puts the floor at 1249.99999999, not"),
        ({}, {"floor_equity": 0}, "must be above 0"),
        ({}, {"start_equity": "1e-18"}, "out of range"),
        ({"hard_drawdown_pct": Decimal(100)}, {"floor_equity": 5}, "the floor is 0"),
        ({"drawdown_locks_at": Decimal(1)}, {"floor_equity": 1001}, "above 1000"),
        (
            {"drawdown_locks_at": Decimal("0.5"), "drawdown_mode": "static"},
            {"floor_equity": 800},
            "above 500",
        ),
        ({"opening_balance": Decimal(0)}, {"floor_equity": 5}, "no money yet"),
    ],
)
def test_a_floor_that_cannot_be_is_refused(settings, given, words):
    reference = GivenReference(**{name: Decimal(one) for name, one in given.items()})
    with pytest.raises(InvalidInput, match=words) as refused:
        PortfolioFactory(**settings, floor_reference=reference)
    assert refused.value.field == "floor_reference"
    assert not Portfolio.objects.exclude(name="main").exists()


def test_a_floor_given_at_the_opening_is_that_of_past_times_too():
    given = GivenReference(peak_equity=Decimal(1200))
    portfolio = PortfolioFactory(floor_reference=given)
    book_profit(portfolio, Decimal(300), at=NOW)
    book_profit(portfolio, Decimal(50), at=START + timedelta(days=1))
    portfolio.refresh_from_db()
    assert portfolio.floor_peak_value == Decimal("1.35")
    then = read_floors(read_figures(portfolio, NOW - timedelta(hours=1)), NOW)
    assert (then.reference.peak, then.floors.hard) == (Decimal("1.2"), Decimal("0.96"))
    assert list(find_drift([portfolio.pk])) == []


@pytest.mark.parametrize("booked_on", [None, -3, 0, 2])
@pytest.mark.parametrize("floor_in", ["money", "units"])
@pytest.mark.parametrize("of", ["peak", "start"])
@pytest.mark.parametrize("value", ["closed", "live"])
def test_what_a_portfolio_opens_with_counts_at_the_end_of_its_first_day(
    value, of, floor_in, booked_on
):
    """The day it was made, or that of the first entry where that is earlier."""
    portfolio = PortfolioFactory(
        opening_balance=Decimal(50700),
        drawdown_mode=DrawdownMode.END_OF_DAY,
        end_of_day_of=value,
        drawdown_of=of,
        hard_drawdown_pct=Decimal(4),
        soft_drawdown_pct=Decimal(2),
        floor_in=floor_in,
        floor_reference=GivenReference(
            start_equity=Decimal(50000), peak_equity=Decimal(50500)
        ),
    )
    now = START + timedelta(days=5)
    assert peak_on(portfolio, 0, now=START) == 50500
    if booked_on is not None:
        book_profit(portfolio, Decimal(0), at=START + timedelta(days=booked_on))
    first = min(0, booked_on or 0)
    peaks = [peak_on(portfolio, day, now=now) for day in (first - 1, first, first + 1)]
    assert peaks == [50500, 50500, 50700]
    assert [str(drift) for drift in find_drift([portfolio.pk])] == []


def peak_on(portfolio: Portfolio, day: int, now: datetime) -> Decimal:
    """The peak in money an hour after `START`'s time of that day."""
    at = START + timedelta(days=day, hours=1)
    figures = read_figures(Portfolio.objects.get(pk=portfolio.pk), at)
    peak = read_floors(figures, max(at, now)).reference.peak
    in_money = portfolio.floor_in == FloorIn.MONEY
    return peak if in_money else round(peak * 50700, 2)


def test_a_halt_at_a_floor_that_a_person_gave_names_the_floor():
    """At 960, 4 % down: the fall is not 20.83 % below the peak of 1212.5."""
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(-40), at=START + timedelta(days=1))
    change(portfolio, floor_reference=GivenReference(floor_equity=Decimal(970)))
    assert portfolio.halts.get().reason == (
        "equity 960 is at or below the floor of 970: reached hard_drawdown_pct 20 %"
    )


def test_an_opening_balance_that_changes_moves_the_floor_in_money():
    portfolio = PortfolioFactory(floor_in=FloorIn.MONEY)
    change(portfolio, opening_balance=Decimal(500))
    assert floor_of(portfolio) == 400


def test_a_change_takes_effect_behind_every_entry_and_change():
    portfolio = PortfolioFactory()
    change(portfolio, hard_drawdown_pct=Decimal(12))
    change(portfolio, hard_drawdown_pct=Decimal(14), now=NOW - timedelta(seconds=1))
    at = [None, NOW, NOW + timedelta(microseconds=1)]
    assert [row.effective_at for row in rows_of(portfolio)] == at


def test_in_money_the_first_deposit_is_what_the_floor_is_measured_from():
    main = UserFactory().portfolios.get()
    change(main, floor_in=FloorIn.MONEY, daily_loss_limit_pct=Decimal(5))
    for hours, amount in ((1, 1000), (2, 500)):
        record_cash_flow(
            user=main.user, amount=Decimal(amount), now=NOW + timedelta(hours=hours)
        )
    assert floor_of(main) == 800
    assert [str(drift) for drift in find_drift([main.pk])] == []


def test_a_past_floor_is_that_of_the_limits_of_then():
    portfolio = PortfolioFactory(day_starts_at=time(17))
    book_profit(portfolio, Decimal(100), at=START + timedelta(hours=5))
    change(portfolio, hard_drawdown_pct=Decimal(30))
    change(portfolio, drawdown_mode=DrawdownMode.STATIC, now=NOW + timedelta(days=1))
    book_profit(portfolio, Decimal(200), at=NOW + timedelta(days=2))
    later = NOW + timedelta(days=3)
    floors = []
    for at in (START, NOW - timedelta(hours=1), NOW + timedelta(hours=1), later):
        figures = read_figures(Portfolio.objects.get(pk=portfolio.pk), at)
        floors.append(read_floors(figures, later).floors.hard)
    assert [str(floor.normalize()) for floor in floors] == [
        "0.8",
        "0.88",
        "0.77",
        "0.77",
    ]
    assert [str(drift) for drift in find_drift([portfolio.pk])] == []
