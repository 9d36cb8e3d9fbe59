"""The demo portfolio for the commands: made, deleted, and described in a line."""

from datetime import datetime

from goals.enums import PortfolioKind
from goals.models import User
from trades.models import ReplayRun
from trades.replay.engine import Progress
from trades.services.deleting import delete_replay, delete_simulation
from trades.services.demo import Demo, find_demo, load_recorded, renew_demo


def make_demo(user: User, now: datetime, progress: Progress | None = None) -> str:
    """Make the demo portfolio, or make it anew; what was done, in a line."""
    made = renew_demo(user=user, now=now, load=load_recorded, progress=progress)
    return describe(made)


def describe(demo: Demo) -> str:
    portfolio, last = demo.portfolio, f"{demo.last_day:%Y-%m-%d}"
    if demo.is_used:
        return (
            f"Portfolio {portfolio.name}: holds entries of your own, so it stays as it "
            f"is, with prices up to {last}. manage.py demo --delete removes it."
        )
    if not demo.is_new:
        return f"Portfolio {portfolio.name}: prices up to {last}, as before."
    trades = portfolio.trades.count()
    return (
        f"Portfolio {portfolio.name}: {trades} trades at prices of 2012 and 2013, "
        f"moved to end on {last}."
    )


def delete_all(user: User) -> str:
    """Delete the demo portfolio and the demo's replays; what was deleted, in a line."""
    deleted = []
    portfolio = find_demo(user)
    if portfolio is not None:
        deleted.append(delete_simulation(user=user, portfolio_id=portfolio.pk))
    runs = ReplayRun.objects.filter(
        user_id=user.username, policy_portfolio__kind=PortfolioKind.DEMO
    )
    keys = list(runs.values_list("pk", flat=True))
    deleted += [delete_replay(user=user, run_id=run_id) for run_id in keys]
    trades = sum(one.trades for one in deleted)
    names = sum(len(one.portfolios) for one in deleted)
    return f"Deleted {names} portfolios of the demo, with {trades} trades."
