"""What open trades had lost when a floor was measured from the present value."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0023_phases"),
    ]

    operations = [
        migrations.AddField(
            model_name="portfolio",
            name="floor_held_pnl",
            field=models.DecimalField(
                decimal_places=8, editable=False, max_digits=24, null=True
            ),
        ),
    ]
