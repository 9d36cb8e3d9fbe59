"""What `compare_policies` shows: tables, and in words what they mean."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from goals.decisions.policies import PolicyName
from goals.projection.comparison import DEEP_FALL, GuardKind, Question, Result
from goals.projection.comparison_policies import ORDER
from trades.replay.wording import NOTHING
from trades.services.comparisons import NO_EDGE

DEEP = f"drawdown > {DEEP_FALL:.0%}".replace("%", " %")
HEADS = ("policy", "guard", "P(reach)", "by induction", "mean end", "5 % end")
COLUMNS = (*HEADS, f"P({DEEP})")
# The same, narrow enough for 80 columns in a terminal.
NARROW_DEEP = f"P({DEEP})".replace(" ", "\n", 1)
SHORT_COLUMNS = (*HEADS[:3], "induction", *HEADS[4:], NARROW_DEEP)
COMPARED = [policy for policy in ORDER if policy is not PolicyName.CONSTANT]
# Differences below this many standard errors of a simulated share are not spoken of.
CLEAR_ERRORS = 3.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One distribution: its name, the question asked of it, and what came of it."""

    name: str
    meaning: str
    question: Question
    results: tuple[Result, ...]
    paths: int
    seed: int

    def find(self, policy: PolicyName, *, guarded: bool) -> Result:
        return next(
            one
            for one in self.results
            if one.policy is policy and one.guarded is guarded
        )

    @property
    def margin(self) -> float:
        """Below this a difference of two simulated shares may be luck."""
        return CLEAR_ERRORS * float((0.25 / self.paths) ** 0.5)


def share(value: float | None) -> str:
    return NOTHING if value is None else f"{value * 100:.1f} %"


def change(end: float) -> str:
    """An end as a return, with its sign; a zero has none."""
    text = f"{(end - 1) * 100:+.1f}"
    if float(text) == 0:
        text = "0.0"
    return f"{text} %"


def cells(result: Result) -> list[str]:
    """One row of every table."""
    return [
        str(result.policy),
        "with" if result.guarded else "without",
        share(result.probability),
        share(result.exact),
        change(result.mean_end),
        change(result.low_end),
        share(result.deep_fall_probability),
    ]


def show(console: Console, comparisons: Sequence[Comparison]) -> None:
    """Print a table and its meaning for each distribution."""
    for comparison in comparisons:
        console.print()
        title = Text.assemble((comparison.name, "bold"), f": {comparison.meaning}")
        console.print(title)
        for line in describe(comparison):
            console.print(line, highlight=False)
        console.print(_table(comparison))
        console.print(_list(explain(comparison)))


def _table(comparison: Comparison) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for place, head in enumerate(SHORT_COLUMNS):
        table.add_column(head, justify="left" if place < 2 else "right", no_wrap=True)
    for result in comparison.results:
        row = cells(result)
        if result.guarded:
            row[0] = ""
        table.add_row(*row)
    return table


def _list(sentences: Iterable[str]) -> Table:
    grid = Table.grid(padding=(0, 1))
    for sentence in sentences:
        grid.add_row("•", Text(sentence))
    return grid


def markdown(comparison: Comparison) -> str:
    """The same table for a page of documentation."""
    lines = ["| " + " | ".join(COLUMNS) + " |"]
    lines.append("|" + "---|" * 2 + "---:|" * (len(COLUMNS) - 2))
    for result in comparison.results:
        row = cells(result)
        row[0] = f"`{row[0]}`"
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def describe(comparison: Comparison) -> Iterator[str]:
    """The question, so that the figures can be had again."""
    asked = comparison.question
    stop = "no stop"
    if asked.stop_loss is not None:
        stop = f"stop at -{asked.stop_loss * 100:g} %"
    yield (
        f"{asked.trades} trades towards +{asked.goal_return * 100:g} %, {stop}, "
        f"factors {asked.min_factor:g} … {asked.max_factor:g}, "
        f"then {asked.after_achieved}."
    )
    yield f"Edge guard: {_describe_guard(asked)}."
    yield f"{comparison.paths:,} simulated paths, seed {comparison.seed}."


def _describe_guard(asked: Question) -> str:
    if asked.guard is GuardKind.FIXED:
        decided = "lets factors above 1 pass" if asked.speaks_for_edge else "caps at 1"
        return f"fixed, {decided}"
    past = "the recorded" if asked.record.growths is not None else "its own"
    return (
        f"a record that begins with {past} {asked.record.trades} trades and grows "
        f"along the path; {asked.edge_guard} below 20"
    )


