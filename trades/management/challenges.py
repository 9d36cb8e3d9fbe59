"""What `challenge` prints: tables, and in words what they rest on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from goals.projection.edge import Edge
from goals.projection.odds import Odds, Trial, best_constant
from goals.projection.presets import Phase, Preset
from trades.management.comparing import share
from trades.replay.wording import NOTHING

# A mean growth nearer to 0 is none: binary fractions are.
NO_EDGE = 1e-12


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the trades are: in words, and whether a factor above 1 is allowed.

    `edge` is None for a constructed case, whose distribution is taken as true.
    """

    words: str
    mean: float
    edge: Edge | None

    @property
    def allows_more(self) -> bool:
        """Whether they speak for an edge, by the guard's own bound of a record."""
        return self.mean > NO_EDGE and (self.edge is None or self.edge.allows_more)


@dataclass(frozen=True, slots=True)
class PhaseOdds:
    """One phase with its rows; `low` and `high` are P(pass) of the solved policy at
    the 80 % bounds of the mean growth, None for a constructed case."""

    phase: Phase
    trial: Trial
    rows: tuple[Odds, ...]
    low: float | None
    high: float | None

    @property
    def solved(self) -> Odds:
        return self.rows[-1]

    @property
    def best(self) -> Odds:
        """The row that passes most often; of equals the solved policy."""
        return max((self.solved, *self.rows), key=lambda row: row.probability)


def show(
    console: Console,
    preset: Preset,
    evidence: Evidence,
    phases: Sequence[PhaseOdds],
    *,
    fee: float | None,
    payout: float | None,
) -> None:
    """Print all of it, in 80 columns."""
    console.print(Text(preset.name, "bold"))
    for line in describe(preset, evidence, phases[0].trial):
        console.print(line, highlight=False)
    for one in phases:
        console.print()
        console.print(Text.assemble((one.phase.name, "bold"), f": {_asks(one)}"))
        console.print(_table(one))
        for sentence in explain(one):
            console.print(f"• {sentence}", highlight=False)
    console.print()
    for sentence in conclude(preset, evidence, phases, fee, payout):
        console.print(f"• {sentence}", highlight=False)


def describe(preset: Preset, evidence: Evidence, trial: Trial) -> Iterator[str]:
    """Whose rules, which trades, and for how long."""
    yield f"The rules of {preset.firm}, read on {preset.read_on}. {preset.notice}"
    yield preset.source
    yield f"Trades: {evidence.words}."
    a_day = trial.trades_per_day
    trades = f"{a_day} trade{'s' * (a_day != 1)}"
    limit = "the firm sets no limit" if preset.days is None else "the firm's limit"
    yield (
        f"{trial.days} trading days ({limit}) of {trades}; "
        f"factors {trial.min_factor:g} … {trial.max_factor:g} of the base risk."
    )
    if trial.rules.headroom_share is not None:
        yield (
            f"Each size is lowered so that a trade risks at most "
            f"{trial.rules.headroom_share * 100:g} % of what is left to the floor."
        )


def _asks(one: PhaseOdds) -> str:
    rules = one.trial.rules
    words = f"+{one.trial.goal_return * 100:g} %"
    if one.phase.min_trading_days:
        words += f", at least {one.phase.min_trading_days} trading days"
    mode = rules.drawdown_mode.replace("_", " ")
    words += f", {mode} floor {rules.hard_drawdown * 100:g} % below"
    if rules.daily_loss is not None:
        words += f", {rules.daily_loss * 100:g} % a day"
    return words


def _table(one: PhaseOdds) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    heads = ("policy", "P(pass)", "P(breach)", "unfinished", "days 10/50/90 %")
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left", no_wrap=True)
    for row in one.rows:
        days = NOTHING if row.days is None else " / ".join(str(day) for day in row.days)
        table.add_row(
            row.name,
            share(row.probability),
            share(row.breach_probability),
            share(row.unfinished),
            days,
        )
    return table


def explain(one: PhaseOdds) -> Iterator[str]:
    """What the rows say of each other, and what the solver does not know."""
    best, solved = best_constant(one.rows), one.solved
    gain = (solved.probability - best.probability) * 100
    yield (
        f"The solved policy passes in {share(solved.probability)}, the best constant "
        f"size ({best.name.split()[-1]}) in {share(best.probability)}: {gain:+.1f} "
        "points."
    )
    if one.best is not solved:
        yield f"Of all rows {one.best.name} passes most often."
    if one.low is not None and one.high is not None:
        yield (
            f"With the mean growth at its lower and upper 80 % bound the solved policy "
            f"passes in {share(one.low)} and {share(one.high)}."
        )
    if one.phase.best_day_max_pct is not None:
        yield (
            f"The best-day rule ({one.phase.best_day_max_pct:f} %) is not solved: each "
            "P(pass) is an upper bound."
        )


def conclude(
    preset: Preset,
    evidence: Evidence,
    phases: Sequence[PhaseOdds],
    fee: float | None,
    payout: float | None,
) -> Iterator[str]:
    """All phases, the fee, and whether the trades speak for it at all."""
    passing = prod(one.best.probability for one in phases)
    lows = [one.low for one in phases if one.low is not None]
    low = prod(lows) if lows else None
    if len(phases) > 1:
        yield f"All phases, each by its best row, independently: {share(passing)}."
    yield (
        "The solver knows closes only, and the firm tests open profit: each P(breach) "
        "is a lower bound."
    )
    yield "Trades are taken as independent and alike; streaks cost more."
    yield from _judge_fee(passing, low, fee, payout)
    if not evidence.allows_more:
        yield (
            "These trades show no edge. A larger P(pass) then only spends the firm's "
            "money and your fee: it is no reason to trade, and the edge guard stays "
            "(no factor above 1). Do not buy it."
        )


def _judge_fee(
    passing: float, low: float | None, fee: float | None, payout: float | None
) -> Iterator[str]:
    if fee is None:
        return
    if payout is None:
        needed = "no payout" if passing == 0 else f"a payout of {fee / passing:,.2f}"
        yield (
            f"A fee of {fee:,.2f} is worth it from {needed} on for a passed account, "
            "on average."
        )
        return
    worth = passing * payout - fee
    yield (
        f"Expected value of one fee: {share(passing)} of {payout:,.2f}, less "
        f"{fee:,.2f}, is {worth:+,.2f}. The payout of a passed account is your own "
        "estimate: nothing here says how often one pays, and resets and monthly fees "
        "are not counted."
    )
    if low is not None:
        yield (
            f"At the lower bound of the mean growth it is {low * payout - fee:+,.2f}."
        )
    if worth < 0:
        yield "It loses money on average: do not buy it."
