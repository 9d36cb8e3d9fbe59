"""Growth records add up cubed growths too, which the skewness of a record needs.

What is stored is deleted: it is a cache, made again by whoever asks next.
"""

from decimal import Decimal

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("trades", "0019_trade_entries")]

    operations = [
        migrations.RunSQL("DELETE FROM growth_records", migrations.RunSQL.noop),
        migrations.AddField(
            "growthrecord",
            "sum_cubes",
            models.DecimalField(decimal_places=54, default=Decimal(0), max_digits=88),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            "growthrecord",
            models.CheckConstraint(
                condition=Q(sum_cubes__gte=F("worst_growth") * F("sum_squares"))
                & Q(sum_cubes__lte=F("best_growth") * F("sum_squares")),
                name="growth_records_cubes",
            ),
        ),
    ]
