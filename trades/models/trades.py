"""Trades."""

from datetime import datetime
from decimal import Decimal
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThan

from goals.models import GoalAdjustmentLog, Portfolio, TradingHalt
from goals.models.ledger import NextLedgerKey
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import (
    above,
    at_least,
    check,
    check_words,
    is_null,
    is_set,
)
from mastertrade.values import in_text
from trades.decisions.lots import PositionLot
from trades.decisions.pnl import Rates
from trades.enums import Side, TradeStatus
from trades.models.imports import TradeImport


class TradeQuerySet(models.QuerySet["Trade"]):
    def locked(self) -> Self:
        """Lock in key order, so that two writers cannot deadlock."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


class Trade(models.Model):
    """A trade from entry to exit, or a closed part of one.

    Prices and funding in `quote_currency`, fees in `fee_currency`; `fx_rate` and
    `fee_fx_rate` are units of the portfolio's currency for one of them.
    `profit_loss` in the portfolio's currency.
    """

    trade_id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        to_field="username",
        db_column="user_id",
        related_name="trades",
        db_constraint=False,  # named, and immediate, in the migration
        db_index=False,
    )
    portfolio = models.ForeignKey(
        Portfolio,
        models.PROTECT,
        related_name="trades",
        db_constraint=False,  # composite with the user, in the migration
        db_index=False,
    )
    # With the user it refers to strategy_instances, in the database (migration).
    strategy_id = models.CharField(max_length=100, null=True)  # noqa: DJ001
    symbol = models.CharField(max_length=50)
    side = models.CharField(max_length=5, choices=columns.choices(Side))
    quantity = columns.price()
    entry_price = columns.price()
    exit_price = columns.price(null=True, blank=True)
    stop_price = columns.price(null=True, blank=True)
    # What the quantity cost, where the entry price is a rounded average; else None.
    entry_notional = columns.cost(null=True, editable=False)
    leverage = columns.factor(default=Decimal(1))
    entry_fees = columns.money(default=Decimal(0))
    exit_fees = columns.money(default=Decimal(0))
    quote_currency = models.CharField(max_length=10)
    fee_currency = models.CharField(max_length=10)
    fx_rate = columns.price(default=Decimal(1))
    fee_fx_rate = columns.price(default=Decimal(1))
    exit_fee_fx_rate = columns.price(null=True, blank=True)  # None: as the entry's
    funding = columns.money(default=Decimal(0))
    profit_loss = columns.money(null=True, blank=True)
    # What the parts closed so far made, less what was booked for them, rounded.
    unbooked_profit = columns.rounding_carry(default=Decimal(0), editable=False)
    entry_time = models.DateTimeField()
    exit_time = models.DateTimeField(null=True, blank=True)
    status = models.CharField(
        max_length=10, default=TradeStatus.OPEN, choices=columns.choices(TradeStatus)
    )
    ledger_key = models.BigIntegerField(db_default=NextLedgerKey(), editable=False)
    parent_trade = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="parts",
        db_constraint=False,  # ON DELETE SET NULL in the migration
        db_index=False,
    )
    adjustment = models.ForeignKey(
        GoalAdjustmentLog,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="trades",
        db_constraint=False,  # ON DELETE SET NULL in the migration
        db_index=False,
    )
    # The halt that was in force when the owner opened the trade all the same.
    override_halt = models.ForeignKey(
        TradingHalt,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="overriding_trades",
        db_constraint=False,  # ON DELETE SET NULL in the migration
        db_index=False,
    )
    external_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    request_fingerprint = models.CharField(max_length=64, editable=False)
    source_import = models.ForeignKey(
        TradeImport,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="trades",
        db_constraint=False,  # ON DELETE SET NULL in the migration
        db_index=False,
    )
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150, default="")
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=150, default="")
    voided_at = models.DateTimeField(null=True, blank=True)
    void_reason = models.TextField(default="", blank=True)

    # What the position of an open trade shows, the profit that closing at the mark
    # would book, and what it carries; only `lock_trade` brings them along.
    marked_price: Decimal | None = None
    marked_at: datetime | None = None
    open_pnl: Decimal = Decimal(0)
    carried: Decimal = Decimal(0)
    is_valued: bool = False
    added_later: Decimal = Decimal(0)
    # How much of it was open at a cash flow; only with those that value it.
    quantity_then: Decimal = Decimal(0)

    objects = TradeQuerySet.as_manager()

    class Meta:
        db_table = "trades"
        constraints = (
            check_words("trades_side", "side", Side),
            check_words("trades_status", "status", TradeStatus),
            check("trades_symbol_not_empty", ~Q(symbol="")),
            check("trades_quantity_positive", above("quantity", 0)),
            check("trades_entry_price_positive", above("entry_price", 0)),
            check(
                "trades_exit_price_positive",
                is_null("exit_price") | above("exit_price", 0),
            ),
            check(
                "trades_stop_price_positive",
                is_null("stop_price") | above("stop_price", 0),
            ),
            check(
                "trades_fees_not_negative",
                at_least("entry_fees", 0) & at_least("exit_fees", 0),
            ),
            check(
                "trades_rates_positive", above("fx_rate", 0) & above("fee_fx_rate", 0)
            ),
            check(
                "trades_exit_fee_rate_positive",
                is_null("exit_fee_fx_rate") | above("exit_fee_fx_rate", 0),
            ),
            check("trades_leverage_range", at_least("leverage", 1)),
            check(
                "trades_entry_notional_positive",
                is_null("entry_notional") | above("entry_notional", 0),
            ),
            # A void trade keeps the figures it had, of an open or of a closed one.
            check(
                "trades_closed_is_complete",
                (
                    Q(status__in=[TradeStatus.OPEN, TradeStatus.VOID], exit_fees=0)
                    & is_null("exit_price")
                    & is_null("exit_time")
                    & is_null("profit_loss")
                )
                | (
                    Q(status__in=[TradeStatus.CLOSED, TradeStatus.VOID])
                    & is_set("exit_price")
                    & is_set("exit_time")
                    & is_set("profit_loss")
                ),
            ),
            check(
                "trades_void_has_reason",
                (Q(status=TradeStatus.VOID) & is_set("voided_at") & ~Q(void_reason=""))
                | (
                    ~Q(status=TradeStatus.VOID)
                    & is_null("voided_at")
                    & Q(void_reason="")
                ),
            ),
            check(
                "trades_part_is_not_open",
                ~Q(status=TradeStatus.OPEN) | is_null("parent_trade"),
            ),
            check(
                "trades_times_in_order",
                is_null("exit_time") | at_least("exit_time", "entry_time"),
            ),
            check("trades_external_id_not_empty", ~Q(external_id="")),
            models.UniqueConstraint(
                fields=["portfolio", "external_id"],
                condition=Q(external_id__isnull=False),
                name="trades_external_id_unique",
            ),
            # The ledger in its order, readable from the index alone.
            models.UniqueConstraint(
                fields=["portfolio", "exit_time", "ledger_key"],
                condition=Q(status=TradeStatus.CLOSED),
                include=["profit_loss"],
                name="trades_ledger_order",
            ),
        )
        indexes = (
            models.Index(fields=["user", "-trade_id"], name="trades_by_user"),
            # Open notional, now and at a past time.
            models.Index(
                fields=["portfolio", "symbol"],
                condition=Q(status=TradeStatus.OPEN),
                name="trades_open_by_symbol",
            ),
            models.Index(
                fields=["parent_trade"],
                condition=Q(parent_trade__isnull=False),
                name="trades_by_parent",
            ),
            # How many trades a day: which closes were not the end of one. Its condition
            # is written so that it does not follow from `parent_trade = …`: else one
            # trade's parts are sought in all of it where statistics know of none.
            models.Index(
                fields=["portfolio", "exit_time"],
                condition=Q(status=TradeStatus.CLOSED)
                & Q(GreaterThan(Coalesce("parent_trade", 0), 0)),
                name="trades_parts",
            ),
            # The newest, their totals, and how many were entered in a trading day: the
            # last two readable from the index alone.
            models.Index(
                fields=["portfolio", "-entry_time", "-trade_id"],
                include=["status", "profit_loss", "parent_trade"],
                name="trades_by_entry",
            ),
            # What ON DELETE SET NULL looks for.
            models.Index(fields=["user", "strategy_id"], name="trades_by_strategy"),
            models.Index(
                fields=["adjustment"],
                condition=Q(adjustment__isnull=False),
                name="trades_by_adjustment",
            ),
            models.Index(
                fields=["override_halt"],
                condition=Q(override_halt__isnull=False),
                name="trades_by_override_halt",
            ),
        )

    def __str__(self) -> str:
        return f"{self.side} {in_text.quantity(self.quantity)} {self.symbol}"

    @property
    def fees(self) -> Decimal:
        """All fees, in `fee_currency`: those of the entry and those of the exit."""
        fees: Decimal = self.entry_fees + self.exit_fees
        return fees

    @property
    def lot(self) -> PositionLot:
        """What the trade holds (or held) as the value that the arithmetic works on."""
        return PositionLot(
            quantity=self.quantity,
            entry_price=self.entry_price,
            cost=self.entry_notional,
            entry_fees=self.entry_fees,
            funding=self.funding,
        )

    def apply_lot(self, lot: PositionLot) -> None:
        """Set the figures of the stake; not saved."""
        self.quantity = lot.quantity
        self.entry_price = lot.entry_price
        self.entry_notional = lot.cost
        self.entry_fees = lot.entry_fees
        self.funding = lot.funding

    @property
    def rates(self) -> Rates:
        return Rates(self.fx_rate, self.fee_fx_rate, self.exit_fee_fx_rate)

    @property
    def is_open(self) -> bool:
        return self.status == TradeStatus.OPEN
