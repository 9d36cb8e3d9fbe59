"""A user's strategies, and the log of which one was chosen when."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from goals.enums import PortfolioKind
from goals.models import FinancialGoal, Portfolio
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import check, check_words
from mastertrade.values.validation import STRATEGY_TYPE_PATTERN
from strategies.enums import RiskProfile, Stance, StrategyStatus


class StrategyQuerySet(models.QuerySet["StrategyInstance"]):
    def tradable_in(self, portfolio: Portfolio) -> Self:
        """Its owner's strategies; in a live portfolio not those a replay made."""
        mine = self.filter(user_id=portfolio.user_id)
        return mine.filter(kind=PortfolioKind.LIVE) if portfolio.is_live else mine


class StrategyInstance(models.Model):
    """A strategy a user runs. `strategy_id` is the user's own name for it."""

    id = models.BigAutoField(primary_key=True)
    strategy_id = models.CharField(max_length=100)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        to_field="username",
        db_column="user_id",
        related_name="strategies",
        db_constraint=False,  # named, and immediate, in the migration
        db_index=False,  # strategy_instances_strategy_id_unique begins with it
    )
    # Not live: a replay made it for its own portfolios.
    kind = models.CharField(
        max_length=10,
        default=PortfolioKind.LIVE,
        db_default=str(PortfolioKind.LIVE),
        choices=columns.choices(PortfolioKind),
        editable=False,
    )
    strategy_name = models.CharField(max_length=200)
    strategy_type = models.CharField(max_length=50)
    risk_profile = models.CharField(
        max_length=15,
        default=RiskProfile.MODERATE,
        choices=columns.choices(RiskProfile),
    )
    parameters = models.JSONField(default=dict, blank=True)
    status = models.CharField(
        max_length=10,
        default=StrategyStatus.ACTIVE,
        choices=columns.choices(StrategyStatus),
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = StrategyQuerySet.as_manager()

    class Meta:
        db_table = "strategy_instances"
        verbose_name = "strategy"
        verbose_name_plural = "strategies"
        constraints = (
            models.UniqueConstraint(
                fields=["user", "strategy_id"],
                name="strategy_instances_strategy_id_unique",
            ),
            check("strategy_instances_strategy_id_not_empty", ~Q(strategy_id="")),
            check("strategy_instances_name_not_empty", ~Q(strategy_name="")),
            check(
                "strategy_instances_strategy_type_word",
                Q(strategy_type__regex=STRATEGY_TYPE_PATTERN),
            ),
            check_words("strategy_instances_kind", "kind", PortfolioKind),
            check_words("strategy_instances_risk_profile", "risk_profile", RiskProfile),
            check_words("strategy_instances_status", "status", StrategyStatus),
        )

    def __str__(self) -> str:
        return self.strategy_id


class StrategySelectionLog(models.Model):
    """One choice of a strategy, with the whole ranking that made it."""

    selection_id = models.BigAutoField(primary_key=True)
    goal = models.ForeignKey(
        FinancialGoal,
        models.CASCADE,
        related_name="selections",
        db_constraint=False,
        db_index=False,
    )
    strategy_id = models.CharField(max_length=100)
    stance = models.CharField(max_length=15, choices=columns.choices(Stance))
    progress_pct = columns.percent()
    reason = models.TextField()
    ranking = models.JSONField()
    as_of = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "strategy_selection_log"
        verbose_name = "strategy selection"
        constraints = (check_words("strategy_selection_log_stance", "stance", Stance),)
        indexes = (
            models.Index(
                fields=["goal", "-selection_id"], name="strategy_selection_log_by_goal"
            ),
        )

    def __str__(self) -> str:
        return f"{self.strategy_id} ({self.stance})"
