"""What the pages say is what the code does: numbers, codes, names, links, diagrams."""

import argparse
import dataclasses
import importlib
import json
import pkgutil
import re
import subprocess
from collections.abc import Iterator
from dataclasses import astuple
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import Client
from rest_framework.generics import GenericAPIView

import goals
import mastertrade
import strategies
import trades
from goals.decisions.alerts import (
    MILESTONES_PCT,
    NEAR_PCT,
    REARM_GAP_PCT,
    REARM_PROBABILITY,
    REARM_WAY_PCT,
    REPEATED,
)
from goals.decisions.floor_reference import (
    GivenReference,
    adjust_reference,
    reference_in_money,
)
from goals.decisions.guards import GUARDS
from goals.decisions.limits import SETS_REFERENCE, FloorReference, Limits
from goals.decisions.policies import (
    AFTER_ACHIEVED_FACTORS,
    DEFAULT_MAX_FACTOR,
    DEFAULT_MIN_FACTOR,
    HIGHEST_FACTOR,
    LOWEST_FACTOR,
    PolicyName,
    ladder,
)
from goals.decisions.policies.base import PolicyInputs
from goals.decisions.progress import (
    AHEAD_GAP_PCT,
    AT_RISK_GAP_PCT,
    AT_RISK_PROBABILITY,
    BAND_FLOORS_PCT,
    LAGGING_GAP_PCT,
    PROGRESS_BOUND_PCT,
    describe_band,
    health_for,
)
from goals.decisions.size_request import BASES, LARGEST_BASE_SIZE
from goals.decisions.size_warnings import (
    CURRENT_MARKS_MINUTES,
    NEAR_FLOOR_LOSSES,
    STALE_MARKS_HOURS,
    WARNING_CODES,
)
from goals.decisions.trade_record import FEWEST_TRADES
from goals.enums import (
    AfterAchieved,
    AlertKind,
    DrawdownMode,
    DrawdownOf,
    FloorIn,
    GoalStatus,
    GoalType,
    Health,
    HistoryKind,
    Measure,
    ProgressBand,
    Verdict,
)
from goals.models import CashFlow, FinancialGoal, GoalAdjustmentLog, Portfolio
from goals.models.goals import HIGHEST_STOP_PENALTY
from goals.models.portfolios import LIMIT_KINDS
from goals.services import sign_ins
from goals.services.alert_texts import NOW
from goals.services.goals import CHANGEABLE, EARLIEST_DATE, LATEST_DATE, PRIORITIES
from goals.services.portfolio_settings import COUNTS, LARGEST_COUNT, SHARES, WORDS
from goals.services.rollover import MOST_IN_A_RUN, OLD_NEWS
from mastertrade.site.metrics import MEASURES
from mastertrade.test_runner import read_label
from mastertrade.values import money
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.validation import EARLIEST_YEAR
from mastertrade.web import connections
from mastertrade.web.metrics import DECISIONS, REQUESTS, SECONDS
from mastertrade.web.server import MOST_CONNECTIONS
from strategies.decisions.selection import (
    PROFILE_SHIFTS,
    STANCE_FOR_BAND,
    STANCE_SCORES,
    TYPE_POSTURES,
    measure_fit,
)
from strategies.enums import RiskProfile
from strategies.models import StrategyInstance
from trades.api.serializers.imports import ImportUploadSerializer
from trades.api.views.decisions import UNSIZED
from trades.decisions import obedience
from trades.enums import Side
from trades.importing.columns import BY_NAME
from trades.importing.formats import FORMAT_NAMES
from trades.jobs import JOBS
from trades.management.commands.import_trades import Command as ImportCommand
from trades.management.commands.replay import Command as ReplayCommand
from trades.models import Trade
from trades.replay.continuity import (
    LONGEST_DAILY_STEP,
    LONGEST_INTRADAY_STEP,
    LONGEST_STEP_INTERVALS,
)
from trades.replay.parsing import ROUNDING_TOLERANCE, ReadingOptions
from trades.replay.reading import MOST_BARS
from trades.replay.times import parse_stamp
from trades.services import own_performance

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])
RULES = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
IMPORTING = (ROOT / "docs" / "importing.md").read_text(encoding="utf-8")
PRICES = (ROOT / "docs" / "prices.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
DATABASE = (ROOT / "docs" / "database.md").read_text(encoding="utf-8")
# Runs inside freqtrade, with an environment of its own.
FREQTRADE_MIXIN = ROOT / "docs/integrations/freqtrade/mastertrade_sizing.py"
CODE = ("mastertrade", "goals", "strategies", "trades", "bench")

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
VARIABLE = re.compile(
    r"MASTERTRADE_[A-Z_]+|(?:TEST_|BENCH_)?DATABASE_URL|DATABASE_CONN_MAX_AGE"
)
# Processes set these for the ones they start; nobody else does.
NOT_FOR_PEOPLE = {"MASTERTRADE_SUPERVISED", "MASTERTRADE_TESTING"}

Row = list[str]


def section(page: str, heading: str) -> str:
    """The text below a heading, up to the next one of any level."""
    lines = without_code_blocks(page).splitlines()
    starts = [i for i, line in enumerate(lines) if line.lstrip("#").strip() == heading]
    starts = [i for i in starts if lines[i].startswith("#")]
    assert len(starts) == 1, f"{len(starts)} headings {heading!r}"
    text = []
    for line in lines[starts[0] + 1 :]:
        if line.startswith("#"):
            break
        text.append(line)
    return "\n".join(text)


def without_code_blocks(page: str) -> str:
    return re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)


