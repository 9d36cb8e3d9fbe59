"""Alerts, the channels that they go to, and each delivery."""

from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.lookups import Exact

from goals.enums import AlertKind, ChannelKind, DeliveryState, Digest, Severity
from goals.models.goals import FinancialGoal
from goals.models.portfolios import Portfolio
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import (
    at_least,
    at_most,
    check,
    check_words,
    is_null,
    is_object,
    is_set,
    is_whole_minute,
)
from mastertrade.values.in_text import Text

# Fernet's tokens begin with this: an address in plain text is refused.
ENCRYPTED = r"^gAAAAA[A-Za-z0-9_=-]+$"
MOST_PER_MINUTE = 60_000
TO_BE_SENT = (DeliveryState.WAITING, DeliveryState.FAILED)
NOT_SENT = (*TO_BE_SENT, DeliveryState.DEAD)


def _is_array(field: str) -> Q:
    kind = Func(F(field), function="jsonb_typeof", output_field=models.TextField())
    return Q(Exact(kind, Value("array")))


class GoalAlert(models.Model):
    """What a user has to know of, written in the transaction of what caused it.

    `cause` names it: the same cause again adds nothing. `figures` are plain JSON,
    decimals as strings. `repeats_on` is the day of its newest repetition.
    """

    alert_id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        to_field="username",
        db_column="user_id",
        related_name="alerts",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,
    )
    portfolio = models.ForeignKey(
        Portfolio,
        models.CASCADE,
        related_name="alerts",
        db_constraint=False,  # composite with the user, in the migration
        null=True,
        blank=True,
    )
    goal = models.ForeignKey(
        FinancialGoal,
        models.CASCADE,
        related_name="alerts",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        null=True,
        blank=True,
    )
    kind = models.CharField(max_length=20, choices=columns.choices(AlertKind))
    cause = models.CharField(max_length=200)
    severity = models.CharField(max_length=10, choices=columns.choices(Severity))
    title = models.CharField(max_length=200)
    text = models.TextField()
    # Of the figures in title and text, by these names (`in_text.Mark`).
    marks = models.JSONField(default=dict, db_default={})
    figures = models.JSONField(default=dict)
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    repeats_on = models.DateField(null=True, blank=True)

    class Meta:
        db_table = "goal_alerts"
        constraints = (
            check_words("goal_alerts_kind", "kind", AlertKind),
            check_words("goal_alerts_severity", "severity", Severity),
            check("goal_alerts_cause_not_empty", ~Q(cause="")),
            check("goal_alerts_title_not_empty", ~Q(title="")),
            check("goal_alerts_text_not_empty", ~Q(text="")),
            check("goal_alerts_figures_are_an_object", is_object("figures")),
            check(
                "goal_alerts_goal_has_a_portfolio",
                is_null("goal") | is_set("portfolio"),
            ),
            check(
                "goal_alerts_read_after_it_was_made",
                is_null("read_at") | at_least("read_at", "created_at"),
            ),
            # Whoever acknowledges has read.
            check(
                "goal_alerts_acknowledged_is_read",
                is_null("acknowledged_at")
                | (is_set("read_at") & at_least("acknowledged_at", "read_at")),
            ),
            models.UniqueConstraint(
                fields=["user", "cause"], name="goal_alerts_once_per_cause"
            ),
        )
        indexes = (
            models.Index(fields=["user", "-alert_id"], name="goal_alerts_by_user"),
            models.Index(
                fields=["kind", "alert_id"],
                condition=Q(acknowledged_at__isnull=True),
                name="goal_alerts_open_by_kind",
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def shown_title(self) -> Text:
        return Text.of_stored(self.title, self.marks.get("title", ()))

    @property
    def shown_text(self) -> Text:
        return Text.of_stored(self.text, self.marks.get("text", ()))


class AlertChannel(models.Model):
    """Where a user's alerts go.

    `address` and `secret` are encrypted; `masked_address` is what may be shown. `kinds`
    None: every kind, also those of later versions. Quiet hours and the digest's time
    are local times of `time_zone`.
    """

    channel_id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        to_field="username",
        db_column="user_id",
        related_name="alert_channels",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,
    )
    kind = models.CharField(max_length=10, choices=columns.choices(ChannelKind))
    name = models.CharField(max_length=100, default="", db_default="", blank=True)
    address = models.TextField()
    masked_address = models.CharField(max_length=200)
    secret = models.TextField(default="", db_default="", blank=True)
    kinds = ArrayField(
        models.CharField(max_length=20, choices=columns.choices(AlertKind)),
        null=True,
        blank=True,
    )
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC", db_default="UTC")
    digest = models.CharField(
        max_length=10,
        choices=columns.choices(Digest),
        default=Digest.OFF,
        db_default=str(Digest.OFF),
    )
    digest_at = models.TimeField(null=True, blank=True)
    per_minute = models.PositiveIntegerField(default=60, db_default=60)
    is_active = models.BooleanField(default=True, db_default=True)
    # A job sends to it until then at the latest: no other one does meanwhile.
    delivering_until = models.DateTimeField(null=True, blank=True, editable=False)
    # The newest test message: when it was asked for, when tried, and what came of it.
    test_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    tested_at = models.DateTimeField(null=True, blank=True, editable=False)
    test_sent = models.BooleanField(null=True, blank=True, editable=False)
    test_answer = models.TextField(
        default="", db_default="", blank=True, editable=False
    )
    created_at = models.DateTimeField()

    class Meta:
        db_table = "alert_channels"
        verbose_name = "alert channel"
        verbose_name_plural = "alert channels"
        constraints = (
            check_words("alert_channels_kind", "kind", ChannelKind),
            check_words("alert_channels_digest", "digest", Digest),
            check("alert_channels_address_encrypted", Q(address__regex=ENCRYPTED)),
            check(
                "alert_channels_secret_encrypted",
                Q(secret="") | Q(secret__regex=ENCRYPTED),
            ),
            # A webhook is signed; nothing else has a secret next to its address.
            check(
                "alert_channels_secret_of_webhooks",
                (Q(kind=ChannelKind.WEBHOOK) & ~Q(secret=""))
                | (~Q(kind=ChannelKind.WEBHOOK) & Q(secret="")),
            ),
            check("alert_channels_masked_not_empty", ~Q(masked_address="")),
            check(
                "alert_channels_kinds",
                is_null("kinds")
                | Q(kinds__contained_by=[str(kind) for kind in AlertKind]),
            ),
            check(
                "alert_channels_quiet_hours_are_complete",
                (is_null("quiet_from") & is_null("quiet_until"))
                | (
                    is_set("quiet_from")
                    & is_set("quiet_until")
                    & ~Q(quiet_from=F("quiet_until"))
                    & is_whole_minute("quiet_from")
                    & is_whole_minute("quiet_until")
                ),
            ),
            check("alert_channels_time_zone_not_empty", ~Q(time_zone="")),
            check(
                "alert_channels_daily_digest_has_a_time",
                (
                    Q(digest=Digest.DAILY)
                    & is_set("digest_at")
                    & is_whole_minute("digest_at")
                )
                | (~Q(digest=Digest.DAILY) & is_null("digest_at")),
            ),
            check(
                "alert_channels_tested_has_a_result",
                (is_null("tested_at") & is_null("test_sent"))
                | (is_set("tested_at") & is_set("test_sent")),
            ),
            check(
                "alert_channels_per_minute",
                at_least("per_minute", 1) & at_most("per_minute", MOST_PER_MINUTE),
            ),
        )
        indexes = (
            models.Index(fields=["user", "channel_id"], name="alert_channels_by_user"),
        )

    def __str__(self) -> str:
        return f"{self.kind} to {self.masked_address}"

    @property
    def waits_for_test(self) -> bool:
        """Whether a test was asked for that has not been tried yet."""
        asked, tested = self.test_asked_at, self.tested_at
        return asked is not None and (tested is None or tested < asked)


class AlertDeliveryQuerySet(models.QuerySet["AlertDelivery"]):
    def to_be_sent(self) -> Self:
        """Neither sent, dead nor skipped."""
        return self.filter(state__in=[str(state) for state in TO_BE_SENT])


class AlertDelivery(models.Model):
    """One alert on its way to one channel.

    `repeated_on` is the day of the repetition that it belongs to; None: the first.
    `tries` lists each attempt: `{"at": …, "error": …}`, error empty where it was sent.
    """

    delivery_id = models.BigAutoField(primary_key=True)
    alert = models.ForeignKey(
        GoalAlert,
        models.CASCADE,
        related_name="deliveries",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,  # the unique constraint begins with it
    )
    channel = models.ForeignKey(
        AlertChannel,
        models.CASCADE,
        related_name="deliveries",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,
    )
    repeated_on = models.DateField(null=True, blank=True)
    state = models.CharField(
        max_length=10,
        choices=columns.choices(DeliveryState),
        default=DeliveryState.WAITING,
        db_default=str(DeliveryState.WAITING),
    )
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(default="", db_default="", blank=True)
    tries = models.JSONField(
        default=list, db_default=Value([], output_field=models.JSONField())
    )

    objects = AlertDeliveryQuerySet.as_manager()

    class Meta:
        db_table = "goal_alert_deliveries"
        verbose_name = "alert delivery"
        verbose_name_plural = "alert deliveries"
        constraints = (
            check_words("goal_alert_deliveries_state", "state", DeliveryState),
            check(
                "goal_alert_deliveries_next_try",
                (Q(state__in=[str(one) for one in TO_BE_SENT]) & is_set("next_try_at"))
                | (
                    ~Q(state__in=[str(one) for one in TO_BE_SENT])
                    & is_null("next_try_at")
                ),
            ),
            check(
                "goal_alert_deliveries_sent_has_a_time",
                (Q(state=DeliveryState.SENT, last_error="") & is_set("sent_at"))
                | (~Q(state=DeliveryState.SENT) & is_null("sent_at")),
            ),
            check(
                "goal_alert_deliveries_tried_has_a_time",
                (Q(attempts=0) & is_null("tried_at"))
                | (at_least("attempts", 1) & is_set("tried_at")),
            ),
            check(
                "goal_alert_deliveries_sent_was_tried",
                ~Q(state=DeliveryState.SENT) | at_least("attempts", 1),
            ),
            check(
                "goal_alert_deliveries_failed_says_why",
                ~Q(state__in=[str(DeliveryState.FAILED), str(DeliveryState.DEAD)])
                | (at_least("attempts", 1) & ~Q(last_error="")),
            ),
            check("goal_alert_deliveries_tries_are_a_list", _is_array("tries")),
            models.UniqueConstraint(
                fields=["alert", "channel", "repeated_on"],
                nulls_distinct=False,
                name="goal_alert_deliveries_unique",
            ),
        )
        indexes = (
            models.Index(
                fields=["channel", "next_try_at"],
                condition=Q(state__in=[str(one) for one in NOT_SENT]),
                name="goal_alert_deliveries_open",
            ),
            models.Index(
                fields=["channel", "-tried_at"], name="goal_alert_deliveries_tried"
            ),
        )

    def __str__(self) -> str:
        return f"{self.state}, alert {self.alert_id} to channel {self.channel_id}"
