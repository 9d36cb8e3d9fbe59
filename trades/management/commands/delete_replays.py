"""Delete replays whole, from the terminal."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.table import Table

from goals.models import User
from mastertrade.terminal import open_console
from mastertrade.values.exceptions import DomainError
from trades.models import ReplayRun, Trade
from trades.services.deleting import delete_replay


class Command(BaseCommand):
    help = (
        "Delete replays (simulations and demos) with their portfolios, goals, "
        "decisions, trades and pages. Each is one transaction. Live portfolios stay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", help="only this user's replays")
        parser.add_argument(
            "--run", type=int, nargs="+", metavar="ID", help="only these, by their key"
        )
        parser.add_argument(
            "--all", action="store_true", help="every replay of every user"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only show what would be deleted"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        runs = _find_runs(options)
        console = open_console()
        table = Table("replay", "user", "kind", "prices", "made", "trades")
        table.columns[5].justify = "right"
        for run in runs:
            trades = str(_count(run) if options["dry_run"] else _delete(run))
            table.add_row(
                str(run.pk),
                run.user_id,
                run.policy_portfolio.kind,
                run.symbol,
                f"{run.created_at:%Y-%m-%d %H:%M}",
                trades,
            )
        console.print(table)
        verb = "would be deleted" if options["dry_run"] else "deleted"
        console.print(f"{len(runs)} replays {verb}.")


def _find_runs(options: dict[str, Any]) -> list[ReplayRun]:
    user, keys = options["user"], options["run"]
    if not (user or keys or options["all"]):
        raise CommandError("Say which: --run ID, --user NAME or --all.")
    if options["all"] and (user or keys):
        raise CommandError("--all goes with neither --user nor --run.")
    if user and not User.objects.filter(username=user).exists():
        raise CommandError(f"There is no user {user}.")
    runs = ReplayRun.objects.select_related("user", "policy_portfolio").order_by("pk")
    if user:
        runs = runs.filter(user_id=user)
    if keys:
        runs = runs.filter(pk__in=keys)
    found = list(runs)
    missing = sorted(set(keys or ()) - {run.pk for run in found})
    if missing:
        raise CommandError(f"There is no replay {', '.join(map(str, missing))}.")
    return found


def _count(run: ReplayRun) -> int:
    portfolios = (run.policy_portfolio_id, run.constant_portfolio_id)
    return Trade.objects.filter(portfolio_id__in=portfolios).count()


def _delete(run: ReplayRun) -> int:
    try:
        return delete_replay(user=run.user, run_id=run.pk).trades
    except DomainError as error:
        raise CommandError(f"Replay {run.pk}: {error.detail}") from error
