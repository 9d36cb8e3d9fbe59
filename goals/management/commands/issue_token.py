"""Issue an API token from the terminal."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from knox.models import AuthToken

from goals.models import User


class Command(BaseCommand):
    help = "Issue an API token for a user and print it; it cannot be read again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--days", type=int, help="Until it expires; left out: never."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']}.")
        days = options["days"]
        if days is not None and days < 1:
            raise CommandError("--days must be at least 1.")
        _, token = AuthToken.objects.create(
            user=user, expiry=timedelta(days=days) if days else None
        )
        self.stdout.write(token)
