"""Measure the site under load: `python -m bench.load`, or `make load`."""

import argparse
import os
import sys
from pathlib import Path
from time import perf_counter

from rich.console import Console

from bench.__main__ import close_connections, set_up_django
from bench.scratch import scratch_database

TRADES = (1_000, 10_000, 100_000, 1_000_000)
PORTFOLIOS = (1, 10, 100, 1_000, 10_000)
PROCESSES = (1, 2, 4)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each load (15)")
    parser.add_argument(
        "--warm-up", type=float, default=2.0, help="before each, not counted (2)"
    )
    parser.add_argument(
        "--trades", type=int, default=TRADES[-1], help="of the largest portfolio"
    )
    parser.add_argument(
        "--portfolios", type=int, default=PORTFOLIOS[-1], help="in all, at the end"
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=PROCESSES[-1],
        help="web processes, then workers, at most (4)",
    )
    parser.add_argument(
        "--fills", type=int, default=100_000, help="of the file that is imported"
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=20.0,
        help="requests a second, where something else is changed (20)",
    )
    parser.add_argument(
        "--rates", type=int, default=24, help="that are tried at most (24)"
    )
    parser.add_argument(
        "--jobs", type=int, default=40, help="that the workers share (40)"
    )
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="put the tables into this page"
    )
    given = parser.parse_args()
    console = Console(stderr=True)
    begin = perf_counter()
    with scratch_database() as url:
        set_up_django(url)
        print(figures(given, console))
        close_connections()
    console.print(f"{perf_counter() - begin:.0f} s", style="dim")
    return 0


def figures(given: argparse.Namespace, console: Console) -> str:
    """The machine and the tables, as the page has them."""
    from bench.load.report import as_markdown
    from bench.load.stages import Options, Run
    from bench.page import describe_machine, replace

    options = Options(
        seconds=given.seconds,
        warm_up=given.warm_up,
        trades=_up_to(TRADES, given.trades),
        portfolios=_up_to(PORTFOLIOS, given.portfolios),
        processes=_up_to(PROCESSES, given.processes),
        fills=given.fills,
        rate=given.rate,
        rates=given.rates,
        jobs=given.jobs,
    )
    busy = os.getloadavg()[0]
    begun = f"Load of the machine when it began: {busy:.1f}."
    with console.status("…") as status:
        run = Run(options, lambda what: status.update(f"{what} …"), console.print)
        found = run.measure()
    seconds = f"Each load lasted {given.seconds:g} s."
    text = f"{describe_machine()} {begun} {seconds}\n\n{as_markdown(found)}"
    if given.write is not None:
        replace(given.write, text)
    return text


def _up_to(steps: tuple[int, ...], most: int) -> tuple[int, ...]:
    """The steps below, and the last one."""
    return (*(step for step in steps if step < most), most)


if __name__ == "__main__":
    sys.exit(main())
