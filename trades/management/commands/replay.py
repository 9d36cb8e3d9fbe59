"""Replay recorded prices through goals: the same decisions as live, bar by bar."""

import re
import shlex
import sys
from argparse import ArgumentTypeError
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from goals.decisions.policies import PolicyName
from goals.enums import GoalType
from goals.models import User
from goals.projection.presets import PRESETS
from goals.services.portfolio_settings import require_time_zone
from mastertrade.terminal import open_console
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.messages import did_you_mean
from trades.management.replaying import replay_all, show_runs
from trades.management.settings import read_setting
from trades.replay.bars import BarsError, PriceSeries
from trades.replay.options import Costs, ReplaySettings
from trades.replay.parsing import ReadingOptions
from trades.replay.reading import BUILT_IN_NAMES
from trades.services.deleting import reports_directory
from trades.services.replay import REPLAYED_SETTINGS, ReplayQuestion
from trades.services.replay_asked import load_between

DEFAULT_GOAL = "monthly_return:5"
DEFAULT_USER = "replay"
# What the reading of prices calls its options, as flags.
FLAGS = {
    "allow_gaps": "--allow-gaps",
    "decimal_comma": "--decimal-comma",
    "raw_prices": "--raw-prices",
    "skip_null_rows": "--skip-null-rows",
    "time_zone": "--time-zone",
    "tolerate_closes": "--tolerate-out-of-range-closes",
}


class Command(BaseCommand):
    help = "Replay recorded prices through goals, next to a baseline at factor 1.0."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--prices",
            nargs="+",
            required=True,
            metavar="FILE|NAME",
            help=f"CSV files of OHLCV bars, or names: {', '.join(BUILT_IN_NAMES)}.",
        )
        parser.add_argument(
            "--goal",
            type=read_goal,
            metavar="TYPE:TARGET",
            help=f"The recurring goal (default {DEFAULT_GOAL}).",
        )
        policies = [str(policy) for policy in PolicyName]
        parser.add_argument(
            "--policy", choices=policies, default=str(PolicyName.LADDER)
        )
        parser.add_argument("--from", dest="first", type=read_day, metavar="DATE")
        parser.add_argument("--to", dest="last", type=read_day, metavar="DATE")
        parser.add_argument(
            "--opening-balance",
            type=read_decimal,
            help="default 10000; with --preset the challenge's account",
        )
        parser.add_argument(
            "--preset",
            choices=PRESETS,
            metavar="NAME",
            help="Replay a firm's challenge in place of --goal: its target, conditions "
            f"and limits, until it is passed or failed. One of {', '.join(PRESETS)}.",
        )
        parser.add_argument(
            "--phase", type=int, default=1, help="Which phase of the preset."
        )
        parser.add_argument(
            "--base-size-pct",
            type=read_decimal,
            default=ReplaySettings().base_size_pct,
            help="Base size in percent of equity, before the goal's factor.",
        )
        parser.add_argument(
            "--resume-after-days",
            type=int,
            metavar="DAYS",
            help="Days after a halt that lasts (the hard drawdown, a daily loss that "
            "fails) until trading is resumed; default: never.",
        )
        parser.add_argument(
            "--set",
            dest="portfolio_settings",
            action="append",
            default=[],
            type=read_setting,
            metavar="NAME=VALUE",
            help="A limit or another setting of the portfolios, as in the API: "
            "hard_drawdown_pct=10, drawdown_mode=static, daily_loss_limit_pct=4, "
            "max_trades_per_day=2, … (none is off); once for each.",
        )
        parser.add_argument("--fee-bps", type=read_decimal, default=Costs().fee_bps)
        parser.add_argument(
            "--slippage-bps", type=read_decimal, default=Costs().slippage_bps
        )
        parser.add_argument(
            "--allow-gaps", action="store_true", help="Take files with missing bars."
        )
        parser.add_argument(
            "--skip-null-rows",
            action="store_true",
            help="Skip rows without a price (empty, null, NaN).",
        )
        parser.add_argument(
            "--tolerate-out-of-range-closes",
            action="store_true",
            help="Widen low and high to opens and closes outside them; reports how "
            "many rows and by how much.",
        )
        parser.add_argument(
            "--decimal-comma",
            action="store_true",
            help="Read 1,234 as 1.234 where no price of the file shows which it is.",
        )
        parser.add_argument(
            "--time-zone",
            type=read_time_zone,
            metavar="ZONE",
            help="Whose days the bars are, such as America/New_York, and the zone of "
            "times without an offset (default: the file's one offset of whole hours, "
            "or UTC).",
        )
        parser.add_argument(
            "--raw-prices", action="store_true", help="Ignore an Adj Close column."
        )
        parser.add_argument(
            "--user",
            default=DEFAULT_USER,
            help=f"Whose portfolios, an existing user (default {DEFAULT_USER}, created "
            "if missing).",
        )
        parser.add_argument("--page", type=Path, help="Where the HTML report goes.")

    def handle(self, *args: Any, **options: Any) -> None:
        console = open_console()
        now = timezone.now()
        try:
            question = read_question(options)
        except (DomainError, ValueError) as error:
            raise CommandError(str(error)) from error
        try:
            question.validate()
            check_page(options["page"])
            prices = [read_prices(name, options) for name in options["prices"]]
            for series in prices:
                for note in series.notes:
                    console.print(f"{series.symbol}: {by_flags(note)}")
            runs = replay_all(
                user=find_or_make_user(options["user"]),
                question=question,
                prices=prices,
                now=now,
                command=self.command(),
            )
        except InvalidInput as error:
            raise CommandError(f"{error}{_hint_of(error, question)}") from error
        except BarsError as error:
            raise CommandError(by_flags(str(error))) from error
        except (DomainError, ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                "Nothing of the unfinished replay is stored."
            ) from None
        page = options["page"] or reports_directory() / f"replay-{runs[0].pk}.html"
        show_runs(console=console, runs=runs, page=page)

    def command(self) -> str:
        """As it was typed; empty where another program called."""
        if not getattr(self, "_called_from_command_line", False):
            return ""
        return shlex.join(["python", "manage.py", *sys.argv[1:]])


