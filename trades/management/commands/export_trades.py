"""Export a portfolio's trades to a file that import_trades takes."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from trades.importing.export import export_trades
from trades.management.importing import add_portfolio_arguments, find_user, portfolio_of


class Command(BaseCommand):
    help = "Write a portfolio's trades to FILE, or to the terminal; without void ones."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", metavar="FILE")
        parser.add_argument(
            "--format",
            choices=["mastertrade-csv", "mastertrade-json"],
            default="mastertrade-csv",
        )
        add_portfolio_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        portfolio = portfolio_of(find_user(options["user"]), options["portfolio"])
        path: Path | None = options["file"]
        if path is None:
            export_trades(portfolio, sys.stdout, options["format"])
            return
        with path.open("w", encoding="utf-8", newline="") as target:
            count = export_trades(portfolio, target, options["format"])
        self.stdout.write(f"{count} trades written to {path}.")
