"""Financial goals."""

from datetime import datetime
from decimal import Decimal
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from goals.decisions.alerts import HEALTH_KINDS
from goals.decisions.conditions import (
    Condition,
    measure_best_day_share,
    measure_target_in_force,
    measure_trading_days,
)
from goals.decisions.periods import Period
from goals.decisions.policies import (
    DEFAULT_MAX_FACTOR,
    DEFAULT_MIN_FACTOR,
    HIGHEST_FACTOR,
    LOWEST_FACTOR,
    PolicyName,
)
from goals.decisions.progress import (
    Baseline,
    GoalProgress,
    Pace,
    PortfolioFigures,
    measure_pace,
    measure_progress,
    stands_failed,
    status_by_clock,
)
from goals.decisions.trade_record import CONFIDENT_TRADES
from goals.enums import AfterAchieved, GoalStatus, GoalType, Measure, ProgressBand
from goals.models.portfolios import Portfolio
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import (
    above,
    at_least,
    at_most,
    check,
    check_words,
    is_null,
    is_set,
)
from mastertrade.values.in_text import Text, exact, exact_money, say
from mastertrade.values.money import HUNDRED

# A year of trading days, Sundays and all.
MOST_TRADING_DAYS = 366
# What a breach may count against a reached goal, 1: far beyond it nothing changes.
HIGHEST_STOP_PENALTY = 100
# What a goal's sizes follow, and what it takes to be achieved besides its target.
SIZED_BY = ("policy", "min_factor", "max_factor", "stop_penalty", "after_achieved")
CONDITIONS = ("min_trading_days", "best_day_max_pct")
# A breach leaves none of these to a goal: it fails.
NOT_FAILED = (GoalStatus.ACTIVE, GoalStatus.MISSED)
# What no pace changes any more, also while the period runs.
SETTLED = (GoalStatus.ACHIEVED, GoalStatus.FAILED)


class FinancialGoalQuerySet(models.QuerySet["FinancialGoal"]):
    def locked(self) -> Self:
        """Lock in key order, so that two writers cannot deadlock.

        `no_key` lets other transactions still add rows that point here.
        """
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


