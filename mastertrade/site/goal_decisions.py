"""Sizing decisions of a goal as its page lists them, with what every guard did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import F
from django.utils.safestring import SafeString

from goals.decisions.guards import GUARDS
from goals.enums import Verdict
from goals.models import FinancialGoal
from mastertrade.site import figures
from mastertrade.site.forms import in_page_words
from mastertrade.site.sentences import factor
from mastertrade.site.wording import in_one_vocabulary

# How a guard says that nothing is set for it to hold.
NOT_SET = ("is set", "is not set")
TONES = {Verdict.ALLOW: "good", Verdict.REDUCE: "warn", Verdict.BLOCK: "bad"}
GUARD_NAMES = {
    "bounds": "Bounds",
    "drawdown": "Drawdown",
    "day_rules": "Day",
    "edge": "Edge",
    "headroom": "Headroom",
    "exposure": "Exposure",
}


@dataclass(frozen=True, slots=True)
class GuardCell:
    """What one guard left of the factor; `hit` where it lowered it."""

    name: str
    label: str
    hit: bool
    shown: str
    reason: str


@dataclass(frozen=True, slots=True)
class DecisionLine:
    adjustment_id: int
    at: datetime
    symbol: str
    side: str
    base: Decimal
    policy: str
    asked: str
    guards: tuple[GuardCell, ...]
    factor: str
    size: Decimal
    verdict: SafeString
    short: str
    reason: str


def read_decisions(
    goal: FinancialGoal, most: int, *, before: int | None = None
) -> tuple[list[DecisionLine], int | None]:
    """The newest decisions of a goal, and the key before which there are older ones.

    One statement, whatever the log holds.
    """
    rows = goal.adjustments.order_by("-adjustment_id")
    if before is not None:
        rows = rows.filter(adjustment_id__lt=before)
    read = rows.values(
        "adjustment_id",
        "as_of",
        "symbol",
        "base_size",
        "policy",
        "policy_factor",
        "progress_pct",
        "guards",
        "adjustment_factor",
        "adjusted_size",
        "verdict",
        "reason",
        side=F("inputs__request__side"),
        stop=F("inputs__request__stop_price"),
        price=F("inputs__request__price"),
    )
    found = [_line(row) for row in read[: most + 1]]
    older = found[most - 1].adjustment_id if len(found) > most else None
    return found[:most], older


def _line(row: Mapping[str, Any]) -> DecisionLine:
    guards = tuple(_cells(row["guards"]))
    return DecisionLine(
        adjustment_id=row["adjustment_id"],
        at=row["as_of"],
        symbol=row["symbol"] or "",
        side=_side(row),
        base=row["base_size"],
        policy=row["policy"].replace("_", " "),
        asked=factor(row["policy_factor"]),
        guards=guards,
        factor=factor(row["adjustment_factor"]),
        size=row["adjusted_size"],
        verdict=figures.pill(TONES[Verdict(row["verdict"])], row["verdict"]),
        short=_short(row, guards),
        reason=in_page_words(in_one_vocabulary(row["reason"])),
    )


def _short(row: Mapping[str, Any], guards: tuple[GuardCell, ...]) -> str:
    """What the policy went by, and what each guard that bound said."""
    way = figures.percent(row["progress_pct"])
    asked = f"{way} of the way: asks for {factor(row['policy_factor'])}."
    bound = [f"{cell.label}: {cell.reason}." for cell in guards if cell.hit]
    return " ".join([asked, *(bound or ["No guard binds."])])


def _side(row: Mapping[str, Any]) -> str:
    """As asked; a stop says it too."""
    side, stop, price = row["side"], row["stop"], row["price"]
    if not side and stop and price:
        side = "SHORT" if Decimal(str(stop)) > Decimal(str(price)) else "LONG"
    return str(side or "").capitalize()


def _cells(guards: list[Mapping[str, str]]) -> list[GuardCell]:
    """In their order; one that an old decision did not ask is not among them."""
    found = []
    for guard in guards:
        before, after = Decimal(guard["factor_before"]), Decimal(guard["factor_after"])
        hit, off = after < before, guard["reason"].endswith(NOT_SET)
        found.append(
            GuardCell(
                name=guard["name"],
                label=GUARD_NAMES.get(guard["name"], guard["name"]),
                hit=hit,
                shown=factor(after) if hit else "off" if off else "passed",
                reason=in_page_words(in_one_vocabulary(guard["reason"])),
            )
        )
    order = list(GUARDS)
    return sorted(found, key=lambda cell: order.index(cell.name))
