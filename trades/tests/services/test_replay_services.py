"""The replay on the real services: the same decisions as live, all or nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import sin
from typing import Any

import pytest
from django.db.models import Count, Sum

from goals.decisions.policies import PolicyName
from goals.enums import (
    DrawdownMode,
    FloorIn,
    GoalStatus,
    GoalType,
    HaltCause,
    OnBreach,
)
from goals.models import (
    FinancialGoal,
    GoalAdjustmentLog,
    Portfolio,
    TradingHalt,
    User,
)
from goals.services.rollover import roll_goals
from goals.tests.factories import UserFactory
from mastertrade.values.exceptions import InvalidInput
from tests.http import made_once
from trades.models import ReplayRun, Trade
from trades.replay.bars import PriceSeries
from trades.replay.days import in_zone
from trades.replay.halts import HaltSpan
from trades.replay.options import ReplaySettings
from trades.services.replay import (
    ReplayQuestion,
    find_replay,
    read_report,
    run_replay,
)
from trades.tests.prices import make_bars, wander

NOW = datetime(2026, 3, 2, tzinfo=UTC)
MONTHLY = ReplayQuestion(GoalType.MONTHLY_RETURN, Decimal(3))
PRICES = wander(250)

pytestmark = pytest.mark.django_db


replay_of_module = made_once(lambda: run(UserFactory()))
halted_of_module = made_once(lambda: run_too_large())
resumed_of_module = made_once(lambda: run_too_large(resume_after_days=10))


@pytest.fixture
def finished(db: None, replay_of_module: ReplayRun) -> ReplayRun:
    """`MONTHLY` over `PRICES`."""
    return ReplayRun.objects.get(pk=replay_of_module.pk)


@pytest.fixture
def halted(db: None, halted_of_module: ReplayRun) -> ReplayRun:
    """Halted by trades that are too large, to its end."""
    return ReplayRun.objects.get(pk=halted_of_module.pk)


@pytest.fixture
def resumed(db: None, resumed_of_module: ReplayRun) -> ReplayRun:
    """The same, resumed 10 days after each halt."""
    return ReplayRun.objects.get(pk=resumed_of_module.pk)


def run(
    user: User, series: PriceSeries = PRICES, question: ReplayQuestion = MONTHLY
) -> ReplayRun:
    return run_replay(user=user, question=question, series=series, now=NOW)


def test_a_replay_leaves_two_portfolios_whose_money_is_their_trades_profit(
    finished: ReplayRun,
):
    for portfolio in (finished.policy_portfolio, finished.constant_portfolio):
        portfolio.refresh_from_db()
        booked = Trade.objects.filter(portfolio=portfolio).aggregate(
            profit=Sum("profit_loss")
        )
        assert booked["profit"] != 0
        assert portfolio.equity == portfolio.opening_balance + booked["profit"]


def test_every_replayed_trade_has_the_size_its_logged_decision_gave(
    finished: ReplayRun,
):
    trades = Trade.objects.filter(portfolio=finished.policy_portfolio)
    assert trades.count() > 5
    for trade in trades.select_related("adjustment"):
        assert trade.adjustment is not None
        assert trade.quantity == Decimal(trade.adjustment.answer["quantity"])
        assert trade.strategy_id == trade.adjustment.strategy_id
        assert trade.adjustment.as_of < trade.entry_time


def test_the_policy_sizes_by_progress_and_its_twin_always_by_one(finished: ReplayRun):
    def factors(portfolio: Portfolio) -> set[Decimal]:
        decisions = GoalAdjustmentLog.objects.filter(portfolio=portfolio)
        return set(decisions.values_list("adjustment_factor", flat=True))

    assert FinancialGoal.objects.filter(
        portfolio=finished.constant_portfolio, achieved_at__isnull=False
    ).exists()
    assert factors(finished.policy_portfolio) >= {Decimal("1.3"), Decimal(1)}
    assert factors(finished.constant_portfolio) == {Decimal(1)}


def test_every_month_has_its_own_goal_in_one_chain(finished: ReplayRun):
    goals = list(
        FinancialGoal.objects.filter(portfolio=finished.policy_portfolio).order_by(
            "start_date"
        )
    )
    assert [goal.start_date.month for goal in goals] == [*range(1, 10)]
    assert [goal.previous_goal_id for goal in goals[1:]] == [
        goal.goal_id for goal in goals[:-1]
    ]
    assert goals[-1].status in {GoalStatus.ACTIVE, GoalStatus.ACHIEVED}
    assert all(goal.ended_at is not None for goal in goals[:-1])


def test_the_stored_report_says_what_the_database_says(finished: ReplayRun):
    report = read_report(finished)
    portfolio = finished.policy_portfolio
    portfolio.refresh_from_db()
    assert report.policy_run.final_equity == portfolio.equity
    assert report.policy_run.trades == Trade.objects.filter(portfolio=portfolio).count()
    reached = FinancialGoal.objects.filter(
        portfolio=portfolio, status=GoalStatus.ACHIEVED, ended_at__isnull=False
    )
    ended_reached = [
        period for period in report.policy_run.periods if period.outcome == "reached"
    ]
    assert len(ended_reached) >= reached.count()


@pytest.mark.parametrize("known_bars", [225])
@pytest.mark.slow
def test_no_decision_knows_a_bar_after_its_own(known_bars: int):
    closes = [bar.close for bar in PRICES.bars]
    other_future = [price * Decimal("1.7") for price in reversed(closes[known_bars:])]
    changed = replace(
        PRICES, bars=tuple(make_bars([*closes[:known_bars], *other_future]))
    )
    last_known = PRICES.bars[known_bars - 1].at

    def decisions(series: PriceSeries) -> list[tuple[object, ...]]:
        portfolio = run(UserFactory(), series).policy_portfolio
        rows = GoalAdjustmentLog.objects.filter(
            portfolio=portfolio, as_of__lte=last_known
        ).order_by("adjustment_id")
        return list(
            rows.values_list(
                "as_of", "strategy_id", "adjustment_factor", "adjusted_size", "band"
            )
        )

    seen = decisions(PRICES)
    assert len(seen) > 5
    assert decisions(changed) == seen


def test_a_replay_that_fails_on_the_way_leaves_nothing():
    user = UserFactory()

    def give_up(done: int, total: int) -> None:
        if done == 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_replay(
            user=user, question=MONTHLY, series=PRICES, now=NOW, progress=give_up
        )

    assert list(user.portfolios.values_list("name", flat=True)) == ["main"]
    assert not user.trades.exists()
    assert not user.strategies.exists()


@pytest.mark.slow
def test_progress_counts_both_walks_to_the_end():
    seen: list[tuple[int, int]] = []

    run_replay(
        user=UserFactory(),
        question=MONTHLY,
        series=PRICES,
        now=NOW,
        progress=lambda done, total: seen.append((done, total)),
    )

    bars = len(PRICES.bars)
    assert [done for done, _ in seen] == [*range(1, 2 * bars + 1)]
    assert {total for _, total in seen} == {2 * bars}


@pytest.mark.slow
def test_a_finished_replay_is_found_by_the_same_question_only():
    user = UserFactory()
    finished = run(user)

    def find(question: ReplayQuestion, series: PriceSeries) -> ReplayRun | None:
        return find_replay(user=user, question=question, series=series)

    assert find(MONTHLY, PRICES) == finished
    assert find(replace(MONTHLY, target_value=Decimal(4)), PRICES) is None
    assert find(MONTHLY, wander(250, seed=8)) is None
    assert find_replay(user=UserFactory(), question=MONTHLY, series=PRICES) is None


@pytest.mark.slow
def test_a_second_replay_gets_portfolios_of_its_own():
    user = UserFactory()

    first, second = run(user), run(user)

    assert first.policy_portfolio != second.policy_portfolio
    assert user.portfolios.count() == 5


def test_a_goal_without_a_period_cannot_be_replayed():
    question = replace(MONTHLY, goal_type=GoalType.PORTFOLIO_VALUE)
    with pytest.raises(InvalidInput, match="no period to repeat"):
        run(UserFactory(), question=question)


@pytest.mark.slow
@pytest.mark.parametrize("policy", [PolicyName.PACE, PolicyName.DEADLINE_OPTIMAL])
def test_every_policy_can_be_replayed(policy):
    finished = run(UserFactory(), question=replace(MONTHLY, policy=policy))
    goals = FinancialGoal.objects.filter(portfolio=finished.policy_portfolio)
    assert {goal.policy for goal in goals} == {policy}


def test_no_goal_follows_the_last_one_when_goals_are_rolled_years_later(
    finished: ReplayRun,
):
    goals = FinancialGoal.objects.filter(portfolio=finished.policy_portfolio)
    before = goals.count()

    assert roll_goals(as_of=NOW, portfolio_id=finished.policy_portfolio_id) == []

    assert goals.count() == before
    assert not goals.filter(ended_at=None).exists()


def run_too_large(series: PriceSeries = PRICES, **options) -> ReplayRun:
    """Four times the equity in every trade: the hard drawdown is near."""
    rules = ReplaySettings(base_size_pct=Decimal(400), **options)
    return run(UserFactory(), series, replace(MONTHLY, settings=rules))


def test_a_halted_replay_trades_no_more_unless_it_is_told_when_to_resume(
    halted: ReplayRun,
):
    halt = TradingHalt.objects.get(portfolio=halted.policy_portfolio)
    last = Trade.objects.filter(portfolio=halted.policy_portfolio).latest("pk")
    assert halt.resumed_at is None
    assert last.entry_time <= halt.halted_at
    given = read_report(halted).policy_run
    assert given.halted_at == halt.halted_at
    cause = HaltCause.HARD_DRAWDOWN
    assert given.halts == (HaltSpan(halt.halted_at, None, cause),)


def test_a_replay_resumes_by_hand_so_many_days_after_a_halt():
    finished = run_too_large(resume_after_days=30)

    halts = TradingHalt.objects.filter(portfolio=finished.policy_portfolio)
    first = halts.earliest("halt_id")
    assert first.resumed_by == finished.user_id
    assert first.resume_reason == "30 days after the halt, as set for the replay"
    assert first.resumed_at - first.halted_at == timedelta(days=30)
    trades = Trade.objects.filter(portfolio=finished.policy_portfolio)
    assert trades.filter(entry_time__gt=first.resumed_at).exists()
    while_halted = {
        "entry_time__gt": first.halted_at,
        "entry_time__lt": first.resumed_at,
    }
    assert not trades.filter(**while_halted).exists()
    given = read_report(finished).policy_run
    cause = HaltCause.HARD_DRAWDOWN
    assert given.halts[0] == HaltSpan(first.halted_at, first.resumed_at, cause)
    assert len(given.halts) == halts.count()


def test_every_halt_in_the_database_is_in_the_report_with_its_dates(resumed: ReplayRun):
    given = read_report(resumed)
    for portfolio, summary in (
        (resumed.policy_portfolio, given.policy_run),
        (resumed.constant_portfolio, given.constant_run),
    ):
        halts = TradingHalt.objects.filter(portfolio=portfolio).order_by("halt_id")
        spans = halts.values_list("halted_at", "resumed_at")
        assert [(halt.began, halt.ended) for halt in summary.halts] == list(spans)


def test_a_resumption_moves_what_the_drawdown_is_measured_from(resumed: ReplayRun):
    halts = TradingHalt.objects.filter(portfolio=resumed.policy_portfolio)
    first = halts.earliest("halt_id")
    after = Trade.objects.filter(
        portfolio=resumed.policy_portfolio, entry_time__gte=first.resumed_at
    )
    portfolio = resumed.policy_portfolio
    portfolio.refresh_from_db()
    assert first.resumed_unit_value < portfolio.peak_unit_value * Decimal("0.8")
    assert after.exists()


@pytest.mark.parametrize("kind", ["halted", "resumed"])
def test_the_goals_of_a_halted_portfolio_still_follow_one_another(
    kind: str, request: pytest.FixtureRequest
):
    portfolio = request.getfixturevalue(kind).policy_portfolio
    goals = FinancialGoal.objects.filter(portfolio=portfolio)
    months = goals.order_by("start_date").values_list("start_date__month", flat=True)
    assert TradingHalt.objects.filter(portfolio=portfolio).exists()
    assert list(months) == [*range(1, 10)]
    assert goals.filter(ended_at=None).count() <= 1


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_days_until_a_resumption_that_make_no_sense_are_refused_by_name(days):
    with pytest.raises(ValueError, match="resume_after_days must be from 1 to 3650"):
        ReplaySettings(resume_after_days=days)


def test_a_halt_is_dated_by_the_days_of_the_series(resumed: ReplayRun):
    zone = "Asia/Tokyo"

    def moved(at: datetime) -> datetime:
        """The same date and time of day in Tokyo."""
        return in_zone(at - timedelta(hours=9), zone)

    bars = tuple(
        replace(bar, opened_at=moved(bar.opened_at), at=moved(bar.at))
        for bar in PRICES.bars
    )

    def halts(replayed: ReplayRun) -> list[str]:
        spans = read_report(replayed).policy_run.halts
        return [f"{span.began:%Y-%m-%d %H:%M}, {span.days(NOW)} days" for span in spans]

    expected = halts(resumed)
    assert expected
    elsewhere = replace(PRICES, bars=bars, time_zone=zone)
    assert halts(run_too_large(elsewhere, resume_after_days=10)) == expected


def run_with(**limits: object) -> ReplayRun:
    """The same question under other limits; somebody resumes after 10 days."""
    rules = ReplaySettings(base_size_pct=Decimal(400), resume_after_days=10)
    asked = replace(MONTHLY, settings=rules, portfolio_settings=tuple(limits.items()))
    return run(UserFactory(), PRICES, asked)


def test_a_replay_keeps_the_limits_it_is_given():
    finished = run_with(max_trades_per_day=1, daily_loss_limit_pct=Decimal(2))
    portfolio = finished.policy_portfolio
    portfolio.refresh_from_db()
    assert portfolio.max_trades_per_day == 1
    assert portfolio.daily_loss_limit_pct == 2
    rows = portfolio.halts.filter(halted_until__isnull=False)
    counted = dict(rows.values_list("cause").annotate(Count("pk")))
    assert set(counted) == {HaltCause.DAILY_LOSS, HaltCause.TRADES_PER_DAY}
    given = read_report(finished).policy_run
    assert {stop.cause: stop.count for stop in given.stops} == counted
    assert len(given.halts) == portfolio.halts.filter(halted_until=None).count()


LIMITS: list[dict[str, Any]] = [
    *[{"drawdown_mode": mode} for mode in DrawdownMode],
    {"drawdown_mode": DrawdownMode.STATIC, "floor_in": FloorIn.MONEY},
    {"headroom_share_pct": Decimal(50)},
    {"daily_on_breach": OnBreach.FAIL, "daily_loss_limit_pct": Decimal(2)},
    {"daily_profit_lock_pct": Decimal(1), "pause_after_losses": 1},
]


@pytest.mark.slow
@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_a_replay_goes_to_its_end_under_every_limit(limits: dict[str, Any]):
    tight = {"hard_drawdown_pct": Decimal(5), "soft_drawdown_pct": Decimal(4)}
    finished = run_with(**tight, **limits)
    portfolio = finished.policy_portfolio
    trades = Trade.objects.filter(portfolio=portfolio)
    halts = portfolio.halts.exclude(resumed_at=None).order_by("halt_id")
    if "headroom_share_pct" not in limits:
        assert trades.filter(entry_time__gt=halts[0].resumed_at).exists()
    assert trades.count() > 3


def test_what_a_replay_asks_names_the_stop_that_the_headroom_is_measured_by():
    finished = run_with(headroom_share_pct=Decimal(20))
    asked = GoalAdjustmentLog.objects.filter(portfolio=finished.policy_portfolio)
    assert asked.exists()
    for decision in asked:
        request = decision.inputs["request"]
        assert 0 < Decimal(request["stop_price"]) < Decimal(request["price"])
    assert any("left to the hard drawdown floor" in one.reason for one in asked)


def test_a_share_of_the_headroom_without_a_stop_is_refused_before_the_start():
    settings = ReplaySettings(stop_ranges=None)
    limits = (("headroom_share_pct", Decimal(50)),)
    wrong = replace(MONTHLY, settings=settings, portfolio_settings=limits)
    with pytest.raises(InvalidInput, match="headroom_share_pct: needs a stop"):
        run(UserFactory(), PRICES, wrong)


def test_a_replays_goal_fails_and_the_next_period_goes_on():
    finished = run_with(on_breach=OnBreach.FAIL)
    goals = FinancialGoal.objects.filter(portfolio=finished.policy_portfolio)
    failed = goals.filter(status=GoalStatus.FAILED).order_by("start_date")
    assert failed.exists()
    first = failed[0]
    trades = Trade.objects.filter(portfolio=finished.policy_portfolio)
    until_its_end = {
        "entry_time__gt": first.failed_at,
        "entry_time__lt": first.period_ends_at,
    }
    assert not trades.filter(**until_its_end).exists()
    assert trades.filter(entry_time__gte=first.period_ends_at).exists()
    assert read_report(finished).policy_run.halts[0].cause == HaltCause.HARD_DRAWDOWN


def test_other_limits_are_another_question_and_none_the_same_as_ever():
    other = replace(MONTHLY, portfolio_settings=(("max_trades_per_day", 1),))
    assert other.digest(PRICES) != MONTHLY.digest(PRICES)


def test_a_setting_there_is_none_of_is_refused():
    wrong = replace(MONTHLY, portfolio_settings=(("hard_drawdown", 1),))
    with pytest.raises(InvalidInput, match="hard_drawdown_pct"):
        run(UserFactory(), PRICES, wrong)


# Challenges.


def challenge(
    preset: str, phase: int = 1, series: PriceSeries | None = None, **limits: Any
) -> ReplayRun:
    question = ReplayQuestion.of_preset(preset, phase, tuple(limits.items()))
    return run(UserFactory(), series or wander(160), question)


def climb(bars: int) -> PriceSeries:
    """Prices that rise in waves."""
    heights = [100 * 1.003**n + 4 * sin(n / 5) for n in range(bars)]
    closes = [Decimal(f"{height:.2f}") for height in heights]
    return PriceSeries("UP", tuple(make_bars(closes)), PRICES.interval)


def test_a_replayed_challenge_that_passes_trades_no_more():
    finished = challenge("ftmo-2-step-100k", 2, climb(160), headroom_share_pct=None)
    goal = FinancialGoal.objects.get(portfolio=finished.policy_portfolio)
    assert goal.status == GoalStatus.ACHIEVED
    words = read_report(finished).policy_run.challenge
    assert words.startswith("ftmo-2-step-100k, Verification: passed on 2020-")
    trades = Trade.objects.filter(portfolio=finished.policy_portfolio)
    assert not trades.filter(entry_time__gt=goal.achieved_at).exists()


def test_a_replayed_challenge_that_fails_says_when_and_by_which_limit():
    finished = challenge("topstep-combine-50k", headroom_share_pct=None)
    goal = FinancialGoal.objects.get(portfolio=finished.policy_portfolio)
    assert goal.failed_at is not None
    words = read_report(finished).policy_run.challenge
    assert f"failed on {goal.failed_at:%Y-%m-%d}: equity" in words
    assert "hard_drawdown_pct 4 %" in words
    trades = Trade.objects.filter(portfolio=finished.policy_portfolio)
    assert not trades.filter(entry_time__gt=goal.failed_at).exists()


def test_a_replayed_challenge_may_run_out_of_prices():
    finished = challenge("topstep-combine-50k")
    run_of = read_report(finished).policy_run
    assert "ran out of prices or days" in run_of.challenge
    assert (run_of.periods_reached, run_of.periods_ended) == (0, 0)
    portfolio = finished.policy_portfolio
    assert portfolio.opening_balance == 50_000
    assert portfolio.day_starts_at.hour == 0  # days are those of the prices


def test_a_challenge_is_not_found_as_another_one():
    first = ReplayQuestion.of_preset("ftmo-2-step-100k", 1, ())
    second = ReplayQuestion.of_preset("ftmo-2-step-100k", 2, ())
    assert len({one.digest(PRICES) for one in (MONTHLY, first, second)}) == 3
    with pytest.raises(InvalidInput, match="from 1 to 2"):
        ReplayQuestion.of_preset("ftmo-2-step-100k", 3, ())
