"""Larger behind, smaller near the target. Pure."""

from decimal import Decimal

from goals.decisions.policies.tables import FactorTable, table_policy
from goals.decisions.progress import BAND_FLOORS_PCT
from goals.enums import ProgressBand

# Multipliers, no unit. Source: docs/rules.md, "Sizing".
LADDER_FACTORS = {
    ProgressBand.BEHIND: Decimal("1.3"),
    ProgressBand.ON_TRACK: Decimal(1),
    ProgressBand.NEAR_TARGET: Decimal("0.7"),
}
TABLE = FactorTable(
    version="ladder-1",
    progress_floors_pct=(
        BAND_FLOORS_PCT[ProgressBand.ON_TRACK],
        BAND_FLOORS_PCT[ProgressBand.NEAR_TARGET],
    ),
    factors=tuple(LADDER_FACTORS.values()),
)
POLICY = table_policy(TABLE)
