"""The replay's broker on the real services."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from django.db.models import Min

from goals.enums import ProgressBand, Verdict
from goals.models import FinancialGoal, Portfolio, TradingHalt, User
from goals.services.resuming import PRESENT, resume_trading
from goals.services.rollover import roll_goals
from strategies.decisions.selection import Candidate
from strategies.enums import RiskProfile
from trades.booking.close import close_trade
from trades.booking.open import open_trade
from trades.enums import Side
from trades.replay.broker import Plan, PlanRequest
from trades.replay.days import in_zone
from trades.replay.options import ReplayStrategy
from trades.sizing_calls.decide import plan_next_trade
from trades.sizing_calls.inputs import TAKES_PART

END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class LiveBroker:
    """Decides and books through the services of live trading, on one portfolio.

    The bar's time is the clock of every call. The strategies that compete are those of
    the replay, whatever the user made of theirs.
    """

    def __init__(
        self,
        user: User,
        portfolio: Portfolio,
        strategies: Sequence[ReplayStrategy],
    ) -> None:
        self.user = user
        self.competing = {
            one.strategy_id: Candidate(
                one.strategy_id, str(one.kind), RiskProfile.MODERATE
            )
            for one in strategies
        }
        self.portfolio_id = portfolio.portfolio_id
        self.time_zone = portfolio.time_zone
        self.known_equity: Decimal | None = None
        self.halt_began_at: datetime | None = None
        self.period_ends_at: datetime | None = None
        self.goal_runs = True

    def advance(self, at: datetime) -> None:
        """Roll the goals when the period is over, halted or not."""
        if self.period_ends_at is None:
            self.period_ends_at = self._read_period_end()
        while at >= self.period_ends_at:
            roll_goals(as_of=at, portfolio_id=self.portfolio_id)
            self.goal_runs = self._read_goal()
            self.period_ends_at = self._read_period_end()

    def halted_at(self) -> datetime | None:
        return self.halt_began_at

    def has_goal(self) -> bool:
        return self.goal_runs

    def _read_goal(self) -> bool:
        running = FinancialGoal.objects.filter(
            portfolio_id=self.portfolio_id, status__in=TAKES_PART, ended_at=None
        )
        return running.exists()

    def resume(self, *, at: datetime, reason: str) -> None:
        # The floor is measured from there, in every drawdown mode.
        resume_trading(
            user=self.user,
            portfolio_id=self.portfolio_id,
            reason=reason,
            now=at,
            floor_reference=PRESENT,
        )
        self.halt_began_at = None

    def notice_halt(self) -> None:
        """Read since when trading is halted: by a close, a mark or a decision."""
        if self.halt_began_at is None:
            lasting = TradingHalt.objects.filter(
                portfolio_id=self.portfolio_id,
                halted_until=None,
                resumed_at=None,
                withdrawn_at=None,
            )
            first = lasting.aggregate(first=Min("halted_at"))["first"]
            self.halt_began_at = first and in_zone(first, self.time_zone)
            self.goal_runs = first is None or self._read_goal()

    def _read_period_end(self) -> datetime:
        ends: list[datetime | None] = list(
            FinancialGoal.objects.filter(
                portfolio_id=self.portfolio_id, ended_at=None
            ).values_list("period_ends_at", flat=True)
        )
        return min((end for end in ends if end is not None), default=END_OF_TIME)

    def equity(self) -> Decimal:
        """Read again after each close; nothing else moves it here."""
        if self.known_equity is None:
            self.known_equity = Portfolio.objects.get(pk=self.portfolio_id).equity
        return self.known_equity

    def plan(self, request: PlanRequest) -> Plan:
        planned = plan_next_trade(
            user=self.user,
            now=request.at,
            portfolio=self.portfolio_id,
            symbol=request.symbol,
            competing=tuple(self.competing[name] for name in request.candidates),
            base_size=request.base_size,
            price=request.price,
            stop_price=request.stop_price,
        )
        sizing = planned.plan.sizing
        if sizing.verdict == Verdict.BLOCK:
            self.notice_halt()
        return Plan(
            strategy_id=planned.plan.selection.selected.strategy_id,
            quantity=sizing.quantity or Decimal(0),
            factor=sizing.adjustment_factor,
            band=ProgressBand(planned.decision.band),
            verdict=Verdict(sizing.verdict),
            reason=f"{planned.plan.selection.reason} {sizing.reason}",
            goal_id=planned.plan.decider.goal_id,
            adjustment_id=planned.decision.adjustment_id,
        )

    def open(
        self,
        plan: Plan,
        *,
        symbol: str,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        at: datetime,
        fees: Decimal,
    ) -> int:
        trade, _ = open_trade(
            user=self.user,
            now=at,
            portfolio=self.portfolio_id,
            strategy_id=plan.strategy_id,
            symbol=symbol,
            side=side,
            quantity=quantity,
            entry_price=price,
            entry_time=at,
            fees=fees,
            adjustment_id=plan.adjustment_id,
        )
        return trade.trade_id

    def close(
        self, trade_id: int, *, price: Decimal, at: datetime, fees: Decimal
    ) -> Decimal:
        closed = close_trade(
            user=self.user,
            trade_id=trade_id,
            exit_price=price,
            exit_time=at,
            fees=fees,
            now=at,
        )
        self.known_equity = None
        self.notice_halt()
        return closed.profit_loss
