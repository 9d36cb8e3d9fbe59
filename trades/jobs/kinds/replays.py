"""A replay of recorded prices, as `POST /api/replays/` asks for it."""

from typing import Any

from trades.jobs.kinds.base import Given, Kind
from trades.replay.bars import BarsError
from trades.services.jobs import JobFailed
from trades.services.replay import find_replay, run_replay
from trades.services.replay_asked import prices_of, question_of


def run(given: Given) -> dict[str, Any]:
    """Replay it; a finished replay of the same question about the same prices is it."""
    question = question_of(given.arguments)
    given.report(0, "Reading the prices")
    try:
        series = prices_of(given.arguments, given.files.get("file"), given.now)
    except BarsError as wrong:
        raise JobFailed(str(wrong)) from wrong
    found = find_replay(user=given.user, question=question, series=series)
    if found is None:
        found = run_replay(
            user=given.user,
            question=question,
            series=series,
            now=given.now,
            progress=lambda done, total: given.report(done / total, "Replaying"),
        )
    return {
        "replay_id": found.pk,
        "policy_portfolio_id": found.policy_portfolio_id,
        "constant_portfolio_id": found.constant_portfolio_id,
        "notes": list(series.notes),
    }


KIND = Kind(run)
