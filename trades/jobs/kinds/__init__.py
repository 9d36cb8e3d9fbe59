"""What users may have done in the background, by name: one module each.

Adding one: docs/architecture.md, "Which files you touch".
"""

from trades.enums import JobKind
from trades.jobs.kinds import comparisons, demo, imports, projections, replays
from trades.jobs.kinds.base import Kind

KINDS: dict[JobKind, Kind] = {
    JobKind.IMPORT: imports.KIND,
    JobKind.REPLAY: replays.KIND,
    JobKind.COMPARISON: comparisons.KIND,
    JobKind.PROJECTION: projections.KIND,
    JobKind.FRONTIER: projections.FRONTIER,
    JobKind.DEMO: demo.KIND,
}
