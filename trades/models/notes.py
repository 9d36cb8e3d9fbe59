"""What a trader says of a trade: never a figure of the ledger."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.lookups import LessThanOrEqual

from mastertrade.db.model_fields import at_least, at_most, check, is_null
from trades.models.trades import Trade

LONGEST_NOTE = 5_000
MOST_TAGS, LONGEST_TAG = 10, 30
BEST_RATING = 5


def _at_most(function: str, field: str, most: int) -> Q:
    size = Func(F(field), function=function, output_field=models.IntegerField())
    return Q(LessThanOrEqual(size, Value(most)))


class TradeNote(models.Model):
    """A trade's note, tags and rating, in a table of its own.

    So a change of words is no change of the ledger, and is not in its audit trail.
    """

    trade = models.OneToOneField(
        Trade,
        models.CASCADE,
        primary_key=True,
        related_name="remark",
        db_constraint=False,  # ON DELETE CASCADE in the migration
    )
    note = models.TextField(default="", blank=True)
    tags = ArrayField(
        models.CharField(max_length=LONGEST_TAG), default=list, blank=True
    )
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "trade_notes"
        constraints = (
            check(
                "trade_notes_note_size", _at_most("char_length", "note", LONGEST_NOTE)
            ),
            check("trade_notes_tags_count", _at_most("cardinality", "tags", MOST_TAGS)),
            check(
                "trade_notes_rating_range",
                is_null("rating")
                | (at_least("rating", 1) & at_most("rating", BEST_RATING)),
            ),
        )

    def __str__(self) -> str:
        return f"note of trade {self.trade_id}"
