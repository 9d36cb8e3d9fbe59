"""Issue the address of a bot's webhook from the terminal."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse
from django.utils import timezone

from mastertrade.values.exceptions import DomainError
from trades.freqtrade.tokens import issue_webhook
from trades.management.importing import add_portfolio_arguments, find_user


class Command(BaseCommand):
    help = "Issue a webhook for a bot and print its address; it cannot be read again."

    def add_arguments(self, parser: CommandParser) -> None:
        add_portfolio_arguments(parser)
        parser.add_argument("--bot", required=True, help="part of its trades' ids")
        parser.add_argument("--strategy", required=True, help="of its trades")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            _, token = issue_webhook(
                user=find_user(options["user"]),
                portfolio=options["portfolio"],
                bot=options["bot"],
                strategy_id=options["strategy"],
                now=timezone.now(),
            )
        except DomainError as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(reverse("freqtrade-webhook", args=[token]))
