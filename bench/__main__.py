"""Run the benchmarks: `python -m bench`, or some of them by name."""

import argparse
import os
import secrets
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter

from rich.console import Console

from bench import trials
from bench.rows import Row, as_table
from bench.scratch import scratch_database

TOPICS = (
    "sizing",
    "decision_path",
    "close_trade",
    "alerts",
    "closing_load",
    "deliveries",
    "history",
    "records",
    "rebuild",
    "import_trades",
    "import_fills",
    "snapshot",
    "replay",
    "projection",
    "edge_guard",
    "bands",
    "dependence",
    "challenge",
    "pages",
    "requests",
    "memory",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="topic", help=", ".join(TOPICS))
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="put the table into this page"
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help="simulate a thirtieth of the records: to see that it runs",
    )
    options = parser.parse_args()
    unknown = sorted(set(options.topics) - set(TOPICS))
    if unknown:
        parser.error(f"no such topic: {', '.join(unknown)}")
    if options.write and (options.topics or options.short):
        parser.error(
            "--write keeps a whole table, so it takes no topics and no --short"
        )
    trials.short = options.short
    console = Console()
    with scratch_database() as url:
        set_up_django(url)
        rows = measure(options.topics or TOPICS, console)
        console.print(as_table(rows))
        report(console, rows, options.write)
        close_connections()
    return 0


def set_up_django(url: str) -> None:
    """Production's settings on the run's own database."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "mastertrade.settings",
        "DATABASE_URL": url,
        "MASTERTRADE_TESTING": "0",
        "MASTERTRADE_SECRET_KEY": secrets.token_urlsafe(50),
        "MASTERTRADE_LOG_LEVEL": "ERROR",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def measure(topics: "list[str] | tuple[str, ...]", console: Console) -> list[Row]:
    rows: list[Row] = []
    for topic in topics:
        begin = perf_counter()
        with console.status(f"measuring {topic} …"):
            rows += import_module(f"bench.{topic}").measure()
        console.print(f"{topic}: {perf_counter() - begin:.0f} s", style="dim")
    return rows


def report(console: Console, rows: list[Row], page: Path | None) -> None:
    from bench.page import describe_machine, write

    console.print(describe_machine(), style="dim", highlight=False)
    if page is not None:
        write(page, rows)


def close_connections() -> None:
    """The server ends with the run, and waits for nobody."""
    from django.db import connections

    connections.close_all()


if __name__ == "__main__":
    sys.exit(main())
