"""Draw docs/images/frontier.svg: `.venv/bin/python docs/images/frontier.py`."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

import matplotlib  # noqa: E402

matplotlib.use("agg")

from decimal import Decimal  # noqa: E402

from matplotlib import pyplot  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402

from goals.decisions.policies import PolicyName  # noqa: E402
from goals.enums import AfterAchieved  # noqa: E402
from goals.projection.edge import Edge, estimate_edge  # noqa: E402
from goals.projection.goal_path import GoalPath  # noqa: E402
from goals.projection.goal_projection import (  # noqa: E402
    GoalFrontier,
    growth,
    measure_goal_frontier,
)
from goals.projection.policy_functions import GoalPolicy  # noqa: E402
from goals.projection.policy_tables import make_inputs, solve  # noqa: E402

GOAL, STOP, TRADES, DAYS = Decimal("0.05"), 0.2, Decimal(40), 20
LOW, HIGH = Decimal("0.5"), Decimal("1.3")
WINS = {"an edge of 0.1 R": 44, "no edge": 40}
RECORD = 120
BLUE, COLOURS = "#2458a6", ("#c8641e", "#666666", "#2a7d4f", "#8a2be2")


def main() -> None:
    matplotlib.rcParams |= {
        "svg.hashsalt": "frontier",
        "font.size": 9,
        "svg.fonttype": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    figure, places = pyplot.subplots(1, len(WINS), figsize=(9, 3.8), sharey=True)
    for axes, (name, wins) in zip(places, WINS.items(), strict=True):
        found = measure(wins)
        draw(axes, name, found)
        report(name, found)
    places[0].set_ylabel("P(reach) [%]")
    figure.tight_layout()
    picture = HERE / "frontier.svg"
    figure.savefig(picture, metadata={"Date": None})
    # No blanks at the ends of lines: the file is kept in the repository.
    lines = picture.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    picture.write_text(text, encoding="utf-8")


def measure(wins: int) -> GoalFrontier:
    """120 recorded trades of +2 R or -1 R, 1 % of equity each; as if known for sure."""
    growths = [0.02] * wins + [-0.01] * (RECORD - wins)
    edge = estimate_edge(growths)
    assert edge is not None
    edge = known(edge, float(np.mean(growths)))
    asked = GoalPolicy(
        policy=PolicyName.LADDER,
        path=GoalPath(GOAL, Decimal(1)),
        min_factor=LOW,
        max_factor=HIGH,
        after_achieved=AfterAchieved.PROTECT,
        edge=growth(edge.shrunk_mean),
    )
    inputs = make_inputs(
        edge,
        trades_left=int(TRADES),
        goal_return=GOAL,
        stop_loss=STOP,
        min_factor=LOW,
        max_factor=HIGH,
    )
    return measure_goal_frontier(
        edge,
        asked,
        trades_left=TRADES,
        days_left=DAYS,
        stop_loss=STOP,
        table=solve(inputs),
    )


def known(edge: Edge, mean: float) -> Edge:
    """The edge unshrunk: this page shows what policies do, not what is known."""
    growths, chances = edge.tilted(mean)
    return replace(edge, shrunk_mean=mean, growths=growths, probabilities=chances)


def draw(axes: Axes, name: str, found: GoalFrontier) -> None:
    constants = found.frontier.constants
    falls = [point.fall_10_probability * 100 for _, point in constants]
    chances = [point.probability * 100 for _, point in constants]
    axes.plot(falls, chances, "o-", ms=3, color=BLUE, label="constant sizes")
    for place in (0, -1):
        axes.annotate(
            f"{constants[place][0]:g}",
            (falls[place], chances[place]),
            textcoords="offset points",
            xytext=(5, -10),
        )
    for colour, (policy, point) in zip(
        COLOURS, found.frontier.policies.items(), strict=True
    ):
        at = (point.fall_10_probability * 100, point.probability * 100)
        axes.plot(*at, "D", color=colour, label=str(policy))
    axes.set(title=f"With {name}", xlabel="P(fall > 10 %) [%]")
    axes.legend(frameon=False, loc="lower right")


def report(name: str, found: GoalFrontier) -> None:
    """The figures behind the picture, as rows of a table."""
    print(f"with {name}: {found.verdict}")
    rows = [(f"{factor:g}", point) for factor, point in found.frontier.constants]
    rows += [(str(policy), point) for policy, point in found.frontier.policies.items()]
    for label, point in rows:
        print(
            f"| {label} | {point.probability * 100:.1f} % "
            f"| {point.fall_10_probability * 100:.1f} % "
            f"| {point.breach_probability * 100:.1f} % | {point.median_days:.0f} |"
        )


if __name__ == "__main__":
    main()
