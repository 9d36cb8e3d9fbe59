"""Funding among fills, and the venue's order that a fill belongs to."""

from decimal import Decimal

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0009_kinds"),
        ("trades", "0013_pages_of_replays"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="tradefill",
            name="trade_fills_kind",
        ),
        migrations.AddField(
            model_name="tradefill",
            name="funding",
            field=models.DecimalField(
                decimal_places=8, default=Decimal("0"), max_digits=24
            ),
        ),
        migrations.AddField(
            model_name="tradefill",
            name="order_id",
            field=models.CharField(max_length=64, null=True),
        ),
        migrations.AlterField(
            model_name="tradefill",
            name="kind",
            field=models.CharField(
                choices=[("entry", "entry"), ("exit", "exit"), ("funding", "funding")],
                max_length=7,
            ),
        ),
        migrations.AddConstraint(
            model_name="tradefill",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["entry", "exit", "funding"])),
                name="trade_fills_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradefill",
            constraint=models.CheckConstraint(
                condition=models.Q(("order_id", ""), _negated=True),
                name="trade_fills_order_id_not_empty",
            ),
        ),
        # On the way back: funding has no place among entries and exits.
        migrations.RunSQL(
            migrations.RunSQL.noop, "DELETE FROM trade_fills WHERE kind = 'funding'"
        ),
    ]