def tables(page: str, heading: str) -> list[list[Row]]:
    """The rows of every table below a heading, without their headers."""
    found: list[list[Row]] = []
    previous = ""
    for line in section(page, heading).splitlines():
        if line.startswith("|") and not previous.startswith("|"):
            found.append([])
        if line.startswith("|"):
            cells = line.strip("|").split(" | ")
            found[-1].append([cell.strip(" |") for cell in cells])
        previous = line
    return [rows[2:] for rows in found]


def table(page: str, heading: str, index: int = 0) -> list[Row]:
    rows = tables(page, heading)[index]
    assert rows, f"the table below {heading!r} is empty"
    return rows


def word(cell: str) -> str:
    """What a cell names: `word` without its backticks."""
    return cell.strip("`")


def words_of_header(text: str) -> list[str]:
    """The heads of the first table's columns, without backticks."""
    header = next(line for line in text.splitlines() if line.startswith("|"))
    return [word(cell.strip()) for cell in header.strip("|").split("|")]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def numbers(cell: str) -> list[Decimal]:
    plain = cell.replace("\u2212", "-").replace("+", "").replace(",", "")
    return [Decimal(text) for text in NUMBER.findall(plain)]


def number(cell: str) -> Decimal:
    found = numbers(cell)
    assert len(found) == 1, f"{cell!r} holds {len(found)} numbers"
    return found[0]


def by_word(rows: list[Row]) -> dict[str, Row]:
    """The other cells by what the first one names; each only once."""
    named = {word(row[0]): row[1:] for row in rows}
    assert len(named) == len(rows)
    return named


def default_of(model: type, field: str) -> object:
    return model._meta.get_field(field).default


# --- docs/rules.md: goals -------------------------------------------------------------


def test_the_example_is_what_the_ladder_gives() -> None:
    for profit, value, progress, band, factor, size in table(RULES, "The rules", 1):
        percent = number(profit) / 1000 * 100
        assert number(value) == percent
        assert number(progress) == percent / 5 * 100
        assert number(factor) == ladder.TABLE.factor(number(progress))
        assert number(size) == 1000 * number(factor)
        assert ladder.LADDER_FACTORS[ProgressBand(word(band))] == number(factor)


def test_goal_types_and_their_measures() -> None:
    given = by_word(table(RULES, "Types"))
    assert list(given) == list(GoalType)
    for kind in GoalType:
        is_percent = kind.measures is Measure.RETURN
        assert given[kind][0] == ("percent" if is_percent else "money")
        end = "no deadline" if kind.calendar is None else f"the {kind.calendar}"
        assert given[kind][2].partition(" (")[0].endswith(end)


def test_dates_lie_in_their_range() -> None:
    text = section(RULES, "Period").replace("\n", " ")
    assert f"between {EARLIEST_DATE} and {LATEST_DATE}" in text
    assert f"at most {MOST_IN_A_RUN:,} of a portfolio in a run" in text
    assert f"before {EARLIEST_YEAR}" in section(RULES, "Time").replace("\n", " ")


def test_statuses_and_history_kinds_are_all_described() -> None:
    assert set(by_word(table(RULES, "Status"))) == set(GoalStatus)
    assert set(by_word(table(RULES, "History"))) == set(HistoryKind)


def test_settings_of_a_goal() -> None:
    given = by_word(table(RULES, "Settings of a goal"))
    assert set(given) == {"priority", "policy", "after_achieved", "recurring"}
    assert set(given) <= set(CHANGEABLE)
    default, allowed = given["priority"]
    assert number(default) == default_of(FinancialGoal, "priority")
    assert numbers(allowed) == [PRIORITIES[0], PRIORITIES[-1]]
    for name, values in (("policy", PolicyName), ("after_achieved", AfterAchieved)):
        default, allowed = given[name]
        assert word(default) == default_of(FinancialGoal, name)
        assert words(allowed) == [str(value) for value in values]
    assert default_of(FinancialGoal, "recurring") is (given["recurring"][0] != "no")


