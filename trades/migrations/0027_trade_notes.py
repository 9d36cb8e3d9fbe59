"""Notes, tags and ratings of trades, in a table of their own."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.lookups
from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("trades", "0026_undone_imports"),
    ]

    operations = [
        migrations.CreateModel(
            name="TradeNote",
            fields=[
                (
                    "trade",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="remark",
                        serialize=False,
                        to="trades.trade",
                    ),
                ),
                ("note", models.TextField(blank=True, default="")),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=30),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("rating", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "db_table": "trade_notes",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.LessThanOrEqual(
                                models.Func(
                                    models.F("note"),
                                    function="char_length",
                                    output_field=models.IntegerField(),
                                ),
                                models.Value(5000),
                            )
                        ),
                        name="trade_notes_note_size",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.LessThanOrEqual(
                                models.Func(
                                    models.F("tags"),
                                    function="cardinality",
                                    output_field=models.IntegerField(),
                                ),
                                models.Value(10),
                            )
                        ),
                        name="trade_notes_tags_count",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("rating__isnull", True),
                            models.Q(("rating__gte", 1), ("rating__lte", 5)),
                            _connector="OR",
                        ),
                        name="trade_notes_rating_range",
                    ),
                ],
            },
        ),
        foreign_key(
            "trade_notes",
            "trade",
            "trade_id",
            "trades (trade_id)",
            on_delete="CASCADE",
        ),
    ]
