"""A replay's report as plain JSON values and back, with its version."""

from collections.abc import Mapping
from typing import Any

from mastertrade.values.jsonable import from_plain, to_plain
from trades.replay.report import ReplayReport

FORMAT_VERSION = 1


def report_to_dict(report: ReplayReport) -> dict[str, Any]:
    """Turn the report into what `json.dumps` takes; nothing is rounded."""
    return {"version": FORMAT_VERSION, **to_plain(report)}


def report_from_dict(stored: Mapping[str, Any]) -> ReplayReport:
    """Read a report back. Raises `ValueError` for another version or broken data."""
    if stored.get("version") != FORMAT_VERSION:
        raise ValueError(
            f"a replay report of version {stored.get('version')} cannot be read, "
            f"only {FORMAT_VERSION}"
        )
    return from_plain(ReplayReport, stored)
