"""What a firm's challenge comes to with the trades one makes: is it worth its fee?"""

from argparse import ArgumentTypeError
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from goals.decisions.trade_record import FEWEST_TRADES
from goals.enums import PortfolioKind
from goals.models import User
from goals.projection.challenge_rules import (
    MOST_DAYS,
    MOST_TRADES_PER_DAY,
    BadArgument,
)
from goals.projection.comparison_cases import BASE_RISK, CASES, find_case
from goals.projection.edge import Edge, estimate_edge
from goals.projection.odds import Trial, measure_odds
from goals.projection.outcomes import Outcomes, take_outcomes
from goals.projection.presets import PRESETS, Phase, Preset, find_preset
from goals.projection.types import Floats
from goals.services.portfolios import create_portfolio
from mastertrade.progress_line import ProgressLine, show_progress
from mastertrade.terminal import open_console, printable
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.messages import counted
from mastertrade.values.money import HUNDRED
from strategies.services import create_strategy
from trades.importing.formats import FORMAT_NAMES
from trades.importing.formats.mapped import MAPPED
from trades.importing.import_trades import import_trades
from trades.importing.options import ImportOptions
from trades.management.challenges import Evidence, PhaseOdds, show
from trades.management.commands.compare_policies import check_plot
from trades.management.commands.replay import read_decimal
from trades.sizing_calls.records import load_growths

DEFAULT_DAYS = 30
WEEK, WORK_WEEK = 7, 5
# Trades a day of a case.
CASE_TRADES = 2
# Who holds the trades of a file while they are read; rolled back with them.
READER, STRATEGY = "challenge reader", "of_the_file"
OPTIONS = {
    "days": "days",
    "trades_per_day": "trades-per-day",
    "base_risk": "risk",
    "opening_balance": "equity",
    "file": "trades",
}
# By a mapping of columns only a user's own files are read.
READABLE = [name for name in FORMAT_NAMES if name != MAPPED.name]


