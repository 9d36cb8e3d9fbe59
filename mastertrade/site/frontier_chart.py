"""The frontier of a goal, drawn: what each size buys, and what it costs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from goals.decisions.policies import PolicyName
from goals.projection.frontier import FALLS, HITS, FrontierPoint
from goals.projection.goal_projection import GoalFrontier
from mastertrade.site import figures
from mastertrade.site.sentences import factor
from mastertrade.values.money import HUNDRED

WIDTHS = {"wide": (560, 280, 528), "narrow": (340, 250, 308)}
LEFT, TOP, BOTTOM = 40, 10, 40
TICKS = 4
NUMBER = re.compile(r"\d+\.\d+")
COST_WORDS = {FALLS: "chance to fall more than 10 %", HITS: "chance of the floor"}
SHAPES = {
    PolicyName.LADDER: "M0 -7l7 7-7 7-7-7z",
    PolicyName.PACE: "M-5 -5h10v10h-10z",
    PolicyName.DEADLINE_OPTIMAL: "M0 -7l7 12h-14z",
    PolicyName.CONSTANT: "M-6 -2h12v4h-12z",
}


@dataclass(frozen=True, slots=True)
class FrontierRow:
    name: str
    own: bool
    arrive: str
    fall: str
    floor: str
    days: str


@dataclass(frozen=True, slots=True)
class FrontierView:
    """`legend`: the shapes of policies, and their names."""

    drawings: tuple[SafeString, ...]
    legend: tuple[tuple[str, str], ...]
    rows: tuple[FrontierRow, ...]
    verdict: str


def show_frontier(frontier: GoalFrontier, own: PolicyName) -> FrontierView:
    found = frontier.frontier
    sizes = [(factor(Decimal(str(size))), point) for size, point in found.constants]
    policies = [(PolicyName(name), point) for name, point in found.policies.items()]
    shown = [one for one in policies if one[0] is not PolicyName.CONSTANT]
    return FrontierView(
        drawings=tuple(_draw(kind, sizes, shown, found.cost) for kind in WIDTHS),
        legend=tuple((SHAPES[one], _name(one, own)) for one, _ in shown),
        rows=tuple(_rows(sizes, policies, own)),
        verdict=NUMBER.sub(
            lambda found: figures.in_format(found[0]),
            frontier.verdict.replace("_", " "),
        ),
    )


def _rows(
    sizes: list[tuple[str, FrontierPoint]],
    policies: list[tuple[PolicyName, FrontierPoint]],
    own: PolicyName,
) -> Iterator[FrontierRow]:
    for place, (size, point) in enumerate(sizes):
        if place % 2 and size != factor(Decimal(1)):
            continue  # the drawing has them all
        yield _row(f"Constant {size}", point, own=False)
    for policy, point in policies:
        if policy is PolicyName.CONSTANT and own is not policy:
            continue
        yield _row(_name(policy, own).capitalize(), point, own=policy is own)


def _name(policy: PolicyName, own: PolicyName) -> str:
    return policy.replace("_", " ") + (", now" if policy is own else "")


def _row(name: str, point: FrontierPoint, *, own: bool) -> FrontierRow:
    days = "never" if point.median_days is None else f"{point.median_days:.0f}"
    return FrontierRow(
        name=name,
        own=own,
        arrive=figures.chance(point.probability),
        fall=figures.small_chance(point.fall_10_probability),
        floor=figures.small_chance(point.breach_probability),
        days=days,
    )


def _draw(
    kind: str,
    sizes: list[tuple[str, FrontierPoint]],
    policies: list[tuple[PolicyName, FrontierPoint]],
    cost: str,
) -> SafeString:
    """Chance to arrive against the chance of the floor, or of a deep fall."""
    width, height, right = WIDTHS[kind]
    points = [point for _, point in sizes] + [point for _, point in policies]
    words = COST_WORDS[cost]
    most_x = _top(max(getattr(point, cost) for point in points))
    most_y = _top(max(point.probability for point in points))
    base = height - BOTTOM

    def at(point: FrontierPoint) -> tuple[str, str]:
        x = LEFT + getattr(point, cost) / most_x * (right - LEFT)
        y = base - point.probability / most_y * (base - TOP)
        return f"{x:.1f}", f"{y:.1f}"

    parts = [*_axes(width, height, right, most_x, most_y, words)]
    path = "L".join(" ".join(at(point)) for _, point in sizes)
    parts.append(format_html('<path class="k-thin" d="M{}"/>', path))
    last = len(sizes) - 1
    for place, (name, point) in enumerate(sizes):
        x, y = at(point)
        parts.append(format_html('<circle class="k-dot" cx="{}" cy="{}" r="4"/>', x, y))
        if place in {0, last}:
            parts.append(
                format_html(
                    '<text class="halo" x="{}" y="{}">{}</text>',
                    f"{float(x) + 8:.1f}",
                    f"{float(y) + (14 if place == 0 else -5):.1f}",
                    name,
                )
            )
    parts += [
        format_html(
            '<path class="k-poldot" transform="translate({} {})" d="{}"/>',
            *at(point),
            SHAPES[policy],
        )
        for policy, point in policies
    ]
    label = (
        f"Chance to arrive against the {words}, for constant sizes and policies. The "
        "table says the same in figures."
    )
    return format_html(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        kind,
        width,
        height,
        label,
        format_html_join("", "{}", ((part,) for part in parts)),
    )


def _axes(
    width: int, height: int, right: int, most_x: float, most_y: float, words: str
) -> Iterator[SafeString]:
    base = height - BOTTOM
    for tick in range(TICKS + 1):
        y = base - tick / TICKS * (base - TOP)
        yield format_html(
            '<path class="k-grid" d="M{} {}H{}"/><text x="{}" y="{}" '
            'text-anchor="end">{}</text>',
            LEFT,
            f"{y:.1f}",
            right,
            LEFT - 6,
            f"{y + 4:.1f}",
            _percent(most_y * tick / TICKS),
        )
        x = LEFT + tick / TICKS * (right - LEFT)
        yield format_html(
            '<text x="{}" y="{}" text-anchor="middle">{}</text>',
            f"{x:.1f}",
            base + 18,
            _percent(most_x * tick / TICKS),
        )
    yield format_html('<text x="{}" y="24" dx="6">arrive</text>', LEFT)
    yield format_html(
        '<text x="{}" y="{}" text-anchor="end">{}</text>', right, height - 3, words
    )


def _top(most: float) -> float:
    """The next ratio of which a quarter is a round number of percent."""
    for top in (0.004, 0.01, 0.02, 0.04, 0.08, 0.12, 0.2, 0.4, 0.6, 0.8):
        if most <= top:
            return top
    return 1.0


def _percent(ratio: float) -> str:
    return figures.percent(Decimal(f"{ratio * float(HUNDRED):.1f}"))
