"""Webhooks: who may send a bot's fills, and which fills have come in."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from goals.models import ApiToken, Portfolio
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import above, check, check_words
from trades.enums import FillKind
from trades.models.trades import Trade

KINDS = (FillKind.ENTRY, FillKind.EXIT)  # no message is about funding alone
BOT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$"


class WebhookToken(models.Model):
    """Lets one bot send its fills to one portfolio, and nothing else.

    Addresses end up in logs, so what stands in a webhook's is no API token. Only its
    digest is kept; `token_key`, its beginning, tells tokens apart.
    """

    webhook_id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        to_field="username",
        db_column="user_id",
        related_name="webhook_tokens",
        db_constraint=False,  # named, and immediate, in the migration
        db_index=False,
    )
    portfolio = models.ForeignKey(
        Portfolio,
        models.CASCADE,
        related_name="webhook_tokens",
        db_constraint=False,  # composite with the user, in the migration
    )
    # With the user it refers to strategy_instances, in the database (migration).
    strategy_id = models.CharField(max_length=100)
    bot = models.CharField(max_length=50)
    # That it was issued with, if any, and ends with.
    api_token = models.ForeignKey(
        ApiToken,
        models.DO_NOTHING,  # ON DELETE CASCADE in the migration
        related_name="webhook_tokens",
        db_constraint=False,
        null=True,
        blank=True,
    )
    token_key = models.CharField(max_length=8)
    token_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "webhook_tokens"
        constraints = (
            check("webhook_tokens_bot", Q(bot__regex=BOT_PATTERN)),
            models.UniqueConstraint(
                fields=["token_digest"], name="webhook_tokens_digest_unique"
            ),
        )
        indexes = (
            models.Index(
                fields=["user", "strategy_id"], name="webhook_tokens_by_strategy"
            ),
        )

    def __str__(self) -> str:
        return f"{self.bot} ({self.token_key}…)"


class WebhookFill(models.Model):
    """A fill that a bot sent. The same message again is found here, and adds nothing.

    `digest` is of the message as it came, `message` what of it was read.
    """

    fill_id = models.BigAutoField(primary_key=True)
    portfolio = models.ForeignKey(
        Portfolio,
        models.CASCADE,
        related_name="webhook_fills",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,
    )
    bot = models.CharField(max_length=50)
    bot_trade_id = models.BigIntegerField()
    kind = models.CharField(max_length=5, choices=columns.choices(KINDS))
    digest = models.CharField(max_length=64)
    message = models.JSONField()
    trade = models.ForeignKey(
        Trade,
        models.CASCADE,
        related_name="webhook_fills",
        db_constraint=False,  # ON DELETE CASCADE in the migration
    )
    created_at = models.DateTimeField()

    class Meta:
        db_table = "webhook_fills"
        constraints = (
            check_words("webhook_fills_kind", "kind", KINDS),
            check("webhook_fills_bot_trade_id_positive", above("bot_trade_id", 0)),
            models.UniqueConstraint(
                fields=["portfolio", "bot", "bot_trade_id", "digest"],
                name="webhook_fills_unique",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} of trade {self.bot_trade_id} of {self.bot}"
