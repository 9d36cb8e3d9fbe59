"""The words of the strategies' tables."""

from enum import StrEnum


class RiskProfile(StrEnum):
    AGGRESSIVE = "aggressive"
    MODERATE = "moderate"
    CONSERVATIVE = "conservative"


class StrategyStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    RETIRED = "retired"


class Stance(StrEnum):
    """What a goal wants of a strategy, given how far it is."""

    AGGRESSIVE = "aggressive"
    BALANCED = "balanced"
    CONSERVATIVE = "conservative"


class Placing(StrEnum):
    """Why a strategy of a ranking is the chosen one, or by what it is not."""

    CHOSEN = "chosen"
    DISPROVED = "disproved"
    FITS_LESS = "fits_less"
    GREW_LESS = "grew_less"
    LATER_NAME = "later_name"
