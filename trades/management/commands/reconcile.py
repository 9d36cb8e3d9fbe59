"""Prove that every cached figure is what the ledger says."""

from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import track
from rich.table import Table

from goals.models import Portfolio
from goals.services.reconciling import Drift
from mastertrade.terminal import open_console
from mastertrade.values.exceptions import DomainError
from mastertrade.values.money import UNIT_VALUE, exactly, format_plain
from trades.booking.reconcile import check_portfolio, mend_drift, report_drift
from trades.sizing_calls.catch_up import catch_up

SHOWN = 200


class Command(BaseCommand):
    help = (
        "Compare every portfolio, goal, position and growth record with the trades and "
        "cash flows. "
        "Exits 1 if anything differs; --fix makes it right."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--fix", action="store_true", help="repair what differs from the ledger"
        )
        parser.add_argument("--user", help="only this user's portfolios")
        parser.add_argument(
            "--portfolio", type=int, action="append", help="only this one, by its key"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        console = open_console()
        portfolios = Portfolio.objects.order_by("pk")
        if options["user"]:
            portfolios = portfolios.filter(user_id=options["user"])
        if options["portfolio"]:
            portfolios = portfolios.filter(pk__in=options["portfolio"])
        keys = list(portfolios.values_list("pk", flat=True))
        if not keys and (options["user"] or options["portfolio"]):
            raise CommandError("There is no such portfolio.")
        drift: list[Drift] = []
        self.left: list[Drift] = []
        for key in track(keys, "Reconciling", console=console, transient=True):
            drift += self._reconcile(key, fix=options["fix"])
        self._report(console, len(keys), drift, fix=options["fix"])
        if self.left:
            raise CommandError(f"{len(self.left)} figures could not be mended.")

    def _reconcile(self, portfolio_id: int, *, fix: bool) -> list[Drift]:
        try:
            drift = report_drift(portfolio_id, timezone.now())
            if drift and fix:
                mend_drift(portfolio_id, timezone.now())
                catch_up(portfolio_id, timezone.now())
                self.left += check_portfolio(portfolio_id)
        except DomainError as refused:
            self.left.append(
                Drift(portfolio_id, "ledger", "entries", None, refused.detail)
            )
            return self.left[-1:]
        return drift

    def _report(
        self, console: Console, count: int, drift: list[Drift], *, fix: bool
    ) -> None:
        if not drift:
            console.print(f"{count} portfolios: every figure equals the ledger's.")
            return
        table = Table("portfolio", "of", "figure", "cached", "ledger")
        for row in drift[:SHOWN]:
            table.add_row(
                str(row.portfolio_id),
                row.of,
                row.figure,
                *_plain(row.cached, row.ledger),
            )
        console.print(table)
        touched = len({row.portfolio_id for row in drift})
        if len(drift) > SHOWN:
            console.print(f"… and {len(drift) - SHOWN} more.")
        words = f"{len(drift)} figures of {touched} of {count} portfolios had drifted"
        if not fix:
            raise CommandError(f"{words}.", returncode=1)
        console.print(f"{words}; mended.")


@exactly
def _plain(cached: Any, ledger: Any) -> tuple[str, str]:
    """Figures with the places of the column, or more where only those differ."""
    if not isinstance(ledger, Decimal):
        return str(cached), str(ledger)
    if not isinstance(cached, Decimal):
        return str(cached), format_plain(ledger)
    _, places = UNIT_VALUE
    if cached:  # as the column gives it
        places = -int(cached.as_tuple().exponent)
    rounded = round(ledger, places)
    return format_plain(cached), format_plain(ledger if rounded == cached else rounded)
