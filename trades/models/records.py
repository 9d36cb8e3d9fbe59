"""What closed trades add up to, kept so that a decision need not read them all."""

from django.db import models
from django.db.models import F, Q

from goals.models import Portfolio
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import at_least, at_most, check, is_null, is_set


class GrowthRecord(models.Model):
    """Sums over the growths of a block of a portfolio's trades, and where it ends.

    A cache: closes do not touch it, `trades.sizing_calls.records` brings it up to date,
    and the database deletes it where the past changes (the trigger on `ledger_days`).
    A portfolio's blocks follow each other, from 0 on, and all but the last are full:
    the record at any time is the sum of the blocks that had ended by then, and of fewer
    trades than a block has. The row of `strategy_id` "" sums up the whole portfolio,
    and where it stands in the ledger all rows of its block stand: one that stands
    before it had no trade since. Growths are ratios at factor 1; `equity` is the
    portfolio's after the last entry counted, with what open trades carry.
    """

    growth_record_id = models.BigAutoField(primary_key=True)
    portfolio = models.ForeignKey(
        Portfolio,
        models.CASCADE,
        related_name="growth_records",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,  # growth_records_unique begins with it
    )
    strategy_id = models.CharField(max_length=100, blank=True, default="")
    block = models.IntegerField(default=0)
    exit_time = models.DateTimeField()
    ledger_key = models.BigIntegerField()
    equity = columns.carried()
    trades = models.BigIntegerField()
    sum_growth = columns.growth()
    sum_squares = columns.growth_square()
    sum_cubes = columns.growth_cube()
    wins = models.BigIntegerField()
    sum_wins = columns.growth()
    losses = models.BigIntegerField()
    sum_losses = columns.growth()
    best_growth = columns.growth(null=True)
    worst_growth = columns.growth(null=True)

    class Meta:
        db_table = "growth_records"
        constraints = (
            models.UniqueConstraint(
                fields=["portfolio", "strategy_id", "block"],
                name="growth_records_unique",
            ),
            check(
                "growth_records_counts",
                at_least("wins", 0)
                & at_least("losses", 0)
                & Q(trades__gte=F("wins") + F("losses")),
            ),
            check(
                "growth_records_sums",
                at_least("sum_wins", 0)
                & at_most("sum_losses", 0)
                & at_least("sum_squares", 0)
                & Q(sum_growth=F("sum_wins") + F("sum_losses")),
            ),
            check(
                "growth_records_cubes",
                Q(sum_cubes__gte=F("worst_growth") * F("sum_squares"))
                & Q(sum_cubes__lte=F("best_growth") * F("sum_squares")),
            ),
            check(
                "growth_records_extremes",
                (Q(trades=0) & is_null("best_growth") & is_null("worst_growth"))
                | (
                    ~Q(trades=0)
                    & is_set("best_growth")
                    & is_set("worst_growth")
                    & at_least("best_growth", "worst_growth")
                ),
            ),
        )

    def __str__(self) -> str:
        return f"{self.trades} trades of {self.strategy_id or 'all strategies'}"
