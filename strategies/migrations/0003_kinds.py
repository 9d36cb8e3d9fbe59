"""For which kind of portfolio a strategy was made."""

from django.db import migrations, models

KINDS = ["live", "simulation", "demo"]


class Migration(migrations.Migration):
    dependencies = [("strategies", "0002_foreign_keys")]

    operations = [
        migrations.AddField(
            model_name="strategyinstance",
            name="kind",
            field=models.CharField(
                choices=[(kind, kind) for kind in KINDS],
                db_default="live",
                default="live",
                editable=False,
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="strategyinstance",
            constraint=models.CheckConstraint(
                condition=models.Q(kind__in=KINDS), name="strategy_instances_kind"
            ),
        ),
    ]
