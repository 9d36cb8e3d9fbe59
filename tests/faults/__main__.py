"""`make faults`: every scenario, a summary, and 1 if an expectation was violated."""

import argparse
import sys
import time
import traceback

from rich.console import Console
from rich.table import Table

from tests.faults.report import Report
from tests.faults.scenarios import LEFT_OUT, SCENARIOS
from tests.faults.stand import stand

SHOWN_CHARACTERS = 2000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("only", nargs="*", help="scenarios whose name contains this")
    only = parser.parse_args().only
    console = Console()
    chosen = {
        title: scenario
        for title, scenario in SCENARIOS.items()
        if not only or any(word in title for word in only)
    }
    if not chosen:
        parser.error(f"no scenario is named so; there are: {', '.join(SCENARIOS)}")
    for why in LEFT_OUT:
        console.print(f"Left out: {why}", style="yellow")
    violated = False
    for title, scenario in chosen.items():
        report, begin = Report(title), time.monotonic()
        with console.status(f"{title} …"):
            try:
                with stand() as place:
                    scenario(place, report)
            except Exception:
                report.violations.append(traceback.format_exc())
        show(console, report, time.monotonic() - begin)
        violated = violated or bool(report.violations)
    return 1 if violated else 0


def show(console: Console, report: Report, seconds: float) -> None:
    good = not report.violations
    verdict = "[green]held[/]" if good else "[red]violated[/]"
    title = f"{report.title}: {report.expectations} expectations {verdict}"
    table = Table(title=f"{title} ({seconds:.0f} s)", title_justify="left")
    table.add_column("what")
    table.add_column("seen")
    for what, seen in report.facts:
        table.add_row(what, seen)
    console.print(table)
    for violation in report.violations:
        console.print(f"VIOLATED {violation[:SHOWN_CHARACTERS]}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
