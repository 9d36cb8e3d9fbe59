"""Where a portfolio is between its limits, as the next decision would find it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Min
from django.db.models.functions import Coalesce

from goals.decisions.arbitration import GoalState, measure_goal_factor, rank
from goals.decisions.guards.base import SizingInputs
from goals.decisions.limits import (
    FloorFigures,
    FloorReference,
    Limits,
    daily_anchor,
    money_per_value,
    shows_floor,
)
from goals.decisions.size_request import SizeRequest
from goals.decisions.size_warnings import CURRENT_MARKS_MINUTES
from goals.decisions.sizing import SizingDecision, decide_size
from goals.models import GoalAdjustmentLog, Portfolio, TradingHalt, User
from goals.services.decision_log import SizingCall
from goals.services.figures_at import FiguresAt, read_figures
from goals.services.floors import FloorsState, read_floors
from goals.services.limit_changes import effective_at
from goals.services.risk_state import read_risk_state
from goals.services.trading_state import Waiting, find_waiting
from mastertrade.db.transactions import snapshot
from mastertrade.values.exceptions import DomainError, NoActiveStrategy, NotFound
from mastertrade.values.jsonable import from_plain
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
from strategies.decisions.selection import Candidate, attach_records
from strategies.services import load_candidates
from trades.decisions.planning import plan_trade
from trades.enums import TradeStatus
from trades.models import Position
from trades.sizing_calls.inputs import TradesSay, find_participants, read_trades
from trades.sizing_calls.records import WHOLE_PORTFOLIO, RecordBehind

# With older marks of open positions a floor is checked at closes only.
OLDEST_LIVE_MARK = timedelta(minutes=CURRENT_MARKS_MINUTES)
BY_ONE = SizeRequest(base_size=ONE)


@dataclass(frozen=True, slots=True)
class FloorNow:
    """A floor, and how far the equity is above it. Money, percent of live equity.

    `reached`: the equity is at the floor or below it, by `shortfall`.
    `losing_trades`: mean losing trades at the present factor; None without a loss.
    `allowed`: what may be lost from where the floor is measured from.
    """

    limit: str
    floor_equity: Decimal
    allowed: Decimal
    reached: bool
    headroom: Decimal
    shortfall: Decimal
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
class NextSize:
    """What a call for a size like the last one would be answered now; it logs nothing.

    `decision` is None where a size is refused, as `refusal` says. `like` is the last
    decision of the goal that decides; without one a base size of 1 is asked about,
    which the guards that look at the size itself let pass. `states`: of the goals that
    take part; `trades`: how many closed ones the record has.
    """

    states: tuple[GoalState, ...]
    trades: int
    decision: SizingDecision | None
    refusal: DomainError | None
    like: GoalAdjustmentLog | None


@dataclass(frozen=True, slots=True)
class LimitsNow:
    """The limits in force at a time, what floors are measured from, and where they are.

    `money_per_value` makes money of the reference's values. Without `has_floor`, before
    the first money or after ruin, there are no `floors`. `halts` stop entries then, the
    longest first; `waiting` is what a mark shows and the next may confirm. `mean_loss`:
    what a mean losing trade costs at the present factor, in money, 0 where it is
    unknown. `next_size` where it was asked for and a goal takes part.
    """

    as_of: datetime
    limits: Limits
    reference: FloorReference
    money_per_value: Decimal
    has_floor: bool
    floors: tuple[FloorNow, ...]
    day: DayNow | None
    halts: tuple[TradingHalt, ...]
    waiting: Waiting | None
    mean_loss: Decimal
    next_size: NextSize | None = None


@snapshot
@exactly
def measure_limits(
    *,
    user: User,
    portfolio_id: int,
    now: datetime,
    as_of: datetime | None = None,
    with_day: bool = True,
    with_next_size: bool = False,
) -> LimitsNow:
    """The limits of one of the user's portfolios at `as_of`, or now.

    Nothing is booked, decided, halted or locked; a constant number of statements.
    Without `with_day` the day is None where no rule of the limits looks at it. While
    more trades are missing from the record than a request walks, the floors are
    without `losing_trades`. `NotFound` where the user has no such portfolio.
    """
    mine = Portfolio.objects.filter(user_id=user.username, pk=portfolio_id)
    portfolio = mine.first()
    if portfolio is None:
        raise NotFound(f"You have no portfolio {portfolio_id}.")
    if as_of is None:  # what came since the clock was read is seen too
        now = as_of = effective_at(portfolio, now)
    figures = read_figures(portfolio, as_of)
    state = read_floors(figures, now, with_day=with_day)
    is_now = as_of >= now
    competing = _find_competing(portfolio) if with_next_size else ()
    said, oldest_mark_at = _read_trades(user, figures, now, competing)
    loss = ZERO if said is None else _mean_loss(figures, said)
    return LimitsNow(
        as_of=as_of,
        limits=state.limits,
        reference=state.reference,
        money_per_value=money_per_value(state.limits.floor_in, figures.account),
        has_floor=shows_floor(state.limits, state.reference, figures.account),
        floors=_floors(figures, state, loss, oldest_mark_at),
        day=_day(state),
        halts=_halts(portfolio, as_of, is_now=is_now),
        waiting=find_waiting(portfolio, now) if is_now else None,
        mean_loss=round_to(loss, MONEY),
        next_size=_size_next(figures, said, now, competing)
        if with_next_size and said
        else None,
    )


def _halts(
    portfolio: Portfolio, at: datetime, *, is_now: bool
) -> tuple[TradingHalt, ...]:
    """What stops entries then; no statement where nothing ever did."""
    if portfolio.last_halted_at is None:
        return ()
    halts = portfolio.halts
    return tuple(halts.unresumed(at) if is_now else halts.in_force(at))


def _find_competing(portfolio: Portfolio) -> tuple[Candidate, ...]:
    """The strategies that the next trade would be chosen from; none where none is."""
    try:
        return load_candidates(portfolio)
    except NoActiveStrategy:
        return ()


def _read_trades(
    user: User, figures: FiguresAt, now: datetime, competing: tuple[Candidate, ...]
) -> tuple[TradesSay | None, datetime | None]:
    """What the trades say, None while too many are missing; the oldest open mark."""
    portfolio, at = figures.portfolio, figures.at
    goals = find_participants(portfolio, at)
    call = SizingCall(BY_ONE, as_of=at, now=now, fingerprint="")
    names = [WHOLE_PORTFOLIO, *(one.strategy_id for one in competing)]
    try:
        said = read_trades(
            user, figures, goals, call, strategy_ids=names, is_locked=False
        )
    except RecordBehind:
        held = Position.objects.filter(
            portfolio=portfolio, status=TradeStatus.OPEN, opened_at__lte=at
        )
        seen = Coalesce("marked_at", "opened_at")
        return None, held.aggregate(oldest=Min(seen))["oldest"]
    return said, said.oldest_mark_at


def _size_next(
    figures: FiguresAt,
    said: TradesSay,
    now: datetime,
    competing: tuple[Candidate, ...],
) -> NextSize | None:
    """By the record of the strategy that would be chosen, as the next trade is."""
    if not said.states:
        return None
    decider = min(said.states, key=rank).goal_id
    decisions = GoalAdjustmentLog.objects.filter(goal_id=decider)
    like = decisions.order_by("-adjustment_id").first()
    request = BY_ONE
    if like is not None:
        asked = from_plain(SizeRequest, like.inputs["request"])
        request = replace(asked, max_size=None, min_size=None, lot_step=None)
    record = said.records[WHOLE_PORTFOLIO]
    risk_state = replace(read_risk_state(figures, now), record=record)
    inputs = SizingInputs(request, said.states, said.exposure, risk_state, said.tables)
    candidates = attach_records(competing, said.records)
    try:
        if candidates:
            decision = plan_trade(inputs, candidates).sizing
        else:
            decision = decide_size(inputs)
        return NextSize(said.states, record.trades, decision, None, like)
    except DomainError as refusal:
        return NextSize(said.states, record.trades, None, refusal, like)


def _floors(
    figures: FiguresAt,
    state: FloorsState,
    loss: Decimal,
    oldest_mark_at: datetime | None,
) -> tuple[FloorNow, ...]:
    if not shows_floor(state.limits, state.reference, figures.account):
        return ()
    floors, peak = state.floors, state.reference.peak
    found = {
        "soft_drawdown": (floors.soft, floors.lowest, peak),
        "hard_drawdown": (floors.hard, floors.lowest, peak),
    }
    if floors.daily is not None and state.day is not None:
        top = daily_anchor(state.limits, state.day) + state.day.flowed
        found["daily_loss"] = (floors.daily, floors.live, top)
    nearest = floors.nearest.limit
    live_equity = figures.portfolio_figures.live_equity
    checked = "live" if _is_live(figures, oldest_mark_at) else "closes"
    return tuple(
        _floor(name, floors, values, live_equity, loss, name == nearest, checked)
        for name, values in found.items()
    )


def _floor(
    name: str,
    floors: FloorFigures,
    values: tuple[Decimal, Decimal, Decimal],
    live_equity: Decimal,
    loss: Decimal,
    binding: bool,
    checked: str,
) -> FloorNow:
    """`values`: the floor, what is tested, and where the floor is measured from."""
    floor, value, top = values
    room = value - floor
    in_money = floors.money(room)
    headroom, shortfall = max(in_money, ZERO), max(-in_money, ZERO)
    headroom_pct = losing_trades = None
    if live_equity > 0:
        headroom_pct = round_to(headroom / live_equity * HUNDRED, PERCENT)
    if loss > 0:
        losing_trades = hold_within(round_to(headroom / loss, RATIO), RATIO)
    return FloorNow(
        limit=name,
        floor_equity=floors.money(floor),
        allowed=max(floors.money(top - floor), ZERO),
        reached=room <= 0,
        headroom=headroom,
        shortfall=shortfall,
        headroom_pct=headroom_pct,
        losing_trades=losing_trades,
        binding=binding,
        checked=checked,
    )


def _mean_loss(figures: FiguresAt, said: TradesSay) -> Decimal:
    """What a mean losing trade costs at the present factor, in money; 0: unknown."""
    record = said.records[WHOLE_PORTFOLIO]
    live_equity = figures.portfolio_figures.live_equity
    factor = ONE
    if said.states:
        factor = measure_goal_factor(min(said.states, key=rank)).factor
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