def explain(comparison: Comparison) -> Iterator[str]:
    """What the figures mean; only what they show beyond what luck could do."""
    yield _explain_edge(comparison.question)
    differences = [_Difference.of(comparison, name) for name in COMPARED]
    for one in differences:
        if max(abs(one.reach), abs(one.deep)) > comparison.margin:
            yield one.words
    bolder = [
        one for one in differences if min(one.reach, one.deep) > comparison.margin
    ]
    mean = comparison.question.mean_growth
    if bolder and mean <= NO_EDGE:
        # At no edge every policy's mean end is the start: what differs there is luck.
        loses = mean < -NO_EDGE and all(one.end < 0 for one in bolder)
        harm = "loses money" if loses else "deepens the drawdowns, earning nothing"
        yield f"Without an edge, being bigger when behind raises P(reach) and {harm}."
    yield from _explain_guard(comparison)


@dataclass(frozen=True, slots=True)
class _Difference:
    """A policy less constant, both without the guard."""

    policy: PolicyName
    reach: float
    end: float
    deep: float

    @classmethod
    def of(cls, comparison: Comparison, policy: PolicyName) -> "_Difference":
        base = comparison.find(PolicyName.CONSTANT, guarded=False)
        own = comparison.find(policy, guarded=False)
        return cls(
            policy,
            own.probability - base.probability,
            own.mean_end - base.mean_end,
            own.deep_fall_probability - base.deep_fall_probability,
        )

    @property
    def words(self) -> str:
        return (
            f"{self.policy} compared with constant: P(reach) {_points(self.reach)}, "
            f"mean end {_points(self.end)}, P({DEEP}) {_points(self.deep)} points."
        )


def _explain_guard(comparison: Comparison) -> Iterator[str]:
    free = comparison.find(PolicyName.LADDER, guarded=False)
    held = comparison.find(PolicyName.LADDER, guarded=True)
    if free.deep_fall_probability - held.deep_fall_probability > comparison.margin:
        yield (
            f"The edge guard brings ladder's P({DEEP}) from "
            f"{share(free.deep_fall_probability)} to "
            f"{share(held.deep_fall_probability)}; P(reach) goes from "
            f"{share(free.probability)} to {share(held.probability)}."
        )


def edge_of(question: Question) -> str:
    """The true mean of a trade: in R, or of equity where the outcomes are growths."""
    risk = question.outcomes.base_risk
    if risk == 1:
        return f"{question.mean_growth * 100:+.3f} % of equity"
    edge = round(question.mean_growth / risk, 6) + 0.0
    return f"{edge:+.3g} R" if edge else "0 R"


def _explain_edge(question: Question) -> str:
    edge = edge_of(question)
    if abs(question.mean_growth) <= NO_EDGE:
        return (
            f"A trade makes {edge} on average: no size earns anything; a larger one "
            "only spreads the outcomes."
        )
    if question.mean_growth < 0:
        return f"A trade makes {edge} on average: the larger, the more it loses."
    return f"A trade makes {edge} on average: larger earns more and swings more."


def _points(difference: float) -> str:
    text = f"{difference * 100:+.1f}"
    return "0.0" if float(text) == 0 else text


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Everything, for programs; ratios."""
    asked = comparison.question
    return {
        "name": comparison.name,
        "outcomes": asked.outcomes.values.tolist(),
        "probabilities": asked.outcomes.probabilities.tolist(),
        "base_risk": asked.outcomes.base_risk,
        "mean_growth": asked.mean_growth,
        "trades": asked.trades,
        "goal_return": asked.goal_return,
        "stop_loss": asked.stop_loss,
        "min_factor": asked.min_factor,
        "max_factor": asked.max_factor,
        "after_achieved": str(asked.after_achieved),
        "guard": str(asked.guard),
        "edge_guard": str(asked.edge_guard),
        "record_trades": asked.record.trades,
        "speaks_for_edge": asked.speaks_for_edge,
        "paths": comparison.paths,
        "seed": comparison.seed,
        "results": [
            {
                "policy": str(one.policy),
                "guarded": one.guarded,
                "probability": one.probability,
                "probability_by_induction": one.exact,
                "stop_probability": one.stop_probability,
                "mean_end": one.mean_end,
                "end_5_pct": one.low_end,
                "deep_fall_probability": one.deep_fall_probability,
                "held_share": one.held_share,
            }
            for one in comparison.results
        ],
    }
