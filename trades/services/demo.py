"""The demo: a portfolio as if it were live, on recorded prices moved up to yesterday.

Every decision, trade, halt and resume in it went through the services of live trading,
with the time of its bar as their clock. A replay is the record of a question; this
portfolio stays open, for whoever wants to go on trading in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import count

from django.db.models import Q

from goals.decisions.periods import local_midnight
from goals.enums import GoalType, PortfolioKind
from goals.models import FinancialGoal, Portfolio, User
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio
from goals.services.snapshots import snapshot_goals
from mastertrade.db.transactions import atomic
from strategies.models import StrategySelectionLog
from trades.booking.mark import Mark, mark_positions
from trades.models import WebhookToken
from trades.replay.bars import PriceSeries
from trades.replay.engine import BarLoop, Progress
from trades.replay.moving import MovedPrices, last_trading_day, move_prices
from trades.replay.options import DEMO_STRATEGIES, Costs, ReplaySettings
from trades.replay.reading import load_prices
from trades.services.deleting import delete_simulation
from trades.services.live_broker import LiveBroker
from trades.services.replay import ensure_strategies, lock_replays
from trades.sizing_calls.catch_up import catch_up
from trades.sizing_calls.stored_chances import refresh_projections

NAME = "demo"
# Recorded days: of the first bar read, for the indicators alone, and of the first one
# traded. All that follows is days before or after them.
FIRST_BAR = date(2011, 7, 1)
FIRST_DAY = date(2012, 1, 3)
# These figures and the rules of `DEMO_STRATEGIES` were chosen with hindsight, so that
# there is much to see; every page that shows the demo says so. Five positions at the
# ladder's largest factor (1.3) invest 97.5 %.
SETTINGS = ReplaySettings(base_size_pct=Decimal(15), resume_after_days=5)
OPENING_BALANCE = Decimal(20_000)
SOFT_DRAWDOWN_PCT, HARD_DRAWDOWN_PCT = Decimal(3), Decimal(5)
# Goals of 13 weeks each, set one by one: a recurring one that ended with a quarter of
# the calendar would be followed by a calendar one. The last recorded bars lie in the
# ninth week of the fifth, so its progress is the same whatever the calendar says.
QUARTER = timedelta(weeks=13)
FIRST_GOAL_DAY = date(2012, 1, 2)
QUARTERS = 5
RETURN_PCT = Decimal(3)
# And one for the whole time, which ends twelve weeks after the prices.
VALUE = Decimal(22_500)
VALUE_DAY = date(2013, 5, 24)

INSTRUMENTS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
# The demo's replays want most of them again.
read_recorded = cache(load_prices)

Load = Callable[[], Sequence[PriceSeries]]


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo portfolio, and what was done about it.

    `is_new`: it was made just now. `is_used`: somebody else's rows are in it, so it was
    left as it is.
    """

    portfolio: Portfolio
    is_new: bool = False
    is_used: bool = False

    @property
    def last_day(self) -> date:
        return last_trading_day(self.portfolio.created_at.date())


def load_recorded() -> list[PriceSeries]:
    """What the demo portfolio trades."""
    return [read_recorded(name) for name in INSTRUMENTS]


def find_demo(user: User) -> Portfolio | None:
    """The user's demo portfolio; a replay's portfolios are not one."""
    mine = Portfolio.objects.filter(user_id=user.username)
    return mine.filter(kind=PortfolioKind.DEMO, finished_at=None).first()


@atomic
def renew_demo(
    *, user: User, now: datetime, load: Load, progress: Progress | None = None
) -> Demo:
    """Make the demo, or make it anew where its prices end before yesterday.

    One in which somebody has traded, asked or changed anything stays as it is. `load`
    reads the recorded prices, daily and in UTC; it is called only when they are needed.
    `progress` is called after each day with the days done and their total.
    """
    # As replays do: they share the strategies.
    lock_replays(user)
    standing = find_demo(user)
    if standing is not None:
        Portfolio.objects.locked().get(pk=standing.pk)
        known = Demo(standing, is_used=is_used(standing))
        if known.is_used or known.last_day == last_trading_day(now.date()):
            return known
        delete_simulation(user=user, portfolio_id=standing.pk)
    ends = last_trading_day(now.date())
    moved = move_prices(load(), begins=FIRST_BAR, ends=ends)
    return Demo(_make(user, moved, now, progress), is_new=True)