def test_progress_is_held_at_the_bound() -> None:
    text = section(RULES, "Progress")
    assert number(re.findall(r"±([\d,]+)", text)[0]) == PROGRESS_BOUND_PCT
    assert f"to {money.PERCENT[1]} places" in text


def test_bands() -> None:
    given = by_word(table(RULES, "Band"))
    assert list(given) == list(ProgressBand)
    floors = {band: numbers(cells[0])[0] for band, cells in given.items()}
    floors.pop(ProgressBand.BEHIND)
    assert floors == BAND_FLOORS_PCT
    assert {band: cells[0] for band, cells in given.items()} == {
        band: describe_band(band) for band in ProgressBand
    }


def test_health() -> None:
    given = by_word(table(RULES, "Health"))
    assert {name: numbers(cells[0]) for name, cells in given.items()} == {
        Health.AHEAD: [AHEAD_GAP_PCT],
        Health.ON_PACE: [LAGGING_GAP_PCT, AHEAD_GAP_PCT],
        Health.LAGGING: [AT_RISK_GAP_PCT, LAGGING_GAP_PCT],
        Health.AT_RISK: [AT_RISK_PROBABILITY * 100, AT_RISK_GAP_PCT],
        Health.UNREACHABLE: [],
    }
    # A gap on the edge belongs where the page says "or more" or "or less".
    for name, cells in given.items():
        for edge in re.findall(r"(\S+) or (?:more|less)", cells[0]):
            assert health_for(number(edge)) == name
    assert set(given) == set(Health)


# --- docs/rules.md: portfolios and sizing ---------------------------------------------


def test_every_kind_of_alert_with_its_thresholds() -> None:
    rows = by_word(table(RULES, "Alerts"))
    assert list(rows) == [str(kind) for kind in AlertKind]
    assert set(NOW) == set(AlertKind)
    assert numbers(rows["milestone"][1])[: len(MILESTONES_PCT)] == list(MILESTONES_PCT)
    again = {kind: numbers(row[2]) for kind, row in rows.items()}
    assert again["health_lagging"] == [LAGGING_GAP_PCT + REARM_GAP_PCT]
    assert again["health_at_risk"] == [
        AT_RISK_GAP_PCT + REARM_GAP_PCT,
        (AT_RISK_PROBABILITY + REARM_PROBABILITY) * 100,
    ]
    assert again["floor_near"] == [NEAR_PCT - REARM_WAY_PCT]
    assert again["drawdown_soft"] == [money.HUNDRED - REARM_WAY_PCT]
    assert number(rows["floor_near"][1]) == NEAR_PCT
    assert number(rows["daily_limit_near"][1]) == NEAR_PCT
    assert number(rows["marks_stale"][1]) == STALE_MARKS_HOURS
    assert number(rows["goal_missed"][1]) == OLD_NEWS.days
    critical = {kind for kind, row in rows.items() if row[0] == "critical"}
    assert critical == {str(kind) for kind in REPEATED}


def test_settings_of_a_portfolio() -> None:
    given = by_word(table(RULES, "Settings of a portfolio"))
    assert set(given) == {*LIMIT_KINDS, "max_position_pct", "edge_guard"}
    for name, (default, allowed, _) in given.items():
        field = Portfolio._meta.get_field(name)
        assert (default == "none") is field.null, name
        if name in WORDS:
            assert word(default) == field.default
            assert words(allowed) == [str(value) for value in WORDS[name]]
        elif name == "day_starts_at":
            assert time.fromisoformat(default) == field.default
        elif not field.null:
            assert number(default) == field.default
        if name in COUNTS:
            assert numbers(allowed) == [1, LARGEST_COUNT]
        elif name in SHARES and name != "soft_drawdown_pct":
            assert numbers(allowed) == [0, money.HUNDRED]


def test_what_sets_a_reference_is_described() -> None:
    text = section(RULES, "Limits")
    [line] = re.findall(r"- a change of (.*?):", text, flags=re.DOTALL)
    assert words(line) == list(SETS_REFERENCE)
    assert list(by_word(table(RULES, "Limits", 0))) == list(FloorIn)
    assert list(by_word(table(RULES, "Limits", 1))) == list(DrawdownMode)


def test_the_example_of_a_floor_is_what_the_reference_gives() -> None:
    limits = Limits(
        drawdown_mode=DrawdownMode.END_OF_DAY,
        drawdown_of=DrawdownOf.START,
        hard_drawdown_pct=Decimal(4),
        drawdown_locks_at=Decimal(1),
        floor_in=FloorIn.MONEY,
    )
    opening = FloorReference(None, Decimal(49600), Decimal(49600))
    for sent, *shown in tables(RULES, "Limits")[2]:
        fields = json.loads(word(sent))
        given = GivenReference(**{name: Decimal(one) for name, one in fields.items()})
        reference = adjust_reference(limits, opening, given, Decimal(1))
        found = reference_in_money(limits, reference, Decimal(1))
        assert [number(one) for one in shown] == list(astuple(found))


