"""A comparison of the policies, as `POST /api/comparisons/` asks for it."""

from typing import Any

from goals.enums import AfterAchieved, EdgeGuard
from goals.projection.comparison import GuardKind, Question, Result, compare
from trades.jobs.kinds.base import Given, Kind
from trades.services.comparisons import World, world_of_case, world_of_own

DEFAULTS: dict[str, Any] = {
    "trades": 40,
    "goal_pct": "5",
    "stop_pct": "20",
    "after_achieved": AfterAchieved.PROTECT,
    "guard": GuardKind.GROWING,
    "edge_guard": EdgeGuard.BENEFIT_OF_DOUBT,
    "paths": 100_000,
    "seed": 1,
}
BOUNDS = ("min_factor", "max_factor")


def run(given: Given) -> dict[str, Any]:
    """Simulate it; changes nothing."""
    asked = {**DEFAULTS, **given.arguments}
    world = _world_of(given)
    question = Question(
        outcomes=world.outcomes,
        trades=asked["trades"],
        goal_return=float(asked["goal_pct"]) / 100,
        stop_loss=float(asked["stop_pct"]) / 100 or None,
        after_achieved=AfterAchieved(asked["after_achieved"]),
        guard=GuardKind(asked["guard"]),
        edge_guard=EdgeGuard(asked["edge_guard"]),
        record=world.record,
        speaks_for_edge=world.speaks_for_edge,
        **{name: float(asked[name]) for name in BOUNDS if name in asked},
    )
    results = compare(
        question,
        paths=asked["paths"],
        seed=asked["seed"],
        progress=_counted(given, asked["paths"]),
    )
    return {
        "name": world.name,
        "meaning": world.meaning,
        "mean_growth": _ratio(question.mean_growth),
        "record_trades": world.record.trades,
        "results": [_show(one) for one in results],
    }


def _world_of(given: Given) -> World:
    asked = given.arguments
    if "case" in asked:
        more: dict[str, Any] = {}
        if "risk_pct" in asked:
            more["risk"] = float(asked["risk_pct"]) / 100
        if "record" in asked:
            more["record"] = asked["record"]
        return world_of_case(asked["case"], **more)
    return world_of_own(given.user, asked, given.now)


def _counted(given: Given, paths: int) -> Any:
    """Walks of all policies, without and with the guard, as a share of them all."""
    done, total = 0, 8 * paths

    def advance(count: int) -> None:
        nonlocal done
        done += count
        given.report(min(done / total, 1), "Simulating")

    return advance


def _show(result: Result) -> dict[str, Any]:
    """Ratios; ends in units of the equity at the start."""
    return {
        "policy": str(result.policy),
        "guarded": result.guarded,
        "probability": _ratio(result.probability),
        "probability_by_induction": (
            None if result.exact is None else _ratio(result.exact)
        ),
        "stop_probability": _ratio(result.stop_probability),
        "mean_end": _ratio(result.mean_end),
        "end_5_pct": _ratio(result.low_end),
        "deep_fall_probability": _ratio(result.deep_fall_probability),
        "held_share": _ratio(result.held_share),
    }


def _ratio(value: float) -> str:
    return f"{value:.6f}"


KIND = Kind(run)
