"""Work that is done outside a request, by name: one module each.

None yet; what is due once a day is in `trades.services.daily`.
Adding one: docs/architecture.md, "Which files you touch".
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Job:
    """`run` gets what was asked, as JSON, and the clock. Run twice it does no more."""

    run: Callable[[dict[str, Any], datetime], None]


JOBS: dict[str, Job] = {}