class FinancialGoal(models.Model):
    """What a portfolio is to reach, and how far it is."""

    goal_id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        to_field="username",
        db_column="user_id",
        related_name="goals",
        db_constraint=False,  # named, and immediate, in the migration
        db_index=False,
    )
    portfolio = models.ForeignKey(
        Portfolio,
        models.PROTECT,
        related_name="goals",
        db_constraint=False,  # composite with the user, in the migration
        db_index=False,
    )
    goal_type = models.CharField(max_length=20, choices=columns.choices(GoalType))
    target_value = columns.money()
    start_value = columns.money(default=Decimal(0))
    current_value = columns.money(editable=False)
    progress_pct = columns.percent(editable=False)
    start_date = models.DateField()
    target_date = models.DateField(null=True, blank=True)
    # The period's instants in UTC, the end excluded; local midnights of the portfolio.
    period_starts_at = models.DateTimeField(editable=False)
    period_ends_at = models.DateTimeField(null=True, editable=False)
    status = models.CharField(
        max_length=10, default=GoalStatus.ACTIVE, choices=columns.choices(GoalStatus)
    )
    achieved_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    priority = models.PositiveSmallIntegerField(default=5)
    recurring = models.BooleanField(default=False)
    policy = models.CharField(
        max_length=20, default=PolicyName.LADDER, choices=columns.choices(PolicyName)
    )
    min_factor = columns.factor(default=DEFAULT_MIN_FACTOR)
    max_factor = columns.factor(default=DEFAULT_MAX_FACTOR)
    # What a breach of a floor counts against reaching the goal, for `deadline_optimal`.
    stop_penalty = columns.factor(default=Decimal(1), db_default=Decimal(1))
    after_achieved = models.CharField(
        max_length=10,
        default=AfterAchieved.PROTECT,
        choices=columns.choices(AfterAchieved),
    )
    # Conditions of being achieved, besides the target.
    min_trading_days = models.PositiveIntegerField(null=True, blank=True)
    best_day_max_pct = columns.percent(null=True, blank=True)
    # How they stand: trading days with an entry in the period, counted up to those
    # required; when those were reached; the best day's profit in the goal's measure,
    # and that of the days before the newest with an entry.
    trading_days = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    trading_days_met_at = models.DateTimeField(null=True, editable=False)
    best_day = columns.money(default=Decimal(0), db_default=Decimal(0), editable=False)
    earlier_best_day = columns.money(
        default=Decimal(0), db_default=Decimal(0), editable=False
    )
    # When a limit that fails was breached in its period; undone with its cause.
    failed_at = models.DateTimeField(null=True, editable=False)
    # The last projection: the probability to touch the goal by its deadline
    # (a ratio; null where there is none), its band (the 10 % and the 90 %
    # quantile), from how many closed trades, and whether it was given up.
    probability = models.DecimalField(
        max_digits=8, decimal_places=6, null=True, editable=False
    )
    probability_low = models.DecimalField(
        max_digits=8, decimal_places=6, null=True, editable=False
    )
    probability_high = models.DecimalField(
        max_digits=8, decimal_places=6, null=True, editable=False
    )
    projected_trades = models.BigIntegerField(null=True, editable=False)
    projected_at = models.DateTimeField(null=True, editable=False)
    # Its portfolio's `updated_at` at that time: with another one it is out of date.
    projected_figures_at = models.DateTimeField(null=True, editable=False)
    unreachable = models.BooleanField(default=False, db_default=False, editable=False)
    # The worst health that was alerted since it was well; empty: none.
    alerted_health = models.CharField(
        max_length=15,
        default="",
        db_default="",
        blank=True,
        editable=False,
        choices=columns.choices(HEALTH_KINDS),
    )
    # The ledger's figures when the period began.
    start_unit_value = columns.unit_value(editable=False)
    start_unit_run = models.PositiveIntegerField(editable=False)
    start_realized_pnl = columns.money(editable=False)
    previous_goal = models.OneToOneField(
        "self",
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="next_goal",
        db_constraint=False,
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = FinancialGoalQuerySet.as_manager()

    class Meta:
        db_table = "financial_goals"
        constraints = (
            check_words("financial_goals_goal_type", "goal_type", GoalType),
            check_words("financial_goals_status", "status", GoalStatus),
            check_words("financial_goals_policy", "policy", PolicyName),
            check_words(
                "financial_goals_after_achieved", "after_achieved", AfterAchieved
            ),
            check(
                "financial_goals_target_above_start",
                above("target_value", "start_value"),
            ),
            check(
                "financial_goals_start_value_zero",
                Q(goal_type=GoalType.PORTFOLIO_VALUE) | Q(start_value=0),
            ),
            check(
                "financial_goals_dates_in_order",
                is_null("target_date") | at_least("target_date", "start_date"),
            ),
            check(
                "financial_goals_period_in_order",
                is_null("period_ends_at") | above("period_ends_at", "period_starts_at"),
            ),
            check(
                "financial_goals_deadline_pair",
                (is_null("target_date") & is_null("period_ends_at"))
                | (is_set("target_date") & is_set("period_ends_at")),
            ),
            check(
                "financial_goals_deadline_set",
                Q(goal_type=GoalType.PORTFOLIO_VALUE) | is_set("target_date"),
            ),
            check(
                "financial_goals_recurring_has_deadline",
                Q(recurring=False) | is_set("target_date"),
            ),
            check(
                "financial_goals_achieved_at_set",
                ~Q(status=GoalStatus.ACHIEVED) | is_set("achieved_at"),
            ),
            check(
                "financial_goals_failed_at_set",
                ~Q(status=GoalStatus.FAILED) | is_set("failed_at"),
            ),
            check(
                "financial_goals_failed_has_status",
                is_null("failed_at") | ~Q(status__in=NOT_FAILED),
            ),
            check(
                "financial_goals_min_trading_days_range",
                is_null("min_trading_days")
                | (
                    at_least("min_trading_days", 1)
                    & at_most("min_trading_days", MOST_TRADING_DAYS)
                ),
            ),
            check(
                "financial_goals_trading_days_counted",
                (
                    is_null("min_trading_days")
                    & Q(trading_days=0)
                    & is_null("trading_days_met_at")
                )
                | (
                    is_set("min_trading_days")
                    & (
                        (
                            is_null("trading_days_met_at")
                            & Q(trading_days__lt=F("min_trading_days"))
                        )
                        | (
                            is_set("trading_days_met_at")
                            & Q(trading_days=F("min_trading_days"))
                        )
                    )
                ),
            ),
            check("financial_goals_best_day_not_negative", at_least("best_day", 0)),
            check(
                "financial_goals_earlier_best_day",
                at_least("earlier_best_day", 0)
                & at_most("earlier_best_day", "best_day"),
            ),
            check(
                "financial_goals_best_day_range",
                is_null("best_day_max_pct")
                | (above("best_day_max_pct", 0) & at_most("best_day_max_pct", 100)),
            ),
            check(
                "financial_goals_priority_range",
                at_least("priority", 1) & at_most("priority", 10),
            ),
            check(
                "financial_goals_factor_bounds",
                at_least("min_factor", LOWEST_FACTOR)
                & at_least("max_factor", "min_factor")
                & at_most("max_factor", HIGHEST_FACTOR),
            ),
            check(
                "financial_goals_stop_penalty_range",
                at_least("stop_penalty", 0)
                & at_most("stop_penalty", HIGHEST_STOP_PENALTY),
            ),
            check(
                "financial_goals_probability_range",
                is_null("probability")
                | (at_least("probability", 0) & at_most("probability", 1)),
            ),
            check(
                "financial_goals_probability_band",
                (is_null("probability_low") & is_null("probability_high"))
                | (
                    is_set("probability")
                    & is_set("probability_low")
                    & is_set("probability_high")
                    & at_least("probability_low", 0)
                    & at_least("probability", "probability_low")
                    & at_least("probability_high", "probability")
                    & at_most("probability_high", 1)
                ),
            ),
            check(
                "financial_goals_probability_dated",
                is_null("probability") | is_set("projected_at"),
            ),
            check(
                "financial_goals_alerted_health",
                Q(alerted_health__in=["", *map(str, HEALTH_KINDS)]),
            ),
            check(
                "financial_goals_start_unit_run_positive", at_least("start_unit_run", 1)
            ),
        )
        indexes = (
            models.Index(
                fields=["portfolio", "period_ends_at"], name="financial_goals_by_period"
            ),
            models.Index(fields=["user", "-goal_id"], name="financial_goals_by_user"),
            models.Index(
                fields=["period_ends_at"],
                condition=is_null("ended_at"),
                name="financial_goals_running",
            ),
        )

    def __str__(self) -> str:
        return self.words

    @property
    def words(self) -> Text:
        """What it is to reach, and its key."""
        is_return = self.kind.measures is Measure.RETURN
        target = (
            exact(self.target_value) if is_return else exact_money(self.target_value)
        )
        words, unit = self.goal_type.replace("_", " "), " %" if is_return else ""
        return say("{} {}{} (goal {})", words, target, unit, self.pk)

    @property
    def kind(self) -> GoalType:
        return GoalType(self.goal_type)

    @property
    def period(self) -> Period:
        return Period(self.period_starts_at, self.period_ends_at)

    @property
    def baseline(self) -> Baseline:
        return Baseline(
            start_value=self.start_value,
            unit_value=self.start_unit_value,
            realized_pnl=self.start_realized_pnl,
            run=self.start_unit_run,
        )

    @property
    def progress(self) -> GoalProgress:
        return GoalProgress(self.current_value, self.progress_pct)

    @property
    def has_conditions(self) -> bool:
        return self.min_trading_days is not None or self.best_day_max_pct is not None

    @property
    def target_in_force(self) -> Decimal:
        """The target, or what the best day may be that share of, if that is more."""
        return measure_target_in_force(
            self.start_value, self.target_value, self.best_day, self.best_day_max_pct
        )

    def conditions_at(self, progress: GoalProgress) -> list[Condition]:
        """Those that are set, as they stand at this progress."""
        found = []
        if self.min_trading_days is not None:
            met = self.trading_days_met_at is not None
            found.append(
                measure_trading_days(self.min_trading_days, self.trading_days, met=met)
            )
        if self.best_day_max_pct is not None:
            profit = progress.current_value - self.start_value
            found.append(
                measure_best_day_share(self.best_day_max_pct, self.best_day, profit)
            )
        return found

    @property
    def conditions(self) -> list[Condition]:
        """As they stand now."""
        return self.conditions_at(self.progress)

    def conditions_hold(self, progress: GoalProgress) -> bool:
        return all(condition.met for condition in self.conditions_at(progress))

    def allows_best_day(self, best_day: Decimal, progress: GoalProgress) -> bool:
        """Whether a day of this profit is small enough at this progress."""
        if self.best_day_max_pct is None:
            return True
        profit = progress.current_value - self.start_value
        return measure_best_day_share(self.best_day_max_pct, best_day, profit).met

    def measure_by(self, portfolio_figures: PortfolioFigures) -> GoalProgress:
        """How far it is by a reading; changes nothing."""
        return measure_progress(
            self.kind.measures, self.target_value, self.baseline, portfolio_figures
        )

    def is_reached_by(self, progress: GoalProgress) -> bool:
        """Whether the target is reached and the conditions hold."""
        return progress.progress_pct >= HUNDRED and self.conditions_hold(progress)

    def find_open_at_target(self, progress: GoalProgress) -> list[Condition]:
        """What keeps a goal that shows its target from being achieved."""
        if self.achieved_at is not None or progress.progress_pct < HUNDRED:
            return []
        found = self.conditions_at(progress)
        return [condition for condition in found if not condition.met]

    def forget_projection(self) -> None:
        """It was made for another target, deadline or policy; saves nothing."""
        self.probability = self.probability_low = self.probability_high = None
        self.projected_trades = self.projected_at = self.projected_figures_at = None
        self.unreachable = False

    @property
    def low_confidence(self) -> bool:
        """Whether too few trades are behind the probability to rely on it."""
        trades = self.projected_trades
        return trades is not None and trades < CONFIDENT_TRADES

    def is_over(self, now: datetime) -> bool:
        """Whether it has ended by the clock, rolled over or not."""
        return self.ended_at is not None or self.period.is_over(now)

    @property
    def stands_failed(self) -> bool:
        """Whether a limit that fails was breached before it was achieved."""
        return stands_failed(self.failed_at, self.achieved_at)

    def has_failed(self, at: datetime) -> bool:
        """Whether it had failed by then, paused or not."""
        failed_at = self.failed_at
        return failed_at is not None and self.stands_failed and failed_at <= at

    def status_at(self, now: datetime) -> GoalStatus:
        """The status by the clock; the column follows with the roll-over."""
        begun = self.period_starts_at <= now
        return status_by_clock(
            GoalStatus(self.status),
            reached=self.achieved_at is not None
            or (begun and self.is_reached_by(self.progress)),
            ended=self.ended_at is not None,
            over=self.period.is_over(now),
            failed=self.stands_failed,
        )

    def band_at(self, now: datetime) -> ProgressBand | None:
        """The band; None once it is over or failed, for then it decides nothing."""
        has_none = self.is_over(now) or self.status_at(now) is GoalStatus.FAILED
        return None if has_none else self.progress.band

    def pace_at(self, now: datetime) -> Pace:
        """The pace now, or when it ended; with what was projected while it runs.

        A reached or a failed goal requires nothing more and has no health: its status
        says all.
        """
        status = self.status_at(now)
        runs = status in {GoalStatus.ACTIVE, GoalStatus.PAUSED}
        is_shown = runs and self.achieved_at is None
        return measure_pace(
            progress=self.progress,
            target_value=self.target_value,
            period=self.period,
            at=min(now, self.ended_at or now),
            probability=self.probability if is_shown else None,
            unreachable=self.unreachable and is_shown,
            over=self.is_over(now) or status in SETTLED,
        )
