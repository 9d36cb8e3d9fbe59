"""Always 1: what every other policy is compared with. Pure."""

from decimal import Decimal

from goals.decisions.policies.base import Needs
from goals.decisions.policies.tables import FactorTable, table_policy

TABLE = FactorTable("constant-1", progress_floors_pct=(), factors=(Decimal(1),))
# Whatever the trades say, also that the goal cannot be reached, leaves it at 1.
POLICY = table_policy(TABLE, Needs.NOTHING)
