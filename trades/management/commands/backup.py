"""Write the whole database into one file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from mastertrade.backups import NEEDED_TABLES, BackupError, back_up
from trades.management.databases import find_target

NOT_IN_IT = (
    "Not in it: the secret key (MASTERTRADE_SECRET_KEY, or var/secret-key), the keys "
    "of alert channels (MASTERTRADE_CHANNEL_KEYS, or var/channel-key), the files of "
    "jobs that wait (MASTERTRADE_JOB_FILES, or var/jobs) and the other settings of the "
    "environment. Store them apart from it."
)


class Command(BaseCommand):
    help = (
        "Write the whole database, the embedded one too, into a new file, which only "
        "you can read, while everything goes on. `restore` brings it back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="must not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            target = find_target()
            check_database()
            size = back_up(target, path)
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{path}: {size:,} bytes.\n{NOT_IN_IT}")


def check_database() -> None:
    """That there is something to back up, and that it is MasterTrade's."""
    tables = set(connection.introspection.table_names())
    if not tables:
        raise BackupError(
            "The database is empty: there is nothing to back up. `manage.py migrate` "
            "makes its tables."
        )
    if missing := sorted(NEEDED_TABLES - tables):
        raise BackupError(
            "The database is not one of MasterTrade, or not migrated: it has no table "
            f"{missing[0]}. Nothing was written."
        )
