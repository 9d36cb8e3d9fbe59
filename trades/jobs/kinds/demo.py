"""The user's own demo portfolio, as the first steps ask for it."""

from typing import Any

from trades.jobs.kinds.base import Given, Kind
from trades.services.demo import load_recorded, renew_demo


def run(given: Given) -> dict[str, Any]:
    """Make it, or make it anew; one that somebody used stays as it is."""
    given.report(0, "Reading the prices")
    demo = renew_demo(
        user=given.user,
        now=given.now,
        load=load_recorded,
        progress=lambda done, total: given.report(done / total, "Trading day by day"),
    )
    return {"portfolio_id": demo.portfolio.pk, "trades": demo.portfolio.trades.count()}


KIND = Kind(run)
