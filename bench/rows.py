"""The rows of the table, and how they are shown."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Target:
    """A bound that the row's figure must keep; `at_least`, or else at most."""

    bound: float
    at_least: bool
    unit: str = ""

    def is_reached(self, figure: float) -> bool:
        return figure >= self.bound if self.at_least else figure <= self.bound

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.bound:g}{self.unit}"


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement next to its floor.

    `figure` is what the target bounds: the ratio, unless the target has a unit.
    """

    what: str
    ours: str
    floor: str
    ratio: float | None
    target: Target | None = None
    figure: float | None = None

    @property
    def is_reached(self) -> bool | None:
        figure = self.ratio if self.figure is None else self.figure
        if self.target is None or figure is None:
            return None
        return self.target.is_reached(figure)

    def _judgement(self) -> str:
        if self.target is None:
            return ""
        verdict = {True: "reached", False: "missed", None: "unknown"}[self.is_reached]
        return f"{self.target}: {verdict}"

    def cells(self) -> tuple[str, ...]:
        return (
            self.what,
            self.ours,
            self.floor,
            _show_ratio(self.ratio),
            self._judgement(),
        )


def _show_ratio(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio:.2f}" if ratio >= SMALL else f"{ratio:.4f}"


SMALL = 0.1
HEADINGS = ("what", "ours", "floor", "ratio", "target")


def as_table(rows: Iterable[Row]) -> Table:
    """For the terminal."""
    table = Table(*HEADINGS, box=SIMPLE_HEAD)
    for column in table.columns[1:4]:
        column.justify = "right"
    for row in rows:
        style = "red" if row.is_reached is False else None
        table.add_row(*row.cells(), style=style)
    return table


def as_markdown(rows: Iterable[Row]) -> str:
    """For docs/benchmarks.md."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---|---:|---:|---:|---|"]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    return "\n".join(lines)
