"""The tables of docs/scale.md."""

from collections.abc import Iterable, Sequence

from bench.load.bots import KINDS
from bench.load.seeding import TRADES_EACH
from bench.load.stages import (
    ANSWERED,
    FIRST_RATE,
    LEAVES,
    MOST_REFUSED,
    STEP,
    Found,
    Load,
    every_load,
)

PERCENTILES = (50, 95, 99)
SIZING_AIM_MS, FACTOR_AIM = 60, 3


def as_markdown(found: Found) -> str:
    parts = [
        _loads(every_load(found)),
        *_sentences(found),
        _table(
            ("request", "trades in the portfolio", "statements", "WAL, bytes"),
            [
                (one.what, f"{one.trades:,}", one.statements, f"{one.wal:,.0f}")
                for one in found.costs
            ],
        ),
        _table(
            ("workers", f"jobs a second, of {found.asked}"),
            [(number, f"{rate:.1f}") for number, rate in found.jobs.items()],
        ),
        _table(
            ("table", "rows", "bytes a row, with indexes"),
            [(name, f"{rows:,}", f"{size:,.0f}") for name, rows, size in found.sizes],
        ),
    ]
    return "\n\n".join(parts)


def _loads(loads: Iterable[Load]) -> str:
    sides = [f"{kind} p50 / p95 / p99, ms" for kind in KINDS]
    headings = ("load", "offered /s", "answered /s", "refused", *sides)
    return _table(headings, [_cells(load) for load in loads])


def _cells(load: Load) -> tuple[object, ...]:
    times = load.times
    waits = [
        " / ".join(_ms(times.percentile(k, p)) for p in PERCENTILES) for k in KINDS
    ]
    return (
        load.what,
        f"{load.offered:.0f}",
        f"{times.per_second:.0f}",
        f"{times.refused_share:.1%}",
        *waits,
    )


def _ms(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds * 1000:.0f}"


def _sentences(found: Found) -> Iterable[str]:
    yield (
        f"The knee: {found.knee:.0f} requests a second (0: none of the rates). At the "
        f"next rate, {STEP:g} times as many, p95 of a size is more than {LEAVES:g} "
        f"times that at {FIRST_RATE:.0f} a second, fewer than {ANSWERED:.0%} are "
        f"answered in time, or more than {MOST_REFUSED:.0%} are refused."
    )
    half, beside = _p95(found.half), _p95(found.importing)
    if half is not None:
        yield (
            f"A size at half the knee: p95 {half:.0f} ms; the aim, under "
            f"{SIZING_AIM_MS} ms, is {_verdict(half < SIZING_AIM_MS)}."
        )
    web, postgres = (seconds * 1000 for seconds in found.cpu)
    yield (
        f"CPU a request, of this mixture: {web:.1f} ms of the web processes and "
        f"{postgres:.1f} ms of PostgreSQL."
    )
    if half is not None and beside is not None:
        took = "was not done in the time allowed"
        if found.import_seconds is not None:
            took = f"took {found.import_seconds:.0f} s"
        factor = beside / half
        verdict = _verdict(factor <= FACTOR_AIM)
        yield (
            f"While fills are imported by a worker at nice 10: {factor:.1f} times "
            f"that; the aim, at most {FACTOR_AIM}, is {verdict}. The import {took}."
        )
    yield (
        f"The projections of the daily run: {found.day_seconds * 1000:.0f} ms of "
        f"Python's CPU a portfolio of two goals and {TRADES_EACH} trades."
    )


def _p95(load: Load | None) -> float | None:
    """Of a size, in milliseconds."""
    seconds = None if load is None else load.times.percentile("sizing", 95)
    return None if seconds is None else seconds * 1000


def _verdict(reached: bool) -> str:
    return "reached" if reached else "missed"


def _table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A column of figures stands right, the first left."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
