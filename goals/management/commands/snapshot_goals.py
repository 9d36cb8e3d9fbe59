"""Write down how far every running goal is."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from goals.services.snapshots import snapshot_goals


class Command(BaseCommand):
    help = "Write one history row for every running goal."

    def handle(self, *args: Any, **options: Any) -> None:
        rows = snapshot_goals(as_of=timezone.now())
        self.stdout.write(f"{rows} goals written down.")