class Command(BaseCommand):
    help = (
        "How often a firm's challenge is passed with trades as in FILE or a case, by "
        f"policy. NAME: {', '.join(PRESETS)}. Stores nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("preset", choices=PRESETS, metavar="NAME")
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument(
            "--trades", type=Path, metavar="FILE", help="a file of closed trades"
        )
        source.add_argument(
            "--case",
            metavar="CASE",
            help=f'"2R/-1R, edge 0.08", or one of {", ".join(CASES)}',
        )
        parser.add_argument("--format", choices=READABLE, default="mastertrade-csv")
        parser.add_argument(
            "--strategy",
            action="append",
            metavar="ID",
            help="a strategy that rows of FILE name; once for each",
        )
        parser.add_argument(
            "--equity",
            type=read_decimal,
            metavar="MONEY",
            help="what FILE's trades were made with (default: the challenge's account)",
        )
        parser.add_argument(
            "--risk",
            type=float,
            metavar="PCT",
            help=f"1 R of a case in percent of equity (default {BASE_RISK * 100:g})",
        )
        parser.add_argument(
            "--days",
            type=int,
            help=f"trading days (default: the firm's limit, or {DEFAULT_DAYS})",
        )
        parser.add_argument(
            "--trades-per-day",
            type=int,
            help=f"default: FILE's, on days with a trade; of a case {CASE_TRADES}",
        )
        parser.add_argument("--phase", type=int, help="one phase only")
        parser.add_argument("--fee", type=read_money, metavar="MONEY")
        parser.add_argument(
            "--payout",
            type=read_money,
            metavar="MONEY",
            help="what a passed account brings, by your own estimate; needs --fee",
        )
        parser.add_argument(
            "--plot", type=Path, metavar="FILE", help="draw to FILE.svg or FILE.png"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        check_plot(options["plot"])
        try:
            preset = find_preset(options["preset"])
            number = options["phase"]
            found = None if number is None else [preset.phase(number)]
            refuse_misfits(options)
            evidence, outcomes, per_day = read_source(preset, options)
            with show_progress(f"working out {options['preset']}") as line:
                phases = [
                    measure_phase(
                        preset, phase, evidence, outcomes, per_day, options, line
                    )
                    for phase in (preset.phases if found is None else found)
                ]
        except BadArgument as bad:
            name = OPTIONS.get(bad.name, bad.name)
            raise CommandError(str(bad).replace(bad.name, f"--{name}", 1)) from bad
        except InvalidInput as bad:
            name = OPTIONS.get(bad.field, bad.field)
            raise CommandError(printable(f"--{name}: {bad.detail}")) from bad
        except (DomainError, OSError) as error:
            raise CommandError(printable(str(error))) from error
        console = open_console()
        fee, payout = options["fee"], options["payout"]
        show(console, preset, evidence, phases, fee=fee, payout=payout)
        if options["plot"]:
            # Here, so that nothing but drawing loads matplotlib.
            from trades.management.challenges_plot import draw

            draw(phases, options["plot"])
            console.print(f"Drawn: {printable(str(options['plot']))}", soft_wrap=True)


def refuse_misfits(options: dict[str, Any]) -> None:
    if options["payout"] is not None and options["fee"] is None:
        raise InvalidInput("payout", "needs --fee.")
    counts = (("days", MOST_DAYS), ("trades_per_day", MOST_TRADES_PER_DAY))
    for name, most in counts:
        if options[name] is not None and not 1 <= options[name] <= most:
            raise InvalidInput(
                name, f"must be from 1 to {most:,}; without it the default holds."
            )
    if options["equity"] is not None and options["equity"] <= 0:
        raise InvalidInput(
            "equity",
            "must be above 0: what the trades of FILE were made with; without it that "
            "is the challenge's account.",
        )
    misfits = ("risk",) if options["trades"] else ("equity", "strategy")
    for name in misfits:
        if options[name] is not None:
            raise InvalidInput(
                name, f"does not go with --{'trades' if options['trades'] else 'case'}."
            )


def read_source(
    preset: Preset, options: dict[str, Any]
) -> tuple[Evidence, Outcomes, int]:
    """What the trades are, their distribution, and how many there are on a day."""
    if options["case"]:
        case = find_case(options["case"])
        risk = BASE_RISK if options["risk"] is None else options["risk"] / 100
        outcomes = case.at_risk(risk)
        mean = float(outcomes.base_risk * (outcomes.values @ outcomes.probabilities))
        words = f"{case.meaning}, taken as true; 1 R is {risk * 100:g} % of equity"
        per_day = options["trades_per_day"]
        return Evidence(words, mean, None), outcomes, per_day or CASE_TRADES
    equity = options["equity"] or preset.opening_balance
    growths, per_day = read_file(preset, equity, options)
    edge = estimate_edge(growths)
    if edge is None:
        raise InvalidInput(
            "trades",
            f"{options['trades'].name} has {len(growths)} closed trades; below "
            f"{FEWEST_TRADES} there is no figure.",
        )
    words = (
        f"{len(growths)} closed trades of {options['trades'].name}, "
        f"{edge.bounds.mean * 100:+.3f} % of {equity:,f} each, shrunk to "
        f"{edge.shrunk_mean * 100:+.3f} %"
    )
    outcomes = take_outcomes(list(edge.growths), list(edge.probabilities), 1.0)
    per_day = options["trades_per_day"] or per_day
    return Evidence(printable(words), edge.shrunk_mean, edge), outcomes, per_day


def read_file(
    preset: Preset, equity: Decimal, options: dict[str, Any]
) -> tuple[Floats, int]:
    """The growths of a file's trades, and their mean number on a day that has one.

    They are imported as any file, into a portfolio that is rolled back with them.
    """
    path: Path = options["trades"]
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "is no file that can be read"
        raise InvalidInput("trades", f"{path} {what}; give a file of closed trades.")
    now, strategies = timezone.now(), options["strategy"] or [STRATEGY]
    with transaction.atomic():
        user = User.objects.create_user(f"{READER} {now.timestamp()}")
        portfolio = create_portfolio(
            user=user,
            name="read",
            now=now,
            kind=PortfolioKind.SIMULATION,
            currency=preset.currency,
            opening_balance=equity,
        )
        for strategy_id in strategies:
            create_strategy(
                user=user,
                strategy_id=strategy_id,
                strategy_name=strategy_id,
                strategy_type="other",
                now=now,
            )
        with path.open("rb") as source:
            report = import_trades(
                user=user,
                source=source,
                file_name=path.name,
                format_name=options["format"],
                now=now,
                portfolio=portfolio.portfolio_id,
                options=ImportOptions(
                    strategy_id=strategies[0], quote_currency=preset.currency
                ),
            )
        if report.refused:
            first = report.refusals[0]
            raise InvalidInput(
                "trades",
                f"{counted(report.refused, 'row')} refused; line {first.line}, "
                f"{first.column}: {first.reason}",
            )
        growths = load_growths(portfolio, now)
        days = portfolio.trades.values_list("entry_time__date").distinct().count()
        transaction.set_rollback(True)
    return growths, max(round(len(growths) / max(days, 1)), 1)


def measure_phase(
    preset: Preset,
    phase: Phase,
    evidence: Evidence,
    outcomes: Outcomes,
    per_day: int,
    options: dict[str, Any],
    line: ProgressLine,
) -> PhaseOdds:
    days = options["days"]
    if days is None:
        days = preset.days * WORK_WEEK // WEEK if preset.days else DEFAULT_DAYS
    if per_day > MOST_TRADES_PER_DAY:  # of a file
        raise InvalidInput(
            "trades_per_day",
            f"the file has {per_day:,} on a day, and {MOST_TRADES_PER_DAY:,} is the "
            "most; set fewer.",
        )
    highest = float(preset.max_factor)
    trial = Trial(
        outcomes=outcomes,
        rules=preset.rules(phase),
        goal_return=float(phase.target_pct / HUNDRED),
        days=days,
        trades_per_day=per_day,
        min_factor=float(preset.min_factor),
        max_factor=highest if evidence.allows_more else min(highest, 1.0),
    )

    def step(name: str) -> None:
        line.words = f"{phase.name}: {name}"

    rows, solved = measure_odds(trial, step)
    low = high = None
    if evidence.edge is not None:
        step("the bounds of the mean")
        bounds = evidence.edge.bounds
        low, high = (
            trial.evaluate(solved, _tilted(evidence.edge, float(mean))).probability
            for mean in (bounds.lower, bounds.upper)
        )
    return PhaseOdds(phase, trial, rows, low, high)


def _tilted(edge: Edge, mean: float) -> Outcomes:
    values, weights = edge.tilted(mean)
    return take_outcomes(values, weights, 1.0)


def read_money(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not an amount, such as 150") from None
    if not 0 <= amount < 1e12:
        raise ArgumentTypeError(f"{text!r} must be from 0 to 1e12")
    return amount
