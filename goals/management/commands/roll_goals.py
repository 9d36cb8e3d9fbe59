"""End the periods that are over; open the next one of recurring goals."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from goals.services.rollover import roll_goals


class Command(BaseCommand):
    help = "End goals whose period is over and open the next period of recurring ones."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            opened = roll_goals(as_of=timezone.now())
        except ExceptionGroup as group:
            lines = [f"{one.__notes__[0]}: {one}" for one in group.exceptions]
            raise CommandError("\n".join([f"{group.message}:", *lines])) from group
        for goal in opened:
            self.stdout.write(
                f"{goal.user_id}: goal {goal.goal_id} ({goal.goal_type}) runs from "
                f"{goal.start_date} to {goal.target_date}"
            )
        self.stdout.write(f"{len(opened)} goals opened.")
