"""Portfolios."""

from datetime import date, datetime
from decimal import Decimal
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from goals.decisions.accounting import Account, measure_live_drawdown_pct
from goals.decisions.periods import local_day
from goals.decisions.progress import PortfolioFigures
from goals.enums import EdgeGuard, PortfolioKind, TradingState
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import (
    above,
    at_least,
    at_most,
    check,
    check_words,
    is_null,
)
from mastertrade.values.money import MONEY, exactly, round_to
from mastertrade.values.validation import CURRENCY_PATTERN


class PortfolioQuerySet(models.QuerySet["Portfolio"]):
    def locked(self) -> Self:
        """Lock in key order, so that two writers cannot deadlock.

        `no_key` lets other transactions still add rows that point here.
        """
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


class Portfolio(models.Model):
    """Money a user trades with; its figures are always what the ledger says."""

    portfolio_id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        to_field="username",
        db_column="user_id",
        related_name="portfolios",
        db_constraint=False,  # named, and immediate, in the migration
        db_index=False,  # portfolios_name_unique begins with it
    )
    name = models.CharField(max_length=100)
    # Never changed: a trigger refuses it, or simulated trades became live evidence.
    kind = models.CharField(
        max_length=10,
        default=PortfolioKind.LIVE,
        db_default=str(PortfolioKind.LIVE),
        choices=columns.choices(PortfolioKind),
        editable=False,
    )
    # When the replay that made it was ready: from then on nothing is booked in it.
    finished_at = models.DateTimeField(null=True, editable=False)
    currency = models.CharField(max_length=10, default="USD")
    time_zone = models.CharField(max_length=64, default="UTC")
    opening_balance = columns.money(default=Decimal(0))

    equity = columns.money(default=Decimal(0), editable=False)
    unrealized_pnl = columns.money(default=Decimal(0), editable=False)
    units = columns.units(default=Decimal(0), editable=False)
    unit_value = columns.unit_value(default=Decimal(1), editable=False)
    unit_run = models.PositiveIntegerField(default=1, editable=False)
    realized_pnl = columns.money(default=Decimal(0), editable=False)
    peak_unit_value = columns.unit_value(default=Decimal(1), editable=False)
    # See `goals.decisions.accounting`: what open trades carry since a cash flow, and
    # what the last unit was worth where all were withdrawn while trades were open.
    carried = columns.carried(default=Decimal(0), db_default=Decimal(0), editable=False)
    redeemed_value = columns.unit_value(null=True, editable=False)
    drawdown_pct = columns.percent(default=Decimal(0), editable=False)
    # The newest ledger entry's time; None while there is none.
    last_entry_at = models.DateTimeField(null=True, editable=False)
    # The newest mark that `unrealized_pnl` contains.
    marked_at = models.DateTimeField(null=True, editable=False)
    # The newest local day on which it moved, and what it was when that day began.
    revalued_day = models.DateField(null=True, editable=False)
    midnight_unrealized_pnl = columns.money(default=Decimal(0), editable=False)

    trading_state = models.CharField(
        max_length=10,
        default=TradingState.ACTIVE,
        choices=columns.choices(TradingState),
    )
    # None: it never was, so no time needs to be looked up.
    last_halted_at = models.DateTimeField(null=True, editable=False)
    soft_drawdown_pct = columns.percent(default=Decimal(10))
    hard_drawdown_pct = columns.percent(default=Decimal(20))
    daily_loss_limit_pct = columns.percent(null=True, blank=True)
    max_position_pct = columns.percent(null=True, blank=True)
    edge_guard = models.CharField(
        max_length=20,
        default=EdgeGuard.BENEFIT_OF_DOUBT,
        choices=columns.choices(EdgeGuard),
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PortfolioQuerySet.as_manager()

    class Meta:
        db_table = "portfolios"
        constraints = (
            models.UniqueConstraint(
                fields=["user", "name"], name="portfolios_name_unique"
            ),
            # What composite foreign keys point to: a goal's owner is its portfolio's.
            models.UniqueConstraint(
                fields=["portfolio_id", "user"], name="portfolios_owner_unique"
            ),
            check("portfolios_name_not_empty", ~Q(name="")),
            check_words("portfolios_kind", "kind", PortfolioKind),
            check(
                "portfolios_live_never_finished",
                is_null("finished_at") | ~Q(kind=PortfolioKind.LIVE),
            ),
            check("portfolios_currency", Q(currency__regex=CURRENCY_PATTERN)),
            check("portfolios_time_zone_not_empty", ~Q(time_zone="")),
            check(
                "portfolios_opening_balance_not_negative",
                at_least("opening_balance", 0),
            ),
            check("portfolios_units_not_negative", at_least("units", 0)),
            check("portfolios_unit_value_not_negative", at_least("unit_value", 0)),
            check(
                "portfolios_peak_not_below", at_least("peak_unit_value", "unit_value")
            ),
            check("portfolios_unit_run_positive", at_least("unit_run", 1)),
            check(
                "portfolios_redeemed_value",
                is_null("redeemed_value") | (Q(units=0) & above("redeemed_value", 0)),
            ),
            check(
                "portfolios_drawdown_range",
                at_least("drawdown_pct", 0) & at_most("drawdown_pct", 100),
            ),
            check_words("portfolios_trading_state", "trading_state", TradingState),
            check_words("portfolios_edge_guard", "edge_guard", EdgeGuard),
            check(
                "portfolios_drawdown_limits",
                above("soft_drawdown_pct", 0)
                & at_least("hard_drawdown_pct", "soft_drawdown_pct")
                & at_most("hard_drawdown_pct", 100),
            ),
            check(
                "portfolios_daily_loss_limit_range",
                is_null("daily_loss_limit_pct")
                | (
                    above("daily_loss_limit_pct", 0)
                    & at_most("daily_loss_limit_pct", 100)
                ),
            ),
            check(
                "portfolios_max_position_positive",
                is_null("max_position_pct") | above("max_position_pct", 0),
            ),
        )

    def __str__(self) -> str:
        return f"{self.user_id}/{self.name}"

    @property
    def shown_kind(self) -> PortfolioKind:
        """Its kind to a person, for whom the demo's replays are simulations."""
        if self.kind == PortfolioKind.DEMO and self.finished_at is not None:
            return PortfolioKind.SIMULATION
        return PortfolioKind(self.kind)

    @property
    def is_live(self) -> bool:
        return self.kind == PortfolioKind.LIVE

    @property
    def live_equity(self) -> Decimal:
        """Equity plus the unrealised profit and loss of open positions."""
        live: Decimal = self.equity + self.unrealized_pnl
        return live

    def revalue(self, change: Decimal, at: datetime) -> None:
        """Add to the unrealised profit; keep what it was at local midnight. Unsaved.

        A change of an earlier day was there at midnight.
        """
        day = local_day(at, self.time_zone)
        if self.revalued_day is None or day > self.revalued_day:
            self.revalued_day = day
            self.midnight_unrealized_pnl = self.unrealized_pnl
        elif day < self.revalued_day:
            self.midnight_unrealized_pnl += change
        self.unrealized_pnl += change

    @exactly
    def keep_midnight(self, was: Account, is_now: Account) -> None:
        """Let a flow of before the day leave what a unit was worth when it began.

        The accounts of then, without the flow and with it. Unsaved.
        """
        if was.units == is_now.units or was.units == 0 or was.run != is_now.run:
            return
        value = (was.equity + self.midnight_unrealized_pnl) / was.units
        self.midnight_unrealized_pnl = round_to(
            value * is_now.units - is_now.equity, MONEY
        )

    def unrealized_at_midnight(self, day: date) -> Decimal:
        """The unrealised profit when the local day began, if it is none before."""
        if self.revalued_day == day:
            return Decimal(self.midnight_unrealized_pnl)
        return Decimal(self.unrealized_pnl)

    @property
    def account(self) -> Account:
        """The cached figures, as `goals.decisions.accounting` takes them."""
        return Account(
            equity=self.equity,
            units=self.units,
            unit_value=self.unit_value,
            realized_pnl=self.realized_pnl,
            peak_unit_value=self.peak_unit_value,
            run=self.unit_run,
            carried=self.carried,
            redeemed_value=self.redeemed_value,
        )

    def apply_figures(self, account: Account) -> None:
        """Set the cached figures, beside the present `unrealized_pnl`; not saved."""
        self.equity = account.equity
        self.units = account.units
        self.unit_value = account.unit_value
        self.realized_pnl = account.realized_pnl
        self.peak_unit_value = account.peak_unit_value
        self.unit_run = account.run
        self.carried = account.carried
        self.redeemed_value = account.redeemed_value
        self.drawdown_pct = measure_live_drawdown_pct(account, self.unrealized_pnl)

    @property
    def portfolio_figures(self) -> PortfolioFigures:
        """What goals are measured by, now."""
        return PortfolioFigures(
            unit_value=self.unit_value,
            realized_pnl=self.realized_pnl,
            live_equity=self.live_equity,
            run=self.unit_run,
        )
