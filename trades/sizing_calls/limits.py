"""Where a portfolio is between its limits, as the next decision would find it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from goals.decisions.arbitration import arbitrate
from goals.decisions.limits import (
    FloorFigures,
    FloorReference,
    Limits,
    money_per_value,
)
from goals.decisions.size_request import SizeRequest
from goals.decisions.size_warnings import CURRENT_MARKS_MINUTES
from goals.models import Portfolio, User
from goals.services.decision_log import SizingCall
from goals.services.floors import FloorsState, read_floors
from goals.services.risk_state import FiguresAt, read_figures
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import ComeAgain
from mastertrade.values.money import (
    HUNDRED,
    MONEY,
    ONE,
    PERCENT,
    RATIO,
    ZERO,
    exactly,
    hold_within,
    round_to,
)
from trades.sizing_calls.catch_up import catching_up
from trades.sizing_calls.inputs import TradesSay, find_participants, read_trades
from trades.sizing_calls.records import WHOLE_PORTFOLIO, RecordBehind

# With older marks of open positions a floor is checked at closes only.
OLDEST_LIVE_MARK = timedelta(minutes=CURRENT_MARKS_MINUTES)
# Of all floors, those at which trading stops.
STOPS = ("hard_drawdown", "daily_loss")


@dataclass(frozen=True, slots=True)
class FloorNow:
    """A floor, and how far the equity is above it. Money, percent of live equity.

    `losing_trades`: mean losing trades at the present factor; None without a loss.
    """

    limit: str
    floor_equity: Decimal
    headroom: Decimal
    headroom_pct: Decimal | None
    losing_trades: Decimal | None
    binding: bool
    checked: str


@dataclass(frozen=True, slots=True)
class DayNow:
    """The trading day so far; `profit` in money, by live values."""

    began_at: datetime
    profit: Decimal
    trades: int
    losses_in_a_row: int


@dataclass(frozen=True, slots=True)
class LimitsNow:
    """The limits in force at a time, what floors are measured from, and where they are.

    `money_per_value` makes money of the reference's values.
    """

    as_of: datetime
    limits: Limits
    reference: FloorReference
    money_per_value: Decimal
    floors: tuple[FloorNow, ...]
    day: DayNow | None


@catching_up
@atomic
@exactly
def measure_limits(
    *, user: User, portfolio_id: int, now: datetime, as_of: datetime | None = None
) -> LimitsNow:
    """The limits of one of the user's portfolios at `as_of`, or now.

    Nothing is booked, decided or halted; a constant number of statements.
    """
    mine = Portfolio.objects.locked().filter(user_id=user.username)
    portfolio = mine.get(pk=portfolio_id)
    figures = read_figures(portfolio, as_of or now)
    state = read_floors(figures, now, with_day=True)
    goals = find_participants(portfolio, figures.at)
    request = SizeRequest(base_size=ONE)
    call = SizingCall(request, as_of=figures.at, now=now, fingerprint="")
    said = read_trades(user, figures, goals, call, strategy_ids=[WHOLE_PORTFOLIO])
    return LimitsNow(
        as_of=figures.at,
        limits=state.limits,
        reference=state.reference,
        money_per_value=money_per_value(state.limits.floor_in, figures.account),
        floors=_floors(figures, state, said),
        day=_day(state),
    )


def measure_floors(
    *, user: User, portfolio_id: int, now: datetime
) -> tuple[FloorNow, ...]:
    """The floors now, for a page that is shown in any case.

    While the record is behind its ledger, without what follows from it:
    `losing_trades` is None and `checked` empty.
    """
    asked: dict[str, Any] = {"user": user, "portfolio_id": portfolio_id, "now": now}
    try:
        return measure_limits(**asked).floors
    except (ComeAgain, RecordBehind):
        return _without_record(**asked)


@atomic
@exactly
def _without_record(
    user: User, portfolio_id: int, now: datetime
) -> tuple[FloorNow, ...]:
    mine = Portfolio.objects.locked().filter(user_id=user.username)
    figures = read_figures(mine.get(pk=portfolio_id), now)
    return _floors(figures, read_floors(figures, now), None)


def _floors(
    figures: FiguresAt, state: FloorsState, said: TradesSay | None
) -> tuple[FloorNow, ...]:
    floors = state.floors
    distances = {
        "soft_drawdown": (floors.soft, floors.lowest - floors.soft),
        "hard_drawdown": (floors.hard, floors.lowest - floors.hard),
    }
    if floors.daily is not None:
        distances["daily_loss"] = (floors.daily, floors.live - floors.daily)
    nearest = min(
        (name for name in STOPS if name in distances),
        key=lambda name: distances[name][1],
    )
    live_equity = figures.portfolio_figures.live_equity
    loss, checked = ZERO, ""
    if said is not None:
        loss = _mean_loss(live_equity, said)
        checked = "live" if _is_live(figures, said.oldest_mark_at) else "closes"
    return tuple(
        _floor(name, floors, floor, room, live_equity, loss, name == nearest, checked)
        for name, (floor, room) in distances.items()
    )


def _floor(
    name: str,
    floors: FloorFigures,
    floor: Decimal,
    room: Decimal,
    live_equity: Decimal,
    loss: Decimal,
    binding: bool,
    checked: str,
) -> FloorNow:
    headroom = max(floors.money(room), ZERO)
    headroom_pct = losing_trades = None
    if live_equity > 0:
        headroom_pct = round_to(headroom / live_equity * HUNDRED, PERCENT)
    if loss > 0:
        losing_trades = hold_within(round_to(headroom / loss, RATIO), RATIO)
    return FloorNow(
        limit=name,
        floor_equity=floors.money(floor),
        headroom=headroom,
        headroom_pct=headroom_pct,
        losing_trades=losing_trades,
        binding=binding,
        checked=checked,
    )


def _mean_loss(live_equity: Decimal, said: TradesSay) -> Decimal:
    """What a mean losing trade costs at the present factor, in money; 0: unknown."""
    record = said.records[WHOLE_PORTFOLIO]
    factor = ONE
    if said.states:
        factor = arbitrate(said.states).deciding_factor.factor
    return max(live_equity, ZERO) * factor * abs(record.mean_loss)


def _is_live(figures: FiguresAt, oldest_mark_at: datetime | None) -> bool:
    if oldest_mark_at is None:
        return True
    return figures.is_marked and figures.at - oldest_mark_at <= OLDEST_LIVE_MARK


def _day(state: FloorsState) -> DayNow | None:
    day, floors = state.day, state.floors
    if day is None:
        return None
    profit = floors.live - day.anchor_live - day.flowed
    return DayNow(
        began_at=day.began_at,
        profit=round_to(floors.money(profit), MONEY),
        trades=day.trades,
        losses_in_a_row=day.losses_in_a_row,
    )
