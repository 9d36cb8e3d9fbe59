"""The ledger: cash flows, the figures they and the trades add up to, and changes."""

from collections.abc import Mapping, Sequence
from datetime import time
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Func, Q, Value

from goals.decisions.accounting import Account
from goals.decisions.periods import DayPart
from goals.decisions.progress import PortfolioFigures
from goals.enums import EntryKind
from goals.models.portfolios import Portfolio, account_of
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import (
    above,
    at_least,
    at_most,
    check,
    is_null,
    is_set,
)


class NextLedgerKey(Func):
    """The ledger's next key: entries of one instant stand in the order of booking."""

    function = "nextval"
    template = "%(function)s(%(expressions)s)"

    def __init__(self) -> None:
        super().__init__(Value("ledger_keys"), output_field=models.BigIntegerField())


class CashFlow(models.Model):
    """A deposit (positive) or a withdrawal (negative)."""

    cash_flow_id = models.BigAutoField(primary_key=True)
    portfolio = models.ForeignKey(
        Portfolio, models.PROTECT, related_name="cash_flows", db_index=False
    )
    amount = columns.money()
    flowed_at = models.DateTimeField()
    ledger_key = models.BigIntegerField(db_default=NextLedgerKey(), editable=False)
    # What it bought (positive) or sold, derived from the ledger.
    units = columns.units(default=Decimal(0), db_default=Decimal(0), editable=False)
    # Trades were open, and it was booked before flows were valued at their marks.
    marks_unknown = models.BooleanField(default=False, db_default=False, editable=False)
    external_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    request_fingerprint = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150, default="")
    updated_at = models.DateTimeField(null=True)
    updated_by = models.CharField(max_length=150, default="")
    voided_at = models.DateTimeField(null=True)
    void_reason = models.TextField(default="", blank=True)

    class Meta:
        db_table = "cash_flows"
        constraints = (
            check("cash_flows_amount_not_zero", ~Q(amount=0)),
            check("cash_flows_external_id_not_empty", ~Q(external_id="")),
            check(
                "cash_flows_void_has_reason",
                (is_null("voided_at") & Q(void_reason=""))
                | (is_set("voided_at") & ~Q(void_reason="")),
            ),
            models.UniqueConstraint(
                fields=["portfolio", "external_id"],
                condition=Q(external_id__isnull=False),
                name="cash_flows_external_id_unique",
            ),
            # The ledger in its order, readable from the index alone.
            models.UniqueConstraint(
                fields=["portfolio", "flowed_at", "ledger_key"],
                condition=Q(voided_at__isnull=True),
                include=["amount"],
                name="cash_flows_ledger_order",
            ),
        )

    def __str__(self) -> str:
        return f"{self.amount} at {self.flowed_at:%Y-%m-%d %H:%M}"


class CarriedProfit(models.Model):
    """By how much a cash flow, or a close, changed what an open trade carries.

    `goals.decisions.accounting` says what is carried and why. Of a flow `quantity`
    was open and had made `open_pnl` at the marks known when it was booked, which
    stay; `change` follows from the ledger. A close ends what its quantity carried.
    The sum of a trade's changes is what it carries now.
    """

    carried_profit_id = models.BigAutoField(primary_key=True)
    portfolio = models.ForeignKey(
        Portfolio,
        models.CASCADE,
        related_name="carried_profits",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,  # named, below
    )
    trade_id = models.BigIntegerField()  # trades live a floor above
    cash_flow = models.ForeignKey(
        CashFlow,
        models.CASCADE,
        null=True,
        related_name="carried_profits",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,  # carried_profits_of_flow begins with it
    )
    # The trade itself, or the part of it that was closed.
    closed_trade_id = models.BigIntegerField(null=True)
    quantity = columns.price(null=True)
    open_pnl = columns.money(null=True)
    change = columns.carried(default=Decimal(0), db_default=Decimal(0))

    class Meta:
        db_table = "carried_profits"
        constraints = (
            check(
                "carried_profits_one_cause",
                (
                    is_set("cash_flow")
                    & is_null("closed_trade_id")
                    & is_set("quantity")
                    & above("quantity", 0)
                    & is_set("open_pnl")
                )
                | (
                    is_null("cash_flow")
                    & is_set("closed_trade_id")
                    & is_null("quantity")
                    & is_null("open_pnl")
                ),
            ),
            models.UniqueConstraint(
                fields=["cash_flow", "trade_id"], name="carried_profits_of_flow"
            ),
            models.UniqueConstraint(
                fields=["closed_trade_id"], name="carried_profits_of_close"
            ),
        )
        indexes = (
            models.Index(fields=["portfolio"], name="carried_profits_by_portfolio"),
            models.Index(fields=["trade_id"], name="carried_profits_by_trade"),
        )

    def __str__(self) -> str:
        return f"{self.change} of trade {self.trade_id}"


class LedgerEntry(models.Model):
    """A closed trade or a cash flow, as the ledger sees it; a view over both tables.

    Ordered by when it took effect, then by key.
    """

    entry_id = models.BigIntegerField(primary_key=True)
    portfolio = models.ForeignKey(
        Portfolio, models.DO_NOTHING, related_name="ledger_entries"
    )
    kind = models.CharField(max_length=10, choices=columns.choices(EntryKind))
    trade_id = models.BigIntegerField(null=True)  # trades live a floor above
    cash_flow = models.OneToOneField(CashFlow, models.DO_NOTHING, null=True)
    effective_at = models.DateTimeField()
    amount = columns.money()

    class Meta:
        db_table = "ledger_entries"
        managed = False
        verbose_name_plural = "ledger entries"

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} at {self.effective_at:%Y-%m-%d %H:%M}"


