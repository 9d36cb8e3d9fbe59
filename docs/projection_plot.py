"""Draw docs/projection.svg: `python -m docs.projection_plot`."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
import numpy as np
from matplotlib import pyplot as plt

from goals.projection import evaluate_policy, solve_deadline_policy

TRADES, GOAL, STOP = 60, 0.10, 0.20
QUESTION = ([-1.0, 2.0], [0.6, 0.4], 0.01, TRADES, GOAL)
FACTORS = np.linspace(0.3, 1.5, 25)


def main() -> None:
    matplotlib.rcParams |= {"svg.hashsalt": "projection", "font.size": 10}
    best = solve_deadline_policy(*QUESTION, FACTORS, STOP, 1.0, monotone=True)
    plain = evaluate_policy(1.0, *QUESTION, STOP)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, known, equity in (
        ("deadline_optimal", best.probabilities, best.equity),
        ("constant 1.0", plain.probabilities, plain.equity),
    ):
        today = int(np.abs(equity - 1).argmin())
        left.plot(known[:, today] * 100, label=name)
    left.set(xlabel="trades left", ylabel="probability [%]", ylim=(0, 100))
    left.set_title("To touch +10 % from today's equity")
    left.legend(frameon=False)
    for trades in (60, 30, 10):
        progress = (best.equity - 1) / GOAL * 100
        shown = progress >= -50
        right.step(progress[shown], best.factors[trades][shown], label=f"{trades} left")
    right.set(xlabel="progress [%]", ylabel="factor", ylim=(0.2, 1.6))
    right.set_title("deadline_optimal's factors")
    right.legend(frameon=False, title="trades")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    path = Path(__file__).parent / "projection.svg"
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