def test_the_portfolio_main() -> None:
    given = re.findall(r"`main` \((\w+), (\w+), opening balance (\d+)\)", RULES)
    fields = ("currency", "time_zone", "opening_balance")
    currency, time_zone, balance = (default_of(Portfolio, name) for name in fields)
    assert given == [(currency, time_zone, str(balance))]


def test_policies() -> None:
    text = section(RULES, "Policies")
    band_of_row, *tabled = words_of_header(text)
    assert band_of_row == "Band"
    given = by_word(table(RULES, "Policies"))
    assert {
        band: number(row[0]) for band, row in given.items()
    } == ladder.LADDER_FACTORS
    for band, cells in given.items():
        goal = PolicyInputs(
            progress_pct=BAND_FLOORS_PCT.get(ProgressBand(band), Decimal(0)),
            min_factor=LOWEST_FACTOR,
            max_factor=HIGHEST_FACTOR,
        )
        for policy, cell in zip(tabled, cells, strict=True):
            answer = PolicyName(policy).rule.ask(goal)
            assert answer is not None
            assert number(cell) == answer.factor
    for policy in set(PolicyName) - set(tabled):
        assert f"`{policy}` gives" in text


def test_after_the_goal_is_achieved() -> None:
    given = by_word(table(RULES, "After the goal is achieved"))
    assert {name: number(cells[0]) for name, cells in given.items()} == (
        AFTER_ACHIEVED_FACTORS
    )


def test_bounds() -> None:
    given = by_word(table(RULES, "Bounds"))
    assert {
        name: [number(cell) for cell in cells] for name, cells in given.items()
    } == {
        "min_factor": [DEFAULT_MIN_FACTOR, LOWEST_FACTOR, HIGHEST_FACTOR],
        "max_factor": [DEFAULT_MAX_FACTOR, LOWEST_FACTOR, HIGHEST_FACTOR],
        "stop_penalty": [1, 0, HIGHEST_STOP_PENALTY],
    }
    for name, cells in given.items():
        assert default_of(FinancialGoal, name) == number(cells[0])


def test_guards_in_their_order() -> None:
    given = [(number(row[0]), word(row[1])) for row in table(RULES, "Guards")]
    assert given == list(enumerate(GUARDS, start=1))


def test_rounding() -> None:
    text = section(RULES, "Rounding").replace("\n", " ")
    assert f"size is rounded down to {money.MONEY[1]} places" in text
    assert f"({money.PRICE[1]} places without one)" in text
    assert f"`adjustment_factor` is rounded down to {money.FACTOR[1]} places" in text
    largest = re.findall(r"at most ([\d,]+)\.", text)
    assert [number(text) for text in largest] == [LARGEST_BASE_SIZE]
    profit = section(RULES, "Trades").replace("\n", " ")
    assert f"rounded half to even to {money.MONEY[1]} places" in profit


def test_verdicts_and_sides() -> None:
    assert set(by_word(table(RULES, "Verdict"))) == set(Verdict)
    assert set(by_word(table(RULES, "Trades"))) == set(Side)


def test_warnings() -> None:
    assert tuple(by_word(table(RULES, "Warnings"))) == WARNING_CODES
    given = section(RULES, "Warnings")
    assert f"fewer than {FEWEST_TRADES} closed trades" in given
    assert f"older than {STALE_MARKS_HOURS} hours" in given
    assert f"older than {CURRENT_MARKS_MINUTES} minutes" in given
    assert f"less than {NEAR_FLOOR_LOSSES} average losing trades" in given


def test_base_sizes() -> None:
    assert tuple(by_word(table(RULES, "Base size"))) == BASES


# --- docs/rules.md: strategies --------------------------------------------------------


def test_stances() -> None:
    given = by_word(table(RULES, "Stance"))
    assert {band: word(cells[0]) for band, cells in given.items()} == STANCE_FOR_BAND
    for stance, score in given.values():
        assert number(score) == STANCE_SCORES[word(stance)]


def test_postures_and_shifts() -> None:
    types, profiles = (by_word(rows) for rows in tables(RULES, "Posture"))
    assert number(types.pop("any other")[0]) == 0
    assert {name: number(cells[0]) for name, cells in types.items()} == TYPE_POSTURES
    assert {name: number(cells[0]) for name, cells in profiles.items()} == (
        PROFILE_SHIFTS
    )
    assert set(profiles) == set(RiskProfile)


