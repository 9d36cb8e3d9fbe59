"""What the performance page draws: return and drawdown, and intervals around 0."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from mastertrade.site import figures
from mastertrade.site.goal_chart import thin
from mastertrade.values.money import HUNDRED, ONE, exactly
from trades.decisions.returns import DayValue, fall_pct

# Width and height of each drawing, its right edge, and the most points of a line.
SIZES = {
    "wide": (1160, 378, 1082, 1000),
    "mid-w": (728, 350, 650, 600),
    "narrow": (340, 316, 332, 300),
}
# Of a tick's label, and what is kept free around it.
CHARACTER, MARGIN = 7.2, 10
TOP, FOOT, GAP = 24, 28, 40
# Of the height that is left, the return's share.
SHARE = 0.62
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
MOST_TICKS = 4
MOST_DEPOSITS = 12
# A limit further away than so many deepest falls is told in words alone.
NEAR = 2.5
WHISK = 160

Line = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Curve:
    """What is drawn: days from the first one on, and percent."""

    first: date
    days: int
    made: list[tuple[int, float]]
    fell: list[tuple[int, float]]
    # The days of the newest peak and of the deepest fall, and in words.
    peak: int
    worst: int
    made_words: str
    worst_words: str
    label: str


def draw_return(
    values: Sequence[DayValue],
    deposits: Sequence[tuple[date, str]],
    limits: Sequence[tuple[str, Decimal]],
) -> list[SafeString]:
    """One drawing a width. `limits` are falls in percent: ("soft" or "hard", fall).

    They are drawn from the day of the newest peak on: that is what they hang from.
    """
    curve = _measure(values)
    return [_draw(kind, curve, deposits, limits) for kind in SIZES]


@exactly
def _measure(values: Sequence[DayValue]) -> Curve:
    first, newest = values[0].day, values[-1]
    falls = [fall_pct(one) for one in values]
    deep = max(falls)
    made = figures.signed_percent((newest.unit_value - ONE) * HUNDRED)
    now, worst = figures.percent(falls[-1]), figures.percent(deep)
    days = [(one.day - first).days for one in values]
    returns = [float((one.unit_value - ONE) * HUNDRED) for one in values]
    peak = next(one for one in values if one.peak == newest.peak)
    return Curve(
        first=first,
        days=max(days[-1], 1),
        made=list(zip(days, returns, strict=True)),
        fell=list(zip(days, map(float, falls), strict=True)),
        peak=(peak.day - first).days,
        worst=days[falls.index(deep)],
        made_words=made,
        worst_words=f"deepest {figures.MINUS}{worst}" if deep > 0 else "",
        label=f"Unit return {made}; now {now} below the peak; deepest {worst}.",
    )


def _draw(
    kind: str,
    curve: Curve,
    deposits: Sequence[tuple[date, str]],
    limits: Sequence[tuple[str, Decimal]],
) -> SafeString:
    width, height, right, most = SIZES[kind]
    made, fell = curve.made, curve.fell
    worst = max(value for _, value in fell)
    near = [one for one in limits if float(one[1]) <= max(worst, 1.0) * NEAR]
    space = height - TOP - FOOT - GAP
    middle = TOP + space * SHARE
    base = height - FOOT
    low, high, step = _scale([0.0, *(value for _, value in made)])
    _, deep, fall_step = _scale([0.0, worst, *(float(one[1]) for one in near)])
    ticks, fall_ticks = _ticks(low, high, step), _ticks(-deep, 0.0, fall_step)
    longest = max(len(words) for _, words in ticks + fall_ticks)
    left = round(MARGIN + CHARACTER * longest)

    def x(place: float) -> float:
        return left + place / curve.days * (right - left)

    def y(value: float) -> float:
        return middle - (value - low) / (high - low) * (middle - TOP)

    def depth(value: float) -> float:
        return middle + GAP + value / deep * (base - middle - GAP)

    below = thin(fell, most)
    parts = [
        *_grid(left, right, y, ticks),
        *_grid(left, right, lambda fall: depth(-fall), fall_ticks),
        *_months(curve.first, curve.days, x, height),
        *_deposits(kind, curve.first, curve.days, deposits, x, middle),
        _path("k-dd", below, x, depth, closed=depth(0)),
        _path("k-ddl", below, x, depth),
        _path("k-line", thin(made, most), x, y),
        *_limits(kind, x(curve.peak), right, depth, near),
        _text(left, middle + GAP - 8, "Below the peak", "halo t-ink"),
        *_labels(kind, curve, x, y, depth, (left + right) / 2, right),
    ]
    return format_html(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        kind,
        width,
        height,
        curve.label,
        format_html_join("", "{}", ((part,) for part in parts)),
    )


def _scale(values: Sequence[float]) -> tuple[float, float, float]:
    """The lowest and highest tick, and the step between ticks."""
    low, high = min(values), max(values)
    spread = max(high - low, 0.2)
    step = next((one for one in STEPS if spread / one <= MOST_TICKS), STEPS[-1])
    while spread / step > MOST_TICKS:
        step *= 10
    return (low // step) * step, -(-max(high, low + spread) // step) * step, step


def _ticks(low: float, high: float, step: float) -> list[tuple[float, str]]:
    values = [low + tick * step for tick in range(round((high - low) / step) + 1)]
    return [(one, figures.signed_percent(Decimal(f"{one:.1f}"))) for one in values]


def _path(
    name: str,
    line: Line,
    x: Callable[[float], float],
    y: Callable[[float], float],
    closed: float | None = None,
) -> SafeString:
    """In steps: a day's value stands until the next day that has one."""
    (begin, first), *rest = line
    path = f"M{x(begin):.1f} {y(first):.1f}"
    path += "".join(f"H{x(day):.1f}V{y(value):.1f}" for day, value in rest)
    if closed is not None:
        path = f"M{x(begin):.1f} {closed:.1f}V{path.partition(' ')[2]}V{closed:.1f}Z"
    return format_html('<path class="{}" d="{}"/>', name, path)


