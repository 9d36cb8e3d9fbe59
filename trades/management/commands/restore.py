"""Bring a backup of the whole database back."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from goals.models import Portfolio
from mastertrade.backups import BackupError, Contents, read_contents, restore
from trades.management.databases import find_target
from trades.models import Trade

OURS = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
"""
OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND backend_type = 'client backend'
"""
AFTERWARDS = (
    "Next: manage.py migrate, then manage.py reconcile. It needs what was not in the "
    "backup: without the secret key of then (MASTERTRADE_SECRET_KEY, or "
    "var/secret-key) everybody is signed out; without the keys of alert channels "
    "(MASTERTRADE_CHANNEL_KEYS, or var/channel-key) no alert is sent to one until its "
    "address is given again; without the files of jobs that waited "
    "(MASTERTRADE_JOB_FILES, or var/jobs) those jobs fail."
)


class Command(BaseCommand):
    help = (
        "Bring back a file that `backup` made, in one transaction: all of it, or "
        "nothing. Stop the web server and the workers first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--replace",
            action="store_true",
            help="delete what is in the database; without it that must be empty",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            target = find_target()
            contents = read_contents(path, target.major)
            check_migrations(contents)
            check_database(replace=options["replace"])
            connection.close()
            restore(target, path, replace=options["replace"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Restored the backup of {contents.made_at} from PostgreSQL "
            f"{contents.server}: {Portfolio.objects.count():,} portfolios, "
            f"{Trade.objects.count():,} trades.\n{AFTERWARDS}"
        )


def check_migrations(contents: Contents) -> None:
    """That this program knows every step its tables were made by."""
    loader = MigrationLoader(None)
    known = {*loader.disk_migrations, *loader.graph.nodes}
    unknown = sorted(contents.migrations - known)
    if unknown:
        app, name = unknown[-1]
        raise BackupError(
            f"The backup is of a newer MasterTrade: it has the migration {app}."
            f"{name}, which this version does not know. Install that version first."
        )


def check_database(*, replace: bool) -> None:
    """That it is empty, or may be replaced, and that nothing else uses it."""
    with connection.cursor() as cursor:
        cursor.execute(OURS)
        (tables,) = cursor.fetchone()
        cursor.execute(OTHERS)
        (others,) = cursor.fetchone()
    if tables and not replace:
        raise BackupError(
            "The database is not empty. Nothing was done; --replace deletes what is "
            "in it, for good: make a backup of it first."
        )
    if others:
        raise BackupError(
            f"Connections of others to the database: {others}. Nothing was done; stop "
            "the web server, the workers, poolers and psql, then try again."
        )
