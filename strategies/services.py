"""What changes strategies, and how a choice among them is loaded and logged."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from goals.enums import PortfolioKind
from goals.models import Portfolio, User
from mastertrade.db.transactions import atomic
from mastertrade.values import in_text
from mastertrade.values.exceptions import InvalidInput, NoActiveStrategy
from mastertrade.values.in_text import say
from mastertrade.values.jsonable import to_plain
from mastertrade.values.messages import (
    MOST_LISTED,
    MOST_OWN_LISTED,
    did_you_mean,
    list_names,
)
from mastertrade.values.validation import (
    STRATEGY_ID_PATTERN,
    STRATEGY_TYPE_PATTERN,
    refuse,
    require_visible,
    require_word,
)
from strategies.decisions.selection import Candidate, Selection
from strategies.enums import RiskProfile, StrategyStatus
from strategies.models import StrategyInstance, StrategySelectionLog

CHANGEABLE = (
    "strategy_name",
    "strategy_type",
    "risk_profile",
    "parameters",
    "status",
)
# Names of strategies that there are not, in a message.
MOST_UNKNOWN_LISTED = 5
# Addresses below /api/strategies/ that are no strategy.
TAKEN_IDS = ("performance",)
WRONG_ID = "must be letters, digits, and _ . : - after the first, such as swing-1."


@atomic
def create_strategy(
    *,
    user: User,
    strategy_id: str,
    now: datetime,
    kind: PortfolioKind = PortfolioKind.LIVE,
    **fields: Any,
) -> StrategyInstance:
    """Create one of the user's strategies; its id is the user's own and unique.

    One that only a replay made so far becomes the user's own, with these fields.
    """
    require_visible("strategy_id", strategy_id)
    refuse(wrong_in_strategy_id(user, strategy_id))
    mine = StrategyInstance.objects.filter(user_id=user.username)
    of_that_id = mine.filter(strategy_id=strategy_id)
    of_replays = of_that_id.exclude(kind=PortfolioKind.LIVE)
    known = of_replays.select_for_update(no_key=True).first()
    strategy = StrategyInstance(
        pk=None if known is None else known.pk,
        user=user,
        strategy_id=strategy_id,
        kind=kind,
        created_at=now,
        updated_at=now,
    )
    strategy.strategy_name = fields.pop("strategy_name", None) or strategy_id
    _apply(strategy, fields)
    strategy.save(force_insert=known is None, force_update=known is not None)
    return strategy


@atomic
def update_strategy(
    *, user: User, strategy_id: str, now: datetime, **changes: Any
) -> StrategyInstance:
    """Change a strategy; pausing it takes it out of the competition."""
    strategy = (
        StrategyInstance.objects.select_for_update(no_key=True)
        .filter(user_id=user.username, strategy_id=strategy_id)
        .first()
    )
    if strategy is None:
        raise no_strategy(
            "strategy_id",
            StrategyInstance.objects.filter(user_id=user.username),
            strategy_id,
        )
    _apply(strategy, changes)
    strategy.updated_at = now
    strategy.save(update_fields=[*changes, "updated_at"])
    return strategy


def wrong_in_strategy_id(user: User, strategy_id: str) -> Iterator[InvalidInput]:
    """What forbids a new strategy of that id."""
    if re.fullmatch(STRATEGY_ID_PATTERN, strategy_id) is None:
        yield InvalidInput("strategy_id", WRONG_ID)
        return
    if strategy_id in TAKEN_IDS:
        yield InvalidInput(
            "strategy_id", f"{strategy_id} is reserved for an address of the API."
        )
    mine = StrategyInstance.objects.filter(user_id=user.username)
    if mine.filter(strategy_id=strategy_id, kind=PortfolioKind.LIVE).exists():
        yield InvalidInput("strategy_id", f"You already have a strategy {strategy_id}.")


def no_strategy(
    field: str, among: QuerySet[StrategyInstance], *unknown: str
) -> InvalidInput:
    """For ids that no strategy of a user has; names the nearest to a single one."""
    in_order = among.order_by("strategy_id").values_list("strategy_id", flat=True)
    names = list(in_order[:MOST_LISTED])
    single = len(unknown) == 1
    what = "strategy" if single else "strategies"
    hint = did_you_mean(unknown[0], names) if single else ""
    known: str = in_text.call(
        f" Create {'it' if single else 'them'} with POST /api/strategies/."
    )
    if names:
        listed = list_names(names, MOST_OWN_LISTED, of=among.count())
        known = f" Yours are {listed}."
    missing = list_names(unknown, MOST_UNKNOWN_LISTED)
    return InvalidInput(
        field, say("You have no {} {}.{}{}", what, missing, hint, known)
    )


def _apply(strategy: StrategyInstance, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if name not in CHANGEABLE:
            raise InvalidInput(name, "cannot be changed.")
        setattr(strategy, name, value)
    require_visible("strategy_name", strategy.strategy_name)
    if not re.fullmatch(STRATEGY_TYPE_PATTERN, strategy.strategy_type):
        raise InvalidInput(
            "strategy_type", "must be a word such as momentum or mean_reversion."
        )
    require_word("risk_profile", strategy.risk_profile, RiskProfile)
    require_word("status", strategy.status, StrategyStatus)


def load_candidates(
    portfolio: Portfolio, only: Sequence[str] | None = None
) -> tuple[Candidate, ...]:
    """The active strategies that compete in a portfolio, all or only those named.

    An unknown name raises `InvalidInput`; a paused one does not compete. None left
    raises `NoActiveStrategy`.
    """
    mine = StrategyInstance.objects.tradable_in(portfolio)
    if only is not None:
        mine = mine.filter(strategy_id__in=only)
    found = list(mine.order_by("strategy_id"))
    unknown = sorted(set(only or ()) - {strategy.strategy_id for strategy in found})
    if unknown:
        of_user = StrategyInstance.objects.tradable_in(portfolio)
        raise no_strategy("candidates", of_user, *unknown)
    active = [one for one in found if one.status == StrategyStatus.ACTIVE]
    if not active:
        raise NoActiveStrategy(
            "None of these strategies is active."
            if found
            else say(
                "You have no strategy yet; create one first{}.",
                in_text.call(", with POST /api/strategies/"),
            )
        )
    return tuple(
        Candidate(one.strategy_id, one.strategy_type, RiskProfile(one.risk_profile))
        for one in active
    )


def log_selection(
    *,
    goal_id: int,
    selection: Selection,
    progress_pct: Decimal,
    as_of: datetime,
    now: datetime,
) -> StrategySelectionLog:
    """Write the choice down, with the ranking that made it."""
    row = StrategySelectionLog(
        goal_id=goal_id,
        strategy_id=selection.selected.strategy_id,
        stance=selection.stance,
        progress_pct=progress_pct,
        reason=selection.reason,
        ranking=to_plain(selection.ranking),
        as_of=as_of,
        created_at=now,
    )
    row.save(force_insert=True)
    return row
