"""Single executions."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from goals.models import Portfolio
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import above, at_least, check, check_words
from mastertrade.values import in_text
from trades.enums import FillKind
from trades.models.imports import TradeImport
from trades.models.trades import Trade


class TradeFill(models.Model):
    """One execution, where a trade was enlarged or came from a file of fills.

    Price and fees as in the trade. Its `external_id` is what makes sending it twice
    add nothing. `funding` is what was received (positive) or paid for holding what
    was open, or a rebate. `order_id` is the venue's order that was filled.
    """

    fill_id = models.BigAutoField(primary_key=True)
    portfolio = models.ForeignKey(
        Portfolio,
        models.CASCADE,
        related_name="trade_fills",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,
    )
    trade = models.ForeignKey(
        Trade,
        models.CASCADE,
        null=True,
        related_name="fills",
        db_constraint=False,  # ON DELETE CASCADE in the migration
    )
    source_import = models.ForeignKey(
        TradeImport,
        models.SET_NULL,
        null=True,
        related_name="fills",
        db_constraint=False,  # ON DELETE SET NULL in the migration
        db_index=False,
    )
    kind = models.CharField(max_length=7, choices=columns.choices(FillKind))
    symbol = models.CharField(max_length=50)
    quantity = columns.price()
    price = columns.price()
    fees = columns.money(default=Decimal(0))
    funding = columns.money(default=Decimal(0))
    fee_currency = models.CharField(max_length=10)
    filled_at = models.DateTimeField()
    external_id = models.CharField(max_length=200, null=True)  # noqa: DJ001
    order_id = models.CharField(max_length=64, null=True)  # noqa: DJ001
    request_fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        db_table = "trade_fills"
        constraints = (
            check_words("trade_fills_kind", "kind", FillKind),
            check("trade_fills_quantity_positive", above("quantity", 0)),
            check("trade_fills_price_positive", above("price", 0)),
            check("trade_fills_fees_not_negative", at_least("fees", 0)),
            check("trade_fills_external_id_not_empty", ~Q(external_id="")),
            check("trade_fills_order_id_not_empty", ~Q(order_id="")),
            models.UniqueConstraint(
                fields=["portfolio", "external_id"],
                condition=Q(external_id__isnull=False),
                name="trade_fills_external_id_unique",
            ),
        )
        indexes = (
            # How far a market was imported, and what a coin was worth.
            models.Index(
                fields=["portfolio", "symbol", "filled_at"],
                name="trade_fills_by_symbol",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {in_text.quantity(self.quantity)} {self.symbol}"