def _text(
    x: float, y: float, words: str, tone: str = "", anchor: str = "start"
) -> SafeString:
    return format_html(
        '<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>',
        tone,
        f"{x:.1f}",
        f"{y:.1f}",
        anchor,
        words,
    )


def _grid(
    left: int,
    right: int,
    y: Callable[[float], float],
    ticks: list[tuple[float, str]],
) -> Iterator[SafeString]:
    nearest = min(abs(value) for value, _ in ticks)
    for value, shown in ticks:
        yield format_html(
            '<path class="{}" d="M{} {}H{}"/>',
            "k-zero" if abs(value) == nearest else "k-grid",
            left,
            f"{y(value):.1f}",
            right,
        )
        yield _text(left - 6, y(value) + 4, shown, anchor="end")


def _limits(
    kind: str,
    left: float,
    right: int,
    depth: Callable[[float], float],
    limits: Sequence[tuple[str, Decimal]],
) -> Iterator[SafeString]:
    for name, fall in limits:
        tone, line = ("t-bad", "k-floor") if name == "hard" else ("t-warn", "k-soft")
        at = depth(float(fall))
        yield format_html(
            '<path class="{}" d="M{} {}H{}"/>',
            line,
            f"{left:.1f}",
            f"{at:.1f}",
            right,
        )
        words = "hard floor" if name == "hard" else "soft limit"
        if kind == "narrow":
            yield _text(right, at - 4, words, f"halo {tone}", "end")
        else:
            yield _text(right + 6, at + 4, words, tone)


def _months(
    first: date, days: int, x: Callable[[float], float], height: int
) -> Iterator[SafeString]:
    """The first days of months, or of years where there are many."""
    months = []
    year, month = first.year, first.month
    while (at := (date(year, month, 1) - first).days) <= days:
        months.append((max(at, 0), date(year, month, 1)))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    every = next(n for n in (1, 2, 3, 6, 12, 24, 60, 240) if len(months) / n <= 8)
    ended = -100.0
    for place, (at, day) in enumerate(months):
        is_round = place == 0 or (day.month - 1) % min(every, 12) == 0
        if every > 12 and place:
            is_round = day.month == 1 and day.year % (every // 12) == 0
        if is_round and x(at) - ended > 40 and x(days) - x(at) > 20:
            words = f"{day:%b}" if every < 12 and day.month > 1 else f"{day:%Y}"
            yield _text(x(at), height - 5, words)
            ended = x(at)


def _deposits(
    kind: str,
    first: date,
    days: int,
    deposits: Sequence[tuple[date, str]],
    x: Callable[[float], float],
    middle: float,
) -> Iterator[SafeString]:
    """A line each, and the newest in words, so that nobody looks for a step."""
    shown = [one for one in deposits if 0 < (one[0] - first).days <= days]
    for day, _ in shown[-MOST_DEPOSITS:]:
        at = x((day - first).days)
        yield format_html(
            '<path class="k-now" d="M{} 12V{}"/>', f"{at:.1f}", f"{middle:.1f}"
        )
    if not shown:
        return
    day, words = shown[-1]
    at = x((day - first).days)
    is_late = (day - first).days > days * 0.6
    more = "" if kind == "narrow" else ": no step in the line"
    yield _text(
        at - 5 if is_late else at + 5,
        21,
        f"{words}{more}",
        "halo money",
        "end" if is_late else "start",
    )


def _labels(
    kind: str,
    curve: Curve,
    x: Callable[[float], float],
    y: Callable[[float], float],
    depth: Callable[[float], float],
    middle: float,
    right: int,
) -> Iterator[SafeString]:
    if kind == "narrow":
        return
    yield _text(right + 6, y(curve.made[-1][1]) + 4, curve.made_words, "t-ink")
    if curve.worst_words:
        at = x(curve.worst)
        yield _text(
            at,
            depth(max(value for _, value in curve.fell)) + 14,
            curve.worst_words,
            "halo",
            "start" if at < middle else "end",
        )


def draw_interval(
    mean: Decimal, low: Decimal, high: Decimal, widest: Decimal, *, sure: bool = True
) -> SafeString:
    """An interval around 0; `widest` is the largest end of all that are compared.

    Where it is not `sure` it has no colour, on whatever side of 0 it lies.
    """
    tone = "up" if low > 0 else "down" if high < 0 else ""
    tone = tone if sure else ""
    half = WHISK / 2

    def at(value: Decimal) -> str:
        share = float(value / widest) if widest else 0.0
        return f"{half + min(max(share, -1.0), 1.0) * (half - 6):.1f}"

    return format_html(
        '<svg class="whisk" width="{0}" height="18" viewBox="0 0 {0} 18" role="img" '
        'aria-label="from {1} to {2}"><path class="k-zero" d="M{3} 0v18"/>'
        '<path class="k-ci {4}" d="M{5} 9H{6}M{5} 5v8M{6} 5v8"/>'
        '<circle class="k-pt {4}" cx="{7}" cy="9" r="4"/></svg>',
        WHISK,
        figures.signed_percent(low),
        figures.signed_percent(high),
        f"{half:.1f}",
        tone,
        at(low),
        at(high),
        at(mean),
    )
