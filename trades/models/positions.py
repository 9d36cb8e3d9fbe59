"""The positions that trades hold open."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q

from goals.models import Portfolio
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import above, check, check_words
from mastertrade.values import in_text
from trades.enums import Side, TradeStatus
from trades.models.trades import Trade


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
    # When `current_price` was seen; None while it is still the entry's.
    marked_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "positions"
        constraints = (
            check_words("positions_side", "side", Side),
            check(
                "positions_status",
                Q(status__in=[TradeStatus.OPEN, TradeStatus.CLOSED]),
            ),
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
            # What a mark looks for.
            models.Index(
                fields=["portfolio", "symbol"],
                condition=Q(status=TradeStatus.OPEN),
                name="positions_open_by_symbol",
            ),
        )

    def __str__(self) -> str:
        return f"{self.side} {in_text.quantity(self.quantity)} {self.symbol}"
