"""Challenges as firms publish them: dated data, read from `goals/presets`. Pure.

Facts and figures only; the firm's page is authoritative. Where a rule can be read in
two ways the harder one is set, and `ambiguities` names it.
"""

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from goals.decisions.limits import Limits
from goals.projection.challenge_rules import ChallengeRules
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.jsonable import from_plain
from mastertrade.values.messages import no_choice
from mastertrade.values.money import HUNDRED

DIRECTORY = Path(__file__).parent.parent / "presets"
MOST_PHASES = 3
PRESETS = tuple(sorted(path.stem for path in DIRECTORY.glob("*.json")))


@dataclass(frozen=True, slots=True)
class Phase:
    """One account of a challenge: its target in percent, and its goal's conditions."""

    name: str
    target_pct: Decimal
    min_trading_days: int | None = None
    best_day_max_pct: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """A rule that can be read in two ways, and which reading is kept."""

    what: str
    readings: str
    kept: str


@dataclass(frozen=True, slots=True)
class Preset:
    """A firm's challenge in this project's settings.

    `source` is the firm's page, read on `read_on`; `by_way_of` names whose record of
    it was used. `days` are the calendar days of a phase, None without a limit.
    `min_factor` and `max_factor` are the bounds of the factor.
    """

    name: str
    firm: str
    source: str
    read_on: date
    by_way_of: str
    notice: str
    currency: str
    opening_balance: Decimal
    time_zone: str
    limits: Limits
    min_factor: Decimal
    max_factor: Decimal
    days: int | None
    phases: tuple[Phase, ...]
    ambiguities: tuple[Ambiguity, ...]

    def phase(self, number: int) -> Phase:
        """Counted from 1; `InvalidInput` for one there is not."""
        if not 1 <= number <= len(self.phases):
            raise InvalidInput("phase", f"must be from 1 to {len(self.phases)}.")
        return self.phases[number - 1]

    def rules(self, phase: Phase) -> ChallengeRules:
        """What the solver knows of them: closes alone, and no best day."""
        return rules_of(self.limits, phase.min_trading_days)


@cache
def find_preset(name: str) -> Preset:
    """The preset of this name; `InvalidInput` lists those there are."""
    if name not in PRESETS:
        raise InvalidInput("preset", no_choice(name, PRESETS))
    stored = json.loads((DIRECTORY / f"{name}.json").read_text(encoding="utf-8"))
    return from_plain(Preset, stored)


def rules_of(limits: Limits, min_trading_days: int | None = None) -> ChallengeRules:
    """The limits of a portfolio as the solver takes them, in ratios.

    A soft floor that lies at the hard one holds no size.
    """

    def ratio(percent: Decimal | None) -> float | None:
        return None if percent is None else float(percent / HUNDRED)

    lock = limits.drawdown_locks_at
    has_soft = limits.soft_drawdown_pct < limits.hard_drawdown_pct
    return ChallengeRules(
        drawdown_mode=limits.drawdown_mode.value,
        hard_drawdown=float(limits.hard_drawdown_pct / HUNDRED),
        drawdown_of=limits.drawdown_of.value,
        locks_at=None if lock is None else float(lock),
        soft_drawdown=ratio(limits.soft_drawdown_pct) if has_soft else None,
        daily_loss=ratio(limits.daily_loss_limit_pct),
        daily_loss_of=limits.daily_loss_of.value,
        daily_on_breach=limits.daily_on_breach.value,
        headroom_share=ratio(limits.headroom_share_pct),
        min_trading_days=min_trading_days or 0,
    )
