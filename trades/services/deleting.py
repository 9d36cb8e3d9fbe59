"""Deleting simulations and demos whole: their portfolios and all they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from goals.models import Portfolio, User
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import NotFound, PortfolioIsLive
from trades.models import ReplayRun
from trades.replay.options import DEMO_STRATEGIES

# In this order each table's rows go before what they refer to; what hangs on them goes
# by the cascades of the database.
DELETIONS = (
    "DELETE FROM replay_runs WHERE policy_portfolio_id = ANY(%(portfolios)s)"
    " OR constant_portfolio_id = ANY(%(portfolios)s)",
    "DELETE FROM trades WHERE portfolio_id = ANY(%(portfolios)s)",
    "DELETE FROM cash_flows WHERE portfolio_id = ANY(%(portfolios)s)",
    "DELETE FROM financial_goals WHERE portfolio_id = ANY(%(portfolios)s)",
    "DELETE FROM portfolios WHERE portfolio_id = ANY(%(portfolios)s)",
)
# What one replay of a user at a time holds.
REPLAYS_OF = "hashtextextended('replays of ' || %(user_id)s, 0)"
# With a user's last replay go its strategies, with the demo portfolio its own. One that
# is being made holds the lock, and refers to strategies that nothing else does yet:
# then they are left to the next time.
UNUSED_STRATEGIES = f"""
DELETE FROM strategy_instances s
USING (SELECT username FROM users WHERE username = %(user_id)s
       AND pg_try_advisory_xact_lock({REPLAYS_OF})) u
WHERE s.user_id = u.username AND s.kind <> 'live'
  AND CASE WHEN s.strategy_id = ANY(%(demo_strategies)s) THEN NOT EXISTS (
          SELECT 1 FROM portfolios p WHERE p.user_id = s.user_id AND p.kind = 'demo'
                                       AND p.finished_at IS NULL)
      ELSE NOT EXISTS (SELECT 1 FROM replay_runs r WHERE r.user_id = s.user_id) END
  AND NOT EXISTS (SELECT 1 FROM trades t
                  WHERE t.user_id = s.user_id AND t.strategy_id = s.strategy_id)
  AND NOT EXISTS (SELECT 1 FROM webhook_tokens w
                  WHERE w.user_id = s.user_id AND w.strategy_id = s.strategy_id)
"""


@dataclass(frozen=True, slots=True)
class DeletedReplay:
    """What was deleted: the names of the portfolios, and how many trades they held."""

    portfolios: tuple[str, ...]
    trades: int


@atomic
def delete_replay(*, user: User, run_id: int) -> DeletedReplay:
    """Delete one of the user's replays with all that is of it; `NotFound` if none."""
    run = ReplayRun.objects.filter(user_id=user.username, pk=run_id).first()
    if run is None:
        raise NotFound(f"You have no replay {run_id}.")
    return _delete(user, [run.policy_portfolio_id, run.constant_portfolio_id])


@atomic
def delete_simulation(*, user: User, portfolio_id: int) -> DeletedReplay:
    """Delete a portfolio that is not live, with the replay it may be half of.

    A live one is refused (`PortfolioIsLive`).
    """
    portfolio = Portfolio.objects.filter(user_id=user.username, pk=portfolio_id).first()
    if portfolio is None:
        raise NotFound(f"You have no portfolio {portfolio_id}.")
    half = Q(policy_portfolio=portfolio) | Q(constant_portfolio=portfolio)
    run = ReplayRun.objects.filter(half).first()
    if run is None:
        return _delete(user, [portfolio_id])
    return _delete(user, [run.policy_portfolio_id, run.constant_portfolio_id])


def _delete(user: User, keys: Sequence[int]) -> DeletedReplay:
    locked = Portfolio.objects.order_by("pk").select_for_update(of=("self",))
    portfolios = list(locked.filter(pk__in=keys))
    if not portfolios:
        raise NotFound("It has just been deleted.")
    for portfolio in portfolios:
        if portfolio.is_live:
            raise PortfolioIsLive(
                f"Portfolio {portfolio.name} is live and is never deleted; only "
                "simulations and demos are."
            )
    values: dict[str, Any] = {
        "portfolios": list(keys),
        "user_id": user.username,
        "demo_strategies": [one.strategy_id for one in DEMO_STRATEGIES],
    }
    pages = set(
        ReplayRun.objects.filter(policy_portfolio__in=keys).values_list(
            "page", flat=True
        )
    )
    counts = []
    with connection.cursor() as cursor:
        for statement in DELETIONS:
            cursor.execute(statement, values)
            counts.append(cursor.rowcount)
        cursor.execute(UNUSED_STRATEGIES, values)
    transaction.on_commit(lambda: remove_pages(pages))
    return DeletedReplay(tuple(str(one.name) for one in portfolios), counts[1])


def reports_directory() -> Path:
    """Where the pages of replays are written unless somebody names another place."""
    return Path(settings.VAR_DIR) / "reports"


def remove_pages(names: set[str]) -> None:
    """Remove pages of the reports directory that no replay is shown on any more."""
    shown = ReplayRun.objects.filter(page__in=names).values_list("page", flat=True)
    for name in names - set(shown) - {""}:
        (reports_directory() / Path(name).name).unlink(missing_ok=True)