class TradeEntry(models.Model):
    """A trade as the limits see it: entered, ended, what it made; parts count once.

    A view that `trades` makes, of trades that are not void. `ended_at` and
    `profit_loss` are None while any of it is open.
    """

    trade_id = models.BigIntegerField(primary_key=True)
    portfolio = models.ForeignKey(
        Portfolio, models.DO_NOTHING, related_name="trade_entries"
    )
    entered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    profit_loss = columns.money(null=True)

    class Meta:
        db_table = "trade_entries"
        managed = False

    def __str__(self) -> str:
        return f"trade {self.trade_id} of portfolio {self.portfolio_id}"


class LedgerDay(models.Model):
    """The portfolio's figures after the last entry of a local day, and the day's highs.

    Or of a part of it: see `goals.decisions.periods.DayPart`.
    Derived from the ledger, and kept so that the figures at any past time are one
    index lookup and at most a day's entries away. A rebuild writes days, not entries.
    """

    ledger_day_id = models.BigAutoField(primary_key=True)
    portfolio = models.ForeignKey(
        Portfolio,
        models.CASCADE,
        related_name="ledger_days",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,
    )
    day = models.DateField()
    # 1 from `day_starts_at` on, where that is not midnight.
    part = models.PositiveSmallIntegerField(default=0, db_default=0)
    last_entry_at = models.DateTimeField()
    entries = models.PositiveIntegerField()
    equity = columns.money()
    units = columns.units()
    unit_value = columns.unit_value()
    unit_run = models.PositiveIntegerField()
    realized_pnl = columns.money()
    peak_unit_value = columns.unit_value()
    carried = columns.carried(default=Decimal(0), db_default=Decimal(0))
    redeemed_value = columns.unit_value(null=True)
    # The largest after any entry of the day: where a goal may have been reached.
    high_equity = columns.money()
    high_unit_value = columns.unit_value()
    high_realized_pnl = columns.money()
    # What limits are judged by: the lowest after any entry, and the closed value in
    # money (equity and what is carried), its highest after a close (None: no close).
    low_unit_value = columns.unit_value()
    high_closed = columns.carried(null=True)
    low_closed = columns.carried()

    # Of a day that was walked: what its flows and closes did, see `walk_ledger`.
    events: Sequence[Mapping[str, Any]] = ()

    class Meta:
        db_table = "ledger_days"
        constraints = (
            models.UniqueConstraint(
                fields=["portfolio", "day", "part"], name="ledger_days_unique"
            ),
            check("ledger_days_part_range", at_most("part", 1)),
            check("ledger_days_entries_positive", at_least("entries", 1)),
            check(
                "ledger_days_unit_value_range",
                at_least("unit_value", 0) & at_least("peak_unit_value", "unit_value"),
            ),
            check("ledger_days_units_not_negative", at_least("units", 0)),
            check("ledger_days_unit_run_positive", at_least("unit_run", 1)),
            check(
                "ledger_days_highs",
                at_least("high_equity", "equity")
                & at_least("high_unit_value", "unit_value")
                & at_least("high_realized_pnl", "realized_pnl"),
            ),
            check("ledger_days_lows", at_most("low_unit_value", "unit_value")),
        )

    def __str__(self) -> str:
        return f"{self.equity} after {self.day}"

    @property
    def words(self) -> str:
        """The local day, and which side of `day_starts_at` where that parts it."""
        starts_at = self.portfolio.day_starts_at
        if starts_at == time.min:
            return f"{self.day}"
        side = "from" if self.part else "until"
        return f"{self.day} {side} {starts_at:%H:%M}"

    @property
    def day_part(self) -> DayPart:
        return DayPart(self.day, self.part)

    @property
    def account(self) -> Account:
        """The figures as the value that `goals.decisions.accounting` works on."""
        return account_of(self)

    @property
    def portfolio_figures(self) -> PortfolioFigures:
        """What goals are measured by at its end (realised figures)."""
        return PortfolioFigures(
            unit_value=self.unit_value,
            realized_pnl=self.realized_pnl,
            live_equity=self.equity,
            run=self.unit_run,
        )


class LedgerChange(models.Model):
    """What was changed about a trade or a cash flow after it was recorded.

    Written by the database itself, by a trigger at each update, so that nothing is
    silently edited; `before` and `after` hold the columns that changed.
    """

    change_id = models.BigAutoField(primary_key=True)
    portfolio = models.ForeignKey(
        Portfolio,
        models.CASCADE,
        related_name="ledger_changes",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,  # ledger_changes_by_portfolio begins with it
    )
    trade_id = models.BigIntegerField(null=True)  # trades live a floor above
    cash_flow = models.ForeignKey(
        CashFlow,
        models.CASCADE,
        null=True,
        related_name="changes",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,
    )
    action = models.CharField(max_length=20)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)
    before = columns.ExactJSONField()
    after = columns.ExactJSONField()

    class Meta:
        db_table = "ledger_changes"
        constraints = (
            check(
                "ledger_changes_one_subject",
                (is_set("trade_id") & is_null("cash_flow"))
                | (is_null("trade_id") & is_set("cash_flow")),
            ),
        )
        indexes = (
            models.Index(
                fields=["portfolio", "change_id"], name="ledger_changes_by_portfolio"
            ),
            models.Index(
                fields=["trade_id", "change_id"],
                condition=Q(trade_id__isnull=False),
                name="ledger_changes_by_trade",
            ),
            models.Index(
                fields=["cash_flow", "change_id"],
                condition=Q(cash_flow__isnull=False),
                name="ledger_changes_by_cash_flow",
            ),
        )

    def __str__(self) -> str:
        return f"{self.action} by {self.changed_by}"
