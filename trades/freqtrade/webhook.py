"""Booking what a bot's webhook tells: each fill once, in order, or not at all.

freqtrade waits for the answer to a message, and sends it again until it is taken or
given up, before it sends the next. So fills come in order, but one may be lost. What
the bot says its whole trade has in it shows that: then nothing is booked until the
bot's database was imported, which knows the trades and their parts by the same ids.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from django.db.models import Sum

from goals.models import Portfolio
from goals.services.portfolios import lock_portfolio
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import (
    FillMissing,
    IdempotencyConflict,
    InvalidInput,
    TradeAlreadyClosed,
    TradeNotOpen,
)
from mastertrade.values.money import (
    FACTOR,
    MONEY,
    ZERO,
    exactly,
    format_plain,
    round_to,
)
from trades.booking.add import add_to_trade
from trades.booking.close import close_trade
from trades.booking.open import open_trade
from trades.decisions.lots import split_lot
from trades.decisions.pnl import measure_exact_profit
from trades.enums import FillKind, Side, TradeStatus
from trades.freqtrade.exits import refuse_contradiction
from trades.freqtrade.messages import CLOCK_TOLERANCE, FillMessage
from trades.freqtrade.webhook_decisions import find_decision
from trades.importing.equal_fills import find_equal_fill
from trades.models import Trade, WebhookFill, WebhookToken

# freqtrade reckons in floats, and prices here have 12 places.
TOLERANCE_RATIO = Decimal("0.000001")
TOLERANCE_PER_UNIT = Decimal("0.000000000002")


class WebhookOutcome(StrEnum):
    BOOKED = "booked"
    KNOWN = "known"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class BookedFill:
    """What became of a message; `profit_loss` of what it closed."""

    outcome: WebhookOutcome
    trade: Trade
    profit_loss: Decimal | None = None

    @property
    def detail(self) -> str:
        if self.outcome is WebhookOutcome.KNOWN:
            return "Booked before; nothing changed."
        return "Booked."


@atomic
def book_fill(
    *, webhook: WebhookToken, message: FillMessage, now: datetime
) -> BookedFill:
    """Book one fill; the same message again changes nothing.

    A first entry opens the trade, a further one adds to it at the average price. An
    exit closes what it sold, the final one all that is left; its profit is what the
    bot says it is. Raises `FillMissing` where a fill before this one never came,
    `InvalidInput` where the figures of an exit contradict each other.
    """
    portfolio = lock_portfolio(user=webhook.user, portfolio=webhook.portfolio_id)
    WebhookToken.objects.filter(pk=webhook.pk).update(last_used_at=now)
    known = WebhookFill.objects.filter(
        portfolio=portfolio,
        bot=webhook.bot,
        bot_trade_id=message.bot_trade_id,
        digest=message.digest,
    )
    for fill in known.select_related("trade"):
        return BookedFill(WebhookOutcome.KNOWN, fill.trade)
    booked = _Booking(webhook, portfolio, message, now).book()
    WebhookFill.objects.create(
        portfolio=portfolio,
        bot=webhook.bot,
        bot_trade_id=message.bot_trade_id,
        kind=message.kind,
        digest=message.digest,
        message=message.given,
        trade=booked.trade,
        created_at=now,
    )
    return booked


class _Booking:
    """One message, and the trade it belongs to."""

    def __init__(
        self,
        webhook: WebhookToken,
        portfolio: Portfolio,
        message: FillMessage,
        now: datetime,
    ) -> None:
        self.webhook = webhook
        self.portfolio = portfolio
        self.message = message
        self.now = now
        # As the import of the bot's database calls it.
        self.name = f"freqtrade:{webhook.bot}:{message.bot_trade_id}"
        self.trade = Trade.objects.filter(
            portfolio=portfolio, external_id=self.name
        ).first()

    def book(self) -> BookedFill:
        self._refuse_currency()
        self._refuse_unended()
        is_exit = self.message.kind is FillKind.EXIT
        if self.trade is None:
            if is_exit:
                raise self._missing("no entry has arrived for it")
            return self._open()
        self._refuse_other_trade(self.trade)
        self._refuse_ended(self.trade)
        return self._close(self.trade) if is_exit else self._add(self.trade)

    def _open(self) -> BookedFill:
        message = self.message
        entered = message.quantity * message.price
        if not self._holds(entered):
            raise self._missing("it was entered before this")
        self._refuse_equal()
        trade, _ = open_trade(
            user=self.webhook.user,
            now=self.now,
            portfolio=self.portfolio.pk,
            strategy_id=self.webhook.strategy_id,
            symbol=message.symbol,
            side=message.side,
            quantity=message.quantity,
            entry_price=message.price,
            entry_time=message.opened_at,
            leverage=round_to(message.leverage, FACTOR),
            external_id=self.name,
            adjustment_id=find_decision(self.portfolio, message, self.now),
            is_fill=True,
        )
        return BookedFill(WebhookOutcome.BOOKED, trade)

    @exactly
    def _add(self, trade: Trade) -> BookedFill:
        message = self.message
        cost = trade.lot.exact_cost
        if not self._holds(cost + message.quantity * message.price):
            if self._holds(cost):  # sent once more, in other words
                return BookedFill(WebhookOutcome.KNOWN, trade)
            raise self._missing("an earlier fill has not arrived")
        entries = WebhookFill.objects.filter(trade=trade, kind=FillKind.ENTRY).count()
        trade, _ = add_to_trade(
            user=self.webhook.user,
            trade_id=trade.pk,
            quantity=message.quantity,
            entry_price=message.price,
            now=self.now,
            external_id=f"{self.name}:entry-{entries + 1}",
        )
        return BookedFill(WebhookOutcome.BOOKED, trade)

    @exactly
    def _close(self, trade: Trade) -> BookedFill:
        message, lot = self.message, trade.lot
        part = lot
        if not message.is_final:
            if message.quantity >= trade.quantity:
                raise self._missing(f"it holds {format_plain(trade.quantity)} here")
            part, lot = split_lot(lot, message.quantity)
        if not self._holds(lot.exact_cost):
            raise self._missing("an earlier fill has not arrived")
        parts = Trade.objects.filter(parent_trade=trade)
        costs = ZERO
        booked = parts.aggregate(total=Sum("profit_loss"))["total"]
        refuse_contradiction(message, part, booked)
        profit = self._profit(booked)
        if profit is not None:
            gross = measure_exact_profit(
                side=Side(trade.side),
                lot=part,
                exit_price=message.price,
                exit_fees=ZERO,
                rates=trade.rates,
            )
            costs = round_to(trade.unbooked_profit + gross - profit, MONEY)
        closed = close_trade(
            user=self.webhook.user,
            trade_id=trade.pk,
            exit_price=message.price,
            now=self.now,
            exit_time=max(message.closed_at or self.now, trade.entry_time),
            quantity=None if message.is_final else message.quantity,
            # What is not movement of the price is a fee, or funding where it earned.
            fees=max(costs, ZERO),
            funding=max(-costs, ZERO),
            external_id=f"{self.name}:exit-{parts.count() + 1}",
        )
        return BookedFill(WebhookOutcome.BOOKED, closed.trade, closed.profit_loss)

    def _profit(self, booked: Decimal | None) -> Decimal | None:
        """What this exit made after all fees; None where the message does not say.

        freqtrade counts a trade's whole funding into `profit_amount` of every exit, so
        the difference of the sums is asked first.
        """
        if self.message.profit_so_far is not None:
            return self.message.profit_so_far - (booked or ZERO)
        return self.message.profit

    @exactly
    def _holds(self, cost: Decimal) -> bool:
        """Whether the bot's whole trade cost this much, as far as the message says."""
        given = self.message.cost
        if given is None:
            return True
        held = self.message.quantity if self.trade is None else self.trade.quantity
        units = held + self.message.quantity
        return abs(given - cost) <= cost * TOLERANCE_RATIO + units * TOLERANCE_PER_UNIT

    def _refuse_currency(self) -> None:
        stake, own = self.message.stake_currency, self.portfolio.currency
        if stake not in {None, own}:
            raise InvalidInput(
                "stake_currency", f"is {stake}, but the portfolio is in {own}."
            )

    def _refuse_equal(self) -> None:
        """A file of fills, without the bot's ids, may have brought the entry."""
        other = find_equal_fill(
            self.portfolio.pk,
            symbol=self.message.symbol,
            is_buy=self.message.side.sign > 0,
            quantity=self.message.quantity,
            price=self.message.price,
            at=self.message.opened_at,
        )
        if other is not None:
            raise IdempotencyConflict(
                f"The entry of trade {self.message.bot_trade_id} of bot "
                f"{self.webhook.bot} equals {other}, imported from a file of fills. "
                "Nothing was booked: void the trades of that file, or import the bot's "
                f"database with the account {self.webhook.bot} and choose what to "
                "do with equal fills (equal_fills)."
            )

    def _refuse_unended(self) -> None:
        """freqtrade has one trade a pair: an older one that is open here has ended."""
        message = self.message
        open_here = Trade.objects.filter(
            portfolio=self.portfolio,
            status=TradeStatus.OPEN,
            symbol=message.symbol,
            external_id__startswith=f"freqtrade:{self.webhook.bot}:",
        )
        for name in open_here.values_list("external_id", flat=True):
            number = (name or "").rpartition(":")[2]
            if number.isdecimal() and int(number) < message.bot_trade_id:
                raise self._missing(
                    f"its trade {number} of the same pair, {message.symbol}, is open "
                    "here still, and a bot has one trade a pair, so the final exit of "
                    f"trade {number} never arrived"
                )

    def _refuse_other_trade(self, trade: Trade) -> None:
        message = self.message
        apart = abs(trade.entry_time - message.opened_at)
        same = trade.symbol == message.symbol and trade.side == message.side
        if not same or apart > CLOCK_TOLERANCE:
            raise IdempotencyConflict(
                f"Trade {message.bot_trade_id} of bot {self.webhook.bot} is "
                f"{trade.side} {trade.symbol} of {trade.entry_time.isoformat()} here; "
                "a bot with a new database needs a webhook with a new name."
            )

    def _refuse_ended(self, trade: Trade) -> None:
        if trade.status == TradeStatus.CLOSED:
            raise TradeAlreadyClosed(
                f"Trade {self.message.bot_trade_id} of bot {self.webhook.bot} is "
                "closed already."
            )
        if not trade.is_open:
            raise TradeNotOpen(f"Trade {trade.pk} is {trade.status}.")

    def _missing(self, why: str) -> FillMissing:
        return FillMissing(
            f"Nothing was booked of trade {self.message.bot_trade_id} of bot "
            f"{self.webhook.bot}: {why}. Import the bot's database, with the account "
            f"{self.webhook.bot}."
        )
