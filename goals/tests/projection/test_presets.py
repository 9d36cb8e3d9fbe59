"""Presets: dated data that says where it is from, in settings that exist."""

import json
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from goals.decisions.limits import Limits
from goals.decisions.policies import HIGHEST_FACTOR, LOWEST_FACTOR
from goals.projection import ChallengeRules
from goals.projection.presets import (
    DIRECTORY,
    MOST_PHASES,
    PRESETS,
    Preset,
    find_preset,
    rules_of,
)
from mastertrade.values.exceptions import InvalidInput

every_preset = pytest.mark.parametrize("name", PRESETS)


def unknown_keys(kind: Any, stored: Any) -> list[str]:
    """Keys of the file that no field reads."""
    if isinstance(stored, list):
        return [key for one in stored for key in unknown_keys(kind, one)]
    hints = get_type_hints(kind)
    found = [key for key in stored if key not in hints]
    for one in fields(kind):
        inner = next((arg for arg in get_args(hints[one.name])), hints[one.name])
        if is_dataclass(inner) and one.name in stored:
            found += unknown_keys(inner, stored[one.name])
    return found


@every_preset
def test_a_file_holds_nothing_that_is_not_read(name: str) -> None:
    stored = json.loads((DIRECTORY / f"{name}.json").read_text())
    assert unknown_keys(Preset, stored) == []


def test_five_presets_are_the_most() -> None:
    assert 2 <= len(PRESETS) <= 5


@every_preset
def test_a_preset_says_whose_rules_it_has_and_when_they_were_read(name: str) -> None:
    preset = find_preset(name)
    assert preset.source.startswith("https://")
    assert date(2026, 1, 1) <= preset.read_on <= date(2026, 12, 31)
    assert "authoritative" in preset.notice
    assert preset.ambiguities
    assert all(one.readings and one.kept for one in preset.ambiguities)


@every_preset
def test_a_preset_s_bounds_and_phases_are_those_of_goals(name: str) -> None:
    preset = find_preset(name)
    assert LOWEST_FACTOR <= preset.min_factor < preset.max_factor <= HIGHEST_FACTOR
    assert 1 <= len(preset.phases) <= MOST_PHASES
    assert all(phase.target_pct > 0 for phase in preset.phases)
    with pytest.raises(InvalidInput, match="phase"):
        preset.phase(len(preset.phases) + 1)


def test_limits_are_the_solver_s_rules_in_ratios() -> None:
    preset = find_preset("topstep-combine-50k")
    assert preset.rules(preset.phase(1)) == ChallengeRules(
        "end_of_day",
        hard_drawdown=0.04,
        locks_at=1.0,
        daily_loss=None,
        daily_loss_of="day_start",
        daily_on_breach="halt_day",
        headroom_share=0.5,
        min_trading_days=2,
    )
    assert rules_of(Limits()) == ChallengeRules(
        "trailing_closed",
        hard_drawdown=0.2,
        drawdown_of="peak",
        soft_drawdown=0.1,
        daily_loss_of="day_start",
        daily_on_breach="halt_day",
    )


def test_another_name_lists_the_presets() -> None:
    with pytest.raises(InvalidInput, match="Did you mean topstep-combine-50k"):
        find_preset("topstep-combine-50")


# Published examples (rule-semantics.md; E8 One), by the rules the solver walks.


@pytest.mark.parametrize(
    ("rules", "high_water", "floor"),
    [
        (ChallengeRules("end_of_day", 0.03), "1.045", "1.015"),
        (ChallengeRules("trailing", 0.03), "1.02", "0.99"),
        (ChallengeRules("static", 0.03), "1.02", "0.97"),
        (ChallengeRules("trailing", 0.03), "1.04", "1.01"),
        (ChallengeRules("trailing", 0.03, locks_at=1.0), "1.04", "1"),
        (ChallengeRules("trailing", 0.03, locks_at=1.001), "1.04", "1.001"),
        (ChallengeRules("trailing_closed", 0.06, locks_at=1.0), "1.01", "0.95"),
        (ChallengeRules("trailing_closed", 0.06, locks_at=1.0), "1.07", "1"),
    ],
)
def test_the_solver_s_floor_is_the_published_one(
    rules: ChallengeRules, high_water: str, floor: str
) -> None:
    found = rules.floor(np.array([float(Decimal(high_water))]))
    assert found[0] == pytest.approx(float(Decimal(floor)), abs=1e-12)


@pytest.mark.parametrize(("of", "floor"), [("start", 0.97), ("day_start", 0.969)])
def test_the_solver_s_daily_floor_is_the_published_one(of: Any, floor: float) -> None:
    rules = ChallengeRules(daily_loss=0.05, daily_loss_of=of)
    assert rules.daily_floor(np.array([1.02]))[0] == pytest.approx(floor)
