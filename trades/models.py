"""Trades and the positions they hold open."""

from decimal import Decimal
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from goals.models import GoalAdjustmentLog, Portfolio
from mastertrade import columns
from mastertrade.columns import above, at_least, check, check_words, is_null, is_set
from trades.enums import Side, TradeStatus


class TradeQuerySet(models.QuerySet["Trade"]):
    def locked(self) -> Self:
        """Lock in key order, so that two writers cannot deadlock."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


class Trade(models.Model):
    """A trade from entry to exit. Money in the portfolio's currency.

    Prices in `quote_currency`, fees in `fee_currency`; `fx_rate` and `fee_fx_rate`
    are units of the portfolio's currency for one of them.
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
    entry_fees = columns.money(default=Decimal(0))
    exit_fees = columns.money(default=Decimal(0))
    quote_currency = models.CharField(max_length=10)
    fee_currency = models.CharField(max_length=10)
    fx_rate = columns.price(default=Decimal(1))
    fee_fx_rate = columns.price(default=Decimal(1))
    profit_loss = columns.money(null=True, blank=True)
    entry_time = models.DateTimeField()
    exit_time = models.DateTimeField(null=True, blank=True)
    status = models.CharField(
        max_length=10, default=TradeStatus.OPEN, choices=columns.choices(TradeStatus)
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
    external_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    request_fingerprint = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

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
                "trades_closed_is_complete",
                (
                    Q(status=TradeStatus.OPEN, exit_fees=0)
                    & is_null("exit_price")
                    & is_null("exit_time")
                    & is_null("profit_loss")
                )
                | (
                    Q(status=TradeStatus.CLOSED)
                    & is_set("exit_price")
                    & is_set("exit_time")
                    & is_set("profit_loss")
                ),
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
        )
        indexes = (
            models.Index(fields=["user", "-trade_id"], name="trades_by_user"),
            # Open notional, now and at a past time.
            models.Index(
                fields=["portfolio", "symbol"],
                condition=Q(status=TradeStatus.OPEN),
                name="trades_open_by_symbol",
            ),
            models.Index(fields=["portfolio", "exit_time"], name="trades_by_exit_time"),
            # What ON DELETE SET NULL looks for.
            models.Index(fields=["user", "strategy_id"], name="trades_by_strategy"),
            models.Index(
                fields=["adjustment"],
                condition=Q(adjustment__isnull=False),
                name="trades_by_adjustment",
            ),
        )

    def __str__(self) -> str:
        return f"{self.side} {self.quantity.normalize():f} {self.symbol}"

    @property
    def fees(self) -> Decimal:
        """All fees, in `fee_currency`: those of the entry and those of the exit."""
        fees: Decimal = self.entry_fees + self.exit_fees
        return fees

    @property
    def is_open(self) -> bool:
        return self.status == TradeStatus.OPEN


class Position(models.Model):
    """What a trade holds open, marked to the last known price.

    One row a trade: when the trade closes, the position does; when the trade is
    deleted, so is the position, in the database.
    """

    position_id = models.BigAutoField(primary_key=True)
    trade = models.OneToOneField(
        Trade, models.CASCADE, related_name="position", db_constraint=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        to_field="username",
        db_column="user_id",
        related_name="positions",
        db_constraint=False,  # named, and immediate, in the migration
        db_index=False,
    )
    portfolio = models.ForeignKey(
        Portfolio,
        models.PROTECT,
        related_name="positions",
        db_constraint=False,
        db_index=False,
    )
    symbol = models.CharField(max_length=50)
    side = models.CharField(max_length=5, choices=columns.choices(Side))
    quantity = columns.price()
    entry_price = columns.price()
    current_price = columns.price()
    unrealized_pnl = columns.money(default=Decimal(0))
    status = models.CharField(
        max_length=10, default=TradeStatus.OPEN, choices=columns.choices(TradeStatus)
    )
    opened_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "positions"
        constraints = (
            check_words("positions_side", "side", Side),
            check_words("positions_status", "status", TradeStatus),
            check("positions_quantity_positive", above("quantity", 0)),
            check(
                "positions_prices_positive",
                above("entry_price", 0) & above("current_price", 0),
            ),
            check(
                "positions_closed_has_no_unrealized",
                Q(status=TradeStatus.OPEN) | Q(unrealized_pnl=0),
            ),
        )
        indexes = (
            models.Index(
                fields=["user", "-position_id"],
                name="positions_by_user",
            ),
        )

    def __str__(self) -> str:
        return f"{self.side} {self.quantity.normalize():f} {self.symbol}"


class ReplayRun(models.Model):
    """A finished replay: recorded prices walked through two portfolios.

    One portfolio follows the goal's policy, its twin trades everything at factor 1.0.
    The row is written with the last trade, in one transaction: a run that is here is
    whole. `parameters_digest` is the same for the same question.
    """

    run_id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        to_field="username",
        db_column="user_id",
        related_name="replay_runs",
        db_index=False,
    )
    policy_portfolio = models.OneToOneField(
        Portfolio, models.PROTECT, related_name="replayed_policy"
    )
    constant_portfolio = models.OneToOneField(
        Portfolio, models.PROTECT, related_name="replayed_constant"
    )
    symbol = models.CharField(max_length=50)
    parameters_digest = models.CharField(max_length=64)
    report = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "replay_runs"
        indexes = (
            models.Index(
                fields=["user", "parameters_digest", "-run_id"],
                name="replay_runs_by_question",
            ),
        )

    def __str__(self) -> str:
        return f"replay {self.pk} of {self.symbol}"