def is_used(portfolio: Portfolio) -> bool:
    """Whether anything in it is younger than the demo itself."""
    made_at = portfolio.created_at
    goals = FinancialGoal.objects.filter(portfolio=portfolio)
    halted = Q(halted_at__gt=made_at) | Q(resumed_at__gt=made_at)
    chosen = StrategySelectionLog.objects.filter(goal__portfolio=portfolio)
    hooks = WebhookToken.objects.filter(portfolio=portfolio)
    return portfolio.updated_at > made_at or any(
        rows.exists()
        for rows in (
            portfolio.trades.filter(
                Q(created_at__gt=made_at) | Q(updated_at__gt=made_at)
            ),
            portfolio.adjustments.filter(created_at__gt=made_at),
            portfolio.cash_flows.filter(created_at__gt=made_at),
            portfolio.halts.filter(halted),
            goals.filter(updated_at__gt=made_at),
            chosen.filter(created_at__gt=made_at),
            hooks,
            portfolio.trade_imports.filter(created_at__gt=made_at),
        )
    )


def _make(
    user: User, prices: MovedPrices, now: datetime, progress: Progress | None
) -> Portfolio:
    ensure_strategies(user, PortfolioKind.DEMO, now, DEMO_STRATEGIES)
    portfolio = create_portfolio(
        user=user,
        name=_free_name(user),
        kind=PortfolioKind.DEMO,
        opening_balance=OPENING_BALANCE,
        soft_drawdown_pct=SOFT_DRAWDOWN_PCT,
        hard_drawdown_pct=HARD_DRAWDOWN_PCT,
        now=now,
    )
    _set_goals(portfolio, prices.by)
    _trade(portfolio, prices, progress)
    # What the daily run does for live portfolios.
    running = portfolio.goals.filter(ended_at=None).order_by("pk")
    snapshot_goals(as_of=now, goal_ids=list(running.values_list("pk", flat=True)))
    catch_up(portfolio.pk, now)
    refresh_projections(as_of=now, portfolio_id=portfolio.pk)
    return Portfolio.objects.get(pk=portfolio.pk)


def _midnight(day: date) -> datetime:
    return local_midnight(day, "UTC")


def _free_name(user: User) -> str:
    """`demo`, unless the user has named one of their own so."""
    mine = Portfolio.objects.filter(user_id=user.username)
    taken = set(mine.values_list("name", flat=True))
    names = (NAME if number == 1 else f"{NAME} {number}" for number in count(1))
    return next(name for name in names if name not in taken)


def _set_goals(portfolio: Portfolio, by: timedelta) -> None:
    opened_at = _midnight(FIRST_DAY + by)
    for quarter in range(QUARTERS):
        begins = FIRST_GOAL_DAY + by + quarter * QUARTER
        create_goal(
            user=portfolio.user,
            portfolio=portfolio.pk,
            goal_type=GoalType.QUARTERLY_RETURN,
            target_value=RETURN_PCT,
            start_date=begins,
            target_date=begins + QUARTER - timedelta(days=1),
            recurring=quarter == QUARTERS - 1,
            as_of=opened_at,
        )
    create_goal(
        user=portfolio.user,
        portfolio=portfolio.pk,
        goal_type=GoalType.PORTFOLIO_VALUE,
        target_value=VALUE,
        target_date=VALUE_DAY + by,
        as_of=opened_at,
    )


def _trade(
    portfolio: Portfolio, prices: MovedPrices, progress: Progress | None
) -> None:
    """Bar by bar through all series at once; what is open at the end stays open."""
    broker = LiveBroker(portfolio.user, portfolio, DEMO_STRATEGIES)
    walks = [
        BarLoop(one, DEMO_STRATEGIES, broker, Costs(), SETTINGS)
        for one in prices.series
    ]
    places = [
        {bar.opened_at: place for place, bar in enumerate(one.bars)}
        for one in prices.series
    ]
    begins = _midnight(FIRST_DAY + prices.by)
    days = sorted({at for of in places for at in of if at >= begins})
    for day, opened_at in enumerate(days, start=1):
        trading = [
            (walk, of[opened_at])
            for walk, of in zip(walks, places, strict=True)
            if opened_at in of
        ]
        for walk, place in trading:
            walk.open_bar(place)
        for walk, place in trading:  # what was due before the closes
            walk.halts.advance(walk.series.bars[place].at)
        _mark(portfolio, trading)
        broker.notice_halt()
        for walk, place in trading:
            walk.close_bar(place)
        if progress is not None:
            progress(day, len(days))


def _mark(portfolio: Portfolio, trading: Sequence[tuple[BarLoop, int]]) -> None:
    """At the day's closes, as decisions at them expect marks of that day."""
    bars = {
        walk.series.symbol: walk.series.bars[place]
        for walk, place in trading
        if walk.position is not None
    }
    if bars:
        mark_positions(
            user=portfolio.user,
            marks=[Mark(symbol, bar.close, bar.at) for symbol, bar in bars.items()],
            now=max(bar.at for bar in bars.values()),
            portfolio=portfolio.pk,
        )
