"""Notes, tags and ratings of trades."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from goals.models import User
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import InvalidInput, NotFound
from trades.models import Trade
from trades.models.notes import (
    BEST_RATING,
    LONGEST_NOTE,
    LONGEST_TAG,
    MOST_TAGS,
    TradeNote,
)

FIELDS = ("note", "tags", "rating")


def read_note(trade: Trade) -> TradeNote:
    """What was said of it; empty, and not stored, where nothing was."""
    found = TradeNote.objects.filter(trade=trade).first()
    return found or TradeNote(trade=trade)


@atomic
def write_note(
    *, user: User, trade_id: int, now: datetime, **changes: Any
) -> TradeNote:
    """Change `note`, `tags` and `rating` (1 to 5, None: none), of a void trade too.

    What is not given stays. No figure of the ledger changes, and no lock is taken but
    that of the note. Raises `NotFound`, `InvalidInput`.
    """
    trade = Trade.objects.filter(user_id=user.username, pk=trade_id).first()
    if trade is None:
        raise NotFound(f"You have no trade {trade_id}.")
    values = _clean(changes)
    note, _ = TradeNote.objects.update_or_create(
        trade=trade, defaults={**values, "updated_at": now}
    )
    return note


def _clean(changes: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: changes[name] for name in FIELDS if name in changes}
    if "note" in values:
        values["note"] = values["note"].strip()
        if len(values["note"]) > LONGEST_NOTE:
            raise InvalidInput("note", f"is longer than {LONGEST_NOTE:,} characters.")
    if "tags" in values:
        values["tags"] = clean_tags(values["tags"])
    rating = values.get("rating")
    if rating is not None and not 1 <= rating <= BEST_RATING:
        raise InvalidInput("rating", f"must be from 1 to {BEST_RATING}, or none.")
    return values


def clean_tags(tags: Sequence[str]) -> list[str]:
    """In the order given, each once, without spaces around."""
    found = list(dict.fromkeys(" ".join(tag.split()) for tag in tags))
    found = [tag for tag in found if tag]
    if len(found) > MOST_TAGS:
        raise InvalidInput("tags", f"are more than {MOST_TAGS}.")
    for tag in found:
        if len(tag) > LONGEST_TAG:
            raise InvalidInput("tags", f"has one longer than {LONGEST_TAG} characters.")
        if "," in tag:
            raise InvalidInput("tags", "has one with a comma: it parts tags.")
    return found