def by_flags(said: str) -> str:
    """What is said of a file of prices, with the options of its reading as flags."""
    return re.sub(rf"\b({'|'.join(FLAGS)})\b", lambda name: FLAGS[name[0]], said)


def _hint_of(error: InvalidInput, question: ReplayQuestion) -> str:
    """How to set what was refused, where nobody had set it."""
    is_setting = error.field in REPLAYED_SETTINGS
    if not is_setting or error.field in dict(question.portfolio_settings):
        return ""
    return f" Add --set {error.field}=…"


def _once_each(given: list[tuple[str, Any]]) -> dict[str, Any]:
    """What each `--set` gives, by its name."""
    names = [name for name, _ in given]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"--set {name} is given more than once: give it once.")
    return dict(given)


def read_question(options: dict[str, Any]) -> ReplayQuestion:
    given = tuple(sorted(_once_each(options["portfolio_settings"]).items()))
    asked: dict[str, Any] = {
        "policy": PolicyName(options["policy"]),
        "costs": Costs(options["fee_bps"], options["slippage_bps"]),
        "settings": ReplaySettings(
            base_size_pct=options["base_size_pct"],
            resume_after_days=options["resume_after_days"],
        ),
    }
    if options["opening_balance"] is not None:
        asked["opening_balance"] = options["opening_balance"]
    if options["preset"]:
        if options["goal"] is not None:
            raise InvalidInput("goal", "--goal does not go with --preset.")
        name, phase = options["preset"], options["phase"]
        return ReplayQuestion.of_preset(name, phase, given, **asked)
    goal_type, target_value = options["goal"] or read_goal(DEFAULT_GOAL)
    return ReplayQuestion(
        goal_type=goal_type,
        target_value=target_value,
        portfolio_settings=given,
        **asked,
    )


def read_prices(name: str, options: dict[str, Any]) -> PriceSeries:
    """The series, cut to the dates asked for."""
    return load_between(
        name,
        ReadingOptions(
            adjust=not options["raw_prices"],
            allow_gaps=options["allow_gaps"],
            skip_null_rows=options["skip_null_rows"],
            tolerate_closes=options["tolerate_out_of_range_closes"],
            decimal_comma=options["decimal_comma"],
            time_zone=options["time_zone"],
        ),
        options["first"],
        options["last"],
        timezone.now(),
    )


def check_page(page: Path | None) -> None:
    """Refuse a place no page can be written to before the work, not after it."""
    if page is None:
        return
    if page.is_dir():
        raise CommandError(f"--page {page} is a directory; name a file.")
    page.parent.mkdir(parents=True, exist_ok=True)


def find_or_make_user(username: str) -> User:
    """The user named, who must exist; the replays' own is made on first use.

    It cannot sign in until somebody sets a password.
    """
    found = User.objects.filter(username=username).first()
    if found is None and username != DEFAULT_USER:
        raise CommandError(
            f"There is no user {username}. Create one in the admin, or leave out "
            "--user."
        )
    return found or User.objects.create_user(username)


def read_goal(text: str) -> tuple[GoalType, Decimal]:
    name, _, target = text.partition(":")
    try:
        return GoalType(name), Decimal(target)
    except (ValueError, InvalidOperation):
        types = [str(kind) for kind in GoalType if kind.calendar]
        hint = "" if name in types else did_you_mean(name, types)
        raise ArgumentTypeError(
            f"{text!r} is not a goal; write TYPE:TARGET, such as {DEFAULT_GOAL}, with "
            f"one of {', '.join(types)}.{hint}"
        ) from None


def read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a date; write 2008-01-01") from None


def read_time_zone(text: str) -> str:
    try:
        require_time_zone(text)
    except InvalidInput as error:
        raise ArgumentTypeError(error.detail) from None
    return text


def read_decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ArgumentTypeError(f"{text!r} is not a number, such as 2.5") from None
    if not number.is_finite():
        raise ArgumentTypeError(f"{text!r} is not a number")
    return number
