"""Limits as floors: their settings, dated changes, marks, conditions of goals."""

import datetime
from decimal import Decimal

import django.db.models.deletion
from django.db import migrations, models

import goals.enums
from mastertrade.foreign_keys import foreign_key

PORTFOLIO = ("portfolio_id", "portfolios (portfolio_id)")
# Back: what the tables of before have no word for.
FORGET = """
UPDATE ledger_days d
SET entries = d.entries + b.entries,
    high_equity = greatest(d.high_equity, b.high_equity),
    high_unit_value = greatest(d.high_unit_value, b.high_unit_value),
    high_realized_pnl = greatest(d.high_realized_pnl, b.high_realized_pnl)
FROM ledger_days b
WHERE b.portfolio_id = d.portfolio_id AND b.day = d.day AND b.part < d.part;

DELETE FROM ledger_days d USING ledger_days b
WHERE b.portfolio_id = d.portfolio_id AND b.day = d.day AND b.part > d.part;

DELETE FROM trading_halts
WHERE cause IN ('profit_lock', 'trades_per_day', 'losses_in_a_row')
   OR (cause = 'daily_loss' AND halted_until IS NULL) OR withdrawn_at IS NOT NULL;

UPDATE financial_goals
SET status = CASE WHEN achieved_at IS NOT NULL THEN 'achieved'
                  WHEN ended_at IS NOT NULL THEN 'missed' ELSE 'active' END
WHERE status = 'failed'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0014_portfolios_of_changes"),
    ]

    operations = [
        migrations.CreateModel(
            name="TradeEntry",
            fields=[
                ("trade_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entered_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "profit_loss",
                    models.DecimalField(decimal_places=8, max_digits=24, null=True),
                ),
            ],
            options={
                "db_table": "trade_entries",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="LimitChange",
            fields=[
                (
                    "limit_change_id",
                    models.BigAutoField(primary_key=True, serialize=False),
                ),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("opening", "opening"),
                            ("change", "change"),
                            ("resume", "resume"),
                        ],
                        max_length=10,
                    ),
                ),
                ("effective_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField()),
                ("changed_by", models.CharField(max_length=150)),
                ("settings", models.JSONField()),
                (
                    "start_value",
                    models.DecimalField(decimal_places=18, max_digits=38, null=True),
                ),
                (
                    "peak_value",
                    models.DecimalField(decimal_places=18, max_digits=38, null=True),
                ),
                ("unit_run", models.PositiveIntegerField(null=True)),
                (
                    "open_pnl",
                    models.DecimalField(decimal_places=8, max_digits=24, null=True),
                ),
            ],
            options={
                "db_table": "limit_changes",
            },
        ),
        migrations.CreateModel(
            name="LimitMark",
            fields=[
                (
                    "limit_mark_id",
                    models.BigAutoField(primary_key=True, serialize=False),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("day_start", "day start"),
                            ("high", "high"),
                            ("breach", "breach"),
                        ],
                        max_length=10,
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "open_pnl",
                    models.DecimalField(
                        decimal_places=8, default=Decimal("0"), max_digits=24
                    ),
                ),
                ("by_trade", models.JSONField(default=dict)),
            ],
            options={
                "db_table": "limit_marks",
            },
        ),
        migrations.RemoveConstraint(
            model_name="financialgoal",
            name="financial_goals_status",
        ),
        migrations.RemoveConstraint(
            model_name="ledgerday",
            name="ledger_days_unique",
        ),
        migrations.RemoveConstraint(
            model_name="tradinghalt",
            name="trading_halts_cause",
        ),
        migrations.RemoveConstraint(
            model_name="tradinghalt",
            name="trading_halts_daily_has_an_end",
        ),
        migrations.RemoveConstraint(
            model_name="tradinghalt",
            name="trading_halts_one_in_force",
        ),
        migrations.RemoveConstraint(
            model_name="tradinghalt",
            name="trading_halts_one_a_day",
        ),
        migrations.AddField(
            model_name="financialgoal",
            name="best_day_max_pct",
            field=models.DecimalField(
                blank=True, decimal_places=6, max_digits=14, null=True
            ),
        ),
        migrations.AddField(
            model_name="financialgoal",
            name="failed_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="financialgoal",
            name="min_trading_days",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="ledgerday",
            name="part",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="daily_loss_anchor",
            field=models.CharField(
                choices=[
                    ("equity", "equity"),
                    ("balance", "balance"),
                    ("higher", "higher"),
                ],
                db_default="equity",
                default=goals.enums.DailyLossAnchor["EQUITY"],
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="daily_loss_of",
            field=models.CharField(
                choices=[("day_start", "day start"), ("start", "start")],
                db_default="day_start",
                default=goals.enums.DailyLossOf["DAY_START"],
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="daily_on_breach",
            field=models.CharField(
                choices=[("halt_day", "halt day"), ("fail", "fail")],
                db_default="halt_day",
                default=goals.enums.DailyOnBreach["HALT_DAY"],
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="daily_profit_lock_pct",
            field=models.DecimalField(
                blank=True, decimal_places=6, max_digits=14, null=True
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="day_starts_at",
            field=models.TimeField(
                db_default=datetime.time(0, 0), default=datetime.time(0, 0)
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="drawdown_locks_at",
            field=models.DecimalField(
                blank=True, decimal_places=12, max_digits=40, null=True
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="drawdown_mode",
            field=models.CharField(
                choices=[
                    ("trailing_closed", "trailing closed"),
                    ("trailing", "trailing"),
                    ("end_of_day", "end of day"),
                    ("static", "static"),
                ],
                db_default="trailing_closed",
                default=goals.enums.DrawdownMode["TRAILING_CLOSED"],
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="drawdown_of",
            field=models.CharField(
                choices=[("peak", "peak"), ("start", "start")],
                db_default="peak",
                default=goals.enums.DrawdownOf["PEAK"],
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="end_of_day_of",
            field=models.CharField(
                choices=[("closed", "closed"), ("live", "live")],
                db_default="closed",
                default=goals.enums.ValuedBy["CLOSED"],
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="floor_in",
            field=models.CharField(
                choices=[("units", "units"), ("money", "money")],
                db_default="units",
                default=goals.enums.FloorIn["UNITS"],
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="floor_locked",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="floor_peak_value",
            field=models.DecimalField(
                db_default=Decimal("1"),
                decimal_places=18,
                default=Decimal("1"),
                editable=False,
                max_digits=38,
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="floor_set_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="floor_start_value",
            field=models.DecimalField(
                db_default=Decimal("1"),
                decimal_places=18,
                default=Decimal("1"),
                editable=False,
                max_digits=38,
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="headroom_share_pct",
            field=models.DecimalField(
                blank=True, decimal_places=6, max_digits=14, null=True
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="max_trades_per_day",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="on_breach",
            field=models.CharField(
                choices=[("halt", "halt"), ("fail", "fail")],
                db_default="halt",
                default=goals.enums.OnBreach["HALT"],
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="pause_after_losses",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="pause_minutes",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="suspected_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="tradinghalt",
            name="withdrawn_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="tradinghalt",
            name="withdrawn_reason",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AlterField(
            model_name="financialgoal",
            name="status",
            field=models.CharField(
                choices=[
                    ("active", "active"),
                    ("achieved", "achieved"),
                    ("missed", "missed"),
                    ("failed", "failed"),
                    ("paused", "paused"),
                    ("cancelled", "cancelled"),
                ],
                default=goals.enums.GoalStatus["ACTIVE"],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="tradinghalt",
            name="cause",
            field=models.CharField(
                choices=[
                    ("hard_drawdown", "hard drawdown"),
                    ("daily_loss", "daily loss"),
                    ("profit_lock", "profit lock"),
                    ("trades_per_day", "trades per day"),
                    ("losses_in_a_row", "losses in a row"),
                    ("person", "person"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="financialgoal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            "active",
                            "achieved",
                            "missed",
                            "failed",
                            "paused",
                            "cancelled",
                        ],
                    )
                ),
                name="financial_goals_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="financialgoal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("status", goals.enums.GoalStatus["FAILED"]), _negated=True
                    ),
                    ("failed_at__isnull", False),
                    _connector="OR",
                ),
                name="financial_goals_failed_at_set",
            ),
        ),
        migrations.AddConstraint(
            model_name="financialgoal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("min_trading_days__isnull", True),
                    ("min_trading_days__gte", 1),
                    _connector="OR",
                ),
                name="financial_goals_min_trading_days_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="financialgoal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("best_day_max_pct__isnull", True),
                    models.Q(
                        ("best_day_max_pct__gt", 0), ("best_day_max_pct__lte", 100)
                    ),
                    _connector="OR",
                ),
                name="financial_goals_best_day_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerday",
            constraint=models.UniqueConstraint(
                fields=("portfolio", "day", "part"), name="ledger_days_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerday",
            constraint=models.CheckConstraint(
                condition=models.Q(("part__lte", 1)), name="ledger_days_part_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "drawdown_mode__in",
                        ["trailing_closed", "trailing", "end_of_day", "static"],
                    )
                ),
                name="portfolios_drawdown_mode",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(("end_of_day_of__in", ["closed", "live"])),
                name="portfolios_end_of_day_of",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(("drawdown_of__in", ["peak", "start"])),
                name="portfolios_drawdown_of",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(("floor_in__in", ["units", "money"])),
                name="portfolios_floor_in",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(("daily_loss_of__in", ["day_start", "start"])),
                name="portfolios_daily_loss_of",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("daily_loss_anchor__in", ["equity", "balance", "higher"])
                ),
                name="portfolios_daily_loss_anchor",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(("on_breach__in", ["halt", "fail"])),
                name="portfolios_on_breach",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(("daily_on_breach__in", ["halt_day", "fail"])),
                name="portfolios_daily_on_breach",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("drawdown_locks_at__isnull", True),
                    models.Q(
                        ("drawdown_locks_at__gt", 0), ("drawdown_locks_at__lte", 1000)
                    ),
                    _connector="OR",
                ),
                name="portfolios_drawdown_locks_at_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("daily_profit_lock_pct__isnull", True),
                    ("daily_profit_lock_pct__gt", 0),
                    _connector="OR",
                ),
                name="portfolios_profit_lock_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("max_trades_per_day__isnull", True),
                    ("max_trades_per_day__gte", 1),
                    _connector="OR",
                ),
                name="portfolios_max_trades_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("pause_after_losses__isnull", True),
                    ("pause_after_losses__gte", 1),
                    _connector="OR",
                ),
                name="portfolios_pause_after_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("pause_minutes__isnull", True),
                        ("pause_minutes__gte", 1),
                        _connector="OR",
                    ),
                    models.Q(
                        ("pause_minutes__isnull", True),
                        ("pause_after_losses__isnull", False),
                        _connector="OR",
                    ),
                ),
                name="portfolios_pause_minutes_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("headroom_share_pct__isnull", True),
                    models.Q(
                        ("headroom_share_pct__gt", 0), ("headroom_share_pct__lte", 100)
                    ),
                    _connector="OR",
                ),
                name="portfolios_headroom_share_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("floor_start_value__gte", 0), ("floor_peak_value__gte", 0)
                ),
                name="portfolios_floor_values",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradinghalt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "cause__in",
                        [
                            "hard_drawdown",
                            "daily_loss",
                            "profit_lock",
                            "trades_per_day",
                            "losses_in_a_row",
                            "person",
                        ],
                    )
                ),
                name="trading_halts_cause",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradinghalt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cause", goals.enums.HaltCause["DAILY_LOSS"]),
                    models.Q(
                        (
                            "cause__in",
                            (
                                goals.enums.HaltCause["PROFIT_LOCK"],
                                goals.enums.HaltCause["TRADES_PER_DAY"],
                                goals.enums.HaltCause["LOSSES_IN_A_ROW"],
                            ),
                        ),
                        ("halted_until__isnull", False),
                    ),
                    models.Q(
                        (
                            "cause__in",
                            (
                                goals.enums.HaltCause["HARD_DRAWDOWN"],
                                goals.enums.HaltCause["PERSON"],
                            ),
                        ),
                        ("halted_until__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="trading_halts_day_has_an_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradinghalt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("withdrawn_at__isnull", True), ("withdrawn_reason", "")),
                    models.Q(
                        ("withdrawn_at__isnull", False),
                        models.Q(("withdrawn_reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="trading_halts_withdrawn_is_complete",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradinghalt",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("halted_until__isnull", True),
                    ("resumed_at__isnull", True),
                    ("withdrawn_at__isnull", True),
                ),
                fields=("portfolio", "cause"),
                name="trading_halts_one_in_force",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradinghalt",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("halted_until__isnull", False),
                    ("resumed_at__isnull", True),
                    ("withdrawn_at__isnull", True),
                ),
                fields=("portfolio", "cause", "halted_until"),
                name="trading_halts_one_a_day",
            ),
        ),
        migrations.AddField(
            model_name="limitchange",
            name="portfolio",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="limit_changes",
                to="goals.portfolio",
            ),
        ),
        migrations.AddField(
            model_name="limitmark",
            name="portfolio",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="limit_marks",
                to="goals.portfolio",
            ),
        ),
        migrations.AddIndex(
            model_name="limitchange",
            index=models.Index(
                fields=["portfolio", "-effective_at", "-limit_change_id"],
                name="limit_changes_by_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="limitchange",
            constraint=models.CheckConstraint(
                condition=models.Q(("cause__in", ["opening", "change", "resume"])),
                name="limit_changes_cause",
            ),
        ),
        migrations.AddConstraint(
            model_name="limitchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("cause", goals.enums.LimitCause["OPENING"]),
                        ("effective_at__isnull", True),
                    ),
                    models.Q(
                        models.Q(
                            ("cause", goals.enums.LimitCause["OPENING"]), _negated=True
                        ),
                        ("effective_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="limit_changes_opening_is_undated",
            ),
        ),
        migrations.AddConstraint(
            model_name="limitchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("start_value__isnull", True),
                        ("peak_value__isnull", True),
                        ("unit_run__isnull", True),
                        ("open_pnl__isnull", True),
                        ("cause", goals.enums.LimitCause["CHANGE"]),
                    ),
                    models.Q(
                        ("start_value__isnull", False),
                        ("peak_value__isnull", False),
                        ("unit_run__isnull", False),
                        ("start_value__gte", 0),
                        ("peak_value__gte", 0),
                        ("unit_run__gte", 1),
                    ),
                    _connector="OR",
                ),
                name="limit_changes_reference_is_complete",
            ),
        ),
        migrations.AddConstraint(
            model_name="limitchange",
            constraint=models.UniqueConstraint(
                condition=models.Q(("cause", goals.enums.LimitCause["OPENING"])),
                fields=("portfolio",),
                name="limit_changes_one_opening",
            ),
        ),
        migrations.AddIndex(
            model_name="limitmark",
            index=models.Index(
                fields=["portfolio", "role", "-at", "-limit_mark_id"],
                name="limit_marks_by_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="limitmark",
            constraint=models.CheckConstraint(
                condition=models.Q(("role__in", ["day_start", "high", "breach"])),
                name="limit_marks_role",
            ),
        ),
        foreign_key("limit_changes", "portfolio", *PORTFOLIO, on_delete="CASCADE"),
        foreign_key("limit_marks", "portfolio", *PORTFOLIO, on_delete="CASCADE"),
        migrations.RunSQL(migrations.RunSQL.noop, FORGET),
    ]
