"""Deleting all simulations of a user, and the whole account."""

from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from goals.enums import PortfolioKind
from goals.models import Portfolio, User
from mastertrade.db.transactions import atomic_for_long
from mastertrade.values.exceptions import AccountInUse, NotFound
from trades.models import ReplayRun, UserJob
from trades.models.user_jobs import ENDED
from trades.services.deleting import DELETIONS, delete_simulation, remove_pages
from trades.services.jobs import remove_files

# Deleted by one request; each in its own transaction.
SIMULATIONS_AT_ONCE = 20
# After the portfolios; what hangs on these rows goes by the cascades of the database.
OF_THE_USER = (
    "DELETE FROM goal_alerts WHERE user_id = %(user_id)s",
    "DELETE FROM alert_channels WHERE user_id = %(user_id)s",
    "DELETE FROM webhook_tokens WHERE user_id = %(user_id)s",
    "DELETE FROM strategy_instances WHERE user_id = %(user_id)s",
    "DELETE FROM trade_imports WHERE user_id = %(user_id)s",
    "DELETE FROM invitations WHERE accepted_as = %(user_id)s",
)


def delete_simulations(user: User) -> tuple[int, int]:
    """Delete replays and demos, `SIMULATIONS_AT_ONCE` at most; deleted, and left."""
    simulated = simulations_of(user)
    before = simulated.count()
    keys = simulated.order_by("pk").values_list("pk", flat=True)[:SIMULATIONS_AT_ONCE]
    for key in list(keys):
        try:
            delete_simulation(user=user, portfolio_id=key)
        except NotFound:  # with the other half of its replay
            continue
    left = simulated.count()
    return before - left, left


def simulations_of(user: User) -> Any:
    """Portfolios that are not live; a replay has two."""
    mine = Portfolio.objects.filter(user_id=user.username)
    return mine.exclude(kind=PortfolioKind.LIVE)


@atomic_for_long
def delete_account(user: User) -> None:
    """Delete the user with every row of theirs; nothing of anybody else's.

    The caller has checked the password. Raises `AccountInUse` for the last superuser,
    and while a job of theirs waits or runs.
    """
    keys = [one.pk for one in Portfolio.objects.filter(user_id=user.username).locked()]
    # From here on nobody adds a row that refers to the user.
    locked = User.objects.select_for_update().get(pk=user.pk)
    _refuse_in_use(locked)
    keys += list(
        Portfolio.objects.filter(user_id=user.username)
        .exclude(pk__in=keys)
        .values_list("pk", flat=True)
    )
    halves = Q(policy_portfolio__in=keys) | Q(constant_portfolio__in=keys)
    pages = set(ReplayRun.objects.filter(halves).values_list("page", flat=True))
    jobs = UserJob.objects.filter(user_id=user.username)
    directories = list(jobs.values_list("directory", flat=True))
    values: dict[str, Any] = {"portfolios": keys, "user_id": user.username}
    with connection.cursor() as cursor:
        for statement in (*DELETIONS, *OF_THE_USER):
            cursor.execute(statement, values)
    locked.delete()
    transaction.on_commit(lambda: _remove_files(pages, directories))


def _refuse_in_use(user: User) -> None:
    if user.is_superuser and user.is_active:
        others = User.objects.filter(is_superuser=True, is_active=True)
        if not others.exclude(pk=user.pk).exists():
            raise AccountInUse(
                "You are the only one who may administer this site. Make somebody else "
                "a superuser first: in the admin, or with manage.py createsuperuser."
            )
    jobs = UserJob.objects.filter(user_id=user.username).exclude(state__in=ENDED)
    if jobs.exists():
        raise AccountInUse(
            "A job of yours waits or runs. Wait until it has ended, or cancel it, then "
            "delete the account."
        )


def _remove_files(pages: set[str], directories: list[str]) -> None:
    remove_pages(pages)
    for directory in directories:
        remove_files(directory)