def test_how_trades_are_put_by_obedience() -> None:
    kinds = table(RULES, "Obedience")
    assert [word(row[0]) for row in kinds] == list(obedience.Sized)
    assert f"within {obedience.TOLERANCE * 100:.0f} %" in kinds[0][1]
    text = " ".join(section(RULES, "Obedience").split())
    days = obedience.FEWEST_DAYS
    assert f"fewer than {FEWEST_TRADES} trades or {days} days" in text
    assert f"at most {obedience.MOST_DRAWS:,} draws" in text
    assert f"the newest {own_performance.MOST_WALKED:,} trades" in text


def test_the_worst_fit_and_the_record() -> None:
    postures = [
        kind + shift
        for kind in (*TYPE_POSTURES.values(), Decimal(0))
        for shift in PROFILE_SHIFTS.values()
    ]
    worst = min(
        measure_fit(one, stance) for one in postures for stance in STANCE_SCORES
    )
    text = section(RULES, "Strategies")
    assert numbers(re.findall(r"worst possible is (\S+)", text)[0]) == [worst]
    given = re.findall(r"\*\*(\d+) closed\s+trades\*\*", section(RULES, "Ranking"))
    assert given == [str(FEWEST_TRADES)]


# --- docs/rules.md: numbers, pages, errors --------------------------------------------


def test_numeric_columns() -> None:
    columns = [
        money.MONEY,
        money.PRICE,
        money.PERCENT,
        money.FACTOR,
        money.UNIT_VALUE,
        money.UNITS,
    ]
    given = table(RULES, "Numbers")
    assert [word(row[1]) for row in given] == [
        f"numeric({digits},{places})" for digits, places in columns
    ]
    assert [number(row[2]) for row in given] == [
        money.upper_bound(column) for column in columns
    ]


def test_names_are_as_long_as_their_columns() -> None:
    fields = {
        "portfolio `name`": [(Portfolio, "name")],
        "currency": [
            (Portfolio, "currency"),
            (Trade, "quote_currency"),
            (Trade, "fee_currency"),
        ],
        "strategy_id": [
            (StrategyInstance, "strategy_id"),
            (Trade, "strategy_id"),
            (GoalAdjustmentLog, "strategy_id"),
        ],
        "strategy_name": [(StrategyInstance, "strategy_name")],
        "strategy_type": [(StrategyInstance, "strategy_type")],
        "symbol": [(Trade, "symbol"), (GoalAdjustmentLog, "symbol")],
        "external_id": [(Trade, "external_id"), (CashFlow, "external_id")],
        "request_id": [(GoalAdjustmentLog, "request_id")],
    }
    given = {word(row[0]): number(row[1]) for row in table(RULES, "Names")}
    given = {name if name in fields else f"{name}`": n for name, n in given.items()}
    assert set(given) == set(fields)
    for name, places in fields.items():
        for model, field in places:
            assert model._meta.get_field(field).max_length == given[name], (
                model,
                field,
            )


def test_pages() -> None:
    pages = GenericAPIView.pagination_class
    given = {row[0]: number(row[1]) for row in table(RULES, "Pages and rates", 0)}
    assert given == {
        "rows per page": pages.page_size,
        f"rows per page with `{pages.page_size_query_param}`": pages.max_page_size,
    }


