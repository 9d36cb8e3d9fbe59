"""Draw docs/images/projection.svg: `.venv/bin/python docs/images/projection.py`."""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

import matplotlib  # noqa: E402

matplotlib.use("agg")

from matplotlib import pyplot  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402

from goals.projection.deadline import solve_deadline_policy  # noqa: E402
from goals.projection.edge import Edge, estimate_edge  # noqa: E402
from goals.projection.forecast import fan, project_policy  # noqa: E402

GOAL, STOP, TRADES = 0.05, 0.1, 60
FACTORS = np.linspace(0.5, 1.3, 25)
BLUE, ORANGE, GREY = "#2458a6", "#c8641e", "#666666"


def main() -> None:
    matplotlib.rcParams |= {
        "svg.hashsalt": "projection",
        "font.size": 9,
        "svg.fonttype": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    # 100 trades at about 1 % risk: 46 losses of 0.7 to 1.3 R, 54 wins of 0.4 to 1.8 R.
    losses, wins = np.linspace(-0.013, -0.007, 46), np.linspace(0.004, 0.018, 54)
    edge = estimate_edge(np.concatenate([losses, wins]))
    assert edge is not None
    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(11, 3.6))
    draw_chances(left, edge)
    draw_fan(middle, edge)
    draw_factors(right, edge)
    figure.tight_layout()
    picture = HERE / "projection.svg"
    figure.savefig(picture, metadata={"Date": None})
    # No blanks at the ends of lines: the file is kept in the repository.
    lines = picture.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    picture.write_text(text, encoding="utf-8")


def draw_chances(axes: Axes, edge: Edge) -> None:
    trades = np.arange(5, 121, 5)
    found = [
        project_policy(edge, 1.0, trades_left=n, goal_return=GOAL, stop_loss=STOP)
        for n in trades.tolist()
    ]
    low, high = [p.low * 100 for p in found], [p.high * 100 for p in found]
    axes.fill_between(trades, low, high, color=BLUE, alpha=0.2, lw=0, label="band")
    axes.plot(
        trades, [p.probability * 100 for p in found], color=BLUE, label="P(reach)"
    )
    axes.set(title="Touching +5 % by the deadline", xlabel="trades left", ylim=(0, 100))
    axes.set_ylabel("probability [%]")
    axes.legend(frameon=False, loc="lower right")


def draw_fan(axes: Axes, edge: Edge) -> None:
    walks = fan(edge, 1.0, trades_left=TRADES, goal_return=GOAL)
    assert walks.fan is not None
    returns = (walks.fan - 1) * 100
    trades = np.arange(TRADES + 1)
    for outer, shade in ((0, 0.15), (1, 0.3)):
        axes.fill_between(
            trades,
            returns[:, outer],
            returns[:, 4 - outer],
            color=BLUE,
            alpha=shade,
            lw=0,
            label=("5 to 95 %", "25 to 75 %")[outer],
        )
    axes.plot(trades, returns[:, 2], color=BLUE, label="median")
    axes.axhline(GOAL * 100, color=ORANGE, lw=1, ls="--", label="goal")
    axes.set(title="The fan", xlabel="trades from today", ylabel="return [%]")
    axes.legend(frameon=False, loc="upper left")


def draw_factors(axes: Axes, edge: Edge) -> None:
    solved = solve_deadline_policy(
        edge.growths,
        edge.probabilities,
        1.0,
        TRADES,
        GOAL,
        FACTORS,
        STOP,
        1.0,
    )
    equity = np.linspace(0.91, 1.049, 400)
    for left, colour in ((60, BLUE), (20, ORANGE), (5, GREY)):
        axes.step(
            (equity - 1) * 100,
            solved.factor(left, equity),
            color=colour,
            label=f"{left} trades left",
        )
    axes.set(title="deadline_optimal", xlabel="return so far [%]", ylabel="factor")
    axes.legend(frameon=False, loc="lower center")


if __name__ == "__main__":
    main()
