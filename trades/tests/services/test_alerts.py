"""Every kind of alert, by the service that causes it, in that service's transaction."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.jobs import Job as QueueJob

from goals.enums import (
    AlertKind,
    ChannelKind,
    GoalStatus,
    PortfolioKind,
    Severity,
)
from goals.models import (
    AlertChannel,
    AlertDelivery,
    FinancialGoal,
    GoalAlert,
    Portfolio,
    TradingHalt,
)
from goals.services.alert_watch import watch_halts, watch_health
from goals.services.alerts import acknowledge, count_unread, repeat_halts
from goals.services.channel_keys import encrypt
from goals.services.goals import update_goal
from goals.services.portfolios import update_portfolio
from goals.services.resuming import halt_trading, resume_trading
from goals.services.rollover import roll_goals
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.open import open_trade
from trades.booking.void import void_trade
from trades.importing.import_trades import import_trades
from trades.jobs import JOBS
from trades.jobs.failing import alerting
from trades.jobs.job import Job
from trades.services.daily import Done, Step, run_day
from trades.services.stale_marks import watch_marks
from trades.sizing_calls.stored_chances import refresh_projections
from trades.tests.factories import (
    ENTRY,
    TradeFactory,
    book_profit,
    ensure_strategy,
    import_profits,
)

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def portfolio():
    return PortfolioFactory()


@pytest.fixture
def goal(portfolio):
    """5 % in March, on 1000."""
    return GoalFactory(portfolio=portfolio)


def fresh(portfolio):
    return Portfolio.objects.get(pk=portfolio.pk)


def book(portfolio, profit, at=ENTRY):
    return book_profit(fresh(portfolio), Decimal(profit), at=at)


def kinds(portfolio):
    alerts = GoalAlert.objects.filter(user_id=portfolio.user_id).order_by("alert_id")
    return list(alerts.values_list("kind", flat=True))


def the(kind, **fields):
    return GoalAlert.objects.get(kind=kind, **fields)


def limit(portfolio, now=ENTRY, **limits):
    update_portfolio(user=portfolio.user, portfolio_id=portfolio.pk, now=now, **limits)
    return fresh(portfolio)


def make_channel(user, **fields):
    return AlertChannel.objects.create(
        user=user,
        kind=ChannelKind.EMAIL,
        address=encrypt("ada@example.com"),
        masked_address="a…@example.com",
        created_at=ENTRY,
        **fields,
    )


# Goals


def test_a_close_alerts_of_the_milestones_it_passes(portfolio, goal):
    book(portfolio, 20)  # 40 %
    assert kinds(portfolio) == [AlertKind.MILESTONE]
    book(portfolio, 30, ENTRY + HOUR)  # 100 %
    assert kinds(portfolio) == [AlertKind.MILESTONE] * 4
    last = GoalAlert.objects.latest("alert_id")
    assert (last.user_id, last.portfolio_id, last.goal_id) == (
        portfolio.user_id,
        portfolio.pk,
        goal.pk,
    )
    assert last.figures["status"] == GoalStatus.ACHIEVED
    assert "target reached" in last.title
    assert (last.occurred_at, last.created_at) == (ENTRY + HOUR, ENTRY + HOUR)


def test_a_milestone_passed_again_is_none(portfolio, goal):
    for number, profit in enumerate([13, -1, 1, -1, 1]):
        book(portfolio, profit, ENTRY + number * HOUR)
    assert kinds(portfolio) == [AlertKind.MILESTONE]


def test_a_close_that_is_undone_alerts_of_nothing(portfolio, goal):
    with transaction.atomic():
        book(portfolio, 20)
        assert GoalAlert.objects.exists()
        transaction.set_rollback(True)
    assert not GoalAlert.objects.exists()


def test_a_mark_alerts_of_a_value_goals_milestones(portfolio):
    GoalFactory(
        portfolio=portfolio,
        goal_type="portfolio_value",
        target_value=Decimal(1100),
        target_date=None,
    )
    TradeFactory(portfolio=portfolio, now=ENTRY)
    mark(portfolio, 51500, ENTRY + HOUR)
    assert the(AlertKind.MILESTONE).figures["milestone_pct"] == "25"


def mark(portfolio, price, at):
    mark_positions(
        user=portfolio.user, marks=[Mark("BTCUSDT", Decimal(price), at)], now=at
    )


def test_another_target_is_measured_at_once_and_alerts(portfolio, goal):
    book(portfolio, 10)  # 20 %
    update_goal(
        user=portfolio.user, goal_id=goal.pk, as_of=ENTRY, target_value=Decimal(4)
    )
    assert the(AlertKind.MILESTONE).figures["target_value"].startswith("4")


def test_time_alone_turns_a_goal_lagging_and_at_risk_once_each(portfolio, goal):
    book(portfolio, 0)
    for day in range(31):
        for hour in (0, 9):  # again and again
            watch_health(ENTRY.replace(hour=hour) + day * DAY)
    assert kinds(portfolio) == [AlertKind.HEALTH_LAGGING, AlertKind.HEALTH_AT_RISK]
    assert the(AlertKind.HEALTH_LAGGING).goal_id == goal.pk
    assert FinancialGoal.objects.get(pk=goal.pk).alerted_health == "at_risk"


def test_a_close_that_turns_a_goal_at_risk_alerts(portfolio, goal):
    book(portfolio, -20, ENTRY)
    assert the(AlertKind.HEALTH_AT_RISK).severity == Severity.WARNING
    book(portfolio, 30, ENTRY + HOUR)  # well again
    book(portfolio, -30, ENTRY + 2 * HOUR)
    assert kinds(portfolio).count(AlertKind.HEALTH_AT_RISK) == 2


def test_a_goals_health_is_alerted_as_of_when_it_was_looked_at(portfolio, goal):
    """A trade entered late is no reason to date the pace of today back to its exit."""
    learned = ENTRY + 20 * DAY
    trade = TradeFactory(portfolio=portfolio, quantity=Decimal(1), now=ENTRY)
    close_trade(
        user=portfolio.user,
        trade_id=trade.pk,
        exit_price=trade.entry_price + 15,
        exit_time=ENTRY + HOUR,
        now=learned,
    )
    assert the(AlertKind.HEALTH_AT_RISK).occurred_at == learned
    assert the(AlertKind.MILESTONE).occurred_at == ENTRY + HOUR


def test_what_the_projection_gives_up_is_alerted(portfolio, goal):
    FinancialGoal.objects.filter(pk=goal.pk).update(
        unreachable=True, probability=Decimal("0.01"), projected_at=ENTRY
    )
    assert watch_health(ENTRY) == 1
    assert watch_health(ENTRY + HOUR) == 0
    alert = the(AlertKind.HEALTH_UNREACHABLE)
    assert "1 %" in alert.text


def test_a_new_projection_alerts_in_the_transaction_that_writes_it(portfolio):
    goal = GoalFactory(portfolio=portfolio, target_value=Decimal(500))
    profits = [(ENTRY + n * HOUR, Decimal(6 if n % 3 else -4)) for n in range(24)]
    import_profits(portfolio, profits)
    with transaction.atomic():
        refresh_projections(as_of=ENTRY + DAY)
        assert FinancialGoal.objects.get(pk=goal.pk).alerted_health == "unreachable"
        alert = the(AlertKind.HEALTH_UNREACHABLE)
        transaction.set_rollback(True)
    assert alert.goal_id == goal.pk
    assert alert.occurred_at == ENTRY + DAY
    assert kinds(portfolio) == []
    refresh_projections(as_of=ENTRY + DAY)
    refresh_projections(as_of=ENTRY + DAY + HOUR)
    assert kinds(portfolio) == [AlertKind.HEALTH_UNREACHABLE]
    assert watch_health(ENTRY + DAY + HOUR) == 0


def test_a_goal_that_is_missed_alerts_when_it_is_rolled_over(portfolio, goal):
    roll_goals(as_of=APRIL)
    roll_goals(as_of=APRIL)
    assert the(AlertKind.GOAL_MISSED).goal_id == goal.pk


def test_a_period_that_ended_long_ago_is_no_news(portfolio, goal):
    roll_goals(as_of=APRIL + 8 * DAY)
    assert FinancialGoal.objects.get(pk=goal.pk).status == GoalStatus.MISSED
    assert kinds(portfolio) == []


def test_a_goal_that_a_breach_fails_alerts_and_says_why(portfolio, goal):
    limit(portfolio, on_breach="fail")
    book(portfolio, -200, ENTRY + HOUR)
    alert = the(AlertKind.GOAL_FAILED)
    assert alert.goal_id == goal.pk
    assert "floor" in alert.text


# Floors and halts


def test_a_fall_alerts_of_soft_floor_near_floor_and_halt(portfolio):
    for number, loss in enumerate([90, 10, 59, 1, 40]):  # -100 soft, -160 near, -200
        book(portfolio, -loss, ENTRY + number * HOUR)
    assert kinds(portfolio) == [
        AlertKind.DRAWDOWN_SOFT,
        AlertKind.FLOOR_NEAR,
        AlertKind.DRAWDOWN_HARD,
    ]
    halt = TradingHalt.objects.get()
    alert = the(AlertKind.DRAWDOWN_HARD)
    assert (alert.severity, alert.cause) == (Severity.CRITICAL, f"halt:{halt.pk}")
    assert "is halted" not in the(AlertKind.DRAWDOWN_SOFT).text


def test_an_equity_that_trembles_at_the_soft_floor_is_one_alert(portfolio):
    book(portfolio, -100)
    for number in range(1, 6):
        book(portfolio, 2 if number % 2 else -2, ENTRY + number * HOUR)
    assert kinds(portfolio) == [AlertKind.DRAWDOWN_SOFT]
    book(portfolio, 40, ENTRY + 6 * HOUR)  # more than a fifth of the way back
    book(portfolio, -42, ENTRY + 7 * HOUR)
    assert kinds(portfolio) == [AlertKind.DRAWDOWN_SOFT] * 2


def test_a_daily_limit_alerts_at_80_percent_and_when_it_halts(portfolio):
    limit(portfolio, daily_loss_limit_pct=Decimal(5))
    for number, loss in enumerate([39, 1, 5, 5]):
        book(portfolio, -loss, ENTRY + (number + 1) * HOUR)
    assert kinds(portfolio) == [AlertKind.DAILY_LIMIT_NEAR, AlertKind.DAILY_LOSS]
    assert "80 %" in the(AlertKind.DAILY_LIMIT_NEAR).text


def test_a_halt_by_a_person_and_its_resume_alert(portfolio):
    whose = {"user": portfolio.user, "portfolio_id": portfolio.pk}
    halt_trading(**whose, reason="on holiday", now=ENTRY)
    resume_trading(**whose, reason="back", now=ENTRY + HOUR)
    assert kinds(portfolio) == [AlertKind.HALTED, AlertKind.RESUMED]
    assert "on holiday" in the(AlertKind.HALTED).text
    assert "back" in the(AlertKind.RESUMED).text


def test_a_day_that_ends_its_halt_alerts_once(portfolio):
    limit(portfolio, daily_loss_limit_pct=Decimal(5))
    book(portfolio, -60, ENTRY + HOUR)
    assert watch_halts(ENTRY + 2 * HOUR) == 0
    assert watch_halts(ENTRY + DAY) == 1
    assert watch_halts(ENTRY + DAY + HOUR) == 0
    assert kinds(portfolio)[-1] == AlertKind.RESUMED


def test_an_override_alerts_of_the_trade(portfolio):
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="a look", now=ENTRY
    )
    trade, _ = open_trade(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=ENTRY + HOUR,
        override=True,
        strategy_id=ensure_strategy(portfolio).strategy_id,
        symbol="BTCUSDT",
        side="LONG",
        quantity=Decimal("0.001"),
        entry_price=Decimal(50000),
    )
    alert = the(AlertKind.DECISION_OVERRIDDEN)
    assert alert.figures["trade_id"] == trade.pk
    assert portfolio.user_id in alert.text


# Rebuilds


def test_an_alert_that_was_sent_stays_and_a_rebuild_sends_no_second_one(
    portfolio, goal
):
    limit(portfolio)
    first = book(portfolio, 20)
    book(portfolio, -105, ENTRY + HOUR)
    before = kinds(portfolio)
    now = ENTRY + 2 * HOUR
    void_trade(user=portfolio.user, trade_id=first.pk, reason="mistaken", now=now)
    book(portfolio, 20, ENTRY + timedelta(minutes=1))  # the same again, late
    book(portfolio, -1, ENTRY + timedelta(minutes=2))
    assert [kind for kind in kinds(portfolio) if kind not in HEALTH] == [
        kind for kind in before if kind not in HEALTH
    ]


HEALTH = {AlertKind.HEALTH_LAGGING, AlertKind.HEALTH_AT_RISK}


def test_a_halt_that_a_void_undoes_alerts_that_trading_goes_on(portfolio):
    loss = book(portfolio, -200)
    now = ENTRY + HOUR
    void_trade(user=portfolio.user, trade_id=loss.pk, reason="mistaken", now=now)
    assert fresh(portfolio).trading_state == "active"
    assert kinds(portfolio)[-1] == AlertKind.RESUMED
    assert "withdrawn" in the(AlertKind.RESUMED).text


def test_a_halt_that_an_import_finds_in_the_past_is_no_news(portfolio):
    limit(portfolio, now=ENTRY - DAY, daily_loss_limit_pct=Decimal(5))
    rows = [
        row_of(portfolio, -60, ENTRY),
        row_of(portfolio, 100, ENTRY + DAY),
    ]
    load(portfolio, rows, now=ENTRY + 9 * DAY)
    assert TradingHalt.objects.exists()
    assert AlertKind.DAILY_LOSS not in kinds(portfolio)


# Imports, jobs, marks, drift


def row_of(portfolio, profit, at, **fields):
    return {
        "strategy_id": ensure_strategy(portfolio).strategy_id,
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": "1",
        "entry_price": "100000",
        "entry_time": at.isoformat(),
        "exit_price": str(100000 + profit),
        "exit_time": at.isoformat(),
        **fields,
    }


def load(portfolio, rows, now=ENTRY + DAY, **options):
    return import_trades(
        user=portfolio.user,
        portfolio=portfolio.pk,
        source=io.BytesIO(json.dumps(rows).encode()),
        file_name="trades.json",
        format_name="mastertrade-json",
        now=now,
        **options,
    )


@pytest.mark.parametrize("partial", [False, True])
def test_an_import_with_refusals_alerts_once_for_its_file(portfolio, partial):
    rows = [row_of(portfolio, 1, ENTRY), row_of(portfolio, 1, ENTRY, quantity="-1")]
    for _ in range(2):
        load(portfolio, rows[:1] + rows[1:], partial=partial)
    alerts = GoalAlert.objects.filter(kind=AlertKind.IMPORT_REFUSALS)
    assert alerts.filter(figures__created=int(partial)).count() == 1
    assert "line" in alerts.first().text


def test_a_step_of_the_daily_run_that_fails_alerts_operators_once_a_day():
    operator = UserFactory(is_superuser=True)
    UserFactory()
    steps = (Step("roll-over", lambda as_of, keys: Done("", ("portfolio 3: broken",))),)
    for hour in range(3):
        list(run_day(as_of=ENTRY + hour * HOUR, steps=steps))
    alert = the(AlertKind.DAILY_RUN_FAILED)
    assert (alert.user_id, "portfolio 3: broken" in alert.text) == (
        operator.username,
        True,
    )


def test_marks_that_are_older_than_a_day_alert_once(portfolio):
    TradeFactory(portfolio=portfolio, now=ENTRY)
    assert watch_marks(ENTRY + 2 * DAY) == 0  # never marked: nothing went stale
    mark(portfolio, 50000, ENTRY + HOUR)
    assert watch_marks(ENTRY + DAY) == 0
    assert watch_marks(ENTRY + DAY + 2 * HOUR) == 1
    assert watch_marks(ENTRY + 2 * DAY) == 0
    mark(portfolio, 50001, ENTRY + 2 * DAY)
    assert watch_marks(ENTRY + 4 * DAY) == 1
    assert set(kinds(portfolio)) == {AlertKind.MARKS_STALE}


def test_drift_that_reconcile_finds_alerts_once_for_the_same_figures(portfolio):
    book(portfolio, 10)
    Portfolio.objects.filter(pk=portfolio.pk).update(equity=Decimal(5))
    for _ in range(2):
        with pytest.raises(CommandError):
            call_command("reconcile")
    alert = the(AlertKind.DRIFT)
    assert "equity" in alert.text


# Who is alerted


@pytest.mark.parametrize("kind", [PortfolioKind.SIMULATION, PortfolioKind.DEMO])
def test_what_is_not_live_alerts_nobody(kind):
    portfolio = PortfolioFactory(kind=kind)
    goal = GoalFactory(portfolio=portfolio)
    limit(portfolio, on_breach="fail", daily_loss_limit_pct=Decimal(5))
    book(portfolio, 30)
    book(portfolio, -300, ENTRY + HOUR)
    roll_goals(as_of=APRIL, portfolio_id=portfolio.pk)
    watch_health(ENTRY + DAY)
    assert FinancialGoal.objects.get(pk=goal.pk).status == GoalStatus.FAILED
    assert not GoalAlert.objects.exists()


# Deliveries, and statements


def test_an_alert_goes_to_each_channel_that_wants_its_kind(portfolio, goal):
    wanted = [
        make_channel(portfolio.user),
        make_channel(portfolio.user, kinds=["milestone"]),
    ]
    make_channel(portfolio.user, kinds=["halted"])
    make_channel(portfolio.user, is_active=False)
    make_channel(UserFactory())
    book(portfolio, 30)  # 25 and 50 %
    deliveries = AlertDelivery.objects.values_list("channel_id", "alert__kind")
    assert sorted(deliveries) == sorted(
        (one.pk, "milestone") for one in wanted for _ in range(2)
    )
    assert jobs("deliver") == [one.pk for one in wanted]


def jobs(task):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (args ->> 'channel_id')::int FROM procrastinate_jobs "
            "WHERE task_name = %s ORDER BY 1",
            [task],
        )
        return [key for (key,) in cursor.fetchall()]


def test_a_close_with_an_alert_takes_one_statement_more(portfolio):
    make_channel(portfolio.user)
    GoalFactory(portfolio=portfolio, target_value=Decimal(50))
    trades = [TradeFactory(portfolio=portfolio, now=ENTRY) for _ in range(2)]
    without = closing(trades[0], 50100)  # 0.2 %
    assert closing(trades[1], 58000) == without + 1  # alert, delivery and job
    assert len(jobs("deliver")) == 1
    assert GoalAlert.objects.count() == AlertDelivery.objects.count() == 1


def closing(trade, price):
    with CaptureQueriesContext(connection) as captured:
        close_trade(
            user=trade.user,
            trade_id=trade.pk,
            exit_price=Decimal(price),
            exit_time=ENTRY + HOUR,
            now=ENTRY + HOUR,
        )
    return len([q for q in captured if "SAVEPOINT" not in q["sql"]])


# Repeating


def test_a_halt_repeats_every_day_until_it_is_acknowledged(portfolio):
    channel = make_channel(portfolio.user)
    whose = {"user": portfolio.user, "portfolio_id": portfolio.pk}
    halt_trading(**whose, reason="a look", now=ENTRY)
    for hour in range(0, 73, 8):
        repeat_halts(ENTRY + hour * HOUR)
    days = AlertDelivery.objects.filter(channel=channel).values_list(
        "repeated_on", flat=True
    )
    assert list(days.order_by("delivery_id")) == [
        None,
        date(2026, 3, 3),
        date(2026, 3, 4),
        date(2026, 3, 5),
    ]
    alert = the(AlertKind.HALTED)
    acknowledge(user=portfolio.user, alert_id=alert.pk, now=ENTRY + 73 * HOUR)
    assert repeat_halts(ENTRY + 9 * DAY) == 0


def test_a_halt_that_was_resumed_and_other_kinds_repeat_not(portfolio, goal):
    whose = {"user": portfolio.user, "portfolio_id": portfolio.pk}
    halt_trading(**whose, reason="a look", now=ENTRY)
    resume_trading(**whose, now=ENTRY + HOUR)
    book(portfolio, 20, ENTRY + 2 * HOUR)
    assert len(kinds(portfolio)) == 3
    assert repeat_halts(ENTRY + 9 * DAY) == 0


def test_the_unread_are_counted_in_one_statement(portfolio, django_assert_num_queries):
    whose = {"user": portfolio.user, "portfolio_id": portfolio.pk}
    halt_trading(**whose, reason="a look", now=ENTRY)
    resume_trading(**whose, now=ENTRY + HOUR)
    acknowledge(
        user=portfolio.user, alert_id=the(AlertKind.HALTED).pk, now=timezone.now()
    )
    with django_assert_num_queries(1):
        assert count_unread(portfolio.user) == 1


# Jobs


@pytest.mark.parametrize(("attempts", "alerts"), [(0, 0), (9, 1)])
def test_a_job_alerts_operators_when_it_is_given_up(attempts, alerts):
    operator = UserFactory(is_superuser=True)
    job = Job(fail, attempts=3)
    context = JobContext(
        start_timestamp=0.0,
        app=app,
        job=QueueJob(
            id=7,
            queue="quick",
            lock=None,
            queueing_lock=None,
            task_name="daily",  # whose retries are asked
            attempts=attempts,
        ),
        abort_reason=lambda: None,
    )
    with pytest.raises(ValueError, match="broken"):
        alerting("daily", job)(context, timestamp=0)
    found = GoalAlert.objects.filter(user=operator, kind=AlertKind.JOB_FAILED)
    assert found.count() == alerts
    assert all("ValueError: broken" in alert.text for alert in found)


def fail(context, timestamp):
    raise ValueError("broken")


def test_the_job_of_alerts_finds_each_once(portfolio):
    TradeFactory(portfolio=portfolio, now=ENTRY)
    mark(portfolio, 50000, ENTRY + HOUR)
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="a look", now=ENTRY
    )
    for _ in range(2):
        JOBS["alerts"].run(None, timestamp=0)
    assert kinds(portfolio) == [AlertKind.HALTED, AlertKind.MARKS_STALE]
    assert the(AlertKind.HALTED).repeats_on is not None