def test_throttle_rates() -> None:
    source = (ROOT / "mastertrade" / "settings.py").read_text(encoding="utf-8")
    defaults = dict(re.findall(r'read_text\("(\w+_RATE)", "([^"]+)"\)', source))
    given = {word(row[2]): row[1] for row in table(RULES, "Pages and rates", 1)}
    assert given == defaults
    assert len(given) == len(settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"])
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert dict(re.findall(r"^#?(\w+_RATE)=(\S+)$", example, re.MULTILINE)) == defaults


def test_bodies_and_connections() -> None:
    limits = settings.BODY_LIMITS
    given = [number(row[1]) for row in table(RULES, "Bodies")]
    assert given == [limits[name] for name in ("anonymous", "signed_in", "upload")]
    in_words = numbers(section(RULES, "Bodies").partition("Each process")[2])
    assert in_words[:2] == [settings.BODIES_IN_FLIGHT, limits["signed_in"]]
    rows = [numbers(row[1]) for row in table(RULES, "Connections")]
    assert rows == [
        [MOST_CONNECTIONS],
        [settings.CONNECTIONS_PER_ADDRESS],
        [connections.HEAD_SECONDS],
        [connections.BODY_SECONDS, connections.SLOWEST_BODY],
        [connections.IDLE_SECONDS],
    ]
    most = numbers(section(RULES, "Tokens"))
    assert most == [settings.TOKENS_PER_USER] * 2


def test_passwords() -> None:
    wrong, every = tables(RULES, "Wrong passwords")
    given = [(number(row[1]), number(row[2])) for row in (*wrong, *every)]
    assert given == [
        (limit.tries, limit.seconds)
        for limit in (
            sign_ins.BY_ADDRESS,
            sign_ins.BY_NAME_AND_ADDRESS,
            sign_ins.BY_NAME,
            sign_ins.ALL_BY_ADDRESS,
            sign_ins.ALL_BY_NAME_AND_ADDRESS,
        )
    ]


def refusals(base: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    """Every refusal of the project, wherever it is defined."""
    for package in (mastertrade, goals, strategies, trades):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not {"tests", "migrations"} & set(module.name.split(".")):
                importlib.import_module(module.name)
    pending = base.__subclasses__()
    while pending:
        one = pending.pop()
        pending += one.__subclasses__()
        yield one


def test_every_code_is_documented_with_its_status_and_meaning() -> None:
    handle_exception = GenericAPIView().get_exception_handler()
    expected = {}
    for refusal in refusals():
        made = (
            refusal("field", "why") if refusal is InvalidInput else refusal("why")  # type: ignore[call-arg]
        )
        answer = handle_exception(made, {})
        assert answer is not None
        expected[refusal.code] = answer.status_code
    rows = table(RULES, "Codes")
    assert {word(row[1]): number(row[0]) for row in rows} == expected
    assert [word(row[1]) for row in rows] == sorted(
        expected, key=lambda code: (expected[code], code)
    )
    assert all(len(row[2].split()) >= 4 for row in rows)


def test_what_any_guard_refuses_is_in_the_description_of_sizing() -> None:
    of_guards = [
        refusal
        for refusal in refusals()
        if refusal.__module__.startswith("goals.decisions.guards.")
    ]
    assert len(of_guards) > 5
    assert set(of_guards) <= set(UNSIZED)


def test_codes_named_elsewhere_exist() -> None:
    codes = {refusal.code for refusal in refusals()}
    for page in PAGES:
        for code in re.findall(r"409\s+`(\w+)`", page.read_text(encoding="utf-8")):
            assert code in codes, f"{page.name}: {code}"


def test_headings_that_the_code_names_exist() -> None:
    named = [
        heading
        for file in source_files()
        for heading in re.findall(r'docs/rules\.md, "([^"]+)"', read(file))
    ]
    assert {"Band", "Health", "Sizing", "Strategies"} <= set(named)
    for heading in named:
        section(RULES, heading)


# --- environment, make, links ---------------------------------------------------------


def source_files() -> list[Path]:
    files = [
        file
        for package in CODE
        for file in (ROOT / package).rglob("*.py")
        if "tests" not in file.relative_to(ROOT).parts
    ]
    assert len(files) > len(CODE)
    return files


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def test_the_example_environment_names_every_variable() -> None:
    used = {name for file in source_files() for name in VARIABLE.findall(read(file))}
    example = set(VARIABLE.findall(read(ROOT / ".env.example")))
    assert used - NOT_FOR_PEOPLE == example
    assert used >= NOT_FOR_PEOPLE
    assert "(.env.example)" in read(ROOT / "README.md")
    lines = re.findall(r"^#?([A-Z_]+)=", read(ROOT / ".env.example"), re.MULTILINE)
    assert sorted(lines) == sorted(set(lines))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_variables_that_a_page_names_are_settings(page: Path) -> None:
    settings_of = (ROOT / ".env.example", FREQTRADE_MIXIN)
    known = {name for file in settings_of for name in VARIABLE.findall(read(file))}
    assert set(VARIABLE.findall(read(page))) <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_that_a_page_names_exist(page: Path) -> None:
    makefile = read(ROOT / "Makefile")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    for command in re.findall(r"(?:^|`)make ([^`#\n]+)", read(page), re.MULTILINE):
        wanted = {name for name in command.split() if "=" not in name}
        assert wanted <= targets, f"make {command}"


def test_the_parts_of_the_suite_that_the_readme_runs_exist() -> None:
    commands = r"^(?:pytest|python manage\.py test) (\S+)"
    parts = re.findall(commands, read(ROOT / "README.md"), re.MULTILINE)
    assert len(parts) == 3
    for part in map(read_label, parts):
        assert (ROOT / part).exists(), part


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = without_code_blocks(read(page))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            there = without_code_blocks(read(target))
            headings = re.findall(r"^#+ (.+)$", there, re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, link


# --- docs/prices.md -------------------------------------------------------------------


def test_every_option_for_price_files_is_documented() -> None:
    fields = {field.name for field in dataclasses.fields(ReadingOptions)}
    names = {"adjust": "raw_prices", "tolerate_closes": "tolerate_out_of_range_closes"}
    expected = {names.get(field, field) for field in fields}

    listed = [word(row[0]) for row in table(PRICES, "Options for files")]
    parser = ReplayCommand().create_parser("manage.py", "replay")
    known = {action.dest for action in parser._actions}

    assert {name.removeprefix("--").replace("-", "_") for name in listed} == expected
    assert expected <= known


def test_every_time_that_the_page_spells_is_read_and_no_other() -> None:
    for row in table(PRICES, "Times"):
        for text in words(row[0]):
            assert parse_stamp(text).wall.date() == date(2000, 3, 1), text
    for text in ("01/03/2000", "2000-03-01 14:30 EST"):
        with pytest.raises(ValueError, match="is not a time"):
            parse_stamp(text)


def test_the_bounds_of_price_files() -> None:
    text = " ".join(section(PRICES, "Options for files").split())
    rounding = (ROUNDING_TOLERANCE * 100).normalize()
    assert f"Up to {rounding} % is rounding" in text
    assert (
        f"more than {LONGEST_DAILY_STEP.days} days between daily bars, "
        f"{LONGEST_INTRADAY_STEP.days} days between shorter ones, "
        f"{LONGEST_STEP_INTERVALS} intervals"
    ) in text
    assert f"at most {MOST_BARS:,} bars" in section(PRICES, "Layouts")


# --- docs/importing.md ----------------------------------------------------------------


def test_every_format_is_documented() -> None:
    given = table(IMPORTING, "On the terminal", 0)
    (formats,) = (row[1] for row in given if row[0] == "`--format`")
    assert set(re.findall(r"`([a-z-]+)`", formats)) == set(FORMAT_NAMES)


def test_every_option_of_the_command_is_documented() -> None:
    parser = argparse.ArgumentParser()
    ImportCommand().add_arguments(parser)
    options = {name for action in parser._actions for name in action.option_strings}
    given = table(IMPORTING, "On the terminal", 0)
    named = {row[0].strip("`").partition(" ")[0] for row in given}
    assert named == {name for name in options if name not in {"-h", "--help"}}


def test_every_field_of_an_upload_is_documented() -> None:
    (given,) = re.findall(
        r"^The fields are (.+?)\(", IMPORTING, re.DOTALL | re.MULTILINE
    )
    assert re.findall("`([a-z_]+)`", given) == list(ImportUploadSerializer().fields)


def test_every_column_of_our_format_is_documented() -> None:
    given = " ".join(row[0] for row in table(IMPORTING, "Our format", 0))
    assert sorted(re.findall("`([a-z_]+)`", given)) == sorted(BY_NAME)


# --- docs/tour.md ---------------------------------------------------------------------

TOUR = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
TEMPLATES = ROOT / "mastertrade" / "site" / "templates" / "site"
HELP_UNDER_A_HEADING = re.compile(r"</h1><p>([^<{]+)</p>")


@pytest.mark.parametrize(
    "name", ["import", "strategies", "replays", "replay_form", "comparison_form"]
)
def test_the_help_on_a_page_is_the_words_of_the_tour(name: str) -> None:
    (help_text,) = HELP_UNDER_A_HEADING.findall(read(TEMPLATES / f"{name}.html"))
    assert help_text in " ".join(TOUR.split())


def test_the_pictures_of_the_tour_are_there_and_small() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TOUR)
    assert 5 <= len(pictures) <= 7
    for path in pictures:
        assert (ROOT / "docs" / path).stat().st_size < 120_000, path


# --- docs/architecture.md, docs/database.md -------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:mastertrade|goals|strategies|trades|docs)/[^`*]*)`", read(page)
    )
    for path in named:
        assert (ROOT / path).exists(), path


def test_functions_that_the_walks_name_are_in_their_files() -> None:
    steps = [
        row
        for heading in ("Closing a trade", "Sizing for a goal")
        for row in table(ARCHITECTURE, heading)
    ]
    for _, file, functions, _ in steps:
        defined = re.findall(r"^(?:def|class) (\w+)", read(ROOT / word(file)), re.M)
        assert set(words(functions)) <= set(defined), file


def diagram() -> str:
    found = re.findall(r"^```mermaid\nerDiagram\n(.*?)^```", DATABASE, re.M | re.S)
    assert len(found) == 1
    return str(found[0])


def our_tables() -> dict[str, dict[str, str]]:
    """The columns of our tables, with their types in PostgreSQL."""
    return {
        model._meta.db_table: {
            field.column: field.db_type(connection) or ""
            for field in model._meta.fields
        }
        for model in apps.get_models()
        if model._meta.app_label in {"goals", "strategies", "trades"}
    }


FOREIGN_KEYS = """
SELECT c.confrelid::regclass::text, c.conrelid::regclass::text,
       string_agg(a.attname, ', ' ORDER BY k.place),
       bool_and(a.attnotnull),
       EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid
               AND i.indisunique AND i.indpred IS NULL
               AND string_to_array(i.indkey::text, ' ')::smallint[] = c.conkey),
       pg_get_constraintdef(c.oid)
FROM pg_constraint c
CROSS JOIN unnest(c.conkey) WITH ORDINALITY AS k(attnum, place)
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
WHERE c.contype = 'f' AND c.conrelid::regclass::text = ANY(%s)
GROUP BY c.oid, c.confrelid, c.conrelid, c.conkey
"""


def foreign_keys() -> list[tuple[str, str, str, bool, bool, str]]:
    """Referred table, table, columns, whether needed, whether unique, ON DELETE."""
    with connection.cursor() as cursor:
        cursor.execute(FOREIGN_KEYS, [list(our_tables())])
        rows = cursor.fetchall()
    assert len(rows) > len(our_tables())
    return [(*row[:5], on_delete(row[5])) for row in rows]


def on_delete(definition: str) -> str:
    found = re.findall(
        r"ON DELETE ((?:CASCADE|RESTRICT|SET NULL)(?: \(\w+\))?)", definition
    )
    return str(found[0]) if found else "NO ACTION"


@pytest.mark.django_db
def test_the_diagram_has_every_foreign_key() -> None:
    line = re.compile(r'^ +(\w+) (\S+)--(\S+) (\w+) : "([^"]+)"$', re.MULTILINE)
    drawn = sorted(line.findall(diagram()))
    assert drawn == sorted(
        (to, "||" if needed else "|o", "o|" if unique else "o{", table, columns)
        for to, table, columns, needed, unique, _ in foreign_keys()
    )


@pytest.mark.django_db
def test_the_diagram_has_every_table_and_only_real_columns() -> None:
    entities = re.findall(r"^ +(\w+) \{\n(.*?)\}", diagram(), re.M | re.S)
    real = our_tables()
    assert sorted(name for name, _ in entities) == sorted(real)
    short = {"timestamp with time zone": "timestamptz"}
    for name, lines in entities:
        for kind, column, *_ in (line.split() for line in lines.strip().splitlines()):
            full = re.sub(r"\(.*\)", "", real[name][column])
            assert kind == short.get(full, full), f"{name}.{column} is {full}"


@pytest.mark.django_db
def test_what_a_delete_does() -> None:
    given = [
        (word(to), word(name), word(columns), effect)
        for name, columns, to, effect in table(DATABASE, "What a delete does")
    ]
    assert sorted(given) == sorted((*row[:3], row[5]) for row in foreign_keys())


def test_the_exactness_that_the_page_promises() -> None:
    assert f"context of {money.EXACT.prec} digits" in ARCHITECTURE


# --- docs/operations.md ---------------------------------------------------------------


def test_every_metric_is_documented_with_its_labels() -> None:
    counters = {f"{one._name}_total": one._labelnames for one in (REQUESTS, DECISIONS)}
    expected = {
        **counters,
        SECONDS._name: SECONDS._labelnames,
        **{measure.name: measure.labels for measure in MEASURES},
        "mastertrade_database_up": (),
    }
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    given = {
        word(row[0]): () if row[1] == "none" else tuple(row[1].split(", "))
        for row in table(text, "Health and metrics")
    }
    assert given == expected


OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
FAKE_PROGRAM = """#!/bin/sh
echo "${DATABASE_URL:-unset} ${0##*/} $*" >> calls
case "$*" in *mastertrade.database*) %s;; esac
"""


@pytest.mark.parametrize(
    ("server", "databases"),
    [
        (
            "echo 'postgresql:///mastertrade?host=/run'",
            {"postgresql:///tried?host=/run"},
        ),
        ("exit 1", set()),
        ("echo 'postgresql://db.example/trading'", set()),
    ],
    ids=["it runs", "it does not run", "a database of another name"],
)
def test_a_backup_is_tried_in_no_other_database_than_that_for_it(
    tmp_path: Path, server: str, databases: set[str]
) -> None:
    (commands,) = re.findall(
        r"```bash\n(\(\n.*?CREATE DATABASE.*?)```", OPERATIONS, re.S
    )
    for name in (".venv/bin/python", "bin/psql"):
        program = tmp_path / name
        program.parent.mkdir(parents=True)
        program.write_text(FAKE_PROGRAM % server)
        program.chmod(0o755)
    path = f"{tmp_path}/bin:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-c", commands], cwd=tmp_path, env={"PATH": path}, check=False
    )
    called = [line.split(" ", 1) for line in read(tmp_path / "calls").splitlines()]
    managed = {url for url, words in called if "manage.py" in words}
    assert managed == databases
    assert (done.returncode == 0) == bool(databases)
    assert bool(databases) == any("psql" in words for _, words in called)


def test_the_answer_of_readyz_that_the_page_shows(client: Client, db: None) -> None:
    (shown,) = re.findall(r'^{"status".*}$', OPERATIONS, re.MULTILINE)
    assert list(json.loads(shown)) == list(client.get("/readyz").json())


def test_the_architecture_says_what_is_due_by_the_clock() -> None:
    due = {name for name, job in JOBS.items() if job.every is not None}
    said = [word(row[0]) for row in table(ARCHITECTURE, "By the clock")]
    assert set(said) == due
