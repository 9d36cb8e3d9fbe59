"""Everything that is due once a day, in one call."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.table import Table
from rich.text import Text

from mastertrade.terminal import open_console
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.validation import require_not_future
from trades.services.daily import StepOutcome, run_day

EXAMPLE = "2026-04-01T00:05+02:00"


class Command(BaseCommand):
    help = (
        "Do what is due once a day: end the periods that are over and open the next "
        "ones, write down how far every running goal is. Call it shortly after "
        "midnight; calling it again adds nothing. Exits 1 if anything failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--as-of",
            metavar="TIME",
            help=f"for this time instead of now, such as {EXAMPLE}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = _read_time(options["as_of"], timezone.now())
        console = open_console()
        table = Table("step", "done", "seconds", title=_title(as_of))
        table.columns[2].justify = "right"
        failures: list[str] = []
        with console.status("Running") as status:
            for outcome in run_day(as_of=as_of):
                status.update(f"Done: {outcome.step.name}")
                table.add_row(*_row(outcome))
                failures += [
                    f"{outcome.step.name}: {one}" for one in outcome.done.failures
                ]
        console.print(table)
        if failures:
            raise CommandError(
                "\n".join([f"{len(failures)} failed; the rest is done.", *failures])
            )


def _title(as_of: datetime) -> str:
    return f"Daily run of {as_of.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _row(outcome: StepOutcome) -> tuple[str, Text, str]:
    failed = len(outcome.done.failures)
    words = Text(outcome.done.words)
    if failed:
        words.append(f" ({failed} failed)", "red")
    return outcome.step.name, words, f"{outcome.seconds:.1f}"


def _read_time(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now
    try:
        as_of = datetime.fromisoformat(text)
        return require_not_future("as_of", as_of, now)
    except ValueError as error:
        raise CommandError(
            f"--as-of {text} is not a time such as {EXAMPLE}."
        ) from error
    except InvalidInput as refused:
        raise CommandError(f"--as-of {text} {refused.detail}") from refused
