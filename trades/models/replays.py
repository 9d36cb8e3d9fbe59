"""Replays of recorded prices."""

from django.conf import settings
from django.db import models

from goals.models import Portfolio


class ReplayRun(models.Model):
    """A finished replay: recorded prices walked through two portfolios.

    One portfolio follows the goal's policy, in the other every size is the base size.
    The row is written with the last trade, in one transaction: a run that is here is
    whole. `parameters_digest` is the same for the same question.
    """

    run_id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        to_field="username",
        db_column="user_id",
        related_name="replay_runs",
        db_index=False,
    )
    policy_portfolio = models.OneToOneField(
        Portfolio, models.PROTECT, related_name="replayed_policy"
    )
    constant_portfolio = models.OneToOneField(
        Portfolio, models.PROTECT, related_name="replayed_constant"
    )
    symbol = models.CharField(max_length=50)
    parameters_digest = models.CharField(max_length=64)
    report = models.JSONField()
    # The file's name in the reports directory; empty where it lies elsewhere.
    page = models.CharField(max_length=255, blank=True, default="", db_default="")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "replay_runs"
        indexes = (
            models.Index(
                fields=["user", "parameters_digest", "-run_id"],
                name="replay_runs_by_question",
            ),
        )

    def __str__(self) -> str:
        return f"replay {self.pk} of {self.symbol}"
