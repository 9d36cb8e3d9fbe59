"""How far a user has come with the five first steps, from what exists."""

from dataclasses import dataclass, fields

from django.db.models import Exists, OuterRef, Q, QuerySet

from goals.enums import DeliveryState, PortfolioKind
from goals.models import (
    AlertChannel,
    AlertDelivery,
    ApiToken,
    FinancialGoal,
    Portfolio,
    User,
)
from trades.enums import TradeStatus
from trades.models import Trade

LIVE, DEMO = PortfolioKind.LIVE, PortfolioKind.DEMO


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """Which of the steps are done. The demo counts as trades, and for nothing else."""

    money: bool
    goal: bool
    trades: bool
    token: bool
    alert: bool
    own_trades: bool

    @property
    def done(self) -> int:
        return sum(getattr(self, one.name) for one in fields(self)[:5])

    @property
    def may_begin(self) -> bool:
        """Whether the steps that a first sized trade needs are done."""
        return self.money and self.goal and self.trades

    @property
    def nothing_done(self) -> bool:
        """Whether the user has nothing of their own yet; a demo is looked at only."""
        return not (self.money or self.goal or self.own_trades)

    @property
    def next(self) -> str:
        """The first step that is open; empty where all are done."""
        return next(
            (one.name for one in fields(self)[:5] if not getattr(self, one.name)), ""
        )


def find_steps(user: User) -> FirstSteps:
    """One statement."""
    name = user.username
    booked = Trade.objects.filter(user_id=name).exclude(status=TradeStatus.VOID)
    demos = Portfolio.objects.filter(user_id=name, kind=DEMO, finished_at=None)
    goals = FinancialGoal.objects.filter(user_id=name, portfolio__kind=LIVE)
    tested = AlertChannel.objects.filter(user_id=name, test_sent=True)
    sent = AlertDelivery.objects.filter(channel__user_id=name, state=DeliveryState.SENT)
    found = User.objects.filter(pk=user.pk).values_list(
        Exists(_funded(name)),
        Exists(goals),
        Exists(booked.filter(portfolio__kind=LIVE)),
        Exists(demos),
        Exists(ApiToken.objects.filter(user_id=user.pk)),
        Exists(tested),
        Exists(sent),
    )
    money, goal, own_trades, demo, token, was_tested, was_sent = found.get()
    return FirstSteps(
        money=money,
        goal=goal,
        trades=own_trades or demo,
        token=token,
        alert=was_tested or was_sent,
        own_trades=own_trades,
    )


def find_own(user: User) -> Portfolio:
    """The live portfolio that the steps are about: the first with money, or `main`."""
    live = Portfolio.objects.filter(user_id=user.username, kind=LIVE)
    with_money = Exists(_funded(user.username).filter(pk=OuterRef("pk")))
    return live.order_by(with_money.desc(), "portfolio_id").select_related("user")[0]


def _funded(name: str) -> QuerySet[Portfolio]:
    live = Portfolio.objects.filter(user_id=name, kind=LIVE)
    return live.filter(Q(opening_balance__gt=0) | Q(units__gt=0))
