"""Issue an API token from the terminal."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from goals.models import User
from goals.services.sign_ins import issue_token
from mastertrade.values.exceptions import DomainError

LONGEST_NAME = 100


class Command(BaseCommand):
    help = "Issue an API token for a user and print it; it cannot be read again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="What it is for.")
        parser.add_argument(
            "--days", type=int, help="Days until it expires; default: never."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']}.")
        name, days = options["name"], options["days"]
        if len(name) > LONGEST_NAME:
            raise CommandError(f"--name must have at most {LONGEST_NAME} characters.")
        if days is not None and days < 1:
            raise CommandError("--days must be at least 1.")
        try:
            _, token = issue_token(user=user, name=name, days=days)
        except DomainError as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(token)
