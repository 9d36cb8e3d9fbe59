"""Print where the site is, and how to sign in."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from mastertrade.terminal import open_console
from trades.management.demo_login import USERNAME, ensure_demo_user, read_password


class Command(BaseCommand):
    help = "Print the site's address and the demo's log-in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port", type=int, default=int(os.environ.get("PORT", "8000"))
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = ensure_demo_user()
        password = read_password()
        if password is None or not user.check_password(password):
            password = "(as you set it)"
        site = f"http://127.0.0.1:{options['port']}/"
        lines = [
            f"Site      {site} (also admin/ and api/docs/)",
            f"Log-in    {USERNAME}",
            f"Password  {password}",
            "Stop with Ctrl-C; nothing is lost.",
        ]
        open_console().print("\n".join(lines), soft_wrap=True, highlight=False)
