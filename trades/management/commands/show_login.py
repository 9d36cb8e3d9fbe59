"""Print how to sign in."""

from typing import Any

from django.core.management.base import BaseCommand

from mastertrade.terminal import open_console
from trades.management.demo_login import USERNAME, ensure_demo_user, read_password


class Command(BaseCommand):
    help = "Print the demo's log-in."

    def handle(self, *args: Any, **options: Any) -> None:
        user = ensure_demo_user()
        password = read_password()
        if password is None or not user.check_password(password):
            password = "(as you set it)"
        lines = f"Log-in    {USERNAME}\nPassword  {password}"
        open_console().print(lines, soft_wrap=True, highlight=False)
