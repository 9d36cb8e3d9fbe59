"""Compare the policies by simulation: what each makes of the same luck."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from goals.decisions.policies import DEFAULT_MAX_FACTOR, DEFAULT_MIN_FACTOR
from goals.decisions.trade_record import FEWEST_TRADES
from goals.enums import AfterAchieved, EdgeGuard
from goals.projection.comparison import GuardKind, Question, compare
from goals.projection.comparison_cases import BASE_RISK, CASES
from goals.projection.outcomes import take_outcomes
from mastertrade.terminal import open_console
from mastertrade.values.exceptions import DomainError, InvalidInput
from trades.management.comparing import Comparison, as_json, markdown, show
from trades.management.importing import find_user, portfolio_of
from trades.services.comparisons import (
    DEFAULT_RECORD,
    World,
    world_of,
    world_of_case,
    world_of_record,
)
from trades.services.demo import find_demo
from trades.sizing_calls.records import load_growths

# Of the arguments of pure functions, the options they come from.
OPTIONS = {"goal_return": "goal", "stop_loss": "stop", "base_risk": "risk"}
OPTIONS |= {"trades_left": "trades"}
POLICIES = 4


class Command(BaseCommand):
    help = (
        "Simulate one goal with every policy, without and with the edge guard: how "
        "often it is reached, the final equity, the drawdown. Changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        _add_distribution(parser)
        _add_question(parser)
        parser.add_argument("--paths", type=int, default=100_000, metavar="N")
        parser.add_argument("--seed", type=int, default=1)
        shape = parser.add_mutually_exclusive_group()
        shape.add_argument("--json", action="store_true", help="ratios, for programs")
        shape.add_argument("--markdown", action="store_true", help="only the tables")
        parser.add_argument(
            "--plot", type=Path, metavar="FILE", help="draw to FILE.svg or FILE.png"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        check_plot(options["plot"])
        try:
            comparisons = _compare_all(_read_worlds(options), options)
        except InvalidInput as wrong:
            option = OPTIONS.get(wrong.field, wrong.field).replace("_", "-")
            raise CommandError(f"--{option}: {wrong.detail}") from None
        except DomainError as refused:
            raise CommandError(str(refused)) from None
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Nothing was written.") from None
        if options["json"]:
            self.stdout.write(json.dumps([as_json(one) for one in comparisons]))
        elif options["markdown"]:
            self.stdout.write("\n\n".join(_section(one) for one in comparisons))
        else:
            show(open_console(), comparisons)
        if options["plot"] is not None:
            _draw(comparisons, options["plot"])


def _add_distribution(parser: CommandParser) -> None:
    group = parser.add_argument_group("the distribution of outcomes, one of")
    group.add_argument("--user", help="the user's own closed trades, shrunk")
    group.add_argument(
        "--case", nargs="+", metavar="NAME", help=f"any of {', '.join(CASES)}"
    )
    group.add_argument("--outcomes", metavar="-1,2", help="in R; write --outcomes=-1,2")
    group.add_argument("--probabilities", metavar="0.6,0.4", help="of the outcomes")
    group.add_argument(
        "--risk",
        type=float,
        metavar="PCT",
        help=f"1 R in percent of equity, factor 1 (default {BASE_RISK * 100:g})",
    )
    group.add_argument(
        "--portfolio",
        help="the user's, by key or name (default main, or the demo portfolio where "
        "main has no trades)",
    )
    group.add_argument(
        "--strategy", metavar="ID", help="the user's, in live portfolios"
    )


def _add_question(parser: CommandParser) -> None:
    parser.add_argument("--trades", type=int, default=40, help="until the deadline")
    parser.add_argument("--goal", type=float, default=5.0, metavar="PCT")
    parser.add_argument(
        "--stop", type=float, default=20.0, metavar="PCT", help="0: none"
    )
    parser.add_argument("--min-factor", type=float, default=float(DEFAULT_MIN_FACTOR))
    parser.add_argument("--max-factor", type=float, default=float(DEFAULT_MAX_FACTOR))
    parser.add_argument(
        "--after-achieved",
        choices=[str(one) for one in AfterAchieved],
        default="protect",
    )
    parser.add_argument(
        "--guard",
        choices=[str(one) for one in GuardKind],
        default=str(GuardKind.GROWING),
        help="growing: each path has a record of its own; fixed: decided once, of a "
        "case by its true edge, of a user by the record",
    )
    parser.add_argument(
        "--record",
        type=int,
        metavar="N",
        help=f"trades in a growing record at the start (default {DEFAULT_RECORD})",
    )
    parser.add_argument(
        "--edge-guard",
        choices=[str(one) for one in EdgeGuard],
        default=str(EdgeGuard.BENEFIT_OF_DOUBT),
        help=f"of a record below {FEWEST_TRADES} trades",
    )


def check_plot(path: Path | None) -> None:
    if path is None:
        return
    if path.suffix not in (".svg", ".png"):
        raise CommandError(f"--plot: {path} must end in .svg or .png.")
    if not path.parent.is_dir():
        raise CommandError(f"--plot: there is no directory {path.parent}.")


def _read_worlds(options: dict[str, Any]) -> list[World]:
    """The distributions asked for; an option that does not fit them is refused."""
    sources = ("user", "case", "outcomes")
    given = [name for name in sources if options[name] is not None]
    if len(given) != 1:
        raise CommandError("Give one of --user, --case and --outcomes.")
    misfits = {
        "user": ("probabilities", "risk", "record"),
        "case": ("probabilities", "portfolio", "strategy"),
        "outcomes": ("portfolio", "strategy"),
    }
    for name in misfits[given[0]]:
        if options[name] is not None:
            raise CommandError(f"--{name}: does not go with --{given[0]}.")
    if given == ["user"]:
        return [_world_of_user(options)]
    return list(_worlds_of_names(options))


def _worlds_of_names(options: dict[str, Any]) -> Iterator[World]:
    risk = BASE_RISK if options["risk"] is None else options["risk"] / 100
    count = DEFAULT_RECORD if options["record"] is None else options["record"]
    for name in options["case"] or ():
        yield world_of_case(name, risk, count)
    if options["outcomes"] is not None:
        if options["probabilities"] is None:
            raise InvalidInput("probabilities", "is needed with --outcomes.")
        values = _numbers(options, "outcomes")
        outcomes = take_outcomes(values, _numbers(options, "probabilities"), risk)
        yield world_of("outcomes", f"{options['outcomes']} R", outcomes, count)


def _world_of_user(options: dict[str, Any]) -> World:
    user, strategy = find_user(options["user"]), options["strategy"]
    portfolio = portfolio_of(user, options["portfolio"])
    now = timezone.now()
    if options["portfolio"] is None:
        growths = load_growths(portfolio, now, strategy_id=strategy)
        portfolio = portfolio if growths.size else find_demo(user) or portfolio
    name = strategy or f"{options['user']}, {portfolio.name}"
    if not portfolio.is_live:
        made = "replayed trades"
        if portfolio.finished_at is None:
            made = "trades of the demo at shifted prices, nobody's record"
        name += f" ({made})"
    try:
        return world_of_record(portfolio, strategy, now, name)
    except InvalidInput as few:
        field = "user" if strategy is None else "strategy"
        raise InvalidInput(field, few.detail) from few


def _numbers(options: dict[str, Any], name: str) -> list[float]:
    try:
        return [float(text) for text in options[name].split(",")]
    except ValueError:
        raise InvalidInput(
            name, f"{options[name]} is not a list such as 1,2."
        ) from None


def _compare_all(worlds: list[World], options: dict[str, Any]) -> list[Comparison]:
    console = open_console(stderr=True)
    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        tasks = [
            bar.add_task(one.name, total=2 * POLICIES * max(options["paths"], 1))
            for one in worlds
        ]
        return [
            Comparison(
                name=world.name,
                meaning=world.meaning,
                question=(question := _question_of(world, options)),
                results=compare(
                    question,
                    paths=options["paths"],
                    seed=options["seed"],
                    progress=lambda done, task=task: bar.advance(task, done),  # type: ignore[misc]
                ),
                paths=options["paths"],
                seed=options["seed"],
            )
            for world, task in zip(worlds, tasks, strict=True)
        ]


def _question_of(world: World, options: dict[str, Any]) -> Question:
    return Question(
        outcomes=world.outcomes,
        trades=options["trades"],
        goal_return=options["goal"] / 100,
        stop_loss=options["stop"] / 100 if options["stop"] else None,
        min_factor=options["min_factor"],
        max_factor=options["max_factor"],
        after_achieved=AfterAchieved(options["after_achieved"]),
        guard=GuardKind(options["guard"]),
        edge_guard=EdgeGuard(options["edge_guard"]),
        record=world.record,
        speaks_for_edge=world.speaks_for_edge,
    )


def _section(comparison: Comparison) -> str:
    return f"### {comparison.name}\n\n{markdown(comparison)}"


def _draw(comparisons: list[Comparison], path: Path) -> None:
    # Here, so that nothing but drawing loads matplotlib.
    from trades.management.comparing_plot import draw

    try:
        draw(comparisons, path)
    except OSError as failed:
        raise CommandError(f"--plot: {path}: {failed.strerror}.") from None
