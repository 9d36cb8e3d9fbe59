"""The report: what it counts, how it judges, and what the reader sees."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from goals.decisions.policies import PolicyName
from goals.enums import GoalStatus, GoalType, ProgressBand, Verdict
from strategies.decisions.signals import SignalKind
from trades.enums import Side
from trades.replay.broker import Plan
from trades.replay.engine import replay
from trades.replay.halts import HaltSpan
from trades.replay.options import Costs, ReplaySettings, ReplayStrategy
from trades.replay.records import (
    BookedTrade,
    Decision,
    EquityPoint,
    ExitCause,
    ReplayResult,
)
from trades.replay.report import (
    CURVE_POINTS,
    Effect,
    GoalOutcome,
    InstrumentReport,
    PeriodOutcome,
    ReplayReport,
    build_report,
    compare_runs,
    max_drawdown_pct,
    summarise_run,
)
from trades.replay.storing import report_from_dict, report_to_dict
from trades.replay.wording import (
    figure,
    goal_words,
    halt_sentences,
    halt_words,
    percent,
    period_name,
    verdict_words,
)
from trades.tests.replay_broker import MemoryDesk, make_series

JANUARY = date(2020, 1, 1), date(2020, 1, 31)
FEBRUARY = date(2020, 2, 1), date(2020, 2, 29)


def at(day: int, month: int = 1) -> datetime:
    return datetime(2020, month, day, 23, 59, 59, tzinfo=UTC)


def make_plan(factor: str = "1.3", strategy: str = "m", blocked: bool = False) -> Plan:
    return Plan(
        strategy_id=strategy,
        quantity=Decimal(0 if blocked else 1),
        factor=Decimal(factor),
        band=ProgressBand.BEHIND,
        verdict=Verdict.BLOCK if blocked else Verdict.ALLOW,
        reason="",
    )


def make_decision(when: datetime, **plan) -> Decision:
    return Decision(when, Decimal(7500), ("m",), "", make_plan(**plan))


def make_trade(decision: Decision, closed_at: datetime, profit: int) -> BookedTrade:
    return BookedTrade(
        trade_id=1,
        decision=decision,
        side=Side.LONG,
        opened_at=decision.at + timedelta(seconds=1),
        entry_price=Decimal(100),
        closed_at=closed_at,
        exit_price=Decimal(101),
        fees=Decimal("1.5"),
        profit_loss=Decimal(profit),
        cause=ExitCause.SIGNAL,
        exit_reason="",
    )


def make_goal(span=JANUARY, status=GoalStatus.MISSED, progress: str = "50"):
    first, last = span
    return GoalOutcome(first, last, Decimal(5), Decimal(progress), status)


def make_points(*lives: int) -> tuple[EquityPoint, ...]:
    return tuple(
        EquityPoint(at(1) + timedelta(days=day), Decimal(live), Decimal(live))
        for day, live in enumerate(lives)
    )


def make_result(**changes) -> ReplayResult:
    result = ReplayResult(
        symbol="TEST",
        bars=3,
        opening_equity=Decimal(10_000),
        decisions=(),
        trades=(),
        equity=make_points(10_000, 10_000, 10_000),
        unfunded_signals=0,
    )
    return replace(result, **changes)


def summarise(goals=(), **changes):
    return summarise_run(PolicyName.LADDER, make_result(**changes), goals)


# Counting


def test_the_return_is_the_change_of_equity_in_percent():
    assert summarise(equity=make_points(10_000, 11_250)).return_pct == Decimal("12.5")


def test_the_drawdown_is_the_deepest_fall_from_the_peak_before():
    points = make_points(10_000, 12_000, 9_000, 13_000, 12_000)

    assert max_drawdown_pct(Decimal(10_000), points) == 25


def test_a_fall_below_the_opening_equity_counts():
    assert max_drawdown_pct(Decimal(10_000), make_points(9_000)) == 10


def test_open_periods_do_not_count_for_the_share_reached():
    goals = (
        make_goal(status=GoalStatus.ACHIEVED),
        make_goal(FEBRUARY),
        make_goal((date(2020, 3, 1), date(2020, 3, 31)), GoalStatus.ACTIVE),
    )

    run = summarise(goals)

    assert (run.periods_reached, run.periods_ended, run.reached_pct) == (1, 2, 50)


def test_without_an_ended_period_there_is_no_share():
    assert summarise((make_goal(status=GoalStatus.ACTIVE),)).reached_pct is None


def test_a_trade_counts_in_the_period_of_its_close():
    trade = make_trade(make_decision(at(20)), at(1, month=2), 10)

    run = summarise((make_goal(), make_goal(FEBRUARY)), trades=(trade,))

    assert [period.trades for period in run.periods] == [0, 1]


def test_a_decision_counts_in_the_period_it_was_taken_in():
    decisions = (make_decision(at(31)), make_decision(at(1, month=2), factor="0.7"))

    run = summarise((make_goal(), make_goal(FEBRUARY)), decisions=decisions)

    assert [period.factor_max for period in run.periods] == [
        Decimal("1.3"),
        Decimal("0.7"),
    ]


def test_the_factor_range_spans_the_decisions_that_traded():
    decisions = (
        make_decision(at(3), factor="1.3"),
        make_decision(at(4), factor="0.7"),
        make_decision(at(5), factor="0", blocked=True),
    )

    period = summarise((make_goal(),), decisions=decisions).periods[0]

    assert (period.factor_min, period.factor_max) == (Decimal("0.7"), Decimal("1.3"))
    assert period.blocked == 1


def test_strategies_are_named_once_in_order_of_use():
    decisions = tuple(
        make_decision(at(day), strategy=name) for day, name in enumerate("bab", start=3)
    )

    period = summarise((make_goal(),), decisions=decisions).periods[0]

    assert period.strategies == ("b", "a")


def test_wins_and_fees_come_from_the_booked_trades():
    decision = make_decision(at(3))
    trades = tuple(make_trade(decision, at(9), profit) for profit in (10, -5, 0, 3))

    run = summarise(trades=trades)

    assert (run.win_rate_pct, run.fees) == (50, 6)


def test_the_mean_factor_leaves_out_what_was_blocked():
    decisions = (
        make_decision(at(3), factor="1.3"),
        make_decision(at(4), factor="1"),
        make_decision(at(5), factor="0", blocked=True),
    )

    assert summarise(decisions=decisions).mean_factor == Decimal("1.15")


def test_a_run_without_trades_has_no_rates():
    run = summarise()

    assert (run.win_rate_pct, run.mean_factor) == (None, None)


def test_a_goal_without_a_deadline_holds_everything_after_its_start():
    goal = GoalOutcome(
        date(2020, 1, 1), None, Decimal(5), Decimal(0), GoalStatus.ACTIVE
    )

    assert goal.contains(at(1, month=12))
    assert not goal.contains(datetime(2019, 12, 31, tzinfo=UTC))


def test_a_long_curve_is_thinned_and_keeps_its_end():
    points = make_points(*range(10_000, 13_270))

    curve = summarise(equity=points).equity

    assert len(curve) <= CURVE_POINTS
    assert curve[-1].equity == 13_269


# Judging


def make_run(*, returned="10", fall="20", reached="30"):
    return replace(
        summarise(),
        return_pct=Decimal(returned),
        max_drawdown_pct=Decimal(fall),
        reached_pct=Decimal(reached),
    )


@pytest.mark.parametrize(
    ("changes", "effect"),
    [
        ({}, Effect.NONE),
        ({"returned": "10.04"}, Effect.NONE),  # not shown, so no difference
        ({"returned": "10.1"}, Effect.HELPED),
        ({"returned": "9.9"}, Effect.HURT),
        ({"fall": "19"}, Effect.HELPED),
        ({"fall": "21"}, Effect.HURT),
        ({"reached": "31"}, Effect.HELPED),
        ({"reached": "29"}, Effect.HURT),
        ({"returned": "12", "fall": "21"}, Effect.MIXED),
        ({"returned": "9", "reached": "31"}, Effect.MIXED),
    ],
)
def test_the_policy_is_judged_by_return_fall_and_goals(changes, effect):
    assert compare_runs(make_run(**changes), make_run()).effect is effect


def test_two_instruments_are_not_compared():
    other = make_result(symbol="OTHER")

    with pytest.raises(ValueError, match="the same instrument"):
        build_report(
            goal_type=GoalType.MONTHLY_RETURN,
            target_value=Decimal(5),
            policy=PolicyName.LADDER,
            policy_result=make_result(),
            policy_goals=(),
            constant_result=other,
            constant_goals=(),
        )


# A real report, shared: two years of random prices through the memory desk


def replayed(*, uses_ladder: bool):
    steps = np.random.default_rng(7).normal(0.001, 0.02, 500)
    series = make_series((100 * np.exp(np.cumsum(steps))).tolist(), "ACME & <Co>")
    strategies = [
        ReplayStrategy(f"{kind}_1", kind, {})
        for kind in (SignalKind.MOMENTUM, SignalKind.BREAKOUT)
    ]
    broker = MemoryDesk(uses_ladder=uses_ladder)
    result = replay(series, strategies, broker, Costs(), ReplaySettings())
    return result, broker.outcomes()


@pytest.fixture(scope="module")
def instrument() -> InstrumentReport:
    policy_result, policy_goals = replayed(uses_ladder=True)
    constant_result, constant_goals = replayed(uses_ladder=False)
    return build_report(
        goal_type=GoalType.MONTHLY_RETURN,
        target_value=Decimal(5),
        policy=PolicyName.LADDER,
        policy_result=policy_result,
        policy_goals=policy_goals,
        constant_result=constant_result,
        constant_goals=constant_goals,
    )


@pytest.fixture(scope="module")
def report(instrument) -> ReplayReport:
    return ReplayReport((instrument,))


def test_the_months_hold_all_trades(instrument):
    run = instrument.policy_run

    assert sum(period.trades for period in run.periods) == run.trades > 10


def test_the_last_month_is_open(instrument):
    outcomes = [period.outcome for period in instrument.policy_run.periods]

    assert outcomes[-1] is PeriodOutcome.OPEN
    assert PeriodOutcome.OPEN not in outcomes[:-1]


def test_the_twin_trades_at_factor_one(instrument):
    assert instrument.constant_run.mean_factor == 1


# Storing


def test_a_report_survives_json(report):
    stored = json.dumps(report_to_dict(report), allow_nan=False)

    assert report_from_dict(json.loads(stored)) == report


def test_decimals_are_stored_as_text(report):
    run = report_to_dict(report)["instruments"][0]["policy_run"]

    assert run["opening_equity"] == "10000"


def test_a_report_of_another_version_is_refused(report):
    stored = report_to_dict(report) | {"version": 99}

    with pytest.raises(ValueError, match="version 99 cannot be read"):
        report_from_dict(stored)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bars", "many"),
        ("target_value", "much"),
        ("goal_type", "daily"),
        ("bars", None),
    ],
)
def test_a_broken_report_is_refused(report, name, value):
    stored = report_to_dict(report)
    stored["instruments"][0][name] = value

    with pytest.raises(ValueError, match=r"broken|daily"):
        report_from_dict(stored)


def test_a_report_with_a_missing_field_is_refused(report):
    stored = report_to_dict(report)
    del stored["instruments"][0]["symbol"]

    with pytest.raises(ValueError, match="broken"):
        report_from_dict(stored)


# Words


@pytest.mark.parametrize(
    ("value", "shown"),
    [("-0.04", "0.0\u00a0%"), ("1234.56", "+1,234.6\u00a0%"), ("-3", "-3.0\u00a0%")],
)
def test_percentages_are_rounded_for_reading(value, shown):
    assert percent(Decimal(value), signed=True) == shown


def test_what_is_not_known_is_a_dash():
    assert figure(None) == "-"


@pytest.mark.parametrize(
    ("goal_type", "target", "words"),
    [
        (GoalType.DAILY_INCOME, "40", "40 income per day"),
        (GoalType.WEEKLY_RETURN, "1.25", "1.25 % return per week"),
        (GoalType.MONTHLY_RETURN, "5.000000", "5 % return per month"),
        (GoalType.QUARTERLY_INCOME, "4000", "4,000 income per quarter"),
        (GoalType.YEARLY_RETURN, "12.5", "12.5 % return per year"),
        (GoalType.PORTFOLIO_VALUE, "1000000", "a portfolio value of 1,000,000"),
    ],
)
def test_the_goal_is_said_in_words(instrument, goal_type, target, words):
    report = replace(instrument, goal_type=goal_type, target_value=Decimal(target))

    assert goal_words(report) == words


@pytest.mark.parametrize(
    ("goal_type", "name"),
    [
        (GoalType.DAILY_INCOME, "2012-12-31"),
        (GoalType.WEEKLY_RETURN, "2013-W01"),
        (GoalType.MONTHLY_RETURN, "2012-12"),
        (GoalType.QUARTERLY_RETURN, "2012 Q4"),
        (GoalType.YEARLY_INCOME, "2012"),
        (GoalType.PORTFOLIO_VALUE, "2012-12-31 to 2013-01-06"),
    ],
)
def test_a_period_is_named_by_its_place_in_the_calendar(instrument, goal_type, name):
    first = replace(
        instrument.policy_run.periods[0],
        start_date=date(2012, 12, 31),
        target_date=date(2013, 1, 6),
    )
    assert period_name(first, goal_type) == name


def test_the_verdict_says_what_was_better_and_what_worse(instrument):
    report = replace(
        instrument,
        policy_run=make_run(returned="12", fall="25"),
        constant_run=make_run(),
    )

    assert verdict_words(report).replace("\u00a0", " ") == (
        "One run says little; in this one ladder did better than the baseline in some "
        "respects and worse in others. "
        "Worse: max drawdown 25.0 % (20.0 %). "
        "Better: return +12.0 % (factor 1.0: +10.0 %). "
        "Same: months reached 0 of 0 (0)."
    )


def test_the_verdict_says_which_run_was_halted_and_when(instrument):
    began = datetime(2008, 10, 9, tzinfo=UTC)
    halted = replace(make_run(), halts=(HaltSpan(began, None),), days_halted=1545)
    report = replace(instrument, policy_run=halted, constant_run=make_run())

    assert halt_sentences(report) == [
        "Ladder: halted once at its hard drawdown (2008-10-09), not resumed until the "
        "prices end; 1,545 days halted in all."
    ]


def test_the_verdict_says_from_when_on_trading_was_resumed(instrument):
    def day(month, number):
        return datetime(2008, month, number, tzinfo=UTC)

    halts = (HaltSpan(day(1, 9), day(2, 8)), HaltSpan(day(10, 9), day(11, 10)))
    report = replace(
        instrument,
        policy_run=make_run(),
        constant_run=replace(
            make_run(), policy=PolicyName.CONSTANT, halts=halts, days_halted=62
        ),
    )

    assert halt_sentences(report) == [
        "Factor 1.0: halted twice at its hard drawdown (2008-01-09 and 2008-10-09), "
        "resumed by hand after 30 to 32 days each time; 62 days halted in all."
    ]


def test_halts_are_counted_in_days_to_their_end_or_to_the_last_bar():
    points = make_points(10_000, 9_000, 7_000, 7_000, 7_000, 7_000)
    halts = (
        HaltSpan(points[1].at, points[3].at),
        HaltSpan(points[4].at, None),
    )

    run = summarise(equity=points, halts=halts)

    assert run.halts == halts
    assert run.halted_at == points[4].at
    assert run.days_halted == 2 + 1
    assert halt_words(run) == (
        "halted twice at its hard drawdown (2020-01-02 and 2020-01-05), resumed by "
        "hand after 2 days, then not resumed until the prices end; 3 days halted in all"
    )


def test_two_losses_are_not_weighed_by_their_falls(instrument):
    report = replace(
        instrument,
        policy_run=make_run(returned="-12", fall="25"),
        constant_run=make_run(),
    )
    assert "return per point of drawdown" not in verdict_words(report)


def test_a_run_that_was_never_halted_says_nothing_of_it():
    assert halt_words(summarise()) == ""


def test_a_report_stored_without_halts_is_read_as_not_halted(instrument):
    stored = report_to_dict(ReplayReport((instrument,)))
    for run in ("policy_run", "constant_run"):
        del stored["instruments"][0][run]["halted_at"]
        del stored["instruments"][0][run]["halts"]
        del stored["instruments"][0][run]["days_halted"]

    assert report_from_dict(stored) == ReplayReport((instrument,))


# What a process of the site loads


LOADED_BY_A_SITE = """
import django, sys
django.setup()
import mastertrade.urls, trades.replay.engine, trades.replay.storing
import mastertrade.site.templatetags.replay
from trades.replay.reading import load_prices
load_prices("FB")
print(*sorted({"matplotlib", "pandas", "talib"} & set(sys.modules)))
"""


def test_a_web_process_loads_no_pandas_and_no_matplotlib():
    done = subprocess.run(
        [sys.executable, "-c", LOADED_BY_A_SITE],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "\n"
