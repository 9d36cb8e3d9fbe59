"""Webhooks: the tokens of bots, and the fills they told."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key

OWNER = ("portfolio_id, user_id", "portfolios (portfolio_id, user_id)")
STRATEGY = ("user_id, strategy_id", "strategy_instances (user_id, strategy_id)")
PORTFOLIO = ("portfolio_id", "portfolios (portfolio_id)")
TRADE = ("trade_id", "trades (trade_id)")


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0004_walk_ledger"),
        ("trades", "0005_ledger"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="WebhookFill",
            fields=[
                ("fill_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("bot", models.CharField(max_length=50)),
                ("bot_trade_id", models.BigIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("entry", "entry"), ("exit", "exit")], max_length=5
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("message", models.JSONField()),
                ("created_at", models.DateTimeField()),
                (
                    "portfolio",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="webhook_fills",
                        to="goals.portfolio",
                    ),
                ),
                (
                    "trade",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="webhook_fills",
                        to="trades.trade",
                    ),
                ),
            ],
            options={
                "db_table": "webhook_fills",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["entry", "exit"])),
                        name="webhook_fills_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("bot_trade_id__gt", 0)),
                        name="webhook_fills_bot_trade_id_positive",
                    ),
                    models.UniqueConstraint(
                        fields=("portfolio", "bot", "bot_trade_id", "digest"),
                        name="webhook_fills_unique",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookToken",
            fields=[
                ("webhook_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("strategy_id", models.CharField(max_length=100)),
                ("bot", models.CharField(max_length=50)),
                ("token_key", models.CharField(max_length=8)),
                ("token_digest", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField()),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "portfolio",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="webhook_tokens",
                        to="goals.portfolio",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_column="user_id",
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="webhook_tokens",
                        to=settings.AUTH_USER_MODEL,
                        to_field="username",
                    ),
                ),
            ],
            options={
                "db_table": "webhook_tokens",
                "indexes": [
                    models.Index(
                        fields=["user", "strategy_id"],
                        name="webhook_tokens_by_strategy",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bot__regex", "^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$")
                        ),
                        name="webhook_tokens_bot",
                    ),
                    models.UniqueConstraint(
                        fields=("token_digest",), name="webhook_tokens_digest_unique"
                    ),
                ],
            },
        ),
        foreign_key("webhook_tokens", "user", "user_id", "users (username)"),
        foreign_key("webhook_tokens", "portfolio", *OWNER, on_delete="CASCADE"),
        # A token for nothing is none.
        foreign_key("webhook_tokens", "strategy", *STRATEGY, on_delete="CASCADE"),
        foreign_key("webhook_fills", "portfolio", *PORTFOLIO, on_delete="CASCADE"),
        foreign_key("webhook_fills", "trade", *TRADE, on_delete="CASCADE"),
    ]
